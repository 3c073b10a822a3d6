/*
 * libvterm's screen and the history above it. Rows that were touched are kept as flags until they are drawn, for a
 * frame comes much later than the output that it shows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "screen.h"
#include "utf8.h"

enum { TITLE_BYTES = 256 };

struct screen {
	VTerm         *vterm;
	VTermScreen   *vts;
	VTermState    *state;
	int            rows, cols;
	bool          *damaged;         /* rows of them */
	struct cell   *line;            /* room for one that goes into the history */
	struct history history;
	int64_t        top;
	int            scrolled;        /* lines that left since the screen's rows last moved */
	bool           alternate;
	int            mouse;
	struct cursor  cursor;
	char           begun[UTF8_MOST];    /* a letter whose rest has not come */
	size_t         begun_count;
	const struct screen_events *events;
	void          *user;
};

/* ---- cells --------------------------------------------------------------------- */

/* The 256 colours of xterm: 16 with names, a cube of six steps each way, 24 greys. */
static uint32_t palette(unsigned index)
{
	static const uint32_t named[] = {
		0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x2a5fd8, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
		0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c8cff, 0xff00ff, 0x00ffff, 0xffffff,
	};
	static const uint8_t steps[] = { 0, 95, 135, 175, 215, 255 };

	if (index < 16)
		return named[index];
	if (index >= 232)
		return (8 + 10 * (index - 232)) * 0x10101;
	index -= 16;
	return (uint32_t)steps[index / 36] << 16 | (uint32_t)steps[index / 6 % 6] << 8 | steps[index % 6];
}

static uint32_t shown_colour(const struct screen *s, VTermColor colour)
{
	if (VTERM_COLOR_IS_INDEXED(&colour))
		return 0xff000000u | palette(colour.indexed.idx);
	vterm_screen_convert_color_to_rgb(s->vts, &colour);
	return 0xff000000u | (uint32_t)colour.rgb.red << 16 | (uint32_t)colour.rgb.green << 8 | colour.rgb.blue;
}

static uint8_t style_of(const VTermScreenCell *from)
{
	static const uint8_t underlines[] = { 0, CELL_UNDERLINE, CELL_UNDERLINE_2, CELL_CURLY };

	return (uint8_t)((from->attrs.bold ? CELL_BOLD : 0) | underlines[from->attrs.underline] |
			 (from->attrs.strike ? CELL_STRIKE : 0) | (from->attrs.italic ? CELL_ITALIC : 0));
}

/* The right half of a wide cell has the code (uint32_t)-1 in libvterm. */
static struct cell cell_of(const struct screen *s, const VTermScreenCell *from)
{
	uint32_t fg = shown_colour(s, from->fg), bg = shown_colour(s, from->bg);
	struct cell cell = {
		.fg = from->attrs.reverse ? bg : fg, .bg = from->attrs.reverse ? fg : bg, .style = style_of(from),
		.width = (uint8_t)(from->width == 2 ? 2 : 1),
	};

	if (from->chars[0] == (uint32_t)-1)
		cell.width = 0;
	else
		memcpy(cell.chars, from->chars, sizeof cell.chars);
	return cell;
}

static void colour_back(VTermColor *colour, uint32_t from)
{
	vterm_color_rgb(colour, (uint8_t)(from >> 16), (uint8_t)(from >> 8), (uint8_t)from);
}

static VTermScreenCell cell_back(const struct cell *from)
{
	VTermScreenCell cell = { .width = (char)(from->width == 2 ? 2 : 1) };

	memcpy(cell.chars, from->chars, sizeof cell.chars);
	if (from->width == 0)
		cell.chars[0] = (uint32_t)-1;
	cell.attrs.bold = (from->style & CELL_BOLD) != 0;
	cell.attrs.italic = (from->style & CELL_ITALIC) != 0;
	cell.attrs.strike = (from->style & CELL_STRIKE) != 0;
	cell.attrs.underline = from->style & CELL_UNDERLINE ? VTERM_UNDERLINE_SINGLE :
		from->style & CELL_UNDERLINE_2 ? VTERM_UNDERLINE_DOUBLE :
		from->style & CELL_CURLY ? VTERM_UNDERLINE_CURLY : VTERM_UNDERLINE_OFF;
	colour_back(&cell.fg, from->fg);
	colour_back(&cell.bg, from->bg);
	return cell;
}

