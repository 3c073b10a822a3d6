/*
 * Timers that programs own: timerfd_create and its kin, timer_create and its
 * kin. fs/timerfd.c and proc/posix_timer.c keep them.
 */
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/timerfd.h>
#include "fs/fdtable.h"
#include "fs/timerfd.h"
#include "sched/cred.h"
#include "sys/sys.h"
#include "sys/user_time.h"

_Static_assert(sizeof(struct __kernel_itimerspec) == 32, "interval, then value");

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

	if (flags & ~(TFD_NONBLOCK | TFD_CLOEXEC))
		return -EINVAL;
	switch ((s32)a[0]) {
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		if (!cred_privileged(current()->cred))
			return -EPERM;
		break;
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		break;
	default:
		return -EINVAL;
	}
	return file_install(timerfd_new((s32)a[0] == CLOCK_REALTIME || (s32)a[0] == CLOCK_REALTIME_ALARM, flags),
			    flags & TFD_CLOEXEC);
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
