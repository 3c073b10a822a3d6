/*
 * GICv2m: a frame of registers in front of some of the GIC's shared lines. A
 * device's write of an INTID to MSI_SETSPI_NS pulses that line, which makes a
 * GIC without an ITS serve MSI and MSI-X.
 *
 * drivers/pci asks the msi_controller for lines (gicv2m_alloc); masking,
 * affinity and end of interrupt are the parent GIC's, whose operations the
 * two domains here borrow. The lines are configured edge: a frame pulses them,
 * and left as levels they are lost on some machines and storm on others.
 *
 * Source: Arm Server Base System Architecture, appendix E (GICv2m).
 */
#include "base/bitmap.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "irq/msi.h"
#include "mm/kmap.h"
#include "mm/slab.h"
#include "sched/mutex.h"

#define MSI_TYPER	0x008	/* [25:16] first INTID, [9:0] number of them */
#define MSI_SETSPI_NS	0x040
#define FRAME_SIZE	0x1000

#define INTID_SPI	32
#define INTID_SPECIAL	1020

struct gicv2m {
	struct msi_controller msi;
	u64 doorbell;			/* physical address that devices write to */
	u32 first, count;		/* INTIDs */
	struct irq_domain msix, plain;	/* the same lines under the names that /proc/interrupts shows */
	struct mutex lock;
	u64 *taken;		/* a bit an INTID from first on [lock] */
};

/* A free run of n bits that starts where (first + bit) is a multiple of align; -1: none. */
static long gicv2m_find_run(struct gicv2m *f, u32 n, u32 align)
{
	for (u32 start = ALIGN_UP(f->first, align) - f->first; start + n <= f->count; start += align) {
		u32 i = 0;

		while (i < n && !bitmap_test(f->taken, start + i))
			i++;
		if (i == n)
			return start;
	}
	return -1;
}

static void gicv2m_free(struct msi_controller *c, struct irq **irqs, u32 n)
{
	struct gicv2m *f = container_of(c, struct gicv2m, msi);

	mutex_lock(&f->lock);
	while (n--) {
		u32 bit = irqs[n]->hwirq - f->first;

		irq_destroy(irqs[n]);
		bitmap_clear(f->taken, bit);
	}
	mutex_unlock(&f->lock);
}

/* MSI-X lines may lie anywhere, but a run reads better in /proc/interrupts and the boot log: tried first. */
static int gicv2m_alloc(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind, struct irq **irqs)
{
	struct gicv2m *f = container_of(c, struct gicv2m, msi);
	struct irq_domain *d = strcmp(kind, "MSI") == 0 ? &f->plain : &f->msix;
	u32 made = 0, align = 1, bit = 0;
	long run;
	int err = 0;

	while (contiguous && align < n)
		align *= 2;
	mutex_lock(&f->lock);
	run = gicv2m_find_run(f, n, align);
	if (run < 0 && contiguous)
		err = -ENOSPC;
	for (; err == 0 && made < n; made++, bit++) {
		struct irq *irq;

		if (run >= 0)
			bit = run + made;
		while (bit < f->count && bitmap_test(f->taken, bit))
			bit++;
		if (bit >= f->count) {
			err = -ENOSPC;
			break;
		}
		irq = irq_create(d, f->first + bit, IRQ_EDGE_RISING);
		if (is_err(irq)) {
			err = ptr_err(irq);
			break;
		}
		bitmap_set(f->taken, bit);
		irq->msi_address = f->doorbell;
		irq->msi_data = irq->hwirq;
		irqs[made] = irq;
	}
	mutex_unlock(&f->lock);
	if (err)
		gicv2m_free(c, irqs, made);
	return err;
}

static int gicv2m_add(const struct platform_msi_frame *frame, struct irq_domain *parent)
{
	struct gicv2m *f;
	u32 first = frame->spi_base, count = frame->spi_count, typer;
	u8 *reg = mmio_map(frame->reg.base, FRAME_SIZE);
	bool there;

	if (!reg)
		return -ENOMEM;
	there = mmio_probe32(reg + MSI_TYPER, &typer);
	mmio_unmap(reg, FRAME_SIZE);
	if (!there) {
		log_err("GICv2m: there is nothing at %#llx", (unsigned long long)frame->reg.base);
		return -ENXIO;
	}
	if (!first || !count) {
		first = typer >> 16 & 0x3ff;
		count = typer & 0x3ff;
	}
	if (first < INTID_SPI || !count || first + count > INTID_SPECIAL) {
		log_err("GICv2m: the frame at %#llx has INTIDs %u-%u, outside the GIC's shared lines: not used",
			(unsigned long long)frame->reg.base, first, first + count - 1);
		return -EINVAL;
	}
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->taken = kcalloc(BITMAP_WORDS(count), sizeof(*f->taken));
	if (!f->taken) {
		kfree(f);
		return -ENOMEM;
	}
	f->first = first;
	f->count = count;
	f->doorbell = frame->reg.base + MSI_SETSPI_NS;
	mutex_init(&f->lock, "gicv2m");
	f->msix = (struct irq_domain){ .name = "GICv2m-MSIX", .ops = parent->ops, .parent = parent, .priv = f };
	f->plain = (struct irq_domain){ .name = "GICv2m-MSI", .ops = parent->ops, .parent = parent, .priv = f };
	irq_domain_register(&f->msix);
	irq_domain_register(&f->plain);
	f->msi = (struct msi_controller){
		.name = "GICv2m",
		.lines = "SPI",
		.alloc = gicv2m_alloc,
		.free = gicv2m_free,
		.phandle_or_base = frame->ref,
	};
	msi_controller_register(&f->msi);
	log_debug("GICv2m: INTIDs %u-%u", first, first + count - 1);
	return 0;
}

static int gicv2m_probe(void)
{
	struct irq_domain *parent = irq_root_domain();
	int err = -ENODEV;

	for (u32 i = 0; parent && i < platform.v2m_count; i++) {
		int one = gicv2m_add(&platform.v2m[i], parent);

		if (one == 0 || err == -ENODEV)
			err = one;
	}
	return err;
}
PLATFORM_DRIVER(gicv2m, DRIVER_MSI, gicv2m_probe);
