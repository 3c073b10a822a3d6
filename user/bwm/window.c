/*
 * Windows: their order, their place and size, which of them has the keyboard, and where each surface is on the display.
 *
 * Clients, the shell's keys and buttons, and the display's changes all come here. What a window is to be is told to its
 * client (toplevel.c); its size is new when the client has committed a picture of that size, its place is bwm's own.
 */
#include <stdlib.h>

#include "shell.h"
#include "xdg.h"

enum {
	PLACE_FIRST = 32, PLACE_STEP = 32,      /* pixels: where new windows are put, each beside the one before */
	LEAST_SIZE = 16,                        /* pixels: what a window can be made by hand if it says nothing itself */
};

/* ---- places ---------------------------------------------------------------------------- */

bool window_visible(const struct window *w)
{
	return w->mapped && !w->minimised;
}

rect window_geometry(const struct window *w)
{
	return (rect) { w->x, w->y, w->width, w->height };
}

bool window_seen(const struct window *w)
{
	return window_visible(w) && !w->hidden;
}

static rect framed(const struct window *w, rect r)
{
	struct frame_extents f = shell_frame(w);

	return (rect) { r.x - f.left, r.y - f.top, r.width + f.left + f.right, r.height + f.top + f.bottom };
}

rect window_extents(const struct window *w)
{
	rect all = framed(w, window_geometry(w));
	struct popup *popup;
	int x, y;

	if (surface_place(w->surface, &x, &y))
		all = rect_join(all, surface_extents(w->surface, x, y));
	wl_list_for_each(popup, &w->popups, link)
		if (surface_place(popup->surface, &x, &y))
			all = rect_join(all, surface_extents(popup->surface, x, y));
	return all;
}

/* Where it is now and where it was in the frame that is shown. */
static void damage_window(struct window *w)
{
	if (window_visible(w))
		damage_add(w->server, window_extents(w));
	damage_add(w->server, w->drawn);
}

static struct surface *surface_root(struct surface *s, int *x, int *y)
{
	*x = *y = 0;
	while (s->subsurface) {
		*x += s->subsurface->x;
		*y += s->subsurface->y;
		if (!s->subsurface->parent)
			return NULL;
		s = s->subsurface->parent;
	}
	return s;
}

static struct xdg_surface *xdg_of(struct surface *root)
{
	struct window *w;
	struct popup *popup;

	wl_list_for_each(w, &root->server->windows, link) {
		if (w->surface == root)
			return w->xdg;
		wl_list_for_each(popup, &w->popups, link)
			if (popup->surface == root)
				return popup->xdg;
	}
	return NULL;
}

struct window *window_of(struct surface *s)
{
	int x, y;
	struct surface *root = surface_root(s, &x, &y);
	struct xdg_surface *xdg = root ? xdg_of(root) : NULL;

	return !xdg ? NULL : xdg->window ? xdg->window : xdg->popup->window;
}

bool surface_place(struct surface *s, int *x, int *y)
{
	struct surface *root = surface_root(s, x, y);
	struct xdg_surface *xdg = root ? xdg_of(root) : NULL;
	struct window *w = !xdg ? NULL : xdg->window ? xdg->window : xdg->popup->window;
	rect inside, at;

	if (!w || !window_visible(w) || (xdg->popup && !xdg->popup->mapped))
		return false;
	inside = xdg_geometry(xdg);
	at = xdg->popup ? popup_geometry(xdg->popup) : window_geometry(w);
	*x += at.x - inside.x;
	*y += at.y - inside.y;
	return true;
}

static bool popup_at(struct window *w, int x, int y, struct surface **surface, int *sx, int *sy)
{
	struct popup *popup;
	int px, py;

	wl_list_for_each_reverse(popup, &w->popups, link) {
		if (!surface_place(popup->surface, &px, &py))
			continue;
		*surface = surface_at(popup->surface, x - px, y - py, sx, sy);
		if (*surface)
			return true;
	}
	return false;
}

struct window *window_at(struct server *server, int x, int y, struct surface **surface, int *sx, int *sy)
{
	struct window *w;
	int wx, wy;

	*surface = NULL;
	wl_list_for_each_reverse(w, &server->windows, link) {
		if (!window_visible(w))
			continue;
		if (popup_at(w, x, y, surface, sx, sy))
			return w;
		if (surface_place(w->surface, &wx, &wy))
			*surface = surface_at(w->surface, x - wx, y - wy, sx, sy);
		if (*surface || (w->framed && rect_has(framed(w, window_geometry(w)), x, y) &&
		    !rect_has(window_geometry(w), x, y)))
			return w;
	}
	return NULL;
}

/* ---- order and keyboard ------------------------------------------------------------------- */

void window_changed(struct window *w)
{
	damage_window(w);
	shell_window_changed(w);
}

struct window *window_top(struct server *server)
{
	struct window *w;

	wl_list_for_each_reverse(w, &server->windows, link)
		if (window_visible(w))
			return w;
	return NULL;
}

