/*
 * Drawing: rows of cells as rectangles of one colour, and runs of letters of one colour and weight as one call of text,
 * so that a screen of text costs few calls. Letters lie on the cells because the font's size is chosen so that each is
 * exactly as wide as a cell.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "boxes.h"
#include "draw.h"
#include "utf8.h"

enum {
	TRIAL = 100,            /* pixels: a font's proportions are taken at this height */
	SMALLER = 5,            /* looks of the other font, each an eighth smaller: so that its letters fit into cells */
};

#define SELECTED_BACKGROUND 0xff3a5f8au
#define SELECTED_FOREGROUND 0xffffffffu
#define CURSOR_COLOUR 0xffe0e0e0u
#define FLASH_COLOUR 0x30ffffffu
#define THUMB_COLOUR 0xff5a6470u

struct draw {
	struct win_font *regular, *bold, *regular_slanted, *bold_slanted;
	struct win_font *fallback;      /* for letters that those lack; NULL: there is none */
	struct win_font *smaller[SMALLER];      /* of it; NULL from the first on that there is no memory for */
	int width, height, base;        /* of a cell; the letters' line below its top */
	int reach;                      /* how far letters may reach out of their row */
};

/* ---- fonts and sizes --------------------------------------------------------------- */

/* The height at which a font's letters are so wide. */
static int find_height(struct win_device *device, const char *path, int width, float *height)
{
	struct win_font *font;
	float advance;
	int error = win_font_open(device, path, TRIAL, &font);

	if (error)
		return error;
	advance = win_text_width(font, "M");
	win_font_close(font);
	if (!(advance > 0))
		return -EINVAL;
	*height = (float)(TRIAL * width) / advance;
	return 0;
}

/* Who has no such font does without. */
static void have_fallback(struct draw *d, struct win_device *device, const char *path, float height)
{
	if (!path || win_font_open(device, path, height, &d->fallback))
		return;
	win_font_fallback(d->regular, d->fallback);
	win_font_fallback(d->bold, d->fallback);
	for (int i = 0; i < SMALLER; i++)
		if (win_font_smaller(d->fallback, (float)(SMALLER + 2 - i) / 8, &d->smaller[i]))
			break;
}

int draw_open(struct draw **result, struct win_device *device, const char *regular, const char *bold,
	      const char *fallback, int cell_width)
{
	struct draw *d = calloc(1, sizeof *d);
	float height;
	int error;

	if (!d)
		return -ENOMEM;
	error = find_height(device, regular, cell_width, &height);
	if (!error)
		error = win_font_open(device, regular, height, &d->regular);
	if (!error)
		error = find_height(device, bold, cell_width, &height);
	if (!error)
		error = win_font_open(device, bold, height, &d->bold);
	if (!error) {
		have_fallback(d, device, fallback, height);
		error = win_font_slant(d->regular, &d->regular_slanted);
	}
	if (!error)
		error = win_font_slant(d->bold, &d->bold_slanted);
	if (error) {
		draw_close(d);
		return error;
	}
	d->width = cell_width;
	d->height = (int)ceilf(win_font_line(d->regular));
	d->base = (int)roundf(win_font_ascent(d->regular));
	d->reach = (d->height + 5) / 6;
	*result = d;
	return 0;
}

void draw_close(struct draw *d)
{
	struct win_font *fonts[] = { d->regular_slanted, d->bold_slanted, d->regular, d->bold, d->fallback };

	for (int i = 0; i < SMALLER && d->smaller[i]; i++)
		win_font_close(d->smaller[i]);
	for (size_t i = 0; i < sizeof fonts / sizeof fonts[0]; i++)
		if (fonts[i])
			win_font_close(fonts[i]);
	free(d);
}

int draw_cell_width(const struct draw *d)
{
	return d->width;
}

int draw_cell_height(const struct draw *d)
{
	return d->height;
}

struct window_area draw_rows_area(const struct draw *d, int first, int end, int width)
{
	return (struct window_area) {
		0, DRAW_MARGIN + first * d->height - d->reach, width, (end - first) * d->height + 2 * d->reach,
	};
}

/* ---- a row ------------------------------------------------------------------------- */

