/*
 * Timers that programs own: timerfd_create and its kin, timer_create and its
 * kin. fs/timerfd.c and proc/posix_timer.c keep them.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/timerfd.h>
#include "fs/fdtable.h"
#include "fs/timerfd.h"
#include "proc/itimer.h"
#include "proc/posix_timer.h"
#include "proc/signals.h"
#include "sched/cred.h"
#include "sys/sys.h"
#include "sys/user_time.h"

_Static_assert(sizeof(struct __kernel_itimerspec) == 32, "interval, then value");

int clock_waits(s32 *clock)
{
	switch (*clock) {
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!cred_capable(current()->cred, CAP_WAKE_ALARM))
			return -EPERM;
		*clock = *clock == CLOCK_REALTIME_ALARM ? CLOCK_REALTIME : CLOCK_BOOTTIME;
		return 0;
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI:
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

/* A struct itimerspec. 0, -EFAULT, -EINVAL. */
static int setting_in(struct timer_setting *s, u64 user)
{
	int err = user_timespec_get(&s->interval, user);

	return err ? err : user_timespec_get(&s->value, user + sizeof(struct __kernel_timespec));
}

static int setting_out(u64 user, const struct timer_setting *s)
{
	int err = user_timespec_put(user, s->interval);

	return err ? err : user_timespec_put(user + sizeof(struct __kernel_timespec), s->value);
}

/* ---- timerfd ---- */

SYSCALL(timerfd_create)
{
	u32 flags = a[1];
	s32 clock = a[0];
	int err;

	if (flags & ~(TFD_NONBLOCK | TFD_CLOEXEC))
		return -EINVAL;
	err = clock_waits(&clock);
	if (err || clock == CLOCK_TAI)
		return err == -EPERM ? err : -EINVAL;
	return file_install(timerfd_new(clock == CLOCK_REALTIME, flags), flags & TFD_CLOEXEC);
}

