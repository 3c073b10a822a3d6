/*
 * Timers over the test's clock: the same ordered tree as the kernel's; the hardware is host_timer_fire, which
 * moves the clock to the first deadline and raises the timer interrupt.
 */
#include "host.h"
#include "core/clock.h"
#include "core/panic.h"
#include "core/preempt.h"
#include "sched/softirq.h"
#include "sched/timer.h"

static struct rb_root timers;
static struct timer *running;

static struct timer *timer_first(void)
{
	struct rb_node *n = rb_first(&timers);

	return n ? rb_entry(n, struct timer, node) : NULL;
}

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn };
}

bool timer_cancel(struct timer *t)
{
	if (!t->armed)
		return false;
	rb_remove(&timers, &t->node);
	t->armed = 0;
	return true;
}

bool timer_set(struct timer *t, u64 deadline_ns)
{
	struct rb_node **link = &timers.node, *parent = NULL;
	bool was = t->armed;

	if (!t->fn)
		panic("a timer is set that was not initialised");
	timer_cancel(t);
	t->deadline = deadline_ns;
	while (*link) {
		parent = *link;
		link = deadline_ns < rb_entry(parent, struct timer, node)->deadline ? &parent->left : &parent->right;
	}
	rb_insert_at(&timers, &t->node, parent, link);
	t->armed = 1;
	return was;
}

void timer_cancel_sync(struct timer *t)
{
	if (t == running)
		panic("a timer waits for its own function");
	timer_cancel(t);
}

void timer_hw_register(const struct timer_hw *hw) { }

void timer_interrupt(bool user)
{
	softirq_raise(SOFTIRQ_TIMER);
}

u64 host_timer_next(void)
{
	struct timer *t = timer_first();

	return t ? t->deadline : ~0ull;
}

/* In softirq context: everything that is due. A function may free its timer. */
void host_timer_run(void)
{
	struct timer *t;

	while ((t = timer_first()) && t->deadline <= host_clock) {
		timer_cancel(t);
		running = t;
		t->fn(t);
		running = NULL;
	}
}

static void timer_irq(void *arg)
{
	timer_interrupt(false);
}

void host_timer_fire(void)
{
	u64 next = host_timer_next();

	if (next > host_clock)
		host_clock = next;
	host_interrupt(timer_irq, NULL);
}

void host_clock_advance(u64 ns)
{
	u64 target = host_clock + ns;

	host_run();
	while (host_timer_next() <= target) {
		host_timer_fire();
		host_run();
	}
	host_clock = target;
}
