/*
 * Two textures rendered on the GPU and composited onto the display, through Linux's DRM and VirGL, and what came of it
 * read back: the whole path of a desktop's frame in one program that needs nothing but libdrm.
 *
 *     gcc -O2 -I/usr/include/libdrm -o virgl_multi_texture_test virgl_multi_texture_test.c -ldrm
 *
 * Its steps are those of a window manager with two clients: every resource is created, backed and written once
 * before the first command stream (there are hosts that ignore what comes later); one stream renders the first
 * texture red, one renders the second blue, a third draws both as textured quads onto the buffer that the display
 * shows. Each stream is an EXECBUFFER of its own. Then the display is set to that buffer, and all three are
 * read back by the host's own transfer and compared pixel for pixel.
 *
 * Each step prints a line, `ok` or `FAIL`; the last line is `N passed, N failed`, the status 0 if all passed.
 * --dump prints the command streams as text before they are submitted. The file to open may be named; otherwise it is
 * the first card whose driver is virtio_gpu. That card must have no other master.
 *
 * Command streams: virglrenderer's virgl_protocol.h and virgl_hw.h. Shaders: Gallium's TGSI, as text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>
#include <virtgpu_drm.h>

enum { TEXTURE_WIDTH = 400, TEXTURE_HEIGHT = 300 };

/* Where the window manager puts them: the second lies over a corner of the first. */
enum { RED_X = 50, RED_Y = 40, BLUE_X = 300, BLUE_Y = 200 };

/* XRGB as the display has it. The ground and the stripe have four different bytes, so that a swap shows. */
#define RED    0xffff0000u
#define BLUE   0xff0000ffu
#define GROUND 0xff336699u
#define STRIPE 0xff00cc66u
enum { STRIPE_HEIGHT = 20 };    /* the first rows of each texture, to see which way up it is */

/* virgl_protocol.h: the commands and objects that are used here. */
enum {
	CMD_CREATE_OBJECT = 1, CMD_BIND_OBJECT = 2, CMD_DESTROY_OBJECT = 3, CMD_SET_VIEWPORT_STATE = 4,
	CMD_SET_FRAMEBUFFER_STATE = 5, CMD_SET_VERTEX_BUFFERS = 6, CMD_CLEAR = 7, CMD_DRAW_VBO = 8,
	CMD_RESOURCE_INLINE_WRITE = 9, CMD_SET_SAMPLER_VIEWS = 10, CMD_SET_CONSTANT_BUFFER = 12,
	CMD_BIND_SAMPLER_STATES = 18, CMD_BIND_SHADER = 31,
};
enum {
	OBJECT_BLEND = 1, OBJECT_RASTERIZER, OBJECT_DSA, OBJECT_SHADER, OBJECT_VERTEX_ELEMENTS, OBJECT_SAMPLER_VIEW,
	OBJECT_SAMPLER_STATE, OBJECT_SURFACE,
};
enum { SHADER_VERTEX = 0, SHADER_FRAGMENT = 1 };

/* virgl_hw.h and Gallium's p_defines.h. */
enum { FORMAT_B8G8R8A8 = 1, FORMAT_B8G8R8X8 = 2, FORMAT_R32G32B32A32_FLOAT = 31, FORMAT_R8 = 64 };
enum { BIND_RENDER_TARGET = 1 << 1, BIND_SAMPLER_VIEW = 1 << 3, BIND_VERTEX_BUFFER = 1 << 4, BIND_SCANOUT = 1 << 18 };
enum { TARGET_BUFFER = 0, TARGET_TEXTURE_2D = 2 };
enum { CLEAR_COLOR0 = 1 << 2, PRIM_TRIANGLE_STRIP = 5 };

