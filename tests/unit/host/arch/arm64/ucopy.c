/*
 * User memory: a user address is a host pointer. One range can be made to fault.
 */
#include <string.h>
#include "host.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "core/panic.h"
#include "core/preempt.h"

static u64 fault_start, fault_len;

void host_user_fault(const void *start, size_t len)
{
	fault_start = (u64)start;
	fault_len = len;
}

/* How many of n bytes at a can be touched. A fault may sleep, so no spin lock may be held. */
static size_t reachable(u64 a, size_t n)
{
	if (in_atomic() || host_irqs_masked)
		panic("user memory is touched with a lock held, or in an interrupt");
	if (!user_range_ok(a, n))
		return 0;
	if (a >= fault_start && a - fault_start < fault_len)
		return 0;
	return a < fault_start && fault_len && n > fault_start - a ? fault_start - a : n;
}

size_t copy_from_user_partial(void *dst, u64 src, size_t n)
{
	size_t k = reachable(src, n);

	memcpy(dst, (const void *)src, k);
	return n - k;
}

size_t copy_to_user_partial(u64 dst, const void *src, size_t n)
{
	size_t k = reachable(dst, n);

	memcpy((void *)dst, src, k);
	return n - k;
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
	size_t k = reachable(dst, n);

	memset((void *)dst, 0, k);
	return k < n ? -EFAULT : 0;
}

long copy_string_from_user(char *dst, u64 src, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (copy_from_user(dst + i, src + i, 1))
			return -EFAULT;
		if (!dst[i])
			return i;
	}
	return -ENAMETOOLONG;
}

int get_user_u32(u32 *dst, u64 src) { return copy_from_user(dst, src, sizeof(*dst)); }
int get_user_u64(u64 *dst, u64 src) { return copy_from_user(dst, src, sizeof(*dst)); }
int put_user_u32(u64 dst, u32 v) { return copy_to_user(dst, &v, sizeof(v)); }
int put_user_u64(u64 dst, u64 v) { return copy_to_user(dst, &v, sizeof(v)); }

int user_cmpxchg_u32(u64 addr, u32 expect, u32 new_value, u32 *old)
{
	int err = get_user_u32(old, addr);

	return err || *old != expect ? err : put_user_u32(addr, new_value);
}
