/*
 * Text that grows: what the files of procfs and sysfs are written into. Any
 * context; running out of memory is remembered and fails the read.
 */
#pragma once
#include "base/defs.h"

struct text_out {
	char *buf;			/* kmalloc'ed, or NULL */
	size_t len, size;
	bool failed;			/* no memory: the text is not whole */
	bool gone;			/* what the text was to be of is no longer there: reading gives ENODEV */
};

void text_printf(struct text_out *t, const char *fmt, ...) printf_like(2, 3);
void text_write(struct text_out *t, const char *s, size_t n);
static inline void text_char(struct text_out *t, char c) { text_write(t, &c, 1); }
/* Write s with blanks, tabs, newlines and backslashes as \ooo, as /proc/mounts does. */
void text_escaped(struct text_out *t, const char *s);
