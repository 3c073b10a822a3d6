/*
 * Interval timers (setitimer, alarm): real time by a kernel timer; CPU time by
 * looking, whenever the scheduler's sampling finds a thread of the process at
 * work and somebody waits for its time to be used up, on its way to user mode.
 * The same look serves timer_create's timers, sleepers and RLIMIT_CPU.
 */
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/time.h>
#include "proc/itimer.h"
#include "base/errno.h"
#include "core/clock.h"
#include "proc/internal.h"

static const s32 signal_for[3] = { [ITIMER_REAL] = SIGALRM, [ITIMER_VIRTUAL] = SIGVTALRM, [ITIMER_PROF] = SIGPROF };

static void fire(struct process *p, u32 which)
{
	struct signal_info info = { .signo = signal_for[which], .code = SI_KERNEL };

	signal_send_process(p, signal_for[which], &info);
}

static void real_fired(struct timer *t)
{
	struct process *p = container_of(t, struct process, itimer_real);
	u64 flags = spin_lock_irqsave(&p->sig.lock), now = clock_ns();
	bool due = p->itimer_expires[ITIMER_REAL] && p->itimer_expires[ITIMER_REAL] <= now;

	if (due) {
		u64 interval = p->itimer_interval[ITIMER_REAL], next = 0;

		if (interval)
			next = p->itimer_expires[ITIMER_REAL] + (now - p->itimer_expires[ITIMER_REAL]) / interval * interval +
				interval;
		p->itimer_expires[ITIMER_REAL] = next;
		if (next)
			timer_set(t, next);
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (due)
		fire(p, ITIMER_REAL);
}

static u64 cpu_ns(struct process *p, u32 which)
{
	struct process_usage u;

	if (which == ITIMER_PROF)
		return process_cpu_ns(p);
	process_usage_get(p, &u);
	return u.user_ns;
}

/* [w] */
static void wanted_tell(struct process *p)
{
	WRITE_ONCE(p->sig.watches_cpu, p->itimer_expires[ITIMER_VIRTUAL] || p->itimer_expires[ITIMER_PROF] ||
		   !list_empty(&p->cpu_watches) || process_rlimit(p, RLIMIT_CPU) != RLIM_INFINITY ||
		   process_rlimit(p, RLIMIT_RTTIME) != RLIM_INFINITY);
}

void cpu_timers_wanted_locked(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->watch_lock);

	wanted_tell(p);
	spin_unlock_irqrestore(&p->watch_lock, flags);
}

void cpu_watch_add(struct process *p, struct cpu_watch *w)
{
	u64 flags = spin_lock_irqsave(&p->watch_lock);

	list_push_back(&p->cpu_watches, &w->node);
	WRITE_ONCE(p->sig.watches_cpu, true);
	spin_unlock_irqrestore(&p->watch_lock, flags);
}

void cpu_watch_remove(struct process *p, struct cpu_watch *w)
{
	u64 flags = spin_lock_irqsave(&p->watch_lock);

	list_remove(&w->node);
	wanted_tell(p);
	spin_unlock_irqrestore(&p->watch_lock, flags);
}

/* [s] */
static void watches_check(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->watch_lock);
	struct list_node own = LIST_INIT(own);
	struct cpu_watch *w, *next;

	list_for_each_safe(w, next, &p->cpu_watches, node) {
		w->seen = w->of ? thread_cpu_ns(w->of) : process_cpu_ns_locked(p);
		if (w->expires > w->seen)
			continue;
		list_remove(&w->node);
		if (w->foreign)
			w->fn(w);
		else
			list_push_back(&own, &w->node);
	}
	wanted_tell(p);
	spin_unlock_irqrestore(&p->watch_lock, flags);
	/* Nobody takes these away without [s]. */
	list_for_each_safe(w, next, &own, node) {
		list_remove(&w->node);
		w->fn(w);
	}
}

/* RLIMIT_CPU, _RTTIME: a signal each second (so many of the limit's units) from the soft limit on; the end at the hard
 * one. */
