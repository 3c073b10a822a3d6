/*
 * virtio-net, transmitting. netif_xmit calls virtio_net_xmit under the
 * queue's lock; the packet belongs to the ring until it is reclaimed.
 *
 * Reclaiming happens on the way of other work: in the receive poll, and in
 * xmit once a part of the ring is used. The transmit interrupt is off. Two
 * things turn it on: a full ring, and a sender that waits for buffer space
 * (virtio_net_tx_reclaim); then the poll that it schedules reclaims, wakes,
 * and turns it off again when nobody waits any more.
 *
 * The device's header goes into the room in front of the frame, so that a
 * plain frame is one descriptor. A packet that others also hold is not written
 * to: its header comes from an array beside the ring.
 *
 * Source: Virtio 1.2, 5.1.6.2.
 */
#include "drivers/net/virtio_net.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/dma.h"

/* Take back what the device has sent. [the queue's lock] */
static void virtio_net_collect(struct virtio_net_queue *q)
{
	struct pkt *p;
	u32 len;

	while ((p = virtqueue_get(&q->tx, &len)))
		pkt_free(p);
}

/* A packet of several TCP segments, to be cut: how long its headers are, and each segment's text. */
static noinline void virtio_net_header_gso(struct virtio_net_hdr *h, const struct pkt *p)
{
	h->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h->gso_size = p->gso_size;
	h->hdr_len = p->csum_start + (p->data[p->csum_start + 12] >> 4 << 2);
}

/*
 * The header that ends at `end`; mostly it has nothing to say. As many bytes as the longer kind has are cleared: with
 * the shorter one the first two lie in front of it. [the queue's lock]
 */
static always_inline struct virtio_net_hdr *virtio_net_header(const struct virtio_net *v, u8 *end, const struct pkt *p)
{
	struct virtio_net_hdr *h = (struct virtio_net_hdr *)(end - v->hdr_len);

	memset(end - sizeof(*h), 0, sizeof(*h));
	if (p->flags & PKT_CSUM_PARTIAL) {
		h->flags = VIRTIO_NET_HDR_NEEDS_CSUM;
		h->csum_start = p->csum_start;
		h->csum_offset = p->csum_offset;
		if (p->flags & PKT_GSO_TCP4)
			virtio_net_header_gso(h, p);
	}
	return h;
}

/* A frame of several pieces, or without room for the header: 0 or -errno. [the queue's lock] */
static noinline int virtio_net_add_chain(struct virtio_net_queue *q, struct pkt *p)
{
	const struct virtio_net *v = virtio_net_of(q);
	bool apart = !pkt_headroom_ours(p) || pkt_headroom(p) < v->tx_inline_room;
	struct virtq_seg segs[TX_SEGS];
	struct pkt *part = apart ? p : p->frag;
	/* The next free descriptor's own header: in use for as long as that is. */
	u8 *end = apart ? q->tx_headers + (q->tx.free_head + 1) * TX_HEADER : p->data;
	u32 n = 1;

	if (!q->tx.free_count)
		return -ENOSPC;
	segs[0].addr = dma_addr(end - v->hdr_len);
	segs[0].len = v->hdr_len + (apart ? 0 : pkt_linear(p));
	for (; part; part = part->frag) {
		if (!pkt_linear(part))
			continue;
		if (n == TX_SEGS)
			return -EMSGSIZE;
		segs[n++] = (struct virtq_seg){ dma_addr(part->data), pkt_linear(part) };
	}
	if (!virtqueue_has_room(&q->tx, n))
		return -ENOSPC;
	virtio_net_header(v, end, p);
	return virtqueue_add(&q->tx, segs, n, 0, p);
}

static always_inline int virtio_net_add(struct virtio_net_queue *q, struct pkt *p)
{
	const struct virtio_net *v = virtio_net_of(q);

	if (likely(!p->frag && pkt_headroom_ours(p) && pkt_headroom(p) >= v->tx_inline_room)) {
		if (unlikely(!q->tx.free_count))
			return -ENOSPC;
		return virtqueue_add_out(&q->tx, dma_addr(virtio_net_header(v, p->data, p)), v->hdr_len + p->len, p);
	}
	return virtio_net_add_chain(q, p);
}

/* No room. Reclaim, else ask for an interrupt; what the device finished just before that counts, too.
 * [the queue's lock] */
