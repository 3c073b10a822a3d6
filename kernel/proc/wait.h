/*
 * Waiting for children.
 */
#pragma once
#include "proc/process.h"

/* which: P_PID, P_PGID, P_ALL, P_PIDFD; process: for the last, borrowed; options: WNOHANG, WEXITED, ... */
struct wait_request { s32 which; s32 id; u32 options; struct process *process; };
struct wait_result {
	s32 pid;
	u32 uid;
	s32 code;			/* CLD_* */
	u32 status;			/* exit code or signal */
	u32 raw_status;			/* wait4's form */
	struct process_usage usage;
};

/* The child's number and *out; 0: WNOHANG, and nothing yet; -ECHILD, -ERESTARTSYS. Process context. */
s32 process_wait(const struct wait_request *r, struct wait_result *out);
