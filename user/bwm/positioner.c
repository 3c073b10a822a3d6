/*
 * xdg_positioner: where a popup lies at its parent, and how it may be moved or made smaller to be seen wholly.
 */
#include <stdlib.h>

#include "xdg.h"

enum { FARTHEST = 1 << 20 };

/* ---- one axis at a time ---------------------------------------------------------------- */

/* From start to start + size: -1 the start, 0 the middle, 1 the end. */
static int along(int start, int size, int side)
{
	return side < 0 ? start : side > 0 ? start + size : start + size / 2;
}

struct axis {
	int start, size;        /* of the anchor's rectangle */
	int anchor, gravity;    /* -1, 0 or 1 */
	int offset, length;     /* the popup's */
};

static int axis_place(const struct axis *a)
{
	int at = along(a->start, a->size, a->anchor) + a->offset;

	return a->gravity > 0 ? at : a->gravity < 0 ? at - a->length : at - a->length / 2;
}

static bool axis_fits(int at, int length, int low, int high)
{
	return at >= low && at + length <= high;
}

/* In the order of the protocol: flip, then slide, then make it smaller. */
static void axis_adjust(struct axis *a, int *at, int *length, int low, int high, bool flip, bool slide, bool resize)
{
	*at = axis_place(a);
	*length = a->length;
	if (axis_fits(*at, *length, low, high))
		return;
	if (flip) {
		struct axis other = *a;
		int flipped;
		other.anchor = -a->anchor;
		other.gravity = -a->gravity;
		other.offset = -a->offset;
		flipped = axis_place(&other);
		if (axis_fits(flipped, *length, low, high)) {
			*at = flipped;
			return;
		}
	}
	if (slide) {
		if (*at + *length > high)
			*at = high - *length;
		if (*at < low)
			*at = low;
	}
	if (resize && !axis_fits(*at, *length, low, high)) {
		int end = *at + *length < high ? *at + *length : high, start = *at > low ? *at : low;
		if (end > start) {
			*at = start;
			*length = end - start;
		}
	}
}

/* Anchors and gravities have the same numbers. */
static int side_x(uint32_t anchor)
{
	switch (anchor) {
	case XDG_POSITIONER_ANCHOR_LEFT:
	case XDG_POSITIONER_ANCHOR_TOP_LEFT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_LEFT:
		return -1;
	case XDG_POSITIONER_ANCHOR_RIGHT:
	case XDG_POSITIONER_ANCHOR_TOP_RIGHT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT:
		return 1;
	}
	return 0;
}

static int side_y(uint32_t anchor)
{
	switch (anchor) {
	case XDG_POSITIONER_ANCHOR_TOP:
	case XDG_POSITIONER_ANCHOR_TOP_LEFT:
	case XDG_POSITIONER_ANCHOR_TOP_RIGHT:
		return -1;
	case XDG_POSITIONER_ANCHOR_BOTTOM:
	case XDG_POSITIONER_ANCHOR_BOTTOM_LEFT:
	case XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT:
		return 1;
	}
	return 0;
}

rect positioner_place(const struct positioner *p, rect bounds)
{
	struct axis x = {
		p->anchor_rect.x, p->anchor_rect.width, side_x(p->anchor), side_x(p->gravity), p->dx, p->width,
	};
	struct axis y = {
		p->anchor_rect.y, p->anchor_rect.height, side_y(p->anchor), side_y(p->gravity), p->dy, p->height,
	};
	uint32_t how = p->adjustment;
	rect place;

	axis_adjust(&x, &place.x, &place.width, bounds.x, bounds.x + bounds.width,
		how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_X, how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_X,
		how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_X);
	axis_adjust(&y, &place.y, &place.height, bounds.y, bounds.y + bounds.height,
		how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_FLIP_Y, how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_SLIDE_Y,
		how & XDG_POSITIONER_CONSTRAINT_ADJUSTMENT_RESIZE_Y);
	return place;
}

/* ---- requests ------------------------------------------------------------------------------ */

static struct positioner *of(struct wl_resource *resource)
{
	return wl_resource_get_user_data(resource);
}

static bool sane(int32_t n)
{
	return n >= -FARTHEST && n <= FARTHEST;
}

static void refuse(struct wl_resource *resource, const char *what)
{
	wl_resource_post_error(resource, XDG_POSITIONER_ERROR_INVALID_INPUT, "no such %s", what);
}

static void positioner_destroy(struct wl_client *by, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void set_size(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height)
{
	if (width < 1 || height < 1 || !sane(width) || !sane(height)) {
		refuse(resource, "size");
		return;
	}
	of(resource)->width = width;
	of(resource)->height = height;
}

static void set_anchor_rect(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y, int32_t width,
			    int32_t height)
{
	if (width < 0 || height < 0 || !sane(width) || !sane(height) || !sane(x) || !sane(y)) {
		refuse(resource, "rectangle");
		return;
	}
	of(resource)->anchor_rect = (rect) { x, y, width, height };
	of(resource)->anchored = true;
}

static void set_anchor(struct wl_client *by, struct wl_resource *resource, uint32_t anchor)
{
	if (anchor > XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT)
		refuse(resource, "anchor");
	else
		of(resource)->anchor = anchor;
}

static void set_gravity(struct wl_client *by, struct wl_resource *resource, uint32_t gravity)
{
	if (gravity > XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT)
		refuse(resource, "gravity");
	else
		of(resource)->gravity = gravity;
}

static void set_adjustment(struct wl_client *by, struct wl_resource *resource, uint32_t adjustment)
{
	of(resource)->adjustment = adjustment;
}

static void set_offset(struct wl_client *by, struct wl_resource *resource, int32_t x, int32_t y)
{
	if (!sane(x) || !sane(y)) {
		refuse(resource, "offset");
		return;
	}
	of(resource)->dx = x;
	of(resource)->dy = y;
}

static void set_reactive(struct wl_client *by, struct wl_resource *resource)
{
	of(resource)->reactive = true;
}

static void set_parent_size(struct wl_client *by, struct wl_resource *resource, int32_t width, int32_t height)
{
	if (width < 0 || height < 0 || !sane(width) || !sane(height)) {
		refuse(resource, "size of a parent");
		return;
	}
	of(resource)->parent_width = width;
	of(resource)->parent_height = height;
}

static void set_parent_configure(struct wl_client *by, struct wl_resource *resource, uint32_t serial)
{
	of(resource)->parent_serial = serial;
	of(resource)->for_parent = true;
}

static const struct xdg_positioner_interface implementation = {
	.destroy = positioner_destroy, .set_size = set_size, .set_anchor_rect = set_anchor_rect, .set_anchor = set_anchor,
	.set_gravity = set_gravity, .set_constraint_adjustment = set_adjustment, .set_offset = set_offset,
	.set_reactive = set_reactive, .set_parent_size = set_parent_size, .set_parent_configure = set_parent_configure,
};

static void positioner_destroyed(struct wl_resource *resource)
{
	struct positioner *p = of(resource);

	client_give(p->client, &p->client->objects);
	free(p);
}

void positioner_create(struct client *client, uint32_t version, uint32_t id)
{
	struct wl_resource *resource;
	struct positioner *p;

	if (!client_take(client, &client->objects, CLIENT_OBJECTS))
		return;
	p = calloc(1, sizeof *p);
	resource = p ? wl_resource_create(client->client, &xdg_positioner_interface, (int)version, id) : NULL;
	if (!resource) {
		free(p);
		client_give(client, &client->objects);
		wl_client_post_no_memory(client->client);
		return;
	}
	p->client = client;
	wl_resource_set_implementation(resource, &implementation, p, positioner_destroyed);
}
