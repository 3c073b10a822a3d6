/*
 * The vDSO: time without a system call. Programs find it by AT_SYSINFO_EHDR
 * and call it by the names and version that Linux's has (Linux, Documentation/
 * ABI/stable/vdso; vdso(7)). Built for user space, mapped by proc/vdso.c.
 */
#include <asm/unistd.h>
#include <linux/time.h>
#include "core/vdso_data.h"

#define NSEC_PER_SEC	1000000000ull
#define EXPORT		__attribute__((visibility("default")))

extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));

static inline long call(long number, long a, long b)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
	return x0;
}

static inline u64 monotonic_ns(void)
{
	u64 now;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now) :: "memory");
	return (unsigned __int128)(now - vdso_data.counter_start) * vdso_data.ns_per_tick_q32 >> 32;
}

static inline u64 realtime_ns(void)
{
	return monotonic_ns() + *(const volatile u64 *)&vdso_data.realtime_offset;
}

static inline void split(u64 ns, s64 *seconds, s64 *rest)
{
	*seconds = ns / NSEC_PER_SEC;
	*rest = ns % NSEC_PER_SEC;
}

EXPORT int __kernel_clock_gettime(int clock, struct __kernel_timespec *t)
{
	s64 seconds, rest;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		split(realtime_ns(), &seconds, &rest);
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		split(monotonic_ns(), &seconds, &rest);
		break;
	default:
		return call(__NR_clock_gettime, clock, (long)t);
	}
	t->tv_sec = seconds;
	t->tv_nsec = rest;
	return 0;
}

EXPORT int __kernel_gettimeofday(struct __kernel_old_timeval *t, struct timezone *zone)
{
	s64 seconds, rest;

	if (zone)
		return call(__NR_gettimeofday, (long)t, (long)zone);
	if (t) {
		split(realtime_ns(), &seconds, &rest);
		t->tv_sec = seconds;
		t->tv_usec = rest / 1000;
	}
	return 0;
}

EXPORT int __kernel_clock_getres(int clock, struct __kernel_timespec *t)
{
	return call(__NR_clock_getres, clock, (long)t);
}
