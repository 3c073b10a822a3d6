/*
 * Keyboard and pointer: the compositor's key codes become symbols and text by its own key map (libxkbcommon), keys that
 * are held repeat by a timer here, and the pointer's events are gathered into what a program wants to know.
 *
 * A held key repeats at the rate that the compositor names. A program that is slower than that gets one event for all
 * that it missed.
 *
 * Dead keys and the compose key type nothing: with those that follow they make a letter, as the locale's Compose file
 * says, Compose(5). That is large, and read when the first of them is pressed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <xkbcommon/xkbcommon-compose.h>

#include "desktop.h"

enum {
	EVDEV_TO_XKB = 8,           /* XKB's key codes are evdev's and this */
	UNITS_A_NOTCH = 10,         /* of an axis, where the compositor does not count notches itself: all use so many */
	VERTICAL = WL_POINTER_AXIS_VERTICAL_SCROLL, HORIZONTAL = WL_POINTER_AXIS_HORIZONTAL_SCROLL,
	REPEAT_RATE = 25, REPEAT_DELAY = 600,   /* a second, ms: until the compositor says */
	NANOSECONDS = 1000000000, MILLISECONDS = 1000,
};

static const struct { const char *name; uint32_t bit; } modifier_names[] = {
	{ XKB_MOD_NAME_SHIFT, WINDOW_SHIFT }, { XKB_MOD_NAME_CTRL, WINDOW_CTRL }, { XKB_MOD_NAME_ALT, WINDOW_ALT },
	{ XKB_MOD_NAME_LOGO, WINDOW_LOGO }, { XKB_MOD_NAME_CAPS, WINDOW_CAPS }, { XKB_MOD_NAME_NUM, WINDOW_NUM },
};

static uint32_t modifiers(const struct desktop *d)
{
	uint32_t on = 0;

	for (size_t i = 0; d->state && i < sizeof modifier_names / sizeof modifier_names[0]; i++)
		if (xkb_state_mod_name_is_active(d->state, modifier_names[i].name, XKB_STATE_MODS_EFFECTIVE) > 0)
			on |= modifier_names[i].bit;
	return on;
}

/* ---- the keyboard --------------------------------------------------------------------- */

/*
 * Compose(5)'s table of the user's locale; without one the keys type what they do alone. Letters are UTF-8 in any case.
 */
static struct xkb_compose_state *open_compose(struct xkb_context *context)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	struct xkb_compose_state *state = NULL;
	struct xkb_compose_table *table;
	const char *locale = NULL;

	for (size_t i = 0; i < sizeof names / sizeof names[0] && !(locale && *locale); i++)
		locale = getenv(names[i]);
	if (!locale || !*locale || !strcmp(locale, "C") || !strcmp(locale, "POSIX"))
		locale = "C.UTF-8";
	table = xkb_compose_table_new_from_locale(context, locale, XKB_COMPOSE_COMPILE_NO_FLAGS);
	if (table)
		state = xkb_compose_state_new(table, XKB_COMPOSE_STATE_NO_FLAGS);
	xkb_compose_table_unref(table);
	return state;
}

static bool begins_sequence(uint32_t symbol)
{
	return (symbol >= XKB_KEY_dead_grave && symbol <= XKB_KEY_dead_longsolidusoverlay) || symbol == XKB_KEY_Multi_key;
}

/* What a key that went down means behind the dead keys before it. */
static void compose(struct desktop *d, struct window_event *event)
{
	if (!d->compose && !d->compose_lacks && begins_sequence(event->symbol)) {
		d->compose = open_compose(d->xkb);
		d->compose_lacks = !d->compose;
	}
	if (!d->compose || xkb_compose_state_feed(d->compose, event->symbol) == XKB_COMPOSE_FEED_IGNORED)
		return;
	switch (xkb_compose_state_get_status(d->compose)) {
	case XKB_COMPOSE_NOTHING:
		return;
	case XKB_COMPOSE_COMPOSED:
		event->symbol = xkb_compose_state_get_one_sym(d->compose);
		if (xkb_compose_state_get_utf8(d->compose, event->text, sizeof event->text) < (int)sizeof event->text)
			return;
		break;
	default:        /* it goes on, or there is no such sequence */
		event->symbol = XKB_KEY_NoSymbol;
	}
	event->text[0] = 0;
}

