/*
 * Intel gigabit cards: probe, up and down, addresses and filters, link, statistics. Frames and interrupts are
 * in e1000_ring.c, the registers in e1000.h, what all cards do alike in nic.c.
 *
 * Two kinds: the 82574 (QEMU's and VMware's e1000e), which has MSI-X with a vector each for receiving, transmitting and
 * the rest, and plain MSI; and the 82540EM and 82545EM (e1000), which have but a wire.
 *
 * The card may have been left running by firmware: it is kept off the bus until it is reset. Its rings and causes stay
 * as they are while the interface is down; only its receiver and its interrupts are off.
 */
#include "drivers/net/e1000.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "net/net.h"
#include "sched/wait.h"

#define INTEL			0x8086
#define E1000_82540EM		0x100e
#define E1000_82545EM		0x100f
#define E1000_82574L		0x10d3

#define RESET_NS		(100 * NSEC_PER_MSEC)
/*
 * So long a card may hold a message back that it was to send before its causes were masked. QEMU's holds each back for
 * 128 us, whatever it is told, and before version 8 ends if messages are off by then.
 */
#define HELD_BACK_NS		(1 * NSEC_PER_MSEC)
#define EEPROM_NS		(20 * NSEC_PER_MSEC)	/* it is read after a reset: 5 ms at most on the slowest */
#define MTU_MAX_82574		9216u
#define MTU_MAX			(E1000_FRAME_MAX - ETH_HLEN - 4)

enum { VECTOR_RX, VECTOR_TX, VECTOR_OTHER, VECTORS };

#define TCTL_VALUE	(1u << 1 | 1u << 3 | 0x0fu << 4 | 0x40u << 12)	/* on, frames padded, collisions as in 802.3 */
#define TIPG_VALUE	(8u | 8u << 10 | 6u << 20)	/* gaps between frames on copper (8254x, 13.4.34) */
#define TXDCTL_VALUE	(1u << 24 | 1u << 16)		/* thresholds in descriptors; written back one by one */
#define TXDCTL_82574	(1u << 22)			/* the 82574 wants it set */
#define RXCSUM_VALUE	(1u << 8 | 1u << 9)		/* look at IP and transport checksums */
#define RFCTL_VALUE	(1u << 6 | 1u << 7 | 1u << 12)	/* no parsing of NFS, no interrupts for ACKs */

/* ---- filters, link, statistics ------------------------------------------------------------------- */

/* A group's bit in the table: 12 bits of its address (13.5.1, RCTL.MO 0). */
static void e1000_hash(void *arg, const u8 mac[ETH_ALEN])
{
	u32 *mta = arg, hash = (mac[4] >> 4 | (u32)mac[5] << 4) & 0xfff;

	mta[hash >> 5] |= 1u << (hash & 31);
}

/* What the receiver takes, by the state of the interface: the group table and RCTL. Process context. */
static void e1000_receiver(struct e1000 *c)
{
	u32 mta[ARRAY_SIZE(c->mta)] = { 0 }, rctl = RCTL_BAM | RCTL_SECRC, flags;

	spin_lock_bh(&c->nic.lock);
	if (c->nic.gone)
		goto out;
	multicast_for_each(&c->nic.nif, e1000_hash, mta);
	for (u32 i = 0; i < ARRAY_SIZE(mta); i++)
		if (mta[i] != c->mta[i])
			e1000_write(c, E1000_MTA + 4 * i, c->mta[i] = mta[i]);
	flags = c->nic.nif.flags;
	rctl |= flags & NETIF_PROMISC ? RCTL_UPE | RCTL_MPE : flags & NETIF_ALLMULTI ? RCTL_MPE : 0;
	rctl |= c->large ? RCTL_LPE | RCTL_1024 : 0;
	rctl |= c->nic.up && !c->nic.broken ? RCTL_EN : 0;
	/* The size of buffers changes only while nothing is received. */
	if ((rctl ^ c->rctl) & RCTL_1024)
		e1000_write(c, E1000_RCTL, rctl & ~RCTL_EN);
	/* Not without need: QEMU's e1000 receives nothing for a second after each write. */
	if (rctl != c->rctl)
		e1000_write(c, E1000_RCTL, c->rctl = rctl);
out:
	spin_unlock_bh(&c->nic.lock);
}

static void e1000_set_rx_mode(struct netif *nif)
{
	e1000_receiver(nif->priv);
}

static int e1000_set_mac(struct netif *nif, const u8 mac[ETH_ALEN])
{
	struct e1000 *c = nif->priv;

	e1000_write(c, E1000_RAL, get_unaligned_le32(mac));
	e1000_write(c, E1000_RAH, mac[4] | (u32)mac[5] << 8 | RAH_AV);
	return 0;
}

