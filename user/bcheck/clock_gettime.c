/* clock_gettime: clocks that never go back, the same by the vDSO as by the call, and their errors. */
#include "bcheck.h"
#include <sys/time.h>
#include <time.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec t;

	SAME(clock_gettime(clock, &t), 0);
	EXPECT(t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int64_t call_ns(clockid_t clock)
{
	struct timespec t;

	SAME(syscall(SYS_clock_gettime, clock, &t), 0);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void goes_on(clockid_t clock)
{
	int64_t before = read_ns(clock), first = before;

	for (int i = 0; i < 1000; i++) {
		int64_t now = i % 8 ? read_ns(clock) : call_ns(clock);

		EXPECT(now >= before);
		before = now;
	}
	while (read_ns(clock) == first)
		;
}

CHECK(clock_gettime)
{
	static const clockid_t clocks[] = {
		CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
	};
	struct timespec pause = { 0, 2000000 }, t;
	struct timeval tv;
	int64_t before, cpu, coarse;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		SAME(clock_getres(clocks[i], &t), 0);
		EXPECT(t.tv_sec == 0 && t.tv_nsec > 0);
		goes_on(clocks[i]);
	}

	/* A coarse clock is behind its fine one, not before it. */
	coarse = read_ns(CLOCK_MONOTONIC_COARSE);
	EXPECT(coarse <= read_ns(CLOCK_MONOTONIC));
	EXPECT(read_ns(CLOCK_MONOTONIC) <= read_ns(CLOCK_BOOTTIME));

	/* The time of day is CLOCK_REALTIME, in microseconds. */
	before = read_ns(CLOCK_REALTIME) / 1000;
	SAME(gettimeofday(&tv, NULL), 0);
	EXPECT(tv.tv_sec * 1000000ll + tv.tv_usec >= before);
	EXPECT(tv.tv_sec * 1000000ll + tv.tv_usec <= read_ns(CLOCK_REALTIME) / 1000);

	/* A sleeper waits at least as long as it said, and uses no processor. */
	before = read_ns(CLOCK_MONOTONIC);
	cpu = read_ns(CLOCK_PROCESS_CPUTIME_ID);
	SAME(nanosleep(&pause, NULL), 0);
	EXPECT(read_ns(CLOCK_MONOTONIC) - before >= 2000000);
	EXPECT(read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu <= read_ns(CLOCK_MONOTONIC) - before);

	FAILS(clock_gettime(12345, &t), EINVAL);
	FAILS(clock_getres(12345, &t), EINVAL);
	SAME(clock_getres(CLOCK_MONOTONIC, NULL), 0);
	FAILS(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, nowhere), EFAULT);
	FAILS(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	pause.tv_nsec = 1000000000;
	FAILS(nanosleep(&pause, NULL), EINVAL);
}
