/*
 * What the files of vm/ share among themselves.
 */
#pragma once
#include "arch/arm64/pgtable.h"
#include "arch/arm64/trap.h"
#include "mm/page.h"
#include "vm/vm_space.h"

#define PTE_NOPAGE	PTE_SOFT(0)	/* device memory: no struct page behind it */
#define PTE_OWN		PTE_SOFT(1)	/* a frame that is no object's: anonymous, or a private copy */
/* A page that nobody may touch (PROT_NONE) keeps its entry without PTE_VALID: non-zero, and nothing to the walker. */

#define STACK_GAP	(256 * PAGE_SIZE) /* kept free below a stack that may grow */
#define ASID_MASK	0xffffull

/* Entries of one level-3 table from a given address on. */
struct vm_leaf { u64 *pte; u64 va, end; };

/* The first table with entries in [va, end), holes skipped: false when there is none. *leaf covers va up to its end. */
bool vm_leaf_next(struct vm_space *s, u64 va, u64 end, struct vm_leaf *leaf);
u64 *vm_pte_make(struct vm_space *s, u64 va);	/* NULL: no memory */
u64 *vm_pte_find(struct vm_space *s, u64 va);	/* NULL: no table there */
bool vm_tables_start(struct vm_space *s);	/* the root; false: no memory */
void vm_tables_free(struct vm_space *s);	/* all but the root, which is emptied */
/* [start, end) was emptied, and no region lies in [floor, ceiling) around it: give back the tables that lie in
 * there. */
void vm_tables_prune(struct vm_space *s, u64 start, u64 end, u64 floor, u64 ceiling);

/* Pages to be put once the TLB has forgotten them. */
#define VM_GATHER 120
struct vm_gather {
	struct vm_space *space;
	u32 count;
	bool flush_all;
	u64 first;			/* the only address, while count is 1 */
	u64 pa[VM_GATHER];
};
void vm_gather_add(struct vm_gather *g, u64 va, u64 pte);
void vm_gather_finish(struct vm_gather *g);
void vm_clear_range(struct vm_space *s, u64 start, u64 end, bool flush);
void vm_clear_uncopied(struct vm_space *s, u64 start, u64 end);	/* all but PTE_OWN */

void vm_flush_page(struct vm_space *s, u64 va);
void vm_flush_space(struct vm_space *s);

struct vm_region *vm_region_new(void);
void vm_region_free(struct vm_region *r);	/* drops object and file */
/* from: the region that r takes entries over from, NULL if it starts empty. */
void vm_region_insert(struct vm_space *s, struct vm_region *r, struct vm_region *from);
void vm_region_unlink(struct vm_space *s, struct vm_region *r);
void vm_region_doom(struct vm_space *s, struct vm_region *r);	/* unlinked and empty: freed by vm_unlock */
void vm_regions_free(struct vm_region *doomed);
/* The space's lock: objects and files may go for good after it, not under it. */
static inline void vm_unlock(struct vm_space *s)
{
	struct vm_region *doomed = s->doomed;

	s->doomed = NULL;
	mutex_unlock(&s->lock);
	if (doomed)
		vm_regions_free(doomed);
}
struct vm_region *vm_region_after(struct vm_region *r);
struct vm_region *vm_region_before(struct vm_region *r);
/* Cut r at address: r keeps the lower part. 0, -ENOMEM. */
int vm_region_split(struct vm_space *s, struct vm_region *r, u64 address);
/* Make address a border between regions. 0, -ENOMEM. */
int vm_region_cut(struct vm_space *s, u64 address);
/* Join r with its neighbours where they continue one another. */
struct vm_region *vm_region_merge(struct vm_space *s, struct vm_region *r);
void vm_count_region(struct vm_space *s, struct vm_region *r, s64 sign);
/* vm_object.c: r's place in its object's list, behind `from` or in front. */
void vm_region_list(struct vm_region *r, struct vm_region *from);
void vm_region_unlist(struct vm_region *r);
void vm_region_list_join(struct vm_region *low, struct vm_region *high);	/* high becomes a part of low */

/* [lock] held: bring in the page at address, as a fault with flags would. 0, -EFAULT, -ENOMEM, -EIO; -EACCES: region
 * forbids. */
int vm_fault_region(struct vm_space *s, struct vm_region *r, u64 address, u32 flags);
/* [lock] held: the region for a fault, the stack grown to it. NULL: none. */
struct vm_region *vm_fault_find(struct vm_space *s, u64 address);

u32 vm_pte_prot(u32 region_flags);

#define PROT_BITS	(VM_READ | VM_WRITE | VM_EXEC)
/* Does a region with these flags count for RLIMIT_DATA? */
static inline bool vm_region_is_data(u32 flags)
{
	return (flags & (VM_STACK | VM_EXEC | VM_WRITE | VM_SHARED)) == VM_WRITE;
}
int vm_range_check(u64 address, u64 *length);	/* rounds length up: 0, -EINVAL, -ENOMEM (beyond user memory) */
/* Call fn on the regions of [address, end), cut at the borders and joined again; -ENOMEM after a hole. [lock] held. */
int vm_each_region(struct vm_space *s, u64 address, u64 end, int (*fn)(struct vm_space *, struct vm_region *, u64 arg),
		   u64 arg, bool stop_at_hole);

/* asid.c */
void asid_activate(struct vm_space *s);		/* interrupts masked */
void asid_quiesce(struct vm_space *s);		/* its last holder is gone, and its root is empty */
void asid_init(void);
extern struct page *vm_zero_page;
