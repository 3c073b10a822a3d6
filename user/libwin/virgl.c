/*
 * Drawing by the GPU: quads are gathered as vertices and sent to the host in VirGL's command streams.
 *
 * All quads are drawn by one pair of shaders, whose fragment half works out coverage from the distance to the edge of a
 * rounded box, so a batch ends only when another texture comes or it is full. A batch's vertices travel in the stream
 * itself. A stream is submitted when it is full and at the end of a frame, and nobody waits for it but the same
 * picture's next frame, which is how a program keeps one frame ahead of the host and no more. What a new texture needs
 * waits in the stream for the first of them, so that all that is made before the first frame is there before the first
 * stream: hosts exist that do not see textures that come later. The host runs a context's streams in their order, so a
 * buffer may be written again while draws that use it are under way.
 *
 * A stream that the host refuses is an error on the host alone: the card tells nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <virtgpu_drm.h>

#include "libwin.h"
#include "virgl.h"

enum {
	BATCH_QUADS = 256,          /* some lines of text; their vertices fill two thirds of a stream */
	STREAM_WORDS = 16384,       /* 64 KiB, the most that one command's length field could name is four times that */
	STREAM_BUFFERS = 64,        /* how many different buffers one stream may use */
};

/* The context's names of its objects; textures' surfaces and views come behind them. */
enum {
	BLEND = 1, COPY, DSA, RASTERIZER, ELEMENTS, VERTEX_SHADER, FRAGMENT_SHADER, SAMPLER, FIRST_FREE_OBJECT,
};

struct vertex {
	float    x, y;              /* in the target, in pixels */
	float    box_x, box_y;      /* from the middle of the box, in its own directions */
	float    half_x, half_y, radius;
	float    textured;          /* 1: multiply by the texture, 0: not */
	uint32_t colour;            /* a byte each, red lowest */
	float    s, t;              /* in the texture, 0 to 1 */
};

struct virgl {
	int                   fd;
	uint32_t              vertices, vertices_bo, indices, indices_bo;   /* resources and their GEM handles */
	uint32_t              next_object;
	const struct texture *target;       /* what the context draws into and from, NULL: not known */
	const struct texture *sampled;

	struct vertex         batch[BATCH_QUADS][4];
	int                   quads;
	const struct texture *batch_target, *batch_texture;

	uint32_t              words[STREAM_WORDS];
	uint32_t              used;
	uint32_t              buffers[STREAM_BUFFERS];
	uint32_t              buffers_used;
};

static const char vertex_shader[] =
	"VERT\n"
	"DCL IN[0]\n"               /* x, y, box_x, box_y */
	"DCL IN[1]\n"               /* half_x, half_y, radius, textured */
	"DCL IN[2]\n"               /* colour */
	"DCL IN[3]\n"               /* s, t */
	"DCL OUT[0], POSITION\n"
	"DCL OUT[1], GENERIC[0]\n"  /* box_x, box_y, half_x, half_y */
	"DCL OUT[2], GENERIC[1]\n"  /* colour */
	"DCL OUT[3], GENERIC[2]\n"  /* s, t, radius, textured */
	"DCL CONST[0]\n"            /* 2 / width, 2 / height, -1, 1 */
	"IMM[0] FLT32 { 0.0, 1.0, 0.0, 0.0 }\n"
	"  0: MAD OUT[0].xy, IN[0].xyyy, CONST[0].xyyy, CONST[0].zzzz\n"
	"  1: MOV OUT[0].zw, IMM[0].xxxy\n"
	"  2: MOV OUT[1].xy, IN[0].zwww\n"
	"  3: MOV OUT[1].zw, IN[1].xxxy\n"
	"  4: MOV OUT[2], IN[2]\n"
	"  5: MOV OUT[3].xy, IN[3].xyyy\n"
	"  6: MOV OUT[3].zw, IN[1].zzzw\n"
	"  7: END\n";

