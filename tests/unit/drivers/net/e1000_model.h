/*
 * A gigabit card by its registers, as the e1000 driver sees it: rings, causes of interrupts in the three ways that they
 * arrive, filters, EEPROM, counters. The tests call it to receive and to send; it can be told to lie. One card at a
 * time: begin() makes and opens it, end() takes it away and leaves nothing allocated.
 */
#pragma once
#include "drivers/net/nic_model.h"

#define REGS 0x7f0000010000ull
#define CAUSES_LINK (CAUSE_LSC | CAUSE_OTHER)

/* ---- the card --------------------------------------------------------------------------------------- */

static struct card {
	u32 regs[E1000_REGISTERS / 4];
	bool gone;			/* every register reads all ones */
	bool stuck;			/* a reset does not end */
	bool no_address;		/* the address registers are not loaded from the EEPROM */
	bool no_eeprom;			/* that does not answer either */
	u16 eeprom[3];
	bool raised;			/* MSI: causes were pending at the last look */
	u32 rx_doorbells, tx_doorbells;
	u32 tx_context, contexts;	/* the last context descriptor, and how many came */
	u32 tx_last;			/* last descriptor of the frame that card_transmit took */
	bool tx_sum;			/* it was to get a checksum */
	struct e1000_tx_desc tx_tso;	/* the context, if it was to be cut */
	void (*on_arm)(void);		/* once, just before IMS is written */
} card;
static u8 config_space[256];

static u32 *reg(u32 at) { return &card.regs[at / 4]; }

static bool card_level(void)
{
	return *reg(E1000_ICR) & *reg(E1000_IMS);
}

static void card_message(u32 cause, u32 shift)
{
	u32 ivar = *reg(E1000_IVAR) >> shift;

	if (!(*reg(E1000_ICR) & *reg(E1000_IMS) & cause))
		return;
	*reg(E1000_ICR) &= ~(*reg(E1000_EIAC) & cause);
	if (*reg(E1000_CTRL_EXT) & CTRL_EXT_EIAME)
		*reg(E1000_IMS) &= ~(*reg(E1000_IAM) & cause);
	EXPECT(ivar & 8);
	line_raise(ivar & 7);
}

static void card_update(void)
{
	bool pending;

	if (bus.type == PCI_IRQ_MSIX) {
		if (*reg(E1000_ICR) & CAUSE_LSC)
			*reg(E1000_ICR) |= CAUSE_OTHER;
		card_message(CAUSE_RXQ0, 0);
		card_message(CAUSE_TXQ0, 8);
		card_message(CAUSE_OTHER, 16);
		return;
	}
	pending = card_level();
	if (pending && (!card.raised || bus.level)) {
		card.raised = pending;
		line_raise(0);
	}
	card.raised = card_level();
}

static void card_cause(u32 causes)
{
	*reg(E1000_ICR) |= causes;
	card_update();
}

static u64 card_read(void *arg, u64 at, unsigned width)
{
	u32 v = *reg(at);

	EXPECT_EQ(width, 4u);
	if (card.gone)
		return ~0u;
	if (at == E1000_ICR && bus.type != PCI_IRQ_MSIX) {
		*reg(at) = 0;
		card_update();
	} else if (at >= E1000_CRCERRS && at < E1000_RXCSUM) {
		*reg(at) = 0;
	}
	return v;
}

static void card_reset(void)
{
	EXPECT(!(config_space[PCI_COMMAND] & PCI_COMMAND_MASTER));
	EXPECT_EQ(*reg(E1000_RCTL), 0u);
	if (card.stuck)
		return;
	memset(card.regs, 0, sizeof(card.regs));
	*reg(E1000_STATUS) = STATUS_LU;
	if (card.no_address)
		return;
	*reg(E1000_RAL) = card.eeprom[0] | card.eeprom[1] << 16;
	*reg(E1000_RAH) = card.eeprom[2] | RAH_AV;
}

static void card_write(void *arg, u64 at, unsigned width, u64 value)
{
	void (*hook)(void) = card.on_arm;
	u32 v = value;

	EXPECT_EQ(width, 4u);
	if (card.gone)
		return;
	switch (at) {
	case E1000_CTRL:
		*reg(at) = v;
		if (v & CTRL_RST)
			card_reset();
		return;
	case E1000_ICR:
		*reg(at) &= ~v;
		break;
	case E1000_IMS:
		if (hook && v & (CAUSE_RXT0 | CAUSE_RXQ0)) {
			card.on_arm = NULL;
			hook();
		}
		*reg(at) |= v;
		break;
	case E1000_IMC:
		*reg(E1000_IMS) &= ~v;
		break;
	case E1000_EERD:
		if (!card.no_eeprom) {
			bool new = pci.device == E1000_82574L;

			*reg(at) = (u32)card.eeprom[(v >> (new ? 2 : 8)) % 3] << 16 | (new ? 2 : 0x10);
		}
		return;
	case E1000_RDT:
		card.rx_doorbells++;
		*reg(at) = v;
		return;
	case E1000_TDT:
		card.tx_doorbells++;
		*reg(at) = v;
		return;
	default:
		*reg(at) = v;
		return;
	}
	card_update();
}
static struct host_mmio registers = { .base = REGS, .size = E1000_REGISTERS, .read = card_read, .write = card_write };

static struct e1000 *driver(void) { return stack.nif->priv; }

