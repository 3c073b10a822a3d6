/*
 * Box drawing and block elements. A box is up to four arms from the cell's middle to its edges, each a light, a heavy
 * or a double line; which ones is a table made of the characters' names (Unicode 14, NamesList: 2500-257F).
 */
#include "boxes.h"

enum { NONE, LIGHT, HEAVY, DOUBLE };
enum { LEFT, RIGHT, UP, DOWN };

enum { BOXES = 0x2500, BLOCKS = 0x2580, BLOCKS_END = 0x25a0 };

/* Two bits an arm, in the order above; 0: dashes and diagonals are the font's. */
static const uint8_t arms_of[BLOCKS - BOXES] = {
	0x05, 0x0a, 0x50, 0xa0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x44, 0x48, 0x84, 0x88,
	0x41, 0x42, 0x81, 0x82, 0x14, 0x18, 0x24, 0x28, 0x11, 0x12, 0x21, 0x22, 0x54, 0x58, 0x64, 0x94,
	0xa4, 0x68, 0x98, 0xa8, 0x51, 0x52, 0x61, 0x91, 0xa1, 0x62, 0x92, 0xa2, 0x45, 0x46, 0x49, 0x4a,
	0x85, 0x86, 0x89, 0x8a, 0x15, 0x16, 0x19, 0x1a, 0x25, 0x26, 0x29, 0x2a, 0x55, 0x56, 0x59, 0x5a,
	0x65, 0x95, 0xa5, 0x66, 0x69, 0x96, 0x99, 0x6a, 0x9a, 0xa6, 0xa9, 0xaa, 0x00, 0x00, 0x00, 0x00,
	0x0f, 0xf0, 0x4c, 0xc4, 0xcc, 0x43, 0xc1, 0xc3, 0x1c, 0x34, 0x3c, 0x13, 0x31, 0x33, 0x5c, 0xf4,
	0xfc, 0x53, 0xf1, 0xf3, 0x4f, 0xc5, 0xcf, 0x1f, 0x35, 0x3f, 0x5f, 0xf5, 0xff, 0x44, 0x41, 0x11,
	0x14, 0x00, 0x00, 0x00, 0x01, 0x10, 0x04, 0x40, 0x02, 0x20, 0x08, 0x80, 0x09, 0x90, 0x06, 0x60,
};

/* Where to draw: the cell, and how thick a light line is. */
struct box {
	struct win *win;
	int         x, y, width, height, thick;
	uint32_t    colour;
};

bool boxes_has(uint32_t code)
{
	return code >= BOXES && code < BLOCKS_END && (code >= BLOCKS || arms_of[code - BOXES]);
}

/* From (left, top) to (right, bottom), in pixels of the cell. */
static void fill(const struct box *b, int left, int top, int right, int bottom, uint32_t colour)
{
	win_rect(b->win, (float)(b->x + left), (float)(b->y + top), (float)(right - left), (float)(bottom - top), colour);
}

/* ---- boxes ------------------------------------------------------------------------- */

/* A line from the middle, or from before it, to an edge: of this thickness, moved aside, from so far along the arm. */
static void stroke(const struct box *b, int arm, int thick, int aside, int from)
{
	bool across = arm == LEFT || arm == RIGHT;
	int middle = ((across ? b->height : b->width) - b->thick) / 2 + aside - (thick - b->thick) / 2;
	int start = ((across ? b->width : b->height) - b->thick) / 2 + from;

	switch (arm) {
	case LEFT: fill(b, 0, middle, start + b->thick, middle + thick, b->colour); break;
	case RIGHT: fill(b, start, middle, b->width, middle + thick, b->colour); break;
	case UP: fill(b, middle, 0, middle + thick, start + b->thick, b->colour); break;
	default: fill(b, middle, start, middle + thick, b->height, b->colour); break;
	}
}

/*
 * One of the two lines of a double arm, on a side (-1, 1). Where a double line crosses on that side it ends there, and
 * so leaves the inside of a corner open; where one crosses on the other side alone it goes round the corner to that.
 */
