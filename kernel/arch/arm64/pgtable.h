/*
 * Translation tables: 4 KiB granule, 48-bit addresses, four levels (Arm ARM
 * DDI 0487, D8). This file is given its pages; it allocates none.
 *
 * The upper half:
 *   0xffff000000000000  linear map of RAM (mm/page.h)
 *   0xffff800080000000  the kernel image
 *   0xffff880000000000  kmap: device registers, kernel stacks (mm/kmap.h)
 *   0xfffff80000000000  boot window: the DTB
 *   0xfffffc0000000000  page metadata (mm/page.h)
 */
#pragma once
#include "arch/arm64/cpu.h"
#include "base/defs.h"

#define KIMAGE_BASE	0xffff800080000000ul
#define KMAP_BASE	0xffff880000000000ul
#define KMAP_SIZE	0x0000040000000000ul	/* 4 TiB of address space */
#define BOOT_WINDOW	0xfffff80000000000ul

/* What a mapping allows and is. */
#define PTE_READ	1u
#define PTE_WRITE	2u
#define PTE_EXEC	4u
#define PTE_USER	8u	/* reachable from EL0, not global; PTE_EXEC then means EL0 may execute, EL1 never */
#define PTE_DEVICE	16u	/* Device-nGnRE */
#define PTE_NC		32u	/* Normal non-cacheable */

#define PTE_VALID	1ull
#define PTE_PAGE	3ull
#define PTE_BLOCK	1ull
#define PTE_TABLE	3ull
#define PTE_ATTR(n)	((u64)(n) << 2)
#define PTE_AP_USER	BIT(6)
#define PTE_AP_RO	BIT(7)
#define PTE_SH_INNER	(3ull << 8)
#define PTE_AF		BIT(10)
#define PTE_NG		BIT(11)
#define PTE_PXN		BIT(53)
#define PTE_UXN		BIT(54)
#define PTE_SOFT(n)	BIT(55 + (n))	/* n 0..3: ignored by hardware, the owner's */
#define PTE_ADDR	0x0000fffffffff000ull

enum { MAIR_NORMAL, MAIR_DEVICE, MAIR_NC };
#define MAIR_VALUE	(0xffull << (8 * MAIR_NORMAL) | 0x04ull << (8 * MAIR_DEVICE) | 0x44ull << (8 * MAIR_NC))

/* A level-3 entry. */
static inline u64 pte_make(u64 pa, u32 prot)
{
	u64 e = pa | PTE_PAGE | PTE_AF | PTE_SH_INNER;

	e |= PTE_ATTR(prot & PTE_DEVICE ? MAIR_DEVICE : prot & PTE_NC ? MAIR_NC : MAIR_NORMAL);
	if (!(prot & PTE_WRITE))
		e |= PTE_AP_RO;
	if (prot & PTE_USER) {
		e |= PTE_NG | PTE_PXN;
		if (prot & (PTE_READ | PTE_WRITE | PTE_EXEC))
			e |= PTE_AP_USER;
		if (!(prot & PTE_EXEC))
			e |= PTE_UXN;
	} else {
		e |= PTE_UXN;
		if (!(prot & PTE_EXEC))
			e |= PTE_PXN;
	}
	return e;
}

static inline bool pte_valid(u64 e) { return e & PTE_VALID; }
static inline u64 pte_pa(u64 e) { return e & PTE_ADDR; }
static inline bool pte_writable(u64 e) { return !(e & PTE_AP_RO); }
static inline bool pte_user(u64 e) { return e & PTE_AP_USER; }
static inline bool pte_user_exec(u64 e) { return (e & PTE_AP_USER) && !(e & PTE_UXN); }
/* Store an entry; a new valid one is seen by the walker before the next access to what it maps. */
static inline void pte_set(u64 *pte, u64 e)
{
	*(volatile u64 *)pte = e;
	__asm__ volatile("dsb ishst; isb" ::: "memory");
}
/* The same without the barrier: the caller does pte_sync() once after many. */
static inline void pte_set_quick(u64 *pte, u64 e) { *(volatile u64 *)pte = e; }
static inline void pte_sync(void) { __asm__ volatile("dsb ishst; isb" ::: "memory"); }

/* Gives a zeroed page's physical address for a new table, or 0. */
typedef u64 (*pgtable_alloc)(void);

