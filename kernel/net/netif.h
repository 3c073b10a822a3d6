/*
 * Network interfaces: what drivers register and what the stack sends through.
 */
#pragma once
#include "base/list.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "net/pkt.h"

#define ETH_ALEN 6
#define NETIF_NAME_SIZE 16

enum { NETIF_F_CSUM = 1 /* finishes PKT_CSUM_PARTIAL */, NETIF_F_RXCSUM = 2, NETIF_F_SG = 4 /* chains */,
	NETIF_F_LOOPBACK = 8 };
/* flags, values of IFF_* as Linux's ioctl shows them are made in the socket layer */
enum { NETIF_UP = 1, NETIF_RUNNING = 2 /* has carrier */, NETIF_PROMISC = 4, NETIF_ALLMULTI = 8, NETIF_NOARP = 16,
	NETIF_BROADCAST = 32, NETIF_MULTICAST = 64 };

struct netif_stats;
struct netif_ops {
	int (*open)(struct netif *);	/* ip link up: fill rings, enable vectors. Process context. -errno */
	void (*stop)(struct netif *);
	/* Takes the pkt: 0 (sent or queued by the driver), or -errno with the pkt still the caller's: -ENOBUFS when the
	 * ring is full (the interface queues it and the driver calls netif_tx_wake when there is room). queue: below
	 * txq_max, and its lock is held. */
	int (*xmit)(struct netif *, u32 queue, struct pkt *);
	int (*set_mac)(struct netif *, const u8 mac[ETH_ALEN]);	/* NULL: -EOPNOTSUPP */
	int (*set_mtu)(struct netif *, u32 mtu);		/* NULL: any up to max_mtu */
	void (*set_rx_mode)(struct netif *);			/* promiscuous, multicast list changed; NULL: nothing to do */
	/* Reclaim sent packets now (someone waits for buffer space), and arm the transmit interrupt. NULL: nothing to
	 * do. */
	void (*tx_reclaim)(struct netif *, u32 queue);
	/* For cards of several queues: how many packets the card holds that are not known to be sent, having looked. bh
	 * disabled, the queue's lock held. */
	u32 (*tx_pending)(struct netif *, u32 queue);
	/* So many pairs of a receive and a transmit queue are to be in use, from 1 to txq_max. The driver calls
	 * netif_txqs_use: before the card hears of fewer, after it has heard of more. NULL: their number is
	 * fixed. [config] */
	int (*set_channels)(struct netif *, u32 count);
	/* Nobody has the interface any more, after netif_unregister: free it. Any context but hard irq. */
	void (*release)(struct netif *);
	/* Add what the card itself has counted since it was registered. NULL: nothing. Process context. */
	void (*add_stats)(const struct netif *, struct netif_stats *);
};

struct netif_stats {
	u64 rx_packets, rx_bytes, rx_errors, rx_dropped, tx_packets, tx_bytes, tx_errors, tx_dropped, multicast;
	u64 rx_length_errors, rx_crc_errors, rx_fifo_errors;
	u64 rx_missed_errors;	/* by the card, for want of buffers */
} aligned(128) /* each CPU's in lines of its own */;

/* A transmit queue: a ring of the card's, and what waits for room in it. In cache lines of its own. */
struct netif_txq {
	struct spinlock lock;		/* bh kind, class netif.tx; serialises ops->xmit */
	struct pkt_queue waiting;	/* for ring space [lock] */
	u32 given;			/* packets that the driver took [lock] */
	bool stopped;			/* something waits, or did [lock; read without] */
	bool off;			/* not in use: what it still has is sent [lock] */
} aligned(128);

struct in_ifaddr {			/* one IPv4 address */
	struct list_node node;		/* netif.addrs [config lock] */
	be32 local, mask, broadcast;
	u8 prefix; u8 scope; u8 flags;
	char label[NETIF_NAME_SIZE];
	struct in_ifaddr *hash_next;	/* [config lock] */
	struct netif *netif;
	u32 valid_s, preferred_s;	/* lifetimes as shown, ~0: for ever */
};