static int e1000_set_mtu(struct netif *nif, u32 mtu)
{
	struct e1000 *c = nif->priv;

	c->large = mtu > ETH_DATA;
	e1000_receiver(c);
	return 0;
}

/*
 * The card's counters go into sums, for they are cleared by reading. Its count of undersized frames is left out:
 * virtual cards count short frames there that they then pad and deliver.
 */
static void e1000_add_stats(const struct netif *nif, struct netif_stats *s)
{
	struct e1000 *c = nif->priv;
	u32 crc, length, other;

	spin_lock_bh(&c->nic.lock);
	crc = c->nic.gone ? ~0u : e1000_read(c, E1000_CRCERRS);
	if (crc == ~0u && !c->nic.gone) {
		nic_break(&c->nic, "a count of errors of", crc);
	} else if (crc != ~0u) {
		length = e1000_read(c, E1000_ROC);
		other = e1000_read(c, E1000_ALGNERRC) + e1000_read(c, E1000_RXERRC);
		c->nic.counted.rx_crc_errors += crc;
		c->nic.counted.rx_length_errors += length;
		c->nic.counted.rx_errors += crc + length + other;
		c->nic.counted.rx_missed_errors += e1000_read(c, E1000_MPC);
	}
	s->rx_errors += c->nic.counted.rx_errors;
	s->rx_length_errors += c->nic.counted.rx_length_errors;
	s->rx_crc_errors += c->nic.counted.rx_crc_errors;
	s->rx_missed_errors += c->nic.counted.rx_missed_errors;
	spin_unlock_bh(&c->nic.lock);
}

static void e1000_link_work(struct work *w)
{
	struct e1000 *c = container_of(w, struct e1000, nic.link);
	u32 status;

	/* Acknowledged, then looked at; a change after that raises the interrupt anew. */
	if (c->nic.pci->irq_type == PCI_IRQ_MSIX)
		e1000_write(c, E1000_ICR, CAUSES_OTHER);
	status = e1000_read(c, E1000_STATUS);
	if (status == ~0u)
		nic_break(&c->nic, "a status of", status);
	netif_carrier(&c->nic.nif, status & STATUS_LU && !c->nic.broken);
	if (c->nic.broken) {
		e1000_write(c, E1000_IMC, ~0u);
		e1000_receiver(c);
	} else if (c->nic.up && c->nic.vectors) {
		e1000_write(c, E1000_IMS, CAUSE_LSC | (c->nic.pci->irq_type == PCI_IRQ_MSIX ? CAUSE_OTHER : 0));
	}
}

/* ---- up and down --------------------------------------------------------------------------------- */

/* On Linux, too, the vectors bear the interface's name and are there while it is up. */
static int e1000_attach(struct e1000 *c)
{
	const char *name = c->nic.nif.name;
	int err;

	if (!c->nic.vectors)
		return 0;
	if (c->nic.pci->irq_type != PCI_IRQ_MSIX)
		return nic_attach(&c->nic, 0, e1000_line_irq, c, name, "");
	err = nic_attach(&c->nic, VECTOR_RX, e1000_queue_irq, c, name, "-rx-0");
	err = err ? err : nic_attach(&c->nic, VECTOR_TX, e1000_queue_irq, c, name, "-tx-0");
	return err ? err : nic_attach(&c->nic, VECTOR_OTHER, e1000_other_irq, c, name, "");
}

static int e1000_open(struct netif *nif)
{
	struct e1000 *c = nif->priv;
	int err = e1000_attach(c);

	local_bh_disable();
	e1000_refill(c);
	local_bh_enable();
	if (!err && c->rx_given == c->rx_taken)
		err = -ENOMEM;
	if (err) {
		nic_detach(&c->nic);
		return err;
	}
	nic_up(&c->nic);
	e1000_receiver(c);
	return 0;
}

static void e1000_stop(struct netif *nif)
{
	struct e1000 *c = nif->priv;

	nic_down(&c->nic);
	e1000_receiver(c);
	e1000_write(c, E1000_IMC, ~0u);
	nic_detach(&c->nic);
	/* Its senders wait for no poll now. */
	e1000_tx_reclaim(nif, 0);
	spin_lock_bh(&nif->txqs->lock);
	c->queue.tx_armed = 0;
	spin_unlock_bh(&nif->txqs->lock);
}

static const struct netif_ops e1000_ops = {
	.open = e1000_open,
	.stop = e1000_stop,
	.xmit = e1000_xmit,
	.set_mac = e1000_set_mac,
	.set_mtu = e1000_set_mtu,
	.set_rx_mode = e1000_set_rx_mode,
	.tx_reclaim = e1000_tx_reclaim,
	.release = nic_release,
	.add_stats = e1000_add_stats,
};

/* ---- probe --------------------------------------------------------------------------------------- */

