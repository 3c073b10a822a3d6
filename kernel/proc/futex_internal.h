/*
 * What futex.c and futex_pi.c share: names of words, and the buckets in which
 * sleepers hang.
 */
#pragma once
#include "arch/arm64/ucopy.h"
#include "proc/futex.h"
#include "sched/wait.h"

struct vm_object;

struct futex_key {
	const void *base;		/* object or space */
	u64 offset;
	struct vm_object *object;	/* referenced, or NULL */
};

struct futex_bucket {
	struct spinlock lock;		/* thread kind */
	struct list_node waiters;	/* futex_waiter.node; real-time threads first [lock] */
};

enum futex_grant { FUTEX_NOT_GRANTED, FUTEX_GRANTED, FUTEX_GRANTED_BY_DEATH };

struct futex_waiter {
	struct list_node node;		/* [its bucket's lock] */
	struct futex_bucket *bucket;	/* where it hangs; changed by requeue under both locks */
	struct futex_key key;		/* [bucket] */
	u32 bitset;
	struct thread *thread;
	u32 woken;			/* [a] set last by the waker, which does not touch the waiter afterwards */
	/* Of locks with priority inheritance alone (futex_pi.c): */
	u32 granted;			/* enum futex_grant: it has the lock [a, set under futex pi] */
	struct futex_pi *pi;		/* the lock it waits for [bucket] */
	struct list_node pi_node;	/* in pi->waiters [futex pi] */
	const struct futex_key *target;	/* FUTEX_WAIT_REQUEUE_PI: the lock that it is to be hung over to; else NULL */
};

/* The name of a word. 0, -EINVAL, -EFAULT. */
int futex_key_make(u64 address, bool shared, struct futex_key *k);
/* Of two words: both or none. */
int futex_keys_make(u64 a, u64 b, bool shared, struct futex_key *ka, struct futex_key *kb);
void futex_key_drop(struct futex_key *k);
static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}
struct futex_bucket *futex_bucket_of(const struct futex_key *k);
void futex_hang(struct futex_bucket *b, struct futex_waiter *w);		/* [b] */
/* Off b1 and into b2 under another name. Both locked. */
void futex_hang_over(struct futex_waiter *w, const struct futex_key *k, struct futex_bucket *b2);
/* Is it to be left alone by calls that know nothing of priority inheritance? */
static inline bool futex_is_pi(const struct futex_waiter *w) { return w->pi || w->target; }
struct futex_bucket *futex_bucket_lock(struct futex_waiter *w);	/* the one it hangs in, locked */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);
/* Look at the word and hang w: locked are the word's bucket alone, for a moment. 0, -EWOULDBLOCK, -EFAULT. */
int futex_hang_if(struct futex_waiter *w, u64 address, u32 expect);
/* Sleep until *flag is set: 0, -ETIMEDOUT, -ERESTARTSYS. */
int futex_sleep(const u32 *flag, u64 deadline);
/* Have the word's page brought in for writing. 0, -EFAULT. */
int futex_touch(u64 address);
