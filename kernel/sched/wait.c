/*
 * Wait queues (wait.h). The order that loses no wake-up: the sleeper queues
 * itself and sets its state under the queue's lock, then looks at the
 * condition; the waker makes the condition true, then takes the lock.
 */
#include "sched/wait.h"
#include "base/errno.h"
#include "sched/timer.h"

void waiter_add(struct wait_queue *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (w->exclusive)
		list_push_back(&q->waiters, &w->node);
	else
		list_push_front(&q->waiters, &w->node);
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
	u64 kicks = 0;

	list_for_each_safe(w, next, &q->waiters, node) {
		bool took;

		if (w->wake)
			took = w->wake(w, events);
		else
			took = thread_wake_later(w->thread, &kicks);
		if (took && w->exclusive && !all)
			break;
	}
	if (likely(!kicks)) {
		spin_unlock_irqrestore(&q->lock, flags);
		return;
	}
	/* Threads of other CPUs: they will want the lock. Nothing comes in between, or they would wait for it. */
	preempt_disable();
	spin_unlock_irqrestore(&q->lock, flags);
	sched_kick(kicks);
	preempt_enable();
}

void wait_wake_all(struct wait_queue *q)
{
	wait_wake_events(q, 0, true);
}

void wait_wake_one(struct wait_queue *q)
{
	wait_wake_events(q, 0, false);
}

void wait_prepare(struct wait_queue *q, struct waiter *w, enum thread_state state)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (list_empty(&w->node)) {
		if (w->exclusive)
			list_push_back(&q->waiters, &w->node);
		else
			list_push_front(&q->waiters, &w->node);
	}
	thread_set_state(state);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_finish(struct wait_queue *q, struct waiter *w)
{
	thread_set_state(THREAD_RUNNABLE);
	/* Only this thread queues w; a waker leaves it queued, so the lock is always needed to take it off. */
	if (!list_empty(&w->node))
		waiter_remove(q, w);
}

struct sleep_timer { struct timer timer; struct thread *thread; };

static void sleep_timer_fire(struct timer *t)
{
	thread_wake(container_of(t, struct sleep_timer, timer)->thread);
}

int wait_sleep(enum thread_state state, u64 deadline)
{
	struct sleep_timer st;

	if (state == THREAD_SLEEPING && signal_pending())
		return -ERESTARTSYS;
	if (deadline == WAIT_FOREVER) {
		schedule();
		return 0;
	}
	if (clock_ns() >= deadline)
		return -ETIMEDOUT;
	timer_init(&st.timer, sleep_timer_fire);
	st.thread = current();
	timer_set(&st.timer, deadline);
	schedule();
	timer_cancel_sync(&st.timer);
	return 0;
}

int wait_until(u64 deadline)
{
	int r;

	do {
		thread_set_state(THREAD_SLEEPING);
		r = wait_sleep(THREAD_SLEEPING, deadline);
	} while (!r);
	thread_set_state(THREAD_RUNNABLE);
	return r == -ETIMEDOUT ? 0 : r;
}
