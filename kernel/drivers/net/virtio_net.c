/*
 * The virtio network card: probe, up and down, interrupts, link. Receiving is
 * in virtio_net_rx.c, transmitting in virtio_net_tx.c.
 *
 * Pairs of a receive and a transmit queue, one poll context for both. A handler
 * silences its queue and schedules the poll; the poll takes frames up to its
 * budget, reclaims, refills, and when the queue is empty arms the interrupt
 * again (virtio_net_poll). docs/packet.md walks the whole path.
 *
 * Vectors: configuration, and receive and transmit of each pair. With less than
 * three there is one pair: with two its queues share; with one message, or a
 * wire, all do; with none the poll runs from a timer.
 * All are made at probe and stay masked until the interface is up.
 *
 * Source: Virtio 1.2, 5.1.
 */
#include "drivers/net/virtio_net.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "core/random.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "sched/mutex.h"

#define WANTED (VIRTIO_F_COMMON | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | \
		VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_HOST_TSO4 | \
		VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE | \
		VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)

/* ---- interrupts ---------------------------------------------------------------------------------- */

static enum irq_result virtio_net_rx_irq(void *arg)
{
	struct virtio_net_queue *q = arg;

	if (napi_schedule(&q->base.napi))
		virtqueue_disable_cb(&q->rx);
	return IRQ_HANDLED;
}

static enum irq_result virtio_net_tx_irq(void *arg)
{
	struct virtio_net_queue *q = arg;

	if (napi_schedule(&q->base.napi))
		virtqueue_disable_cb(&q->tx);
	return IRQ_HANDLED;
}

/* The answer to a command comes by the same. */
static enum irq_result virtio_net_config_irq(void *arg)
{
	struct virtio_net *v = arg;

	wait_wake_all(&v->ctrl_wait);
	work_queue(&v->nic.link);
	return IRQ_HANDLED;
}

/* One message for everything: it does not say which, so all are looked at. */
static enum irq_result virtio_net_shared_irq(void *arg)
{
	struct virtio_net *v = arg;

	virtio_net_config_irq(v);
	return virtio_net_rx_irq(v->queues);
}

/* A wire, or a message that does not come from the table: the status register says which, and reading it lets the wire
 * go. */
static enum irq_result virtio_net_wire_irq(void *arg)
{
	struct virtio_net *v = arg;
	u8 isr = v->device->transport->isr(v->device);

	if (isr & VIRTIO_ISR_CONFIG)
		virtio_net_config_irq(v);
	if (isr & VIRTIO_ISR_QUEUE) {
		if (unlikely(READ_ONCE(v->ctrl.in_flight)))
			wait_wake_all(&v->ctrl_wait);
		virtio_net_rx_irq(v->queues);
	}
	return isr ? IRQ_HANDLED : IRQ_NONE;
}

/* ---- the poll ------------------------------------------------------------------------------------ */

static int virtio_net_poll(struct napi *n, int budget)
{
	struct virtio_net_queue *q = container_of(n, struct virtio_net_queue, base.napi);
	struct virtio_net *v = virtio_net_of(q);
	int done = virtio_net_receive(q, budget);
	u16 armed;

	virtio_net_tx_poll(q);
	if (q->rx.free_count)
		virtio_net_refill(q);
	if (done == budget)
		return done;		/* there may be more: we stay scheduled */
	if (unlikely(v->nic.timer_polled)) {
		napi_complete(n);
		if (v->device->transport->isr(v->device) & VIRTIO_ISR_CONFIG)
			work_queue(&v->nic.link);
		return done;
	}
	/* The wish is written while the queue is ours, and looked after when another CPU may have it. */
	armed = virtqueue_arm(&q->rx);
	napi_complete(n);
	/* Both are armed, whichever of them saw work. */
	if (unlikely(virtqueue_slipped(&q->rx, armed) | virtio_net_tx_rearm(q)) && napi_schedule(n)) {
		napi_note_rearm_race();
		virtqueue_disable_cb(&q->rx);
	}
	return done;
}

/* The ring was empty and there was no memory: the poll tries again. */
static void virtio_net_refill_timer(struct timer *t)
{
	struct virtio_net_queue *q = container_of(t, struct virtio_net_queue, base.refill);

	if (napi_schedule(&q->base.napi))
		virtqueue_disable_cb(&q->rx);
}

