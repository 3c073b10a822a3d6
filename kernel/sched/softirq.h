/*
 * Work deferred out of interrupt handlers: runs on the way out of the
 * interrupt with interrupts enabled, on the CPU that raised it. Past its
 * share it goes on in a per-CPU thread, so that programs are not starved.
 */
#pragma once
#include "base/defs.h"

enum softirq { SOFTIRQ_TIMER, SOFTIRQ_NET, SOFTIRQ_TASK, SOFTIRQ_COUNT };

/* fn returns true if work is left: then the thread takes over. Boot only. */
void softirq_register(enum softirq nr, bool (*fn)(void));
/* Mark pending on this CPU. Any context; outside interrupts it runs at the next local_bh_enable or interrupt. */
void softirq_raise(enum softirq nr);
void softirq_init(void);			/* boot */
void softirq_threads_start(void);	/* boot, once threads run: before that, what is left over waits */
/* Another CPU's thread, before it starts. -ENOMEM. Process context. */
must_check int softirq_thread_new(u32 cpu);
void softirq_thread_run(u32 cpu);		/* once that CPU runs. Process context */
/* Runs what is pending; called by irq_dispatch on the way out (interrupts masked), see core/preempt.h. */
void softirq_run(void);

/* One piece of work in thread context (may sleep), in order, one at a time a queue. */
struct work {
	struct work *next;		/* [work lock] */
	void (*fn)(struct work *);
	bool queued;			/* [work lock] */
};
bool work_queue(struct work *w);	/* any context; queued twice runs once: true if this call queued it */
/* It does not run, and will not unless it is queued again: taken off the queue, or waited for. Process context, without
 * a lock that fn takes, and not from fn. */
void work_cancel(struct work *w);
