/*
 * Page faults. trap.c calls vm_fault for a program's access that the TLB
 * refused, or for a copy routine's; exec and procfs come in through
 * vm_fault_region for spaces that don't run.
 *
 * A page comes to be there in one of these ways:
 *   anonymous, written   a zeroed page of its own
 *   anonymous, read      the zero page, read-only
 *   of an object, read   the object's own page, read-only; and its neighbours, if they are at hand
 *   private, written     a copy of what is seen there; a frame with no other holder is not copied
 *   shared, written      the object's own page, noted as dirty
 *
 * The space's lock is held throughout; only the object's get_page may sleep.
 */
#include "core/trace.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "vm/internal.h"

#define AROUND	8u			/* pages mapped with one fault of an object, aligned */

struct vm_fault_ops vm_fault_ops;
static struct vm_stats stats;		/* [a] */

void vm_stats_get(struct vm_stats *st)
{
	st->faults = atomic_load_relaxed(&stats.faults);
	st->faults_major = atomic_load_relaxed(&stats.faults_major);
	st->cow_faults = atomic_load_relaxed(&stats.cow_faults);
	st->zero_faults = atomic_load_relaxed(&stats.zero_faults);
}

u32 vm_pte_prot(u32 flags)
{
	u32 prot = PTE_USER;

	if (flags & (VM_READ | VM_WRITE | VM_EXEC))
		prot |= PTE_READ;
	if (flags & VM_WRITE)
		prot |= PTE_WRITE;
	if (flags & VM_EXEC)
		prot |= PTE_EXEC;
	return prot;
}

static inline void entry_fill(struct vm_space *s, u64 *pte, u64 pa, u32 prot, u64 own)
{
	pte_set_quick(pte, pte_make(pa, prot) | own);
	s->pages_rss++;
}

static inline void rss_note(struct vm_space *s)
{
	if (s->pages_rss > s->rss_peak)
		s->rss_peak = s->pages_rss;
}

/* The program is to run what the kernel wrote into the frame: once after each time it was written. */
static inline void code_sync(struct page *p, u32 prot)
{
	if ((prot & PTE_EXEC) && !(p->state & PAGE_CODE)) {
		icache_sync(page_to_virt(p), PAGE_SIZE);
		p->state |= PAGE_CODE;
	}
}

static int fault_anonymous(struct vm_space *s, struct vm_region *r, u64 *pte, u32 flags)
{
	u32 prot = vm_pte_prot(r->flags);
	u64 own = 0;
	struct page *p;

	if (flags & FAULT_WRITE) {
		own = PTE_OWN;
		p = page_alloc(0, PA_ZERO | PA_RECLAIM);
		if (!p)
			return -ENOMEM;
		atomic_add_relaxed(&stats.zero_faults, 1);
	} else {
		p = vm_zero_page;
		page_get(p);
		prot &= ~PTE_WRITE;
	}
	entry_fill(s, pte, page_to_phys(p), prot, own);
	pte_sync();
	return 0;
}

/* Entries of the aligned window around address whose pages the object has at hand. */
static void map_around(struct vm_space *s, struct vm_region *r, u64 address, u64 *pte, u32 prot)
{
	struct page *pages[AROUND];
	u64 first = MAX(ALIGN_DOWN(address, AROUND * PAGE_SIZE), r->start);
	u64 end = MIN(ALIGN_DOWN(address, AROUND * PAGE_SIZE) + AROUND * PAGE_SIZE, r->end), rest = pte_make(0, prot);
	u32 count = (end - first) >> PAGE_SHIFT;

	if (count < 2)
		return;
	r->object->ops->peek_pages(r->object, (r->offset + (first - r->start)) >> PAGE_SHIFT, count, pages);
	pte -= (address - first) >> PAGE_SHIFT;
	for (u32 i = 0; i < count; i++) {
		if (!pages[i])
			continue;
		if (pte[i]) {
			page_put(pages[i]);
			continue;
		}
		code_sync(pages[i], prot);
		pte_set_quick(&pte[i], page_to_phys(pages[i]) | rest);
		s->pages_rss++;
	}
}

static int fault_object(struct vm_space *s, struct vm_region *r, u64 address, u64 *pte, u32 flags)
{
	struct vm_object *o = r->object;
	u64 offset = r->offset + (ALIGN_DOWN(address, PAGE_SIZE) - r->start), index = offset >> PAGE_SHIFT;
	bool shared = r->flags & VM_SHARED, write = flags & FAULT_WRITE;
	u32 prot = vm_pte_prot(r->flags);
	struct page *p, *copy;
	u64 own = 0;
	int err;

	if (o->device) {
		entry_fill(s, pte, o->device_phys + offset, prot | (o->combine ? PTE_NC : PTE_DEVICE), PTE_NOPAGE);
		pte_sync();
		return 0;
	}
	p = o->ops->get_page(o, index, shared && write, &err);
	if (!p)
		return err;
	if (shared) {
		if (o->ops->dirty) {
			if (write)
				o->ops->dirty(o, index);
			else
				prot &= ~PTE_WRITE;
		}
	} else if (write) {
		copy = page_alloc(0, PA_RECLAIM);
		if (!copy) {
			page_put(p);
			return -ENOMEM;
		}
		memcpy(page_to_virt(copy), page_to_virt(p), PAGE_SIZE);
		page_put(p);
		p = copy;
		own = PTE_OWN;
		r->flags |= VM_ANON;
	} else {
		prot &= ~PTE_WRITE;
	}
	code_sync(p, prot);
	entry_fill(s, pte, page_to_phys(p), prot, own);
	if (!write && o->ops->peek_pages)
		map_around(s, r, ALIGN_DOWN(address, PAGE_SIZE), pte, prot);
	pte_sync();
	return 0;
}