/* Send the key's event to who has the focus. */
static void key_event(struct desktop *d, uint32_t code, bool on, bool repeated)
{
	struct window_event event = {
		.type = WINDOW_KEY, .window = d->focus, .on = on, .repeated = repeated, .modifiers = modifiers(d),
		.symbol = xkb_state_key_get_one_sym(d->state, code),
	};

	/* What does not fit, and no key types that much, is no text. */
	if (on && xkb_state_key_get_utf8(d->state, code, event.text, sizeof event.text) >= (int)sizeof event.text)
		event.text[0] = 0;
	if (on && !repeated)
		compose(d, &event);
	desktop_event(d, &event);
}

static void repeat_at(struct desktop *d, long first, long each)
{
	struct itimerspec when = {
		.it_value = { first / NANOSECONDS, first % NANOSECONDS },
		.it_interval = { each / NANOSECONDS, each % NANOSECONDS },
	};

	timerfd_settime(d->repeat.fd, 0, &when, NULL);
}

static void repeat_stop(struct desktop *d)
{
	if (d->held)
		repeat_at(d, 0, 0);
	d->held = 0;
}

static void repeat_ready(struct watch *watch, uint32_t events)
{
	struct desktop *d = wl_container_of(watch, d, repeat);
	uint64_t times;

	if (read(watch->fd, &times, sizeof times) == sizeof times && d->held && d->focus && d->state)
		key_event(d, d->held, true, true);
}

static bool composing(const struct desktop *d)
{
	return d->compose && xkb_compose_state_get_status(d->compose) == XKB_COMPOSE_COMPOSING;
}

static void key(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t time, uint32_t evdev, uint32_t how)
{
	struct desktop *d = data;
	uint32_t code = evdev + EVDEV_TO_XKB;
	bool on = how == WL_KEYBOARD_KEY_STATE_PRESSED;

	d->serial = serial;
	if (!d->focus || !d->state)
		return;
	key_event(d, code, on, false);
	if (!on && code == d->held)
		repeat_stop(d);
	if (on && d->repeat_rate > 0 && xkb_keymap_key_repeats(d->keymap, code) && !composing(d)) {
		d->held = code;
		repeat_at(d, (long)d->repeat_delay * (NANOSECONDS / MILLISECONDS) + 1, NANOSECONDS / d->repeat_rate);
	}
}

static void set_focus(struct desktop *d, struct window *w)
{
	struct window *had = d->focus;

	repeat_stop(d);
	if (had == w)
		return;
	if (d->compose)
		xkb_compose_state_reset(d->compose);
	d->focus = w;
	if (had) {
		had->focused = false;
		desktop_event(d, &(struct window_event) { .type = WINDOW_FOCUS, .window = had });
	}
	if (w) {
		w->focused = true;
		desktop_event(d, &(struct window_event) { .type = WINDOW_FOCUS, .window = w, .on = true });
	}
}

static void keys_enter(void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface,
		       struct wl_array *keys)
{
	struct desktop *d = data;

	/* they were pressed for somebody else */
	d->serial = serial;
	set_focus(d, window_of(surface));
}

static void keys_leave(void *data, struct wl_keyboard *keyboard, uint32_t serial, struct wl_surface *surface)
{
	set_focus(data, NULL);
}

static void drop_keymap(struct desktop *d)
{
	xkb_state_unref(d->state);
	xkb_keymap_unref(d->keymap);
	d->state = NULL;
	d->keymap = NULL;
}

