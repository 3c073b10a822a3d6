/*
 * A CPU's run queue, as sched.c (switching, waking) and balance.c (which CPU) see it. Others include thread.h.
 */
#pragma once
#include "core/percpu.h"
#include "sched/sched.h"

struct run_queue {
	u32 lock;			/* spin word, interrupts masked while held */
	u32 running;			/* runnable threads, the current one included, idle not [lock] */
	struct thread *current, *idle;	/* [lock] */
	struct list_node queues[2];	/* ordinary threads: active, expired [lock] */
	u32 active;			/* which of the two is active [lock] */
	u64 epoch;			/* [lock] */
	struct list_node rt[RT_PRIOS];	/* real-time threads [lock] */
	u64 rt_map[2];			/* which of them are not empty [lock] */
	u64 switches, idle_ns;		/* [lock] */
	u64 sample_at;			/* clock_ns() of the next sample; ~0: none is due [lock] */
	u64 user_ns, system_ns;		/* parts of the time not idle of which a sample said where they went [lock] */
	u64 nice_ns, softirq_ns;	/* of the first, of the second [lock] */
	struct cpu_busy shown;		/* [lock] */
	u64 slice_end;			/* clock_ns() at which the current one must yield; ~0: nobody waits [lock] */
	struct vm_space *space;		/* the user half loaded [own CPU] */
	struct thread *leaving;		/* who was switched away from, for sched_finish [own CPU] */
	u32 cpu;			/* whose it is */
	bool rt_running;		/* current is a real-time thread [lock; read without] */
	bool wanted;			/* a CPU without threads found this lock taken: it is told at the next kick [a] */
	u32 after;			/* for when the lock is given back: AFTER_MOVE, or a CPU to kick plus 1 [lock] */
	u64 load_at, load[3];		/* load averages and when they were last updated [lock] */
};

#define AFTER_MOVE	(~0u)		/* leaving may not run here any more: it goes elsewhere */

DECLARE_PERCPU(struct run_queue, run_queue);

static inline bool is_rt(const struct thread *t) { return t->run_rt != 0; }

static inline bool rq_trylock(struct run_queue *q)
{
	u32 zero = 0;

	return __atomic_compare_exchange_n(&q->lock, &zero, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void rq_lock(struct run_queue *q)
{
	while (unlikely(!rq_trylock(q)))
		cpu_relax();
}

static inline void rq_unlock(struct run_queue *q)
{
	atomic_store(&q->lock, 0u);
}

/* The queue of t's CPU, locked; it may change until then. Interrupts masked. */
static inline struct run_queue *rq_lock_of(struct thread *t)
{
	for (;;) {
		struct run_queue *q = per_cpu(run_queue, READ_ONCE(t->cpu));

		rq_lock(q);
		if (likely(q->cpu == t->cpu))
			return q;
		rq_unlock(q);
	}
}

/* sched.c: into its queue, and out of it; q->running is the caller's. [lock] */
void rq_enqueue(struct run_queue *q, struct thread *t, bool front);
void rq_dequeue(struct run_queue *q, struct thread *t);
/* sched.c: runnable and in no queue: into q, which is not locked, and somebody who looks. Interrupts masked. */
void rq_add(struct run_queue *q, struct thread *t);

static inline bool balance_allows(const struct thread *t, u32 cpu) { return t->affinity >> cpu & 1; }
/* balance.c: the CPU on which a thread that wakes, or is new, shall run. Interrupts masked. */
u32 balance_place(struct thread *t);
/* balance.c: this CPU has nothing to do: take from one that has too much. True: something was enqueued. If not, and
 * idle, q->after may have become one to be asked. [lock] */
bool balance_pull(struct run_queue *q, bool idle);
/* balance.c: this CPU has something to do again, or nothing. [lock] */
void balance_idle(struct run_queue *q, bool idle);
/* balance.c: somebody may wait on this CPU: an idle one that shall look. It is to be kicked, but by who holds no lock
 * that it will want; that one plus 1, 0: none. Interrupts masked. */
u32 balance_share(struct run_queue *q);
