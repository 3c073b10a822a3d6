/*
 * PCI hosts: the configuration space of each bus, mapped a megabyte at a time
 * as buses are found (PCIe 4.0, 7.2.2: bus in address bits 27:20, device in
 * 19:15, function in 14:12).
 *
 * main.c's bus stage runs pci_probe: for each host of struct platform the
 * devices are found (scan.c), placed (bar.c), then given to their drivers (bus.c).
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "core/log.h"
#include "dev/device.h"
#include "mm/kmap.h"
#include "mm/slab.h"

#define BUS_CONFIG_SIZE	0x100000

struct list_node pci_hosts = LIST_INIT(pci_hosts);

struct pci_bus *pci_bus_create(struct pci_host *h, struct pci_bus *parent, struct pci_device *bridge, u8 number)
{
	struct pci_bus *b = kzalloc(sizeof(*b));

	if (!b)
		return NULL;
	b->config = mmio_map(h->fw->ecam.base + (u64)(number - h->fw->bus_first) * BUS_CONFIG_SIZE, BUS_CONFIG_SIZE);
	if (!b->config) {
		kfree(b);
		return NULL;
	}
	b->host = h;
	b->parent = parent;
	b->bridge = bridge;
	b->number = b->last = number;
	list_init(&b->devices);
	list_push_back(&h->buses, &b->node);
	return b;
}

void pci_bus_destroy(struct pci_bus *b)
{
	list_remove(&b->node);
	mmio_unmap(b->config, BUS_CONFIG_SIZE);
	kfree(b);
}

/* The largest window of each kind; what little there may be beside it is left alone. */
static const struct platform_pci_window *pci_window(const struct platform_pci *fw, u8 kind)
{
	const struct platform_pci_window *best = NULL;

	for (u32 i = 0; i < fw->window_count; i++)
		if (fw->windows[i].kind == kind && (!best || fw->windows[i].size > best->size))
			best = &fw->windows[i];
	return best;
}

/* Two windows on one configuration space would give each of its devices to two drivers. */
static bool pci_overlaps(const struct platform_pci *fw)
{
	struct pci_host *h;

	list_for_each(h, &pci_hosts, node) {
		const struct platform_range *a = &h->fw->ecam, *b = &fw->ecam;
		bool buses = h->fw->segment == fw->segment && h->fw->bus_first <= fw->bus_last && fw->bus_first <= h->fw->bus_last;

		if (buses || (a->base < b->base + b->size && b->base < a->base + a->size))
			return true;
	}
	return false;
}

static int pci_host_add(const struct platform_pci *fw)
{
	struct pci_host *h;
	struct pci_bus *root;
	u32 id;

	if (pci_overlaps(fw)) {
		log_err("PCI: the host at %#llx overlaps one before it: not used", (unsigned long long)fw->ecam.base);
		return -EINVAL;
	}
	h = kzalloc(sizeof(*h));
	if (!h)
		return -ENOMEM;
	if (!fw->coherent)
		log_warn("PCI: firmware says that devices do not look into caches, which drivers here expect");
	h->fw = fw;
	list_init(&h->buses);
	for (u32 space = PCI_IO; space < PCI_SPACES; space++) {
		const struct platform_pci_window *w = pci_window(fw, space);

		if (w)
			h->cpu_offset[space] = w->cpu - w->pci;
	}
	root = pci_bus_create(h, NULL, NULL, fw->bus_first);
	if (!root) {
		kfree(h);
		return -ENOMEM;
	}
	if (!mmio_probe32(root->config, &id)) {
		log_err("PCI: there is no configuration space at %#llx", (unsigned long long)fw->ecam.base);
		mmio_unmap(root->config, BUS_CONFIG_SIZE);
		kfree(root);
		kfree(h);
		return -ENXIO;
	}
	root->mem64 = pci_window(fw, PCI_MEM64) != NULL;
	root->last = fw->bus_last;
	list_push_back(&pci_hosts, &h->node);
	pci_scan(root);
	pci_place(h);
	return 0;
}

static int pci_probe(void)
{
	struct pci_host *h;
	int err = -ENODEV, shown;

	mutex_lock(&pci_bus_type.lock);
	for (u32 i = 0; i < platform.pci_count; i++) {
		int one = pci_host_add(&platform.pci[i]);

		if (one == 0 || err == -ENODEV)
			err = one;
	}
	shown = pci_bus_register();
	if (shown)
		log_warn("PCI: not shown in /sys: error %d", -shown);
	list_for_each(h, &pci_hosts, node)
		pci_announce(list_first(&h->buses, struct pci_bus, node));
	mutex_unlock(&pci_bus_type.lock);
	return err;
}
PLATFORM_DRIVER(pci, DRIVER_BUS, pci_probe);
