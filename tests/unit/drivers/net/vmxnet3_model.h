/*
 * VMware's paravirtual card by its registers and the page that it shares with the driver: rings with their generation
 * bits, vectors that mask themselves, a wire with a cause to be read, filters, counters. The tests call it to receive
 * and to send; it can be told to lie. One card at a time: begin() makes and opens it, end() takes it away and leaves
 * nothing allocated.
 */
#pragma once
#include "drivers/net/nic_model.h"

#define REGS	0x7f0000010000ull
#define CONTROL	0x7f0000020000ull

/* ---- the card --------------------------------------------------------------------------------------- */

static struct card {
	bool gone;			/* every register reads all ones */
	bool stuck;			/* it can't be activated */
	u32 revisions;
	u8 mac[8], perm_mac[8];
	u32 mask_mode;			/* 0: vectors mask themselves */
	struct vmxnet3_shared *shared;
	u32 dsal, last_command;
	bool active;
	bool masked[VECTORS], pending[VECTORS], asserted;
	u32 link;
	u32 rx_next[VMXNET3_RX_RINGS], rx_comp_next, tx_next, tx_comp_next;
	u32 tx_doorbells, rx_doorbells, activations;
	u64 no_buffers, tx_errors;
	u32 tx_last, tx_how, tx_what;	/* of the frame that card_transmit took: last descriptor, the words of the first */
	void (*on_unmask)(void);	/* once, just before the receive vector is unmasked */
} card;
static u8 config_space[256];

static struct vmxnet3 *driver(void) { return stack.nif->priv; }
static struct vmxnet3_memory *memory(void) { return driver()->m; }

static bool card_level(void) { return card.asserted; }

static void card_update(u32 v)
{
	if (!card.pending[v] || card.masked[v] || (bus.type == PCI_IRQ_INTX && card.asserted))
		return;
	card.pending[v] = false;
	if (bus.type == PCI_IRQ_INTX)
		card.asserted = true;
	else if (card.active && card.shared->auto_mask)
		card.masked[v] = true;
	line_raise(v);
}

static void card_raise(u32 v)
{
	card.pending[v] = true;
	card_update(v);
}

static void card_activate(void)
{
	const struct vmxnet3_shared *s = card.shared;

	EXPECT(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER);
	EXPECT(s);
	if (!s || s->magic != 0xbabefee1 || card.stuck)
		return;
	EXPECT(s->mtu >= 60 && s->mtu <= 9000);
	EXPECT_EQ(s->tx_queues, 1u);
	EXPECT_EQ(s->rx_queues, 1u);
	EXPECT_EQ(s->queues_len, 512u);
	EXPECT_EQ(s->version | s->revision | s->upt_version, 1u);
	EXPECT_EQ((u64)s->queues, (u64)&memory()->txq);
	EXPECT_EQ(memory()->txq.ring % 512 | memory()->rxq.ring[0] % 512 | memory()->rxq.ring[1] % 512, 0ull);
	EXPECT_GE(memory()->rxq.comp_size, memory()->rxq.ring_size[0] + memory()->rxq.ring_size[1]);
	EXPECT_EQ(s->features & 1, 1ull);
	memcpy(card.mac, card.perm_mac, sizeof(card.mac));
	card.no_buffers = card.tx_errors = 0;
	card.active = true;
	card.activations++;
}

static void card_reset(void)
{
	card.active = card.asserted = false;
	card.shared = NULL;
	for (u32 i = 0; i < VECTORS; i++) {
		card.masked[i] = true;
		card.pending[i] = false;
	}
	memset(card.rx_next, 0, sizeof(card.rx_next));
	card.rx_comp_next = card.tx_next = card.tx_comp_next = 0;
}

static u64 control_read(void *arg, u64 at, unsigned width)
{
	EXPECT_EQ(width, 4u);
	if (card.gone)
		return ~0u;
	switch (at) {
	case VMXNET3_VRRS:
	case VMXNET3_UVRS:
		return card.revisions;
	case VMXNET3_ICR:
		if (!card.asserted)
			return 0;
		card.asserted = card.pending[0] = false;
		card.masked[0] = card.shared->auto_mask;
		return 1;
	case VMXNET3_CMD:
		switch (card.last_command) {
		case CMD_ACTIVATE: return !card.active;
		case CMD_GET_LINK: return card.link | 1000 << 16;
		case CMD_GET_PERM_MAC_LO: return get_unaligned_le32(card.perm_mac);
		case CMD_GET_PERM_MAC_HI: return get_unaligned_le16(card.perm_mac + 4);
		case CMD_GET_CONF_INTR: return card.mask_mode << 2;
		default: return 0;
		}
	}
	EXPECT(!"a register that is not to be read");
	return 0;
}

