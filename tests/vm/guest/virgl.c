/*
 * Drawing by VirGL: contexts, resources, command streams and their fences, and what one program may not do to another.
 * Runs on Linux, too.
 */
#include "check.h"
#include "drm.h"
#include <linux/sync_file.h>
#include <poll.h>

#define SIZE 64u
#define RED 0xffff0000u
#define GREEN 0xff00ff00u

enum { CREATE_OBJECT = 1, SET_FRAMEBUFFER_STATE = 5, CLEAR = 7, SURFACE = 8 };	/* virgl_protocol.h */
enum { FORMAT_BGRA = 1, BIND_RENDER_TARGET = 2, TARGET_2D = 2, BUFFERS_COLOR0 = 4 };

struct texture { uint32_t handle, resource; uint32_t *pixels; };

static int open_render(void)
{
	int fd = open(RENDER, O_RDWR | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

static void texture_make(int fd, struct texture *t)
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
static uint32_t fill(uint32_t *to, uint32_t surface, uint32_t resource, uint32_t color)
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

static int submit(int fd, struct drm_virtgpu_execbuffer *e, uint32_t surface, const struct texture *t, uint32_t color)
{
	static uint32_t stream[64];

	e->size = fill(stream, surface, t->resource, color);
	e->command = (uintptr_t)stream;
	e->bo_handles = (uintptr_t)&t->handle;
	e->num_bo_handles = 1;
	return ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, e);
}

static void wait_for(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait w = { .handle = handle };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), 0);
}

/* What the host has, into the texture's pages. */
static void read_back(int fd, struct texture *t)
{
	struct drm_virtgpu_3d_transfer_from_host b = { .bo_handle = t->handle, .box = { 0, 0, 0, SIZE, SIZE, 1 } };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &b), 0);
	wait_for(fd, t->handle);
}

static void all_is(const struct texture *t, uint32_t color)
{
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		SAME(t->pixels[i], color);
}

CHECK(what_the_host_offers)
{
	int value = -1, fd = open_render();
	struct drm_virtgpu_getparam p = { VIRTGPU_PARAM_3D_FEATURES, (uintptr_t)&value };
	unsigned char caps[4096] = { 0 };
	struct drm_virtgpu_get_caps c = { .cap_set_id = 2, .cap_set_ver = 1, .addr = (uintptr_t)caps,
					  .size = sizeof(caps) };
	struct drm_virtgpu_context_init n = { 0 };
	struct drm_virtgpu_resource_create_blob b = { .blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 4096 };

	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	SAME(value, 1);
	p.param = VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p), 0);
	EXPECT((value & 6) == 6);
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), 0);
	EXPECT(caps[0] >= 1);
	c.cap_set_id = 17;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), EINVAL);
	c.cap_set_id = 2;
	c.size = 0;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &n), EINVAL);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &b), EINVAL);
}

CHECK(a_texture_is_filled)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	read_back(fd, &t);
	all_is(&t, RED);
}

CHECK(what_is_sent_comes_back)
{
	struct drm_virtgpu_3d_transfer_to_host to = { .box = { 0, 0, 0, SIZE, SIZE, 1 } };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		t.pixels[i] = i * 0x10203;
	to.bo_handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), 0);
	wait_for(fd, t.handle);
	memset(t.pixels, 0, SIZE * SIZE * 4);
	read_back(fd, &t);
	for (uint32_t i = 0; i < SIZE * SIZE; i++)
		SAME(t.pixels[i], i * 0x10203);
	to.stride = 256;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), EINVAL);
	to.bo_handle = 4711;
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to), ENOENT);
}

