/*
 * Arm's Generic Interrupt Controller, version 2: one distributor, a CPU
 * interface whose registers are banked by CPU, INTIDs 16..31 private to a CPU,
 * 32..1019 shared.
 *
 * It is the root of all lines: irq_dispatch (irq/irq.c) calls gicv2_dispatch,
 * which acknowledges and hands each line to irq_handle. gicv2m.c puts message
 * interrupts in front of the shared lines. Lines that nobody asked for stay
 * disabled.
 *
 * Groups: in a machine without the Security Extensions all lines are group 0
 * and bit 0 of both control registers enables that group; seen from the
 * Non-secure side of one that has them, all lines we may touch are group 1,
 * and the same bit 0 enables group 1. So the driver leaves the group registers
 * as they are and is right on both.
 *
 * Source: Arm IHI 0048B.b, chapters 3 and 4.
 */
#include "base/errno.h"
#include "core/log.h"
#include "core/percpu.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "irq/domain.h"
#include "mm/kmap.h"
#include "mm/slab.h"

/* Distributor, 4.3 */
#define GICD_CTLR		0x000
#define GICD_TYPER		0x004
#define GICD_ISENABLER		0x100
#define GICD_ICENABLER		0x180
#define GICD_ISPENDR		0x200
#define GICD_ICPENDR		0x280
#define GICD_ICACTIVER		0x380
#define GICD_IPRIORITYR		0x400
#define GICD_ITARGETSR		0x800
#define GICD_ICFGR		0xc00
#define GICD_SGIR		0xf00

/* CPU interface, 4.4 */
#define GICC_CTLR		0x000
#define GICC_PMR		0x004
#define GICC_BPR		0x008
#define GICC_IAR		0x00c
#define GICC_EOIR		0x010
#define GICC_SIZE		0x1000

#define CTLR_ENABLE		1
#define PMR_ALL			0xff
#define PRIORITY_NORMAL		0xa0	/* one priority for all: handlers don't nest */
#define INTID_MASK		0x3ff
#define INTID_PRIVATE		16	/* below: between CPUs */
#define INTID_SPI		32
#define INTID_SPECIAL		1020	/* 1020..1023 are no interrupt */

static u8 *dist, *cpu_if;
static DEFINE_PERCPU(u8, target);	/* this CPU's bit in the distributor's target fields; 0: it has not started */
static u32 line_count;
static struct irq **lines;	/* by INTID; written under irq/domain.c's list lock, read by dispatch */
static struct spinlock config_lock = SPINLOCK_INIT("gicv2");	/* irq kind: registers that hold several lines */

static void gicv2_mask(struct irq *irq)
{
	mmio_write32(dist + GICD_ICENABLER + irq->hwirq / 32 * 4, 1u << irq->hwirq % 32);
}

static void gicv2_unmask(struct irq *irq)
{
	mmio_write32(dist + GICD_ISENABLER + irq->hwirq / 32 * 4, 1u << irq->hwirq % 32);
}

/* Two bits a line; the upper is 1 for edge (4.3.13). The GIC has no active-low or falling lines: a board inverts
 * those. */
