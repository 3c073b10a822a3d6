/*
 * What is shown: a mode set, a page flipped, a part redrawn, the pointer
 * placed. A frame of a GPU client costs the host two commands, SET_SCANOUT and
 * RESOURCE_FLUSH, and none of its pixels pass here; a dumb buffer's damage is
 * transferred before.
 *
 * There is no vertical blank: a flip takes effect in the order of commands,
 * and its event comes at once, as it does from Linux for this device.
 */
#include <drm/drm_fourcc.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "gfx/drm.h"
#include "mm/slab.h"

#define CURSOR_LIMIT	(5 * NSEC_PER_SEC)	/* for the host to take a picture of 16 KiB */

static bool rect_is(const struct gpu_rect *a, const struct gpu_rect *b) { return !memcmp(a, b, sizeof(*a)); }

/* The host is told to show nothing. [K] */
static int go_dark(struct drm_device *dev, u32 n)
{
	struct drm_crtc *c = &dev->crtcs[n];
	int err = c->told ? dev->gpu->ops->scanout(dev->gpu, n, NULL, NULL) : 0;

	if (!err)
		c->told = 0;
	return err;
}

/* Part of a dumb framebuffer, from its pages to the host. */
static int dumb_transfer(struct gpu_device *gpu, const struct drm_framebuffer *fb, const struct gpu_rect *r)
{
	struct gpu_transfer t = { .box = { .x = r->x, .y = r->y, .w = r->width, .h = r->height, .d = 1 },
				  .offset = fb->offset + (u64)r->y * fb->pitch + r->x * 4ull };
	int err = gpu->ops->transfer(gpu, 0, fb->object, &t, true, NULL);

	if (!err)
		gpu_count(gpu, GPU_BYTES, (u64)r->width * r->height * 4);
	return err;
}

/* Show what the CRTC has; damage: what changed of the framebuffer, NULL: all. [K] */
static int show(struct drm_device *dev, u32 n, const struct gpu_rect *damage)
{
	struct gpu_device *gpu = dev->gpu;
	struct drm_crtc *c = &dev->crtcs[n];
	struct gpu_rect all = { c->x, c->y, c->mode.hdisplay, c->mode.vdisplay };
	struct gpu_object *o;
	int err = 0;

	if (!c->fb || c->dpms != DRM_MODE_DPMS_ON)
		return go_dark(dev, n);
	o = c->fb->object;
	if (!damage)
		damage = &all;
	if (o->dumb)
		err = dumb_transfer(gpu, c->fb, damage);
	if (!err && (c->told != o->id || !rect_is(&all, &c->told_rect))) {
		err = gpu->ops->scanout(gpu, n, o, &all);
		if (!err) {
			c->told = o->id;
			c->told_rect = all;
		}
	}
	return err ? err : gpu->ops->flush(gpu, o, damage);
}

void drm_scanout_forget(struct drm_device *dev, struct drm_framebuffer *fb)
{
	for (u32 n = 0; n < dev->gpu->scanout_count; n++) {
		if (dev->crtcs[n].fb != fb)
			continue;
		dev->crtcs[n].fb = NULL;
		(void)go_dark(dev, n);		/* fails only with the device, which then shows nothing */
		dev->crtcs[n].told = 0;
	}
}

int drm_dpms_set(struct drm_device *dev, u32 n, u64 state)
{
	dev->crtcs[n].dpms = state == DRM_MODE_DPMS_ON ? DRM_MODE_DPMS_ON : DRM_MODE_DPMS_OFF;
	return show(dev, n, NULL);
}

/* ---- modes and flips -------------------------------------------------------------------------------- */

static bool covers(const struct drm_framebuffer *fb, u32 x, u32 y, u32 width, u32 height)
{
	return width <= fb->width && x <= fb->width - width && height <= fb->height && y <= fb->height - height;
}