static void stroke_half(const struct box *b, const int kinds[4], int arm, int side)
{
	bool across = arm == LEFT || arm == RIGHT;
	int outward = arm == RIGHT || arm == DOWN ? 1 : -1, step = b->thick;
	int near = kinds[across ? (side > 0 ? DOWN : UP) : (side > 0 ? RIGHT : LEFT)];
	int far = kinds[across ? (side > 0 ? UP : DOWN) : (side > 0 ? LEFT : RIGHT)];
	int from = near == DOUBLE ? outward * step : far == DOUBLE ? -outward * step : 0;

	stroke(b, arm, b->thick, side * step, from);
}

static void draw_box(const struct box *b, uint8_t arms)
{
	int kinds[4];

	for (int arm = 0; arm < 4; arm++)
		kinds[arm] = arms >> 2 * arm & 3;
	for (int arm = 0; arm < 4; arm++) {
		int outward = arm == RIGHT || arm == DOWN ? 1 : -1;
		bool across = arm == LEFT || arm == RIGHT;
		int one = kinds[across ? UP : LEFT], other = kinds[across ? DOWN : RIGHT];
		if (kinds[arm] == LIGHT && one == DOUBLE && other == DOUBLE)
			stroke(b, arm, b->thick, 0, outward * b->thick);
		else if (kinds[arm] == LIGHT)
			stroke(b, arm, b->thick, 0, one == DOUBLE || other == DOUBLE ? -outward * b->thick : 0);
		else if (kinds[arm] == HEAVY)
			stroke(b, arm, 3 * b->thick, 0, one == HEAVY || other == HEAVY ? -outward * b->thick : 0);
		else if (kinds[arm] == DOUBLE)
			for (int side = -1; side <= 1; side += 2)
				stroke_half(b, kinds, arm, side);
	}
}

/* ---- blocks ------------------------------------------------------------------------ */

/* Quarters of U+2596 to U+259F: upper left 1, upper right 2, lower left 4, lower right 8. */
static const uint8_t quarters[] = { 4, 8, 1, 1 | 4 | 8, 1 | 8, 1 | 2 | 4, 1 | 2 | 8, 2, 2 | 4, 2 | 4 | 8 };

static void draw_block(const struct box *b, uint32_t code)
{
	int w = b->width, h = b->height, n = (int)code - BLOCKS;

	if (code == 0x2580) {
		fill(b, 0, 0, w, h / 2, b->colour);
	} else if (code <= 0x2588) {            /* eighths from below */
		fill(b, 0, h - h * n / 8, w, h, b->colour);
	} else if (code <= 0x258f) {            /* seven eighths to one, from the left */
		fill(b, 0, 0, w * (0x2590 - (int)code) / 8, h, b->colour);
	} else if (code == 0x2590) {
		fill(b, w / 2, 0, w, h, b->colour);
	} else if (code <= 0x2593) {            /* a quarter, half, three quarters of the colour */
		fill(b, 0, 0, w, h, (b->colour & 0xffffff) | (code - 0x2590) << 30);
	} else if (code == 0x2594) {
		fill(b, 0, 0, w, h / 8, b->colour);
	} else if (code == 0x2595) {
		fill(b, w - w / 8, 0, w, h, b->colour);
	} else {
		for (int i = 0; i < 4; i++)
			if (quarters[code - 0x2596] >> i & 1)
				fill(b, i & 1 ? w / 2 : 0, i & 2 ? h / 2 : 0, i & 1 ? w : w / 2, i & 2 ? h : h / 2, b->colour);
	}
}

void boxes_draw(struct win *win, uint32_t code, int x, int y, int width, int height, uint32_t colour)
{
	struct box b = { win, x, y, width, height, width / 12 + 1, colour };

	if (code < BLOCKS)
		draw_box(&b, arms_of[code - BOXES]);
	else
		draw_block(&b, code);
}
