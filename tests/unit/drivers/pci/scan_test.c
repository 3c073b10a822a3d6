/*
 * Finding what is on PCI: hosts where firmware says that they are, buses behind bridges, functions, capabilities.
 *
 * sources: bus/bus.c drivers/pci/bus.c drivers/pci/scan.c drivers/pci/bar.c drivers/pci/msix.c drivers/pci/msi.c
 * sources: drivers/pci/intx.c drivers/pci/slot.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include "drivers/pci/pci_model.h"

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
