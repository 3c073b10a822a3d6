/*
 * GICv2 and GICv2m over a model of their registers: what the drivers write to the distributor, how an
 * interrupt finds its handler, and how message lines are handed out.
 *
 * sources: irq/irq.c irq/affinity.c irq/domain.c irq/polled.c irq/msi.c core/trace.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The drivers are found through a section of the kernel's image, which a host program has not. */
#include "drivers/intc/gicv2.c"
#undef INTID_SPI
#undef INTID_SPECIAL
#include "drivers/intc/gicv2m.c"

#define DIST_BASE	0x700000008000000ull
#define CPU_BASE	0x700000008010000ull
#define FRAME_BASE	0x700000008020000ull
#define LINE_COUNT	288

struct platform platform = {
	.cpu_count = 1,
	.gic = { .version = 2, .dist = { DIST_BASE, 0x10000 }, .cpu = { CPU_BASE, 0x10000 } },
};

/* ---- the registers ---- */

static struct gic {
	bool on, cpu_on;
	bool enabled[1024], pending[1024], active[1024], edge[1024];
	u8 priority[1024], target[1024], mask;
	u8 waits_at[1024];		/* CPUs of a pulse: as QEMU before 9.1 has it, they stay; 0: the target's */
	u32 acknowledged, ended, spurious;
	u32 msi_typer;
} gic;

static u64 bits_read(const bool *of, u64 offset)
{
	u32 v = 0;

	for (u32 i = 0; i < 32; i++)
		v |= (u32)of[offset * 8 + i] << i;
	return v;
}

static void bits_write(bool *of, u64 offset, u64 value, bool to)
{
	for (u32 i = 0; i < 32; i++)
		if (value >> i & 1)
			of[offset * 8 + i] = to;
}

static void pend_write(u64 offset, u64 value, bool to)
{
	bits_write(gic.pending, offset, value, to);
	for (u32 i = 0; i < 32; i++)
		if (value >> i & 1)
			gic.waits_at[offset * 8 + i] = to ? gic.target[offset * 8 + i] : 0;
}

static u64 dist_read(void *arg, u64 at, unsigned width)
{
	u64 v = 0;

	if (at == GICD_TYPER)
		return LINE_COUNT / 32 - 1;
	if (at >= GICD_ISENABLER && at < GICD_ICENABLER)
		return bits_read(gic.enabled, at - GICD_ISENABLER);
	if (at >= GICD_ISPENDR && at < GICD_ICPENDR)
		return bits_read(gic.pending, at - GICD_ISPENDR);
	if (at >= GICD_ITARGETSR && at < GICD_ITARGETSR + 32)
		return 0x01010101;
	if (at >= GICD_ICFGR && at < GICD_ICFGR + 0x100) {
		for (u32 i = 0; i < 16; i++)
			v |= (u64)(gic.edge[(at - GICD_ICFGR) * 4 + i] ? 2 : 0) << 2 * i;
		return v;
	}
	unit_fail(__FILE__, __LINE__, "read of distributor register %#llx", (unsigned long long)at);
	return 0;
}

static void dist_write(void *arg, u64 at, unsigned width, u64 v)
{
	if (at == GICD_CTLR)
		gic.on = v & 1;
	else if (at >= GICD_ISENABLER && at < GICD_ICENABLER)
		bits_write(gic.enabled, at - GICD_ISENABLER, v, true);
	else if (at >= GICD_ICENABLER && at < 0x200)
		bits_write(gic.enabled, at - GICD_ICENABLER, v, false);
	else if (at >= GICD_ISPENDR && at < GICD_ICPENDR)
		pend_write(at - GICD_ISPENDR, v, true);
	else if (at >= GICD_ICPENDR && at < 0x300)
		pend_write(at - GICD_ICPENDR, v, false);
	else if (at >= GICD_ICACTIVER && at < 0x400)
		bits_write(gic.active, at - GICD_ICACTIVER, v, false);
	else if (at >= GICD_IPRIORITYR && at < 0x800)
		for (u32 i = 0; i < width; i++)
			gic.priority[at - GICD_IPRIORITYR + i] = v >> 8 * i;
	else if (at >= GICD_ITARGETSR && at < 0xc00)
		for (u32 i = 0; i < width; i++)
			gic.target[at - GICD_ITARGETSR + i] = v >> 8 * i;
	else if (at >= GICD_ICFGR && at < 0xd00)
		for (u32 i = 0; i < 16; i++)
			gic.edge[(at - GICD_ICFGR) * 4 + i] = v >> 2 * i & 2;
	else if (at == GICD_SGIR)
		gic.pending[v & 0xf] = v >> 16 & 1;	/* the only CPU's bit of the target list */
	else
		unit_fail(__FILE__, __LINE__, "write of distributor register %#llx", (unsigned long long)at);
}