static void limit_check(struct process *p, u32 which, u64 used, u64 second)
{
	u64 flags = spin_lock_irqsave(&pids_lock), *limit = p->rlimits[which];
	s32 signo = 0;

	if (used >= MAX(limit[1], 1u)) {
		signo = SIGKILL;
	} else if (used >= MAX(limit[0], 1u)) {
		signo = SIGXCPU;
		limit[0] = used + second;
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	if (signo)
		signal_send_process(p, signo, NULL);
}

/* RLIMIT_RTTIME: what the caller, if real-time, has used since it slept last; in units of 1 us. */
static u64 realtime_used(void)
{
	struct thread *t = current();
	struct proc_thread *pt = proc_thread(t);

	if (t->rt_priority && pt->rt_sleeps == t->switches_voluntary)
		return (thread_cpu_ns(t) - pt->rt_since) / 1000;
	pt->rt_sleeps = t->switches_voluntary;
	pt->rt_since = thread_cpu_ns(t);
	return 0;
}

/* [T]: the caller is of p. */
void cpu_timers_check(struct process *p)
{
	u64 used[3], flags;
	bool due[3] = { false };

	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++)
		used[w] = cpu_ns(p, w);
	flags = spin_lock_irqsave(&p->sig.lock);
	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++) {
		if (p->itimer_expires[w] && p->itimer_expires[w] <= used[w]) {
			due[w] = true;
			p->itimer_expires[w] = p->itimer_interval[w] ? used[w] + p->itimer_interval[w] : 0;
		}
	}
	watches_check(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++)
		if (due[w])
			fire(p, w);
	limit_check(p, RLIMIT_CPU, used[ITIMER_PROF] / NSEC_PER_SEC, 1);
	limit_check(p, RLIMIT_RTTIME, realtime_used(), NSEC_PER_SEC / 1000);
}

void cpu_limit_changed(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	cpu_timers_wanted_locked(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

struct cpu_sleeper { struct cpu_watch watch; struct thread *thread; bool over; /* [w] */ };

static void sleeper_due(struct cpu_watch *w)
{
	struct cpu_sleeper *s = container_of(w, struct cpu_sleeper, watch);

	WRITE_ONCE(s->over, true);
	thread_wake(s->thread);
}

int cpu_time_wait(struct process *p, struct thread *of, u64 until)
{
	struct cpu_sleeper s = { .watch = { .expires = until, .of = of, .fn = sleeper_due, .foreign = true },
		.thread = current() };
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	int r = 0;

	list_init(&s.watch.node);
	cpu_watch_add(p, &s.watch);
	watches_check(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	while (!r) {
		thread_set_state(THREAD_SLEEPING);
		if (READ_ONCE(s.over))
			break;
		r = wait_sleep(THREAD_SLEEPING, WAIT_FOREVER);
	}
	thread_set_state(THREAD_RUNNABLE);
	cpu_watch_remove(p, &s.watch);
	return r;
}

void itimer_init(struct process *p)
{
	timer_init(&p->itimer_real, real_fired);
}

void itimer_stop_all(struct process *p)
{
	timer_cancel_sync(&p->itimer_real);
}

void itimer_get(struct process *p, u32 which, u64 *left, u64 *interval)
{
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_ns(p, which);
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	*interval = p->itimer_interval[which];
	*left = 0;
	if (p->itimer_expires[which])
		*left = p->itimer_expires[which] > now ? p->itimer_expires[which] - now : 1;
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

void itimer_set(struct process *p, u32 which, u64 value, u64 interval)
{
	u64 now = which == ITIMER_REAL ? clock_ns() : cpu_ns(p, which), flags;

	flags = spin_lock_irqsave(&p->sig.lock);
	p->itimer_interval[which] = interval;
	p->itimer_expires[which] = value ? now + value : 0;
	if (which == ITIMER_REAL) {
		if (value)
			timer_set(&p->itimer_real, now + value);
		else
			timer_cancel(&p->itimer_real);
	}
	cpu_timers_wanted_locked(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
}
