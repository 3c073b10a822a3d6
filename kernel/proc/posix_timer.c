/*
 * Timers of a process, timer_create(2). An expiry makes a signal pending
 * that is part of the timer, so that there is always room for it; a repeating timer
 * is armed again when that signal is delivered, which also says how many expiries
 * it stands for (the overrun).
 *
 * Timers on CPU time are watches of itimer.c instead of timers of the clock. One on another process's CPU time is due
 * under that one's locks; no two signal locks are held together, so it goes on in a timer of the clock that expires at
 * once. Nor is the other's time read under our lock: what was seen last is kept.
 *
 * Everything here is guarded by the process's signal lock.
 */
#include <linux/limits.h>
#include <linux/signal.h>
#include "base/errno.h"
#include "base/rbtree.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/posix_timer.h"
#include "sched/user.h"

#define IGNORED_NS	(10 * NSEC_PER_MSEC)	/* no sooner does one repeat whose signal is ignored */

struct posix_timer {
	struct rb_node node;		/* of process.timers, by id [s] */
	struct clock_timer clock;	/* [s] */
	struct signal_entry entry;	/* [s] */
	struct cpu_watch watch;		/* on CPU time: instead of the clock's timer [s] */
	struct process *process;	/* [S] */
	struct process *other;		/* whose CPU time it is on, if another's; referenced [S] */
	u64 seen;			/* how much that is; [s] */
	bool gone;			/* the other has been waited for [s] */
	struct thread *target;		/* who is signalled, NULL: the process; referenced [S] */
	enum posix_clock kind;		/* [S] */
	s32 id;				/* [S] */
	bool silent;			/* it only counts [S] */
	bool armed;			/* it has a time that has not come for good [s] */
	bool expired;			/* its signal is out, and it repeats when that is delivered [s] */
	u64 passed;			/* expiries since the last signal delivered [s] */
	u32 overrun;			/* of that signal [s] */
};

static inline int id_compare(s32 id, const struct posix_timer *t) { return id < t->id ? -1 : id > t->id; }
RB_FIND_DEFINE(timer_find, struct posix_timer, node, s32, id_compare)

static bool on_cpu_time(const struct posix_timer *t)
{
	return t->kind >= POSIX_CLOCK_PROCESS_CPU;
}

static struct process *watched(const struct posix_timer *t)
{
	return t->other ? t->other : t->process;
}

/* ---- all [s] ---- */

static u64 now_of(struct posix_timer *t)
{
	if (t->watch.of)
		return thread_cpu_ns(t->watch.of);
	if (t->other)
		return t->seen;
	return on_cpu_time(t) ? process_cpu_ns_locked(t->process) : clock_timer_now(&t->clock);
}

static void arm(struct posix_timer *t)
{
	if (t->silent)
		return;
	if (on_cpu_time(t)) {
		t->watch.expires = t->clock.expires;
		cpu_watch_add(watched(t), &t->watch);
	} else {
		clock_timer_arm(&t->clock);
	}
}

static void disarm(struct posix_timer *t)
{
	clock_timer_disarm(&t->clock);
	cpu_watch_remove(watched(t), &t->watch);
}

static void forward(struct posix_timer *t)
{
	u64 now = now_of(t);

	if (now >= t->clock.expires)
		t->passed += clock_timer_forward(&t->clock, now);
}

static void expire(struct posix_timer *t)
{
	int err = signal_send_owned_locked(&t->process->sig, t->target, &t->entry);

	t->armed = t->clock.interval;
	if (!t->armed)
		return;
	if (err == -EAGAIN) {
		/* Ignored now, but perhaps not for ever. */
		forward(t);
		t->clock.expires = MAX(t->clock.expires, now_of(t) + IGNORED_NS);
		arm(t);
	} else {
		t->expired = true;
	}
}

void posix_timer_taken(struct signal_entry *e, struct signal_info *info)
{
	struct posix_timer *t = container_of(e, struct posix_timer, entry);

	if (!t->expired)
		return;
	forward(t);
	t->overrun = info->overrun = t->passed ? MIN(t->passed - 1, (u64)INT32_MAX) : 0;
	t->passed = 0;
	t->expired = false;
	arm(t);
}

static void setting_read(struct posix_timer *t, struct timer_setting *s)
{
	u64 now;

	*s = (struct timer_setting){ .interval = t->clock.interval };
	if (!t->armed || t->gone)
		return;
	if (s->interval && (t->expired || t->silent))
		forward(t);
	now = now_of(t);
	s->value = t->clock.expires > now ? t->clock.expires - now : !t->silent;
}

/* ---- expiring ---- */

static void clock_fired(struct timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, clock.timer);
	struct sched_signal *s = &t->process->sig;
	u64 flags = spin_lock_irqsave(&s->lock);

	if (t->other) {
		t->seen = MAX(t->seen, READ_ONCE(t->watch.seen));
		if (t->armed && !t->expired && t->seen >= t->clock.expires)
			expire(t);
	} else if (clock_timer_due(&t->clock)) {
		expire(t);
	}
	spin_unlock_irqrestore(&s->lock, flags);
}

static void cpu_time_used(struct cpu_watch *w)
{
	struct posix_timer *t = container_of(w, struct posix_timer, watch);

	if (t->other)
		timer_set(&t->clock.timer, 0);
	else
		expire(t);
}

/* ---- what programs ask for ---- */

static void timer_free(struct posix_timer *t)
{
	clock_timer_end(&t->clock);
	if (t->target)
		thread_put(t->target);
	if (t->watch.of)
		thread_put(t->watch.of);
	if (t->other)
		process_put(t->other);
	kfree(t);
}

