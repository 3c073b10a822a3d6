/*
 * Drawing by the CPU, for cards that only show what is in memory: the same quads as the GPU's, pixel by pixel.
 *
 * A picture is plain memory; the display's is a dumb buffer of the card, mapped, so that showing a frame copies nothing
 * here, and memory as others where there is no card. Blending is premultiplied source over destination, rounded to the
 * nearest.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libwin.h"

/* ---- textures ---------------------------------------------------------------- */

static int screen_create(struct texture *t)
{
	int fd = t->device->fd;
	struct drm_mode_create_dumb create = { .width = (uint32_t)t->width, .height = (uint32_t)t->height, .bpp = 32 };
	struct drm_mode_destroy_dumb destroy = { 0 };
	struct drm_mode_map_dumb map = { 0 };
	int error;

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -errno;
	map.handle = destroy.handle = create.handle;
	t->bytes = create.size;
	t->pitch = create.pitch;
	if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		goto fail;
	t->pixels = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)map.offset);
	if (t->pixels == MAP_FAILED)
		goto fail;
	t->bo = create.handle;
	return 0;
fail:
	error = -errno;
	drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	return error;
}

/* Memory that is a file, so that other programs can map it; it cannot shrink under them. */
static int shared_create(struct texture *t)
{
	int error;

	t->memory = memfd_create("libwin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->memory < 0)
		return -errno;
	if (ftruncate(t->memory, (off_t)t->bytes) || fcntl(t->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL))
		goto fail;
	t->pixels = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t->memory, 0);
	if (t->pixels == MAP_FAILED)
		goto fail;
	return 0;
fail:
	error = -errno;
	close(t->memory);
	return error;
}

static int texture_create(struct texture *t)
{
	if (t->kind == TEXTURE_SCREEN && t->device->fd >= 0)
		return screen_create(t);
	t->pitch = (uint32_t)t->width * (t->kind == TEXTURE_COVERAGE ? 1 : 4);
	t->bytes = (size_t)t->pitch * (size_t)t->height;
	if (t->shared)
		return shared_create(t);
	t->pixels = calloc(1, t->bytes);
	return t->pixels ? 0 : -ENOMEM;
}

