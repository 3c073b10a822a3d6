/*
 * All PCI devices that were found, for tests that look for one of them.
 */
#include "drivers/pci/pci.h"

/* The first for NULL, the next, NULL after the last: those of parents before those behind bridges. */
static inline struct pci_device *pci_next(struct pci_device *d)
{
	struct pci_host *h;
	struct pci_bus *b;
	bool here = !d;

	if (d && d->node.next != &d->bus->devices)
		return list_entry(d->node.next, struct pci_device, node);
	list_for_each(h, &pci_hosts, node)
		list_for_each(b, &h->buses, node) {
			if (here && !list_empty(&b->devices))
				return list_first(&b->devices, struct pci_device, node);
			here = here || b == d->bus;
		}
	return NULL;
}
