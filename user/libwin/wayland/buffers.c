/*
 * The pictures of windows: a small pool for each, shared with the compositor.
 *
 * Where the GPU draws, a picture is a texture, which goes to the compositor as a dma-buf; else it is memory, which goes
 * by wl_shm. A window's first pictures are made, backed by memory and written to together before its first frame, so
 * before any command that draws into them: hosts exist on which those that come later stay empty. A third is made only
 * if the compositor keeps both.
 *
 * Pictures are larger than their window, by steps, where the compositor can be told which part of one to show
 * (wp_viewporter): a window that is resized goes on with what it has until it outgrows that, or has shrunk far below
 * it. Those that are left over stay for a window that opens next, a few of them; memory is thus bounded by what is
 * seen, and windows that open, close and change do not make the host allocate.
 *
 * A picture that the compositor still has is not drawn into until it comes back, whoever's it is by then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "desktop.h"

#include "linux-dmabuf-unstable-v1-client-protocol.h"

enum {
	RENDER_FIRST = 128, RENDER_NODES = 64,  /* minors that DRM gives to cards that only draw */
	PROBE_SIDE = 32,     /* pixels of the picture that a compositor is tried with: a page; it stays */
};

/* ---- the compositor's name of a picture ------------------------------------------------ */

static void came_back(void *data, struct wl_buffer *proxy);

static const struct wl_buffer_listener buffer_listener = { .release = came_back };

static struct zwp_linux_buffer_params_v1 *dmabuf_params(struct desktop *d, const struct win *picture, int fd)
{
	struct zwp_linux_buffer_params_v1 *params = zwp_linux_dmabuf_v1_create_params(d->dmabuf);

	if (params)
		zwp_linux_buffer_params_v1_add(params, fd, 0, 0, picture->texture.pitch, (uint32_t)(d->modifier >> 32),
			(uint32_t)d->modifier);
	return params;
}

static struct wl_buffer *dmabuf_proxy(struct desktop *d, const struct win *picture, int fd)
{
	struct zwp_linux_buffer_params_v1 *params = dmabuf_params(d, picture, fd);
	struct wl_buffer *proxy;

	if (!params)
		return NULL;
	proxy = zwp_linux_buffer_params_v1_create_immed(params, picture->texture.width, picture->texture.height,
		DRM_FORMAT_ARGB8888, 0);
	zwp_linux_buffer_params_v1_destroy(params);
	return proxy;
}

static struct wl_buffer *memory_proxy(struct desktop *d, const struct win *picture, int fd)
{
	const struct texture *t = &picture->texture;
	struct wl_shm_pool *pool = wl_shm_create_pool(d->shm, fd, (int32_t)t->bytes);
	struct wl_buffer *proxy;

	if (!pool)
		return NULL;
	proxy = wl_shm_pool_create_buffer(pool, 0, t->width, t->height, (int32_t)t->pitch, WL_SHM_FORMAT_ARGB8888);
	wl_shm_pool_destroy(pool);
	return proxy;
}

/* ---- buffers ------------------------------------------------------------------------- */

static void buffer_destroy(struct buffer *b)
{
	if (b->proxy)
		wl_buffer_destroy(b->proxy);
	if (b->picture)
		win_destroy(b->picture);
	free(b);
}

static int buffer_create(struct desktop *d, int width, int height, struct buffer **result)
{
	struct buffer *b = calloc(1, sizeof *b);
	int fd, error;

	if (!b)
		return -ENOMEM;
	b->desktop = d;
	error = win_create_shared(d->device, width, height, &b->picture, &fd);
	if (!error) {
		b->proxy = win_on_gpu(d->device) ? dmabuf_proxy(d, b->picture, fd) : memory_proxy(d, b->picture, fd);
		error = b->proxy ? 0 : -ENOMEM;
		close(fd);      /* libwayland has a copy until it is sent */
	}
	if (error) {
		buffer_destroy(b);
		return error;
	}
	wl_buffer_add_listener(b->proxy, &buffer_listener, b);
	*result = b;
	return 0;
}

