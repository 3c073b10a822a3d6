/*
 * Sending signals: set them pending, wake a thread that may take them. What a
 * signal does is proc/'s business (user_return).
 */
#pragma once
#include "sched/thread.h"

struct pid;

/* What a siginfo carries; proc/ writes it out in Linux's layout. */
struct signal_info {
	s32 signo, code, error;
	s32 pid; u32 uid;
	u64 address;		/* faults; si_ptr/si_int value */
	s32 status; u64 utime, stime;
	u32 timer_id; s32 overrun;
};

/* All: 0, -ESRCH, -EAGAIN (queue limit of real-time signals). info NULL: from the kernel. Any context. */
int signal_send_thread(struct thread *t, int signo, const struct signal_info *info);
int signal_send_process(struct process *p, int signo, const struct signal_info *info);
/* Every process of a group; pgid > 0. Any context but hard interrupts. */
int signal_send_group(s32 pgid, int signo, const struct signal_info *info);
/* SIGPIPE and the like, to the caller itself. */
void signal_send_self(int signo);
/* Is signo blocked or ignored by the caller (SIGTTIN/SIGTTOU rules)? Process context. */
bool signal_is_ignored_or_blocked(int signo);
