/*
 * Strings and number parsing. Everybody calls this; it calls nothing.
 * Copying and filling live in arch/arm64/memops.S; memcmp goes by words here, the string
 * functions by bytes, as kernel strings are short.
 */
#include "base/string.h"
#include "base/errno.h"

/* The compiler must not find a strlen in strlen's loop, and call it. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

static inline u64 load_u64(const u8 *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

int (memcmp)(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= 8; n -= 8, p += 8, q += 8) {
		u64 x = load_u64(p), y = load_u64(q);

		if (x != y) {
			x = __builtin_bswap64(x);	/* little endian: the first byte decides */
			y = __builtin_bswap64(y);
			return x < y ? -1 : 1;
		}
	}
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *p, int c, size_t n)
{
	const u8 *s = p;

	for (; n; n--, s++)
		if (*s == (u8)c)
			return (void *)s;
	return NULL;
}

size_t (strlen)(const char *s)
{
	const char *e = s;

	while (*e)
		e++;
	return e - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int (strcmp)(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++);
	return (char *)last;
}

char *strstr(const char *s, const char *what)
{
	size_t n = strlen(what);

	if (!n)
		return (char *)s;
	for (; (s = strchr(s, *what)); s++)
		if (!strncmp(s, what, n))
			return (char *)s;
	return NULL;
}

size_t strlcpy(char *dst, const char *s, size_t size)
{
	size_t n = strlen(s);

	if (size) {
		size_t keep = n < size ? n : size - 1;

		memcpy(dst, s, keep);
		dst[keep] = '\0';
	}
	return n;
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	return ~0u;
}

/* The digits at *s, which moves behind them. False when the number passed 64 bits; *out is then ~0. */
static bool digits_read(const char **s, unsigned base, u64 *out)
{
	u64 v = 0;
	bool fits = true;
	unsigned d;

	for (; (d = digit_value(**s)) < base; ++*s) {
		u64 next;

		if (__builtin_mul_overflow(v, (u64)base, &next) || __builtin_add_overflow(next, (u64)d, &next))
			fits = false;
		v = next;
	}
	*out = fits ? v : ~0ull;
	return fits;
}

/* Base 0, and the 0x that base 16 allows: a prefix counts only with a digit behind it. */
static const char *prefix_skip(const char *s, unsigned *base)
{
	bool hex = s[0] == '0' && (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16;

	if (hex && (*base == 0 || *base == 16)) {
		*base = 16;
		return s + 2;
	}
	if (*base == 0)
		*base = s[0] == '0' ? 8 : 10;
	return s;
}

int parse_u64(const char *s, const char **end, unsigned base, u64 *out)
{
	const char *p = prefix_skip(s, &base);
	u64 v;

	if (base < 2 || base > 36 || digit_value(*p) >= base)
		return -EINVAL;
	if (!digits_read(&p, base, &v))
		return -ERANGE;
	if (end)
		*end = p;
	else if (*p)
		return -EINVAL;
	*out = v;
	return 0;
}

unsigned long strtoul(const char *s, char **end, int base)
{
	const char *p = s;
	unsigned b = base;
	bool negative = false, fits = true;
	u64 v = 0;

	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	if (*p == '+' || *p == '-')
		negative = *p++ == '-';
	p = prefix_skip(p, &b);
	if (digit_value(*p) < b) {
		fits = digits_read(&p, b, &v);
		s = p;
	}
	if (end)
		*end = (char *)s;
	return negative && fits ? -v : v;
}