/* This program's own names of the objects in its context; a context has one space of names for all kinds. */
enum {
	HANDLE_BLEND = 1, HANDLE_DSA, HANDLE_RASTERIZER, HANDLE_ELEMENTS, HANDLE_VERTEX_SHADER, HANDLE_COLOUR_SHADER,
	HANDLE_TEXTURE_SHADER, HANDLE_SAMPLER, HANDLE_SURFACES, HANDLE_VIEWS = HANDLE_SURFACES + 3,
};

/* One resource of the host with the guest's pages behind it. */
struct resource {
	const char *name;
	uint32_t    width, height, format, bind, target;
	uint32_t    bo;         /* the GEM handle, for ioctls */
	uint32_t    handle;     /* the resource's, for command streams */
	uint32_t    size;       /* bytes */
	uint32_t   *pixels;     /* the guest's pages */
};

struct vertex {
	float position[4];
	float texture[4];
};

enum { STREAM_DWORDS = 4096 };

struct stream {
	const char *name;
	uint32_t    words[STREAM_DWORDS];
	uint32_t    used;
};

enum { RED_TEXTURE, BLUE_TEXTURE, SCREEN, VERTICES, RESOURCES };

static struct resource resources[RESOURCES] = {
	[RED_TEXTURE] = { .name = "red texture", .width = TEXTURE_WIDTH, .height = TEXTURE_HEIGHT,
		.format = FORMAT_B8G8R8A8, .bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW, .target = TARGET_TEXTURE_2D },
	[BLUE_TEXTURE] = { .name = "blue texture", .width = TEXTURE_WIDTH, .height = TEXTURE_HEIGHT,
		.format = FORMAT_B8G8R8A8, .bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW, .target = TARGET_TEXTURE_2D },
	[SCREEN] = { .name = "screen", .format = FORMAT_B8G8R8X8, .bind = BIND_RENDER_TARGET | BIND_SCANOUT,
		.target = TARGET_TEXTURE_2D },
	[VERTICES] = { .name = "vertices", .width = 4096, .height = 1, .format = FORMAT_R8, .bind = BIND_VERTEX_BUFFER,
		.target = TARGET_BUFFER },
};

static int card = -1;
static bool dump;
static int passed, failed;
static uint32_t vertices_used;      /* bytes of the vertex buffer that this run has written */

/* ---- what is printed ------------------------------------------------------- */

/* A step's line; what it did, and if it failed why. Gives ok back. */
__attribute__((format(printf, 2, 3)))
static bool report(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs(ok ? "ok " : "FAIL ", stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
	*(ok ? &passed : &failed) += 1;
	return ok;
}

/* A step that is one call: done if result is not negative, and errno says why if it is. */
static bool called(int result, const char *what)
{
	return result < 0 ? report(false, "%s: %s", what, strerror(errno)) : report(true, "%s", what);
}

static const char *command_name(uint32_t command)
{
	static const char *const names[] = {
		[CMD_CREATE_OBJECT] = "CREATE_OBJECT", [CMD_BIND_OBJECT] = "BIND_OBJECT",
		[CMD_DESTROY_OBJECT] = "DESTROY_OBJECT", [CMD_SET_VIEWPORT_STATE] = "SET_VIEWPORT_STATE",
		[CMD_SET_FRAMEBUFFER_STATE] = "SET_FRAMEBUFFER_STATE", [CMD_SET_VERTEX_BUFFERS] = "SET_VERTEX_BUFFERS",
		[CMD_CLEAR] = "CLEAR", [CMD_DRAW_VBO] = "DRAW_VBO", [CMD_RESOURCE_INLINE_WRITE] = "RESOURCE_INLINE_WRITE",
		[CMD_SET_SAMPLER_VIEWS] = "SET_SAMPLER_VIEWS", [CMD_SET_CONSTANT_BUFFER] = "SET_CONSTANT_BUFFER",
		[CMD_BIND_SAMPLER_STATES] = "BIND_SAMPLER_STATES", [CMD_BIND_SHADER] = "BIND_SHADER",
	};
	return command < sizeof names / sizeof names[0] && names[command] ? names[command] : "?";
}

static const char *object_name(uint32_t object)
{
	static const char *const names[] = {
		[OBJECT_BLEND] = "BLEND", [OBJECT_RASTERIZER] = "RASTERIZER", [OBJECT_DSA] = "DSA", [OBJECT_SHADER] = "SHADER",
		[OBJECT_VERTEX_ELEMENTS] = "VERTEX_ELEMENTS", [OBJECT_SAMPLER_VIEW] = "SAMPLER_VIEW",
		[OBJECT_SAMPLER_STATE] = "SAMPLER_STATE", [OBJECT_SURFACE] = "SURFACE",
	};
	return object < sizeof names / sizeof names[0] && names[object] ? names[object] : "";
}

/* Whether this word is an ordinary floating-point number, such as a coordinate, and no handle or flag. */
static bool looks_like_float(uint32_t word)
{
	uint32_t exponent = word >> 23 & 0xff;

	return exponent >= 127 - 16 && exponent <= 127 + 14;
}

static void dump_words(const uint32_t *words, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		float number;
		memcpy(&number, &words[i], sizeof number);
		printf("%s%08x", i % 8 ? " " : "\n      ", words[i]);
		if (looks_like_float(words[i]))
			printf("(%g)", number);
	}
	putchar('\n');
}

