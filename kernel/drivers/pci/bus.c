/*
 * PCI as a bus (bus/bus.h): its drivers, who announce themselves in a linker section, and the ways of a device that
 * comes or goes after boot. Slots that see their cards come and go, and a person at /sys, call pci_rescan and
 * pci_remove.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "fs/sysfs.h"
#include "mm/slab.h"

extern const struct pci_driver _pci_drivers_start[], _pci_drivers_end[];

static const struct bus_driver *pci_driver_next(const struct bus_driver *d)
{
	const struct pci_driver *next = d ? container_of(d, struct pci_driver, driver) + 1 : _pci_drivers_start;

	return next < _pci_drivers_end ? &next->driver : NULL;
}

static bool pci_id_matches(const struct pci_id *id, const struct pci_device *d)
{
	return (id->vendor == PCI_ANY || id->vendor == d->vendor) && (id->device == PCI_ANY || id->device == d->device) &&
	       (d->class & id->class_mask) == id->class;
}

static int pci_probe_one(struct bus_device *dev, const struct bus_driver *driver)
{
	const struct pci_driver *drv = container_of(driver, struct pci_driver, driver);
	struct pci_device *d = container_of(dev, struct pci_device, dev);
	int err = -ENODEV;

	for (const struct pci_id *id = drv->ids; id->vendor && err == -ENODEV; id++)
		if (pci_id_matches(id, d))
			err = drv->probe(d);
	return err;
}

static void pci_remove_one(struct bus_device *dev)
{
	struct pci_device *d = container_of(dev, struct pci_device, dev);

	container_of(dev->driver, struct pci_driver, driver)->remove(d);
	d->driver_data = NULL;
	if (!d->below)
		pci_disable(d);
}

static void pci_release(struct bus_device *dev)
{
	kfree(container_of(dev, struct pci_device, dev));
}

struct bus_type pci_bus_type = {
	BUS_INIT(pci_bus_type, "pci"),
	.attributes = pci_attributes,
	.driver_next = pci_driver_next,
	.probe = pci_probe_one,
	.remove = pci_remove_one,
	.release = pci_release,
};

int pci_bus_register(void)
{
	int err = bus_register(&pci_bus_type);

	return err ? err : sysfs_register_owned("bus/pci/rescan", NULL, pci_rescan_store, NULL, NULL);
}

static bool pci_is_below(const struct pci_bus *b, const struct pci_bus *top)
{
	while (b && b != top)
		b = b->parent;
	return b;
}

void pci_announce(struct pci_bus *top)
{
	struct pci_device *d;
	struct pci_bus *b;

	for (u32 bind = 0; bind < 2; bind++)
		list_for_each(b, &top->host->buses, node) {
			if (!pci_is_below(b, top))
				continue;
			list_for_each(d, &b->devices, node)
				if (bind)
					bus_device_probe(&d->dev);
				else if (!d->dev.node.next)
					bus_device_add(&d->dev);
		}
}

void pci_rescan(struct pci_bus *b)
{
	struct list_node *last = b->host->buses.prev;

	pci_scan(b);
	pci_place_new(b, last->next);
	pci_announce(b);
}

/* The last device of the last bus below d, or d: nothing is behind it. */
static struct pci_device *pci_leaf(struct pci_device *d)
{
	while (d->below && !list_empty(&d->below->devices))
		d = list_last(&d->below->devices, struct pci_device, node);
	return d;
}

static void pci_remove_leaf(struct pci_device *d)
{
	struct pci_bus *below = d->below;

	bus_device_unbind(&d->dev);
	list_remove(&d->node);
	d->below = NULL;
	/* Its window decodes no more, and its number is free again. */
	if (below) {
		pci_disable(d);
		pci_bus_destroy(below);
	}
	bus_device_remove(&d->dev);
}

void pci_remove(struct pci_device *d)
{
	struct pci_device *leaf;

	do {
		leaf = pci_leaf(d);
		pci_remove_leaf(leaf);
	} while (leaf != d);
}
