/*
 * The scheduler: a run queue a CPU, schedule(), wake-up. thread.c makes and
 * ends threads, wait.c and mutex.c sleep through here.
 *
 * Ordinary threads share the CPU by epochs. Each has a slice by its nice
 * value; with slice left it waits in the active queue, without it in the
 * expired one, and when the active queue is empty the epoch ends and the two
 * change places. A woken thread that has used less of its slice than the
 * running one preempts it, so that what mostly sleeps answers at once and what
 * mostly computes still gets its share. Real-time threads come before, by
 * priority. No tick: a slice's end is a timer, armed while somebody waits.
 *
 * How much CPU time a thread uses is measured at each switch; whether in
 * user mode or in the kernel is sampled, about a hundred times a second of work. The
 * timer for that is armed when a thread begins to run on an idle CPU, and is not
 * armed again when it finds the CPU idle. Its distances vary, lest it keep step with
 * what it watches.
 *
 * Each CPU has a run queue of its own; balance.c says on which a thread runs.
 *
 * Locking: a run queue's lock is an irq lock that is handed over the switch:
 * the thread that comes in releases it (sched_finish). Who holds it knows that
 * what is in the queue, or sleeps, has left its CPU altogether. Two are held
 * together only by trying for the second (balance.c).
 */
#include "sched/run_queue.h"
#include "arch/arm64/cpu.h"
#include "base/bitmap.h"
#include "core/clock.h"
#include "core/panic.h"
#include "core/trace.h"
#include "mm/kmap.h"
#include "sched/core_event.h"
#include "sched/fp.h"
#include "sched/pid.h"
#include "sched/timer.h"

DEFINE_PERCPU(struct run_queue, run_queue);
struct sched_ops sched_ops;

#define SLICE_BASE_NS	(4 * NSEC_PER_MSEC)
#define SAMPLE_NS	(8 * NSEC_PER_MSEC)
#define SAMPLE_SPREAD	0x3fffffull	/* and up to 4.2 ms more */
#define LOAD_PERIOD_NS	(5 * NSEC_PER_SEC)

/* Share of a nice value against nice 0, times 1024: a factor of about 1.25 a step, as POSIX systems have it. */
static const u32 nice_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

static inline u64 slice_of(const struct thread *t)
{
	u64 slice = SLICE_BASE_NS * nice_weight[t->run_nice - NICE_MIN] / 1024;

	return MIN(MAX(slice, 500 * NSEC_PER_USEC), 100 * NSEC_PER_MSEC);
}

/* What it runs by: its own, or what it was lent if that is better. */
static void run_values(struct thread *t)
{
	t->run_nice = MIN(t->nice, NICE_MAX + 1 - t->lent_weight);
	t->run_rt = MAX(t->rt_priority, t->lent_rt);
}

/* ---- queues; all [lock] ---- */

void rq_enqueue(struct run_queue *q, struct thread *t, bool front)
{
	struct list_node *l;

	t->queued = true;
	if (is_rt(t)) {
		u32 i = RT_PRIOS - t->run_rt;

		l = &q->rt[i];
		q->rt_map[i / 64] |= BIT(i % 64);
	} else {
		if (t->epoch != q->epoch) {
			t->epoch = q->epoch;
			t->slice_left = slice_of(t);
		}
		l = &q->queues[t->slice_left ? q->active : !q->active];
	}
	if (front)
		list_push_front(l, &t->run_node);
	else
		list_push_back(l, &t->run_node);
}

void rq_dequeue(struct run_queue *q, struct thread *t)
{
	t->queued = false;
	list_remove(&t->run_node);
	if (is_rt(t)) {
		u32 i = RT_PRIOS - t->run_rt;

		if (list_empty(&q->rt[i]))
			q->rt_map[i / 64] &= ~BIT(i % 64);
	}
}

static struct thread *pick(struct run_queue *q)
{
	struct thread *t;