/* Wait until a register has these bits in this state: false if it does not come to that. */
static bool e1000_await(struct e1000 *c, u32 at, u32 bits, u32 want, u64 ns)
{
	u64 limit = clock_ns() + ns;
	bool late;

	for (;;) {
		late = clock_ns() > limit;
		if ((e1000_read(c, at) & bits) == want)
			return true;
		if (late)
			return false;
		wait_until(clock_ns() + 100 * NSEC_PER_USEC);
	}
}

/* Nothing of what firmware set up goes on. The bus is not the card's yet. */
static int e1000_reset(struct e1000 *c)
{
	e1000_write(c, E1000_IMC, ~0u);
	e1000_write(c, E1000_RCTL, 0);
	e1000_write(c, E1000_TCTL, 0);
	e1000_write(c, E1000_CTRL, e1000_read(c, E1000_CTRL) | CTRL_RST);
	wait_until(clock_ns() + 10 * NSEC_PER_USEC);	/* no access within the first (13.4.1) */
	if (!e1000_await(c, E1000_CTRL, CTRL_RST, 0, RESET_NS))
		return -ETIMEDOUT;
	e1000_write(c, E1000_IMC, ~0u);
	e1000_read(c, E1000_ICR);
	return 0;
}

/* A word of the EEPROM, or -ETIMEDOUT. */
static int e1000_eeprom(struct e1000 *c, u32 word)
{
	u32 done = c->is_82574 ? 1u << 1 : 1u << 4;

	e1000_write(c, E1000_EERD, word << (c->is_82574 ? 2 : 8) | 1);
	return e1000_await(c, E1000_EERD, done, done, EEPROM_NS) ? (int)(e1000_read(c, E1000_EERD) >> 16) : -ETIMEDOUT;
}

/* The reset has loaded the address from the EEPROM; if it has not, we do. */
static int e1000_address(struct e1000 *c)
{
	u8 *mac = c->nic.nif.mac;
	u32 low, high;

	if (e1000_await(c, E1000_RAH, RAH_AV, RAH_AV, EEPROM_NS)) {
		low = e1000_read(c, E1000_RAL);
		high = e1000_read(c, E1000_RAH);
		put_unaligned_le32(low, mac);
		put_unaligned_le16(high, mac + 4);
	} else {
		for (u32 i = 0; i < ETH_ALEN / 2; i++) {
			int word = e1000_eeprom(c, i);

			if (word < 0)
				return word;
			put_unaligned_le16(word, mac + 2 * i);
		}
		e1000_set_mac(&c->nic.nif, mac);
	}
	return nic_mac_check(&c->nic, mac);
}

/* MSI-X as a whole or not at all: the causes of fewer vectors could not be told apart. */
static int e1000_vectors(struct e1000 *c)
{
	int err = nic_vectors_alloc(&c->nic, VECTORS);

	if (err)
		return err;
	if (!c->nic.vectors)
		return 0;
	c->rx_cause = CAUSE_RXT0;
	c->tx_cause = CAUSE_TXDW;
	if (c->nic.pci->irq_type == PCI_IRQ_MSIX) {
		c->rx_cause = CAUSE_RXQ0;
		c->tx_cause = CAUSE_TXQ0;
		e1000_write(c, E1000_IVAR, (8 | VECTOR_RX) | (8 | VECTOR_TX) << 8 | (8 | VECTOR_OTHER) << 16);
		e1000_write(c, E1000_EIAC, CAUSE_RXQ0 | CAUSE_TXQ0 | CAUSE_OTHER);
		e1000_write(c, E1000_IAM, CAUSE_RXQ0 | CAUSE_TXQ0 | CAUSE_OTHER);
		e1000_write(c, E1000_CTRL_EXT, e1000_read(c, E1000_CTRL_EXT) | CTRL_EXT_EIAME | CTRL_EXT_PBA);
	}
	return 0;
}

static int e1000_rings(struct e1000 *c)
{
	u64 rx, tx;

	c->rx = dma_alloc(E1000_RING * sizeof(*c->rx));
	c->tx = dma_alloc(E1000_RING * sizeof(*c->tx));
	if (!c->rx || !c->tx)
		return -ENOMEM;
	rx = dma_addr(c->rx);
	tx = dma_addr(c->tx);
	e1000_write(c, E1000_RDBAL, rx);
	e1000_write(c, E1000_RDBAH, rx >> 32);
	e1000_write(c, E1000_RDLEN, E1000_RING * sizeof(*c->rx));
	e1000_write(c, E1000_RDH, 0);
	e1000_write(c, E1000_RDT, 0);
	e1000_write(c, E1000_TDBAL, tx);
	e1000_write(c, E1000_TDBAH, tx >> 32);
	e1000_write(c, E1000_TDLEN, E1000_RING * sizeof(*c->tx));
	e1000_write(c, E1000_TDH, 0);
	e1000_write(c, E1000_TDT, 0);
	return 0;
}

