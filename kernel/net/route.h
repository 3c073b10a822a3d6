/*
 * The routing table: longest prefix first, then the lowest metric. What Linux shows as tables main and local
 * is one here; local and broadcast entries say table 255.
 */
#pragma once
#include "net/net.h"

/* Values of Linux's RTN_* and RT_SCOPE_*. */
enum { RTYPE_UNICAST = 1, RTYPE_LOCAL, RTYPE_BROADCAST, RTYPE_BLACKHOLE = 6, RTYPE_UNREACHABLE, RTYPE_PROHIBIT };
enum { RSCOPE_GLOBAL = 0, RSCOPE_LINK = 253, RSCOPE_HOST = 254 };
enum { RPROTO_KERNEL = 2, RPROTO_BOOT = 3, RPROTO_STATIC = 4, RPROTO_DHCP = 16 };

struct route {
	struct route *next;		/* hash chain [R] */
	struct list_node node;		/* all, in order of making [R] */
	be32 destination, gateway, source; /* source: preferred, 0 none */
	u32 metric, mtu;		/* mtu 0: the interface's */
	struct netif *netif;		/* referenced; NULL for the RTYPE_UNREACHABLE kind */
	u8 prefix, type, scope, protocol, tos, table;
	u8 flags;			/* RTNH_F_ONLINK.. */
};

void route_init(void);
/* A copy of *r is linked in. replace: takes the place of one with the same key. append: after equal ones, else -EEXIST.
 * 0, -EEXIST, -ENETUNREACH (gateway not on a link), -EINVAL, -ENOMEM. net_config_mutex held. */
enum { ROUTE_CREATE = 1, ROUTE_REPLACE = 2, ROUTE_APPEND = 4 };
int route_add(const struct route *r, u32 how);
/* Delete the first that matches the fields that are not zero (prefix and destination always). -ESRCH. */
int route_delete(const struct route *match);
/* Without an interface that is up nothing stays: its routes go. */
void route_flush_netif(struct netif *nif, bool local_too);
/* All, in order, copied out under the lock: fn false stops. fn must not sleep. */
void route_for_each(bool (*fn)(const struct route *r, void *arg), void *arg);
