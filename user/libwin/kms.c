/*
 * The display, through KMS: the first connected connector in its preferred mode, and a picture on it.
 *
 * A frame is shown by telling the card that the buffer is new: for virtio-gpu that is a flush, in the order of
 * the commands that drew it, so one buffer is enough and nothing of a frame half drawn is ever seen.
 */
#include <errno.h>
#include <stdlib.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "libwin.h"

enum { FLUSH_MOST = 64 };     /* parts told apart in one flush; more are all of the picture */

struct display {
	uint32_t        connector, crtc;
	drmModeModeInfo mode;
};

/* A CRTC that can drive this connector, 0 if there is none. */
static uint32_t find_crtc(int fd, const drmModeRes *all, const drmModeConnector *c)
{
	uint32_t crtc = 0;

	for (int i = 0; i < c->count_encoders && !crtc; i++) {
		drmModeEncoder *e = drmModeGetEncoder(fd, c->encoders[i]);
		for (int bit = 0; e && bit < all->count_crtcs && !crtc; bit++)
			if (e->possible_crtcs & 1u << bit)
				crtc = all->crtcs[bit];
		drmModeFreeEncoder(e);
	}
	return crtc;
}

/* KMS lists the preferred mode first. */
static bool try_connector(int fd, const drmModeRes *all, const drmModeConnector *c, struct display *d)
{
	if (!c || c->connection != DRM_MODE_CONNECTED || c->count_modes == 0)
		return false;
	*d = (struct display) { c->connector_id, find_crtc(fd, all, c), c->modes[0] };
	return d->crtc != 0;
}

static int find_display(int fd, struct display *d)
{
	drmModeRes *all = drmModeGetResources(fd);
	bool found = false;

	if (!all)
		return errno == ENOMEM ? -ENOMEM : -ENODEV;
	for (int i = 0; i < all->count_connectors && !found; i++) {
		drmModeConnector *c = drmModeGetConnector(fd, all->connectors[i]);
		found = try_connector(fd, all, c, d);
		drmModeFreeConnector(c);
	}
	drmModeFreeResources(all);
	return found ? 0 : -ENODEV;
}

static int display_size(struct win_device *device, int *width, int *height)
{
	struct display d;
	int error = find_display(device->fd, &d);

	if (error)
		return error;
	*width = d.mode.hdisplay;
	*height = d.mode.vdisplay;
	return 0;
}

/* In thousandths of a frame a second. */
static int refresh_of(const drmModeModeInfo *mode)
{
	uint64_t pixels = (uint64_t)mode->htotal * mode->vtotal;

	return pixels ? (int)((uint64_t)mode->clock * 1000000 / pixels) : 0;
}

static int show(struct win *win)
{
	struct texture *t = &win->texture;
	int fd = t->device->fd;
	struct display d;
	int error = find_display(fd, &d);

	if (error)
		return error;
	if (d.mode.hdisplay != t->width || d.mode.vdisplay != t->height)
		return -EAGAIN;     /* it was resized meanwhile */
	if (drmModeAddFB(fd, (uint32_t)t->width, (uint32_t)t->height, 24, 32, t->pitch, t->bo, &win->framebuffer))
		return -errno;
	win->crtc = d.crtc;
	win->refresh = refresh_of(&d.mode);
	return drmModeSetCrtc(fd, d.crtc, win->framebuffer, 0, 0, &d.connector, 1, &d.mode) ? -errno : 0;
}

static int flush(struct win *win, const struct win_part *parts, int count)
{
	drmModeClip clips[FLUSH_MOST];

	if (count > FLUSH_MOST) {
		parts = &(struct win_part) { 0, 0, win->texture.width, win->texture.height };
		count = 1;
	}
	for (int i = 0; i < count; i++)
		clips[i] = (drmModeClip) {
			.x1 = (uint16_t)parts[i].x, .y1 = (uint16_t)parts[i].y, .x2 = (uint16_t)(parts[i].x + parts[i].width),
			.y2 = (uint16_t)(parts[i].y + parts[i].height),
		};
	return count > 0 && drmModeDirtyFB(win->texture.device->fd, win->framebuffer, clips, (uint32_t)count) ? -errno : 0;
}

static void hide(struct win *win)
{
	drmModeRmFB(win->texture.device->fd, win->framebuffer);
}

const struct shower kms_shower = { .display_size = display_size, .show = show, .flush = flush, .hide = hide };