static void keymap(void *data, struct wl_keyboard *keyboard, uint32_t format, int fd, uint32_t size)
{
	struct desktop *d = data;
	char *text = MAP_FAILED;

	repeat_stop(d);
	drop_keymap(d);
	if (format == WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1 && size > 0)
		text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text != MAP_FAILED) {
		d->keymap = xkb_keymap_new_from_buffer(d->xkb, text, strnlen(text, size), XKB_KEYMAP_FORMAT_TEXT_V1,
			XKB_KEYMAP_COMPILE_NO_FLAGS);
		munmap(text, size);
	}
	close(fd);
	if (d->keymap)
		d->state = xkb_state_new(d->keymap);
}

static void modifiers_changed(void *data, struct wl_keyboard *keyboard, uint32_t serial, uint32_t pressed,
			      uint32_t latched, uint32_t locked, uint32_t group)
{
	struct desktop *d = data;

	if (d->state)
		xkb_state_update_mask(d->state, pressed, latched, locked, 0, 0, group);
}

static void repeat_info(void *data, struct wl_keyboard *keyboard, int32_t rate, int32_t delay)
{
	struct desktop *d = data;

	d->repeat_rate = rate > MILLISECONDS ? MILLISECONDS : rate;
	d->repeat_delay = delay > 0 ? delay : 0;
	repeat_stop(d);
}

static const struct wl_keyboard_listener keyboard_listener = {
	.keymap = keymap, .enter = keys_enter, .leave = keys_leave, .key = key, .modifiers = modifiers_changed,
	.repeat_info = repeat_info,
};

/* ---- the pointer ---------------------------------------------------------------------- */

static struct window_event pointer_event(struct desktop *d, enum window_event_type type)
{
	return (struct window_event) { .type = type, .window = d->under, .x = d->x, .y = d->y, .modifiers = modifiers(d) };
}

/* Moves that the program has not seen yet are one. */
static void moved(struct desktop *d, wl_fixed_t x, wl_fixed_t y)
{
	struct window_event event, *last;

	d->x = wl_fixed_to_double(x);
	d->y = wl_fixed_to_double(y);
	if (!d->under)
		return;
	event = pointer_event(d, WINDOW_POINTER);
	last = desktop_last_event(d, d->under, WINDOW_POINTER);
	if (last)
		*last = event;
	else
		desktop_event(d, &event);
}

static void pointer_enter(void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface,
			  wl_fixed_t x, wl_fixed_t y)
{
	struct desktop *d = data;

	d->under = window_of(surface);
	moved(d, x, y);
}

static void pointer_leave(void *data, struct wl_pointer *pointer, uint32_t serial, struct wl_surface *surface)
{
	struct desktop *d = data;
	struct window_event event = pointer_event(d, WINDOW_POINTER_OUT);

	if (d->under)
		desktop_event(d, &event);
	d->under = NULL;
}

static void pointer_motion(void *data, struct wl_pointer *pointer, uint32_t time, wl_fixed_t x, wl_fixed_t y)
{
	moved(data, x, y);
}

static void pointer_button(void *data, struct wl_pointer *pointer, uint32_t serial, uint32_t time, uint32_t button,
			   uint32_t how)
{
	struct desktop *d = data;
	struct window_event event = pointer_event(d, WINDOW_BUTTON);

	d->serial = serial;
	event.button = button;
	event.on = how == WL_POINTER_BUTTON_STATE_PRESSED;
	event.time = time;
	if (d->under)
		desktop_event(d, &event);
}

/* What a wheel did in one go, in notches if the compositor counts them. */
static void pointer_frame(void *data, struct wl_pointer *pointer)
{
	struct desktop *d = data;
	struct window_event event = pointer_event(d, WINDOW_WHEEL);
	double turned[2];

	for (int axis = 0; axis < 2; axis++) {
		turned[axis] = d->notches[axis] != 0 ? d->notches[axis] : d->wheel[axis] / UNITS_A_NOTCH;
		d->notches[axis] = d->wheel[axis] = 0;
	}
	event.wheel_y = turned[VERTICAL];
	event.wheel_x = turned[HORIZONTAL];
	if (d->under && (event.wheel_x != 0 || event.wheel_y != 0))
		desktop_event(d, &event);
}

