/*
 * The console on a screen, in two halves: vt.c keeps a grid of letters as the bytes say, vt_draw.c shows it.
 *
 * Lock keys: [v] vt.lock (irq kind); [D] the drawer, one piece of work; [S] set before it is shared; [m] screens'
 * mutex.
 */
#pragma once
#include "core/spinlock.h"
#include "sched/softirq.h"
#include "tty/console.h"
#include "tty/screen.h"

#define VT_PARAMS	16u
#define VT_REPLY	64u
#define VT_TABS		512u

/* A letter on the grid: its place in the font, its colours. */
typedef u32 vt_cell;
#define CELL_GLYPH(c)	((c) & 0xfff)
#define CELL_INK(c)	((c) >> 12 & 0xf)
#define CELL_PAPER(c)	((c) >> 16 & 0xf)
#define CELL_UNDERLINE	(1u << 20)
#define CELL_CURSOR	(1u << 21)		/* vt_draw.c's */
#define CELL_MAKE(glyph, ink, paper) ((glyph) | (u32)(ink) << 12 | (u32)(paper) << 16)

struct vt_pen { u8 ink, paper; bool bold, underline, reverse, graphics[2]; u8 set; };

struct vt {
	struct spinlock lock;
	struct console console;		/* tty1 [S] */
	u32 columns, rows;		/* of the grid [S] */
	vt_cell *cells;			/* the grid, row by row [v] */
	u32 x, y;			/* the cursor [v] */
	u32 top, bottom;		/* the region that scrolls: [top, bottom) [v] */
	bool wrap;			/* the next letter begins a line first [v] */
	bool autowrap, hidden, insert, origin, newline, application;	/* modes [v] */
	struct vt_pen pen;		/* [v] */
	struct { u32 x, y; struct vt_pen pen; } saved;	/* [v] */
	u64 tabs[VT_TABS / 64];		/* [v] */
	/* The escape sequence that is being read [v] */
	u8 state, lead;
	bool question;
	u32 params[VT_PARAMS], param_count;
	u32 point, point_left;		/* of UTF-8 */
	char reply[VT_REPLY];		/* what the terminal answers, until the drawer passes it on [v] */
	u32 reply_used;
	bool changed;			/* since the drawer looked last [v] */

	struct screen *screen;		/* NULL: none now [m] */
	bool yielded;			/* [m] */
	vt_cell *shown;			/* what is drawn [D] */
	struct work draw;
};

/* ---- vt.c ---- */
/* Bytes for the screen. [v] */
void vt_put(struct vt *v, const char *s, size_t n);
void vt_reset(struct vt *v);
/* ---- vt_draw.c ---- */
u32 vt_glyph(u32 point);		/* its place in the font; of one that it lacks that of a stand-in */
/* Draw what is not shown yet; panicking: whatever somebody else does. */
void vt_show(struct vt *v, bool panicking);
/* As many letters as fit the screen, on a size of them that can be read. */
void vt_measure(const struct screen *s, u32 *columns, u32 *rows);

/* The console on the screen, NULL before there is one; for the keyboard. */
/* Keys that somebody typed, as the bytes that a terminal sends. Any context. */
void vt_type(const char *s, size_t n);
/* Does the program want application cursor keys? */
bool vt_application_keys(void);
