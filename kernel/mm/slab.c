/*
 * Object caches (slab.h). A slab is a block of 2^order pages cut into
 * objects, with its bookkeeping behind the last of them; free objects are
 * linked through their first word. Each CPU keeps a list of free objects of
 * each cache and only refills or drains it by batches under the cache's lock.
 */
#include "mm/slab.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "mm/page_boot.h"

struct slab {				/* behind the objects of a block */
	struct list_node node;		/* cache.partial or cache.empty [cache lock] */
	void *free;			/* [cache lock] */
	u32 used;			/* [cache lock] */
};

struct slab_cpu {			/* [own CPU, interrupts masked] */
	void *free;
	u32 count;
};

struct slab_cache {
	struct slab_cpu *cpus;		/* by CPU: as many as slab_cpus, or only the boot CPU's */
	struct slab_cpu boot_cpu;
	u32 size, batch;		/* object size; how many move at once */
	u32 order, per_slab;
	struct spinlock lock;		/* irq kind */
	struct list_node partial;	/* slabs with free objects, not empty [lock] */
	struct list_node empty;		/* slabs without used objects [lock] */
	u32 empty_count;		/* [lock] */
	u64 slabs, used;		/* [lock]; used counts what CPUs keep, too */
	const char *name;
	struct list_node node;		/* [caches_lock] */
};

#define EMPTY_KEEP 1			/* empty slabs a cache keeps */

static struct slab_cache cache_of_caches;
static struct list_node caches = LIST_INIT(caches);
static struct spinlock caches_lock = SPINLOCK_INIT("slab caches");
static u32 slab_cpus = 1;		/* CPUs that there may be [boot] */

static const u16 class_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096 };
static const char *const class_names[] = { "kmalloc-16", "kmalloc-32", "kmalloc-48", "kmalloc-64", "kmalloc-96",
	"kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384", "kmalloc-512", "kmalloc-768", "kmalloc-1k",
	"kmalloc-1536", "kmalloc-2k", "kmalloc-3k", "kmalloc-4k" };
#define KMALLOC_SLAB_MAX 4096
static struct slab_cache *class_caches[ARRAY_SIZE(class_sizes)];
static u8 class_of[KMALLOC_SLAB_MAX / 16 + 1];	/* by (size + 15) / 16 */

static inline void *next_of(void *obj) { return *(void **)obj; }
static inline void set_next(void *obj, void *next) { *(void **)obj = next; }

static inline struct slab *slab_of(struct slab_cache *c, void *obj)
{
	u64 block = ALIGN_DOWN((u64)obj, PAGE_SIZE << c->order);

	return (struct slab *)(block + (PAGE_SIZE << c->order) - sizeof(struct slab));
}

/* The smallest order that wastes at most an eighth, or the best of the small ones. */
static void geometry_choose(struct slab_cache *c)
{
	u64 best_waste = ~0ull;

	for (u32 order = 0; order <= 3; order++) {
		u64 room = (PAGE_SIZE << order) - sizeof(struct slab);
		u64 n = room / c->size, waste;

		if (!n)
			continue;
		waste = ((PAGE_SIZE << order) - n * c->size) * 256 / (PAGE_SIZE << order);
		if (waste < best_waste) {
			best_waste = waste;
			c->order = order;
			c->per_slab = n;
		}
		if (waste <= 256 / 8)
			break;
	}
}

static void cache_init(struct slab_cache *c, const char *name, size_t size, size_t align)
{
	align = MAX(align, (size_t)16);
	memset(c, 0, sizeof *c);
	c->name = name;
	c->size = ALIGN_UP(MAX(size, (size_t)16), align);
	c->batch = c->size <= 256 ? 32 : c->size <= 1024 ? 16 : c->size <= 2048 ? 8 : 2;
	c->cpus = &c->boot_cpu;
	spin_init(&c->lock, "slab cache");
	list_init(&c->partial);
	list_init(&c->empty);
	geometry_choose(c);
	BUG_ON(!c->per_slab);
}