/* A write to a page that is there, read-only: the first since a fork, or since it was only read. */
static int fault_write_present(struct vm_space *s, struct vm_region *r, u64 address, u64 *pte)
{
	u64 e = *pte;
	struct page *p = phys_to_page(pte_pa(e)), *copy;
	u32 prot = vm_pte_prot(r->flags);
	u64 own = 0;

	if (e & PTE_NOPAGE)
		return -EACCES;
	if (r->flags & VM_SHARED) {
		if (r->object->ops->dirty)
			r->object->ops->dirty(r->object, (r->offset + (ALIGN_DOWN(address, PAGE_SIZE) - r->start)) >> PAGE_SHIFT);
	} else if (p == vm_zero_page || atomic_load(&p->refs) != 1) {
		bool zero = p == vm_zero_page;

		copy = page_alloc(0, zero ? PA_ZERO | PA_RECLAIM : PA_RECLAIM);
		if (!copy)
			return -ENOMEM;
		if (zero) {
			atomic_add_relaxed(&stats.zero_faults, 1);
		} else {
			memcpy(page_to_virt(copy), page_to_virt(p), PAGE_SIZE);
			atomic_add_relaxed(&stats.cow_faults, 1);
		}
		code_sync(copy, prot);
		/* Another frame: the old entry must be gone from every TLB before the new one may appear (Arm ARM D8.14.1). */
		pte_set_quick(pte, 0);
		vm_flush_page(s, address);
		pte_set(pte, pte_make(page_to_phys(copy), prot) | PTE_OWN);
		page_put(p);
		if (r->object)
			r->flags |= VM_ANON;
		return 0;
	} else {
		own = PTE_OWN;	/* now, if it was not: the object has dropped it */
	}
	pte_set_quick(pte, pte_make(pte_pa(e), prot) | own);
	vm_flush_page(s, address);
	return 0;
}

int vm_fault_region(struct vm_space *s, struct vm_region *r, u64 address, u32 flags)
{
	u32 need = flags & FAULT_WRITE ? VM_WRITE : flags & FAULT_EXEC ? VM_EXEC : VM_READ | VM_WRITE | VM_EXEC;
	u64 *pte, e;
	int err;

	if (!(r->flags & need))
		return -EACCES;
	pte = vm_pte_make(s, address);
	if (!pte)
		return -ENOMEM;
	e = *pte;
	if (!e) {
		err = r->object ? fault_object(s, r, address, pte, flags) : fault_anonymous(s, r, pte, flags);
		rss_note(s);
		return err;
	}
	if ((flags & FAULT_WRITE) && !pte_writable(e))
		return fault_write_present(s, r, address, pte);
	/* Somebody else was quicker, or this CPU's TLB still knows a stricter entry. */
	vm_flush_page(s, address);
	return 0;
}

struct vm_region *vm_fault_find(struct vm_space *s, u64 address)
{
	struct vm_region *r = vm_region_next(s, address), *below;
	u64 start = ALIGN_DOWN(address, PAGE_SIZE), pages;

	if (!r || r->start <= address)
		return r;
	if (!(r->flags & VM_GROWSDOWN) || r->end - start > s->stack_limit)
		return NULL;
	below = vm_region_before(r);
	if (start < STACK_GAP || (below && start - STACK_GAP < below->end))
		return NULL;
	pages = (r->start - start) >> PAGE_SHIFT;
	if (s->pages_total + pages > s->as_limit >> PAGE_SHIFT ||
	    ((r->flags & VM_LOCKED) && s->pages_locked + pages > s->lock_limit >> PAGE_SHIFT))
		return NULL;
	if ((r->flags & VM_ACCOUNT) && vm_commit(pages))
		return NULL;
	vm_count_region(s, r, -1);
	r->start = start;
	vm_count_region(s, r, 1);
	return r;
}

static enum vm_fault_kind kind_of(int err, bool mapped)
{
	if (!mapped)
		return VM_FAULT_UNMAPPED;
	return err == -EACCES ? VM_FAULT_DENIED : err == -ENOMEM ? VM_FAULT_NO_MEMORY : VM_FAULT_BEYOND;
}

int vm_fault(struct trap_frame *frame, u64 address, u32 flags)
{
	struct vm_space *s = current()->space;
	struct vm_region *r = NULL;
	int err = -EFAULT;

	trace(TRACE_FAULT, address, flags);
	if (unlikely(!s || in_atomic()))
		return -EFAULT;
	if (likely(address < USER_TOP)) {
		mutex_lock(&s->lock);
		s->minflt++;
		r = vm_fault_find(s, address);
		if (likely(r))
			err = vm_fault_region(s, r, address, flags);
		mutex_unlock(&s->lock);
		atomic_add_relaxed(&stats.faults, 1);
	}
	if (likely(!err))
		return 0;
	if (!(flags & FAULT_USER))
		return -EFAULT;
	vm_fault_ops.report(frame, kind_of(err, r), address, flags);
	return 0;
}
