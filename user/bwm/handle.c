/*
 * Moving and resizing a window: by the pointer while a button is down, or by the arrow keys until Enter; Escape
 * puts the window back to where it was.
 */
#include "shell_parts.h"

enum {
	STEP = 16,              /* pixels of an arrow key; with control held, one */
	LEAST_SIDE = 48,        /* of a window that is resized */
	IN_SIGHT = 40,          /* how much of a title bar stays on the display */
};

static void end(struct handling *h)
{
	struct window *w = h->window;

	if (!w)
		return;
	h->window = NULL;
	if (h->resize)
		window_resize_end(w);
	seat_grab_end(w->server->shell->seat, &h->grab);
}

/* So that it can be had again, some of the title stays in sight. */
static void move_to(struct window *w, int x, int y)
{
	rect area = shell_work_area(w->server), g = window_geometry(w);
	int least_x = area.x + IN_SIGHT - g.width, most_x = area.x + area.width - IN_SIGHT;
	int least_y = area.y + shell_frame(w).top, most_y = area.y + area.height;

	window_move(w, x < least_x ? least_x : x > most_x ? most_x : x, y < least_y ? least_y : y > most_y ? most_y : y);
}

static void resize_by(struct handling *h, int dx, int dy)
{
	int width = h->from.width + (h->edges & EDGE_LEFT ? -dx : h->edges & EDGE_RIGHT ? dx : 0);
	int height = h->from.height + (h->edges & EDGE_TOP ? -dy : h->edges & EDGE_BOTTOM ? dy : 0);

	window_resize(h->window, width < LEAST_SIDE ? LEAST_SIDE : width, height < LEAST_SIDE ? LEAST_SIDE : height,
		h->edges);
}

/* A maximised window that is dragged away comes off at its old size, the pointer as far along its title as before. */
static void come_off(struct handling *h)
{
	struct window *w = h->window;

	if (h->from.width > 0)
		h->from.x = h->from_x - (h->from_x - h->from.x) * w->restored.width / h->from.width;
	h->from.width = w->restored.width;
	h->from.height = w->restored.height;
	window_maximise(w, false);
}

static void moved(struct seat_grab *grab, uint32_t time, double x, double y)
{
	struct handling *h = wl_container_of(grab, h, grab);
	int dx = (int)x - h->from_x, dy = (int)y - h->from_y;     /* of the pixels that it is in */

	if (!h->resize && h->window->maximised && (dx || dy))
		come_off(h);
	if (h->resize)
		resize_by(h, dx, dy);
	else
		move_to(h->window, h->from.x + dx, h->from.y + dy);
}

static void button(struct seat_grab *grab, uint32_t time, uint32_t code, bool pressed)
{
	struct handling *h = wl_container_of(grab, h, grab);

	end(h);
}

static void step(struct handling *h, int dx, int dy)
{
	rect g = window_geometry(h->window);

	if (h->resize)
		window_resize(h->window, g.width + dx < LEAST_SIDE ? LEAST_SIDE : g.width + dx,
			g.height + dy < LEAST_SIDE ? LEAST_SIDE : g.height + dy, EDGE_RIGHT | EDGE_BOTTOM);
	else
		move_to(h->window, g.x + dx, g.y + dy);
}

static void put_back(struct handling *h)
{
	if (h->resize)
		window_resize(h->window, h->from.width, h->from.height, h->edges);
	else
		window_move(h->window, h->from.x, h->from.y);
	end(h);
}

static void key(struct seat_grab *grab, uint32_t time, uint32_t symbol, uint32_t modifiers, bool pressed)
{
	struct handling *h = wl_container_of(grab, h, grab);
	int by = modifiers & SEAT_CONTROL ? 1 : STEP;

	if (!pressed)
		return;
	switch (symbol) {
	case XKB_KEY_Left:
		step(h, -by, 0);
		break;
	case XKB_KEY_Right:
		step(h, by, 0);
		break;
	case XKB_KEY_Up:
		step(h, 0, -by);
		break;
	case XKB_KEY_Down:
		step(h, 0, by);
		break;
	case XKB_KEY_Escape:
		put_back(h);
		break;
	case XKB_KEY_Return:
	case XKB_KEY_KP_Enter:
		end(h);
		break;
	}
}

static void cancel(struct seat_grab *grab)
{
	struct handling *h = wl_container_of(grab, h, grab);

	end(h);
}

void handle_begin(struct shell *shell, struct window *w, enum window_edges edges, bool resize)
{
	struct handling *h = &shell->handling;
	double x, y;

	if (w->fullscreen || (resize && w->maximised))
		return;
	end(h);
	h->grab = (struct seat_grab) { .moved = moved, .button = button, .key = key, .cancel = cancel };
	h->window = w;
	h->resize = resize;
	h->edges = edges;
	h->from = window_geometry(w);
	seat_pointer_place(shell->seat, &x, &y);
	h->from_x = (int)x;
	h->from_y = (int)y;
	if (resize)
		window_resize_begin(w);
	seat_grab_begin(shell->seat, &h->grab);
}

void handle_forget_window(struct shell *shell, struct window *w)
{
	if (shell->handling.window == w)
		end(&shell->handling);
}
