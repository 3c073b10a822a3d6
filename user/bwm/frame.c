/*
 * Frames that bwm draws around windows: a title bar with buttons, and edges to resize by.
 */
#include "shell_parts.h"

enum { BUTTON = 18, BUTTON_GAP = 8, TITLE_MARGIN = 10, CORNER = 16 };

static struct shell *shell_of(const struct window *w)
{
	return w->server->shell;
}

struct frame_extents shell_frame(const struct window *w)
{
	if (!w->framed || w->fullscreen)
		return (struct frame_extents) { 0 };
	if (w->maximised)
		return (struct frame_extents) { .top = TITLE_HEIGHT };
	return (struct frame_extents) { .left = BORDER, .top = TITLE_HEIGHT, .right = BORDER, .bottom = BORDER };
}

float shell_corner_radius(const struct window *w)
{
	return w->framed && !w->fullscreen && !w->maximised ? CONTENTS_RADIUS : 0;
}

rect frame_outer(const struct window *w)
{
	struct frame_extents f = shell_frame(w);
	rect r = window_geometry(w);

	return (rect) { r.x - f.left, r.y - f.top, r.width + f.left + f.right, r.height + f.top + f.bottom };
}

rect frame_title(const struct window *w)
{
	rect r = frame_outer(w);

	r.height = shell_frame(w).top;
	return r;
}

rect shell_frame_opaque(const struct window *w)
{
	rect r = frame_outer(w);
	int round = w->maximised ? 0 : FRAME_RADIUS;

	if (rect_empty(frame_title(w)))
		return (rect) { 0 };
	return (rect) { r.x, r.y + round, r.width, r.height - 2 * round };
}

/* The buttons from the right: close, maximise, minimise. */
static rect button(rect title, int number)
{
	int step = BUTTON + BUTTON_GAP;

	return (rect) {
		title.x + title.width - (number + 1) * step, title.y + (title.height - BUTTON) / 2, BUTTON, BUTTON,
	};
}

static const enum ui_kind buttons[] = { UI_CLOSE, UI_MAXIMISE, UI_MINIMISE };

/* ---- where the pointer is --------------------------------------------------------- */

/* Near a corner both of its edges are meant. */
static enum window_edges edges_at(rect r, int x, int y)
{
	enum window_edges edges = EDGE_NONE;
	bool side = x < r.x + BORDER || x >= r.x + r.width - BORDER, end = y < r.y + BORDER || y >= r.y + r.height - BORDER;
	int near_x = end ? CORNER : BORDER, near_y = side ? CORNER : BORDER;

	if (x < r.x + near_x)
		edges |= EDGE_LEFT;
	else if (x >= r.x + r.width - near_x)
		edges |= EDGE_RIGHT;
	if (y < r.y + near_y)
		edges |= EDGE_TOP;
	else if (y >= r.y + r.height - near_y)
		edges |= EDGE_BOTTOM;
	return edges;
}

struct ui_place frame_at(struct window *w, int x, int y)
{
	rect title = frame_title(w), outer = frame_outer(w);
	enum window_edges edges = w->maximised ? EDGE_NONE : edges_at(outer, x, y);

	if (!rect_has(outer, x, y) || rect_empty(title))
		return (struct ui_place) { UI_NONE, NULL, EDGE_NONE };
	for (int i = 0; i < 3; i++)
		if (rect_has(button(title, i), x, y))
			return (struct ui_place) { buttons[i], w, EDGE_NONE };
	if (edges)
		return (struct ui_place) { UI_EDGE, w, edges };
	return (struct ui_place) { rect_has(title, x, y) ? UI_TITLE : UI_NONE, w, EDGE_NONE };
}

/* ---- what it looks like ------------------------------------------------------------ */

static void draw_sign(struct win *screen, enum ui_kind kind, rect r, bool back)
{
	float x = (float)r.x + 5, y = (float)r.y + 5, side = BUTTON - 10, width = 1.5f;

	if (kind == UI_CLOSE) {
		win_line(screen, x, y, x + side, y + side, width, COLOUR_TEXT);
		win_line(screen, x + side, y, x, y + side, width, COLOUR_TEXT);
	} else if (kind == UI_MINIMISE) {
		win_line(screen, x, y + side, x + side, y + side, width, COLOUR_TEXT);
	} else {
		float inset = back ? 2 : 0;     /* a smaller box: back to what it was */
		win_line(screen, x + inset, y + inset, x + side, y + inset, width, COLOUR_TEXT);
		win_line(screen, x + side, y + inset, x + side, y + side, width, COLOUR_TEXT);
		win_line(screen, x + side, y + side, x + inset, y + side, width, COLOUR_TEXT);
		win_line(screen, x + inset, y + side, x + inset, y + inset, width, COLOUR_TEXT);
	}
}

void shell_draw_frame(struct window *w, struct win *screen, rect part)
{
	struct shell *shell = shell_of(w);
	rect outer = frame_outer(w), title = frame_title(w), text = title;
	bool active = w->server->active == w;

	if (rect_empty(title) || rect_empty(rect_meet(outer, part)))
		return;
	win_rounded_rect(screen, (float)outer.x, (float)outer.y, (float)outer.width, (float)outer.height,
		w->maximised ? 0 : FRAME_RADIUS, active ? COLOUR_FRAME_LIT : COLOUR_FRAME);
	if (rect_empty(rect_meet(title, part)))
		return;
	for (int i = 0; i < 3; i++) {
		rect r = button(title, i);
		if (ui_hovers(shell, buttons[i], w))
			win_circle(screen, (float)r.x + BUTTON / 2.0f, (float)r.y + BUTTON / 2.0f, BUTTON / 2.0f,
				buttons[i] == UI_CLOSE ? COLOUR_CLOSE : COLOUR_HOVER);
		draw_sign(screen, buttons[i], r, w->maximised);
	}
	text.x += TITLE_MARGIN;
	text.width = button(title, 2).x - BUTTON_GAP - text.x;
	ui_text(screen, shell->bold, text, w->title ? w->title : w->app_id ? w->app_id : "",
		w->unanswered ? COLOUR_CLOSE : active ? COLOUR_TEXT : COLOUR_TEXT_DIM, false);
}
