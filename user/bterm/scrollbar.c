/* The bar of scrollbar.h. It is as high as the window; the thumb's height is the screen's part of all lines. */
#include <linux/input-event-codes.h>

#include "scrollbar.h"
#include "termdata.h"

enum { INSET = 1, THUMB_LEAST = 16 };   /* pixels: what is free beside the thumb, and what can still be gripped */

struct window_area scrollbar_thumb(const struct term *t)
{
	int64_t oldest = screen_oldest(t->screen), hidden = screen_top(t->screen) - oldest;
	int rows = screen_rows(t->screen), height;

	if (hidden <= 0 || screen_alternate(t->screen) || t->width <= DRAW_BAR)
		return (struct window_area) { 0 };
	height = (int)(t->height * (int64_t)rows / (rows + hidden));
	if (height < THUMB_LEAST)
		height = THUMB_LEAST < t->height ? THUMB_LEAST : t->height;
	return (struct window_area) {
		t->width - DRAW_BAR + INSET, (int)((t->height - height) * (t->view - oldest) / hidden),
		DRAW_BAR - 2 * INSET, height,
	};
}

void scrollbar_update(struct term *t)
{
	struct window_area now = scrollbar_thumb(t);

	if (now.x != t->thumb.x || now.y != t->thumb.y || now.width != t->thumb.width || now.height != t->thumb.height)
		t->host->damage(t->user, (struct window_area) { t->width - DRAW_BAR, 0, DRAW_BAR, t->height });
	t->thumb = now;
}

/* Look at the lines of which the thumb, gripped where it is, would show with the pointer here: the nearest. */
static void follow_pointer(struct term *t, double y)
{
	struct window_area thumb = scrollbar_thumb(t);
	int64_t oldest = screen_oldest(t->screen), hidden = screen_top(t->screen) - oldest;
	int room = t->height - thumb.height;
	double part = room > 0 ? (y - t->grip) / room : 1;

	if (thumb.width)
		term_look(t, oldest + (int64_t)((part < 0 ? 0 : part > 1 ? 1 : part) * (double)hidden + 0.5));
}

bool scrollbar_button(struct term *t, const struct window_event *e)
{
	struct window_area thumb = scrollbar_thumb(t);
	bool was = t->scrolling;

	if (e->button != BTN_LEFT || t->selecting)
		return false;
	t->scrolling = e->on && thumb.width && e->x >= t->width - DRAW_BAR && e->x < t->width;
	if (!t->scrolling)
		return was;
	t->grip = e->y >= thumb.y && e->y < thumb.y + thumb.height ? e->y - thumb.y : thumb.height / 2.0;
	follow_pointer(t, e->y);
	return true;
}

bool scrollbar_move(struct term *t, const struct window_event *e)
{
	if (t->scrolling)
		follow_pointer(t, e->y);
	return t->scrolling;
}
