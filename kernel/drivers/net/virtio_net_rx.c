/*
 * virtio-net, receiving. virtio_net_poll (virtio_net.c) calls
 * virtio_net_receive, which hands each frame to netif_rx, and then
 * virtio_net_refill, which puts fresh packets into the ring.
 *
 * A receive buffer is a struct pkt's own buffer: the device writes its header
 * and the frame there, and the same pkt travels up the stack. The buffer
 * starts so that the frame's IP header falls on a multiple of 4. A frame that
 * needs more than one buffer (MRG_RXBUF) becomes a chain over pkt->frag.
 *
 * Source: Virtio 1.2, 5.1.6.3 (receive buffers), 5.1.6.4 (incoming packets).
 */
#include "drivers/net/virtio_net.h"
#include "base/errno.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/dma.h"

/*
 * The frame's buffers beyond the first: full of data, no header. The device used them all in one go, so a number that
 * cannot be, or that is not there, is a wrong one (5.1.6.3.2).
 */
static noinline struct pkt *virtio_net_merge(struct virtio_net_queue *q, struct pkt *first, u32 buffers)
{
	struct pkt **link = &first->frag;
	u32 buffers_said = buffers, len;

	for (u32 i = 1; buffers && i < buffers; i++) {
		struct pkt *p = virtqueue_get(&q->rx, &len);

		if (!p) {
			buffers = 0;
			break;
		}
		p->tail = p->data + len;
		p->len = len;
		first->len += len;
		*link = p;
		link = &p->frag;
	}
	if (buffers)
		return first;
	virtqueue_break(&q->rx, "a number of merged buffers:", buffers_said);
	netif_count(&q->base.nic->nif)->rx_errors++;
	pkt_free(first);
	return NULL;
}

/* What the device's checksum flags say; false if they point outside the frame. */
static bool virtio_net_checksum(struct pkt *p, const struct virtio_net_hdr *h)
{
	if (h->flags & VIRTIO_NET_HDR_NEEDS_CSUM) {
		/* From a peer on this machine: the sum is not there yet, the data is as it was sent. */
		p->csum_start = h->csum_start;
		p->csum_offset = h->csum_offset;
		if ((u32)p->csum_start + p->csum_offset + 2 > p->len)
			return false;
		p->flags = PKT_CSUM_PARTIAL | PKT_CSUM_VALID;
		if (h->gso_type == VIRTIO_NET_HDR_GSO_TCPV4) {
			p->flags |= PKT_GSO_TCP4;
			p->gso_size = h->gso_size;
		}
	} else if (h->flags & VIRTIO_NET_HDR_DATA_VALID) {
		p->flags = PKT_CSUM_VALID;
	}
	return true;
}

/* One buffer of len bytes came back: its frame up the stack. */
static always_inline void virtio_net_frame(struct virtio_net_queue *q, struct pkt *p, u32 len)
{
	struct virtio_net *v = virtio_net_of(q);
	const struct virtio_net_hdr *h = (const struct virtio_net_hdr *)p->data;

	if (unlikely(len < v->hdr_len + ETH_HLEN)) {
		netif_count(&v->nic.nif)->rx_errors++;
		netif_count(&v->nic.nif)->rx_length_errors++;
		pkt_free(p);
		return;
	}
	p->tail = p->data + len;
	p->data += v->hdr_len;
	p->len = len - v->hdr_len;
	if (v->mergeable && unlikely(h->num_buffers != 1)) {
		p = virtio_net_merge(q, p, h->num_buffers);
		if (!p)
			return;
	}
	if (h->flags && unlikely(!virtio_net_checksum(p, h))) {
		netif_count(&v->nic.nif)->rx_errors++;
		pkt_free(p);
		return;
	}
	netif_rx(&v->nic.nif, p);
}

int virtio_net_receive(struct virtio_net_queue *q, int budget)
{
	struct pkt *p;
	int done = 0;
	u32 len;

	while (done < budget && (p = virtqueue_get(&q->rx, &len))) {
		virtio_net_frame(q, p, len);
		done++;
	}
	return done;
}

static noinline int virtio_net_add_apart(struct virtio_net_queue *q, struct pkt *p, u32 room)
{
	u32 header = virtio_net_of(q)->hdr_len;
	struct virtq_seg segs[2] = {
		{ dma_addr(p->data), header },
		{ dma_addr(p->data + header), room - header },
	};

	return virtqueue_add(&q->rx, segs, 0, 2, p);
}

static always_inline int virtio_net_add_buffer(struct virtio_net_queue *q, struct pkt *p, u32 room, bool apart)
{
	if (unlikely(apart))
		return virtio_net_add_apart(q, p, room);
	return virtqueue_add_in(&q->rx, dma_addr(p->data), room, p);
}

/*
 * The card had no buffer here. One that spreads as it was told takes frames from several sources, one a pair, and a
 * frame that found no buffer holds its source up: QEMU goes on with that when the source's own pair is told of buffers,
 * not this one.
 */
static noinline void virtio_net_kick_others(const struct virtio_net_queue *q)
{
	const struct virtio_net *v = virtio_net_of(q);

	for (u32 i = 0; i < v->pairs; i++)
		if (i != q->base.index)
			mmio_write16(v->queues[i].rx.notify, v->queues[i].rx.index);
}

void virtio_net_refill(struct virtio_net_queue *q)
{
	struct virtio_net *v = virtio_net_of(q);
	u32 headroom = v->rx_headroom;
	bool apart = v->rx_header_apart;

	while (q->rx.free_count) {
		struct pkt *p = pkt_alloc(headroom);

		if (unlikely(!p))
			break;
		if (unlikely(virtio_net_add_buffer(q, p, PKT_BUF_SIZE - headroom, apart))) {
			pkt_free(p);
			break;
		}
	}
	if (virtqueue_kick(&q->rx) && unlikely(v->rss_types))
		virtio_net_kick_others(q);
	/* With a buffer left in the ring the next frame brings us back here; with none nothing would. */
	if (unlikely(!q->rx.in_flight) && !q->rx.broken && v->nic.up)
		timer_set(&q->base.refill, clock_ns() + NIC_REFILL_NS);
}

void virtio_net_rx_free(struct virtio_net_queue *q)
{
	struct pkt *p;

	while ((p = virtqueue_take_back(&q->rx)))
		pkt_free(p);
}