static void pointer_axis(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis, wl_fixed_t value)
{
	struct desktop *d = data;

	if (axis > HORIZONTAL)
		return;
	d->wheel[axis] += wl_fixed_to_double(value);
	if (wl_pointer_get_version(pointer) < WL_POINTER_FRAME_SINCE_VERSION)
		pointer_frame(d, pointer);
}

static void pointer_axis_source(void *data, struct wl_pointer *pointer, uint32_t source)
{
}

static void pointer_axis_stop(void *data, struct wl_pointer *pointer, uint32_t time, uint32_t axis)
{
}

static void pointer_axis_discrete(void *data, struct wl_pointer *pointer, uint32_t axis, int32_t notches)
{
	struct desktop *d = data;

	if (axis <= HORIZONTAL)
		d->notches[axis] += notches;
}

static const struct wl_pointer_listener pointer_listener = {
	.enter = pointer_enter, .leave = pointer_leave, .motion = pointer_motion, .button = pointer_button,
	.axis = pointer_axis, .frame = pointer_frame, .axis_source = pointer_axis_source, .axis_stop = pointer_axis_stop,
	.axis_discrete = pointer_axis_discrete,
};

/* ---- the seat ------------------------------------------------------------------------- */

static void drop_keyboard(struct desktop *d)
{
	set_focus(d, NULL);
	if (d->keyboard && wl_keyboard_get_version(d->keyboard) >= WL_KEYBOARD_RELEASE_SINCE_VERSION)
		wl_keyboard_release(d->keyboard);
	else if (d->keyboard)
		wl_keyboard_destroy(d->keyboard);
	d->keyboard = NULL;
}

static void drop_pointer(struct desktop *d)
{
	d->under = NULL;
	if (d->pointer && wl_pointer_get_version(d->pointer) >= WL_POINTER_RELEASE_SINCE_VERSION)
		wl_pointer_release(d->pointer);
	else if (d->pointer)
		wl_pointer_destroy(d->pointer);
	d->pointer = NULL;
}

/* Devices come and go. */
static void capabilities(void *data, struct wl_seat *seat, uint32_t has)
{
	struct desktop *d = data;

	if (!(has & WL_SEAT_CAPABILITY_KEYBOARD)) {
		drop_keyboard(d);
	} else if (!d->keyboard) {
		d->keyboard = wl_seat_get_keyboard(seat);
		wl_keyboard_add_listener(d->keyboard, &keyboard_listener, d);
	}
	if (!(has & WL_SEAT_CAPABILITY_POINTER)) {
		drop_pointer(d);
	} else if (!d->pointer) {
		d->pointer = wl_seat_get_pointer(seat);
		wl_pointer_add_listener(d->pointer, &pointer_listener, d);
	}
}

static void seat_named(void *data, struct wl_seat *seat, const char *name)
{
}

static const struct wl_seat_listener seat_listener = { .capabilities = capabilities, .name = seat_named };

int seat_open(struct desktop *d)
{
	d->xkb = xkb_context_new(XKB_CONTEXT_NO_DEFAULT_INCLUDES);
	if (!d->xkb)
		return -ENOMEM;
	d->repeat_rate = REPEAT_RATE;
	d->repeat_delay = REPEAT_DELAY;
	d->repeat = (struct watch) { timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), repeat_ready };
	return d->repeat.fd < 0 ? -errno : desktop_watch(d, &d->repeat, EPOLLIN);
}

void seat_listen(struct desktop *d)
{
	wl_seat_add_listener(d->seat, &seat_listener, d);
}

void seat_gone(struct desktop *d)
{
	drop_keyboard(d);
	drop_pointer(d);
	if (wl_seat_get_version(d->seat) >= WL_SEAT_RELEASE_SINCE_VERSION)
		wl_seat_release(d->seat);
	else
		wl_seat_destroy(d->seat);
	d->seat = NULL;
}

void seat_close(struct desktop *d)
{
	if (d->seat)
		seat_gone(d);
	drop_keymap(d);
	xkb_compose_state_unref(d->compose);
	xkb_context_unref(d->xkb);
	if (d->repeat.fd >= 0)
		close(d->repeat.fd);
}
