/*
 * The ranges of PCI devices: how large each is, where it is placed, windows of bridges and hosts.
 *
 * sources: bus/bus.c drivers/pci/bus.c drivers/pci/scan.c drivers/pci/bar.c drivers/pci/msix.c drivers/pci/msi.c
 * sources: drivers/pci/intx.c drivers/pci/slot.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include "drivers/pci/pci_model.h"

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
