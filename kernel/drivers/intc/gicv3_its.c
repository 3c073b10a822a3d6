/*
 * The Interrupt Translation Service of a GICv3: a device writes an event number to GITS_TRANSLATER, the bus adds which
 * device it was, and the ITS finds the LPI and the CPU for the pair in tables that are ours to provide and its own to
 * write.
 *
 * drivers/pci asks the msi_controller for vectors (its_alloc). A device's first vector gives it an interrupt
 * translation table (MAPD) in a page of its own; each vector is an event of it, mapped to an LPI and to the collection
 * of a CPU (MAPTI). We tell the ITS by commands in a ring, and wait for each: it has an interrupt for nothing, and
 * takes microseconds. One that does not answer within a second is given up: devices that ask for vectors go down the
 * ladder, and the vectors that there are go on by a timer (irq/polled.c).
 *
 * Source: Arm IHI 0069G, chapter 5 (LPIs and the ITS), 5.3 (commands), 12.19 (registers).
 */
#include "base/bitmap.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/percpu.h"
#include "dev/device.h"
#include "drivers/intc/gicv3.h"
#include "fw/platform.h"
#include "irq/msi.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "sched/mutex.h"
#include "sched/softirq.h"

#define GITS_CTLR		0x0000
#define  CTLR_ENABLED		1u
#define  CTLR_QUIESCENT		(1u << 31)
#define GITS_TYPER		0x0008	/* ITT_entry_size [7:4], ID_bits [12:8], Devbits [17:13], each less one */
#define  TYPER_PHYSICAL		1ull
#define  TYPER_PTA		(1ull << 19)
#define  TYPER_HCC(v)		((v) >> 24 & 0xff)	/* collections that it keeps itself */
#define  TYPER_CIL		(1ull << 36)		/* collections have fewer bits than 16: */
#define  TYPER_CID_BITS(v)	(((v) >> 32 & 0xf) + 1)
#define GITS_CBASER		0x0080
#define GITS_CWRITER		0x0088
#define GITS_CREADR		0x0090
#define  CREADR_STALLED		1u
#define GITS_BASER		0x0100	/* eight of them */
#define  BASER_COUNT		8
#define  BASER_INDIRECT		(1ull << 62)
#define  BASER_TYPE(v)		((v) >> 56 & 7)
#define  BASER_ENTRY_SIZE(v)	(((v) >> 48 & 0x1f) + 1)
#define  BASER_PAGE_SIZE(v)	((v) >> 8 & 3)
#define  BASER_PAGES_MAX	256
#define  TABLE_DEVICES		1
#define  TABLE_COLLECTIONS	4
#define GITS_TRANSLATER		0x10040
#define ITS_SIZE		0x20000
/* The same fields of CBASER and the BASERs */
#define TABLE_VALID		(1ull << 63)
#define TABLE_INNER_CACHE	59
#define TABLE_SHAREABILITY	10
#define TABLE_ATTRIBUTES	(7ull << TABLE_INNER_CACHE | 3ull << TABLE_SHAREABILITY)

#define COMMAND_MOVI		0x01
#define COMMAND_SYNC		0x05
#define COMMAND_MAPD		0x08
#define COMMAND_MAPC		0x09
#define COMMAND_MAPTI		0x0a
#define COMMAND_INV		0x0c
#define COMMAND_INVALL		0x0d
#define COMMAND_DISCARD		0x0f
#define COMMAND_VALID		(1ull << 63)
#define COMMAND_SIZE		32
#define QUEUE_SIZE		0x10000ul	/* and so aligned: bits [15:12] of its address must be zero (12.19, GITS_CBASER) */

#define ANSWER_NS		NSEC_PER_SEC
#define COLLECTION_BITS		8u	/* more than there are CPUs */
#define EVENTS_MIN		32u	/* room in a device's table, so that a driver may come back for more */

