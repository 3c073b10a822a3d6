/*
 * xdg_wm_base and xdg_surface: surfaces of the desktop, and the talk of configure and ack_configure that both kinds,
 * toplevels and popups, have.
 *
 * bwm says what a surface is to be (configure), once a round of events however often that changed; the client answers
 * (ack_configure) and commits. A surface shows nothing before it has answered once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xdg.h"

enum {
	XDG_VERSION = 5,
	PING_TIMEOUT = 5000,        /* ms after which a client that did not answer is taken for one that hangs */
};

/* ---- configure ------------------------------------------------------------------------ */

static void send_configure(void *data)
{
	struct xdg_surface *x = data;
	uint32_t serial = wl_display_next_serial(x->server->display);

	x->idle = NULL;
	if (x->window) {
		toplevel_send_configure(x->window);
		window_told(x->window, serial);
	} else if (x->popup) {
		popup_send_configure(x->popup);
	}
	if (x->sent_count == CONFIGURES)
		memmove(x->sent, x->sent + 1, (size_t)--x->sent_count * sizeof x->sent[0]);
	x->sent[x->sent_count++] = serial;
	xdg_surface_send_configure(x->resource, serial);
}

void xdg_schedule_configure(struct xdg_surface *x)
{
	if (!x->idle && x->surface && (x->window || x->popup))
		x->idle = wl_event_loop_add_idle(x->server->loop, send_configure, x);
}

/* With one are answered those before it. */
static void xdg_ack_configure(struct wl_client *by, struct wl_resource *resource, uint32_t serial)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	for (int i = 0; i < x->sent_count; i++) {
		if (x->sent[i] != serial)
			continue;
		x->sent_count -= i + 1;
		memmove(x->sent, x->sent + i + 1, (size_t)x->sent_count * sizeof x->sent[0]);
		x->acked = true;
		x->answered = serial;
		return;
	}
	/* One of those that were forgotten is older than all that are kept. */
	if (x->sent_count < CONFIGURES || (int32_t)(serial - x->sent[0]) >= 0)
		wl_resource_post_error(x->shell->resource, XDG_WM_BASE_ERROR_INVALID_SURFACE_STATE, "no configure %u", serial);
}

/* ---- the surface ------------------------------------------------------------------------- */

bool xdg_answered(const struct xdg_surface *x, uint32_t serial)
{
	return (int32_t)(x->answered - serial) >= 0;
}

rect xdg_geometry(const struct xdg_surface *x)
{
	rect all = x->surface ? (rect) { 0, 0, x->surface->width, x->surface->height } : (rect) { 0 }, part;

	if (rect_empty(x->geometry))
		return all;
	part = x->surface ? rect_meet(x->geometry, surface_extents(x->surface, 0, 0)) : x->geometry;
	return rect_empty(part) ? all : part;
}

static void xdg_committed(struct surface *s)
{
	struct xdg_surface *x = s->role_object;

	if (!x)
		return;
	if (!x->window && !x->popup) {
		wl_resource_post_error(x->resource, XDG_SURFACE_ERROR_NOT_CONSTRUCTED, "it is neither toplevel nor popup");
		return;
	}
	if (s->width > 0 && !x->acked) {
		wl_resource_post_error(x->resource, XDG_SURFACE_ERROR_UNCONFIGURED_BUFFER, "a buffer before ack_configure");
		return;
	}
	x->geometry = x->pending_geometry;
	if (x->window)
		toplevel_committed(x->window);
	else
		popup_committed(x->popup);
	if (!x->begun) {
		x->begun = true;
		xdg_schedule_configure(x);
	}
	if (s->width == 0 && x->acked) {    /* it is no longer mapped, and begins anew */
		x->acked = x->begun = false;
		x->sent_count = 0;
	}
}

static void role_free(struct xdg_surface *x)
{
	popups_orphan(x);
	if (x->window)
		toplevel_free(x->window);
	if (x->popup)
		popup_free(x->popup);
	if (x->idle)
		wl_event_source_remove(x->idle);
	x->idle = NULL;
}

/* Clients destroy the role first; one that ends has its objects destroyed in any order. */
static void xdg_surface_gone(struct surface *s)
{
	struct xdg_surface *x = s->role_object;

	if (!x)
		return;
	role_free(x);
	x->surface = NULL;
}

static const struct surface_role role = {
	.name = "xdg_surface", .committed = xdg_committed, .destroyed = xdg_surface_gone,
};

static void shell_client_free(struct shell_client *shell)
{
	if (shell->resource || shell->surfaces > 0)
		return;
	if (shell->ping_timer)
		wl_event_source_remove(shell->ping_timer);
	client_give(shell->client, &shell->client->objects);
	free(shell);
}

static void xdg_destroyed(struct wl_resource *resource)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	role_free(x);
	if (x->surface)
		x->surface->role_object = NULL;
	x->shell->surfaces--;
	shell_client_free(x->shell);
	free(x);
}

static void xdg_destroy(struct wl_client *by, struct wl_resource *resource)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	if (x->window || x->popup)
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_DEFUNCT_SURFACES, "its role is still there");
	else
		wl_resource_destroy(resource);
}

static bool may_have_role(struct xdg_surface *x)
{
	if (x->surface && !x->window && !x->popup)
		return true;
	wl_resource_post_error(x->resource, XDG_SURFACE_ERROR_ALREADY_CONSTRUCTED, "it has a role, or no surface");
	return false;
}