static u64 cpu_read(void *arg, u64 at, unsigned width)
{
	if (at == GICC_CTLR)
		return gic.cpu_on;
	EXPECT_EQ(at, (u64)GICC_IAR);
	for (u32 id = 0; gic.on && gic.cpu_on && id < 1020; id++)
		if (gic.pending[id] && gic.enabled[id] && !gic.active[id] && gic.priority[id] < gic.mask &&
		    (id < 32 || gic.target[id] & (gic.waits_at[id] ? gic.waits_at[id] : 1) & 1)) {
			gic.pending[id] = false;
			gic.waits_at[id] = 0;
			gic.active[id] = true;
			gic.acknowledged++;
			return id;
		}
	gic.spurious++;
	return 1023;
}

static void cpu_write(void *arg, u64 at, unsigned width, u64 v)
{
	switch (at) {
	case GICC_CTLR: gic.cpu_on = v & 1; break;
	case GICC_PMR: gic.mask = v; break;
	case GICC_BPR: break;
	case GICC_EOIR:
		EXPECT(gic.active[v & 0x3ff]);
		gic.active[v & 0x3ff] = false;
		gic.ended++;
		break;
	default:
		unit_fail(__FILE__, __LINE__, "write of CPU interface register %#llx", (unsigned long long)at);
	}
}

/* A device's write reaches the frame: the line is pulsed. */
static void frame_write(void *arg, u64 at, unsigned width, u64 v)
{
	EXPECT_EQ(at, (u64)MSI_SETSPI_NS);
	if (gic.edge[v & 0x3ff]) {	/* the pulse of a line that is left a level is lost */
		gic.pending[v & 0x3ff] = true;
		gic.waits_at[v & 0x3ff] = gic.target[v & 0x3ff];
	}
}

static u64 frame_read(void *arg, u64 at, unsigned width)
{
	return at == MSI_TYPER ? gic.msi_typer : 0;
}

static struct host_mmio regions[] = {
	{ .base = DIST_BASE, .size = 0x1000, .read = dist_read, .write = dist_write },
	{ .base = CPU_BASE, .size = 0x1000, .read = cpu_read, .write = cpu_write },
	{ .base = FRAME_BASE, .size = 0x1000, .read = frame_read, .write = frame_write },
	{ .base = FRAME_BASE + 0x10000, .size = 0x20000, .read = frame_read, .write = frame_write },
};

static void dispatch(void *arg)
{
	gicv2_dispatch();
}

/* Once: the controller is never given back. Firmware left everything in a mess. */
static void begin(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	for (u32 i = 0; i < ARRAY_SIZE(regions); i++)
		host_mmio_add(&regions[i]);
	for (u32 i = 16; i < 1020; i++)
		gic.enabled[i] = gic.pending[i] = gic.active[i] = true;
	EXPECT_EQ(gicv2_probe(), 0);
}

static u32 handled[8];
static enum irq_result handler(void *arg)
{
	++*(u32 *)arg;
	return IRQ_HANDLED;
}

/* ---- GICv2 ---- */

TEST(a_mess_is_cleared_up)
{
	begin();
	EXPECT(gic.on && gic.cpu_on);
	EXPECT_EQ(gic.mask, 0xff);
	for (u32 i = 16; i < LINE_COUNT; i++) {
		EXPECT(!gic.enabled[i] && !gic.pending[i] && !gic.active[i]);
		EXPECT_EQ(gic.priority[i], PRIORITY_NORMAL);
		EXPECT(i < 32 || gic.target[i] == 1);
	}
}

TEST(an_interrupt_finds_its_handler_and_ends)
{
	struct irq *irq;

	begin();
	irq = irq_from_firmware(35, IRQ_LEVEL_HIGH);
	REQUIRE(!is_err(irq));
	EXPECT(!gic.edge[35]);
	EXPECT_EQ(irq_attach(irq, handler, &handled[0], "a"), 0);
	gic.pending[35] = true;
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[0], 0u);		/* masked until asked for */
	irq_unmask(irq);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[0], 1u);
	EXPECT_EQ(gic.acknowledged, gic.ended);
	EXPECT_EQ(irq_count(irq), 1ull);
	irq_detach(irq, &handled[0]);
	irq_destroy(irq);
	EXPECT(!gic.enabled[35]);
}

