/*
 * Wait queues and mutexes, by the rules of sched/wait.h; a sleep with nothing left to happen panics.
 */
#include "host.h"
#include "base/errno.h"
#include "core/panic.h"
#include "sched/mutex.h"
#include "sched/timer.h"
#include "sched/wait.h"

void waiter_add(struct wait_queue *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	list_push_back(&q->waiters, &w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

void waiter_remove(struct wait_queue *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	list_remove(&w->node);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_wake_events(struct wait_queue *q, u32 events, bool all)
{
	u64 flags = spin_lock_irqsave(&q->lock);
	struct waiter *w, *next;

	list_for_each_safe(w, next, &q->waiters, node) {
		bool woke = w->wake ? w->wake(w, events) : thread_wake(w->thread);

		if (woke && w->exclusive && !all)
			break;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_wake_all(struct wait_queue *q) { wait_wake_events(q, 0, true); }
void wait_wake_one(struct wait_queue *q) { wait_wake_events(q, 0, false); }

void wait_prepare(struct wait_queue *q, struct waiter *w, enum thread_state state)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (list_empty(&w->node))
		list_push_back(&q->waiters, &w->node);
	thread_set_state(state);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_finish(struct wait_queue *q, struct waiter *w)
{
	thread_set_state(THREAD_RUNNABLE);
	waiter_remove(q, w);
}

struct sleeper {
	struct timer timer;
	struct thread *thread;
	bool fired;
};

static void sleeper_wake(struct timer *t)
{
	struct sleeper *s = container_of(t, struct sleeper, timer);

	s->fired = true;
	thread_wake(s->thread);
}

int wait_sleep(enum thread_state state, u64 deadline_ns)
{
	struct sleeper s = { .thread = current() };

	if (in_atomic() || host_irqs_masked)
		panic("a thread sleeps with a lock held, or in an interrupt");
	if (state == THREAD_SLEEPING && signal_pending()) {
		thread_set_state(THREAD_RUNNABLE);
		return -ERESTARTSYS;
	}
	timer_init(&s.timer, sleeper_wake);
	if (deadline_ns != WAIT_FOREVER)
		timer_set(&s.timer, deadline_ns);
	schedule();
	timer_cancel(&s.timer);
	if (state == THREAD_SLEEPING && signal_pending())
		return -ERESTARTSYS;
	return s.fired ? -ETIMEDOUT : 0;
}

int wait_until(u64 deadline_ns)
{
	struct wait_queue q;
	int err;

	wait_queue_init(&q, "host.until");
	err = wait_event_deadline(&q, false, deadline_ns);
	return err == -ETIMEDOUT ? 0 : err;
}

void mutex_lock(struct mutex *m)
{
	if (in_atomic())
		panic("a mutex is taken with a spin lock held, or in an interrupt");
	if (m->owner == current())
		panic("a mutex is taken twice");
	wait_event(&m->waiters, !m->owner);
	m->owner = current();
}

int mutex_lock_interruptible(struct mutex *m)
{
	int err;

	if (in_atomic() || m->owner == current())
		panic("a mutex is taken twice, or in an interrupt");
	err = wait_event_interruptible(&m->waiters, !m->owner);
	if (!err)
		m->owner = current();
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = current();
	return true;
}

void mutex_unlock(struct mutex *m)
{
	if (m->owner != current())
		panic("a mutex is unlocked that its caller does not hold");
	m->owner = NULL;
	wait_wake_all(&m->waiters);
}
