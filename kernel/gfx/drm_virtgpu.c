/*
 * virtio-gpu's own ioctls, by which Mesa's virgl driver draws: resources,
 * transfers between them and their pages, and streams of commands for the
 * file's context. The kernel does not read a stream: the host knows what the
 * context may touch, which is what the file has handles for.
 *
 * EXECBUFFER is the path of every frame: it looks the handles up, copies the
 * stream once, queues one command and kicks.
 *
 * Errors are those of Linux's driver: what the host does not offer (blobs,
 * contexts of other kinds) is EINVAL, what needs VirGL and has none ENOSYS.
 */
#include <drm/virtgpu_drm.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "mm/page.h"
#include "mm/slab.h"

#define WAIT_LIMIT	(15 * NSEC_PER_SEC)	/* Linux's */
#define HANDLES_INLINE	64u			/* more than most frames name */
#define STREAM_MAX	(4u << 20)		/* sixteen times what Mesa fills; one piece of memory for the host */
#define TARGET_2D	2u			/* PIPE_TEXTURE_2D */
#define TEXEL_BITS_MAX	128ull			/* of all formats */

static struct gpu_device *gpu_of(const struct drm_file *f) { return f->dev->gpu; }

static long getparam(struct drm_file *f, void *arg)
{
	const struct drm_virtgpu_getparam *p = arg;
	u32 value = 0;

	switch (p->param) {
	case VIRTGPU_PARAM_3D_FEATURES:
		value = gpu_of(f)->virgl;
		break;
	case VIRTGPU_PARAM_CAPSET_QUERY_FIX:
		value = 1;
		break;
	case VIRTGPU_PARAM_RESOURCE_BLOB:
	case VIRTGPU_PARAM_HOST_VISIBLE:
	case VIRTGPU_PARAM_CROSS_DEVICE:
	case VIRTGPU_PARAM_CONTEXT_INIT:
		break;
	case VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs:
		for (u32 i = 0; i < gpu_of(f)->capset_count; i++)
			value |= BIT(gpu_of(f)->capsets[i].id);
		break;
	default:
		return -EINVAL;
	}
	return put_user_u32(p->value, value);
}

static long get_caps(struct drm_file *f, void *arg)
{
	const struct drm_virtgpu_get_caps *c = arg;
	struct gpu_device *gpu = gpu_of(f);
	long err;
	void *buf;
	u32 i, n;

	if (!gpu->capset_count)
		return -ENOSYS;
	if (!c->size)
		return -EINVAL;
	for (i = 0; i < gpu->capset_count; i++)
		if (gpu->capsets[i].id == c->cap_set_id && gpu->capsets[i].version >= c->cap_set_ver)
			break;
	if (i == gpu->capset_count)
		return -EINVAL;
	n = MIN(c->size, gpu->capsets[i].size);
	buf = kmalloc(n);
	if (!buf)
		return -ENOMEM;
	err = gpu->ops->capset(gpu, i, c->cap_set_ver, buf, n);
	if (!err && copy_to_user(c->addr, buf, n))
		err = -EFAULT;
	kfree(buf);
	return err == -ETIMEDOUT ? -EBUSY : err;
}

/* ---- resources -------------------------------------------------------------------------------------- */

/* What the formats are is between the program and the host: a part of the size that it asks for, by which to count. */
static u32 texel_bits(const struct drm_virtgpu_resource_create *c)
{
	u64 texels = 0, bits;

	for (u32 level = 0; level <= MIN(c->last_level, 31u); level++)
		texels += (u64)MAX(c->width >> level, 1u) * MAX(c->height >> level, 1u) * MAX(c->depth >> level, 1u);
	texels *= MAX(c->array_size, 1u);
	bits = 8ull * c->size / MAX(texels, 1ull);
	return MIN(bits, TEXEL_BITS_MAX);
}

