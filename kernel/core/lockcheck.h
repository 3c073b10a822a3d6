/*
 * The lock checker of debug builds (CONFIG_LOCKCHECK). Each lock has a class;
 * the checker records in which contexts a class is taken and in which order
 * classes nest, and panics with both backtraces at the first use that could
 * deadlock: the same class twice, an order that closes a cycle, a lock that is
 * taken both in a softirq or interrupt and with them enabled, or sleeping with
 * a spin lock held.
 */
#pragma once
#include "base/defs.h"

#define LOCK_TRACE_DEPTH 12

struct lock_trace { u64 pc[LOCK_TRACE_DEPTH]; };

struct lock_edge {			/* this class was taken while `before` was held */
	struct lock_edge *next;		/* [checker lock] */
	struct lock_class *before;
	struct lock_trace trace;
};

struct lock_class {
	const char *name;
	bool sleeps;			/* a mutex */
	bool known;			/* [checker lock], like all below */
	u8 contexts;			/* LOCK_IN_*, LOCK_WITH_* seen */
	u8 mark;			/* of the cycle search */
	struct lock_edge *edges;
	struct lock_class *next;
	struct lock_trace context_trace[4]; /* first take in each context */
};

void lockcheck_take(struct lock_class *c, void *lock, void *pc, bool tried);
void lockcheck_drop(struct lock_class *c, void *lock);
/* About to sleep: no spin lock may be held. */
void lockcheck_sleep(void);