struct netif {
	char name[NETIF_NAME_SIZE];	/* [config] */
	u32 index;			/* ifindex, from 1; lo is 1 */
	const struct netif_ops *ops;
	void *priv;
	const char *bus_info;		/* sysfs device, or NULL [config] */
	u8 mac[ETH_ALEN], perm_mac[ETH_ALEN]; /* [config] */
	u32 features;			/* NETIF_F_* fixed before register */
	u32 tso_parts;			/* it cuts TCP segments of so many pieces (PKT_GSO_TCP4); 0: none. Fixed likewise */
	u32 flags;			/* NETIF_* [config]; read anywhere */
	u32 mtu, max_mtu, min_mtu;	/* [config] */
	u16 link_header;		/* 14 for Ethernet, 0 for loopback */
	struct list_node addrs;		/* struct in_ifaddr [config] */
	be32 addr, mask, broadcast;	/* the primary one, for the fast path */
	struct netif_stats *stats;	/* by CPU, made by netif_register [own CPU, softirqs off] */
	struct netif_txq *txqs;		/* txq_max of them, made by netif_register */
	u32 txq_max;			/* 0: 1. Fixed before register */
	u32 txq_count;			/* in use, the first ones; before register 0: all [config; read anywhere] */
	u64 *tx_flows;			/* NULL: there is one queue (netif_queue.c) [a] */
	u32 tx_queue_limit;		/* packets that wait, of each */
	struct list_node node;		/* all interfaces [config] */
	u32 refs;			/* [a] */
	bool gone;			/* unregistered: it is found no more, and its operations are not called [config] */
	struct list_node groups;	/* multicast groups joined [config] */
	u32 promisc_count, allmulti_count; /* [config] */
	bool carrier_event;		/* a change of carrier is to be announced [a] */
};

/* Boot or probe. Fills index and, when name[0] is 0, "ethN". -ENOMEM, -EEXIST. The caller has the first reference. */
int netif_register(struct netif *nif);
/*
 * It goes: down, without addresses, routes, neighbours; announced. When this returns no packet is on its way through it
 * and none of its operations is called again, but sockets may still hold it: with the caller's netif_put, or a later
 * one, its release comes. tx_reclaim and add_stats may be at work, or come, until then: they find nothing there.
 * Process context.
 */
void netif_unregister(struct netif *nif);
/* A received frame, link header at data, from poll: takes the pkt. Sets protocol, flags; delivers. Softirq. */
void netif_rx(struct netif *nif, struct pkt *p);
/* Send a frame whose link header is in place. Takes the pkt in every case; counts drops. Any context but hard irq. 0 or
 * -errno (dropped). */
int netif_xmit(struct netif *nif, struct pkt *p);
/* The driver has ring space again: send what waits. Softirq, or bh disabled. */
void netif_tx_wake(struct netif *nif, u32 queue);
/* Somebody waits for buffer space: take back what is sent. Process or softirq context. */
void netif_tx_reclaim(struct netif *nif);
/* Carrier changed: announces, gratuitous ARP, netlink. Process or softirq context. */
void netif_carrier(struct netif *nif, bool on);
/* The card wants its addresses announced: gratuitous ARP. Process context. */
void netif_announce(struct netif *nif);
/* Up/down as ip link does; config lock taken inside. Process context. */
int netif_set_up(struct netif *nif, bool up);
struct netif *netif_find_index(u32 index);	/* referenced, or NULL */
struct netif *netif_find_name(const char *name);
void netif_put(struct netif *nif);
extern struct netif *loopback_netif;

/* The interface with the least index above after, referenced, or NULL: for walks that may sleep. */
struct netif *netif_next(u32 after);
/* This CPU's, to count in. bh disabled. */
static inline struct netif_stats *netif_count(const struct netif *nif) { return &nif->stats[cpu_id()]; }
/* The counters, with those of the card. Process context. */
struct netif_stats netif_stats_get(const struct netif *nif);
/* The queue of a CPU, if there are so many; CPUs next to each other share one. */
static inline u32 netif_cpu_queue(u32 cpu, u32 count) { return cpu * count / cpus_present; }
/* From now on the first so many queues are used; the others send what they have. [config] or before register */
void netif_txqs_use(struct netif *nif, u32 count);
/* The rest is for the configuration's side. Process context; net_config_mutex held but for the two of waiting. */
int netif_set_up_locked(struct netif *nif, bool up);
int netif_set_mtu(struct netif *nif, u32 mtu);			/* -EINVAL */
int netif_set_mac(struct netif *nif, const u8 mac[ETH_ALEN]);	/* -EADDRNOTAVAIL, -EOPNOTSUPP */
int netif_set_channels(struct netif *nif, u32 count);		/* -EINVAL, -EOPNOTSUPP, the driver's */
int netif_rename(struct netif *nif, const char *name);		/* -EBUSY (up), -EEXIST */
/* Count users of promiscuous and all-multicast reception up or down. */
void netif_rx_mode(struct netif *nif, int promisc, int allmulti);
/* Links come, go and change: wait until something did since seen was read. 0 or -ETIMEDOUT. */
void netif_changed(struct netif *nif);
u32 netif_change_count(void);
int netif_change_wait(u32 seen, u64 deadline_ns);