SYSCALL(timerfd_settime)
{
	struct timer_setting fresh, old;
	struct fd_ref ref;
	int err = setting_in(&fresh, a[2]);

	if (err)
		return err;
	if (a[1] & ~(u64)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	ref = fd_borrow(a[0]);
	if (!ref.file)
		return -EBADF;
	err = timerfd_set(ref.file, a[1], &fresh, &old);
	fd_return(ref);
	return !err && a[3] ? setting_out(a[3], &old) : err;
}

SYSCALL(timerfd_gettime)
{
	struct fd_ref ref = fd_borrow(a[0]);
	struct timer_setting s;
	int err;

	if (!ref.file)
		return -EBADF;
	err = timerfd_get(ref.file, &s);
	fd_return(ref);
	return err ? err : setting_out(a[1], &s);
}

/* ---- timer_create ---- */

/*
 * Whose CPU time a clock number made of an id names (clock_getcpuclockid): the caller's own process or a thread of it,
 * or another process. ev->cpu_of and ev->other are referenced, or NULL.
 */
static int cpu_clock_of(s32 clock, struct posix_timer_event *ev)
{
	s32 id;

	/* The two numbers for the caller's own are spelled as the others would be. */
	if (clock >= 0)
		clock = ~7 | 2 | (clock == CLOCK_THREAD_CPUTIME_ID ? 4 : 0);
	id = ~(clock >> 3);
	if ((clock & 3) != 2)
		return -EINVAL;
	ev->clock = clock & 4 ? POSIX_CLOCK_THREAD_CPU : POSIX_CLOCK_PROCESS_CPU;
	if (!(clock & 4)) {
		if (!id || id == process_current()->pid)
			return 0;
		ev->other = process_find(id);
		return ev->other ? 0 : -EINVAL;
	}
	ev->cpu_of = id ? pid_find_thread(id) : current();
	if (!ev->cpu_of)
		return -EINVAL;
	if (!id)
		thread_get(current());
	return ev->cpu_of->process == process_current() ? 0 : -EINVAL;
}

static int clock_in(s32 clock, struct posix_timer_event *ev)
{
	int err;

	if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
		return cpu_clock_of(clock, ev);
	err = clock_waits(&clock);
	ev->clock = clock == CLOCK_REALTIME || clock == CLOCK_TAI ? POSIX_CLOCK_REAL : POSIX_CLOCK_MONOTONIC;
	return err;
}

static void event_drop(struct posix_timer_event *ev)
{
	if (ev->cpu_of)
		thread_put(ev->cpu_of);
	if (ev->other)
		process_put(ev->other);
}

static s64 cpu_sleep_until(s32 clock, u64 until, u64 remain);

static s64 cpu_sleep_restart(struct restart_block *r)
{
	return cpu_sleep_until(r->a[0], r->a[1], r->a[2]);
}

static s64 cpu_sleep_until(s32 clock, u64 until, u64 remain)
{
	struct restart_block *r = restart_block_current();
	struct posix_timer_event ev = { 0 };
	s64 err = cpu_clock_of(clock, &ev);
	struct process *p = ev.other ? ev.other : process_current();
	u64 now;

	/* A thread that waits for its own time would wait for ever. */
	if (!err && ev.cpu_of == current())
		err = -EINVAL;
	if (!err)
		err = cpu_time_wait(p, ev.cpu_of, until);
	now = ev.cpu_of ? thread_cpu_ns(ev.cpu_of) : process_cpu_ns(p);
	event_drop(&ev);
	if (err != -ERESTARTSYS)
		return err;
	*r = (struct restart_block){ cpu_sleep_restart, { (u32)clock, until, remain } };
	if (remain && user_timespec_put(remain, until > now ? until - now : 0))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

s64 cpu_clock_sleep(s32 clock, bool absolute, u64 ns, u64 remain)
{
	struct posix_timer_event ev = { 0 };
	s64 err = cpu_clock_of(clock, &ev);

	if (!absolute && !err)
		ns += ev.cpu_of ? thread_cpu_ns(ev.cpu_of) : process_cpu_ns(ev.other ? ev.other : process_current());
	event_drop(&ev);
	if (!err)
		err = cpu_sleep_until(clock, ns, absolute ? 0 : remain);
	return absolute && err == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : err;
}

static int event_in(u64 user, struct posix_timer_event *ev)
{
	struct sigevent e;

	if (!user) {
		ev->signo = SIGALRM;
		ev->value_is_id = true;
		return 0;
	}
	if (copy_from_user(&e, user, sizeof(e)))
		return -EFAULT;
	switch (e.sigev_notify) {
	case SIGEV_NONE:
		ev->silent = true;
		return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
		if (e.sigev_notify_thread_id <= 0)
			return -EINVAL;
		ev->tid = e.sigev_notify_thread_id;
		break;
	case SIGEV_SIGNAL:
	case SIGEV_THREAD:
		break;
	default:
		return -EINVAL;
	}
	ev->signo = e.sigev_signo;
	ev->value = (u64)e.sigev_value.sival_ptr;
	return ev->signo < 1 || ev->signo > 64 ? -EINVAL : 0;
}

SYSCALL(timer_create)
{
	struct posix_timer_event ev = { 0 };
	s64 id = clock_in(a[0], &ev);

	if (!id)
		id = event_in(a[1], &ev);
	if (!id)
		id = posix_timer_create(&ev);
	event_drop(&ev);
	if (id >= 0 && put_user_u32(a[2], id)) {
		posix_timer_delete(id);
		return -EFAULT;
	}
	return id < 0 ? id : 0;
}

SYSCALL(timer_settime)
{
	struct timer_setting fresh, old;
	int err = a[2] ? setting_in(&fresh, a[2]) : -EINVAL;

	if (!err)
		err = posix_timer_set(a[0], a[1] & TIMER_ABSTIME, &fresh, &old);
	return !err && a[3] ? setting_out(a[3], &old) : err;
}

SYSCALL(timer_gettime)
{
	struct timer_setting s;
	int err = posix_timer_get(a[0], &s);

	return err ? err : setting_out(a[1], &s);
}

SYSCALL(timer_getoverrun)
{
	return posix_timer_overrun(a[0]);
}

SYSCALL(timer_delete)
{
	return posix_timer_delete(a[0]);
}
