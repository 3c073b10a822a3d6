/*
 * Futexes (futex(2)): threads that sleep on a word of memory. A word is named
 * by its place in the object for shared mappings, by space and address for
 * private ones; sleepers hang in a hash of buckets by that name.
 *
 * WAIT looks at the word under the bucket's lock, and WAKE takes that lock
 * after the word was changed: so a change between look and sleep is never
 * missed. Under the lock a fault is not answered (the copy fails at once);
 * the word is then touched without the lock and the look repeated.
 */
#include <linux/futex.h>
#include "proc/futex.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/hash.h"
#include "core/clock.h"
#include "proc/internal.h"
#include "vm/vm_space.h"

struct futex_key {
	const void *base;		/* object or space */
	u64 offset;
	struct vm_object *object;	/* referenced, or NULL */
};

struct bucket {
	struct spinlock lock;		/* thread kind */
	struct list_node waiters;	/* [lock] */
};

struct futex_waiter {
	struct list_node node;		/* [its bucket's lock] */
	struct bucket *bucket;		/* where it hangs; changed by requeue under both locks */
	struct futex_key key;		/* [bucket] */
	u32 bitset;
	struct thread *thread;
	bool woken;			/* [a] set last by the waker, which does not touch the waiter afterwards */
};

#define BUCKETS 256
static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex");
		list_init(&buckets[i].waiters);
	}
}

/* ---- names ---- */

static int key_make(u64 address, bool shared, struct futex_key *k)
{
	struct vm_space *s = current()->space;
	int err;

	if (address & 3)
		return -EINVAL;
	if (!s || !user_range_ok(address, 4))
		return -EFAULT;
	k->object = NULL;
	k->offset = address;
	k->base = s;
	if (!shared)
		return 0;
	err = vm_futex_key(s, address, &k->object, &k->offset);
	if (k->object)
		k->base = k->object;
	return err;
}

static void key_drop(struct futex_key *k)
{
	if (k->object)
		vm_object_put(k->object);
}

static inline bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->base == b->base && a->offset == b->offset;
}

static struct bucket *bucket_of(const struct futex_key *k)
{
	return &buckets[hash_u64((u64)k->base ^ k->offset << 20 ^ k->offset >> 2) % BUCKETS];
}

/* ---- waking ---- */

/* Unhook and wake. The waiter's memory may be gone as soon as woken is set. */
static void waiter_wake(struct futex_waiter *w)
{
	struct thread *t = w->thread;

	thread_get(t);
	list_remove(&w->node);
	atomic_store(&w->woken, true);
	thread_wake(t);
	thread_put(t);
}

static int wake_locked(struct bucket *b, const struct futex_key *k, u32 count, u32 bitset)
{
	struct futex_waiter *w, *next;
	int woken = 0;

	list_for_each_safe(w, next, &b->waiters, node) {
		if ((u32)woken >= count)
			break;
		if (key_equal(&w->key, k) && (w->bitset & bitset)) {
			waiter_wake(w);
			woken++;
		}
	}
	return woken;
}

int futex_wake(u64 address, bool shared, u32 count, u32 bitset)
{
	struct futex_key k;
	struct bucket *b;
	int r;

	if (!bitset)
		return -EINVAL;
	r = key_make(address, shared, &k);
	if (r)
		return r;
	b = bucket_of(&k);
	spin_lock(&b->lock);
	r = wake_locked(b, &k, count, bitset);
	spin_unlock(&b->lock);
	key_drop(&k);
	return r;
}

/* ---- waiting ---- */

/* Off whatever bucket it hangs in; false: a waker was quicker. */
static bool waiter_leave(struct futex_waiter *w)
{
	for (;;) {
		struct bucket *b = atomic_load(&w->bucket);
		bool hung;

		spin_lock(&b->lock);
		if (b != w->bucket) {	/* requeued meanwhile */
			spin_unlock(&b->lock);
			continue;
		}
		hung = !w->woken;
		if (hung)
			list_remove(&w->node);
		spin_unlock(&b->lock);
		return hung;
	}
}