struct its {
	u8 *regs;
	u64 phys;
	u32 device_bits, event_bits, itt_entry;
	u32 collections;		/* CPUs that it can send to */
	bool by_address;		/* commands name a redistributor by its address, else by its number */
	bool flush;			/* it does not look into caches */

	struct spinlock queue_lock;	/* irq kind */
	u8 *queue;
	u32 queue_at;			/* next command, offset [queue_lock] */
	bool dead;			/* did not answer [queue_lock]; read without */
	struct work lost;		/* then its lines are polled */

	u64 *devices_level1;		/* NULL: the table is flat [lock] */
	u64 page_size, entry_size;	/* of the device table */

	struct mutex lock;
	struct list_node devices;	/* struct its_device.node [lock] */
	struct msi_controller msi;
	struct irq_domain domain;
	struct its *next;
};

static struct its *its_first;		/* all of them; written at boot */

struct its_device {
	struct list_node node;
	struct its *its;
	u32 id, events;			/* events: a power of two */
	void *itt;
	u32 itt_order;
	u64 taken[];			/* a bit an event [its->lock] */
};

/* ---- commands ------------------------------------------------------------- */

/* Until the ITS has read what we wrote. [queue_lock] */
static bool its_answered(struct its *its)
{
	u64 limit = clock_ns() + ANSWER_NS;

	for (;;) {
		u32 at = mmio_read32(its->regs + GITS_CREADR);

		if ((at & ~CREADR_STALLED) == its->queue_at)
			return true;
		if (at & CREADR_STALLED || clock_ns() > limit)
			return false;
		cpu_relax();
	}
}

/* One command, done when it returns. -EIO: the ITS is out of service. Any context. */
static int its_command(struct its *its, u64 a, u64 b, u64 c)
{
	u64 flags = spin_lock_irqsave(&its->queue_lock);
	bool died = false;
	int err = -EIO;

	if (!its->dead) {
		u64 *slot = (u64 *)(its->queue + its->queue_at);

		slot[0] = a;
		slot[1] = b;
		slot[2] = c;
		slot[3] = 0;
		if (its->flush)
			cache_clean(slot, COMMAND_SIZE);
		its->queue_at = (its->queue_at + COMMAND_SIZE) % QUEUE_SIZE;
		mmio_wmb();		/* the command, and the tables it speaks of, before the ITS is told */
		mmio_write64(its->regs + GITS_CWRITER, its->queue_at);
		if (its_answered(its)) {
			err = 0;
		} else {
			its->dead = true;
			/* Taken in the order of the locks: not under this one. */
			died = true;
			log_err("ITS: no answer to command %#llx; it is out of service", (unsigned long long)(a & 0xff));
		}
	}
	spin_unlock_irqrestore(&its->queue_lock, flags);
	if (died)
		work_queue(&its->lost);
	return err;
}

/* The redistributor of a CPU as commands name it, in bits [51:16]. */
static u64 its_target(const struct its *its, u32 cpu)
{
	const struct gicv3_redist *r = gicv3_redist_of(cpu);

	return its->by_address ? r->phys : (u64)r->processor << 16;
}

/* What was said before has reached this CPU's redistributor. */
static int its_sync(struct its *its, u32 cpu)
{
	return its_command(its, COMMAND_SYNC, 0, its_target(its, cpu));
}

/* A collection is a CPU, by our number of it; its redistributor forgets what it may have kept of LPIs' configuration. */
static int its_map_collection(struct its *its, u32 cpu)
{
	int err;

	if (cpu >= its->collections) {
		log_warn("ITS: it sends to %u CPUs only: no messages for CPU %u", its->collections, cpu);
		return -ENOSPC;
	}
	err = its_command(its, COMMAND_MAPC, 0, COMMAND_VALID | its_target(its, cpu) | cpu);
	if (!err)
		err = its_command(its, COMMAND_INVALL, 0, cpu);
	return err ? err : its_sync(its, cpu);
}

