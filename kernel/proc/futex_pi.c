/*
 * Futexes that are locks with priority inheritance (futex(2), FUTEX_LOCK_PI
 * and its kin). The word is 0, or the owner's thread number with
 * FUTEX_WAITERS when somebody sleeps in here; programs take and leave it
 * without a call while nobody waits.
 *
 * While somebody waits there is a struct futex_pi: owner and waiters, the best
 * real-time priority first. Unlocking hands the lock over: word and owner
 * change before the next is woken. If the owner dies, the next becomes the
 * owner here at once, and writes the word itself, since it alone knows it by
 * an address; until then it stays in its bucket, where newcomers see it.
 *
 * An owner is lent the best real-time priority and the lowest nice value
 * of those who wait for its locks, and passes them on to the owner of what
 * it waits for itself. A waiter's values count as they were when it came, or
 * when somebody else came or left.
 *
 * Locks: the word's bucket, then "futex pi", one for all of these, under
 * which chains of owners and waiters are followed to their ends.
 */
#include <linux/futex.h>
#include "base/errno.h"
#include "mm/slab.h"
#include "proc/futex_internal.h"
#include "proc/internal.h"

struct futex_pi {
	struct thread *owner;		/* referenced; NULL: it died and nobody waited any more [futex pi] */
	struct futex_pi *next_held;	/* of the same owner [futex pi] */
	struct list_node waiters;	/* futex_waiter.pi_node [futex pi] */
	u32 users;			/* waiters, and new owners that still hang in the bucket [futex pi] */
};

static struct spinlock pi_lock = SPINLOCK_INIT("futex pi");	/* thread kind */

/* ---- owners and what they are lent; all [futex pi] ---- */

/* Takes over a reference of t. */
static void owner_set(struct futex_pi *pi, struct thread *t)
{
	pi->owner = t;
	pi->next_held = t->pi_held;
	t->pi_held = pi;
}

static void owner_drop(struct futex_pi *pi)
{
	struct futex_pi **link;

	if (!pi->owner)
		return;
	for (link = &pi->owner->pi_held; *link != pi; link = &(*link)->next_held)
		;
	*link = pi->next_held;
	thread_put(pi->owner);
	pi->owner = NULL;
}

static void waiter_place(struct futex_pi *pi, struct futex_waiter *w)
{
	struct list_node *at;

	for (at = pi->waiters.next; at != &pi->waiters; at = at->next)
		if (list_entry(at, struct futex_waiter, pi_node)->thread->run_rt < w->thread->run_rt)
			break;
	list_push_back(at, &w->pi_node);
}

/* Those who wait for t's locks have changed: so may t, and whom it waits for in turn. */
static void lend(struct thread *t)
{
	while (t) {
		struct futex_waiter *w;
		u32 weight = 0, rt = 0;

		for (struct futex_pi *pi = t->pi_held; pi; pi = pi->next_held)
			list_for_each(w, &pi->waiters, pi_node) {
				rt = MAX(rt, (u32)w->thread->run_rt);
				weight = MAX(weight, (u32)(NICE_MAX + 1 - w->thread->run_nice));
			}
		if (!thread_lend(t, weight, rt))
			return;
		w = t->pi_wait;
		if (!w)
			return;
		list_remove(&w->pi_node);
		waiter_place(w->pi, w);
		t = w->pi->owner;
	}
}

/* Would t wait for itself? */
static bool closes_circle(struct thread *owner, const struct thread *t)
{
	while (owner && owner != t)
		owner = owner->pi_wait ? owner->pi_wait->pi->owner : NULL;
	return owner == t;
}

static void waiter_add_pi(struct futex_pi *pi, struct futex_waiter *w)
{
	atomic_store(&w->pi, pi);
	pi->users++;
	waiter_place(pi, w);
	w->thread->pi_wait = w;
	lend(pi->owner);
}

/* w leaves the bucket for good. The state goes with its last user, to *spare. */
static void user_drop(struct futex_pi *pi, struct futex_pi **spare)
{
	if (--pi->users)
		return;
	owner_drop(pi);
	*spare = pi;
}

