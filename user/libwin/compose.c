/*
 * The calls of compose.h: pictures of others, parts of pictures, and how they are laid over each other.
 */
#include <errno.h>
#include <math.h>

#include <drm_fourcc.h>

#include "libwin.h"

/* ---- pictures ---------------------------------------------------------------- */

struct foreign {
	int      fd;
	uint32_t format;
};

static int fill_import(struct texture *t, const void *argument)
{
	const struct foreign *foreign = argument;

	t->opaque = foreign->format == DRM_FORMAT_XRGB8888 || foreign->format == DRM_FORMAT_XBGR8888;
	return t->device->path->import(t, foreign->fd, foreign->format);
}

int win_import_unproved(struct win_device *device, int fd, int width, int height, uint32_t format, struct win **image)
{
	return win_create_kind(device, TEXTURE_IMAGE, width, height, fill_import, &(struct foreign) { fd, format }, image);
}

int win_import(struct win_device *device, int fd, int width, int height, uint32_t format, struct win **image)
{
	int error = win_can_import(device, format) ? win_prove(device, fd, width, height, format) : -EOPNOTSUPP;

	return error ? error : win_import_unproved(device, fd, width, height, format, image);
}

bool win_can_import(const struct win_device *device, uint32_t format)
{
	return win_on_gpu(device) && (format == DRM_FORMAT_ARGB8888 || format == DRM_FORMAT_XRGB8888 ||
		format == DRM_FORMAT_ABGR8888 || format == DRM_FORMAT_XBGR8888);
}

static int fill_image(struct texture *t, const void *opaque)
{
	t->opaque = *(const bool *)opaque;
	return t->device->path->texture_create(t);
}

int win_create_image(struct win_device *device, int width, int height, bool opaque, struct win **image)
{
	return win_create_kind(device, TEXTURE_IMAGE, width, height, fill_image, &opaque, image);
}

int win_upload(struct win *image, struct win_part part, const void *pixels, int stride)
{
	struct texture *t = &image->texture;

	if (t->kind != TEXTURE_IMAGE || t->format || part.x < 0 || part.y < 0 || part.width < 1 || part.height < 1 ||
	    part.width > t->width - part.x || part.height > t->height - part.y)
		return -EINVAL;
	return t->device->path->upload(t, part, pixels, stride);
}

/* ---- frames ------------------------------------------------------------------ */

static int within(int at, int size)
{
	return at < 0 ? 0 : at > size ? size : at;
}

void win_clip(struct win *win, struct win_part part)
{
	struct texture *t = &win->texture;
	int left = within(part.x, t->width), top = within(part.y, t->height);

	part = (struct win_part) {
		left, top, within(part.x + part.width, t->width) - left, within(part.y + part.height, t->height) - top,
	};
	win_keep(win, t->device->drawing == win ? t->device->path->clip(t, part) : -EINVAL);
}

/* The texels that lie on the box, as the quad has them: of the picture before it was turned and mirrored. */
static void set_texels(struct quad *q, const struct texture *t, const struct win_placement *p)
{
	float width = (float)t->width, height = (float)t->height;
	bool upright = p->quarters % 2 == 0;
	float turned_width = upright ? width : height, turned_height = upright ? height : width;
	bool all = p->part_width == 0;
	float left = all ? 0 : p->part_x, right = all ? turned_width : left + p->part_width;
	float top = all ? 0 : p->part_y, bottom = all ? turned_height : top + p->part_height;

	switch (p->quarters & 3) {
	case 0:
		q->left = left, q->right = right, q->top = top, q->bottom = bottom;
		break;
	case 1:
		q->left = top, q->right = bottom, q->top = height - right, q->bottom = height - left;
		break;
	case 2:
		q->left = width - right, q->right = width - left, q->top = height - bottom, q->bottom = height - top;
		break;
	case 3:
		q->left = width - bottom, q->right = width - top, q->top = left, q->bottom = right;
		break;
	}
	if (p->mirrored) {
		q->left = width - q->left;
		q->right = width - q->right;
	}
}

void win_compose(struct win *win, struct win *image, const struct win_placement *p)
{
	static const float axes[4][2] = { { 1, 0 }, { 0, 1 }, { -1, 0 }, { 0, -1 } };
	bool upright = p->quarters % 2 == 0;
	const float *axis = axes[p->quarters & 3];
	const struct texture *t = &image->texture;
	struct quad q = {
		.x = p->x + p->width / 2, .y = p->y + p->height / 2, .axis_x = axis[0], .axis_y = axis[1],
		.half_x = (upright ? p->width : p->height) / 2, .half_y = (upright ? p->height : p->width) / 2,
		.texture = t,
	};

	if (image == win || t->device != win->texture.device || (t->kind != TEXTURE_COLOUR && t->kind != TEXTURE_IMAGE)) {
		win_keep(win, -EINVAL);
		return;
	}
	set_texels(&q, t, p);
	q.radius = fmaxf(0, fminf(p->radius, fminf(q.half_x, q.half_y)));
	for (int i = 0; i < 4; i++)
		q.colour[i] = p->alpha;
	win_draw(win, &q);
}

int win_end_frame_parts(struct win *win, const struct win_part *parts, int count)
{
	return win_end_parts(win, parts, count);
}

/* ---- the display --------------------------------------------------------------- */

int win_device_fd(const struct win_device *device)
{
	return device->fd;
}

int win_screen_refresh(const struct win *screen)
{
	return screen->refresh;
}

uint32_t win_screen_crtc(const struct win *screen)
{
	return screen->crtc;
}

bool win_screen_current(const struct win *screen)
{
	int width, height;

	struct win_device *device = screen->texture.device;

	return !device->shower->display_size(device, &width, &height) && width == screen->texture.width &&
		height == screen->texture.height;
}
