/*
 * timer_create(2): timers of a process that send it signals. Process context.
 */
#pragma once
#include "proc/process.h"
#include "sched/clock_timer.h"

enum posix_clock { POSIX_CLOCK_MONOTONIC, POSIX_CLOCK_REAL, POSIX_CLOCK_PROCESS_CPU, POSIX_CLOCK_THREAD_CPU };

struct posix_timer_event {
	enum posix_clock clock;
	struct thread *cpu_of;		/* POSIX_CLOCK_THREAD_CPU: whose time; borrowed */
	struct process *other;		/* POSIX_CLOCK_PROCESS_CPU: whose time, if not the caller's; borrowed */
	bool silent;			/* SIGEV_NONE */
	s32 signo;
	s32 tid;			/* SIGEV_THREAD_ID; 0: the process is signalled */
	bool value_is_id;		/* no value given: the signal carries the timer's number */
	u64 value;
};

/* The new timer's number; -EINVAL: tid is no thread of the process; -EAGAIN: RLIMIT_SIGPENDING, or no memory. */
s64 posix_timer_create(const struct posix_timer_event *ev);
/* All: -EINVAL: no such timer. Setting one on the CPU time of a process that has been waited for: -ESRCH. */
int posix_timer_set(s32 id, bool absolute, const struct timer_setting *fresh, struct timer_setting *old);
int posix_timer_get(s32 id, struct timer_setting *s);
s64 posix_timer_overrun(s32 id);	/* of the signal delivered last */
int posix_timer_delete(s32 id);
/* All of them: exec, exit. */
void posix_timers_end(struct process *p);
