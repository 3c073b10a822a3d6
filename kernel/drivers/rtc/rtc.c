/*
 * /dev/rtc0 and /sys/class/rtc/rtc0: the machine's clock as Linux shows it (rtc(4)). The wall clock is set by it once,
 * at boot; nothing writes it but RTC_SET_TIME, as hwclock -w does.
 *
 * A clock with an interrupt has one match register, shared by the alarm and by update interrupts, each of which has a
 * second at which it is due; it is set to the next of them. A match that has passed raises nothing, so that who sets it
 * looks at the clock again. Periodic interrupts are not offered.
 */
#include <linux/capability.h>
#include <linux/rtc.h>
#include "arch/arm64/ucopy.h"
#include "base/calendar.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/spinlock.h"
#include "dev/device.h"
#include "drivers/rtc/rtc.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/poll_events.h"
#include "fs/sysfs.h"
#include "sched/cred.h"
#include "sched/wait.h"

#define RTC_MAJOR	254		/* Linux gives it one of those that it has left */
#define NEVER		(~0ull)
#define ROUNDS_MAX	8u		/* seconds that may pass while the next is set: a clock of which more do is none */

enum { DUE_ALARM, DUE_UPDATE, DUE_COUNT };
static const u8 due_flag[DUE_COUNT] = { RTC_AF, RTC_UF };

static const struct rtc *rtc;		/* set once at boot */
static struct spinlock rtc_lock = SPINLOCK_INIT("rtc");	/* irq kind */
static u64 due[DUE_COUNT] = { NEVER, NEVER };	/* second, or NEVER [rtc] */
static u64 alarm_second;		/* what it was set to last [rtc] */
static bool in_use;			/* one open at a time, as on Linux [rtc] */
static u64 events;			/* unread: count << 8 | flags [rtc] */
static struct wait_queue rtc_wait = WAIT_QUEUE_INIT(rtc_wait, "rtc");

static u64 now(void)
{
	u64 seconds = 0;

	return rtc->read(&seconds) ? 0 : seconds;
}

/* What is due happened; the register to what is next. True: there is something to read. [rtc] */
static bool due_pass(void)
{
	bool happened = false;
	u64 next, seconds = now();

	for (u32 round = 0; ; round++) {
		for (u32 i = 0; i < DUE_COUNT; i++) {
			if (due[i] > seconds)
				continue;
			due[i] = i == DUE_UPDATE ? seconds + 1 : NEVER;
			events = (((events >> 8) + 1) << 8) | (u8)events | due_flag[i] | RTC_IRQF;
			happened = true;
		}
		if (round == ROUNDS_MAX) {
			log_err("%s: the clock runs away: no alarms", rtc->name);
			due[DUE_ALARM] = due[DUE_UPDATE] = NEVER;
		}
		next = MIN(due[DUE_ALARM], due[DUE_UPDATE]);
		rtc->alarm(next, next != NEVER);
		seconds = now();
		if (seconds < next)
			return happened;
	}
}

void rtc_alarm(void)
{
	u64 flags = spin_lock_irqsave(&rtc_lock);
	bool happened = due_pass();

	spin_unlock_irqrestore(&rtc_lock, flags);
	if (happened)
		wait_wake_events(&rtc_wait, EPOLLIN | EPOLLRDNORM, true);
}

/* -EINVAL: this clock has no interrupt. */
static int due_set(u32 which, u64 second)
{
	u64 flags;

	if (!rtc->alarm)
		return -EINVAL;
	flags = spin_lock_irqsave(&rtc_lock);
	due[which] = second;
	spin_unlock_irqrestore(&rtc_lock, flags);
	rtc_alarm();
	return 0;
}

/* ---- ioctls ---------------------------------------------------------------------------------------------- */

static void time_show(u64 seconds, struct rtc_time *t)
{
	struct calendar c;

	calendar_of(seconds, &c);
	*t = (struct rtc_time){
		.tm_sec = c.second, .tm_min = c.minute, .tm_hour = c.hour, .tm_mday = c.day, .tm_mon = c.month - 1,
		.tm_year = c.year - 1900, .tm_wday = c.weekday, .tm_yday = c.yearday,
	};
}

