/*
 * Pages from malloc, aligned; their metadata lies in one sparse array over the whole address space, so
 * that page.h's arithmetic holds for any host address. dma_alloc and device mappings too.
 */
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "host.h"
#include "arch/arm64/cpu.h"
#include "core/log.h"
#include "core/panic.h"
#include "mm/dma.h"
#include "mm/drain.h"
#include "mm/kmap.h"
#include "mm/page.h"

#define HOST_PAGES	(1ull << 35)	/* 47 bits of addresses */

u64 host_vmemmap;
struct memory_ops memory_ops;
static u64 pages_out;

__attribute__((constructor)) static void vmemmap_reserve(void)
{
	void *p = mmap(NULL, HOST_PAGES * sizeof(struct page), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	host_vmemmap = (u64)p;
}

struct page *page_alloc(u32 order, u32 flags)
{
	struct page *page;
	void *p;

	if (host_alloc_refused() || posix_memalign(&p, PAGE_SIZE << order, PAGE_SIZE << order))
		return NULL;
	__lsan_ignore_object(p);	/* held by its struct page, where the leak checker does not look */
	host_alloc_note(1);
	memset(p, flags & PA_ZERO ? 0 : 0xa5, PAGE_SIZE << order);
	page = virt_to_page(p);
	for (u32 i = 0; i < 1u << order; i++)
		page[i] = (struct page){ .refs = 1, .state = PAGE_ALLOCATED };
	page->order = order;
	pages_out += 1u << order;
	return page;
}

void page_free(struct page *p, u32 order)
{
	if (p->state != PAGE_ALLOCATED || p->order != order)
		panic("a page is freed that is not allocated, or with another order");
	for (u32 i = 0; i < 1u << order; i++)
		p[i] = (struct page){ .state = PAGE_FREE };
	pages_out -= 1u << order;
	host_alloc_note(-1);
	free(page_to_virt(p));
}

void page_put(struct page *p)
{
	if (!p->refs)
		panic("a page is put once too often");
	if (ref_put(&p->refs))
		page_free(p, p->order);
}

void page_counts_get(struct page_counts *c)
{
	*c = (struct page_counts){ .total = 131072, .managed = 131072, .free = 131072 - pages_out };
}

void page_drain_caches(void) { }
bool page_is_ram(u64 pfn) { return pfn_to_page(pfn)->state == PAGE_ALLOCATED; }

__attribute__((weak)) void *dma_alloc(size_t size)
{
	void *p;

	size = ALIGN_UP(size, PAGE_SIZE);
	if (host_alloc_refused() || posix_memalign(&p, PAGE_SIZE, size))
		return NULL;
	host_alloc_note(1);
	return memset(p, 0, size);
}

__attribute__((weak)) void dma_free(void *p, size_t size)
{
	if (p)
		host_alloc_note(-1);
	free(p);
}

/* A test that has physical memory of its own defines these, and dma_alloc, itself. */
__attribute__((weak)) void *mmio_map(u64 phys, u64 size) { return (void *)phys; }

u64 host_unmapped;

void mmio_unmap(void *va, u64 size) { host_unmapped += size; }

void *mmio_map_found(u64 phys, u64 size, u32 at, const char *name)
{
	u8 *p = mmio_map(phys, size);
	u32 word;

	if (p && mmio_probe32(p + at, &word))
		return p;
	log_err("%s: there is nothing at %#llx", name, (unsigned long long)phys);
	return NULL;
}

__attribute__((weak)) const void *memory_map_ro(u64 phys, u64 size) { return (const void *)phys; }

__attribute__((weak)) bool page_is_short(void)
{
	return false;
}

bool memory_is_short(void)
{
	return page_is_short();
}
