/*
 * Timers (timer.h): a red-black tree by deadline a CPU, and one programmed
 * hardware deadline. The hardware is only touched when something must come
 * earlier than it is set to; one that comes too early finds nothing to do and
 * programs the next.
 */
#include "sched/timer.h"
#include "core/clock.h"
#include "core/percpu.h"
#include "sched/sched.h"
#include "sched/softirq.h"

struct timer_cpu {
	struct spinlock lock;		/* irq kind */
	struct rb_root tree;		/* [lock] */
	struct timer *first;		/* earliest, or NULL [lock] */
	u64 first_at;			/* its deadline, ~0: none [lock; its CPU's interrupt reads without] */
	struct timer *running;		/* whose function runs [lock], read by timer_cancel_sync */
	u64 programmed;			/* hardware deadline, ~0: none [own CPU, interrupts masked] */
};

static DEFINE_PERCPU(struct timer_cpu, timer_cpu);
static const struct timer_hw *timer_hw;

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->deadline = 0;
	t->cpu = 0;
	t->armed = 0;
}

/* This CPU's. Interrupts masked. */
static void hw_set(struct timer_cpu *c, u64 deadline)
{
	if (deadline >= c->programmed || !timer_hw)
		return;
	c->programmed = deadline;
	timer_hw->set_next(deadline);
}

/* [lock] */
static void first_set(struct timer_cpu *c, struct timer *t)
{
	c->first = t;
	WRITE_ONCE(c->first_at, t ? t->deadline : ~0ull);
}

/* [lock] */
static void tree_insert(struct timer_cpu *c, struct timer *t)
{
	struct rb_node **link = &c->tree.node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (t->deadline < container_of(parent, struct timer, node)->deadline) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	rb_insert_at(&c->tree, &t->node, parent, link);
	if (leftmost)
		first_set(c, t);
	t->armed = 1;
}

/* [lock] */
static void tree_remove(struct timer_cpu *c, struct timer *t)
{
	if (c->first == t) {
		struct rb_node *n = rb_next(&t->node);

		first_set(c, n ? container_of(n, struct timer, node) : NULL);
	}
	rb_remove(&c->tree, &t->node);
	t->armed = 0;
}

/* The tree that t is in, locked; its own CPU may change until it is. */
static struct timer_cpu *lock_of(struct timer *t, u64 *flags)
{
	for (;;) {
		u32 cpu = READ_ONCE(t->cpu);
		struct timer_cpu *c = per_cpu(timer_cpu, cpu);

		*flags = spin_lock_irqsave(&c->lock);
		if (likely(t->cpu == cpu))
			return c;
		spin_unlock_irqrestore(&c->lock, *flags);
	}
}

bool timer_set(struct timer *t, u64 deadline)
{
	u64 flags;
	struct timer_cpu *c = lock_of(t, &flags);
	bool was = t->armed;
	u32 kick = 0;

	if (was)
		tree_remove(c, t);
	if (unlikely(t->cpu != cpu_id()) && c->running != t) {
		t->cpu = cpu_id();
		spin_unlock_irqrestore(&c->lock, flags);
		c = lock_of(t, &flags);
		if (t->armed)
			tree_remove(c, t);
	}
	t->deadline = deadline;
	tree_insert(c, t);
	if (c->first == t) {
		if (likely(t->cpu == cpu_id()))
			hw_set(c, deadline);
		else
			kick = t->cpu + 1;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	/* It will want the lock. */
	if (unlikely(kick))
		sched_ops.kick_cpu(kick - 1);
	return was;
}

bool timer_cancel(struct timer *t)
{
	u64 flags;
	struct timer_cpu *c = lock_of(t, &flags);
	bool was = t->armed;

	if (was)
		tree_remove(c, t);
	spin_unlock_irqrestore(&c->lock, flags);
	return was;
}

void timer_cancel_sync(struct timer *t)
{
	for (;;) {
		timer_cancel(t);
		if (atomic_load(&per_cpu(timer_cpu, t->cpu)->running) != t)
			return;
		cpu_relax();
	}
}

void timer_hw_register(const struct timer_hw *hw)
{
	u64 flags = spin_lock_irqsave(&this_cpu(timer_cpu)->lock);

	timer_hw = hw;
	hw_set(this_cpu(timer_cpu), this_cpu(timer_cpu)->first_at);
	spin_unlock_irqrestore(&this_cpu(timer_cpu)->lock, flags);
}

void timer_slice(u64 deadline)
{
	struct timer_cpu *c = this_cpu(timer_cpu);

	/* The scheduler holds its run queue: only the word is touched, interrupts are masked, and this CPU alone writes
	 * it. */
	hw_set(c, deadline);
}

void timer_interrupt(bool user)
{
	struct timer_cpu *c = this_cpu(timer_cpu);
	u64 now = clock_ns(), first_at;

	c->programmed = ~0ull;
	hw_set(c, sched_timer_check(now, user));
	/* The timer itself may be another CPU's to cancel, and gone. */
	first_at = READ_ONCE(c->first_at);
	if (first_at <= now)
		softirq_raise(SOFTIRQ_TIMER);
	else
		hw_set(c, first_at);
}

/* SOFTIRQ_TIMER: run what is due, then set the hardware for the rest. */
static bool timers_run(void)
{
	struct timer_cpu *c = this_cpu(timer_cpu);
	u64 flags = spin_lock_irqsave(&c->lock);

	while (c->first_at <= clock_ns()) {
		struct timer *t = c->first;

		tree_remove(c, t);
		c->running = t;
		spin_unlock_irqrestore(&c->lock, flags);
		t->fn(t);
		flags = spin_lock_irqsave(&c->lock);
		/* t itself may be gone by now. Release: pairs with timer_cancel_sync. */
		atomic_store(&c->running, (struct timer *)NULL);
	}
	hw_set(c, c->first_at);
	spin_unlock_irqrestore(&c->lock, flags);
	return false;
}

void timer_kicked(void)
{
	struct timer_cpu *c = this_cpu(timer_cpu);

	hw_set(c, READ_ONCE(c->first_at));
}

void timers_start_cpu(void)
{
	timer_hw->set_next(~0ull);
}

void timers_init_cpu(u32 cpu)
{
	spin_init(&per_cpu(timer_cpu, cpu)->lock, "timers");
	per_cpu(timer_cpu, cpu)->programmed = per_cpu(timer_cpu, cpu)->first_at = ~0ull;
}

void timers_init(void)
{
	timers_init_cpu(0);
	softirq_register(SOFTIRQ_TIMER, timers_run);
}
