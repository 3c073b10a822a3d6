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

u32 irq_cpu_slots(void);	/* entries of irq->counts */
