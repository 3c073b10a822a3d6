/*
 * Making interrupt lines, and showing them.
 *
 * Drivers of controllers register a domain each; irq_create gives a line of
 * one, which the domain's bind makes known to the controller's dispatch. Lines
 * are numbered in the order of their making and listed for /proc/interrupts
 * and /proc/stat in Linux's format.
 */
#include "irq/internal.h"
#include "base/errno.h"
#include "base/printf.h"
#include "core/log.h"
#include "fw/platform.h"
#include "mm/slab.h"

#define IRQ_FIRST	16	/* numbers below are those of old PCs' lines; Linux leaves them out too */

struct list_node irq_list = LIST_INIT(irq_list);
struct spinlock irq_list_lock = SPINLOCK_INIT("irq_list");
static struct list_node domains = LIST_INIT(domains);	/* [irq_list_lock] */
static struct irq_domain *root_domain;

void irq_domain_register(struct irq_domain *d)
{
	spin_lock(&irq_list_lock);
	list_push_back(&domains, &d->node);
	spin_unlock(&irq_list_lock);
}

void irq_root_domain_set(struct irq_domain *d)
{
	root_domain = d;
}

struct irq_domain *irq_root_domain(void)
{
	return root_domain;
}

struct irq *irq_from_firmware(u32 intid, enum irq_trigger trigger)
{
	return root_domain ? irq_create(root_domain, intid, trigger) : err_ptr(-ENODEV);
}

/* CPUs may start after the first lines were made: count those that firmware lists, too. */
u32 irq_cpu_slots(void)
{
	return MAX(MAX(cpus_present, platform.cpu_count), 1u);
}

static struct irq *irq_find(struct irq_domain *d, u32 hwirq)
{
	struct irq *irq;

	list_for_each(irq, &irq_list, node)
		if (irq->domain == d && irq->hwirq == hwirq)
			return irq;
	return NULL;
}

/* Into the list, with the lowest free number: numbers stay small when devices come and go. */
static void irq_insert(struct irq *irq)
{
	struct irq *at;

	irq->number = IRQ_FIRST;
	list_for_each(at, &irq_list, node) {
		if (at->number != irq->number)
			break;
		irq->number++;
	}
	list_insert(&irq->node, at->node.prev, &at->node);
}

struct irq *irq_create(struct irq_domain *d, u32 hwirq, enum irq_trigger trigger)
{
	struct irq *irq = kzalloc(sizeof(*irq)), *old;
	int err = -ENOMEM;

	if (!irq)
		return err_ptr(err);
	irq->counts = kcalloc(irq_cpu_slots(), sizeof(*irq->counts));
	if (!irq->counts)
		goto no_counts;
	spin_init(&irq->lock, "irq");
	irq_poll_init(irq);
	irq->hwirq = hwirq;
	irq->domain = d;
	irq->mask_depth = 1;
	irq->trigger = trigger;
	irq->refs = 1;

	spin_lock(&irq_list_lock);
	old = irq_find(d, hwirq);
	if (old) {
		err = old->trigger == trigger ? 0 : -EINVAL;
		if (err == 0)
			old->refs++;
		goto known;
	}
	err = d->ops->bind ? d->ops->bind(irq, true) : 0;
	if (err)
		goto known;
	d->ops->mask(irq);
	err = d->ops->set_type ? d->ops->set_type(irq, trigger) : 0;
	if (err)
		goto no_type;
	irq_affinity_begin(irq);
	irq_insert(irq);
	spin_unlock(&irq_list_lock);
	return irq;

no_type:
	if (d->ops->bind)
		d->ops->bind(irq, false);
known:
	spin_unlock(&irq_list_lock);
	kfree(irq->counts);
no_counts:
	kfree(irq);
	return err ? err_ptr(err) : old;
}

void irq_destroy(struct irq *irq)
{
	bool last;

	spin_lock(&irq_list_lock);
	last = --irq->refs == 0;
	if (last) {
		irq->domain->ops->mask(irq);
		if (irq->domain->ops->bind)
			irq->domain->ops->bind(irq, false);
		list_remove(&irq->node);
	}
	spin_unlock(&irq_list_lock);
	if (!last)
		return;
	irq_poll_end(irq);
	/* A dispatch that began before may have found it, though nobody listens any more. */
	irq_wait_handlers();
	kfree(irq->counts);
	kfree(irq);
}

/* ---- what /proc shows ------------------------------------------------------------------------------ */

u64 irq_count(struct irq *irq)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		sum += READ_ONCE(irq->counts[cpu]);
	return sum;
}

void irq_count_as_net(struct irq *irq)
{
	irq->net = true;
}

static u64 irq_sum(bool net_messages)
{
	struct irq *irq;
	u64 sum = 0;

	spin_lock(&irq_list_lock);
	list_for_each(irq, &irq_list, node)
		if (!net_messages || (irq->net && irq->msi_address))
			sum += irq_count(irq);
	spin_unlock(&irq_list_lock);
	return sum;
}

u64 irq_total(void)
{
	return irq_sum(false);
}

u64 irq_msi_net_total(void)
{
	return irq_sum(true);
}

size_t irq_format_header(char *buf, size_t size)
{
	size_t n = scnprintf(buf, size, "%*s", 3 + 8, "");

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		n += scnprintf(buf + n, size - n, "CPU%-8u", cpu);
	return n + scnprintf(buf + n, size - n, "\n");
}

static size_t irq_format_one(struct irq *irq, char *buf, size_t size)
{
	bool level = irq->trigger == IRQ_LEVEL_HIGH || irq->trigger == IRQ_LEVEL_LOW;
	size_t n = scnprintf(buf, size, "%3u: ", irq->number);
	const struct irq_action *a;
	u64 flags;

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		n += scnprintf(buf + n, size - n, "%10u ", READ_ONCE(irq->counts[cpu]));
	n += scnprintf(buf + n, size - n, " %8s %3u %-8s", irq->domain->name, irq->hwirq, level ? "Level" : "Edge");
	flags = spin_lock_irqsave(&irq->lock);
	for (a = irq->actions; a; a = a->next)
		n += scnprintf(buf + n, size - n, "%s %s", a == irq->actions ? " " : ",", a->name);
	spin_unlock_irqrestore(&irq->lock, flags);
	return n + scnprintf(buf + n, size - n, "\n");
}

size_t irq_format(u32 nr, char *buf, size_t size, bool *more)
{
	struct irq *irq;
	size_t n = 0;

	*more = false;
	spin_lock(&irq_list_lock);
	list_for_each(irq, &irq_list, node) {
		if (nr-- == 0) {
			*more = true;
			if (irq->actions)
				n = irq_format_one(irq, buf, size);
			break;
		}
	}
	spin_unlock(&irq_list_lock);
	if (!*more && cpus_present > 1 && nr < IPI_COUNT) {
		*more = true;
		n = ipi_format(nr, buf, size);
	}
	return n;
}
