/*
 * What the parts of libwin's windows share: the connection to the compositor, its windows, and who looks after what.
 *
 *   desktop.c    the connection, what the compositor offers, the queue of events and the one file to poll
 *   window.c     windows: xdg-shell, sizes, damage, frames
 *   buffers.c    the pictures of windows, as the compositor knows them
 *   seat.c       keyboard and pointer
 *   selection.c  copy and paste
 *
 * Requests are only written into libwayland's buffer; desktop_next() sends them when it has no event left.
 */
#ifndef LIBWIN_WAYLAND_DESKTOP_H
#define LIBWIN_WAYLAND_DESKTOP_H

#include <wayland-client.h>
#include <xkbcommon/xkbcommon.h>

#include "libwin/libwin.h"
#include "libwin/window.h"

/* Protocols beside the core, of which only seat.c, window.c, buffers.c and selection.c know more. */
struct xdg_wm_base;
struct xdg_surface;
struct xdg_toplevel;
struct zwp_linux_dmabuf_v1;
struct wp_viewport;
struct wp_viewporter;
struct zxdg_decoration_manager_v1;
struct zxdg_toplevel_decoration_v1;
struct zwp_primary_selection_device_manager_v1;

enum {
	WINDOW_BUFFERS_FIRST = 2,   /* one is shown, one is drawn into: enough if it comes back when the other is shown */
	WINDOW_BUFFERS = 3,         /* for compositors that keep one until another was shown for a frame */
	IDLE_BUFFERS = 4,           /* kept for a window of about the same size: one that opens when another closed */
	BUFFER_STEP = 256,          /* pixels: sides are multiples, so that a window that grows seldom needs others */
	BUFFER_WASTE = 4,           /* so many times what a window needs is too large: one that shrank gives it back */
	LONGEST_SIDE = 16384,       /* pixels: the largest picture that there is */
};

/* A file that desktop_next() looks at; ready() is called with epoll's events. */
struct watch {
	int  fd;
	void (*ready)(struct watch *watch, uint32_t events);
};

/* A picture that is shared with the compositor. */
struct buffer {
	struct buffer     *next;        /* in the desktop's list of idle ones */
	struct desktop    *desktop;
	struct window     *window;      /* NULL: idle */
	struct win        *picture;
	struct wl_buffer  *proxy;
	bool               busy;        /* the compositor has it */
	struct window_area    stale;       /* what was drawn in other buffers of the window since this was drawn into */
};

struct window {
	struct wl_list      link;       /* desktop.windows */
	struct desktop     *desktop;
	void               *data;
	struct wl_surface  *surface;
	struct xdg_surface *shell;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration;
	struct wp_viewport *viewport;   /* which part of its buffers it shows; NULL: all, they are as large as it is */
	int                 cropped_width, cropped_height;  /* that the compositor was told */
	struct wl_callback *frame;      /* the compositor has not asked for another frame yet */
	int                 width, height, asked_width, asked_height;
	bool                configured, shown, focused;
	bool                told;       /* WINDOW_DRAW came and was not followed */
	struct window_area     damage;     /* width 0: none */
	struct buffer      *buffers[WINDOW_BUFFERS];
	struct buffer      *drawing;    /* of the frame that is open */
	struct window_area     area;       /* that this frame draws, and what of it is new to the compositor */
	struct window_area     fresh;
};

struct selection;

struct desktop {
	struct wl_display          *display;
	struct wl_registry         *registry;
	struct wl_compositor       *compositor;
	struct wl_shm              *shm;
	struct xdg_wm_base         *wm_base;
	struct zwp_linux_dmabuf_v1 *dmabuf;
	struct zxdg_decoration_manager_v1 *decorations;
	struct wp_viewporter       *viewporter;
	struct wl_data_device_manager *clipboards;
	struct zwp_primary_selection_device_manager_v1 *primaries;
	struct wl_seat             *seat;
	uint32_t                    seat_name;