/* ---- link ---------------------------------------------------------------------------------------- */

static void virtio_net_link_work(struct work *w)
{
	struct virtio_net *v = container_of(w, struct virtio_net, nic.link);
	u16 status = VIRTIO_NET_S_LINK_UP;
	bool announce, broken = false;

	if (virtio_has(v->device, VIRTIO_NET_F_STATUS))
		virtio_config_read(v->device, VIRTIO_NET_CONFIG_STATUS, &status, 2);
	if (status == 0xffff)
		status = 0;		/* it was pulled: there is nobody to announce anything to, or for */
	for (u32 i = 0; i < v->pairs; i++)
		broken |= v->queues[i].rx.broken | v->queues[i].tx.broken;
	netif_carrier(&v->nic.nif, status & VIRTIO_NET_S_LINK_UP && !broken);
	announce = status & VIRTIO_NET_S_ANNOUNCE && virtio_has(v->device, VIRTIO_NET_F_GUEST_ANNOUNCE);
	if (announce && !v->announced) {
		/* It was moved to another machine: the switches there are to learn where we are. */
		netif_announce(&v->nic.nif);
		virtio_net_announced(v);
	}
	v->announced = announce;
}

/* A queue is out of service: so is the card. */
static void virtio_net_broken(struct virtqueue *vq)
{
	struct virtio_net_queue *q = vq->index % 2 == QUEUE_RX(0) ? container_of(vq, struct virtio_net_queue, rx) :
								    container_of(vq, struct virtio_net_queue, tx);

	work_queue(&q->base.nic->link);
}

/* ---- up and down --------------------------------------------------------------------------------- */

/* Receive buffers for a queue that is not in use yet: 0 or -ENOMEM. */
static int virtio_net_fill(struct virtio_net_queue *q)
{
	virtqueue_disable_cb(&q->tx);
	local_bh_disable();
	virtio_net_refill(q);
	local_bh_enable();
	if (!q->rx.in_flight && !q->rx.broken)
		return -ENOMEM;
	virtqueue_disable_cb(&q->rx);
	return 0;
}

static int virtio_net_open(struct netif *nif)
{
	struct virtio_net *v = nif->priv;

	for (u32 i = 0; i < v->pairs; i++) {
		int err = virtio_net_fill(&v->queues[i]);

		if (err)
			return err;
	}
	mutex_lock(&v->ctrl_mutex);
	nic_up(&v->nic);
	mutex_unlock(&v->ctrl_mutex);
	virtio_net_set_rx_mode(nif);
	return 0;
}

/* The rings stay filled and the device live, but it is not listened to: what it receives waits, then is dropped by
 * it. */
static void virtio_net_stop(struct netif *nif)
{
	struct virtio_net *v = nif->priv;

	mutex_lock(&v->ctrl_mutex);
	nic_down(&v->nic);
	mutex_unlock(&v->ctrl_mutex);
	for (struct virtio_net_queue *q = v->queues; q < v->queues + v->pairs; q++) {
		struct netif_txq *t = nic_txq(&q->base);

		virtqueue_disable_cb(&q->rx);
		spin_lock_bh(&t->lock);
		virtqueue_disable_cb(&q->tx);
		q->base.tx_armed = 0;
		spin_unlock_bh(&t->lock);
	}
}

/* The queues, too, are there for as long as anybody may ask to have them reclaimed. */
static void virtio_net_free(struct netif *nif)
{
	struct virtio_net *v = nif->priv;

	kfree(v->queues);
	kfree(v);
}

static const struct netif_ops virtio_net_ops = {
	.open = virtio_net_open,
	.stop = virtio_net_stop,
	.xmit = virtio_net_xmit,
	.set_mac = virtio_net_set_mac,
	.set_rx_mode = virtio_net_set_rx_mode,
	.tx_reclaim = virtio_net_tx_reclaim,
	.tx_pending = virtio_net_tx_pending,
	.set_channels = virtio_net_set_channels,
	.release = virtio_net_free,
};

/* ---- probe --------------------------------------------------------------------------------------- */

