/*
 * bwm, the window manager: a Wayland server that composes its clients' pictures on the display by libwin.
 *
 * main.c       the event loop: libwayland's, one poll; signals; the one place that knows all parts
 * output.c     the display: its size and rate, wl_output, screens that come and go
 * pace.c       when the next frame is due
 * compose.c    a frame: which parts of the display changed, and what is drawn there
 * client.c     what a client may have
 * contents.c   what a surface shows: shared memory, which is uploaded, and the GPU's buffers, used as they are
 * dmabuf.c, feedback.c     zwp_linux_dmabuf_v1
 * sealed.c     files that clients map
 * region.c     wl_region
 * surface.c    wl_surface: pending and current state, frame callbacks
 * subsurface.c wl_subcompositor
 * viewport.c   wp_viewporter
 * xdg.c, toplevel.c, popup.c, positioner.c      xdg-shell: toplevels are windows, popups hang from them (xdg.h)
 * window.c     windows: their order, place, size and state, whoever asks: a client, the keyboard, the task bar
 * seat.c, evdev.c, keyboard.c, pointer.c, selection.c, drag.c      input: devices, wl_seat, clipboard (seat.h)
 * shell*.c     what the user does with windows, and what bwm draws itself: wallpaper, frames, task bar (shell.h)
 *
 * One thread. Coordinates are pixels of the display from its upper left corner. Whoever changes what is seen calls
 * damage_add(); the frame is drawn later, at the display's pace, and only the damaged parts of it.
 */
#ifndef BWM_BWM_H
#define BWM_BWM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wayland-server-core.h>
#include <wayland-server-protocol.h>

#include "libwin/compose.h"
#include "libwin/win.h"
#include "pace.h"

enum { LONGEST_SIDE = 16384 };      /* pixels: libwin's pictures, and so all that is shown */

struct positioner;
struct seat;
struct shell;
struct surface;
struct surface_state;
struct xdg_surface;

/* ---- rectangles, and which parts of the display are to be drawn --------------------- */

typedef struct win_part rect;       /* x, y, width, height in pixels; empty: a width or height below 1 */

static inline bool rect_empty(rect r)
{
	return r.width < 1 || r.height < 1;
}

static inline bool rect_has(rect r, int x, int y)
{
	return x >= r.x && y >= r.y && x - r.x < r.width && y - r.y < r.height;
}

rect rect_meet(rect a, rect b);     /* what both have */
rect rect_join(rect a, rect b);     /* the smallest around both; an empty one adds nothing */

/* More parts than these in one frame are not worth telling apart: the nearest are joined. */
enum { DAMAGE_PARTS = 16 };

struct damage {
	int  count;
	rect parts[DAMAGE_PARTS];
};

void damage_join(struct damage *d, rect part);

/* ---- the server ---------------------------------------------------------------------- */

struct output {
	struct server          *server;
	struct wl_global       *global;
	struct wl_list          resources;
	struct win             *screen;         /* the display's picture; NULL: no display is connected */
	int                     width, height;
	int                     refresh;        /* thousandths of a frame a second */
	struct damage           damage;         /* since the last frame */
	int                     timer;          /* a timerfd: when the next frame is due; armed only if one is wanted */
	bool                    armed;
	struct pace             pace;
	uint64_t                frames;         /* drawn since the start */
	struct wl_event_source *timer_source, *hotplug_source, *card_source;
	int                     hotplug;        /* the netlink socket of the kernel's device events, -1: there is none */
};

struct server {
	struct wl_display    *display;
	struct wl_event_loop *loop;
	struct win_device    *device;
	struct output         output;
	bool                  gone;             /* the card was taken away: this program ends */
	int                   rate;             /* frames a second that were asked for; 0: the display's own */
	struct wl_list        windows;          /* struct window by link, the lowest first; all, mapped or not */
	struct window        *active;           /* who has the keyboard; NULL: nobody */
	struct seat          *seat;
	struct shell         *shell;
	int                   formats_fd;       /* what buffers of the GPU may be like (feedback.c); -1: without one */
	int                   placed;           /* windows that were placed: the next one's place depends on it */
};

/* output.c. output_create() gives a negative errno. */
int output_create(struct server *server);
void output_destroy(struct output *output);
void output_schedule(struct output *output);        /* a frame is wanted, though nothing has changed */
void damage_add(struct server *server, rect part);  /* this part of the display changed: a frame is wanted */
void damage_all(struct server *server);
uint64_t now_ns(void);                              /* CLOCK_MONOTONIC */

/* compose.c: draw a frame if something is damaged, and tell all clients whose surfaces are seen that it was. */
void compose_frame(struct output *output);

