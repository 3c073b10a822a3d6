/*
 * Interval timers (setitimer, alarm): real time by a kernel timer; CPU time by
 * looking, whenever the scheduler's sampling finds a thread of the process at
 * work and somebody waits for its time to be used up, on its way to user mode.
 */
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
			next = p->itimer_expires[ITIMER_REAL] + (now - p->itimer_expires[ITIMER_REAL]) / interval * interval + interval;
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

void cpu_timers_wanted_locked(struct process *p)
{
	WRITE_ONCE(p->sig.watches_cpu, p->itimer_expires[ITIMER_VIRTUAL] || p->itimer_expires[ITIMER_PROF] ||
		   !list_empty(&p->cpu_timers));
}

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
	posix_timers_cpu_check_locked(p);
	cpu_timers_wanted_locked(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++)
		if (due[w])
			fire(p, w);
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
