/*
 * Times as system calls get and give them.
 */
#pragma once
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "core/clock.h"
#include "sched/wait.h"

#define TIME_NS_MAX	(~0ull >> 1)

/* A struct timespec as ns, times past 292 years cut to that. 0, -EFAULT, -EINVAL. */
static inline int user_timespec_get(u64 *ns, u64 user)
{
	struct { s64 sec, nsec; } t;

	if (copy_from_user(&t, user, sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || (u64)t.nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = (u64)t.sec > TIME_NS_MAX / NSEC_PER_SEC - 1 ? TIME_NS_MAX : (u64)t.sec * NSEC_PER_SEC + t.nsec;
	return 0;
}

static inline int user_timespec_put(u64 user, u64 ns)
{
	struct { s64 sec, nsec; } t = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	return copy_to_user(user, &t, sizeof(t));
}

/* A struct timeval, likewise. */
static inline int user_timeval_get(u64 *ns, u64 user)
{
	struct { s64 sec, usec; } t;

	if (copy_from_user(&t, user, sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || (u64)t.usec >= 1000000)
		return -EINVAL;
	*ns = (u64)t.sec > TIME_NS_MAX / NSEC_PER_SEC - 1 ? TIME_NS_MAX : (u64)t.sec * NSEC_PER_SEC + t.usec * 1000;
	return 0;
}

static inline int user_timeval_put(u64 user, u64 ns)
{
	struct { s64 sec, usec; } t = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000 };

	return copy_to_user(user, &t, sizeof(t));
}

/*
 * A clock's number, for calls that wait for it; an alarm clock becomes the plain one, as the machine never sleeps.
 * 0; -EINVAL: no clock; -EOPNOTSUPP: nobody can wait for it (CPU time among them); -EPERM. In sys_timer.c.
 */
int clock_waits(s32 *clock);
/* clock_nanosleep on a clock of CPU time; remain: user address for what is left, 0: none. In sys_timer.c. */
s64 cpu_clock_sleep(s32 clock, bool absolute, u64 ns, u64 remain);

/* The moment so many ns from now; what is too far away is for ever. */
static inline u64 deadline_after(u64 ns)
{
	u64 at = clock_ns() + ns;

	return MAX(ns, at) >= TIME_NS_MAX ? WAIT_FOREVER : at;
}
