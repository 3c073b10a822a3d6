/*
 * VMware's paravirtual card: probe, up and down, addresses and filters, link, statistics. Frames and interrupts are in
 * vmxnet3_ring.c, what the card is given in vmxnet3.h, what all cards do alike in nic.c.
 *
 * Setting the interface up activates the card with rings that are as new; setting it down resets it, and it has nothing
 * of ours any more. A change of the MTU is both. The card's counts begin anew each time: they are added up.
 *
 * The card may have been left running by firmware: it is kept off the bus until it is reset.
 */
#include "drivers/net/vmxnet3.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/dma.h"
#include "mm/slab.h"
#include "net/net.h"

#define VMWARE		0x15ad
#define VMXNET3		0x07b0

static void vmxnet3_write(struct vmxnet3 *c, u32 at, u32 v) { mmio_write32(c->control + at, v); }
static u32 vmxnet3_read(struct vmxnet3 *c, u32 at) { return mmio_read32(c->control + at); }

/* A command, without an answer or with one. [nic.lock; or nobody else has the card yet] */
static void vmxnet3_tell(struct vmxnet3 *c, u32 command)
{
	mmio_wmb();		/* what it is about lies in the shared page */
	vmxnet3_write(c, VMXNET3_CMD, command);
}

static u32 vmxnet3_ask(struct vmxnet3 *c, u32 command)
{
	vmxnet3_tell(c, command);
	return vmxnet3_read(c, VMXNET3_CMD);
}

/* Into the state after power-on; it only knows again where the shared page is. [nic.lock, as above] */
static u32 vmxnet3_reset(struct vmxnet3 *c)
{
	u64 shared = dma_addr(&c->m->shared);
	u32 err = vmxnet3_ask(c, CMD_RESET);

	c->m->shared.events = 0;
	vmxnet3_write(c, VMXNET3_DSAL, shared);
	vmxnet3_write(c, VMXNET3_DSAH, shared >> 32);
	return err;
}

/* ---- filters, link, statistics ------------------------------------------------------------------- */

static void vmxnet3_group(void *arg, const u8 mac[ETH_ALEN])
{
	struct vmxnet3_memory *m = arg;

	if (m->shared.groups_len > sizeof(m->groups) - ETH_ALEN) {
		m->shared.rx_mode |= RXM_ALL_MULTI;
		return;
	}
	memcpy(m->groups + m->shared.groups_len, mac, ETH_ALEN);
	m->shared.groups_len += ETH_ALEN;
}

/* What the card takes, by the state of the interface. [nic.lock] */
static void vmxnet3_filter(struct vmxnet3 *c)
{
	struct vmxnet3_shared *s = &c->m->shared;
	u32 flags = c->nic.nif.flags;

	s->rx_mode = RXM_UCAST | RXM_MCAST | RXM_BCAST;
	s->groups_len = 0;
	multicast_for_each(&c->nic.nif, vmxnet3_group, c->m);
	if (flags & NETIF_PROMISC)
		s->rx_mode |= RXM_PROMISC | RXM_ALL_MULTI;
	if (flags & NETIF_ALLMULTI)
		s->rx_mode |= RXM_ALL_MULTI;
}

static void vmxnet3_set_rx_mode(struct netif *nif)
{
	struct vmxnet3 *c = nif->priv;

	spin_lock_bh(&c->nic.lock);
	if (!c->nic.gone)
		vmxnet3_filter(c);
	if (c->active) {
		vmxnet3_tell(c, CMD_UPDATE_MAC_FILTERS);
		vmxnet3_tell(c, CMD_UPDATE_RX_MODE);
	}
	spin_unlock_bh(&c->nic.lock);
}

static void vmxnet3_write_mac(struct vmxnet3 *c, const u8 mac[ETH_ALEN])
{
	vmxnet3_write(c, VMXNET3_MACL, get_unaligned_le32(mac));
	vmxnet3_write(c, VMXNET3_MACH, get_unaligned_le16(mac + 4));
}

static int vmxnet3_set_mac(struct netif *nif, const u8 mac[ETH_ALEN])
{
	struct vmxnet3 *c = nif->priv;

	spin_lock_bh(&c->nic.lock);
	vmxnet3_write_mac(c, mac);
	spin_unlock_bh(&c->nic.lock);
	return 0;
}

