/*
 * Transmitting, as cards with rings of descriptors do it alike: what was sent is taken back on the way of other work,
 * in the receive poll and in xmit once a part of the ring is used, and the transmit interrupt is off until the ring is
 * full or somebody waits for buffer space; one doorbell for a batch.
 *
 * The card's driver says in constants what its ring does, so that all of this is compiled into it. A card raises at
 * once what it had to report while its transmit interrupt was off: nothing is missed by turning it on.
 */
#pragma once
#include "base/errno.h"
#include "drivers/net/nic.h"

struct nic_tx_ops {
	u32 size;				/* descriptors of the ring */
	u32 (*used)(const struct nic_queue *q);	/* and those in use [txq.lock] */
	/* p into the ring: 0, -ENOSPC (no room), or another -errno. [txq.lock] */
	int (*add)(struct nic_queue *q, struct pkt *p);
	void (*tell)(struct nic_queue *q);	/* what was added, to the card; nothing if it knows [txq.lock] */
	bool (*waits)(const struct nic_queue *q);	/* is the oldest frame sent? Only a look, also without the lock */
	void (*collect)(struct nic_queue *q);		/* take back what is sent [txq.lock] */
	void (*arm)(struct nic_queue *q);		/* the transmit interrupt on [txq.lock] */
};

static always_inline void nic_tx_arm(struct nic_queue *q, const struct nic_tx_ops *o, u8 why)
{
	WRITE_ONCE(q->tx_armed, q->tx_armed | why);
	o->arm(q);
}

/* netif_ops.xmit */
static always_inline int nic_xmit(struct nic_queue *q, const struct nic_tx_ops *o, struct pkt *p)
{
	int err;

	/* A quarter of the ring used: what is sent of it goes back to where packets are taken from. */
	if (o->used(q) > o->size / 4)
		o->collect(q);
	err = o->add(q, p);
	if (unlikely(err == -ENOSPC)) {
		o->tell(q);
		o->collect(q);
		err = o->add(q, p);
		if (err == -ENOSPC) {
			nic_tx_arm(q, o, TX_ARMED_FULL);
			return -ENOBUFS;
		}
	}
	if (unlikely(err))
		return err;
	if (!net_defer(&q->tx_kick))
		o->tell(q);
	return 0;
}

/* The end of a batch: one doorbell for all of it. */
static always_inline void nic_tx_kick(struct nic_queue *q, const struct nic_tx_ops *o)
{
	spin_lock_bh(&nic_txq(q)->lock);
	o->tell(q);
	spin_unlock_bh(&nic_txq(q)->lock);
}

/* netif_ops.tx_reclaim */
static always_inline void nic_tx_reclaim(struct nic_queue *q, const struct nic_tx_ops *o)
{
	spin_lock_bh(&nic_txq(q)->lock);
	if (likely(!q->nic->gone))
		o->collect(q);
	if (q->nic->up && o->used(q))
		nic_tx_arm(q, o, TX_ARMED_WAITER);
	spin_unlock_bh(&nic_txq(q)->lock);
}

/* In the poll; mostly there is nothing, or nothing that hurries. True: somebody still wants the transmit interrupt. */
static always_inline bool nic_tx_poll(struct nic_queue *q, const struct nic_tx_ops *o)
{
	if (o->waits(q) || nic_txq(q)->stopped) {
		spin_lock_bh(&nic_txq(q)->lock);
		o->collect(q);
		spin_unlock_bh(&nic_txq(q)->lock);
		netif_tx_wake(&q->nic->nif, q->index);
	}
	if (likely(!READ_ONCE(q->tx_armed)))
		return false;
	/* For a full ring until the interface's queue is sent; for a sender, who may need any amount, until all is. */
	spin_lock_bh(&nic_txq(q)->lock);
	if (!nic_txq(q)->stopped)
		q->tx_armed &= ~TX_ARMED_FULL;
	if (!o->used(q))
		q->tx_armed &= ~TX_ARMED_WAITER;
	spin_unlock_bh(&nic_txq(q)->lock);
	return q->tx_armed;
}
