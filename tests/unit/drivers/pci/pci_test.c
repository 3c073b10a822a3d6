/*
 * PCI over a model of configuration space: finding devices behind bridges, sizing and placing their
 * ranges, and the ladder of interrupts, with devices as they should be and as they should not.
 *
 * sources: bus/bus.c drivers/pci/bus.c drivers/pci/scan.c drivers/pci/bar.c drivers/pci/msix.c drivers/pci/msi.c
 * sources: drivers/pci/intx.c drivers/pci/slot.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include <sys/mman.h>
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The host driver is found through a section of the kernel's image, which a host program has not. */
#include "drivers/pci/ecam.c"
/* The words that its parameter takes reach it through another. */
#include "drivers/pci/irq.c"
#include "mm/slab.h"
#include "drivers/pci/pci_all.h"

struct platform platform = { .cpu_count = 1 };
const struct pci_driver _pci_drivers_start[1];
extern const struct pci_driver _pci_drivers_end[1] __attribute__((alias("_pci_drivers_start")));

#define ECAM		0x600000000000ull
#define IO_SIZE		0x10000
#define MEM_SIZE	0x8000000
#define MEM_PCI		0x10000000ull
#define MEM64_PCI	0x8000000000ull
#define MEM64_SIZE	0x1000000000ull

/* ---- the model ---- */

struct function {
	u8 config[4096];
	u32 bar_mask[6];	/* bits of a BAR that can be written */
	u32 bar_fixed[6];	/* bits that read so always */
	u8 devfn;
	struct function *bridge; /* above it; NULL: the root bus */
	struct function *next;
};
static struct function *functions;
static u8 *memory;		/* behind the memory window */

static u32 get(struct function *f, u32 at, u32 n)
{
	u32 v = 0;

	memcpy(&v, f->config + at, n);
	return v;
}

static void put(struct function *f, u32 at, u32 n, u32 v) { memcpy(f->config + at, &v, n); }

/* A bus is reached if every bridge on the way lets its number through. */
static bool on_bus(struct function *f, u32 bus)
{
	if (!f->bridge)
		return bus == 0;
	if (!bus || bus != f->bridge->config[0x19])
		return false;
	for (struct function *b = f->bridge; b; b = b->bridge)
		if (bus < b->config[0x19] || bus > b->config[0x1a])
			return false;
	return true;
}

static struct function *function_at(u64 offset)
{
	for (struct function *f = functions; f; f = f->next)
		if (f->devfn == (offset >> 12 & 0xff) && on_bus(f, offset >> 20))
			return f;
	return NULL;
}

static u64 config_read(void *arg, u64 offset, unsigned width)
{
	struct function *f = function_at(offset);

	return f ? get(f, offset & 0xfff, width) : (u32)~0u >> (32 - 8 * width);
}

static void config_write(void *arg, u64 offset, unsigned width, u64 v)
{
	struct function *f = function_at(offset);
	u32 at = offset & 0xfff, bars = f && f->config[PCI_HEADER_TYPE] & 1 ? 2 : 6;

	if (!f)
		return;
	if (at >= PCI_BAR0 && at < PCI_BAR0 + 4 * bars) {
		u32 i = (at - PCI_BAR0) / 4;

		EXPECT_EQ(width, 4u);
		/* A BAR is moved only while the device does not decode. */
		EXPECT_EQ(get(f, PCI_COMMAND, 2) & 3, 0u);
		put(f, at, 4, (v & f->bar_mask[i]) | f->bar_fixed[i]);
		return;
	}
	put(f, at, width, v);
}

static struct host_mmio ecam = { .base = ECAM, .size = 256 << 20, .read = config_read, .write = config_write };

static struct function *add(struct function *bridge, u32 slot, u32 fn)
{
	struct function *f = calloc(1, sizeof(*f));

	f->devfn = slot << 3 | fn;
	f->bridge = bridge;
	put(f, PCI_VENDOR_ID, 4, 0x00011234);
	put(f, PCI_REVISION, 4, 0x02000001);
	f->next = functions;
	functions = f;
	return f;
}

static struct function *add_bridge(struct function *bridge, u32 slot)
{
	struct function *f = add(bridge, slot, 0);

	put(f, PCI_REVISION, 4, 0x06040000);
	put(f, PCI_HEADER_TYPE, 1, 1);
	put(f, 0x24, 4, 0x00010001);		/* 64-bit prefetchable window */
	return f;
}

enum { MEM = 0, IO = 1, MEM_64 = 4, MEM_PREF = 8 };

static void bar(struct function *f, u32 i, u64 size, u32 kind)
{
	u64 mask = -size;

	f->bar_mask[i] = mask & ~(kind & IO ? 3u : 15u);
	f->bar_fixed[i] = kind;
	put(f, PCI_BAR0 + 4 * i, 4, kind);
	if (kind & MEM_64)
		f->bar_mask[i + 1] = mask >> 32;
}

