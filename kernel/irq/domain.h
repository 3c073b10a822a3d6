/*
 * An irq_domain is one interrupt controller: it hands out its lines and does
 * to the hardware what irq.h asks. Domains stack: gicv2m's lines are the
 * parent GIC's SPIs with a message in front.
 */
#pragma once
#include "irq/irq.h"

#define IRQ_MASK_WHILE_POLLING	1	/* message interrupts behave as levels here: mask the line during a poll */

struct irq_domain_ops {
	void (*mask)(struct irq *);
	void (*unmask)(struct irq *);
	void (*eoi)(struct irq *);	/* NULL: dispatch does it */
	int (*set_type)(struct irq *, enum irq_trigger);
	int (*set_affinity)(struct irq *, u32 cpu);
	/* The controller's dispatch finds this irq for its hwirq from now on (on true), or nothing (false). -EINVAL: no
	 * such line; -EBUSY: it has one. Called masked, before the line's type is set. */
	int (*bind)(struct irq *, bool on);
};

struct irq_domain {
	const char *name;		/* as /proc/interrupts prints it: "GICv2", "GICv2m-MSIX" */
	const struct irq_domain_ops *ops;
	struct irq_domain *parent;
	u32 flags;			/* IRQ_* */
	void *priv;
	struct list_node node;
};

/* A line of this domain; masked. The same hwirq twice gives the same irq (shared, INTx) with another reference.
 * Errors as err_ptr: -ENOMEM, -EINVAL. Process context. */
struct irq *irq_create(struct irq_domain *d, u32 hwirq, enum irq_trigger trigger);
void irq_destroy(struct irq *irq);
/* An irq of a stacked domain over a parent's line: mask, eoi, affinity go to ops of d, which may call the parent's. */
void irq_domain_register(struct irq_domain *d);
/* The controller went out of service: the handlers of its lines are called by a timer from now on. Process context. */
void irq_domain_lost(struct irq_domain *d);
/* The same for one line. Any context. [irq->lock] */
void irq_poll_begin(struct irq *irq);

/* From a firmware description (DTB interrupt specifier of the GIC: type, number, flags) to an irq of the root
 * domain. */
struct irq *irq_from_firmware(u32 intid, enum irq_trigger trigger);
void irq_root_domain_set(struct irq_domain *d);
struct irq_domain *irq_root_domain(void);	/* NULL before its driver has probed */
