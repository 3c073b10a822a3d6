/*
 * Packet sockets, for /proc/net.
 */
#pragma once
#include "net/inet.h"

struct packet_socket {
	struct inet_socket i;		/* first: queue and accounts; no address of IP is used */
	struct list_node node;		/* listens [P] */
	u32 ifindex;			/* 0: all [P] */
	be16 protocol;			/* [P] */
	bool auxdata;
	u32 promisc, allmulti, rx_mode_ifindex;	/* held on that interface [config] */
	u64 received;			/* since the last PACKET_STATISTICS [L] */
	u64 last_stamp;			/* of the packet read last, by the wall clock */
};

/* Every listening packet socket, under their lock: no sleep. */
void packet_for_each(void (*fn)(struct packet_socket *k, void *arg), void *arg);
void socket_packet_init(void);
