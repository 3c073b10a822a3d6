/*
 * A Wayland program for tests: wlclient NAME COLOUR WIDTH HEIGHT, a window of one colour (rrggbb) by shared memory,
 * that tells on standard output what it hears, each line beginning with NAME:
 *
 *   size W H             configured, and drawn so          active 0|1, maximised 0|1     its state
 *   focus 0|1            keyboard                          key CODE 0|1, modifiers N     keys that clients see
 *   pointer 0|1 X Y      enter (1) and leave (0)           button CODE 0|1, wheel N      what the pointer does
 *   pasted TEXT          the clipboard's text              marked TEXT                   the primary selection's
 *   copied               both have its own text
 *   dropped TEXT         what was dragged here             dragged                       a drag of ours was taken
 *   over                 a drag that it would take is over it
 *   popup 0|1            its popup came, is dismissed      close                         it is asked to, and ends
 *
 * control-c copies and marks "text of NAME", control-v pastes and asks for what is marked, the right button opens a
 * popup, the middle button begins a drag of the same text.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <wayland-client.h>

#include "primary-selection-unstable-v1-client-protocol.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define TYPE "text/plain"

enum { KEY_C = 46, KEY_V = 47, BUTTON_RIGHT = 0x111, BUTTON_MIDDLE = 0x112, CONTROL = 4, POPUP_SIDE = 60 };

static const char *name;
static uint32_t colour;
static int width, height, next_width, next_height;
static bool was_active, was_maximised;

static struct wl_compositor *compositor;
static struct wl_shm *shm;
static struct wl_seat *seat;
static struct xdg_wm_base *base;
static struct zxdg_decoration_manager_v1 *decorations;
static struct wl_data_device_manager *data_manager;
static struct zwp_primary_selection_device_manager_v1 *primary_manager;
static struct wl_data_device *data_device;
static struct zwp_primary_selection_device_v1 *primary_device;
static struct wl_surface *surface, *popup_surface;
static struct xdg_surface *xdg, *popup_xdg;
static struct xdg_popup *popup;
static struct wl_data_offer *clipboard, *dragged;
static struct zwp_primary_selection_offer_v1 *marked;
static uint32_t modifiers;
static struct wl_display *display;

static void tell(const char *format, ...)
{
	va_list arguments;

	printf("%s ", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static void need(bool there, const char *what)
{
	if (!there) {
		tell("has no %s", what);
		exit(1);
	}
}

/* ---- pixels -------------------------------------------------------------------- */

static void free_buffer(void *data, struct wl_buffer *buffer)
{
	wl_buffer_destroy(buffer);
}

static const struct wl_buffer_listener buffer_listener = { free_buffer };

static void fill(struct wl_surface *to, int w, int h, uint32_t pixel)
{
	size_t bytes = (size_t)w * (size_t)h * 4;
	int fd = memfd_create("pixels", MFD_CLOEXEC);
	uint32_t *pixels;
	struct wl_shm_pool *pool;
	struct wl_buffer *buffer;

	need(fd >= 0 && !ftruncate(fd, (off_t)bytes), "memory");
	pixels = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(pixels != MAP_FAILED, "memory");
	for (size_t i = 0; i < bytes / 4; i++)
		pixels[i] = pixel;
	munmap(pixels, bytes);
	pool = wl_shm_create_pool(shm, fd, (int32_t)bytes);
	buffer = wl_shm_pool_create_buffer(pool, 0, w, h, w * 4, WL_SHM_FORMAT_XRGB8888);
	wl_buffer_add_listener(buffer, &buffer_listener, NULL);
	wl_shm_pool_destroy(pool);
	close(fd);
	wl_surface_attach(to, buffer, 0, 0);
	wl_surface_damage_buffer(to, 0, 0, w, h);
	wl_surface_commit(to);
}

/* ---- the window and its popup ----------------------------------------------------- */

