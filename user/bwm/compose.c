/*
 * A frame: the damaged parts of the display, each drawn from the wallpaper up within a clip of its own.
 *
 * Who is outside of a part is not drawn for it, nor what lies wholly below something opaque there. A window that others
 * hide altogether costs nothing: its pixels are not taken, its damage does not count (surface_damage()), and its
 * client, who is told of no frames, has nothing to draw; all of it is damaged when it is seen again. What changed is
 * all that is sent to the display, and a frame without damage draws nothing: it only tells clients, who asked, that it
 * is time for their next.
 */
#include "shell.h"

enum {
	COVER_PARTS = 64,       /* opaque ones that may hide windows together: the highest; what more hide is drawn */
	COVER_PIECES = 256,     /* that a window is cut into by these, at most */
};

/* What nothing below is seen through. */
struct cover {
	int  count;
	rect parts[COVER_PARTS];        /* the highest first */
};

struct drawing {
	struct win   *screen;
	rect          part;
	struct window *window;      /* NULL: of none */
};

/*
 * wl_output.transform: turned by quarters, and from FLIPPED on mirrored before. A buffer that is upside down is one
 * that is mirrored and turned by two.
 */
static void draw_surface(struct surface *s, int x, int y, void *argument)
{
	const struct drawing *d = argument;
	const struct viewport *v = &s->viewport;
	float scale = (float)s->scale;
	bool inverted = s->contents.dmabuf && s->contents.dmabuf->inverted, flipped = s->transform & 4;
	struct win_placement place = {
		.x = (float)x, .y = (float)y, .width = (float)s->width, .height = (float)s->height, .alpha = 1,
		.quarters = (s->transform + (inverted ? 2 : 0)) & 3, .mirrored = flipped != inverted,
	};

	if (!s->contents.image || rect_empty(rect_meet((rect) { x, y, s->width, s->height }, d->part)))
		return;
	if (d->window && d->window->surface == s)
		place.radius = shell_corner_radius(d->window);
	if (v->cropped) {
		place.part_x = (float)v->x * scale;
		place.part_y = (float)v->y * scale;
		place.part_width = (float)v->width * scale;
		place.part_height = (float)v->height * scale;
	}
	win_compose(d->screen, s->contents.image, &place);
}

/* The window's surfaces and its popups', each from its lowest up. */
static void walk_window(struct window *w, surface_visitor *visit, void *argument)
{
	struct popup *popup;
	int x, y;

	if (surface_place(w->surface, &x, &y))
		surface_walk(w->surface, x, y, visit, argument);
	wl_list_for_each(popup, &w->popups, link)
		if (surface_place(popup->surface, &x, &y))
			surface_walk(popup->surface, x, y, visit, argument);
}

static void walk_all(struct server *server, surface_visitor *visit, void *argument)
{
	struct window *w;

	wl_list_for_each(w, &server->windows, link)
		if (window_seen(w))
			walk_window(w, visit, argument);
	shell_walk_surfaces(server, visit, argument);
}

static bool rect_within(rect inner, rect outer)
{
	rect both = rect_meet(inner, outer);

	return both.width == inner.width && both.height == inner.height;
}

/* Where to begin: the highest window that nothing is seen through in all of this part; else the list's head. */
static struct wl_list *lowest_seen(struct server *server, rect part)
{
	struct window *w;

	wl_list_for_each_reverse(w, &server->windows, link)
		if (window_seen(w) && rect_within(part, w->opaque))
			return &w->link;
	return &server->windows;
}

static void draw_part(struct server *server, struct win *screen, rect part)
{
	struct drawing d = { screen, part, NULL };
	struct wl_list *at = lowest_seen(server, part);

	win_clip(screen, part);
	if (at == &server->windows) {
		shell_draw_background(server, screen, part);
		at = at->next;
	}
	for (; at != &server->windows; at = at->next) {
		struct window *w = wl_container_of(at, w, link);
		if (!window_seen(w) || rect_empty(rect_meet(w->drawn, part)))
			continue;
		shell_draw_frame(w, screen, part);
		d.window = w;
		walk_window(w, draw_surface, &d);
	}
	d.window = NULL;
	shell_draw_top(server, screen, part);
	shell_walk_surfaces(server, draw_surface, &d);
}

