/*
 * The seat of seat.h: events from the devices go to a grab, to the desktop, or to keyboard.c and pointer.c for clients.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/input-event-codes.h>
#include <wayland-server-protocol.h>

#include "seat_parts.h"

/* ---- focus --------------------------------------------------------------------- */

void focus_init(struct focus *focus, void (*destroyed)(struct wl_listener *, void *))
{
	focus->surface = NULL;
	focus->destroyed.notify = destroyed;
	wl_list_init(&focus->destroyed.link);
}

void focus_set(struct focus *focus, struct wl_resource *surface)
{
	wl_list_remove(&focus->destroyed.link);
	wl_list_init(&focus->destroyed.link);
	focus->surface = surface;
	if (surface)
		wl_resource_add_destroy_listener(surface, &focus->destroyed);
}

void seat_focus(struct seat *seat, struct wl_resource *surface)
{
	keyboard_focus(seat, surface);
}

struct wl_resource *seat_focused(const struct seat *seat)
{
	return seat->keyboard.focus.surface;
}

void seat_pointer_place(const struct seat *seat, double *x, double *y)
{
	*x = seat->pointer.x;
	*y = seat->pointer.y;
}

/* ---- grabs --------------------------------------------------------------------- */

void seat_grab_begin(struct seat *seat, struct seat_grab *grab)
{
	struct seat_grab *before = seat->grab;

	seat->grab = grab;
	if (before && before->cancel)
		before->cancel(before);
	/* The client that had the pointer hears of no release any more: with the focus it loses its buttons, too. */
	seat->pointer.taken += seat->pointer.buttons;
	seat->pointer.buttons = 0;
	pointer_focus(seat, NULL, 0, 0);
	pointer_frame(seat);
}

void seat_grab_end(struct seat *seat, struct seat_grab *grab)
{
	if (seat->grab != grab)
		return;
	seat->grab = NULL;
	seat_pointer_refresh(seat);
}

bool seat_may_grab(const struct seat *seat, struct wl_client *client, uint32_t serial)
{
	const struct pointer *p = &seat->pointer;

	return p->buttons > 0 && serial == p->press_serial && p->focus.surface &&
		wl_resource_get_client(p->focus.surface) == client;
}

bool seat_may_popup(const struct seat *seat, struct wl_client *client, uint32_t serial)
{
	struct wl_resource *pointed = seat->pointer.focus.surface, *focused = seat->keyboard.focus.surface;

	return (int32_t)(serial - seat->pointer.press_serial) >= 0 &&
		((pointed && wl_resource_get_client(pointed) == client) ||
		 (focused && wl_resource_get_client(focused) == client));
}

static void popup_forget(struct seat *seat)
{
	wl_list_remove(&seat->popup_client_gone.link);
	wl_list_init(&seat->popup_client_gone.link);
	seat->popup = NULL;
	seat->popup_data = NULL;
}

static void popup_client_gone(struct wl_listener *listener, void *data)
{
	struct seat *seat = wl_container_of(listener, seat, popup_client_gone);

	popup_forget(seat);
}

void seat_popup_begin(struct seat *seat, struct wl_client *client, void (*dismiss)(void *data), void *data)
{
	popup_forget(seat);
	seat->popup = client;
	seat->popup_dismiss = dismiss;
	seat->popup_data = data;
	wl_client_add_destroy_listener(client, &seat->popup_client_gone);
	seat_pointer_refresh(seat);
}

void seat_popup_end(struct seat *seat, void *data)
{
	if (!seat->popup || seat->popup_data != data)
		return;
	popup_forget(seat);
	seat_pointer_refresh(seat);
}

/* A button outside of the popup's client dismisses it, and does nothing else: true. */
static bool popup_dismissed(struct seat *seat)
{
	struct wl_resource *surface;
	double sx, sy;

	if (!seat->popup)
		return false;
	surface = seat->desktop.surface_at(seat->desktop.data, seat->pointer.x, seat->pointer.y, &sx, &sy);
	if (surface && wl_resource_get_client(surface) == seat->popup)
		return false;
	seat->popup_dismiss(seat->popup_data);
	return true;
}

/* ---- what the devices tell ------------------------------------------------------- */

static void moved_to(struct seat *seat, uint32_t time, double x, double y)
{
	struct pointer *p = &seat->pointer;
	int width, height;

	seat->desktop.size(seat->desktop.data, &width, &height);
	p->x = x < 0 ? 0 : x > width - 1 ? width - 1 : x;
	p->y = y < 0 ? 0 : y > height - 1 ? height - 1 : y;
	if (seat->grab) {
		if (seat->grab->moved)
			seat->grab->moved(seat->grab, time, p->x, p->y);
	} else {
		pointer_moved(seat, time, p->x, p->y);
	}
	seat->desktop.moved(seat->desktop.data, time, p->x, p->y, seat->grab || p->focus.surface);
}

static void moved(void *data, uint32_t time, double dx, double dy)
{
	struct seat *seat = data;

	moved_to(seat, time, seat->pointer.x + dx, seat->pointer.y + dy);
}

static void placed(void *data, uint32_t time, double x, double y)
{
	struct seat *seat = data;
	int width, height;

	seat->desktop.size(seat->desktop.data, &width, &height);
	moved_to(seat, time, x < 0 ? seat->pointer.x : x * (width - 1), y < 0 ? seat->pointer.y : y * (height - 1));
}

