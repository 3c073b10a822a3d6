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
 * Sleep until a thread of the caller's process (NULL: the process) has used so much CPU time, in ns. 0, -ERESTARTSYS.
 * Process context.
 */
int cpu_time_wait(struct thread *of, u64 until);
/* RLIMIT_CPU of p was changed. */
void cpu_limit_changed(struct process *p);
