/*
 * The first translation tables, made with the MMU off. start.S calls boot_map
 * once, at the physical address we were loaded to: it may use no pointer
 * that is stored in the image, no string function and no unaligned access.
 *
 * It maps
 *   - the image: what runs until the rest is unpacked may be executed, the rest written (boot_unpack.c then gives
 *     each kind of section its own rights),
 *   - the same pages in the linear map, never executable, text and constants read-only,
 *   - the DTB, read-only, in the boot window,
 *   - one page of code to itself, for the switch.
 * The rest of memory is mapped by mm/page.c. Tables come from .bss.
 */
#include "arch/arm64/pgtable.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"

#define BOOT_CODE __attribute__((target("strict-align"), optimize("no-tree-loop-distribute-patterns")))
#define BOOT_TABLES	16	/* two roots, 3 + 3 + 3 + 2 for the four mappings, and two more when the image crosses 2 MiB */

extern char _text_start[], _rodata_end[], _image_end[], _idmap_start[];

static u64 boot_tables[BOOT_TABLES][512] aligned(4096);
static u32 boot_tables_used;
u64 empty_root_page[512] aligned(4096);
const void *boot_dtb;			/* in the boot window, NULL: none */
u64 kernel_root, idmap_root, empty_root, image_phys;

/* Out of memory this early cannot be told to anybody: stop. */
static BOOT_CODE void boot_stop(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

static BOOT_CODE u64 *boot_next_table(u64 *table, u32 index)
{
	if (!(table[index] & PTE_VALID)) {
		if (boot_tables_used == BOOT_TABLES)
			boot_stop();
		table[index] = (u64)boot_tables[boot_tables_used++] | PTE_TABLE;
	}
	return (u64 *)(table[index] & PTE_ADDR);
}

static BOOT_CODE void boot_map_pages(u64 *root, u64 va, u64 pa, u64 size, u32 prot)
{
	for (u64 end = va + size; va < end; va += PAGE_SIZE, pa += PAGE_SIZE) {
		u64 *l1 = boot_next_table(root, va >> 39 & 511);
		u64 *l2 = boot_next_table(l1, va >> 30 & 511);
		u64 *l3 = boot_next_table(l2, va >> 21 & 511);

		l3[va >> 12 & 511] = pte_make(pa, prot);
	}
}

static BOOT_CODE void boot_map_block(u64 *root, u64 va, u64 pa, u32 prot)
{
	u64 *l1 = boot_next_table(root, va >> 39 & 511);
	u64 *l2 = boot_next_table(l1, va >> 30 & 511);

	l2[va >> 21 & 511] = (pte_make(pa, prot) & ~3ull) | PTE_BLOCK;
}

struct boot_roots { u64 ttbr1, ttbr0; };

BOOT_CODE struct boot_roots boot_map(u64 load, u64 dtb);
BOOT_CODE struct boot_roots boot_map(u64 load, u64 dtb)
{
	u64 boot = (u64)_text_start - load, rodata = (u64)_rodata_end - load, all = (u64)_image_end - load;
	u64 linear = LINEAR_BASE + load;
	u64 *upper, *lower, idmap = ALIGN_DOWN((u64)_idmap_start, PAGE_SIZE);

	upper = boot_tables[boot_tables_used++];
	lower = boot_tables[boot_tables_used++];

	boot_map_pages(upper, KIMAGE_BASE, load, boot, PTE_READ | PTE_EXEC);
	boot_map_pages(upper, KIMAGE_BASE + boot, load + boot, all - boot, PTE_READ | PTE_WRITE);
	boot_map_pages(upper, linear, load, rodata, PTE_READ);
	boot_map_pages(upper, linear + rodata, load + rodata, all - rodata, PTE_READ | PTE_WRITE);
	boot_map_pages(lower, idmap, idmap, PAGE_SIZE, PTE_READ | PTE_EXEC);
	if (dtb) {
		u64 base = ALIGN_DOWN(dtb, 0x200000);

		boot_map_block(upper, BOOT_WINDOW, base, PTE_READ);
		boot_map_block(upper, BOOT_WINDOW + 0x200000, base + 0x200000, PTE_READ);
		boot_dtb = (const void *)(BOOT_WINDOW + (dtb - base));
	}
	image_phys = load;
	kernel_root = (u64)upper;
	idmap_root = (u64)lower;
	empty_root = (u64)empty_root_page;
	return (struct boot_roots){ (u64)upper, (u64)lower };
}
