/*
 * How many processes and threads each user has, for RLIMIT_NPROC (getrlimit(2)). A thread that lives counts for its real
 * user id, a zombie as one until it is waited for: zombies take numbers and memory, too.
 */
#pragma once
#include "base/defs.h"

/* All with pids_lock held. One more for uid; false: it has `limit` already, or no memory. */
bool nproc_add_locked(u32 uid, u64 limit);
void nproc_drop_locked(u32 uid);
bool nproc_reached_locked(u32 uid, u64 limit);