static void texture_destroy(struct texture *t)
{
	if (t->bo) {
		struct drm_mode_destroy_dumb destroy = { .handle = t->bo };
		munmap(t->pixels, t->bytes);
		drmIoctl(t->device->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	} else if (t->shared) {
		munmap(t->pixels, t->bytes);
		close(t->memory);
	} else {
		free(t->pixels);
	}
}

/* The pixels are where they are. */
static int texture_stay(struct texture *t)
{
	return 0;
}

static int texture_export(struct texture *t, int *fd)
{
	*fd = fcntl(t->memory, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? -errno : 0;
}

static int texture_update(struct texture *t, int x, int y, int width, int height, const uint8_t *bytes)
{
	for (int row = 0; row < height; row++)
		memcpy((uint8_t *)t->pixels + (size_t)(y + row) * t->pitch + x, bytes + (size_t)row * (size_t)width,
			(size_t)width);
	return 0;
}

static int upload(struct texture *t, struct win_part part, const void *pixels, int stride)
{
	for (int row = 0; row < part.height; row++)
		memcpy((char *)t->pixels + (size_t)(part.y + row) * t->pitch + (size_t)part.x * 4,
			(const char *)pixels + (ptrdiff_t)row * stride, (size_t)part.width * 4);
	return 0;
}

/* Buffers of other programs are the GPU's business. */
static int import(struct texture *t, int fd, uint32_t format)
{
	(void)t, (void)fd, (void)format;
	return -EOPNOTSUPP;
}

/* ---- drawing ----------------------------------------------------------------- */

static uint32_t *row_of(const struct texture *t, int y)
{
	return (uint32_t *)((char *)t->pixels + (size_t)y * t->pitch);
}

static uint32_t pack(const float colour[4])
{
	uint32_t pixel = (uint32_t)lrintf(colour[3] * 255) << 24;

	for (int i = 0; i < 3; i++)
		pixel |= (uint32_t)lrintf(colour[i] * 255) << (16 - 8 * i);
	return pixel;
}

static int clear(struct texture *target, const float colour[4])
{
	uint32_t pixel = pack(colour);

	const struct win_part *part = &target->clip;

	for (int y = part->y; y < part->y + part->height; y++)
		for (int x = part->x; x < part->x + part->width; x++)
			row_of(target, y)[x] = pixel;
	return 0;
}

/* A texel, clamped to the edge, as four numbers. */
static void sample(const struct texture *t, float s, float u, float numbers[4])
{
	int x = (int)fminf(fmaxf(floorf(s), 0), (float)(t->width - 1));
	int y = (int)fminf(fmaxf(floorf(u), 0), (float)(t->height - 1));

	if (t->kind == TEXTURE_COVERAGE) {
		float coverage = (float)((const uint8_t *)t->pixels)[(size_t)y * t->pitch + (size_t)x] / 255;
		for (int i = 0; i < 4; i++)
			numbers[i] = coverage;
	} else {
		uint32_t pixel = row_of(t, y)[x];
		for (int i = 0; i < 3; i++)
			numbers[i] = (float)(pixel >> (16 - 8 * i) & 0xff) / 255;
		numbers[3] = t->opaque ? 1 : (float)(pixel >> 24) / 255;
	}
}

/* How much of the pixel at this place from the quad's middle, in the quad's own directions, the quad covers. */
static float coverage(const struct quad *q, float x, float y)
{
	float out_x = fabsf(x) - q->half_x + q->radius, out_y = fabsf(y) - q->half_y + q->radius;
	float distance = hypotf(fmaxf(out_x, 0), fmaxf(out_y, 0)) + fminf(fmaxf(out_x, out_y), 0) - q->radius;

	return fminf(fmaxf(0.5f - distance, 0), 1);
}

static void blend(uint32_t *pixel, const float source[4])
{
	uint32_t under = *pixel;
	float rest = 1 - source[3], over[4];

	for (int i = 0; i < 3; i++)
		over[i] = fminf(source[i] + rest * (float)(under >> (16 - 8 * i) & 0xff) / 255, 1);
	over[3] = fminf(source[3] + rest * (float)(under >> 24) / 255, 1);
	*pixel = pack(over);
}

static void draw_pixel(struct texture *target, const struct quad *q, int px, int py)
{
	float dx = (float)px + 0.5f - q->x, dy = (float)py + 0.5f - q->y;
	float x = dx * q->axis_x + dy * q->axis_y, y = dy * q->axis_x - dx * q->axis_y;
	float covered = coverage(q, x, y), texel[4] = { 1, 1, 1, 1 }, source[4];

	if (covered <= 0)
		return;
	if (q->texture)
		sample(q->texture, q->left + (x / q->half_x + 1) / 2 * (q->right - q->left),
			q->top + (y / q->half_y + 1) / 2 * (q->bottom - q->top), texel);
	for (int i = 0; i < 4; i++)
		source[i] = q->colour[i] * texel[i] * covered;
	blend(&row_of(target, py)[px], source);
}

/* A rectangle between pixels, in one colour that hides what is below: no need to look at each pixel. */
static bool is_plain(const struct quad *q)
{
	float left = q->x - q->half_x, top = q->y - q->half_y;

	return !q->texture && q->radius == 0 && q->axis_y == 0 && q->colour[3] == 1 && left == floorf(left) &&
		top == floorf(top) && 2 * q->half_x == floorf(2 * q->half_x) && 2 * q->half_y == floorf(2 * q->half_y);
}

/*
 * [from, to) within [start, start + size): pixels that are within reach of the middle, and half a pixel for the
 * smoothed edge.
 */
static void span(float middle, float reach, int start, int size, int *from, int *to)
{
	*from = (int)fminf(fmaxf(floorf(middle - reach - 0.5f), (float)start), (float)(start + size));
	*to = (int)fminf(fmaxf(ceilf(middle + reach + 0.5f), (float)start), (float)(start + size));
}

static int clip(struct texture *target, struct win_part part)
{
	target->clip = part;
	return 0;
}

static int draw(struct texture *target, const struct quad *q)
{
	float reach_x = fabsf(q->axis_x) * q->half_x + fabsf(q->axis_y) * q->half_y;
	float reach_y = fabsf(q->axis_y) * q->half_x + fabsf(q->axis_x) * q->half_y;
	float margin = is_plain(q) ? 0.5f : 0;
	uint32_t pixel = pack(q->colour);
	int left, right, top, bottom;

	span(q->x, reach_x - margin, target->clip.x, target->clip.width, &left, &right);
	span(q->y, reach_y - margin, target->clip.y, target->clip.height, &top, &bottom);
	for (int y = top; y < bottom; y++)
		for (int x = left; x < right; x++) {
			if (margin > 0)
				row_of(target, y)[x] = pixel;
			else
				draw_pixel(target, q, x, y);
		}
	return 0;
}

const struct path software_path = {
	.texture_create = texture_create, .texture_destroy = texture_destroy, .texture_map = texture_stay,
	.texture_read = texture_stay, .texture_write = texture_stay, .texture_export = texture_export,
	.texture_update = texture_update, .upload = upload, .import = import, .frame_begin = texture_stay,
	.clip = clip, .clear = clear, .draw = draw, .frame_end = texture_stay,
};
