/*
 * Pages by index: what a mapping shows. Anonymous memory, the page cache,
 * tmpfs files, the vDSO and device buffers implement it.
 */
#pragma once
#include "base/list.h"
#include "core/spinlock.h"
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
	/* madvise(MADV_REMOVE): make a hole of [offset, offset + length), page-aligned. Process context, no lock held.
	 * 0, -errno. NULL: the object can't. */
	int (*punch)(struct vm_object *, u64 offset, u64 length);
};

struct vm_object {
	u32 refs;			/* [a] */
	const struct vm_object_ops *ops;
	bool device;			/* pages are device memory: no struct page, never copied; get_page unused */
	bool combine;			/* with device: memory, which may be written in any order and width (a framebuffer) */
	u64 device_phys;		/* page-aligned */
	void *priv;
	u64 committed;			/* pages of the commit limit that it holds; given back with the last reference */
	struct spinlock lock;		/* thread kind */
	struct list_node regions;	/* that map it, by vm_region.object_node; the order matters (vm_object.c) [lock] */
	u32 walk;			/* vm_object_unmap's last or present one [lock] */
};

void vm_object_init(struct vm_object *o, const struct vm_object_ops *ops);	/* refs 0 */
static inline void vm_object_get(struct vm_object *o) { ref_get(&o->refs); }
void vm_object_put(struct vm_object *o);

/*
 * Pages first to last are no longer the object's, or it ends before them: take them out of every space that maps
 * them. The object must not give them out any more when this is called. copies: private copies go too (truncation),
 * else they stay (a hole). Process context, no space's lock held; the caller keeps others from calling for the same
 * object (a vnode's mutex).
 */
void vm_object_unmap(struct vm_object *o, u64 first, u64 last, bool copies);
/* Does a shared mapping exist that may write to it? The caller keeps others from vm_object_unmap, as above. */
bool vm_object_is_writable(struct vm_object *o);