static int time_seconds(const struct rtc_time *t, u64 *seconds)
{
	struct calendar c = { t->tm_year + 1900u, t->tm_mon + 1u, t->tm_mday, t->tm_hour, t->tm_min, t->tm_sec, 0, 0 };

	if (t->tm_year > 0x10000 || !calendar_valid(&c))
		return -EINVAL;
	*seconds = calendar_seconds(&c);
	return 0;
}

static long time_get(u64 arg)
{
	struct rtc_time t;
	u64 seconds;
	int err = rtc->read(&seconds);

	if (err)
		return err;
	time_show(seconds, &t);
	return copy_to_user(arg, &t, sizeof(t)) ? -EFAULT : 0;
}

static long time_set(u64 arg)
{
	struct rtc_time t;
	u64 seconds;

	if (!cred_capable(current()->cred, CAP_SYS_TIME))
		return -EACCES;
	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	return time_seconds(&t, &seconds) ? -EINVAL : rtc->set(seconds);
}

static long alarm_get(u64 arg, bool wake)
{
	struct rtc_wkalrm w = { 0 };
	u64 flags;

	if (!rtc->alarm)
		return -EINVAL;
	flags = spin_lock_irqsave(&rtc_lock);
	w.enabled = due[DUE_ALARM] != NEVER;
	time_show(alarm_second, &w.time);
	spin_unlock_irqrestore(&rtc_lock, flags);
	return (wake ? copy_to_user(arg, &w, sizeof(w)) : copy_to_user(arg, &w.time, sizeof(w.time))) ? -EFAULT : 0;
}

/* One that has passed happens at once. -ERANGE: the clock never gets there. */
static long alarm_set(u64 second, bool on)
{
	u64 flags;

	if (!rtc->alarm)
		return -EINVAL;
	if (second > rtc->last)
		return -ERANGE;
	flags = spin_lock_irqsave(&rtc_lock);
	alarm_second = second;
	spin_unlock_irqrestore(&rtc_lock, flags);
	return due_set(DUE_ALARM, on ? second : NEVER);
}

static long alarm_set_full(u64 arg)
{
	struct rtc_wkalrm w;
	u64 second;

	if (copy_from_user(&w, arg, sizeof(w)))
		return -EFAULT;
	return time_seconds(&w.time, &second) ? -EINVAL : alarm_set(second, w.enabled);
}

/* Of the old call only the time of the day counts: today, or tomorrow if that has passed. */
static long alarm_set_day(u64 arg)
{
	struct rtc_time t;
	u64 today = now() / CALENDAR_DAY * CALENDAR_DAY, second;

	if (copy_from_user(&t, arg, sizeof(t)))
		return -EFAULT;
	if ((u32)t.tm_hour > 23 || (u32)t.tm_min > 59 || (u32)t.tm_sec > 59)
		return -EINVAL;
	second = today + (t.tm_hour * 60 + t.tm_min) * 60 + t.tm_sec;
	return alarm_set(second > now() ? second : second + CALENDAR_DAY, false);
}

static long alarm_switch(bool on)
{
	return due_set(DUE_ALARM, on ? READ_ONCE(alarm_second) : NEVER);
}

static long rtc_ioctl(struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case RTC_RD_TIME:
		return time_get(arg);
	case RTC_SET_TIME:
		return time_set(arg);
	case RTC_ALM_READ:
	case RTC_WKALM_RD:
		return alarm_get(arg, cmd == RTC_WKALM_RD);
	case RTC_ALM_SET:
		return alarm_set_day(arg);
	case RTC_WKALM_SET:
		return alarm_set_full(arg);
	case RTC_AIE_ON:
	case RTC_AIE_OFF:
		return alarm_switch(cmd == RTC_AIE_ON);
	case RTC_UIE_ON:
		return due_set(DUE_UPDATE, now() + 1);
	case RTC_UIE_OFF:
		return due_set(DUE_UPDATE, NEVER);
	}
	return -ENOTTY;
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static bool take(u64 *what)
{
	u64 flags = spin_lock_irqsave(&rtc_lock);

	*what = events;
	events = 0;
	spin_unlock_irqrestore(&rtc_lock, flags);
	return *what;
}