	for (u32 w = 0; unlikely(w < 2); w++)
		if (q->rt_map[w]) {
			t = list_first(&q->rt[w * 64 + __builtin_ctzll(q->rt_map[w])], struct thread, run_node);
			rq_dequeue(q, t);
			return t;
		}
	if (list_empty(&q->queues[q->active])) {
		bool none = list_empty(&q->queues[!q->active]);

		if (cpus_present > 1 && balance_pull(q, none))
			return pick(q);
		if (none)
			return q->idle;
		q->active = !q->active;
		q->epoch++;
		t = list_first(&q->queues[q->active], struct thread, run_node);
	} else {
		t = list_first(&q->queues[q->active], struct thread, run_node);
	}
	if (t->epoch != q->epoch) {
		t->epoch = q->epoch;
		t->slice_left = slice_of(t);
	}
	rq_dequeue(q, t);
	return t;
}

/* Charge the running thread for its time so far. */
static void account(struct run_queue *q, struct thread *t, u64 now)
{
	u64 ran = now - t->run_since;

	t->run_since = now;
	if (t == q->idle) {
		q->idle_ns += ran;
		return;
	}
	t->run_ns += ran;
	t->slice_left = ran < t->slice_left ? t->slice_left - ran : 0;
}

static void sample_arm(struct run_queue *q, u64 now)
{
	q->sample_at = now + SAMPLE_NS + (now & SAMPLE_SPREAD);
	timer_slice(q->sample_at);
}

/* What ran since the last sample went where this one finds it. Hard interrupt. */
static void sample(struct run_queue *q, u64 now, bool user)
{
	struct thread *t = q->current;
	u64 ran;

	rq_lock(q);
	if (t == q->idle) {
		q->sample_at = ~0ull;
	} else {
		*(user ? &t->user_ns : &t->system_ns) += t->run_ns + (now - t->run_since) - t->user_ns - t->system_ns;
		ran = now - q->idle_ns - q->user_ns - q->system_ns;
		*(user ? &q->user_ns : &q->system_ns) += ran;
		if (user && t->nice > 0)
			q->nice_ns += ran;
		else if (!user && softirq_serving())
			q->softirq_ns += ran;
		sample_arm(q, now);
	}
	rq_unlock(q);
	if (t->process && READ_ONCE(signal_of(t->process)->watches_cpu))
		atomic_fetch_or(&t->work, WORK_NOTIFY);
}

/* avg' = avg e^-x + n (1 - e^-x) every 5 s, in 11 bits of fraction; missed periods are made up with the present
 * count. */
static void load_update(struct run_queue *q, u64 now)
{
	static const u32 decay[3] = { 1884, 2014, 2037 };
	u64 periods = (now - q->load_at) / LOAD_PERIOD_NS;

	q->load_at += periods * LOAD_PERIOD_NS;
	for (periods = MIN(periods, 1000u); periods; periods--)
		for (int i = 0; i < 3; i++)
			q->load[i] = (q->load[i] * decay[i] + ((u64)q->running << 11) * (2048 - decay[i])) >> 11;
}

/* Somebody waits while `t` runs: bound its turn. For another CPU the caller kicks it. */
static void slice_arm(struct run_queue *q, struct thread *t, u64 now)
{
	if (t == q->idle || q->running < 2) {
		q->slice_end = ~0ull;
		return;
	}
	q->slice_end = now + (is_rt(t) && t->policy != SCHED_RR_POLICY ? NSEC_PER_SEC
		: MAX(t->slice_left, 100 * NSEC_PER_USEC));
	if (likely(q->cpu == cpu_id()))
		timer_slice(q->slice_end);
}

static inline void want_resched(struct thread *t)
{
	WRITE_ONCE(t->preempt.no_resched, 0);
}

/* ---- switching ---- */

void switch_context(struct switch_context *from, struct switch_context *to, struct thread *next);

