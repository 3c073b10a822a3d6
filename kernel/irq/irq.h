/*
 * Interrupt lines and their dispatch. No hardware register in here: each line
 * belongs to an irq_domain (one controller). Drivers ask for a handler; who
 * raises the line, and how, they don't see.
 */
#pragma once
#include "base/list.h"
#include "core/spinlock.h"
#include "sched/timer.h"

struct irq_domain;
struct irq;

enum irq_trigger { IRQ_LEVEL_HIGH, IRQ_LEVEL_LOW, IRQ_EDGE_RISING, IRQ_EDGE_FALLING };
enum irq_result { IRQ_NONE, IRQ_HANDLED };

/* Hard interrupt context: mask and schedule, the poll does the work. IRQ_NONE: not this device (shared lines). */
typedef enum irq_result (*irq_handler)(void *arg);

struct irq_action {
	struct irq_action *next;	/* shared lines     [irq lock] */
	irq_handler handler;
	void *arg;
	const char *name;		/* /proc/interrupts, e.g. "virtio0-input.0"; owned by the caller */
};

struct irq {
	u32 number;			/* Linux-like virq for /proc/interrupts, allocated in order */
	u32 hwirq;			/* the controller's own number */
	struct irq_domain *domain;
	struct irq_action *actions;	/* [lock]; read lock-free by dispatch */
	struct spinlock lock;		/* irq kind */
	u32 mask_depth;			/* 0: enabled       [lock] */
	u32 cpu;			/* target           [lock] */
	u64 affinity;			/* CPUs it may go to [lock] */
	u32 *counts;			/* per CPU, MAX by cpus_present at allocation [its CPU] */
	u32 unknown, seen;		/* IRQ_NONE since the count began, and all [its CPU; about right while it moves] */
	enum irq_trigger trigger;	/* [lock] */
	struct list_node node;		/* all irqs         [irq list lock] */
	void *chip_data;		/* the domain's word */
	u64 msi_address; u32 msi_data;	/* composed message of an MSI irq, set by its msi_controller */
	u32 refs;			/* irq_create calls not yet undone [irq list lock] */
	bool net;			/* irq_count_as_net [set before unmask] */
	bool polled;			/* shut: a timer calls the handlers [lock] */
	struct timer poll;		/* polled.c's */
	bool private;			/* each CPU has a line of this number: mask and unmask are the calling one's [bind] */
};

/* Attach a handler; the line stays masked until irq_unmask (deferred enable). -ENOMEM, -EBUSY (not shareable). Process
 * context. */
must_check int irq_attach(struct irq *irq, irq_handler handler, void *arg, const char *name);
void irq_detach(struct irq *irq, void *arg);	/* waits for a running handler; masks when the last goes */
/* Counted: each mask needs one unmask. Any context. A fresh irq has depth 1. */
void irq_mask(struct irq *irq);
void irq_unmask(struct irq *irq);
/* To one of these CPUs from now on: the first that runs. -EINVAL: none does; -EIO: this line cannot be moved. Any
 * context. */
must_check int irq_set_affinity(struct irq *irq, u64 cpus);
/* What a new line gets. -EINVAL: none of them runs. Any context. */
u64 irq_default_affinity(void);
must_check int irq_set_default_affinity(u64 cpus);
/* By number, for /proc: the first line from this number on, -1: none; -ENOENT: no such line. No lock held. */
s64 irq_next(u32 from);
must_check int irq_affinity_get(u32 number, u64 *wanted, u64 *effective);
must_check int irq_affinity_set(u32 number, u64 cpus);
/* True if this irq's controller wants it masked while its queue is polled (IRQ_MASK_WHILE_POLLING, or
 * napi.mask_irq=1). */
bool irq_masks_while_polling(struct irq *irq);
/* A line was claimed by the controller: run its handlers, count. Hard interrupt context. */
void irq_handle(struct irq *irq);
/* So many interrupts in a row are more than any device has. */
#define IRQ_STORM	100000u
/* The line was claimed IRQ_STORM times in one dispatch: shut it, and poll. Hard interrupt context. */
void irq_stuck(struct irq *irq);
/* Did the interrupt at work come upon a program, rather than the kernel? Hard interrupt context. */
bool irq_interrupted_user(void);
u64 irq_count(struct irq *irq);			/* sum over CPUs */
/* Text of /proc/interrupts, a line a call: nr-th irq; bytes written, 0 past the last, nothing for unused ones. */
size_t irq_format_header(char *buf, size_t size);
size_t irq_format(u32 nr, char *buf, size_t size, bool *more);
u64 irq_total(void);				/* all interrupts since boot */
u64 irq_msi_net_total(void);			/* those of message-signalled network vectors (net_msi_irqs) */
void irq_count_as_net(struct irq *irq);		/* a driver declares a vector a network one */

/* The root controller, registered once by drivers/intc; irq_dispatch calls it. */
struct irq_root {
	/* Acknowledge and handle until spurious (irq_handle for each). Hard interrupt context. */
	void (*dispatch)(void);
	/* Prepare the calling CPU's private part of the controller; interrupts masked. The boot CPU's is done at probe.
	 * -ENODEV, -ETIMEDOUT: no interrupt will reach this CPU. */
	int (*cpu_init)(void);
	/* Send an inter-processor interrupt: a number below IPI_COUNT. Interrupts masked. */
	void (*send_ipi)(u32 cpu, u32 number);
};
void irq_root_register(const struct irq_root *root);
/* For another CPU as it starts, interrupts masked: its part of the controller, and the private lines that are in
 * use. */
must_check int irq_cpu_init(void);
/* A private line of this CPU, below those of devices, was raised by another CPU. Hard interrupt context. */
void ipi_handle(u32 number);
/* Run fn(arg) on each CPU, this one included, in hard interrupt context or with interrupts masked; returns when all
 * have. Process context, interrupts enabled, no spin lock held. */
void cpu_call_all(void (*fn)(void *), void *arg);
void ipi_init(void);				/* boot */
