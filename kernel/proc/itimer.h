/*
 * Interval timers, and waiting for CPU time to be used.
 *
 * setitimer(2): which is ITIMER_REAL, _VIRTUAL, _PROF; times in ns, 0: off. Process context.
 */
#pragma once
#include "proc/process.h"

void itimer_get(struct process *p, u32 which, u64 *left, u64 *interval);
void itimer_set(struct process *p, u32 which, u64 value, u64 interval);

/*
 * Sleep until a process, or a thread of it, has used so much CPU time, in ns. 0, -ERESTARTSYS. Process context; the
 * caller holds p and of.
 */
int cpu_time_wait(struct process *p, struct thread *of, u64 until);
/* RLIMIT_CPU or RLIMIT_RTTIME of p was changed. */
void cpu_limit_changed(struct process *p);