/* A list for each CPU that may come. -ENOMEM. */
static int cpus_make(struct slab_cache *c)
{
	struct slab_cpu *cpus;
	u64 flags;

	if (slab_cpus == 1)
		return 0;
	cpus = kcalloc(slab_cpus, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	flags = irq_save();
	cpus[0] = c->boot_cpu;
	c->cpus = cpus;
	irq_restore(flags);
	return 0;
}

int slab_cpus_prepare(u32 n)
{
	struct slab_cache *c;
	int err = 0;

	slab_cpus = n;
	list_for_each(c, &caches, node)
		if (!err)
			err = cpus_make(c);
	return err;
}

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = slab_alloc(&cache_of_caches);
	u64 flags;

	if (!c)
		panic("slab: no memory for cache %s", name);
	cache_init(c, name, size, align);
	if (cpus_make(c))
		panic("slab: no memory for cache %s", name);
	flags = spin_lock_irqsave(&caches_lock);
	list_push_back(&caches, &c->node);
	spin_unlock_irqrestore(&caches_lock, flags);
	return c;
}

/* A fresh block on the empty list. [cache lock] */
static struct slab *slab_grow(struct slab_cache *c)
{
	struct page *p = page_alloc(c->order, PA_NOWAIT);
	struct slab *s;
	u8 *base;

	if (!p)
		return NULL;
	for (u32 i = 0; i < 1u << c->order; i++) {
		p[i].state = PAGE_SLAB;
		p[i].order = c->order;
		p[i].owner = c;
	}
	base = page_to_virt(p);
	s = slab_of(c, base);
	s->used = 0;
	s->free = NULL;
	for (u32 i = c->per_slab; i-- > 0; ) {
		set_next(base + (u64)i * c->size, s->free);
		s->free = base + (u64)i * c->size;
	}
	list_push_front(&c->empty, &s->node);
	c->empty_count++;
	c->slabs++;
	atomic_add_relaxed(&page_zone.slab_pages, 1ul << c->order);
	return s;
}

static void slab_release(struct slab_cache *c, struct slab *s)
{
	struct page *p = virt_to_page((void *)ALIGN_DOWN((u64)s, PAGE_SIZE << c->order));

	list_remove(&s->node);
	c->slabs--;
	for (u32 i = 0; i < 1u << c->order; i++)
		p[i].state = PAGE_ALLOCATED;
	page_free(p, c->order);
	atomic_add_relaxed(&page_zone.slab_pages, -(1ul << c->order));
}

/* Move up to a batch of objects to this CPU's list. Interrupts masked. */
static void cpu_refill(struct slab_cache *c, struct slab_cpu *k)
{
	spin_lock(&c->lock);
	while (k->count < c->batch) {
		struct slab *s;

		if (!list_empty(&c->partial)) {
			s = list_first(&c->partial, struct slab, node);
		} else {
			if (list_empty(&c->empty) && !slab_grow(c))
				break;
			s = list_first(&c->empty, struct slab, node);
			list_remove(&s->node);
			c->empty_count--;
			list_push_front(&c->partial, &s->node);
		}
		while (s->free && k->count < c->batch) {
			void *obj = s->free;

			s->free = next_of(obj);
			s->used++;
			c->used++;
			set_next(obj, k->free);
			k->free = obj;
			k->count++;
		}
		if (!s->free)
			list_remove(&s->node);
	}
	spin_unlock(&c->lock);
}

/* Give objects back to their slabs until `keep` are left. Interrupts masked. */
static void cpu_drain(struct slab_cache *c, struct slab_cpu *k, u32 keep, u32 keep_empty)
{
	spin_lock(&c->lock);
	while (k->count > keep) {
		void *obj = k->free;
		struct slab *s = slab_of(c, obj);

		k->free = next_of(obj);
		k->count--;
		if (!s->free)
			list_push_front(&c->partial, &s->node);
		set_next(obj, s->free);
		s->free = obj;
		c->used--;
		if (--s->used == 0) {
			list_remove(&s->node);
			list_push_front(&c->empty, &s->node);
			c->empty_count++;
		}
	}
	while (c->empty_count > keep_empty) {
		c->empty_count--;
		slab_release(c, list_last(&c->empty, struct slab, node));
	}
	spin_unlock(&c->lock);
}

