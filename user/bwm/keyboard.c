/*
 * The keyboard: xkbcommon knows what keys mean, wl_keyboard tells the client that has the focus.
 *
 * The layout is that of XKB_DEFAULT_LAYOUT and its like, else of /etc/default/keyboard (keyboard(5)), else xkbcommon's.
 * Keys that the desktop takes are never told to clients; neither are their releases.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/input-event-codes.h>
#include <wayland-server-protocol.h>

#include "bwm.h"
#include "seat_parts.h"

enum {
	EVDEV_OFFSET = 8,       /* from evdev's numbers of keys to X's, which xkb has */
	REPEATS_A_SECOND = 25, REPEAT_DELAY = 400,
};

/* ---- the layout ------------------------------------------------------------------ */

/* The variables of keyboard(5) become xkbcommon's, unless those are set. */
static void layout_read(void)
{
	static const char *const names[][2] = {
		{ "XKBMODEL", "XKB_DEFAULT_MODEL" }, { "XKBLAYOUT", "XKB_DEFAULT_LAYOUT" },
		{ "XKBVARIANT", "XKB_DEFAULT_VARIANT" }, { "XKBOPTIONS", "XKB_DEFAULT_OPTIONS" },
	};
	FILE *f = getenv("XKB_DEFAULT_LAYOUT") ? NULL : fopen("/etc/default/keyboard", "re");
	char line[256];

	while (f && fgets(line, sizeof line, f)) {
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = 0;
		value += *value == '"';
		value[strcspn(value, "\"\n")] = 0;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (!strcmp(line, names[i][0]))
				setenv(names[i][1], value, 0);
	}
	if (f)
		fclose(f);
}

/* The keymap's text in a file for clients. */
static int keymap_share(struct keyboard *k)
{
	char *text = xkb_keymap_get_as_string(k->keymap, XKB_KEYMAP_FORMAT_TEXT_V1);

	if (!text)
		return -1;
	k->keymap_bytes = (uint32_t)strlen(text) + 1;
	k->keymap_fd = sealed_file("keymap", text, k->keymap_bytes);
	free(text);
	return k->keymap_fd < 0 ? -1 : 0;
}

/* ---- what clients are told --------------------------------------------------------- */

static void for_focus(struct keyboard *k, void (*tell)(struct keyboard *k, struct wl_resource *keyboard, void *data),
	void *data)
{
	struct wl_resource *r;

	wl_resource_for_each(r, &k->resources)
		if (k->focus.surface && wl_resource_get_client(r) == wl_resource_get_client(k->focus.surface))
			tell(k, r, data);
}

static void tell_modifiers(struct keyboard *k, struct wl_resource *r, void *serial)
{
	wl_keyboard_send_modifiers(r, *(uint32_t *)serial, xkb_state_serialize_mods(k->state, XKB_STATE_MODS_DEPRESSED),
		xkb_state_serialize_mods(k->state, XKB_STATE_MODS_LATCHED),
		xkb_state_serialize_mods(k->state, XKB_STATE_MODS_LOCKED),
		xkb_state_serialize_layout(k->state, XKB_STATE_LAYOUT_EFFECTIVE));
}

static void tell_enter(struct keyboard *k, struct wl_resource *r, void *serial)
{
	wl_keyboard_send_enter(r, *(uint32_t *)serial, k->focus.surface, &k->held);
	tell_modifiers(k, r, serial);
}

static void tell_leave(struct keyboard *k, struct wl_resource *r, void *serial)
{
	wl_keyboard_send_leave(r, *(uint32_t *)serial, k->focus.surface);
}

struct key_event {
	uint32_t serial, time, code;
	bool     pressed;
};

static void tell_key(struct keyboard *k, struct wl_resource *r, void *data)
{
	const struct key_event *e = data;

	wl_keyboard_send_key(r, e->serial, e->time, e->code, e->pressed);
}

void keyboard_focus(struct seat *seat, struct wl_resource *surface)
{
	struct keyboard *k = &seat->keyboard;
	uint32_t serial;

	if (surface == k->focus.surface)
		return;
	serial = wl_display_next_serial(seat->display);
	for_focus(k, tell_leave, &serial);
	focus_set(&k->focus, surface);
	selection_focus(seat, surface);     /* before it can be asked for with the keyboard */
	for_focus(k, tell_enter, &serial);
}

/* Its client needs no leave: it knows that the surface has gone. */
static void focus_destroyed(struct wl_listener *listener, void *data)
{
	struct keyboard *k = wl_container_of(listener, k, focus.destroyed);
	struct seat *seat = wl_container_of(k, seat, keyboard);

	focus_set(&k->focus, NULL);
	selection_focus(seat, NULL);
}

/* ---- keys ------------------------------------------------------------------------- */

/* Put a key into a list of keys that are down, or take it out; whether it was there. */
static bool keys_drop(struct wl_array *keys, uint32_t code)
{
	uint32_t *first = keys->data, *end = (void *)((char *)keys->data + keys->size);

	for (uint32_t *p = first; p < end; p++)
		if (*p == code) {
			*p = end[-1];
			keys->size -= sizeof *p;
			return true;
		}
	return false;
}

static bool keys_add(struct wl_array *keys, uint32_t code)
{
	uint32_t *p = wl_array_add(keys, sizeof *p);

	if (p)
		*p = code;
	return p;
}

