/*
 * The only routines that touch user memory. Each checks that the range lies
 * in the user half, opens PAN for its own loads or stores alone, and turns a
 * fault that vm_fault cannot mend into -EFAULT. Process context; may sleep
 * (a fault may read a file): no spinlock is held.
 */
#pragma once
#include "base/defs.h"

#define USER_TOP	0x0001000000000000ull	/* first address past the user half */

/* True if [a, a+n) lies in the user half. */
static inline bool user_range_ok(u64 a, u64 n) { return n <= USER_TOP && a <= USER_TOP - n; }

/* 0, or -EFAULT; what was copied before the fault stays copied. */
must_check int copy_from_user(void *dst, u64 src, size_t n);
must_check int copy_to_user(u64 dst, const void *src, size_t n);
/* As above but returns the number of bytes that could NOT be copied (0: all). */
must_check size_t copy_from_user_partial(void *dst, u64 src, size_t n);
must_check size_t copy_to_user_partial(u64 dst, const void *src, size_t n);
must_check int clear_user(u64 dst, size_t n);
/* Length without the NUL; -EFAULT; -ENAMETOOLONG when no NUL lies in the first size bytes. */
must_check long copy_string_from_user(char *dst, u64 src, size_t size);
must_check int get_user_u32(u32 *dst, u64 src);
must_check int get_user_u64(u64 *dst, u64 src);
must_check int put_user_u32(u64 dst, u32 v);
must_check int put_user_u64(u64 dst, u64 v);
/* Atomic on a user word (futex): *old gets the word; stores new only if it equalled expect. -EFAULT. */
must_check int user_cmpxchg_u32(u64 addr, u32 expect, u32 new_value, u32 *old);