static u8 cap(struct function *f, u8 id, u8 at)
{
	put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
	put(f, at, 2, id | f->config[PCI_CAP_POINTER] << 8);
	put(f, PCI_CAP_POINTER, 1, at);
	return at;
}

static struct platform_pci_window windows[3];
static struct platform_pci_intx intx[16];
static struct platform_msi_map msi_rows[] = { { .count = PLATFORM_RIDS } };
static struct platform_pci host = { .ecam = { ECAM, 256 << 20 }, .bus_last = 255, .windows = windows, .window_count = 3,
				    .intx = intx, .intx_slot_mask = 3 };

/* ---- interrupt controllers ---- */

static bool open_lines[256];
static void line_mask(struct irq *irq) { open_lines[irq->hwirq & 255] = false; }
static void line_unmask(struct irq *irq) { open_lines[irq->hwirq & 255] = true; }
static const struct irq_domain_ops line_ops = { .mask = line_mask, .unmask = line_unmask };
static struct irq_domain root_domain = { .name = "ROOT", .ops = &line_ops };
static struct irq_domain msi_domain = { .name = "FRAME", .ops = &line_ops };
static u32 frame_left;

static int frame_alloc(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind, struct irq **irqs)
{
	if (n > frame_left)
		return -ENOSPC;
	frame_left -= n;
	for (u32 i = 0; i < n; i++) {
		irqs[i] = irq_create(&msi_domain, 80 + i, IRQ_EDGE_RISING);
		irqs[i]->msi_address = 0x12345678040ull;
		irqs[i]->msi_data = 80 + i;
	}
	return 0;
}

static void frame_free(struct msi_controller *c, struct irq **irqs, u32 n)
{
	frame_left += n;
	while (n--)
		irq_destroy(irqs[n]);
}

static struct msi_controller frame = { .name = "FRAME", .lines = "SPI", .alloc = frame_alloc, .free = frame_free, .phandle_or_base = 7 };

/* ---- setting up ---- */

static void begin(void)
{
	static bool ready;

	if (!ready) {
		ready = true;
		host_mmio_add(&ecam);
		msi_controller_register(&frame);
		irq_root_domain_set(&root_domain);
		for (u32 i = 0; i < 16; i++)
			intx[i] = (struct platform_pci_intx){ i / 4, i % 4 + 1, 35 + (i / 4 + i % 4) % 4, IRQ_LEVEL_HIGH, .depth = 0 };
	}
	memory = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	windows[0] = (struct platform_pci_window){ 0x3eff0000, 0, IO_SIZE, 1, false };
	windows[1] = (struct platform_pci_window){ (u64)memory, MEM_PCI, MEM_SIZE, 2, false };
	windows[2] = (struct platform_pci_window){ 0x700000000000ull, MEM64_PCI, MEM64_SIZE, 3, true };
	msi_rows[0].ref = 7;
	host.msi = msi_rows;
	host.msi_count = ARRAY_SIZE(msi_rows);
	host.msi_rid_mask = 0xffff;
	host.coherent = true;
	host.bus_last = 255;
	host.window_count = 3;
	host.intx_count = 16;
	frame_left = 64;
}

static void find(void)
{
	EXPECT_EQ(pci_host_add(&host), 0);
}

static void end(void)
{
	while (!list_empty(&pci_hosts)) {
		struct pci_host *h = list_first(&pci_hosts, struct pci_host, node);

		while (!list_empty(&h->buses)) {
			struct pci_bus *b = list_first(&h->buses, struct pci_bus, node);

			while (!list_empty(&b->devices)) {
				struct pci_device *d = list_first(&b->devices, struct pci_device, node);

				pci_irq_free(d);
				list_remove(&d->node);
				kfree(d);
			}
			list_remove(&b->node);
			kfree(b);
		}
		list_remove(&h->node);
		kfree(h);
	}
	while (functions) {
		struct function *f = functions;

		functions = f->next;
		free(f);
	}
	munmap(memory, MEM_SIZE);
}

static struct pci_device *device_of(struct function *f)
{
	for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d))
		if (function_at((u64)(d->config - (u8 *)ECAM)) == f)
			return d;
	return NULL;
}

static u32 device_count(void)
{
	u32 n = 0;

	for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d))
		n++;
	return n;
}

/* ---- finding ---- */

TEST(functions_and_buses_are_found)
{
	struct function *a, *b, *c, *deep;

	begin();
	a = add(NULL, 0, 0);
	put(a, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTI);
	add(NULL, 0, 3);
	add(NULL, 5, 1);			/* no function 0: not there */
	b = add_bridge(NULL, 1);
	c = add_bridge(b, 2);
	deep = add(c, 31, 0);
	add(b, 3, 0);
	add_bridge(NULL, 2);			/* leads to nothing */
	find();
	EXPECT_EQ(device_count(), 7u);
	EXPECT_EQ(b->config[0x18], 0);
	EXPECT_EQ(b->config[0x19], 1);
	EXPECT_EQ(b->config[0x1a], 2);
	EXPECT_EQ(c->config[0x18], 1);
	EXPECT_EQ(c->config[0x19], 2);
	EXPECT_EQ(c->config[0x1a], 2);
	REQUIRE(device_of(deep));
	EXPECT_STR(device_of(deep)->dev.name, "0000:02:1f.0");
	EXPECT_EQ(device_of(deep)->class, 0x020000u);
	end();
}

