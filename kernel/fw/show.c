/*
 * A look at firmware's memory before there is an allocator: a place in the boot window, behind what stands in for
 * drivers there, which shows one stretch of memory after the other.
 */
#include "arch/arm64/pgtable.h"
#include "fw/platform.h"

#define BLOCK	0x200000ul
#define PLACE	(BOOT_WINDOW + 5 * BLOCK)	/* in the same tables: nothing is allocated */
#define BLOCKS	2

static int block_clear(u64 va, u64 *pte, u64 size, void *arg)
{
	pte_set_quick(pte, 0);
	return 0;
}

const void *firmware_show(u64 phys, size_t size)
{
	u64 base = ALIGN_DOWN(phys, BLOCK);

	if (size > BLOCKS * BLOCK - (phys - base) || base + BLOCKS * BLOCK < base)
		return NULL;
	pgtable_visit(kernel_root, PLACE, PLACE + BLOCKS * BLOCK, block_clear, NULL);
	tlb_flush_all();
	if (pgtable_map_range(kernel_root, PLACE, base, BLOCKS * BLOCK, PTE_READ, NULL))
		return NULL;
	return (const u8 *)PLACE + (phys - base);
}