static void xdg_get_toplevel(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	if (may_have_role(x))
		toplevel_create(x, id);
}

static void xdg_get_popup(struct wl_client *by, struct wl_resource *resource, uint32_t id, struct wl_resource *parent,
			  struct wl_resource *positioner)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	if (may_have_role(x))
		popup_create(x, id, parent ? wl_resource_get_user_data(parent) : NULL, positioner);
}

static void xdg_set_geometry(struct wl_client *by, struct wl_resource *resource, int32_t left, int32_t top,
			     int32_t width, int32_t height)
{
	struct xdg_surface *x = wl_resource_get_user_data(resource);

	if (width < 1 || height < 1)
		wl_resource_post_error(resource, XDG_SURFACE_ERROR_NOT_CONSTRUCTED, "no geometry");
	else
		x->pending_geometry = (rect) { left, top, width, height };
}

static const struct xdg_surface_interface implementation = {
	.destroy = xdg_destroy, .get_toplevel = xdg_get_toplevel, .get_popup = xdg_get_popup,
	.set_window_geometry = xdg_set_geometry, .ack_configure = xdg_ack_configure,
};

static void base_get_surface(struct wl_client *by, struct wl_resource *resource, uint32_t id,
			     struct wl_resource *surface)
{
	struct shell_client *shell = wl_resource_get_user_data(resource);
	struct surface *s = surface_of(surface);
	struct xdg_surface *x;

	if (s->width > 0 || s->pending.buffer) {
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_INVALID_SURFACE_STATE, "the surface has a buffer");
		return;
	}
	x = calloc(1, sizeof *x);
	if (x)
		x->resource = wl_resource_create(by, &xdg_surface_interface, wl_resource_get_version(resource), id);
	if (!x || !x->resource) {
		free(x);
		wl_client_post_no_memory(by);
		return;
	}
	if (!surface_set_role(s, &role, x, resource, XDG_WM_BASE_ERROR_ROLE)) {
		wl_resource_destroy(x->resource);
		free(x);
		return;
	}
	x->server = s->server;
	x->client = s->client;
	x->shell = shell;
	x->surface = s;
	shell->surfaces++;
	wl_resource_set_implementation(x->resource, &implementation, x, xdg_destroyed);
}

/* ---- xdg_wm_base ---------------------------------------------------------------------------- */

static void unanswered(struct shell_client *shell, bool on)
{
	struct window *w;

	wl_list_for_each(w, &shell->client->server->windows, link) {
		if (w->xdg->shell != shell || w->unanswered == on)
			continue;
		w->unanswered = on;
		window_changed(w);
	}
}

static int ping_timeout(void *data)
{
	struct shell_client *shell = data;

	if (shell->ping)
		unanswered(shell, true);
	return 0;
}

void toplevel_ping(struct window *w)
{
	struct shell_client *shell = w->xdg->shell;

	if (shell->ping || !shell->resource)
		return;
	if (!shell->ping_timer)
		shell->ping_timer = wl_event_loop_add_timer(w->server->loop, ping_timeout, shell);
	if (!shell->ping_timer)
		return;
	shell->ping = wl_display_next_serial(w->server->display);
	wl_event_source_timer_update(shell->ping_timer, PING_TIMEOUT);
	xdg_wm_base_send_ping(shell->resource, shell->ping);
}

static void base_pong(struct wl_client *by, struct wl_resource *resource, uint32_t serial)
{
	struct shell_client *shell = wl_resource_get_user_data(resource);

	if (!shell->ping || serial != shell->ping)
		return;
	shell->ping = 0;
	wl_event_source_timer_update(shell->ping_timer, 0);
	unanswered(shell, false);
}

static void base_destroy(struct wl_client *by, struct wl_resource *resource)
{
	struct shell_client *shell = wl_resource_get_user_data(resource);

	if (shell->surfaces > 0)
		wl_resource_post_error(resource, XDG_WM_BASE_ERROR_DEFUNCT_SURFACES, "surfaces are left");
	else
		wl_resource_destroy(resource);
}

static void base_create_positioner(struct wl_client *by, struct wl_resource *resource, uint32_t id)
{
	struct shell_client *shell = wl_resource_get_user_data(resource);

	positioner_create(shell->client, (uint32_t)wl_resource_get_version(resource), id);
}

static const struct xdg_wm_base_interface base = {
	.destroy = base_destroy, .create_positioner = base_create_positioner, .get_xdg_surface = base_get_surface,
	.pong = base_pong,
};

static void base_destroyed(struct wl_resource *resource)
{
	struct shell_client *shell = wl_resource_get_user_data(resource);

	shell->resource = NULL;
	shell_client_free(shell);
}

static void base_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct client *client = client_of(data, by);
	struct shell_client *shell;

	if (!client || !client_take(client, &client->objects, CLIENT_OBJECTS))
		return;
	shell = calloc(1, sizeof *shell);
	if (shell)
		shell->resource = wl_resource_create(by, &xdg_wm_base_interface, (int)version, id);
	if (!shell || !shell->resource) {
		free(shell);
		client_give(client, &client->objects);
		wl_client_post_no_memory(by);
		return;
	}
	shell->client = client;
	wl_resource_set_implementation(shell->resource, &base, shell, base_destroyed);
}

int xdg_create_global(struct server *server)
{
	return wl_global_create(server->display, &xdg_wm_base_interface, XDG_VERSION, server, base_bind) ? 0 : -ENOMEM;
}
