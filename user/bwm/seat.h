/*
 * The seat: what one person does with keys and pointer, brought to that surface of the desktop which it is meant for.
 *
 * Below it are devices (evdev.h), before it the desktop (struct seat_desktop), which says which surface lies where and
 * takes for itself what it wants; behind it clients, by wl_seat, wl_keyboard, wl_pointer and wl_data_device. A surface
 * is its wl_resource here: nothing else of it is looked at.
 *
 * All of it belongs to the thread of the event loop. Places are pixels of the desktop, times milliseconds.
 */
#ifndef BWM_SEAT_H
#define BWM_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include <wayland-server-core.h>

struct seat;

/* Modifiers that are held, as bits. */
enum { SEAT_SHIFT = 1, SEAT_CONTROL = 2, SEAT_ALT = 4, SEAT_LOGO = 8 };

/* What the desktop does. Any of these may change focus and grabs. */
struct seat_desktop {
	/* The surface that takes what the pointer does at this place, and that place in it; NULL: none. */
	struct wl_resource *(*surface_at)(void *data, double x, double y, double *sx, double *sy);
	/* The size of the desktop, that the pointer stays in. */
	void (*size)(void *data, int *width, int *height);
	/*
	 * Keys, buttons and wheels are the desktop's first: true if it took it, and no client hears of it. symbol: xkb's;
	 * modifiers: those that are held from this key on. What was taken is told of its release, too.
	 */
	bool (*key)(void *data, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed);
	bool (*button)(void *data, uint32_t time, uint32_t button, bool pressed);
	bool (*wheel)(void *data, uint32_t time, bool horizontal, int notches);
	/* The pointer is here now, and whether that is on a surface. */
	void (*moved)(void *data, uint32_t time, double x, double y, bool on_surface);
	/*
	 * The pointer looks like this surface, whose place (hot_x, hot_y) is where it points at; NULL with show: as the
	 * desktop likes, without: it is not to be seen. by: the wl_pointer whose client asks for it, NULL: nobody's. False:
	 * it cannot be, and the client was told.
	 */
	bool (*cursor)(void *data, struct wl_resource *by, struct wl_resource *surface, int hot_x, int hot_y, bool show);
	/* A drag shows this surface beside the pointer; NULL: no more. by: the wl_data_device; false as above. */
	bool (*drag_icon)(void *data, struct wl_resource *by, struct wl_resource *surface);
	void *data;
};

/* NULL with errno, after a word on standard error. The desktop's structure is copied. */
struct seat *seat_create(struct wl_display *display, const struct seat_desktop *desktop);
void seat_destroy(struct seat *seat);

/* Give the keyboard to a surface, or with NULL to nobody. One that is destroyed loses it by itself. */
void seat_focus(struct seat *seat, struct wl_resource *surface);
struct wl_resource *seat_focused(const struct seat *seat);

/* Where the pointer is, which modifiers are held. */
void seat_pointer_place(const struct seat *seat, double *x, double *y);
uint32_t seat_modifiers(const struct seat *seat);

/* Something under the pointer has moved, come or gone: find out which surface it is on now. */
void seat_pointer_refresh(struct seat *seat);

/*
 * Whether a client may begin a move, a resize or a drag with this serial: it is that of the button press that
 * still holds the pointer on this surface or another one of the same client.
 */
bool seat_may_grab(const struct seat *seat, struct wl_client *client, uint32_t serial);

/* Likewise for a popup, which may come of a key or of a button let go, too: nothing was pressed since. */
bool seat_may_popup(const struct seat *seat, struct wl_client *client, uint32_t serial);

/*
 * Whoever grabs gets all of what the pointer does, and keys, until the grab ends; clients get nothing. One at a time:
 * a second ends the first by its cancel(). NULL members: that goes nowhere.
 */
struct seat_grab {
	void (*moved)(struct seat_grab *grab, uint32_t time, double x, double y);
	void (*button)(struct seat_grab *grab, uint32_t time, uint32_t button, bool pressed);
	void (*key)(struct seat_grab *grab, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed);
	/* Another grab, or the seat's end; the grab is no more when it is called. */
	void (*cancel)(struct seat_grab *grab);
};
void seat_grab_begin(struct seat *seat, struct seat_grab *grab);
void seat_grab_end(struct seat *seat, struct seat_grab *grab);

/*
 * A popup's grab: until it ends, only surfaces of this client hear of the pointer, and a button pressed elsewhere calls
 * dismiss(data), once, which is to end it. seat_popup_end() may be called when there is none.
 */
void seat_popup_begin(struct seat *seat, struct wl_client *client, void (*dismiss)(void *data), void *data);
void seat_popup_end(struct seat *seat, void *data);

#endif
