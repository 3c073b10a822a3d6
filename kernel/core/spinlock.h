/*
 * Spin locks, of three kinds by the way they are taken:
 *   spin_lock          between threads: preemption off while held
 *   spin_lock_bh       also taken in softirqs (the network stack): softirqs off while held
 *   spin_lock_irqsave  also taken in interrupt handlers: interrupts masked while held
 * Within a softirq spin_lock is enough for a bh lock, within a handler for an
 * irq lock. A lock's kind never changes; with CONFIG_LOCKCHECK each lock has a
 * class (one per spin_init call or SPINLOCK definition), and core/lockcheck
 * panics at the first use that could deadlock. No lock is held while sleeping.
 */
#pragma once
#include "base/atomic.h"
#include "core/preempt.h"

struct lock_class;

struct spinlock {
	u32 word;			/* 0 free, 1 taken */
#ifdef CONFIG_LOCKCHECK
	struct lock_class *class;
#endif
};

#ifdef CONFIG_LOCKCHECK
#include "core/lockcheck.h"
#define SPINLOCK_INIT(nm) { 0, &(struct lock_class){ .name = nm } }
#define spin_init(l, nm) do { static struct lock_class class_ = { .name = nm }; \
	(l)->word = 0; (l)->class = &class_; } while (0)
#define lock_note_take(l, try_) lockcheck_take((l)->class, (l), __builtin_return_address(0), try_)
#define lock_note_drop(l) lockcheck_drop((l)->class, (l))
#else
#define SPINLOCK_INIT(nm) { 0 }
#define spin_init(l, nm) ((l)->word = 0)
#define lock_note_take(l, try_) ((void)0)
#define lock_note_drop(l) ((void)0)
#endif

/* Contended: wait in WFE-free, polite reads; preemption stays off. */
void spin_wait(struct spinlock *l);

static always_inline void spin_acquire(struct spinlock *l)
{
	u32 zero = 0;

	if (unlikely(!__atomic_compare_exchange_n(&l->word, &zero, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		spin_wait(l);
}

static inline void spin_lock(struct spinlock *l)
{
	preempt_disable();
	lock_note_take(l, false);
	spin_acquire(l);
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_note_drop(l);
	atomic_store(&l->word, 0u);
	preempt_enable();
}

static inline bool spin_trylock(struct spinlock *l)
{
	preempt_disable();
	if (atomic_cas(&l->word, 0u, 1u)) {
		lock_note_take(l, true);
		return true;
	}
	preempt_enable();
	return false;
}

static inline void spin_lock_bh(struct spinlock *l)
{
	local_bh_disable();
	lock_note_take(l, false);
	spin_acquire(l);
}

static inline void spin_unlock_bh(struct spinlock *l)
{
	lock_note_drop(l);
	atomic_store(&l->word, 0u);
	local_bh_enable();
}

static inline u64 spin_lock_irqsave(struct spinlock *l)
{
	u64 flags = irq_save();

	preempt_disable();
	lock_note_take(l, false);
	spin_acquire(l);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	lock_note_drop(l);
	atomic_store(&l->word, 0u);
	preempt_enable_no_resched();
	irq_restore(flags);
	if (unlikely(READ_ONCE(preempt_current()->both) == 0) && irqs_enabled())
		preempt_ops.reschedule();
}

static inline bool spin_is_locked(struct spinlock *l) { return atomic_load_relaxed(&l->word) != 0; }