CHECK(fences)
{
	struct drm_virtgpu_execbuffer e = { .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT }, in;
	struct sync_merge_data m = { .name = "both" };
	struct sync_file_info i = { 0 };
	struct texture t;
	struct pollfd p = { .events = POLLIN };
	int fd = open_render(), first;

	texture_make(fd, &t);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	first = e.fence_fd;
	EXPECT(first >= 0);
	in = (struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT,
					      .fence_fd = first };
	SAME(submit(fd, &in, 2, &t, GREEN), 0);
	EXPECT(in.fence_fd >= 0 && in.fence_fd != first);
	m.fd2 = in.fence_fd;
	SAME(ioctl(first, SYNC_IOC_MERGE, &m), 0);
	p.fd = m.fence;
	SAME(poll(&p, 1, 30000), 1);
	SAME(p.revents, POLLIN);
	SAME(ioctl(m.fence, SYNC_IOC_FILE_INFO, &i), 0);
	SAME(i.status, 1);
	EXPECT(!strcmp(i.name, "both"));
	in = (struct drm_virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_IN, .fence_fd = fd };
	FAILS(submit(fd, &in, 3, &t, GREEN), EINVAL);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

CHECK(streams_that_cannot_be)
{
	struct drm_virtgpu_execbuffer e = { .flags = 0x100 };
	struct drm_virtgpu_3d_wait w = { .handle = 4711 };
	struct texture t, none = { .handle = 4711 };
	int fd = open_render();

	texture_make(fd, &t);
	FAILS(submit(fd, &e, 1, &t, RED), EINVAL);
	e.flags = 0;
	FAILS(submit(fd, &e, 1, &none, RED), ENOENT);
	e = (struct drm_virtgpu_execbuffer){ .size = 64, .command = (uintptr_t)nowhere };
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), EFAULT);
	e = (struct drm_virtgpu_execbuffer){ .num_bo_handles = 1, .bo_handles = (uintptr_t)nowhere };
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e), EFAULT);
	FAILS(ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w), ENOENT);
}

CHECK(another_program_draws_into_it)
{
	int fd = open_render(), other = open_render();
	struct drm_prime_handle p = { .flags = DRM_CLOEXEC };
	struct drm_virtgpu_resource_info i = { 0 };
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t, there;

	texture_make(fd, &t);
	p.handle = t.handle;
	SAME(ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
	SAME(ioctl(other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p), 0);
	i.bo_handle = p.handle;
	SAME(ioctl(other, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &i), 0);
	SAME(i.res_handle, t.resource);
	there = (struct texture){ p.handle, i.res_handle, NULL };
	SAME(submit(other, &e, 1, &there, GREEN), 0);
	wait_for(other, there.handle);
	read_back(fd, &t);
	all_is(&t, GREEN);
	/* The other goes, and what it drew stays. */
	close(other);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

CHECK(many_frames)
{
	struct drm_virtgpu_execbuffer e = { 0 };
	struct texture t;
	int fd = open_render();

	texture_make(fd, &t);
	for (uint32_t i = 1; i <= 500; i++)
		SAME(submit(fd, &e, i, &t, i % 2 ? RED : GREEN), 0);
	read_back(fd, &t);
	all_is(&t, GREEN);
}

CHECK(programs_that_die)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct drm_virtgpu_execbuffer e = { 0 };
			struct texture t;
			int fd = open_render();

			texture_make(fd, &t);
			SAME(submit(fd, &e, 1, &t, RED), 0);
			kill(getpid(), SIGKILL);
		}
		SAME(waitpid(pid, NULL, 0), pid);
	}
}

/* The host ends the context that names what is not its own, and that context alone: nothing is seen of the other's. */
CHECK(nobody_draws_into_anothers)
{
	int fd = open_render(), other = open_render();
	struct drm_virtgpu_execbuffer e = { 0 }, wrong = { 0 };
	static uint32_t stream[64];
	struct texture t, own;

	texture_make(fd, &t);
	texture_make(other, &own);
	SAME(submit(fd, &e, 1, &t, RED), 0);
	wrong.size = fill(stream, 1, t.resource, GREEN);
	wrong.command = (uintptr_t)stream;
	SAME(ioctl(other, DRM_IOCTL_VIRTGPU_EXECBUFFER, &wrong), 0);
	read_back(fd, &t);
	all_is(&t, RED);
	SAME(submit(fd, &e, 2, &t, GREEN), 0);
	read_back(fd, &t);
	all_is(&t, GREEN);
}
