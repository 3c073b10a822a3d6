/*
 * Contexts and preemption. struct preempt is the first member of struct
 * thread, so that this floor can count without knowing threads. The count
 * holds three nested counters, as fields of one word, and beside it the
 * request to reschedule; both words are compared with zero at once.
 *
 * Owned by the running thread; other CPUs write need_resched only.
 */
#pragma once
#include "base/defs.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/current.h"

struct preempt {
	union {
		struct {
			u32 count;	/* PREEMPT_ONE, SOFTIRQ_ONE, HARDIRQ_ONE units */
			u32 no_resched;	/* 0: a reschedule is wanted; 1: none */
		};
		u64 both;		/* 0: preemptible and wanted */
	};
};

#define PREEMPT_ONE	1u
#define SOFTIRQ_SERVING	0x100u		/* a softirq runs */
#define SOFTIRQ_ONE	0x200u		/* kept off by local_bh_disable */
#define HARDIRQ_ONE	0x10000u
#define SOFTIRQ_MASK	0xff00u
#define HARDIRQ_MASK	0xf0000u

/* What the floors above register: see docs/floors.md. */
struct preempt_ops {
	void (*reschedule)(void);	/* sched: switch if something better is runnable; count is 0 */
	void (*softirq)(void);		/* sched/softirq: run what is pending; interrupts masked on entry and return */
};
extern struct preempt_ops preempt_ops;

static inline struct preempt *preempt_current(void) { return (struct preempt *)current(); }
static inline u32 preempt_count(void) { return preempt_current()->count; }
static inline bool in_hardirq(void) { return preempt_count() & HARDIRQ_MASK; }
static inline bool in_softirq(void) { return preempt_count() & SOFTIRQ_MASK; }
/* Running a softirq now, rather than merely keeping them off. */
static inline bool softirq_serving(void) { return preempt_count() & SOFTIRQ_SERVING; }
static inline bool in_atomic(void) { return preempt_count() != 0; }

static inline void preempt_disable(void)
{
	preempt_current()->count += PREEMPT_ONE;
	barrier();
}

static inline void preempt_enable_no_resched(void)
{
	barrier();
	preempt_current()->count -= PREEMPT_ONE;
}

static inline void preempt_enable(void)
{
	barrier();
	preempt_current()->count -= PREEMPT_ONE;
	if (unlikely(READ_ONCE(preempt_current()->both) == 0) && irqs_enabled())
		preempt_ops.reschedule();
}

static inline void local_bh_disable(void)
{
	preempt_current()->count += SOFTIRQ_ONE;
	barrier();
}

/* Runs softirqs that became pending meanwhile, then reschedules if wanted. Interrupts enabled. */
void local_bh_enable(void);