static void dump_stream(const struct stream *s)
{
	printf("%s: %u dwords\n", s->name, s->used);
	for (uint32_t at = 0; at < s->used;) {
		const uint32_t *words = &s->words[at];
		uint32_t command = words[0] & 0xff, object = words[0] >> 8 & 0xff, length = words[0] >> 16;

		printf("  %04u %s %s, %u", at, command_name(command), object_name(object), length);
		if (command == CMD_CREATE_OBJECT && object == OBJECT_SHADER) {
			dump_words(words + 1, 5);
			printf("%s", (const char *)(words + 6));
		} else {
			dump_words(words + 1, length);
		}
		at += length + 1;
	}
}

/* ---- command streams ------------------------------------------------------- */

static void emit(struct stream *s, uint32_t word)
{
	if (s->used == STREAM_DWORDS) {
		fprintf(stderr, "%s: the stream is longer than %d words\n", s->name, STREAM_DWORDS);
		exit(2);
	}
	s->words[s->used++] = word;
}

static void emit_float(struct stream *s, float number)
{
	uint32_t word;

	memcpy(&word, &number, sizeof word);
	emit(s, word);
}

static void emit_command(struct stream *s, uint32_t command, uint32_t object, uint32_t length)
{
	emit(s, command | object << 8 | length << 16);
}

static void emit_zeros(struct stream *s, int count)
{
	while (count-- > 0)
		emit(s, 0);
}

/* XRGB as four floats from red to alpha. */
static void emit_colour(struct stream *s, uint32_t colour)
{
	for (int shift = 16; shift >= 0; shift -= 8)
		emit_float(s, (float)(colour >> shift & 0xff) / 255);
	emit_float(s, (float)(colour >> 24) / 255);
}

static void bind_object(struct stream *s, uint32_t object, uint32_t handle)
{
	emit_command(s, CMD_BIND_OBJECT, object, 1);
	emit(s, handle);
}

static void create_shader(struct stream *s, uint32_t handle, uint32_t kind, const char *text)
{
	uint32_t bytes = (uint32_t)strlen(text) + 1, words = (bytes + 3) / 4;

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_SHADER, 5 + words);
	emit(s, handle);
	emit(s, kind);
	emit(s, bytes);
	emit(s, 300);           /* tokens: room for the host's parser, more than any of these has */
	emit(s, 0);             /* no stream output */
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word = 0;
		memcpy(&word, text + 4 * i, bytes - 4 * i < 4 ? bytes - 4 * i : 4);
		emit(s, word);
	}
}

static void bind_shader(struct stream *s, uint32_t handle, uint32_t kind)
{
	emit_command(s, CMD_BIND_SHADER, 0, 2);
	emit(s, handle);
	emit(s, kind);
}