void screen_line(const struct screen *s, int64_t line, struct cell *cells)
{
	int64_t row = line - s->top;
	VTermScreenCell from;

	if (row >= 0 && row < s->rows) {
		for (int col = 0; col < s->cols; col++) {
			vterm_screen_get_cell(s->vts, (VTermPos) { (int)row, col }, &from);
			cells[col] = cell_of(s, &from);
		}
	} else if (row < 0 && line >= screen_oldest(s)) {
		history_read(&s->history, (int)(line - screen_oldest(s)), cells, s->cols);
	} else {
		for (int col = 0; col < s->cols; col++)
			cells[col] = blank_cell;
	}
}

/* ---- what libvterm tells ----------------------------------------------------------- */

static void touch(struct screen *s, int first, int end)
{
	for (int row = first < 0 ? 0 : first; row < end && row < s->rows; row++)
		s->damaged[row] = true;
}

static void change(struct screen *s, int first, int end)
{
	touch(s, first, end);
	s->events->changed(s->user, s->top + first, s->top + end);
}

static int on_damage(VTermRect rect, void *user)
{
	change(user, rect.start_row, rect.end_row);
	return 1;
}

/* The screen scrolled: what moved up with lines leaving at the top is the same text under the same numbers. */
static int on_moverect(VTermRect dest, VTermRect src, void *user)
{
	struct screen *s = user;
	int first = dest.start_row < src.start_row ? dest.start_row : src.start_row;
	int end = dest.end_row > src.end_row ? dest.end_row : src.end_row;
	bool same = s->scrolled > 0 && s->scrolled == src.start_row - dest.start_row && dest.start_row == 0;

	s->scrolled = 0;
	if (same)
		touch(s, first, end);
	else
		change(s, first, end);
	return 1;
}

static int on_movecursor(VTermPos pos, VTermPos old, int visible, void *user)
{
	struct screen *s = user;

	(void)visible;          /* settermprop tells it */
	touch(s, old.row, old.row + 1);
	touch(s, pos.row, pos.row + 1);
	s->cursor.row = pos.row;
	s->cursor.col = pos.col;
	return 1;
}

/* A title without what a window's frame cannot show. */
static void tell_title(struct screen *s, const char *string)
{
	char title[TITLE_BYTES];
	size_t n = 0;

	for (; *string && n < sizeof title - 1; string++)
		if ((unsigned char)*string >= ' ' && *string != 0x7f)
			title[n++] = *string;
	/* Cut off within a letter: without it. */
	if (*string)
		while (n && ((unsigned char)title[n - 1] & 0xc0) == 0x80)
			n--;
	if (*string && n && (unsigned char)title[n - 1] >= 0xc0)
		n--;
	title[n] = '\0';
	s->events->title(s->user, title);
}

static int on_property(VTermProp prop, VTermValue *value, void *user)
{
	struct screen *s = user;

	switch (prop) {
	case VTERM_PROP_CURSORVISIBLE: s->cursor.visible = value->boolean; break;
	case VTERM_PROP_CURSORBLINK: s->cursor.blinks = value->boolean; break;
	case VTERM_PROP_CURSORSHAPE: s->cursor.shape = value->number; break;
	case VTERM_PROP_ALTSCREEN: s->alternate = value->boolean; break;
	case VTERM_PROP_MOUSE: s->mouse = value->number; break;
	case VTERM_PROP_TITLE: tell_title(s, value->string); break;
	default: break;
	}
	touch(s, s->cursor.row, s->cursor.row + 1);
	return 1;
}

static int on_bell(void *user)
{
	struct screen *s = user;

	s->events->bell(s->user);
	return 1;
}

static int on_pushline(int cols, const VTermScreenCell *cells, void *user)
{
	struct screen *s = user;

	if (cols > s->cols)
		cols = s->cols;
	for (int i = 0; i < cols; i++)
		s->line[i] = cell_of(s, &cells[i]);
	history_push(&s->history, s->line, cols);
	s->top++;
	s->scrolled++;
	return 1;
}

static int on_popline(int cols, VTermScreenCell *cells, void *user)
{
	struct screen *s = user;
	struct cell *line;

	if (!s->history.count || !(line = malloc((size_t)cols * sizeof *line)))
		return 0;
	history_read(&s->history, s->history.count - 1, line, cols);
	history_drop_newest(&s->history);
	s->top--;
	for (int i = 0; i < cols; i++)
		cells[i] = cell_back(&line[i]);
	free(line);
	return 1;
}

static void on_output(const char *bytes, size_t count, void *user)
{
	struct screen *s = user;

	s->events->reply(s->user, bytes, count);
}

