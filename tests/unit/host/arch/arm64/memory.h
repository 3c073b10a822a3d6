/*
 * On the host a pointer is its own physical address. Page metadata is a sparse array over the
 * whole address space.
 */
#pragma once
#include "base/defs.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096ul
#define PAGE_MASK	(PAGE_SIZE - 1)

extern u64 host_vmemmap;
#define LINEAR_BASE	0ul
#define VMEMMAP_BASE	host_vmemmap

static inline void *phys_to_virt(u64 pa) { return (void *)pa; }
static inline u64 virt_to_phys(const void *v) { return (u64)v; }

#define KSTACK_SIZE	16384ul
#define KSTACK_SLOT	32768ul
