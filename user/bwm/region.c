/*
 * wl_region: rectangles added and taken away, kept in that order; the last one around a place says whether it is in.
 */
#include <stdlib.h>
#include <string.h>

#include "bwm.h"

enum { REGION_PARTS = 1024 };   /* of one region: real ones have a handful */

struct operation {
	rect part;
	bool add;
};

struct region {
	struct client    *client;       /* NULL: of a copy */
	int               count, room;
	struct operation *list;
};

static void region_note(struct wl_resource *resource, rect part, bool add)
{
	struct region *region = wl_resource_get_user_data(resource);

	if (rect_empty(part))
		return;
	if (region->count == region->room) {
		int room = region->room ? 2 * region->room : 4;
		struct operation *list = room <= REGION_PARTS ? realloc(region->list, (size_t)room * sizeof *list) : NULL;
		if (!list) {
			wl_resource_post_no_memory(resource);
			return;
		}
		region->list = list;
		region->room = room;
	}
	region->list[region->count++] = (struct operation) { part, add };
}

static void region_add(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y, int32_t w, int32_t h)
{
	region_note(resource, (rect) { x, y, w, h }, true);
}

static void region_subtract(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y, int32_t w,
			    int32_t h)
{
	region_note(resource, (rect) { x, y, w, h }, false);
}

static void region_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_region_interface implementation = {
	.destroy = region_destroy, .add = region_add, .subtract = region_subtract,
};

static void region_destroyed(struct wl_resource *resource)
{
	struct region *region = wl_resource_get_user_data(resource);

	client_give(region->client, &region->client->objects);
	region_free(region);
}

void region_create(struct client *client, uint32_t version, uint32_t id)
{
	struct wl_resource *resource;
	struct region *region;

	if (!client_take(client, &client->objects, CLIENT_OBJECTS))
		return;
	region = calloc(1, sizeof *region);
	resource = region ? wl_resource_create(client->client, &wl_region_interface, (int)version, id) : NULL;
	if (!resource) {
		wl_client_post_no_memory(client->client);
		client_give(client, &client->objects);
		free(region);
		return;
	}
	region->client = client;
	wl_resource_set_implementation(resource, &implementation, region, region_destroyed);
}

struct region *region_of(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

struct region *region_copy(const struct region *region)
{
	struct region *copy = calloc(1, sizeof *copy);

	if (!copy)
		return NULL;
	copy->list = calloc((size_t)region->count + 1, sizeof *copy->list);
	if (!copy->list) {
		free(copy);
		return NULL;
	}
	copy->count = copy->room = region->count;
	if (region->count > 0)
		memcpy(copy->list, region->list, (size_t)region->count * sizeof *copy->list);
	return copy;
}

void region_free(struct region *region)
{
	if (region)
		free(region->list);
	free(region);
}

/* The largest rectangle that was added; none where something was taken away, which is rare. */
rect region_inner(const struct region *region)
{
	rect best = { 0 };

	for (int i = 0; region && i < region->count; i++) {
		rect part = region->list[i].part;
		if (!region->list[i].add)
			return (rect) { 0 };
		if ((long long)part.width * part.height > (long long)best.width * best.height)
			best = part;
	}
	return best;
}

bool region_has(const struct region *region, int x, int y)
{
	if (!region)
		return true;
	for (int i = region->count - 1; i >= 0; i--)
		if (rect_has(region->list[i].part, x, y))
			return region->list[i].add;
	return false;
}
