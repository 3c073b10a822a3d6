/* Pointer, buttons and wheel. */
#include <math.h>

#include <linux/input-event-codes.h>

#include "keys.h"
#include "mouse.h"
#include "scrollbar.h"
#include "termdata.h"

enum {
	CLICK_MS = 400,         /* between presses that count as one double click */
	WHEEL_LINES = 3,        /* a notch */
	WHEEL_MOST = 20,        /* notches of one event that are told to a program */
};

static int clamped(double value, int most)
{
	return value < 0 ? 0 : value > most ? most : (int)value;
}

static VTermPos cell_at(const struct term *t, const struct window_event *e)
{
	return (VTermPos) {
		.row = clamped((e->y - DRAW_MARGIN) / draw_cell_height(t->draw), screen_rows(t->screen) - 1),
		.col = clamped((e->x - DRAW_MARGIN) / draw_cell_width(t->draw), screen_cols(t->screen) - 1),
	};
}

/* The place in the text: for letters the nearest boundary between two cells, else the cell. */
static struct place place_at(const struct term *t, const struct window_event *e, enum select_by by)
{
	double half = by == SELECT_LETTERS ? 0.5 : 0;

	return (struct place) {
		.line = t->view + cell_at(t, e).row,
		.col = clamped((e->x - DRAW_MARGIN) / draw_cell_width(t->draw) + half, screen_cols(t->screen)),
	};
}

/* Whether the program is to hear of the pointer now. */
static bool reports(const struct term *t, const struct window_event *e)
{
	return screen_mouse(t->screen) != VTERM_PROP_MOUSE_NONE && t->following && !(e->modifiers & WINDOW_SHIFT);
}

static void report_place(struct term *t, const struct window_event *e)
{
	VTermPos at = cell_at(t, e);

	vterm_mouse_move(screen_vterm(t->screen), at.row, at.col, keys_modifiers(e->modifiers));
}

/* Select on to where the pointer is; above and below the window text comes in, a line each time the pointer moves. */
static void extend(struct term *t, const struct window_event *e)
{
	if (e->y < 0)
		term_look(t, t->view - 1);
	else if (e->y >= t->height)
		term_look(t, t->view + 1);
	term_damage_selection(t);
	select_extend(&t->selection, t->screen, place_at(t, e, t->selection.by));
	term_damage_selection(t);
}

void mouse_move(struct term *t, const struct window_event *e)
{
	if (t->selecting)
		extend(t, e);
	else if (!scrollbar_move(t, e) && (t->reported || reports(t, e)))
		report_place(t, e);
}

static void begin(struct term *t, const struct window_event *e)
{
	struct place cell = place_at(t, e, SELECT_WORDS);
	bool again = t->presses && e->time - t->press_time <= CLICK_MS && cell.line == t->press_place.line &&
		cell.col == t->press_place.col;
	enum select_by by;

	t->presses = again ? t->presses % 3 + 1 : 1;
	t->press_time = e->time;
	t->press_place = cell;
	by = t->presses == 1 ? SELECT_LETTERS : t->presses == 2 ? SELECT_WORDS : SELECT_LINES;
	term_damage_selection(t);
	select_begin(&t->selection, t->screen, place_at(t, e, by), by);
	term_damage_selection(t);
	t->selecting = true;
}

static void end(struct term *t)
{
	t->selecting = false;
	if (select_some(&t->selection))
		term_copy_primary(t);
}

/* A button as xterm numbers them, 0 for one that it does not know. */
static int number_of(uint32_t button)
{
	return button == BTN_LEFT ? 1 : button == BTN_MIDDLE ? 2 : button == BTN_RIGHT ? 3 : 0;
}

void mouse_button(struct term *t, const struct window_event *e)
{
	int button = number_of(e->button);
	uint32_t bit = 1u << button;

	if (!button || scrollbar_button(t, e))
		return;
	/* Who was told of a press is told of the release. */
	if (e->on ? !t->selecting && reports(t, e) : (t->reported & bit) != 0) {
		t->reported = e->on ? t->reported | bit : t->reported & ~bit;
		report_place(t, e);
		vterm_mouse_button(screen_vterm(t->screen), button, e->on, keys_modifiers(e->modifiers));
	} else if (e->button == BTN_LEFT) {
		if (e->on)
			begin(t, e);
		else if (t->selecting)
			end(t);
	} else if (e->button == BTN_MIDDLE && e->on) {
		t->host->paste(t->user, WINDOW_PRIMARY);
	}
}

/* Whole notches of the wheel, downwards positive; the rest is kept for later. */
static int take_notches(struct term *t, double turned)
{
	int notches;

	t->wheel += turned;
	notches = (int)fmax(-WHEEL_MOST, fmin(t->wheel, WHEEL_MOST));
	t->wheel -= trunc(t->wheel);
	return notches;
}

void mouse_wheel(struct term *t, const struct window_event *e)
{
	int notches = take_notches(t, e->wheel_y), count = notches < 0 ? -notches : notches;
	VTerm *vterm = screen_vterm(t->screen);

	if (reports(t, e)) {
		report_place(t, e);
		for (int i = 0; i < count; i++)
			vterm_mouse_button(vterm, notches < 0 ? 4 : 5, true, keys_modifiers(e->modifiers));
	} else if (screen_alternate(t->screen)) {
		/* A pager without a mouse: its text moves as by cursor keys. */
		for (int i = 0; i < count * WHEEL_LINES; i++)
			vterm_keyboard_key(vterm, notches < 0 ? VTERM_KEY_UP : VTERM_KEY_DOWN, VTERM_MOD_NONE);
	} else {
		term_look(t, t->view + notches * WHEEL_LINES);
	}
}
