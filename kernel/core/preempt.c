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
	if (unlikely(*this_cpu(softirq_pending)) && (p->count & (SOFTIRQ_MASK | HARDIRQ_MASK)) == SOFTIRQ_ONE && irqs_enabled()) {
		/* Leave the count raised by one preemption, so that softirqs run on this CPU, then look again. */
		p->count -= SOFTIRQ_ONE - PREEMPT_ONE;
		irq_disable();
		preempt_ops.softirq();
		irq_enable();
		preempt_enable();
		return;
	}
	p->count -= SOFTIRQ_ONE;
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
