/*
 * The terminal on a screen: what the bytes of programs and of the log make of a grid of letters, by ECMA-48 and as
 * Linux's own console has it (console_codes(4), TERM=linux). Nothing is drawn here: vt_draw.c compares the grid with
 * what is shown.
 *
 * Bytes are taken at once and in any context, so that the log can come from anywhere; the terminal's answers and the
 * drawing are left to a piece of work.
 */
#include "base/bitmap.h"
#include "base/printf.h"
#include "base/string.h"
#include "tty/vt.h"

enum { GROUND, ESCAPE, CSI, CSI_IGNORE, STRING, STRING_ESCAPE, CHARSET, HASH };

#define INK_DEFAULT	7
#define PAPER_DEFAULT	0

/* ---- the grid --------------------------------------------------------------------------------------------- */

static vt_cell blank(const struct vt *v)
{
	return CELL_MAKE(vt_glyph(' '), INK_DEFAULT, v->pen.reverse ? PAPER_DEFAULT : v->pen.paper);
}

static void fill(struct vt *v, u32 from, u32 to)
{
	for (vt_cell c = blank(v); from < to; from++)
		v->cells[from] = c;
}

/* Rows [top, bottom) move up by n, or down: what comes in is blank. */
static void scroll(struct vt *v, u32 top, u32 bottom, u32 n, bool up)
{
	u32 w = v->columns, rows = bottom - top, rest;

	n = MIN(n, rows);
	rest = (rows - n) * w;
	memmove(v->cells + (up ? top : top + n) * w, v->cells + (up ? top + n : top) * w, rest * sizeof(vt_cell));
	if (up)
		fill(v, (bottom - n) * w, bottom * w);
	else
		fill(v, top * w, (top + n) * w);
}

static void line_feed(struct vt *v)
{
	if (v->y + 1 == v->bottom)
		scroll(v, v->top, v->bottom, 1, true);
	else if (v->y + 1 < v->rows)
		v->y++;
	v->wrap = false;
}

static void line_feed_back(struct vt *v)
{
	if (v->y == v->top)
		scroll(v, v->top, v->bottom, 1, false);
	else if (v->y)
		v->y--;
	v->wrap = false;
}

static void go(struct vt *v, s64 x, s64 y)
{
	s64 top = v->origin ? v->top : 0, bottom = v->origin ? v->bottom : v->rows;

	v->x = MAX(0ll, MIN(x, (s64)v->columns - 1));
	v->y = MAX(top, MIN(y, bottom - 1));
	v->wrap = false;
}

/* DEC's line drawing: what the letters from ` to ~ mean there. */
static u32 graphics_point(u32 c)
{
	static const u16 points[] = {
		0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0xb0, 0xb1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514,
		0x253c, 0x2500, 0x2500, 0x2500, 0x2500, 0x2500, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x3c0,
		0x2260, 0xa3, 0xb7,
	};

	return c >= '`' && c <= '~' ? points[c - '`'] : c;
}

static void letter(struct vt *v, u32 point)
{
	u32 ink = v->pen.ink | (v->pen.bold && v->pen.ink < 8 ? 8 : 0), paper = v->pen.paper, at;

	if (v->pen.graphics[v->pen.set])
		point = graphics_point(point);
	if (v->wrap) {
		v->x = 0;
		line_feed(v);
	}
	at = v->y * v->columns + v->x;
	if (v->insert)
		memmove(v->cells + at + 1, v->cells + at, (v->columns - v->x - 1) * sizeof(vt_cell));
	v->cells[at] = CELL_MAKE(vt_glyph(point), v->pen.reverse ? paper : ink, v->pen.reverse ? ink : paper) |
		       (v->pen.underline ? CELL_UNDERLINE : 0);
	if (v->x + 1 < v->columns)
		v->x++;
	else
		v->wrap = v->autowrap;
}

static void tab(struct vt *v)
{
	do
		v->x++;
	while (v->x < v->columns && !bitmap_test(v->tabs, MIN(v->x, VT_TABS - 1)));
	v->x = MIN(v->x, v->columns - 1);
}

