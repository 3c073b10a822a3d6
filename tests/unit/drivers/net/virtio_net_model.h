/*
 * The model around the virtio network driver: the card (rings, vectors, link), the transport and the
 * bus as the driver calls them, and a stack that only notes what it is given. One card at a time:
 * begin() makes and opens it, end() takes it away and leaves nothing allocated.
 */
#pragma once

#define NOTIFY 0x7f0000002000ull
#define RING 16
#define ALL_FEATURES (VIRTIO_F_COMMON | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MAC | \
		      VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS)

/* ---- the card --------------------------------------------------------------------------------------- */

static struct card {
	u64 offered;
	enum pci_irq_type irq_type;
	u32 irq_count, irq_flags;
	bool link;
	u8 isr;
	struct virtqueue *vq[2];
	u16 vector[2], config_vector;
	u16 seen[2], used[2], signalled[2];
	u32 kicks[2];
	bool live;
	void (*on_unmask)(void);	/* once, when a vector is opened */
} card;
static struct virtio_device device;
static struct pci_device pci;
static struct irq *irqs[VECTORS];
static bool open_lines[VECTORS], pending_lines[VECTORS];

static void line_deliver(void *arg) { irq_handle(arg); }

static void line_raise(u32 n)
{
	if (n >= card.irq_count)
		return;
	if (open_lines[n])
		host_interrupt(line_deliver, irqs[n]);
	else
		pending_lines[n] = true;
}

static void line_mask(struct irq *irq) { open_lines[irq->hwirq] = false; }

static void line_unmask(struct irq *irq)
{
	void (*hook)(void) = card.on_unmask;

	open_lines[irq->hwirq] = true;
	card.on_unmask = NULL;
	if (hook)
		hook();
	if (pending_lines[irq->hwirq]) {
		pending_lines[irq->hwirq] = false;
		line_raise(irq->hwirq);
	}
}

static const struct irq_domain_ops line_ops = { .mask = line_mask, .unmask = line_unmask };
static struct irq_domain lines = { .name = "MODEL", .ops = &line_ops };

static void card_kicked(void *arg, u64 offset, unsigned width, u64 value)
{
	card.kicks[value & 1]++;
}
static struct host_mmio notify_region = { .base = NOTIFY, .size = 4, .write = card_kicked };

static int card_take(u32 q)
{
	struct virtq_avail *a = card.vq[q]->avail;

	return a->idx == card.seen[q] ? -1 : a->ring[card.seen[q]++ % card.vq[q]->size];
}

static void card_put(u32 q, u32 id, u32 len)
{
	card.vq[q]->used->ring[card.used[q] % card.vq[q]->size] = (struct virtq_used_elem){ id, len };
	__atomic_store_n(&card.vq[q]->used->idx, ++card.used[q], __ATOMIC_SEQ_CST);
}

static void card_signal(u32 q)
{
	struct virtqueue *vq = card.vq[q];
	u16 event = vq->avail->ring[vq->size], old = card.signalled[q];

	card.signalled[q] = card.used[q];
	if (vq->event_index ? (u16)(card.used[q] - event - 1) < (u16)(card.used[q] - old) :
	    !(vq->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT)) {
		card.isr |= VIRTIO_ISR_QUEUE;
		line_raise(card.irq_type == PCI_IRQ_MSIX ? card.vector[q] : 0);
	}
}

/* Write bytes into the next receive buffer: how many fit, or -1 when the ring is empty. */
static long card_fill(const void *bytes, u32 n, u32 *id)
{
	int head = card_take(0);
	struct virtq_desc *d = head < 0 ? NULL : &card.vq[0]->desc[head];
	u32 done = 0;

	if (!d)
		return -1;
	*id = head;
	for (;; d = &card.vq[0]->desc[d->next]) {
		u32 part = MIN(n - done, d->len);

		memcpy((void *)d->addr, (const u8 *)bytes + done, part);
		done += part;
		if (!(d->flags & VIRTQ_DESC_NEXT))
			return done;
	}
}