static void xdg_configured(void *data, struct xdg_surface *of, uint32_t serial)
{
	xdg_surface_ack_configure(of, serial);
	if (of == popup_xdg) {
		fill(popup_surface, POPUP_SIDE, POPUP_SIDE, ~colour);
		tell("popup 1");
		return;
	}
	if (next_width > 0)
		width = next_width;
	if (next_height > 0)
		height = next_height;
	fill(surface, width, height, colour);
	tell("size %d %d", width, height);
}

static const struct xdg_surface_listener xdg_listener = { xdg_configured };

static void configured(void *data, struct xdg_toplevel *t, int32_t w, int32_t h, struct wl_array *states)
{
	bool active = false, maximised = false;
	uint32_t *state;

	wl_array_for_each(state, states) {
		active |= *state == XDG_TOPLEVEL_STATE_ACTIVATED;
		maximised |= *state == XDG_TOPLEVEL_STATE_MAXIMIZED;
	}
	if (active != was_active)
		tell("active %d", active);
	if (maximised != was_maximised)
		tell("maximised %d", maximised);
	was_active = active;
	was_maximised = maximised;
	next_width = w;
	next_height = h;
}

static void closed(void *data, struct xdg_toplevel *t)
{
	tell("close");
	exit(0);
}

static const struct xdg_toplevel_listener toplevel_listener = { .configure = configured, .close = closed };

static void popup_configured(void *data, struct xdg_popup *p, int32_t x, int32_t y, int32_t w, int32_t h)
{
}

static void popup_done(void *data, struct xdg_popup *p)
{
	tell("popup 0");
	xdg_popup_destroy(popup);
	xdg_surface_destroy(popup_xdg);
	wl_surface_destroy(popup_surface);
	popup = NULL;
	popup_xdg = NULL;
	popup_surface = NULL;
}

static const struct xdg_popup_listener popup_listener = { .configure = popup_configured, .popup_done = popup_done };

static void popup_open(uint32_t serial, int x, int y)
{
	struct xdg_positioner *where = xdg_wm_base_create_positioner(base);

	xdg_positioner_set_size(where, POPUP_SIDE, POPUP_SIDE);
	xdg_positioner_set_anchor_rect(where, x, y, 1, 1);
	xdg_positioner_set_anchor(where, XDG_POSITIONER_ANCHOR_BOTTOM_RIGHT);
	xdg_positioner_set_gravity(where, XDG_POSITIONER_GRAVITY_BOTTOM_RIGHT);
	popup_surface = wl_compositor_create_surface(compositor);
	popup_xdg = xdg_wm_base_get_xdg_surface(base, popup_surface);
	xdg_surface_add_listener(popup_xdg, &xdg_listener, NULL);
	popup = xdg_surface_get_popup(popup_xdg, xdg, where);
	xdg_popup_add_listener(popup, &popup_listener, NULL);
	xdg_positioner_destroy(where);
	xdg_popup_grab(popup, seat, serial);
	wl_surface_commit(popup_surface);
}

static void ping(void *data, struct xdg_wm_base *b, uint32_t serial)
{
	xdg_wm_base_pong(b, serial);
}

static const struct xdg_wm_base_listener base_listener = { ping };

/* ---- data -------------------------------------------------------------------------- */

static void give(int fd)
{
	dprintf(fd, "text of %s", name);
	close(fd);
}

/* Somebody else's text; our own we would have to write ourselves meanwhile. */
static void take(const char *what, int fd)
{
	char text[100];
	size_t n = 0;
	ssize_t got;

	wl_display_flush(display);
	while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
	close(fd);
	tell("%s %s", what, text);
}

static void source_send(void *data, struct wl_data_source *source, const char *type, int fd)
{
	give(fd);
}

static void source_finished(void *data, struct wl_data_source *source)
{
	tell("dragged");
}

static void source_target(void *data, struct wl_data_source *source, const char *type) {}
static void source_cancelled(void *data, struct wl_data_source *source)
{
	wl_data_source_destroy(source);
}
static void source_dropped(void *data, struct wl_data_source *source) {}
static void source_action(void *data, struct wl_data_source *source, uint32_t action) {}

