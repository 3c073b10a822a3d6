/*
 * Pages by index: what a mapping shows. Anonymous memory, the page cache,
 * tmpfs files, the vDSO and device buffers implement it.
 */
#pragma once
#include "mm/page.h"

struct vm_object;

struct vm_object_ops {
	/* The page at index, referenced; *err on NULL: -ENOMEM, -EIO, or -EFAULT past the end (SIGBUS). May sleep. */
	struct page *(*get_page)(struct vm_object *, u64 index, bool write, int *err);
	/* A mapping wrote to it. Any context. NULL: nothing to do. */
	void (*dirty)(struct vm_object *, u64 index);
	void (*release)(struct vm_object *);	/* last reference gone */
	/* Those of count pages from index on that are at hand, referenced, into pages[]; NULL for the others. Does not
	 * sleep for I/O. NULL operation: none are. For mapping around a fault. */
	void (*peek_pages)(struct vm_object *, u64 index, u32 count, struct page **pages);
};

struct vm_object {
	u32 refs;			/* [a] */
	const struct vm_object_ops *ops;
	bool device;			/* pages are device memory: no struct page, never copied; get_page unused */
	u64 device_phys;
	void *priv;
};

static inline void vm_object_get(struct vm_object *o) { ref_get(&o->refs); }
static inline void vm_object_put(struct vm_object *o) { if (ref_put(&o->refs)) o->ops->release(o); }
