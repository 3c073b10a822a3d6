/*
 * Atomic words. Each name says its order: _relaxed none, otherwise a read is
 * an acquire, a write a release, a read-modify-write both. Plain C11 orders,
 * through the compiler's builtins, so that the same text runs on the host.
 */
#pragma once
#include "base/defs.h"

#define atomic_load(p)			__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_load_relaxed(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_store(p, v)		__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_store_relaxed(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_add(p, v)		__atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)
#define atomic_sub(p, v)		__atomic_sub_fetch((p), (v), __ATOMIC_ACQ_REL)
#define atomic_add_relaxed(p, v)	__atomic_add_fetch((p), (v), __ATOMIC_RELAXED)
#define atomic_fetch_or(p, v)		__atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define atomic_fetch_and(p, v)		__atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define atomic_xchg(p, v)		__atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

/* *p == old ? (*p = new, true) : false */
#define atomic_cas(p, old, new) ({ __typeof__(*(p)) old_ = (old); \
	__atomic_compare_exchange_n((p), &old_, (new), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); })

/* A full barrier between any two accesses of ordinary memory. */
#define atomic_fence()			__atomic_thread_fence(__ATOMIC_SEQ_CST)

/* References: get needs one already held; put says whether it dropped the last. */
static inline void ref_get(u32 *r) { atomic_add_relaxed(r, 1); }
static inline bool ref_put(u32 *r) { return atomic_sub(r, 1) == 0; }
/* For look-ups: false when the object is already dying. */
static inline bool ref_get_unless_zero(u32 *r)
{
	u32 v = atomic_load_relaxed(r);

	while (v)
		if (__atomic_compare_exchange_n(r, &v, v + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}