static int its_map_device(struct its_device *d, bool on)
{
	u64 size = __builtin_ctz(d->events) - 1;

	return its_command(d->its, COMMAND_MAPD | (u64)d->id << 32, size, on ? COMMAND_VALID | virt_to_phys(d->itt) : 0);
}

static int its_map_event(struct its_device *d, u32 event, u32 lpi, u32 cpu)
{
	return its_command(d->its, COMMAND_MAPTI | (u64)d->id << 32, event | (u64)lpi << 32, cpu);
}

static void its_discard(struct its_device *d, u32 event)
{
	its_command(d->its, COMMAND_DISCARD | (u64)d->id << 32, event, 0);
}

/* ---- the lines ------------------------------------------------------------ */

static int its_configure(struct irq *irq, bool on)
{
	struct lpi *l = gicv3_lpi(irq->hwirq);
	struct its_device *d = l->device;
	int err;

	gicv3_lpi_enable(irq->hwirq, on);
	err = its_command(d->its, COMMAND_INV | (u64)d->id << 32, l->event, 0);
	return err ? err : its_sync(d->its, irq->cpu);
}

static void its_mask(struct irq *irq)
{
	(void)its_configure(irq, false);
}

static void its_unmask(struct irq *irq)
{
	if (its_configure(irq, true))
		irq_poll_begin(irq);
}

static int its_set_affinity(struct irq *irq, u32 cpu)
{
	struct lpi *l = gicv3_lpi(irq->hwirq);
	struct its_device *d = l->device;
	int err;

	if (cpu == irq->cpu)
		return 0;
	if (!gicv3_redist_of(cpu)->lpis)
		return -EINVAL;
	err = its_command(d->its, COMMAND_MOVI | (u64)d->id << 32, l->event, cpu);
	/* What was pending has gone along when the old redistributor says so. */
	return err ? err : its_sync(d->its, irq->cpu);
}

static int its_bind(struct irq *irq, bool on)
{
	/* The irq is complete before dispatch can find it. */
	atomic_store(&gicv3_lpi(irq->hwirq)->irq, on ? irq : NULL);
	return 0;
}

static const struct irq_domain_ops its_ops = {
	.mask = its_mask,
	.unmask = its_unmask,
	.set_affinity = its_set_affinity,
	.bind = its_bind,
};

/* ---- devices -------------------------------------------------------------- */

static void *pages_alloc(u64 size, u32 *order)
{
	struct page *p;

	for (*order = 0; PAGE_SIZE << *order < size; ++*order)
		;
	if (*order > PAGE_MAX_ORDER)
		return NULL;
	p = page_alloc(*order, PA_ZERO);
	return p ? page_to_virt(p) : NULL;
}

/* The device table has a place for this device: in a table of two levels its page may be missing. [its->lock] */
static int its_device_room(struct its *its, u32 id)
{
	u64 at = id / (its->page_size / its->entry_size);
	u32 order;
	void *page;

	if ((u64)id >> its->device_bits)
		return -EINVAL;
	if (!its->devices_level1 || its->devices_level1[at] & TABLE_VALID)
		return 0;
	page = pages_alloc(its->page_size, &order);
	if (!page)
		return -ENOMEM;
	if (its->flush)
		cache_clean(page, its->page_size);
	its->devices_level1[at] = virt_to_phys(page) | TABLE_VALID;
	if (its->flush)
		cache_clean(&its->devices_level1[at], sizeof(u64));
	return 0;
}

/* A device of whom we have not heard. [its->lock] */
static struct its_device *its_device_add(struct its *its, u32 id, u32 n)
{
	u64 limit = 1ull << its->event_bits, events = MIN(EVENTS_MIN, limit);
	struct its_device *d;
	int err = its_device_room(its, id);

