/*
 * User memory, range-checked (ucopy.h). The loops are in ucopy.S. An address
 * whose top byte is a tag is not accepted here: as on Linux without the tagged
 * address ABI.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"

size_t ucopy_in(void *dst, const void *user, size_t n);
size_t ucopy_out(void *user, const void *src, size_t n);
size_t ucopy_zero(void *user, size_t n);
long ucopy_string(char *dst, const char *user, size_t n);
int ucopy_cmpxchg(u32 *user, u32 expect, u32 new_value, u32 *old);

size_t copy_from_user_partial(void *dst, u64 src, size_t n)
{
	return user_range_ok(src, n) ? ucopy_in(dst, (const void *)src, n) : n;
}

size_t copy_to_user_partial(u64 dst, const void *src, size_t n)
{
	return user_range_ok(dst, n) ? ucopy_out((void *)dst, src, n) : n;
}

int copy_from_user(void *dst, u64 src, size_t n)
{
	return copy_from_user_partial(dst, src, n) ? -EFAULT : 0;
}

int copy_to_user(u64 dst, const void *src, size_t n)
{
	return copy_to_user_partial(dst, src, n) ? -EFAULT : 0;
}

int clear_user(u64 dst, size_t n)
{
	return !user_range_ok(dst, n) || ucopy_zero((void *)dst, n) ? -EFAULT : 0;
}

long copy_string_from_user(char *dst, u64 src, size_t size)
{
	size_t room = size;
	long n;

	if (src >= USER_TOP)
		return -EFAULT;
	if (room > USER_TOP - src)
		room = USER_TOP - src;
	n = ucopy_string(dst, (const char *)src, room);
	if (n < 0)
		return -EFAULT;
	if ((size_t)n == room)
		return room < size ? -EFAULT : -ENAMETOOLONG;
	return n;
}

int get_user_u32(u32 *dst, u64 src) { return copy_from_user(dst, src, 4); }
int get_user_u64(u64 *dst, u64 src) { return copy_from_user(dst, src, 8); }
int put_user_u32(u64 dst, u32 v) { return copy_to_user(dst, &v, 4); }
int put_user_u64(u64 dst, u64 v) { return copy_to_user(dst, &v, 8); }

int user_cmpxchg_u32(u64 addr, u32 expect, u32 new_value, u32 *old)
{
	if (!user_range_ok(addr, 4) || addr & 3)
		return -EFAULT;
	return ucopy_cmpxchg((u32 *)addr, expect, new_value, old) ? -EFAULT : 0;
}
