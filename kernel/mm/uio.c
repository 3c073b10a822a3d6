/*
 * Moving bytes between the kernel and a uio's segments (uio.h).
 */
#include "mm/uio.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"

/* The current segment's next piece of at most n bytes. */
static inline size_t piece(struct uio *u, size_t n, u64 *at)
{
	while (u->done == u->seg->len) {
		u->seg++;
		u->done = 0;
	}
	*at = u->seg->base + u->done;
	return MIN(n, (size_t)(u->seg->len - u->done));
}

static inline void advance(struct uio *u, size_t n)
{
	u->done += n;
	u->left -= n;
}

int uio_get(struct uio *u, void *dst, size_t n)
{
	while (n) {
		u64 at;
		size_t k = piece(u, n, &at);

		if (u->kernel)
			memcpy(dst, (const void *)at, k);
		else if (copy_from_user(dst, at, k)) {
			/* What lies in front of the next page may be there. */
			k = PAGE_SIZE - (at & PAGE_MASK) < k ? PAGE_SIZE - (at & PAGE_MASK) : 0;
			if (k && !copy_from_user(dst, at, k))
				advance(u, k);
			return -EFAULT;
		}
		advance(u, k);
		dst = (char *)dst + k;
		n -= k;
	}
	return 0;
}

int uio_put(struct uio *u, const void *src, size_t n)
{
	while (n) {
		u64 at;
		size_t k = piece(u, n, &at), bad = 0;

		if (u->kernel)
			memcpy((void *)at, src, k);
		else
			bad = copy_to_user_partial(at, src, k);
		advance(u, k - bad);
		if (bad)
			return -EFAULT;
		src = (const char *)src + k;
		n -= k;
	}
	return 0;
}

int uio_zero(struct uio *u, size_t n)
{
	while (n) {
		u64 at;
		size_t k = piece(u, n, &at);

		if (u->kernel)
			memset((void *)at, 0, k);
		else if (clear_user(at, k))
			return -EFAULT;
		advance(u, k);
		n -= k;
	}
	return 0;
}

void uio_skip(struct uio *u, size_t n)
{
	while (n) {
		u64 at;
		size_t k = piece(u, n, &at);

		advance(u, k);
		n -= k;
	}
}

void uio_rewind(struct uio *u, size_t n)
{
	u->done -= n;
	u->left += n;
}