/* A frame arrives, without a signal. False: no buffer. */
static bool card_receive_quiet(const struct virtio_net_hdr *h, const u8 *frame, u32 n)
{
	u8 bytes[70000];
	u32 hdr_len = card.offered & (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10, ids[64], lens[64], count = 0;
	struct virtio_net_hdr *first = NULL;

	memcpy(bytes, h, hdr_len);
	memcpy(bytes + hdr_len, frame, n);
	n += hdr_len;
	for (u32 at = 0; at < n; count++) {
		long took = card_fill(bytes + at, n - at, &ids[count]);

		if (took < 0)
			return false;
		if (!first)
			first = (struct virtio_net_hdr *)card.vq[0]->desc[ids[0]].addr;
		lens[count] = took;
		at += took;
	}
	if (hdr_len == 12 && !first->num_buffers)
		first->num_buffers = count;
	for (u32 i = 0; i < count; i++)
		card_put(0, ids[i], lens[i]);
	return true;
}

static bool card_receive(const u8 *frame, u32 n)
{
	struct virtio_net_hdr h = { 0 };
	bool ok = card_receive_quiet(&h, frame, n);

	card_signal(0);
	return ok;
}

/* The next frame that the driver sends, header in front; its length, or -1. It stays the driver's until card_sent. */
static long card_transmit(u8 *out, u32 *id)
{
	int head = card_take(1);
	struct virtq_desc *table = card.vq[1]->desc, *d;
	long n = 0;

	if (head < 0)
		return -1;
	*id = head;
	d = &table[head];
	if (d->flags & VIRTQ_DESC_INDIRECT) {
		table = (struct virtq_desc *)d->addr;
		d = table;
	}
	for (;; d = &table[d->next]) {
		memcpy(out + n, (void *)d->addr, d->len);
		n += d->len;
		if (!(d->flags & VIRTQ_DESC_NEXT))
			return n;
	}
}

static void card_sent(u32 id)
{
	card_put(1, id, 0);
	card_signal(1);
}

/* ---- the transport and the bus ------------------------------------------------------------------------ */

static u8 card_isr(struct virtio_device *d)
{
	u8 v = card.isr;

	card.isr = 0;
	return v;
}

static bool card_config_vector(struct virtio_device *d, u16 vector)
{
	card.config_vector = vector;
	return true;
}

static const struct virtio_transport card_transport = { .isr = card_isr, .set_config_vector = card_config_vector };

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
	d->features = card.offered & wanted;
	return 0;
}

void virtio_config_read(struct virtio_device *d, u32 at, void *dst, u32 n)
{
	static const u8 mac[] = { 0x52, 0x54, 0, 1, 2, 3 };
	u16 status = card.link;

	if (at == VIRTIO_NET_CONFIG_MAC)
		memcpy(dst, mac, n);
	else
		memcpy(dst, &status, n);
}

int virtio_queue_setup(struct virtio_device *d, struct virtqueue *vq, u16 index, u16 vector, u16 indirect_max)
{
	int err = virtqueue_create(vq, index, RING, d->features, indirect_max, d->name);

	vq->notify = (void *)NOTIFY;
	card.vq[index] = vq;
	card.vector[index] = vector;
	return err;
}

void virtio_ready(struct virtio_device *d) { card.live = true; }
int virtio_reset(struct virtio_device *d) { card.live = false; return 0; }

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	d->irq_type = card.irq_type;
	d->irq_count = card.irq_count;
	d->irqs = irqs;
	for (u32 i = 0; i < card.irq_count; i++)
		irqs[i] = irq_create(&lines, i, card.irq_type == PCI_IRQ_INTX ? IRQ_LEVEL_HIGH : IRQ_EDGE_RISING);
	return card.irq_count ? (int)card.irq_count : -ENXIO;
}

void pci_irq_free(struct pci_device *d)
{
	for (u32 i = 0; i < d->irq_count; i++)
		irq_destroy(irqs[i]);
	d->irq_count = 0;
}

struct irq *pci_irq(struct pci_device *d, u32 i) { return i < d->irq_count ? irqs[i] : NULL; }
void pci_irq_detach(struct pci_device *d, u32 i, void *arg) { irq_detach(irqs[i], arg); }
void pci_irq_enable(struct pci_device *d, u32 i) { irq_unmask(irqs[i]); }
void pci_irq_disable(struct pci_device *d, u32 i) { irq_mask(irqs[i]); }
void pci_irq_describe(struct pci_device *d, char *buf, size_t size) { buf[0] = 0; }

int pci_irq_attach(struct pci_device *d, u32 i, irq_handler handler, void *arg, const char *name)
{
	return irq_attach(irqs[i], handler, arg, name);
}

