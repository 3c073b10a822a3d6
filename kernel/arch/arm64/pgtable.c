/*
 * Walking and building translation tables (pgtable.h). Tables are reached
 * through the linear map. Callers serialise changes to one root: kmap's lock
 * for the upper half, the space's lock for a user half.
 */
#include "arch/arm64/pgtable.h"
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "arch/arm64/memory.h"

static inline u64 *table_at(u64 pa) { return phys_to_virt(pa); }
static inline u32 index_of(u64 va, u32 level) { return va >> (39 - 9 * level) & 511; }
static inline u64 span_of(u32 level) { return 1ull << (39 - 9 * level); }
static inline bool is_table(u64 e) { return (e & 3) == PTE_TABLE; }

/* The table below an entry; made if absent and alloc says so. NULL: a block, or no memory. */
static u64 *table_below(u64 *entry, pgtable_alloc alloc)
{
	u64 pa;

	if (is_table(*entry))
		return table_at(*entry & PTE_ADDR);
	if (pte_valid(*entry) || !alloc)
		return NULL;
	pa = alloc();
	if (!pa)
		return NULL;
	/* The new table's zeros are seen before the entry that leads to it: pairs with the walker's reads. */
	dmb(ishst);
	pte_set_quick(entry, pa | PTE_TABLE);
	return table_at(pa);
}

u64 *pgtable_walk(u64 root, u64 va, pgtable_alloc alloc)
{
	u64 *t = table_at(root);

	for (u32 level = 0; level < 3; level++) {
		t = table_below(&t[index_of(va, level)], alloc);
		if (!t)
			return NULL;
	}
	return &t[index_of(va, 3)];
}

int pgtable_map_range(u64 root, u64 va, u64 pa, u64 size, u32 prot, pgtable_alloc alloc)
{
	while (size) {
		u64 *t = table_at(root), step = PAGE_SIZE;

		for (u32 level = 0; ; level++) {
			u64 *e = &t[index_of(va, level)];

			step = span_of(level);
			if (level == 3) {
				pte_set_quick(e, pte_make(pa, prot));
				break;
			}
			if (level && !pte_valid(*e) && size >= step && IS_ALIGNED(va | pa, step)) {
				pte_set_quick(e, (pte_make(pa, prot) & ~3ull) | PTE_BLOCK);
				break;
			}
			if (pte_valid(*e) && !is_table(*e)) {
				/* Mapped before as part of a block: must be the same memory. */
				if ((*e & PTE_ADDR) + (va & (step - 1)) != pa)
					return -EINVAL;
				step -= va & (step - 1);
				break;
			}
			t = table_below(e, alloc);
			if (!t)
				return -ENOMEM;
		}
		va += step;
		pa += step;
		size -= MIN(step, size);
	}
	pte_sync();
	return 0;
}

static int visit_table(u64 *t, u32 level, u64 base, u64 start, u64 end, pgtable_visitor fn, void *arg)
{
	u64 span = span_of(level);
	/* Bits above the table's reach come from base; entries outside [start, end) are skipped. */
	u32 first = start > base ? (start - base) / span : 0;

	for (u32 i = first; i < 512; i++) {
		u64 va = base + i * span;
		int r = 0;

		if (va >= end)
			break;
		if (!pte_valid(t[i]))
			continue;
		if (level < 3 && is_table(t[i]))
			r = visit_table(table_at(t[i] & PTE_ADDR), level + 1, va, start, end, fn, arg);
		else
			r = fn(va, &t[i], span, arg);
		if (r)
			return r;
	}
	return 0;
}

int pgtable_visit(u64 root, u64 start, u64 end, pgtable_visitor fn, void *arg)
{
	return visit_table(table_at(root), 0, start >> 48 ? 0xffffull << 48 : 0, start, end, fn, arg);
}

static void free_below(u64 *t, u32 level, void (*free_table)(u64 pa))
{
	for (u32 i = 0; i < 512; i++) {
		if (!is_table(t[i]))
			continue;
		if (level < 2)
			free_below(table_at(t[i] & PTE_ADDR), level + 1, free_table);
		free_table(t[i] & PTE_ADDR);
		t[i] = 0;
	}
}

void pgtable_free_tables(u64 root, void (*free_table)(u64 pa))
{
	free_below(table_at(root), 0, free_table);
}

u32 pgtable_asid_bits(void)
{
	return (sysreg_read(id_aa64mmfr0_el1) >> 4 & 0xf) ? 16 : 8;
}

void icache_sync(const void *va, u64 size)
{
	u64 ctr = sysreg_read(ctr_el0);
	u64 dline = 4ul << (ctr >> 16 & 0xf), iline = 4ul << (ctr & 0xf);
	u64 start = (u64)va, end = start + size;

	if (!(ctr & BIT(28)))			/* IDC: no clean needed */
		for (u64 a = ALIGN_DOWN(start, dline); a < end; a += dline)
			__asm__ volatile("dc cvau, %0" :: "r"(a) : "memory");
	dsb(ish);
	if (!(ctr & BIT(29)))			/* DIC: no invalidate needed */
		for (u64 a = ALIGN_DOWN(start, iline); a < end; a += iline)
			__asm__ volatile("ic ivau, %0" :: "r"(a) : "memory");
	dsb(ish);
	isb();
}
