/*
 * The screen's terminal: what bytes make of the grid, and that none do harm.
 *
 * sources: tty/vt.c tty/vt_draw.c
 */
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "host.h"
#include "tty/vt.h"

#define W 20u
#define H 6u

/* A font of ASCII: each letter's place is what comes before it. */
u8 font_data[4 + 2 * 95 + 95 * 16];

static u32 pixels[H * 16 * W * 8];
static u32 flushed[4];

static void flush(struct screen *s, u32 x, u32 y, u32 w, u32 h)
{
	flushed[0] = x; flushed[1] = y; flushed[2] = w; flushed[3] = h;
}

static struct screen screen = { .width = W * 8, .height = H * 16, .stride = W * 32, .red = 0xff0000, .green = 0xff00,
				.blue = 0xff, .pixels = pixels, .flush = flush };

static void font_make(void)
{
	font_data[0] = 95;
	font_data[2] = 8;
	font_data[3] = 16;
	for (u32 i = 0; i < 95; i++)
		font_data[4 + 2 * i] = ' ' + i;
	for (u32 i = 16; i < 95 * 16; i++)
		font_data[4 + 2 * 95 + i] = i;
}

static struct vt *vt_make(void)
{
	struct vt *v = calloc(1, sizeof(*v));

	font_make();
	spin_init(&v->lock, "vt");
	v->columns = W;
	v->rows = H;
	v->cells = calloc(W * H, sizeof(vt_cell));
	v->shown = malloc(W * H * sizeof(vt_cell));
	memset(v->shown, 0xff, W * H * sizeof(vt_cell));
	v->screen = &screen;
	vt_reset(v);
	return v;
}

static void vt_drop(struct vt *v)
{
	free(v->cells);
	free(v->shown);
	free(v);
}

static void put(struct vt *v, const char *s) { vt_put(v, s, strlen(s)); }

/* A row without the blanks at its end. */
static const char *row(struct vt *v, u32 y)
{
	static char text[W + 1];
	u32 n = W;

	for (u32 x = 0; x < W; x++)
		text[x] = ' ' + CELL_GLYPH(v->cells[y * W + x]);
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	return text;
}

TEST(lines_wrap_and_scroll)
{
	struct vt *v = vt_make();

	put(v, "abcdefghijklmnopqrst");
	EXPECT_EQ(v->x, W - 1);
	put(v, "u\r\n2\r\n3\r\n4\r\n5");
	EXPECT_STR(row(v, 0), "abcdefghijklmnopqrst");
	EXPECT_STR(row(v, 1), "u");
	put(v, "\r\n6");
	EXPECT_STR(row(v, 0), "u");
	EXPECT_STR(row(v, 5), "6");
	vt_drop(v);
}

TEST(it_says_where_the_cursor_is)
{
	struct vt *v = vt_make();

	put(v, "\033[3;7H\033[6n\033[c\033[5n");
	EXPECT_EQ(v->reply_used, 15u);
	EXPECT(!memcmp(v->reply, "\033[3;7R\033[?6c\033[0n", 15));
	for (u32 i = 0; i < 100; i++)
		put(v, "\033[6n");		/* nobody reads: it stops */
	EXPECT(v->reply_used <= VT_REPLY);
	vt_drop(v);
}

TEST(colours)
{
	struct vt *v = vt_make();

	put(v, "\033[31ma\033[1;44mb\033[7mc\033[0;38;5;196md\033[48;2;0;0;255me\033[m\033[4mf");
	EXPECT_EQ(CELL_INK(v->cells[0]), 1u);
	EXPECT_EQ(CELL_INK(v->cells[1]), 9u);
	EXPECT_EQ(CELL_PAPER(v->cells[1]), 4u);
	EXPECT_EQ(CELL_INK(v->cells[2]), 4u);
	EXPECT_EQ(CELL_PAPER(v->cells[2]), 9u);
	EXPECT_EQ(CELL_INK(v->cells[3]), 9u);
	EXPECT_EQ(CELL_PAPER(v->cells[4]), 12u);
	EXPECT(v->cells[5] & CELL_UNDERLINE);
	vt_drop(v);
}

TEST(only_what_changed_is_drawn)
{
	struct vt *v = vt_make();

	vt_show(v, false);
	EXPECT_EQ(flushed[2], W * 8);
	EXPECT_EQ(flushed[3], H * 16);
	put(v, "\033[2;3HX");
	vt_show(v, false);		/* the cursor's old place, the letter, its new place */
	put(v, "\033[5;4HY\033[5;4H");
	memset(flushed, 0, sizeof(flushed));
	vt_show(v, false);
	EXPECT_EQ(flushed[0], 3 * 8u);
	EXPECT_EQ(flushed[1], 1 * 16u);
	EXPECT_EQ(flushed[3], 4 * 16u);
	memset(flushed, 0, sizeof(flushed));
	vt_show(v, false);
	EXPECT_EQ(flushed[2], 0u);
	vt_drop(v);
}

/* Bytes at random, rich in what means something: the cursor stays on the grid, memory is the sanitizer's to watch. */
TEST(no_bytes_do_harm)
{
	static const char rich[] = "\033[]?;0123456789ABCDEFGHJKLMPSTX@Zcdefghlmnrsu()#%78\r\n\b\t\a\016\017\030~\302\342\360\200";
	struct vt *v = vt_make();

	for (u32 i = 0; i < 2000000; i++) {
		u32 n = unit_random();
		char c = n & 0x300 ? rich[(n >> 10) % (sizeof(rich) - 1)] : (char)n;

		vt_put(v, &c, 1);
		EXPECT(v->x < W && v->y < H && v->top < v->bottom && v->bottom <= H && v->param_count <= VT_PARAMS + 1);
		if (i % 1000 == 0)
			vt_show(v, false);
	}
	vt_drop(v);
}
