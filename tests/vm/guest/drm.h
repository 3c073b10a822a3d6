/*
 * What the programs that use a GPU have in common: DRM's ioctls without a library, and a picture made by rule.
 */
#pragma once
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CARD	"/dev/dri/card0"
#define RENDER	"/dev/dri/renderD128"

struct buffer {
	uint32_t handle, width, height, pitch, fb;
	uint64_t size;
	uint32_t *pixels;
};

struct screen { uint32_t connector, crtc, encoder; struct drm_mode_modeinfo mode; };

/* The display's first connector, its CRTC and its preferred mode: 0, or -1. */
static inline int screen_find(int fd, struct screen *s)
{
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_card_res r = { .connector_id_ptr = (uintptr_t)&s->connector, .crtc_id_ptr = (uintptr_t)&s->crtc,
				       .encoder_id_ptr = (uintptr_t)&s->encoder, .count_connectors = 1,
				       .count_crtcs = 1, .count_encoders = 1 };
	struct drm_mode_get_connector c = { .modes_ptr = (uintptr_t)modes };

	if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &r))
		return -1;
	c.connector_id = s->connector;
	if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c))		/* with no room for modes: look at the monitor anew */
		return -1;
	c = (struct drm_mode_get_connector){ .modes_ptr = (uintptr_t)modes, .count_modes = 256,
					     .connector_id = s->connector };
	if (ioctl(fd, DRM_IOCTL_MODE_GETCONNECTOR, &c) || !c.count_modes || c.count_modes > 256)
		return -1;
	s->mode = modes[0];
	return 0;
}

/* A dumb buffer that is mapped and has a framebuffer: 0, or -1. */
static inline int buffer_make(int fd, struct buffer *b, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb d = { .width = width, .height = height, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };
	struct drm_mode_fb_cmd f = { .width = width, .height = height, .bpp = 32, .depth = 24 };

	if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &d))
		return -1;
	m.handle = f.handle = d.handle;
	f.pitch = d.pitch;
	if (ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &m) || ioctl(fd, DRM_IOCTL_MODE_ADDFB, &f))
		return -1;
	*b = (struct buffer){ d.handle, width, height, d.pitch, f.fb_id, d.size, NULL };
	b->pixels = mmap(NULL, d.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	return b->pixels == MAP_FAILED ? -1 : 0;
}

/* 0, or -1 with errno. fb 0: nothing is shown. */
static inline int crtc_set(int fd, const struct screen *s, uint32_t fb)
{
	struct drm_mode_crtc c = { .crtc_id = s->crtc, .fb_id = fb };

	if (fb) {
		c.set_connectors_ptr = (uintptr_t)&s->connector;
		c.count_connectors = 1;
		c.mode_valid = 1;
		c.mode = s->mode;
	}
	return ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &c);
}

static inline int page_flip(int fd, uint32_t crtc, uint32_t fb, uint32_t flags, uint64_t user_data)
{
	struct drm_mode_crtc_page_flip p = { .crtc_id = crtc, .fb_id = fb, .flags = flags, .user_data = user_data };

	return ioctl(fd, DRM_IOCTL_MODE_PAGE_FLIP, &p);
}

/* The colour of a place in picture `seed`: what the test on the host makes, too. */
static inline uint32_t picture(uint32_t seed, uint32_t x, uint32_t y)
{
	return ((x * 3 + seed * 50) & 255) << 16 | ((y * 5 + seed) & 255) << 8 |
		((x / 16 + y / 16) % 2 ? 255 : seed & 255);
}

static inline void picture_draw(struct buffer *b, uint32_t seed)
{
	for (uint32_t y = 0; y < b->height; y++)
		for (uint32_t x = 0; x < b->width; x++)
			b->pixels[y * (b->pitch / 4) + x] = picture(seed, x, y);
}
