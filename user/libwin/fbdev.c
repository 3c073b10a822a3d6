/*
 * The display of a machine without a graphics card: the framebuffer that firmware left, as /dev/fb0. Pictures are
 * memory, drawn into by the CPU; what changed of the display's is copied when a frame ends. Its mode is firmware's.
 *
 * The console writes on the same framebuffer: it is asked to leave that alone (KD_GRAPHICS, ioctl_console(2)) while
 * something is shown, and draws its text again afterwards. Source: <linux/fb.h>, Documentation/fb/api.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/fb.h>
#include <linux/kd.h>

#include "libwin.h"

enum {
	REFRESH = 60000,        /* thousandths of a frame a second: firmware does not say, most displays have that */
	SHOWN = 1,              /* for struct win's framebuffer: there is only one */
};

struct fbdev {
	int    file, console;   /* console -1: there is none that would write on it */
	int    width, height;
	size_t pitch, bytes;
	char  *pixels;
	bool   swapped;         /* red is its lowest byte, not blue */
};

/* ---- the device ---------------------------------------------------------------- */

static bool is_byte(const struct fb_bitfield *field, unsigned int offset)
{
	return field->offset == offset && field->length == 8;
}

/* Whether it has pixels of four bytes as they are known here, and all of them lie in its memory. */
static bool understand(struct fbdev *f, const struct fb_var_screeninfo *v, const struct fb_fix_screeninfo *x)
{
	bool usual = is_byte(&v->red, 16) && is_byte(&v->blue, 0), swapped = is_byte(&v->red, 0) && is_byte(&v->blue, 16);

	if (v->bits_per_pixel != 32 || !is_byte(&v->green, 8) || (!usual && !swapped) || v->xres < 1 || v->yres < 1 ||
	    x->line_length / 4 < v->xres || (size_t)x->line_length * v->yres > x->smem_len)
		return false;
	f->width = (int)v->xres;
	f->height = (int)v->yres;
	f->pitch = x->line_length;
	f->bytes = x->smem_len;
	f->swapped = swapped;
	return true;
}

static int map(struct fbdev *f)
{
	struct fb_var_screeninfo v;
	struct fb_fix_screeninfo x;
	void *pixels;

	if (ioctl(f->file, FBIOGET_VSCREENINFO, &v) || ioctl(f->file, FBIOGET_FSCREENINFO, &x) || !understand(f, &v, &x))
		return -ENODEV;
	pixels = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->file, 0);
	if (pixels == MAP_FAILED)
		return -errno;
	f->pixels = pixels;
	return 0;
}

int fbdev_open(struct win_device *device)
{
	struct fbdev *f = calloc(1, sizeof *f);
	int error;

	if (!f)
		return -ENOMEM;
	f->file = open("/dev/fb0", O_RDWR | O_CLOEXEC);
	error = f->file < 0 ? -errno : map(f);
	if (error) {
		if (f->file >= 0)
			close(f->file);
		free(f);
		return error == -ENOENT || error == -ENXIO ? -ENODEV : error;
	}
	f->console = open("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	device->fbdev = f;
	device->fd = -1;
	return 0;
}

void fbdev_close(struct win_device *device)
{
	struct fbdev *f = device->fbdev;

	if (!f)
		return;
	munmap(f->pixels, f->bytes);
	close(f->file);
	if (f->console >= 0)
		close(f->console);
	free(f);
}

/* ---- the display --------------------------------------------------------------- */

static int display_size(struct win_device *device, int *width, int *height)
{
	*width = device->fbdev->width;
	*height = device->fbdev->height;
	return 0;
}

static void copy_row(const struct fbdev *f, const struct texture *t, int x, int y, int width)
{
	const uint32_t *from = (const uint32_t *)((const char *)t->pixels + (size_t)y * t->pitch) + x;
	uint32_t *to = (uint32_t *)(f->pixels + (size_t)y * f->pitch) + x;

	if (!f->swapped) {
		memcpy(to, from, (size_t)width * sizeof *to);
		return;
	}
	for (int i = 0; i < width; i++)
		to[i] = (from[i] & 0xff00ff00) | (from[i] >> 16 & 0xff) | (from[i] & 0xff) << 16;
}

/* The parts lie within the picture. */
static int flush(struct win *win, const struct win_part *parts, int count)
{
	const struct texture *t = &win->texture;

	for (int i = 0; i < count; i++)
		for (int y = parts[i].y; y < parts[i].y + parts[i].height; y++)
			copy_row(t->device->fbdev, t, parts[i].x, y, parts[i].width);
	return 0;
}

static void console_mode(const struct fbdev *f, long mode)
{
	/* A console that does not care, or that this program has no right to, writes over what is shown: no more. */
	if (f->console >= 0)
		ioctl(f->console, KDSETMODE, mode);
}

static int show(struct win *win)
{
	console_mode(win->texture.device->fbdev, KD_GRAPHICS);
	win->framebuffer = SHOWN;
	win->refresh = REFRESH;
	return flush(win, &(struct win_part) { 0, 0, win->width, win->height }, 1);
}

static void hide(struct win *win)
{
	console_mode(win->texture.device->fbdev, KD_TEXT);
}

const struct shower fbdev_shower = { .display_size = display_size, .show = show, .flush = flush, .hide = hide };
