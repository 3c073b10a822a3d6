/*
 * What the parts of the seat share: seat.c (events, grabs, wl_seat), keyboard.c, pointer.c, selection.c with data.c
 * (the clipboard) and primary.c (what is marked), and drag.c.
 */
#ifndef BWM_SEAT_PARTS_H
#define BWM_SEAT_PARTS_H

#include <xkbcommon/xkbcommon.h>

#include "evdev.h"
#include "seat.h"

enum { SEAT_VERSION = 7 };

struct drag;
struct selection_kind;
struct source;

/* A surface that is forgotten when it is destroyed. */
struct focus {
	struct wl_resource *surface;
	struct wl_listener  destroyed;
};

struct keyboard {
	struct wl_list      resources;      /* wl_keyboards of all clients */
	struct xkb_context *context;
	struct xkb_keymap  *keymap;
	struct xkb_state   *state;
	int                 keymap_fd;
	uint32_t            keymap_bytes;
	struct focus        focus;
	struct wl_array     held;           /* uint32_t: keys that are down, and clients know of */
	struct wl_array     taken;          /* keys that are down, and the desktop's */
};

struct pointer {
	struct wl_list      resources;
	struct focus        focus;
	uint32_t            enter_serial;
	double              x, y;           /* on the desktop */
	double              offset_x, offset_y;     /* of the surface that holds the pointer, while a button is down */
	unsigned int        buttons;        /* that clients know to be down */
	unsigned int        taken;          /* that are down, and the desktop's */
	uint32_t            press_serial;
	struct focus        cursor;         /* the surface that the pointer looks like */
	bool                frame_due;      /* something was sent since the last frame */
};

/* One of the two selections: what was copied last, or what is marked now. */
struct selection {
	struct seat    *seat;
	struct wl_list  devices;    /* of all clients */
	struct source  *source;     /* NULL: nothing is selected */
	const struct selection_kind *kind;
};

struct seat {
	struct wl_display  *display;
	struct evdev       *evdev;
	struct seat_desktop desktop;
	struct wl_global   *global, *data_global, *primary_global;
	struct wl_list      resources;      /* wl_seats */
	struct keyboard     keyboard;
	struct pointer      pointer;
	struct selection    clipboard, primary;
	struct drag        *drag;
	struct seat_grab   *grab;
	struct wl_client   *popup;
	struct wl_listener  popup_client_gone;
	void              (*popup_dismiss)(void *data);
	void               *popup_data;
};

void focus_init(struct focus *focus, void (*destroyed)(struct wl_listener *, void *));
void focus_set(struct focus *focus, struct wl_resource *surface);

/* keyboard.c */
int keyboard_start(struct seat *seat);
void keyboard_end(struct seat *seat);
void keyboard_bind(struct seat *seat, struct wl_resource *resource);
void keyboard_key(struct seat *seat, uint32_t time, uint32_t code, bool pressed);
void keyboard_focus(struct seat *seat, struct wl_resource *surface);

/* pointer.c */
void pointer_start(struct seat *seat);
void pointer_end(struct seat *seat);
void pointer_bind(struct seat *seat, struct wl_resource *resource);
void pointer_moved(struct seat *seat, uint32_t time, double x, double y);
void pointer_button(struct seat *seat, uint32_t time, uint32_t button, bool pressed);
void pointer_wheel(struct seat *seat, uint32_t time, bool horizontal, int notches);
void pointer_frame(struct seat *seat);
/* Put the focus on a surface or on none, whatever the grab. */
void pointer_focus(struct seat *seat, struct wl_resource *surface, double sx, double sy);

/* selection.c: both selections; the client that has the keyboard hears of what is selected. */
int selection_start(struct seat *seat);
void selection_end(struct seat *seat);
void selection_focus(struct seat *seat, struct wl_resource *surface);

/*
 * Something that a client offers to others, in several types: a wl_data_source or a source of the primary selection. Of
 * an offer each receiving client has an object of its own.
 */
struct source {
	struct wl_resource *resource;
	const struct selection_kind *kind;
	struct seat        *seat;
	struct wl_array     types;          /* char *, each malloc()ed */
	struct wl_list      offers;         /* struct offer by link */
	uint32_t            actions;        /* of a drag: what the client does */
	bool                actions_set;    /* it is for a drag alone */
	bool                used;           /* it was selected or dragged */
};

struct offer {
	struct wl_resource *resource;
	struct wl_list      link;           /* source's offers; of none, itself */
	struct source      *source;         /* NULL when that is gone */
	uint32_t            actions, preferred;     /* of a drag: what the receiver does, and likes best */
	uint32_t            action;         /* which they agreed on */
	bool                dragged, accepted, dropped;
};

/* What makes the clipboard's protocol and the primary selection's differ. */
struct selection_kind {
	const struct wl_interface *offer_interface;
	const void                *offer_implementation;
	void (*data_offer)(struct wl_resource *device, struct wl_resource *offer);
	void (*offer)(struct wl_resource *offer, const char *type);
	void (*selection)(struct wl_resource *device, struct wl_resource *offer);
	void (*send)(struct wl_resource *source, const char *type, int fd);
	void (*cancelled)(struct wl_resource *source);
};

/* A new offer of the source for the client of a device, that is told of it; NULL: that client was told no_memory. */
struct offer *offer_create(struct source *source, struct wl_resource *device);

/* data.c: wl_data_device_manager; negative errno. primary.c: zwp_primary_selection_device_manager_v1. */
struct wl_global *data_create_global(struct seat *seat);
struct wl_global *primary_create_global(struct seat *seat);

/* For these: requests that both have. */
void source_create(struct seat *seat, struct wl_client *client, const struct wl_interface *interface,
	const void *implementation, const struct selection_kind *kind, uint32_t version, uint32_t id);
void source_offer(struct wl_client *client, struct wl_resource *resource, const char *type);
void source_or_offer_destroy(struct wl_client *client, struct wl_resource *resource);
void offer_receive(struct wl_client *client, struct wl_resource *resource, const char *type, int32_t fd);
void selection_device(struct selection *s, struct wl_resource *device, const void *implementation);
void selection_set(struct selection *s, struct wl_client *client, struct wl_resource *source);

/*
 * drag.c. A drag begins with the source, or without one within the client alone; icon may be NULL. The pointer's grab
 * is the drag's until the button is let go.
 */
void drag_start(struct seat *seat, struct wl_client *client, struct source *source, struct wl_resource *icon);
void drag_source_gone(struct seat *seat, struct source *source);
void drag_end(struct seat *seat);
/* The action that both sides can do, told to both if it changes. */
void drag_agree(struct offer *offer);

#endif