static long resource_create(struct drm_file *f, void *arg)
{
	struct drm_virtgpu_resource_create *c = arg;
	struct gpu_device *gpu = gpu_of(f);
	struct gpu_shape shape = {
		.is_3d = gpu->virgl, .target = c->target, .format = c->format, .bind = c->bind, .width = c->width,
		.height = c->height, .depth = c->depth, .array_size = c->array_size, .last_level = c->last_level,
		.nr_samples = c->nr_samples, .flags = c->flags,
	};
	struct gpu_object *o;
	int err;

	if (!gpu->virgl && (c->depth > 1 || c->nr_samples > 1 || c->last_level > 1 || c->target != TARGET_2D ||
			    c->array_size > 1))
		return -EINVAL;
	o = gpu_object_new(gpu, c->size ? c->size : PAGE_SIZE, &shape);
	if (is_err(o))
		return ptr_err(o);
	o->pitch = c->width * 4;
	o->texel_bits = texel_bits(c);
	mutex_lock(&f->lock);
	err = drm_handle_add(f, o, &c->bo_handle);
	mutex_unlock(&f->lock);
	gpu->ops->kick(gpu);
	if (err) {
		gpu_object_put(o);
		return err;
	}
	c->res_handle = o->id;
	return 0;
}

static long resource_info(struct drm_file *f, void *arg)
{
	struct drm_virtgpu_resource_info *r = arg;
	struct gpu_object *o = drm_object_get(f, r->bo_handle);

	if (!o)
		return -ENOENT;
	r->size = o->size;
	r->res_handle = o->id;
	r->blob_mem = 0;
	gpu_object_put(o);
	return 0;
}

static long map(struct drm_file *f, void *arg)
{
	struct drm_virtgpu_map *m = arg;
	struct gpu_object *o = drm_object_get(f, m->handle);

	if (!o)
		return -ENOENT;
	m->offset = drm_mmap_offset(o);
	gpu_object_put(o);
	return 0;
}

/* Pixels went between pages and host: no more of them than the object has. */
static void transfer_count(struct drm_file *f, const struct gpu_object *o, const struct gpu_box *b)
{
	u64 bytes = MIN((u64)b->w * b->h * b->d * o->texel_bits / 8, o->size);

	gpu_count(gpu_of(f), GPU_BYTES, bytes);
	atomic_add_relaxed(&f->transfers, 1);
	atomic_add_relaxed(&f->bytes, bytes);
}

/* The structures of both directions are alike. */
static long transfer(struct drm_file *f, const struct drm_virtgpu_3d_transfer_to_host *a, bool to_host)
{
	struct gpu_transfer t = { { a->box.x, a->box.y, a->box.z, a->box.w, a->box.h, a->box.d }, a->offset, a->level,
				  a->stride, a->layer_stride };
	struct gpu_device *gpu = gpu_of(f);
	struct gpu_object *o;
	u64 fence = 0;
	long err = 0;

	if (!to_host && !gpu->virgl)
		return -ENOSYS;
	o = drm_object_get(f, a->bo_handle);
	if (!o)
		return -ENOENT;
	if (a->stride || a->layer_stride)
		err = -EINVAL;		/* only a blob's are the caller's to choose */
	/* A handle there makes a context there. */
	if (!err)
		err = gpu->ops->transfer(gpu, gpu->virgl ? f->context : 0, o, &t, to_host, &fence);
	if (!err) {
		gpu_object_fence(o, fence);
		transfer_count(f, o, &t.box);
		gpu->ops->kick(gpu);
	}
	gpu_object_put(o);
	return err;
}

static long transfer_to_host(struct drm_file *f, void *arg) { return transfer(f, arg, true); }
static long transfer_from_host(struct drm_file *f, void *arg) { return transfer(f, arg, false); }

static long wait(struct drm_file *f, void *arg)
{
	const struct drm_virtgpu_3d_wait *w = arg;
	struct gpu_object *o = drm_object_get(f, w->handle);
	struct gpu_device *gpu = gpu_of(f);
	u64 fence;
	int err;

	if (!o)
		return -ENOENT;
	fence = READ_ONCE(o->fence);
	if (w->flags & VIRTGPU_WAIT_NOWAIT) {
		if (!gpu_fence_is_done(gpu, fence))
			gpu->ops->fence_want(gpu, fence);
		err = gpu_fence_is_done(gpu, fence) ? 0 : -EBUSY;
	} else {
		err = gpu_fence_wait(gpu, fence, clock_ns() + WAIT_LIMIT);
	}
	gpu_object_put(o);
	return err == -ETIMEDOUT ? -EBUSY : err;
}

/* ---- command streams -------------------------------------------------------------------------------- */

/* A copy of the caller's bytes, kmalloc'ed; NULL for none; err_ptr. */
static void *copy_in(u64 from, u32 size, u32 limit)
{
	void *to = size && size <= limit ? kmalloc(size) : NULL;

	if (!size)
		return NULL;
	if (!to)
		return err_ptr(-ENOMEM);
	if (!copy_from_user(to, from, size))
		return to;
	kfree(to);
	return err_ptr(-EFAULT);
}

