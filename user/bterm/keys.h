/* Keys and the mouse as xterm sends them, by libvterm; and what is pasted. */
#ifndef BTERM_KEYS_H
#define BTERM_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vterm.h>

#include "libwin/window.h"

/* A key that was pressed (WINDOW_KEY). Whether it means something to a program. */
bool keys_press(VTerm *vterm, const struct window_event *e);

/* What a key means to the terminal itself. */
enum keys_own {
	KEYS_NOT_OWN,
	KEYS_COPY, KEYS_PASTE, KEYS_SELECT_ALL,                         /* Ctrl+Shift+C, V, A */
	KEYS_PASTE_PRIMARY,                                             /* Shift+Insert */
	KEYS_PAGE_UP, KEYS_PAGE_DOWN, KEYS_OLDEST, KEYS_NEWEST,         /* Shift+Page_Up, Page_Down, Home, End */
};

/* The meaning of a symbol with these of WINDOW_SHIFT, _CTRL and _ALT. */
enum keys_own keys_own(uint32_t symbol, uint32_t modifiers);

/* The modifiers (WINDOW_SHIFT...) as libvterm has them. */
VTermModifier keys_modifiers(uint32_t modifiers);

/*
 * Make text what may be pasted, in place: line ends become what Return sends, and no control character is left that
 * could end the brackets around it or do more than type; its new length.
 */
size_t keys_clean_paste(char *text, size_t count);

#endif
