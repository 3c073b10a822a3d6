/*
 * Around a network driver in a test of its own: interrupt lines, the bus as the driver calls it, and a stack that only
 * notes what it is given. The test's model of the card says in `bus` what the ladder gives, and raises the lines.
 */
#pragma once

/* ---- lines ------------------------------------------------------------------------------------------ */

static struct bus {
	enum pci_irq_type type;		/* what the ladder gives */
	u32 count;			/* and how many */
	bool (*level)(void);		/* a wire: is it raised? NULL: all are messages */
} bus;
static struct pci_device pci;
#define LINES 9
static struct irq *irqs[LINES];
static bool open_lines[LINES], pending_lines[LINES];
static u32 line_cpus[LINES];

static void line_deliver(void *arg)
{
	struct irq *irq = arg;

	do
		irq_handle(irq);
	while (bus.level && bus.level() && open_lines[irq->hwirq]);
}

static void line_raise(u32 n)
{
	if (n >= bus.count)
		return;
	if (open_lines[n])
		host_interrupt(line_deliver, irqs[n]);
	else
		pending_lines[n] = true;
}

static void line_mask(struct irq *irq) { open_lines[irq->hwirq] = false; }

static void line_unmask(struct irq *irq)
{
	bool raise = bus.level ? bus.level() : pending_lines[irq->hwirq];

	open_lines[irq->hwirq] = true;
	if (raise || pending_lines[irq->hwirq]) {
		pending_lines[irq->hwirq] = false;
		line_raise(irq->hwirq);
	}
}

static int line_to(struct irq *irq, u32 cpu)
{
	line_cpus[irq->hwirq] = cpu;
	return 0;
}

static const struct irq_domain_ops line_ops = { .mask = line_mask, .unmask = line_unmask, .set_affinity = line_to };
static struct irq_domain lines = { .name = "MODEL", .ops = &line_ops };

static void lines_begin(enum pci_irq_type type, u32 count, u32 flags)
{
	bus = (struct bus){ .type = type, .count = count };
	lines.flags = flags;
	memset(open_lines, 0, sizeof(open_lines));
	memset(pending_lines, 0, sizeof(pending_lines));
}

/* ---- the bus ---------------------------------------------------------------------------------------- */

int pci_irq_alloc(struct pci_device *d, u32 min, u32 max, u32 types)
{
	if (!(bus.type & types) || bus.count < min)
		return -ENXIO;
	bus.count = MIN(bus.count, max);
	d->irqs = irqs;
	for (u32 i = 0; i < bus.count; i++) {
		irqs[i] = irq_create(&lines, i, bus.type == PCI_IRQ_INTX ? IRQ_LEVEL_HIGH : IRQ_EDGE_RISING);
		if (is_err(irqs[i])) {
			while (i--)
				irq_destroy(irqs[i]);
			return -ENOMEM;
		}
	}
	d->irq_type = bus.type;
	d->irq_count = bus.count;
	return bus.count;
}

void pci_irq_free(struct pci_device *d)
{
	for (u32 i = 0; i < d->irq_count; i++)
		irq_destroy(irqs[i]);
	d->irq_count = 0;
	d->irq_type = PCI_IRQ_NONE;
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

/* ---- the stack -------------------------------------------------------------------------------------- */

static struct stack {
	struct netif *nif;
	struct pkt_queue received;
	u32 carrier_changes, wakes;
	bool carrier;
	struct pkt *waiting;		/* what the interface's queue would hold */
} stack;

static void stack_begin(void)
{
	static bool ready;

	if (!ready) {
		pkt_init();
		napi_init_all();
		ready = true;
	}
	stack = (struct stack){ .nif = NULL };
	pkt_queue_init(&stack.received);
}

/* What it still has. */
static void stack_end(void)
{
	pkt_queue_purge(&stack.received);
	if (stack.waiting)
		pkt_free(stack.waiting);
}

int netif_register(struct netif *nif)
{
	static struct netif_stats counts;
	static struct netif_txq txqs[8];

	counts = (struct netif_stats){ 0 };
	memset(txqs, 0, sizeof(txqs));
	nif->stats = &counts;
	stack.nif = nif;
	snprintf(nif->name, sizeof(nif->name), "eth0");
	nif->txqs = txqs;
	for (u32 i = 0; i < ARRAY_SIZE(txqs); i++)
		spin_init(&txqs[i].lock, "netif.tx");
	return 0;
}

void netif_unregister(struct netif *nif)
{
	if (container_of(nif, struct nic, nif)->up)
		nif->ops->stop(nif);
	net_quiesce();
}

void netif_put(struct netif *nif)
{
	stack.nif = NULL;
	nif->ops->release(nif);
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

static int send_by(u32 queue, struct pkt *p)
{
	struct netif_txq *t = &stack.nif->txqs[queue];
	int err;

	spin_lock_bh(&t->lock);
	err = stack.nif->ops->xmit(stack.nif, queue, p);
	if (err == -ENOBUFS)
		t->stopped = true;
	spin_unlock_bh(&t->lock);
	return err;
}

static int send(struct pkt *p) { return send_by(0, p); }

void netif_tx_wake(struct netif *nif, u32 queue)
{
	struct pkt *p = stack.waiting;

	if (!nif->txqs[queue].stopped)
		return;
	stack.wakes++;
	nif->txqs[queue].stopped = false;
	stack.waiting = NULL;
	if (p && send_by(queue, p) == -ENOBUFS)
		stack.waiting = p;
}

/* ---- frames ----------------------------------------------------------------------------------------- */

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
