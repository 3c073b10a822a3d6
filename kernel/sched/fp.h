/*
 * Whose FP/SIMD registers the CPU holds. A program's registers stay loaded
 * while kernel threads or idle run, and are only written back when another
 * program comes in: one that waits and is woken on the same CPU pays nothing. With
 * several CPUs they are written back at once, and only loading is spared.
 */
#pragma once
#include "arch/arm64/fp.h"
#include "sched/thread.h"

/* The scheduler is about to run a user thread. Interrupts masked. */
void fp_switch_in(struct thread *next);
/* Another CPU may run it next: its registers to memory. They stay loaded for when it comes back here. Interrupts
 * masked. */
void fp_switch_out(struct thread *prev);
/* The current thread's registers into current()->fp (fork, signal frames). Process context. */
void fp_flush(void);
/* current()->fp was changed (sigreturn, exec): load it. Process context. */
void fp_reload(void);
/* A user thread is going: its registers are worth nothing. Any context. */
void fp_forget(struct thread *t);
/* Zeroed state for a new user thread; NULL: no memory. */
struct fp_state *fp_state_new(void);
void fp_state_free(struct fp_state *s);
