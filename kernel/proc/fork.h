/*
 * Making threads and processes.
 */
#pragma once
#include "arch/arm64/trap.h"

struct clone_request {
	u64 flags;		/* CLONE_* */
	s32 exit_signal;	/* to the parent; 0: none */
	u64 stack;		/* the child's stack pointer; 0: where the parent's is */
	u64 parent_tid, child_tid, tls;
	u64 pidfd;		/* CLONE_PIDFD: user address for the descriptor */
};

/* clone(2). The child's number, or -EINVAL, -EPERM, -EAGAIN, -ENOMEM, -EFAULT, -ERESTARTNOINTR. Process context. */
s64 fork_clone(const struct clone_request *r, struct trap_frame *frame);