/* ---- the stack ------------------------------------------------------------------------------------------ */

static struct stack {
	struct netif *nif;
	struct pkt_queue received;
	u32 carrier_changes, wakes;
	bool carrier;
	struct pkt *waiting;		/* what the interface's queue would hold */
} stack;

int netif_register(struct netif *nif)
{
	stack.nif = nif;
	spin_init(&nif->tx_lock, "netif.tx");
	return 0;
}

void netif_carrier(struct netif *nif, bool on)
{
	stack.carrier_changes += on != stack.carrier;
	stack.carrier = on;
}

void netif_rx(struct netif *nif, struct pkt *p)
{
	EXPECT_EQ((u64)(p->data + 14) % 4, 0ull);
	pkt_queue_push(&stack.received, p);
}

static int send(struct pkt *p)
{
	int err;

	spin_lock_bh(&stack.nif->tx_lock);
	err = stack.nif->ops->xmit(stack.nif, p);
	if (err == -ENOBUFS)
		stack.nif->tx_stopped = true;
	spin_unlock_bh(&stack.nif->tx_lock);
	return err;
}

void netif_tx_wake(struct netif *nif)
{
	struct pkt *p = stack.waiting;

	if (!nif->tx_stopped)
		return;
	stack.wakes++;
	nif->tx_stopped = false;
	stack.waiting = NULL;
	if (p && send(p) == -ENOBUFS)
		stack.waiting = p;
}

/* ---- setting up ------------------------------------------------------------------------------------------ */

static struct virtio_net *begin_with(u64 features, enum pci_irq_type type, u32 vectors, u32 irq_flags)
{
	static bool ready;
	int err;

	if (!ready) {
		pkt_init();
		napi_init_all();
		ready = true;
	}
	card = (struct card){ .offered = features, .irq_type = type, .irq_count = vectors, .link = true };
	device = (struct virtio_device){ .transport = &card_transport, .pci = &pci, .name = "virtio0",
					 .modern = features & VIRTIO_F_VERSION_1 };
	lines.flags = irq_flags;
	stack = (struct stack){ .nif = NULL };
	pkt_queue_init(&stack.received);
	memset(open_lines, 0, sizeof(open_lines));
	memset(pending_lines, 0, sizeof(pending_lines));
	host_mmio_add(&notify_region);
	err = virtio_net_probe(&device);
	EXPECT_EQ(err, 0);
	if (err)
		exit(1);
	return device.driver_data;
}

static struct virtio_net *begin(u64 features)
{
	struct virtio_net *v = begin_with(features, PCI_IRQ_MSIX, 3, 0);

	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	return v;
}

static void end(struct virtio_net *v)
{
	if (v->up)
		stack.nif->ops->stop(stack.nif);
	host_run();
	pkt_queue_purge(&stack.received);
	if (stack.waiting)
		pkt_free(stack.waiting);
	virtio_net_tx_free(v);
	virtio_net_rx_free(v);
	virtio_net_release(v);
	host_mmio_remove(&notify_region);
	pkt_drain_caches();
}

static void make_frame(u8 *f, u32 n, u8 seed)
{
	for (u32 i = 0; i < n; i++)
		f[i] = seed + i * 7;
}

static void expect_received(u8 seed, u32 n)
{
	struct pkt *p = pkt_queue_pop(&stack.received);
	u8 want[70000], got[70000];

	EXPECT(p);
	if (!p)
		return;
	make_frame(want, n, seed);
	EXPECT_EQ(p->len, n);
	pkt_copy_out(p, 0, got, MIN(p->len, n));
	EXPECT_MEM(got, want, n);
	pkt_free(p);
}

static struct pkt *make_pkt(u32 n, u8 seed, u32 headroom)
{
	struct pkt *p = pkt_alloc(headroom);

	make_frame(pkt_put(p, n), n, seed);
	return p;
}

static void expect_transmitted(u8 seed, u32 n, u32 hdr_len, u32 *id)
{
	u8 want[70000], got[70000];

	make_frame(want, n, seed);
	EXPECT_EQ(card_transmit(got, id), (long)(hdr_len + n));
	EXPECT_MEM(got + hdr_len, want, n);
	for (u32 i = 0; i < hdr_len; i++)
		EXPECT_EQ(got[i], 0);
}