	if (err)
		return err_ptr(err);
	while (events < n)
		events *= 2;
	if (events > limit)
		return err_ptr(-ENOSPC);
	d = kzalloc(sizeof(*d) + BITMAP_WORDS(events) * sizeof(u64));
	if (!d)
		return err_ptr(-ENOMEM);
	*d = (struct its_device){ .its = its, .id = id, .events = events };
	d->itt = pages_alloc(events * its->itt_entry, &d->itt_order);
	err = d->itt ? 0 : -ENOMEM;
	if (!err && its->flush)
		cache_clean(d->itt, PAGE_SIZE << d->itt_order);
	if (!err)
		err = its_map_device(d, true);
	if (err) {
		if (d->itt)
			page_free(virt_to_page(d->itt), d->itt_order);
		kfree(d);
		return err_ptr(err);
	}
	list_push_back(&its->devices, &d->node);
	return d;
}

static struct its_device *its_device_find(struct its *its, u32 id)
{
	struct its_device *d;

	list_for_each(d, &its->devices, node)
		if (d->id == id)
			return d;
	return NULL;
}

/* Without events its table is the kernel's again. An ITS that no longer answers may still write there: then it stays.
 * [its->lock] */
static void its_device_put(struct its_device *d)
{
	if (bitmap_find_next(d->taken, d->events, 0) < d->events || its_map_device(d, false))
		return;
	its_sync(d->its, BOOT_CPU);
	list_remove(&d->node);
	page_free(virt_to_page(d->itt), d->itt_order);
	kfree(d);
}

/* ---- the msi_controller ----------------------------------------------------- */

/* Undo the first n of a run that began with this event and LPI. [its->lock] */
static void its_unmake(struct its_device *d, u32 event, u32 lpi, u32 n, u32 cpu)
{
	for (u32 i = 0; i < n; i++) {
		its_discard(d, event + i);
		bitmap_clear(d->taken, event + i);
	}
	its_sync(d->its, cpu);
	gicv3_lpi_give(lpi, n);
}

static void its_free(struct msi_controller *c, struct irq **irqs, u32 n)
{
	struct its *its = container_of(c, struct its, msi);

	mutex_lock(&its->lock);
	while (n--) {
		u32 intid = irqs[n]->hwirq, cpu = irqs[n]->cpu;
		struct lpi *l = gicv3_lpi(intid);
		struct its_device *d = l->device;

		irq_destroy(irqs[n]);
		its_unmake(d, l->event, intid, 1, cpu);
		its_device_put(d);
	}
	mutex_unlock(&its->lock);
}

/* One vector: an event of the device, mapped to an LPI of the boot CPU, and its irq. [its->lock] */
static struct irq *its_make(struct its_device *d, u32 event, u32 intid)
{
	struct its *its = d->its;
	struct lpi *l = gicv3_lpi(intid);
	struct irq *irq;
	int err;

	l->device = d;
	l->event = event;
	gicv3_lpi_enable(intid, false);
	err = its_map_event(d, event, intid, BOOT_CPU);
	if (err)
		return err_ptr(err);
	irq = irq_create(&its->domain, intid, IRQ_EDGE_RISING);
	if (is_err(irq))
		return irq;
	irq->msi_address = its->phys + GITS_TRANSLATER;
	irq->msi_data = event;
	return irq;
}

static int its_alloc(struct msi_controller *c, u32 device_id, u32 n, bool contiguous, const char *kind,
	struct irq **irqs)
{
	struct its *its = container_of(c, struct its, msi);
	struct its_device *d;
	u32 align = 1, event, intid = 0, made = 0;
	int err = 0;

	while (contiguous && align < n)
		align *= 2;
	mutex_lock(&its->lock);
	d = its_device_find(its, device_id);
	if (!d)
		d = its_device_add(its, device_id, n);
	if (is_err(d)) {
		err = ptr_err(d);
		goto out;
	}
	event = bitmap_find_zero_area(d->taken, d->events, n, align);
	if (event < d->events)
		intid = gicv3_lpi_take(n);
	if (!intid) {
		err = -ENOSPC;
		goto put;
	}
	for (u32 i = 0; i < n; i++)
		bitmap_set(d->taken, event + i);
	for (; made < n; made++) {
		irqs[made] = its_make(d, event + made, intid + made);
		if (is_err(irqs[made])) {
			err = ptr_err(irqs[made]);
			break;
		}
	}
	if (!err)
		goto out;
	while (made--)
		irq_destroy(irqs[made]);
	its_unmake(d, event, intid, n, BOOT_CPU);
put:
	its_device_put(d);
out:
	mutex_unlock(&its->lock);
	return err;
}

