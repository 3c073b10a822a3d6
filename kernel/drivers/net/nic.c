/*
 * The skeleton of network drivers: see nic.h. Nothing in here is on the way of an ordinary packet.
 */
#include "drivers/net/nic.h"
#include "base/cksum.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"

/* The receive ring was empty and there was no memory: the poll tries again. */
static void nic_refill_timer(struct timer *t)
{
	napi_schedule(&container_of(t, struct nic, refill)->napi);
}

void nic_init(struct nic *n, struct pci_device *pci, const struct netif_ops *ops, void *priv)
{
	n->pci = pci;
	n->nif.ops = ops;
	n->nif.priv = priv;
	n->nif.mtu = ETH_DATA;
	spin_init(&n->lock, "nic.control");
	timer_init(&n->refill, nic_refill_timer);
}

void nic_break(struct nic *n, const char *what, u32 value)
{
	if (__atomic_exchange_n(&n->broken, true, __ATOMIC_RELAXED))
		return;
	log_err("%s: the card wrote %s %#x: out of service", n->nif.name, what, value);
	work_queue(&n->link);
}

void nic_vectors(struct nic *n, int err)
{
	n->vectors = err < 0 ? 0 : n->pci->irq_type == PCI_IRQ_MSIX ? err : 1;
	n->timer_polled = !n->vectors;
}

int nic_vectors_alloc(struct nic *n, u32 count)
{
	int err = pci_irq_alloc(n->pci, count, count, PCI_IRQ_MSIX);

	if (err < 0 && err != -ENOMEM)
		err = pci_irq_alloc(n->pci, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (err == -ENOMEM)
		return err;
	nic_vectors(n, err);
	return 0;
}

int nic_mac_check(const struct nic *n, const u8 mac[ETH_ALEN])
{
	if (!(mac[0] & 1) && (get_unaligned_le32(mac) | mac[4] | mac[5]))
		return 0;
	log_err("%s: the address %pM is none of a card", n->pci->name, mac);
	return -EINVAL;
}

int nic_attach(struct nic *n, u32 vector, irq_handler handler, void *arg, const char *name, const char *what)
{
	snprintf(n->names[vector], sizeof(n->names[vector]), "%s%s", name, what);
	irq_count_as_net(pci_irq(n->pci, vector));
	return pci_irq_attach(n->pci, vector, handler, arg, n->names[vector]);
}

void nic_detach(struct nic *n, void *arg)
{
	for (u32 i = 0; i < n->vectors; i++)
		pci_irq_detach(n->pci, i, arg);
}

void nic_up(struct nic *n)
{
	n->up = true;
	napi_enable(&n->napi);
	for (u32 i = 0; i < n->vectors; i++)
		pci_irq_enable(n->pci, i);
	if (n->timer_polled)
		napi_poll_by_timer(&n->napi, true);
	/* Frames that came while the vectors were shut: the poll looks, and arms. */
	local_bh_disable();
	napi_schedule(&n->napi);
	local_bh_enable();
	work_queue(&n->link);
}

void nic_down(struct nic *n)
{
	if (n->timer_polled)
		napi_poll_by_timer(&n->napi, false);
	for (u32 i = 0; i < n->vectors; i++)
		pci_irq_disable(n->pci, i);
	napi_disable(&n->napi);
	n->up = false;
	timer_cancel_sync(&n->refill);
}

int nic_register(struct nic *n, const char *driver)
{
	char how[160];
	int err;

	memcpy(n->nif.perm_mac, n->nif.mac, ETH_ALEN);
	n->nif.bus_info = n->pci->name;
	err = netif_register(&n->nif);
	if (err)
		return err;
	pci_irq_describe(n->pci, how, sizeof(how));
	log_info("%s: %s", driver, how);
	n->link.fn(&n->link);
	return 0;
}

u32 nic_tso_headers(struct pkt *p)
{
	u16 *sum = (u16 *)(p->data + p->csum_start + p->csum_offset);

	*sum = cksum_fold_raw((u64)*sum + (u16)~cpu_to_be16(p->len - p->csum_start));
	return p->csum_start + (p->data[p->csum_start + 12] >> 4 << 2);
}

void nic_rx_bad(struct nic *n, struct pkt *p, bool length)
{
	netif_count(&n->nif)->rx_errors++;
	netif_count(&n->nif)->rx_length_errors += length;
	pkt_free(p);
}

struct pkt *nic_join(struct nic *n, struct nic_chain *chain, struct pkt *p, bool end, u32 full, u32 largest)
{
	struct pkt *first = chain->first;

	if (!first) {
		chain->first = first = p;
		chain->bad = false;
	} else if (chain->bad || first->len + p->len > largest) {
		chain->bad = true;
		pkt_free(p);
	} else {
		*chain->end = p;
		first->len += p->len;
	}
	if (!chain->bad) {
		chain->end = &p->frag;
		chain->bad = !end && pkt_linear(p) != full;
	}
	if (!end)
		return NULL;
	chain->first = NULL;
	if (!chain->bad)
		return first;
	nic_rx_bad(n, first, true);
	return NULL;
}
