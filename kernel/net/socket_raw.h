/*
 * Raw and ping sockets, for /proc/net.
 */
#pragma once
#include "net/inet.h"

struct raw_socket {
	struct inet_socket i;		/* first; ping: local_port is the identifier */
	struct list_node node;		/* raw or ping sockets [R] */
	u32 icmp_filter;		/* [L] */
};

/* Every raw socket, under their lock: no sleep. */
void raw_for_each(void (*fn)(struct raw_socket *r, void *arg), void *arg);
extern u32 ping_groups[2];	/* from which group to which ping sockets may be had: ping_group_range [a] */
void socket_raw_init(void);
