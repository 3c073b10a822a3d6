/*
 * Netlink sockets, for /proc/net.
 */
#pragma once
#include "net/inet.h"
#include "net/netlink.h"

struct netlink_socket {
	struct inet_socket i;		/* first: queue and accounts */
	struct list_node node;		/* [N] */
	u32 portid;			/* 0: none yet [N] */
	u64 groups;			/* bit n-1: group n [N] */
	bool cap_ack;
	struct mutex dump_mutex;
	const struct netlink_kind *dump_kind;	/* NULL: no dump under way [D] */
	struct netlink_dump dump;	/* [D] */
	u32 dump_seq;			/* [D] */
};

void netlink_for_each(void (*fn)(struct netlink_socket *k, void *arg), void *arg);
