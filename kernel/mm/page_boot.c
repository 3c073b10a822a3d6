/*
 * From firmware's list of RAM to a working page allocator. main hands over
 * the banks and what is reserved in them; page_init_finish maps the RAM into
 * the linear map, makes the page metadata and frees what nobody holds.
 *
 * Tables and metadata needed meanwhile are taken from the largest free hole;
 * the first 2 MiB of it are mapped with tables of our own .bss, the rest with
 * tables from there.
 */
#include "mm/page_boot.h"
#include "arch/arm64/pgtable.h"
#include "base/string.h"
#include "core/log.h"
#include "core/panic.h"

#define MEMORY_MIN	(16ul << 20)	/* below this nothing useful runs */
#define BLOCK		0x200000ul

struct range { u64 start, end; };

/* Firmware lists RAM in a few banks, long before there is memory to list them in. */
#define RANGES_MAX 64
static struct range ram[RANGES_MAX], reserved[RANGES_MAX];
static u32 ram_count, reserved_count;
static struct range early;		/* unused rest of the hole that early pages come from */

extern char _image_start[], _image_end[];

static void range_add(struct range *r, u32 *count, u64 start, u64 end)
{
	u32 i = *count;

	if (start >= end)
		return;
	for (; i > 0 && r[i - 1].start > start; i--)
		r[i] = r[i - 1];
	r[i] = (struct range){ start, end };
	++*count;
}

void page_init_region(u64 phys, u64 size)
{
	if (ram_count == RANGES_MAX) {
		log_warn("memory: more than %d banks; %016llx-%016llx is left unused", RANGES_MAX,
			 (unsigned long long)phys, (unsigned long long)(phys + size));
		return;
	}
	range_add(ram, &ram_count, ALIGN_UP(phys, PAGE_SIZE), ALIGN_DOWN(phys + size, PAGE_SIZE));
}

void page_init_reserve(u64 phys, u64 size)
{
	/* Two places are kept for our own. Too many others: the last one grows over what is new, never less is reserved. */
	if (reserved_count >= RANGES_MAX - 2) {
		struct range *last = &reserved[reserved_count - 1];

		last->start = MIN(last->start, ALIGN_DOWN(phys, PAGE_SIZE));
		last->end = MAX(last->end, ALIGN_UP(phys + size, PAGE_SIZE));
		return;
	}
	range_add(reserved, &reserved_count, ALIGN_DOWN(phys, PAGE_SIZE), ALIGN_UP(phys + size, PAGE_SIZE));
}

bool page_is_ram(u64 pfn)
{
	u64 pa = pfn << PAGE_SHIFT;

	for (u32 i = 0; i < ram_count; i++)
		if (pa >= ram[i].start && pa < ram[i].end)
			return true;
	return false;
}

/* Call fn for each part of [start, end) that nothing reserves. */
static void holes_visit(u64 start, u64 end, void (*fn)(u64 start, u64 end))
{
	for (u32 i = 0; i < reserved_count && start < end; i++) {
		if (reserved[i].end <= start)
			continue;
		if (reserved[i].start >= end)
			break;
		if (reserved[i].start > start)
			fn(start, reserved[i].start);
		start = MAX(start, reserved[i].end);
	}
	if (start < end)
		fn(start, end);
}

static void early_pick(u64 start, u64 end)
{
	start = ALIGN_UP(start, BLOCK);
	end = ALIGN_DOWN(end, BLOCK);
	if (start < end && end - start > early.end - early.start)
		early = (struct range){ start, end };
}

/* A page from the hole: its physical address. */
static u64 early_take(void)
{
	u64 pa = early.start;

	if (pa == early.end)
		panic("memory: no room for page tables and metadata");
	early.start += PAGE_SIZE;
	memset(phys_to_virt(pa), 0, PAGE_SIZE);
	return pa;
}

/* Tables for the first block: one at each level below the root may be missing. */
static u64 seed_tables[2][512] aligned(4096);
static u32 seed_tables_used;

