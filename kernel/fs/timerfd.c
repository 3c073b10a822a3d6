/*
 * A timer to wait for, timerfd_create(2): a read gives how often it has
 * expired since the last. A repeating one is armed again by whoever takes what has
 * expired; poll sees the first expiry, and that is all that anybody needs to be woken for.
 */
#include <linux/timerfd.h>
#include "base/errno.h"
#include "fs/poll_events.h"
#include "fs/timerfd.h"
#include "mm/slab.h"

struct timerfd {
	struct clock_timer timer;	/* [lock] */
	struct wait_queue wait;
	struct spinlock lock;		/* irq kind */
	bool on_real;			/* which clock its absolute times are on [S] */
	bool armed;			/* it has a time, come or not [lock] */
	bool expired;			/* it has come, and the next is not armed yet [lock] */
	bool cancels;			/* TFD_TIMER_CANCEL_ON_SET [lock] */
	bool cancelled;			/* the clock was set [a] */
	u64 ticks;			/* expiries not read yet [lock] */
};

static const struct file_ops timerfd_ops;

static void expire(struct timer *t)
{
	struct timerfd *td = container_of(t, struct timerfd, timer.timer);
	u64 flags = spin_lock_irqsave(&td->lock);
	bool due = clock_timer_due(&td->timer);

	if (due) {
		td->expired = true;
		td->ticks++;
	}
	spin_unlock_irqrestore(&td->lock, flags);
	if (due)
		wait_wake_events(&td->wait, EPOLLIN, true);
}

static void clock_was_set(struct clock_timer *t)
{
	struct timerfd *td = container_of(t, struct timerfd, timer);

	if (READ_ONCE(td->cancels)) {
		atomic_store(&td->cancelled, true);
		wait_wake_events(&td->wait, EPOLLIN, true);
	}
}

/* Count what else has expired meanwhile, and have the next come. [lock] */
static void catch_up(struct timerfd *td)
{
	if (td->expired && td->timer.interval) {
		td->ticks += clock_timer_forward(&td->timer, clock_timer_now(&td->timer)) - 1;
		td->expired = false;
		clock_timer_arm(&td->timer);
	}
}

static bool readable(const struct timerfd *td)
{
	return READ_ONCE(td->ticks) || READ_ONCE(td->cancelled);
}

/* What a read gives, 0: nothing yet; or -ECANCELED. */
static s64 take(struct timerfd *td)
{
	u64 flags = spin_lock_irqsave(&td->lock);
	s64 n;

	if (td->ticks)
		catch_up(td);
	n = td->ticks;
	if (td->cancels && atomic_xchg(&td->cancelled, false))
		n = -ECANCELED;
	td->ticks = 0;
	spin_unlock_irqrestore(&td->lock, flags);
	return n;
}

static s64 timerfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct timerfd *td = f->priv;
	s64 n;
	int err;

	if (u->left < sizeof(n))
		return -EINVAL;
	while (!(n = take(td))) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&td->wait, readable(td));
		if (err)
			return err;
	}
	if (n < 0)
		return n;
	return uio_put(u, &n, sizeof(n)) ? -EFAULT : (s64)sizeof(n);
}

static u32 timerfd_poll(struct file *f, struct poll_table *t)
{
	struct timerfd *td = f->priv;

	poll_wait(t, &td->wait);
	return readable(td) ? EPOLLIN : 0;
}

/* [lock] */
static void setting_read(struct timerfd *td, struct timer_setting *s)
{
	u64 now;

	catch_up(td);
	now = clock_timer_now(&td->timer);
	*s = (struct timer_setting){ .interval = td->timer.interval };
	if (td->armed && !td->expired)
		s->value = td->timer.expires > now ? td->timer.expires - now : 1;
}

int timerfd_get(struct file *f, struct timer_setting *s)
{
	struct timerfd *td = f->priv;
	u64 flags;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	flags = spin_lock_irqsave(&td->lock);
	setting_read(td, s);
	spin_unlock_irqrestore(&td->lock, flags);
	return 0;
}

int timerfd_set(struct file *f, u32 how, const struct timer_setting *fresh, struct timer_setting *old)
{
	struct timerfd *td = f->priv;
	bool absolute = how & TFD_TIMER_ABSTIME;
	int err = 0;
	u64 flags;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	flags = spin_lock_irqsave(&td->lock);
	setting_read(td, old);
	clock_timer_disarm(&td->timer);
	td->timer.real = td->on_real && absolute;
	td->timer.interval = fresh->interval;
	td->timer.expires = fresh->value;
	if (!absolute && __builtin_add_overflow(fresh->value, clock_ns(), &td->timer.expires))
		td->timer.expires = CLOCK_TIMER_NEVER;
	td->expired = false;
	td->ticks = 0;
	WRITE_ONCE(td->cancels, td->timer.real && (how & TFD_TIMER_CANCEL_ON_SET));
	td->armed = fresh->value;
	if (td->armed)
		clock_timer_arm(&td->timer);
	if (td->cancels && atomic_xchg(&td->cancelled, false))
		err = -ECANCELED;
	else if (!td->cancels)
		atomic_store(&td->cancelled, false);
	spin_unlock_irqrestore(&td->lock, flags);
	return err;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *td = f->priv;

	clock_timer_end(&td->timer);
	kfree(td);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.kind = "anon_inode:[timerfd]",
};

struct file *timerfd_new(bool real, u32 flags)
{
	struct timerfd *td = kzalloc(sizeof(*td));
	struct file *f;

	if (!td)
		return NULL;
	clock_timer_init(&td->timer, expire);
	td->timer.clock_set = clock_was_set;
	wait_queue_init(&td->wait, "timerfd");
	spin_init(&td->lock, "timerfd");
	td->on_real = real;
	f = file_new_anonymous(&timerfd_ops, td, O_RDWR | (flags & O_NONBLOCK));
	if (!f)
		kfree(td);
	return f;
}
