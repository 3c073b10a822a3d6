/*
 * Sleeping locks. Process context only. Handed over in order of arrival.
 */
#pragma once
#include "sched/wait.h"

struct mutex {
	struct thread *owner;		/* [a] NULL when free */
	struct wait_queue waiters;
#ifdef CONFIG_LOCKCHECK
	struct lock_class *class;
#endif
};

#ifdef CONFIG_LOCKCHECK
#define MUTEX_INIT(m, nm) { .waiters = WAIT_QUEUE_INIT((m).waiters, nm), \
	.class = &(struct lock_class){ .name = nm, .sleeps = true } }
#define mutex_init(m, nm) do { static struct lock_class class_ = { .name = nm, .sleeps = true }; \
	(m)->owner = NULL; wait_queue_init(&(m)->waiters, nm ".waiters"); (m)->class = &class_; } while (0)
#else
#define MUTEX_INIT(m, nm) { .waiters = WAIT_QUEUE_INIT((m).waiters, nm) }
#define mutex_init(m, nm) do { (m)->owner = NULL; wait_queue_init(&(m)->waiters, nm); } while (0)
#endif

void mutex_lock(struct mutex *m);
must_check int mutex_lock_interruptible(struct mutex *m);	/* 0 or -ERESTARTSYS */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
static inline bool mutex_is_held(struct mutex *m) { return atomic_load_relaxed(&m->owner) == current(); }
