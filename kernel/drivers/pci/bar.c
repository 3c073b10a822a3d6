/*
 * Base address registers: how large each is, where it goes, and mapping it.
 *
 * Sizes are read while a device is found (pci_bar_size). When all are known,
 * pci_place works from the leaves up (a bridge needs as much as what is behind
 * it), then hands out addresses from the root down, the most aligned first, so
 * that nothing is wasted between powers of two. Addresses that firmware may
 * have set are not kept: placing all anew is one rule for every machine.
 *
 * Sources: PCI 3.0, 6.2.5; PCI-to-PCI Bridge 1.2, 3.2.5.6-9 (windows).
 */
#include "drivers/pci/pci.h"
#include "core/log.h"
#include "mm/kmap.h"
#include "mm/page.h"

#define BAR_IO			1
#define BAR_TYPE_64		4
#define BAR_PREFETCH		8
#define IO_GRANULE		0x1000		/* of a bridge's windows */
#define MEM_GRANULE		0x100000
/* Kept behind a port whose cards come and go, where nothing needs as much; sizes that most cards are content with. */
#define HOTPLUG_IO		IO_GRANULE
#define HOTPLUG_MEM		(2u << 20)
#define HOTPLUG_MEM64		(32u << 20)
#define LARGE			(16u << 20)	/* non-prefetchable, yet better placed above 4 GiB */

#define BRIDGE_IO_BASE		0x1c
#define BRIDGE_MEM_BASE		0x20
#define BRIDGE_PREF_BASE	0x24
#define BRIDGE_PREF_BASE_HI	0x28
#define BRIDGE_PREF_LIMIT_HI	0x2c
#define BRIDGE_IO_HI		0x30
#define BRIDGE_ROM		0x38

/* ---- sizing -------------------------------------------------------------------------------------- */

static u32 bar_probe(struct pci_device *d, u32 at)
{
	u32 old = pci_read32(d, at), mask;

	pci_write32(d, at, ~0u);
	mask = pci_read32(d, at);
	pci_write32(d, at, old);
	return mask;
}

/* One BAR; returns how many registers it takes. */
static u32 bar_size(struct pci_device *d, u32 i, u32 count)
{
	struct pci_range *r = &d->ranges[i];
	u32 at = PCI_BAR0 + 4 * i, low = bar_probe(d, at), taken = 1;
	u64 mask;

	if (low == 0 || low == ~0u)
		return 1;
	if (low & BAR_IO) {
		/* The upper half may be hard-wired to 0: I/O space has 16 bits there. */
		mask = (low & ~3u) | 0xffffffffffff0000ull;
		r->space = PCI_IO;
	} else {
		mask = (low & ~0xfu) | 0xffffffff00000000ull;
		r->prefetch = low & BAR_PREFETCH;
		if ((low & 6) == BAR_TYPE_64) {
			if (i + 1 == count)
				return 1;	/* a 64-bit BAR has no room in the last register */
			mask = (u64)bar_probe(d, at + 4) << 32 | (low & ~0xfu);
			r->is64 = true;
			taken = 2;
		}
		r->space = PCI_MEM32;
	}
	r->size = -mask;
	r->align = MAX(r->size, (u64)(r->space == PCI_IO ? 4 : PAGE_SIZE));
	if (!r->size || r->size & (r->size - 1)) {
		log_warn("pci %s: BAR %u has no valid size (mask %#llx): ignored", d->dev.name, i, (unsigned long long)mask);
		*r = (struct pci_range){ .space = PCI_NONE };
		return taken;
	}
	/* Above 4 GiB if it can go there: behind a bridge only prefetchable ranges can. */
	if (r->is64 && d->bus->mem64 && (r->prefetch || (!d->bus->parent && r->size > LARGE)))
		r->space = PCI_MEM64;
	return taken;
}

void pci_bar_size(struct pci_device *d)
{
	bool bridge = (d->header_type & 0x7f) == 1;
	u32 count = bridge ? 2 : (d->header_type & 0x7f) == 0 ? PCI_BARS : 0;

	/* Not decoding while the registers hold nonsense. */
	pci_disable(d);
	for (u32 i = 0; i < count;)
		i += bar_size(d, i, count);
	if (count)
		pci_write32(d, bridge ? BRIDGE_ROM : PCI_ROM, 0);
}

/* ---- placing ------------------------------------------------------------------------------------- */

