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
#include "mm/slab.h"

/* The receive ring was empty and there was no memory: the poll tries again. */
static void nic_refill_timer(struct timer *t)
{
	napi_schedule(&container_of(t, struct nic_queue, refill)->napi);
}

void nic_init(struct nic *n, struct pci_device *pci, const struct netif_ops *ops, void *priv)
{
	n->pci = pci;
	n->nif.ops = ops;
	n->nif.priv = priv;
	n->nif.mtu = ETH_DATA;
	spin_init(&n->lock, "nic.control");
}

void nic_queue_add(struct nic *n, struct nic_queue *q, int (*poll)(struct napi *, int),
		   void (*kick)(struct net_deferred *), struct irq *irq)
{
	struct nic_queue **end = &n->queues;

	for (; *end; end = &(*end)->next)
		q->index++;
	*end = q;
	q->nic = n;
	q->tx_kick.fn = kick;
	timer_init(&q->refill, nic_refill_timer);
	/* A line that others share is not ours to mask while we poll. */
	napi_init(&q->napi, poll, n->pci->irq_type == PCI_IRQ_INTX ? NULL : irq);
	napi_disable(&q->napi);
}

void nic_break(struct nic *n, const char *what, u32 value)
{
	if (__atomic_exchange_n(&n->broken, true, __ATOMIC_RELAXED))
		return;
	log_err("%s: the card wrote %s %#x: out of service", n->nif.name, what, value);
	work_queue(&n->link);
}

int nic_vectors(struct nic *n, int err)
{
	if (err == -ENOMEM)
		return err;
	n->vectors = err < 0 ? 0 : n->pci->irq_type == PCI_IRQ_MSIX ? err : 1;
	n->timer_polled = !n->vectors;
	n->attached = kcalloc(MAX(n->vectors, 1u), sizeof(*n->attached));
	return n->attached ? 0 : -ENOMEM;
}

void nic_vectors_free(struct nic *n)
{
	pci_irq_free(n->pci);
	kfree(n->attached);
}

int nic_vectors_alloc(struct nic *n, u32 count)
{
	int err = pci_irq_alloc(n->pci, count, count, PCI_IRQ_MSIX);

	if (err < 0 && err != -ENOMEM)
		err = pci_irq_alloc(n->pci, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	return nic_vectors(n, err);
}

int nic_mac_check(const struct nic *n, const u8 mac[ETH_ALEN])
{
	if (!(mac[0] & 1) && (get_unaligned_le32(mac) | mac[4] | mac[5]))
		return 0;
	log_err("%s: the address %pM is none of a card", n->pci->dev.name, mac);
	return -EINVAL;
}

int nic_attach(struct nic *n, u32 vector, irq_handler handler, void *arg, const char *name, const char *what)
{
	struct nic_vector *at = &n->attached[vector];
	int err;

	snprintf(at->name, sizeof(at->name), "%s%s", name, what);
	irq_count_as_net(pci_irq(n->pci, vector));
	err = pci_irq_attach(n->pci, vector, handler, arg, at->name);
	at->arg = err ? NULL : arg;
	return err;
}

void nic_detach(struct nic *n)
{
	for (u32 i = 0; n->attached && i < n->vectors; i++) {
		if (n->attached[i].arg)
			pci_irq_detach(n->pci, i, n->attached[i].arg);
		n->attached[i].arg = NULL;
	}
}

void nic_up(struct nic *n)
{
	n->up = true;
	for (struct nic_queue *q = n->queues; q; q = q->next)
		napi_enable(&q->napi);
	for (u32 i = 0; i < n->vectors; i++)
		pci_irq_enable(n->pci, i);
	for (struct nic_queue *q = n->queues; q; q = q->next) {
		if (n->timer_polled)
			napi_poll_by_timer(&q->napi, true);
		/* Frames that came while the vectors were shut: the poll looks, and arms. */
		local_bh_disable();
		napi_schedule(&q->napi);
		local_bh_enable();
	}
	work_queue(&n->link);
}

void nic_down(struct nic *n)
{
	for (u32 i = 0; i < n->vectors; i++)
		pci_irq_disable(n->pci, i);
	for (struct nic_queue *q = n->queues; q; q = q->next) {
		if (n->timer_polled)
			napi_poll_by_timer(&q->napi, false);
		napi_disable(&q->napi);
	}
	n->up = false;
	for (struct nic_queue *q = n->queues; q; q = q->next)
		timer_cancel_sync(&q->refill);
}

int nic_register(struct nic *n, const char *driver)
{
	char how[160];
	int err;

	memcpy(n->nif.perm_mac, n->nif.mac, ETH_ALEN);
	n->nif.bus_info = n->pci->dev.name;
	err = netif_register(&n->nif);
	if (err)
		return err;
	pci_irq_describe(n->pci, how, sizeof(how));
	log_info("%s: %s", driver, how);
	n->link.fn(&n->link);
	return 0;
}

void nic_unregister(struct nic *n)
{
	netif_unregister(&n->nif);
	nic_detach(n);
	work_cancel(&n->link);
	spin_lock_bh(&n->lock);
	WRITE_ONCE(n->gone, true);
	spin_unlock_bh(&n->lock);
	/* Who had a queue's lock, and did not see it yet, is done. */
	for (struct nic_queue *q = n->queues; q; q = q->next) {
		spin_lock_bh(&nic_txq(q)->lock);
		spin_unlock_bh(&nic_txq(q)->lock);
	}
}

void nic_release(struct netif *nif)
{
	kfree(nif->priv);
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

struct pkt *nic_join(struct nic *n, struct nic_chain *chain, struct pkt *p, bool end, u32 least, u32 largest)
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
		chain->bad = !end && pkt_linear(p) < least;
	}
	if (!end)
		return NULL;
	chain->first = NULL;
	if (!chain->bad)
		return first;
	nic_rx_bad(n, first, true);
	return NULL;
}
