/*
 * wl_subcompositor: surfaces that lie over or under another one, their parent, and move with it.
 *
 * A subsurface's order and place are new with the parent's next commit; those of a synchronised one, or of one below
 * such, keep all of their state until then.
 */
#include <errno.h>
#include <stdlib.h>

#include "bwm.h"

enum { FARTHEST = 1 << 20, DEEPEST = 32 };  /* places; subsurfaces of subsurfaces, which the walks recurse by */

bool subsurface_waits(const struct surface *s)
{
	for (const struct subsurface *sub = s->subsurface; sub; sub = sub->parent ? sub->parent->subsurface : NULL)
		if (sub->synchronised)
			return true;
	return false;
}

static void damage_tree(struct surface *s)
{
	int x, y;

	if (surface_place(s, &x, &y))
		damage_add(s->server, surface_extents(s, x, y));
}

/* The lists as the client ordered them, and the places. */
static void order_commit(struct wl_list *list, struct wl_list *pending)
{
	struct subsurface *sub;

	wl_list_init(list);
	wl_list_for_each(sub, pending, pending_link) {
		wl_list_remove(&sub->link);
		wl_list_insert(list->prev, &sub->link);
		if (sub->x == sub->pending_x && sub->y == sub->pending_y)
			continue;
		damage_tree(sub->surface);
		sub->x = sub->pending_x;
		sub->y = sub->pending_y;
		damage_tree(sub->surface);
	}
}

static bool order_changed(struct wl_list *list, struct wl_list *pending)
{
	struct wl_list *a = list->next, *b = pending->next;

	for (; a != list && b != pending; a = a->next, b = b->next) {
		struct subsurface *one = wl_container_of(a, one, link), *other = wl_container_of(b, other, pending_link);
		if (one != other)
			return true;
	}
	return a != list || b != pending;
}

static void apply_cached(struct wl_list *list)
{
	struct subsurface *sub;

	wl_list_for_each(sub, list, link) {
		if (sub->surface->has_cached) {
			sub->surface->has_cached = false;
			surface_apply(sub->surface, &sub->surface->cached);
		} else if (sub->synchronised) {
			subsurfaces_commit(sub->surface);
		}
	}
}

/* Take all out of the two lists, so that each can be put into the one where it belongs now. */
static void lists_empty(struct surface *s)
{
	struct subsurface *sub, *next;
	struct wl_list *lists[] = { &s->below, &s->above };

	for (int i = 0; i < 2; i++)
		wl_list_for_each_safe(sub, next, lists[i], link) {
			wl_list_remove(&sub->link);
			wl_list_init(&sub->link);
		}
}

void subsurfaces_commit(struct surface *parent)
{
	bool changed = order_changed(&parent->below, &parent->pending_below) ||
		order_changed(&parent->above, &parent->pending_above);

	lists_empty(parent);
	order_commit(&parent->below, &parent->pending_below);
	order_commit(&parent->above, &parent->pending_above);
	if (changed)
		damage_tree(parent);
	apply_cached(&parent->below);
	apply_cached(&parent->above);
}

/* It is no longer part of its parent. */
static void detach(struct subsurface *sub)
{
	damage_tree(sub->surface);
	wl_list_remove(&sub->link);
	wl_list_remove(&sub->pending_link);
	wl_list_init(&sub->link);
	wl_list_init(&sub->pending_link);
	sub->parent = NULL;
}

void subsurfaces_orphan(struct surface *parent)
{
	struct subsurface *sub, *next;
	struct wl_list *lists[] = { &parent->pending_below, &parent->pending_above };

	for (int i = 0; i < 2; i++)
		wl_list_for_each_safe(sub, next, lists[i], pending_link)
			detach(sub);
}

/* ---- requests ------------------------------------------------------------------- */

static void subsurface_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void subsurface_set_position(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y)
{
	struct subsurface *sub = wl_resource_get_user_data(resource);

	if (sub) {
		sub->pending_x = x < -FARTHEST ? -FARTHEST : x > FARTHEST ? FARTHEST : x;
		sub->pending_y = y < -FARTHEST ? -FARTHEST : y > FARTHEST ? FARTHEST : y;
	}
}

/* Directly above or below a sibling, or the parent itself. */
static void subsurface_place(struct wl_resource *resource, struct wl_resource *other, bool above)
{
	struct subsurface *sub = wl_resource_get_user_data(resource), *sibling;
	struct surface *s = surface_of(other);
	struct wl_list *at;

	if (!sub || !sub->parent)
		return;
	sibling = s->subsurface;
	if (s == sub->parent) {
		at = above ? &sub->parent->pending_above : sub->parent->pending_below.prev;
	} else if (sibling && sibling != sub && sibling->parent == sub->parent) {
		at = above ? &sibling->pending_link : sibling->pending_link.prev;
	} else {
		wl_resource_post_error(resource, WL_SUBSURFACE_ERROR_BAD_SURFACE, "no sibling and no parent");
		return;
	}
	if (at == &sub->pending_link)
		return;
	wl_list_remove(&sub->pending_link);
	wl_list_insert(at, &sub->pending_link);
}

static void subsurface_place_above(struct wl_client *by, struct wl_resource *resource, struct wl_resource *other)
{
	subsurface_place(resource, other, true);
}

static void subsurface_place_below(struct wl_client *by, struct wl_resource *resource, struct wl_resource *other)
{
	subsurface_place(resource, other, false);
}

static void subsurface_set_sync(struct wl_client *by, struct wl_resource *resource)
{
	struct subsurface *sub = wl_resource_get_user_data(resource);

	if (sub)
		sub->synchronised = true;
}

