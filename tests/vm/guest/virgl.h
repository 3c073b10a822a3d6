/*
 * Drawing by VirGL as the programs here do it: square textures, streams that fill them with a colour, and what the host
 * has of them.
 */
#pragma once
#include "check.h"
#include "drm.h"

#define SIZE 64u
#define RED 0xffff0000u
#define GREEN 0xff00ff00u

enum { CREATE_OBJECT = 1, SET_FRAMEBUFFER_STATE = 5, CLEAR = 7, SURFACE = 8, COPY_REGION = 17 };	/* virgl_protocol.h */
enum { FORMAT_BGRA = 1, BIND_RENDER_TARGET = 2, TARGET_2D = 2, BUFFERS_COLOR0 = 4 };

struct texture { uint32_t handle, resource; uint32_t *pixels; };

static inline int open_render(void)
{
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

static inline void texture_make(int fd, struct texture *t)
{
	struct drm_virtgpu_resource_create r = {
		.target = TARGET_2D, .format = FORMAT_BGRA, .bind = BIND_RENDER_TARGET, .width = SIZE, .height = SIZE,
		.depth = 1, .array_size = 1, .size = SIZE * SIZE * 4,
	};
	struct drm_virtgpu_map m = { 0 };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r), 0);
	m.handle = t->handle = r.bo_handle;
	t->resource = r.res_handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m), 0);
	t->pixels = mmap(NULL, SIZE * SIZE * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.offset);
	EXPECT(t->pixels != MAP_FAILED);
}

/* A stream that fills the resource with a colour; surface: a number for an object of the context's. */
static inline uint32_t fill(uint32_t *to, uint32_t surface, uint32_t resource, uint32_t color)
{
	uint32_t *at = to;

	*at++ = CREATE_OBJECT | SURFACE << 8 | 5 << 16;
	*at++ = surface;
	*at++ = resource;
	*at++ = FORMAT_BGRA;
	*at++ = 0;
	*at++ = 0;
	*at++ = SET_FRAMEBUFFER_STATE | 3 << 16;
	*at++ = 1;
	*at++ = 0;
	*at++ = surface;
	*at++ = CLEAR | 8 << 16;
	*at++ = BUFFERS_COLOR0;
	for (int i = 0; i < 4; i++) {		/* red, green, blue, alpha */
		float part = (color >> (i == 3 ? 24 : 16 - 8 * i) & 255) / 255.0f;

		memcpy(at++, &part, 4);
	}
	*at++ = 0;
	*at++ = 0;
	*at++ = 0;
	return (at - to) * 4;
}

static inline int submit(int fd, struct drm_virtgpu_execbuffer *e, uint32_t surface, const struct texture *t, uint32_t color)
{
	static uint32_t stream[64];

	e->size = fill(stream, surface, t->resource, color);
	e->command = (uintptr_t)stream;
	e->bo_handles = (uintptr_t)&t->handle;
	e->num_bo_handles = 1;
	return ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, e);
}

static inline void wait_for(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait w = { .handle = handle };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), 0);
}

/* What the host has, into the texture's pages. */
static inline void read_back(int fd, struct texture *t)
{
	struct drm_virtgpu_3d_transfer_from_host b = { .bo_handle = t->handle, .box = { 0, 0, 0, SIZE, SIZE, 1 } };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &b), 0);
	wait_for(fd, t->handle);
}

static inline void all_is(const struct texture *t, uint32_t color)
{
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		SAME(t->pixels[i], color);
}
