/*
 * Softirqs and work. A softirq that says that work is left goes on when the machine would else be idle, which
 * is where its thread would run; work has a thread of its own, as it may sleep.
 */
#include "host.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/preempt.h"
#include "sched/softirq.h"
#include "sched/wait.h"

#define ROUNDS 10

static bool (*functions[SOFTIRQ_COUNT])(void);
static u32 left;			/* bits of enum softirq: for the thread */

void softirq_init(void) { }

void softirq_register(enum softirq nr, bool (*fn)(void))
{
	functions[nr] = fn;
}

void softirq_raise(enum softirq nr)
{
	u64 flags = irq_save();

	softirq_pending |= 1u << nr;
	irq_restore(flags);
}

bool host_softirqs_pending(void)
{
	return softirq_pending;
}

/* Interrupts masked on entry and return. */
void softirq_run(void)
{
	if (in_softirq() || in_hardirq())
		panic("softirqs run where they may not");
	preempt_current()->count += SOFTIRQ_SERVING;
	for (int round = 0; softirq_pending && round < ROUNDS; round++) {
		u32 pending = softirq_pending;

		softirq_pending = 0;
		irq_enable();
		for (u32 nr = 0; nr < SOFTIRQ_COUNT; nr++) {
			u32 count = preempt_count();

			if (!(pending & 1u << nr))
				continue;
			if (nr == SOFTIRQ_TIMER)
				host_timer_run();
			if (functions[nr] && functions[nr]())
				left |= 1u << nr;
			if (preempt_count() != count)
				panic("softirq %u ends with a lock held", nr);
		}
		irq_disable();
	}
	preempt_current()->count -= SOFTIRQ_SERVING;
}

void host_softirqs_run(void)
{
	if (softirq_pending)
		softirq_run();
}

bool host_softirqs_resume(void)
{
	softirq_pending |= left;
	left = 0;
	if (!softirq_pending)
		return false;
	irq_disable();
	softirq_run();
	irq_enable();
	return true;
}

static struct work *work_head, **work_tail = &work_head;
static struct wait_queue work_wait = WAIT_QUEUE_INIT(work_wait, "host.work");
static struct thread *worker;

static void work_thread(void *arg)
{
	for (;;) {
		struct work *w;

		wait_event(&work_wait, work_head);
		w = work_head;
		work_head = w->next;
		if (!work_head)
			work_tail = &work_head;
		w->queued = false;
		w->fn(w);
	}
}

bool work_queue(struct work *w)
{
	if (w->queued)
		return false;
	w->queued = true;
	w->next = NULL;
	*work_tail = w;
	work_tail = &w->next;
	if (!worker)
		worker = thread_create("work", work_thread, NULL);
	wait_wake_all(&work_wait);
	return true;
}

void work_cancel(struct work *w)
{
	for (struct work **link = &work_head; *link; link = &(*link)->next) {
		if (*link != w)
			continue;
		*link = w->next;
		if (!*link)
			work_tail = link;
		w->queued = false;
		return;
	}
}