/* ---- clients ---------------------------------------------------------------------------- */

/* What one client may have at once; more ends it with no_memory. Windows of real programs need far less. */
enum {
	CLIENT_SURFACES = 1024,
	CLIENT_BUFFERS = 4096,
	CLIENT_OBJECTS = 16384,     /* frame callbacks, regions, positioners */
};
#define CLIENT_PIXELS (256ll << 20 >> 2)    /* of shared memory that was uploaded: 256 MiB of the GPU's memory */

struct client {
	struct server     *server;
	struct wl_client  *client;
	struct wl_listener destroy;
	bool               gone;        /* what it had goes one by one, and this last */
	int                surfaces, buffers, objects;
	long long          pixels;
};

/* The record of a client, made at the first call; NULL: there is no memory, and the client was told. */
struct client *client_of(struct server *server, struct wl_client *client);
/* Take one of what it may have, or post no_memory and be false; give it back, of a client that may be gone by now. */
bool client_take(struct client *client, int *count, int limit);
void client_give(struct client *client, int *count);

/* A file of these bytes that a client can only read (sealed.c): a descriptor, or a negative errno. */
int sealed_file(const char *name, const void *data, size_t size);

/* ---- pixels of clients ------------------------------------------------------------------- */

/* A buffer of the GPU, imported (dmabuf.c). */
struct dmabuf {
	struct client      *client;
	struct wl_resource *resource;   /* the wl_buffer; NULL once that is destroyed */
	struct win         *image;
	int                 width, height;
	bool                opaque;     /* by its format */
	bool                inverted;   /* its lowest row comes first */
	int                 users;      /* the wl_buffer and the surfaces that show it */
	int                 shown;      /* the surfaces alone */
};

struct dmabuf *dmabuf_of(struct wl_resource *buffer);   /* NULL: it is of another kind */
void dmabuf_show(struct dmabuf *buffer);    /* a surface shows it; and no more: its client may draw into it again */
void dmabuf_hide(struct dmabuf *buffer);
int dmabuf_create_global(struct server *server);
void dmabuf_destroy_global(struct server *server);

/* What a surface shows. */
struct contents {
	struct win    *image;       /* NULL: nothing */
	struct dmabuf *dmabuf;      /* whose image it is; NULL: the surface's own, uploaded from shared memory */
	int            width, height;       /* of the image */
	bool           opaque;      /* by its format */
	bool           late;        /* frames were drawn without the buffer that waits, which could not be uploaded */
};

/* What an attached buffer is: false, the client being told, for one that cannot be shown. */
bool contents_buffer_size(struct surface *s, struct wl_resource *buffer, int *width, int *height);
/*
 * Show s->waiting's buffer: the GPU's at once; shared memory's pixels are taken later, or now by contents_take(), but
 * for those that the card refuses: they wait, the buffer with them, for the next frame.
 */
void contents_attach(struct surface *s);
void contents_take(struct surface *s);
void contents_clear(struct surface *s);

/* ---- surfaces ------------------------------------------------------------------------------ */

struct region;      /* region.c: a list of rectangles that were added and taken away */
struct region *region_of(struct wl_resource *resource);
struct region *region_copy(const struct region *region);    /* NULL: there is no memory */
void region_free(struct region *region);
bool region_has(const struct region *region, int x, int y); /* true for NULL */
rect region_inner(const struct region *region);             /* a large part of it, if not all; empty for NULL */
void region_create(struct client *client, uint32_t version, uint32_t id);

/* What of its buffer a surface shows, in the buffer's pixels once it is turned and scaled, and as large as what. */
struct viewport {
	bool   cropped;             /* else all of it */
	double x, y, width, height;
	int    to_width, to_height; /* 0: as large as it is */
};

struct surface_state {
	bool                attached;       /* a buffer, or none, was attached */
	struct wl_resource *buffer;         /* NULL: none, or it is gone */
	struct wl_listener  buffer_gone;
	int                 dx, dy;         /* how the buffer lies to the one before */
	int                 scale, transform;
	struct viewport     viewport;
	struct damage       damage;         /* of the surface */
	struct damage       buffer_damage;  /* of the buffer */
	struct region      *input;          /* NULL: everywhere */
	bool                input_set;
	rect                opaque;         /* where its client says that nothing is seen through it */
	struct wl_list      frames;         /* wl_callback by wl_resource_get_link() */
};

struct surface;

/* What a surface is for. Each may be NULL. */
struct surface_role {
	const char *name;
	void (*committed)(struct surface *surface);     /* the new state is the current one */
	void (*destroyed)(struct surface *surface);
};

