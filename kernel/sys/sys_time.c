/*
 * Time: reading and setting clocks, sleeping, interval timers.
 */
#include <linux/capability.h>
#include <linux/time.h>
#include <linux/timex.h>
#include "arch/arm64/trap.h"
#include "proc/itimer.h"
#include "proc/signals.h"
#include "sched/clock_timer.h"
#include "sys/sys.h"
#include "sys/user_time.h"

#define TIMEX_ERROR_MAX	16000000	/* us: as bad as it can be said to be */
#define COARSE_NS	4000000ull	/* what the coarse clocks claim */

/* ---- clocks ---- */

/* CPU time of a process or a thread of the caller's by a clock number made of its id (clock_getcpuclockid): 0,
 * -EINVAL. */
static int clock_of_cpu(s32 clock, u64 *ns)
{
	s32 id = ~(clock >> 3);

	if ((clock & 3) > 2)
		return -EINVAL;
	if (clock & 4) {
		struct thread *t = id ? pid_find_thread(id) : NULL;

		if (id && (!t || t->process != process_current())) {
			if (t)
				thread_put(t);
			return -EINVAL;
		}
		*ns = thread_cpu_ns(t ? t : current());
		if (t)
			thread_put(t);
	} else {
		struct process *p = id ? process_find(id) : NULL;

		if (id && !p)
			return -EINVAL;
		*ns = process_cpu_ns(p ? p : process_current());
		if (p)
			process_put(p);
	}
	return 0;
}

static int clock_read(s32 clock, u64 *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = clock_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = clock_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu_ns(process_current());
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = thread_cpu_ns(current());
		return 0;
	default:
		return clock < 0 ? clock_of_cpu(clock, ns) : -EINVAL;
	}
}

SYSCALL(clock_gettime)
{
	u64 ns;
	int err = clock_read(a[0], &ns);

	return err ? err : user_timespec_put(a[1], ns);
}

SYSCALL(clock_getres)
{
	u64 ns;
	int err = clock_read(a[0], &ns);

	if (err)
		return err;
	ns = a[0] == CLOCK_REALTIME_COARSE || a[0] == CLOCK_MONOTONIC_COARSE ? COARSE_NS : 1;
	return a[1] ? user_timespec_put(a[1], ns) : 0;
}

static s64 realtime_set(u64 ns)
{
	if (!cred_capable(current()->cred, CAP_SYS_TIME))
		return -EPERM;
	/* As on Linux, the machine was not started before 1970. */
	if (ns < clock_ns())
		return -EINVAL;
	clock_realtime_set(ns);
	return 0;
}

SYSCALL(clock_settime)
{
	u64 ns;
	int err;

	if ((s32)a[0] != CLOCK_REALTIME)
		return -EINVAL;
	err = user_timespec_get(&ns, a[1]);
	return err ? err : realtime_set(ns);
}

SYSCALL(gettimeofday)
{
	if (a[0] && user_timeval_put(a[0], clock_realtime_ns()))
		return -EFAULT;
	return a[1] ? put_user_u64(a[1], 0) : 0;	/* the zone: none */
}

SYSCALL(settimeofday)
{
	u64 ns;
	int err;

	if (!a[0])
		return cred_capable(current()->cred, CAP_SYS_TIME) ? 0 : -EPERM;
	err = user_timeval_get(&ns, a[0]);
	return err ? err : realtime_set(ns);
}

/* The clock is nobody's to steer: it is read, and says that nothing keeps it right (adjtimex(2)). */
static s64 timex(u64 user)
{
	struct __kernel_timex t = { 0 };
	u64 now = clock_realtime_ns();
	u32 modes;

	if (get_user_u32(&modes, user))
		return -EFAULT;
	if (modes && modes != ADJ_OFFSET_SS_READ)
		return -EPERM;
	t.modes = modes;
	t.maxerror = t.esterror = TIMEX_ERROR_MAX;
	t.status = STA_UNSYNC;
	t.constant = 2;
	t.precision = 1;
	t.tolerance = 500ll << 16;	/* ppm */
	t.time.tv_sec = now / NSEC_PER_SEC;
	t.time.tv_usec = now % NSEC_PER_SEC / 1000;
	t.tick = 10000;
	return copy_to_user(user, &t, sizeof(t)) ? -EFAULT : TIME_ERROR;
}