TEST(a_chain_of_bridges_as_long_as_there_are_numbers)
{
	struct function *b = NULL;

	begin();
	host.bus_last = 100;
	for (u32 i = 0; i < 150; i++)
		b = add_bridge(b, 0);
	find();
	EXPECT_EQ(device_count(), 101u);	/* one a bus */
	end();
}

TEST(capability_lists_that_loop_end)
{
	struct function *f;

	begin();
	f = add(NULL, 0, 0);
	cap(f, 0x01, 0x40);
	cap(f, PCI_CAP_MSI, 0x50);
	put(f, 0x41, 1, 0x50);			/* back to the other */
	find();
	EXPECT_EQ(pci_find_cap(device_of(f), PCI_CAP_MSI, 0), 0x50);
	EXPECT_EQ(pci_find_cap(device_of(f), PCI_CAP_MSIX, 0), 0);
	put(f, PCI_CAP_POINTER, 1, 0x08);	/* into the header */
	EXPECT_EQ(pci_find_cap(device_of(f), PCI_CAP_MSI, 0), 0);
	end();
}

/* ---- ranges ---- */

TEST(ranges_are_sized_and_placed)
{
	struct function *f;
	struct pci_device *d;

	begin();
	f = add(NULL, 0, 0);
	bar(f, 0, 0x20, IO);
	f->bar_mask[0] &= 0xffff;		/* I/O space has 16 bits */
	bar(f, 1, 0x1000, MEM);
	bar(f, 2, 0x4000, MEM_64 | MEM_PREF);
	bar(f, 4, 0x100, MEM_64);
	put(f, PCI_ROM, 4, 0xfffff801);
	find();
	d = device_of(f);
	EXPECT_EQ(d->ranges[0].size, 0x20ull);
	EXPECT_EQ(d->ranges[0].space, PCI_IO);
	EXPECT_GE(d->ranges[0].address, 0x1000ull);
	EXPECT_EQ(d->ranges[1].size, 0x1000ull);
	EXPECT_EQ(d->ranges[1].space, PCI_MEM32);
	EXPECT_EQ(d->ranges[2].size, 0x4000ull);
	EXPECT_EQ(d->ranges[2].space, PCI_MEM64);
	EXPECT_GE(d->ranges[2].address, MEM64_PCI);
	EXPECT_EQ(get(f, 0x1c, 4), (u32)(d->ranges[2].address >> 32));
	EXPECT_EQ(d->ranges[3].space, PCI_NONE);
	EXPECT_EQ(d->ranges[4].size, 0x100ull);
	EXPECT_EQ(get(f, PCI_ROM, 4), 0u);
	EXPECT_EQ(get(f, PCI_COMMAND, 2) & 7, 0u);
	pci_enable(d);
	EXPECT_EQ(get(f, PCI_COMMAND, 2) & 7, 7u);
	/* Where the CPU finds them. */
	EXPECT_EQ((u64)pci_map(d, 0, 4, 8), 0x3eff0000 + d->ranges[0].address + 4);
	EXPECT_EQ((u64)pci_map(d, 1, 0, 0x1000), (u64)memory + d->ranges[1].address - MEM_PCI);
	EXPECT_EQ((u64)pci_map(d, 2, 0, 1), 0x700000000000ull + d->ranges[2].address - MEM64_PCI);
	EXPECT(pci_map(d, 1, 0, 0x1001) == NULL);
	EXPECT(pci_map(d, 1, 0x1000, 1) == NULL);
	EXPECT(pci_map(d, 1, ~0ull, 2) == NULL);
	EXPECT(pci_map(d, 3, 0, 1) == NULL);
	EXPECT(pci_map(d, 6, 0, 1) == NULL);
	end();
}

TEST(ranges_that_cannot_be)
{
	struct function *f, *g;

	begin();
	f = add(NULL, 0, 0);
	bar(f, 5, 0x1000, MEM);
	f->bar_fixed[5] = MEM_64;		/* 64 bits in the last register */
	put(f, PCI_BAR0 + 20, 4, MEM_64);
	f->bar_mask[0] = 0xff00f000;		/* a size with holes */
	bar(f, 1, 0x1000, MEM);
	g = add(NULL, 1, 0);
	bar(g, 0, 2ull * MEM_SIZE, MEM);	/* larger than the window */
	bar(g, 1, 0x1000, MEM);
	find();
	EXPECT_EQ(device_of(f)->ranges[5].space, PCI_NONE);
	EXPECT_EQ(device_of(f)->ranges[0].space, PCI_NONE);
	EXPECT(device_of(f)->ranges[1].placed);
	EXPECT(!device_of(g)->ranges[0].placed);
	EXPECT(device_of(g)->ranges[1].placed);
	EXPECT(host_log_has("no room for a range of 0x10000000 bytes"));
	EXPECT(pci_map(device_of(g), 0, 0, 4) == NULL);
	end();
}

