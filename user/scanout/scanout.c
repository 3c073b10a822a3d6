/*
 * scanout: the picture that the display shows, as the host has it.
 *
 *   scanout               to standard output: a line "WIDTHxHEIGHT", then three bytes a pixel, red first, from the top
 *   scanout --serve NAME  the same to a port of virtio-console for each line that comes there, the line and a blank
 *                         before it; NAME is the host's for the port. tools/shot is at the other end. Without such a
 *                         port it ends.
 *
 * Nobody is disturbed: no mode is set, and the buffer that is shown stays as it is. On a card with VirGL it is copied
 * by the GPU into one of our own, which is then transferred to the guest; a plane picture is in the guest anyway. What
 * is shown is for root to see (GETFB2).
 *
 * Source: Linux's Documentation/gpu/drm-uapi.rst, <drm/virtgpu_drm.h>; virglrenderer's virgl_protocol.h.
 */
#include <dirent.h>
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/virtgpu_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../lib/text.h"

#define CARD		"/dev/dri/card0"
#define PORTS		"/sys/class/virtio-ports"
#define BLIT		16u	/* VIRGL_CCMD_BLIT */
#define MASK_RGBA	15u
/* Within a scissor the host draws, and heeds which of the two lies upside down there; else it may copy as they are. */
#define SCISSOR		(1u << 10)
#define FORMAT_BGRX	2u	/* VIRGL_FORMAT_B8G8R8X8_UNORM */
#define BIND_TARGET	2u	/* VIRGL_BIND_RENDER_TARGET */
#define TARGET_2D	2u
#define LINE_MAX_	128u

struct view { uint32_t width, height, pitch; const uint8_t *pixels; void *map; size_t size; };

/* The CRTC that shows something: 0, or -1 with errno. */
static int shown_find(int card, struct drm_mode_crtc *c)
{
	uint32_t crtcs[32];
	struct drm_mode_card_res r = { .crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 32 };

	if (ioctl(card, DRM_IOCTL_MODE_GETRESOURCES, &r))
		return -1;
	for (uint32_t i = 0; i < r.count_crtcs && i < 32; i++) {
		*c = (struct drm_mode_crtc){ .crtc_id = crtcs[i] };
		if (!ioctl(card, DRM_IOCTL_MODE_GETCRTC, c) && c->mode_valid && c->fb_id)
			return 0;
	}
	errno = ENODATA;
	return -1;
}

static int buffer_map(int card, uint32_t handle, size_t size, struct view *v)
{
	struct drm_mode_map_dumb m = { .handle = handle };

	if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &m))
		return -1;
	v->map = mmap(NULL, size, PROT_READ, MAP_SHARED, card, m.offset);
	v->size = size;
	return v->map == MAP_FAILED ? -1 : 0;
}

/* What the GPU has, by a copy of it. */
static int view_copy(int card, const struct drm_mode_fb_cmd2 *fb, const struct drm_mode_crtc *c, struct view *v)
{
	struct drm_virtgpu_resource_create mine = { .target = TARGET_2D, .format = FORMAT_BGRX, .bind = BIND_TARGET,
		.width = v->width, .height = v->height, .depth = 1, .array_size = 1, .size = v->width * v->height * 4 };
	struct drm_virtgpu_resource_info theirs = { .bo_handle = fb->handles[0] };
	struct drm_virtgpu_3d_transfer_from_host back = { .box = { 0, 0, 0, v->width, v->height, 1 } };
	struct drm_virtgpu_3d_wait w = { 0 };
	uint32_t handles[2] = { 0, fb->handles[0] };
	uint32_t stream[] = { BLIT | 21 << 16, MASK_RGBA | SCISSOR, 0, v->width | v->height << 16,
		0, 0, FORMAT_BGRX, 0, 0, 0, v->width, v->height, 1,		/* to: resource, level, format, box */
		0, 0, FORMAT_BGRX, c->x, c->y, 0, v->width, v->height, 1 };	/* from */
	struct drm_virtgpu_execbuffer e = { .size = sizeof(stream), .command = (uintptr_t)stream,
		.bo_handles = (uintptr_t)handles, .num_bo_handles = 2 };

	if (ioctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &theirs) || ioctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &mine))
		return -1;
	stream[4] = mine.res_handle;
	stream[13] = theirs.res_handle;
	handles[0] = back.bo_handle = w.handle = mine.bo_handle;
	if (ioctl(card, DRM_IOCTL_VIRTGPU_EXECBUFFER, &e) || ioctl(card, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &back) ||
	    ioctl(card, DRM_IOCTL_VIRTGPU_WAIT, &w) || buffer_map(card, mine.bo_handle, mine.size, v))
		return -1;
	v->pitch = v->width * 4;
	v->pixels = v->map;
	return 0;
}

