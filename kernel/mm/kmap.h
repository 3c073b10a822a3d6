/*
 * Kernel mappings outside the linear map: device registers, and stacks with
 * a guard page below.
 */
#pragma once
#include "arch/arm64/memory.h"

/* Map device registers (Device-nGnRE, not executable); NULL: no memory or address space. Process context. */
void *mmio_map(u64 phys, u64 size);
/* The same, and a read of the word at offset `at` is tried. NULL also if nothing answers there, with a line that begins
 * with `name`: firmware's tables have been seen to tell of what is not there. */
void *mmio_map_found(u64 phys, u64 size, u32 at, const char *name);
void mmio_unmap(void *va, u64 size);
/* Ordinary memory of firmware outside the managed RAM (tables, initramfs): cacheable, read-only. */
const void *memory_map_ro(u64 phys, u64 size);
/* Memory that a device looks at past the caches (a framebuffer): not cacheable, written in any order. mmio_unmap ends
 * it. */
void *memory_map_nc(u64 phys, u64 size);

/* Lowest address of a kernel stack; KSTACK_SIZE above it are backed, what lies below is not. */
void *kstack_alloc(void);
void kstack_free(void *stack);
void kstack_drain(void);		/* stacks kept for reuse go back to the page allocator */
