/*
 * How much memory a region uses, page by page, for /proc/PID/smaps. A frame's
 * count of holders says how many share it: each mapping is one, and for a
 * page of an object the object itself.
 */
#include "vm/internal.h"

static void frame_count(const struct page *p, u64 e, const struct vm_region *r, struct vm_usage *u)
{
	u32 refs = atomic_load_relaxed(&p->refs), sharers = MAX(refs, 1u);
	bool own = e & PTE_OWN, kernels = r->flags & VM_VDSO;
	/* A page of a file in memory has no other copy anywhere, so it is never clean. */
	bool dirty = own || pte_writable(e) || !(kernels || r->object->ops->dirty);
	u64 share;

	if (!own && sharers > 1)
		sharers--;
	share = (PAGE_SIZE << VM_PSS_SHIFT) / sharers;
	u->rss += PAGE_SIZE;
	u->pss += share;
	if (dirty)
		u->pss_dirty += share;
	if (own) {
		u->anonymous += PAGE_SIZE;
		u->pss_anonymous += share;
	} else if (kernels || r->object->ops->dirty) {
		u->pss_file += share;
	} else {
		u->pss_shared += share;
	}
	*(sharers > 1 ? dirty ? &u->shared_dirty : &u->shared_clean :
	  dirty ? &u->private_dirty : &u->private_clean) += PAGE_SIZE;
	if (r->flags & VM_LOCKED)
		u->locked += share;
}

void vm_usage_add(struct vm_space *s, struct vm_region *r, struct vm_usage *u)
{
	u64 start = r->start;
	struct vm_leaf leaf;

	while (vm_leaf_next(s, start, r->end, &leaf)) {
		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++) {
			struct page *p = phys_to_page(pte_pa(*pte));

			if (*pte && !(*pte & PTE_NOPAGE) && p != vm_zero_page)
				frame_count(p, *pte, r, u);
		}
		start = leaf.end;
	}
}
