/*
 * A space's translation table as the other files of vm/ see it: entries table
 * by table, pages that wait for a TLB flush before they are put, and flushes
 * by address or for the whole space. The format is arch/arm64/pgtable.h's.
 * The space's lock is held throughout.
 */
#include "arch/arm64/cpu.h"
#include "base/string.h"
#include "vm/internal.h"

static inline u32 link_of(const struct page *p) { return p ? page_to_pfn(p) + 1 : 0; }
static inline struct page *page_of(u32 link) { return link ? pfn_to_page(link - 1) : NULL; }

/* A table page; the space remembers it in a list threaded through the page metadata, to free them without a search. */
static u64 table_new(struct vm_space *s)
{
	struct page *p = page_alloc(0, PA_ZERO | PA_RECLAIM);

	if (!p)
		return 0;
	p->next = link_of(s->tables);
	p->prev = 0;
	if (s->tables)
		s->tables->prev = link_of(p);
	s->tables = p;
	s->table_count++;
	return page_to_phys(p);
}

static void table_unlink(struct vm_space *s, struct page *p)
{
	if (p->prev)
		page_of(p->prev)->next = p->next;
	else
		s->tables = page_of(p->next);
	page_of(p->next)->prev = p->prev;	/* the root comes behind all others */
	s->table_count--;
}

bool vm_tables_start(struct vm_space *s)
{
	s->pgd_phys = table_new(s);
	return s->pgd_phys;
}

void vm_tables_free(struct vm_space *s)
{
	struct page *p = s->tables, *next;
	u64 *root = phys_to_virt(s->pgd_phys);

	memset(root, 0, PAGE_SIZE);
	asid_quiesce(s);
	/* The root was the first: it stays, empty, as long as some CPU has it. */
	for (; p && (next = page_of(p->next)); p = next)
		page_put(p);
	s->tables = NULL;
}

u64 *vm_pte_find(struct vm_space *s, u64 va)
{
	u64 *t = phys_to_virt(s->pgd_phys);

	for (u32 shift = 39; shift > PAGE_SHIFT; shift -= 9) {
		u64 e = t[va >> shift & 511];

		if (!e)
			return NULL;
		t = phys_to_virt(e & PTE_ADDR);
	}
	return &t[va >> PAGE_SHIFT & 511];
}

u64 *vm_pte_make(struct vm_space *s, u64 va)
{
	u64 *t = phys_to_virt(s->pgd_phys);

	for (u32 shift = 39; shift > PAGE_SHIFT; shift -= 9) {
		u64 *e = &t[va >> shift & 511], pa = *e & PTE_ADDR;

		if (unlikely(!pa)) {
			pa = table_new(s);
			if (!pa)
				return NULL;
			/* The table's zeros are seen before the entry that leads to it: pairs with the walker's reads. */
			dmb(ishst);
			pte_set_quick(e, pa | PTE_TABLE);
		}
		t = phys_to_virt(pa);
	}
	return &t[va >> PAGE_SHIFT & 511];
}

bool vm_leaf_next(struct vm_space *s, u64 va, u64 end, struct vm_leaf *leaf)
{
	while (va < end) {
		u64 *t = phys_to_virt(s->pgd_phys);
		u32 shift = 39;

		while (shift > PAGE_SHIFT) {
			u64 e = t[va >> shift & 511];

			if (!pte_valid(e))
				break;
			t = phys_to_virt(e & PTE_ADDR);
			shift -= 9;
		}
		if (shift == PAGE_SHIFT) {
			leaf->pte = &t[va >> PAGE_SHIFT & 511];
			leaf->va = va;
			leaf->end = MIN(end, ALIGN_DOWN(va, 512 * PAGE_SIZE) + 512 * PAGE_SIZE);
			return true;
		}
		va = ALIGN_DOWN(va, 1ull << shift) + (1ull << shift);
	}
	return false;
}

/* The tables that t's entries for [start, end) lead to, each spanning 1 << shift bytes; those taken out go to *gone. */
static void prune_below(struct vm_space *s, u64 *t, u32 shift, u64 start, u64 end, u64 floor, u64 ceiling,
			struct page **gone)
{
	u64 span = 1ull << shift, next;

	for (u64 va = start; va < end; va = next) {
		u64 *e = &t[va >> shift & 511], first = ALIGN_DOWN(va, span);
		struct page *p;

		next = first + span;
		if (!*e)
			continue;
		p = phys_to_page(*e & PTE_ADDR);
		if (shift > PAGE_SHIFT + 9)
			prune_below(s, page_to_virt(p), shift - 9, va, MIN(next, end), floor, ceiling, gone);
		if (first < floor || next > ceiling)
			continue;
		pte_set_quick(e, 0);
		table_unlink(s, p);
		p->next = link_of(*gone);
		*gone = p;
	}
}

void vm_tables_prune(struct vm_space *s, u64 start, u64 end, u64 floor, u64 ceiling)
{
	struct page *gone = NULL, *next;

	prune_below(s, phys_to_virt(s->pgd_phys), 39, start, end, floor, ceiling, &gone);
	if (!gone)
		return;
	/* Walkers keep upper levels too, which a flush by address of a last level leaves alone (Arm ARM D8.13.5). */
	vm_flush_space(s);
	for (; gone; gone = next) {
		next = page_of(gone->next);
		page_put(gone);
	}
}

void vm_flush_page(struct vm_space *s, u64 va)
{
	tlb_flush_page(va, &s->asid);
}

void vm_flush_space(struct vm_space *s)
{
	tlb_flush_asid(&s->asid);
}

void vm_gather_finish(struct vm_gather *g)
{
	if (g->count && g->flush_all) {
		if (g->count == 1)
			vm_flush_page(g->space, g->first);
		else
			vm_flush_space(g->space);
	}
	for (u32 i = 0; i < g->count; i++)
		if (g->pa[i])
			page_put(phys_to_page(g->pa[i]));
	g->count = 0;
}

void vm_gather_add(struct vm_gather *g, u64 va, u64 pte)
{
	if (!g->count)
		g->first = va;
	g->pa[g->count++] = pte & PTE_NOPAGE ? 0 : pte_pa(pte);
	if (g->count == VM_GATHER)
		vm_gather_finish(g);
}

/* Empty the entries of [start, end), but those with a bit of keep, and drop their pages. */
static always_inline void clear(struct vm_space *s, u64 start, u64 end, bool flush, u64 keep)
{
	struct vm_gather g;
	struct vm_leaf leaf;

	g.space = s;
	g.count = 0;
	g.flush_all = flush;
	while (vm_leaf_next(s, start, end, &leaf)) {
		for (u64 va = leaf.va, *pte = leaf.pte; va < leaf.end; va += PAGE_SIZE, pte++) {
			u64 e = *pte;

			if (!e || (e & keep))
				continue;
			pte_set_quick(pte, 0);
			s->pages_rss--;
			if (flush)
				vm_gather_add(&g, va, e);
			else if (!(e & PTE_NOPAGE))
				page_put(phys_to_page(pte_pa(e)));
		}
		start = leaf.end;
	}
	vm_gather_finish(&g);
}

/* flush false: nobody can use this space any more. */
void vm_clear_range(struct vm_space *s, u64 start, u64 end, bool flush)
{
	clear(s, start, end, flush, 0);
}

void vm_clear_uncopied(struct vm_space *s, u64 start, u64 end)
{
	clear(s, start, end, true, PTE_OWN);
}
