/*
 * The ring of lines above the screen. Most lines are short and have one letter a cell: a packed line has as many cells
 * as it has text, with one code point each, and behind these the marks of those cells that have some.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

enum { FIRST_ROOM = 256 };      /* lines */

struct packed_cell {
	uint32_t code, fg, bg;
	uint8_t  style, width, marks;
};

struct packed_line {
	size_t             bytes;
	int                cells;
	struct packed_cell cell[];      /* and uint32_t marks[] */
};

const struct cell blank_cell = { .fg = CELL_FOREGROUND, .bg = CELL_BACKGROUND, .width = 1 };

void history_init(struct history *h, int most)
{
	*h = (struct history) { .most = most };
}

static struct packed_line **place(const struct history *h, int index)
{
	return &h->lines[(h->first + index) % h->room];
}

static void forget(struct history *h, int index)
{
	struct packed_line *line = *place(h, index);

	h->bytes -= line ? line->bytes : 0;
	free(line);
}

static void drop_oldest(struct history *h)
{
	forget(h, 0);
	h->first = (h->first + 1) % h->room;
	h->count--;
}

void history_drop_newest(struct history *h)
{
	forget(h, --h->count);
}

void history_free(struct history *h)
{
	while (h->count)
		history_drop_newest(h);
	free(h->lines);
}

static int marks_of(const struct cell *c)
{
	int n = 0;

	while (n + 1 < CELL_CHARS && c->chars[0] && c->chars[n + 1])
		n++;
	return n;
}

static bool is_blank(const struct cell *c)
{
	return (!c->chars[0] || c->chars[0] == ' ') && !c->chars[1] && c->bg == CELL_BACKGROUND &&
	       !(c->style & ~(CELL_BOLD | CELL_ITALIC)) && c->width == 1;
}

static struct packed_line *pack(const struct cell *cells, int cols)
{
	struct packed_line *line;
	uint32_t *marks;
	size_t bytes = sizeof *line;

	while (cols && is_blank(&cells[cols - 1]))
		cols--;
	for (int i = 0; i < cols; i++)
		bytes += sizeof line->cell[0] + (size_t)marks_of(&cells[i]) * sizeof *marks;
	line = malloc(bytes);
	if (!line)
		return NULL;
	line->bytes = bytes;
	line->cells = cols;
	marks = (uint32_t *)&line->cell[cols];
	for (int i = 0; i < cols; i++) {
		const struct cell *c = &cells[i];
		int count = marks_of(c);
		line->cell[i] = (struct packed_cell) { c->chars[0], c->fg, c->bg, c->style, c->width, (uint8_t)count };
		memcpy(marks, &c->chars[1], (size_t)count * sizeof *marks);
		marks += count;
	}
	return line;
}

/* Make room for one more line; false if that is not possible but by giving up the oldest. */
static bool grow(struct history *h)
{
	int room = h->room ? 2 * h->room : FIRST_ROOM;
	struct packed_line **lines;

	if (room > h->most)
		room = h->most;
	if (room <= h->room || !(lines = malloc((size_t)room * sizeof *lines)))
		return false;
	for (int i = 0; i < h->count; i++)
		lines[i] = *place(h, i);
	free(h->lines);
	h->lines = lines;
	h->room = room;
	h->first = 0;
	return true;
}

void history_push(struct history *h, const struct cell *cells, int cols)
{
	struct packed_line *line;

	if (h->count == h->room && !grow(h)) {
		if (!h->count)
			return;
		drop_oldest(h);
	}
	line = pack(cells, cols);
	*place(h, h->count++) = line;
	h->bytes += line ? line->bytes : 0;
	while (h->bytes > HISTORY_BYTES && h->count > 1)
		drop_oldest(h);
}

void history_read(const struct history *h, int index, struct cell *cells, int cols)
{
	const struct packed_line *line = *place(h, index);
	int count = !line ? 0 : line->cells < cols ? line->cells : cols;
	const uint32_t *marks = line ? (const uint32_t *)&line->cell[line->cells] : NULL;

	for (int i = 0; i < count; i++) {
		const struct packed_cell *c = &line->cell[i];
		cells[i] = (struct cell) { { c->code }, c->fg, c->bg, c->width, c->style };
		memcpy(&cells[i].chars[1], marks, c->marks * sizeof *marks);
		marks += c->marks;
	}
	for (int i = count; i < cols; i++)
		cells[i] = blank_cell;
	if (count == cols && cols && cells[cols - 1].width == 2)
		cells[cols - 1] = blank_cell;   /* its other half does not fit */
}
