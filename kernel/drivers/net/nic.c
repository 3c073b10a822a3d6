/*
 * The skeleton of network drivers: see nic.h. Nothing in here is on the way of a packet.
 */
#include "drivers/net/nic.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"

void nic_vectors(struct nic *n, int err)
{
	n->vectors = err < 0 ? 0 : n->pci->irq_type == PCI_IRQ_MSIX ? err : 1;
	n->timer_polled = !n->vectors;
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