/* ---- starting ------------------------------------------------------------- */

/* Write a table register as shared and cached, or as neither where that does not stick. What it reads as. */
static u64 its_table_register(struct its *its, u32 reg, u64 value)
{
	u64 now;

	mmio_write64(its->regs + reg, value | GIC_SHAREABLE_INNER << TABLE_SHAREABILITY |
		     GIC_CACHE_WRITE_BACK << TABLE_INNER_CACHE);
	now = mmio_read64(its->regs + reg);
	if (now & 3ull << TABLE_SHAREABILITY)
		return now;
	its->flush = true;
	mmio_write64(its->regs + reg, value | GIC_CACHE_NONE << TABLE_INNER_CACHE);
	return mmio_read64(its->regs + reg);
}

/* The size of page that this table is made of: 4 KiB, unless the register has another one fixed. */
static u64 its_page_size(struct its *its, u32 reg)
{
	u64 old = mmio_read64(its->regs + reg) & ~(TABLE_VALID | 3ull << 8);

	mmio_write64(its->regs + reg, old);
	return 0x1000ul << 2 * MIN(BASER_PAGE_SIZE(mmio_read64(its->regs + reg)), 2ull);
}

/* A table for 2^bits entries: flat where it is small, of two levels where the ITS can, or as much as fits. -ENOMEM. */
static int its_table(struct its *its, u32 reg, u32 bits, bool devices)
{
	u64 entry = BASER_ENTRY_SIZE(mmio_read64(its->regs + reg)), page = its_page_size(its, reg);
	u64 size = ALIGN_UP(entry << bits, page), indirect = 0;
	u64 page_code = page == 0x1000 ? 0 : page == 0x4000 ? 1 : 2;
	u32 order;
	void *table;

	if (devices && size > page) {
		mmio_write64(its->regs + reg, BASER_INDIRECT | page_code << 8);
		indirect = mmio_read64(its->regs + reg) & BASER_INDIRECT;
	}
	if (indirect)
		size = ALIGN_UP(size / page * sizeof(u64), page);
	size = MIN(size, BASER_PAGES_MAX * page);
	table = pages_alloc(size, &order);
	if (!table)
		return -ENOMEM;
	its_table_register(its, reg, TABLE_VALID | indirect | virt_to_phys(table) | page_code << 8 | (size / page - 1));
	if (its->flush)
		cache_clean(table, size);
	if (devices) {
		u64 devices_max = indirect ? size / sizeof(u64) * (page / entry) : size / entry;

		its->page_size = page;
		its->entry_size = entry;
		its->devices_level1 = indirect ? table : NULL;
		while (1ull << its->device_bits > devices_max)
			its->device_bits--;
	} else {
		its->collections += size / entry;
	}
	return 0;
}

static int its_tables(struct its *its)
{
	int err = 0;

	for (u32 i = 0; i < BASER_COUNT && !err; i++) {
		u32 reg = GITS_BASER + 8 * i;
		u64 type = BASER_TYPE(mmio_read64(its->regs + reg));

		if (type == TABLE_DEVICES)
			err = its_table(its, reg, its->device_bits, true);
		else if (type == TABLE_COLLECTIONS)
			err = its_table(its, reg, COLLECTION_BITS, false);
	}
	return err;
}

