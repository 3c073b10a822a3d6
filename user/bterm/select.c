/* The selection: where it begins and ends, and its text. */
#include <stdlib.h>
#include <string.h>

#include "select.h"
#include "utf8.h"

/* What belongs to a word beside letters and digits: names of files, addresses. */
static const char word_signs[] = "_-./~:@%+?&=#";

/* ---- places ------------------------------------------------------------------------ */

static int compare(struct place a, struct place b)
{
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.col - b.col;
}

static bool in_word(const struct cell *c)
{
	uint32_t code = c->chars[0];

	if (code >= 0x80 || c->width == 0)
		return code != 0xa0 || c->width == 0;
	return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') || (code >= 'a' && code <= 'z') ||
		(code && strchr(word_signs, (int)code));
}

/* The cells of a line, the caller's to free; NULL if there is no memory. */
static struct cell *cells_of(const struct screen *s, int64_t line)
{
	struct cell *cells = malloc((size_t)screen_cols(s) * sizeof *cells);

	if (cells)
		screen_line(s, line, cells);
	return cells;
}

/* The word at a place, or the one sign that is there. */
static void find_word(const struct screen *s, struct place at, struct place word[2])
{
	struct cell *cells = cells_of(s, at.line);
	int cols = screen_cols(s), first = at.col < cols ? at.col : cols - 1, end = first + 1;

	if (cells && in_word(&cells[first])) {
		while (first > 0 && in_word(&cells[first - 1]))
			first--;
		while (end < cols && in_word(&cells[end]))
			end++;
	}
	word[0] = (struct place) { at.line, first };
	word[1] = (struct place) { at.line, end };
	free(cells);
}

/* What a press at this place selects by itself. */
static void find_unit(const struct selection *sel, const struct screen *s, struct place at, struct place unit[2])
{
	if (sel->by == SELECT_WORDS) {
		find_word(s, at, unit);
	} else if (sel->by == SELECT_LINES) {
		unit[0] = (struct place) { at.line, 0 };
		unit[1] = (struct place) { at.line, screen_cols(s) };
	} else {
		unit[0] = unit[1] = at;
	}
}

void select_begin(struct selection *sel, const struct screen *s, struct place at, enum select_by by)
{
	sel->by = by;
	find_unit(sel, s, at, sel->anchor);
	sel->from = sel->anchor[0];
	sel->to = sel->anchor[1];
}

void select_extend(struct selection *sel, const struct screen *s, struct place to)
{
	struct place unit[2];

	find_unit(sel, s, to, unit);
	sel->from = compare(unit[0], sel->anchor[0]) < 0 ? unit[0] : sel->anchor[0];
	sel->to = compare(unit[1], sel->anchor[1]) > 0 ? unit[1] : sel->anchor[1];
}

void select_all(struct selection *sel, const struct screen *s)
{
	sel->by = SELECT_LETTERS;
	sel->from = sel->anchor[0] = sel->anchor[1] = (struct place) { screen_oldest(s), 0 };
	sel->to = (struct place) { screen_top(s) + screen_rows(s) - 1, screen_cols(s) };
}

void select_none(struct selection *sel)
{
	*sel = (struct selection) { 0 };
}

bool select_some(const struct selection *sel)
{
	return compare(sel->from, sel->to) < 0;
}

bool select_touches(const struct selection *sel, int64_t first, int64_t end)
{
	return select_some(sel) && sel->from.line < end && sel->to.line >= first;
}

void select_columns(const struct selection *sel, const struct screen *s, int64_t line, int *first, int *end)
{
	*first = *end = 0;
	if (!select_touches(sel, line, line + 1))
		return;
	*first = line == sel->from.line ? sel->from.col : 0;
	*end = line == sel->to.line && sel->to.col < screen_cols(s) ? sel->to.col : screen_cols(s);
}

/* ---- text -------------------------------------------------------------------------- */

struct text {
	char  *bytes;
	size_t count, room;
	bool   failed;
};

static void put(struct text *t, uint32_t code)
{
	if (t->count + UTF8_MOST > t->room) {
		size_t room = t->room ? 2 * t->room : 256;
		char *bytes = realloc(t->bytes, room);
		if (!bytes) {
			t->failed = true;
			return;
		}
		t->bytes = bytes;
		t->room = room;
	}
	t->count += utf8_put(t->bytes + t->count, code);
}

static bool is_blank(const struct cell *c)
{
	return c->width == 1 && (c->chars[0] == 0 || c->chars[0] == ' ') && !c->chars[1];
}

/* The cells in [first, end) of a line; whether the text goes on in the next line without an end of line. */
static bool put_cells(struct text *t, const struct cell *cells, int first, int end, int cols)
{
	int last = end;

	while (last > first && is_blank(&cells[last - 1]))
		last--;
	for (int i = first; i < last; i++) {
		if (cells[i].width == 0)
			continue;
		put(t, cells[i].chars[0] ? cells[i].chars[0] : ' ');
		for (int mark = 1; mark < CELL_CHARS && cells[i].chars[0] && cells[i].chars[mark]; mark++)
			put(t, cells[i].chars[mark]);
	}
	return !is_blank(&cells[cols - 1]);
}

char *select_text(const struct selection *sel, const struct screen *s, size_t *count)
{
	int64_t oldest = screen_oldest(s), line = sel->from.line > oldest ? sel->from.line : oldest;
	struct cell *cells = malloc((size_t)screen_cols(s) * sizeof *cells);
	struct text text = { .failed = !cells || !select_some(sel) };

	for (; line <= sel->to.line && !text.failed; line++) {
		int first, end;
		bool on;
		select_columns(sel, s, line, &first, &end);
		screen_line(s, line, cells);
		on = put_cells(&text, cells, first, end, screen_cols(s));
		if (line < sel->to.line && !on)
			put(&text, '\n');
	}
	/* Rows below the last that has text are no part of it. */
	while (text.count > 1 && text.bytes[text.count - 1] == '\n' && text.bytes[text.count - 2] == '\n')
		text.count--;
	free(cells);
	if (text.failed) {
		free(text.bytes);
		return NULL;
	}
	*count = text.count;
	return text.bytes;
}
