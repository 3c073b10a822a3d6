/*
 * Neighbours: the link address of each next hop, and the packets that wait for it. The states are those of
 * RFC 4861, 7.3.2, which serve ARP as well (RFC 1122, 2.3.2.1). Resolution itself is arp.c's.
 */
#pragma once
#include "base/string.h"
#include "net/ip.h"
#include "sched/timer.h"

/* Values of Linux's NUD_*. */
enum { NEIGH_INCOMPLETE = 1, NEIGH_REACHABLE = 2, NEIGH_STALE = 4, NEIGH_DELAY = 8, NEIGH_PROBE = 16,
       NEIGH_FAILED = 32, NEIGH_NOARP = 64, NEIGH_PERMANENT = 128 };
#define NEIGH_READY	(NEIGH_REACHABLE | NEIGH_DELAY | NEIGH_PROBE | NEIGH_NOARP | NEIGH_PERMANENT)
#define NEIGH_VALID	(NEIGH_READY | NEIGH_STALE)

/* Lock keys: [T] the table's lock, [n] the neighbour's own (bh kinds; T before n), [a] atomic. */
struct neighbour {
	struct neighbour *next;		/* hash chain [T] */
	struct netif *netif;		/* referenced */
	be32 address;
	u32 refs;			/* [a] the table's is one */
	/* 16 bytes to put in front of the IP header: two of padding, then the link header. The destination
	 * lies in the first word, so that a reader without the lock never sees half of a change. [n] */
	u64 header[2];
	u8 mac[ETH_ALEN];		/* [n] */
	u8 state;			/* [n]; read without by neigh_output */
	u8 probes;			/* sent in this state [n] */
	bool dead;			/* out of the table [T] */
	struct spinlock lock;
	u64 confirmed, used, updated;	/* clock_ns() [n] */
	struct timer timer;
	bool timer_held;		/* the armed timer holds a reference [n] */
	struct pkt_queue pending;	/* [n] */
};

void neigh_init(void);
/* Find or make; referenced. NULL: no memory. Any context but hard irq. */
struct neighbour *neigh_get(struct netif *nif, be32 address);
struct neighbour *neigh_find(struct netif *nif, be32 address);	/* NULL when unknown */
void neigh_put(struct neighbour *n);
/* State without a link address that can be used at once: resolve, or confirm what is stale. */
int neigh_output_slow(struct neighbour *n, struct pkt *p);
/* The link address was learned. override: also replace a known one; solicited: the answer to a question of ours. */
void neigh_update(struct neighbour *n, const u8 mac[ETH_ALEN], bool solicited, bool override);
/* By hand (ip neigh, arp -s): any state. */
void neigh_set(struct neighbour *n, const u8 *mac, u8 state);
void neigh_delete(struct neighbour *n);
/* A transport saw forward progress over it (RFC 4861, 7.3.1). Any context but hard irq. */
void neigh_confirm(struct neighbour *n);
/* All of an interface: it goes down (permanent ones too, if gone). */
void neigh_flush(struct netif *nif, bool permanent_too);
/* Walk: fn under no lock, on referenced entries. */
void neigh_for_each(bool (*fn)(struct neighbour *n, void *arg), void *arg);

/* The frame's IP packet at data, to n. Takes the pkt. 0 or -errno. Any context but hard irq. */
static inline int neigh_output(struct neighbour *n, struct pkt *p)
{
	if (likely(READ_ONCE(n->state) & NEIGH_READY)) {
		memcpy(p->data - 16, n->header, 16);
		pkt_push(p, 14);
		p->csum_start += 14;
		return netif_xmit(n->netif, p);
	}
	return neigh_output_slow(n, p);
}

/* arp.c */
void arp_init(void);
void arp_input(struct pkt *p);			/* data at the ARP header */
void arp_request(struct netif *nif, be32 target, be32 source, const u8 *unicast_mac);
void arp_announce(struct netif *nif, be32 address);	/* gratuitous (RFC 5227's announcement) */