static bool mode_is_sound(const struct drm_mode_modeinfo *m)
{
	return m->hdisplay && m->vdisplay && m->hdisplay <= m->hsync_start && m->hsync_start <= m->hsync_end &&
		m->hsync_end <= m->htotal && m->vdisplay <= m->vsync_start && m->vsync_start <= m->vsync_end &&
		m->vsync_end <= m->vtotal && m->clock;
}

/* The connectors that the call names: each has its own CRTC. No lock is held. */
static int connectors_check(struct drm_device *dev, const struct drm_mode_crtc *r, u32 n)
{
	u32 id;

	if (r->count_connectors > dev->gpu->scanout_count)
		return -EINVAL;
	for (u32 i = 0; i < r->count_connectors; i++) {
		if (get_user_u32(&id, r->set_connectors_ptr + i * sizeof(id)))
			return -EFAULT;
		if (drm_part_find(dev, id, DRM_CONNECTOR) < 0)
			return -ENOENT;
		if (drm_part_find(dev, id, DRM_CONNECTOR) != (int)n)
			return -EINVAL;
	}
	return 0;
}

/* [K] */
static int mode_set(struct drm_device *dev, u32 n, const struct drm_mode_crtc *r)
{
	struct drm_crtc *c = &dev->crtcs[n];
	struct drm_framebuffer *fb = r->fb_id == ~0u ? c->fb : drm_fb_find(dev, r->fb_id);

	if (!fb)
		return r->fb_id == ~0u ? -EINVAL : -ENOENT;
	if (!mode_is_sound(&r->mode) || fb->format != DRM_FORMAT_XRGB8888)
		return -EINVAL;
	if (!covers(fb, r->x, r->y, r->mode.hdisplay, r->mode.vdisplay))
		return -ENOSPC;
	c->fb = fb;
	c->x = r->x;
	c->y = r->y;
	c->mode = r->mode;
	c->dpms = DRM_MODE_DPMS_ON;
	return show(dev, n, NULL);
}

static long set_crtc(struct drm_file *f, void *arg)
{
	struct drm_mode_crtc *r = arg;
	struct drm_device *dev = f->dev;
	int n = drm_part_find(dev, r->crtc_id, DRM_CRTC), err;

	if (r->x > 0x7fffffff || r->y > 0x7fffffff)
		return -ERANGE;
	if (n < 0)
		return -ENOENT;
	if (!r->mode_valid != !r->count_connectors)
		return -EINVAL;
	err = connectors_check(dev, r, n);
	if (err)
		return err;
	mutex_lock(&dev->lock);
	if (r->mode_valid) {
		err = mode_set(dev, n, r);
	} else {
		dev->crtcs[n].fb = NULL;
		err = go_dark(dev, n);
	}
	mutex_unlock(&dev->lock);
	dev->gpu->ops->kick(dev->gpu);
	return err;
}

/* [K] */
static int flip(struct drm_device *dev, u32 n, u32 fb_id)
{
	struct drm_framebuffer *fb = drm_fb_find(dev, fb_id);
	struct drm_crtc *c = &dev->crtcs[n];

	if (!c->fb)
		return -EBUSY;
	if (!fb)
		return -ENOENT;
	if (!covers(fb, c->x, c->y, c->mode.hdisplay, c->mode.vdisplay))
		return -ENOSPC;
	if (fb->format != c->fb->format)
		return -EINVAL;
	c->fb = fb;
	return show(dev, n, NULL);
}