/* First thing on the way in: drop the lock for the thread that left, and bury it if it is dead. Interrupts masked. */
void sched_finish(void)
{
	struct run_queue *q = this_cpu(run_queue);
	struct thread *prev = q->leaving;
	bool dead = prev->state == THREAD_DEAD;
	u32 after = q->after;

	q->after = 0;
	/* Release: whoever sees on_cpu false may run prev, with everything it stored. */
	atomic_store(&prev->on_cpu, false);
	rq_unlock(q);
	if (unlikely(dead))
		thread_bury(prev);
	if (likely(!after))
		return;
	if (after == AFTER_MOVE)
		rq_add(per_cpu(run_queue, balance_place(prev)), prev);
	else
		sched_ops.kick_cpu(after - 1);
}

static void switch_to(struct run_queue *q, struct thread *prev, struct thread *next)
{
	trace(TRACE_SWITCH, prev->tid, next->tid);
	q->current = next;
	q->leaving = prev;
	q->switches++;
	next->on_cpu = true;
	next->cpu = cpu_id();
	if (prev->fp) {
		prev->tpidr = sysreg_read(tpidr_el0);
		if (unlikely(prev->work_switched))
			atomic_fetch_or(&prev->work, prev->work_switched);
		/* It may go on elsewhere. */
		if (cpus_present > 1)
			fp_switch_out(prev);
	}
	if (next->fp) {
		if (next->space != q->space) {
			q->space = next->space;
			sched_ops.switch_space(next->space);
		}
		sysreg_write(tpidr_el0, next->tpidr);
		fp_switch_in(next);
	}
	switch_context(&prev->context, &next->context, next);
	sched_finish();
}

void schedule(void)
{
	u64 flags = irq_save();
	struct run_queue *q = this_cpu(run_queue);
	struct thread *prev = current(), *next;
	u64 now = clock_ns();

#ifdef CONFIG_LOCKCHECK
	if (prev->state != THREAD_RUNNABLE)
		lockcheck_sleep();
#endif
	rq_lock(q);
	account(q, prev, now);
	prev->preempt.no_resched = 1;
	if (unlikely(now - q->load_at >= LOAD_PERIOD_NS))
		load_update(q, now);
	if (prev->state == THREAD_RUNNABLE) {
		if (unlikely(!balance_allows(prev, q->cpu)) && prev != q->idle) {
			q->after = AFTER_MOVE;
			q->running--;
		} else if (prev != q->idle) {
			rq_enqueue(q, prev, prev->slice_left && !prev->yielding);
			prev->switches_forced++;
			if (cpus_present > 1)
				q->after = balance_share(q);
		}
	} else {
		q->running--;
		prev->switches_voluntary++;
	}
	prev->yielding = false;
	next = pick(q);
	next->run_since = now;
	q->rt_running = is_rt(next);
	slice_arm(q, next, now);
	if (cpus_present > 1)
		balance_idle(q, next == q->idle);
	if (next == prev) {
		u32 after = q->after;

		q->after = 0;
		prev->switches_forced -= prev != q->idle;
		rq_unlock(q);
		if (unlikely(after))
			sched_ops.kick_cpu(after - 1);
	} else {
		if (unlikely(q->sample_at == ~0ull) && next != q->idle)
			sample_arm(q, now);
		switch_to(q, prev, next);
	}
	irq_restore(flags);
}

/*
 * core/preempt's hook: the count is zero and somebody asked. A thread that is
 * preempted on its way to sleep has not looked at its condition yet, and must
 * not sleep on what it has not seen: it stays runnable, and its wait goes round again.
 */
static void reschedule(void)
{
	preempt_disable();
	if (current()->state != THREAD_RUNNABLE)
		thread_set_state(THREAD_RUNNABLE);
	do {
		schedule();
	} while (!READ_ONCE(preempt_current()->no_resched));
	preempt_enable_no_resched();
}

/* A timer interrupt: is the slice over, a sample due? When the next of them will be, ~0: none. Hard interrupt. */
u64 sched_timer_check(u64 now, bool user)
{
	struct run_queue *q = this_cpu(run_queue);

	if (now >= q->sample_at)
		sample(q, now, user);

	if (now >= q->slice_end) {
		q->slice_end = ~0ull;
		want_resched(current());
	}
	return MIN(q->slice_end, q->sample_at);
}

