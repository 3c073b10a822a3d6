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
#include "base/errno.h"
#include "base/hash.h"
#include "core/clock.h"
#include "mm/slab.h"
#include "proc/futex_internal.h"
#include "proc/internal.h"
#include "sched/clock_timer.h"
#include "vm/vm_space.h"

#define BUCKETS 256
static struct futex_bucket buckets[BUCKETS];

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex");
		list_init(&buckets[i].waiters);
	}
}

/* ---- names ---- */

int futex_key_make(u64 address, bool shared, struct futex_key *k)
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

void futex_key_drop(struct futex_key *k)
{
	if (k->object)
		vm_object_put(k->object);
}

int futex_keys_make(u64 a, u64 b, bool shared, struct futex_key *ka, struct futex_key *kb)
{
	int err = futex_key_make(a, shared, ka);

	if (err)
		return err;
	err = futex_key_make(b, shared, kb);
	if (err)
		futex_key_drop(ka);
	return err;
}

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
	return &buckets[hash_u64((u64)k->base ^ k->offset << 20 ^ k->offset >> 2) % BUCKETS];
}

/* ---- waking ---- */

/*
 * Who is to be woken once the bucket's lock is given back: on another CPU they would come at once, and wait for it. As
 * many as most calls wake; the others have to wait for the lock.
 */
struct wakes { struct thread *threads[4]; u32 count; };

static void wakes_do(struct wakes *l)
{
	for (u32 i = 0; i < l->count; i++) {
		thread_wake(l->threads[i]);
		thread_put(l->threads[i]);
	}
	l->count = 0;
}

/* Unhook, to be woken. The waiter's memory may be gone as soon as woken is set. */
static void waiter_wake(struct futex_waiter *w, struct wakes *l)
{
	struct thread *t = w->thread;

	if (l->count == ARRAY_SIZE(l->threads))
		wakes_do(l);
	thread_get(t);
	l->threads[l->count++] = t;
	list_remove(&w->node);
	atomic_store(&w->woken, 1u);
}

static int wake_locked(struct futex_bucket *b, const struct futex_key *k, u32 count, u32 bitset, struct wakes *l)
{
	struct futex_waiter *w, *next;
	int woken = 0;

	list_for_each_safe(w, next, &b->waiters, node) {
		if ((u32)woken >= count)
			break;
		if (futex_key_equal(&w->key, k) && (w->bitset & bitset)) {
			if (unlikely(futex_is_pi(w)))
				return -EINVAL;
			waiter_wake(w, l);
			woken++;
		}
	}
	return woken;
}

int futex_wake(u64 address, bool shared, u32 count, u32 bitset)
{
	struct futex_key k;
	struct wakes l = { .count = 0 };
	struct futex_bucket *b;
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_key_make(address, shared, &k);
	if (r)
		return r;
	b = futex_bucket_of(&k);
	spin_lock(&b->lock);
	r = wake_locked(b, &k, count, bitset, &l);
	spin_unlock(&b->lock);
	wakes_do(&l);
	futex_key_drop(&k);
	return r;
}

/* ---- waiting ---- */

void futex_hang(struct futex_bucket *b, struct futex_waiter *w)
{
	struct list_node *at = &b->waiters;

	w->bucket = b;
	/* Real-time threads before all who are less, the others in the order they come. */
	if (unlikely(w->thread->rt_priority))
		for (at = b->waiters.next; at != &b->waiters; at = at->next)
			if (list_entry(at, struct futex_waiter, node)->thread->rt_priority < w->thread->rt_priority)
				break;
	list_push_back(at, &w->node);
}

struct futex_bucket *futex_bucket_lock(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = atomic_load(&w->bucket);

		spin_lock(&b->lock);
		if (b == w->bucket)
			return b;
		spin_unlock(&b->lock);	/* requeued meanwhile */
	}
}

/* Off whatever bucket it hangs in; false: a waker was quicker. */
static bool waiter_leave(struct futex_waiter *w)
{
	struct futex_bucket *b = futex_bucket_lock(w);
	bool hung = !w->woken;

	if (hung)
		list_remove(&w->node);
	spin_unlock(&b->lock);
	return hung;
}

