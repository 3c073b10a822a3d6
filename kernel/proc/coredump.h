/*
 * Core dumps: coredump.c tells how they come about.
 */
#pragma once
#include "base/defs.h"

struct process; struct signal_info;

#define CORE_FILTER_DEFAULT	0x33u	/* what Linux writes unless told: coredump_filter, core(5) */

/*
 * A signal whose default action is to dump ends the current process: write the core file if it is wanted, and note that
 * in the status. The process is ending after that, or the caller is to end it. Process context, no lock; long.
 */
void coredump(const struct signal_info *info);
/* The current thread ends: if its process is being dumped, not before that is done. Process context. */
void coredump_join(struct process *p);
/* SIGKILL for a process that is ending: an end to the dump if there is one, and that is how it ended. [s] held. */
void coredump_kill_locked(struct process *p, u32 status);