/* What all three streams draw with: no blending, no depth, no culling; two vectors a vertex; no filtering. */
static void create_state(struct stream *s)
{
	emit_command(s, CMD_CREATE_OBJECT, OBJECT_BLEND, 11);
	emit(s, HANDLE_BLEND);
	emit_zeros(s, 2);
	emit(s, 0xfu << 27);    /* colour buffer 0: write all four channels */
	emit_zeros(s, 7);
	bind_object(s, OBJECT_BLEND, HANDLE_BLEND);

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_DSA, 5);
	emit(s, HANDLE_DSA);
	emit_zeros(s, 4);
	bind_object(s, OBJECT_DSA, HANDLE_DSA);

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_RASTERIZER, 9);
	emit(s, HANDLE_RASTERIZER);
	emit(s, 1u << 29);      /* pixel centres at one half */
	emit_float(s, 1);       /* point size */
	emit_zeros(s, 2);
	emit_float(s, 1);       /* line width */
	emit_zeros(s, 3);
	bind_object(s, OBJECT_RASTERIZER, HANDLE_RASTERIZER);

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_VERTEX_ELEMENTS, 9);
	emit(s, HANDLE_ELEMENTS);
	for (uint32_t i = 0; i < 2; i++) {
		emit(s, i * 16);        /* offset in the vertex */
		emit_zeros(s, 2);       /* divisor, buffer */
		emit(s, FORMAT_R32G32B32A32_FLOAT);
	}
	bind_object(s, OBJECT_VERTEX_ELEMENTS, HANDLE_ELEMENTS);

	create_shader(s, HANDLE_VERTEX_SHADER, SHADER_VERTEX,
		"VERT\n"
		"DCL IN[0]\n"
		"DCL IN[1]\n"
		"DCL OUT[0], POSITION\n"
		"DCL OUT[1], GENERIC[0]\n"
		"  0: MOV OUT[0], IN[0]\n"
		"  1: MOV OUT[1], IN[1]\n"
		"  2: END\n");
	create_shader(s, HANDLE_COLOUR_SHADER, SHADER_FRAGMENT,
		"FRAG\n"
		"DCL OUT[0], COLOR\n"
		"DCL CONST[0]\n"
		"  0: MOV OUT[0], CONST[0]\n"
		"  1: END\n");
	create_shader(s, HANDLE_TEXTURE_SHADER, SHADER_FRAGMENT,
		"FRAG\n"
		"DCL IN[0], GENERIC[0], LINEAR\n"
		"DCL OUT[0], COLOR\n"
		"DCL SAMP[0]\n"
		"DCL SVIEW[0], 2D, FLOAT\n"
		"  0: TEX OUT[0], IN[0], SAMP[0], 2D\n"
		"  1: END\n");
	bind_shader(s, HANDLE_VERTEX_SHADER, SHADER_VERTEX);

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_SAMPLER_STATE, 9);
	emit(s, HANDLE_SAMPLER);
	emit(s, 2 | 2 << 3 | 2 << 6 | 2 << 11);     /* clamp to the edge; nearest; no mipmaps */
	emit_zeros(s, 7);
}

/* Draw into this resource from here on: its surface, and a viewport in which row 0 is at y = -1. */
static void begin_target(struct stream *s, int target)
{
	const struct resource *r = &resources[target];
	uint32_t surface = HANDLE_SURFACES + (uint32_t)target;

	emit_command(s, CMD_CREATE_OBJECT, OBJECT_SURFACE, 5);
	emit(s, surface);
	emit(s, r->handle);
	emit(s, r->format);
	emit_zeros(s, 2);       /* level, layers */

	emit_command(s, CMD_SET_FRAMEBUFFER_STATE, 0, 3);
	emit(s, 1);
	emit(s, 0);             /* no depth buffer */
	emit(s, surface);

	emit_command(s, CMD_SET_VIEWPORT_STATE, 0, 7);
	emit(s, 0);
	emit_float(s, (float)r->width / 2);
	emit_float(s, (float)r->height / 2);
	emit_float(s, 0.5f);
	emit_float(s, (float)r->width / 2);
	emit_float(s, (float)r->height / 2);
	emit_float(s, 0.5f);
}