/* The level-3 entry for va, or NULL: no table there and alloc NULL or out of memory, or a block covers it. */
u64 *pgtable_walk(u64 root, u64 va, pgtable_alloc alloc);
/* Map [va, va+size) to pa on, in blocks where both are aligned and the slot is empty. What a block maps to the
 * same place already is left as it is. Not for user spaces. 0, -ENOMEM, -EINVAL (a block maps something else there). */
int pgtable_map_range(u64 root, u64 va, u64 pa, u64 size, u32 prot, pgtable_alloc alloc);
/* Call fn for every valid level-3 entry in [start, end); a block is passed with its size. fn non-zero stops and is
 * returned. */
typedef int (*pgtable_visitor)(u64 va, u64 *pte, u64 size, void *arg);
int pgtable_visit(u64 root, u64 start, u64 end, pgtable_visitor fn, void *arg);
/* Free the tables (not the pages mapped) of the user half or of a range of it; the root itself stays. */
void pgtable_free_tables(u64 root, void (*free_table)(u64 pa));

extern u64 kernel_root;			/* physical address of the upper half's root */
extern u64 idmap_root;			/* of the lower half in which the code that turns the MMU on lies where it is */
extern u64 image_phys;			/* where the image was loaded */
extern u64 empty_root;			/* of a root that maps nothing: TTBR0 without a user space */

/*
 * All flushes reach every CPU (inner shareable) and complete before return. Those of a user space take the place of
 * its identifier, of which 16 bits count, and read it when what was stored to its tables is seen by all: a CPU that
 * activates the space by then, under another identifier, finds the tables changed, and one that did before has
 * published that identifier (tlb_identifier_published).
 */
static inline void tlb_flush_page(u64 va, const u64 *asid)
{
	u64 arg;

	__asm__ volatile("dsb ishst" ::: "memory");
	arg = READ_ONCE(*asid) << 48 | (va >> 12 & 0xfffffffffffull);
	__asm__ volatile("tlbi vale1is, %0; dsb ish; isb" :: "r"(arg) : "memory");
}

/* A space with 0 never ran: nothing of it is in any TLB. */
static inline void tlb_flush_asid(const u64 *asid)
{
	u64 arg;

	__asm__ volatile("dsb ishst" ::: "memory");
	arg = READ_ONCE(*asid);
	if (!arg)
		return;
	__asm__ volatile("tlbi aside1is, %0; dsb ish; isb" :: "r"(arg << 48) : "memory");
}

/* Between giving a space an identifier and loading its tables. Pairs with the first barrier of the two above. */
static inline void tlb_identifier_published(void) { __asm__ volatile("dsb ishst" ::: "memory"); }

static inline void tlb_flush_kernel_page(u64 va)
{
	__asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" :: "r"(va >> 12 & 0xfffffffffffull) : "memory");
}
static inline void tlb_flush_all(void)
{
	__asm__ volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory");
}

/* The user half of this CPU. The caller keeps from migrating. */
static inline void pgtable_switch_user(u64 root, u64 asid)
{
#ifdef CONFIG_SW_PAN
	/* Loaded on the way to user mode and inside the copy routines alone (asm.h). */
	extern u64 user_ttbr;

	*(u64 *)((u64)&user_ttbr + sysreg_read(tpidr_el1)) = root | asid << 48;
#else
	__asm__ volatile("msr ttbr0_el1, %0; isb" :: "r"(root | asid << 48) : "memory");
#endif
}
/* What it is: for pgtable_switch_user(that, 0) later. */
static inline u64 pgtable_user_half(void)
{
#ifdef CONFIG_SW_PAN
	extern u64 user_ttbr;

	return *(u64 *)((u64)&user_ttbr + sysreg_read(tpidr_el1));
#else
	return sysreg_read(ttbr0_el1);
#endif
}

/* This CPU forgets what it knows of an identifier. */
static inline void tlb_flush_asid_here(u64 asid)
{
	__asm__ volatile("dsb nshst; tlbi aside1, %0; dsb nsh; isb" :: "r"(asid << 48) : "memory");
}
u32 pgtable_asid_bits(void);		/* 8 or 16 */

/* Make what was written through the linear map executable: data to the point of unification, instructions dropped. */
void icache_sync(const void *va, u64 size);
