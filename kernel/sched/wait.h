/*
 * Waiting for an event. The condition is checked again after the thread is
 * queued and its state is set, so that a wake-up between the check and the
 * sleep is never lost: wait_wake takes the queue's lock after the waker made
 * the condition true, and pairs with the lock taken in wait_prepare.
 */
#pragma once
#include "sched/thread.h"
#include "core/clock.h"

struct wait_queue {
	struct spinlock lock;		/* irq kind */
	struct list_node waiters;	/* struct waiter.node [lock] */
};

struct waiter {
	struct list_node node;		/* [queue lock] */
	struct thread *thread;
	/* NULL: wake the thread. Else called instead, under the queue's lock, in the waker's context: no sleeping
	 * (poll and epoll). events are EPOLL* bits, 0 if the waker gave none. True if it consumed an exclusive wake. */
	bool (*wake)(struct waiter *w, u32 events);
	bool exclusive;
};

#define WAIT_QUEUE_INIT(q, nm) { .lock = SPINLOCK_INIT(nm), .waiters = LIST_INIT((q).waiters) }
#define wait_queue_init(q, nm) do { spin_init(&(q)->lock, nm); list_init(&(q)->waiters); } while (0)

#define WAIT_FOREVER	(~0ull)

/* Is anybody there? Without the lock: pair with a full barrier between making the condition true and this. */
static inline bool wait_queue_active(struct wait_queue *q) { return !list_empty(&q->waiters); }

void wait_wake_all(struct wait_queue *q);			/* any context */
void wait_wake_one(struct wait_queue *q);			/* one exclusive waiter and all the others */
void wait_wake_events(struct wait_queue *q, u32 events, bool all);

void waiter_add(struct wait_queue *q, struct waiter *w);
void waiter_remove(struct wait_queue *q, struct waiter *w);	/* harmless when not queued */

/* Pieces of wait_event: queue w and set the state; sleep until woken: 0, -ERESTARTSYS, -ETIMEDOUT; undo. */
void wait_prepare(struct wait_queue *q, struct waiter *w, enum thread_state state);
int wait_sleep(enum thread_state state, u64 deadline_ns);
void wait_finish(struct wait_queue *q, struct waiter *w);

#define wait_event_full(q, cond, state_, deadline, exclusive_) ({ \
	int wr_ = 0; \
	if (!(cond)) { \
		const u64 wd_ = (deadline); \
		struct waiter w_ = { .thread = current(), .exclusive = (exclusive_) }; \
		list_init(&w_.node); \
		for (;;) { \
			wait_prepare((q), &w_, (state_)); \
			if (cond) { \
				wr_ = 0; \
				break; \
			} \
			if (wr_) \
				break; \
			wr_ = wait_sleep((state_), wd_); \
		} \
		wait_finish((q), &w_); \
	} \
	wr_; })

/* Sleep until cond is true. Uninterruptible. */
#define wait_event(q, cond) ((void)wait_event_full(q, cond, THREAD_SLEEPING_DEEP, WAIT_FOREVER, false))
/* 0, or -ERESTARTSYS when a signal came first. */
#define wait_event_interruptible(q, cond) wait_event_full(q, cond, THREAD_SLEEPING, WAIT_FOREVER, false)
/* deadline: absolute clock_ns(), or WAIT_FOREVER; evaluated once. 0, -ERESTARTSYS, -ETIMEDOUT. */
#define wait_event_deadline(q, cond, deadline) wait_event_full(q, cond, THREAD_SLEEPING, deadline, false)
#define wait_event_exclusive(q, cond, deadline) wait_event_full(q, cond, THREAD_SLEEPING, deadline, true)
#define wait_event_uninterruptible(q, cond, deadline) wait_event_full(q, cond, THREAD_SLEEPING_DEEP, deadline, false)

/* Sleep until the deadline: 0 when it passed, or -ERESTARTSYS. */
int wait_until(u64 deadline_ns);