void vt_reset(struct vt *v)
{
	v->top = 0;
	v->bottom = v->rows;
	v->autowrap = true;
	v->wrap = v->hidden = v->insert = v->origin = v->newline = v->application = false;
	v->pen = (struct vt_pen){ .ink = INK_DEFAULT, .paper = PAPER_DEFAULT };
	memset(&v->saved, 0, sizeof(v->saved));
	v->saved.pen = v->pen;
	memset(v->tabs, 0, sizeof(v->tabs));
	for (u32 i = 0; i < VT_TABS; i += 8)
		bitmap_set(v->tabs, i);
	v->state = GROUND;
	v->point_left = 0;
	v->x = v->y = 0;
	fill(v, 0, v->columns * v->rows);
}

/* ---- sequences -------------------------------------------------------------------------------------------- */

static void answer(struct vt *v, const char *text)
{
	size_t n = strlen(text);

	if (v->reply_used + n > VT_REPLY)
		return;			/* nobody reads them: the program may ask again */
	memcpy(v->reply + v->reply_used, text, n);
	v->reply_used += n;
}

/* The i-th parameter; missing: the default. */
static u32 param(const struct vt *v, u32 i, u32 missing)
{
	return i < v->param_count && v->params[i] ? v->params[i] : missing;
}

/* A colour of 24 bits, as the nearest of ours. */
static u32 colour_near(u32 r, u32 g, u32 b)
{
	u32 top = MAX(r, MAX(g, b)), half = top / 2;

	if (top < 0x40)
		return 0;
	return (r > half) | (g > half) << 1 | (b > half) << 2 | (top > 0xc0 ? 8 : 0);
}

static u32 colour_of_256(u32 n)
{
	if (n < 16)
		return n;
	if (n >= 232)
		return colour_near(8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232));
	n -= 16;
	return colour_near(n / 36 * 51, n / 6 % 6 * 51, n % 6 * 51);
}

/* 38;5;N and 38;2;R;G;B, whose place is at i: where the next one is. */
static u32 colour_long(const struct vt *v, u32 i, u8 *colour)
{
	u32 kind = i + 1 < v->param_count ? v->params[i + 1] : 0;

	if (kind == 5 && i + 2 < v->param_count) {
		*colour = colour_of_256(v->params[i + 2] & 0xff);
		return i + 2;
	}
	if (kind == 2 && i + 4 < v->param_count) {
		*colour = colour_near(v->params[i + 2] & 0xff, v->params[i + 3] & 0xff, v->params[i + 4] & 0xff);
		return i + 4;
	}
	return v->param_count;
}

/* Select Graphic Rendition (ECMA-48, 8.3.117). */
static void pen_set(struct vt *v)
{
	struct vt_pen *pen = &v->pen;
	u32 i = 0;

	do {
		u32 n = param(v, i, 0);

		if (n == 0)
			*pen = (struct vt_pen){ .ink = INK_DEFAULT, .paper = PAPER_DEFAULT, .set = pen->set,
						.graphics = { pen->graphics[0], pen->graphics[1] } };
		else if (n == 1)
			pen->bold = true;
		else if (n == 4)
			pen->underline = true;
		else if (n == 7)
			pen->reverse = true;
		else if (n == 21 || n == 22)
			pen->bold = false;
		else if (n == 24)
			pen->underline = false;
		else if (n == 27)
			pen->reverse = false;
		else if (n >= 30 && n <= 37)
			pen->ink = n - 30;
		else if (n == 38)
			i = colour_long(v, i, &pen->ink);
		else if (n == 39)
			pen->ink = INK_DEFAULT;
		else if (n >= 40 && n <= 47)
			pen->paper = n - 40;
		else if (n == 48)
			i = colour_long(v, i, &pen->paper);
		else if (n == 49)
			pen->paper = PAPER_DEFAULT;
		else if (n >= 90 && n <= 97)
			pen->ink = n - 90 + 8;
		else if (n >= 100 && n <= 107)
			pen->paper = n - 100 + 8;
	} while (++i < v->param_count);
}

static void modes_set(struct vt *v, bool on)
{
	for (u32 i = 0; i < v->param_count; i++) {
		if (v->question && v->params[i] == 1)
			v->application = on;
		else if (v->question && v->params[i] == 6) {
			v->origin = on;
			go(v, 0, on ? v->top : 0);
		} else if (v->question && v->params[i] == 7)
			v->autowrap = on;
		else if (v->question && v->params[i] == 25)
			v->hidden = !on;
		else if (!v->question && v->params[i] == 4)
			v->insert = on;
		else if (!v->question && v->params[i] == 20)
			v->newline = on;
	}
}