struct surface {
	struct server             *server;
	struct client             *client;
	struct wl_resource        *resource;
	const struct surface_role *role;        /* never changes once it has one */
	void                      *role_object; /* NULL: what gave it the role is gone */
	struct surface_state       pending;     /* until commit */
	struct surface_state       cached;      /* a synchronised subsurface's: until its parent's commit */
	bool                       has_cached;
	struct surface_state       waiting;     /* committed, its buffer's pixels not yet taken: they are at the frame */
	struct contents            contents;
	int                        width, height;   /* in surface coordinates; 0: it has no contents */
	int                        buffer_width, buffer_height;     /* in its own pixels */
	int                        scale, transform;
	struct viewport            viewport;
	struct wl_resource        *viewport_resource;   /* wp_viewport; NULL: it has none */
	int                        dx, dy;      /* the sum of what attach said, for who moves it (the cursor's hotspot) */
	struct region             *input;
	rect                       opaque;
	struct wl_list             frames;      /* frame callbacks of the current state */
	struct wl_list             below, above;    /* struct subsurface by link, the lowest first: under it, over it */
	struct wl_list             pending_below, pending_above;    /* by pending_link: as they are from the next commit */
	struct subsurface         *subsurface;  /* if it is one */
	struct wl_signal           gone;        /* emitted with the surface when it is destroyed */
};

int surface_create_global(struct server *server);   /* wl_compositor */
int subsurface_create_global(struct server *server);
int viewporter_create_global(struct server *server);
/* Its size, of a buffer of this size, turned and scaled (0: it has none); false: its client was told of an error. */
bool viewport_measure(struct surface *s, int width, int height);
void viewport_orphan(struct surface *s);            /* the surface goes */
struct surface *surface_of(struct wl_resource *resource);
/* The part of it that nothing is seen through, in its coordinates; empty: none that is known of. */
rect surface_opaque(const struct surface *s);
/* Give it a role, or post the error (of that interface) and be false: it has another. */
bool surface_set_role(struct surface *s, const struct surface_role *role, void *object, struct wl_resource *by,
		      uint32_t error);

/* For subsurface.c: state that was kept for later is the surface's from now on; commit of a synchronised one. */
void surface_apply(struct surface *s, struct surface_state *state);
void state_set_buffer(struct surface_state *state, struct wl_resource *buffer);    /* NULL: none */
void state_merge(struct surface_state *into, struct surface_state *from);
/* Tell the client that now is a good time for its next frame: milliseconds of CLOCK_MONOTONIC. */
void surface_frame_done(struct surface *s, uint32_t time);
/* A part of the surface is to be drawn anew, if it is shown. */
void surface_damage(struct surface *s, rect part);

struct subsurface {
	struct surface     *surface;
	struct surface     *parent;         /* NULL: it is gone, and so is this one from the display */
	struct wl_resource *resource;
	struct wl_list      link, pending_link;
	int                 x, y, pending_x, pending_y;
	bool                synchronised;
};

/* Whether commits wait for the parent's; the parent was committed; it is gone. */
bool subsurface_waits(const struct surface *s);
void subsurfaces_commit(struct surface *parent);
void subsurfaces_orphan(struct surface *parent);

/* The surface, of it and its subsurfaces, that takes input at this place in its coordinates; NULL: none. */
struct surface *surface_at(struct surface *s, int x, int y, int *sx, int *sy);
/* A surface and its subsurfaces with their places, the lowest first. */
typedef void surface_visitor(struct surface *s, int x, int y, void *argument);
void surface_walk(struct surface *s, int x, int y, surface_visitor *visit, void *argument);
/* The box of the surface and all its subsurfaces, the surface's upper left corner at x, y. */
rect surface_extents(struct surface *s, int x, int y);

/* ---- windows --------------------------------------------------------------------------------- */

enum window_edges {     /* as xdg_toplevel's resize_edge */
	EDGE_NONE = 0, EDGE_TOP = 1, EDGE_BOTTOM = 2, EDGE_LEFT = 4, EDGE_RIGHT = 8,
};

