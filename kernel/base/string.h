/*
 * Memory and strings, the C library's contracts unless said otherwise. memcpy, memmove and
 * memset are assembly (arch/arm64/memops.S) and want Normal memory: not for device registers,
 * nor before the MMU is on. Any context, nothing sleeps, nothing has state.
 */
#pragma once
#include "base/defs.h"

void *memcpy(void *dst, const void *src, size_t n);	/* overlap is allowed: it is memmove */
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *p, int c, size_t n);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);

/*
 * Copy s and its NUL into dst[size], cut to fit and always terminated when size > 0.
 * Returns strlen(s): a result >= size says that it was cut.
 */
size_t strlcpy(char *dst, const char *s, size_t size);

/*
 * Number at s in base 8, 10 or 16; base 0 reads the prefix (0x, 0). No sign, no blanks: at least
 * one digit must be there. *end (may be NULL) is set behind the last digit; with end NULL the
 * whole string must be the number. -EINVAL: no number, or something behind it; -ERANGE: past
 * 64 bits. *out is written on success only.
 */
int parse_u64(const char *s, const char **end, unsigned base, u64 *out);

/* C's strtoul for libraries that the kernel links (libfdt): blanks and a sign are read, errno is not. */
unsigned long strtoul(const char *s, char **end, int base);

/*
 * A freestanding compiler takes these for unknown functions; named as builtins, copies of a few
 * constant bytes become loads and stores, and strlen of a literal a number.
 */
#if !__STDC_HOSTED__
#define memcpy(d, s, n)		__builtin_memcpy(d, s, n)
#define memmove(d, s, n)	__builtin_memmove(d, s, n)
#define memset(d, c, n)		__builtin_memset(d, c, n)
#define memcmp(a, b, n)		__builtin_memcmp(a, b, n)
#define strlen(s)		__builtin_strlen(s)
#define strcmp(a, b)		__builtin_strcmp(a, b)
#endif