/* How long a side of a new buffer is for one of the window's. */
static int room_for(const struct window *w, int side)
{
	int room = (side + BUFFER_STEP - 1) / BUFFER_STEP * BUFFER_STEP;

	return !w->viewport ? side : room < LONGEST_SIDE ? room : LONGEST_SIDE;
}

/* Whether the window can be drawn into it, and it is none that another window would be better off with. */
static bool fits(const struct buffer *b, const struct window *w)
{
	int width = b->picture->texture.width, height = b->picture->texture.height;

	if (!w->viewport)
		return width == w->width && height == w->height;
	return width >= w->width && height >= w->height &&
		(long long)width * height <= (long long)BUFFER_WASTE * room_for(w, w->width) * room_for(w, w->height);
}

/* Of those that lie idle, let go of the oldest that are too many; the first in the list came last. */
static void trim_idle(struct desktop *d)
{
	struct buffer **at = &d->idle;
	int count = 0;

	while (*at) {
		struct buffer *b = *at;
		if (count < IDLE_BUFFERS) {
			count++;
			at = &b->next;
		} else {
			*at = b->next;
			buffer_destroy(b);
		}
	}
}

static void make_idle(struct buffer *b)
{
	b->window = NULL;
	b->next = b->desktop->idle;
	b->desktop->idle = b;
}

void buffers_leave(struct window *w)
{
	for (int i = 0; i < WINDOW_BUFFERS; i++)
		if (w->buffers[i]) {
			make_idle(w->buffers[i]);
			w->buffers[i] = NULL;
		}
	trim_idle(w->desktop);
}

void buffers_resized(struct window *w)
{
	for (int i = 0; i < WINDOW_BUFFERS; i++)
		if (w->buffers[i])
			w->buffers[i]->stale = (struct window_area) { 0, 0, w->width, w->height };
}

static void came_back(void *data, struct wl_buffer *proxy)
{
	struct buffer *b = data;

	b->busy = false;
}

/* An idle one that fits, or a new one. All of it is to be drawn. */
static int get(struct window *w, struct buffer **place)
{
	struct buffer **at = &w->desktop->idle;
	int error = 0;

	while (*at && (!fits(*at, w) || (*at)->busy))
		at = &(*at)->next;
	if (*at) {
		*place = *at;
		*at = (*at)->next;
	} else {
		error = buffer_create(w->desktop, room_for(w, w->width), room_for(w, w->height), place);
	}
	if (error)
		return error;
	(*place)->window = w;
	(*place)->stale = (struct window_area) { 0, 0, w->width, w->height };
	return 0;
}

/* Let go of those that do not fit. */
static void leave_others(struct window *w)
{
	for (int i = 0; i < WINDOW_BUFFERS; i++)
		if (w->buffers[i] && !fits(w->buffers[i], w)) {
			make_idle(w->buffers[i]);
			w->buffers[i] = NULL;
		}
	trim_idle(w->desktop);
}

int buffers_prepare(struct window *w)
{
	int error = 0;

	leave_others(w);
	for (int i = 0; i < WINDOW_BUFFERS_FIRST && !error; i++)
		if (!w->buffers[i])
			error = get(w, &w->buffers[i]);
	/* One is enough to go on with. */
	return w->buffers[0] || w->buffers[1] ? 0 : error;
}

bool buffers_ready(const struct window *w)
{
	for (int i = 0; i < WINDOW_BUFFERS; i++)
		if (!w->buffers[i] || !w->buffers[i]->busy || !fits(w->buffers[i], w))
			return true;
	return false;
}

int buffers_take(struct window *w, struct buffer **buffer)
{
	int error = buffers_prepare(w);

	for (int i = 0; i < WINDOW_BUFFERS && !error; i++) {
		if (!w->buffers[i])
			error = get(w, &w->buffers[i]);
		if (!error && !w->buffers[i]->busy) {
			*buffer = w->buffers[i];
			return 0;
		}
	}
	return error ? error : -EAGAIN;
}

