/*
 * Lines that a timer looks after, because their interrupts cannot be used any more: a line that is raised without end
 * and that no driver can silence, which would starve the machine, and a line whose controller went out of service.
 * The line is shut at its controller; whoever has a handler on it goes on, called a hundred times a second in place of
 * interrupts (the last step of the ladder of docs/packet.md). That ends when the last handler goes.
 *
 * irq.c counts here what no handler knew, drivers/intc says of lines that never fall silent or have lost their
 * controller.
 *
 * What is too much is Linux's rule: of 100,000 interrupts more than 99,900 that nobody knew. A card that shares the
 * line and has work of its own is no reason to wait for the machine to starve.
 */
#include "irq/internal.h"
#include "core/clock.h"
#include "core/log.h"

#define STORM_UNKNOWN	99900u
#define POLL_NS		(10 * NSEC_PER_MSEC)	/* as drivers poll that have no interrupt at all */

static void poll_line(struct timer *t)
{
	struct irq *irq = container_of(t, struct irq, poll);
	u64 flags;

	if (!READ_ONCE(irq->mask_depth))
		irq_run_handlers(irq);
	flags = spin_lock_irqsave(&irq->lock);
	if (irq->polled)
		timer_set(t, clock_ns() + POLL_NS);
	spin_unlock_irqrestore(&irq->lock, flags);
}

void irq_poll_init(struct irq *irq)
{
	timer_init(&irq->poll, poll_line);
}

void irq_poll_begin(struct irq *irq)
{
	if (irq->polled)
		return;
	irq->polled = true;
	timer_set(&irq->poll, clock_ns() + POLL_NS);
}

void irq_poll_end(struct irq *irq)
{
	u64 flags = spin_lock_irqsave(&irq->lock);

	irq->polled = false;
	spin_unlock_irqrestore(&irq->lock, flags);
	timer_cancel_sync(&irq->poll);
}

void irq_poll_wait(struct irq *irq)
{
	u64 flags;

	timer_cancel_sync(&irq->poll);
	flags = spin_lock_irqsave(&irq->lock);
	irq->polled = irq->polled && irq->actions;
	if (irq->polled)
		timer_set(&irq->poll, clock_ns() + POLL_NS);
	spin_unlock_irqrestore(&irq->lock, flags);
	/* It set itself again while it ended. */
	if (!READ_ONCE(irq->polled))
		timer_cancel_sync(&irq->poll);
}

/* Shut it. A private line is the calling CPU's, whose timer or error it is: nothing is gained by a look at it. */
static void shut(struct irq *irq)
{
	u64 flags = spin_lock_irqsave(&irq->lock);
	const struct irq_action *a = irq->actions;
	bool unknown = irq->unknown > STORM_UNKNOWN;

	irq->seen = irq->unknown = 0;
	if (irq->private) {
		irq->mask_depth++;
	} else {
		if (irq->polled)
			goto out;
		irq_poll_begin(irq);
	}
	irq->domain->ops->mask(irq);
	log_err("irq %u: interrupts without end%s; %s %u (%s%s) is masked%s", irq->number,
		unknown ? " that no driver knew" : ", whatever its drivers do", irq->domain->name, irq->hwirq,
		a ? a->name : "no driver", a && a->next ? " and others" : "", irq->private ? "" : " and polled at 100 Hz");
out:
	spin_unlock_irqrestore(&irq->lock, flags);
}

void irq_count_unknown(struct irq *irq, bool known)
{
	irq->unknown += !known;
	if (++irq->seen < IRQ_STORM)
		return;
	if (irq->unknown > STORM_UNKNOWN)
		shut(irq);
	irq->seen = irq->unknown = 0;
}

void irq_stuck(struct irq *irq)
{
	/* The others come late, but are not what holds the dispatch. */
	if (!irq->private)
		shut(irq);
}

void irq_domain_lost(struct irq_domain *d)
{
	struct irq *irq;
	u32 n = 0;

	spin_lock(&irq_list_lock);
	list_for_each(irq, &irq_list, node) {
		u64 flags;

		if (irq->domain != d)
			continue;
		flags = spin_lock_irqsave(&irq->lock);
		irq_poll_begin(irq);
		spin_unlock_irqrestore(&irq->lock, flags);
		n++;
	}
	spin_unlock(&irq_list_lock);
	if (n)
		log_err("%s: its %u lines are polled at 100 Hz from now on", d->name, n);
}
