/*
 * The pointer on a terminal: programs that ask for it are told, else, and with Shift, it selects, pastes and scrolls.
 */
#ifndef BTERM_MOUSE_H
#define BTERM_MOUSE_H

#include "term.h"

void mouse_move(struct term *t, const struct window_event *e);
void mouse_button(struct term *t, const struct window_event *e);
void mouse_wheel(struct term *t, const struct window_event *e);

#endif