static long page_flip(struct drm_file *f, void *arg)
{
	const struct drm_mode_crtc_page_flip *p = arg;
	struct drm_device *dev = f->dev;
	struct drm_event_entry *e = NULL;
	int n = drm_part_find(dev, p->crtc_id, DRM_CRTC), err;

	if (p->flags & ~(u32)DRM_MODE_PAGE_FLIP_EVENT || p->reserved)
		return -EINVAL;
	if (n < 0)
		return -ENOENT;
	if (p->flags & DRM_MODE_PAGE_FLIP_EVENT) {
		e = drm_event_new(f);
		if (!e)
			return -ENOMEM;
	}
	mutex_lock(&dev->lock);
	err = flip(dev, n, p->fb_id);
	mutex_unlock(&dev->lock);
	dev->gpu->ops->kick(dev->gpu);
	if (err)
		drm_event_cancel(f, e);
	else if (e)
		drm_event_send(f, e, p->user_data, p->crtc_id);
	return err;
}

/* ---- damage ----------------------------------------------------------------------------------------- */

/* The least rectangle around those the program names, within the framebuffer's coordinates. -EFAULT */
static int clips_join(const struct drm_mode_fb_dirty_cmd *d, struct gpu_rect *all)
{
	u32 x1 = ~0u, y1 = ~0u, x2 = 0, y2 = 0;

	for (u32 i = 0; i < d->num_clips; i++) {
		struct drm_clip_rect r;

		if (copy_from_user(&r, d->clips_ptr + i * sizeof(r), sizeof(r)))
			return -EFAULT;
		x1 = MIN(x1, (u32)r.x1);
		y1 = MIN(y1, (u32)r.y1);
		x2 = MAX(x2, (u32)r.x2);
		y2 = MAX(y2, (u32)r.y2);
	}
	*all = (struct gpu_rect){ x1, y1, x2 > x1 ? x2 - x1 : 0, y2 > y1 ? y2 - y1 : 0 };
	return 0;
}

/* The part of the damage that the CRTC shows. [K] */
static bool shown_part(const struct drm_crtc *c, const struct gpu_rect *damage, struct gpu_rect *part)
{
	u32 x1 = MAX(damage->x, c->x), y1 = MAX(damage->y, c->y);
	u32 x2 = MIN(damage->x + damage->width, c->x + c->mode.hdisplay);
	u32 y2 = MIN(damage->y + damage->height, c->y + c->mode.vdisplay);

	*part = (struct gpu_rect){ x1, y1, x2 - x1, y2 - y1 };
	return x1 < x2 && y1 < y2;
}

static long dirty_fb(struct drm_file *f, void *arg)
{
	const struct drm_mode_fb_dirty_cmd *d = arg;
	struct drm_device *dev = f->dev;
	struct drm_framebuffer *fb;
	struct gpu_rect damage, part;
	int err;

	if (d->num_clips > DRM_MODE_FB_DIRTY_MAX_CLIPS || !d->num_clips != !d->clips_ptr ||
	    ((d->flags & DRM_MODE_FB_DIRTY_ANNOTATE_COPY) && d->num_clips % 2) ||
	    (d->flags & DRM_MODE_FB_DIRTY_FLAGS) == DRM_MODE_FB_DIRTY_FLAGS)
		return -EINVAL;
	err = clips_join(d, &damage);
	if (err)
		return err;
	mutex_lock(&dev->lock);
	fb = drm_fb_find(dev, d->fb_id);
	if (!fb)
		err = -ENOENT;
	for (u32 n = 0; !err && n < dev->gpu->scanout_count; n++) {
		struct drm_crtc *c = &dev->crtcs[n];

		if (c->fb == fb && (!d->num_clips || shown_part(c, &damage, &part)))
			err = show(dev, n, d->num_clips ? &part : NULL);
	}
	mutex_unlock(&dev->lock);
	dev->gpu->ops->kick(dev->gpu);
	return err;
}

/* ---- the pointer ------------------------------------------------------------------------------------ */