/* A toplevel. Its geometry is what its user takes for the window: without shadows that the client draws. */
struct window {
	struct server      *server;
	struct wl_list      link;           /* server->windows */
	struct xdg_surface *xdg;
	struct surface     *surface;
	struct wl_resource *resource;       /* xdg_toplevel */
	struct wl_resource *decoration;     /* zxdg_toplevel_decoration_v1, NULL: it was not asked for */
	struct window      *parent;         /* a dialogue's */
	int                 x, y;           /* of its geometry on the display */
	bool                mapped;         /* it has contents */
	bool                minimised, maximised, fullscreen;
	bool                resizing;       /* by hand, now */
	bool                framed;         /* bwm draws its frame (shell.h); else the client does, or nobody */
	bool                unanswered;     /* it did not answer a ping: it hangs */
	int                 width, height;  /* of its geometry, as it was at the last commit */
	int                 least_width, least_height, most_width, most_height;     /* 0: no such limit */
	int                 pending_least_width, pending_least_height, pending_most_width, pending_most_height;
	int                 asked_width, asked_height;  /* of the geometry, in the last configure; 0: as the client likes */
	bool                placing;        /* maximised or the like, it goes to this place with its client's answer */
	bool                place_asked;    /* the client was told, by the configure with this serial */
	uint32_t            place_serial;
	int                 place_x, place_y;
	rect                drawn;          /* window_extents() in the frame that is shown */
	rect                opaque;         /* in that frame, what nothing below it was seen through; empty: nothing */
	bool                hidden;         /* in that frame, by other windows' opaque parts: nobody saw it */
	rect                restored;       /* its geometry before it was maximised or fullscreen */
	enum window_edges   resize_edges;   /* which of its edges move when it is resized: the others stay */
	char               *title, *app_id; /* NULL: it has none */
	struct wl_list      popups;         /* struct popup by link, the lowest first */
	void               *shell;          /* the shell's own of this window */
};

/* Lists, state and place; each is safe at any time for any window of the list, and damages what it has to. */
rect window_geometry(const struct window *w);       /* on the display */
rect window_extents(const struct window *w);        /* with its frame and all its surfaces and popups: what is drawn */
bool window_visible(const struct window *w);        /* mapped and not minimised */
bool window_seen(const struct window *w);           /* visible, and not hidden by others */
void window_raise(struct window *w);                /* above all others but its own dialogues */
void window_activate(struct window *w);             /* raise it, and give it the keyboard */
void window_move(struct window *w, int x, int y);
void window_resize(struct window *w, int width, int height, enum window_edges edges);   /* asks the client */
void window_resize_begin(struct window *w), window_resize_end(struct window *w);        /* around those by hand */
void window_minimise(struct window *w, bool on);
void window_maximise(struct window *w, bool on);
void window_fullscreen(struct window *w, bool on);
void window_close(struct window *w);                /* asks the client */
void window_kill(struct window *w);                 /* ends its client's connection */
void window_ping(struct window *w);                 /* sets unanswered if the client hangs */
struct window *window_top(struct server *server);   /* the highest that is visible, NULL: none */

/*
 * The window at this place, the highest one, and what of it is there: a surface (with the place in it) or, if *surface
 * is NULL, the frame that bwm draws around it. NULL: none, the wallpaper.
 */
struct window *window_at(struct server *server, int x, int y, struct surface **surface, int *sx, int *sy);

/* The window that a surface, its subsurfaces and popups belong to; NULL: none. */
struct window *window_of(struct surface *surface);
/* Where the surface's upper left corner is on the display; false: it is not shown. */
bool surface_place(struct surface *surface, int *x, int *y);

/* For xdg.c: a window comes and goes. */
struct window *window_create(struct server *server, struct xdg_surface *xdg, struct surface *surface);
void window_destroy(struct window *w);
void window_map(struct window *w);
void window_unmap(struct window *w);
void window_told(struct window *w, uint32_t serial);        /* its client, by this configure, what it is to be */
void window_committed(struct window *w);            /* its geometry may have another size */
/* For output.c: the display has another size. */
void windows_fit(struct server *server);
/* Its title, state or frame is another one: what is seen of it is drawn anew, and the shell is told. */
void window_changed(struct window *w);
void window_frame_changed(struct window *w);

/* ---- xdg-shell ---------------------------------------------------------------------------------- */

struct popup {
	struct wl_list      link;           /* of its window */
	struct xdg_surface *xdg;
	struct xdg_surface *parent;         /* NULL: it is gone */
	struct wl_resource *resource;       /* xdg_popup */
	struct surface     *surface;
	struct window      *window;         /* NULL: it is gone */
	int                 x, y;           /* of its geometry, from its parent's geometry */
	int                 width, height;  /* as was configured */
	bool                mapped, grabs;
	struct positioner  *reactive;       /* how it is placed when its parent has moved; NULL: it stays beside it */
	bool                repositioned;   /* which its next configure tells, with this token */
	uint32_t            token;
};

int xdg_create_global(struct server *server);
int decoration_create_global(struct server *server);
void popup_dismiss(struct popup *popup);            /* with those that hang from it; the client destroys them */
rect popup_geometry(const struct popup *popup);     /* on the display */
void popups_react(struct window *w);                /* it has moved, or the display is another */

#endif
