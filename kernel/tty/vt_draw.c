/*
 * Drawing the console's grid (vt.c) on a screen: the letters of the font in sixteen colours, and the cursor. Only cells
 * that are not shown as they should be are drawn, so that scrolling reads nothing from the screen, which may be slow to
 * read, and an idle console costs nothing.
 */
#include "base/endian.h"
#include "base/string.h"
#include "tty/vt.h"

/* tools/mkfont says what is in it. */
extern const u8 font_data[];
#define FONT_COUNT	get_unaligned_le16(font_data)
#define FONT_WIDTH	font_data[2]
#define FONT_HEIGHT	font_data[3]
#define FONT_ROW	((FONT_WIDTH + 7u) / 8)

#define STAND_IN	0xfffd
#define LINES_LARGE	1100u	/* of a screen on which letters of one pixel a dot are too small */
#define CELLS_AT_ONCE	64u

/* 24-bit red, green, blue: the colours of a VGA's text. */
static const u32 palette[16] = {
	0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
	0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
};

static s32 glyph_find(u32 point)
{
	u32 low = 0, high = FONT_COUNT;

	while (low < high) {
		u32 mid = (low + high) / 2, at = get_unaligned_le16(font_data + 4 + 2 * mid);

		if (at == point)
			return mid;
		if (at < point)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

u32 vt_glyph(u32 point)
{
	s32 g = glyph_find(point);

	if (g < 0)
		g = glyph_find(STAND_IN);
	return g < 0 ? glyph_find('?') : g;
}

static u32 scale_of(const struct screen *s)
{
	return s->height / LINES_LARGE + 1;
}

void vt_measure(const struct screen *s, u32 *columns, u32 *rows)
{
	u32 scale = scale_of(s);

	*columns = s->width / (FONT_WIDTH * scale);
	*rows = s->height / (FONT_HEIGHT * scale);
}

/* The part of a colour that belongs under a mask. */
static u32 channel(u32 value, u32 mask)
{
	u32 shift = screen_shift(mask), bits = screen_bits(mask);

	return (bits >= 8 ? value << (bits - 8) : value >> (8 - bits)) << shift & mask;
}

static u32 pixel_of(const struct screen *s, u32 colour)
{
	return channel(colour >> 16, s->red) | channel(colour >> 8 & 0xff, s->green) | channel(colour & 0xff, s->blue);
}

static void cell_draw(const struct screen *s, u32 column, u32 row, vt_cell c)
{
	u32 scale = scale_of(s), ink = pixel_of(s, palette[CELL_INK(c)]), paper = pixel_of(s, palette[CELL_PAPER(c)]);
	const u8 *picture = font_data + 4 + 2 * FONT_COUNT + CELL_GLYPH(c) * FONT_ROW * FONT_HEIGHT;

	for (u32 y = 0; y < FONT_HEIGHT * scale; y++) {
		u32 line = y / scale;
		u32 *to = (u32 *)((u8 *)s->pixels + (u64)(row * FONT_HEIGHT * scale + y) * s->stride) +
			column * FONT_WIDTH * scale;
		bool solid = ((c & CELL_UNDERLINE) && line + 2 == FONT_HEIGHT) || ((c & CELL_CURSOR) && line + 3 > FONT_HEIGHT);

		for (u32 x = 0; x < FONT_WIDTH * scale; x++) {
			u32 dot = x / scale;
			bool on = solid || (picture[line * FONT_ROW + dot / 8] & 0x80 >> dot % 8);

			WRITE_ONCE(to[x], on ? ink : paper);
		}
	}
}

struct damage { u32 left, top, right, bottom; };

static void damage_add(struct damage *d, u32 column, u32 row)
{
	d->left = MIN(d->left, column);
	d->top = MIN(d->top, row);
	d->right = MAX(d->right, column + 1);
	d->bottom = MAX(d->bottom, row + 1);
}

/* Some cells of a row as they should be. */
static void cells_take(struct vt *v, u32 column, u32 row, u32 n, vt_cell *to, bool panicking)
{
	u64 flags = panicking ? 0 : spin_lock_irqsave(&v->lock);

	memcpy(to, v->cells + row * v->columns + column, n * sizeof(*to));
	if (!v->hidden && v->y == row && v->x >= column && v->x < column + n)
		to[v->x - column] |= CELL_CURSOR;
	if (!panicking)
		spin_unlock_irqrestore(&v->lock, flags);
}

void vt_show(struct vt *v, bool panicking)
{
	struct damage d = { ~0u, ~0u, 0, 0 };
	struct screen *s = v->screen;
	vt_cell now[CELLS_AT_ONCE];
	u32 w, h;

	for (u32 row = 0; row < v->rows; row++) {
		for (u32 column = 0; column < v->columns; column += CELLS_AT_ONCE) {
			u32 n = MIN(CELLS_AT_ONCE, v->columns - column);
			vt_cell *shown = v->shown + row * v->columns + column;

			cells_take(v, column, row, n, now, panicking);
			for (u32 i = 0; i < n; i++) {
				if (now[i] == shown[i])
					continue;
				cell_draw(s, column + i, row, now[i]);
				shown[i] = now[i];
				damage_add(&d, column + i, row);
			}
		}
	}
	if (d.left >= d.right || !s->flush || panicking)
		return;
	w = FONT_WIDTH * scale_of(s);
	h = FONT_HEIGHT * scale_of(s);
	s->flush(s, d.left * w, d.top * h, (d.right - d.left) * w, (d.bottom - d.top) * h);
}
