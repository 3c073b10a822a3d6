/*
 * Buffer objects: pages that a resource of the host's has for its backing, and
 * that programs map. A page is the object's until the host has let go of the
 * resource; whoever else still holds one keeps that page.
 *
 * How much there may be is limited: what one program asks for is never paid
 * with another's life, so memory that is short gives ENOMEM, not a killing.
 */
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "gfx/gpu.h"
#include "mm/drain.h"
#include "mm/slab.h"
#include "vm/vm_space.h"

#define SIZE_MAX_OBJECT	BIT(32)		/* offsets for mmap have 32 bits below the object's number */
#define RUN_ORDER	4u		/* 64 KiB in a row, if they are to be had: fewer pieces for the host to map */

static u64 bytes;			/* [a] */

u64 gpu_object_bytes(void) { return atomic_load_relaxed(&bytes); }

/* Programs map it by its number (drm_mmap), by an exported file from 0 on. */
static struct page *object_get_page(struct vm_object *vm, u64 index, bool write, int *err)
{
	struct gpu_object *o = container_of(vm, struct gpu_object, vm);

	index &= (SIZE_MAX_OBJECT >> PAGE_SHIFT) - 1;
	if (index >= o->size >> PAGE_SHIFT) {
		*err = -EFAULT;
		return NULL;
	}
	page_get(o->pages[index]);
	return o->pages[index];
}

static void object_peek_pages(struct vm_object *vm, u64 index, u32 count, struct page **pages)
{
	int err;

	for (u32 i = 0; i < count; i++)
		pages[i] = object_get_page(vm, index + i, false, &err);
}

static void object_release(struct vm_object *vm)
{
	struct gpu_object *o = container_of(vm, struct gpu_object, vm);

	struct gpu_device *dev = o->dev;

	gpu_get(dev);		/* the object's own may go before this is over */
	dev->ops->object_end(o);
	gpu_put(dev);
}

static const struct vm_object_ops object_ops = {
	.get_page = object_get_page,
	.peek_pages = object_peek_pages,
	.release = object_release,
};

/* A half of memory at most is for pictures. */
static int charge(u64 size)
{
	struct page_counts c;

	page_counts_get(&c);
	if (atomic_add_relaxed(&bytes, size) <= c.managed * PAGE_SIZE / 2)
		return 0;
	atomic_sub(&bytes, size);
	return -ENOMEM;
}

/* Pages from `from` on, as many as lie in a row: how many; 0: no memory. */
static u64 pages_take(struct gpu_object *o, u64 from, u64 left)
{
	u32 order = left >= 1u << RUN_ORDER ? RUN_ORDER : 0;
	struct page *p = NULL;

	if (memory_is_short())
		return 0;
	if (order)
		p = page_alloc(order, PA_NOWAIT | PA_ZERO);
	if (!p) {
		order = 0;
		p = page_alloc(0, PA_RECLAIM | PA_ZERO);
	}
	for (u32 i = 0; p && i < 1u << order; i++) {
		p[i].refs = 1;
		p[i].order = 0;
		p[i].state = PAGE_ALLOCATED;
		p[i].owner = NULL;
		o->pages[from + i] = p + i;
	}
	return p ? 1u << order : 0;
}

static int pages_fill(struct gpu_object *o)
{
	u64 count = o->size >> PAGE_SHIFT;

	for (u64 at = 0, n; at < count; at += n) {
		n = pages_take(o, at, count - at);
		if (!n)
			return -ENOMEM;
	}
	return 0;
}

void gpu_object_fence(struct gpu_object *o, u64 fence)
{
	u64 old = atomic_load_relaxed(&o->fence);

	while (old < fence && !atomic_cas(&o->fence, old, fence))
		old = atomic_load_relaxed(&o->fence);
}

void gpu_object_free(struct gpu_object *o)
{
	struct gpu_device *dev = o->dev;

	for (u64 i = 0; i < o->size >> PAGE_SHIFT && o->pages[i]; i++)
		page_put(o->pages[i]);
	atomic_sub(&bytes, o->size);
	kfree(o->pages);
	drm_object_gone(o);
	kfree(o);
	gpu_put(dev);
}

struct gpu_object *gpu_object_new(struct gpu_device *dev, u64 size, const struct gpu_shape *shape)
{
	struct gpu_object *o;
	int err;

	if (!size || size > SIZE_MAX_OBJECT - PAGE_SIZE)
		return err_ptr(size ? -ENOMEM : -EINVAL);
	size = ALIGN_UP(size, PAGE_SIZE);
	err = charge(size);
	if (err)
		return err_ptr(err);
	o = kzalloc(sizeof(*o));
	if (o)
		o->pages = kcalloc(size >> PAGE_SHIFT, sizeof(*o->pages));
	if (!o || !o->pages) {
		kfree(o);
		atomic_sub(&bytes, size);
		return err_ptr(-ENOMEM);
	}
	vm_object_init(&o->vm, &object_ops);
	o->vm.refs = 1;
	o->dev = dev;
	gpu_get(dev);
	o->size = size;
	o->dumb = !shape->is_3d;
	err = pages_fill(o);
	if (!err)
		err = drm_object_number(o);
	if (!err)
		err = dev->ops->object_start(o, shape);
	if (err) {
		gpu_object_free(o);
		return err_ptr(err);
	}
	return o;
}