static noinline int virtio_net_add_full(struct virtio_net_queue *q, struct pkt *p)
{
	int err;

	virtqueue_kick(&q->tx);
	for (;;) {
		virtio_net_collect(q);
		err = virtio_net_add(q, p);
		if (err != -ENOSPC)
			return err;
		q->base.tx_armed |= TX_ARMED_FULL;
		if (!virtqueue_enable_cb_delayed(&q->tx))
			return -ENOBUFS;
	}
}

static inline struct virtio_net_queue *queue_of(const struct netif *nif, u32 queue)
{
	return &((struct virtio_net *)nif->priv)->queues[queue];
}

int virtio_net_xmit(struct netif *nif, u32 queue, struct pkt *p)
{
	struct virtio_net_queue *q = queue_of(nif, queue);
	int err;

	/* A quarter of the ring used: what is sent of it goes back to where packets are taken from. */
	if (q->tx.size - q->tx.free_count > q->tx.size / 4)
		virtio_net_collect(q);
	err = virtio_net_add(q, p);
	if (unlikely(err == -ENOSPC))
		err = virtio_net_add_full(q, p);
	if (unlikely(err))
		return err;
	if (!net_defer(&q->base.tx_kick))
		virtqueue_kick(&q->tx);
	return 0;
}

/* The end of a batch: one doorbell for all of it. */
void virtio_net_tx_kick(struct net_deferred *d)
{
	struct virtio_net_queue *q = container_of(d, struct virtio_net_queue, base.tx_kick);
	struct netif_txq *t = nic_txq(&q->base);

	spin_lock_bh(&t->lock);
	virtqueue_kick(&q->tx);
	spin_unlock_bh(&t->lock);
}

void virtio_net_tx_reclaim(struct netif *nif, u32 queue)
{
	struct virtio_net_queue *q = queue_of(nif, queue);
	struct netif_txq *t = &nif->txqs[queue];

	spin_lock_bh(&t->lock);
	if (q->base.nic->up) {
		do {
			virtio_net_collect(q);
			q->base.tx_armed |= q->tx.in_flight ? TX_ARMED_WAITER : 0;
		} while (q->tx.in_flight && virtqueue_enable_cb_delayed(&q->tx));
	}
	spin_unlock_bh(&t->lock);
}

u32 virtio_net_tx_pending(struct netif *nif, u32 queue)
{
	struct virtio_net_queue *q = queue_of(nif, queue);

	if (unlikely(q->base.nic->gone))
		return 0;
	virtio_net_collect(q);
	return q->tx.in_flight;
}

/* Mostly there is nothing, or nothing that hurries; a look is one load. */
void virtio_net_tx_poll(struct virtio_net_queue *q)
{
	struct netif_txq *t = nic_txq(&q->base);

	if (!virtqueue_has_used(&q->tx) && !t->stopped)
		return;
	spin_lock_bh(&t->lock);
	virtio_net_collect(q);
	spin_unlock_bh(&t->lock);
	netif_tx_wake(&q->base.nic->nif, q->base.index);
}

/*
 * Somebody asked for the transmit interrupt. For a full ring it stays on while the interface's queue waits; for a
 * sender, of whom we don't know how much it needs, until all is sent.
 */
bool virtio_net_tx_rearm(struct virtio_net_queue *q)
{
	struct netif_txq *t = nic_txq(&q->base);
	bool slipped = false;

	if (likely(!READ_ONCE(q->base.tx_armed)))
		return false;
	spin_lock_bh(&t->lock);
	if (!t->stopped)
		q->base.tx_armed &= ~TX_ARMED_FULL;
	if (!q->tx.in_flight && q->base.tx_armed & TX_ARMED_WAITER) {
		q->base.tx_armed &= ~TX_ARMED_WAITER;
		wait_wake_all(&virtio_net_of(q)->ctrl_wait);	/* who waits until the queue is empty */
	}
	if (q->base.tx_armed)
		slipped = virtqueue_enable_cb_delayed(&q->tx);
	else
		virtqueue_disable_cb(&q->tx);
	spin_unlock_bh(&t->lock);
	return slipped;
}

void virtio_net_tx_free(struct virtio_net_queue *q)
{
	struct pkt *p;

	while ((p = virtqueue_take_back(&q->tx)))
		pkt_free(p);
	q->base.tx_armed = 0;
}
