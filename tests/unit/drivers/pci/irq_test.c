/*
 * The ladder of a PCI device's interrupts: MSI-X, MSI, the wires, and what is said of a step that cannot be taken.
 *
 * sources: bus/bus.c drivers/pci/bus.c drivers/pci/scan.c drivers/pci/bar.c drivers/pci/msix.c drivers/pci/msi.c
 * sources: drivers/pci/intx.c drivers/pci/slot.c irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include "drivers/pci/pci_model.h"

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
		EXPECT_EQ(pci_irq_alloc(d, 1, 1, PCI_IRQ_MSIX | PCI_IRQ_MSI | PCI_IRQ_INTX), 1);
		EXPECT_EQ(d->irq_type, cases[i].ok ? PCI_IRQ_MSIX : PCI_IRQ_INTX);
		if (!cases[i].ok) {
			EXPECT_STR(d->irq_why[0], cases[i].why);
			EXPECT_EQ(get(f, 0x62, 2) & 0x8000, 0u);
			EXPECT_EQ(frame_left, 64u);
		}
		end();
	}
}

/* A card that was pulled says all ones, which is a table of 32 KiB: what was mapped for it goes, and no more. */
TEST(msix_of_a_card_that_is_gone)
{
	struct pci_device *d;
	struct function *f;

	begin();
	f = msix_device(4, 1, 0);
	find();
	d = device_of(f);
	EXPECT_EQ(pci_irq_alloc(d, 1, 1, PCI_IRQ_MSIX), 1);
	put(f, 0x62, 2, 0xffff);
	host_unmapped = 0;
	pci_irq_free(d);
	EXPECT_EQ(host_unmapped, 4 * 16ull);
	EXPECT_EQ(frame_left, 64u);
	end();
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