static const char fragment_shader[] =
	"FRAG\n"
	"DCL IN[0], GENERIC[0], LINEAR\n"
	"DCL IN[1], GENERIC[1], LINEAR\n"
	"DCL IN[2], GENERIC[2], LINEAR\n"
	"DCL OUT[0], COLOR\n"
	"DCL SAMP[0]\n"
	"DCL SVIEW[0], 2D, FLOAT\n"
	"DCL TEMP[0]\n"
	"DCL TEMP[1]\n"
	"DCL TEMP[2]\n"
	"IMM[0] FLT32 { 0.0, 1.0, 0.5, 0.0 }\n"
	/* TEMP[0].xy: how far outside of the box that is smaller by the radius; the distance to that; the coverage. */
	"  0: ADD TEMP[0].xy, |IN[0].xyyy|, -IN[0].zwww\n"
	"  1: ADD TEMP[0].xy, TEMP[0].xyyy, IN[2].zzzz\n"
	"  2: MAX TEMP[1].xy, TEMP[0].xyyy, IMM[0].xxxx\n"
	"  3: DP2 TEMP[1].x, TEMP[1].xyyy, TEMP[1].xyyy\n"
	"  4: SQRT TEMP[1].x, TEMP[1].xxxx\n"
	"  5: MAX TEMP[0].x, TEMP[0].xxxx, TEMP[0].yyyy\n"
	"  6: MIN TEMP[0].x, TEMP[0].xxxx, IMM[0].xxxx\n"
	"  7: ADD TEMP[1].x, TEMP[1].xxxx, TEMP[0].xxxx\n"
	"  8: ADD TEMP[1].x, TEMP[1].xxxx, -IN[2].zzzz\n"
	"  9: ADD_SAT TEMP[1].x, IMM[0].zzzz, -TEMP[1].xxxx\n"
	" 10: TEX TEMP[2], IN[2].xyyy, SAMP[0], 2D\n"
	" 11: LRP TEMP[2], IN[2].wwww, TEMP[2], IMM[0].yyyy\n"
	" 12: MUL TEMP[2], TEMP[2], IN[1]\n"
	" 13: MUL OUT[0], TEMP[2], TEMP[1].xxxx\n"
	" 14: END\n";

/* ---- streams ----------------------------------------------------------------- */

/* Send what the stream has to the host; the buffers that it uses are busy until the host has done it. */
static int submit(struct virgl *v)
{
	struct drm_virtgpu_execbuffer call = {
		.size = v->used * 4, .command = (uintptr_t)v->words, .bo_handles = (uintptr_t)v->buffers,
		.num_bo_handles = v->buffers_used, .fence_fd = -1,
	};

	if (v->used == 0)
		return 0;
	v->used = v->buffers_used = 0;
	return drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &call) ? -errno : 0;
}

/* Have room for this many words and two more buffers, by submitting what is there if need be. */
static int make_room(struct virgl *v, uint32_t words)
{
	return v->used + words > STREAM_WORDS || v->buffers_used + 4 > STREAM_BUFFERS ? submit(v) : 0;
}

static void emit(struct virgl *v, uint32_t word)
{
	v->words[v->used++] = word;
}

static void emit_float(struct virgl *v, float number)
{
	memcpy(&v->words[v->used++], &number, sizeof number);
}

static void emit_zeros(struct virgl *v, int count)
{
	while (count-- > 0)
		emit(v, 0);
}

static void emit_command(struct virgl *v, enum virgl_command command, enum virgl_object object, uint32_t length)
{
	emit(v, command | (uint32_t)object << 8 | length << 16);
}

/* Bytes, filled up to a whole word with zeros. */
static void emit_bytes(struct virgl *v, const void *bytes, uint32_t count)
{
	uint32_t words = (count + 3) / 4;

	if (words > 0)
		v->words[v->used + words - 1] = 0;
	memcpy(&v->words[v->used], bytes, count);
	v->used += words;
}

static void use_buffer(struct virgl *v, uint32_t bo)
{
	for (uint32_t i = 0; i < v->buffers_used; i++)
		if (v->buffers[i] == bo)
			return;
	v->buffers[v->buffers_used++] = bo;
}

static void emit_bind(struct virgl *v, enum virgl_object object, uint32_t handle)
{
	emit_command(v, VIRGL_BIND_OBJECT, object, 1);
	emit(v, handle);
}

static void emit_destroy(struct virgl *v, enum virgl_object object, uint32_t handle)
{
	emit_command(v, VIRGL_DESTROY_OBJECT, object, 1);
	emit(v, handle);
}