static void control_write(void *arg, u64 at, unsigned width, u64 v)
{
	EXPECT_EQ(width, 4u);
	if (card.gone)
		return;
	switch (at) {
	case VMXNET3_DSAL: card.dsal = v; break;
	case VMXNET3_DSAH: card.shared = (void *)(card.dsal | v << 32); break;
	case VMXNET3_MACL: put_unaligned_le32(v, card.mac); break;
	case VMXNET3_MACH: put_unaligned_le16(v, card.mac + 4); break;
	case VMXNET3_ECR: card.shared->events &= ~v; break;
	case VMXNET3_CMD:
		card.last_command = v;
		if (v == CMD_RESET)
			card_reset();
		else if (v == CMD_ACTIVATE)
			card_activate();
		else if (v == CMD_QUIESCE)
			card.active = false;
		else if (v == CMD_GET_STATS) {
			memory()->rxq.no_buffers = card.no_buffers;
			memory()->txq.errors = card.tx_errors;
		}
	}
}

static u64 regs_read(void *arg, u64 at, unsigned width)
{
	EXPECT(!"a register that is not to be read");
	return ~0u;
}

static void regs_write(void *arg, u64 at, unsigned width, u64 v)
{
	void (*hook)(void) = card.on_unmask;

	EXPECT_EQ(width, 4u);
	if (card.gone)
		return;
	if (at < 8 * VECTORS) {
		if (!v && at == 8 * VECTOR_RX && hook) {
			card.on_unmask = NULL;
			hook();
		}
		card.masked[at / 8] = v;
		card_update(at / 8);
	} else if (at == VMXNET3_TXPROD) {
		card.tx_doorbells++;
	} else {
		EXPECT(at == VMXNET3_RXPROD || at == VMXNET3_RXPROD + VMXNET3_RXPROD_STEP);
		card.rx_doorbells++;
	}
}

static struct host_mmio registers = { .base = REGS, .size = VMXNET3_REGISTERS, .read = regs_read, .write = regs_write };
static struct host_mmio control_registers = { .base = CONTROL, .size = VMXNET3_REGISTERS, .read = control_read,
					      .write = control_write };

static u32 rx_vector(void) { return bus.type == PCI_IRQ_MSIX ? VECTOR_RX : 0; }
static u32 tx_vector(void) { return bus.type == PCI_IRQ_MSIX ? VECTOR_TX : 0; }
static u32 event_vector(void) { return bus.type == PCI_IRQ_MSIX ? VECTOR_EVENT : 0; }

/* What the card says next of receiving. */
static void card_complete(u32 what, u32 len, u32 how)
{
	struct vmxnet3_comp *comp = &memory()->rx_comp[card.rx_comp_next % 1024];

	*comp = (struct vmxnet3_comp){ .what = what, .len = len };
	__atomic_store_n(&comp->how, how | (card.rx_comp_next++ / 1024 & 1 ? 0 : COMP_GEN), __ATOMIC_SEQ_CST);
}

/* The next buffer of a ring, or NULL. */
static u8 *card_buffer(u32 ring, u32 *at, u32 *room)
{
	u32 next = card.rx_next[ring];
	struct vmxnet3_rx_desc *d = &memory()->rx[ring][*at = next % VMXNET3_RX_RING];

	if (!!(d->what & RXD_GEN) == (next / VMXNET3_RX_RING & 1))
		return NULL;
	EXPECT_EQ(!!(d->what & RXD_BODY), ring);
	card.rx_next[ring]++;
	*room = d->what & 0x3fff;
	return (u8 *)d->addr;
}

/* A frame arrives, with this said of its checksum, and raises nothing. */
static bool card_receive_quiet(const u8 *frame, u32 n, u32 what, u32 how)
{
	u32 from = 0, ring = 0, at, room;

	for (; from < n || !from; ring = 1) {
		u8 *to = card.active ? card_buffer(ring, &at, &room) : NULL;
		u32 part;

		if (!to) {
			card.no_buffers++;
			return false;
		}
		part = MIN(room, n - from);
		memcpy(to, frame + from, part);
		card_complete(at | ring << 16 | what | (from ? 0 : COMP_SOP) | (from + part == n ? COMP_EOP : 0), part, how);
		from += part;
		if (!n)
			break;
	}
	return true;
}

