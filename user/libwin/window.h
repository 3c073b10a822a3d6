/*
 * Windows of a Wayland compositor, whose pictures are drawn with win.h.
 *
 * A program opens the desktop, makes windows, and runs a loop of its own:
 *
 *     desktop_open(&desktop, NULL, WIN_ANY);
 *     window_create(desktop, 640, 480, "Title", "program", NULL, &window);
 *     for (;;) {
 *         while ((got = desktop_next(desktop, &event)) > 0)
 *             handle(&event);
 *         if (got < 0)
 *             break;                      (the compositor is gone)
 *         poll(desktop_fd(desktop) for POLLIN, and what else the program waits for);
 *     }
 *
 * What is to be drawn again is said by window_damage(), at any time and as often as is handy; nothing is drawn by that.
 * When the window can take a frame and the compositor wants one, WINDOW_DRAW comes, and the program draws:
 *
 *     case WINDOW_DRAW:
 *         if (!window_begin_frame(window, &win, &area)) {
 *             win_clear(win, ...), win_text(win, ...) ...
 *             window_end_frame(window);
 *         }
 *
 * All of the window may be drawn, and only what lies in area is changed, so a program that knows what lies outside may
 * leave it out. Who wants to draw on, for an animation, calls window_damage() right there: the next WINDOW_DRAW comes
 * with the compositor's pace, and none as long as the window cannot be seen. So nothing wakes a program that is idle or
 * hidden but its own timers. A new window and one of a new size are wholly damaged by themselves.
 *
 * Where the GPU draws, pictures are shared with the compositor as dma-bufs and no pixel is touched by a CPU; elsewhere
 * they are memory shared by wl_shm. win_on_gpu(desktop_device(desktop)) tells which.
 *
 * Coordinates are pixels from the window's upper left corner. Calls that can fail give 0 or a negative errno. A desktop
 * and all that was made of it belong to one thread at a time. Only desktop_open() sleeps for the compositor's answer.
 */
#ifndef LIBWIN_WINDOW_H
#define LIBWIN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "win.h"

struct desktop;
struct window;

/* A part of a window. */
struct window_area { int x, y, width, height; };

enum window_event_type {
	WINDOW_DRAW,            /* something is damaged and a frame can be drawn */
	WINDOW_RESIZE,          /* width, height: the window's size from the next frame on */
	WINDOW_CLOSE,           /* the user wants it closed; it stays until the program destroys it */
	WINDOW_FOCUS,           /* on: keys go to this window, or no more */
	WINDOW_KEY,             /* symbol, text, on (pressed), repeated, modifiers */
	WINDOW_POINTER,         /* x, y: the pointer came in or moved; modifiers */
	WINDOW_POINTER_OUT,     /* it left */
	WINDOW_BUTTON,          /* button, on (pressed), x, y, time, modifiers */
	WINDOW_WHEEL,           /* wheel_x, wheel_y, x, y, modifiers */
	WINDOW_PASTE,           /* bytes, count: what window_paste() asked for; which: from where */
};

enum { WINDOW_SHIFT = 1, WINDOW_CTRL = 2, WINDOW_ALT = 4, WINDOW_LOGO = 8, WINDOW_CAPS = 16, WINDOW_NUM = 32 };

/* Two places to paste from: what was copied on purpose, and what was last selected (the middle button's). */
enum window_selection { WINDOW_CLIPBOARD, WINDOW_PRIMARY, WINDOW_SELECTIONS };

enum { WINDOW_KEY_TEXT = 16 };