/* Begin a write into a part of a resource, width bytes of a buffer or texels; count bytes follow. */
static void emit_write(struct virgl *v, uint32_t resource, const int part[4], uint32_t stride, uint32_t count)
{
	emit_command(v, VIRGL_RESOURCE_INLINE_WRITE, VIRGL_NO_OBJECT, 11 + (count + 3) / 4);
	emit(v, resource);
	emit_zeros(v, 2);       /* level, usage */
	emit(v, stride);
	emit(v, 0);             /* layer stride */
	emit(v, (uint32_t)part[0]);
	emit(v, (uint32_t)part[1]);
	emit(v, 0);
	emit(v, (uint32_t)part[2]);
	emit(v, (uint32_t)part[3]);
	emit(v, 1);
}

/* ---- what stays for the life of the context ------------------------------------ */

static void emit_shader(struct virgl *v, uint32_t handle, uint32_t kind, const char *text)
{
	uint32_t bytes = (uint32_t)strlen(text) + 1;

	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_SHADER, 5 + (bytes + 3) / 4);
	emit(v, handle);
	emit(v, kind);
	emit(v, bytes);
	emit(v, 300);           /* tokens that the host makes room for: more than either shader has */
	emit(v, 0);             /* no stream output */
	emit_bytes(v, text, bytes);
	emit_command(v, VIRGL_BIND_SHADER, VIRGL_NO_OBJECT, 2);
	emit(v, handle);
	emit(v, kind);
}

static void emit_elements(struct virgl *v)
{
	static const uint32_t elements[][2] = {
		{ offsetof(struct vertex, x), VIRGL_R32G32B32A32_FLOAT },
		{ offsetof(struct vertex, half_x), VIRGL_R32G32B32A32_FLOAT },
		{ offsetof(struct vertex, colour), VIRGL_R8G8B8A8 },
		{ offsetof(struct vertex, s), VIRGL_R32G32_FLOAT },
	};
	const uint32_t count = sizeof elements / sizeof elements[0];

	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_VERTEX_ELEMENTS, 1 + 4 * count);
	emit(v, ELEMENTS);
	for (uint32_t i = 0; i < count; i++) {
		emit(v, elements[i][0]);
		emit_zeros(v, 2);   /* divisor, buffer */
		emit(v, elements[i][1]);
	}
	emit_bind(v, VIRGL_VERTEX_ELEMENTS, ELEMENTS);
}

/* Two triangles a quad, for the largest batch. */
static void emit_indices(struct virgl *v)
{
	static const uint16_t corners[6] = { 0, 1, 2, 2, 1, 3 };
	uint16_t indices[BATCH_QUADS * 6];

	for (int i = 0; i < BATCH_QUADS * 6; i++)
		indices[i] = (uint16_t)(i / 6 * 4 + corners[i % 6]);
	emit_write(v, v->indices, (int[]) { 0, 0, sizeof indices, 1 }, 0, sizeof indices);
	emit_bytes(v, indices, sizeof indices);
	emit_command(v, VIRGL_SET_INDEX_BUFFER, VIRGL_NO_OBJECT, 3);
	emit(v, v->indices);
	emit(v, sizeof indices[0]);
	emit(v, 0);
}

