/*
 * What is selected of a terminal's text: by letters, words or lines, from where the button went down to where the
 * pointer is.
 *
 * A place is a line's number (screen.h) and a boundary between cells: 0 before the first, screen_cols() after the last.
 */
#ifndef BTERM_SELECT_H
#define BTERM_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "screen.h"

enum select_by { SELECT_LETTERS, SELECT_WORDS, SELECT_LINES };

struct place { int64_t line; int col; };

struct selection {
	enum select_by by;
	struct place   anchor[2];       /* what the first press selected: a letter's boundary, a word, a line */
	struct place   from, to;        /* what is selected; nothing if they are the same */
};

/* Begin anew at a place, and go on to another. */
void select_begin(struct selection *sel, const struct screen *s, struct place at, enum select_by by);
void select_extend(struct selection *sel, const struct screen *s, struct place to);
void select_all(struct selection *sel, const struct screen *s);
void select_none(struct selection *sel);

bool select_some(const struct selection *sel);

/* Whether a line in [first, end) has some of it. */
bool select_touches(const struct selection *sel, int64_t first, int64_t end);

/* The selected cells of a line: [*first, *end). */
void select_columns(const struct selection *sel, const struct screen *s, int64_t line, int *first, int *end);

/*
 * The selected text in UTF-8, the caller's to free, with its length; NULL if there is no memory or nothing selected.
 * Blanks at a line's end are left out. A line whose last column has a letter goes on in the next one.
 */
char *select_text(const struct selection *sel, const struct screen *s, size_t *count);

#endif