	struct win_device          *device;
	bool                        takes_pictures;     /* dma-bufs of libwin's format */
	uint64_t                    modifier;           /* that it takes them with */
	struct buffer              *idle;
	struct win                 *tried;              /* that it was asked about by */

	int                         fd;                 /* epoll's */
	struct watch                wire;
	bool                        unsent;             /* the socket was full */
	int                         error;              /* of the connection, that ended it */

	struct wl_list              windows;
	struct window_event        *events;             /* those from next on are to be delivered */
	size_t                      count, next, room;

	/* seat.c */
	struct wl_keyboard         *keyboard;
	struct wl_pointer          *pointer;
	struct xkb_context         *xkb;
	struct xkb_keymap          *keymap;
	struct xkb_state           *state;
	struct window              *focus, *under;      /* that has the keys; that the pointer is in */
	uint32_t                    serial;             /* of the last key or button: proof that the user did something */
	double                      x, y, wheel[2], notches[2];
	struct watch                repeat;             /* a timer */
	int32_t                     repeat_rate, repeat_delay;
	uint32_t                    held;               /* the key that repeats */
	struct xkb_compose_state   *compose;            /* of dead keys; NULL: none was pressed yet, */
	bool                        compose_lacks;      /* or there is no table for them */

	/* selection.c */
	struct selection           *selections[WINDOW_SELECTIONS];
	struct wl_list              sends;
	char                       *pasted;             /* the text of the WINDOW_PASTE that was given last */
};

/* ---- desktop.c --------------------------------------------------------------------- */

/* Add an event; the text in it is pasted's from then on. Without memory the connection ends with -ENOMEM. */
void desktop_event(struct desktop *desktop, const struct window_event *event);

/* The last event if it is of this window and type and was not delivered yet, else NULL. */
struct window_event *desktop_last_event(struct desktop *desktop, const struct window *window,
					enum window_event_type type);

/* Forget what is queued for a window, and who points at it. */
void desktop_forget(struct desktop *desktop, const struct window *window);

int desktop_watch(struct desktop *desktop, struct watch *watch, uint32_t events);
void desktop_unwatch(struct desktop *desktop, struct watch *watch);

/* ---- window.c ---------------------------------------------------------------------- */

/* The window of a surface that an event names; NULL if it is gone. */
struct window *window_of(struct wl_surface *surface);

/* Queue WINDOW_DRAW for each window that can be drawn and has damage. */
void windows_draw(struct desktop *desktop);
void window_shell_listen(struct desktop *desktop);

/* The union of two parts; an empty one (width 0) adds nothing. */
struct window_area part_union(struct window_area a, struct window_area b);

/* ---- buffers.c --------------------------------------------------------------------- */

/* Have the first buffers that a window of its size can draw into. */
int buffers_prepare(struct window *window);

/* A buffer, at least of the window's size, that can be drawn into now; -EAGAIN: all are the compositor's. */
int buffers_take(struct window *window, struct buffer **buffer);

/* Whether buffers_take() would find one. */
bool buffers_ready(const struct window *window);

/* The window's buffers are nobody's; those that are too many go. */
void buffers_leave(struct window *window);
/* The window has another size: all that its buffers hold is to be drawn. */
void buffers_resized(struct window *window);
void buffers_close(struct desktop *desktop);

/* Listen to what dma-bufs the compositor takes; find a card that draws them; see whether it does. */
void buffers_listen(struct desktop *desktop);
int buffers_open(struct desktop *desktop, enum win_drawing how);

/* ---- seat.c ------------------------------------------------------------------------ */

int seat_open(struct desktop *desktop);
void seat_listen(struct desktop *desktop);
void seat_gone(struct desktop *desktop);
void seat_close(struct desktop *desktop);

/* ---- selection.c ------------------------------------------------------------------- */

int selections_open(struct desktop *desktop);
void selections_forget(struct desktop *desktop, const struct window *window);
void selections_close(struct desktop *desktop);

#endif