/* Submit the stream, which is taken over, and leave its fence on the objects. */
static long stream_send(struct drm_file *f, void *stream, u32 size, const u32 *handles, u32 count, u64 *fence)
{
	struct gpu_device *gpu = gpu_of(f);
	long err;

	mutex_lock(&f->lock);
	err = drm_context_make(f);
	for (u32 i = 0; i < count && !err; i++)
		if (!drm_ids_get(&f->handles, handles[i]))
			err = -ENOENT;
	if (err)
		kfree(stream);
	else
		err = gpu->ops->submit(gpu, f->context, stream, size, fence);
	if (!err)
		atomic_add_relaxed(&f->submits, 1);
	for (u32 i = 0; i < count && !err; i++)
		gpu_object_fence(drm_ids_get(&f->handles, handles[i]), *fence);
	mutex_unlock(&f->lock);
	gpu->ops->kick(gpu);
	return err;
}

static long execbuffer(struct drm_file *f, void *arg)
{
	struct drm_virtgpu_execbuffer *e = arg;
	u32 few[HANDLES_INLINE], *handles = few;
	s32 in = e->fence_fd;
	void *stream;
	u64 fence;
	long err;

	if (!gpu_of(f)->virgl)
		return -ENOSYS;
	if (e->flags & ~(u32)(VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT))
		return -EINVAL;
	e->fence_fd = -1;
	/* A fence of this device's comes before all that is queued now: there is nothing to wait for. */
	if ((e->flags & VIRTGPU_EXECBUF_FENCE_FD_IN) && drm_sync_check(gpu_of(f), in))
		return -EINVAL;
	if (e->num_bo_handles > STREAM_MAX / sizeof(u32))
		return -ENOMEM;
	if (e->num_bo_handles > HANDLES_INLINE) {
		handles = copy_in(e->bo_handles, e->num_bo_handles * sizeof(u32), STREAM_MAX);
		if (is_err(handles))
			return ptr_err(handles);
	} else if (e->num_bo_handles && copy_from_user(few, e->bo_handles, e->num_bo_handles * sizeof(u32))) {
		return -EFAULT;
	}
	stream = copy_in(e->command, e->size, STREAM_MAX);
	err = is_err(stream) ? ptr_err(stream) : stream_send(f, stream, e->size, handles, e->num_bo_handles, &fence);
	if (handles != few)
		kfree(handles);
	if (!err && (e->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT)) {
		e->fence_fd = drm_sync_install(gpu_of(f), fence);
		if (e->fence_fd < 0)
			err = e->fence_fd;
	}
	return err;
}

/* The host offers neither blobs nor contexts of other kinds. */
static long unoffered(struct drm_file *f, void *arg) { return -EINVAL; }

const struct drm_ioctl drm_virtgpu_ioctls[] = {
	DRM_IOCTL_DEF(VIRTGPU_EXECBUFFER, DRM_RENDER_ALLOW, execbuffer),
	DRM_IOCTL_DEF(VIRTGPU_WAIT, DRM_RENDER_ALLOW, wait),
	DRM_IOCTL_DEF(VIRTGPU_MAP, DRM_RENDER_ALLOW, map),
	DRM_IOCTL_DEF(VIRTGPU_TRANSFER_TO_HOST, DRM_RENDER_ALLOW, transfer_to_host),
	DRM_IOCTL_DEF(VIRTGPU_TRANSFER_FROM_HOST, DRM_RENDER_ALLOW, transfer_from_host),
	DRM_IOCTL_DEF(VIRTGPU_RESOURCE_CREATE, DRM_RENDER_ALLOW, resource_create),
	DRM_IOCTL_DEF(VIRTGPU_RESOURCE_INFO, DRM_RENDER_ALLOW, resource_info),
	DRM_IOCTL_DEF(VIRTGPU_GETPARAM, DRM_RENDER_ALLOW, getparam),
	DRM_IOCTL_DEF(VIRTGPU_GET_CAPS, DRM_RENDER_ALLOW, get_caps),
	DRM_IOCTL_DEF(VIRTGPU_CONTEXT_INIT, DRM_RENDER_ALLOW, unoffered),
	DRM_IOCTL_DEF(VIRTGPU_RESOURCE_CREATE_BLOB, DRM_RENDER_ALLOW, unoffered),
	{ 0 }
};