/* Everything that no frame changes, as what the first stream begins with. */
static void set_up(struct virgl *v)
{
	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_BLEND, 11);
	emit(v, BLEND);
	emit_zeros(v, 2);
	emit(v, VIRGL_BLEND_OVER);
	emit_zeros(v, 7);       /* the other colour buffers */
	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_BLEND, 11);
	emit(v, COPY);
	emit_zeros(v, 2);
	emit(v, VIRGL_BLEND_COPY);
	emit_zeros(v, 7);
	emit_bind(v, VIRGL_BLEND, BLEND);

	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_DSA, 5);
	emit(v, DSA);
	emit_zeros(v, 4);
	emit_bind(v, VIRGL_DSA, DSA);

	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_RASTERIZER, 9);
	emit(v, RASTERIZER);
	emit(v, VIRGL_SCISSOR | VIRGL_HALF_PIXEL_CENTRE);
	emit_float(v, 1);       /* point size */
	emit_zeros(v, 2);
	emit_float(v, 1);       /* line width */
	emit_zeros(v, 3);
	emit_bind(v, VIRGL_RASTERIZER, RASTERIZER);

	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_SAMPLER_STATE, 9);
	emit(v, SAMPLER);
	emit(v, VIRGL_SAMPLE_NEAREST);
	emit_zeros(v, 7);
	emit_command(v, VIRGL_BIND_SAMPLER_STATES, VIRGL_NO_OBJECT, 3);
	emit(v, VIRGL_FRAGMENT);
	emit(v, 0);
	emit(v, SAMPLER);

	emit_elements(v);
	emit_shader(v, VERTEX_SHADER, VIRGL_VERTEX, vertex_shader);
	emit_shader(v, FRAGMENT_SHADER, VIRGL_FRAGMENT, fragment_shader);
	emit_indices(v);

	emit_command(v, VIRGL_SET_VERTEX_BUFFERS, VIRGL_NO_OBJECT, 3);
	emit(v, sizeof(struct vertex));
	emit(v, 0);
	emit(v, v->vertices);
	use_buffer(v, v->vertices_bo);
	use_buffer(v, v->indices_bo);
}

/* ---- resources ----------------------------------------------------------------- */

static int wait_buffer(struct virgl *v, uint32_t bo)
{
	struct drm_virtgpu_3d_wait call = { .handle = bo };

	return drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_WAIT, &call) ? -errno : 0;
}

static void close_buffer(struct virgl *v, uint32_t bo)
{
	struct drm_gem_close call = { .handle = bo };

	if (bo)
		drmIoctl(v->fd, DRM_IOCTL_GEM_CLOSE, &call);
}

static int create_buffer(struct virgl *v, uint32_t bind, uint32_t bytes, uint32_t *resource, uint32_t *bo)
{
	struct drm_virtgpu_resource_create call = {
		.target = VIRGL_BUFFER, .format = VIRGL_R8, .bind = bind, .width = bytes, .height = 1, .depth = 1,
		.array_size = 1, .size = bytes,
	};

	if (drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &call))
		return -errno;
	*resource = call.res_handle;
	*bo = call.bo_handle;
	return 0;
}

int virgl_open(struct win_device *device)
{
	int value = 0, error;
	struct drm_virtgpu_getparam call = { .param = VIRTGPU_PARAM_3D_FEATURES, .value = (uintptr_t)&value };
	struct virgl *v;

	if (drmIoctl(device->fd, DRM_IOCTL_VIRTGPU_GETPARAM, &call) || !value)
		return -ENODEV;
	v = calloc(1, sizeof *v);
	if (!v)
		return -ENOMEM;
	v->fd = device->fd;
	v->next_object = FIRST_FREE_OBJECT;
	error = create_buffer(v, VIRGL_BIND_VERTICES, sizeof v->batch, &v->vertices, &v->vertices_bo);
	if (!error)
		error = create_buffer(v, VIRGL_BIND_INDICES, BATCH_QUADS * 6 * 2, &v->indices, &v->indices_bo);
	if (!error)
		set_up(v);
	device->virgl = v;
	if (error)
		virgl_close(device);
	return error;
}

void virgl_close(struct win_device *device)
{
	struct virgl *v = device->virgl;

	if (!v)
		return;
	close_buffer(v, v->vertices_bo);
	close_buffer(v, v->indices_bo);
	free(v);
	device->virgl = NULL;
}

static uint32_t format_of(const struct texture *t)
{
	if (t->format)
		return t->format;
	return t->kind == TEXTURE_COVERAGE ? VIRGL_R8 : t->kind == TEXTURE_SCREEN ? VIRGL_B8G8R8X8 : VIRGL_B8G8R8A8;
}

static bool is_target(const struct texture *t)
{
	return t->kind == TEXTURE_COLOUR || t->kind == TEXTURE_SCREEN;
}

static void emit_surface(struct virgl *v, struct texture *t)
{
	t->surface = v->next_object++;
	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_SURFACE, 5);
	emit(v, t->surface);
	emit(v, t->resource);
	emit(v, format_of(t));
	emit_zeros(v, 2);       /* level, layers */
}