static void clear(struct stream *s, uint32_t colour)
{
	emit_command(s, CMD_CLEAR, 0, 8);
	emit(s, CLEAR_COLOR0);
	emit_colour(s, colour);
	emit_zeros(s, 3);       /* depth, stencil */
}

/* A rectangle of the target in pixels, with the texture (if the shader has one) once over it. */
static void draw_rectangle(struct stream *s, int target, int x, int y, int width, int height)
{
	const struct resource *r = &resources[target];
	struct vertex corners[4];
	uint32_t words = sizeof corners / 4;

	for (int i = 0; i < 4; i++) {
		int right = i & 1, down = i >> 1;
		corners[i] = (struct vertex) {
			{ 2.0f * (float)(x + right * width) / (float)r->width - 1,
			  2.0f * (float)(y + down * height) / (float)r->height - 1, 0, 1 },
			{ (float)right, (float)down, 0, 1 },
		};
	}
	emit_command(s, CMD_RESOURCE_INLINE_WRITE, 0, 11 + words);
	emit(s, resources[VERTICES].handle);
	emit_zeros(s, 4);       /* level, usage, stride, layer stride */
	emit(s, vertices_used);
	emit_zeros(s, 2);       /* y, z */
	emit(s, sizeof corners);
	emit(s, 1);             /* height */
	emit(s, 1);             /* depth */
	for (uint32_t i = 0; i < words; i++)
		emit_float(s, ((const float *)corners)[i]);

	emit_command(s, CMD_SET_VERTEX_BUFFERS, 0, 3);
	emit(s, sizeof(struct vertex));
	emit(s, vertices_used);
	emit(s, resources[VERTICES].handle);
	vertices_used += sizeof corners;

	emit_command(s, CMD_DRAW_VBO, 0, 12);
	emit(s, 0);             /* the first vertex */
	emit(s, 4);
	emit(s, PRIM_TRIANGLE_STRIP);
	emit(s, 0);             /* not indexed */
	emit(s, 1);             /* one instance */
	emit_zeros(s, 5);       /* bias, first instance, restart and its index, least index */
	emit(s, ~0u);           /* greatest index */
	emit(s, 0);
}

static void use_colour(struct stream *s, uint32_t colour)
{
	bind_shader(s, HANDLE_COLOUR_SHADER, SHADER_FRAGMENT);
	emit_command(s, CMD_SET_CONSTANT_BUFFER, 0, 2 + 4);
	emit(s, SHADER_FRAGMENT);
	emit(s, 0);
	emit_colour(s, colour);
}

static void use_texture(struct stream *s, int texture)
{
	uint32_t view = HANDLE_VIEWS + (uint32_t)texture;

	bind_shader(s, HANDLE_TEXTURE_SHADER, SHADER_FRAGMENT);
	emit_command(s, CMD_CREATE_OBJECT, OBJECT_SAMPLER_VIEW, 6);
	emit(s, view);
	emit(s, resources[texture].handle);
	emit(s, resources[texture].format);
	emit_zeros(s, 2);       /* layers, levels */
	emit(s, 0 | 1 << 3 | 2 << 6 | 3 << 9);      /* each channel from itself */
	emit_command(s, CMD_SET_SAMPLER_VIEWS, 0, 3);
	emit(s, SHADER_FRAGMENT);
	emit(s, 0);
	emit(s, view);
	emit_command(s, CMD_BIND_SAMPLER_STATES, 0, 3);
	emit(s, SHADER_FRAGMENT);
	emit(s, 0);
	emit(s, HANDLE_SAMPLER);
}