int futex_wait(u64 address, bool shared, u32 expect, u32 bitset, u64 deadline)
{
	struct futex_waiter w = { .bitset = bitset, .thread = current() };
	struct bucket *b;
	u32 value;
	int r;

	if (!bitset)
		return -EINVAL;
	r = key_make(address, shared, &w.key);
	if (r)
		return r;
	b = bucket_of(&w.key);
	for (;;) {
		spin_lock(&b->lock);
		r = get_user_u32(&value, address);
		if (!r)
			break;
		spin_unlock(&b->lock);
		r = get_user_u32(&value, address);
		if (r)
			goto out;
	}
	if (value != expect) {
		spin_unlock(&b->lock);
		r = -EWOULDBLOCK;
		goto out;
	}
	w.bucket = b;
	list_push_back(&b->waiters, &w.node);
	spin_unlock(&b->lock);

	for (;;) {
		thread_set_state(THREAD_SLEEPING);
		r = 0;
		if (atomic_load(&w.woken))
			break;
		r = wait_sleep(THREAD_SLEEPING, deadline);
		if (r)
			break;
	}
	thread_set_state(THREAD_RUNNABLE);
	/* A wake-up that came with the time-out or the signal counts: it must not be lost. */
	if (r && !waiter_leave(&w))
		r = 0;
out:
	key_drop(&w.key);
	return r;
}

/* ---- two words ---- */

