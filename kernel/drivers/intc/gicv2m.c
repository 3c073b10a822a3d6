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
	u64 *taken;		/* a bit an INTID from first on [lock] */
	struct gicv2m *next;
};

static struct gicv2m *frames, **frames_end = &frames;	/* all of them; written at boot */
static struct mutex lock = MUTEX_INIT(lock, "gicv2m");	/* which lines are given out */

/* Devices may write to any frame: the one that firmware names for a host is tried first, then the others, in the order
 * of finding. The one after f; NULL: that was the last. */
static struct gicv2m *gicv2m_next(const struct gicv2m *named, const struct gicv2m *f)
{
	struct gicv2m *next = f == named ? frames : f->next;

	return next == named ? next->next : next;
}

/* A free run of n bits that starts where (first + bit) is a multiple of align; -1: none. [lock] */
static long gicv2m_find_run(const struct gicv2m *f, u32 n, u32 align)
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
	mutex_lock(&lock);
	while (n--) {
		struct gicv2m *f = irqs[n]->domain->priv;
		u32 bit = irqs[n]->hwirq - f->first;

		irq_destroy(irqs[n]);
		bitmap_clear(f->taken, bit);
	}
	mutex_unlock(&lock);
}

/* [lock] */
static struct irq *gicv2m_make(struct gicv2m *f, u32 bit, const char *kind)
{
	struct irq *irq = irq_create(strcmp(kind, "MSI") == 0 ? &f->plain : &f->msix, f->first + bit, IRQ_EDGE_RISING);

	if (is_err(irq))
		return irq;
	bitmap_set(f->taken, bit);
	irq->msi_address = f->doorbell;
	irq->msi_data = irq->hwirq;
	return irq;
}

/* MSI-X lines may lie anywhere, but a run reads better in /proc/interrupts and the boot log: tried first. */
static int gicv2m_alloc(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind,
	struct irq **irqs)
{
	struct gicv2m *named = container_of(c, struct gicv2m, msi), *f;
	u32 made = 0, align = 1;
	long bit = -1;
	int err = 0;

	while (contiguous && align < n)
		align *= 2;
	mutex_lock(&lock);
	for (f = named; f; f = gicv2m_next(named, f))
		if ((bit = gicv2m_find_run(f, n, align)) >= 0)
			break;
	if (!f && !contiguous)
		f = named;
	while (f && made < n) {
		/* In a run the next one is free. */
		if (bit < 0 || bit >= f->count || bitmap_test(f->taken, bit))
			bit = gicv2m_find_run(f, 1, 1);
		if (bit < 0) {
			f = gicv2m_next(named, f);
			continue;
		}
		irqs[made] = gicv2m_make(f, bit++, kind);
		if (is_err(irqs[made])) {
			err = ptr_err(irqs[made]);
			break;
		}
		made++;
	}
	mutex_unlock(&lock);
	if (!f)
		err = -ENOSPC;
	if (err)
		gicv2m_free(c, irqs, made);
	return err;
}

static int gicv2m_add(const struct platform_msi_frame *frame, struct irq_domain *parent)
{
	struct gicv2m *f;
	u32 first = frame->spi_base, count = frame->spi_count, typer;
	u8 *reg = mmio_map_found(frame->reg.base, FRAME_SIZE, MSI_TYPER, "GICv2m");

	if (!reg)
		return -ENXIO;
	typer = mmio_read32(reg + MSI_TYPER);
	mmio_unmap(reg, FRAME_SIZE);
	if (!first || !count) {
		first = typer >> 16 & 0x3ff;
		count = typer & 0x3ff;
	}
	if (first < INTID_SPI || first >= INTID_SPECIAL || !count || count > INTID_SPECIAL - first) {
		log_err("GICv2m: the frame at %#llx has %u INTIDs from %u on, outside the GIC's shared lines: not used",
			(unsigned long long)frame->reg.base, count, first);
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
		.anyones = true,
	};
	*frames_end = f;
	frames_end = &f->next;
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
