/*
 * Formatted text. The log, /proc and every message go through format(); it calls
 * only what it is given. One function a step: parse a conversion, make its digits, pad.
 */
#include "base/printf.h"
#include "base/string.h"

typedef void (*put_fn)(void *arg, const char *text, size_t len);

/* One conversion as it was written. */
struct spec {
	bool left, zero, alt;
	char sign;		/* 0, '+' or ' ': what a number that isn't negative starts with */
	int width;
	int precision;		/* -1: none */
	char length;		/* 0, 'h', 'H' (hh), 'l', 'z' */
	char conv;
};

struct out {
	put_fn put;
	void *arg;
	size_t total;
};

static void out_text(struct out *o, const char *text, size_t len)
{
	if (!len)
		return;
	o->put(o->arg, text, len);
	o->total += len;
}

static void out_fill(struct out *o, char c, int n)
{
	static const char blanks[] = "                ", zeros[] = "0000000000000000";

	while (n > 0) {
		int k = MIN(n, 16);

		out_text(o, c == '0' ? zeros : blanks, k);
		n -= k;
	}
}

static void out_padded(struct out *o, const struct spec *s, const char *text, size_t len)
{
	int pad = s->width > 0 && (size_t)s->width > len ? s->width - (int)len : 0;

	if (!s->left)
		out_fill(o, ' ', pad);
	out_text(o, text, len);
	if (s->left)
		out_fill(o, ' ', pad);
}

static char *digits_make(char *end, u64 v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	if (base == 10) {
		for (; v; v /= 10)
			*--end = '0' + v % 10;
	} else {
		unsigned shift = base == 16 ? 4 : 3;

		for (; v; v >>= shift)
			*--end = set[v & (base - 1)];
	}
	return end;
}

static void out_number(struct out *o, const struct spec *s, u64 v, bool negative, unsigned base)
{
	char digits[24], prefix[2];
	char *end = digits + sizeof(digits), *p = digits_make(end, v, base, s->conv == 'X');
	int n = end - p, prefix_len = 0, zeros = 0, pad;

	if (negative)
		prefix[prefix_len++] = '-';
	else if (s->sign)
		prefix[prefix_len++] = s->sign;
	if (base == 16 && s->alt && v) {
		prefix[prefix_len++] = '0';
		prefix[prefix_len++] = s->conv == 'X' ? 'X' : 'x';
	}
	if (s->precision >= 0)
		zeros = s->precision > n ? s->precision - n : 0;
	else if (!n)
		zeros = 1;
	if (base == 8 && s->alt && !zeros && (v || !n))
		zeros = 1;
	if (s->zero && !s->left && s->precision < 0 && s->width > prefix_len + zeros + n)
		zeros = s->width - prefix_len - n;
	pad = s->width - prefix_len - zeros - n;
	if (!s->left)
		out_fill(o, ' ', pad);
	out_text(o, prefix, prefix_len);
	out_fill(o, '0', zeros);
	out_text(o, p, n);
	if (s->left)
		out_fill(o, ' ', pad);
}

/* %pI4 and %pM; returns how many letters behind the p belong to it. */
static int out_pointer(struct out *o, struct spec *s, const char *after, const void *ptr)
{
	const u8 *b = ptr;
	char text[18], *p = text;

	if (after[0] == 'I' && after[1] == '4') {
		for (int i = 0; i < 4; i++) {
			if (b[i] >= 100)
				*p++ = '0' + b[i] / 100;
			if (b[i] >= 10)
				*p++ = '0' + b[i] / 10 % 10;
			*p++ = '0' + b[i] % 10;
			*p++ = '.';
		}
		out_padded(o, s, text, p - text - 1);
		return 2;
	}
	if (after[0] == 'M') {
		for (int i = 0; i < 6; i++) {
			*p++ = "0123456789abcdef"[b[i] >> 4];
			*p++ = "0123456789abcdef"[b[i] & 15];
			*p++ = ':';
		}
		out_padded(o, s, text, p - text - 1);
		return 1;
	}
	s->alt = ptr != NULL;
	out_number(o, s, (uintptr_t)ptr, false, 16);
	return 0;
}

static int number_read(const char **p)
{
	int n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		if (n < 1 << 20)
			n = n * 10 + (**p - '0');
	return n;
}

