/*
 * The page allocator (page.h): one zone of all RAM, buddy lists by order, and
 * a small cache of single pages a CPU. Callers are everybody; it calls the
 * reclaim operations alone, and only for requests that may sleep.
 *
 * Free blocks are linked by page frame number through their struct page.
 */
#include "mm/page.h"
#include "base/string.h"
#include "core/event.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "mm/page_boot.h"

#define CACHE_MAX	64u		/* pages a CPU keeps */
#define CACHE_BATCH	32u		/* moved at once between it and the zone */
#define RESERVE_PAGES	32u		/* kept back for PA_NOFAIL_RESERVE: a turn of receive buffers */
#define KERNEL_PAGES	64u		/* kept for who can't wait: the kernel's own objects, a few forks' worth */

struct page_cache {
	u32 count;			/* [own CPU, interrupts masked] */
	struct page *page[CACHE_MAX];
};

static DEFINE_PERCPU(struct page_cache, page_cache);

struct page_zone page_zone = { .lock = SPINLOCK_INIT("page zone") };
struct memory_ops memory_ops;

/* ---- buddy lists; all [zone lock] ---- */

static inline struct page *page_of_link(u32 link) { return pfn_to_page(link - 1); }
static inline u32 link_of(const struct page *p) { return page_to_pfn(p) + 1; }

static void block_push(struct page *p, u32 order)
{
	u32 head = page_zone.free[order];

	p->state = PAGE_FREE;
	p->order = order;
	p->next = head;
	p->prev = 0;
	if (head)
		page_of_link(head)->prev = link_of(p);
	page_zone.free[order] = link_of(p);
}

static void block_unlink(struct page *p, u32 order)
{
	if (p->prev)
		page_of_link(p->prev)->next = p->next;
	else
		page_zone.free[order] = p->next;
	if (p->next)
		page_of_link(p->next)->prev = p->prev;
	p->state = PAGE_ALLOCATED;
}

static struct page *block_take(u32 order)
{
	u32 o = order;
	struct page *p;

	while (o <= PAGE_REPORTED && !page_zone.free[o])
		o++;
	if (o > PAGE_REPORTED)
		return NULL;
	p = page_of_link(page_zone.free[o]);
	block_unlink(p, o);
	if (o == PAGE_REPORTED)
		o = PAGE_MAX_ORDER;
	while (o > order) {
		o--;
		block_push(p + (1ul << o), o);
	}
	p->order = order;
	page_zone.free_pages -= 1ul << order;
	return p;
}

void page_block_give(struct page *p, u32 order)
{
	u64 pfn = page_to_pfn(p);

	page_zone.free_pages += 1ul << order;
	while (order < PAGE_MAX_ORDER) {
		u64 other = pfn ^ (1ul << order);
		struct page *b;

		if (!page_is_ram(other))
			break;
		b = pfn_to_page(other);
		if (b->state != PAGE_FREE || b->order != order)
			break;
		block_unlink(b, order);
		pfn &= ~(1ul << order);
		order++;
	}
	block_push(pfn_to_page(pfn), order);
	if (order == PAGE_MAX_ORDER && !page_zone.block_announced) {
		page_zone.block_announced = true;
		core_event(CORE_EVENT_BLOCK_FREE);
	}
}

/* ---- per-CPU caches: interrupts masked ---- */

static struct page *cache_take(void)
{
	struct page_cache *c = this_cpu(page_cache);

	if (unlikely(!c->count)) {
		spin_lock(&page_zone.lock);
		while (c->count < CACHE_BATCH && page_zone.free_pages > RESERVE_PAGES) {
			struct page *p = block_take(0);

			if (!p)
				break;
			c->page[c->count++] = p;
		}
		spin_unlock(&page_zone.lock);
		if (!c->count)
			return NULL;
	}
	return c->page[--c->count];
}

static void cache_give(struct page *p)
{
	struct page_cache *c = this_cpu(page_cache);

	if (unlikely(c->count == CACHE_MAX)) {
		spin_lock(&page_zone.lock);
		while (c->count > CACHE_BATCH)
			page_block_give(c->page[--c->count], 0);
		spin_unlock(&page_zone.lock);
	}
	c->page[c->count++] = p;
}

