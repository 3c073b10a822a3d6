/*
 * xdg_toplevel, the requests of a window's client, and zxdg_decoration_manager_v1, by which it leaves its frame to bwm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"
#include "xdg.h"
#include "xdg-decoration-unstable-v1-server-protocol.h"

/* ---- configure --------------------------------------------------------------------- */

static bool add_state(struct wl_array *states, uint32_t state)
{
	uint32_t *at = wl_array_add(states, sizeof *at);

	if (at)
		*at = state;
	return at != NULL;
}

static void send_capabilities(struct window *w)
{
	static uint32_t all[] = {
		XDG_TOPLEVEL_WM_CAPABILITIES_WINDOW_MENU, XDG_TOPLEVEL_WM_CAPABILITIES_MAXIMIZE,
		XDG_TOPLEVEL_WM_CAPABILITIES_FULLSCREEN, XDG_TOPLEVEL_WM_CAPABILITIES_MINIMIZE,
	};
	struct wl_array array = { .size = sizeof all, .data = all };
	rect work = shell_work_area(w->server);

	if (wl_resource_get_version(w->resource) >= XDG_TOPLEVEL_WM_CAPABILITIES_SINCE_VERSION)
		xdg_toplevel_send_wm_capabilities(w->resource, &array);
	if (wl_resource_get_version(w->resource) >= XDG_TOPLEVEL_CONFIGURE_BOUNDS_SINCE_VERSION)
		xdg_toplevel_send_configure_bounds(w->resource, work.width, work.height);
}

void toplevel_send_configure(struct window *w)
{
	struct wl_array states;
	bool ok = true;

	if (!w->xdg->acked)
		send_capabilities(w);
	wl_array_init(&states);
	if (w->maximised)
		ok &= add_state(&states, XDG_TOPLEVEL_STATE_MAXIMIZED);
	if (w->fullscreen)
		ok &= add_state(&states, XDG_TOPLEVEL_STATE_FULLSCREEN);
	if (w->resizing)
		ok &= add_state(&states, XDG_TOPLEVEL_STATE_RESIZING);
	if (w->server->active == w)
		ok &= add_state(&states, XDG_TOPLEVEL_STATE_ACTIVATED);
	if (w->decoration)
		zxdg_toplevel_decoration_v1_send_configure(w->decoration, w->framed ?
			ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE : ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE);
	if (ok)
		xdg_toplevel_send_configure(w->resource, w->asked_width, w->asked_height, &states);
	else
		wl_resource_post_no_memory(w->resource);
	wl_array_release(&states);
}

void toplevel_configure(struct window *w, int width, int height)
{
	w->asked_width = width;
	w->asked_height = height;
	if (w->xdg->begun)      /* else with the first commit */
		xdg_schedule_configure(w->xdg);
}

void toplevel_send_close(struct window *w)
{
	xdg_toplevel_send_close(w->resource);
}

void toplevel_committed(struct window *w)
{
	struct surface *s = w->surface;

	w->least_width = w->pending_least_width;
	w->least_height = w->pending_least_height;
	w->most_width = w->pending_most_width;
	w->most_height = w->pending_most_height;
	if (s->width > 0 && !w->mapped)
		window_map(w);
	else if (s->width == 0 && w->mapped)
		window_unmap(w);
	else if (w->mapped)
		window_committed(w);
}

/* ---- requests ---------------------------------------------------------------------------- */