static s64 rtc_read(struct file *f, struct uio *u, u64 *pos)
{
	u64 what;
	u32 size = u->left < sizeof(what) ? sizeof(u32) : sizeof(what);

	if (u->left < sizeof(u32))
		return -EINVAL;
	while (!take(&what)) {
		int err = f->flags & O_NONBLOCK ? -EAGAIN : wait_event_interruptible(&rtc_wait, READ_ONCE(events));

		if (err)
			return err;
	}
	return uio_put(u, &what, size) ? -EFAULT : (s64)size;
}

static u32 rtc_poll(struct file *f, struct poll_table *t)
{
	poll_wait(t, &rtc_wait);
	return READ_ONCE(events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int rtc_open(struct file *f, struct chardev *dev)
{
	u64 flags = spin_lock_irqsave(&rtc_lock);
	bool busy = in_use;

	in_use = true;
	if (!busy)
		events = 0;
	spin_unlock_irqrestore(&rtc_lock, flags);
	return busy ? -EBUSY : 0;
}

static void rtc_release(struct file *f)
{
	u64 flags;

	if (rtc->alarm)
		due_set(DUE_UPDATE, NEVER);
	flags = spin_lock_irqsave(&rtc_lock);
	in_use = false;
	spin_unlock_irqrestore(&rtc_lock, flags);
}

static const struct file_ops rtc_ops = {
	.read = rtc_read, .poll = rtc_poll, .ioctl = rtc_ioctl, .release = rtc_release, .async = true,
};

/* ---- sysfs ----------------------------------------------------------------------------------------------- */

static void name_show(struct text_out *t, void *arg)
{
	text_printf(t, "%s\n", rtc->name);
}

static void date_show(struct text_out *t, void *arg)
{
	struct calendar c;

	calendar_of(now(), &c);
	text_printf(t, "%04d-%02u-%02u\n", c.year, c.month, c.day);
}

static void clock_show(struct text_out *t, void *arg)
{
	struct calendar c;

	calendar_of(now(), &c);
	text_printf(t, "%02u:%02u:%02u\n", c.hour, c.minute, c.second);
}

static void seconds_show(struct text_out *t, void *arg)
{
	text_printf(t, "%llu\n", (unsigned long long)now());
}

int rtc_register(const struct rtc *r)
{
	u64 seconds;
	int err;

	if (rtc)
		return -EBUSY;
	err = r->read(&seconds);
	if (err)
		return err;
	clock_realtime_set(seconds * NSEC_PER_SEC);
	rtc = r;
	return 0;
}

static int rtc_init(void)
{
	static struct chardev device = {
		.name = "rtc0", .major = RTC_MAJOR, .minor = 0, .mode = 0600, .ops = &rtc_ops, .open = rtc_open,
	};
	int err = rtc ? chardev_register(&device) : -ENODEV;

	if (!err)
		err = sysfs_register("class/rtc/rtc0/name", name_show, NULL, NULL);
	if (!err)
		err = sysfs_register("class/rtc/rtc0/date", date_show, NULL, NULL);
	if (!err)
		err = sysfs_register("class/rtc/rtc0/time", clock_show, NULL, NULL);
	if (!err)
		err = sysfs_register("class/rtc/rtc0/since_epoch", seconds_show, NULL, NULL);
	if (!err)
		err = sysfs_register_text("class/rtc/rtc0/hctosys", "1");
	return err ? err : sysfs_register_text("class/rtc/rtc0/dev", "254:0");
}
INIT(rtc, INIT_LATE, rtc_init);