/* What the card has counted since it was activated, into s. [nic.lock] */
static void vmxnet3_count(struct vmxnet3 *c, struct netif_stats *s)
{
	const struct vmxnet3_memory *m = c->m;

	if (!c->active)
		return;
	vmxnet3_tell(c, CMD_GET_STATS);
	s->rx_missed_errors += m->rxq.no_buffers;
	s->tx_errors += m->txq.errors;
	s->tx_dropped += m->txq.discards;
}

static void vmxnet3_add_stats(const struct netif *nif, struct netif_stats *s)
{
	struct vmxnet3 *c = nif->priv;

	spin_lock_bh(&c->nic.lock);
	s->rx_missed_errors += c->nic.counted.rx_missed_errors;
	s->tx_errors += c->nic.counted.tx_errors;
	s->tx_dropped += c->nic.counted.tx_dropped;
	vmxnet3_count(c, s);
	spin_unlock_bh(&c->nic.lock);
}

static void vmxnet3_link_work(struct work *w)
{
	struct vmxnet3 *c = container_of(w, struct vmxnet3, nic.link);
	u32 events, link, error = 0;

	spin_lock_bh(&c->nic.lock);
	/* Acknowledged, then looked at; a change after that raises the interrupt anew. */
	events = READ_ONCE(c->m->shared.events);
	if (events)
		vmxnet3_write(c, VMXNET3_ECR, events);
	if (c->active && events & (EVENT_RQ_ERROR | EVENT_TQ_ERROR))
		error = c->m->txq.stopped ? c->m->txq.error : c->m->rxq.error;
	link = vmxnet3_ask(c, CMD_GET_LINK);
	spin_unlock_bh(&c->nic.lock);
	if (link == ~0u)
		nic_break(&c->nic, "a link of", link);
	if (events & (EVENT_RQ_ERROR | EVENT_TQ_ERROR))
		nic_break(&c->nic, "that it stopped a queue for", error);
	netif_carrier(&c->nic.nif, link & 1 && !c->nic.broken);
	if (c->nic.up && !c->nic.broken && c->nic.pci->irq_type == PCI_IRQ_MSIX)
		vmxnet3_mask(c, VECTOR_EVENT, false);
}

/* ---- up and down --------------------------------------------------------------------------------- */

static int vmxnet3_attach(struct vmxnet3 *c)
{
	const char *name = c->nic.nif.name;
	int err;

	if (!c->nic.vectors)
		return 0;
	if (c->nic.pci->irq_type != PCI_IRQ_MSIX)
		return nic_attach(&c->nic, 0, vmxnet3_line_irq, c, name, "");
	err = nic_attach(&c->nic, VECTOR_RX, vmxnet3_rx_irq, c, name, "-rx-0");
	err = err ? err : nic_attach(&c->nic, VECTOR_TX, vmxnet3_tx_irq, c, name, "-tx-0");
	return err ? err : nic_attach(&c->nic, VECTOR_EVENT, vmxnet3_event_irq, c, name, "-event-2");
}

/* All that the card is to know, in the memory that it is given: as new, but for the rings, which are empty already. */
static void vmxnet3_describe(struct vmxnet3 *c)
{
	bool msix = c->nic.pci->irq_type == PCI_IRQ_MSIX;
	struct vmxnet3_memory *m = c->m;
	struct vmxnet3_shared *s = &m->shared;

	memset(s, 0, sizeof(*m) - offsetof(struct vmxnet3_memory, shared));
	s->magic = VMXNET3_MAGIC;
	s->version = s->revision = s->upt_version = 1;
	s->guest = VMXNET3_GUEST;
	s->features = VMXNET3_F_RXCSUM | VMXNET3_F_LRO;
	s->driver_data = ~0ull;
	s->queues = dma_addr(&m->txq);
	s->queues_len = sizeof(m->txq) + sizeof(m->rxq);
	s->mtu = c->mtu;
	s->rx_sg_max = DIV_ROUND_UP(VMXNET3_FRAME_MAX, NIC_RX_ROOM);
	s->tx_queues = s->rx_queues = 1;
	s->auto_mask = !c->masks;
	s->vectors = MAX(c->nic.vectors, 1u);
	s->event_vector = msix ? VECTOR_EVENT : 0;
	s->intr_control = c->nic.vectors ? 0 : INTR_DISABLE_ALL;
	s->groups = dma_addr(m->groups);
	memset(s->vlans, 0xff, sizeof(s->vlans));
	m->txq.ring = dma_addr(m->tx);
	m->txq.comp_ring = dma_addr(m->tx_comp);
	m->txq.ring_size = m->txq.comp_size = VMXNET3_TX_RING;
	m->txq.vector = msix ? VECTOR_TX : 0;
	m->rxq.comp_ring = dma_addr(m->rx_comp);
	m->rxq.comp_size = ARRAY_SIZE(m->rx_comp);
	m->rxq.vector = msix ? VECTOR_RX : 0;
	for (u32 k = 0; k < VMXNET3_RX_RINGS; k++) {
		m->rxq.ring[k] = dma_addr(m->rx[k]);
		m->rxq.ring_size[k] = VMXNET3_RX_RING;
	}
	vmxnet3_filter(c);
}