/* Both buckets: the second only if it is free, so that two of these can't wait for one another. */
static void lock_two(struct bucket *a, struct bucket *b)
{
	for (;;) {
		spin_lock(&a->lock);
		if (a == b || spin_trylock(&b->lock))
			return;
		spin_unlock(&a->lock);
		cpu_relax();
	}
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

int futex_requeue(u64 from, u64 to, bool shared, u32 wake, u32 requeue, const u32 *expect)
{
	struct futex_key k1, k2;
	struct futex_waiter *w, *next;
	struct bucket *b1, *b2;
	u32 value;
	int r, done;

	if ((s32)wake < 0 || (s32)requeue < 0)
		return -EINVAL;
	r = key_make(from, shared, &k1);
	if (r)
		return r;
	r = key_make(to, shared, &k2);
	if (r) {
		key_drop(&k1);
		return r;
	}
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	for (;;) {
		lock_two(b1, b2);
		r = expect ? get_user_u32(&value, from) : 0;
		if (!r)
			break;
		unlock_two(b1, b2);
		r = get_user_u32(&value, from);
		if (r)
			goto out;
	}
	if (expect && value != *expect) {
		unlock_two(b1, b2);
		r = -EAGAIN;
		goto out;
	}
	done = wake_locked(b1, &k1, wake, FUTEX_BITSET_MATCH_ANY);
	list_for_each_safe(w, next, &b1->waiters, node) {
		if (!requeue)
			break;
		if (!key_equal(&w->key, &k1))
			continue;
		requeue--;
		done++;
		if (key_equal(&k1, &k2))
			continue;
		/* k1 holds the same object: this is never the last reference, and nothing sleeps. */
		key_drop(&w->key);
		if (k2.object)
			vm_object_get(k2.object);
		w->key = k2;
		list_remove(&w->node);
		list_push_back(&b2->waiters, &w->node);
		atomic_store(&w->bucket, b2);
	}
	unlock_two(b1, b2);
	r = done;
out:
	key_drop(&k1);
	key_drop(&k2);
	return r;
}

/* The operation of FUTEX_WAKE_OP on the second word: its old value, or -EFAULT, -ENOSYS. */
static int op_apply(u64 address, u32 op, u32 *old)
{
	u32 arg = (s32)(op << 8) >> 20, value, fresh, seen;
	int r;

	if (op >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = 1u << (arg & 31);
	for (;;) {
		r = get_user_u32(&value, address);
		if (r)
			return r;
		switch (op >> 28 & 7) {
		case FUTEX_OP_SET:  fresh = arg; break;
		case FUTEX_OP_ADD:  fresh = value + arg; break;
		case FUTEX_OP_OR:   fresh = value | arg; break;
		case FUTEX_OP_ANDN: fresh = value & ~arg; break;
		case FUTEX_OP_XOR:  fresh = value ^ arg; break;
		default: return -ENOSYS;
		}
		r = user_cmpxchg_u32(address, value, fresh, &seen);
		if (r)
			return r;
		if (seen == value) {
			*old = value;
			return 0;
		}
	}
}

static bool op_compare(u32 op, u32 old)
{
	s32 arg = (s32)(op << 20) >> 20, v = old;

	switch (op >> 24 & 15) {
	case FUTEX_OP_CMP_EQ: return v == arg;
	case FUTEX_OP_CMP_NE: return v != arg;
	case FUTEX_OP_CMP_LT: return v < arg;
	case FUTEX_OP_CMP_LE: return v <= arg;
	case FUTEX_OP_CMP_GT: return v > arg;
	case FUTEX_OP_CMP_GE: return v >= arg;
	}
	return false;
}

int futex_wake_op(u64 a1, u64 a2, bool shared, u32 wake1, u32 wake2, u32 op)
{
	struct futex_key k1, k2;
	struct bucket *b1, *b2;
	u32 old;
	int r;

	if ((op >> 24 & 15) > FUTEX_OP_CMP_GE || (op >> 28 & 7) > FUTEX_OP_XOR)
		return -ENOSYS;
	r = key_make(a1, shared, &k1);
	if (r)
		return r;
	r = key_make(a2, shared, &k2);
	if (r) {
		key_drop(&k1);
		return r;
	}
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	for (;;) {
		lock_two(b1, b2);
		r = op_apply(a2, op, &old);
		if (!r)
			break;
		unlock_two(b1, b2);
		/* Have the page brought in for writing: an exchange with itself. */
		r = get_user_u32(&old, a2);
		if (!r)
			r = user_cmpxchg_u32(a2, old, old, &old);
		if (r)
			goto out;
	}
	r = wake_locked(b1, &k1, wake1, FUTEX_BITSET_MATCH_ANY);
	if (op_compare(op, old))
		r += wake_locked(b2, &k2, wake2, FUTEX_BITSET_MATCH_ANY);
	unlock_two(b1, b2);
out:
	key_drop(&k1);
	key_drop(&k2);
	return r;
}

/* ---- robust lists ---- */

/* The owner of a lock died: note it in the word, and wake one who waits. */
static void robust_release(u64 word, bool pending)
{
	u32 tid = current()->tid, value, seen;

	if (word & 3)
		return;
	do {
		if (get_user_u32(&value, word))
			return;
		if ((value & FUTEX_TID_MASK) != tid) {
			/* A lock that was just being released, or taken, with nobody's number in it: its waiter would sleep for ever. */
			if (pending && !value)
				futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
			return;
		}
		if (user_cmpxchg_u32(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return;
	} while (seen != value);
	if (value & FUTEX_WAITERS)
		futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
}

void futex_exit_robust(struct thread *t)
{
	u64 head = t->robust_list, entry, next, offset, pending;

	if (get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) || get_user_u64(&pending, head + 16))
		return;
	/* Bit 0 marks priority-inheriting locks. */
	pending &= ~1ull;
	for (u32 limit = ROBUST_LIST_LIMIT; (entry & ~1ull) != head && limit; limit--) {
		u64 e = entry & ~1ull;

		if (get_user_u64(&next, e))
			return;
		if (e != pending)
			robust_release(e + offset, false);
		entry = next;
	}
	if (pending)
		robust_release(pending + offset, true);
}
