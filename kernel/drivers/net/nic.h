/*
 * What every network card's driver here has and does alike: an interface, a poll context for each pair of a receive
 * and a transmit queue, vectors or a timer in their place, up and down, the link. A driver embeds a struct
 * nic and a struct nic_queue for each pair, fills its rings and registers; the rest of it is what its card does in its
 * own way.
 */
#pragma once
#include "drivers/pci/pci.h"
#include "net/napi.h"
#include "net/netif.h"
#include "sched/softirq.h"
#include "sched/timer.h"

#define ETH_HLEN	14u
#define NIC_TX_PARTS	48u		/* pieces of a frame at most; more are not made by the stack, and refused */
#define ETH_DATA	1500u
#define NIC_IP_AT	64u		/* where in a receive buffer the IP header falls: aligned, room in front */
#define NIC_REFILL_NS	(10 * NSEC_PER_MSEC)
/* A receive buffer that begins so: bytes that a card may write, the largest frame of Ethernet's MTU and more. */
#define NIC_RX_ROOM	(PKT_BUF_SIZE - (NIC_IP_AT - ETH_HLEN))

/* Who wants the transmit interrupt. */
#define TX_ARMED_FULL	1	/* the ring was full */
#define TX_ARMED_WAITER	2	/* a sender waits for buffer space */

/* Pieces of a frame that comes in several buffers, until its end is there. */
struct nic_chain {
	struct pkt *first, **end;
	bool bad;			/* it cannot be a frame: dropped at its end */
};

/* A receive and a transmit queue. */
struct nic_queue {
	struct nic *nic;
	struct nic_queue *next;		/* of the card [fixed before it is registered] */
	u32 index;			/* of nif.txqs */
	struct napi napi;		/* owns the receive queue by its scheduled bit */
	u8 tx_armed;			/* TX_ARMED_* [the transmit queue's lock] */
	struct net_deferred tx_kick;	/* the doorbell, at the end of a batch */
	struct timer refill;		/* the receive ring is empty for want of memory: try again */
};

struct nic {
	struct netif nif;
	struct nic_queue *queues;	/* by index */
	struct pci_device *pci;
	u32 vectors;			/* that we have */
	bool timer_polled;		/* no interrupt: the last step of the ladder */
	bool up;			/* the rings are filled, the vectors open [config mutex] */
	bool broken;			/* out of service: it lied, or is gone [set once, read anywhere] */
	bool gone;			/* unregistered: its rings and registers are nobody's [lock, each txq's lock] */
	struct work link;		/* the card says that its link has changed */
	struct nic_vector {
		char name[24];		/* for /proc/interrupts */
		void *arg;		/* of its handler; NULL: it has none */
	} *attached;			/* by vector */
	/* bh kind, class nic.control; taken around net.config.lists: filters, commands, counts */
	struct spinlock lock;
	struct netif_stats counted;	/* by the card, so far [lock] */
};

/* The first step of a probe, on zeroed memory. */
void nic_init(struct nic *n, struct pci_device *pci, const struct netif_ops *ops, void *priv);
/* The card wrote what cannot be, or is not there: out of service, with one message; the link's work follows. Any
 * context. */
void nic_break(struct nic *n, const char *what, u32 value);

/* A pair more, polled so; it stays off until nic_up. irq: masked while it is polled, if its controller wants that;
 * NULL: none. Probe. */
void nic_queue_add(struct nic *n, struct nic_queue *q, int (*poll)(struct napi *, int),
		   void (*kick)(struct net_deferred *), struct irq *irq);
static inline struct netif_txq *nic_txq(const struct nic_queue *q) { return &q->nic->nif.txqs[q->index]; }

/* The vectors were asked for: err is what pci_irq_alloc gave. Only those of MSI-X are more than one. 0, or -ENOMEM.
 * Probe. */
must_check int nic_vectors(struct nic *n, int err);
/* Give them back, detached. */
void nic_vectors_free(struct nic *n);
/* For cards that use MSI-X as a whole or not at all: count of its vectors, else one message or the wire, else the
 * timer. 0, or -ENOMEM. Probe. */
int nic_vectors_alloc(struct nic *n, u32 count);
/* Is this a card's address? -EINVAL, and it is said, if it is a group's or all zeros. Probe. */
int nic_mac_check(const struct nic *n, const u8 mac[ETH_ALEN]);
/* A handler for a vector, by "NAMEwhat" in /proc/interrupts: 0 or -errno. Process context. */
must_check int nic_attach(struct nic *n, u32 vector, irq_handler handler, void *arg, const char *name,
			  const char *what);
/* From all vectors. Process context. */
void nic_detach(struct nic *n);

/* netif_ops.open, once the ring is filled: opens the vectors, polls once for what came before, looks at the link. */
void nic_up(struct nic *n);
/* netif_ops.stop: when it returns no handler, poll or timer runs. */
void nic_down(struct nic *n);

/*
 * A piece of a frame in several buffers: the frame, once its end is there, else NULL. All pieces but the last have
 * `least` bytes, and a frame has `largest`: that bounds the chain whatever the card says. From poll.
 */
struct pkt *nic_join(struct nic *n, struct nic_chain *chain, struct pkt *p, bool end, u32 least, u32 largest);
/* The same for the usual piece, inside a frame: false if it is to go the long way. */
static inline bool nic_join_inner(struct nic_chain *chain, struct pkt *p, u32 least, u32 largest)
{
	struct pkt *first = chain->first;

	if (unlikely(!first || chain->bad || p->len < least || first->len + p->len > largest))
		return false;
	*chain->end = p;
	chain->end = &p->frag;
	first->len += p->len;
	return true;
}
/* A frame that is none: counted and freed. From poll. */
void nic_rx_bad(struct nic *n, struct pkt *p, bool length);

/*
 * A packet of several TCP segments, for a card that wants the checksum of the pseudo-header without the length, which
 * differs from segment to segment: the stack has it with that. The length of the headers. [the queue's lock]
 */
u32 nic_tso_headers(struct pkt *p);

/*
 * The first step of a remove: the interface goes (netif_unregister), the handlers come off the vectors, and the link's
 * work is done. From here on the driver is alone with its card. Process context.
 */
void nic_unregister(struct nic *n);
/* netif_ops.release: frees priv, of which nic is a part. A remove ends with netif_put. */
void nic_release(struct netif *nif);

/* The last step of a probe: the interface, the line of the boot log, the link. 0 or -errno. */
must_check int nic_register(struct nic *n, const char *driver);