static bool belongs_to(const struct window *w, const struct window *parent)
{
	for (; w; w = w->parent)
		if (w == parent)
			return true;
	return false;
}

/* It, and then its dialogues in the order that they have. */
void window_raise(struct window *w)
{
	struct window *other, *next;
	struct wl_list moved;

	wl_list_init(&moved);
	wl_list_for_each_safe(other, next, &w->server->windows, link) {
		if (!belongs_to(other, w))
			continue;
		wl_list_remove(&other->link);
		wl_list_insert(moved.prev, &other->link);
		damage_window(other);
	}
	wl_list_insert_list(w->server->windows.prev, &moved);
}

static void set_active(struct server *server, struct window *w)
{
	struct window *old = server->active;

	if (old == w)
		return;
	server->active = w;
	if (old && old->surface)
		toplevel_configure(old, old->asked_width, old->asked_height);
	if (w)
		toplevel_configure(w, w->asked_width, w->asked_height);
	shell_focus_changed(server);
	if (old)
		window_changed(old);
	if (w)
		window_changed(w);
}

void window_activate(struct window *w)
{
	if (!w->mapped)
		return;
	window_minimise(w, false);
	window_raise(w);
	set_active(w->server, w);
}

/* ---- place, size and state ------------------------------------------------------------------ */

void window_move(struct window *w, int x, int y)
{
	if (w->x == x && w->y == y)
		return;
	damage_window(w);
	w->x = x;
	w->y = y;
	popups_react(w);
	damage_window(w);
}

static int bounded(int size, int least, int most)
{
	if (size < (least ? least : LEAST_SIZE))
		size = least ? least : LEAST_SIZE;
	return most && size > most ? most : size;
}

void window_resize(struct window *w, int width, int height, enum window_edges edges)
{
	w->resize_edges = edges;
	toplevel_configure(w, bounded(width, w->least_width, w->most_width),
		bounded(height, w->least_height, w->most_height));
}

void window_resize_begin(struct window *w)
{
	w->resizing = true;
	toplevel_configure(w, w->width, w->height);
}

void window_resize_end(struct window *w)
{
	w->resizing = false;
	toplevel_configure(w, w->asked_width, w->asked_height);
}

/* What a maximised or fullscreen window's geometry is: its frame is in that, too. */
static rect full_geometry(struct window *w)
{
	struct server *server = w->server;
	rect area = w->fullscreen ? (rect) { 0, 0, server->output.width, server->output.height } : shell_work_area(server);
	struct frame_extents f = shell_frame(w);

	return (rect) {
		area.x + f.left, area.y + f.top, area.width - f.left - f.right, area.height - f.top - f.bottom,
	};
}

/* Ask for what the state wants; the place is new with the client's answer in window_committed(). */
static void fit(struct window *w)
{
	rect r = w->restored;

	if (w->maximised || w->fullscreen)
		r = full_geometry(w);
	w->resize_edges = EDGE_NONE;
	w->placing = true;
	w->place_asked = false;
	w->place_x = r.x;
	w->place_y = r.y;
	toplevel_configure(w, r.width, r.height);
	window_changed(w);
}

void window_told(struct window *w, uint32_t serial)
{
	if (!w->placing || w->place_asked)
		return;
	w->place_asked = true;
	w->place_serial = serial;
}

static void set_full(struct window *w, bool maximised, bool fullscreen)
{
	bool was = w->maximised || w->fullscreen;

	if (w->maximised == maximised && w->fullscreen == fullscreen) {
		toplevel_configure(w, w->asked_width, w->asked_height);     /* each request has its answer */
		return;
	}
	if (!was && !w->placing)    /* else it is on its way back there */
		w->restored = w->mapped ? window_geometry(w) : (rect) { 0 };
	damage_window(w);
	w->maximised = maximised;
	w->fullscreen = fullscreen;
	fit(w);
}

void window_maximise(struct window *w, bool on)
{
	set_full(w, on, w->fullscreen);
}

void window_fullscreen(struct window *w, bool on)
{
	set_full(w, w->maximised, on);
}

void window_minimise(struct window *w, bool on)
{
	if (w->minimised == on)
		return;
	damage_window(w);
	w->minimised = on;
	if (on && w->server->active == w)
		set_active(w->server, window_top(w->server));
	window_changed(w);
}

void window_close(struct window *w)
{
	toplevel_send_close(w);
	window_ping(w);
}

void window_ping(struct window *w)
{
	toplevel_ping(w);
}

void window_kill(struct window *w)
{
	wl_client_destroy(wl_resource_get_client(w->resource));
}

/* ---- the life of a window --------------------------------------------------------------------- */

struct window *window_create(struct server *server, struct xdg_surface *xdg, struct surface *surface)
{
	struct window *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->server = server;
	w->xdg = xdg;
	w->surface = surface;
	wl_list_init(&w->popups);
	wl_list_insert(server->windows.prev, &w->link);
	return w;
}

