/*
 * Scheduling: yielding, priorities, policies, CPUs.
 */
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include "arch/arm64/memory.h"
#include "arch/arm64/ucopy.h"
#include "core/percpu.h"
#include "proc/process.h"
#include "sys/sys.h"
#include "sys/user_time.h"

#define RT_MAX 99

SYSCALL(sched_yield)
{
	thread_yield();
	return 0;
}

/* The thread by that number (0: the caller), referenced; NULL. */
static struct thread *thread_by(s32 tid)
{
	if (!tid) {
		thread_get(current());
		return current();
	}
	return tid < 0 ? NULL : pid_find_thread(tid);
}

/* May the caller change how t is scheduled? The same user's, unless it can do more than the caller. */
static bool may_change(struct thread *t)
{
	const struct cred *c = current()->cred, *o;
	u64 flags = spin_lock_irqsave(&pids_lock);
	bool ok;

	o = t->cred;
	ok = cred_capable(c, CAP_SYS_NICE) || (o && (c->euid == o->euid || c->euid == o->uid) &&
					       !(o->cap_permitted & ~c->cap_permitted));
	spin_unlock_irqrestore(&pids_lock, flags);
	return ok;
}

/* May t have that nice value by its own limit (RLIMIT_NICE), or the caller give any? */
static bool may_be_nice(struct thread *t, s32 nice)
{
	return cred_capable(current()->cred, CAP_SYS_NICE) ||
		20 - nice <= (s32)MIN(process_rlimit(t->process, RLIMIT_NICE), 40ull);
}

/* ---- CPUs ---- */

SYSCALL(getcpu)
{
	u32 cpu = READ_ONCE(current()->cpu);

	if (a[0] && put_user_u32(a[0], cpu))
		return -EFAULT;
	return a[1] ? put_user_u32(a[1], 0) : 0;
}

SYSCALL(sched_getaffinity)
{
	struct thread *t;
	u64 mask;

	if ((u32)a[1] < sizeof(mask) || a[1] & 7)
		return -EINVAL;
	t = thread_by(a[0]);
	if (!t)
		return -ESRCH;
	mask = t->affinity & cpus_mask();
	thread_put(t);
	return put_user_u64(a[2], mask) ? -EFAULT : (s64)sizeof(mask);
}

SYSCALL(sched_setaffinity)
{
	struct thread *t;
	u64 mask = 0;
	s64 err = 0;

	if (copy_from_user(&mask, a[2], MIN((u32)a[1], sizeof(mask))))
		return -EFAULT;
	t = thread_by(a[0]);
	if (!t)
		return -ESRCH;
	if (!may_change(t))
		err = -EPERM;
	else if (!(mask & cpus_mask()))
		err = -EINVAL;
	else
		thread_set_affinity(t, mask);
	thread_put(t);
	return err;
}

/* ---- nice values ---- */

struct priority_walk { s32 which, who, best, nice; s64 err; bool set; };

static u32 thread_uid(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	u32 uid = t->cred->uid;

	spin_unlock_irqrestore(&pids_lock, flags);
	return uid;
}

static bool matches(struct priority_walk *w, struct thread *t)
{
	switch (w->which) {
	case PRIO_PROCESS:
		return t->tid == w->who;
	case PRIO_PGRP:
		return t->process && process_group_of(t->process) == w->who;
	default:
		return thread_uid(t) == (u32)w->who;
	}
}

static void priority_one(struct priority_walk *w, struct thread *t)
{
	if (!w->set) {
		w->best = MAX(w->best, 20 - t->nice);
		w->err = 0;
		return;
	}
	if (!may_change(t)) {
		w->err = -EPERM;
	} else if (w->nice < t->nice && !may_be_nice(t, w->nice)) {
		w->err = -EACCES;
	} else {
		thread_set_nice(t, w->nice);
		if (w->err == -ESRCH)
			w->err = 0;
	}
}