/* The lock is w's from now on; it is woken, and looks after the word if how says so. */
static void grant(struct futex_pi *pi, struct futex_waiter *w, enum futex_grant how)
{
	struct thread *old = pi->owner;

	list_remove(&w->pi_node);
	w->thread->pi_wait = NULL;
	thread_get(old);
	owner_drop(pi);
	thread_get(w->thread);
	owner_set(pi, w->thread);
	lend(old);
	lend(w->thread);
	thread_put(old);
	atomic_store(&w->granted, (u32)how);
	thread_wake(w->thread);
}

/* ---- words; [bucket] and [futex pi] ---- */

static struct futex_pi *pi_new(void)
{
	struct futex_pi *pi = kzalloc(sizeof(*pi));

	if (pi)
		list_init(&pi->waiters);
	return pi;
}

static struct futex_waiter *first_of(struct futex_bucket *b, const struct futex_key *k)
{
	struct futex_waiter *w;

	list_for_each(w, &b->waiters, node)
		if (futex_key_equal(&w->key, k))
			return w;
	return NULL;
}

/* The thread that a word names, referenced; err_ptr. */
static struct thread *owner_find(u32 value)
{
	struct thread *t = pid_find_thread(value & FUTEX_TID_MASK);
	int err = 0;

	if (!t)
		return err_ptr(-ESRCH);
	if (!t->process)
		err = -EPERM;
	else if (t->pi_gone)
		err = -ESRCH;
	if (err) {
		thread_put(t);
		return err_ptr(err);
	}
	return t;
}

#define TAKEN 1

/*
 * Take the word for t (TAKEN), or find out who has it: 0, *state says it, made of *spare if there was none; the word
 * then has FUTEX_WAITERS. more: it is to have that anyway. -EFAULT: the page is to be touched first; -EWOULDBLOCK:
 * owned, and no spare; -EDEADLK, -ESRCH, -EPERM, -EINVAL.
 */
static int word_take(struct futex_bucket *b, const struct futex_key *k, u64 address, struct thread *t, bool more,
		     struct futex_pi **spare, struct futex_pi **state)
{
	struct futex_waiter *w = first_of(b, k);
	struct thread *owner;
	u32 value, fresh, seen;
	int r = get_user_u32(&value, address);

	for (;; value = seen) {
		if (r)
			return r;
		if ((value & FUTEX_TID_MASK) == (u32)t->tid)
			return -EDEADLK;
		if (w && !w->pi)
			return -EINVAL;
		owner = NULL;
		if (!w && !(value & FUTEX_TID_MASK)) {
			fresh = (value & FUTEX_OWNER_DIED) | t->tid | (more ? FUTEX_WAITERS : 0);
		} else {
			if (!*spare)
				return -EWOULDBLOCK;
			fresh = value | FUTEX_WAITERS;
			if (!w)
				owner = owner_find(value);
		}
		/* An owner that died while this looked has left the word changed. */
		r = user_cmpxchg_u32(address, value, owner && is_err(owner) ? value : fresh, &seen);
		if (!r && seen == value)
			break;
		if (owner && !is_err(owner))
			thread_put(owner);
	}
	if (!w && !(value & FUTEX_TID_MASK))
		return TAKEN;
	if (owner && is_err(owner))
		return ptr_err(owner);
	if (owner) {
		owner_set(*spare, owner);
		*state = *spare;
		*spare = NULL;
	} else {
		*state = w->pi;
	}
	if (closes_circle((*state)->owner, t)) {
		if (owner) {
			owner_drop(*state);
			*spare = *state;
		}
		return -EDEADLK;
	}
	return 0;
}

/* ---- waiting ---- */

/* The new owner of a dead one's lock writes its number. [bucket], [futex pi] */
static int word_fix(struct futex_waiter *w, u64 address)
{
	u32 value, seen, fresh = w->thread->tid | FUTEX_OWNER_DIED | (list_empty(&w->pi->waiters) ? 0 : FUTEX_WAITERS);
	int r = get_user_u32(&value, address);

	while (!r) {
		r = user_cmpxchg_u32(address, value, fresh, &seen);
		if (r || seen == value)
			break;
		value = seen;
	}
	return r;
}