static const struct wl_data_source_listener source_listener = {
	source_target, source_send, source_cancelled, source_dropped, source_finished, source_action,
};

static struct wl_data_source *source_new(void)
{
	struct wl_data_source *source = wl_data_device_manager_create_data_source(data_manager);

	wl_data_source_add_listener(source, &source_listener, NULL);
	wl_data_source_offer(source, TYPE);
	return source;
}

static void primary_send(void *data, struct zwp_primary_selection_source_v1 *source, const char *type, int fd)
{
	give(fd);
}

static void primary_cancelled(void *data, struct zwp_primary_selection_source_v1 *source)
{
	zwp_primary_selection_source_v1_destroy(source);
}

static const struct zwp_primary_selection_source_v1_listener primary_source_listener = {
	primary_send, primary_cancelled,
};

static void device_offer(void *data, struct wl_data_device *device, struct wl_data_offer *offer) {}
static void copied(void *data, struct wl_callback *callback, uint32_t time)
{
	wl_callback_destroy(callback);
	tell("copied");
}

static const struct wl_callback_listener copied_listener = { copied };

static void accepted(void *data, struct wl_callback *callback, uint32_t time)
{
	wl_callback_destroy(callback);
	tell("over");
}

static const struct wl_callback_listener accepted_listener = { accepted };

static void device_enter(void *data, struct wl_data_device *device, uint32_t serial, struct wl_surface *s, wl_fixed_t x,
	wl_fixed_t y, struct wl_data_offer *offer)
{
	dragged = offer;
	if (!offer)
		return;
	wl_data_offer_accept(offer, serial, TYPE);
	wl_data_offer_set_actions(offer, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY);
	wl_callback_add_listener(wl_display_sync(display), &accepted_listener, NULL);
}

static void device_leave(void *data, struct wl_data_device *device)
{
	if (dragged)
		wl_data_offer_destroy(dragged);
	dragged = NULL;
}

static void device_motion(void *data, struct wl_data_device *device, uint32_t time, wl_fixed_t x, wl_fixed_t y) {}
static void device_drop(void *data, struct wl_data_device *device)
{
	int ends[2];

	need(dragged && !pipe(ends), "drag");
	wl_data_offer_receive(dragged, TYPE, ends[1]);
	close(ends[1]);
	take("dropped", ends[0]);
	wl_data_offer_finish(dragged);
	wl_data_offer_destroy(dragged);
	dragged = NULL;
}

static void device_selection(void *data, struct wl_data_device *device, struct wl_data_offer *offer)
{
	if (clipboard)
		wl_data_offer_destroy(clipboard);
	clipboard = offer;
}

static const struct wl_data_device_listener device_listener = {
	device_offer, device_enter, device_leave, device_motion, device_drop, device_selection,
};

static void primary_offer(void *data, struct zwp_primary_selection_device_v1 *device,
	struct zwp_primary_selection_offer_v1 *offer) {}
static void primary_selection(void *data, struct zwp_primary_selection_device_v1 *device,
	struct zwp_primary_selection_offer_v1 *offer)
{
	if (marked)
		zwp_primary_selection_offer_v1_destroy(marked);
	marked = offer;
}

static const struct zwp_primary_selection_device_v1_listener primary_listener = { primary_offer, primary_selection };

static void copy(uint32_t serial)
{
	struct zwp_primary_selection_source_v1 *source =
		zwp_primary_selection_device_manager_v1_create_source(primary_manager);

	wl_data_device_set_selection(data_device, source_new(), serial);
	zwp_primary_selection_source_v1_add_listener(source, &primary_source_listener, NULL);
	zwp_primary_selection_source_v1_offer(source, TYPE);
	zwp_primary_selection_device_v1_set_selection(primary_device, source, serial);
	wl_callback_add_listener(wl_display_sync(display), &copied_listener, NULL);
}