/* Hosts that firmware puts where none can be: each is left out with its reason, and the one that can be is there. */
TEST(configuration_spaces_that_cannot_be)
{
	struct platform_range ram[] = { { 0x40000000, 0x20000000 }, { ECAM + (512ull << 20), 0x1000 } };
	static const struct { u64 base, size; u16 segment; u8 first, last; const char *why; } cases[] = {
		{ ECAM + (128 << 20), 16 << 20, 1, 0, 15, "overlaps one before it" },
		{ ECAM - (1 << 20), 2 << 20, 1, 0, 1, "overlaps one before it" },
		{ ECAM + (256 << 20), 16 << 20, 0, 255, 255, "overlaps one before it" },	/* a bus that is known */
		{ ECAM + (256 << 20), 15 << 20, 1, 0, 15, "has no room for its buses" },
		{ ECAM + (256 << 20), 16 << 20, 1, 15, 0, "has no room for its buses" },
		{ ECAM + (256 << 20) + 0x1000, 16 << 20, 1, 0, 15, "has no such address" },
		{ ~0ull << 24, 16 << 20, 1, 0, 15, "has no such address" },		/* ends at 0 */
		{ (1ull << 48) - (1 << 20), 2 << 20, 1, 0, 1, "has no such address" },
		{ 1ull << 48, 1 << 20, 1, 0, 0, "has no such address" },
		{ 0x40000000, 1 << 20, 1, 0, 0, "lies in memory" },
		{ ECAM + (511 << 20), 2 << 20, 1, 0, 1, "lies in memory" },
	};

	begin();
	find();
	platform.memory = ram;
	platform.memory_count = 2;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct platform_pci bad = { .ecam = { cases[i].base, cases[i].size }, .segment = cases[i].segment,
					    .bus_first = cases[i].first, .bus_last = cases[i].last, .coherent = true };
		char line[96];

		EXPECT_EQ(pci_host_add(&bad), -EINVAL);
		snprintf(line, sizeof(line), "PCI: the host at %#llx %s: not used", (unsigned long long)cases[i].base, cases[i].why);
		EXPECT(host_log_has(line));
	}
	EXPECT(list_first(&pci_hosts, struct pci_host, node) == list_last(&pci_hosts, struct pci_host, node));
	platform.memory_count = 0;
	end();
}

/* Firmware says of more buses than the hardware has: what is in front of the gap is used. */
TEST(a_configuration_space_that_ends_early)
{
	struct function *b, *c, *f;

	begin();
	b = add_bridge(NULL, 1);
	c = add_bridge(b, 0);
	add(c, 0, 0);
	f = add(NULL, 2, 0);
	bar(f, 0, 0x1000, MEM);
	host_hole = ECAM + (2 << 20);
	host_hole_size = 254 << 20;
	find();
	EXPECT(host_log_has("there is no configuration space at 0x600000200000"));
	EXPECT(host_log_has("pci 0000:01:00.0: the bus behind it cannot be reached"));
	EXPECT_EQ(device_count(), 3u);
	EXPECT(device_of(f)->ranges[0].placed);
	EXPECT_EQ(get(b, 0x18, 4) & 0xffffff, 0x010100u);	/* one bus behind it */
	EXPECT_EQ(get(c, 0x18, 4) & 0xffff00, 0u);
	end();
	begin();
	host_hole = ECAM;
	host_hole_size = 1 << 20;
	EXPECT_EQ(pci_host_add(&host), -ENXIO);
	EXPECT(list_empty(&pci_hosts));
	end();
}

/* Windows that are memory, or the configuration space, or end beyond what their registers hold: nothing is placed there. */
TEST(windows_that_cannot_be)
{
	struct platform_range ram = { 0x700000000000ull, 0x1000 };
	struct function *f;

	begin();
	windows[0] = (struct platform_pci_window){ 0x3eff0000, 0xffffffff, 0x10000, PCI_IO, false };
	windows[1] = (struct platform_pci_window){ ECAM + (255 << 20), MEM_PCI, MEM_SIZE, PCI_MEM32, false };
	platform.memory = &ram;
	platform.memory_count = 1;
	f = add(NULL, 0, 0);
	bar(f, 0, 0x20, IO);
	bar(f, 1, 0x1000, MEM);
	bar(f, 2, 0x4000, MEM_64 | MEM_PREF);
	find();
	platform.memory_count = 0;
	EXPECT(host_log_has("the window of 0x10000 bytes at 0x3eff0000 cannot be one: not used"));
	EXPECT(host_log_has("the window of 0x8000000 bytes at 0x60000ff00000 cannot be one: not used"));
	EXPECT(host_log_has("at 0x700000000000 lies in memory: not used"));
	for (u32 i = 0; i < 3; i++) {
		EXPECT(!device_of(f)->ranges[i].placed);
		EXPECT(pci_map(device_of(f), i, 0, 4) == NULL);
	}
	pci_enable(device_of(f));
	EXPECT_EQ(get(f, PCI_COMMAND, 2) & 3, 0u);		/* it answers nowhere */
	end();
}

