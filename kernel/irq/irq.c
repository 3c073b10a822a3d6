/*
 * Interrupt lines: attach a handler, mask, unmask, and the way of an interrupt
 * through the kernel.
 *
 * vectors.S calls irq_dispatch, which lets the root controller acknowledge
 * (drivers/intc); that calls irq_handle for each line, which calls the
 * handlers. On the way out softirqs run (NAPI polls, timers), and a kernel
 * thread that was interrupted is rescheduled if a better one woke; on the way
 * to user mode vectors.S sees to that itself. domain.c makes and lists lines.
 */
#include "irq/internal.h"
#include "arch/arm64/upcall.h"
#include "base/errno.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/param.h"
#include "core/random.h"
#include "core/trace.h"
#include "mm/slab.h"
#include "sched/softirq.h"

static const struct irq_root *root;
static bool mask_while_polling;		/* napi.mask_irq=1 */

struct dispatch {
	/* odd while this CPU runs handlers: irq_detach waits for it to move [its CPU; others read] */
	u32 sequence;
	struct trap_frame *frame;	/* what the interrupt at work came upon [its CPU] */
};
static DEFINE_PERCPU(struct dispatch, dispatch);

static int set_mask_irq(const char *value)
{
	u64 v;

	if (parse_u64(value, NULL, 10, &v) || v > 1)
		return -EINVAL;
	mask_while_polling = v;
	return 0;
}
PARAM("napi.mask_irq", set_mask_irq);

void irq_root_register(const struct irq_root *r)
{
	root = r;
}

const struct irq_root *irq_root_get(void)
{
	return root;
}

int irq_cpu_init(void)
{
	int err = root->cpu_init();
	struct irq *irq;

	if (err)
		return err;
	/* Made on the boot CPU before any other starts, and there to stay. */
	list_for_each(irq, &irq_list, node)
		if (irq->private && !irq->mask_depth)
			irq->domain->ops->unmask(irq);
	return 0;
}

void irq_dispatch(struct trap_frame *frame)
{
	struct preempt *p = preempt_current();
	struct dispatch *d = this_cpu(dispatch);

	trace(TRACE_IRQ, 1, trap_from_user(frame));
	p->count += HARDIRQ_ONE;
	d->frame = frame;
	WRITE_ONCE(d->sequence, d->sequence + 1);
	barrier();
	root->dispatch();
	barrier();
	WRITE_ONCE(d->sequence, d->sequence + 1);
	p->count -= HARDIRQ_ONE;
	trace(TRACE_IRQ, 0, trap_from_user(frame));

	/* Interrupted a softirq, or code that keeps them off: that runs what we raised when it ends. */
	if (p->count & (SOFTIRQ_MASK | HARDIRQ_MASK))
		return;
	softirq_run();
	if (p->both == 0 && !trap_from_user(frame))
		preempt_ops.reschedule();
}

bool irq_interrupted_user(void)
{
	return trap_from_user(this_cpu(dispatch)->frame);
}

static inline bool call_handlers(struct irq *irq)
{
	bool handled = false;

	for (struct irq_action *a = atomic_load(&irq->actions); a; a = atomic_load(&a->next))
		handled |= a->handler(a->arg) == IRQ_HANDLED;
	return handled;
}

void irq_handle(struct irq *irq)
{
	u32 *count = &irq->counts[cpu_id()];
	bool handled;

	/* The times of interrupts are worth a little to the random generator; one in 64 keeps that cheap. */
	if (unlikely((++*count & 63) == 0))
		random_event(counter_read());
	handled = call_handlers(irq);
	if (unlikely(!handled || irq->seen))
		irq_count_unknown(irq, handled);
}

void irq_run_handlers(struct irq *irq)
{
	u64 flags = irq_save();
	struct preempt *p = preempt_current();
	struct dispatch *d = this_cpu(dispatch);

	/* Handlers are written for interrupts, and irq_detach waits for them. */
	p->count += HARDIRQ_ONE;
	WRITE_ONCE(d->sequence, d->sequence + 1);
	barrier();
	(void)call_handlers(irq);
	barrier();
	WRITE_ONCE(d->sequence, d->sequence + 1);
	p->count -= HARDIRQ_ONE;
	irq_restore(flags);
}

int irq_attach(struct irq *irq, irq_handler handler, void *arg, const char *name)
{
	struct irq_action *a = kmalloc(sizeof(*a)), **at;
	bool shareable = irq->trigger == IRQ_LEVEL_HIGH || irq->trigger == IRQ_LEVEL_LOW;
	u64 flags;

	if (!a)
		return -ENOMEM;
	*a = (struct irq_action){ .handler = handler, .arg = arg, .name = name };
	flags = spin_lock_irqsave(&irq->lock);
	if (irq->actions && !shareable) {
		spin_unlock_irqrestore(&irq->lock, flags);
		kfree(a);
		return -EBUSY;
	}
	for (at = &irq->actions; *at; at = &(*at)->next)
		;
	/* Published complete: irq_handle reads the list without the lock. */
	atomic_store(at, a);
	spin_unlock_irqrestore(&irq->lock, flags);
	return 0;
}

void irq_wait_handlers(void)
{
	atomic_fence();		/* what was unlinked is so before the sequences are read: a later dispatch does not find it */
	for (u32 cpu = 0; cpu < cpus_present; cpu++) {
		u32 *sequence = &per_cpu(dispatch, cpu)->sequence;
		u32 seen = atomic_load(sequence);

		while (cpu != cpu_id() && seen & 1 && atomic_load(sequence) == seen)
			cpu_relax();
	}
}

void irq_detach(struct irq *irq, void *arg)
{
	struct irq_action *a, **at;
	u64 flags = spin_lock_irqsave(&irq->lock);
	bool polled;

	for (at = &irq->actions; (a = *at) && a->arg != arg; at = &a->next)
		;
	if (a) {
		atomic_store(at, a->next);
		if (!irq->actions && irq->mask_depth == 0) {
			irq->mask_depth = 1;
			irq->domain->ops->mask(irq);
		}
	}
	polled = irq->polled;
	spin_unlock_irqrestore(&irq->lock, flags);
	if (polled)
		irq_poll_wait(irq);
	irq_wait_handlers();
	kfree(a);
}

void irq_mask(struct irq *irq)
{
	u64 flags = spin_lock_irqsave(&irq->lock);

	if (irq->mask_depth++ == 0 && !irq->polled)
		irq->domain->ops->mask(irq);
	spin_unlock_irqrestore(&irq->lock, flags);
}

void irq_unmask(struct irq *irq)
{
	u64 flags = spin_lock_irqsave(&irq->lock);

	ASSERT(irq->mask_depth > 0);
	if (irq->mask_depth > 0 && --irq->mask_depth == 0 && !irq->polled)
		irq->domain->ops->unmask(irq);
	spin_unlock_irqrestore(&irq->lock, flags);
}

bool irq_masks_while_polling(struct irq *irq)
{
	return mask_while_polling || irq->domain->flags & IRQ_MASK_WHILE_POLLING;
}