static void paste(void)
{
	int ends[2];

	if (!clipboard || pipe(ends)) {
		tell("pasted nothing");
		return;
	}
	wl_data_offer_receive(clipboard, TYPE, ends[1]);
	close(ends[1]);
	take("pasted", ends[0]);
	need(marked && !pipe(ends), "primary selection");
	zwp_primary_selection_offer_v1_receive(marked, TYPE, ends[1]);
	close(ends[1]);
	take("marked", ends[0]);
}

static void drag(uint32_t serial)
{
	struct wl_data_source *source = source_new();

	wl_data_source_set_actions(source, WL_DATA_DEVICE_MANAGER_DND_ACTION_COPY);
	wl_data_device_start_drag(data_device, source, surface, NULL, serial);
}

/* ---- the seat ------------------------------------------------------------------------- */

static void keymap(void *data, struct wl_keyboard *k, uint32_t format, int32_t fd, uint32_t size)
{
	char *text = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	need(format == WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1 && text != MAP_FAILED && strstr(text, "xkb_keymap"), "keymap");
	need(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, "keymap that none can change");
	munmap(text, size);
	close(fd);
}

static void key_enter(void *data, struct wl_keyboard *k, uint32_t serial, struct wl_surface *s, struct wl_array *keys)
{
	tell("focus 1");
}

static void key_leave(void *data, struct wl_keyboard *k, uint32_t serial, struct wl_surface *s)
{
	tell("focus 0");
}

static void key(void *data, struct wl_keyboard *k, uint32_t serial, uint32_t time, uint32_t code, uint32_t state)
{
	tell("key %u %u", code, state);
	if (state && code == KEY_C && modifiers & CONTROL)
		copy(serial);
	else if (state && code == KEY_V && modifiers & CONTROL)
		paste();
}

static void key_modifiers(void *data, struct wl_keyboard *k, uint32_t serial, uint32_t down, uint32_t latched,
	uint32_t locked, uint32_t group)
{
	if (modifiers != (down | latched | locked))
		tell("modifiers %u", down | latched | locked);
	modifiers = down | latched | locked;
}

static void repeat(void *data, struct wl_keyboard *k, int32_t rate, int32_t delay) {}

static const struct wl_keyboard_listener keyboard_listener = {
	keymap, key_enter, key_leave, key, key_modifiers, repeat,
};

static int at_x, at_y;

static void pointer_enter(void *data, struct wl_pointer *p, uint32_t serial, struct wl_surface *s, wl_fixed_t x,
	wl_fixed_t y)
{
	at_x = wl_fixed_to_int(x);
	at_y = wl_fixed_to_int(y);
	if (s == surface)
		tell("pointer 1 %d %d", at_x, at_y);
}

static void pointer_leave(void *data, struct wl_pointer *p, uint32_t serial, struct wl_surface *s)
{
	if (s == surface)
		tell("pointer 0 %d %d", at_x, at_y);
}

static void pointer_motion(void *data, struct wl_pointer *p, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	at_x = wl_fixed_to_int(x);
	at_y = wl_fixed_to_int(y);
	tell("at %d %d", at_x, at_y);
}

static void pointer_button(void *data, struct wl_pointer *p, uint32_t serial, uint32_t time, uint32_t code,
	uint32_t state)
{
	tell("button %u %u", code, state);
	if (state && code == BUTTON_RIGHT && !popup)
		popup_open(serial, at_x, at_y);
	else if (state && code == BUTTON_MIDDLE)
		drag(serial);
}

static void pointer_axis(void *data, struct wl_pointer *p, uint32_t time, uint32_t axis, wl_fixed_t value) {}
static void pointer_frame(void *data, struct wl_pointer *p) {}
static void pointer_axis_source(void *data, struct wl_pointer *p, uint32_t source) {}
static void pointer_axis_stop(void *data, struct wl_pointer *p, uint32_t time, uint32_t axis) {}
static void pointer_axis_discrete(void *data, struct wl_pointer *p, uint32_t axis, int32_t steps)
{
	tell("wheel %d", steps);
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter, .leave = pointer_leave, .motion = pointer_motion, .button = pointer_button,
	.axis = pointer_axis, .frame = pointer_frame, .axis_source = pointer_axis_source, .axis_stop = pointer_axis_stop,
	.axis_discrete = pointer_axis_discrete,
};

