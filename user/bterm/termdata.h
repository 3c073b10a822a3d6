/* What the parts of the terminal share: term.c, mouse.c and scrollbar.c. */
#ifndef BTERM_TERMDATA_H
#define BTERM_TERMDATA_H

#include "osc52.h"
#include "pty.h"
#include "term.h"

struct term {
	const struct draw *draw;
	struct pty        *pty;
	struct screen     *screen;
	const struct term_host *host;
	void              *user;
	int                width, height;       /* the window's */
	char              *title;               /* to be told; NULL: it is */
	struct osc52       osc52;               /* what the program copies */
	bool               focused, blink;

	int64_t            view;                /* the line in the first row */
	bool               following;           /* it is the screen's first row, whatever comes */
	int64_t            flash_end, blink_at; /* milliseconds; flash_end 0: no bell rings */
	bool               cursor_off;

	struct selection   selection;
	bool               selecting;           /* with the button held */
	bool               scrolling;           /* by the scroll bar's thumb, with the button held */
	double             grip;                /* where on it, from its upper end */
	struct window_area thumb;               /* as it was damaged last */
	uint32_t           reported;            /* buttons whose press the program was told, a bit each */
	uint32_t           press_time;          /* of the left button */
	struct place       press_place;
	int                presses;             /* in a row, at one place: by letters, words, lines */
	double             wheel;               /* what is left of a notch */
};

/* Look at the lines from this one on, or as near to it as there are lines. */
void term_look(struct term *t, int64_t line);
void term_damage_selection(struct term *t);
void term_copy_primary(struct term *t);

#endif
