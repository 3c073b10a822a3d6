/*
 * Physical pages: the buddy allocator, with per-CPU caches of single pages in
 * front, and 16 bytes of metadata a frame. All RAM is in the linear map, so
 * every page has a kernel address.
 */
#pragma once
#include "arch/arm64/memory.h"
#include "base/atomic.h"

#define PAGE_MAX_ORDER	10		/* 4 MiB */

enum { PAGE_RESERVED /* 0: what fresh metadata says */, PAGE_FREE, PAGE_ALLOCATED, PAGE_SLAB };

/* With PAGE_ALLOCATED: the instruction caches know what is in the frame. vm/ sets it; who writes to an object's page
 * drops it. */
#define PAGE_CODE 0x80

struct page {
	u32 refs;		/* atomic; holders of the frame. 0 when free */
	u8 state;		/* PAGE_*                          [zone lock when free, else the holder] */
	u8 order;		/* of the block this page heads */
	u16 slab_used;		/* objects in use (slab)           [slab] */
	union {
		struct { u32 next, prev; };	/* free lists, by pfn + 1      [zone lock] */
		void *owner;			/* the holder's own word */
	};
};
_Static_assert(sizeof(struct page) == 16, "page metadata is 16 bytes");

#define PA_NOWAIT	0	/* any context; NULL when nothing is free at once */
#define PA_ZERO		1	/* filled with zeros */
#define PA_RECLAIM	2	/* may sleep, reclaim and kill for memory (user pages) */
#define PA_NOFAIL_RESERVE 4	/* may dip into the reserve kept for the receive path */

/* 2^order pages, each with refs 1 (the head counts for the block). NULL: no memory. Any context unless PA_RECLAIM. */
struct page *page_alloc(u32 order, u32 flags);
void page_free(struct page *p, u32 order);
static inline void page_get(struct page *p) { ref_get(&p->refs); }
/* Drop one reference to a single page; frees it with the last. Any context. */
void page_put(struct page *p);

static inline struct page *pfn_to_page(u64 pfn) { return (struct page *)VMEMMAP_BASE + pfn; }
static inline u64 page_to_pfn(const struct page *p) { return p - (struct page *)VMEMMAP_BASE; }
static inline u64 page_to_phys(const struct page *p) { return page_to_pfn(p) << PAGE_SHIFT; }
static inline struct page *phys_to_page(u64 pa) { return pfn_to_page(pa >> PAGE_SHIFT); }
static inline void *page_to_virt(const struct page *p) { return phys_to_virt(page_to_phys(p)); }
static inline struct page *virt_to_page(const void *v) { return phys_to_page(virt_to_phys(v)); }

struct page_counts {
	u64 total;		/* RAM that firmware reported, in pages */
	u64 managed;		/* given to the allocator */
	u64 free;		/* free now, per-CPU caches included */
	u64 slab;		/* held by slab */
};
void page_counts_get(struct page_counts *c);
void page_managed_adjust(s64 pages);	/* so many more are the allocator's than before. Any context */
bool page_is_short(void);		/* a sixteenth of memory is left, or less. Any context */
void page_drain_caches(void);		/* this CPU's cache back to the buddy lists. Any context */
/*
 * Free page reporting. Up to n free blocks of PAGE_MAX_ORDER, of which the host has not been told, out of the
 * allocator; none while little memory is free. Then back; reported: the host knows, and they are not taken again before
 * somebody has used them. CORE_EVENT_BLOCK_FREE says that there is one, once until the next call. Any context.
 */
u32 page_report_take(struct page **blocks, u32 n);
void page_report_give(struct page **blocks, u32 n, bool reported);
/* Is this frame RAM that the kernel manages (has a struct page)? */
bool page_is_ram(u64 pfn);

/* Called when page_alloc finds nothing and may wait: reclaim, then kill. Registered by proc. docs/floors.md. */
struct memory_ops {
	u64 (*reclaim)(u64 pages);	/* frees what it can; returns pages freed */
	bool (*out_of_memory)(void);	/* end somebody; true if waiting may help */
};
extern struct memory_ops memory_ops;

/* Boot only: called by main with what firmware reported, in this order. */
void page_init_region(u64 phys, u64 size);	/* RAM */
void page_init_reserve(u64 phys, u64 size);	/* firmware, DTB, initramfs, the image: not to be given out */
/* maps RAM and metadata, builds the free lists; panics if memory is too small */
void page_init_finish(void);
/* Give back a region that was reserved at boot (initramfs after unpacking). */
void page_release_reserved(u64 phys, u64 size);
