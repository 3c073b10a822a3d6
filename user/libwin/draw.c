/*
 * The calls of win.h: devices, pictures, and frames, whose shapes become quads for the device's path of drawing.
 *
 * Everything that may be drawn is a box with rounded corners (libwin.h), so that a GPU needs one shader and one kind of
 * vertex, and shapes, images and text that follow each other need one draw.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libwin.h"

enum {
	LONGEST_SIDE = 16384,   /* pixels: the largest texture of any GPU that is met */
	CARDS = 64,             /* minors that DRM gives to cards */
};

/* ---- devices ---------------------------------------------------------------- */

/* The card as the path that is asked for, or the software's where the GPU's is not there. */
static int device_start(struct win_device *device, enum win_drawing how)
{
	int error = how == WIN_SOFTWARE ? -ENODEV : virgl_open(device);

	device->path = &virgl_path;
	device->shower = &kms_shower;
	if (error && how != WIN_GPU) {
		device->path = &software_path;
		error = 0;
	}
	return error;
}

static int device_try(struct win_device *device, const char *path, enum win_drawing how)
{
	int error;

	device->fd = open(path, O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		return -errno;
	error = device_start(device, how);
	if (error)
		close(device->fd);
	return error;
}

/* No card: what firmware shows on will do. */
static int framebuffer_start(struct win_device *device)
{
	device->path = &software_path;
	device->shower = &fbdev_shower;
	return fbdev_open(device);
}

int win_open(struct win_device **result, const char *path, enum win_drawing how)
{
	struct win_device *device = calloc(1, sizeof *device);
	int error = -ENODEV;

	if (!device)
		return -ENOMEM;
	if (path) {
		error = device_try(device, path, how);
	} else {
		for (int i = 0; i < CARDS && (error == -ENODEV || error == -ENOENT); i++) {
			char name[32];
			snprintf(name, sizeof name, "/dev/dri/card%d", i);
			error = device_try(device, name, how);
		}
		if (error == -ENOENT)
			error = -ENODEV;
		if (error == -ENODEV && how != WIN_GPU)
			error = framebuffer_start(device);
	}
	if (error) {
		free(device);
		return error;
	}
	*result = device;
	return 0;
}

int win_open_memory(struct win_device **result)
{
	struct win_device *device = calloc(1, sizeof *device);

	if (!device)
		return -ENOMEM;
	device->fd = -1;
	device->path = &software_path;
	*result = device;
	return 0;
}

void win_close(struct win_device *device)
{
	prover_destroy(device);
	atlas_destroy(device);
	virgl_close(device);
	fbdev_close(device);
	if (device->fd >= 0)
		close(device->fd);
	free(device);
}

bool win_on_gpu(const struct win_device *device)
{
	return device->path == &virgl_path;
}

/* ---- pictures ---------------------------------------------------------------- */

int win_create_kind(struct win_device *device, enum texture_kind kind, int width, int height,
		    int (*fill)(struct texture *t, const void *argument), const void *argument, struct win **result)
{
	struct win *win;
	int error;

	if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)
		return -EINVAL;
	win = calloc(1, sizeof *win);
	if (!win)
		return -ENOMEM;
	win->texture = (struct texture) {
		.device = device, .kind = kind, .width = width, .height = height, .clip = { 0, 0, width, height },
	};
	win->width = width;
	win->height = height;
	error = fill ? fill(&win->texture, argument) : device->path->texture_create(&win->texture);
	if (error) {
		free(win);
		return error;
	}
	*result = win;
	return 0;
}

int win_create(struct win_device *device, int width, int height, struct win **win)
{
	return win_create_kind(device, TEXTURE_COLOUR, width, height, NULL, NULL, win);
}

static int fill_shared(struct texture *t, const void *argument)
{
	t->shared = true;
	return t->device->path->texture_create(t);
}

int win_create_shared(struct win_device *device, int width, int height, struct win **result, int *fd)
{
	struct win *win;
	int error = win_create_kind(device, TEXTURE_COLOUR, width, height, fill_shared, NULL, &win);

	if (error)
		return error;
	error = device->path->texture_export(&win->texture, fd);
	if (error)
		win_destroy(win);
	else
		*result = win;
	return error;
}

int win_create_screen(struct win_device *device, struct win **result)
{
	struct win *win;
	int width, height, error;

	error = device->shower ? device->shower->display_size(device, &width, &height) : -ENODEV;
	if (!error)
		error = win_create_kind(device, TEXTURE_SCREEN, width, height, NULL, NULL, &win);
	if (error)
		return error;
	error = device->shower->show(win);
	if (error) {
		win_destroy(win);
		return error;
	}
	*result = win;
	return 0;
}

void win_destroy(struct win *win)
{
	struct win_device *device = win->texture.device;

	if (device->drawing == win)
		win_end_frame(win);
	if (win->framebuffer)
		device->shower->hide(win);
	device->path->texture_destroy(&win->texture);
	free(win);
}

int win_width(const struct win *win)
{
	return win->width;
}

int win_height(const struct win *win)
{
	return win->height;
}

int win_read(struct win *win, uint32_t *pixels)
{
	struct texture *t = &win->texture;
	int error = t->device->drawing ? -EBUSY : t->device->path->texture_read(t);

	for (int y = 0; y < t->height && !error; y++)
		memcpy(pixels + (size_t)y * (size_t)t->width, (char *)t->pixels + (size_t)y * t->pitch, (size_t)t->width * 4);
	return error;
}