/* Submit one stream; the resources that it uses stay busy until the host has done it. */
static bool submit(struct stream *s, const int *used, uint32_t count)
{
	uint32_t bos[RESOURCES];
	struct drm_virtgpu_execbuffer call = {
		.size = s->used * 4, .command = (uintptr_t)s->words, .bo_handles = (uintptr_t)bos, .num_bo_handles = count,
		.fence_fd = -1,
	};

	for (uint32_t i = 0; i < count; i++)
		bos[i] = resources[used[i]].bo;
	if (dump)
		dump_stream(s);
	return called(drmIoctl(card, DRM_IOCTL_VIRTGPU_EXECBUFFER, &call), s->name);
}

/* ---- resources ------------------------------------------------------------- */

static bool wait_resource(const struct resource *r)
{
	struct drm_virtgpu_3d_wait call = { .handle = r->bo };

	return drmIoctl(card, DRM_IOCTL_VIRTGPU_WAIT, &call) == 0;
}

/* Create it on the host, with the guest's pages behind it, mapped and filled with a colour that is used nowhere. */
static bool create_resource(struct resource *r)
{
	uint32_t bytes = r->target == TARGET_BUFFER ? 1 : 4;
	struct drm_virtgpu_resource_create create = {
		.target = r->target, .format = r->format, .bind = r->bind, .width = r->width, .height = r->height, .depth = 1,
		.array_size = 1, .size = r->width * r->height * bytes, .stride = r->width * bytes,
	};
	struct drm_virtgpu_map map = { 0 };

	if (drmIoctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create))
		return report(false, "%s: RESOURCE_CREATE: %s", r->name, strerror(errno));
	r->bo = create.bo_handle;
	r->handle = create.res_handle;
	r->size = create.size;
	map.handle = r->bo;
	if (drmIoctl(card, DRM_IOCTL_VIRTGPU_MAP, &map))
		return report(false, "%s: MAP: %s", r->name, strerror(errno));
	r->pixels = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
	if (r->pixels == MAP_FAILED)
		return report(false, "%s: mmap of %u bytes: %s", r->name, r->size, strerror(errno));
	memset(r->pixels, 0x55, r->size);
	return report(true, "%s: resource %u of %ux%u, %u bytes", r->name, r->handle, r->width, r->height, r->size);
}

/* Write the guest's pages to the host once, so that the resource is whole before the first stream. */
static bool prime_resource(const struct resource *r)
{
	struct drm_virtgpu_3d_transfer_to_host call = {
		.bo_handle = r->bo, .box = { .w = r->width, .h = r->height, .d = 1 },
	};

	if (drmIoctl(card, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &call) || !wait_resource(r))
		return report(false, "%s: primed: %s", r->name, strerror(errno));
	return report(true, "%s: primed", r->name);
}

/* Bring the host's pixels into the guest's pages, over zeros: what the host does not write is seen. */
static bool read_back(const struct resource *r)
{
	struct drm_virtgpu_3d_transfer_from_host call = {
		.bo_handle = r->bo, .box = { .w = r->width, .h = r->height, .d = 1 },
	};

	memset(r->pixels, 0, r->size);
	if (drmIoctl(card, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &call) || !wait_resource(r))
		return report(false, "%s: read back: %s", r->name, strerror(errno));
	return report(true, "%s: read back", r->name);
}

/* ---- what must be there ---------------------------------------------------- */

static uint32_t texture_pixel(uint32_t colour, int y)
{
	return y < STRIPE_HEIGHT ? STRIPE : colour;
}

static bool inside(int x, int y, int left, int top)
{
	return x >= left && x < left + TEXTURE_WIDTH && y >= top && y < top + TEXTURE_HEIGHT;
}

static uint32_t expected_pixel(int resource, int x, int y)
{
	if (resource == RED_TEXTURE)
		return texture_pixel(RED, y);
	if (resource == BLUE_TEXTURE)
		return texture_pixel(BLUE, y);
	if (inside(x, y, BLUE_X, BLUE_Y))
		return texture_pixel(BLUE, y - BLUE_Y);
	if (inside(x, y, RED_X, RED_Y))
		return texture_pixel(RED, y - RED_Y);
	return GROUND;
}