static struct page *take(u32 order, u32 flags)
{
	u64 irq;
	struct page *p = NULL;

	/* Who can wait leaves some: else, while a program takes all it can, no other could fork. */
	if ((flags & PA_RECLAIM) && READ_ONCE(page_zone.free_pages) <= RESERVE_PAGES + KERNEL_PAGES)
		return NULL;
	irq = irq_save();
	if (order == 0)
		p = cache_take();
	if (!p) {
		spin_lock(&page_zone.lock);
		if (page_zone.free_pages > RESERVE_PAGES + (1ul << order) || (flags & PA_NOFAIL_RESERVE))
			p = block_take(order);
		spin_unlock(&page_zone.lock);
	}
	irq_restore(irq);
	return p;
}

struct page *page_alloc(u32 order, u32 flags)
{
	struct page *p;

	if (order > PAGE_MAX_ORDER)
		return NULL;
	p = take(order, flags);
	while (unlikely(!p)) {
		if (!(flags & PA_RECLAIM))
			return NULL;
		page_drain_caches();
		if (!(memory_ops.reclaim && memory_ops.reclaim(1ul << order)) &&
		    !(memory_ops.out_of_memory && memory_ops.out_of_memory()))
			return NULL;
		p = take(order, flags);
	}
	p->refs = 1;
	p->state = PAGE_ALLOCATED;
	p->order = order;
	p->owner = NULL;
	if (flags & PA_ZERO)
		memset(page_to_virt(p), 0, PAGE_SIZE << order);
	return p;
}

void page_free(struct page *p, u32 order)
{
	u64 irq = irq_save();

	ASSERT(p->state != PAGE_FREE);
	p->refs = 0;
	if (order == 0) {
		cache_give(p);
	} else {
		spin_lock(&page_zone.lock);
		page_block_give(p, order);
		spin_unlock(&page_zone.lock);
	}
	irq_restore(irq);
}

void page_put(struct page *p)
{
	ASSERT(p->refs);
	if (ref_put(&p->refs))
		page_free(p, 0);
}

void page_drain_caches(void)
{
	u64 irq = spin_lock_irqsave(&page_zone.lock);
	struct page_cache *c = this_cpu(page_cache);

	while (c->count)
		page_block_give(c->page[--c->count], 0);
	spin_unlock_irqrestore(&page_zone.lock, irq);
}

bool page_is_short(void)
{
	return atomic_load_relaxed(&page_zone.free_pages) < page_zone.managed / 16;
}

void page_managed_adjust(s64 pages)
{
	u64 irq = spin_lock_irqsave(&page_zone.lock);

	page_zone.managed += pages;
	spin_unlock_irqrestore(&page_zone.lock, irq);
}

u32 page_report_take(struct page **blocks, u32 n)
{
	u64 irq = spin_lock_irqsave(&page_zone.lock);
	u32 got = 0;

	page_zone.block_announced = false;
	for (; got < n && page_zone.free[PAGE_MAX_ORDER] && page_zone.free_pages > page_zone.managed / 8; got++) {
		blocks[got] = page_of_link(page_zone.free[PAGE_MAX_ORDER]);
		block_unlink(blocks[got], PAGE_MAX_ORDER);
		page_zone.free_pages -= 1ul << PAGE_MAX_ORDER;
	}
	spin_unlock_irqrestore(&page_zone.lock, irq);
	return got;
}

void page_report_give(struct page **blocks, u32 n, bool reported)
{
	u64 irq = spin_lock_irqsave(&page_zone.lock);

	for (u32 i = 0; i < n; i++)
		block_push(blocks[i], reported ? PAGE_REPORTED : PAGE_MAX_ORDER);
	page_zone.free_pages += (u64)n << PAGE_MAX_ORDER;
	spin_unlock_irqrestore(&page_zone.lock, irq);
}

void page_counts_get(struct page_counts *c)
{
	u64 irq = spin_lock_irqsave(&page_zone.lock);

	c->total = page_zone.total;
	c->managed = page_zone.managed;
	c->free = page_zone.free_pages;
	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		c->free += per_cpu(page_cache, cpu)->count;
	spin_unlock_irqrestore(&page_zone.lock, irq);
	c->slab = atomic_load_relaxed(&page_zone.slab_pages);
}