struct window_event {
	enum window_event_type type;
	struct window *window;
	int            width, height;
	bool           on;
	bool           repeated;            /* by a key that is held down */
	uint32_t       symbol;              /* XKB_KEY_* of xkbcommon/xkbcommon-keysyms.h */
	char           text[WINDOW_KEY_TEXT];   /* UTF-8 that the key types, with Ctrl's meaning; "": none, or a release */
	uint32_t       modifiers;           /* WINDOW_SHIFT... that are on */
	double         x, y;                /* pixels; may lie outside while a button is held */
	uint32_t       button;              /* BTN_* of linux/input-event-codes.h */
	uint32_t       time;                /* milliseconds of a clock with any beginning */
	double         wheel_x, wheel_y;    /* notches of a wheel, or parts of one; y is positive downwards */
	enum window_selection which;
	const char    *bytes;               /* count of them and a 0; valid until the next desktop_next() */
	size_t         count;
};

/*
 * Connect to a compositor: name, or with NULL the one that the environment names (WAYLAND_DISPLAY, else wayland-0, in
 * XDG_RUNTIME_DIR). how: WIN_ANY draws by the GPU if there is one and the compositor takes its pictures, WIN_GPU gives
 * -ENODEV else. -ENOENT, -ECONNREFUSED: no compositor; -EPROTONOSUPPORT: one that lacks what windows need
 * (wl_compositor, wl_shm, xdg_wm_base); -ENOMEM, and the card's errors.
 */
int desktop_open(struct desktop **desktop, const char *name, enum win_drawing how);

/* Close it and all windows that are left. Fonts and pictures of its device are to be destroyed before. */
void desktop_close(struct desktop *desktop);

/* What fonts and other pictures are made of. It is the desktop's. */
struct win_device *desktop_device(struct desktop *desktop);

/* For poll(): readable when desktop_next() has something to do. It is the desktop's. */
int desktop_fd(const struct desktop *desktop);

/*
 * The next event: 1, or 0 when there is none and it is time to poll, which is also what sends requests that are
 * waiting; -EPIPE or another error when the connection has ended, -EPROTO if the compositor refused what was sent. It
 * never sleeps. A key that is held down repeats here.
 */
int desktop_next(struct desktop *desktop, struct window_event *event);

/*
 * A window of this size in pixels, which the compositor may change: WINDOW_RESIZE tells. It is seen when its first
 * frame is drawn. app_id names the program as its .desktop file does. data: window_data() gives it. -EINVAL, -ENOMEM.
 */
int window_create(struct desktop *desktop, int width, int height, const char *title, const char *app_id, void *data,
		  struct window **window);
void window_destroy(struct window *window);

void *window_data(const struct window *window);
int window_width(const struct window *window);
int window_height(const struct window *window);
bool window_focused(const struct window *window);
void window_set_title(struct window *window, const char *title);

/* The user cannot make it smaller than this by hand; 0: as small as anybody likes. */
void window_set_least_size(struct window *window, int width, int height);
void window_set_fullscreen(struct window *window, bool on);

/* This part, or all, is to be drawn again, and WINDOW_DRAW will come for it. */
void window_damage(struct window *window, int x, int y, int width, int height);
void window_damage_all(struct window *window);

/*
 * One frame, within the handling of WINDOW_DRAW or later: the picture to draw into, and the part of it that is to be
 * drawn, no matter how much more is. area may be NULL. -EAGAIN: nothing is damaged, or no frame can be drawn now (a
 * WINDOW_DRAW will come); -ENOMEM and the card's errors. *win may be another one in each frame and must not be kept.
 * window_end_frame() hands it over; it gives what went wrong in any call of the frame, which is shown none the less.
 */
int window_begin_frame(struct window *window, struct win **win, struct window_area *area);
int window_end_frame(struct window *window);

/*
 * Offer this text, which is copied, for others to paste; -EAGAIN: the window has no focus or no key or button was
 * pressed in it yet, -EOPNOTSUPP: the compositor has no such selection, -ENOMEM.
 */
int window_copy(struct window *window, enum window_selection which, const char *bytes, size_t count);

/*
 * Ask for the text of a selection; WINDOW_PASTE brings it when its owner has sent it, with count 0 if that failed.
 * -EAGAIN: the window has no focus, or there is nothing to paste, or an earlier one is still under way; -EOPNOTSUPP.
 */
int window_paste(struct window *window, enum window_selection which);

#endif
