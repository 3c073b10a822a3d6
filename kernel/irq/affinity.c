/*
 * To which CPUs interrupts go. A line has a set of CPUs that it may go to, and goes to one of them: controllers here
 * have one target a line. The set is a program's to choose (/proc/irq, fs/procfs_irq.c), or a driver's for a queue of
 * its own; a line that nobody spoke of has the default.
 *
 * A line is moved under its lock, at any time: what was raised before may be handled on the old CPU while the new one
 * handles the next, so a handler does what it does for its device under that device's own lock, or by one atomic step
 * (napi_schedule).
 */
#include "base/errno.h"
#include "irq/internal.h"

static u64 default_cpus = ~0ull;	/* of new lines [a] */

/* The first of them that the controller can reach. [irq->lock] */
static int irq_target(struct irq *irq, u64 cpus)
{
	int err = -EINVAL;

	for (u64 left = cpus & cpus_mask(); left && err; left &= left - 1) {
		u32 cpu = __builtin_ctzll(left);

		err = cpu == irq->cpu ? 0 : irq->domain->ops->set_affinity(irq, cpu);
		if (!err)
			irq->cpu = cpu;
	}
	return err;
}

int irq_set_affinity(struct irq *irq, u64 cpus)
{
	u64 flags;
	int err;

	if (irq->private || !irq->domain->ops->set_affinity)
		return -EIO;
	flags = spin_lock_irqsave(&irq->lock);
	err = irq_target(irq, cpus);
	if (!err)
		irq->affinity = cpus;
	spin_unlock_irqrestore(&irq->lock, flags);
	return err;
}

void irq_affinity_begin(struct irq *irq)
{
	irq->affinity = atomic_load_relaxed(&default_cpus);
	irq->cpu = BOOT_CPU;
	if (irq->private || !irq->domain->ops->set_affinity || cpus_present == 1)
		return;
	/* The line's last owner may have left it somewhere else. */
	(void)irq->domain->ops->set_affinity(irq, BOOT_CPU);
	if (irq_target(irq, irq->affinity))
		irq->affinity = ~0ull;
}

u64 irq_default_affinity(void)
{
	return atomic_load_relaxed(&default_cpus);
}

int irq_set_default_affinity(u64 cpus)
{
	if (!(cpus & cpus_mask()))
		return -EINVAL;
	atomic_store(&default_cpus, cpus);
	return 0;
}

/* ---- by number ---- */

/* The line with the lowest number from this one on, or NULL. [irq_list_lock] */
static struct irq *irq_from(u32 number)
{
	struct irq *irq;

	list_for_each(irq, &irq_list, node)
		if (irq->number >= number)
			return irq;
	return NULL;
}

s64 irq_next(u32 from)
{
	struct irq *irq;
	s64 number;

	spin_lock(&irq_list_lock);
	irq = irq_from(from);
	number = irq ? (s64)irq->number : -1;
	spin_unlock(&irq_list_lock);
	return number;
}

int irq_affinity_get(u32 number, u64 *wanted, u64 *effective)
{
	struct irq *irq;

	spin_lock(&irq_list_lock);
	irq = irq_from(number);
	if (irq && irq->number == number) {
		*wanted = READ_ONCE(irq->affinity);
		*effective = irq->private ? 0 : 1ull << READ_ONCE(irq->cpu);
	} else {
		irq = NULL;
	}
	spin_unlock(&irq_list_lock);
	return irq ? 0 : -ENOENT;
}

int irq_affinity_set(u32 number, u64 cpus)
{
	struct irq *irq;
	int err = -ENOENT;

	/* The list's lock keeps the line. */
	spin_lock(&irq_list_lock);
	irq = irq_from(number);
	if (irq && irq->number == number)
		err = irq_set_affinity(irq, cpus);
	spin_unlock(&irq_list_lock);
	return err;
}
