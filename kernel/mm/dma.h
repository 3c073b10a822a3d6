/*
 * Memory that devices see. All machines supported are cache-coherent; the
 * device address is the physical one.
 */
#pragma once
#include "arch/arm64/cpu.h"
#include "mm/page.h"

/* The device's address of a linear-map address. */
static inline u64 dma_addr(const void *v) { return virt_to_phys(v); }
/* Zeroed, physically contiguous, page-aligned; NULL: no memory. Counts as the kernel's own. */
void *dma_alloc(size_t size);
void dma_free(void *p, size_t size);
