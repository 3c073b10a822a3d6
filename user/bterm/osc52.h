/*
 * Text that a program gives to the clipboard by writing it to its terminal: OSC 52 (XTerm Control Sequences,
 * "Ps = 5 2").
 */
#ifndef BTERM_OSC52_H
#define BTERM_OSC52_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libwin/window.h"

/* What has come of one; all zeros before the first byte. */
struct osc52 {
	int      matched;               /* bytes of its beginning */
	enum { OSC52_TARGETS, OSC52_TEXT, OSC52_END } part;    /* of one that has begun */
	bool     to[WINDOW_SELECTIONS];
	bool     wrong;                 /* it is no base64, too long, or there is no memory for it: nothing is copied */
	bool     padded;
	char    *text;
	size_t   count, room;
	uint32_t bits;                  /* of base64 that make no byte yet */
	int      bit_count;
};

/* More of the program's output; copy() is given each text that is complete, which is valid during that call. */
void osc52_read(struct osc52 *o, const char *bytes, size_t count,
		void (*copy)(void *user, enum window_selection which, const char *text, size_t count), void *user);
void osc52_free(struct osc52 *o);

#endif
