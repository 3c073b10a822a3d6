/*
 * setitimer(2): which is ITIMER_REAL, _VIRTUAL, _PROF; times in ns, 0: off. Process context.
 */
#pragma once
#include "proc/process.h"

void itimer_get(struct process *p, u32 which, u64 *left, u64 *interval);
void itimer_set(struct process *p, u32 which, u64 value, u64 interval);