static bool card_receive(const u8 *frame, u32 n)
{
	bool ok = card_receive_quiet(frame, n, COMP_NO_CSUM, 0);

	if (ok)
		card_raise(rx_vector());
	return ok;
}

/* The next frame that the driver sends; its length, or -1. It stays the driver's until card_sent. */
static long card_transmit(u8 *out)
{
	bool end = false;
	long n = 0;

	for (u32 parts = 0; !end; parts++) {
		struct vmxnet3_tx_desc *d = &memory()->tx[card.tx_next % VMXNET3_TX_RING];

		if (!!(d->what & TXD_GEN) == (card.tx_next / VMXNET3_TX_RING & 1)) {
			EXPECT_EQ(parts, 0u);
			return -1;
		}
		if (!parts) {
			card.tx_what = d->what;
			card.tx_how = d->how;
		}
		memcpy(out + n, (void *)d->addr, d->what & 0x3fff);
		n += d->what & 0x3fff;
		end = d->how & TXD_EOP;
		EXPECT_EQ(!!(d->how & TXD_CQ), end);
		card.tx_last = card.tx_next++ % VMXNET3_TX_RING;
	}
	return n;
}

static void card_sent(u32 last)
{
	struct vmxnet3_comp *comp = &memory()->tx_comp[card.tx_comp_next % VMXNET3_TX_RING];

	comp->what = last;
	__atomic_store_n(&comp->how, card.tx_comp_next++ / VMXNET3_TX_RING & 1 ? 0 : COMP_GEN, __ATOMIC_SEQ_CST);
	card_raise(tx_vector());
}

static void card_event(u32 events)
{
	card.shared->events |= events;
	card_raise(event_vector());
}

static void card_link(bool up)
{
	card.link = up;
	card_event(EVENT_LINK);
}

/* ---- the bus ---------------------------------------------------------------------------------------- */

void *pci_map(struct pci_device *d, u32 bar, u64 offset, u64 n) { return (void *)(bar ? CONTROL : REGS); }
void pci_unmap(void *va, u64 n) { }
void pci_enable(struct pci_device *d) { config_space[PCI_COMMAND] |= PCI_COMMAND_MASTER; }
void pci_disable(struct pci_device *d) { config_space[PCI_COMMAND] = 0; }

static struct { u32 count; u8 mac[400][ETH_ALEN]; } groups;

void multicast_for_each(struct netif *nif, void (*fn)(void *arg, const u8 mac[ETH_ALEN]), void *arg)
{
	for (u32 i = 0; i < groups.count; i++)
		fn(arg, groups.mac[i]);
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static void prepare(enum pci_irq_type type)
{
	card = (struct card){ .revisions = 7, .link = 1, .perm_mac = { 0x52, 0x54, 0x00, 0x01, 0x02, 0x03 } };
	pci = (struct pci_device){ .dev.name = "0000:00:01.0", .config = config_space };
	config_space[PCI_COMMAND] = PCI_COMMAND_MASTER;	/* firmware left it so */
	lines_begin(type, type == PCI_IRQ_MSIX ? 3 : type != PCI_IRQ_NONE, 0);
	bus.level = type == PCI_IRQ_INTX ? card_level : NULL;
	groups.count = 0;
	stack_begin();
	host_mmio_add(&registers);
	host_mmio_add(&control_registers);
}

static void begin_closed(enum pci_irq_type type)
{
	prepare(type);
	EXPECT_EQ(vmxnet3_probe(&pci), 0);
	if (!stack.nif)
		exit(1);
}

static struct vmxnet3 *begin(enum pci_irq_type type)
{
	begin_closed(type);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	return driver();
}

static void end(void)
{
	host_run();
	stack_end();
	if (stack.nif)
		vmxnet3_remove(&pci);
	host_mmio_remove(&registers);
	host_mmio_remove(&control_registers);
	pkt_drain_caches();
}

/* The counters as a reader of /proc/net/dev gets them. */
static struct netif_stats netif_stats_of(const struct netif *nif)
{
	struct netif_stats s = *nif->stats;

	nif->ops->add_stats(nif, &s);
	return s;
}

static void expect_transmitted(u8 seed, u32 n)
{
	u8 want[20000], got[70000];

	make_frame(want, n, seed);
	EXPECT_EQ(card_transmit(got), (long)n);
	EXPECT_MEM(got, want, n);
}