static void emit_view(struct virgl *v, struct texture *t)
{
	t->view = v->next_object++;
	emit_command(v, VIRGL_CREATE_OBJECT, VIRGL_SAMPLER_VIEW, 6);
	emit(v, t->view);
	emit(v, t->resource);
	emit(v, format_of(t));
	emit_zeros(v, 2);       /* layers, levels */
	emit(v, t->kind == TEXTURE_COVERAGE ? VIRGL_SWIZZLE_RED : t->opaque ? VIRGL_SWIZZLE_OPAQUE : VIRGL_SWIZZLE_SAME);
}

static int clear(struct texture *t, const float colour[4]);
static void texture_destroy(struct texture *t);

/* The host brings texels in and out through the unit that drawing samples by, and does not put back what was there. */
static void forget_sampled(struct virgl *v)
{
	v->sampled = NULL;
}

/*
 * Write a pixel of the guest's pages to the host: hosts exist on which a texture that others are to use stays without
 * storage else.
 */
static int prime(struct texture *t)
{
	struct drm_virtgpu_3d_transfer_to_host call = { .bo_handle = t->bo, .box = { .w = 1, .h = 1, .d = 1 } };

	forget_sampled(t->device->virgl);
	return drmIoctl(t->device->virgl->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &call) ? -errno : 0;
}

static int texture_create(struct texture *t)
{
	struct virgl *v = t->device->virgl;
	uint32_t size = t->kind == TEXTURE_COVERAGE ? 1 : 4;
	struct drm_virtgpu_resource_create call = {
		.target = VIRGL_TEXTURE_2D, .format = format_of(t), .width = (uint32_t)t->width, .height = (uint32_t)t->height,
		.bind = (t->kind != TEXTURE_SCREEN ? VIRGL_BIND_SAMPLED : VIRGL_BIND_SCANOUT) |
			(is_target(t) ? VIRGL_BIND_TARGET : 0),
		.depth = 1, .array_size = 1, .size = (uint32_t)t->width * (uint32_t)t->height * size,
		.stride = (uint32_t)t->width * size,
	};
	int error;

	if (drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &call))
		return -errno;
	t->bo = call.bo_handle;
	t->resource = call.res_handle;
	t->bytes = call.size;
	t->pitch = call.stride ? call.stride : (uint32_t)t->width * size;
	error = make_room(v, 32);
	use_buffer(v, t->bo);
	if (is_target(t))
		emit_surface(v, t);
	if (t->kind != TEXTURE_SCREEN)
		emit_view(v, t);
	if (!error && is_target(t))
		error = clear(t, (float[4]) { 0 });
	if (!error && t->shared)
		error = prime(t);
	if (error)
		texture_destroy(t);
	return error;
}

static uint32_t format_from_drm(uint32_t format)
{
	switch (format) {
	case DRM_FORMAT_ARGB8888:
		return VIRGL_B8G8R8A8;
	case DRM_FORMAT_XRGB8888:
		return VIRGL_B8G8R8X8;
	case DRM_FORMAT_ABGR8888:
		return VIRGL_R8G8B8A8;
	case DRM_FORMAT_XBGR8888:
		return VIRGL_R8G8B8X8;
	}
	return 0;
}

/* The buffer becomes one of this file, so one of its context: the very pixels that its owner draws. */
static int import(struct texture *t, int fd, uint32_t format)
{
	struct virgl *v = t->device->virgl;
	struct drm_virtgpu_resource_info info = { 0 };
	int error;

	t->format = format_from_drm(format);
	if (!t->format)
		return -EOPNOTSUPP;
	if (drmPrimeFDToHandle(v->fd, fd, &t->bo))
		return errno == ENOMEM ? -ENOMEM : -EINVAL;
	info.bo_handle = t->bo;
	error = drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info) ? -EINVAL : 0;
	if (!error && info.size / 4 / (uint32_t)t->width < (uint32_t)t->height)
		error = -EINVAL;
	if (!error)
		error = make_room(v, 32);
	if (error) {
		close_buffer(v, t->bo);
		return error;
	}
	t->resource = info.res_handle;
	use_buffer(v, t->bo);
	emit_view(v, t);
	return 0;
}

