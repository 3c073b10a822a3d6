/*
 * What the files of sched/ share, and what the scheduler asks from above
 * (docs/floors.md). Others include thread.h.
 */
#pragma once
#include "sched/thread.h"

#define RT_PRIOS	100
#define SCHED_RR_POLICY	2	/* Linux's SCHED_RR */

struct sched_ops {
	void (*switch_space)(struct vm_space *s);	/* vm: load this user half, NULL: none. Interrupts masked */
	void (*kick_cpu)(u32 cpu);			/* irq: make another CPU look at its run queue: sched_kicked */
};
extern struct sched_ops sched_ops;

extern u64 threads_created;			/* [a] */

void sched_finish(void);
void sched_enqueue_new(struct thread *t);
void sched_init_cpu(u32 cpu, struct thread *idle);
void timer_kicked(void);			/* timer.c: another CPU armed one of ours. Hard interrupt */
u64 sched_timer_check(u64 now, bool user);
void thread_bury(struct thread *t);		/* frees the stack, drops the run reference. Interrupts masked */
/* timer.c: have a timer interrupt at this time at the latest. Interrupts masked. */
void timer_slice(u64 deadline_ns);