static const VTermScreenCallbacks callbacks = {
	.damage = on_damage, .moverect = on_moverect, .movecursor = on_movecursor, .settermprop = on_property,
	.bell = on_bell, .sb_pushline = on_pushline, .sb_popline = on_popline,
};

/* ---- the screen ---------------------------------------------------------------------- */

/* Room for what has as many places as the screen has rows or columns; false, and nothing has changed. */
static bool set_room(struct screen *s, int rows, int cols)
{
	bool *damaged = malloc((size_t)rows * sizeof *damaged);
	struct cell *line = malloc((size_t)cols * sizeof *line);

	if (!damaged || !line) {
		free(damaged);
		free(line);
		return false;
	}
	free(s->damaged);
	free(s->line);
	s->damaged = damaged;
	s->line = line;
	s->rows = rows;
	s->cols = cols;
	touch(s, 0, rows);
	return true;
}

static void start(struct screen *s)
{
	VTermColor fg, bg;

	s->vts = vterm_obtain_screen(s->vterm);
	s->state = vterm_obtain_state(s->vterm);
	vterm_set_utf8(s->vterm, 1);
	vterm_output_set_callback(s->vterm, on_output, s);
	colour_back(&fg, CELL_FOREGROUND);
	colour_back(&bg, CELL_BACKGROUND);
	vterm_state_set_default_colors(s->state, &fg, &bg);
	vterm_state_set_bold_highbright(s->state, 1);
	vterm_screen_set_callbacks(s->vts, &callbacks, s);
	vterm_screen_set_damage_merge(s->vts, VTERM_DAMAGE_ROW);
	vterm_screen_enable_altscreen(s->vts, 1);
	vterm_screen_reset(s->vts, 1);
}

int screen_new(struct screen **result, int rows, int cols, int history, const struct screen_events *events, void *user)
{
	struct screen *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->events = events;
	s->user = user;
	history_init(&s->history, history);
	if (!set_room(s, rows, cols) || !(s->vterm = vterm_new(rows, cols))) {
		screen_free(s);
		return -ENOMEM;
	}
	start(s);
	*result = s;
	return 0;
}

void screen_free(struct screen *s)
{
	if (s->vterm)
		vterm_free(s->vterm);
	history_free(&s->history);
	free(s->damaged);
	free(s->line);
	free(s);
}

/* What goes on with the letter that was begun; how many bytes are its. One that does not go on is none: U+FFFD. */
static size_t finish_letter(struct screen *s, const char *bytes, size_t count)
{
	size_t taken = 0;

	while (s->begun_count && taken < count) {
		if ((bytes[taken] & 0xc0) == 0x80) {
			s->begun[s->begun_count++] = bytes[taken++];
			if (utf8_unfinished(s->begun, s->begun_count))
				continue;
		} else {
			s->begun_count = utf8_put(s->begun, 0xfffd);
		}
		vterm_input_write(s->vterm, s->begun, s->begun_count);
		s->begun_count = 0;
	}
	return taken;
}

/* libvterm 0.1 forgets the beginning of a letter that stands at the end of what it is given, behind others. */
void screen_write(struct screen *s, const char *bytes, size_t count)
{
	size_t taken = finish_letter(s, bytes, count);
	size_t begun = utf8_unfinished(bytes + taken, count - taken);

	vterm_input_write(s->vterm, bytes + taken, count - taken - begun);
	if (begun) {
		memcpy(s->begun, bytes + count - begun, begun);
		s->begun_count = begun;
	}
	vterm_screen_flush_damage(s->vts);
}

void screen_resize(struct screen *s, int rows, int cols)
{
	if ((rows == s->rows && cols == s->cols) || !set_room(s, rows, cols))
		return;
	vterm_set_size(s->vterm, rows, cols);
	vterm_screen_flush_damage(s->vts);
	s->scrolled = 0;
	change(s, 0, rows);
}

VTerm *screen_vterm(const struct screen *s)
{
	return s->vterm;
}

int screen_rows(const struct screen *s)
{
	return s->rows;
}

int screen_cols(const struct screen *s)
{
	return s->cols;
}

bool screen_alternate(const struct screen *s)
{
	return s->alternate;
}

int screen_mouse(const struct screen *s)
{
	return s->mouse;
}

struct cursor screen_cursor(const struct screen *s)
{
	return s->cursor;
}

int64_t screen_oldest(const struct screen *s)
{
	return s->top - s->history.count;
}

int64_t screen_top(const struct screen *s)
{
	return s->top;
}

bool screen_take_damage(struct screen *s, int row)
{
	bool damaged = s->damaged[row];

	s->damaged[row] = false;
	return damaged;
}
