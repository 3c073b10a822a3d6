/*
 * What the files of irq/ share among themselves.
 */
#pragma once
#include "irq/domain.h"
#include "base/string.h"
#include "core/percpu.h"

/* All lines by their number; the lock is a thread lock, taken inside nothing. */
extern struct list_node irq_list;
extern struct spinlock irq_list_lock;

const struct irq_root *irq_root_get(void);

/* Inter-processor interrupts: what the numbers mean. */
enum ipi { IPI_KICK, IPI_CALL, IPI_STOP, IPI_COUNT };
void ipi_send(u32 cpu, enum ipi number);
size_t ipi_format(u32 number, char *buf, size_t size);	/* its line of /proc/interrupts */

/* Wait until no other CPU is inside a dispatch that began before now: what was unlinked before is not found any
 * more. */
void irq_wait_handlers(void);
u32 irq_cpu_slots(void);	/* entries of irq->counts */

/* irq.c: as irq_handle, but nothing was raised and nothing is counted. Softirq context. */
void irq_run_handlers(struct irq *irq);

/* polled.c: a line that is made; one from which a handler went: that does not run when this returns, and with the last
 * one the polling ends; one that goes. Process context. */
void irq_poll_init(struct irq *irq);
void irq_poll_wait(struct irq *irq);
void irq_poll_end(struct irq *irq);
/* An interrupt on a line on which one was not known lately. Hard interrupt context. */
void irq_count_unknown(struct irq *irq, bool known);

/* affinity.c: a line that is being made, bound to its controller, goes where new lines go. [irq_list_lock] */
void irq_affinity_begin(struct irq *irq);
