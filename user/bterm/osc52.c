/*
 * OSC 52: ESC ] 5 2 ; TARGETS ; BASE64, ended by BEL or ESC \. libvterm keeps only the beginning of a sequence that
 * comes in two pieces, so the bytes are looked at here before it has them; it makes nothing of them.
 *
 * TARGETS: c is the clipboard, p and s are the primary selection, as is nothing at all. What is asked for by "?" is
 * not told: a program has no business to read what was copied elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "osc52.h"

enum { TEXT_MOST = 8 << 20, ESCAPE = 033, BELL = 7 };   /* bytes, as of what is pasted */

static const char beginning[] = "\033]52;";

static void begin(struct osc52 *o)
{
	free(o->text);
	*o = (struct osc52) { .matched = sizeof beginning - 1 };
}

static void target(struct osc52 *o, char c)
{
	if (c == 'c')
		o->to[WINDOW_CLIPBOARD] = true;
	else if (c == 'p' || c == 's')
		o->to[WINDOW_PRIMARY] = true;
	else if (c == ';')
		o->part = OSC52_TEXT;
}

/* 0 to 63; -1: it is no digit of base64 (RFC 4648, section 4). */
static int digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool have_room(struct osc52 *o)
{
	size_t room = o->room ? 2 * o->room : 256;
	char *text;

	if (o->count < o->room)
		return true;
	text = room <= TEXT_MOST ? realloc(o->text, room) : NULL;
	if (!text)
		return false;
	o->text = text;
	o->room = room;
	return true;
}

static void text(struct osc52 *o, char c)
{
	int value = digit(c);

	if (c == '=') {
		o->padded = true;
		return;
	}
	if (value < 0 || o->padded || !have_room(o)) {
		o->wrong = true;
		return;
	}
	o->bits = o->bits << 6 | (uint32_t)value;
	o->bit_count += 6;
	if (o->bit_count >= 8) {
		o->bit_count -= 8;
		o->text[o->count++] = (char)(o->bits >> o->bit_count);
	}
}

/* The next byte of one that has begun; true when it is complete. */
static bool next(struct osc52 *o, char c)
{
	if (c == BELL || (o->part == OSC52_END && c == '\\')) {
		o->matched = 0;
		return !o->wrong && o->count > 0;
	}
	if (o->part == OSC52_END || c == 0x18 || c == 0x1a)     /* CAN and SUB end any sequence */
		o->matched = c == ESCAPE;
	else if (c == ESCAPE)
		o->part = OSC52_END;
	else if (o->part == OSC52_TARGETS)
		target(o, c);
	else
		text(o, c);
	return false;
}

void osc52_read(struct osc52 *o, const char *bytes, size_t count,
		void (*copy)(void *user, enum window_selection which, const char *text, size_t count), void *user)
{
	const char *end = bytes + count;

	for (const char *at = bytes; at < end; at++) {
		if (o->matched == (int)sizeof beginning - 1) {
			if (!next(o, *at))
				continue;
			o->to[WINDOW_PRIMARY] |= !o->to[WINDOW_CLIPBOARD];
			for (int which = 0; which < WINDOW_SELECTIONS; which++)
				if (o->to[which])
					copy(user, (enum window_selection)which, o->text, o->count);
		} else if (*at == beginning[o->matched]) {
			if (++o->matched == (int)sizeof beginning - 1)
				begin(o);
		} else {
			o->matched = *at == ESCAPE;
			if (!o->matched && !(at = memchr(at, ESCAPE, (size_t)(end - at))))
				return;
			o->matched = 1;
		}
	}
}

void osc52_free(struct osc52 *o)
{
	free(o->text);
	*o = (struct osc52) { 0 };
}