static int view_open(int card, struct view *v)
{
	struct drm_mode_fb_cmd2 fb = { 0 };
	struct drm_mode_crtc c;
	int draws = 0;
	struct drm_virtgpu_getparam p = { VIRTGPU_PARAM_3D_FEATURES, (uintptr_t)&draws };

	if (shown_find(card, &c))
		return -1;
	fb.fb_id = c.fb_id;
	if (ioctl(card, DRM_IOCTL_MODE_GETFB2, &fb))
		return -1;
	if (!fb.handles[0]) {
		errno = EACCES;
		return -1;
	}
	v->width = c.mode.hdisplay;
	v->height = c.mode.vdisplay;
	if (!ioctl(card, DRM_IOCTL_VIRTGPU_GETPARAM, &p) && draws)
		return view_copy(card, &fb, &c, v);
	if (buffer_map(card, fb.handles[0], fb.offsets[0] + (size_t)fb.height * fb.pitches[0], v))
		return -1;
	v->pitch = fb.pitches[0];
	v->pixels = (uint8_t *)v->map + fb.offsets[0] + (size_t)c.y * v->pitch + c.x * 4;
	return 0;
}

/* A port may take a part at a time. */
static bool write_all(int to, const void *from, size_t left)
{
	for (ssize_t n; left; from = (const char *)from + n, left -= n) {
		n = write(to, from, left);
		if (n <= 0)
			return false;
	}
	return true;
}

/* In one piece: each call may have to wait for its turn on a busy machine. */
static bool view_write(int to, const char *before, const struct view *v)
{
	size_t row = (size_t)v->width * 3, at;
	char *all = malloc(LINE_MAX_ + 32 + row * v->height);
	bool ok;

	if (!all)
		return false;
	at = text_format(all, LINE_MAX_ + 32, "%s%ux%u\n", before, v->width, v->height);
	for (uint32_t y = 0; y < v->height; y++) {
		const uint8_t *from = v->pixels + (size_t)y * v->pitch;

		for (uint32_t x = 0; x < v->width; x++)
			for (uint32_t i = 0; i < 3; i++)
				all[at++] = from[4 * x + 2 - i];
	}
	ok = write_all(to, all, at);
	free(all);
	return ok;
}

/* The first who opens the card would be its master: that is for who shows something. */
static int shot(int to, const char *before)
{
	struct view v = { 0 };
	int card = open(CARD, O_RDWR | O_CLOEXEC), err;
	char head[LINE_MAX_ + 80];

	if (card >= 0)
		ioctl(card, DRM_IOCTL_DROP_MASTER, NULL);
	err = card < 0 || view_open(card, &v) ? errno : 0;
	if (!err && !view_write(to, before, &v))
		err = errno;
	else if (err && *before)
		write_all(to, head, text_format(head, sizeof(head), "%s%s\n", before, strerror(err)));
	if (v.size && v.map != MAP_FAILED)
		munmap(v.map, v.size);
	if (card >= 0)
		close(card);
	return err;
}

/* The first line of a file, without its end. */
static bool line_read(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	if (fd >= 0)
		close(fd);
	to[n < 0 ? 0 : n] = '\0';
	to[strcspn(to, "\n")] = '\0';
	return n > 0;
}

/* The port that has this name: open, or -1 with errno. */
static int port_open(const char *name)
{
	char path[300], is[LINE_MAX_];
	DIR *d = opendir(PORTS);
	bool found = false;

	for (struct dirent *e; d && !found && (e = readdir(d));) {
		text_format(path, sizeof(path), PORTS "/%s/name", e->d_name);
		found = e->d_name[0] != '.' && line_read(path, is, sizeof(is)) && !strcmp(is, name);
		text_format(path, sizeof(path), "/dev/%s", e->d_name);
	}
	if (d)
		closedir(d);
	errno = ENOENT;
	return found ? open(path, O_RDWR | O_CLOEXEC) : -1;
}

static int serve(const char *name)
{
	int port = port_open(name);
	char line[LINE_MAX_];
	size_t used = 0;
	ssize_t n;

	if (port < 0)
		return errno == ENOENT ? 0 : errno;
	while ((n = read(port, line + used, 1)) == 1) {
		if (line[used] != '\n') {
			used += used < sizeof(line) - 3;
			continue;
		}
		line[used] = ' ';
		line[used + 1] = '\0';
		used = 0;
		shot(port, line);
	}
	return n ? errno : EPIPE;
}

int main(int argc, char **argv)
{
	int err = argc == 3 && !strcmp(argv[1], "--serve") ? serve(argv[2]) : argc == 1 ? shot(1, "") : EINVAL;
	char text[128];

	if (err)
		write_all(2, text, text_format(text, sizeof(text), "scanout: %s\n", strerror(err)));
	return err != 0;
}
