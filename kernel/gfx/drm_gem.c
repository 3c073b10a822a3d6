/*
 * Buffer objects as a program has them: handles, numbers of its open file.
 * What a handle names lives as long as any reference; the host lets a file's
 * context touch what that file has handles for, and nothing else.
 */
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "mm/page.h"
#include "sched/thread.h"

#define FORMAT_BGRX	2u	/* VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM: DRM's XRGB8888 */

/* ---- numbers in the host ---------------------------------------------------------------------------- */

int drm_object_number(struct gpu_object *o)
{
	struct drm_device *dev = o->dev->drm;

	mutex_lock(&dev->lock);
	o->id = drm_ids_add(&dev->objects, o);
	mutex_unlock(&dev->lock);
	return o->id ? 0 : -ENOMEM;
}

void drm_object_gone(struct gpu_object *o)
{
	struct drm_device *dev = o->dev->drm;

	mutex_lock(&dev->lock);
	drm_ids_remove(&dev->objects, o->id);
	drm_ids_remove(&dev->names, o->name);
	mutex_unlock(&dev->lock);
}

int drm_context_make(struct drm_file *f)
{
	struct drm_device *dev = f->dev;
	u32 id;
	int err;

	if (f->context)
		return 0;
	strlcpy(f->name, current()->name, sizeof(f->name));
	mutex_lock(&dev->lock);
	id = drm_ids_add(&dev->contexts, f);
	mutex_unlock(&dev->lock);
	if (!id)
		return -ENOMEM;
	err = dev->gpu->ops->context_create(dev->gpu, id, f->name);
	if (!err) {
		f->context = id;
		return 0;
	}
	mutex_lock(&dev->lock);
	drm_ids_remove(&dev->contexts, id);
	mutex_unlock(&dev->lock);
	return err;
}

/* ---- handles ---------------------------------------------------------------------------------------- */

struct gpu_object *drm_object_get(struct drm_file *f, u32 handle)
{
	struct gpu_object *o;

	mutex_lock(&f->lock);
	o = drm_ids_get(&f->handles, handle);
	if (o)
		gpu_object_get(o);
	mutex_unlock(&f->lock);
	return o;
}

u32 drm_handle_find(struct drm_file *f, const struct gpu_object *o)
{
	for (u32 i = 0; i < f->handles.size; i++)
		if (f->handles.slot[i] == o)
			return i + 1;
	return 0;
}

/* The host's side first: a handle that is there can be drawn with. */
int drm_handle_add(struct drm_file *f, struct gpu_object *o, u32 *handle)
{
	struct gpu_device *gpu = f->dev->gpu;
	int err = 0;

	if (gpu->virgl) {
		err = drm_context_make(f);
		if (!err)
			err = gpu->ops->context_attach(gpu, f->context, o);
	}
	if (err)
		return err;
	*handle = drm_ids_add(&f->handles, o);
	if (*handle)
		return 0;
	if (gpu->virgl)
		gpu->ops->context_detach(gpu, f->context, o);
	return -ENOMEM;
}

/* One handle an object, however often it comes in. */
int drm_object_import(struct drm_file *f, struct gpu_object *o, u32 *handle)
{
	int err = 0;

	mutex_lock(&f->lock);
	*handle = drm_handle_find(f, o);
	if (!*handle) {
		gpu_object_get(o);
		err = drm_handle_add(f, o, handle);
	}
	mutex_unlock(&f->lock);
	gpu_object_put(o);
	if (err)
		gpu_object_put(o);
	return err;
}

/* -EINVAL: there is none of that number. */
static int handle_close(struct drm_file *f, u32 handle)
{
	struct gpu_device *gpu = f->dev->gpu;
	struct gpu_object *o;

	mutex_lock(&f->lock);
	o = drm_ids_remove(&f->handles, handle);
	if (o && gpu->virgl)
		gpu->ops->context_detach(gpu, f->context, o);
	mutex_unlock(&f->lock);
	if (!o)
		return -EINVAL;
	gpu_object_put(o);
	gpu->ops->kick(gpu);
	return 0;
}

void drm_handles_release(struct drm_file *f)
{
	struct drm_device *dev = f->dev;
	struct gpu_device *gpu = dev->gpu;

	if (f->context) {		/* with all that is attached to it */
		gpu->ops->context_destroy(gpu, f->context);
		mutex_lock(&dev->lock);
		drm_ids_remove(&dev->contexts, f->context);
		mutex_unlock(&dev->lock);
	}
	for (u32 i = 0; i < f->handles.size; i++)
		if (f->handles.slot[i])
			gpu_object_put(f->handles.slot[i]);
	drm_ids_free(&f->handles);
	gpu->ops->kick(gpu);
}

static long gem_close(struct drm_file *f, void *arg)
{
	return handle_close(f, ((struct drm_gem_close *)arg)->handle);
}

/* ---- names ------------------------------------------------------------------------------------------ */

