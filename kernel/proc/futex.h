/*
 * Sleeping on words of user memory. Process context. shared: the word may be known elsewhere under another address.
 * deadline: clock_ns() or WAIT_FOREVER.
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
void futex_init(void);
