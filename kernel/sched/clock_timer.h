/*
 * Timers as programs set them: on a clock, once or again and again
 * (timer_create(2), timerfd_create(2), clock_nanosleep(2)). One on
 * CLOCK_REALTIME follows when that is set. Lock key: [o] a lock of the owner's.
 *
 * A repeating timer is not armed again by itself: whoever takes what has
 * expired (a read, a signal's delivery) asks how many times that was and arms it, so that
 * no interval is too short.
 */
#pragma once
#include "base/list.h"
#include "sched/timer.h"
#include "sched/wait.h"

#define CLOCK_TIMER_NEVER	(~0ull >> 1)	/* an expiry from which on nothing fires: 292 years */

/* What programs set and see: ns until it expires, 0: not armed; and between expiries, 0: once. */
struct timer_setting { u64 value, interval; };

struct clock_timer {
	struct timer timer;
	u64 expires;			/* ns on its clock: of the last arming, moved on by forward [o] */
	u64 interval;			/* ns; 0: once [o] */
	bool real;			/* on CLOCK_REALTIME, else on CLOCK_MONOTONIC [o, while not armed] */
	bool waiting;			/* armed and not due yet [follow_lock] */
	struct list_node node;		/* of those that follow CLOCK_REALTIME [follow_lock] */
	void (*clock_set)(struct clock_timer *); /* NULL, or told of each setting; any context, no lock of the owner's */
};

/* fn runs in softirq context without locks; it takes the owner's and begins with clock_timer_due. */
void clock_timer_init(struct clock_timer *t, void (*fn)(struct timer *));
/* Fire at t->expires; it must not be armed. [o] held. */
void clock_timer_arm(struct clock_timer *t);
/* Fire no more, and hear no more of settings. Does not wait for fn. [o] held. */
void clock_timer_disarm(struct clock_timer *t);
/* The same, and fn is running nowhere any more. Without locks. */
void clock_timer_end(struct clock_timer *t);
/* In fn: true if it is time; if not (the clock was set back) it is armed again. [o] held. */
bool clock_timer_due(struct clock_timer *t);
u64 clock_timer_now(const struct clock_timer *t);
/* Move expires past now by whole intervals, at least one: how many. interval is not 0. [o] held. */
u64 clock_timer_forward(struct clock_timer *t, u64 now);
/* Sleep until CLOCK_REALTIME shows ns. 0, -ERESTARTSYS. Process context. */
int clock_realtime_wait(u64 ns);

#define WAIT_REALTIME	(1ull << 63)
/* wait_sleep, of whose deadlines one with WAIT_REALTIME (and not WAIT_FOREVER) is a moment of CLOCK_REALTIME. */
int clock_sleep(enum thread_state state, u64 deadline);

void clock_timers_init(void);
void clock_timers_follow(void);		/* the clock was set */
