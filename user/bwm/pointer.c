/*
 * The pointer: wl_pointer. The surface under it has the focus; while a button is down, the one that it was pressed on.
 */
#include <math.h>

#include <wayland-server-protocol.h>

#include "seat_parts.h"

enum { NOTCH = 10 };    /* what a wheel's step is in wl_pointer.axis, as clients are used to it */

/* For each wl_pointer of the focus's client. */
#define for_each_of_focus(r, p) \
	wl_resource_for_each(r, &(p)->resources) \
		if ((p)->focus.surface && wl_resource_get_client(r) == wl_resource_get_client((p)->focus.surface))

void pointer_focus(struct seat *seat, struct wl_resource *surface, double sx, double sy)
{
	struct pointer *p = &seat->pointer;
	struct wl_resource *r;
	uint32_t serial;

	if (surface == p->focus.surface)
		return;
	serial = wl_display_next_serial(seat->display);
	for_each_of_focus(r, p)
		wl_pointer_send_leave(r, serial, p->focus.surface);
	pointer_frame(seat);
	/* The next one sets its own. Until then the pointer looks as the desktop has it. */
	focus_set(&p->cursor, NULL);
	seat->desktop.cursor(seat->desktop.data, NULL, NULL, 0, 0, true);
	focus_set(&p->focus, surface);
	p->enter_serial = serial;
	for_each_of_focus(r, p)
		wl_pointer_send_enter(r, serial, surface, wl_fixed_from_double(sx), wl_fixed_from_double(sy));
	p->frame_due = true;
}

/* The surface under the pointer, that may have it. */
static struct wl_resource *surface_below(struct seat *seat, double *sx, double *sy)
{
	struct pointer *p = &seat->pointer;
	struct wl_resource *surface = seat->desktop.surface_at(seat->desktop.data, p->x, p->y, sx, sy);

	if (surface && seat->popup && wl_resource_get_client(surface) != seat->popup)
		surface = NULL;
	return surface;
}

void seat_pointer_refresh(struct seat *seat)
{
	struct pointer *p = &seat->pointer;
	double sx = 0, sy = 0;

	if (seat->grab || p->buttons > 0)
		return;
	pointer_focus(seat, surface_below(seat, &sx, &sy), sx, sy);
	pointer_frame(seat);
}

void pointer_moved(struct seat *seat, uint32_t time, double x, double y)
{
	struct pointer *p = &seat->pointer;
	struct wl_resource *r, *before = p->focus.surface;
	double sx = x - p->offset_x, sy = y - p->offset_y;

	if (p->buttons == 0)
		pointer_focus(seat, surface_below(seat, &sx, &sy), sx, sy);
	if (!p->focus.surface || p->focus.surface != before)
		return;     /* the enter has said where it is */
	p->frame_due = true;
	for_each_of_focus(r, p)
		wl_pointer_send_motion(r, time, wl_fixed_from_double(sx), wl_fixed_from_double(sy));
}

void pointer_button(struct seat *seat, uint32_t time, uint32_t button, bool pressed)
{
	struct pointer *p = &seat->pointer;
	uint32_t serial = wl_display_next_serial(seat->display);
	struct wl_resource *r;
	double sx, sy;

	if (pressed && p->buttons++ == 0) {
		p->press_serial = serial;
		if (surface_below(seat, &sx, &sy) == p->focus.surface) {
			p->offset_x = p->x - sx;
			p->offset_y = p->y - sy;
		}
	}
	p->frame_due = true;
	for_each_of_focus(r, p)
		wl_pointer_send_button(r, serial, time, button, pressed);
	if (!pressed && p->buttons > 0 && --p->buttons == 0)
		seat_pointer_refresh(seat);
}

