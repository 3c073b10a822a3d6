/*
 * Objects straight from malloc, each its own block, so that the address sanitizer sees every
 * misuse. One allocation can be made to fail.
 */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "mm/drain.h"
#include "mm/slab.h"

struct slab_cache {
	const char *name;
	size_t size, align;
	u64 used;
	struct slab_cache *next;
};

static struct slab_cache *caches;
static u32 fail_in;
static u64 live;

void host_alloc_fail(u32 nth)
{
	fail_in = nth;
}

u64 host_alloc_live(void)
{
	return live;
}

bool host_alloc_refused(void)
{
	return fail_in && !--fail_in;
}

void host_alloc_note(int change)
{
	live += change;
}

static void *object_new(size_t size, size_t align)
{
	void *p;

	if (host_alloc_refused() || posix_memalign(&p, align < sizeof(p) ? sizeof(p) : align, size ? size : 1))
		return NULL;
	host_alloc_note(1);
	memset(p, 0xa5, size);
	return p;
}

static void object_free(void *p)
{
	if (p)
		host_alloc_note(-1);
	free(p);
}

void slab_init(void) { }
void slab_drain_caches(void) { }
void memory_keeper_add(struct memory_keeper *k) { }

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = malloc(sizeof(*c));

	*c = (struct slab_cache){ name, size, align ? align : 16, 0, caches };
	caches = c;
	return c;
}

void *slab_alloc(struct slab_cache *c)
{
	void *p = object_new(c->size, c->align);

	c->used += p != NULL;
	return p;
}

void *slab_zalloc(struct slab_cache *c)
{
	void *p = slab_alloc(c);

	return p ? memset(p, 0, c->size) : NULL;
}

void slab_free(struct slab_cache *c, void *obj)
{
	c->used -= obj != NULL;
	object_free(obj);
}

bool slab_info_get(u32 i, struct slab_info *info)
{
	struct slab_cache *c = caches;

	for (; c && i; i--)
		c = c->next;
	if (!c)
		return false;
	*info = (struct slab_info){ c->name, c->size, c->used, c->used, 0 };
	return true;
}

void *kmalloc(size_t size)
{
	size_t align = 16;

	if (size > 4u << 20)
		return NULL;
	if (size > 16 && !(size & (size - 1)))
		align = MIN(size, (size_t)4096);
	return object_new(size, align);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t n, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(n, size, &total) ? NULL : kzalloc(total);
}

void *krealloc(void *p, size_t old_size, size_t size)
{
	void *q = kmalloc(size);

	if (q && p) {
		memcpy(q, p, MIN(old_size, size));
		kfree(p);
	}
	return q;
}

void kfree(void *p)
{
	object_free(p);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = kmalloc(n);

	return p ? memcpy(p, s, n) : NULL;
}