TEST(one_exception_serves_all_that_are_pending)
{
	struct irq *irq[3];
	u32 spurious;

	begin();
	for (u32 i = 0; i < 3; i++) {
		irq[i] = irq_from_firmware(40 + i, IRQ_EDGE_RISING);
		EXPECT_EQ(irq_attach(irq[i], handler, &handled[i], "x"), 0);
		irq_unmask(irq[i]);
		handled[i] = 0;
		gic.pending[40 + i] = true;
		EXPECT(gic.edge[40 + i]);
	}
	spurious = gic.spurious;
	host_interrupt(dispatch, NULL);
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(handled[i], 1u);
	EXPECT_EQ(gic.spurious, spurious + 1);
	for (u32 i = 0; i < 3; i++) {
		irq_detach(irq[i], &handled[i]);
		irq_destroy(irq[i]);
	}
}

TEST(a_line_that_nobody_knows_is_ended_all_the_same)
{
	begin();
	gic.enabled[100] = gic.pending[100] = true;
	host_interrupt(dispatch, NULL);
	EXPECT(!gic.active[100]);
	EXPECT_EQ(gic.acknowledged, gic.ended);
	gic.enabled[100] = false;
}

/* The device holds its line, and the driver says each time that it was served. */
static enum irq_result handler_in_vain(void *arg)
{
	++*(u32 *)arg;
	gic.pending[36] = true;
	return IRQ_HANDLED;
}

TEST(a_line_that_never_falls_silent_is_shut)
{
	struct irq *irq;
	u32 hits = 0;

	begin();
	irq = irq_from_firmware(36, IRQ_LEVEL_HIGH);
	EXPECT_EQ(irq_attach(irq, handler_in_vain, &hits, "stuck"), 0);
	irq_unmask(irq);
	gic.pending[36] = true;
	host_interrupt(dispatch, NULL);		/* which would not return */
	EXPECT_EQ(hits, IRQ_STORM);
	EXPECT(!gic.enabled[36]);
	EXPECT(host_log_has("whatever its drivers do; GICv2 36 (stuck) is masked and polled"));
	EXPECT_EQ(gic.acknowledged, gic.ended);
	host_clock_advance(1000000000);
	EXPECT(hits > IRQ_STORM + 90);
	gic.pending[36] = false;
	irq_detach(irq, &hits);
	irq_destroy(irq);
}

TEST(what_a_cpu_sends_another_is_handed_on)
{
	u32 ended;

	begin();
	ended = gic.ended;
	for (u32 i = 0; i < 3; i++)
		gicv2_send_ipi(0, 2);
	gicv2_send_ipi(0, 5);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(host_ipis[2], 1u);	/* pending is pending: what it says, it says once */
	EXPECT_EQ(host_ipis[5], 1u);
	EXPECT_EQ(gic.ended, ended + 2);
}

TEST(lines_that_are_not_there)
{
	begin();
	EXPECT_EQ(ptr_err(irq_from_firmware(5, IRQ_LEVEL_HIGH)), -EINVAL);
	EXPECT_EQ(ptr_err(irq_from_firmware(LINE_COUNT, IRQ_LEVEL_HIGH)), -EINVAL);
	EXPECT_EQ(ptr_err(irq_from_firmware(~0u, IRQ_LEVEL_HIGH)), -EINVAL);
}

/* ---- GICv2m ---- */

static struct msi_controller *frame(u32 first, u32 count)
{
	static u64 ref = 0x100;
	struct platform_msi_frame f = { .reg = { FRAME_BASE, 0x1000 }, .ref = ++ref };

	begin();
	frames = NULL;			/* those of other tests: each is of its own */
	frames_end = &frames;
	gic.msi_typer = first << 16 | count;
	EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), 0);
	return msi_controller_find(f.ref);
}

