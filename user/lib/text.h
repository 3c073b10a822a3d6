/*
 * Text without the C library's printf, whose floating point alone would double the program.
 * Formats are printf's: %d %u %x %s %c %%, with -, 0, a width, .* before s, and l, ll or z.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

/* Into buf, cut off at size and ended by NUL; the length that it has there. */
size_t text_vformat(char *buf, size_t size, const char *format, va_list args);
__attribute__((format(printf, 3, 4))) size_t text_format(char *buf, size_t size, const char *format, ...);
/* To standard output, all of it. */
void out_write(const char *text, size_t length);
__attribute__((format(printf, 1, 2))) void out(const char *format, ...);