/* Letters of the cursor's line go to the right by n, or come in from there. */
static void line_shift(struct vt *v, u32 n, bool right)
{
	u32 at = v->y * v->columns + v->x, room = v->columns - v->x;

	n = MIN(n, room);
	memmove(v->cells + at + (right ? n : 0), v->cells + at + (right ? 0 : n), (room - n) * sizeof(vt_cell));
	if (right)
		fill(v, at, at + n);
	else
		fill(v, at + room - n, at + room);
	v->wrap = false;
}

static void erase_display(struct vt *v, u32 what)
{
	u32 at = v->y * v->columns + v->x, all = v->columns * v->rows;

	fill(v, what ? 0 : at, what == 1 ? at + 1 : what > 3 ? 0 : all);
	v->wrap = false;
}

static void erase_line(struct vt *v, u32 what)
{
	u32 line = v->y * v->columns;

	fill(v, what ? line : line + v->x, what == 1 ? line + v->x + 1 : line + v->columns);
	v->wrap = false;
}

static void region_set(struct vt *v)
{
	u32 top = param(v, 0, 1), bottom = param(v, 1, v->rows);

	if (top >= bottom || bottom > v->rows)
		return;
	v->top = top - 1;
	v->bottom = bottom;
	go(v, 0, v->origin ? v->top : 0);
}

static void report(struct vt *v, u32 what)
{
	char text[32];

	if (what == 5) {
		answer(v, "\033[0n");
	} else if (what == 6) {
		snprintf(text, sizeof(text), "\033[%u;%uR", v->y - (v->origin ? v->top : 0) + 1, v->x + 1);
		answer(v, text);
	}
}

static void cursor_save(struct vt *v)
{
	v->saved.x = v->x;
	v->saved.y = v->y;
	v->saved.pen = v->pen;
}

static void cursor_restore(struct vt *v)
{
	v->pen = v->saved.pen;
	v->x = MIN(v->saved.x, v->columns - 1);
	v->y = MIN(v->saved.y, v->rows - 1);
	v->wrap = false;
}

static void csi_end(struct vt *v, char c)
{
	u32 n = param(v, 0, 1), w = v->columns;
	s64 base = v->origin ? v->top : 0;

	if (v->question && c != 'h' && c != 'l')
		return;
	switch (c) {
	case 'A':
		go(v, v->x, (s64)v->y - n);
		break;
	case 'B':
	case 'e':
		go(v, v->x, (s64)v->y + n);
		break;
	case 'C':
	case 'a':
		go(v, (s64)v->x + n, v->y);
		break;
	case 'D':
		go(v, (s64)v->x - n, v->y);
		break;
	case 'E':
		go(v, 0, (s64)v->y + n);
		break;
	case 'F':
		go(v, 0, (s64)v->y - n);
		break;
	case 'G':
	case '`':
		go(v, (s64)n - 1, v->y);
		break;
	case 'd':
		go(v, v->x, base + n - 1);
		break;
	case 'H':
	case 'f':
		go(v, (s64)param(v, 1, 1) - 1, base + n - 1);
		break;
	case 'J':
		erase_display(v, param(v, 0, 0));
		break;
	case 'K':
		erase_line(v, param(v, 0, 0));
		break;
	case 'L':
	case 'M':
		if (v->y >= v->top && v->y < v->bottom)
			scroll(v, v->y, v->bottom, n, c == 'M');
		break;
	case 'S':
	case 'T':
		scroll(v, v->top, v->bottom, n, c == 'S');
		break;
	case '@':
		line_shift(v, n, true);
		break;
	case 'P':
		line_shift(v, n, false);
		break;
	case 'X':
		fill(v, v->y * w + v->x, v->y * w + MIN(w, v->x + MIN(n, w)));
		break;
	case 'c':
		answer(v, "\033[?6c");
		break;
	case 'g':
		if (param(v, 0, 0) == 3)
			memset(v->tabs, 0, sizeof(v->tabs));
		else if (!param(v, 0, 0))
			bitmap_clear(v->tabs, MIN(v->x, VT_TABS - 1));
		break;
	case 'h':
	case 'l':
		modes_set(v, c == 'h');
		break;
	case 'm':
		pen_set(v);
		break;
	case 'n':
		report(v, param(v, 0, 0));
		break;
	case 'r':
		region_set(v);
		break;
	case 's':
		cursor_save(v);
		break;
	case 'u':
		cursor_restore(v);
		break;
	}
}

static void csi_begin(struct vt *v)
{
	v->state = CSI;
	v->question = false;
	v->param_count = 0;
	memset(v->params, 0, sizeof(v->params));
}