/* NULL: its surface is gone, and it does nothing any more. */
static struct window *of(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

static void destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void set_parent(struct wl_client *by, struct wl_resource *resource, struct wl_resource *parent)
{
	struct window *w = of(resource), *above = parent ? of(parent) : NULL;

	for (struct window *at = above; at; at = at->parent)
		if (at == w) {
			wl_resource_post_error(resource, XDG_TOPLEVEL_ERROR_INVALID_PARENT, "its own parent");
			return;
		}
	if (w)
		w->parent = above;
}

static void set_text(struct wl_resource *resource, char **text, const char *value)
{
	char *copy;

	if (*text && !strcmp(*text, value))
		return;
	copy = strdup(value);
	if (!copy) {
		wl_resource_post_no_memory(resource);
		return;
	}
	free(*text);
	*text = copy;
	window_changed(of(resource));
}

static void set_title(struct wl_client *by, struct wl_resource *resource, const char *title)
{
	if (of(resource))
		set_text(resource, &of(resource)->title, title);
}

static void set_app_id(struct wl_client *by, struct wl_resource *resource, const char *app_id)
{
	if (of(resource))
		set_text(resource, &of(resource)->app_id, app_id);
}

static void show_menu(struct wl_client *by, struct wl_resource *resource, struct wl_resource *seat, uint32_t serial,
		      int32_t x, int32_t y)
{
	struct window *w = of(resource);

	if (w && w->mapped)
		shell_window_menu(w, serial, x, y);
}

static void move(struct wl_client *by, struct wl_resource *resource, struct wl_resource *seat, uint32_t serial)
{
	struct window *w = of(resource);

	if (w && w->mapped)
		shell_begin_move(w, serial);
}

static void resize(struct wl_client *by, struct wl_resource *resource, struct wl_resource *seat, uint32_t serial,
		   uint32_t edges)
{
	struct window *w = of(resource);

	if (edges > XDG_TOPLEVEL_RESIZE_EDGE_BOTTOM_RIGHT || (edges & 3) == 3 || (edges & 12) == 12)
		wl_resource_post_error(resource, XDG_TOPLEVEL_ERROR_INVALID_RESIZE_EDGE, "no edges %u", edges);
	else if (w && w->mapped)
		shell_begin_resize(w, serial, edges);
}

/* Negative sizes, and a least size above the most (0: none), are errors. */
static bool sizes_are_wrong(struct wl_resource *resource, int32_t width, int32_t height, int other_width,
			    int other_height, bool least)
{
	bool crossed = (width && other_width && (least ? width > other_width : width < other_width)) ||
		(height && other_height && (least ? height > other_height : height < other_height));

	if (width >= 0 && height >= 0 && !crossed)
		return false;
	wl_resource_post_error(resource, XDG_TOPLEVEL_ERROR_INVALID_SIZE, "no such size");
	return true;
}

static void set_max_size(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height)
{
	struct window *w = of(resource);

	if (!w || sizes_are_wrong(resource, width, height, w->pending_least_width, w->pending_least_height, false))
		return;
	w->pending_most_width = width;
	w->pending_most_height = height;
}

static void set_min_size(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height)
{
	struct window *w = of(resource);

	if (!w || sizes_are_wrong(resource, width, height, w->pending_most_width, w->pending_most_height, true))
		return;
	w->pending_least_width = width;
	w->pending_least_height = height;
}

static void set_maximised(struct wl_client *by, struct wl_resource *resource)
{
	if (of(resource))
		window_maximise(of(resource), true);
}

static void unset_maximised(struct wl_client *by, struct wl_resource *resource)
{
	if (of(resource))
		window_maximise(of(resource), false);
}

static void set_fullscreen(struct wl_client *by, struct wl_resource *resource, struct wl_resource *output)
{
	if (of(resource))
		window_fullscreen(of(resource), true);
}

static void unset_fullscreen(struct wl_client *by, struct wl_resource *resource)
{
	if (of(resource))
		window_fullscreen(of(resource), false);
}

static void set_minimised(struct wl_client *by, struct wl_resource *resource)
{
	if (of(resource))
		window_minimise(of(resource), true);
}

static const struct xdg_toplevel_interface implementation = {
	.destroy = destroy, .set_parent = set_parent, .set_title = set_title, .set_app_id = set_app_id,
	.show_window_menu = show_menu, .move = move, .resize = resize, .set_max_size = set_max_size,
	.set_min_size = set_min_size, .set_maximized = set_maximised, .unset_maximized = unset_maximised,
	.set_fullscreen = set_fullscreen, .unset_fullscreen = unset_fullscreen, .set_minimized = set_minimised,
};

void toplevel_free(struct window *w)
{
	struct xdg_surface *x = w->xdg;

	if (w->decoration)
		wl_resource_set_user_data(w->decoration, NULL);
	wl_resource_set_user_data(w->resource, NULL);
	window_destroy(w);
	x->window = NULL;
	if (x->idle)
		wl_event_source_remove(x->idle);
	x->idle = NULL;
}

static void destroyed(struct wl_resource *resource)
{
	struct window *w = of(resource);

	if (!w)
		return;
	popups_orphan(w->xdg);
	w->xdg->acked = w->xdg->begun = false;
	w->xdg->sent_count = 0;
	toplevel_free(w);
}

void toplevel_create(struct xdg_surface *x, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(x->client->client, &xdg_toplevel_interface,
		wl_resource_get_version(x->resource), id);
	struct window *w = resource ? window_create(x->server, x, x->surface) : NULL;

	if (!w) {
		if (resource)
			wl_resource_destroy(resource);
		wl_client_post_no_memory(x->client->client);
		return;
	}
	w->resource = resource;
	x->window = w;
	wl_resource_set_implementation(resource, &implementation, w, destroyed);
}

/* ---- whose frame it is ---------------------------------------------------------------------- */

static void set_framed(struct window *w, bool on)
{
	if (!w)
		return;
	if (w->framed != on) {
		w->framed = on;
		window_frame_changed(w);
	}
	if (w->xdg->begun)
		xdg_schedule_configure(w->xdg);
}

static void decoration_set_mode(struct wl_client *by, struct wl_resource *resource, uint32_t mode)
{
	if (mode != ZXDG_TOPLEVEL_DECORATION_V1_MODE_CLIENT_SIDE && mode != ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE)
		wl_resource_post_error(resource, ZXDG_TOPLEVEL_DECORATION_V1_ERROR_UNCONFIGURED_BUFFER, "no mode %u", mode);
	else
		set_framed(of(resource), mode == ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
}

/* bwm's own choice: its windows look alike. */
static void decoration_unset_mode(struct wl_client *by, struct wl_resource *resource)
{
	set_framed(of(resource), true);
}

static const struct zxdg_toplevel_decoration_v1_interface decoration = {
	.destroy = destroy, .set_mode = decoration_set_mode, .unset_mode = decoration_unset_mode,
};

static void decoration_destroyed(struct wl_resource *resource)
{
	struct window *w = of(resource);

	if (!w)
		return;
	w->decoration = NULL;
	set_framed(w, false);
}

static void manager_get(struct wl_client *by, struct wl_resource *resource, uint32_t id, struct wl_resource *toplevel)
{
	struct window *w = of(toplevel);
	struct wl_resource *d;

	if (w && w->decoration) {
		wl_resource_post_error(resource, ZXDG_TOPLEVEL_DECORATION_V1_ERROR_ALREADY_CONSTRUCTED, "it has one");
		return;
	}
	d = wl_resource_create(by, &zxdg_toplevel_decoration_v1_interface, wl_resource_get_version(resource), id);
	if (!d) {
		wl_client_post_no_memory(by);
		return;
	}
	wl_resource_set_implementation(d, &decoration, w, decoration_destroyed);
	if (w)
		w->decoration = d;
	set_framed(w, true);
}

static const struct zxdg_decoration_manager_v1_interface manager = {
	.destroy = destroy, .get_toplevel_decoration = manager_get,
};

static void manager_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(by, &zxdg_decoration_manager_v1_interface, (int)version, id);

	if (!resource)
		wl_client_post_no_memory(by);
	else
		wl_resource_set_implementation(resource, &manager, data, NULL);
}

int decoration_create_global(struct server *server)
{
	return wl_global_create(server->display, &zxdg_decoration_manager_v1_interface, 1, server, manager_bind) ?
		0 : -ENOMEM;
}
