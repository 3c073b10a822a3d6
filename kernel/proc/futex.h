/*
 * Sleeping on words of user memory. Process context. shared: the word may be known elsewhere under another address.
 * deadline: clock_ns(), CLOCK_REALTIME with WAIT_REALTIME (sched/clock_timer.h), or WAIT_FOREVER.
 */
#pragma once
#include "base/defs.h"

/* 0 woken; -EWOULDBLOCK the word is not `expect`; -ETIMEDOUT; -ERESTARTSYS; -EFAULT; -EINVAL. */
int futex_wait(u64 address, bool shared, u32 expect, u32 bitset, u64 deadline);
/* How many were woken, or -errno. */
int futex_wake(u64 address, bool shared, u32 count, u32 bitset);
/* Wake some, hang others over to the second word; expect NULL: whatever the word is. How many in all; -EAGAIN. */
int futex_requeue(u64 from, u64 to, bool shared, u32 wake, u32 requeue, const u32 *expect);
int futex_wake_op(u64 a1, u64 a2, bool shared, u32 wake1, u32 wake2, u32 op);
/* Until one of the words is woken: its index. -EWOULDBLOCK: one is not what it was to be; -ETIMEDOUT, -ERESTARTSYS,
 * -EFAULT, -EINVAL, -ENOMEM. */
struct futex_word { u64 address; u32 expect; bool shared; };
int futex_wait_many(const struct futex_word *words, u32 count, u64 deadline);

/*
 * Locks with priority inheritance (futex_pi.c): the word holds the owner's thread number.
 * 0 when the caller has it. -EDEADLK; -ESRCH, -EPERM: no thread that can own it; -EWOULDBLOCK (try_only), -ETIMEDOUT,
 * -ERESTARTNOINTR, -EFAULT, -EINVAL, -ENOMEM.
 */
int futex_lock_pi(u64 address, bool shared, u64 deadline, bool try_only);
int futex_unlock_pi(u64 address, bool shared);	/* 0, -EPERM: not the caller's; -EINVAL, -EFAULT */
/* Sleep on a word to be hung over to a lock by futex_requeue_pi, and wake with that lock held: 0. */
int futex_wait_requeue_pi(u64 address, bool shared, u32 expect, u64 deadline, u64 lock);
/* Give the lock to one waiter or hang it over, and hang over `requeue` more. How many in all, or -errno. */
int futex_requeue_pi(u64 from, u64 lock, bool shared, u32 wake, u32 requeue, u32 expect);
void futex_init(void);