void thread_yield(void)
{
	current()->yielding = true;
	current()->slice_left = 0;
	schedule();
}

void thread_set_state(enum thread_state s)
{
	/* Pairs with the waker's order: condition true, then state read under the run queue's lock. */
	__atomic_store_n(&current()->state, (u32)s, __ATOMIC_RELAXED);
	atomic_fence();
}

/* ---- waking ---- */

/* Another CPU must look at what was changed for it. */
static inline void kick(struct run_queue *q)
{
	if (unlikely(q->cpu != cpu_id()))
		sched_ops.kick_cpu(q->cpu);
}

/*
 * t is runnable and in no queue: into this one, and before the running thread if it is better. True: its CPU must be
 * kicked, but not before the lock is given back, for which it would only wait. [lock]
 */
static bool join(struct run_queue *q, struct thread *t)
{
	struct thread *c = q->current;

	q->running++;
	rq_enqueue(q, t, false);
	if (c == q->idle || (is_rt(t) ? t->run_rt > c->run_rt : !is_rt(c) && t->slice_left > c->slice_left))
		want_resched(c);
	else if (q->slice_end == ~0ull)
		slice_arm(q, c, clock_ns());
	else
		return false;
	return true;
}

void rq_add(struct run_queue *q, struct thread *t)
{
	bool look;

	rq_lock(q);
	t->cpu = q->cpu;
	t->state = THREAD_RUNNABLE;
	look = join(q, t);
	rq_unlock(q);
	if (look)
		kick(q);
}

/* t slept, or was stopped: it runs where it did, or where there is room. [lock]; the lock of its queue is held after
 * it. *look: as of join. */
static struct run_queue *wake_up(struct run_queue *q, struct thread *t, bool *look)
{
	u32 cpu;

	t->state = THREAD_RUNNABLE;
	if (t == q->current)
		return q;
	cpu = cpus_present > 1 ? balance_place(t) : q->cpu;
	if (unlikely(cpu != q->cpu)) {
		/* In no queue and awake, it is nobody else's to move meanwhile. */
		t->cpu = cpu;
		rq_unlock(q);
		q = per_cpu(run_queue, cpu);
		rq_lock(q);
	}
	*look = join(q, t);
	return q;
}

/* A plain thread context has no exit path that would look whether to go on: do it here. */
static inline void resched_if_plain(void)
{
	if (unlikely(READ_ONCE(preempt_current()->both) == 0) && irqs_enabled())
		preempt_ops.reschedule();
}

/* Its CPU is kicked, or noted where kicks is not NULL. */
static inline bool wake_from(struct thread *t, bool only_interruptible, u64 *kicks)
{
	u64 flags = irq_save();
	struct run_queue *q = rq_lock_of(t);
	bool woken = t->state == THREAD_SLEEPING || (t->state == THREAD_SLEEPING_DEEP && !only_interruptible);
	bool look = false;

	if (woken)
		q = wake_up(q, t, &look);
	else
		look = only_interruptible && t == q->current;	/* in user mode it would not look by itself */
	rq_unlock(q);
	if (look && !kicks)
		kick(q);
	else if (look && q->cpu != cpu_id())
		*kicks |= 1ull << q->cpu;
	irq_restore(flags);
	if (woken)
		resched_if_plain();
	return woken;
}

bool thread_wake_later(struct thread *t, u64 *kicks)
{
	return wake_from(t, false, kicks);
}

void sched_kick(u64 kicks)
{
	for (; kicks; kicks &= kicks - 1)
		sched_ops.kick_cpu(__builtin_ctzll(kicks));
}

bool thread_wake(struct thread *t)
{
	return wake_from(t, false, NULL);
}

void thread_interrupt(struct thread *t)
{
	atomic_fetch_or(&t->work, WORK_SIGNAL);
	wake_from(t, true, NULL);
}

