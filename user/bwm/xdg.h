/*
 * What the parts of xdg-shell share: xdg.c (xdg_wm_base, xdg_surface), positioner.c, toplevel.c and popup.c.
 */
#ifndef BWM_XDG_H
#define BWM_XDG_H

#include "bwm.h"
#include "xdg-shell-server-protocol.h"

/* Configures that a client has not answered; it answers the last of what it got, so older ones may be forgotten. */
enum { CONFIGURES = 64 };

/* xdg_wm_base of a client. */
struct shell_client {
	struct client          *client;
	struct wl_resource     *resource;
	int                     surfaces;   /* xdg_surfaces made of it */
	uint32_t                ping;       /* the serial that was not answered; 0: none */
	struct wl_event_source *ping_timer; /* NULL: never pinged */
};

struct xdg_surface {
	struct server          *server;
	struct client          *client;
	struct shell_client    *shell;
	struct wl_resource     *resource;
	struct surface         *surface;    /* NULL: it is gone */
	struct window          *window;     /* what it is: a window, */
	struct popup           *popup;      /* a popup, or nothing yet */
	struct wl_event_source *idle;       /* a configure is to be sent; NULL: none */
	uint32_t                sent[CONFIGURES];   /* serials, the oldest first */
	int                     sent_count;
	bool                    acked;      /* a first one: it may have contents */
	uint32_t                answered;   /* the last that was */
	bool                    begun;      /* its first commit has come */
	rect                    geometry, pending_geometry;     /* empty: all of the surface */
};

/* Send what xdg_surface is to be as soon as this round of events is handled, however often it is asked for. */
void xdg_schedule_configure(struct xdg_surface *x);
/* toplevel.c, popup.c: send the events that come before xdg_surface.configure. */
void toplevel_send_configure(struct window *w);
void popup_send_configure(struct popup *popup);
/* The state is committed; the surface or the role is going. */
void toplevel_committed(struct window *w);
void popup_committed(struct popup *popup);
void popup_unmap(struct popup *popup);
void toplevel_free(struct window *w);
void popup_free(struct popup *popup);
/* Popups whose parent this is. */
void popups_orphan(struct xdg_surface *parent);

/* Its geometry, in surface coordinates. */
rect xdg_geometry(const struct xdg_surface *x);
/* What is committed is in answer to the configure of this serial, or a later one. */
bool xdg_answered(const struct xdg_surface *x, uint32_t serial);

void toplevel_create(struct xdg_surface *x, uint32_t id);
void popup_create(struct xdg_surface *x, uint32_t id, struct xdg_surface *parent, struct wl_resource *positioner);

/* ---- window.c's way to the client of a window -------------------------------------------- */

/* Ask for this size of the geometry (0: as it likes) and tell its state. */
void toplevel_configure(struct window *w, int width, int height);
void toplevel_send_close(struct window *w);
void toplevel_ping(struct window *w);

/* ---- positioner.c ---------------------------------------------------------------------------- */

struct positioner {
	struct client *client;
	int            width, height;       /* 0: not set */
	rect           anchor_rect;
	bool           anchored;
	uint32_t       anchor, gravity, adjustment;
	int            dx, dy;
	bool           reactive;
	int            parent_width, parent_height;     /* of its geometry when the popup is shown; 0: as it is */
	uint32_t       parent_serial;
	bool           for_parent;          /* as it is to be by the configure of that serial */
};

void positioner_create(struct client *client, uint32_t version, uint32_t id);
/* Where, from the parent's geometry, the popup lies; bounds: where it may lie, in the same coordinates. */
rect positioner_place(const struct positioner *p, rect bounds);

#endif
