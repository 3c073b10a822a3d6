/*
 * Translation tables: what a walk by the architecture's rules finds in them. The file is compiled here
 * with its cache instructions taken out.
 *
 * sources:
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/pgtable.h"
#include "mm/page.h"

#define __asm__
#define volatile(...)
#pragma GCC diagnostic ignored "-Wunused-variable"
#include "../../../kernel/arch/arm64/pgtable.c"
#undef __asm__
#undef volatile

static u32 tables_left;

static u64 table_new(void)
{
	if (!tables_left)
		return 0;
	tables_left--;
	return page_to_phys(page_alloc(0, PA_ZERO));
}

static void table_free(u64 pa)
{
	page_put(phys_to_page(pa));
}

static u64 root_new(void)
{
	tables_left = 1000;
	return table_new();
}

static void root_free(u64 root)
{
	pgtable_free_tables(root, table_free);
	table_free(root);
}

/* Arm ARM D8.2: the descriptor that translates va, and the address; 0 when it faults. */
static u64 translate(u64 root, u64 va, u64 *descriptor)
{
	u64 table = root;

	for (int shift = 39; shift >= 12; shift -= 9) {
		u64 e = ((u64 *)table)[va >> shift & 511], span = 1ull << shift;

		if (!(e & 1))
			return 0;
		if (shift == 12 ? (e & 3) == 3 : shift < 39 && (e & 3) == 1) {
			*descriptor = e;
			return (e & 0xfffffffff000 & ~(span - 1)) | (va & (span - 1));
		}
		if ((shift == 12 || shift == 39) && (e & 3) == 1)
			return 0;	/* reserved */
		table = e & 0xfffffffff000;
	}
	return 0;
}

TEST(pages_are_found_where_they_were_put)
{
	u64 root = root_new(), e;

	for (int i = 0; i < 200; i++) {
		u64 va = (unit_random() & 0x0000fffffffff000ull), pa = unit_random() & 0xffffffff000;
		u64 *pte = pgtable_walk(root, va, table_new);

		REQUIRE(pte);
		pte_set(pte, pte_make(pa, PTE_READ | PTE_WRITE | PTE_USER));
		EXPECT_EQ(translate(root, va + 0x123, &e), pa + 0x123);
		EXPECT_EQ(pgtable_walk(root, va, NULL), pte);
	}
	root_free(root);
}

TEST(absent_tables_are_not_made_without_leave)
{
	u64 root = root_new(), before = tables_left;

	EXPECT_EQ(pgtable_walk(root, 0x1000, NULL), (u64 *)NULL);
	EXPECT_EQ(tables_left, before);
	tables_left = 2;
	EXPECT_EQ(pgtable_walk(root, 0x1000, table_new), (u64 *)NULL);
	tables_left = 1;
	EXPECT(pgtable_walk(root, 0x1000, table_new) != NULL);
	root_free(root);
}

TEST(ranges_are_mapped_in_the_largest_blocks)
{
	static const struct { u64 va, pa, size; } ranges[] = {
		{ 0xffff000000000000, 0, 0x40000000 },
		{ 0xffff000050000000, 0x50000000, 0x20000000 },
		{ 0xffff800000201000, 0x7fe01000, 0x400000 },
		{ 0xffff880000000000, 0x8000000, 0x1000 },
		{ 0xffff0000c01ff000, 0x123456000, 0x603000 },
	};
	u64 root = root_new(), e;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		u64 va = ranges[i].va, pa = ranges[i].pa, size = ranges[i].size;

		EXPECT_EQ(pgtable_map_range(root, va, pa, size, PTE_READ | PTE_WRITE, table_new), 0);
		for (u64 at = 0; at < size; at += 0x1000 * (1 + unit_random_below(size > 0x1000000 ? 4000 : 10)))
			EXPECT_EQ(translate(root, va + at + 8, &e), pa + at + 8);
		EXPECT_EQ(translate(root, va + size - 1, &e), pa + size - 1);
		EXPECT_EQ(translate(root, va + size, &e), 0);
	}
	/* 1 GiB aligned: one block, one table below the root. */
	EXPECT(((u64 *)(((u64 *)root)[0] & PTE_ADDR))[0] % 4 == 1);
	root_free(root);
}

