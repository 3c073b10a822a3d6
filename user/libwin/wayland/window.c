/*
 * Windows: xdg-shell's toplevels, their sizes, and the pace of their frames.
 *
 * A window's frame is due when something is damaged, the compositor has asked for a frame (its callback for the last
 * one came), and a buffer is free. Two or three buffers take turns, so each lacks what was drawn into the others since
 * its own last turn: that is drawn again into it beside the damage, and the compositor is told of the damage alone.
 *
 * A size that the compositor asks for is acknowledged with the next frame, which has it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "desktop.h"

#include "viewporter-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

/* ---- parts of a window ------------------------------------------------------------- */

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

struct window_area part_union(struct window_area a, struct window_area b)
{
	struct window_area both = { least(a.x, b.x), least(a.y, b.y), 0, 0 };

	if (a.width == 0)
		return b;
	if (b.width == 0)
		return a;
	both.width = most(a.x + a.width, b.x + b.width) - both.x;
	both.height = most(a.y + a.height, b.y + b.height) - both.y;
	return both;
}

void window_damage(struct window *w, int x, int y, int width, int height)
{
	struct window_area part = { most(x, 0), most(y, 0), 0, 0 };
	long right = (long)x + width, bottom = (long)y + height;

	part.width = (right < w->width ? (int)right : w->width) - part.x;
	part.height = (bottom < w->height ? (int)bottom : w->height) - part.y;
	if (right <= part.x || bottom <= part.y || part.width <= 0 || part.height <= 0)
		return;
	w->damage = part_union(w->damage, part);
	w->told = false;
}

void window_damage_all(struct window *w)
{
	window_damage(w, 0, 0, w->width, w->height);
}

/* ---- what the compositor says ------------------------------------------------------- */

struct window *window_of(struct wl_surface *surface)
{
	return surface ? wl_surface_get_user_data(surface) : NULL;
}

static void resize(struct window *w, int width, int height)
{
	struct window_event event = { .type = WINDOW_RESIZE, .window = w, .width = width, .height = height };
	struct window_event *last = desktop_last_event(w->desktop, w, WINDOW_RESIZE);

	w->width = width;
	w->height = height;
	w->damage.width = 0;
	window_damage_all(w);
	buffers_resized(w);
	if (last)
		*last = event;
	else
		desktop_event(w->desktop, &event);
}

static void asked_for_size(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height,
			   struct wl_array *states)
{
	struct window *w = data;

	w->asked_width = least(most(width, 0), LONGEST_SIDE);
	w->asked_height = least(most(height, 0), LONGEST_SIDE);
}

static void asked_to_close(void *data, struct xdg_toplevel *toplevel)
{
	struct window *w = data;

	desktop_event(w->desktop, &(struct window_event) { .type = WINDOW_CLOSE, .window = w });
}

static const struct xdg_toplevel_listener toplevel_listener = { .configure = asked_for_size, .close = asked_to_close };

/* All that is asked for is known: it holds from the next frame on. A side of 0 is for the window to choose. */
static void configure(void *data, struct xdg_surface *shell, uint32_t serial)
{
	struct window *w = data;
	int width = w->asked_width ? w->asked_width : w->width;
	int height = w->asked_height ? w->asked_height : w->height;

	xdg_surface_ack_configure(shell, serial);
	if (width != w->width || height != w->height)
		resize(w, width, height);
	else if (w->shown && w->damage.width == 0)
		wl_surface_commit(w->surface);
	if (!w->configured)
		window_damage_all(w);
	w->configured = true;
}

static const struct xdg_surface_listener shell_listener = { .configure = configure };

static void ping(void *data, struct xdg_wm_base *wm_base, uint32_t serial)
{
	xdg_wm_base_pong(wm_base, serial);
}

static const struct xdg_wm_base_listener wm_base_listener = { .ping = ping };

void window_shell_listen(struct desktop *d)
{
	xdg_wm_base_add_listener(d->wm_base, &wm_base_listener, d);
}

static void frame_wanted(void *data, struct wl_callback *callback, uint32_t time)
{
	struct window *w = data;

	wl_callback_destroy(callback);
	w->frame = NULL;
}

static const struct wl_callback_listener frame_listener = { .done = frame_wanted };

/* ---- windows ------------------------------------------------------------------------ */