static void wheel(void *data, uint32_t time, bool horizontal, int notches)
{
	struct seat *seat = data;

	if (!seat->grab && !seat->desktop.wheel(seat->desktop.data, time, horizontal, notches))
		pointer_wheel(seat, time, horizontal, notches);
}

static void button(struct seat *seat, uint32_t time, uint32_t code, bool pressed)
{
	struct pointer *p = &seat->pointer;

	/* A press that the desktop took has its release there, too; the same with clients, while it holds the pointer. */
	if (seat->grab) {
		p->taken += pressed ? 1 : p->taken > 0 ? -1u : 0;
		if (seat->grab->button)
			seat->grab->button(seat->grab, time, code, pressed);
	} else if (pressed && p->buttons == 0 &&
		   (popup_dismissed(seat) || seat->desktop.button(seat->desktop.data, time, code, true))) {
		p->taken++;
	} else if (!pressed && p->taken > 0) {
		p->taken--;
		seat->desktop.button(seat->desktop.data, time, code, false);
	} else {
		pointer_button(seat, time, code, pressed);
	}
}

static void key(void *data, uint32_t time, uint32_t code, bool pressed)
{
	struct seat *seat = data;

	if (code >= BTN_MOUSE && code < BTN_JOYSTICK)
		button(seat, time, code, pressed);
	else if (code < BTN_MISC)
		keyboard_key(seat, time, code, pressed);
}

static void frame(void *data)
{
	pointer_frame(data);
}

/* ---- wl_seat ----------------------------------------------------------------------- */

static void destroy(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static void get_pointer(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct wl_resource *pointer =
		wl_resource_create(client, &wl_pointer_interface, wl_resource_get_version(resource), id);

	if (pointer)
		pointer_bind(wl_resource_get_user_data(resource), pointer);
	else
		wl_client_post_no_memory(client);
}

static void get_keyboard(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	struct wl_resource *keyboard =
		wl_resource_create(client, &wl_keyboard_interface, wl_resource_get_version(resource), id);

	if (keyboard)
		keyboard_bind(wl_resource_get_user_data(resource), keyboard);
	else
		wl_client_post_no_memory(client);
}

static void get_touch(struct wl_client *client, struct wl_resource *resource, uint32_t id)
{
	wl_resource_post_error(resource, WL_SEAT_ERROR_MISSING_CAPABILITY, "this seat has never had a touch screen");
}

static const struct wl_seat_interface seat_implementation = {
	.get_pointer = get_pointer, .get_keyboard = get_keyboard, .get_touch = get_touch, .release = destroy,
};

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

static void bind(struct wl_client *client, void *data, uint32_t version, uint32_t id)
{
	struct seat *seat = data;
	struct wl_resource *resource = wl_resource_create(client, &wl_seat_interface, (int)version, id);

	if (!resource) {
		wl_client_post_no_memory(client);
		return;
	}
	wl_resource_set_implementation(resource, &seat_implementation, seat, unlink_resource);
	wl_list_insert(&seat->resources, wl_resource_get_link(resource));
	/* Devices come and go; the seat has both, whether there is one or not. */
	wl_seat_send_capabilities(resource, WL_SEAT_CAPABILITY_POINTER | WL_SEAT_CAPABILITY_KEYBOARD);
	if (version >= WL_SEAT_NAME_SINCE_VERSION)
		wl_seat_send_name(resource, "seat0");
}

struct seat *seat_create(struct wl_display *display, const struct seat_desktop *desktop)
{
	struct seat *seat = calloc(1, sizeof *seat);
	const struct evdev_handler handler = {
		.key = key, .moved = moved, .placed = placed, .wheel = wheel, .frame = frame, .data = seat,
	};
	int width, height, error;

	if (!seat)
		return NULL;
	seat->display = display;
	seat->desktop = *desktop;
	wl_list_init(&seat->resources);
	seat->popup_client_gone.notify = popup_client_gone;
	wl_list_init(&seat->popup_client_gone.link);
	desktop->size(desktop->data, &width, &height);
	seat->pointer.x = width / 2;
	seat->pointer.y = height / 2;
	pointer_start(seat);
	if (keyboard_start(seat))
		goto fail_keyboard;
	if (selection_start(seat))
		goto fail_selection;
	seat->global = wl_global_create(display, &wl_seat_interface, SEAT_VERSION, seat, bind);
	if (!seat->global)
		goto fail;
	seat->evdev = evdev_create(wl_display_get_event_loop(display), &handler);
	if (seat->evdev)
		return seat;
	perror("bwm: input devices");
fail:
	error = errno;
	if (seat->global)
		wl_global_destroy(seat->global);
	selection_end(seat);
	errno = error;
fail_selection:
	error = errno;
	keyboard_end(seat);
	errno = error;
fail_keyboard:
	pointer_end(seat);
	free(seat);
	return NULL;
}

void seat_destroy(struct seat *seat)
{
	struct seat_grab *grab = seat->grab;

	seat->grab = NULL;
	if (grab && grab->cancel)
		grab->cancel(grab);
	drag_end(seat);
	evdev_destroy(seat->evdev);
	wl_global_destroy(seat->global);
	selection_end(seat);
	keyboard_end(seat);
	pointer_end(seat);
	wl_list_remove(&seat->popup_client_gone.link);
	free(seat);
}
