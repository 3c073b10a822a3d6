/* Formats text and writes it (text.h). */
#include "text.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

struct sink {
	char *at, *end;		/* end: the last byte, which is for the NUL */
};

static void put(struct sink *sink, const char *text, size_t length)
{
	size_t room = sink->end - sink->at;

	if (length > room)
		length = room;
	memcpy(sink->at, text, length);
	sink->at += length;
}

static void put_padded(struct sink *sink, const char *text, size_t length, size_t width, bool left, char pad)
{
	if (left)
		put(sink, text, length);
	for (size_t n = length; n < width; n++)
		put(sink, &pad, 1);
	if (!left)
		put(sink, text, length);
}

/* The digits end at end; the first of them. */
static char *digits(char *end, unsigned long long value, unsigned int base)
{
	do
		*--end = "0123456789abcdef"[value % base];
	while (value /= base);
	return end;
}

size_t text_vformat(char *buf, size_t size, const char *format, va_list args)
{
	struct sink sink = { buf, buf + size - 1 };

	for (; *format; format++) {
		size_t plain = strcspn(format, "%"), width = 0, precision = (size_t)-1;
		char number[24], *end = number + sizeof(number), pad = ' ';
		bool left = false, wide = false;
		const char *text = number;
		long long value;

		put(&sink, format, plain);
		format += plain;
		if (!*format)
			break;
		for (format++; *format == '-' || *format == '0'; format++)
			*format == '-' ? (left = true) : (pad = '0');
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + *format - '0';
		if (format[0] == '.' && format[1] == '*') {
			precision = va_arg(args, int);
			format += 2;
		}
		for (; *format == 'l' || *format == 'z'; format++)
			wide = true;
		switch (*format) {
		case 's':
			text = va_arg(args, const char *);
			end = (char *)text + strnlen(text, precision);
			break;
		case 'd':
			value = wide ? va_arg(args, long long) : va_arg(args, int);
			text = digits(end, value < 0 ? -(unsigned long long)value : (unsigned long long)value, 10);
			if (value < 0)
				*(char *)--text = '-';
			break;
		case 'u':
		case 'x':
			text = digits(end, wide ? va_arg(args, unsigned long long) : va_arg(args, unsigned int),
				      *format == 'u' ? 10 : 16);
			break;
		case 'c':
			number[0] = va_arg(args, int);
			end = number + 1;
			break;
		default:	/* %% */
			text = format;
			end = (char *)format + 1;
		}
		put_padded(&sink, text, end - text, width, left, pad);
	}
	*sink.at = '\0';
	return sink.at - buf;
}

size_t text_format(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = text_vformat(buf, size, format, args);
	va_end(args);
	return length;
}

void out_write(const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(STDOUT_FILENO, text, length);

		if (n < 0 && errno != EINTR)
			return;		/* nobody listens any more */
		if (n > 0) {
			text += n;
			length -= n;
		}
	}
}

void out(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	out_write(text, text_vformat(text, sizeof(text), format, args));
	va_end(args);
}