/* Threads of processes with a number: by it, by group or by user. */
static void priority_walk(struct priority_walk *w)
{
	struct process *p = NULL;
	struct thread *t;

	if (w->which == PRIO_PROCESS) {
		t = thread_by(w->who);
		if (t) {
			priority_one(w, t);
			thread_put(t);
		}
		return;
	}
	for (s32 n = 1; (p = process_next(n)); n = p->pid + 1, process_put(p)) {
		t = p->zombie ? NULL : process_any_thread(p);
		if (!t)
			continue;
		if (matches(w, t))
			priority_one(w, t);
		thread_put(t);
	}
}

static s64 priority_call(struct priority_walk *w)
{
	if ((u32)w->which > PRIO_USER)
		return -EINVAL;
	if (!w->who && w->which != PRIO_PROCESS)
		w->who = w->which == PRIO_PGRP ? process_group_of(process_current()) : (s32)current()->cred->uid;
	priority_walk(w);
	return w->err;
}

SYSCALL(getpriority)
{
	struct priority_walk w = { .which = a[0], .who = a[1], .err = -ESRCH };
	s64 err = priority_call(&w);

	return err ? err : w.best;
}

SYSCALL(setpriority)
{
	struct priority_walk w = { .which = a[0], .who = a[1], .set = true, .err = -ESRCH,
				   .nice = MIN(MAX((s32)a[2], NICE_MIN), NICE_MAX) };

	return priority_call(&w);
}

/* ---- policies ---- */