/* Every pixel; a screen has no alpha, so that byte of it may be anything. */
static bool compare(int resource)
{
	const struct resource *r = &resources[resource];
	uint32_t mask = r->format == FORMAT_B8G8R8X8 ? 0xffffff : 0xffffffff;
	uint32_t wrong = 0, first_x = 0, first_y = 0, first = 0;

	for (uint32_t y = 0; y < r->height; y++)
		for (uint32_t x = 0; x < r->width; x++) {
			uint32_t pixel = r->pixels[y * r->width + x];
			if ((pixel ^ expected_pixel(resource, (int)x, (int)y)) & mask && wrong++ == 0) {
				first_x = x;
				first_y = y;
				first = pixel;
			}
		}
	if (wrong)
		return report(false, "%s: %u pixels differ, the first at %u,%u: %08x, not %08x", r->name, wrong, first_x, first_y,
			first, expected_pixel(resource, (int)first_x, (int)first_y));
	return report(true, "%s: all %u pixels", r->name, r->width * r->height);
}

/* ---- the display ----------------------------------------------------------- */

struct display {
	uint32_t        connector, crtc;
	drmModeModeInfo mode;
};

static bool usable(const drmModeConnector *c)
{
	return c && c->connection == DRM_MODE_CONNECTED && c->count_modes > 0 && c->count_encoders > 0;
}

/* The first connected connector, in its first mode, which is the preferred one. */
static bool find_display(struct display *d)
{
	drmModeRes *all = drmModeGetResources(card);
	bool found = false;

	if (!all)
		return report(false, "display: GETRESOURCES: %s", strerror(errno));
	for (int i = 0; i < all->count_connectors && !found; i++) {
		drmModeConnector *c = drmModeGetConnector(card, all->connectors[i]);
		drmModeEncoder *e = usable(c) ? drmModeGetEncoder(card, c->encoders[0]) : NULL;
		for (int bit = 0; e && bit < all->count_crtcs && !found; bit++)
			if (e->possible_crtcs & 1u << bit) {
				*d = (struct display) { c->connector_id, all->crtcs[bit], c->modes[0] };
				found = true;
			}
		if (e)
			drmModeFreeEncoder(e);
		if (c)
			drmModeFreeConnector(c);
	}
	drmModeFreeResources(all);
	if (!found)
		return report(false, "display: none is connected");
	if (d->mode.hdisplay < BLUE_X + TEXTURE_WIDTH || d->mode.vdisplay < BLUE_Y + TEXTURE_HEIGHT)
		return report(false, "display: %ux%u is too small", d->mode.hdisplay, d->mode.vdisplay);
	return report(true, "display: connector %u, CRTC %u, %s", d->connector, d->crtc, d->mode.name);
}

/* Show the screen's resource, and tell the host that it is new. */
static bool show(struct display *d)
{
	const struct resource *r = &resources[SCREEN];
	uint32_t framebuffer;
	drmModeClip all = { 0, 0, (uint16_t)r->width, (uint16_t)r->height };

	return called(drmModeAddFB(card, r->width, r->height, 24, 32, r->width * 4, r->bo, &framebuffer), "screen: ADDFB") &&
		called(drmModeSetCrtc(card, d->crtc, framebuffer, 0, 0, &d->connector, 1, &d->mode), "screen: SETCRTC") &&
		called(drmModeDirtyFB(card, framebuffer, &all, 1), "screen: DIRTYFB");
}

/* ---- the steps ------------------------------------------------------------- */

static bool is_virtio_gpu(int fd)
{
	drmVersion *version = drmGetVersion(fd);
	bool is = version && !strcmp(version->name, "virtio_gpu");

	if (version)
		drmFreeVersion(version);
	return is;
}

