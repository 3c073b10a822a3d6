/*
 * Arm's Generic Interrupt Controller, version 3: a distributor for the shared
 * lines, a redistributor for each CPU's private ones, and a CPU interface in
 * system registers.
 *
 * It is the root of all lines, as gicv2.c is on older machines: irq_dispatch
 * calls gicv3_dispatch. Messages come as LPIs where the machine has an ITS
 * (gicv3_lpi.c, gicv3_its.c), or by a GICv2m frame in front of the shared lines
 * (gicv2m.c); with neither, devices use their INTx wires.
 *
 * EOImode is 0: one write ends an interrupt. gicv3.eoimode=1 is for a hypervisor that gets that wrong: there the
 * priority drops with one write, and a second one deactivates the line. All lines are group 1, which is
 * the Non-secure side's, and with a single security state works as well.
 *
 * Source: Arm IHI 0069G, chapters 4 and 12.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/param.h"
#include "core/percpu.h"
#include "dev/device.h"
#include "drivers/intc/gicv3.h"
#include "fw/platform.h"
#include "mm/kmap.h"
#include "mm/slab.h"

/* Distributor, 12.9 */
#define GICD_CTLR		0x0000
#define  CTLR_GROUPS_ARE	0x13	/* group 1 enables of both views, affinity routing */
#define  CTLR_RWP		(1u << 31)
#define GICD_TYPER		0x0004
#define  TYPER_LPIS		(1u << 17)
#define GICD_IGROUPR		0x0080
#define GICD_ISENABLER		0x0100
#define GICD_ICENABLER		0x0180
#define GICD_ICPENDR		0x0280
#define GICD_ICACTIVER		0x0380
#define GICD_IPRIORITYR		0x0400
#define GICD_ICFGR		0x0c00
#define GICD_IROUTER		0x6000
#define DIST_SIZE		0x10000

/* Redistributor, 12.11: this frame, then one of the private lines with the distributor's offsets. */
#define GICR_TYPER		0x0008
#define  TYPER_VLPIS		(1u << 1)
#define  TYPER_LAST		(1u << 4)
#define GICR_WAKER		0x0014
#define  WAKER_SLEEP		2
#define  WAKER_ASLEEP		4
#define REDIST_FRAME		0x10000
#define REDIST_STRIDE		0x20000
#define REDIST_STRIDE_VLPI	0x40000

/* CPU interface, 12.2: names that every assembler knows */
#define ICC_PMR_EL1		s3_0_c4_c6_0
#define ICC_IAR1_EL1		s3_0_c12_c12_0
#define ICC_EOIR1_EL1		s3_0_c12_c12_1
#define ICC_DIR_EL1		s3_0_c12_c11_1
#define ICC_BPR1_EL1		s3_0_c12_c12_3
#define ICC_CTLR_EL1		s3_0_c12_c12_4
#define  ICC_EOIMODE		2
#define ICC_SRE_EL1		s3_0_c12_c12_5
#define ICC_SGI1R_EL1		s3_0_c12_c11_5
#define ICC_IGRPEN1_EL1		s3_0_c12_c12_7
#define icc_read(r)		sysreg_read(r)
#define icc_write(r, v)		sysreg_write(r, v)

#define PRIORITY_NORMAL		0xa0	/* one priority for all: handlers don't nest */
#define INTID_PRIVATE		16	/* below: between CPUs */
#define INTID_SPI		32
#define INTID_SPECIAL		1020	/* 1020..1023 are no interrupt */
#define SETTLE_NS		(100 * NSEC_PER_MSEC)

static u8 *dist;
static DEFINE_PERCPU(struct gicv3_redist, redist);
static u32 line_count;
static bool two_steps;			/* gicv3.eoimode=1 */
static struct irq **lines;		/* by INTID; written under irq/domain.c's list lock, read by dispatch */
static struct spinlock config_lock = SPINLOCK_INIT("gicv3");	/* irq kind: registers that hold several lines */

static int set_eoimode(const char *value)
{
	u64 v;

	if (parse_u64(value, NULL, 10, &v) || v > 1)
		return -EINVAL;
	two_steps = v;
	return 0;
}
PARAM("gicv3.eoimode", set_eoimode);

