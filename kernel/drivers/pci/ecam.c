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
#define PHYS_MAX	(1ull << 48)	/* what our page tables map */

struct list_node pci_hosts = LIST_INIT(pci_hosts);

struct pci_bus *pci_bus_create(struct pci_host *h, struct pci_bus *parent, struct pci_device *bridge, u8 number)
{
	struct pci_bus *b = kzalloc(sizeof(*b));
	u64 at = h->fw->ecam.base + (u64)(number - h->fw->bus_first) * BUS_CONFIG_SIZE;
	u32 id;

	if (!b)
		return NULL;
	b->config = mmio_map(at, BUS_CONFIG_SIZE);
	if (!b->config || !mmio_probe32(b->config, &id)) {
		if (b->config) {
			log_err("PCI: there is no configuration space at %#llx", (unsigned long long)at);
			mmio_unmap(b->config, BUS_CONFIG_SIZE);
		}
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

static bool overlaps(const struct platform_range *a, u64 base, u64 size)
{
	return a->base < base + size && base < a->base + a->size;
}

static bool in_memory(u64 base, u64 size)
{
	for (u32 i = 0; i < platform.memory_count; i++)
		if (overlaps(&platform.memory[i], base, size))
			return true;
	return false;
}

/* What of a host's configuration space cannot be true; NULL: nothing. */
static const char *pci_host_why_not(const struct platform_pci *fw)
{
	const struct platform_range *e = &fw->ecam;
	struct pci_host *h;

	if (fw->bus_last < fw->bus_first || e->size < (fw->bus_last - fw->bus_first + 1ull) * BUS_CONFIG_SIZE)
		return "has no room for its buses";
	if (!IS_ALIGNED(e->base, BUS_CONFIG_SIZE) || e->base >= PHYS_MAX || e->size > PHYS_MAX - e->base)
		return "has no such address";
	if (in_memory(e->base, e->size))
		return "lies in memory";
	/* Two windows on one configuration space would give each of its devices to two drivers. */
	list_for_each(h, &pci_hosts, node)
		if (overlaps(&h->fw->ecam, e->base, e->size) || (h->fw->segment == fw->segment &&
		    h->fw->bus_first <= fw->bus_last && fw->bus_first <= h->fw->bus_last))
			return "overlaps one before it";
	return NULL;
}

/* Windows where no device can be placed are none: their kind becomes 0. */
static void pci_windows_check(const struct platform_pci *fw)
{
	for (u32 i = 0; i < fw->window_count; i++) {
		struct platform_pci_window *w = &fw->windows[i];
		bool memory = in_memory(w->cpu, w->size);

		if (!memory && !overlaps(&fw->ecam, w->cpu, w->size) && (w->kind == PCI_MEM64 || w->pci + w->size <= BIT(32)) &&
		    w->cpu < PHYS_MAX && w->size <= PHYS_MAX - w->cpu)
			continue;
		log_err("PCI: the window of %#llx bytes at %#llx %s: not used", (unsigned long long)w->size,
			(unsigned long long)w->cpu, memory ? "lies in memory" : "cannot be one");
		w->kind = PCI_NONE;
	}
}

static int pci_host_add(const struct platform_pci *fw)
{
	const char *why = pci_host_why_not(fw);
	struct pci_host *h;
	struct pci_bus *root;

	if (why) {
		log_err("PCI: the host at %#llx %s: not used", (unsigned long long)fw->ecam.base, why);
		return -EINVAL;
	}
	pci_windows_check(fw);
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