/* The rings are filled: the card has them from here on. */
static int vmxnet3_activate(struct vmxnet3 *c)
{
	struct netif *nif = &c->nic.nif;
	u32 status;

	spin_lock_bh(&c->nic.lock);
	status = vmxnet3_reset(c) ? ~0u : vmxnet3_ask(c, CMD_ACTIVATE);
	if (!status) {
		for (u32 i = 0; i < VECTORS; i++)
			vmxnet3_mask(c, i, true);
		for (u32 k = 0; k < VMXNET3_RX_RINGS; k++)
			mmio_write32(c->regs + VMXNET3_RXPROD + k * VMXNET3_RXPROD_STEP, c->rx[k].given % VMXNET3_RX_RING);
		vmxnet3_write_mac(c, nif->mac);
		spin_lock_bh(&nif->txqs->lock);
		c->active = true;
		spin_unlock_bh(&nif->txqs->lock);
	}
	spin_unlock_bh(&c->nic.lock);
	if (status)
		log_err("%s: the card does not start: %#x", nif->name, status);
	return status ? -EIO : 0;
}

static int vmxnet3_open(struct netif *nif)
{
	struct vmxnet3 *c = nif->priv;
	int err = vmxnet3_attach(c);

	if (err)
		goto fail;
	spin_lock_bh(&c->nic.lock);
	vmxnet3_describe(c);
	spin_unlock_bh(&c->nic.lock);
	local_bh_disable();
	vmxnet3_refill(c);
	local_bh_enable();
	err = c->rx[VMXNET3_HEAD].given ? vmxnet3_activate(c) : -ENOMEM;
	if (err)
		goto fail;
	nic_up(&c->nic);
	return 0;

fail:
	vmxnet3_rings_empty(c);
	nic_detach(&c->nic);
	return err;
}

static void vmxnet3_stop(struct netif *nif)
{
	struct vmxnet3 *c = nif->priv;

	nic_down(&c->nic);
	spin_lock_bh(&c->nic.lock);
	vmxnet3_count(c, &c->nic.counted);
	vmxnet3_tell(c, CMD_QUIESCE);
	vmxnet3_reset(c);
	spin_lock_bh(&nif->txqs->lock);
	c->active = false;
	c->queue.tx_armed = 0;
	vmxnet3_rings_empty(c);
	spin_unlock_bh(&nif->txqs->lock);
	spin_unlock_bh(&c->nic.lock);
	nic_detach(&c->nic);
}

static int vmxnet3_set_mtu(struct netif *nif, u32 mtu)
{
	struct vmxnet3 *c = nif->priv;
	u32 before = c->mtu;
	int err = 0;

	c->mtu = mtu;
	if (!c->nic.up)
		return 0;
	vmxnet3_stop(nif);
	err = vmxnet3_open(nif);
	if (err) {
		c->mtu = before;
		if (vmxnet3_open(nif))
			nic_break(&c->nic, "no rings for an MTU of", before);
	}
	return err;
}

static const struct netif_ops vmxnet3_ops = {
	.open = vmxnet3_open,
	.stop = vmxnet3_stop,
	.xmit = vmxnet3_xmit,
	.set_mac = vmxnet3_set_mac,
	.set_mtu = vmxnet3_set_mtu,
	.set_rx_mode = vmxnet3_set_rx_mode,
	.tx_reclaim = vmxnet3_tx_reclaim,
	.release = nic_release,
	.add_stats = vmxnet3_add_stats,
};