/* The frame that holds a line's bits: the calling CPU's for a private one. */
static u8 *frame_of(const struct irq *irq)
{
	return irq->hwirq < INTID_SPI ? this_cpu(redist)->frames + REDIST_FRAME : dist;
}

static void gicv3_mask(struct irq *irq)
{
	mmio_write32(frame_of(irq) + GICD_ICENABLER + irq->hwirq / 32 * 4, 1u << irq->hwirq % 32);
}

static void gicv3_unmask(struct irq *irq)
{
	mmio_write32(frame_of(irq) + GICD_ISENABLER + irq->hwirq / 32 * 4, 1u << irq->hwirq % 32);
}

/* Two bits a line; the upper is 1 for edge (12.9.9). Active-low and falling lines are inverted by the board. */
static int gicv3_set_type(struct irq *irq, enum irq_trigger trigger)
{
	u8 *reg = frame_of(irq) + GICD_ICFGR + irq->hwirq / 16 * 4;
	u32 bit = 2u << irq->hwirq % 16 * 2, old, new;
	bool edge = trigger == IRQ_EDGE_RISING || trigger == IRQ_EDGE_FALLING;
	u64 flags = spin_lock_irqsave(&config_lock);

	old = mmio_read32(reg);
	new = edge ? old | bit : old & ~bit;
	if (new != old)
		mmio_write32(reg, new);
	new = mmio_read32(reg);
	spin_unlock_irqrestore(&config_lock, flags);
	/* Private lines may be wired to one type; that they stay so is no error. */
	return irq->hwirq < INTID_SPI || !(new & bit) == !edge ? 0 : -EINVAL;
}

static int gicv3_set_affinity(struct irq *irq, u32 cpu)
{
	if (irq->hwirq < INTID_SPI)
		return -EINVAL;
	mmio_write64(dist + GICD_IROUTER + 8 * irq->hwirq, per_cpu(redist, cpu)->affinity);
	return 0;
}

static int gicv3_bind(struct irq *irq, bool on)
{
	u32 id = irq->hwirq;

	if (id < INTID_PRIVATE || id >= line_count)
		return -EINVAL;
	if (on && lines[id])
		return -EBUSY;
	irq->private = id < INTID_SPI;
	/* The irq is complete before dispatch can find it. */
	atomic_store(&lines[id], on ? irq : NULL);
	return 0;
}

static const struct irq_domain_ops gicv3_ops = {
	.mask = gicv3_mask,
	.unmask = gicv3_unmask,
	.set_type = gicv3_set_type,
	.set_affinity = gicv3_set_affinity,
	.bind = gicv3_bind,
};

static struct irq_domain gicv3_domain = { .name = "GICv3", .ops = &gicv3_ops };

/* Acknowledge, handle, end, until there is none left: a burst costs one exception. drop_first: EOImode is 1. */
static always_inline void dispatch(bool drop_first)
{
	for (u32 n = 0;;) {
		u32 id = icc_read(ICC_IAR1_EL1) & 0xffffff;
		struct lpi *lpi;
		struct irq *irq;

		/* The acknowledge takes effect before the handler looks at its device (4.1.1). */
		dsb(sy);
		if (id >= INTID_SPECIAL && id < 1024)
			return;
		if (id >= LPI_FIRST)
			irq = (lpi = gicv3_lpi(id)) ? atomic_load(&lpi->irq) : NULL;
		else
			irq = id < line_count ? atomic_load(&lines[id]) : NULL;
		if (likely(irq)) {
			irq_handle(irq);
			if (unlikely(++n == IRQ_STORM)) {
				n = 0;
				irq_stuck(irq);
			}
		} else if (id < INTID_PRIVATE) {
			ipi_handle(id);
		}
		icc_write(ICC_EOIR1_EL1, id);
		/* LPIs are never active (4.1.2). */
		if (drop_first && id < LPI_FIRST)
			icc_write(ICC_DIR_EL1, id);
		isb();
	}
}

static void gicv3_dispatch(void)
{
	dispatch(false);
}