TEST(without_a_64_bit_window_all_goes_below)
{
	struct function *f;

	begin();
	host.window_count = 2;
	f = add(NULL, 0, 0);
	bar(f, 0, 0x4000, MEM_64 | MEM_PREF);
	find();
	EXPECT_EQ(device_of(f)->ranges[0].space, PCI_MEM32);
	EXPECT(device_of(f)->ranges[0].placed);
	EXPECT_EQ(get(f, PCI_BAR0 + 4, 4), 0u);
	end();
}

static bool contains(const struct pci_range *outer, const struct pci_range *inner)
{
	return inner->address >= outer->address && inner->address + inner->size <= outer->address + outer->size;
}

/* Any tree: what is placed lies in its bridge's window as the bridge's own registers have it, aligned, and overlaps nothing. */
TEST(random_trees_are_laid_out_soundly)
{
	for (int round = 0; round < 200; round++) {
		struct function *bridges[12] = { NULL };
		u32 n = 1, placed = 0, wanted = 0;

		begin();
		while (n < 1 + unit_random_below(12)) {
			bridges[n] = add_bridge(bridges[unit_random_below(n)], n);
			n++;
		}
		for (u32 i = 0; i < 15; i++) {
			struct function *f = add(bridges[unit_random_below(n)], 12 + i, 0);

			bar(f, 0, 0x10ull << unit_random_below(5), IO);
			bar(f, 1, 0x1000ull << unit_random_below(8), MEM);
			bar(f, 2, 0x1000ull << unit_random_below(16), MEM_64 | MEM_PREF);
			wanted += 3;
		}
		find();
		for (struct pci_device *d = pci_next(NULL); d; d = pci_next(d)) {
			for (u32 i = 0; i < PCI_RANGES; i++) {
				const struct pci_range *r = &d->ranges[i];

				if (!r->placed)
					continue;
				placed += i < PCI_BARS && !d->below;
				EXPECT_EQ(r->address % r->align, 0ull);
				if (d->bus->bridge)
					EXPECT(contains(&d->bus->bridge->ranges[PCI_BRIDGE_RANGES + r->space - 1], r));
				for (struct pci_device *o = pci_next(NULL); o; o = pci_next(o)) {
					for (u32 k = 0; k < PCI_RANGES; k++) {
						const struct pci_range *q = &o->ranges[k];

						if (o->bus != d->bus || q == r || !q->placed || q->space != r->space)
							continue;
						EXPECT(q->address + q->size <= r->address || r->address + r->size <= q->address);
					}
				}
			}
			if (d->below) {
				struct function *f = function_at((u64)(d->config - (u8 *)ECAM));
				const struct pci_range *mem = &d->ranges[PCI_BRIDGE_RANGES + PCI_MEM32 - 1];
				const struct pci_range *io = &d->ranges[PCI_BRIDGE_RANGES + PCI_IO - 1];
				const struct pci_range *pref = &d->ranges[PCI_BRIDGE_RANGES + PCI_MEM64 - 1];
				u64 base = get(f, 0x20, 2) << 16, last = get(f, 0x22, 2) << 16 | 0xfffff;

				EXPECT(mem->placed ? base == mem->address && last == mem->address + mem->size - 1 : base > last);
				base = (get(f, 0x1c, 1) & 0xf0) << 8 | get(f, 0x30, 2) << 16;
				last = (get(f, 0x1d, 1) & 0xf0) << 8 | 0xfff | get(f, 0x32, 2) << 16;
				EXPECT(io->placed ? base == io->address && last == io->address + io->size - 1 : base > last);
				base = (u64)get(f, 0x28, 4) << 32 | (get(f, 0x24, 2) & 0xfff0) << 16;
				last = (u64)get(f, 0x2c, 4) << 32 | (get(f, 0x26, 2) & 0xfff0) << 16 | 0xfffff;
				EXPECT(pref->placed ? base == pref->address && last == pref->address + pref->size - 1 : base > last);
			}
		}
		EXPECT_EQ(placed, wanted);
		end();
	}
}

/* ---- interrupts ---- */

static enum irq_result note_call(void *arg)
{
	++*(u32 *)arg;
	return IRQ_HANDLED;
}

static struct function *msix_device(u32 entries, u32 bir, u32 offset)
{
	struct function *f = add(NULL, 1, 0);
	u8 at = cap(f, PCI_CAP_MSIX, 0x60);

	bar(f, 1, 0x8000, MEM);
	put(f, at + 2, 2, entries - 1);
	put(f, at + 4, 4, offset | bir);
	bar(f, 2, 0x1000, MEM);
	put(f, at + 8, 4, 0x100 | 2);		/* the pending bits */
	put(f, PCI_INT_PIN, 1, 1);
	return f;
}

