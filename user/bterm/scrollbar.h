/*
 * The scroll bar at the window's right edge: its thumb shows which part of all lines is seen, and is dragged; a press
 * beside it brings it there. There is none while no line has left the screen, nor on the alternate screen.
 */
#ifndef BTERM_SCROLLBAR_H
#define BTERM_SCROLLBAR_H

#include "term.h"

/* Where the thumb is now; of no width: there is none. */
struct window_area scrollbar_thumb(const struct term *t);

/* Damage what has changed of it since the last call. */
void scrollbar_update(struct term *t);

/* What the pointer does, the left button going down or up; true: it was done to the bar, and is nobody else's. */
bool scrollbar_button(struct term *t, const struct window_event *e);
bool scrollbar_move(struct term *t, const struct window_event *e);

#endif