/* The host takes the picture when it is told of it, by another queue: what was drawn must be there before. [K] */
static int picture_send(struct gpu_device *gpu, struct gpu_object *o, u32 width, u32 height)
{
	struct gpu_transfer t = { .box = { .w = width, .h = height, .d = 1 } };
	u64 fence = READ_ONCE(o->fence);
	int err = o->dumb ? gpu->ops->transfer(gpu, 0, o, &t, true, &fence) : 0;

	if (err)
		return err;
	gpu->ops->kick(gpu);
	if (o->dumb)
		gpu_count(gpu, GPU_BYTES, (u64)width * height * 4);
	err = gpu_fence_wait(gpu, fence, clock_ns() + CURSOR_LIMIT);
	return err == -ETIMEDOUT ? -EBUSY : err;
}

/* o: referenced, this takes it over on success. [K] */
static int cursor_set(struct drm_file *f, u32 n, const struct drm_mode_cursor2 *r, struct gpu_object *o)
{
	struct drm_device *dev = f->dev;
	struct drm_crtc *c = &dev->crtcs[n];
	bool picture = r->flags & DRM_MODE_CURSOR_BO;
	int err = o ? picture_send(dev->gpu, o, r->width, r->height) : 0;

	if (err)
		return err;
	if (r->flags & DRM_MODE_CURSOR_MOVE) {
		c->cursor_x = r->x;
		c->cursor_y = r->y;
	}
	err = dev->gpu->ops->cursor(dev->gpu, n, c->cursor_x, c->cursor_y, picture, picture ? o : c->cursor,
				     r->hot_x, r->hot_y);
	if (!err && picture) {
		if (c->cursor)
			gpu_object_put(c->cursor);
		c->cursor = o;
		c->cursor_file = f;
	}
	return err;
}

void drm_cursor_release(struct drm_file *f)
{
	struct drm_device *dev = f->dev;

	for (u32 n = 0; n < dev->gpu->scanout_count; n++) {
		struct drm_crtc *c = &dev->crtcs[n];

		if (c->cursor_file != f)
			continue;
		c->cursor_file = NULL;
		if (c->cursor)
			(void)dev->gpu->ops->cursor(dev->gpu, n, c->cursor_x, c->cursor_y, true, NULL, 0, 0);
		if (c->cursor)
			gpu_object_put(c->cursor);
		c->cursor = NULL;
	}
}

static long cursor2(struct drm_file *f, void *arg)
{
	const struct drm_mode_cursor2 *r = arg;
	struct drm_device *dev = f->dev;
	struct gpu_object *o = NULL;
	int n = drm_part_find(dev, r->crtc_id, DRM_CRTC), err;

	if (!r->flags || r->flags & ~(u32)DRM_MODE_CURSOR_FLAGS)
		return -EINVAL;
	if (n < 0)
		return -ENOENT;
	if ((r->flags & DRM_MODE_CURSOR_BO) && r->handle) {
		o = drm_object_get(f, r->handle);
		if (!o)
			return -EINVAL;
		if (!r->width || !r->height || r->width > DRM_CURSOR_SIZE || r->height > DRM_CURSOR_SIZE ||
		    (o->dumb && (u64)r->height * o->pitch > o->size)) {
			gpu_object_put(o);
			return -EINVAL;
		}
	}
	mutex_lock(&dev->lock);
	err = cursor_set(f, n, r, o);
	mutex_unlock(&dev->lock);
	if (err && o)
		gpu_object_put(o);
	return err;
}

static long cursor(struct drm_file *f, void *arg)
{
	struct drm_mode_cursor2 r = { 0 };

	memcpy(&r, arg, sizeof(struct drm_mode_cursor));
	return cursor2(f, &r);
}

/* ---- planes ----------------------------------------------------------------------------------------- */

/* What is to be seen must lie in the framebuffer, and no plane here scales. Places in fb are in 1/65536 of a pixel. */
static int plane_check(const struct drm_mode_set_plane *p, const struct drm_framebuffer *fb, u32 format)
{
	u64 width = (u64)fb->width << 16, height = (u64)fb->height << 16;

	if (fb->format != format)
		return -EINVAL;
	if (p->crtc_w > 0x7fffffff || p->crtc_x > (s32)(0x7fffffff - p->crtc_w) || p->crtc_h > 0x7fffffff ||
	    p->crtc_y > (s32)(0x7fffffff - p->crtc_h))
		return -ERANGE;
	if (p->src_w > width || p->src_x > width - p->src_w || p->src_h > height || p->src_y > height - p->src_h)
		return -ENOSPC;
	return p->src_w != (u64)p->crtc_w << 16 || p->src_h != (u64)p->crtc_h << 16 ? -ERANGE : 0;
}