SYSCALL(adjtimex)
{
	return timex(a[0]);
}

SYSCALL(clock_adjtime)
{
	u64 ns;

	if ((s32)a[0] == CLOCK_REALTIME)
		return timex(a[1]);
	return clock_read(a[0], &ns) ? -EINVAL : -EOPNOTSUPP;
}

SYSCALL(times)
{
	struct process *p = process_current();
	struct process_usage u;
	u64 out[4];

	if (a[0]) {
		process_usage_get(p, &u);
		out[0] = u.user_ns / CLOCK_TICK_NS;
		out[1] = u.system_ns / CLOCK_TICK_NS;
		out[2] = p->child_user_ns / CLOCK_TICK_NS;
		out[3] = p->child_system_ns / CLOCK_TICK_NS;
		if (copy_to_user(a[0], out, sizeof(out)))
			return -EFAULT;
	}
	return clock_ns() / CLOCK_TICK_NS;
}

/* ---- sleeping ---- */

static s64 sleep_until(u64 deadline, u64 remain)
{
	u64 now;

	if (!wait_until(deadline))
		return 0;
	now = clock_ns();
	if (remain && user_timespec_put(remain, deadline > now ? deadline - now : 0))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static s64 sleep_restart(struct restart_block *r)
{
	return sleep_until(r->a[0], r->a[1]);
}

static s64 sleep_relative(u64 ns, u64 remain)
{
	struct restart_block *r = restart_block_current();

	r->fn = sleep_restart;
	r->a[0] = deadline_after(ns);
	r->a[1] = remain;
	return sleep_until(r->a[0], remain);
}

SYSCALL(nanosleep)
{
	u64 ns;
	int err = user_timespec_get(&ns, a[0]);

	return err ? err : sleep_relative(ns, a[1]);
}

SYSCALL(clock_nanosleep)
{
	s32 clock = a[0];
	bool cpu = clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID;
	int err = cpu ? 0 : clock_waits(&clock);
	u64 ns;

	if (!err)
		err = user_timespec_get(&ns, a[2]);
	if (err)
		return err;
	if (cpu)
		return cpu_clock_sleep(clock, a[1] & TIMER_ABSTIME, ns, a[3]);
	if (!(a[1] & TIMER_ABSTIME))
		return sleep_relative(ns, a[3]);
	err = clock == CLOCK_REALTIME || clock == CLOCK_TAI ? clock_realtime_wait(ns) : wait_until(ns);
	return err ? -ERESTARTNOHAND : 0;
}

/* ---- interval timers ---- */

struct itimerval_user { s64 interval[2], value[2]; };

static s64 itimer_out(u64 user, u64 left, u64 interval)
{
	struct itimerval_user v = {
		{ interval / NSEC_PER_SEC, interval % NSEC_PER_SEC / 1000 },
		/* What is left is never shown as none while the timer runs. */
		{ (left + 999) / NSEC_PER_SEC, (left + 999) % NSEC_PER_SEC / 1000 },
	};

	return copy_to_user(user, &v, sizeof(v));
}

SYSCALL(getitimer)
{
	u64 left, interval;

	if ((u32)a[0] > ITIMER_PROF)
		return -EINVAL;
	itimer_get(process_current(), a[0], &left, &interval);
	return itimer_out(a[1], left, interval);
}

SYSCALL(setitimer)
{
	u64 left, old_interval, value = 0, interval = 0;
	int err;

	if ((u32)a[0] > ITIMER_PROF)
		return -EINVAL;
	if (a[1]) {
		err = user_timeval_get(&interval, a[1]);
		if (!err)
			err = user_timeval_get(&value, a[1] + 16);
		if (err)
			return err;
	}
	itimer_get(process_current(), a[0], &left, &old_interval);
	itimer_set(process_current(), a[0], value, interval);
	return a[2] ? itimer_out(a[2], left, old_interval) : 0;
}