/* Those that are spare, or those that are not. */
static u64 pci_layout_some(struct pci_bus *b, enum pci_space space, bool spare, u64 at, u64 limit, bool place,
	u64 *align)
{
	struct pci_device *d;
	u64 aligns = 0;

	list_for_each(d, &b->devices, node)
		for (u32 i = 0; i < PCI_RANGES; i++)
			if (d->ranges[i].space == space && d->ranges[i].spare == spare)
				aligns |= d->ranges[i].align;
	*align = MAX(*align, aligns ? BIT(63 - __builtin_clzll(aligns)) : 0ull);
	while (aligns) {
		u64 step = BIT(63 - __builtin_clzll(aligns));

		aligns -= step;
		list_for_each(d, &b->devices, node)
			for (u32 i = 0; i < PCI_RANGES; i++) {
				struct pci_range *r = &d->ranges[i];
				u64 start = ALIGN_UP(at, step);

				if (r->space != space || r->align != step || r->spare != spare)
					continue;
				if (place && (start < at || start > limit || r->size > limit - start)) {
					if (!spare)
						log_err("pci %s: no room for a range of %#llx bytes", d->dev.name,
							(unsigned long long)r->size);
					continue;
				}
				if (place) {
					r->address = start;
					r->placed = true;
				}
				at = start + r->size;
			}
	}
	return at;
}

/*
 * Lay the ranges of one space of one bus out from `at` on, the most aligned first, and behind them what is spare. With
 * place set, each gets its address if it ends below the limit. Returns the end; *align is the largest alignment met.
 */
static u64 pci_layout(struct pci_bus *b, enum pci_space space, u64 at, u64 limit, bool place, u64 *align)
{
	*align = 0;
	at = pci_layout_some(b, space, false, at, limit, place, align);
	return pci_layout_some(b, space, true, at, limit, place, align);
}

/* What a bus needs in each space becomes its bridge's windows. */
static void pci_bridge_size(struct pci_bus *b)
{
	for (u32 space = PCI_IO; space < PCI_SPACES; space++) {
		struct pci_range *r = &b->bridge->ranges[PCI_BRIDGE_RANGES + space - 1];
		u64 granule = space == PCI_IO ? IO_GRANULE : MEM_GRANULE, align;
		u64 size = pci_layout(b, space, 0, ~0ull, false, &align);

		if (pci_takes_cards(b->bridge) && (space != PCI_MEM64 || b->mem64)) {
			r->spare = !size;
			size = MAX(size, space == PCI_IO ? HOTPLUG_IO : space == PCI_MEM32 ? HOTPLUG_MEM : HOTPLUG_MEM64);
		}
		if (!size)
			continue;
		r->space = space;
		r->size = ALIGN_UP(size, granule);
		r->align = MAX(align, granule);
	}
}

static void pci_write_bars(struct pci_device *d)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		const struct pci_range *r = &d->ranges[i];

		if (!r->placed)
			continue;
		pci_write32(d, PCI_BAR0 + 4 * i, r->address);
		if (r->is64)
			pci_write32(d, PCI_BAR0 + 4 * i + 4, r->address >> 32);
	}
}

/* A window's registers hold address bits from the granule up; base above limit closes it. */
static void pci_write_windows(struct pci_device *bridge)
{
	const struct pci_range *io = &bridge->ranges[PCI_BRIDGE_RANGES + PCI_IO - 1];
	const struct pci_range *mem = &bridge->ranges[PCI_BRIDGE_RANGES + PCI_MEM32 - 1];
	const struct pci_range *pref = &bridge->ranges[PCI_BRIDGE_RANGES + PCI_MEM64 - 1];
	u64 base = io->placed ? io->address : 0xf000, last = io->placed ? io->address + io->size - 1 : 0xfff;

	pci_write16(bridge, BRIDGE_IO_BASE, (base >> 8 & 0xf0) | (last & 0xf000));
	pci_write32(bridge, BRIDGE_IO_HI, (base >> 16 & 0xffff) | (last & 0xffff0000));
	base = mem->placed ? mem->address : 0xfff00000;
	last = mem->placed ? mem->address + mem->size - 1 : 0xfffff;
	pci_write32(bridge, BRIDGE_MEM_BASE, (base >> 16 & 0xfff0) | (last & 0xfff00000));
	base = pref->placed ? pref->address : 0xfff00000;
	last = pref->placed ? pref->address + pref->size - 1 : 0xfffff;
	pci_write32(bridge, BRIDGE_PREF_BASE, (base >> 16 & 0xfff0) | (last & 0xfff00000));
	pci_write32(bridge, BRIDGE_PREF_BASE_HI, base >> 32);
	pci_write32(bridge, BRIDGE_PREF_LIMIT_HI, last >> 32);
	pci_write16(bridge, PCI_COMMAND, pci_read16(bridge, PCI_COMMAND) | PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY |
		    PCI_COMMAND_IO);
}