TEST(permissions_keep_write_and_execute_apart)
{
	u64 e;

	e = pte_make(0x1000, PTE_READ | PTE_WRITE);		/* kernel data */
	EXPECT(pte_valid(e) && pte_writable(e) && !pte_user(e));
	EXPECT((e & PTE_PXN) && (e & PTE_UXN));
	e = pte_make(0x1000, PTE_READ | PTE_EXEC);		/* kernel text */
	EXPECT(!pte_writable(e) && !(e & PTE_PXN) && (e & PTE_UXN));
	e = pte_make(0x1000, PTE_READ | PTE_EXEC | PTE_USER);	/* a program's text: never the kernel's */
	EXPECT(!pte_writable(e) && pte_user_exec(e) && (e & PTE_PXN) && (e & PTE_NG));
	e = pte_make(0x1000, PTE_READ | PTE_WRITE | PTE_USER);
	EXPECT(pte_writable(e) && pte_user(e) && !pte_user_exec(e) && (e & PTE_PXN));
	e = pte_make(0x1000, PTE_USER);				/* PROT_NONE */
	EXPECT(!pte_user(e));
	e = pte_make(0x8000000, PTE_READ | PTE_WRITE | PTE_DEVICE);
	EXPECT_EQ(e >> 2 & 7, (u64)MAIR_DEVICE);
}

struct visit { u64 va[32]; u64 size[32]; u32 n, stop_at; };

static int visit_note(u64 va, u64 *pte, u64 size, void *arg)
{
	struct visit *v = arg;

	v->va[v->n] = va;
	v->size[v->n++] = size;
	return v->n == v->stop_at ? -EINTR : 0;
}

TEST(visits_pass_what_is_mapped_in_order)
{
	u64 root = root_new();
	struct visit v = { 0 };

	EXPECT_EQ(pgtable_map_range(root, 0x7f0000001000, 0x50000000, 0x3000, PTE_READ | PTE_USER, table_new), 0);
	EXPECT_EQ(pgtable_map_range(root, 0x400000, 0x60000000, 0x200000, PTE_READ, table_new), 0);
	EXPECT_EQ(pgtable_map_range(root, 0x601000, 0x70000000, 0x1000, PTE_READ, table_new), 0);
	EXPECT_EQ(pgtable_visit(root, 0, 1ull << 48, visit_note, &v), 0);
	EXPECT_EQ(v.n, 5u);
	EXPECT_EQ(v.va[0], 0x400000u);
	EXPECT_EQ(v.size[0], 0x200000u);
	EXPECT_EQ(v.va[1], 0x601000u);
	EXPECT_EQ(v.va[4], 0x7f0000003000u);
	v = (struct visit){ 0 };
	EXPECT_EQ(pgtable_visit(root, 0x7f0000002000, 0x7f0000003000, visit_note, &v), 0);
	EXPECT_EQ(v.n, 1u);
	EXPECT_EQ(v.va[0], 0x7f0000002000u);
	v = (struct visit){ .stop_at = 2 };
	EXPECT_EQ(pgtable_visit(root, 0, 1ull << 48, visit_note, &v), -EINTR);
	EXPECT_EQ(v.n, 2u);
	root_free(root);
}

TEST(a_range_may_cover_what_is_the_same_but_not_what_differs)
{
	u64 root = root_new(), e;

	EXPECT_EQ(pgtable_map_range(root, 0xffff000040000000, 0x40000000, 0x400000, PTE_READ, table_new), 0);
	EXPECT_EQ(pgtable_map_range(root, 0xffff000040100000, 0x40100000, 0x200000, PTE_READ, table_new), 0);
	EXPECT_EQ(translate(root, 0xffff000040300000, &e), 0x40300000u);
	EXPECT_EQ(pgtable_map_range(root, 0xffff000040100000, 0x50100000, 0x1000, PTE_READ, table_new), -EINVAL);
	root_free(root);
}

TEST(all_tables_are_given_back)
{
	u64 live = host_alloc_live(), root = root_new();

	for (int i = 0; i < 50; i++)
		EXPECT(pgtable_walk(root, unit_random() & 0x0000fffffffff000ull, table_new) != NULL);
	root_free(root);
	EXPECT_EQ(host_alloc_live(), live);
}
