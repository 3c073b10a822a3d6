/*
 * Objects that nothing else backs: shared anonymous memory, kept as pages by
 * index in a table that grows with the highest page touched. sys_mm.c makes
 * one for mmap(MAP_SHARED|MAP_ANONYMOUS); forks share it through their regions.
 */
#include "base/errno.h"
#include "mm/slab.h"
#include "vm/internal.h"

#define TABLE_PAGES	512u		/* indices covered by one second-level table */

struct anonymous_object {
	struct vm_object object;
	struct mutex lock;
	u64 pages;			/* size [S] */
	struct page ***tables;		/* each TABLE_PAGES pages, or NULL [lock] */
	u64 table_count;		/* [S] */
};

static struct page *anonymous_get_page(struct vm_object *o, u64 index, bool write, int *err)
{
	struct anonymous_object *a = container_of(o, struct anonymous_object, object);
	struct page *p = NULL, **slot;

	if (index >= a->pages) {
		*err = -EFAULT;
		return NULL;
	}
	*err = -ENOMEM;
	mutex_lock(&a->lock);
	if (!a->tables[index / TABLE_PAGES])
		a->tables[index / TABLE_PAGES] = kcalloc(TABLE_PAGES, sizeof(struct page *));
	if (a->tables[index / TABLE_PAGES]) {
		slot = &a->tables[index / TABLE_PAGES][index % TABLE_PAGES];
		if (!*slot)
			*slot = page_alloc(0, PA_ZERO | PA_RECLAIM);
		p = *slot;
		if (p)
			page_get(p);
	}
	mutex_unlock(&a->lock);
	return p;
}

static void anonymous_release(struct vm_object *o)
{
	struct anonymous_object *a = container_of(o, struct anonymous_object, object);

	for (u64 t = 0; t < a->table_count; t++) {
		for (u32 i = 0; a->tables[t] && i < TABLE_PAGES; i++)
			if (a->tables[t][i])
				page_put(a->tables[t][i]);
		kfree(a->tables[t]);
	}
	kfree(a->tables);
	kfree(a);
}

static const struct vm_object_ops anonymous_ops = {
	.get_page = anonymous_get_page,
	.release = anonymous_release,
};

struct vm_object *vm_object_new_anonymous(u64 pages)
{
	struct anonymous_object *a;
	struct page_counts c;

	page_counts_get(&c);
	if (pages > c.managed && vm_overcommit_mode != 1)
		return NULL;
	a = kzalloc(sizeof(*a));
	if (!a)
		return NULL;
	a->table_count = DIV_ROUND_UP(pages, TABLE_PAGES);
	a->tables = kcalloc(a->table_count, sizeof(*a->tables));
	if (!a->tables) {
		kfree(a);
		return NULL;
	}
	a->object.refs = 1;
	a->object.ops = &anonymous_ops;
	a->pages = pages;
	mutex_init(&a->lock, "vm_object");
	return &a->object;
}
