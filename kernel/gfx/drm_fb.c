/*
 * Framebuffers: buffer objects with a size and a format, to be shown. They go
 * with the file that made them, and what shows one then goes dark.
 */
#include <drm/drm_fourcc.h>
#include "base/errno.h"
#include "gfx/drm.h"
#include "mm/slab.h"
#include "sched/cred.h"

#define BYTES		4u		/* a pixel, in both formats */

struct drm_framebuffer *drm_fb_find(struct drm_device *dev, u32 id)
{
	return id < DRM_FB_FIRST ? NULL : drm_ids_get(&dev->framebuffers, id - DRM_FB_FIRST + 1);
}

/* [K] */
static void fb_free(struct drm_device *dev, struct drm_framebuffer *fb)
{
	drm_scanout_forget(dev, fb);
	drm_ids_remove(&dev->framebuffers, fb->id - DRM_FB_FIRST + 1);
	gpu_object_put(fb->object);
	kfree(fb);
}

void drm_fb_release(struct drm_file *f)
{
	for (u32 i = 0; i < f->dev->framebuffers.size; i++) {
		struct drm_framebuffer *fb = f->dev->framebuffers.slot[i];

		if (fb && fb->file == f)
			fb_free(f->dev, fb);
	}
}

static int geometry_check(const struct drm_mode_fb_cmd2 *c, const struct gpu_object *o)
{
	if (c->pitches[0] < c->width * BYTES || c->pitches[0] % BYTES)
		return -EINVAL;
	/* What a 3D resource's pages hold is between the program and the host; a dumb buffer is shown as it is. */
	if (o->dumb && (c->pitches[0] != o->pitch || c->offsets[0] + (u64)c->height * c->pitches[0] > o->size))
		return -EINVAL;
	return 0;
}

static long fb_add(struct drm_file *f, const struct drm_mode_fb_cmd2 *c, u32 *id)
{
	struct drm_device *dev = f->dev;
	struct drm_framebuffer *fb;
	struct gpu_object *o;
	int err;

	if (c->flags & ~(u32)DRM_MODE_FB_INTERLACED || !c->handles[0] || c->handles[1] || c->handles[2] ||
	    c->handles[3] || c->width < DRM_SIZE_MIN || c->width > DRM_SIZE_MAX || c->height < DRM_SIZE_MIN ||
	    c->height > DRM_SIZE_MAX)
		return -EINVAL;
	/* Both errors are Linux's for this device; others of its devices have them the other way round. */
	if (c->pixel_format != DRM_FORMAT_XRGB8888 && c->pixel_format != DRM_FORMAT_ARGB8888)
		return -ENOENT;
	o = drm_object_get(f, c->handles[0]);
	if (!o)
		return -EINVAL;
	err = geometry_check(c, o);
	fb = err ? NULL : kmalloc(sizeof(*fb));
	if (!fb) {
		gpu_object_put(o);
		return err ? err : -ENOMEM;
	}
	*fb = (struct drm_framebuffer){ .width = c->width, .height = c->height, .pitch = c->pitches[0],
		.offset = c->offsets[0], .format = c->pixel_format, .object = o, .file = f };
	mutex_lock(&dev->lock);
	fb->id = drm_ids_add(&dev->framebuffers, fb);
	if (fb->id)
		*id = fb->id += DRM_FB_FIRST - 1;
	else
		err = -ENOMEM;
	mutex_unlock(&dev->lock);
	if (err) {
		gpu_object_put(o);
		kfree(fb);
	}
	return err;
}

static long add_fb2(struct drm_file *f, void *arg)
{
	struct drm_mode_fb_cmd2 *c = arg;

	return fb_add(f, c, &c->fb_id);
}

static long add_fb(struct drm_file *f, void *arg)
{
	struct drm_mode_fb_cmd *c = arg;
	struct drm_mode_fb_cmd2 c2 = { .width = c->width, .height = c->height, .pitches = { c->pitch },
				       .handles = { c->handle }, .pixel_format = DRM_FORMAT_XRGB8888 };

	if (c->bpp != 32 || (c->depth != 24 && c->depth != 32))
		return -EINVAL;
	if (c->depth == 32)
		c2.pixel_format = DRM_FORMAT_ARGB8888;
	return fb_add(f, &c2, &c->fb_id);
}

static long rm_fb(struct drm_file *f, void *arg)
{
	struct drm_framebuffer *fb;

	mutex_lock(&f->dev->lock);
	fb = drm_fb_find(f->dev, *(u32 *)arg);
	if (fb && fb->file == f)
		fb_free(f->dev, fb);
	else
		fb = NULL;
	mutex_unlock(&f->dev->lock);
	if (!fb)
		return -ENOENT;
	f->dev->gpu->ops->kick(f->dev->gpu);
	return 0;
}

/* What lies behind it is the master's to see, and root's. A handle of the caller's own, referenced by it. */
static u32 handle_of(struct drm_file *f, struct gpu_object *o)
{
	u32 handle = 0;

	if (READ_ONCE(f->dev->master) == f || current_capable(CRED_SYS_ADMIN)) {
		gpu_object_get(o);
		if (drm_object_import(f, o, &handle))
			handle = 0;
	}
	return handle;
}

/* A copy of what is there, its object referenced. -ENOENT */
static int fb_copy(struct drm_device *dev, u32 id, struct drm_framebuffer *to)
{
	struct drm_framebuffer *fb;

	mutex_lock(&dev->lock);
	fb = drm_fb_find(dev, id);
	if (fb) {
		*to = *fb;
		gpu_object_get(to->object);
	}
	mutex_unlock(&dev->lock);
	return fb ? 0 : -ENOENT;
}

static long get_fb(struct drm_file *f, void *arg)
{
	struct drm_mode_fb_cmd *c = arg;
	struct drm_framebuffer fb;

	if (fb_copy(f->dev, c->fb_id, &fb))
		return -ENOENT;
	*c = (struct drm_mode_fb_cmd){ .fb_id = fb.id, .width = fb.width, .height = fb.height, .pitch = fb.pitch,
		.bpp = 32, .depth = fb.format == DRM_FORMAT_ARGB8888 ? 32 : 24, .handle = handle_of(f, fb.object) };
	gpu_object_put(fb.object);
	return 0;
}

static long get_fb2(struct drm_file *f, void *arg)
{
	struct drm_mode_fb_cmd2 *c = arg;
	struct drm_framebuffer fb;

	if (fb_copy(f->dev, c->fb_id, &fb))
		return -ENOENT;
	*c = (struct drm_mode_fb_cmd2){ .fb_id = fb.id, .width = fb.width, .height = fb.height,
		.pixel_format = fb.format, .pitches = { fb.pitch }, .offsets = { fb.offset },
		.handles = { handle_of(f, fb.object) } };
	gpu_object_put(fb.object);
	return 0;
}

const struct drm_ioctl drm_fb_ioctls[] = {
	DRM_IOCTL_DEF(MODE_ADDFB, 0, add_fb),
	DRM_IOCTL_DEF(MODE_ADDFB2, 0, add_fb2),
	DRM_IOCTL_DEF(MODE_RMFB, 0, rm_fb),
	DRM_IOCTL_DEF(MODE_GETFB, 0, get_fb),
	DRM_IOCTL_DEF(MODE_GETFB2, 0, get_fb2),
	{ 0 }
};
