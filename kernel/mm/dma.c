/*
 * Memory shared with devices (dma.h): whole pages of the linear map.
 */
#include "mm/dma.h"

static u32 order_of(size_t size)
{
	return size <= PAGE_SIZE ? 0 : 64 - __builtin_clzll((size - 1) >> PAGE_SHIFT);
}

void *dma_alloc(size_t size)
{
	struct page *p = page_alloc(order_of(size), PA_ZERO);

	return p ? page_to_virt(p) : NULL;
}

void dma_free(void *v, size_t size)
{
	if (v)
		page_free(virt_to_page(v), order_of(size));
}