/* A buffer gets these bytes, its descriptor that word. False: there is none. */
static bool card_fill(const void *bytes, u32 n, u64 done)
{
	u32 head = *reg(E1000_RDH);
	struct e1000_rx_desc *d = &driver()->rx[head];

	if (!(*reg(E1000_RCTL) & RCTL_EN))
		return false;
	if (head == *reg(E1000_RDT)) {
		++*reg(E1000_MPC);
		return false;
	}
	EXPECT_EQ(d->done, 0ull);
	memcpy((void *)d->addr, bytes, n);
	__atomic_store_n(&d->done, done | RX_DD, __ATOMIC_SEQ_CST);
	*reg(E1000_RDH) = (head + 1) % E1000_RING;
	return true;
}

/* A frame arrives, and raises nothing. */
static bool card_receive_quiet(const u8 *frame, u32 n)
{
	u32 size = *reg(E1000_RCTL) & RCTL_1024 ? 1024 : 2048;

	EXPECT(n <= 1518 || *reg(E1000_RCTL) & RCTL_LPE);
	for (u32 at = 0; at < n; at += size) {
		u32 part = MIN(n - at, size);

		if (!card_fill(frame + at, part, part | RX_IXSM | (at + part == n ? RX_EOP : 0)))
			return false;
	}
	return true;
}

static u32 rx_cause(void) { return bus.type == PCI_IRQ_MSIX ? CAUSE_RXQ0 : CAUSE_RXT0; }
static u32 tx_cause(void) { return bus.type == PCI_IRQ_MSIX ? CAUSE_TXQ0 : CAUSE_TXDW; }

static bool card_receive(const u8 *frame, u32 n)
{
	bool ok = card_receive_quiet(frame, n);

	if (ok)
		card_cause(rx_cause());
	return ok;
}

/* The next frame that the driver sends; its length, or -1. It stays the driver's until card_sent. */
static long card_transmit(u8 *out)
{
	u32 head = *reg(E1000_TDH);
	bool end = false;
	long n = 0;

	if (head == *reg(E1000_TDT))
		return -1;
	while (!end) {
		struct e1000_tx_desc *d = &driver()->tx[head];

		EXPECT_EQ(d->status & TX_DD, 0u);
		EXPECT(head != *reg(E1000_TDT));
		card.tx_last = head;
		head = (head + 1) % E1000_RING;
		if ((d->command & (TX_DEXT | TX_DATA)) == TX_DEXT) {
			card.tx_context = d->addr >> 32;
			card.contexts++;
			card.tx_tso = *d;
			continue;
		}
		EXPECT(d->command & TX_IFCS);
		if (!(d->command & TX_TSE))
			card.tx_tso.command = 0;
		memcpy(out + n, (void *)d->addr, d->command & 0xffff);
		n += d->command & 0xffff;
		card.tx_sum = d->command & TX_DEXT && d->status & TX_TXSM;
		end = d->command & TX_EOP;
		EXPECT_EQ(!!(d->command & TX_RS), end);
	}
	*reg(E1000_TDH) = head;
	return n;
}

static void card_sent(u32 last)
{
	driver()->tx[last].status |= TX_DD;
	card_cause(tx_cause());
}

static void card_link(bool up)
{
	*reg(E1000_STATUS) = up ? STATUS_LU : 0;
	card_cause(CAUSE_LSC);
}

/* ---- the bus ---------------------------------------------------------------------------------------- */

void *pci_map(struct pci_device *d, u32 bar, u64 offset, u64 n) { return (void *)REGS; }
void pci_unmap(void *va, u64 n) { }
void pci_enable(struct pci_device *d) { config_space[PCI_COMMAND] |= PCI_COMMAND_MASTER; }
void pci_disable(struct pci_device *d) { config_space[PCI_COMMAND] = 0; }

static struct { u32 count; u8 mac[4][ETH_ALEN]; } groups;

void multicast_for_each(struct netif *nif, void (*fn)(void *arg, const u8 mac[ETH_ALEN]), void *arg)
{
	for (u32 i = 0; i < groups.count; i++)
		fn(arg, groups.mac[i]);
}

/* ---- setting up ------------------------------------------------------------------------------------- */

static void prepare(u16 device, enum pci_irq_type type)
{
	card = (struct card){ .eeprom = { 0x5452, 0x0100, 0x0302 } };
	pci = (struct pci_device){ .dev.name = "0000:00:01.0", .device = device, .config = config_space };
	config_space[PCI_COMMAND] = PCI_COMMAND_MASTER;	/* firmware left it so */
	*reg(E1000_RCTL) = RCTL_EN;
	lines_begin(type, type == PCI_IRQ_MSIX ? 3 : type != PCI_IRQ_NONE, 0);
	bus.level = type == PCI_IRQ_INTX ? card_level : NULL;
	groups.count = 0;
	stack_begin();
	host_mmio_add(&registers);
}

static void begin_closed(u16 device, enum pci_irq_type type)
{
	prepare(device, type);
	EXPECT_EQ(e1000_probe(&pci), 0);
	if (!stack.nif)
		exit(1);
}

static struct e1000 *begin(u16 device, enum pci_irq_type type)
{
	begin_closed(device, type);
	EXPECT_EQ(stack.nif->ops->open(stack.nif), 0);
	host_run();
	return driver();
}

static void end(void)
{
	host_run();
	stack_end();
	if (stack.nif)
		e1000_remove(&pci);
	host_mmio_remove(&registers);
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