int futex_hang_if(struct futex_waiter *w, u64 address, u32 expect)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	u32 value;
	int r;

	for (;;) {
		spin_lock(&b->lock);
		r = get_user_u32(&value, address);
		if (!r)
			break;
		spin_unlock(&b->lock);
		r = get_user_u32(&value, address);
		if (r)
			return r;
	}
	if (value == expect)
		futex_hang(b, w);
	spin_unlock(&b->lock);
	return value == expect ? 0 : -EWOULDBLOCK;
}

int futex_sleep(const u32 *flag, u64 deadline)
{
	int r;

	do {
		thread_set_state(THREAD_SLEEPING);
		r = 0;
		if (atomic_load(flag))
			break;
		r = clock_sleep(THREAD_SLEEPING, deadline);
	} while (!r);
	thread_set_state(THREAD_RUNNABLE);
	return r;
}

int futex_wait(u64 address, bool shared, u32 expect, u32 bitset, u64 deadline)
{
	struct futex_waiter w = { .bitset = bitset, .thread = current() };
	int r;

	if (!bitset)
		return -EINVAL;
	r = futex_key_make(address, shared, &w.key);
	if (r)
		return r;
	r = futex_hang_if(&w, address, expect);
	if (!r) {
		r = futex_sleep(&w.woken, deadline);
		/* A wake-up that came with the time-out or the signal counts: it must not be lost. */
		if (r && !waiter_leave(&w))
			r = 0;
	}
	futex_key_drop(&w.key);
	return r;
}

/* ---- one of many ---- */

/* Off their buckets; the last that was woken, -1: none. */
static int leave_all(struct futex_waiter *w, u32 count)
{
	int woken = -1;

	for (u32 i = 0; i < count; i++) {
		if (!waiter_leave(&w[i]))
			woken = i;
		futex_key_drop(&w[i].key);
	}
	return woken;
}

static bool any_woken(const struct futex_waiter *w, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (atomic_load(&w[i].woken))
			return true;
	return false;
}

int futex_wait_many(const struct futex_word *words, u32 count, u64 deadline)
{
	struct futex_waiter *w = kcalloc(count, sizeof(*w));
	int r = 0, woken;
	u32 hung;

	if (!w)
		return -ENOMEM;
	for (hung = 0; hung < count && !r; hung++) {
		w[hung].bitset = FUTEX_BITSET_MATCH_ANY;
		w[hung].thread = current();
		r = futex_key_make(words[hung].address, words[hung].shared, &w[hung].key);
		if (r)
			break;
		r = futex_hang_if(&w[hung], words[hung].address, words[hung].expect);
		if (r) {
			futex_key_drop(&w[hung].key);
			break;
		}
	}
	while (!r) {
		thread_set_state(THREAD_SLEEPING);
		if (any_woken(w, hung))
			break;
		r = clock_sleep(THREAD_SLEEPING, deadline);
	}
	thread_set_state(THREAD_RUNNABLE);
	woken = leave_all(w, hung);
	kfree(w);
	return woken >= 0 ? woken : r;
}

/* ---- two words ---- */

/* Both buckets: the second only if it is free, so that two of these can't wait for one another. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	for (;;) {
		spin_lock(&a->lock);
		if (a == b || spin_trylock(&b->lock))
			return;
		spin_unlock(&a->lock);
		cpu_relax();
	}
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b)
		spin_unlock(&b->lock);
	spin_unlock(&a->lock);
}

void futex_hang_over(struct futex_waiter *w, const struct futex_key *k, struct futex_bucket *b2)
{
	/* The caller holds the same object: this is never the last reference, and nothing sleeps. */
	futex_key_drop(&w->key);
	if (k->object)
		vm_object_get(k->object);
	w->key = *k;
	list_remove(&w->node);
	futex_hang(b2, w);
}