/* Out of the bucket, with the lock (0) or without (r). *requeued: it was hung over to the lock, or got it. */
static int waiter_finish(struct futex_waiter *w, u64 address, int r, bool *requeued)
{
	struct futex_pi *pi, *spare = NULL;
	struct futex_bucket *b;
	bool touched = false;

	for (;;) {
		b = futex_bucket_lock(w);
		spin_lock(&pi_lock);
		pi = w->pi;
		if (w->granted != FUTEX_GRANTED_BY_DEATH || !word_fix(w, address))
			break;
		if (touched) {	/* the word is gone: the lock is the next one's, if there is one */
			r = -EFAULT;
			if (!list_empty(&pi->waiters))
				grant(pi, list_first(&pi->waiters, struct futex_waiter, pi_node), FUTEX_GRANTED_BY_DEATH);
			w->granted = FUTEX_NOT_GRANTED;
			break;
		}
		spin_unlock(&pi_lock);
		spin_unlock(&b->lock);
		touched = futex_touch(address);
	}
	*requeued = pi || w->granted;
	list_remove(&w->node);
	if (pi && !w->granted && r != -EFAULT) {
		list_remove(&w->pi_node);
		w->thread->pi_wait = NULL;
		lend(pi->owner);
	}
	if (w->granted)
		r = 0;
	if (pi)
		user_drop(pi, &spare);
	spin_unlock(&pi_lock);
	spin_unlock(&b->lock);
	kfree(spare);
	return r;
}

int futex_lock_pi(u64 address, bool shared, u64 deadline, bool try_only)
{
	struct futex_waiter w = { .bitset = FUTEX_BITSET_MATCH_ANY, .thread = current() };
	struct futex_pi *spare = NULL, *pi;
	struct futex_bucket *b;
	bool requeued;
	int r = futex_key_make(address, shared, &w.key);

	if (r)
		return r;
	list_init(&w.pi_node);
	b = futex_bucket_of(&w.key);
	if (!try_only && !(spare = pi_new())) {
		r = -ENOMEM;
		goto out;
	}
	for (;;) {
		spin_lock(&b->lock);
		spin_lock(&pi_lock);
		r = word_take(b, &w.key, address, w.thread, false, &spare, &pi);
		if (!r) {
			waiter_add_pi(pi, &w);
			futex_hang(b, &w);
		}
		spin_unlock(&pi_lock);
		spin_unlock(&b->lock);
		if (r != -EFAULT)
			break;
		r = futex_touch(address);
		if (r)
			break;
	}
	if (r == TAKEN) {
		r = 0;
	} else if (!r) {
		r = waiter_finish(&w, address, futex_sleep(&w.granted, deadline), &requeued);
		if (r == -ERESTARTSYS)
			r = -ERESTARTNOINTR;
	}
out:
	kfree(spare);
	futex_key_drop(&w.key);
	return r;
}

int futex_unlock_pi(u64 address, bool shared)
{
	struct futex_waiter *w, *next;
	struct futex_key k;
	struct futex_bucket *b;
	u32 value, fresh, seen;
	int r = futex_key_make(address, shared, &k);

	if (r)
		return r;
	b = futex_bucket_of(&k);
	for (;;) {
		r = futex_touch(address);
		if (r || (r = get_user_u32(&value, address)))
			break;
		if ((value & FUTEX_TID_MASK) != (u32)current()->tid) {
			r = -EPERM;
			break;
		}
		spin_lock(&b->lock);
		spin_lock(&pi_lock);
		w = first_of(b, &k);
		next = NULL;
		fresh = 0;
		if (w && (!w->pi || w->pi->owner != current())) {
			r = -EINVAL;
		} else {
			if (w && !list_empty(&w->pi->waiters)) {
				next = list_first(&w->pi->waiters, struct futex_waiter, pi_node);
				fresh = next->thread->tid | (next->pi_node.next == &w->pi->waiters ? 0 : FUTEX_WAITERS);
			}
			r = user_cmpxchg_u32(address, value, fresh, &seen);
			if (!r && seen != value)
				r = -EAGAIN;
			if (!r && next)
				grant(next->pi, next, FUTEX_GRANTED);
		}
		spin_unlock(&pi_lock);
		spin_unlock(&b->lock);
		if (r != -EAGAIN && r != -EFAULT)
			break;
	}
	futex_key_drop(&k);
	return r;
}

