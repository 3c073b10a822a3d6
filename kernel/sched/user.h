/*
 * What each user has of the things that are limited for all its processes together (getrlimit(2)), by real user id.
 * A thread that lives counts for its user, a zombie as one until it is waited for: zombies take numbers and memory,
 * too.
 */
#pragma once
#include "base/defs.h"

enum user_count {
	USER_PROCESSES,			/* RLIMIT_NPROC: threads and zombies */
	USER_SIGNALS,			/* RLIMIT_SIGPENDING: those that wait in queues, and timers */
	USER_RIGHTS,			/* RLIMIT_NOFILE: descriptors on their way between processes */
	USER_PIPE_PAGES,		/* pipe-user-pages-soft: what the user's pipes may hold, full or not */
	USER_MQ_BYTES,			/* RLIMIT_MSGQUEUE */
	USER_WATCHES,			/* epoll/max_user_watches */
	USER_COUNTS,
};

/* All in any context. n more for uid, or false: it has `limit` already, or no memory. */
bool user_charge(u32 uid, enum user_count which, u64 n, u64 limit);
void user_release(u32 uid, enum user_count which, u64 n);
u64 user_has(u32 uid, enum user_count which);