TEST(a_message_arrives)
{
	struct msi_controller *c = frame(80, 64);
	struct irq *irqs[3];

	EXPECT_EQ(c->alloc(c, 0, 3, false, "MSIX", irqs), 0);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(irqs[i]->hwirq, 80 + i);
		EXPECT_EQ(irqs[i]->msi_address, FRAME_BASE + 0x40);
		EXPECT_EQ(irqs[i]->msi_data, 80 + i);
		EXPECT_STR(irqs[i]->domain->name, "GICv2m-MSIX");
		EXPECT(gic.edge[80 + i]);
	}
	handled[1] = 0;
	EXPECT_EQ(irq_attach(irqs[1], handler, &handled[1], "virtio0-input.0"), 0);
	/* A message that comes while the vector is shut is not lost. */
	mmio_write32((void *)irqs[1]->msi_address, irqs[1]->msi_data);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[1], 0u);
	irq_unmask(irqs[1]);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[1], 1u);
	irq_detach(irqs[1], &handled[1]);
	c->free(c, irqs, 3);
}

TEST(a_message_that_waits_moves_with_its_line)
{
	struct msi_controller *c = frame(80, 64);
	struct irq *irqs[1], *level;

	EXPECT_EQ(c->alloc(c, 0, 1, false, "MSIX", irqs), 0);
	handled[2] = 0;
	EXPECT_EQ(irq_attach(irqs[0], handler, &handled[2], "virtio0-input.0"), 0);
	irq_unmask(irqs[0]);
	gic.target[80] = 2;		/* another CPU's, and that one is busy */
	mmio_write32((void *)irqs[0]->msi_address, irqs[0]->msi_data);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[2], 0u);
	EXPECT_EQ(gicv2_set_affinity(irqs[0], 0), 0);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[2], 1u);
	/* One is one, and none is none. */
	EXPECT_EQ(gicv2_set_affinity(irqs[0], 0), 0);
	host_interrupt(dispatch, NULL);
	EXPECT_EQ(handled[2], 1u);
	irq_detach(irqs[0], &handled[2]);
	c->free(c, irqs, 1);
	/* A level is its device's to raise, wherever it goes. */
	level = irq_from_firmware(48, IRQ_LEVEL_HIGH);
	REQUIRE(!is_err(level));
	gic.pending[48] = true;
	EXPECT_EQ(gicv2_set_affinity(level, 0), 0);
	EXPECT_EQ(gic.waits_at[48], 0);
	gic.pending[48] = false;
	irq_destroy(level);
}

TEST(plain_msi_gets_an_aligned_run)
{
	struct msi_controller *c = frame(80, 64);
	struct irq *one[1], *run[8], *fill[64];
	u32 n = 0;

	EXPECT_EQ(c->alloc(c, 0, 1, false, "MSIX", one), 0);
	EXPECT_EQ(one[0]->hwirq, 80u);
	EXPECT_EQ(c->alloc(c, 0, 8, true, "MSI", run), 0);
	EXPECT_EQ(run[0]->hwirq, 88u);
	for (u32 i = 0; i < 8; i++)
		EXPECT_EQ(run[i]->msi_data, run[0]->msi_data + i);
	EXPECT_STR(run[0]->domain->name, "GICv2m-MSI");
	/* What lies between is handed out too, one by one. */
	while (n < 64 && c->alloc(c, 0, 1, false, "MSIX", &fill[n]) == 0)
		n++;
	EXPECT_EQ(n, 55u);
	c->free(c, fill, n);
	c->free(c, run, 8);
	c->free(c, one, 1);
}

TEST(more_than_are_left_changes_nothing)
{
	struct msi_controller *c = frame(80, 4);
	struct irq *irqs[5];

	EXPECT_EQ(c->alloc(c, 0, 5, false, "MSIX", irqs), -ENOSPC);
	EXPECT_EQ(c->alloc(c, 0, 4, false, "MSIX", irqs), 0);
	EXPECT_EQ(c->alloc(c, 0, 1, false, "MSIX", &irqs[4]), -ENOSPC);
	c->free(c, irqs, 4);
	EXPECT_EQ(c->alloc(c, 0, 4, true, "MSI", irqs), 0);
	c->free(c, irqs, 4);
}