TEST(msix_vectors_are_written_to_the_table)
{
	struct function *f;
	struct pci_device *d;
	char how[128];
	u32 *table;

	begin();
	f = msix_device(4, 1, 0x1000);
	find();
	d = device_of(f);
	EXPECT_EQ(pci_irq_alloc(d, 1, 3, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), 3);
	EXPECT_EQ(d->irq_type, PCI_IRQ_MSIX);
	table = (u32 *)(memory + d->ranges[1].address - MEM_PCI + 0x1000);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(table[4 * i], 0x45678040u);
		EXPECT_EQ(table[4 * i + 1], 0x123u);
		EXPECT_EQ(table[4 * i + 2], 80 + i);
		EXPECT_EQ(table[4 * i + 3], 0u);
		EXPECT(!open_lines[80 + i]);		/* shut at the controller until enabled */
	}
	EXPECT_EQ(table[4 * 3 + 3], 1u);
	EXPECT_EQ(get(f, 0x62, 2), 0x8003u);
	EXPECT(get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
	pci_irq_enable(d, 1);
	EXPECT(open_lines[81]);
	pci_irq_describe(d, how, sizeof(how));
	EXPECT_STR(how, "MSI-X, 3 vectors via FRAME, SPI 80-82");
	pci_irq_free(d);
	EXPECT_EQ(get(f, 0x62, 2) & 0x8000, 0u);
	EXPECT_EQ(frame_left, 64u);
	end();
}