uint32_t seat_modifiers(const struct seat *seat)
{
	static const struct {
		const char *name;
		uint32_t    bit;
	} names[] = {
		{ XKB_MOD_NAME_SHIFT, SEAT_SHIFT }, { XKB_MOD_NAME_CTRL, SEAT_CONTROL },
		{ XKB_MOD_NAME_ALT, SEAT_ALT }, { XKB_MOD_NAME_LOGO, SEAT_LOGO },
	};
	uint32_t held = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (xkb_state_mod_name_is_active(seat->keyboard.state, names[i].name, XKB_STATE_MODS_EFFECTIVE) > 0)
			held |= names[i].bit;
	return held;
}

static void lights(struct seat *seat)
{
	static const struct {
		const char  *name;
		unsigned int led;
	} names[] = {
		{ XKB_LED_NAME_NUM, LED_NUML }, { XKB_LED_NAME_CAPS, LED_CAPSL }, { XKB_LED_NAME_SCROLL, LED_SCROLLL },
	};
	uint32_t lit = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (xkb_state_led_name_is_active(seat->keyboard.state, names[i].name) > 0)
			lit |= 1u << names[i].led;
	evdev_leds(seat->evdev, lit);
}

/*
 * Whether a grab or the desktop takes it. A release goes where the press went; a grab hears of it in any case, for what
 * ends it may be a key that was down before.
 */
static bool is_taken(struct seat *seat, uint32_t time, uint32_t code, uint32_t symbol, uint32_t modifiers, bool pressed)
{
	struct keyboard *k = &seat->keyboard;
	bool taken = pressed ? seat->grab != NULL : keys_drop(&k->taken, code);

	if (seat->grab && seat->grab->key)
		seat->grab->key(seat->grab, time, symbol, modifiers, pressed);
	else if (!seat->grab && (pressed || taken))
		taken |= seat->desktop.key(seat->desktop.data, time, symbol, modifiers, pressed);
	if (pressed && taken)
		keys_add(&k->taken, code);
	return taken;
}

void keyboard_key(struct seat *seat, uint32_t time, uint32_t code, bool pressed)
{
	struct keyboard *k = &seat->keyboard;
	uint32_t symbol = xkb_state_key_get_one_sym(k->state, code + EVDEV_OFFSET);
	enum xkb_state_component changed;
	struct key_event e = { 0, time, code, pressed };

	/* Two keyboards may hold the same key: that is one key, down from the first press to the first release. */
	changed = xkb_state_update_key(k->state, code + EVDEV_OFFSET, pressed ? XKB_KEY_DOWN : XKB_KEY_UP);
	if (!is_taken(seat, time, code, symbol, seat_modifiers(seat), pressed) &&
	    (pressed ? !keys_drop(&k->held, code) & keys_add(&k->held, code) : keys_drop(&k->held, code))) {
		e.serial = wl_display_next_serial(seat->display);
		for_focus(k, tell_key, &e);
	}
	if (changed) {
		uint32_t serial = wl_display_next_serial(seat->display);
		for_focus(k, tell_modifiers, &serial);
	}
	if (changed & XKB_STATE_LEDS)
		lights(seat);
}

/* ---- wl_keyboard --------------------------------------------------------------------- */

static void release(struct wl_client *client, struct wl_resource *resource)
{
	wl_resource_destroy(resource);
}

static const struct wl_keyboard_interface implementation = { .release = release };

static void unlink_resource(struct wl_resource *resource)
{
	wl_list_remove(wl_resource_get_link(resource));
}

void keyboard_bind(struct seat *seat, struct wl_resource *resource)
{
	struct keyboard *k = &seat->keyboard;
	uint32_t serial;

	wl_resource_set_implementation(resource, &implementation, seat, unlink_resource);
	wl_list_insert(&k->resources, wl_resource_get_link(resource));
	wl_keyboard_send_keymap(resource, WL_KEYBOARD_KEYMAP_FORMAT_XKB_V1, k->keymap_fd, k->keymap_bytes);
	if (wl_resource_get_version(resource) >= WL_KEYBOARD_REPEAT_INFO_SINCE_VERSION)
		wl_keyboard_send_repeat_info(resource, REPEATS_A_SECOND, REPEAT_DELAY);
	if (k->focus.surface && wl_resource_get_client(k->focus.surface) == wl_resource_get_client(resource)) {
		serial = wl_display_next_serial(seat->display);
		tell_enter(k, resource, &serial);
	}
}

int keyboard_start(struct seat *seat)
{
	struct keyboard *k = &seat->keyboard;

	wl_list_init(&k->resources);
	wl_array_init(&k->held);
	wl_array_init(&k->taken);
	focus_init(&k->focus, focus_destroyed);
	k->keymap_fd = -1;
	layout_read();
	k->context = xkb_context_new(XKB_CONTEXT_NO_FLAGS);
	k->keymap = k->context ? xkb_keymap_new_from_names(k->context, NULL, XKB_KEYMAP_COMPILE_NO_FLAGS) : NULL;
	k->state = k->keymap ? xkb_state_new(k->keymap) : NULL;
	if (!k->state) {
		fprintf(stderr, "bwm: there is no keymap for the layout %s\n",
			getenv("XKB_DEFAULT_LAYOUT") ? getenv("XKB_DEFAULT_LAYOUT") : "us");
		errno = EINVAL;
	} else if (keymap_share(k) == 0) {
		return 0;
	} else {
		perror("bwm: keymap");
	}
	keyboard_end(seat);
	return -1;
}

void keyboard_end(struct seat *seat)
{
	struct keyboard *k = &seat->keyboard;
	int error = errno;

	focus_set(&k->focus, NULL);
	xkb_state_unref(k->state);
	xkb_keymap_unref(k->keymap);
	xkb_context_unref(k->context);
	wl_array_release(&k->held);
	wl_array_release(&k->taken);
	if (k->keymap_fd >= 0)
		close(k->keymap_fd);
	errno = error;
}
