/*
 * Where bytes of a read or write go: user memory (through ucopy) or the
 * kernel's, in one piece or scattered. Advances as it is used. Process
 * context for user memory; no spinlock held.
 */
#pragma once
#include "base/defs.h"

struct uio_seg {
	u64 base;		/* user address, or a kernel pointer */
	u64 len;
};

struct uio {
	const struct uio_seg *seg;	/* current segment; the array is the caller's */
	u64 done;			/* bytes used of *seg */
	size_t left;			/* bytes left in all */
	bool kernel;
	bool append;			/* a write of it goes to the file's end (RWF_APPEND) */
	struct uio_seg one;		/* storage for the plain case */
};

static inline void uio_user(struct uio *u, u64 base, size_t len)
{
	u->one = (struct uio_seg){ base, len };
	u->seg = &u->one;
	u->done = 0;
	u->left = len;
	u->kernel = u->append = false;
}

static inline void uio_kernel(struct uio *u, void *base, size_t len)
{
	uio_user(u, (u64)base, len);
	u->kernel = true;
}

/*
 * Out of the uio into dst / from src into the uio: 0, or -EFAULT (what went before stays advanced; by
 * uio_put to the byte). n <= left.
 */
must_check int uio_get(struct uio *u, void *dst, size_t n);
must_check int uio_put(struct uio *u, const void *src, size_t n);
must_check int uio_zero(struct uio *u, size_t n);	/* put n zeros */
void uio_skip(struct uio *u, size_t n);
/* Back by n bytes; only within what this uio already passed, single-segment uios. */
void uio_rewind(struct uio *u, size_t n);
