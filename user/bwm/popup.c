/*
 * xdg_popup: menus and the like, that hang from a window or from another popup, lie above all of its window, and go
 * when the user presses elsewhere (the shell's grab).
 */
#include <stdlib.h>

#include "shell.h"
#include "xdg.h"

/* ---- places ---------------------------------------------------------------------------- */

/* The parent's geometry on the display. */
static rect parent_geometry(const struct popup *popup)
{
	if (popup->parent && popup->parent->window)
		return window_geometry(popup->parent->window);
	if (popup->parent && popup->parent->popup)
		return popup_geometry(popup->parent->popup);
	return (rect) { 0 };
}

rect popup_geometry(const struct popup *popup)
{
	rect parent = parent_geometry(popup), own = xdg_geometry(popup->xdg);

	return (rect) { parent.x + popup->x, parent.y + popup->y, own.width, own.height };
}

/* Where the parent will be when it is as the positioner says: resized, or maximised and the like. */
static rect parent_then(const struct popup *popup, const struct positioner *p)
{
	rect parent = parent_geometry(popup);
	const struct window *w = popup->parent ? popup->parent->window : NULL;

	if (!w || !p->for_parent)
		return parent;
	if (w->placing && w->place_asked && (int32_t)(p->parent_serial - w->place_serial) >= 0)
		return (rect) { w->place_x, w->place_y, p->parent_width, p->parent_height };
	if (p->parent_width > 0 && w->resize_edges & EDGE_LEFT)
		parent.x += parent.width - p->parent_width;
	if (p->parent_height > 0 && w->resize_edges & EDGE_TOP)
		parent.y += parent.height - p->parent_height;
	return parent;
}

static void place(struct popup *popup, const struct positioner *p)
{
	rect bounds = { 0, 0, popup->xdg->server->output.width, popup->xdg->server->output.height };
	rect parent = parent_then(popup, p), at;

	bounds.x -= parent.x;
	bounds.y -= parent.y;
	at = positioner_place(p, bounds);
	popup->x = at.x;
	popup->y = at.y;
	popup->width = at.width;
	popup->height = at.height;
}

/* Keep how it is placed, if it is to be placed again. Without memory it stays as it is. */
static void keep_positioner(struct popup *popup, const struct positioner *p)
{
	free(popup->reactive);
	popup->reactive = p->reactive ? malloc(sizeof *p) : NULL;
	if (popup->reactive)
		*popup->reactive = *p;
}

/* ---- configure and commit ------------------------------------------------------------------ */

void popup_send_configure(struct popup *popup)
{
	if (popup->repositioned) {
		xdg_popup_send_repositioned(popup->resource, popup->token);
		popup->repositioned = false;
	}
	xdg_popup_send_configure(popup->resource, popup->x, popup->y, popup->width, popup->height);
}

static void damage_popup(struct popup *popup)
{
	int x, y;

	if (surface_place(popup->surface, &x, &y))
		damage_add(popup->xdg->server, surface_extents(popup->surface, x, y));
}

/* Their parents are before them in the list. */
void popups_react(struct window *w)
{
	struct popup *popup;

	wl_list_for_each(popup, &w->popups, link) {
		rect before = { popup->x, popup->y, popup->width, popup->height };
		if (!popup->reactive || !popup->mapped)
			continue;
		damage_popup(popup);
		place(popup, popup->reactive);
		if (popup->x == before.x && popup->y == before.y && popup->width == before.width &&
		    popup->height == before.height)
			continue;
		damage_popup(popup);
		xdg_schedule_configure(popup->xdg);
	}
}

void popup_unmap(struct popup *popup)
{
	damage_popup(popup);
	popup->mapped = false;
}

void popup_committed(struct popup *popup)
{
	bool shown = popup->surface->width > 0;

	if (shown && !popup->mapped) {
		popup->mapped = true;
		damage_popup(popup);
	} else if (!shown && popup->mapped) {
		popup_unmap(popup);
	}
}

/* ---- the end of one --------------------------------------------------------------------------- */

void popup_dismiss(struct popup *popup)
{
	struct popup *other;

	if (!popup->window)
		return;
	/* Those that hang from it first; they are behind it in the list. */
	wl_list_for_each_reverse(other, &popup->window->popups, link)
		if (other->parent == popup->xdg && other->mapped)
			popup_dismiss(other);
	popup_unmap(popup);
	xdg_popup_send_popup_done(popup->resource);
}

