/*
 * Softirqs and work queues (softirq.h). A run on the way out of an interrupt
 * takes each pending softirq once; what says that work is left, or comes again
 * meanwhile, goes on in this CPU's thread. That thread runs at a low weight:
 * programs that consume what it brings come first, and while they do, devices
 * hold their packets back in their own rings.
 */
#include "sched/softirq.h"
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "base/printf.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "sched/wait.h"

#define PASSES_INLINE	4		/* rounds on the way out of one interrupt */
#define THREAD_NICE	10

struct softirq_cpu {
	struct wait_queue wait;		/* the thread sleeps here */
	struct thread *thread;
	u32 deferred;			/* bits for the thread [own CPU, interrupts masked] */
};

static DEFINE_PERCPU(struct softirq_cpu, softirq_cpu);
static bool (*handlers[SOFTIRQ_COUNT])(void);

void softirq_register(enum softirq nr, bool (*fn)(void))
{
	handlers[nr] = fn;
}

void softirq_raise(enum softirq nr)
{
	u64 flags = irq_save();

	*this_cpu(softirq_pending) |= 1u << nr;
	irq_restore(flags);
}

/* Run each of `set` once; the set of those with work left. Interrupts masked on entry and return, enabled between. */
static u32 run_set(u32 set)
{
	struct preempt *p = preempt_current();
	u32 left = 0;

	p->count += SOFTIRQ_SERVING;
	irq_enable();
	while (set) {
		u32 nr = __builtin_ctz(set);

		set &= set - 1;
		if (handlers[nr]())
			left |= 1u << nr;
	}
	irq_disable();
	p->count -= SOFTIRQ_SERVING;
	return left;
}

static void thread_defer(u32 set)
{
	struct softirq_cpu *c = this_cpu(softirq_cpu);

	c->deferred |= set;
	if (c->thread)
		thread_wake(c->thread);
}

void softirq_run(void)
{
	u32 *pending = this_cpu(softirq_pending), left = 0;
	struct softirq_cpu *c = this_cpu(softirq_cpu);

	if (in_softirq() || in_hardirq())
		return;
	for (int pass = 0; *pending && pass < PASSES_INLINE; pass++) {
		/* What the thread has taken over is its own until it is done. */
		u32 set = *pending & ~(c->deferred | left);

		left |= *pending & c->deferred;
		*pending = 0;
		if (!set)
			break;
		left |= run_set(set);
	}
	left |= *pending;
	*pending = 0;
	if (left)
		thread_defer(left);
}

static void softirq_thread(void *arg)
{
	struct softirq_cpu *c = arg;

	for (;;) {
		wait_event(&c->wait, READ_ONCE(c->deferred) != 0);
		/* One turn that nothing preempts half way; then others may run. */
		preempt_disable();
		irq_disable();
		c->deferred = run_set(c->deferred);
		softirq_run();
		irq_enable();
		preempt_enable();
	}
}

/* ---- work: functions that may sleep ---- */

static struct spinlock work_lock = SPINLOCK_INIT("work");	/* irq kind */
static struct work *work_head, **work_tail = &work_head;	/* [work_lock] */
static struct work *work_now;			/* whose function runs; it may have freed it [work_lock] */
static struct wait_queue work_wait = WAIT_QUEUE_INIT(work_wait, "work wait");
static struct wait_queue work_over = WAIT_QUEUE_INIT(work_over, "work over");

bool work_queue(struct work *w)
{
	u64 flags = spin_lock_irqsave(&work_lock);
	bool fresh = !w->queued;

	if (fresh) {
		w->queued = true;
		w->next = NULL;
		*work_tail = w;
		work_tail = &w->next;
	}
	spin_unlock_irqrestore(&work_lock, flags);
	if (fresh)
		wait_wake_all(&work_wait);
	return fresh;
}

static struct work *work_take(void)
{
	u64 flags = spin_lock_irqsave(&work_lock);
	struct work *w = work_head;

	if (w) {
		work_head = w->next;
		if (!work_head)
			work_tail = &work_head;
		w->queued = false;
	}
	work_now = w;
	spin_unlock_irqrestore(&work_lock, flags);
	return w;
}

void work_cancel(struct work *w)
{
	u64 flags = spin_lock_irqsave(&work_lock);

	if (w->queued) {
		struct work **link = &work_head;

		while (*link != w)
			link = &(*link)->next;
		*link = w->next;
		if (!*link)
			work_tail = link;
		w->queued = false;
	}
	spin_unlock_irqrestore(&work_lock, flags);
	wait_event(&work_over, READ_ONCE(work_now) != w);
}

static void work_thread(void *arg)
{
	for (;;) {
		struct work *w;

		wait_event(&work_wait, (w = work_take()) != NULL);
		w->fn(w);
		atomic_store(&work_now, NULL);
		wait_wake_all(&work_over);
	}
}

void softirq_init(void)
{
	preempt_ops.softirq = softirq_run;
}

int softirq_thread_new(u32 cpu)
{
	struct softirq_cpu *c = per_cpu(softirq_cpu, cpu);
	char name[16];
	struct thread *t;

	snprintf(name, sizeof(name), "softirq/%u", cpu);
	t = thread_new(name, softirq_thread, c);
	if (!t)
		return -ENOMEM;
	wait_queue_init(&c->wait, "softirq wait");
	thread_set_nice(t, THREAD_NICE);
	t->affinity = 1ull << cpu;
	c->thread = t;
	return 0;
}

void softirq_thread_run(u32 cpu)
{
	thread_start(per_cpu(softirq_cpu, cpu)->thread);
}

void softirq_threads_start(void)
{
	if (softirq_thread_new(0) || !thread_create("work", work_thread, NULL))
		panic("no memory for the softirq and work threads");
	softirq_thread_run(0);
}