int win_write(struct win *win, const uint32_t *pixels)
{
	struct texture *t = &win->texture;
	int error = t->device->drawing ? -EBUSY : t->device->path->texture_map(t);

	if (error)
		return error;
	for (int y = 0; y < t->height; y++)
		memcpy((char *)t->pixels + (size_t)y * t->pitch, pixels + (size_t)y * (size_t)t->width, (size_t)t->width * 4);
	return t->device->path->texture_write(t);
}

/* ---- frames ------------------------------------------------------------------ */

int win_begin_frame(struct win *win)
{
	struct win_device *device = win->texture.device;
	int error;

	if (device->drawing)
		return -EBUSY;
	win->texture.clip = (struct win_part) { 0, 0, win->texture.width, win->texture.height };
	error = device->path->frame_begin(&win->texture);
	if (error)
		return error;
	device->drawing = win;
	win->error = 0;
	return 0;
}

/* Keep the first error of a frame; a call outside of its frame is one, too. */
void win_keep(struct win *win, int error)
{
	if (error && !win->error)
		win->error = error;
}

int win_end_frame(struct win *win)
{
	return win_end_parts(win, &(struct win_part) { 0, 0, win->texture.width, win->texture.height }, 1);
}

int win_end_parts(struct win *win, const struct win_part *parts, int count)
{
	struct win_device *device = win->texture.device;

	if (device->drawing != win)
		return -EINVAL;
	device->drawing = NULL;
	win_keep(win, device->path->frame_end(&win->texture));
	if (win->framebuffer && !win->error)
		win_keep(win, device->shower->flush(win, parts, count));
	return win->error;
}

void colour_floats(uint32_t colour, float numbers[4])
{
	float alpha = (float)(colour >> 24) / 255;

	for (int i = 0; i < 3; i++)
		numbers[i] = (float)(colour >> (16 - 8 * i) & 0xff) / 255 * alpha;
	numbers[3] = alpha;
}

void win_clear(struct win *win, uint32_t colour)
{
	struct win_device *device = win->texture.device;
	float numbers[4];

	colour_floats(colour, numbers);
	win_keep(win, device->drawing == win ? device->path->clear(&win->texture, numbers) : -EINVAL);
}

void win_draw(struct win *win, const struct quad *q)
{
	struct win_device *device = win->texture.device;

	if (device->drawing != win)
		win_keep(win, -EINVAL);
	else if (q->half_x > 0 && q->half_y > 0)
		win_keep(win, device->path->draw(&win->texture, q));
}

/* A quad that is not turned, on this rectangle. */
static struct quad box(float x, float y, float width, float height)
{
	return (struct quad) {
		.x = x + width / 2, .y = y + height / 2, .axis_x = 1, .half_x = width / 2, .half_y = height / 2,
	};
}

void win_rounded_rect(struct win *win, float x, float y, float width, float height, float radius, uint32_t colour)
{
	struct quad q = box(x, y, width, height);

	q.radius = fmaxf(0, fminf(radius, fminf(q.half_x, q.half_y)));
	colour_floats(colour, q.colour);
	win_draw(win, &q);
}

void win_rect(struct win *win, float x, float y, float width, float height, uint32_t colour)
{
	win_rounded_rect(win, x, y, width, height, 0, colour);
}

void win_circle(struct win *win, float x, float y, float radius, uint32_t colour)
{
	win_rounded_rect(win, x - radius, y - radius, 2 * radius, 2 * radius, radius, colour);
}

void win_line(struct win *win, float x0, float y0, float x1, float y1, float width, uint32_t colour)
{
	float dx = x1 - x0, dy = y1 - y0, length = hypotf(dx, dy);
	struct quad q = {
		.x = (x0 + x1) / 2, .y = (y0 + y1) / 2, .axis_x = length > 0 ? dx / length : 1,
		.axis_y = length > 0 ? dy / length : 0, .half_x = (length + width) / 2, .half_y = width / 2,
		.radius = width / 2,
	};

	colour_floats(colour, q.colour);
	win_draw(win, &q);
}

void win_image(struct win *win, struct win *image, float x, float y, float width, float height)
{
	struct quad q = box(x, y, width, height);

	if (image == win || image->texture.device != win->texture.device || image->texture.kind != TEXTURE_COLOUR) {
		win_keep(win, -EINVAL);
		return;
	}
	q.texture = &image->texture;
	q.right = (float)image->texture.width;
	q.bottom = (float)image->texture.height;
	for (int i = 0; i < 4; i++)
		q.colour[i] = 1;
	win_draw(win, &q);
}

/* ---- text -------------------------------------------------------------------- */

float win_text(struct win *win, struct win_font *font, float x, float base, const char *text, uint32_t colour)
{
	float numbers[4];
	struct glyph glyph;
	struct quad q;

	colour_floats(colour, numbers);
	while (font_next_glyph(font, &text, &glyph)) {
		if (glyph.error) {
			win_keep(win, glyph.error);
		} else if (glyph.width > 0) {
			q = box(roundf(x) + (float)glyph.left, roundf(base) + (float)glyph.top, (float)glyph.width,
				(float)glyph.height);
			memcpy(q.colour, numbers, sizeof numbers);
			q.texture = glyph.texture;
			q.left = (float)glyph.atlas_x;
			q.top = (float)glyph.atlas_y;
			q.right = q.left + (float)glyph.width;
			q.bottom = q.top + (float)glyph.height;
			win_draw(win, &q);
		}
		x += glyph.advance;
	}
	return x;
}