static bool policy_is_rt(u32 policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* A real-time one and its priority by t's own limit; and out of the idle one only to what t's nice value allows. */
static bool may_have_policy(struct thread *t, u32 policy, u32 prio)
{
	u64 limit = process_rlimit(t->process, RLIMIT_RTPRIO);

	if (cred_capable(current()->cred, CAP_SYS_NICE))
		return true;
	if (policy_is_rt(policy) && ((policy != t->policy && !limit) || (prio > t->rt_priority && prio > limit)))
		return false;
	return t->policy != SCHED_IDLE || policy == SCHED_IDLE || may_be_nice(t, t->nice);
}

/* policy, with SCHED_RESET_ON_FORK or not; -1: as it is. */
static s64 policy_apply(struct thread *t, s32 policy, u32 prio)
{
	bool reset = policy == -1 ? t->reset_on_fork : policy & SCHED_RESET_ON_FORK;
	s64 err = 0;

	policy = policy == -1 ? t->policy : policy & ~SCHED_RESET_ON_FORK;
	if (!policy_is_rt(policy) && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		err = -EINVAL;
	else if (policy_is_rt(policy) ? prio < 1 || prio > RT_MAX : prio != 0)
		err = -EINVAL;
	else if (!may_change(t) || !may_have_policy(t, policy, prio) ||
		 (t->reset_on_fork && !reset && !cred_capable(current()->cred, CAP_SYS_NICE)))
		err = -EPERM;
	if (err)
		return err;
	thread_set_policy(t, policy, prio);
	t->reset_on_fork = reset;
	return 0;
}

static s64 policy_set(s32 tid, s32 policy, u64 param)
{
	struct thread *t;
	u32 prio;
	s64 err;

	if (tid < 0 || !param)
		return -EINVAL;
	if (get_user_u32(&prio, param))
		return -EFAULT;
	t = thread_by(tid);
	if (!t)
		return -ESRCH;
	err = policy_apply(t, policy, prio);
	thread_put(t);
	return err;
}

SYSCALL(sched_setscheduler)
{
	return (s32)a[1] < 0 ? -EINVAL : policy_set(a[0], a[1], a[2]);
}

SYSCALL(sched_setparam)
{
	return policy_set(a[0], -1, a[1]);
}

SYSCALL(sched_getscheduler)
{
	struct thread *t = (s32)a[0] < 0 ? NULL : thread_by(a[0]);
	s64 policy;

	if (!t)
		return (s32)a[0] < 0 ? -EINVAL : -ESRCH;
	policy = t->policy | (t->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	thread_put(t);
	return policy;
}

SYSCALL(sched_getparam)
{
	struct thread *t;
	u32 prio;

	if ((s32)a[0] < 0 || !a[1])
		return -EINVAL;
	t = thread_by(a[0]);
	if (!t)
		return -ESRCH;
	prio = t->rt_priority;
	thread_put(t);
	return put_user_u32(a[1], prio);
}

static s64 attr_apply(struct thread *t, const struct sched_attr *at)
{
	/* A nice value goes with the policies that use it. */
	bool keep = at->sched_flags & (SCHED_FLAG_KEEP_PARAMS | SCHED_FLAG_KEEP_POLICY) ||
		(at->sched_policy != SCHED_NORMAL && at->sched_policy != SCHED_BATCH);
	s32 nice = MIN(MAX(at->sched_nice, NICE_MIN), NICE_MAX);
	s64 err;

	if (!keep && nice < t->nice && !may_be_nice(t, nice))
		return -EPERM;
	err = policy_apply(t, at->sched_flags & SCHED_FLAG_KEEP_POLICY ? -1 :
			   (s32)at->sched_policy | (at->sched_flags & SCHED_FLAG_RESET_ON_FORK ? SCHED_RESET_ON_FORK : 0),
			   at->sched_flags & SCHED_FLAG_KEEP_PARAMS ? t->rt_priority : at->sched_priority);
	if (!err && !keep)
		thread_set_nice(t, nice);
	return err;
}

SYSCALL(sched_setattr)
{
	struct sched_attr at;
	struct thread *t;
	u32 size;
	s64 err;

	if (!a[1] || (s32)a[0] < 0 || a[2])
		return -EINVAL;
	if (get_user_u32(&size, a[1]))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	err = size < SCHED_ATTR_SIZE_VER0 ? -E2BIG : struct_from_user(&at, sizeof(at), a[1], size);
	if (err)
		return err == -E2BIG && put_user_u32(a[1], sizeof(at)) ? -EFAULT : err;
	if ((s32)at.sched_policy < 0 || at.sched_policy & SCHED_RESET_ON_FORK ||
	    at.sched_flags & ~(u64)(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS))
		return -EINVAL;
	t = thread_by(a[0]);
	if (!t)
		return -ESRCH;
	err = attr_apply(t, &at);
	thread_put(t);
	return err;
}

SYSCALL(sched_getattr)
{
	struct sched_attr at = { .size = MIN((u32)a[2], (u32)sizeof(at)) };
	struct thread *t;

	if (!a[1] || (s32)a[0] < 0 || (u32)a[2] > PAGE_SIZE || (u32)a[2] < SCHED_ATTR_SIZE_VER0 || a[3])
		return -EINVAL;
	t = thread_by(a[0]);
	if (!t)
		return -ESRCH;
	at.sched_policy = t->policy;
	at.sched_flags = t->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	if (policy_is_rt(t->policy))
		at.sched_priority = t->rt_priority;
	else
		at.sched_nice = t->nice;
	thread_put(t);
	return copy_to_user(a[1], &at, at.size);
}

static s64 policy_bound(u32 policy, s64 rt)
{
	if (policy_is_rt(policy))
		return rt;
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 : -EINVAL;
}

SYSCALL(sched_get_priority_max)
{
	return policy_bound(a[0], RT_MAX);
}

SYSCALL(sched_get_priority_min)
{
	return policy_bound(a[0], 1);
}

SYSCALL(sched_rr_get_interval)
{
	struct thread *t = (s32)a[0] < 0 ? NULL : thread_by(a[0]);
	u64 ns;

	if (!t)
		return (s32)a[0] < 0 ? -EINVAL : -ESRCH;
	ns = t->policy == SCHED_FIFO ? 0 : thread_slice_ns(t);
	thread_put(t);
	return user_timespec_put(a[1], ns);
}