static int texture_export(struct texture *t, int *fd)
{
	return drmPrimeHandleToFD(t->device->fd, t->bo, DRM_CLOEXEC, fd) ? -errno : 0;
}

/* The pages behind the texture, mapped on the first need: most textures are never read or written by the CPU. */
static int map_texture(struct texture *t)
{
	struct virgl *v = t->device->virgl;
	struct drm_virtgpu_map call = { .handle = t->bo };
	void *pixels;

	if (t->pixels)
		return 0;
	if (drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_MAP, &call))
		return -errno;
	pixels = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, (off_t)call.offset);
	if (pixels == MAP_FAILED)
		return -errno;
	t->pixels = pixels;
	return 0;
}

static int texture_read(struct texture *t)
{
	struct virgl *v = t->device->virgl;
	struct drm_virtgpu_3d_transfer_from_host call = {
		.bo_handle = t->bo, .box = { .w = (uint32_t)t->width, .h = (uint32_t)t->height, .d = 1 },
	};
	int error = map_texture(t);

	if (!error)
		error = submit(v);
	forget_sampled(v);
	if (!error && drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &call))
		error = -errno;
	return error ? error : wait_buffer(v, t->bo);
}

static int texture_write(struct texture *t)
{
	struct virgl *v = t->device->virgl;
	struct drm_virtgpu_3d_transfer_to_host call = {
		.bo_handle = t->bo, .box = { .w = (uint32_t)t->width, .h = (uint32_t)t->height, .d = 1 },
	};
	int error = submit(v);

	forget_sampled(v);
	if (!error && drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &call))
		error = -errno;
	return error ? error : wait_buffer(v, t->bo);
}

/* The pages have what was sent before until that has gone to the host. */
static int upload(struct texture *t, struct win_part part, const void *pixels, int stride)
{
	struct virgl *v = t->device->virgl;
	size_t offset = (size_t)part.y * t->pitch + (size_t)part.x * 4;
	struct drm_virtgpu_3d_transfer_to_host call = {
		.bo_handle = t->bo, .offset = (uint32_t)offset,
		.box = {
			.x = (uint32_t)part.x, .y = (uint32_t)part.y, .w = (uint32_t)part.width, .h = (uint32_t)part.height, .d = 1,
		},
	};
	int error = map_texture(t);

	if (!error)
		error = wait_buffer(v, t->bo);
	if (error)
		return error;
	forget_sampled(v);
	for (int row = 0; row < part.height; row++)
		memcpy((char *)t->pixels + offset + (size_t)row * t->pitch, (const char *)pixels + (ptrdiff_t)row * stride,
			(size_t)part.width * 4);
	return drmIoctl(v->fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &call) ? -errno : 0;
}

/* ---- frames -------------------------------------------------------------------- */

static void emit_scissor(struct virgl *v, struct win_part part)
{
	emit_command(v, VIRGL_SET_SCISSOR_STATE, VIRGL_NO_OBJECT, 3);
	emit(v, 0);
	emit(v, (uint32_t)part.x | (uint32_t)part.y << 16);
	emit(v, (uint32_t)(part.x + part.width) | (uint32_t)(part.y + part.height) << 16);
}

/* Draw into this texture from here on, whose row 0 is at y = -1. */
static void set_target(struct virgl *v, const struct texture *t)
{
	if (v->target == t)
		return;
	v->target = t;
	use_buffer(v, t->bo);
	emit_command(v, VIRGL_SET_FRAMEBUFFER_STATE, VIRGL_NO_OBJECT, 3);
	emit(v, 1);
	emit(v, 0);             /* no depth buffer */
	emit(v, t->surface);
	emit_command(v, VIRGL_SET_VIEWPORT_STATE, VIRGL_NO_OBJECT, 7);
	emit(v, 0);
	for (int i = 0; i < 2; i++) {   /* scale and translation are the same */
		emit_float(v, (float)t->width / 2);
		emit_float(v, (float)t->height / 2);
		emit_float(v, 0.5f);
	}
	emit_command(v, VIRGL_SET_CONSTANT_BUFFER, VIRGL_NO_OBJECT, 2 + 4);
	emit(v, VIRGL_VERTEX);
	emit(v, 0);
	emit_float(v, 2 / (float)t->width);
	emit_float(v, 2 / (float)t->height);
	emit_float(v, -1);
	emit_float(v, 1);
	emit_scissor(v, t->clip);
}

