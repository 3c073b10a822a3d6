/*
 * Pages and the linear map: RAM at its physical address plus LINEAR_BASE.
 */
#pragma once
#include "base/defs.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ul
#define PAGE_MASK	(PAGE_SIZE - 1)

#define LINEAR_BASE	0xffff000000000000ul	/* + physical address */
#define VMEMMAP_BASE	0xfffffc0000000000ul	/* + pfn * sizeof(struct page): mm/page.h */

static inline void *phys_to_virt(u64 pa) { return (void *)(pa + LINEAR_BASE); }
/* Of a linear-map address only (page_alloc, kmalloc, slab): not of stacks, globals, or mapped devices. */
static inline u64 virt_to_phys(const void *v) { return (u64)v - LINEAR_BASE; }

/* Kernel stacks: the upper half of a slot of twice their size, the lower half is not mapped (vectors.S tells by bit
 * 14). */
#define KSTACK_SIZE	16384ul
#define KSTACK_SLOT	32768ul
