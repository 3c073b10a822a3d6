/* One code point in UTF-8 (RFC 3629). */
#ifndef BTERM_UTF8_H
#define BTERM_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MOST = 4 };

/* Write a code point, U+FFFD for what is none; its bytes, UTF8_MOST at most. */
static inline size_t utf8_put(char *to, uint32_t code)
{
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		code = 0xfffd;
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* The code point at *text, which goes on behind it, 0 at the end; of text that is UTF-8. */
static inline uint32_t utf8_take(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	int more = *at < 0xc0 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	uint32_t code = more ? *at & (0x3fu >> more) : *at;

	*text += *at != 0;
	for (int i = 1; i <= more && (at[i] & 0xc0) == 0x80; i++) {
		code = code << 6 | (at[i] & 0x3f);
		*text += 1;
	}
	return code;
}

/* How many bytes at the end are the beginning of a letter whose rest may follow; 0: none. */
static inline size_t utf8_unfinished(const char *bytes, size_t count)
{
	for (size_t n = 1; n <= count && n < UTF8_MOST; n++) {
		unsigned char c = (unsigned char)bytes[count - n];
		size_t whole = c < 0xc0 || c >= 0xf8 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

		if ((c & 0xc0) != 0x80)
			return whole > n ? n : 0;
	}
	return 0;
}

#endif