static void csi_byte(struct vt *v, u8 c)
{
	if (c == '?' && !v->param_count) {
		v->question = true;
	} else if (c >= '0' && c <= '9') {
		u32 *p;

		if (!v->param_count)
			v->param_count = 1;
		p = &v->params[v->param_count - 1];
		if (*p < 100000)
			*p = *p * 10 + c - '0';
	} else if (c == ';' || c == ':') {
		v->param_count = MAX(v->param_count, 1u) + 1;
		if (v->param_count > VT_PARAMS)
			v->state = CSI_IGNORE;
	} else if (c >= 0x40 && c <= 0x7e) {
		v->state = GROUND;
		csi_end(v, c);
	} else {
		v->state = CSI_IGNORE;
	}
}

static void escape_byte(struct vt *v, u8 c)
{
	v->state = GROUND;
	switch (c) {
	case '[':
		csi_begin(v);
		break;
	case ']':
	case 'P':
	case '_':
	case '^':
	case 'X':
		v->state = STRING;
		break;
	case '(':
	case ')':
	case '*':
	case '+':
	case '%':
		v->lead = c;
		v->state = CHARSET;
		break;
	case '#':
		v->state = HASH;
		break;
	case '7':
		cursor_save(v);
		break;
	case '8':
		cursor_restore(v);
		break;
	case 'D':
		line_feed(v);
		break;
	case 'E':
		v->x = 0;
		line_feed(v);
		break;
	case 'H':
		bitmap_set(v->tabs, MIN(v->x, VT_TABS - 1));
		break;
	case 'M':
		line_feed_back(v);
		break;
	case 'Z':
		answer(v, "\033[?6c");
		break;
	case 'c':
		vt_reset(v);
		break;
	}
}

/* Control characters act in the middle of a sequence, too. True: it was one. */
static bool control(struct vt *v, u8 c)
{
	switch (c) {
	case '\b':
		if (v->x)
			v->x--;
		v->wrap = false;
		return true;
	case '\t':
		tab(v);
		return true;
	case '\n':
	case '\v':
	case '\f':
		if (v->newline)
			v->x = 0;
		line_feed(v);
		return true;
	case '\r':
		v->x = 0;
		v->wrap = false;
		return true;
	case 0x0e:
	case 0x0f:
		v->pen.set = c == 0x0e;
		return true;
	case 0x18:
	case 0x1a:
		v->state = GROUND;
		return true;
	case 0x1b:
		v->state = v->state == STRING ? STRING_ESCAPE : ESCAPE;
		return true;
	case 0x7f:
		return true;
	}
	return c < 0x20;
}

/* A byte of a letter in UTF-8: what can be none shows as the stand-in. */
static void ground_byte(struct vt *v, u8 c)
{
	if (v->point_left && (c & 0xc0) == 0x80) {
		v->point = v->point << 6 | (c & 0x3f);
		if (!--v->point_left)
			letter(v, v->point);
		return;
	}
	if (v->point_left)
		letter(v, 0xfffd);
	v->point_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	v->point = c & (0x3f >> v->point_left);
	if (c < 0x80)
		letter(v, c);
	else if (!v->point_left)
		letter(v, 0xfffd);
}

static void put_byte(struct vt *v, u8 c)
{
	if (v->state == STRING || v->state == STRING_ESCAPE) {
		/* Ends with BEL, with ESC \ or with what cancels it. */
		if (c == '\a' || c == 0x18 || c == 0x1a || v->state == STRING_ESCAPE)
			v->state = GROUND;
		else if (c == 0x1b)
			v->state = STRING_ESCAPE;
		return;
	}
	if (control(v, c))
		return;
	switch (v->state) {
	case GROUND:
		ground_byte(v, c);
		break;
	case ESCAPE:
		escape_byte(v, c);
		break;
	case CSI:
		csi_byte(v, c);
		break;
	case CSI_IGNORE:
		if (c >= 0x40 && c <= 0x7e)
			v->state = GROUND;
		break;
	case CHARSET:
		if (v->lead == '(' || v->lead == ')')
			v->pen.graphics[v->lead == ')'] = c == '0';
		v->state = GROUND;
		break;
	default:
		v->state = GROUND;
	}
}

void vt_put(struct vt *v, const char *s, size_t n)
{
	while (n--)
		put_byte(v, *s++);
	v->changed = true;
}