static int its_start(struct its *its)
{
	u64 typer = mmio_read64(its->regs + GITS_TYPER);
	u32 order;
	int err;

	mmio_write32(its->regs + GITS_CTLR, mmio_read32(its->regs + GITS_CTLR) & ~CTLR_ENABLED);
	if (!gicv3_settle(its->regs + GITS_CTLR, CTLR_QUIESCENT, CTLR_QUIESCENT)) {
		log_err("ITS: it does not come to rest");
		return -ETIMEDOUT;
	}
	its->itt_entry = (typer >> 4 & 0xf) + 1;
	its->event_bits = (typer >> 8 & 0x1f) + 1;
	its->device_bits = (typer >> 13 & 0x1f) + 1;
	its->by_address = typer & TYPER_PTA;
	its->collections = TYPER_HCC(typer);
	err = its_tables(its);
	if (typer & TYPER_CIL)
		its->collections = MIN(its->collections, 1u << TYPER_CID_BITS(typer));
	its->queue = err ? NULL : pages_alloc(QUEUE_SIZE, &order);
	if (!its->queue)
		return err ? err : -ENOMEM;
	its_table_register(its, GITS_CBASER, TABLE_VALID | virt_to_phys(its->queue) | (QUEUE_SIZE / 0x1000 - 1));
	mmio_write64(its->regs + GITS_CWRITER, 0);
	mmio_write32(its->regs + GITS_CTLR, mmio_read32(its->regs + GITS_CTLR) | CTLR_ENABLED);
	return its_map_collection(its, BOOT_CPU);
}

int gicv3_its_cpu_open(void)
{
	int err = 0;

	for (struct its *its = its_first; its && !err; its = its->next)
		err = its_map_collection(its, cpu_id());
	return err;
}

static void its_lost(struct work *w)
{
	irq_domain_lost(&container_of(w, struct its, lost)->domain);
}

/* Tables that an ITS was given are never taken back: it may write to them. */
static int its_add(const struct platform_its *fw)
{
	struct its *its;
	u8 *regs;
	int err;

	if (fw->reg.size < ITS_SIZE) {
		log_err("ITS: %#llx bytes of registers are too few", (unsigned long long)fw->reg.size);
		return -EINVAL;
	}
	regs = mmio_map_found(fw->reg.base, ITS_SIZE, GITS_CTLR, "ITS");
	if (!regs)
		return -ENXIO;
	if (!(mmio_read64(regs + GITS_TYPER) & TYPER_PHYSICAL)) {
		log_err("ITS: the one at %#llx has virtual interrupts only", (unsigned long long)fw->reg.base);
		mmio_unmap(regs, ITS_SIZE);
		return -ENODEV;
	}
	err = gicv3_lpi_init();
	if (err)
		return err;
	its = kzalloc(sizeof(*its));
	if (!its)
		return -ENOMEM;
	its->phys = fw->reg.base;
	its->regs = regs;
	its->lost.fn = its_lost;
	its->domain = (struct irq_domain){ .name = "ITS-MSI", .ops = &its_ops, .parent = irq_root_domain(), .priv = its };
	spin_init(&its->queue_lock, "its");
	mutex_init(&its->lock, "its");
	list_init(&its->devices);
	err = its_start(its);
	if (err)
		return err;
	irq_domain_register(&its->domain);
	its->msi = (struct msi_controller){
		.name = "ITS",
		.lines = "LPI",
		.alloc = its_alloc,
		.free = its_free,
		.phandle_or_base = fw->ref,
	};
	msi_controller_register(&its->msi);
	its->next = its_first;
	its_first = its;
	log_debug("ITS: %u bits of devices, %u of events, %s table", its->device_bits, its->event_bits,
		  its->devices_level1 ? "a two-level" : "a flat");
	return 0;
}

static int its_probe(void)
{
	int err = -ENODEV;

	for (u32 i = 0; platform.gic.version == 3 && i < platform.its_count; i++) {
		int one = its_add(&platform.its[i]);

		if (one == 0 || err == -ENODEV)
			err = one;
	}
	return err;
}
PLATFORM_DRIVER(gicv3_its, DRIVER_MSI, its_probe);
