/*
 * What the signal calls ask of proc/: actions, alternate stacks, the way back
 * from a handler, and calls that are to be gone on with. Process context.
 */
#pragma once
#include "arch/arm64/trap.h"
#include "sched/signal.h"

/* Linux's struct sigaction of the arm64 kernel. */
struct signal_action { u64 handler, flags, restorer, mask; };

/* sigaction(2); NULL: nothing to set, nobody wants the old one. 0, -EINVAL. */
int signal_action_set(u32 signo, const struct signal_action *new_action, struct signal_action *old);

/* rt_sigreturn(2): the frame becomes what the handler interrupted. 0; -EFAULT: what lies on the stack is no frame. */
int sigframe_pop(struct trap_frame *f);
/* The program's own fault, by force: SIGSEGV and the like to the calling thread. esr 0: none. */
void signal_fault(s32 signo, s32 code, u64 address, u64 esr);

/* sigaltstack(2), with the caller's stack pointer. 0, -EINVAL, -EPERM, -ENOMEM. */
struct altstack { u64 base; s32 flags; u64 size; };
void altstack_get(u64 sp, struct altstack *a);
int altstack_set(u64 sp, const struct altstack *a);

struct siginfo;
void siginfo_write(struct siginfo *out, const struct signal_info *info);

/* What an interrupted call with a time in it leaves behind: it returns -ERESTART_RESTARTBLOCK, and is gone on with by
 * fn. */
struct restart_block {
	s64 (*fn)(struct restart_block *);
	u64 a[6];
};
struct restart_block *restart_block_current(void);