int futex_requeue(u64 from, u64 to, bool shared, u32 wake, u32 requeue, const u32 *expect)
{
	struct futex_key k1, k2;
	struct futex_waiter *w, *next;
	struct wakes l = { .count = 0 };
	struct futex_bucket *b1, *b2;
	u32 value;
	int r, done;

	if ((s32)wake < 0 || (s32)requeue < 0)
		return -EINVAL;
	r = futex_keys_make(from, to, shared, &k1, &k2);
	if (r)
		return r;
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	for (;;) {
		futex_lock_two(b1, b2);
		r = expect ? get_user_u32(&value, from) : 0;
		if (!r)
			break;
		futex_unlock_two(b1, b2);
		r = get_user_u32(&value, from);
		if (r)
			goto out;
	}
	if (expect && value != *expect) {
		futex_unlock_two(b1, b2);
		r = -EAGAIN;
		goto out;
	}
	done = wake_locked(b1, &k1, wake, FUTEX_BITSET_MATCH_ANY, &l);
	list_for_each_safe(w, next, &b1->waiters, node) {
		if (!requeue || done < 0)
			break;
		if (!futex_key_equal(&w->key, &k1))
			continue;
		if (futex_is_pi(w)) {
			done = -EINVAL;
			break;
		}
		requeue--;
		done++;
		if (!futex_key_equal(&k1, &k2))
			futex_hang_over(w, &k2, b2);
	}
	futex_unlock_two(b1, b2);
	wakes_do(&l);
	r = done;
out:
	futex_key_drop(&k1);
	futex_key_drop(&k2);
	return r;
}

int futex_touch(u64 address)
{
	u32 value;
	int r = get_user_u32(&value, address);

	return r ? r : user_cmpxchg_u32(address, value, value, &value);
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
	struct wakes l = { .count = 0 };
	struct futex_bucket *b1, *b2;
	u32 old;
	int r;

	if ((op >> 24 & 15) > FUTEX_OP_CMP_GE || (op >> 28 & 7) > FUTEX_OP_XOR)
		return -ENOSYS;
	r = futex_keys_make(a1, a2, shared, &k1, &k2);
	if (r)
		return r;
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	for (;;) {
		futex_lock_two(b1, b2);
		r = op_apply(a2, op, &old);
		if (!r)
			break;
		futex_unlock_two(b1, b2);
		r = futex_touch(a2);
		if (r)
			goto out;
	}
	r = wake_locked(b1, &k1, wake1, FUTEX_BITSET_MATCH_ANY, &l);
	if (r >= 0 && op_compare(op, old)) {
		int more = wake_locked(b2, &k2, wake2, FUTEX_BITSET_MATCH_ANY, &l);

		r = more < 0 ? more : r + more;
	}
	futex_unlock_two(b1, b2);
	wakes_do(&l);
out:
	futex_key_drop(&k1);
	futex_key_drop(&k2);
	return r;
}

/* ---- robust lists ---- */

/* The owner of a lock died: note it in the word, and wake one who waits. */
static void robust_release(u64 word, bool pending, bool pi)
{
	u32 tid = current()->tid, value, seen;

	if (word & 3)
		return;
	do {
		if (get_user_u32(&value, word))
			return;
		if ((value & FUTEX_TID_MASK) != tid) {
			/* A lock that was just being released, or taken, with nobody's number in it: its waiter would sleep for
			 * ever. */
			if (pending && !pi && !value)
				futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
			return;
		}
		if (user_cmpxchg_u32(word, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &seen))
			return;
	} while (seen != value);
	/* Those of a lock with priority inheritance are told by futex_exit_pi. */
	if (!pi && (value & FUTEX_WAITERS))
		futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
}

void futex_exit_robust(struct thread *t)
{
	u64 head = t->robust_list, entry, next, offset, pending;

	if (get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) || get_user_u64(&pending, head + 16))
		return;
	/* Bit 0 marks locks with priority inheritance. */
	for (u32 limit = ROBUST_LIST_LIMIT; (entry & ~1ull) != head && limit; limit--) {
		u64 e = entry & ~1ull;

		if (get_user_u64(&next, e))
			return;
		if (e != (pending & ~1ull))
			robust_release(e + offset, false, entry & 1);
		entry = next;
	}
	if (pending & ~1ull)
		robust_release((pending & ~1ull) + offset, true, pending & 1);
}