static int gicv2_set_type(struct irq *irq, enum irq_trigger trigger)
{
	u8 *reg = dist + GICD_ICFGR + irq->hwirq / 16 * 4;
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

/*
 * A line that is pending when it moves is pending at its new CPU (4.3.12). QEMU before 9.1 leaves it with the old one,
 * to which it goes no more: an edge would be lost. So it is made pending again. If it was taken meanwhile, its handler
 * is called once too often, which handlers bear; a level stays up until its device is served.
 */
static int gicv2_set_affinity(struct irq *irq, u32 cpu)
{
	u32 id = irq->hwirq, at = id / 32 * 4, bit = 1u << id % 32;

	if (id < INTID_SPI || !*per_cpu(target, cpu))
		return -EINVAL;
	mmio_write8(dist + GICD_ITARGETSR + id, *per_cpu(target, cpu));
	if (irq->trigger == IRQ_EDGE_RISING && mmio_read32(dist + GICD_ISPENDR + at) & bit) {
		mmio_write32(dist + GICD_ICPENDR + at, bit);	/* at all CPUs: or it would come back, if the line does */
		mmio_write32(dist + GICD_ISPENDR + at, bit);
	}
	return 0;
}

static int gicv2_bind(struct irq *irq, bool on)
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

static const struct irq_domain_ops gicv2_ops = {
	.mask = gicv2_mask,
	.unmask = gicv2_unmask,
	.set_type = gicv2_set_type,
	.set_affinity = gicv2_set_affinity,
	.bind = gicv2_bind,
};

static struct irq_domain gicv2_domain = { .name = "GICv2", .ops = &gicv2_ops };

/* Acknowledge, handle, end, until there is none left: a burst costs one exception. */
static void gicv2_dispatch(void)
{
	for (u32 n = 0;;) {
		u32 iar = mmio_read32(cpu_if + GICC_IAR), id = iar & INTID_MASK;
		struct irq *irq;

		if (id >= INTID_SPECIAL)
			return;
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
		mmio_write32(cpu_if + GICC_EOIR, iar);
	}
}

/* What the caller stored is seen by whom it interrupts (3.2.1, GICD_SGIR). */
static void gicv2_send_ipi(u32 cpu, u32 number)
{
	mmio_wmb();
	mmio_write32(dist + GICD_SGIR, (u32)*per_cpu(target, cpu) << 16 | number);
}

/* The banked part: private lines, and this CPU's interface. */
static int gicv2_cpu_init(void)
{
	/* The private lines' target fields read as the reading CPU's own bit (4.3.12). */
	*this_cpu(target) = mmio_read32(dist + GICD_ITARGETSR);
	mmio_write32(dist + GICD_ICENABLER, 0xffff0000);
	mmio_write32(dist + GICD_ISENABLER, 0x0000ffff);
	mmio_write32(dist + GICD_ICPENDR, 0xffff0000);
	mmio_write32(dist + GICD_ICACTIVER, 0xffffffff);
	for (u32 i = 0; i < INTID_SPI; i += 4)
		mmio_write32(dist + GICD_IPRIORITYR + i, PRIORITY_NORMAL * 0x01010101u);
	mmio_write32(cpu_if + GICC_PMR, PMR_ALL);
	mmio_write32(cpu_if + GICC_BPR, 0);
	mmio_write32(cpu_if + GICC_CTLR, CTLR_ENABLE);
	return 0;
}

static const struct irq_root gicv2_root = { .dispatch = gicv2_dispatch, .cpu_init = gicv2_cpu_init,
	.send_ipi = gicv2_send_ipi };

/* Shared lines: off, not pending, of equal priority, to the CPU that runs this. */
static void gicv2_dist_init(void)
{
	/* The private lines' target fields read as the reading CPU's own bit (4.3.12). */
	u32 self = mmio_read32(dist + GICD_ITARGETSR) & 0xff;

	mmio_write32(dist + GICD_CTLR, 0);
	for (u32 i = INTID_SPI; i < line_count; i += 32) {
		mmio_write32(dist + GICD_ICENABLER + i / 8, ~0u);
		mmio_write32(dist + GICD_ICPENDR + i / 8, ~0u);
		mmio_write32(dist + GICD_ICACTIVER + i / 8, ~0u);
	}
	for (u32 i = INTID_SPI; i < line_count; i += 4) {
		mmio_write32(dist + GICD_IPRIORITYR + i, PRIORITY_NORMAL * 0x01010101u);
		/* Reads as zero with a single CPU, which then gets everything. */
		mmio_write32(dist + GICD_ITARGETSR + i, self * 0x01010101u);
	}
	mmio_write32(dist + GICD_CTLR, CTLR_ENABLE);
}

static int gicv2_probe(void)
{
	if (platform.gic.version != 2)
		return -ENODEV;
	if (platform.gic.dist.size < 0x1000 || platform.gic.cpu.size < GICC_SIZE)
		return -EINVAL;
	dist = mmio_map_found(platform.gic.dist.base, 0x1000, GICD_TYPER, "GICv2");
	cpu_if = mmio_map_found(platform.gic.cpu.base, GICC_SIZE, 0, "GICv2");
	if (!dist || !cpu_if)
		goto no_memory;
	/* ITLinesNumber, [4:0]: 32 (N + 1) lines, the last four INTIDs being special. */
	line_count = MIN(32 * ((mmio_read32(dist + GICD_TYPER) & 0x1f) + 1), (u32)INTID_SPECIAL);
	lines = kcalloc(line_count, sizeof(*lines));
	if (!lines)
		goto no_memory;
	gicv2_dist_init();
	(void)gicv2_cpu_init();
	irq_domain_register(&gicv2_domain);
	irq_root_domain_set(&gicv2_domain);
	irq_root_register(&gicv2_root);
	log_debug("GICv2: %u lines", line_count);
	return 0;

no_memory:
	if (cpu_if)
		mmio_unmap(cpu_if, GICC_SIZE);
	if (dist)
		mmio_unmap(dist, 0x1000);
	return -ENOMEM;
}
PLATFORM_DRIVER(gicv2, DRIVER_INTC, gicv2_probe);