/* A host whose frame has none left gets another's; a run of MSI is in one frame. */
TEST(several_frames_serve_together)
{
	static const struct platform_msi_frame more[] = {
		{ .reg = { FRAME_BASE + 0x10000, 0x1000 }, .ref = 11, .spi_base = 100, .spi_count = 2 },
		{ .reg = { FRAME_BASE + 0x20000, 0x1000 }, .ref = 12, .spi_base = 120, .spi_count = 4 },
	};
	struct msi_controller *c = frame(80, 2), *last;
	struct irq *a[5], *b[4], *rest[5];

	for (u32 i = 0; i < ARRAY_SIZE(more); i++)
		EXPECT_EQ(gicv2m_add(&more[i], irq_root_domain()), 0);
	last = msi_controller_find(12);
	EXPECT_EQ(c->alloc(c, 0, 3, false, "MSIX", a), 0);
	EXPECT_EQ(a[0]->hwirq, 120u);				/* where all have room in a row */
	EXPECT_EQ(a[0]->msi_address, more[1].reg.base + MSI_SETSPI_NS);
	c->free(c, a, 3);
	EXPECT_EQ(c->alloc(c, 0, 5, false, "MSIX", a), 0);
	for (u32 i = 0; i < 5; i++) {
		static const u32 ids[] = { 80, 81, 100, 101, 120 };

		EXPECT_EQ(a[i]->hwirq, ids[i]);
		EXPECT_EQ(a[i]->msi_data, ids[i]);
		EXPECT_EQ(a[i]->msi_address, (i < 2 ? FRAME_BASE : more[i / 4].reg.base) + MSI_SETSPI_NS);
	}
	EXPECT_EQ(last->alloc(last, 0, 4, true, "MSI", b), -ENOSPC);
	EXPECT_EQ(last->alloc(last, 0, 2, true, "MSI", b), 0);
	EXPECT_EQ(b[0]->hwirq, 122u);
	EXPECT_EQ(c->alloc(c, 0, 2, false, "MSIX", rest), -ENOSPC);
	EXPECT_EQ(c->alloc(c, 0, 1, false, "MSIX", rest), 0);
	EXPECT_EQ(rest[0]->hwirq, 121u);
	last->free(last, rest, 1);
	last->free(last, b, 2);
	c->free(c, a, 5);
	EXPECT_EQ(last->alloc(last, 0, 4, true, "MSI", b), 0);
	last->free(last, b, 4);
}

TEST(no_memory_on_the_way_gives_all_back)
{
	struct msi_controller *c = frame(80, 8);
	struct irq *irqs[8];
	u64 live = host_alloc_live();

	for (u32 nth = 1; nth <= 6; nth++) {
		host_alloc_fail(nth);
		EXPECT_EQ(c->alloc(c, 0, 3, false, "MSIX", irqs), -ENOMEM);
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
	EXPECT_EQ(c->alloc(c, 0, 8, false, "MSIX", irqs), 0);
	c->free(c, irqs, 8);
}

TEST(frames_whose_register_cannot_be_right)
{
	static const u32 typers[] = { 0, 80u << 16, 64, 16u << 16 | 4, 1000u << 16 | 64, 0x3ff03ff };
	struct platform_msi_frame f = { .reg = { FRAME_BASE, 0x1000 }, .ref = 1 };

	begin();
	for (u32 i = 0; i < ARRAY_SIZE(typers); i++) {
		gic.msi_typer = typers[i];
		EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), -EINVAL);
		EXPECT(host_log_has("outside the GIC's shared lines"));
	}
	/* What firmware says may be as wrong, and end where it began. */
	f.spi_base = 80;
	f.spi_count = ~0u - 40;
	EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), -EINVAL);
	f.spi_base = ~0u;
	f.spi_count = 64;
	EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), -EINVAL);
	EXPECT(msi_controller_find(1) == NULL);
}

/* Firmware names registers where nothing answers: nothing but a line comes of it. */
TEST(registers_that_are_not_there)
{
	struct platform_msi_frame f = { .reg = { FRAME_BASE, 0x1000 }, .ref = 1 };

	begin();
	host_hole = FRAME_BASE;
	host_hole_size = 0x1000;
	EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), -ENXIO);
	EXPECT(host_log_has("GICv2m: there is nothing at 0x"));
	EXPECT(msi_controller_find(1) == NULL);
}

TEST(firmware_overrides_the_register)
{
	struct platform_msi_frame f = { .reg = { FRAME_BASE, 0x1000 }, .ref = 2, .spi_base = 100, .spi_count = 2 };
	struct msi_controller *c;
	struct irq *irqs[2];

	begin();
	gic.msi_typer = 80u << 16 | 64;
	EXPECT_EQ(gicv2m_add(&f, irq_root_domain()), 0);
	c = msi_controller_find(2);
	EXPECT_EQ(c->alloc(c, 0, 2, false, "MSIX", irqs), 0);
	EXPECT_EQ(irqs[0]->hwirq, 100u);
	c->free(c, irqs, 2);
}