static void gicv3_dispatch_two_steps(void)
{
	dispatch(true);
}

bool gicv3_settle(const u8 *reg, u32 bits, u32 want)
{
	u64 limit = clock_ns() + SETTLE_NS;

	while ((mmio_read32(reg) & bits) != want)
		if (clock_ns() > limit)
			return false;
	return true;
}

struct gicv3_redist *gicv3_redist_of(u32 cpu)
{
	return per_cpu(redist, cpu);
}

u32 gicv3_lpi_bits(void)
{
	u32 typer = mmio_read32(dist + GICD_TYPER);

	return typer & TYPER_LPIS ? (typer >> 19 & 0x1f) + 1 : 0;
}

/* The redistributor of the CPU with this affinity, mapped, into *out. False: firmware lists none for it. */
static bool gicv3_find_redist(u64 mpidr, struct gicv3_redist *out)
{
	u32 wanted = (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);

	for (u32 i = 0; i < platform.gic.redist_count; i++) {
		const struct platform_range *r = &platform.gic.redist[i];
		u64 at = 0, stride;

		while (at + REDIST_STRIDE <= r->size) {
			u8 *frames = mmio_map(r->base + at, REDIST_STRIDE);
			u32 there;
			u64 typer;

			if (!frames)
				return false;
			/* Firmware's tables have been seen to name them where there are none: another region may be right. */
			if (!mmio_probe32(frames + GICR_TYPER, &there)) {
				log_err("GICv3: there is no redistributor at %#llx", (unsigned long long)(r->base + at));
				mmio_unmap(frames, REDIST_STRIDE);
				break;
			}
			typer = mmio_read64(frames + GICR_TYPER);
			if (typer >> 32 == wanted) {
				*out = (struct gicv3_redist){ .frames = frames, .phys = r->base + at, .affinity = mpidr,
					.processor = typer >> 8 & 0xffff };
				return true;
			}
			mmio_unmap(frames, REDIST_STRIDE);
			stride = typer & TYPER_VLPIS ? REDIST_STRIDE_VLPI : REDIST_STRIDE;
			if (typer & TYPER_LAST)
				break;
			at += stride;
		}
	}
	return false;
}

/* The CPU's own part: wake its redistributor, quiet its private lines, open its interface. */
static int gicv3_cpu_open(void)
{
	u64 mpidr = cpu_affinity();
	u8 *rd, *sgi;

	/* First of all: one who fails below can still tell another CPU so. */
	icc_write(ICC_SRE_EL1, icc_read(ICC_SRE_EL1) | 1);
	isb();
	if (!(icc_read(ICC_SRE_EL1) & 1)) {
		log_err("GICv3: its system registers are not open to this exception level");
		return -ENODEV;
	}
	if (!gicv3_find_redist(mpidr, this_cpu(redist))) {
		log_err("GICv3: no redistributor for the CPU with affinity %llx", (unsigned long long)mpidr);
		return -ENODEV;
	}
	rd = this_cpu(redist)->frames;
	mmio_write32(rd + GICR_WAKER, mmio_read32(rd + GICR_WAKER) & ~WAKER_SLEEP);
	if (!gicv3_settle(rd + GICR_WAKER, WAKER_ASLEEP, 0)) {
		log_err("GICv3: the redistributor does not wake");
		return -ETIMEDOUT;
	}
	sgi = rd + REDIST_FRAME;
	mmio_write32(sgi + GICD_IGROUPR, ~0u);
	mmio_write32(sgi + GICD_ICENABLER, 0xffff0000);
	mmio_write32(sgi + GICD_ISENABLER, 0x0000ffff);
	mmio_write32(sgi + GICD_ICPENDR, 0xffff0000);
	mmio_write32(sgi + GICD_ICACTIVER, ~0u);
	for (u32 i = 0; i < INTID_SPI; i += 4)
		mmio_write32(sgi + GICD_IPRIORITYR + i, PRIORITY_NORMAL * 0x01010101u);

	icc_write(ICC_PMR_EL1, 0xff);
	icc_write(ICC_BPR1_EL1, 0);
	icc_write(ICC_CTLR_EL1, two_steps ? ICC_EOIMODE : 0);
	icc_write(ICC_IGRPEN1_EL1, 1);
	isb();
	return 0;
}

