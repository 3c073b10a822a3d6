/*
 * Object caches over pages, with a per-CPU list of free objects in front.
 * Any context (the slow path takes an irq lock). Memory is not zeroed unless
 * the name says so. kfree(NULL) does nothing.
 */
#pragma once
#include "base/list.h"

struct slab_cache;

/* A cache of objects of one size. name stays the caller's. align 0: 16. Panics without memory (boot time). */
struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align);
void *slab_alloc(struct slab_cache *c);		/* NULL: no memory */
void *slab_zalloc(struct slab_cache *c);
void slab_free(struct slab_cache *c, void *obj);

/* Sizes up to 4 MiB; above 4 KiB whole pages. Alignment: 16, and the size itself for powers of two. */
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void *kcalloc(size_t n, size_t size);		/* NULL also when n * size overflows */
void *krealloc(void *p, size_t old_size, size_t size);
void kfree(void *p);
char *kstrdup(const char *s);

void slab_drain_caches(void);			/* this CPU's lists back, empty slabs back to pages. Any context */

struct slab_info {
	const char *name;
	u64 object_size, objects_used, objects_total, pages;
};
/* The i-th cache; false past the last. */
bool slab_info_get(u32 i, struct slab_info *info);
/* Before another CPU starts: lists for n of them. One thread runs. -ENOMEM. Process context. */
must_check int slab_cpus_prepare(u32 n);
void slab_init(void);