/* A number by which who was let in gets a handle of its own; descriptors (drm_prime.c) have taken its place. */
static long gem_flink(struct drm_file *f, void *arg)
{
	struct drm_gem_flink *r = arg;
	struct gpu_object *o = drm_object_get(f, r->handle);
	struct drm_device *dev = f->dev;

	if (!o)
		return -ENOENT;
	mutex_lock(&dev->lock);
	if (!o->name)
		o->name = drm_ids_add(&dev->names, o);
	r->name = o->name;
	mutex_unlock(&dev->lock);
	gpu_object_put(o);
	return r->name ? 0 : -ENOMEM;
}

static long gem_open(struct drm_file *f, void *arg)
{
	struct drm_gem_open *r = arg;
	struct gpu_object *o;
	int err;

	mutex_lock(&f->dev->lock);
	o = drm_ids_get(&f->dev->names, r->name);
	if (o && !ref_get_unless_zero(&o->vm.refs))	/* it is about to go */
		o = NULL;
	mutex_unlock(&f->dev->lock);
	if (!o)
		return -ENOENT;
	r->size = o->size;
	err = drm_object_import(f, o, &r->handle);
	f->dev->gpu->ops->kick(f->dev->gpu);
	return err;
}

/* ---- dumb buffers ----------------------------------------------------------------------------------- */

static long create_dumb(struct drm_file *f, void *arg)
{
	struct drm_mode_create_dumb *d = arg;
	struct gpu_shape shape = { .format = FORMAT_BGRX, .width = d->width, .height = d->height };
	u64 pitch = (u64)d->width * 4, size;
	struct gpu_object *o;
	int err;

	if (!d->width || !d->height || d->bpp != 32 || pitch >> 32 ||
	    __builtin_mul_overflow(pitch, (u64)d->height, &size) || size >> 32)
		return -EINVAL;
	o = gpu_object_new(f->dev->gpu, size, &shape);
	if (is_err(o))
		return ptr_err(o);
	o->pitch = pitch;
	o->texel_bits = 32;
	mutex_lock(&f->lock);
	err = drm_handle_add(f, o, &d->handle);
	mutex_unlock(&f->lock);
	f->dev->gpu->ops->kick(f->dev->gpu);
	if (err) {
		gpu_object_put(o);
		return err;
	}
	d->pitch = pitch;
	d->size = o->size;
	return 0;
}

static long map_dumb(struct drm_file *f, void *arg)
{
	struct drm_mode_map_dumb *d = arg;
	struct gpu_object *o = drm_object_get(f, d->handle);

	if (!o)
		return -ENOENT;
	d->offset = drm_mmap_offset(o);
	gpu_object_put(o);
	return 0;
}

static long destroy_dumb(struct drm_file *f, void *arg)
{
	return handle_close(f, ((struct drm_mode_destroy_dumb *)arg)->handle);
}

/* ---- mmap ------------------------------------------------------------------------------------------- */

/* The object of that number, if this file has a handle for it: referenced. */
static struct gpu_object *object_at(struct drm_file *f, u64 offset)
{
	struct gpu_object *o = NULL;

	mutex_lock(&f->lock);
	for (u32 i = 0; i < f->handles.size && !o; i++) {
		struct gpu_object *at = f->handles.slot[i];

		if (at && drm_mmap_offset(at) == offset)
			o = at;
	}
	if (o)
		gpu_object_get(o);
	mutex_unlock(&f->lock);
	return o;
}

/* Offsets are made up: an object's number, and nothing below. */
struct vm_object *drm_mmap(struct drm_file *f, u64 offset, u64 len, bool shared)
{
	struct gpu_object *o = object_at(f, offset);
	bool known;

	if (!o) {
		mutex_lock(&f->dev->lock);
		known = !(u32)offset && drm_ids_get(&f->dev->objects, offset >> 32);
		mutex_unlock(&f->dev->lock);
		return err_ptr(known ? -EACCES : -EINVAL);	/* somebody else's; nobody's */
	}
	if (shared && ALIGN_UP(len, PAGE_SIZE) <= o->size)
		return &o->vm;
	gpu_object_put(o);
	return err_ptr(-EINVAL);
}

const struct drm_ioctl drm_gem_ioctls[] = {
	DRM_IOCTL_DEF(GEM_CLOSE, DRM_RENDER_ALLOW, gem_close),
	DRM_IOCTL_DEF(GEM_FLINK, DRM_AUTH, gem_flink),
	DRM_IOCTL_DEF(GEM_OPEN, DRM_AUTH, gem_open),
	DRM_IOCTL_DEF(MODE_CREATE_DUMB, 0, create_dumb),
	DRM_IOCTL_DEF(MODE_MAP_DUMB, 0, map_dumb),
	DRM_IOCTL_DEF(MODE_DESTROY_DUMB, 0, destroy_dumb),
	{ 0 }
};
