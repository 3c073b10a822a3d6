/*
 * The slow ends of preempt.h: leaving a bottom-half section, and spinning for
 * a lock that is taken.
 */
#include "core/preempt.h"
#include "core/percpu.h"
#include "core/spinlock.h"

struct preempt_ops preempt_ops;
DEFINE_PERCPU(u32, softirq_pending);

void local_bh_enable(void)
{
	struct preempt *p = preempt_current();

	barrier();
	p->count -= SOFTIRQ_ONE;
	barrier();
	/* Looked at after the count: an interrupt before that raised and left it to us, a later one runs it itself. */
	if (unlikely(*this_cpu(softirq_pending)) && !(p->count & (SOFTIRQ_MASK | HARDIRQ_MASK)) && irqs_enabled()) {
		/* Keep the count raised by one preemption, so that softirqs run on this CPU. */
		p->count += PREEMPT_ONE;
		irq_disable();
		preempt_ops.softirq();
		irq_enable();
		preempt_enable();
		return;
	}
	if (unlikely(READ_ONCE(p->both) == 0) && irqs_enabled())
		preempt_ops.reschedule();
}

void spin_wait(struct spinlock *l)
{
	u32 zero;

	do {
		while (atomic_load_relaxed(&l->word))
			cpu_relax();
		zero = 0;
	} while (!__atomic_compare_exchange_n(&l->word, &zero, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}