void popup_free(struct popup *popup)
{
	popup_unmap(popup);
	shell_forget_popup(popup);
	popup->xdg->popup = NULL;
	wl_resource_set_user_data(popup->resource, NULL);
	wl_list_remove(&popup->link);
	free(popup->reactive);
	free(popup);
}

/* Their parent is going: they are not shown any more, and wait for their client to destroy them. */
void popups_orphan(struct xdg_surface *parent)
{
	struct window *w = parent->window ? parent->window : parent->popup ? parent->popup->window : NULL;
	struct popup *popup, *next;

	if (!w)
		return;
	wl_list_for_each_safe(popup, next, &w->popups, link) {
		if (popup->parent != parent && !parent->window)
			continue;
		popup_unmap(popup);
		xdg_popup_send_popup_done(popup->resource);
		if (popup->parent == parent)
			popup->parent = NULL;
		if (parent->window) {
			popup->window = NULL;
			wl_list_remove(&popup->link);
			wl_list_init(&popup->link);
		}
	}
}

/* ---- requests ------------------------------------------------------------------------------------ */

static struct popup *of(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

static bool has_children(const struct popup *popup)
{
	const struct popup *other;

	if (popup->window)
		wl_list_for_each(other, &popup->window->popups, link)
			if (other->parent == popup->xdg)
				return true;
	return false;
}

static void destroy(struct wl_client *by, struct wl_resource *resource)
{
	struct popup *popup = of(resource);

	if (popup && has_children(popup))
		wl_resource_post_error(popup->xdg->shell->resource, XDG_WM_BASE_ERROR_NOT_THE_TOPMOST_POPUP,
			"others hang from it");
	else
		wl_resource_destroy(resource);
}

static void grab(struct wl_client *by, struct wl_resource *resource, struct wl_resource *seat, uint32_t serial)
{
	struct popup *popup = of(resource);

	if (!popup)
		return;
	if (popup->mapped) {
		wl_resource_post_error(resource, XDG_POPUP_ERROR_INVALID_GRAB, "it is mapped");
		return;
	}
	popup->grabs = shell_grab_popup(popup, serial);
	if (!popup->grabs)
		popup_dismiss(popup);
}

static void reposition(struct wl_client *by, struct wl_resource *resource, struct wl_resource *positioner,
		       uint32_t token)
{
	struct popup *popup = of(resource);

	if (!popup)
		return;
	damage_popup(popup);
	keep_positioner(popup, wl_resource_get_user_data(positioner));
	place(popup, wl_resource_get_user_data(positioner));
	damage_popup(popup);
	popup->repositioned = true;
	popup->token = token;
	xdg_schedule_configure(popup->xdg);
}

static const struct xdg_popup_interface implementation = { .destroy = destroy, .grab = grab, .reposition = reposition };

static void destroyed(struct wl_resource *resource)
{
	struct popup *popup = of(resource);

	if (!popup)
		return;
	popups_orphan(popup->xdg);
	popup->xdg->acked = popup->xdg->begun = false;
	popup->xdg->sent_count = 0;
	popup_free(popup);
}

void popup_create(struct xdg_surface *x, uint32_t id, struct xdg_surface *parent, struct wl_resource *positioner)
{
	const struct positioner *p = wl_resource_get_user_data(positioner);
	struct window *w = !parent ? NULL : parent->window ? parent->window : parent->popup ? parent->popup->window : NULL;
	struct popup *popup;

	if (!w) {
		wl_resource_post_error(x->shell->resource, XDG_WM_BASE_ERROR_INVALID_POPUP_PARENT, "no such parent");
		return;
	}
	if (p->width < 1 || !p->anchored) {
		wl_resource_post_error(x->shell->resource, XDG_WM_BASE_ERROR_INVALID_POSITIONER, "no size or no anchor");
		return;
	}
	popup = calloc(1, sizeof *popup);
	if (popup)
		popup->resource = wl_resource_create(x->client->client, &xdg_popup_interface,
			wl_resource_get_version(x->resource), id);
	if (!popup || !popup->resource) {
		free(popup);
		wl_client_post_no_memory(x->client->client);
		return;
	}
	popup->xdg = x;
	popup->parent = parent;
	popup->surface = x->surface;
	popup->window = w;
	x->popup = popup;
	wl_list_insert(w->popups.prev, &popup->link);
	keep_positioner(popup, p);
	place(popup, p);
	wl_resource_set_implementation(popup->resource, &implementation, popup, destroyed);
}