static void take(struct surface *s, int x, int y, void *argument)
{
	contents_take(s);
}

/* What of the window nothing is seen through: a frame, which lies below all of its contents, or else those. */
static rect opaque_part(struct window *w)
{
	rect part = shell_frame_opaque(w);
	int x, y;

	if (rect_empty(part) && surface_place(w->surface, &x, &y)) {
		part = surface_opaque(w->surface);
		part.x += x;
		part.y += y;
	}
	return part;
}

/* Whether the parts from first on hide all of this: what the next of them leaves free is for those behind it. */
static bool covers(const struct cover *c, int first, rect r, int *pieces)
{
	if (rect_empty(r))
		return true;
	for (int i = first; i < c->count; i++) {
		rect over = rect_meet(r, c->parts[i]);
		int below = over.y + over.height, right = over.x + over.width;
		if (rect_empty(over))
			continue;
		return --*pieces > 0 &&
			covers(c, i + 1, (rect) { r.x, r.y, r.width, over.y - r.y }, pieces) &&
			covers(c, i + 1, (rect) { r.x, below, r.width, r.y + r.height - below }, pieces) &&
			covers(c, i + 1, (rect) { r.x, over.y, over.x - r.x, over.height }, pieces) &&
			covers(c, i + 1, (rect) { right, over.y, r.x + r.width - right, over.height }, pieces);
	}
	return false;
}

/* Whom the windows above hide, from the highest down; only of who is seen the pixels are taken. */
static void find_hidden(struct server *server)
{
	rect display = { 0, 0, server->output.width, server->output.height };
	struct cover cover = { 0 };
	struct window *w;

	wl_list_for_each_reverse(w, &server->windows, link) {
		rect extents;
		bool was = w->hidden;
		int pieces = COVER_PIECES;

		w->opaque = (rect) { 0 };
		w->hidden = false;
		if (!window_visible(w))
			continue;
		extents = rect_meet(window_extents(w), display);
		w->hidden = !rect_empty(extents) && covers(&cover, 0, extents, &pieces);
		if (w->hidden)
			continue;
		walk_window(w, take, NULL);
		w->opaque = opaque_part(w);
		if (!rect_empty(w->opaque) && cover.count < COVER_PARTS)
			cover.parts[cover.count++] = w->opaque;
		if (was)
			damage_add(server, extents);
	}
	shell_walk_surfaces(server, take, NULL);
}

static void done(struct surface *s, int x, int y, void *argument)
{
	surface_frame_done(s, *(const uint32_t *)argument);
}

/* What could not be drawn, by an error that is the card's and may pass, is drawn when the next frame is due. */
static void draw(struct output *o)
{
	struct damage damage = o->damage;

	if (win_begin_frame(o->screen)) {
		output_schedule(o);
		return;
	}
	o->damage.count = 0;
	for (int i = 0; i < damage.count; i++)
		draw_part(o->server, o->screen, damage.parts[i]);
	if (win_end_frame_parts(o->screen, damage.parts, damage.count))
		damage_all(o->server);
	o->frames++;
}

void compose_frame(struct output *o)
{
	struct server *server = o->server;
	uint32_t time = (uint32_t)(o->pace.beat / 1000000);
	struct window *w;

	if (!o->screen)
		return;
	find_hidden(server);
	shell_frame_begins(server);
	if (o->damage.count > 0) {
		wl_list_for_each(w, &server->windows, link)
			w->drawn = window_visible(w) ? window_extents(w) : (rect) { 0 };
		draw(o);
		shell_scene_changed(server);
	}
	walk_all(server, done, &time);
}