static int create_surfaces(struct window *w)
{
	struct desktop *d = w->desktop;

	w->surface = wl_compositor_create_surface(d->compositor);
	w->shell = w->surface ? xdg_wm_base_get_xdg_surface(d->wm_base, w->surface) : NULL;
	w->toplevel = w->shell ? xdg_surface_get_toplevel(w->shell) : NULL;
	if (!w->toplevel)
		return -ENOMEM;
	wl_surface_set_user_data(w->surface, w);
	xdg_surface_add_listener(w->shell, &shell_listener, w);
	xdg_toplevel_add_listener(w->toplevel, &toplevel_listener, w);
	if (d->viewporter)
		w->viewport = wp_viewporter_get_viewport(d->viewporter, w->surface);
	if (d->decorations)
		w->decoration = zxdg_decoration_manager_v1_get_toplevel_decoration(d->decorations, w->toplevel);
	if (w->decoration)
		zxdg_toplevel_decoration_v1_set_mode(w->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	return 0;
}

int window_create(struct desktop *d, int width, int height, const char *title, const char *app_id, void *data,
		  struct window **result)
{
	struct window *w;
	int error;

	if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)
		return -EINVAL;
	w = calloc(1, sizeof *w);
	if (!w)
		return -ENOMEM;
	w->desktop = d;
	w->data = data;
	w->width = width;
	w->height = height;
	wl_list_insert(&d->windows, &w->link);
	error = create_surfaces(w);
	if (error) {
		window_destroy(w);
		return error;
	}
	xdg_toplevel_set_title(w->toplevel, title);
	xdg_toplevel_set_app_id(w->toplevel, app_id);
	wl_surface_commit(w->surface);      /* without a picture: asks for the first size */
	*result = w;
	return 0;
}

void window_destroy(struct window *w)
{
	if (w->drawing)
		win_end_frame(w->drawing->picture);
	desktop_forget(w->desktop, w);
	if (w->frame)
		wl_callback_destroy(w->frame);
	if (w->viewport)
		wp_viewport_destroy(w->viewport);
	if (w->decoration)
		zxdg_toplevel_decoration_v1_destroy(w->decoration);
	if (w->toplevel)
		xdg_toplevel_destroy(w->toplevel);
	if (w->shell)
		xdg_surface_destroy(w->shell);
	if (w->surface)
		wl_surface_destroy(w->surface);
	buffers_leave(w);
	wl_list_remove(&w->link);
	free(w);
}

void *window_data(const struct window *w)
{
	return w->data;
}

int window_width(const struct window *w)
{
	return w->width;
}

int window_height(const struct window *w)
{
	return w->height;
}

bool window_focused(const struct window *w)
{
	return w->focused;
}

void window_set_title(struct window *w, const char *title)
{
	xdg_toplevel_set_title(w->toplevel, title);
}

void window_set_least_size(struct window *w, int width, int height)
{
	xdg_toplevel_set_min_size(w->toplevel, width, height);
}

void window_set_fullscreen(struct window *w, bool on)
{
	if (on)
		xdg_toplevel_set_fullscreen(w->toplevel, NULL);
	else
		xdg_toplevel_unset_fullscreen(w->toplevel);
}

/* ---- frames ------------------------------------------------------------------------- */

static bool is_due(const struct window *w)
{
	return w->configured && w->damage.width > 0 && !w->frame && !w->drawing && buffers_ready(w);
}

void windows_draw(struct desktop *d)
{
	struct window *w;

	wl_list_for_each(w, &d->windows, link)
		if (!w->told && is_due(w)) {
			w->told = true;
			desktop_event(d, &(struct window_event) { .type = WINDOW_DRAW, .window = w });
		}
}

int window_begin_frame(struct window *w, struct win **win, struct window_area *area)
{
	struct buffer *buffer;
	int error;

	if (!is_due(w)) {
		w->told = false;
		return -EAGAIN;
	}
	error = buffers_take(w, &buffer);
	if (!error)
		error = win_begin_frame(buffer->picture);
	if (error)
		return error;
	buffer->picture->width = w->width;
	buffer->picture->height = w->height;
	w->told = false;
	w->drawing = buffer;
	w->fresh = w->damage;
	w->area = part_union(w->damage, buffer->stale);
	w->damage = (struct window_area) { 0 };
	win_clip(buffer->picture, (struct win_part) { w->area.x, w->area.y, w->area.width, w->area.height });
	*win = buffer->picture;
	if (area)
		*area = w->area;
	return 0;
}

/* The compositor is to show of the buffer what the window has drawn. */
static void crop(struct window *w)
{
	if (!w->viewport || (w->cropped_width == w->width && w->cropped_height == w->height))
		return;
	wp_viewport_set_source(w->viewport, 0, 0, wl_fixed_from_int(w->width), wl_fixed_from_int(w->height));
	w->cropped_width = w->width;
	w->cropped_height = w->height;
}

int window_end_frame(struct window *w)
{
	struct buffer *drawn = w->drawing;
	int error;

	if (!drawn)
		return -EINVAL;
	error = win_end_frame(drawn->picture);
	w->drawing = NULL;
	drawn->stale = (struct window_area) { 0 };
	for (int i = 0; i < WINDOW_BUFFERS; i++)
		if (w->buffers[i] && w->buffers[i] != drawn)
			w->buffers[i]->stale = part_union(w->buffers[i]->stale, w->fresh);
	drawn->busy = true;
	w->shown = true;
	wl_surface_attach(w->surface, drawn->proxy, 0, 0);
	crop(w);
	wl_surface_damage_buffer(w->surface, w->fresh.x, w->fresh.y, w->fresh.width, w->fresh.height);
	w->frame = wl_surface_frame(w->surface);
	if (!w->frame)
		return -ENOMEM;
	wl_callback_add_listener(w->frame, &frame_listener, w);
	wl_surface_commit(w->surface);
	return error;
}