/* Address, MTU, checksums: what the features and the configuration say. */
static int virtio_net_configure(struct virtio_net *v)
{
	struct virtio_device *d = v->device;
	u16 mtu;

	v->mergeable = virtio_has(d, VIRTIO_NET_F_MRG_RXBUF);
	v->hdr_len = d->modern || v->mergeable ? sizeof(struct virtio_net_hdr) : HDR_LEN_LEGACY;
	/* Merged buffers always begin with the header; else old devices want it apart, unless they say otherwise. */
	v->tx_inline_room = d->modern || virtio_has(d, VIRTIO_F_ANY_LAYOUT) ? sizeof(struct virtio_net_hdr) : ~0u;
	v->rx_header_apart = v->tx_inline_room == ~0u && !v->mergeable;
	v->rx_headroom = NIC_IP_AT - ETH_HLEN - v->hdr_len;
	if (virtio_has(d, VIRTIO_NET_F_MAC)) {
		virtio_config_read(d, VIRTIO_NET_CONFIG_MAC, v->nic.nif.mac, ETH_ALEN);
	} else {
		/* Ours to choose: locally administered, not a group. */
		random_bytes(v->nic.nif.mac, ETH_ALEN);
		v->nic.nif.mac[0] = (v->nic.nif.mac[0] & ~1) | 2;
	}
	if (v->nic.nif.mac[0] & 1) {
		log_err("%s: the address %pM is a group's", d->name, v->nic.nif.mac);
		return -EINVAL;
	}
	/* Without merged buffers a frame must fit one. */
	v->nic.nif.max_mtu = v->mergeable ? 65535 - ETH_HLEN : PKT_BUF_SIZE - NIC_IP_AT;
	v->nic.nif.mtu = ETH_DATA;
	if (virtio_has(d, VIRTIO_NET_F_MTU)) {
		virtio_config_read(d, VIRTIO_NET_CONFIG_MTU, &mtu, 2);
		if (mtu < 68) {
			log_err("%s: the device says an MTU of %u", d->name, mtu);
			return -EINVAL;
		}
		v->nic.nif.max_mtu = MIN(v->nic.nif.max_mtu, (u32)mtu);
		v->nic.nif.mtu = MIN(v->nic.nif.max_mtu, (u32)mtu);
	}
	v->nic.nif.features = NETIF_F_SG;
	if (virtio_has(d, VIRTIO_NET_F_CSUM))
		v->nic.nif.features |= NETIF_F_CSUM;
	if (virtio_has(d, VIRTIO_NET_F_GUEST_CSUM))
		v->nic.nif.features |= NETIF_F_RXCSUM;
	return 0;
}

/*
 * What to ask for: only with what it builds on (5.1.3.1); large received packets only into several buffers; several
 * pairs of queues only if there are CPUs for them.
 */
static u64 virtio_net_wanted(struct virtio_net *v, u64 offered)
{
	u64 wanted = WANTED;

	if (MIN(v->max_pairs, cpus_present) == 1)
		wanted &= ~(VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS);

	if (!(offered & VIRTIO_NET_F_CSUM))
		wanted &= ~VIRTIO_NET_F_HOST_TSO4;
	if (!(offered & VIRTIO_NET_F_GUEST_CSUM) || !(offered & VIRTIO_NET_F_MRG_RXBUF))
		wanted &= ~VIRTIO_NET_F_GUEST_TSO4;
	if (!(offered & VIRTIO_NET_F_CTRL_VQ))
		wanted &= ~(VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_CTRL_MAC_ADDR | VIRTIO_NET_F_GUEST_ANNOUNCE);
	if (!(offered & VIRTIO_NET_F_STATUS))
		wanted &= ~VIRTIO_NET_F_GUEST_ANNOUNCE;
	return wanted;
}

u32 virtio_net_vector(const struct virtio_net *v, u32 purpose, u32 pair)
{
	if (v->nic.vectors < VECTORS)
		return v->nic.vectors == 2 && purpose != VECTOR_CONFIG;
	return purpose == VECTOR_CONFIG ? 0 : purpose + pair * (VECTORS - VECTOR_RX);
}

