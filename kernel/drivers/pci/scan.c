/*
 * Finding PCI devices: every function of a bus, then of each bus that a
 * bridge leads to, which gets its number here, depth first, as the Bridge
 * specification 1.2 (3.2.5.3-5) wants it: a bridge passes on what is for the
 * buses from its secondary to its subordinate number. What is known already
 * keeps its place: the same walk finds what has come since.
 *
 * The walk is a loop, not a recursion: a chain of 200 bridges costs no stack.
 */
#include "drivers/pci/pci.h"
#include "base/errno.h"
#include "base/printf.h"
#include "core/log.h"
#include "mm/slab.h"

#define PCI_PRIMARY_BUS		0x18	/* primary, secondary, subordinate, latency: a byte each */
#define HEADER_BRIDGE		1
#define HOTPLUG_BUSES		4u	/* numbers kept for bridges on a card to come, of the first half of them all */
#define CLASS_BRIDGE_PCI	0x0604

static bool pci_is_bridge(const struct pci_device *d)
{
	return (d->header_type & 0x7f) == HEADER_BRIDGE && d->class >> 8 == CLASS_BRIDGE_PCI;
}

static struct pci_device *pci_device_add(struct pci_bus *b, u32 devfn, u32 id)
{
	struct pci_device *d = kzalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->bus = b;
	d->devfn = devfn;
	d->config = b->config + devfn * PCI_CFG_SIZE;
	d->vendor = id;
	d->device = id >> 16;
	d->header_type = pci_read8(d, PCI_HEADER_TYPE);
	d->revision = pci_read8(d, PCI_REVISION);
	d->class = pci_read32(d, PCI_REVISION) >> 8;
	if ((d->header_type & 0x7f) == 0) {
		d->subsystem_vendor = pci_read16(d, PCI_SUBSYSTEM_VENDOR);
		d->subsystem_device = pci_read16(d, PCI_SUBSYSTEM_ID);
	}
	d->dev.bus = &pci_bus_type;
	d->dev.refs = 1;
	d->dev.parent = b->bridge ? &b->bridge->dev : NULL;
	snprintf(d->dev.root, sizeof(d->dev.root), "pci%04x:%02x", b->host->fw->segment, b->host->fw->bus_first);
	snprintf(d->dev.name, sizeof(d->dev.name), "%04x:%02x:%02x.%u", b->host->fw->segment, b->number, devfn >> 3,
		 devfn & 7);
	pci_bar_size(d);
	list_push_back(&b->devices, &d->node);
	return d;
}

static struct pci_device *pci_known(struct pci_bus *b, u32 devfn)
{
	struct pci_device *d;

	list_for_each(d, &b->devices, node)
		if (d->devfn == devfn)
			return d;
	return NULL;
}

/* All functions of a bus. Function 0 says whether there are others. */
static void pci_scan_bus(struct pci_bus *b)
{
	for (u32 slot = 0; slot < 32; slot++) {
		for (u32 fn = 0, count = 1; fn < count; fn++) {
			u32 devfn = slot << 3 | fn;
			u32 id = mmio_read32(b->config + devfn * PCI_CFG_SIZE + PCI_VENDOR_ID);
			struct pci_device *d;

			if ((u16)id == 0xffff || (u16)id == 0)
				continue;
			d = pci_known(b, devfn);
			if (!d)
				d = pci_device_add(b, devfn, id);
			if (!d)
				return;
			if (fn == 0 && d->header_type & PCI_HEADER_MULTI)
				count = 8;
		}
	}
}

static void pci_set_buses(struct pci_device *bridge, u8 primary, u8 secondary, u8 subordinate)
{
	u32 v = pci_read32(bridge, PCI_PRIMARY_BUS) & 0xff000000;

	pci_write32(bridge, PCI_PRIMARY_BUS, v | subordinate << 16 | secondary << 8 | primary);
}

/* The next bridge of this bus that leads nowhere yet. */
static struct pci_device *pci_next_bridge(struct pci_bus *b)
{
	struct pci_device *d;

	list_for_each(d, &b->devices, node)
		if (pci_is_bridge(d) && !d->below)
			return d;
	return NULL;
}

/* The first number behind those that the bridges of this bus have. */
static u32 pci_number_next(struct pci_bus *b)
{
	u32 next = b->number + 1;
	struct pci_device *d;

	list_for_each(d, &b->devices, node)
		if (d->below)
			next = MAX(next, d->below->last + 1u);
	return next;
}

void pci_scan(struct pci_bus *top)
{
	struct pci_host *h = top->host;
	struct pci_bus *b = top;
	u32 next, last = top->last;

	pci_scan_bus(top);
	next = pci_number_next(top);
	for (;;) {
		struct pci_device *bridge = next <= last ? pci_next_bridge(b) : NULL;
		struct pci_bus *below = NULL;

		if (bridge) {
			/* While its buses are looked for, it passes on everything from its number up. */
			pci_set_buses(bridge, b->number, next, top->last);
			below = pci_bus_create(h, b, bridge, next);
			if (!below) {
				/* No more of them: those that are open are closed. */
				pci_set_buses(bridge, b->number, 0, 0);
				log_err("pci %s: the bus behind it cannot be reached", bridge->dev.name);
				last = 0;
				continue;
			}
			next++;
			bridge->below = below;
			/* Bits 3:0 of the prefetchable base say whether it has 64 bits. */
			below->mem64 = b->mem64 && (pci_read16(bridge, 0x24) & 0xf) == 1;
			pci_scan_bus(below);
			b = below;
			continue;
		}
		if (b == top)
			return;
		/* All below is numbered: close the bridge's range and go on above. */
		b->last = next - 1;
		if (pci_takes_cards(b->bridge) && next + HOTPLUG_BUSES <= h->fw->bus_last / 2u) {
			b->last += HOTPLUG_BUSES;
			next += HOTPLUG_BUSES;
		}
		pci_set_buses(b->bridge, b->parent->number, b->number, b->last);
		b = b->parent;
	}
}

/* ---- capabilities, decoding ---------------------------------------------------------------------- */

u8 pci_find_cap(struct pci_device *d, u8 id, u8 after)
{
	u8 at;

	if (!(pci_read16(d, PCI_STATUS) & PCI_STATUS_CAPS))
		return 0;
	at = pci_read8(d, after ? after + 1u : PCI_CAP_POINTER) & ~3;
	/* At most (256 - 64) / 4 capabilities fit: a longer list is a loop. */
	for (u32 left = 48; at >= 0x40 && left; left--) {
		if (pci_read8(d, at) == id)
			return at;
		at = pci_read8(d, at + 1u) & ~3;
	}
	return 0;
}

void pci_enable(struct pci_device *d)
{
	u16 command = pci_read16(d, PCI_COMMAND) | PCI_COMMAND_MASTER;

	for (u32 i = 0; i < PCI_BARS; i++)
		if (d->ranges[i].placed)
			command |= d->ranges[i].space == PCI_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	pci_write16(d, PCI_COMMAND, command);
}

void pci_disable(struct pci_device *d)
{
	pci_write16(d, PCI_COMMAND, pci_read16(d, PCI_COMMAND) &
		    ~(PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY | PCI_COMMAND_IO));
}