static u64 seed_take(void)
{
	if (seed_tables_used == ARRAY_SIZE(seed_tables))
		return 0;
	return (u64)seed_tables[seed_tables_used++] - (u64)_image_start + image_phys;
}

static void map_linear(u64 start, u64 end)
{
	u64 image = image_phys, image_end = image + (_image_end - _image_start);

	/* boot_map.c mapped the image itself, with the rights of each section. */
	if (start < image && end > image) {
		map_linear(start, image);
		map_linear(MIN(image_end, end), end);
		return;
	}
	if (start >= image && start < image_end)
		start = image_end;
	if (start < end &&
	    pgtable_map_range(kernel_root, LINEAR_BASE + start, start, end - start, PTE_READ | PTE_WRITE, early_take))
		panic("memory: cannot map %016llx-%016llx", (unsigned long long)start, (unsigned long long)end);
}

static void metadata_map(u64 start, u64 end)
{
	u64 va = ALIGN_DOWN((u64)phys_to_page(start), PAGE_SIZE), last = (u64)phys_to_page(end);

	for (; va < last; va += PAGE_SIZE) {
		u64 *pte = pgtable_walk(kernel_root, va, early_take);

		if (!pte)
			panic("memory: no page tables for metadata");
		if (!pte_valid(*pte))
			pte_set_quick(pte, pte_make(early_take(), PTE_READ | PTE_WRITE));
	}
	pte_sync();
}

/* Hand [start, end) to the lists in the largest aligned blocks. */
static void give_range(u64 start, u64 end)
{
	u64 pfn = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	page_zone.managed += last - pfn;
	while (pfn < last) {
		u32 order = pfn ? MIN((u32)__builtin_ctzll(pfn), (u32)PAGE_MAX_ORDER) : PAGE_MAX_ORDER;

		while (pfn + (1ul << order) > last)
			order--;
		page_block_give(pfn_to_page(pfn), order);
		pfn += 1ul << order;
	}
}

static void overlaps_merge(void)
{
	u32 n = 0;

	for (u32 i = 0; i < ram_count; i++) {
		if (n && ram[i].start <= ram[n - 1].end)
			ram[n - 1].end = MAX(ram[n - 1].end, ram[i].end);
		else
			ram[n++] = ram[i];
	}
	ram_count = n;
}

void page_init_finish(void)
{
	u64 taken;

	range_add(reserved, &reserved_count, image_phys, image_phys + (_image_end - _image_start));
	overlaps_merge();
	for (u32 i = 0; i < ram_count; i++) {
		page_zone.total += (ram[i].end - ram[i].start) >> PAGE_SHIFT;
		holes_visit(ram[i].start, ram[i].end, early_pick);
	}
	if (page_zone.total << PAGE_SHIFT < MEMORY_MIN || early.start == early.end)
		panic("memory: %llu KiB of RAM in %u ranges; at least %lu KiB are needed",
		      (unsigned long long)page_zone.total * 4, ram_count, MEMORY_MIN / 1024);
	if (pgtable_map_range(kernel_root, LINEAR_BASE + early.start, early.start, BLOCK, PTE_READ | PTE_WRITE, seed_take))
		panic("memory: cannot map the first block");
	taken = early.start;
	for (u32 i = 0; i < ram_count; i++)
		map_linear(ram[i].start, ram[i].end);
	for (u32 i = 0; i < ram_count; i++)
		metadata_map(ram[i].start, ram[i].end);
	range_add(reserved, &reserved_count, taken, early.start);
	for (u32 i = 0; i < ram_count; i++)
		holes_visit(ram[i].start, ram[i].end, give_range);
}

void page_release_reserved(u64 phys, u64 size)
{
	u64 start = ALIGN_UP(phys, PAGE_SIZE), end = ALIGN_DOWN(phys + size, PAGE_SIZE);
	u64 irq = spin_lock_irqsave(&page_zone.lock);

	if (start < end && page_is_ram(start >> PAGE_SHIFT) && page_is_ram((end - 1) >> PAGE_SHIFT))
		give_range(start, end);
	spin_unlock_irqrestore(&page_zone.lock, irq);
}
