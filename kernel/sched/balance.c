/*
 * On which CPU a thread runs. Who wakes or is new goes to a CPU that is idle,
 * the one it ran on before all others: what it knows is still in that one's
 * caches. Where none is idle it waits on its own. A CPU that runs out of
 * threads takes one that waits elsewhere, and so does, at the end of an epoch,
 * one that has at least two fewer than another; a CPU at which somebody must
 * wait wakes an idle one, which then takes. Who finds the other's lock taken
 * does not try again and again: it sleeps, and the other tells it.
 *
 * Called by sched.c. The bits of idle CPUs are a hint: a bit is taken by whom
 * it leads to a CPU, so that two do not choose the same, and is set again when
 * that CPU next finds nothing to do.
 */
#include "sched/run_queue.h"
#include "base/atomic.h"

static u64 idle_cpus;			/* [a] */

/* CPUs of a thread: those of its mask that there are, or all if there is none. */
static u64 cpus_of(const struct thread *t)
{
	u64 may = READ_ONCE(t->affinity) & cpus_mask();

	return may ? may : cpus_mask();
}

static bool claim(u32 cpu)
{
	return atomic_fetch_and(&idle_cpus, ~(1ull << cpu)) >> cpu & 1;
}

/* The CPU with the fewest threads; for a real-time one, those that run another of its kind come last. No lock: a
 * guess. */
static u32 least(u64 may, bool rt, u32 own)
{
	u32 best = own, best_load = ~0u;

	for (u64 left = may; left; left &= left - 1) {
		u32 cpu = __builtin_ctzll(left);
		struct run_queue *q = per_cpu(run_queue, cpu);
		u32 load = 2 * READ_ONCE(q->running) + (rt && q->rt_running ? 1u << 20 : 0) + (cpu != own);

		if (load < best_load) {
			best = cpu;
			best_load = load;
		}
	}
	return best;
}

u32 balance_place(struct thread *t)
{
	u64 may = cpus_of(t), idle = atomic_load_relaxed(&idle_cpus) & may;

	if (idle >> t->cpu & 1 && claim(t->cpu))
		return t->cpu;
	for (; idle; idle &= idle - 1)
		if (claim(__builtin_ctzll(idle)))
			return __builtin_ctzll(idle);
	if (may >> t->cpu & 1 && !is_rt(t))
		return t->cpu;
	return least(may, is_rt(t), t->cpu);
}

/* The first of a list that may run on this CPU. [lock of its queue] */
static struct thread *first_for(struct list_node *list, u32 cpu)
{
	struct thread *t;

	list_for_each(t, list, run_node)
		if (balance_allows(t, cpu))
			return t;
	return NULL;
}

static struct thread *waiting_for(struct run_queue *from, u32 cpu)
{
	struct thread *t;

	for (u32 w = 0; w < 2; w++)
		for (u64 map = from->rt_map[w]; map; map &= map - 1) {
			t = first_for(&from->rt[w * 64 + __builtin_ctzll(map)], cpu);
			if (t)
				return t;
		}
	t = first_for(&from->queues[from->active], cpu);
	return t ? t : first_for(&from->queues[!from->active], cpu);
}

static bool pull_from(struct run_queue *q, struct run_queue *from, bool idle)
{
	struct thread *t;

	/* Our own lock is held: only a try can't deadlock with a CPU that does the same. Who would sleep asks to be
	 * told. */
	if (!rq_trylock(from)) {
		if (idle && !q->after) {
			atomic_store(&from->wanted, true);
			q->after = from->cpu + 1;
		}
		return false;
	}
	t = waiting_for(from, q->cpu);
	if (t) {
		rq_dequeue(from, t);
		from->running--;
		/* What it has left of its turn it keeps. */
		t->epoch = t->epoch == from->epoch ? q->epoch : q->epoch - 1;
		t->cpu = q->cpu;
		q->running++;
		rq_enqueue(q, t, false);
	}
	rq_unlock(from);
	return t != NULL;
}

bool balance_pull(struct run_queue *q, bool idle)
{
	u32 enough = idle ? 2 : q->running + 2;

	for (u32 i = 1; i < cpus_present; i++) {
		struct run_queue *from = per_cpu(run_queue, (q->cpu + i) % cpus_present);

		if (READ_ONCE(from->running) >= enough && pull_from(q, from, idle))
			return true;
	}
	return false;
}

void balance_idle(struct run_queue *q, bool idle)
{
	u64 bit = 1ull << q->cpu;

	if (!(atomic_load_relaxed(&idle_cpus) & bit) == !idle)
		return;
	if (idle)
		atomic_fetch_or(&idle_cpus, bit);
	else
		atomic_fetch_and(&idle_cpus, ~bit);
}

u32 balance_share(struct run_queue *q)
{
	u64 idle = atomic_load_relaxed(&idle_cpus) & ~(1ull << q->cpu);
	u32 cpu;

	if (likely(!idle) || READ_ONCE(q->running) < 2)
		return 0;
	cpu = __builtin_ctzll(idle);
	if (!claim(cpu))
		return 0;
	WRITE_ONCE(per_cpu(run_queue, cpu)->idle->preempt.no_resched, 0);
	return cpu + 1;
}
