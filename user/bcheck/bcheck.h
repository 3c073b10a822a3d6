/*
 * What the checks of this folder are written with. A check is one file and one
 * process: /lib/bcheck/NAME, which bcheck starts, or which is started by hand.
 *
 *	CHECK(name) { EXPECT(condition); ... }
 *
 * It ends with status 0 if all is well, CHECK_SKIPPED if the machine lacks what
 * it needs (its last line says what), and another if a line of it was wrong, which
 * is then named. What it says besides are remarks. It runs unchanged on
 * Linux: a check that fails there is wrong.
 *
 * Its working directory is an empty one of its own, removed afterwards.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../lib/text.h"

#define CHECK_SKIPPED	77	/* exit status: nothing wrong, nothing shown */
#define CHECK_FAILED	99	/* exit status of a process in which an EXPECT did not hold */
#define NOBODY		65534	/* a user without rights */

#define CHECK(name) void check_##name(void)

#define EXPECT(c) do { if (!(c)) check_failed(__LINE__, #c); } while (0)
/* Two numbers that must be the same; both are shown if they are not. */
#define SAME(a, b) check_same((long long)(a), (long long)(b), __LINE__, #a)
/* A call that must fail with this error. */
#define FAILS(call, error) check_fails((long long)(call), error, __LINE__, #call)

/* What the program was called with, for a check that executes itself. */
extern char **check_argv;
/* An address where nothing is; volatile, so that the compiler does not see that. */
extern char *volatile nowhere;

/* Ends the calling process: a child's end is seen by child_ok() of its parent. line: in the check's file, or 0. */
_Noreturn void check_failed(int line, const char *what);
void check_same(long long a, long long b, int line, const char *what);
void check_fails(long long result, int error, int line, const char *what);
/* The machine lacks what the check needs; format as printf's. */
_Noreturn __attribute__((format(printf, 1, 2))) void check_skip(const char *format, ...);
/* A remark that is shown with the result; format as printf's. */
__attribute__((format(printf, 1, 2))) void check_note(const char *format, ...);

/* Wait for a child that must end with status 0. */
void child_ok(pid_t pid);
/* Wait for a child that must be ended by this signal. */
void child_dies(pid_t pid, int sig);
/* Become a user without rights, if not one already; for a child. */
void be_nobody(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);
/* Nanoseconds as the two numbers of %u.%03u milliseconds. */
#define MS(ns) (unsigned int)((ns) / 1000000), (unsigned int)((ns) / 1000 % 1000)
/* Byte i of a pattern without short periods. */
static inline unsigned char pattern(size_t i)
{
	return i * 7 + i / 251;
}
/* A file of that many bytes of pattern(); the descriptor, opened O_RDWR at offset 0. */
int pattern_file(const char *name, size_t size);
