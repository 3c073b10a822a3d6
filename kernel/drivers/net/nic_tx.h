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
	u32 (*used)(const struct nic *n);	/* and those in use [tx_lock] */
	/* p into the ring: 0, -ENOSPC (no room), or another -errno. [tx_lock] */
	int (*add)(struct nic *n, struct pkt *p);
	void (*tell)(struct nic *n);		/* what was added, to the card; nothing if it knows [tx_lock] */
	bool (*waits)(const struct nic *n);	/* is the oldest frame sent? Only a look, also without the lock */
	void (*collect)(struct nic *n);		/* take back what is sent [tx_lock] */
	void (*arm)(struct nic *n);		/* the transmit interrupt on [tx_lock] */
};

static always_inline void nic_tx_arm(struct nic *n, const struct nic_tx_ops *o, u8 why)
{
	WRITE_ONCE(n->tx_armed, n->tx_armed | why);
	o->arm(n);
}

/* netif_ops.xmit */
static always_inline int nic_xmit(struct nic *n, const struct nic_tx_ops *o, struct pkt *p)
{
	int err;

	/* A quarter of the ring used: what is sent of it goes back to where packets are taken from. */
	if (o->used(n) > o->size / 4)
		o->collect(n);
	err = o->add(n, p);
	if (unlikely(err == -ENOSPC)) {
		o->tell(n);
		o->collect(n);
		err = o->add(n, p);
		if (err == -ENOSPC) {
			nic_tx_arm(n, o, TX_ARMED_FULL);
			return -ENOBUFS;
		}
	}
	if (unlikely(err))
		return err;
	if (!net_defer(&n->tx_kick))
		o->tell(n);
	return 0;
}

/* The end of a batch: one doorbell for all of it. */
static always_inline void nic_tx_kick(struct nic *n, const struct nic_tx_ops *o)
{
	spin_lock_bh(&n->nif.tx_lock);
	o->tell(n);
	spin_unlock_bh(&n->nif.tx_lock);
}

/* netif_ops.tx_reclaim */
static always_inline void nic_tx_reclaim(struct nic *n, const struct nic_tx_ops *o)
{
	spin_lock_bh(&n->nif.tx_lock);
	o->collect(n);
	if (n->up && o->used(n))
		nic_tx_arm(n, o, TX_ARMED_WAITER);
	spin_unlock_bh(&n->nif.tx_lock);
}

/* In the poll; mostly there is nothing, or nothing that hurries. True: somebody still wants the transmit interrupt. */
static always_inline bool nic_tx_poll(struct nic *n, const struct nic_tx_ops *o)
{
	if (o->waits(n) || n->nif.tx_stopped) {
		spin_lock_bh(&n->nif.tx_lock);
		o->collect(n);
		spin_unlock_bh(&n->nif.tx_lock);
		netif_tx_wake(&n->nif);
	}
	if (likely(!READ_ONCE(n->tx_armed)))
		return false;
	/* For a full ring until the interface's queue is sent; for a sender, who may need any amount, until all is. */
	spin_lock_bh(&n->nif.tx_lock);
	if (!n->nif.tx_stopped)
		n->tx_armed &= ~TX_ARMED_FULL;
	if (!o->used(n))
		n->tx_armed &= ~TX_ARMED_WAITER;
	spin_unlock_bh(&n->nif.tx_lock);
	return n->tx_armed;
}
