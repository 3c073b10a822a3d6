/*
 * What the programs that test timers share: times in nanoseconds, setting the clock, and a handler that notes its signal.
 */
#pragma once
#include "check.h"
#include <time.h>

#define SEC 1000000000ll
#define HOUR (3600 * SEC)

static inline long long now_on(clockid_t clock)
{
	struct timespec t;

	SAME(clock_gettime(clock, &t), 0);
	return t.tv_sec * SEC + t.tv_nsec;
}

static inline struct timespec ts(long long ns)
{
	return (struct timespec){ ns / SEC, ns % SEC };
}

static inline struct itimerspec spec(long long value, long long interval)
{
	return (struct itimerspec){ ts(interval), ts(value) };
}

static inline long long left(const struct itimerspec *s)
{
	return s->it_value.tv_sec * SEC + s->it_value.tv_nsec;
}

static inline void clock_move(long long by)
{
	struct timespec t = ts(now_on(CLOCK_REALTIME) + by);

	SAME(clock_settime(CLOCK_REALTIME, &t), 0);
}

static volatile sig_atomic_t seen __attribute__((unused));

static inline void note(int sig)
{
	seen = sig;
}

static inline void on(int sig, int flags)
{
	struct sigaction a = { .sa_handler = note, .sa_flags = flags };

	SAME(sigaction(sig, &a, NULL), 0);
}
