/*
 * Leaving a bottom-half section, as core/preempt.c has it. A lock that is found taken on the one CPU
 * would never be free: that is the test's finding.
 */
#include "host.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/spinlock.h"

struct preempt_ops preempt_ops;
u64 percpu_offsets[MAX_CPUS];
u32 cpus_present = 1;
DEFINE_PERCPU(u32, cpu_number);
DEFINE_PERCPU(u32, softirq_pending);

void local_bh_enable(void)
{
	struct preempt *p = preempt_current();

	if (!(p->count & SOFTIRQ_MASK & ~SOFTIRQ_SERVING))
		panic("local_bh_enable without local_bh_disable");
	if (in_hardirq())
		panic("local_bh_enable in a hard interrupt");
	p->count -= SOFTIRQ_ONE;
	if (!(p->count & (SOFTIRQ_MASK | HARDIRQ_MASK)) && irqs_enabled() && host_softirqs_pending()) {
		irq_disable();
		host_softirqs_run();
		irq_enable();
	}
}

void spin_wait(struct spinlock *l)
{
	panic("a spin lock (%p) is taken twice", (void *)l);
}