void sched_enqueue_new(struct thread *t)
{
	u64 flags = irq_save();

	run_values(t);
	t->cpu = cpu_id();
	rq_add(per_cpu(run_queue, cpus_present > 1 ? balance_place(t) : 0), t);
	irq_restore(flags);
	resched_if_plain();
}

void sched_wake_stopped(struct thread *t)
{
	u64 flags = irq_save();
	struct run_queue *q = rq_lock_of(t);

	bool look = false;

	if (t->state == THREAD_STOPPED)
		q = wake_up(q, t, &look);
	rq_unlock(q);
	if (look)
		kick(q);
	irq_restore(flags);
}

/* ---- attributes ---- */

/* Change what places a thread in its queue. */
static void change(struct thread *t, s8 nice, u8 policy, u8 rt_priority)
{
	u64 flags = irq_save();
	struct run_queue *q = rq_lock_of(t);
	bool queued = t->queued;

	if (queued)
		rq_dequeue(q, t);
	t->nice = nice;
	t->policy = policy;
	t->rt_priority = rt_priority;
	run_values(t);
	if (queued)
		rq_enqueue(q, t, false);
	want_resched(q->current);
	rq_unlock(q);
	kick(q);
	irq_restore(flags);
}

bool thread_lend(struct thread *t, u32 weight, u32 rt)
{
	if (t->lent_weight == weight && t->lent_rt == rt)
		return false;
	t->lent_weight = weight;
	t->lent_rt = rt;
	change(t, t->nice, t->policy, t->rt_priority);
	return true;
}

void thread_set_nice(struct thread *t, int nice)
{
	change(t, MIN(MAX(nice, NICE_MIN), NICE_MAX), t->policy, t->rt_priority);
}

void thread_set_policy(struct thread *t, u32 policy, u32 rt_priority)
{
	change(t, t->nice, policy, rt_priority);
}

void thread_cpu_time_add(struct thread *t, struct cpu_time *sum)
{
	u64 flags = irq_save();
	struct run_queue *q = rq_lock_of(t);

	sum->total_ns += t->run_ns;
	if (q->current == t)
		sum->total_ns += clock_ns() - t->run_since;
	sum->user_ns += t->user_ns;
	sum->system_ns += t->system_ns;
	rq_unlock(q);
	irq_restore(flags);
}

void thread_set_affinity(struct thread *t, u64 cpus)
{
	u64 flags = irq_save();
	struct run_queue *q = rq_lock_of(t);
	bool look = false;

	t->affinity = cpus;
	if (!balance_allows(t, q->cpu)) {
		if (t->queued) {
			rq_dequeue(q, t);
			q->running--;
			t->cpu = balance_place(t);
			rq_unlock(q);
			rq_add(per_cpu(run_queue, t->cpu), t);
			irq_restore(flags);
			return;
		}
		/* Running: it leaves at its next switch. Asleep: it wakes elsewhere. */
		if (t == q->current) {
			want_resched(t);
			look = true;
		}
	}
	rq_unlock(q);
	if (look)
		kick(q);
	irq_restore(flags);
	resched_if_plain();
}

u64 thread_cpu_ns(struct thread *t)
{
	struct cpu_time c = { 0 };

	thread_cpu_time_add(t, &c);
	return c.total_ns;
}

u64 thread_slice_ns(const struct thread *t)
{
	return slice_of(t);
}

void cpu_time_split(const struct cpu_time *t, struct cpu_split *shown)
{
	u64 known = t->user_ns + t->system_ns, system = t->system_ns;
	s64 fresh = t->total_ns - shown->user_ns - shown->system_ns, part;

	if (fresh <= 0)
		return;
	/* Without a sample it was the program itself, as far as anybody knows. */
	for (; known >> 32; known >>= 1)
		system >>= 1;
	system = known ? (unsigned __int128)t->total_ns * ((system << 32) / known) >> 32 : 0;
	part = MIN(MAX((s64)(system - shown->system_ns), 0), fresh);
	shown->system_ns += part;
	shown->user_ns += fresh - part;
}

