/*
 * The network stack's front door: what main calls, and how its parts tell each other (and rtnetlink's
 * listeners) that the configuration has changed.
 */
#pragma once
#include "net/ip.h"
#include "sched/mutex.h"

/* At boot, before drivers: caches, tables, protocols, loopback, socket families. Panics without memory. */
int net_init(void);
void socket_inet_init(void);
void socket_unix_init(void);

/*
 * The configuration (interfaces, addresses, routes): changed in process context under net_config_mutex, which
 * serialises whole operations; the lists themselves are changed under net_config_lock (bh kind) as well, so that
 * softirqs may read them under the lock alone.
 */
extern struct mutex net_config_mutex;
extern struct spinlock net_config_lock;
extern struct list_node netif_list;	/* struct netif.node [net_config_lock] */

/* Some route, address or link changed: cached routes are looked up again. Any context. */
static inline void route_cache_flush(void) { atomic_add(&route_generation, 1); }

extern u32 net_timestamp_users;	/* sockets that want arrival times on packets [a] */

/* Addresses. net_config_mutex held. A further address of a subnet is a secondary one: it goes with the first. */
#define IFADDR_SECONDARY 1		/* in_ifaddr.flags; value of Linux's IFA_F_SECONDARY */
struct in_ifaddr *ifaddr_find(struct netif *nif, be32 local, int prefix);	/* prefix -1: any */
/* broadcast 0: none. label NULL: the name. 0, -EEXIST, -ENOMEM, -EINVAL. */
int ifaddr_add(struct netif *nif, be32 local, u8 prefix, be32 broadcast, u8 scope, const char *label);
int ifaddr_delete(struct netif *nif, struct in_ifaddr *a);
void ifaddr_delete_all(struct netif *nif);
be32 prefix_mask(u32 prefix);
int mask_prefix(be32 mask);		/* -1: not a mask */
/* Connected routes of an interface that came up. */
void ifaddr_link_up(struct netif *nif);
/* Gratuitous ARP for each address; also when a link comes up. */
void ifaddr_announce(struct netif *nif);
/* nif's primary address, or another interface's; as the source towards next_hop (0: any). 0: none. */
be32 ifaddr_select(struct netif *nif, be32 next_hop);
bool ifaddr_is_broadcast(struct netif *nif, be32 a);
struct netif *ifaddr_owner(be32 a);	/* the interface with that address, referenced, or NULL */

/* Multicast groups of an interface; counted. 0, -ENOMEM. bh-safe locks inside. */
int multicast_join(struct netif *nif, be32 group);
void multicast_leave(struct netif *nif, be32 group);
bool multicast_joined(struct netif *nif, be32 group);
/* Is this link address wanted (for drivers with a hardware filter list)? */
void multicast_for_each(struct netif *nif, void (*fn)(void *arg, const u8 mac[ETH_ALEN]), void *arg);
void igmp_init(void);
void igmp_link_up(struct netif *nif);

/* Told to listeners of rtnetlink. Process context. */
struct route; struct neighbour;
void net_notify_link(struct netif *nif, bool gone);
void net_notify_addr(struct netif *nif, const struct in_ifaddr *a, bool gone);
void net_notify_route(const struct route *r, bool gone);
void net_notify_neigh(const struct neighbour *n, bool gone);

/* socket_sysfs.c: the interface's files under /sys/class/net. Process context. */
void net_sysfs_add(struct netif *nif);
void net_sysfs_remove(const char *name);
void net_sysfs_queues(struct netif *nif);	/* their number has changed */

/* netif_queue.c: -ENOMEM. Process context. */
int netif_txqs_make(struct netif *nif);
void netif_txqs_free(struct netif *nif);
/* The queue that p is to take, locked. Any context but hard interrupts. */
struct netif_txq *netif_txq_lock(struct netif *nif, const struct pkt *p);

static inline bool ip_is_multicast(be32 a) { return (a & htonl(0xf0000000)) == htonl(0xe0000000); }
static inline bool ip_is_loopback(be32 a) { return (u8)a == 127; }
#define IP_BROADCAST htonl(0xffffffff)

/* Counters of /proc/net/snmp and netstat. Per CPU; summed when read. */
enum net_counter {
	IP_IN_RECEIVES, IP_IN_HDR_ERRORS, IP_IN_ADDR_ERRORS, IP_IN_UNKNOWN_PROTOS, IP_IN_DISCARDS, IP_IN_DELIVERS,
	IP_OUT_REQUESTS, IP_OUT_DISCARDS, IP_OUT_NO_ROUTES, IP_REASM_TIMEOUT, IP_REASM_REQDS, IP_REASM_OKS,
	IP_REASM_FAILS, IP_FRAG_OKS, IP_FRAG_FAILS, IP_FRAG_CREATES, IP_IN_CSUM_ERRORS, IP_REASM_OVERLAPS,
	ICMP_IN_MSGS, ICMP_IN_ERRORS, ICMP_IN_CSUM_ERRORS, ICMP_IN_DEST_UNREACHS, ICMP_IN_TIME_EXCDS, ICMP_IN_ECHOS,
	ICMP_IN_ECHO_REPS, ICMP_OUT_MSGS, ICMP_OUT_ERRORS, ICMP_OUT_RATE_LIMITED, ICMP_OUT_DEST_UNREACHS,
	ICMP_OUT_TIME_EXCDS, ICMP_OUT_ECHOS, ICMP_OUT_ECHO_REPS,
	UDP_IN_DATAGRAMS, UDP_NO_PORTS, UDP_IN_ERRORS, UDP_OUT_DATAGRAMS, UDP_RCVBUF_ERRORS, UDP_SNDBUF_ERRORS,
	UDP_IN_CSUM_ERRORS,
	NET_COUNTERS
};
struct net_counters { u64 v[NET_COUNTERS]; };
DECLARE_PERCPU(struct net_counters, net_counters);
/* bh disabled (or torn counts are accepted). */
static inline void net_count(enum net_counter c) { this_cpu(net_counters)->v[c]++; }
u64 net_counter_sum(enum net_counter c);
