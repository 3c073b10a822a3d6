/*
 * LPIs: message interrupts of a GICv3, as the CPUs see them. Their state is in memory: one table for all CPUs with a
 * byte for each LPI (priority, enable), and one for each CPU with a bit for each (pending), which the redistributors
 * read and write. gicv3_its.c takes LPIs here and sends devices' messages to them; gicv3_dispatch looks them up.
 *
 * Source: Arm IHI 0069G, 5.1 (LPIs), 12.11 (redistributor registers).
 */
#include "base/bitmap.h"
#include "base/errno.h"
#include "core/log.h"
#include "core/percpu.h"
#include "drivers/intc/gicv3.h"
#include "mm/page.h"
#include "mm/slab.h"

#define GICR_CTLR		0x0000
#define  CTLR_ENABLE_LPIS	1u
#define GICR_TYPER		0x0008
#define  TYPER_PLPIS		1u
#define GICR_PROPBASER		0x0070
#define GICR_PENDBASER		0x0078
#define  PENDBASER_ZEROED	(1ull << 62)
#define BASER_INNER_CACHE	7	/* shifts, of both registers */
#define BASER_SHAREABILITY	10
#define BASER_SHARE_MASK	(3ull << BASER_SHAREABILITY)
#define PENDING_ALIGN		0x10000ul

/* A byte of the configuration table, 5.1.1. Bit 1 is RES1. */
#define LPI_PRIORITY		0xa0
#define LPI_RES1		2
#define LPI_ENABLE		1

#define ID_BITS_MAX		16	/* 57344 LPIs; more would only cost memory */
#define CHUNK			256u	/* records made at a time */

static u32 id_bits, count;		/* LPIs are LPI_FIRST .. LPI_FIRST + count - 1 */
static u8 *config;			/* a byte an LPI; NULL: LPIs are not in use */
static bool flush;			/* the redistributors do not look into caches */
static struct lpi **chunks;		/* by number / CHUNK; each published when made, never freed */
static struct spinlock lock = SPINLOCK_INIT("lpis");	/* irq kind */
static u64 *taken;			/* a bit an LPI [lock] */

static void *table_alloc(u64 size)
{
	u32 order = 0;
	struct page *p;

	while (PAGE_SIZE << order < size)
		order++;
	p = page_alloc(order, PA_ZERO);
	return p ? page_to_virt(p) : NULL;
}

/* Write a table's register as shared and cached; what the redistributor cannot do reads back otherwise. */
static void table_register(u8 *reg, u64 value)
{
	mmio_write64(reg, value | GIC_SHAREABLE_INNER << BASER_SHAREABILITY | GIC_CACHE_WRITE_BACK << BASER_INNER_CACHE);
	if (mmio_read64(reg) & BASER_SHARE_MASK)
		return;
	flush = true;
	mmio_write64(reg, value | GIC_CACHE_NONE << BASER_INNER_CACHE);
}

bool gicv3_lpi_cpu_open(void)
{
	u8 *rd = gicv3_redist_of(cpu_id())->frames;
	u64 size = MAX((1ul << id_bits) / 8, PENDING_ALIGN);
	void *pending;

	if (!config || !rd)
		return false;
	if (mmio_read32(rd + GICR_CTLR) & CTLR_ENABLE_LPIS) {
		/* Somebody before us; where that cannot be undone, the tables stay theirs (12.11, GICR_CTLR). */
		mmio_write32(rd + GICR_CTLR, mmio_read32(rd + GICR_CTLR) & ~CTLR_ENABLE_LPIS);
		if (mmio_read32(rd + GICR_CTLR) & CTLR_ENABLE_LPIS) {
			log_err("GICv3: CPU %u's LPIs were enabled before boot and cannot be taken over", cpu_id());
			return false;
		}
	}
	pending = table_alloc(size);
	if (!pending) {
		log_err("GICv3: no memory for CPU %u's LPIs", cpu_id());
		return false;
	}
	table_register(rd + GICR_PROPBASER, virt_to_phys(config) | (id_bits - 1));
	table_register(rd + GICR_PENDBASER, virt_to_phys(pending) | PENDBASER_ZEROED);
	if (flush) {
		cache_clean(config, count);
		cache_clean(pending, size);
	}
	/* The tables are written before the redistributor reads them. */
	dsb(sy);
	mmio_write32(rd + GICR_CTLR, mmio_read32(rd + GICR_CTLR) | CTLR_ENABLE_LPIS);
	dsb(sy);
	return true;
}

int gicv3_lpi_init(void)
{
	u8 *rd = gicv3_redist_of(cpu_id())->frames;
	u8 *table;

	if (config)
		return 0;
	id_bits = MIN(gicv3_lpi_bits(), (u32)ID_BITS_MAX);
	if (1u << id_bits <= LPI_FIRST || !(mmio_read64(rd + GICR_TYPER) & TYPER_PLPIS))
		return -ENODEV;
	count = (1u << id_bits) - LPI_FIRST;
	chunks = kcalloc(count / CHUNK, sizeof(*chunks));
	taken = kcalloc(BITMAP_WORDS(count), sizeof(*taken));
	table = table_alloc(count);
	if (!chunks || !taken || !table) {
		kfree(chunks);
		kfree(taken);
		return -ENOMEM;
	}
	for (u32 i = 0; i < count; i++)
		table[i] = LPI_PRIORITY | LPI_RES1;
	config = table;
	gicv3_redist_of(cpu_id())->lpis = gicv3_lpi_cpu_open();
	return 0;
}

struct lpi *gicv3_lpi(u32 intid)
{
	u32 n = intid - LPI_FIRST;
	struct lpi *chunk;

	if (intid < LPI_FIRST || n >= count)
		return NULL;
	chunk = atomic_load(&chunks[n / CHUNK]);
	return chunk ? &chunk[n % CHUNK] : NULL;
}

/* The records of these LPIs exist; false: no memory. */
static bool chunks_make(u32 from, u32 n)
{
	for (u32 i = from / CHUNK; i <= (from + n - 1) / CHUNK; i++) {
		struct lpi *fresh, *none = NULL;

		if (atomic_load(&chunks[i]))
			continue;
		fresh = kcalloc(CHUNK, sizeof(*fresh));
		if (!fresh)
			return false;
		/* Whole before dispatch can find it; another taker may have been quicker. */
		if (!__atomic_compare_exchange_n(&chunks[i], &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			kfree(fresh);
	}
	return true;
}

u32 gicv3_lpi_take(u32 n)
{
	u64 flags = spin_lock_irqsave(&lock);
	u32 at = bitmap_find_zero_area(taken, count, n, 1);

	for (u32 i = 0; at < count && i < n; i++)
		bitmap_set(taken, at + i);
	spin_unlock_irqrestore(&lock, flags);
	if (at >= count)
		return 0;
	if (!chunks_make(at, n)) {
		gicv3_lpi_give(LPI_FIRST + at, n);
		return 0;
	}
	return LPI_FIRST + at;
}

void gicv3_lpi_give(u32 first, u32 n)
{
	u64 flags = spin_lock_irqsave(&lock);

	for (u32 i = 0; i < n; i++)
		bitmap_clear(taken, first - LPI_FIRST + i);
	spin_unlock_irqrestore(&lock, flags);
}

void gicv3_lpi_enable(u32 intid, bool on)
{
	u8 *byte = &config[intid - LPI_FIRST];

	WRITE_ONCE(*byte, LPI_PRIORITY | LPI_RES1 | (on ? LPI_ENABLE : 0));
	if (flush)
		cache_clean(byte, 1);
	/* Before the command that makes the redistributor read it. */
	dsb(ishst);
}