/* ---- begin ------------------------------------------------------------------------------ */

static void global(void *data, struct wl_registry *r, uint32_t id, const char *interface, uint32_t version)
{
	if (!strcmp(interface, wl_compositor_interface.name))
		compositor = wl_registry_bind(r, id, &wl_compositor_interface, 4);
	else if (!strcmp(interface, wl_shm_interface.name))
		shm = wl_registry_bind(r, id, &wl_shm_interface, 1);
	else if (!strcmp(interface, wl_seat_interface.name))
		seat = wl_registry_bind(r, id, &wl_seat_interface, 7);
	else if (!strcmp(interface, xdg_wm_base_interface.name))
		base = wl_registry_bind(r, id, &xdg_wm_base_interface, 1);
	else if (!strcmp(interface, zxdg_decoration_manager_v1_interface.name))
		decorations = wl_registry_bind(r, id, &zxdg_decoration_manager_v1_interface, 1);
	else if (!strcmp(interface, wl_data_device_manager_interface.name))
		data_manager = wl_registry_bind(r, id, &wl_data_device_manager_interface, 3);
	else if (!strcmp(interface, zwp_primary_selection_device_manager_v1_interface.name))
		primary_manager = wl_registry_bind(r, id, &zwp_primary_selection_device_manager_v1_interface, 1);
}

static void global_gone(void *data, struct wl_registry *r, uint32_t id) {}

static const struct wl_registry_listener registry_listener = { global, global_gone };

static void seat_open(void)
{
	wl_keyboard_add_listener(wl_seat_get_keyboard(seat), &keyboard_listener, NULL);
	wl_pointer_add_listener(wl_seat_get_pointer(seat), &pointer_listener, NULL);
	data_device = wl_data_device_manager_get_data_device(data_manager, seat);
	wl_data_device_add_listener(data_device, &device_listener, NULL);
	primary_device = zwp_primary_selection_device_manager_v1_get_device(primary_manager, seat);
	zwp_primary_selection_device_v1_add_listener(primary_device, &primary_listener, NULL);
}

static void window_open(void)
{
	struct xdg_toplevel *toplevel;

	surface = wl_compositor_create_surface(compositor);
	xdg = xdg_wm_base_get_xdg_surface(base, surface);
	xdg_surface_add_listener(xdg, &xdg_listener, NULL);
	toplevel = xdg_surface_get_toplevel(xdg);
	xdg_toplevel_add_listener(toplevel, &toplevel_listener, NULL);
	xdg_toplevel_set_title(toplevel, name);
	xdg_toplevel_set_app_id(toplevel, name);
	zxdg_toplevel_decoration_v1_set_mode(zxdg_decoration_manager_v1_get_toplevel_decoration(decorations, toplevel),
		ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	wl_surface_commit(surface);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: wlclient NAME COLOUR WIDTH HEIGHT\n");
		return 2;
	}
	name = argv[1];
	colour = (uint32_t)strtoul(argv[2], NULL, 16);
	width = atoi(argv[3]);
	height = atoi(argv[4]);
	display = wl_display_connect(NULL);
	need(display, "compositor");
	wl_registry_add_listener(wl_display_get_registry(display), &registry_listener, NULL);
	wl_display_roundtrip(display);
	need(compositor && shm && seat && base && decorations && data_manager && primary_manager, "interface that it needs");
	xdg_wm_base_add_listener(base, &base_listener, NULL);
	seat_open();
	window_open();
	while (wl_display_dispatch(display) >= 0)
		;
	tell("lost its compositor");
	return 1;
}