/* ---- probe --------------------------------------------------------------------------------------- */

/* The card says which revisions of itself and of the shared page it has; both begin at the first. */
static int vmxnet3_identify(struct vmxnet3 *c)
{
	u8 *mac = c->nic.nif.mac;
	u32 revisions = vmxnet3_read(c, VMXNET3_VRRS), upt = vmxnet3_read(c, VMXNET3_UVRS);

	if (!(revisions & 1) || !(upt & 1) || revisions == ~0u) {
		log_err("%s: unknown revisions %#x, %#x", c->nic.pci->dev.name, revisions, upt);
		return -ENODEV;
	}
	vmxnet3_write(c, VMXNET3_VRRS, 1);
	vmxnet3_write(c, VMXNET3_UVRS, 1);
	vmxnet3_reset(c);
	put_unaligned_le32(vmxnet3_ask(c, CMD_GET_PERM_MAC_LO), mac);
	put_unaligned_le16(vmxnet3_ask(c, CMD_GET_PERM_MAC_HI), mac + 4);
	return nic_mac_check(&c->nic, mac);
}

/* MSI-X as a whole or not at all: fewer vectors serve no better than one. */
static int vmxnet3_vectors(struct vmxnet3 *c)
{
	int err = nic_vectors_alloc(&c->nic, VECTORS);

	if (err)
		return err;
	c->masks = INTR_MASK_MODE(vmxnet3_ask(c, CMD_GET_CONF_INTR)) == 1;
	return 0;
}

/* Reset and off the bus first: then nothing of ours is in use any more. */
static void vmxnet3_release(struct vmxnet3 *c)
{
	struct pci_device *pci = c->nic.pci;

	if (c->control && c->m)
		vmxnet3_tell(c, CMD_RESET);
	pci_disable(pci);
	nic_vectors_free(&c->nic);
	if (c->regs)
		pci_unmap(c->regs, VMXNET3_REGISTERS);
	if (c->control)
		pci_unmap(c->control, VMXNET3_REGISTERS);
	if (c->m) {
		vmxnet3_rings_empty(c);
		dma_free(c->m, sizeof(*c->m));
	}
}

static int vmxnet3_probe(struct pci_device *pci)
{
	struct vmxnet3 *c = kzalloc(sizeof(*c));
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	nic_init(&c->nic, pci, &vmxnet3_ops, c);
	c->nic.link.fn = vmxnet3_link_work;
	c->mtu = ETH_DATA;
	c->nic.nif.max_mtu = VMXNET3_MTU_MAX;
	c->nic.nif.features = NETIF_F_SG | NETIF_F_CSUM | NETIF_F_RXCSUM;
	c->nic.nif.tso_parts = NIC_TX_PARTS - 1;

	pci_write16(pci, PCI_COMMAND, PCI_COMMAND_MEMORY);
	c->regs = pci_map(pci, 0, 0, VMXNET3_REGISTERS);
	c->control = pci_map(pci, 1, 0, VMXNET3_REGISTERS);
	c->m = dma_alloc(sizeof(*c->m));
	if (!c->regs || !c->control || !c->m)
		goto fail;
	err = vmxnet3_identify(c);
	if (err)
		goto fail;
	pci_enable(pci);
	err = vmxnet3_vectors(c);
	if (err)
		goto fail;
	nic_queue_add(&c->nic, &c->queue, vmxnet3_poll, vmxnet3_tx_kick, pci_irq(pci, VECTOR_RX));
	pci->driver_data = c;
	err = nic_register(&c->nic, "vmxnet3");
	if (err)
		goto fail;
	return 0;

fail:
	vmxnet3_release(c);
	kfree(c);
	return err;
}

static void vmxnet3_remove(struct pci_device *pci)
{
	struct vmxnet3 *c = pci->driver_data;

	nic_unregister(&c->nic);
	vmxnet3_release(c);
	netif_put(&c->nic.nif);
}

static const struct pci_id vmxnet3_ids[] = { PCI_ID(VMWARE, VMXNET3), { 0 } };
PCI_DRIVER(vmxnet3, .name = "vmxnet3", .ids = vmxnet3_ids, .probe = vmxnet3_probe, .remove = vmxnet3_remove);