/* The addresses of this space on a bus: false if there are none. */
static bool pci_bus_window(const struct pci_bus *b, enum pci_space space, u64 *start, u64 *end)
{
	const struct platform_pci *fw = b->host->fw;
	/* Address 0 means "not placed" to some devices, and low I/O ports are old PCs' own. */
	u64 first = space == PCI_IO ? IO_GRANULE : MEM_GRANULE;

	*start = *end = 0;
	if (b->bridge) {
		const struct pci_range *r = &b->bridge->ranges[PCI_BRIDGE_RANGES + space - 1];

		*start = r->address;
		*end = r->placed ? r->address + r->size : 0;
		return r->placed;
	}
	for (u32 i = 0; i < fw->window_count; i++)
		if (fw->windows[i].kind == space && fw->windows[i].size > *end - *start) {
			*start = fw->windows[i].pci;
			*end = *start + fw->windows[i].size;
		}
	*start = MAX(*start, first);
	return *end;
}

static void pci_place_bus(struct pci_bus *b)
{
	struct pci_device *d;

	for (u32 space = PCI_IO; space < PCI_SPACES; space++) {
		u64 start, end, align;

		pci_bus_window(b, space, &start, &end);
		pci_layout(b, space, start, end, true, &align);
	}
	list_for_each(d, &b->devices, node) {
		pci_write_bars(d);
		if (d->below)
			pci_write_windows(d);
	}
}

void pci_place(struct pci_host *h)
{
	struct pci_bus *root = list_first(&h->buses, struct pci_bus, node), *b;

	/* The list has parents first: backwards for the sizes, forwards for the addresses. */
	for (b = list_last(&h->buses, struct pci_bus, node); b != root; b = list_entry(b->node.prev, struct pci_bus, node))
		pci_bridge_size(b);
	list_for_each(b, &h->buses, node)
		pci_place_bus(b);
}

/* ---- placing what comes later -------------------------------------------------------------------- */

/* The range on this bus that overlaps these addresses and ends last; NULL: they are free. */
static const struct pci_range *pci_in_the_way(struct pci_bus *b, enum pci_space space, u64 start, u64 size)
{
	const struct pci_range *found = NULL;
	struct pci_device *d;

	list_for_each(d, &b->devices, node)
		for (u32 i = 0; i < PCI_RANGES; i++) {
			const struct pci_range *r = &d->ranges[i];

			if (r->placed && r->space == space && r->address < start + size && start < r->address + r->size &&
			    (!found || r->address > found->address))
				found = r;
		}
	return found;
}

/* The lowest place that is free. */
static bool pci_place_range(struct pci_bus *b, struct pci_range *r)
{
	const struct pci_range *other;
	u64 start, end;

	if (!pci_bus_window(b, r->space, &start, &end))
		return false;
	for (start = ALIGN_UP(start, r->align); start < end && r->size <= end - start;
	     start = ALIGN_UP(other->address + other->size, r->align)) {
		other = pci_in_the_way(b, r->space, start, r->size);
		if (!other) {
			r->address = start;
			r->placed = true;
			return true;
		}
	}
	return false;
}

static void pci_place_device(struct pci_device *d)
{
	for (u32 i = 0; i < PCI_RANGES; i++) {
		struct pci_range *r = &d->ranges[i];

		if (r->space == PCI_NONE || r->placed || pci_place_range(d->bus, r))
			continue;
		/* What may lie above 4 GiB need not; a bridge's window is what it is. */
		if (r->space == PCI_MEM64 && i < PCI_BARS) {
			r->space = PCI_MEM32;
			if (pci_place_range(d->bus, r))
				continue;
		}
		log_err("pci %s: no room for a range of %#llx bytes", d->dev.name, (unsigned long long)r->size);
	}
	pci_write_bars(d);
	if (d->below)
		pci_write_windows(d);
}

void pci_place_new(struct pci_bus *b, struct list_node *first)
{
	struct list_node *n, *all = &b->host->buses;
	struct pci_device *d;

	for (n = all->prev; n != first->prev; n = n->prev)
		pci_bridge_size(list_entry(n, struct pci_bus, node));
	list_for_each(d, &b->devices, node)
		if (!d->dev.node.next)		/* not announced yet */
			pci_place_device(d);
	for (n = first; n != all; n = n->next)
		pci_place_bus(list_entry(n, struct pci_bus, node));
}

/* ---- mapping ------------------------------------------------------------------------------------- */

void *pci_map(struct pci_device *d, u32 bar, u64 offset, u64 n)
{
	const struct pci_range *r = bar < PCI_BARS ? &d->ranges[bar] : NULL;

	if (!r || !r->placed || !n || offset > r->size || n > r->size - offset)
		return NULL;
	return mmio_map(r->address + d->bus->host->cpu_offset[r->space] + offset, n);
}

void pci_unmap(void *va, u64 n)
{
	mmio_unmap(va, n);
}
