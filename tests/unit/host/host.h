/*
 * The machine that unit tests run the kernel's files on: one CPU, a clock that moves only when a
 * test (or a sleep) moves it, interrupts that a model raises, memory from malloc. What a test needs beyond the
 * kernel's own headers stands here. tests/unit/README.md says how it is used.
 */
#pragma once
#include <setjmp.h>
#include "base/defs.h"

/* ---- time (core/clock.c, sched/timer.c) ---- */

/*
 * Let ns pass: each timer that falls due on the way fires at its own time, in order, with the softirqs
 * and threads that it wakes run before the next.
 */
void host_clock_advance(u64 ns);
/* Run all that can run now (softirqs, woken threads, work, the idle hook) without time passing. */
void host_run(void);
/* Deadline of the next timer, ~0 when none is armed. */
u64 host_timer_next(void);

/* ---- interrupts (arch/arm64/cpu.c) ---- */

/*
 * A device raises an interrupt: fn(arg) runs in hard interrupt context at once, or when interrupts
 * are enabled again; softirqs run on the way out as in the kernel.
 */
void host_interrupt(void (*fn)(void *arg), void *arg);

/*
 * Device registers: accesses by mmio_* inside [base, base + size) go to the model. base may be anything, e.g. a
 * physical address that mmio_map is called with. Registers that belong to no model are plain memory.
 */
struct host_mmio {
	u64 base, size;
	u64 (*read)(void *arg, u64 offset, unsigned width);	/* width in bytes */
	void (*write)(void *arg, u64 offset, unsigned width, u64 value);
	void *arg;
	struct host_mmio *next;
};
void host_mmio_add(struct host_mmio *region);
void host_mmio_remove(struct host_mmio *region);

/* ---- threads (sched/thread.c) ---- */

/*
 * Called when nothing can run, before time is moved on for a sleeper: a peer or device model does its
 * part here. True if it did something.
 */
extern bool (*host_idle_hook)(void);
/* Signals that the kernel code sent to the current thread, by number. */
extern u32 host_signals_sent[65];
/* Interrupts from CPU to CPU that were handed on, by number. */
extern u32 host_ipis[16];

/* ---- memory (mm/slab.c, arch/arm64/ucopy.c) ---- */

/* The nth allocation from now fails, once (1: the next); 0: none does. */
void host_alloc_fail(u32 nth);
/* Objects and pages allocated by kernel code and not yet freed. */
u64 host_alloc_live(void);
/* Copies that touch user addresses [start, start + len) give -EFAULT; len 0: none does. User addresses are host pointers. */
void host_user_fault(const void *start, size_t len);

/* ---- log, panic, command line (core/) ---- */

/* Was a line with that text in it logged since the test began? UNIT_LOG=1 in the environment prints all lines. */
bool host_log_has(const char *text);
/* A word of the command line, as param_find sees it. */
void host_param_set(const char *name, const char *value);

/* The statement must panic; what it held (locks) is released. */
#define EXPECT_PANIC(statement)							\
	do {									\
		jmp_buf host_jump_;						\
										\
		if (!setjmp(host_jump_)) {					\
			host_panic_expect(&host_jump_);				\
			statement;						\
			host_panic_expect(NULL);				\
			unit_fail(__FILE__, __LINE__, "%s: no panic", #statement);	\
		}								\
	} while (0)
void host_panic_expect(jmp_buf *jump);

/* Called by unit.c around each test. */
void host_test_begin(void);
/* What the test left behind that no kernel code may: NULL, or words for it. */
const char *host_test_end(void);

/* Bytes of registers that were mapped and have been given back, in all. */
extern u64 host_unmapped;

/* ---- for the files of this folder ---- */

extern u64 host_clock;				/* ns */
extern bool host_irqs_masked;
struct thread;
extern __thread struct thread *host_current;
bool host_softirqs_pending(void);
void host_softirqs_run(void);			/* what is pending; interrupts masked */
bool host_softirqs_resume(void);		/* that, and what was left for the softirq thread; false: nothing */
void host_timer_run(void);			/* the timer softirq */
void host_timer_fire(void);			/* moves the clock to the next timer and fires it */
void host_log_clear(void);
bool host_alloc_refused(void);
void host_alloc_note(int change);