/* Whether another window lies just where this one is. */
static bool place_taken(const struct window *w)
{
	rect own = framed(w, window_geometry(w));
	struct window *other;

	wl_list_for_each(other, &w->server->windows, link) {
		rect r = framed(other, window_geometry(other));
		if (other != w && other->mapped && r.x == own.x && r.y == own.y)
			return true;
	}
	return false;
}

/*
 * The n-th place for a window of this size: down a diagonal as far as it stays on the work area, then down another one
 * that begins further right. One that there is hardly room for is moved to where all of it is seen.
 */
static void place_nth(struct window *w, int n)
{
	rect work = shell_work_area(w->server), all = framed(w, window_geometry(w));
	int room_x = work.width > all.width ? work.width - all.width : 0;
	int room_y = work.height > all.height ? work.height - all.height : 0, room = room_x < room_y ? room_x : room_y;
	int steps = room > PLACE_FIRST ? (room - PLACE_FIRST) / PLACE_STEP + 1 : 1;
	int right = PLACE_FIRST + (n % steps + n / steps) * PLACE_STEP, down = PLACE_FIRST + n % steps * PLACE_STEP;

	w->x += work.x + right % (room_x + 1) - all.x;
	w->y += work.y + down % (room_y + 1) - all.y;
}

/* Where all of it is seen, or if it is too large its upper left part. */
static void keep_inside(struct window *w)
{
	rect work = shell_work_area(w->server), all = framed(w, window_geometry(w));
	int right = work.x + work.width - all.width, bottom = work.y + work.height - all.height;
	int x = all.x < right ? all.x : right, y = all.y < bottom ? all.y : bottom;

	w->x += (x > work.x ? x : work.x) - all.x;
	w->y += (y > work.y ? y : work.y) - all.y;
}

/* A dialogue in the middle of its parent; others beside the one before, or at the first place if they are alone. */
static void place(struct window *w)
{
	struct server *server = w->server;
	struct window *other;
	int others = 0;

	if (w->parent && w->parent->mapped) {
		w->x = w->parent->x + (w->parent->width - w->width) / 2;
		w->y = w->parent->y + (w->parent->height - w->height) / 2;
		keep_inside(w);
		return;
	}
	wl_list_for_each(other, &server->windows, link)
		others += other->mapped && other != w;
	if (others == 0)
		server->placed = 0;
	do
		place_nth(w, server->placed++);
	while (place_taken(w) && others-- > 0);
}

void window_map(struct window *w)
{
	rect inside = xdg_geometry(w->xdg);

	w->mapped = true;
	w->width = inside.width;
	w->height = inside.height;
	place(w);
	if (w->placing && (w->maximised || w->fullscreen)) {
		w->restored = (rect) { w->x, w->y, 0, 0 };
		w->x = w->place_x;
		w->y = w->place_y;
	}
	w->placing = false;
	window_activate(w);
	window_changed(w);
}

void window_unmap(struct window *w)
{
	damage_window(w);
	w->mapped = false;
	w->drawn = (rect) { 0 };
	if (w->server->active == w)
		set_active(w->server, window_top(w->server));
	shell_window_changed(w);
}

/* What is drawn now is in answer to a configure: the one of the window's new state, or a later one? */
static bool placed(const struct window *w)
{
	return w->placing && w->place_asked && xdg_answered(w->xdg, w->place_serial);
}

/* A resize by the left or the upper edge leaves the others where they were. */
void window_committed(struct window *w)
{
	rect inside = xdg_geometry(w->xdg);
	bool now = placed(w);

	if (inside.width == w->width && inside.height == w->height && !now)
		return;
	damage_window(w);
	if (now) {
		w->x = w->place_x;
		w->y = w->place_y;
		w->placing = false;
	} else {
		w->x += w->resize_edges & EDGE_LEFT ? w->width - inside.width : 0;
		w->y += w->resize_edges & EDGE_TOP ? w->height - inside.height : 0;
	}
	w->width = inside.width;
	w->height = inside.height;
	popups_react(w);
	window_changed(w);
}

void window_frame_changed(struct window *w)
{
	if (w->mapped)
		damage_window(w);
	if (w->maximised || w->fullscreen)
		fit(w);
	window_changed(w);
}

void window_destroy(struct window *w)
{
	struct window *other;

	if (w->mapped)
		window_unmap(w);
	if (w->server->active == w)
		set_active(w->server, NULL);
	wl_list_for_each(other, &w->server->windows, link)
		if (other->parent == w)
			other->parent = w->parent;
	shell_forget_window(w);
	wl_list_remove(&w->link);
	free(w->title);
	free(w->app_id);
	free(w);
}

/* Windows are to be found on the smaller display, too. */
void windows_fit(struct server *server)
{
	rect work = shell_work_area(server);
	struct window *w;

	wl_list_for_each(w, &server->windows, link) {
		if (w->maximised || w->fullscreen) {
			fit(w);
		} else if (rect_empty(rect_meet(window_geometry(w), work))) {
			struct frame_extents f = shell_frame(w);
			window_move(w, work.x + f.left, work.y + f.top);
		}
		popups_react(w);
	}
}