/* It fills the mode. [K] */
static int primary_set(struct drm_device *dev, u32 n, const struct drm_mode_set_plane *p, struct drm_framebuffer *fb)
{
	struct drm_crtc *c = &dev->crtcs[n];
	int err;

	if (!fb) {
		c->fb = NULL;
		return go_dark(dev, n);
	}
	err = plane_check(p, fb, DRM_FORMAT_XRGB8888);
	if (err)
		return err;
	if (!c->fb || p->crtc_x || p->crtc_y || p->crtc_w != c->mode.hdisplay || p->crtc_h != c->mode.vdisplay)
		return -EINVAL;
	c->fb = fb;
	c->x = p->src_x >> 16;
	c->y = p->src_y >> 16;
	return show(dev, n, NULL);
}

/* [K] */
static int pointer_set(struct drm_file *f, u32 n, const struct drm_mode_set_plane *p, struct drm_framebuffer *fb)
{
	struct drm_mode_cursor2 r = { .flags = DRM_MODE_CURSOR_FLAGS, .x = p->crtc_x, .y = p->crtc_y, .width = p->crtc_w,
				      .height = p->crtc_h };
	int err = fb ? plane_check(p, fb, DRM_FORMAT_ARGB8888) : 0;

	if (err)
		return err;
	if (fb && (!r.width || !r.height || r.width > DRM_CURSOR_SIZE || r.height > DRM_CURSOR_SIZE))
		return -EINVAL;
	if (fb)
		gpu_object_get(fb->object);
	err = cursor_set(f, n, &r, fb ? fb->object : NULL);
	if (err && fb)
		gpu_object_put(fb->object);
	return err;
}

static long set_plane(struct drm_file *f, void *arg)
{
	const struct drm_mode_set_plane *p = arg;
	struct drm_device *dev = f->dev;
	int primary = drm_part_find(dev, p->plane_id, DRM_PRIMARY), n = drm_part_find(dev, p->plane_id, DRM_CURSOR), err;
	int crtc = drm_part_find(dev, p->crtc_id, DRM_CRTC);
	struct drm_framebuffer *fb = NULL;

	if (primary < 0 && n < 0)
		return -ENOENT;
	n = MAX(primary, n);
	mutex_lock(&dev->lock);
	if (p->fb_id)
		fb = drm_fb_find(dev, p->fb_id);
	if (p->fb_id && (!fb || crtc != n))
		err = fb && crtc >= 0 ? -EINVAL : -ENOENT;
	else
		err = primary < 0 ? pointer_set(f, n, p, fb) : primary_set(dev, n, p, fb);
	mutex_unlock(&dev->lock);
	dev->gpu->ops->kick(dev->gpu);
	return err;
}

const struct drm_ioctl drm_scanout_ioctls[] = {
	DRM_IOCTL_DEF(MODE_PAGE_FLIP, DRM_MASTER, page_flip),
	DRM_IOCTL_DEF(MODE_DIRTYFB, DRM_MASTER, dirty_fb),
	DRM_IOCTL_DEF(MODE_CURSOR, DRM_MASTER, cursor),
	DRM_IOCTL_DEF(MODE_CURSOR2, DRM_MASTER, cursor2),
	DRM_IOCTL_DEF(MODE_SETCRTC, DRM_MASTER, set_crtc),
	DRM_IOCTL_DEF(MODE_SETPLANE, DRM_MASTER, set_plane),
	{ 0 }
};