/* The size has 11 bits, the BAR number 3: a device may say 2048 entries, and BAR 7. */
TEST(msix_tables_at_the_limits)
{
	static const struct { u32 entries, bir, offset; bool ok; const char *why; } cases[] = {
		{ 2048, 1, 0, true, NULL },
		{ 2048, 1, 0x1000, false, "the table is not inside its BAR" },
		{ 1, 1, 0x7ff0, true, NULL },
		{ 1, 1, 0x7ff8, false, "the table is not inside its BAR" },
		{ 4, 0, 0, false, "the table is not inside its BAR" },
		{ 4, 6, 0, false, "the table is not inside its BAR" },
		{ 4, 7, 0, false, "the table is not inside its BAR" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pci_device *d;
		struct function *f;

		begin();
		f = msix_device(cases[i].entries, cases[i].bir, cases[i].offset);
		find();
		d = device_of(f);
		EXPECT_EQ(pci_irq_alloc(d, 1, 1, PCI_IRQ_MSIX), cases[i].ok ? 1 : -ENXIO);
		if (!cases[i].ok) {
			EXPECT_STR(d->irq_why[0], cases[i].why);
			EXPECT_EQ(get(f, 0x62, 2) & 0x8000, 0u);
			EXPECT_EQ(frame_left, 64u);
		}
		end();
	}
}

/* What the pending bits cannot be costs the device its MSI-X, and no more: the next step serves. */
TEST(msix_pending_bits_that_cannot_be)
{
	static const struct { u32 entries, pba, bar2; const char *why; } cases[] = {
		{ 4, 0x1000 | 1, MEM, NULL },			/* beside the table, in its BAR */
		{ 4, 0x0000 | 2, MEM, NULL },
		{ 2048, 0x0f00 | 2, MEM, NULL },		/* up to the end */
		{ 2048, 0x0f08 | 2, MEM, "the pending bits are not inside their BAR" },
		{ 4, 0x1000 | 2, MEM, "the pending bits are not inside their BAR" },
		{ 4, 0xfffffff8 | 2, MEM, "the pending bits are not inside their BAR" },
		{ 4, 0 | 2, IO, "the pending bits are not inside their BAR" },
		{ 4, 0 | 3, MEM, "the pending bits are not inside their BAR" },
		{ 4, 0 | 7, MEM, "the pending bits are not inside their BAR" },
		{ 4, 0x38 | 1, MEM, "the pending bits lie in the table" },
		{ 4, 0x40 | 1, MEM, NULL },			/* behind it */
		{ 128, 0x0 | 1, MEM, "the pending bits lie in the table" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pci_device *d;
		struct function *f;

		begin();
		f = msix_device(cases[i].entries, 1, 0);
		put(f, 0x68, 4, cases[i].pba);
		bar(f, 2, 0x1000, cases[i].bar2);
		find();
		d = device_of(f);
		EXPECT_EQ(pci_irq_alloc(d, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_INTX), 1);
		EXPECT_EQ(d->irq_type, cases[i].why ? PCI_IRQ_INTX : PCI_IRQ_MSIX);
		if (cases[i].why)
			EXPECT_STR(d->irq_why[0], cases[i].why);
		end();
	}
}

/* The table itself in a BAR of ports: it would be written through their window. */
TEST(msix_table_in_ports)
{
	struct function *f;

	begin();
	f = msix_device(1, 2, 0);
	put(f, 0x68, 4, 1);
	bar(f, 2, 0x100, IO);
	find();
	EXPECT_EQ(pci_irq_alloc(device_of(f), 1, 1, PCI_IRQ_MSIX | PCI_IRQ_INTX), 1);
	EXPECT_STR(device_of(f)->irq_why[0], "the table is not inside its BAR");
	end();
}

TEST(fewer_vectors_when_few_are_left)
{
	struct function *f;

	begin();
	f = msix_device(16, 1, 0);
	find();
	frame_left = 2;
	EXPECT_EQ(pci_irq_alloc(device_of(f), 1, 3, PCI_IRQ_MSIX), 2);
	pci_irq_free(device_of(f));
	EXPECT_EQ(pci_irq_alloc(device_of(f), 3, 3, PCI_IRQ_MSIX), -ENXIO);
	EXPECT_STR(device_of(f)->irq_why[0], "too few vectors left");
	end();
}

TEST(msi_has_one_message_for_a_run)
{
	for (int wide = 0; wide < 2; wide++) {
		struct function *f;
		u8 at;

		begin();
		f = add(NULL, 1, 0);
		at = cap(f, PCI_CAP_MSI, 0x50);
		put(f, at + 2, 2, 3 << 1 | (wide ? 0x180 : 0));	/* eight vectors */
		put(f, at + (wide ? 16 : 12), 4, ~0u);
		find();
		EXPECT_EQ(pci_irq_alloc(device_of(f), 1, 5, PCI_IRQ_MSIX | PCI_IRQ_MSI), 4);
		EXPECT_STR(device_of(f)->irq_why[0], "no capability");
		EXPECT_EQ(get(f, at + 2, 2) & 0x71, 0x21u);
		EXPECT_EQ(get(f, at + 4, 4), 0x45678040u);
		EXPECT_EQ(get(f, at + (wide ? 12 : 8), 2), 80u);
		if (wide) {
			EXPECT_EQ(get(f, at + 8, 4), 0x123u);
			EXPECT_EQ(get(f, at + 16, 4), 0u);
		}
		pci_irq_free(device_of(f));
		EXPECT_EQ(get(f, at + 2, 2) & 1, 0u);
		end();
	}
}

TEST(wires_are_turned_by_the_bridges)
{
	struct function *b, *c, *f;
	struct pci_device *d;
	u32 calls = 0;
	char how[200];

	begin();
	b = add_bridge(NULL, 2);
	c = add_bridge(b, 3);
	f = add(c, 1, 0);
	put(f, PCI_INT_PIN, 1, 2);
	find();
	d = device_of(f);
	/* INTB of slot 1 is INTC behind slot 3 of the bus above, that INTB at the root's slot 2: line 35 + (2 + 1) % 4. */
	EXPECT_EQ(pci_irq_alloc(d, 1, 3, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), 1);
	EXPECT_EQ(pci_irq(d, 0)->hwirq, 38u);
	EXPECT(pci_irq(d, 1) == NULL);
	EXPECT(get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
	EXPECT_EQ(pci_irq_attach(d, 0, note_call, &calls, "x"), 0);
	EXPECT(open_lines[38]);
	EXPECT(get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);	/* its own switch is still off */
	pci_irq_enable(d, 0);
	EXPECT(!(get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF));
	pci_irq_disable(d, 0);
	EXPECT(get(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
	pci_irq_describe(d, how, sizeof(how));
	EXPECT_STR(how, "INTx, ROOT 38 (MSI-X: no capability; MSI: no capability)");
	pci_irq_detach(d, 0, &calls);
	EXPECT(!open_lines[38]);
	end();
}

/* A bridge whose wires firmware has a table for: those are not turned, others are. */
TEST(wires_of_a_bus_behind_a_bridge)
{
	struct function *b, *c, *f, *g, *other;
	struct platform_pci_intx rows[18];

	begin();
	memcpy(rows, intx, sizeof(intx));
	b = add_bridge(NULL, 2);
	c = add_bridge(b, 3);
	f = add(c, 1, 0);
	g = add(c, 4, 0);
	other = add(b, 1, 0);
	put(f, PCI_INT_PIN, 1, 2);
	put(g, PCI_INT_PIN, 1, 1);
	put(other, PCI_INT_PIN, 1, 2);
	rows[16] = (struct platform_pci_intx){ 1, 2, 99, IRQ_LEVEL_HIGH, .depth = 2, .bridges = { 2 << 3, 3 << 3 } };
	rows[17] = (struct platform_pci_intx){ 3, 1, 98, IRQ_LEVEL_HIGH, .depth = 1, .bridges = { 2 << 3 } };
	host.intx = rows;
	host.intx_count = 18;
	find();
	EXPECT_EQ(pci_irq_alloc(device_of(f), 1, 1, PCI_IRQ_INTX), 1);
	EXPECT_EQ(pci_irq(device_of(f), 0)->hwirq, 99u);
	EXPECT_EQ(pci_irq_alloc(device_of(g), 1, 1, PCI_IRQ_INTX), 1);
	EXPECT_EQ(pci_irq(device_of(g), 0)->hwirq, 98u);	/* INTA of slot 4 is INTA of slot 3, which has a row there */
	EXPECT_EQ(pci_irq_alloc(device_of(other), 1, 1, PCI_IRQ_INTX), 1);
	EXPECT_EQ(pci_irq(device_of(other), 0)->hwirq, 35u + (2 + 2) % 4);
	pci_irq_free(device_of(f));
	pci_irq_free(device_of(g));
	pci_irq_free(device_of(other));
	host.intx = intx;
	end();
}

TEST(two_devices_share_a_wire)
{
	struct function *f, *g;
	struct pci_device *d, *e;
	u32 a = 0, b = 0;

	begin();
	f = add(NULL, 1, 0);
	g = add(NULL, 5, 0);
	put(f, PCI_INT_PIN, 1, 1);
	put(g, PCI_INT_PIN, 1, 1);
	find();
	d = device_of(f);
	e = device_of(g);
	EXPECT_EQ(pci_irq_alloc(d, 1, 1, PCI_IRQ_INTX), 1);
	EXPECT_EQ(pci_irq_alloc(e, 1, 1, PCI_IRQ_INTX), 1);
	EXPECT(pci_irq(d, 0) == pci_irq(e, 0));
	EXPECT_EQ(pci_irq_attach(d, 0, note_call, &a, "a"), 0);
	EXPECT_EQ(pci_irq_attach(e, 0, note_call, &b, "b"), 0);
	pci_irq_enable(d, 0);
	pci_irq_enable(e, 0);
	irq_handle(pci_irq(d, 0));
	EXPECT_EQ(a + b, 2u);
	/* One goes; the other is still heard. */
	pci_irq_disable(e, 0);
	pci_irq_detach(e, 0, &b);
	EXPECT(open_lines[pci_irq(d, 0)->hwirq]);
	irq_handle(pci_irq(d, 0));
	EXPECT_EQ(a, 2u);
	EXPECT_EQ(b, 1u);
	pci_irq_detach(d, 0, &a);
	end();
}

TEST(the_row_of_the_requester_names_controller_and_device_id)
{
	struct platform_msi_map rows[] = { { 0, 1, 0x700, 7 }, { 4, 0x100, 0x900, 99 }, { 8, 8, 0x500, 7 } };
	struct function *f;
	struct pci_device *d;
	u32 id;

	begin();
	f = msix_device(4, 1, 0);		/* slot 1: requester 8 */
	find();
	d = device_of(f);
	host.msi = rows;
	host.msi_count = 3;
	EXPECT(pci_msi_controller(d, &id) == NULL);	/* the second row has it, for a controller that is not there */
	rows[1].count = 4;
	EXPECT(pci_msi_controller(d, &id) == &frame);
	EXPECT_EQ(id, 0x500u);
	host.msi_rid_mask = 7;			/* looked up as 0 */
	EXPECT(pci_msi_controller(d, &id) == &frame);
	EXPECT_EQ(id, 0x700u);
	rows[0].count = 0;
	EXPECT(pci_msi_controller(d, &id) == NULL);
	host.msi_count = 0;			/* nothing said: the only one there is */
	host.msi_rid_mask = 0xffff;
	EXPECT(pci_msi_controller(d, &id) == &frame);
	EXPECT_EQ(id, 8u);
	end();
}

TEST(nothing_serves_and_each_step_says_why)
{
	struct function *f;
	struct pci_device *d;
	char how[200];

	begin();
	f = msix_device(4, 1, 0);
	msi_rows[0].ref = 99;		/* a controller that has no driver */
	host.intx_count = 0;
	find();
	d = device_of(f);
	EXPECT_EQ(pci_irq_alloc(d, 1, 3, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), -ENXIO);
	EXPECT_EQ(d->irq_count, 0u);
	pci_irq_describe(d, how, sizeof(how));
	EXPECT_STR(how, "polling at 100 Hz (MSI-X: no message interrupt controller; MSI: no capability; "
			"INTx: firmware says of no line for the pin)");
	end();
}

TEST(words_of_the_command_line)
{
	struct function *f;
	struct pci_device *d;
	char how[200];

	begin();
	f = msix_device(4, 1, 0);
	find();
	d = device_of(f);
	EXPECT_EQ(set_pci("nomsix"), 0);
	EXPECT_EQ(pci_irq_alloc(d, 1, 3, PCI_IRQ_MSIX | PCI_IRQ_INTX), 1);
	pci_irq_describe(d, how, sizeof(how));
	EXPECT_STR(how, "INTx, ROOT 36 (MSI-X: pci=nomsix)");
	pci_irq_free(d);
	EXPECT_EQ(set_pci("nomsix,noirq"), 0);
	EXPECT_EQ(pci_irq_alloc(d, 1, 3, PCI_IRQ_MSIX | PCI_IRQ_INTX), -ENXIO);
	pci_irq_describe(d, how, sizeof(how));
	EXPECT_STR(how, "polling at 100 Hz (pci=noirq)");
	EXPECT_EQ(set_pci("noacpi"), -EINVAL);
	end();
}
