/*
 * A terminal's picture: cells of a size that is the font's, on a window with a small margin, and a scroll bar. What is
 * drawn depends on nothing but what is told here, so any part of it may be drawn at any time.
 */
#ifndef BTERM_DRAW_H
#define BTERM_DRAW_H

#include "libwin/window.h"
#include "screen.h"
#include "select.h"

enum {
	DRAW_MARGIN = 4,        /* pixels around the cells */
	DRAW_BAR = 10,          /* at the right of that, for the scroll bar */
	DRAW_CELL_WIDTH = 9,    /* unless the user says otherwise */
	DRAW_CELL_LEAST = 4, DRAW_CELL_MOST = 60,
};

struct draw;

/* What is seen. */
struct draw_view {
	const struct screen    *screen;
	const struct selection *selection;
	int64_t                 top;            /* the line in the first row */
	bool                    focused;        /* the cursor is filled, not a frame */
	bool                    cursor;         /* off: a cursor that blinks, in between */
	bool                    flash;          /* the bell */
	struct window_area      thumb;          /* of the scroll bar; of no width: there is none */
};

/*
 * Cells of this width in pixels, with letters of these TrueType files, the second for bold ones; fonts with letters of
 * one width. Italics are those, slanted; letters that they lack are the third's, if there is such a file (NULL: none).
 * -EINVAL, -ENOMEM, what open() says of a file, what the device says. Drawing itself tells of errors by the frame's
 * end.
 */
int draw_open(struct draw **draw, struct win_device *device, const char *regular, const char *bold,
	      const char *fallback, int cell_width);
void draw_close(struct draw *d);

int draw_cell_width(const struct draw *d);
int draw_cell_height(const struct draw *d);

/* The part of a window in which the rows [first, end) draw, of this width; letters may reach out of their row. */
struct window_area draw_rows_area(const struct draw *d, int first, int end, int width);

/* Draw what lies in this area of the picture, all of which is one frame's. */
void draw_terminal(const struct draw *d, struct win *win, struct window_area area, const struct draw_view *view);

#endif