static void emit_sampled(struct virgl *v, uint32_t view)
{
	emit_command(v, VIRGL_SET_SAMPLER_VIEWS, VIRGL_NO_OBJECT, 3);
	emit(v, VIRGL_FRAGMENT);
	emit(v, 0);
	emit(v, view);
}

static void set_sampled(struct virgl *v, const struct texture *t)
{
	use_buffer(v, t->bo);
	if (v->sampled == t)
		return;
	/* The host takes no notice of a view that it believes to be set: none, and then this one. */
	if (!v->sampled)
		emit_sampled(v, 0);
	v->sampled = t;
	emit_sampled(v, t->view);
}

static void drop_batch(struct virgl *v)
{
	v->quads = 0;
	v->batch_texture = NULL;
}

/* Put the batch into the stream. */
static int flush_batch(struct virgl *v)
{
	uint32_t bytes = (uint32_t)v->quads * sizeof v->batch[0];
	int error;

	if (v->quads == 0)
		return 0;
	error = make_room(v, bytes / 4 + 64);
	use_buffer(v, v->batch_target->bo);
	set_target(v, v->batch_target);
	if (v->batch_texture)
		set_sampled(v, v->batch_texture);
	emit_write(v, v->vertices, (int[]) { 0, 0, (int)bytes, 1 }, 0, bytes);
	emit_bytes(v, v->batch, bytes);
	emit_command(v, VIRGL_DRAW_VBO, VIRGL_NO_OBJECT, 12);
	emit(v, 0);
	emit(v, (uint32_t)v->quads * 6);
	emit(v, VIRGL_TRIANGLES);
	emit(v, 1);             /* indexed */
	emit(v, 1);             /* one instance */
	emit_zeros(v, 5);       /* bias, first instance, restart and its index, least index */
	emit(v, (uint32_t)v->quads * 4 - 1);
	emit(v, 0);
	drop_batch(v);
	return error;
}

static int frame_begin(struct texture *t)
{
	struct virgl *v = t->device->virgl;

	v->target = NULL;       /* its clip is another one */
	return wait_buffer(v, t->bo);
}

static int clip(struct texture *t, struct win_part part)
{
	struct virgl *v = t->device->virgl;
	int error = flush_batch(v);

	t->clip = part;
	if (v->target == t && !error)
		error = make_room(v, 8);
	if (v->target == t)
		emit_scissor(v, t->clip);
	return error;
}

static int frame_end(struct texture *t)
{
	struct virgl *v = t->device->virgl;
	int error = flush_batch(v), submitted = submit(v);

	return error ? error : submitted;
}

static uint32_t colour_bytes(const float colour[4])
{
	uint32_t bytes = 0;

	for (int i = 0; i < 4; i++)
		bytes |= (uint32_t)(colour[i] * 255 + 0.5f) << 8 * i;
	return bytes;
}

/* A corner of the quad and of a pixel more around it, for the smoothed edge; x and y are -1 or 1. */
static struct vertex corner(const struct quad *q, int x, int y)
{
	float box_x = (float)x * (q->half_x + 1), box_y = (float)y * (q->half_y + 1);
	struct vertex vertex = {
		.x = q->x + box_x * q->axis_x - box_y * q->axis_y, .y = q->y + box_x * q->axis_y + box_y * q->axis_x,
		.box_x = box_x, .box_y = box_y, .half_x = q->half_x, .half_y = q->half_y, .radius = q->radius,
		.textured = q->texture != NULL, .colour = colour_bytes(q->colour),
	};

	if (q->texture) {
		vertex.s = (q->left + (box_x / q->half_x + 1) / 2 * (q->right - q->left)) / (float)q->texture->width;
		vertex.t = (q->top + (box_y / q->half_y + 1) / 2 * (q->bottom - q->top)) / (float)q->texture->height;
	}
	return vertex;
}