void pointer_wheel(struct seat *seat, uint32_t time, bool horizontal, int notches)
{
	struct pointer *p = &seat->pointer;
	enum wl_pointer_axis axis = horizontal ? WL_POINTER_AXIS_HORIZONTAL_SCROLL : WL_POINTER_AXIS_VERTICAL_SCROLL;
	struct wl_resource *r;

	p->frame_due = true;
	for_each_of_focus(r, p) {
		if (wl_resource_get_version(r) >= WL_POINTER_AXIS_SOURCE_SINCE_VERSION)
			wl_pointer_send_axis_source(r, WL_POINTER_AXIS_SOURCE_WHEEL);
		if (wl_resource_get_version(r) >= WL_POINTER_AXIS_DISCRETE_SINCE_VERSION)
			wl_pointer_send_axis_discrete(r, axis, notches);
		wl_pointer_send_axis(r, time, axis, wl_fixed_from_int(NOTCH * notches));
	}
}

void pointer_frame(struct seat *seat)
{
	struct pointer *p = &seat->pointer;
	struct wl_resource *r;

	if (!p->frame_due)
		return;
	p->frame_due = false;
	for_each_of_focus(r, p)
		if (wl_resource_get_version(r) >= WL_POINTER_FRAME_SINCE_VERSION)
			wl_pointer_send_frame(r);
}

/* ---- wl_pointer --------------------------------------------------------------------- */

static void set_cursor(struct wl_client *client, struct wl_resource *resource, uint32_t serial,
	struct wl_resource *surface, int32_t hot_x, int32_t hot_y)
{
	struct seat *seat = wl_resource_get_user_data(resource);
	struct pointer *p = &seat->pointer;

	/* Who has not the pointer, or had it before, has no say. */
	if (!p->focus.surface || wl_resource_get_client(p->focus.surface) != client || serial != p->enter_serial)
		return;
	if (seat->desktop.cursor(seat->desktop.data, resource, surface, hot_x, hot_y, surface != NULL))
		focus_set(&p->cursor, surface);
}

static void release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_pointer_interface implementation = { .set_cursor = set_cursor, .release = release };

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

void pointer_bind(struct seat *seat, struct wl_resource *resource)
{
	struct pointer *p = &seat->pointer;
	double sx = 0, sy = 0;

	wl_resource_set_implementation(resource, &implementation, seat, unlink_resource);
	wl_list_insert(&p->resources, wl_resource_get_link(resource));
	if (!p->focus.surface || wl_resource_get_client(p->focus.surface) != wl_resource_get_client(resource))
		return;
	surface_below(seat, &sx, &sy);
	wl_pointer_send_enter(resource, p->enter_serial, p->focus.surface, wl_fixed_from_double(sx),
		wl_fixed_from_double(sy));
	if (wl_resource_get_version(resource) >= WL_POINTER_FRAME_SINCE_VERSION)
		wl_pointer_send_frame(resource);
}

/* What lies below it now is found when the desktop has taken the surface away, by seat_pointer_refresh(). */
static void focus_destroyed(struct wl_listener *listener, void *data)
{
	struct pointer *p = wl_container_of(listener, p, focus.destroyed);
	struct seat *seat = wl_container_of(p, seat, pointer);

	focus_set(&p->focus, NULL);
	focus_set(&p->cursor, NULL);
	p->taken += p->buttons;
	p->buttons = 0;
	seat->desktop.cursor(seat->desktop.data, NULL, NULL, 0, 0, true);
}

static void cursor_destroyed(struct wl_listener *listener, void *data)
{
	struct pointer *p = wl_container_of(listener, p, cursor.destroyed);
	struct seat *seat = wl_container_of(p, seat, pointer);

	focus_set(&p->cursor, NULL);
	seat->desktop.cursor(seat->desktop.data, NULL, NULL, 0, 0, false);
}

void pointer_start(struct seat *seat)
{
	wl_list_init(&seat->pointer.resources);
	focus_init(&seat->pointer.focus, focus_destroyed);
	focus_init(&seat->pointer.cursor, cursor_destroyed);
}

void pointer_end(struct seat *seat)
{
	focus_set(&seat->pointer.focus, NULL);
	focus_set(&seat->pointer.cursor, NULL);
}
