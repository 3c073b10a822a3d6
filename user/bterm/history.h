/*
 * The lines that have left a screen, packed, at most so many and no more memory than HISTORY_BYTES: the oldest go
 * when new ones come.
 */
#ifndef BTERM_HISTORY_H
#define BTERM_HISTORY_H

#include <stddef.h>

#include "cell.h"

enum { HISTORY_BYTES = 64 << 20 };

struct packed_line;

struct history {
	struct packed_line **lines;     /* a ring of room; NULL for a line for which there was no memory */
	int    most, room, first, count;
	size_t bytes;
};

void history_init(struct history *h, int most);
void history_free(struct history *h);

/* Add the newest line; blanks at its end are not kept. A line that there is no memory for becomes a blank one. */
void history_push(struct history *h, const struct cell *cells, int cols);

/* Read line index, 0 the oldest, into cols cells: cut off there, and filled up with blanks. */
void history_read(const struct history *h, int index, struct cell *cells, int cols);

/* Forget the newest, of which there is one. */
void history_drop_newest(struct history *h);

/* A blank cell. */
extern const struct cell blank_cell;

#endif