/* Unlink; timer_free is to follow, without the lock. [s] */
static void unlink(struct posix_timer *t)
{
	struct sched_signal *s = &t->process->sig;

	rb_remove(&t->process->timers, &t->node);
	disarm(t);
	signal_forget_owned_locked(s, t->target, &t->entry);
	user_release(t->entry.uid, USER_SIGNALS, 1);
}

/* [s] */
static void insert(struct posix_timer *t)
{
	struct process *p = t->process;
	struct rb_node **link = &p->timers.node, *parent = NULL;

	do {
		t->id = p->timer_next;
		p->timer_next = (p->timer_next + 1) & INT32_MAX;
	} while (timer_find(&p->timers, t->id));
	while (*link) {
		parent = *link;
		link = t->id < rb_entry(parent, struct posix_timer, node)->id ? &parent->left : &parent->right;
	}
	rb_insert_at(&p->timers, &t->node, parent, link);
}

s64 posix_timer_create(const struct posix_timer_event *ev)
{
	struct process *p = process_current();
	struct posix_timer *t = kzalloc(sizeof(*t));
	s64 r = -EAGAIN;
	u64 flags;

	if (!t)
		return r;
	clock_timer_init(&t->clock, clock_fired);
	list_init(&t->watch.node);
	t->watch.fn = cpu_time_used;
	list_init(&t->entry.node);
	t->entry.owned = true;
	t->process = p;
	t->kind = ev->clock;
	t->silent = ev->silent;
	if (ev->tid) {
		t->target = pid_find_thread(ev->tid);
		r = -EINVAL;
		if (!t->target || t->target->process != p)
			goto fail;
		r = -EAGAIN;
	}
	if (ev->cpu_of) {
		thread_get(ev->cpu_of);
		t->watch.of = ev->cpu_of;
	}
	if (ev->other) {
		process_get(ev->other);
		t->other = ev->other;
		t->watch.foreign = true;
	}
	flags = spin_lock_irqsave(&p->sig.lock);
	t->entry.uid = p->sig.uid;
	if (user_charge(t->entry.uid, USER_SIGNALS, 1, p->sig.queue_limit)) {
		insert(t);
		r = t->id;
		t->entry.info = (struct signal_info){ .signo = ev->signo, .code = SI_TIMER, .timer_id = t->id,
						      .address = ev->value_is_id ? (u64)t->id : ev->value };
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (r >= 0)
		return r;
fail:
	timer_free(t);
	return r;
}

/* The caller's timer by that number, and the lock; NULL: none, and no lock. */
static struct posix_timer *timer_lock(s32 id, u64 *flags)
{
	struct process *p = process_current(), *other = NULL;
	struct posix_timer *t;
	bool gone = false;
	u64 used = 0;

	for (;;) {
		*flags = spin_lock_irqsave(&p->sig.lock);
		t = timer_find(&p->timers, id);
		if (!t || t->other == other)
			break;
		/* Look at the other without our lock. */
		if (other)
			process_put(other);
		other = t->other;
		if (other)
			process_get(other);
		spin_unlock_irqrestore(&p->sig.lock, *flags);
		if (other) {
			used = process_cpu_ns(other);
			gone = !process_is_found(other);
		}
	}
	if (t && other) {
		t->seen = MAX(t->seen, used);
		t->gone |= gone;
	}
	if (!t)
		spin_unlock_irqrestore(&p->sig.lock, *flags);
	if (other)
		process_put(other);
	return t;
}

static void timer_unlock(struct posix_timer *t, u64 flags)
{
	spin_unlock_irqrestore(&t->process->sig.lock, flags);
}

int posix_timer_set(s32 id, bool absolute, const struct timer_setting *fresh, struct timer_setting *old)
{
	u64 flags;
	struct posix_timer *t = timer_lock(id, &flags);

	if (!t)
		return -EINVAL;
	if (t->gone) {
		timer_unlock(t, flags);
		return -ESRCH;
	}
	setting_read(t, old);
	disarm(t);
	t->expired = false;
	t->passed = t->overrun = 0;
	t->armed = fresh->value;
	t->clock.interval = t->armed ? fresh->interval : 0;
	t->clock.real = t->kind == POSIX_CLOCK_REAL && absolute;
	t->clock.expires = fresh->value;
	if (!absolute && __builtin_add_overflow(fresh->value, now_of(t), &t->clock.expires))
		t->clock.expires = CLOCK_TIMER_NEVER;
	if (t->armed)
		arm(t);
	timer_unlock(t, flags);
	return 0;
}

int posix_timer_get(s32 id, struct timer_setting *s)
{
	u64 flags;
	struct posix_timer *t = timer_lock(id, &flags);

	if (!t)
		return -EINVAL;
	setting_read(t, s);
	timer_unlock(t, flags);
	return 0;
}

s64 posix_timer_overrun(s32 id)
{
	u64 flags;
	struct posix_timer *t = timer_lock(id, &flags);
	s64 n;

	if (!t)
		return -EINVAL;
	n = t->overrun;
	timer_unlock(t, flags);
	return n;
}

int posix_timer_delete(s32 id)
{
	u64 flags;
	struct posix_timer *t = timer_lock(id, &flags);

	if (!t)
		return -EINVAL;
	unlink(t);
	timer_unlock(t, flags);
	timer_free(t);
	return 0;
}

void posix_timers_end(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	while (!rb_empty(&p->timers)) {
		struct posix_timer *t = rb_entry(rb_first(&p->timers), struct posix_timer, node);

		unlink(t);
		spin_unlock_irqrestore(&p->sig.lock, flags);
		timer_free(t);
		flags = spin_lock_irqsave(&p->sig.lock);
	}
	p->timer_next = 0;
	spin_unlock_irqrestore(&p->sig.lock, flags);
}