/* A row's cells as they are shown: selected ones, and the one under the cursor, in other colours. */
static void colour_row(const struct draw_view *v, int64_t line, struct cell *cells)
{
	struct cursor cursor = screen_cursor(v->screen);
	int first, end;

	select_columns(v->selection, v->screen, line, &first, &end);
	for (int col = first; col < end; col++) {
		cells[col].fg = SELECTED_FOREGROUND;
		cells[col].bg = SELECTED_BACKGROUND;
	}
	if (cursor.visible && v->cursor && v->focused && line == screen_top(v->screen) + cursor.row &&
	    cursor.shape == VTERM_PROP_CURSORSHAPE_BLOCK) {
		struct cell *at = &cells[cursor.col];
		for (int i = 0; i < (at->width == 2 ? 2 : 1); i++) {
			at[i].fg = CELL_BACKGROUND;
			at[i].bg = CURSOR_COLOUR;
		}
	}
}

static float left_of(const struct draw *d, int col)
{
	return (float)(DRAW_MARGIN + col * d->width);
}

static void draw_backgrounds(const struct draw *d, struct win *win, const struct cell *cells, int cols, float top)
{
	int end;

	for (int col = 0; col < cols; col = end) {
		for (end = col + 1; end < cols && cells[end].bg == cells[col].bg;)
			end++;
		if (cells[col].bg != CELL_BACKGROUND)
			win_rect(win, left_of(d, col), top, (float)((end - col) * d->width), (float)d->height, cells[col].bg);
	}
}

static bool is_empty(const struct cell *c)
{
	return c->width == 0 || !c->chars[0] || (c->chars[0] == ' ' && !c->chars[1]);
}

static struct win_font *font_of(const struct draw *d, const struct cell *c)
{
	if (c->style & CELL_ITALIC)
		return c->style & CELL_BOLD ? d->bold_slanted : d->regular_slanted;
	return c->style & CELL_BOLD ? d->bold : d->regular;
}

/* Cells that may be letters of one call: one plain letter each, as wide as a cell, or nothing. */
static bool is_plain(const struct draw *d, const struct cell *c)
{
	if (c->width != 1 || c->chars[1] || boxes_has(c->chars[0]))
		return false;
	return c->chars[0] < 0x80 || win_font_has(font_of(d, c), c->chars[0]);
}

/*
 * The font for a letter, such that it fits into its cells: what the terminal's fonts lack may be too wide at their
 * size.
 */
static struct win_font *fitting(const struct draw *d, const struct cell *c, const char *text)
{
	struct win_font *font = font_of(d, c);
	float room = (float)(d->width * (c->width == 2 ? 2 : 1)) + 0.5f;

	if (!d->fallback || win_font_has(font, c->chars[0]) || !win_font_has(d->fallback, c->chars[0]))
		return font;
	for (int i = 0; i < SMALLER && d->smaller[i] && win_text_width(font, text) > room; i++)
		font = d->smaller[i];
	return font;
}

static void draw_letter(const struct draw *d, struct win *win, const struct cell *c, float x, float top)
{
	struct win_font *font = NULL;
	char text[UTF8_MOST + 1];

	if (boxes_has(c->chars[0])) {
		boxes_draw(win, c->chars[0], (int)x, (int)top, d->width, d->height, c->fg);
		return;
	}
	for (int i = 0; i < CELL_CHARS && c->chars[i]; i++) {
		text[utf8_put(text, c->chars[i])] = '\0';
		font = font ? font : fitting(d, c, text);
		win_text(win, font, x, top + (float)d->base, text, c->fg);
	}
}

/* The letters from col on that one call draws; the column behind them. */
static int draw_run(const struct draw *d, struct win *win, const struct cell *cells, int col, int cols, float top)
{
	const struct cell *first = &cells[col];
	char text[64 * UTF8_MOST + 1];
	size_t n = 0;
	int end = col, face = first->style & (CELL_BOLD | CELL_ITALIC);

	if (!is_plain(d, first)) {
		draw_letter(d, win, first, left_of(d, col), top);
		return col + 1;
	}
	while (end < cols && n < sizeof text - UTF8_MOST && is_plain(d, &cells[end]) &&
	       (is_empty(&cells[end]) ||
		(cells[end].fg == first->fg && (cells[end].style & (CELL_BOLD | CELL_ITALIC)) == face))) {
		n += utf8_put(text + n, cells[end].chars[0] ? cells[end].chars[0] : ' ');
		end++;
	}
	text[n] = '\0';
	win_text(win, font_of(d, first), left_of(d, col), top + (float)d->base, text, first->fg);
	return end;
}