/* To one CPU: its affinity's upper fields, and its place among sixteen by the lowest (12.2.17, ICC_SGI1R_EL1). */
static void gicv3_send_ipi(u32 cpu, u32 number)
{
	u64 a = per_cpu(redist, cpu)->affinity;

	/* What the caller stored is seen by whom it interrupts. */
	dsb(ishst);
	icc_write(ICC_SGI1R_EL1, (a >> 32 & 0xff) << 48 | (a >> 16 & 0xff) << 32 | (a >> 8 & 0xff) << 16 |
		  (a >> 4 & 0xf) << 44 | (u64)number << 24 | 1u << (a & 0xf));
	isb();
}

static int gicv3_cpu_init(void)
{
	int err = gicv3_cpu_open();

	if (err == 0)
		this_cpu(redist)->lpis = gicv3_lpi_cpu_open() && !gicv3_its_cpu_open();
	return err;
}

static struct irq_root gicv3_root = { .dispatch = gicv3_dispatch, .cpu_init = gicv3_cpu_init,
	.send_ipi = gicv3_send_ipi };

/* Shared lines: off, not pending, of equal priority, group 1, to the CPU that runs this. */
static void gicv3_dist_init(void)
{
	u64 self = cpu_affinity();

	mmio_write32(dist + GICD_CTLR, 0);
	gicv3_settle(dist + GICD_CTLR, CTLR_RWP, 0);
	for (u32 i = INTID_SPI; i < line_count; i += 32) {
		mmio_write32(dist + GICD_IGROUPR + i / 8, ~0u);
		mmio_write32(dist + GICD_ICENABLER + i / 8, ~0u);
		mmio_write32(dist + GICD_ICPENDR + i / 8, ~0u);
		mmio_write32(dist + GICD_ICACTIVER + i / 8, ~0u);
	}
	for (u32 i = INTID_SPI; i < line_count; i += 4)
		mmio_write32(dist + GICD_IPRIORITYR + i, PRIORITY_NORMAL * 0x01010101u);
	gicv3_settle(dist + GICD_CTLR, CTLR_RWP, 0);
	mmio_write32(dist + GICD_CTLR, CTLR_GROUPS_ARE);
	gicv3_settle(dist + GICD_CTLR, CTLR_RWP, 0);
	/* Routes exist once affinity routing is on. */
	for (u32 i = INTID_SPI; i < line_count; i++)
		mmio_write64(dist + GICD_IROUTER + 8 * i, self);
}

static int gicv3_probe(void)
{
	int err = -ENOMEM;

	if (platform.gic.version != 3)
		return -ENODEV;
	if (platform.gic.dist.size < DIST_SIZE)
		return -EINVAL;
	dist = mmio_map_found(platform.gic.dist.base, DIST_SIZE, GICD_TYPER, "GICv3");
	if (!dist)
		return err;
	/* ITLinesNumber, [4:0]: 32 (N + 1) lines, the last four INTIDs being special. */
	line_count = MIN(32 * ((mmio_read32(dist + GICD_TYPER) & 0x1f) + 1), (u32)INTID_SPECIAL);
	lines = kcalloc(line_count, sizeof(*lines));
	if (!lines)
		goto no_lines;
	gicv3_dist_init();
	err = gicv3_cpu_open();
	if (err)
		goto no_cpu;
	irq_domain_register(&gicv3_domain);
	irq_root_domain_set(&gicv3_domain);
	if (two_steps) {
		log_info("GICv3: EOImode 1, as gicv3.eoimode= says");
		gicv3_root.dispatch = gicv3_dispatch_two_steps;
	}
	irq_root_register(&gicv3_root);
	log_debug("GICv3: %u lines", line_count);
	return 0;

no_cpu:
	kfree(lines);
	lines = NULL;
no_lines:
	mmio_unmap(dist, DIST_SIZE);
	return err;
}
PLATFORM_DRIVER(gicv3, DRIVER_INTC, gicv3_probe);
