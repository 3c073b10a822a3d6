/*
 * Interval timers (setitimer, alarm): real time by a kernel timer; CPU time by
 * one that is armed for the earliest moment at which it could have been used up, and
 * again for what is left when it turns out that it was not.
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

	process_usage_get(p, &u);
	return which == ITIMER_VIRTUAL ? u.user_ns : u.user_ns + u.system_ns;
}

/* Look at both CPU timers: fire what is due, and come back when the next could be. */
static void cpu_check(struct process *p)
{
	u64 used[3], flags, soonest = ~0ull;
	bool due[3] = { false };

	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++)
		used[w] = cpu_ns(p, w);
	flags = spin_lock_irqsave(&p->sig.lock);
	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++) {
		if (p->itimer_expires[w] && p->itimer_expires[w] <= used[w]) {
			due[w] = true;
			p->itimer_expires[w] = p->itimer_interval[w] ? used[w] + p->itimer_interval[w] : 0;
		}
		if (p->itimer_expires[w])
			soonest = MIN(soonest, p->itimer_expires[w] - used[w]);
	}
	if (soonest != ~0ull)
		timer_set(&p->itimer_cpu, clock_ns() + MAX(soonest, NSEC_PER_MSEC));
	spin_unlock_irqrestore(&p->sig.lock, flags);
	for (u32 w = ITIMER_VIRTUAL; w <= ITIMER_PROF; w++)
		if (due[w])
			fire(p, w);
}

static void cpu_fired(struct timer *t)
{
	cpu_check(container_of(t, struct process, itimer_cpu));
}

void itimer_init(struct process *p)
{
	timer_init(&p->itimer_real, real_fired);
	timer_init(&p->itimer_cpu, cpu_fired);
}

void itimer_stop_all(struct process *p)
{
	timer_cancel_sync(&p->itimer_real);
	timer_cancel_sync(&p->itimer_cpu);
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
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (which != ITIMER_REAL && value)
		cpu_check(p);
}
