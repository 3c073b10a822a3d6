/*
 * The running thread: sched/thread.c of this folder gives each host thread its struct.
 */
#pragma once
struct thread;
extern __thread struct thread *host_current;

static inline struct thread *current(void)
{
	return host_current;
}