static bool open_card(const char *path)
{
	char name[32];

	for (int i = 0; i < 16 && card < 0; i++) {
		snprintf(name, sizeof name, "/dev/dri/card%d", i);
		card = open(path ? path : name, O_RDWR | O_CLOEXEC);
		if (card >= 0 && !is_virtio_gpu(card)) {
			close(card);
			card = -1;
		}
		if (path)
			break;
	}
	if (card < 0)
		return report(false, "card: %s is no virtio_gpu", path ? path : "none of /dev/dri/card*");
	return report(true, "card: %s", path ? path : name);
}

static bool has_virgl(void)
{
	int value = 0;
	struct drm_virtgpu_getparam call = { .param = VIRTGPU_PARAM_3D_FEATURES, .value = (uintptr_t)&value };

	if (drmIoctl(card, DRM_IOCTL_VIRTGPU_GETPARAM, &call))
		return report(false, "GETPARAM 3D_FEATURES: %s", strerror(errno));
	return report(value == 1, "GETPARAM 3D_FEATURES: %d", value);
}

/* A client's frame: all in its colour, and the stripe at the top. first: the stream that also makes the state. */
static bool render_texture(int texture, uint32_t colour, bool first)
{
	static struct stream s;

	s.used = 0;
	s.name = first ? "SUBMIT_3D 1: the red texture" : "SUBMIT_3D 2: the blue texture";
	if (first)
		create_state(&s);
	begin_target(&s, texture);
	clear(&s, 0xff000000);
	use_colour(&s, colour);
	draw_rectangle(&s, texture, 0, 0, TEXTURE_WIDTH, TEXTURE_HEIGHT);
	use_colour(&s, STRIPE);
	draw_rectangle(&s, texture, 0, 0, TEXTURE_WIDTH, STRIPE_HEIGHT);
	return submit(&s, (int[]) { texture, VERTICES }, 2);
}

/* The window manager's frame: the ground, and both textures on it, the blue one above. */
static bool composite(void)
{
	static struct stream s = { .name = "SUBMIT_3D 3: both on the screen" };

	begin_target(&s, SCREEN);
	clear(&s, GROUND);
	use_texture(&s, RED_TEXTURE);
	draw_rectangle(&s, SCREEN, RED_X, RED_Y, TEXTURE_WIDTH, TEXTURE_HEIGHT);
	use_texture(&s, BLUE_TEXTURE);
	draw_rectangle(&s, SCREEN, BLUE_X, BLUE_Y, TEXTURE_WIDTH, TEXTURE_HEIGHT);
	return submit(&s, (int[]) { RED_TEXTURE, BLUE_TEXTURE, SCREEN, VERTICES }, 4);
}

/* All steps; false at the first one without which the next make no sense. */
static bool run(const char *path)
{
	struct display display;

	if (!open_card(path) || !has_virgl() || !find_display(&display))
		return false;
	resources[SCREEN].width = display.mode.hdisplay;
	resources[SCREEN].height = display.mode.vdisplay;
	for (int i = 0; i < RESOURCES; i++)
		if (!create_resource(&resources[i]))
			return false;
	for (int i = 0; i < RESOURCES; i++)
		if (!prime_resource(&resources[i]))
			return false;
	if (!render_texture(RED_TEXTURE, RED, true) || !render_texture(BLUE_TEXTURE, BLUE, false) || !composite() ||
	    !show(&display))
		return false;
	for (int i = 0; i <= SCREEN; i++)
		if (read_back(&resources[i]))
			compare(i);
	return true;
}

int main(int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--dump")) {
			dump = true;
		} else if (argv[i][0] != '-' && !path) {
			path = argv[i];
		} else {
			fprintf(stderr, "usage: %s [--dump] [/dev/dri/cardN]\n", argv[0]);
			return 2;
		}
	}
	run(path);
	printf("%d passed, %d failed\n", passed, failed);
	return failed ? 1 : 0;
}
