/*
 * Sleeping locks (mutex.h). A free mutex is taken by one compare-and-swap; a
 * taken one queues the comer, and unlock hands it to the longest waiter by
 * waking it: whoever comes between may take it first, the woken one waits on.
 */
#include "sched/mutex.h"
#include "base/errno.h"
#ifdef CONFIG_LOCKCHECK
#define note_take(m, tried) lockcheck_take((m)->class, (m), __builtin_return_address(0), tried)
#define note_drop(m) lockcheck_drop((m)->class, (m))
#else
#define note_take(m, tried) ((void)0)
#define note_drop(m) ((void)0)
#endif

static inline bool take(struct mutex *m)
{
	return atomic_cas(&m->owner, (struct thread *)NULL, current());
}

void mutex_lock(struct mutex *m)
{
	note_take(m, false);
	if (likely(take(m)))
		return;
	(void)wait_event_full(&m->waiters, take(m), THREAD_SLEEPING_DEEP, WAIT_FOREVER, true);
}

int mutex_lock_interruptible(struct mutex *m)
{
	int r;

	note_take(m, false);
	if (likely(take(m)))
		return 0;
	r = wait_event_full(&m->waiters, take(m), THREAD_SLEEPING, WAIT_FOREVER, true);
	if (r) {
		note_drop(m);
		/* The wake-up that this thread may have used up goes to the next. */
		wait_wake_one(&m->waiters);
	}
	return r;
}

bool mutex_trylock(struct mutex *m)
{
	if (!take(m))
		return false;
	note_take(m, true);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	note_drop(m);
	atomic_store(&m->owner, (struct thread *)NULL);
	/* The store before the look: pairs with wait_prepare's lock and the take() behind it. */
	atomic_fence();
	if (unlikely(wait_queue_active(&m->waiters)))
		wait_wake_one(&m->waiters);
}