/* Flags in front of a conversion; returns behind them. */
static const char *flags_read(const char *p, struct spec *s)
{
	for (;; p++) {
		if (*p == '-')
			s->left = true;
		else if (*p == '0')
			s->zero = true;
		else if (*p == '#')
			s->alt = true;
		else if (*p == '+')
			s->sign = '+';
		else if (*p == ' ')
			s->sign = s->sign ? s->sign : ' ';
		else
			return p;
	}
}

static const char *length_read(const char *p, struct spec *s)
{
	if (*p == 'h') {
		s->length = p[1] == 'h' ? 'H' : 'h';
		return p + (p[1] == 'h' ? 2 : 1);
	}
	if (*p == 'l') {
		s->length = 'l';
		return p + (p[1] == 'l' ? 2 : 1);
	}
	if (*p == 'z') {
		s->length = 'l';	/* size_t is a long here */
		return p + 1;
	}
	return p;
}

static s64 signed_cut(s64 v, char length)
{
	return length == 'l' ? v : length == 'h' ? (s16)v : length == 'H' ? (s8)v : (s32)v;
}

static u64 unsigned_cut(u64 v, char length)
{
	return length == 'l' ? v : length == 'h' ? (u16)v : length == 'H' ? (u8)v : (u32)v;
}

/* The conversion at *fmt (behind its %), which moves behind it. */
static void conversion_run(struct out *o, const char **fmt, va_list *ap)
{
	const char *start = *fmt - 1, *p;
	struct spec s = { .precision = -1 };
	s64 v;

	p = flags_read(*fmt, &s);
	if (*p == '*') {
		p++;
		s.width = va_arg(*ap, int);
		if (s.width < 0) {
			s.left = true;
			s.width = -s.width;
		}
	} else {
		s.width = number_read(&p);
	}
	if (*p == '.') {
		p++;
		if (*p == '*') {
			p++;
			s.precision = va_arg(*ap, int);
			if (s.precision < 0)
				s.precision = -1;
		} else {
			s.precision = number_read(&p);
		}
	}
	p = length_read(p, &s);
	s.conv = *p ? *p++ : '\0';
	*fmt = p;

	switch (s.conv) {
	case 'd':
	case 'i':
		v = s.length == 'l' ? va_arg(*ap, long) : va_arg(*ap, int);
		v = signed_cut(v, s.length);
		out_number(o, &s, v < 0 ? -(u64)v : (u64)v, v < 0, 10);
		break;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		s.sign = 0;
		v = s.length == 'l' ? va_arg(*ap, long) : va_arg(*ap, int);
		out_number(o, &s, unsigned_cut(v, s.length), false, s.conv == 'u' ? 10 : s.conv == 'o' ? 8 : 16);
		break;
	case 'c': {
		char c = va_arg(*ap, int);

		out_padded(o, &s, &c, 1);
		break;
	}
	case 's': {
		const char *text = va_arg(*ap, const char *);

		if (!text)
			text = "(null)";
		out_padded(o, &s, text, s.precision >= 0 ? strnlen(text, s.precision) : strlen(text));
		break;
	}
	case 'p':
		s.sign = 0;
		*fmt += out_pointer(o, &s, p, va_arg(*ap, void *));
		break;
	case '%':
		out_text(o, "%", 1);
		break;
	default:
		out_text(o, start, p - start);
	}
}

int format(put_fn put, void *arg, const char *fmt, va_list ap)
{
	struct out o = { put, arg, 0 };
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		const char *p = fmt;

		while (*p && *p != '%')
			p++;
		out_text(&o, fmt, p - fmt);
		if (!*p)
			break;
		fmt = p + 1;
		conversion_run(&o, &fmt, &args);
	}
	va_end(args);
	return o.total;
}

struct buffer {
	char *next, *end;	/* end: where the NUL must go at the latest */
};

static void buffer_put(void *arg, const char *text, size_t len)
{
	struct buffer *b = arg;
	size_t room = b->end - b->next;

	len = MIN(len, room);
	memcpy(b->next, text, len);
	b->next += len;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	char none;
	struct buffer b = { size ? buf : &none, size ? buf + size - 1 : &none };
	int n = format(buffer_put, &b, fmt, ap);

	*b.next = '\0';
	return n;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return (size_t)n < size ? n : size ? (int)size - 1 : 0;
}