static int draw(struct texture *t, const struct quad *q)
{
	struct virgl *v = t->device->virgl;
	bool other = v->batch_target != t || (q->texture && v->batch_texture && v->batch_texture != q->texture);
	int error = other || v->quads == BATCH_QUADS ? flush_batch(v) : 0;

	v->batch_target = t;
	if (q->texture)
		v->batch_texture = q->texture;
	for (int i = 0; i < 4; i++)
		v->batch[v->quads][i] = corner(q, i & 1 ? 1 : -1, i & 2 ? 1 : -1);
	v->quads++;
	return error;
}

/* The command to clear takes no notice of the scissor: a quad that takes the place of what is there. */
static int clear_part(struct texture *t, const float colour[4])
{
	struct virgl *v = t->device->virgl;
	struct quad q = {
		.x = (float)t->clip.x + (float)t->clip.width / 2, .y = (float)t->clip.y + (float)t->clip.height / 2,
		.axis_x = 1, .half_x = (float)t->clip.width / 2, .half_y = (float)t->clip.height / 2,
	};
	int error = flush_batch(v);

	if (t->clip.width < 1 || t->clip.height < 1)
		return error;
	memcpy(q.colour, colour, sizeof q.colour);
	if (!error)
		error = make_room(v, 8);
	emit_bind(v, VIRGL_BLEND, COPY);
	if (!error)
		error = draw(t, &q);
	if (!error)
		error = flush_batch(v);
	if (!error)
		error = make_room(v, 8);
	emit_bind(v, VIRGL_BLEND, BLEND);
	return error;
}

static int clear(struct texture *t, const float colour[4])
{
	struct virgl *v = t->device->virgl;
	int error = 0;

	if (t->clip.width != t->width || t->clip.height != t->height)
		return clear_part(t, colour);
	if (v->batch_target == t)
		drop_batch(v);      /* nothing of these would be seen */
	else
		error = flush_batch(v);
	if (!error)
		error = make_room(v, 64);
	use_buffer(v, t->bo);
	set_target(v, t);
	emit_command(v, VIRGL_CLEAR, VIRGL_NO_OBJECT, 8);
	emit(v, VIRGL_CLEAR_COLOUR_0);
	for (int i = 0; i < 4; i++)
		emit_float(v, colour[i]);
	emit_zeros(v, 3);       /* depth, stencil */
	return error;
}

/* Draws that are still in the batch use the old texels. */
static int texture_update(struct texture *t, int x, int y, int width, int height, const uint8_t *bytes)
{
	struct virgl *v = t->device->virgl;
	uint32_t count = (uint32_t)width * (uint32_t)height;
	int error = v->batch_texture == t ? flush_batch(v) : 0;

	if (!error)
		error = make_room(v, count / 4 + 16);
	if (error)
		return error;
	if (count / 4 + 16 > STREAM_WORDS)
		return -E2BIG;
	forget_sampled(v);
	use_buffer(v, t->bo);
	emit_write(v, t->resource, (int[]) { x, y, width, height }, (uint32_t)width, count);
	emit_bytes(v, bytes, count);
	return 0;
}

static void texture_destroy(struct texture *t)
{
	struct virgl *v = t->device->virgl;

	if (v->batch_texture == t || v->batch_target == t)
		flush_batch(v);
	make_room(v, 8);
	if (t->surface)
		emit_destroy(v, VIRGL_SURFACE, t->surface);
	if (t->view)
		emit_destroy(v, VIRGL_SAMPLER_VIEW, t->view);
	if (v->target == t)
		v->target = NULL;
	if (v->sampled == t)
		v->sampled = NULL;
	if (v->batch_target == t)
		v->batch_target = NULL;
	submit(v);              /* what it still draws and is drawn into; an error of it is its owner's no more */
	if (t->pixels)
		munmap(t->pixels, t->bytes);
	close_buffer(v, t->bo);
}

const struct path virgl_path = {
	.texture_create = texture_create, .texture_destroy = texture_destroy, .texture_map = map_texture,
	.texture_read = texture_read, .texture_write = texture_write, .texture_update = texture_update,
	.texture_export = texture_export, .upload = upload, .import = import, .frame_begin = frame_begin, .clip = clip,
	.clear = clear, .draw = draw, .frame_end = frame_end,
};