static int virtio_net_attach(struct virtio_net *v, u32 vector, irq_handler handler, void *arg, const char *what)
{
	return nic_attach(&v->nic, vector, handler, arg, v->device->name, what);
}

static int virtio_net_attach_pair(struct virtio_net *v, u32 pair)
{
	struct virtio_net_queue *q = &v->queues[pair];
	char what[24];
	int err;

	snprintf(what, sizeof(what), "-input.%u", pair);
	err = virtio_net_attach(v, virtio_net_vector(v, VECTOR_RX, pair), virtio_net_rx_irq, q, what);
	if (err)
		return err;
	snprintf(what, sizeof(what), "-output.%u", pair);
	return virtio_net_attach(v, virtio_net_vector(v, VECTOR_TX, pair), virtio_net_tx_irq, q, what);
}

/* Undone by pci_irq_free's caller: detaching from a vector that nobody attached to does nothing. */
static int virtio_net_attach_all(struct virtio_net *v)
{
	struct pci_device *pci = v->device->pci;
	int err;

	if (!v->nic.vectors)
		return 0;
	if (pci->irq_type != PCI_IRQ_MSIX)
		return virtio_net_attach(v, 0, virtio_net_wire_irq, v, "");
	if (v->nic.vectors == 1)
		return virtio_net_attach(v, 0, virtio_net_shared_irq, v, "");
	err = virtio_net_attach(v, VECTOR_CONFIG, virtio_net_config_irq, v, "-config");
	if (v->nic.vectors == 2)
		return err ? err : virtio_net_attach(v, VECTOR_RX, virtio_net_rx_irq, v->queues, "-virtqueues");
	for (u32 i = 0; !err && i < v->pairs; i++)
		err = virtio_net_attach_pair(v, i);
	return err;
}

static int virtio_net_start_pair(struct virtio_net *v, u32 pair)
{
	struct virtio_net_queue *q = &v->queues[pair];
	struct virtio_device *d = v->device;
	bool msix = d->pci->irq_type == PCI_IRQ_MSIX;
	u16 rx = msix ? virtio_net_vector(v, VECTOR_RX, pair) : VIRTIO_NO_VECTOR;
	u16 tx = msix ? virtio_net_vector(v, VECTOR_TX, pair) : VIRTIO_NO_VECTOR;
	int err = virtio_queue_setup(d, &q->rx, QUEUE_RX(pair), rx, 0);

	if (!err)
		err = virtio_queue_setup(d, &q->tx, QUEUE_TX(pair), tx, TX_INDIRECT);
	if (err)
		return err;
	q->tx_headers = dma_alloc(q->tx.size * TX_HEADER);
	if (!q->tx_headers)
		return -ENOMEM;
	q->rx.on_broken = q->tx.on_broken = virtio_net_broken;
	virtqueue_disable_cb(&q->rx);
	virtqueue_disable_cb(&q->tx);
	return 0;
}

/* Their rings and packets back; the device has been reset. */
static void virtio_net_end_queues(struct virtio_net *v)
{
	virtio_net_ctrl_free(v);
	for (struct virtio_net_queue *q = v->queues; q < v->queues + v->pairs; q++) {
		virtio_net_tx_free(q);
		virtio_net_rx_free(q);
		if (q->tx_headers)
			dma_free(q->tx_headers, q->tx.size * TX_HEADER);
		virtqueue_destroy(&q->tx);
		virtqueue_destroy(&q->rx);
	}
}

