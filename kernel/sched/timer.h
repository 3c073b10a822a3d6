/*
 * Timers: one ordered tree a CPU over the generic timer, tickless. Functions
 * run in softirq context. A timer that is re-armed often should be left armed
 * too early and re-arm itself when it fires: that costs nothing an event.
 */
#pragma once
#include "base/rbtree.h"
#include "core/spinlock.h"

struct timer {
	struct rb_node node;		/* [timer CPU's lock] */
	u64 deadline;			/* clock_ns() [same] */
	void (*fn)(struct timer *);
	u32 cpu;			/* whose tree, when armed [same] */
	u8 armed;			/* [same] */
};

void timer_init(struct timer *t, void (*fn)(struct timer *));
/* Arm, or move, to an absolute time in ns. True: it was armed; false: its function may be running, for the time before.
 * Any context. */
bool timer_set(struct timer *t, u64 deadline_ns);
/* Disarm: true if it was armed. Does not wait for a running function. Any context. */
bool timer_cancel(struct timer *t);
/* Disarm and wait until its function is not running anywhere. Not from the function itself; may spin briefly for
 * another CPU. */
void timer_cancel_sync(struct timer *t);
static inline bool timer_armed(struct timer *t) { return READ_ONCE(t->armed); }

/* The hardware under it, registered by drivers/timer: docs/floors.md. */
struct timer_hw {
	void (*set_next)(u64 deadline_ns);	/* one-shot interrupt on this CPU; ~0: none */
};
void timer_hw_register(const struct timer_hw *hw);
void timers_init(void);			/* boot, before the first timer */
void timers_start_cpu(void);		/* on it: its comparator is off. Interrupts masked */
void timers_init_cpu(u32 cpu);		/* before that CPU starts */
/* Called by the hardware's interrupt handler; user: it came upon a program. Hard interrupt context. */
void timer_interrupt(bool user);
