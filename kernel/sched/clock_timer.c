/*
 * Timers on a clock (clock_timer.h), over the timers of timer.c, which know
 * the time since boot only. Those that stand on CLOCK_REALTIME are in a list;
 * when the clock is set each is given its new moment.
 *
 * Locking: the owner's lock, follow_lock, the timers' lock. The walk of the
 * list needs no owner's lock: expires and real change only while the timer is
 * not in it.
 */
#include "sched/clock_timer.h"
#include "base/errno.h"
#include "core/clock.h"

static struct spinlock follow_lock;	/* irq kind */
static struct list_node followers = LIST_INIT(followers); /* [follow_lock] */

void clock_timer_init(struct clock_timer *t, void (*fn)(struct timer *))
{
	timer_init(&t->timer, fn);
	list_init(&t->node);
	t->expires = t->interval = 0;
	t->real = t->waiting = false;
	t->clock_set = NULL;
}

u64 clock_timer_now(const struct clock_timer *t)
{
	return t->real ? clock_realtime_ns() : clock_ns();
}

static void hardware_set(struct clock_timer *t)
{
	if (t->expires < CLOCK_TIMER_NEVER)
		timer_set(&t->timer, t->real ? clock_from_realtime(t->expires) : t->expires);
	else
		timer_cancel(&t->timer);
}

void clock_timer_arm(struct clock_timer *t)
{
	u64 flags = spin_lock_irqsave(&follow_lock);

	t->waiting = true;
	if (t->real && list_empty(&t->node))
		list_push_back(&followers, &t->node);
	hardware_set(t);
	spin_unlock_irqrestore(&follow_lock, flags);
}

static void unfollow(struct clock_timer *t)
{
	u64 flags = spin_lock_irqsave(&follow_lock);

	t->waiting = false;
	list_remove(&t->node);
	spin_unlock_irqrestore(&follow_lock, flags);
}

void clock_timer_disarm(struct clock_timer *t)
{
	unfollow(t);
	timer_cancel(&t->timer);
}

void clock_timer_end(struct clock_timer *t)
{
	unfollow(t);
	timer_cancel_sync(&t->timer);
}

bool clock_timer_due(struct clock_timer *t)
{
	u64 flags = spin_lock_irqsave(&follow_lock);
	bool due = t->waiting && t->expires <= clock_timer_now(t);

	if (due)
		t->waiting = false;
	else if (t->waiting)
		hardware_set(t);
	spin_unlock_irqrestore(&follow_lock, flags);
	return due;
}

u64 clock_timer_forward(struct clock_timer *t, u64 now)
{
	u64 n = now > t->expires ? (now - t->expires) / t->interval + 1 : 1;

	/* Past the end of time it stays there. */
	if (__builtin_mul_overflow(n, t->interval, &now) || __builtin_add_overflow(t->expires, now, &t->expires))
		t->expires = CLOCK_TIMER_NEVER;
	return n;
}

void clock_timers_follow(void)
{
	u64 flags = spin_lock_irqsave(&follow_lock);
	struct clock_timer *t;

	list_for_each(t, &followers, node) {
		if (t->clock_set)
			t->clock_set(t);
		if (t->waiting)
			hardware_set(t);
	}
	spin_unlock_irqrestore(&follow_lock, flags);
}

/* ---- sleeping ---- */

struct sleeper { struct clock_timer timer; struct thread *thread; };

static void sleeper_fired(struct timer *t)
{
	thread_wake(container_of(t, struct sleeper, timer.timer)->thread);
}

int clock_sleep(enum thread_state state, u64 deadline)
{
	struct sleeper s = { .thread = current() };
	int r = -ETIMEDOUT;

	if (deadline == WAIT_FOREVER || !(deadline & WAIT_REALTIME))
		return wait_sleep(state, deadline);
	clock_timer_init(&s.timer, sleeper_fired);
	s.timer.real = true;
	s.timer.expires = deadline & ~WAIT_REALTIME;
	clock_timer_arm(&s.timer);
	if (!clock_timer_due(&s.timer))
		r = wait_sleep(state, WAIT_FOREVER);
	clock_timer_end(&s.timer);
	return r;
}

int clock_realtime_wait(u64 ns)
{
	u64 deadline = ns < CLOCK_TIMER_NEVER ? ns | WAIT_REALTIME : WAIT_FOREVER;
	int r;

	do {
		thread_set_state(THREAD_SLEEPING);
		r = clock_sleep(THREAD_SLEEPING, deadline);
	} while (!r);
	thread_set_state(THREAD_RUNNABLE);
	return r == -ETIMEDOUT ? 0 : r;
}

void clock_timers_init(void)
{
	spin_init(&follow_lock, "clock timers");
}