static void draw_letters(const struct draw *d, struct win *win, const struct cell *cells, int cols, float top)
{
	for (int col = 0; col < cols;) {
		if (is_empty(&cells[col]))
			col++;
		else
			col = draw_run(d, win, cells, col, cols, top);
	}
}

static void draw_lines(const struct draw *d, struct win *win, const struct cell *cells, int cols, float top)
{
	float thick = (float)(d->width / 12 + 1), under = top + (float)d->base + thick, width = (float)d->width;

	for (int col = 0; col < cols; col++) {
		const struct cell *c = &cells[col];
		float x = left_of(d, col);
		if (c->style & (CELL_UNDERLINE | CELL_UNDERLINE_2))
			win_rect(win, x, under, width, thick, c->fg);
		if (c->style & CELL_UNDERLINE_2)
			win_rect(win, x, under + 2 * thick, width, thick, c->fg);
		if (c->style & CELL_CURLY)
			for (int half = 0; half < 2; half++)
				win_rect(win, x + (float)half * width / 2, under + (float)half * thick, width / 2, thick, c->fg);
		if (c->style & CELL_STRIKE)
			win_rect(win, x, top + floorf((float)d->base * 0.7f), width, thick, c->fg);
	}
}

/* ---- the cursor and the whole -------------------------------------------------------- */

/* A cursor that is no filled block: a line below or before its cell, or without focus a frame. */
static void draw_cursor(const struct draw *d, struct win *win, const struct draw_view *v, const struct cell *cells,
			int row)
{
	struct cursor cursor = screen_cursor(v->screen);
	float x = left_of(d, cursor.col), y = (float)(DRAW_MARGIN + row * d->height), height = (float)d->height;
	float width = (float)(d->width * (cells[cursor.col].width == 2 ? 2 : 1)), thick = (float)(d->width / 8 + 1);

	if (!v->focused) {
		win_rect(win, x, y, width, 1, CURSOR_COLOUR);
		win_rect(win, x, y + height - 1, width, 1, CURSOR_COLOUR);
		win_rect(win, x, y + 1, 1, height - 2, CURSOR_COLOUR);
		win_rect(win, x + width - 1, y + 1, 1, height - 2, CURSOR_COLOUR);
	} else if (cursor.shape == VTERM_PROP_CURSORSHAPE_UNDERLINE) {
		win_rect(win, x, y + height - thick, width, thick, CURSOR_COLOUR);
	} else if (cursor.shape == VTERM_PROP_CURSORSHAPE_BAR_LEFT) {
		win_rect(win, x, y, thick, height, CURSOR_COLOUR);
	}
}

static void draw_row(const struct draw *d, struct win *win, const struct draw_view *v, int row, struct cell *cells)
{
	struct cursor cursor = screen_cursor(v->screen);
	int64_t line = v->top + row;
	int cols = screen_cols(v->screen);
	float top = (float)(DRAW_MARGIN + row * d->height);

	screen_line(v->screen, line, cells);
	colour_row(v, line, cells);
	draw_letters(d, win, cells, cols, top);
	draw_lines(d, win, cells, cols, top);
	if (cursor.visible && v->cursor && line == screen_top(v->screen) + cursor.row)
		draw_cursor(d, win, v, cells, row);
}

void draw_terminal(const struct draw *d, struct win *win, struct window_area area, const struct draw_view *v)
{
	int cols = screen_cols(v->screen), rows = screen_rows(v->screen);
	int first = (area.y - DRAW_MARGIN - d->reach) / d->height;
	int end = (area.y + area.height - DRAW_MARGIN + d->reach + d->height - 1) / d->height;
	struct cell *cells = malloc((size_t)cols * sizeof *cells);

	win_clear(win, CELL_BACKGROUND);
	if (first < 0)
		first = 0;
	if (end > rows)
		end = rows;
	for (int row = first; row < end && cells; row++) {
		screen_line(v->screen, v->top + row, cells);
		colour_row(v, v->top + row, cells);
		draw_backgrounds(d, win, cells, cols, (float)(DRAW_MARGIN + row * d->height));
	}
	for (int row = first; row < end && cells; row++)
		draw_row(d, win, v, row, cells);
	if (v->thumb.width)
		win_rect(win, (float)v->thumb.x, (float)v->thumb.y, (float)v->thumb.width, (float)v->thumb.height,
			THUMB_COLOUR);
	if (v->flash)
		win_rect(win, 0, 0, (float)win_width(win), (float)win_height(win), FLASH_COLOUR);
	free(cells);
}
