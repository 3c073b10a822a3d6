/*
 * A terminal without its window: a program on a pseudoterminal, its screen, what is seen and selected of that, keys and
 * pointer. What has to be asked of a window goes through a table of functions.
 */
#ifndef BTERM_TERM_H
#define BTERM_TERM_H

#include "draw.h"
#include "libwin/window.h"

struct term;

struct term_host {
	void (*damage)(void *user, struct window_area area);
	void (*title)(void *user, const char *title);
	void (*copy)(void *user, enum window_selection which, const char *bytes, size_t count);
	void (*paste)(void *user, enum window_selection which);     /* the text comes as WINDOW_PASTE */
};

struct term_options {
	char *const *argv;      /* the program */
	int  width, height;     /* pixels */
	int  history;           /* lines */
	bool blink;             /* the cursor, if the program wants that */
};

/* Start the program; errors are pty_start()'s and -ENOMEM. What it draws with is the caller's, and outlives it. */
int term_new(struct term **term, const struct draw *draw, const struct term_options *options,
	     const struct term_host *host, void *user);
void term_free(struct term *t);

/* For poll(): the descriptor and events, and how many milliseconds it may wait: -1 for ever. */
int term_fd(const struct term *t);
short term_poll_events(const struct term *t);
int term_timeout(const struct term *t);

/*
 * After poll(): read what the program has written, a bounded part of it, and write what it is to read; and what was to
 * happen at a time that has come. False when the program has ended.
 */
bool term_turn(struct term *t, short events);

/* Any event of the window but WINDOW_DRAW and WINDOW_CLOSE. */
void term_event(struct term *t, const struct window_event *e);

/* Draw a part of the window, within a frame. */
void term_draw(struct term *t, struct win *win, struct window_area area);

/* Its screen, to be looked at. */
const struct screen *term_screen(const struct term *t);

/* The window's size in which so many cells fit. */
void term_size_for(const struct draw *draw, int rows, int cols, int *width, int *height);

#endif
