/*
 * Waiting for what core announces (core_event.h). A line may be logged under
 * the scheduler's own locks, where nobody can be woken: the announcement only
 * raises a softirq, and has a timer interrupt come at once that runs it.
 * Without anybody waiting it does nothing.
 */
#include "sched/core_event.h"
#include "core/percpu.h"
#include "sched/clock_timer.h"
#include "sched/sched.h"
#include "sched/softirq.h"

struct wait_queue core_event_wait[CORE_EVENTS];
static u32 announced;			/* [a] bits of enum core_event that the softirq has not told yet */

static void announce(enum core_event e)
{
	u64 flags;

	/* The log's end or the seed before the look for waiters: pairs with wait_prepare. */
	atomic_fence();
	if (e != CORE_EVENT_CLOCK_SET && !wait_queue_active(&core_event_wait[e]))
		return;
	atomic_fetch_or(&announced, 1u << e);
	/* Both on one CPU. */
	flags = irq_save();
	softirq_raise(SOFTIRQ_TASK);
	timer_slice(0);
	irq_restore(flags);
}

static bool tell(void)
{
	u32 events = atomic_xchg(&announced, 0u);

	if (events & 1u << CORE_EVENT_CLOCK_SET)
		clock_timers_follow();
	for (u32 e = 0; e < CORE_EVENTS; e++)
		if (events & 1u << e)
			wait_wake_all(&core_event_wait[e]);
	return false;
}

void core_events_init(void)
{
	for (u32 e = 0; e < CORE_EVENTS; e++)
		wait_queue_init(&core_event_wait[e], "core events");
	clock_timers_init();
	softirq_register(SOFTIRQ_TASK, tell);
	core_event_ops.announce = announce;
}
