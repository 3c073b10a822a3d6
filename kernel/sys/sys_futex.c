/*
 * Futexes: the operations of futex(2) and futex_waitv(2), their times and
 * flags. proc/futex.c does the work.
 */
#include <linux/futex.h>
#include <linux/time.h>
#include "mm/slab.h"
#include "proc/futex.h"
#include "proc/signals.h"
#include "sched/clock_timer.h"
#include "sys/sys.h"
#include "sys/user_time.h"

static s64 wait_restart(struct restart_block *r)
{
	s64 err = futex_wait(r->a[0], r->a[1], r->a[2], r->a[3], r->a[4]);

	return err == -ERESTARTSYS ? -ERESTART_RESTARTBLOCK : err;
}

/* A moment of the clock as a deadline of clock_sleep; address 0: never. 0, -EFAULT, -EINVAL. */
static s64 moment_get(u64 address, bool realtime, u64 *deadline)
{
	u64 ns;
	s64 err;

	*deadline = WAIT_FOREVER;
	if (!address)
		return 0;
	err = user_timespec_get(&ns, address);
	if (err)
		return err;
	if (ns < TIME_NS_MAX)
		*deadline = realtime ? ns | WAIT_REALTIME : ns;
	return 0;
}

/* FUTEX_WAIT's time is a length: a call that a signal broke off goes on with what is left of it. */
static s64 wait_relative(const u64 a[6], bool shared)
{
	struct restart_block *r = restart_block_current();
	u64 deadline = WAIT_FOREVER, ns;
	s64 err;

	if (a[3]) {
		err = user_timespec_get(&ns, a[3]);
		if (err)
			return err;
		deadline = deadline_after(ns);
	}
	err = futex_wait(a[0], shared, a[2], FUTEX_BITSET_MATCH_ANY, deadline);
	if (err != -ERESTARTSYS || deadline == WAIT_FOREVER)
		return err;
	r->fn = wait_restart;
	r->a[0] = a[0];
	r->a[1] = shared;
	r->a[2] = a[2];
	r->a[3] = FUTEX_BITSET_MATCH_ANY;
	r->a[4] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static s64 wait_absolute(const u64 a[6], u32 op, bool shared, bool realtime)
{
	u64 deadline;
	s64 err = moment_get(a[3], realtime, &deadline);

	if (err)
		return err;
	switch (op) {
	case FUTEX_WAIT_BITSET:
		return futex_wait(a[0], shared, a[2], a[5], deadline);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(a[0], shared, a[2], deadline, a[4]);
	default:
		return futex_lock_pi(a[0], shared, deadline, false);
	}
}

SYSCALL(futex)
{
	u32 op = a[1], expect = a[5];
	bool shared = !(op & FUTEX_PRIVATE_FLAG), realtime = op & FUTEX_CLOCK_REALTIME;

	op &= FUTEX_CMD_MASK;
	if (realtime && op != FUTEX_WAIT_BITSET && op != FUTEX_WAIT_REQUEUE_PI && op != FUTEX_LOCK_PI2)
		return -ENOSYS;
	switch (op) {
	case FUTEX_WAIT:
		return wait_relative(a, shared);
	case FUTEX_LOCK_PI:
		realtime = true;
		/* fall through */
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_BITSET:
	case FUTEX_WAIT_REQUEUE_PI:
		return wait_absolute(a, op, shared, realtime);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(a[0], shared, WAIT_FOREVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(a[0], shared);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue_pi(a[0], a[4], shared, a[2], a[3], expect);
	case FUTEX_WAKE:
		return futex_wake(a[0], shared, a[2], FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(a[0], shared, a[2], a[5]);
	case FUTEX_REQUEUE:
		return futex_requeue(a[0], a[4], shared, a[2], a[3], NULL);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(a[0], a[4], shared, a[2], a[3], &expect);
	case FUTEX_WAKE_OP:
		return futex_wake_op(a[0], a[4], shared, a[2], a[3], a[5]);
	default:
		return -ENOSYS;
	}
}

SYSCALL(futex_waitv)
{
	u32 count = a[1];
	struct futex_waitv v;
	struct futex_word *words;
	u64 deadline = WAIT_FOREVER;
	s64 err = 0;

	if ((u32)a[2] || !count || count > FUTEX_WAITV_MAX || !a[0])
		return -EINVAL;
	if (a[3]) {
		if (a[4] != CLOCK_MONOTONIC && a[4] != CLOCK_REALTIME)
			return -EINVAL;
		err = moment_get(a[3], a[4] == CLOCK_REALTIME, &deadline);
		if (err)
			return err;
	}
	words = kcalloc(count, sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (u32 i = 0; i < count && !err; i++) {
		err = copy_from_user(&v, a[0] + i * sizeof(v), sizeof(v));
		if (err)
			break;
		if ((v.flags & ~(u32)FUTEX_PRIVATE_FLAG) != FUTEX_32 || v.__reserved)
			err = -EINVAL;
		words[i] = (struct futex_word){ v.uaddr, v.val, !(v.flags & FUTEX_PRIVATE_FLAG) };
	}
	if (!err)
		err = futex_wait_many(words, count, deadline);
	kfree(words);
	return err;
}