/* ---- waiting on one word for another ---- */

int futex_wait_requeue_pi(u64 address, bool shared, u32 expect, u64 deadline, u64 lock)
{
	struct futex_waiter w = { .bitset = FUTEX_BITSET_MATCH_ANY, .thread = current() };
	struct futex_key target;
	bool requeued;
	int r;

	if (address == lock)
		return -EINVAL;
	r = futex_key_make(lock, shared, &target);
	if (r)
		return r;
	list_init(&w.pi_node);
	w.target = &target;
	r = futex_key_make(address, shared, &w.key);
	if (!r) {
		r = futex_key_equal(&w.key, &target) ? -EINVAL : futex_hang_if(&w, address, expect);
		if (!r) {
			r = waiter_finish(&w, lock, futex_sleep(&w.granted, deadline), &requeued);
			/* From the lock's queue there is no way back to the word's. */
			if (r == -ERESTARTSYS)
				r = requeued ? -EWOULDBLOCK : -ERESTARTNOINTR;
		}
		futex_key_drop(&w.key);
	}
	futex_key_drop(&target);
	return r;
}

/* One waiter of b1 gets the lock, or hangs over. 0, or as word_take. [b1], [b2], [futex pi] */
static int requeue_one(struct futex_waiter *w, struct futex_bucket *b2, const struct futex_key *k2, u64 lock, bool more,
		       struct futex_pi **spare)
{
	struct futex_pi *pi;
	int r;

	if (!w->target || w->pi || !futex_key_equal(w->target, k2))
		return -EINVAL;
	r = word_take(b2, k2, lock, w->thread, more, spare, &pi);
	if (r == TAKEN) {
		list_remove(&w->node);
		atomic_store(&w->granted, (u32)FUTEX_GRANTED);
		thread_wake(w->thread);
		return 0;
	}
	if (!r) {
		waiter_add_pi(pi, w);
		futex_hang_over(w, k2, b2);
	}
	return r;
}

int futex_requeue_pi(u64 from, u64 lock, bool shared, u32 wake, u32 requeue, u32 expect)
{
	struct futex_pi *spare;
	struct futex_key k1, k2;
	struct futex_waiter *w, *next;
	struct futex_bucket *b1, *b2;
	u32 value = expect;
	int r, done = 0;

	if (wake != 1 || (s32)requeue < 0 || from == lock)
		return -EINVAL;
	r = futex_keys_make(from, lock, shared, &k1, &k2);
	if (r)
		return r;
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	for (;;) {
		/* Made out here: a state that is used up is replaced before the next. */
		spare = pi_new();
		r = spare ? futex_touch(lock) : -ENOMEM;
		if (!r)
			r = get_user_u32(&value, from);
		if (r)
			break;
		futex_lock_two(b1, b2);
		spin_lock(&pi_lock);
		r = done ? 0 : get_user_u32(&value, from);
		if (!r && (futex_key_equal(&k1, &k2) || (!done && value != expect)))
			r = value != expect ? -EAGAIN : -EINVAL;
		list_for_each_safe(w, next, &b1->waiters, node) {
			if (r || !spare || (u32)done > requeue)
				break;
			if (!futex_key_equal(&w->key, &k1))
				continue;
			r = requeue_one(w, b2, &k2, lock, requeue != 0, &spare);
			done += !r;
		}
		spin_unlock(&pi_lock);
		futex_unlock_two(b1, b2);
		if (r != -EFAULT && (r || spare || (u32)done > requeue))
			break;
		kfree(spare);
	}
	kfree(spare);
	futex_key_drop(&k1);
	futex_key_drop(&k2);
	return r ? r : done;
}

/* ---- the end of a thread ---- */

void futex_exit_pi(struct thread *t)
{
	spin_lock(&pi_lock);
	/* Who finds its number in a word after this looks at the word once more: robust locks say there that it died. */
	t->pi_gone = true;
	while (t->pi_held) {
		struct futex_pi *pi = t->pi_held;

		if (list_empty(&pi->waiters))
			owner_drop(pi);
		else
			grant(pi, list_first(&pi->waiters, struct futex_waiter, pi_node), FUTEX_GRANTED_BY_DEATH);
	}
	spin_unlock(&pi_lock);
}