/* All queues, as far as CPUs and vectors allow. */
static int virtio_net_start_queues(struct virtio_net *v)
{
	struct virtio_device *d = v->device;
	bool msix = d->pci->irq_type == PCI_IRQ_MSIX, several = virtio_has(d, VIRTIO_NET_F_MQ);
	u32 pairs = several && msix && v->nic.vectors >= VECTORS ?
		    MIN(MIN(v->max_pairs, cpus_present), (v->nic.vectors - VECTOR_RX) / (VECTORS - VECTOR_RX)) : 1;
	int err = 0;

	if (msix && !d->transport->set_config_vector(d, VECTOR_CONFIG)) {
		log_err("%s: the device takes no vector for its configuration", d->name);
		return -ENOSPC;
	}
	v->queues = kcalloc(pairs, sizeof(*v->queues));
	if (!v->queues)
		return -ENOMEM;
	for (; !err && v->pairs < pairs; v->pairs++)
		err = virtio_net_start_pair(v, v->pairs);
	if (err)
		return err;
	/* Of large packets the ring is to hold a few. */
	if (virtio_has(d, VIRTIO_NET_F_HOST_TSO4))
		v->nic.nif.tso_parts = MIN(TX_SEGS - 1, v->queues->tx.size / 4);
	if (v->max_pairs > 1)
		log_info("%s: %u of %u pairs of queues, for %u CPUs and %u vectors", d->name, pairs, v->max_pairs,
			 cpus_present, v->nic.vectors);
	return virtio_net_ctrl_setup(v, QUEUE_RX(several ? v->max_pairs : 1), msix ? VECTOR_CONFIG : VIRTIO_NO_VECTOR);
}

static void virtio_net_release(struct virtio_net *v)
{
	nic_detach(&v->nic);
	virtio_stop(v->device);
	nic_vectors_free(&v->nic);
	virtio_net_end_queues(v);
}

/* Not all of the queues that the card says it has could be had: from the start, with one pair. */
static int virtio_net_start_again(struct virtio_net *v, int err)
{
	struct virtio_device *d = v->device;

	log_warn("%s: several pairs of queues end with error %d: one is used", d->name, -err);
	err = virtio_begin(d);
	if (err)
		return err;
	virtio_net_end_queues(v);
	kfree(v->queues);
	v->queues = NULL;
	v->pairs = 0;
	v->max_pairs = 1;
	err = virtio_negotiate(d, virtio_net_wanted(v, d->transport->features(d)));
	return err ? err : virtio_net_start_queues(v);
}

/* Vectors, rings, poll contexts, handlers: all but the first message to the device. */
static int virtio_net_setup(struct virtio_net *v)
{
	struct virtio_device *d = v->device;
	u64 offered = d->transport->features(d);
	int err;

	v->max_pairs = virtio_net_pairs_offered(d, offered);
	err = virtio_negotiate(d, virtio_net_wanted(v, offered));
	if (err)
		return err;
	err = pci_irq_alloc(d->pci, 1, VECTOR_RX + MIN(v->max_pairs, cpus_present) * (VECTORS - VECTOR_RX),
			    PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX);
	err = nic_vectors(&v->nic, err);
	/* Past here the configuration lies where it stays: with MSI-X on, the legacy transport moves it. */
	if (!err)
		err = virtio_net_configure(v);
	if (err)
		return err;
	err = virtio_net_start_queues(v);
	if (err && virtio_has(d, VIRTIO_NET_F_MQ))
		err = virtio_net_start_again(v, err);
	if (err)
		return err;
	for (u32 i = 0; i < v->pairs; i++) {
		struct virtio_net_queue *q = &v->queues[i];

		nic_queue_add(&v->nic, &q->base, virtio_net_poll, virtio_net_tx_kick,
			      pci_irq(d->pci, virtio_net_vector(v, VECTOR_RX, i)));
		q->base.refill.fn = virtio_net_refill_timer;
	}
	return virtio_net_attach_all(v);
}

static int virtio_net_probe(struct virtio_device *d)
{
	struct virtio_net *v = kzalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->device = d;
	nic_init(&v->nic, d->pci, &virtio_net_ops, v);
	v->nic.link.fn = virtio_net_link_work;
	err = virtio_net_setup(v);
	if (err)
		goto fail;
	virtio_ready(d);
	virtio_net_pairs_begin(v);
	d->driver_data = v;
	err = nic_register(&v->nic, "virtio-net-pci");
	if (err)
		goto fail;
	return 0;

fail:
	virtio_net_release(v);
	virtio_net_free(&v->nic.nif);
	return err;
}

static void virtio_net_remove(struct virtio_device *d)
{
	struct virtio_net *v = d->driver_data;

	nic_unregister(&v->nic);
	virtio_net_release(v);
	netif_put(&v->nic.nif);
}

VIRTIO_DRIVER(net, .id = VIRTIO_ID_NET, .name = "virtio-net-pci", .probe = virtio_net_probe,
	      .remove = virtio_net_remove);