static void subsurface_set_desync(struct wl_client *by, struct wl_resource *resource)
{
	struct subsurface *sub = wl_resource_get_user_data(resource);

	if (!sub)
		return;
	sub->synchronised = false;
	if (sub->surface->has_cached && !subsurface_waits(sub->surface)) {
		sub->surface->has_cached = false;
		surface_apply(sub->surface, &sub->surface->cached);
	}
}

static const struct wl_subsurface_interface implementation = {
	.destroy = subsurface_destroy, .set_position = subsurface_set_position, .place_above = subsurface_place_above,
	.place_below = subsurface_place_below, .set_sync = subsurface_set_sync, .set_desync = subsurface_set_desync,
};

/* ---- its life -------------------------------------------------------------------- */

static void subsurface_free(struct subsurface *sub)
{
	detach(sub);
	sub->surface->subsurface = NULL;
	sub->surface->role_object = NULL;
	wl_resource_set_user_data(sub->resource, NULL);
	free(sub);
}

static void subsurface_resource_destroyed(struct wl_resource *resource)
{
	struct subsurface *sub = wl_resource_get_user_data(resource);

	if (sub)
		subsurface_free(sub);
}

static void subsurface_surface_destroyed(struct surface *s)
{
	if (s->subsurface)
		subsurface_free(s->subsurface);
}

static const struct surface_role role = { .name = "subsurface", .destroyed = subsurface_surface_destroyed };

/* Neither itself nor below itself, and not deeper than the walks may recurse. */
static bool may_be_parent(struct surface *s, struct surface *parent)
{
	int depth = 0;

	for (; parent; parent = parent->subsurface ? parent->subsurface->parent : NULL)
		if (parent == s || ++depth > DEEPEST)
			return false;
	return true;
}

static int depth_below(struct surface *s)
{
	struct wl_list *lists[] = { &s->pending_below, &s->pending_above };
	struct subsurface *sub;
	int most = 0;

	for (int i = 0; i < 2; i++)
		wl_list_for_each(sub, lists[i], pending_link) {
			int depth = 1 + depth_below(sub->surface);
			most = depth > most ? depth : most;
		}
	return most;
}

static void subcompositor_get(struct wl_client *by, struct wl_resource *resource, uint32_t id,
			      struct wl_resource *surface, struct wl_resource *parent_surface)
{
	struct surface *s = surface_of(surface), *parent = surface_of(parent_surface);
	struct subsurface *sub;

	if (!may_be_parent(s, parent) || depth_below(s) > DEEPEST) {
		wl_resource_post_error(resource, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE, "no parent for this surface");
		return;
	}
	sub = calloc(1, sizeof *sub);
	if (sub)
		sub->resource = wl_resource_create(by, &wl_subsurface_interface, wl_resource_get_version(resource), id);
	if (!sub || !sub->resource) {
		free(sub);
		wl_client_post_no_memory(by);
		return;
	}
	if (!surface_set_role(s, &role, sub, resource, WL_SUBCOMPOSITOR_ERROR_BAD_SURFACE)) {
		wl_resource_destroy(sub->resource);
		free(sub);
		return;
	}
	sub->surface = s;
	sub->parent = parent;
	sub->synchronised = true;
	s->subsurface = sub;
	wl_list_init(&sub->link);
	wl_list_insert(parent->pending_above.prev, &sub->pending_link);
	wl_resource_set_implementation(sub->resource, &implementation, sub, subsurface_resource_destroyed);
}

static void subcompositor_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_subcompositor_interface subcompositor = {
	.destroy = subcompositor_destroy, .get_subsurface = subcompositor_get,
};

static void subcompositor_bind(struct wl_client *by, void *data, uint32_t version, uint32_t id)
{
	struct wl_resource *resource = wl_resource_create(by, &wl_subcompositor_interface, (int)version, id);

	if (!resource)
		wl_client_post_no_memory(by);
	else
		wl_resource_set_implementation(resource, &subcompositor, data, NULL);
}

int subsurface_create_global(struct server *server)
{
	return wl_global_create(server->display, &wl_subcompositor_interface, 1, server, subcompositor_bind) ? 0 : -ENOMEM;
}

/* ---- walks ------------------------------------------------------------------------- */

void surface_walk(struct surface *s, int x, int y, surface_visitor *visit, void *argument)
{
	struct subsurface *sub;

	wl_list_for_each(sub, &s->below, link)
		surface_walk(sub->surface, x + sub->x, y + sub->y, visit, argument);
	visit(s, x, y, argument);
	wl_list_for_each(sub, &s->above, link)
		surface_walk(sub->surface, x + sub->x, y + sub->y, visit, argument);
}

static void extend(struct surface *s, int x, int y, void *argument)
{
	rect *all = argument;

	*all = rect_join(*all, (rect) { x, y, s->width, s->height });
}

rect surface_extents(struct surface *s, int x, int y)
{
	rect all = { 0 };

	surface_walk(s, x, y, extend, &all);
	return all;
}

struct finding {
	int             x, y;
	struct surface *found;
	int             found_x, found_y;
};

static void find(struct surface *s, int x, int y, void *argument)
{
	struct finding *f = argument;

	if (rect_has((rect) { x, y, s->width, s->height }, f->x, f->y) && region_has(s->input, f->x - x, f->y - y)) {
		f->found = s;
		f->found_x = f->x - x;
		f->found_y = f->y - y;
	}
}

struct surface *surface_at(struct surface *s, int x, int y, int *sx, int *sy)
{
	struct finding f = { .x = x, .y = y };

	surface_walk(s, 0, 0, find, &f);
	*sx = f.found_x;
	*sy = f.found_y;
	return f.found;
}
