/*
 * What a terminal shows: libvterm's screen, and above it the lines that have left it (history.h).
 *
 * Lines have numbers that stay theirs: the next that scrolls out of the screen has that of the screen's first row, so
 * what is selected or looked at by number is the same text however much output comes. Only a line that comes back from
 * the history, when the screen grows, gives its number back.
 */
#ifndef BTERM_SCREEN_H
#define BTERM_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vterm.h>

#include "cell.h"

struct screen;

/* The cursor, in cells of the screen. */
struct cursor {
	int  row, col;
	bool visible, blinks;
	int  shape;             /* VTERM_PROP_CURSORSHAPE_* */
};

/* What happens; called from within screen_write(), screen_resize() and what sends keys. */
struct screen_events {
	void (*reply)(void *user, const char *bytes, size_t count);     /* for the program in the terminal */
	void (*title)(void *user, const char *title);                   /* UTF-8, without control characters */
	void (*bell)(void *user);
	/* Other text than before in these rows; what only moved along with its line's number is not told. */
	void (*changed)(void *user, int64_t first, int64_t end);
};

/* A screen of this size, at least 1 by 1, that keeps at most so many lines that left it. -ENOMEM. */
int screen_new(struct screen **screen, int rows, int cols, int history, const struct screen_events *events, void *user);
void screen_free(struct screen *s);

/* Output of the program: any bytes. What it costs is bounded by their count. */
void screen_write(struct screen *s, const char *bytes, size_t count);
void screen_resize(struct screen *s, int rows, int cols);

/* For keys and the mouse. It is the screen's. */
VTerm *screen_vterm(const struct screen *s);

int screen_rows(const struct screen *s);
int screen_cols(const struct screen *s);
bool screen_alternate(const struct screen *s);
int screen_mouse(const struct screen *s);       /* VTERM_PROP_MOUSE_* */
struct cursor screen_cursor(const struct screen *s);

/* The number of the oldest line that is kept, and of the screen's first row. */
int64_t screen_oldest(const struct screen *s);
int64_t screen_top(const struct screen *s);

/* The cells of a line, screen_cols() of them; blanks where it has none or is no more. */
void screen_line(const struct screen *s, int64_t line, struct cell *cells);

/* Whether a row of the screen is to be drawn again; it is asked once. */
bool screen_take_damage(struct screen *s, int row);

#endif
