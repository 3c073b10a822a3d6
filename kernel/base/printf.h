/*
 * Formatted text. Conversions d i u x X o c s p %, lengths hh h l ll z, flags - 0 + space #,
 * width and precision, each a number or *. Beyond C's:
 *	%pI4	the IPv4 address (be32) that the pointer points to, 10.0.2.15
 *	%pM	the six bytes of a MAC address there, 52:54:00:12:34:56
 * No floating point and no %n. An unknown conversion is printed as it stands.
 * Any context; nothing sleeps.
 */
#pragma once
#include "base/defs.h"

/*
 * The engine: hands the text to put() piece by piece, returns its length. put may be called
 * with the same bytes' storage again, so it must copy what it keeps.
 */
int format(void (*put)(void *arg, const char *text, size_t len), void *arg, const char *fmt, va_list ap);

/* Into buf[size], terminated when size > 0. Returns the length wanted: >= size says that it was cut. */
int snprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);

/* As snprintf, but returns what was written without the NUL: it can be added to an offset. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);