/* ---- how pictures travel --------------------------------------------------------------- */

static void format(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format)
{
	/* modifiers tell more */
}

/* Textures are as the host has them: not tiled as far as the guest can see. No modifier says just that. */
static void modifier(void *data, struct zwp_linux_dmabuf_v1 *dmabuf, uint32_t format, uint32_t high, uint32_t low)
{
	struct desktop *d = data;
	uint64_t value = (uint64_t)high << 32 | low;

	if (format != DRM_FORMAT_ARGB8888 || (value != DRM_FORMAT_MOD_INVALID && value != DRM_FORMAT_MOD_LINEAR))
		return;
	if (!d->takes_pictures || value == DRM_FORMAT_MOD_INVALID)
		d->modifier = value;
	d->takes_pictures = true;
}

static const struct zwp_linux_dmabuf_v1_listener dmabuf_listener = { .format = format, .modifier = modifier };

void buffers_listen(struct desktop *d)
{
	zwp_linux_dmabuf_v1_add_listener(d->dmabuf, &dmabuf_listener, d);
}

struct probe { bool answered; struct wl_buffer *proxy; };

static void probe_taken(void *data, struct zwp_linux_buffer_params_v1 *params, struct wl_buffer *proxy)
{
	struct probe *probe = data;

	probe->answered = true;
	probe->proxy = proxy;
}

static void probe_refused(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	struct probe *probe = data;

	probe->answered = true;
}

static const struct zwp_linux_buffer_params_v1_listener probe_listener = {
	.created = probe_taken, .failed = probe_refused,
};

/*
 * Does the compositor take what this card draws? It may be another card's. Sleeps for the answer. The picture that it
 * was asked about stays: letting go of it would be a stream, and there shall be none before the windows' pictures are
 * made.
 */
static bool takes_from(struct desktop *d, struct win_device *device)
{
	struct zwp_linux_buffer_params_v1 *params;
	struct probe probe = { 0 };
	struct win *picture;
	int fd;

	if (win_create_shared(device, PROBE_SIDE, PROBE_SIDE, &picture, &fd))
		return false;
	params = dmabuf_params(d, picture, fd);
	if (params) {
		zwp_linux_buffer_params_v1_add_listener(params, &probe_listener, &probe);
		zwp_linux_buffer_params_v1_create(params, PROBE_SIDE, PROBE_SIDE, DRM_FORMAT_ARGB8888, 0);
		while (!probe.answered && wl_display_roundtrip(d->display) >= 0)
			;
		zwp_linux_buffer_params_v1_destroy(params);
		if (probe.proxy)
			wl_buffer_destroy(probe.proxy);
	}
	close(fd);
	if (probe.proxy)
		d->tried = picture;
	else
		win_destroy(picture);
	return probe.proxy != NULL;
}

static int open_gpu(struct desktop *d)
{
	for (int i = 0; i < RENDER_NODES; i++) {
		struct win_device *device;
		char path[32];

		snprintf(path, sizeof path, "/dev/dri/renderD%d", RENDER_FIRST + i);
		if (win_open(&device, path, WIN_GPU))
			continue;
		if (takes_from(d, device)) {
			d->device = device;
			return 0;
		}
		win_close(device);
	}
	return -ENODEV;
}

int buffers_open(struct desktop *d, enum win_drawing how)
{
	int error = d->takes_pictures && how != WIN_SOFTWARE ? open_gpu(d) : -ENODEV;

	if (error && how != WIN_GPU)
		error = win_open_memory(&d->device);
	return error;
}

void buffers_close(struct desktop *d)
{
	if (d->tried)
		win_destroy(d->tried);
	while (d->idle) {
		struct buffer *b = d->idle;
		d->idle = b->next;
		buffer_destroy(b);
	}
}