void sched_set_space(struct vm_space *s)
{
	u64 flags = irq_save();

	current()->space = s;
	this_cpu(run_queue)->space = s;
	sched_ops.switch_space(s);
	irq_restore(flags);
}

void sched_forget_space(void)
{
	this_cpu(run_queue)->space = NULL;
}

void sched_stats_get(struct sched_stats *s)
{
	*s = (struct sched_stats){ .threads_created = threads_created };
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		struct run_queue *q = per_cpu(run_queue, cpu);
		u64 idle_ns;

		s->context_switches += q->switches;
		s->runnable += q->running;
		sched_cpu_idle_ns(cpu, &idle_ns);
		s->idle_ns += idle_ns;
	}
}

void sched_cpu_idle_ns(u32 cpu, u64 *idle_ns)
{
	u64 flags = irq_save();
	struct run_queue *q = per_cpu(run_queue, cpu);

	rq_lock(q);
	*idle_ns = q->idle_ns;
	if (q->current == q->idle)
		*idle_ns += clock_ns() - q->idle->run_since;
	rq_unlock(q);
	irq_restore(flags);
}

void sched_cpu_busy(u32 cpu, struct cpu_busy *busy)
{
	u64 flags = irq_save();
	struct run_queue *q = per_cpu(run_queue, cpu);
	struct cpu_busy *shown = &q->shown;
	u64 now = clock_ns(), idle;

	rq_lock(q);
	idle = q->idle_ns + (q->current == q->idle ? now - q->idle->run_since : 0);
	cpu_time_split(&(struct cpu_time){ now - idle, q->user_ns, q->system_ns }, &shown->all);
	cpu_time_split(&(struct cpu_time){ shown->all.user_ns, q->user_ns - q->nice_ns, q->nice_ns }, &shown->user);
	cpu_time_split(&(struct cpu_time){ shown->all.system_ns, q->softirq_ns, q->system_ns - q->softirq_ns },
		&shown->system);
	*busy = *shown;
	rq_unlock(q);
	irq_restore(flags);
}

void sched_loadavg(u64 avg[3])
{
	avg[0] = avg[1] = avg[2] = 0;
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		u64 flags = irq_save();
		struct run_queue *q = per_cpu(run_queue, cpu);

		rq_lock(q);
		load_update(q, clock_ns());
		for (int i = 0; i < 3; i++)
			avg[i] += q->load[i];
		rq_unlock(q);
		irq_restore(flags);
	}
}

void sched_init_cpu(u32 cpu, struct thread *idle)
{
	struct run_queue *q = per_cpu(run_queue, cpu);

	list_init(&q->queues[0]);
	list_init(&q->queues[1]);
	for (u32 i = 0; i < RT_PRIOS; i++)
		list_init(&q->rt[i]);
	q->cpu = idle->cpu = cpu;
	q->idle = q->current = idle;
	q->slice_end = q->sample_at = ~0ull;
	q->epoch = 1;
	q->load_at = idle->run_since = clock_ns();
}

void sched_init(void)
{
	sched_init_cpu(0, current());
	preempt_ops.reschedule = reschedule;
	core_events_init();
}

/* The interrupt that kick_cpu sends: the request to switch is there already, this CPU's timer may have to be earlier,
 * and one that has nothing to do may have asked. */
void sched_kicked(void)
{
	struct run_queue *q = this_cpu(run_queue);

	timer_slice(MIN(READ_ONCE(q->slice_end), q->sample_at));
	timer_kicked();
	/* Cleared before who is idle is looked at: who asks after that kicks again. */
	if (unlikely(READ_ONCE(q->wanted)) && atomic_xchg(&q->wanted, false)) {
		u32 idle = balance_share(q);

		if (idle)
			sched_ops.kick_cpu(idle - 1);
	}
}

noreturn void sched_idle(void)
{
	for (;;) {
		irq_disable();
		if (READ_ONCE(preempt_current()->no_resched))
			cpu_wait_irq();
		irq_enable();
		if (!READ_ONCE(preempt_current()->no_resched))
			reschedule();
	}
}