/* Interrupts at once, checksums, the transmitter. The receiver waits for the interface to be up. */
static void e1000_setup(struct e1000 *c)
{
	static const u16 at_once[] = { E1000_ITR, E1000_RDTR, E1000_RADV, E1000_TIDV, E1000_TADV };

	for (u32 i = 0; i < ARRAY_SIZE(at_once); i++)
		e1000_write(c, at_once[i], 0);
	for (u32 i = 0; c->is_82574 && i < VECTORS; i++)
		e1000_write(c, E1000_EITR + 4 * i, 0);
	for (u32 i = 0; i < ARRAY_SIZE(c->mta); i++)
		e1000_write(c, E1000_MTA + 4 * i, 0);
	if (c->is_82574) {
		e1000_write(c, E1000_CTRL_EXT, e1000_read(c, E1000_CTRL_EXT) | CTRL_EXT_DRV);
		e1000_write(c, E1000_RFCTL, RFCTL_VALUE);
	}
	e1000_write(c, E1000_RXCSUM, RXCSUM_VALUE);
	e1000_write(c, E1000_TIPG, TIPG_VALUE);
	e1000_write(c, E1000_TXDCTL, TXDCTL_VALUE | (c->is_82574 ? TXDCTL_82574 : 0));
	e1000_write(c, E1000_TCTL, TCTL_VALUE);
	e1000_write(c, E1000_CTRL, (e1000_read(c, E1000_CTRL) | CTRL_SLU) &
		    ~(CTRL_ILOS | CTRL_FRCSPD | CTRL_FRCDPX | CTRL_VME));
}

/* Off the bus first: then nothing of ours is in use any more. */
static void e1000_release(struct e1000 *c)
{
	struct pci_device *pci = c->nic.pci;

	pci_disable(pci);
	wait_until(clock_ns() + HELD_BACK_NS);
	nic_vectors_free(&c->nic);
	if (c->rx)
		dma_free(c->rx, E1000_RING * sizeof(*c->rx));
	if (c->tx)
		dma_free(c->tx, E1000_RING * sizeof(*c->tx));
	if (c->regs)
		pci_unmap(c->regs, E1000_REGISTERS);
	e1000_rings_free(c);
}

static int e1000_probe(struct pci_device *pci)
{
	struct e1000 *c = kzalloc(sizeof(*c));
	struct netif *nif = &c->nic.nif;
	int err = -ENODEV;

	if (!c)
		return -ENOMEM;
	nic_init(&c->nic, pci, &e1000_ops, c);
	c->is_82574 = pci->device == E1000_82574L;
	c->nic.link.fn = e1000_link_work;
	nif->max_mtu = c->is_82574 ? MTU_MAX_82574 : MTU_MAX;
	nif->features = NETIF_F_SG | NETIF_F_CSUM | NETIF_F_RXCSUM;
	nif->tso_parts = NIC_TX_PARTS - 1;

	pci_write16(pci, PCI_COMMAND, PCI_COMMAND_MEMORY);
	c->regs = pci_map(pci, 0, 0, E1000_REGISTERS);
	if (!c->regs)
		goto fail;
	err = e1000_reset(c);
	if (!err)
		err = e1000_address(c);
	if (err)
		goto fail;
	pci_enable(pci);
	err = e1000_rings(c);
	if (!err)
		err = e1000_vectors(c);
	if (err)
		goto fail;
	e1000_setup(c);
	nic_queue_add(&c->nic, &c->queue, e1000_poll, e1000_tx_kick, pci_irq(pci, VECTOR_RX));
	pci->driver_data = c;
	err = nic_register(&c->nic, c->is_82574 ? "e1000e" : "e1000");
	if (err)
		goto fail;
	return 0;

fail:
	e1000_release(c);
	kfree(c);
	return err;
}

static void e1000_remove(struct pci_device *pci)
{
	struct e1000 *c = pci->driver_data;

	nic_unregister(&c->nic);
	e1000_release(c);
	netif_put(&c->nic.nif);
}

static const struct pci_id e1000_ids[] = { PCI_ID(INTEL, E1000_82540EM), PCI_ID(INTEL, E1000_82545EM), { 0 } };
static const struct pci_id e1000e_ids[] = { PCI_ID(INTEL, E1000_82574L), { 0 } };
PCI_DRIVER(e1000, .name = "e1000", .ids = e1000_ids, .probe = e1000_probe, .remove = e1000_remove);
PCI_DRIVER(e1000e, .name = "e1000e", .ids = e1000e_ids, .probe = e1000_probe, .remove = e1000_remove);