void *slab_alloc(struct slab_cache *c)
{
	u64 flags = irq_save();
	struct slab_cpu *k = &c->cpus[cpu_id()];
	void *obj = k->free;

	if (unlikely(!obj)) {
		cpu_refill(c, k);
		obj = k->free;
		if (!obj) {
			irq_restore(flags);
			return NULL;
		}
	}
	k->free = next_of(obj);
	k->count--;
	irq_restore(flags);
	return obj;
}

void *slab_zalloc(struct slab_cache *c)
{
	void *obj = slab_alloc(c);

	return obj ? memset(obj, 0, c->size) : NULL;
}

void slab_free(struct slab_cache *c, void *obj)
{
	u64 flags;
	struct slab_cpu *k;

	if (!obj)
		return;
	ASSERT(virt_to_page(obj)->state == PAGE_SLAB && virt_to_page(obj)->owner == c);
	flags = irq_save();
	k = &c->cpus[cpu_id()];
	set_next(obj, k->free);
	k->free = obj;
	if (unlikely(++k->count > 2 * c->batch))
		cpu_drain(c, k, c->batch, EMPTY_KEEP);
	irq_restore(flags);
}

void *kmalloc(size_t size)
{
	struct page *p;

	if (likely(size <= KMALLOC_SLAB_MAX))
		return slab_alloc(class_caches[class_of[(size + 15) / 16]]);
	if (size > PAGE_SIZE << PAGE_MAX_ORDER)
		return NULL;
	p = page_alloc(64 - __builtin_clzll((size - 1) >> PAGE_SHIFT), PA_NOWAIT);
	return p ? page_to_virt(p) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t n, size_t size)
{
	size_t all;

	return __builtin_mul_overflow(n, size, &all) ? NULL : kzalloc(all);
}

void kfree(void *obj)
{
	struct page *p;

	if (!obj)
		return;
	p = virt_to_page(obj);
	if (likely(p->state == PAGE_SLAB))
		slab_free(p->owner, obj);
	else
		page_free(p, p->order);
}

void *krealloc(void *old, size_t old_size, size_t size)
{
	void *p = kmalloc(size);

	if (!p)
		return NULL;
	if (old)
		memcpy(p, old, MIN(old_size, size));
	kfree(old);
	return p;
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = kmalloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

void slab_drain_caches(void)
{
	u64 flags = irq_save();
	struct slab_cache *c;

	spin_lock(&caches_lock);
	list_for_each(c, &caches, node)
		cpu_drain(c, &c->cpus[cpu_id()], 0, 0);
	spin_unlock(&caches_lock);
	irq_restore(flags);
}

bool slab_info_get(u32 i, struct slab_info *info)
{
	u64 flags = spin_lock_irqsave(&caches_lock);
	struct slab_cache *c;
	bool found = false;

	list_for_each(c, &caches, node) {
		if (i--)
			continue;
		spin_lock(&c->lock);
		*info = (struct slab_info){ c->name, c->size, c->used, c->slabs * c->per_slab, c->slabs << c->order };
		for (u32 cpu = 0; cpu < cpus_present; cpu++)
			info->objects_used -= c->cpus[cpu].count;
		spin_unlock(&c->lock);
		found = true;
		break;
	}
	spin_unlock_irqrestore(&caches_lock, flags);
	return found;
}

void slab_init(void)
{
	u32 k = 0;

	cache_init(&cache_of_caches, "slab_cache", sizeof(struct slab_cache), 64);
	list_push_back(&caches, &cache_of_caches.node);
	for (u32 i = 0; i < ARRAY_SIZE(class_sizes); i++) {
		u32 size = class_sizes[i];

		class_caches[i] = slab_cache_create(class_names[i], size, size & (size - 1) ? 16 : size);
		for (; k * 16 <= size; k++)
			class_of[k] = i;
	}
}
