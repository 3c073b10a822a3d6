#ifdef CONFIG_LOCKCHECK
/*
 * The lock checker (lockcheck.h). Each thread keeps the locks it holds; each
 * class keeps the classes that were ever held when it was taken. Rules:
 *   - a class is not taken while the same class is held, nor in an order that
 *     closes a cycle with orders seen before;
 *   - a class taken inside an interrupt is never taken with interrupts on, one
 *     taken inside a softirq never with softirqs on;
 *   - nobody sleeps with a spin lock held, or takes a mutex in atomic context.
 * A try-lock can't deadlock by waiting, so it adds no order.
 * The checker's own lock is a plain word, taken with interrupts masked.
 */
#include "core/lockcheck.h"
#include "base/string.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "core/symbols.h"

#define IN_IRQ		1	/* taken in a hard interrupt */
#define IN_SOFTIRQ	2	/* taken in a softirq */
#define WITH_IRQ	4	/* taken with interrupts enabled */
#define WITH_SOFTIRQ	8	/* taken with softirqs and interrupts able to run one */
#define EDGES_MAX	768
#define HELD_MAX	16

struct held { void *lock; struct lock_class *class; u64 pc; };

/* struct thread begins with this on debug builds: sched/thread.h asserts it. */
struct held_stack { struct preempt preempt; u32 count; struct held held[HELD_MAX]; };

static u32 checker_word;		/* the checker's lock */
static struct lock_edge edges[EDGES_MAX];
static u32 edges_used;
static bool off;			/* after the first finding */

static struct held_stack *held_stack(void) { return (struct held_stack *)current(); }

static u64 checker_lock(void)
{
	u64 flags = irq_save();
	u32 zero;

	do
		zero = 0;
	while (!__atomic_compare_exchange_n(&checker_word, &zero, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return flags;
}

static void checker_unlock(u64 flags)
{
	atomic_store(&checker_word, 0u);
	irq_restore(flags);
}

static void trace_save(struct lock_trace *t)
{
	memset(t, 0, sizeof *t);
	backtrace_save(t->pc, LOCK_TRACE_DEPTH);
}

static void trace_print(const char *what, const struct lock_trace *t)
{
	log_err("%s", what);
	for (int i = 0; i < LOCK_TRACE_DEPTH && t->pc[i]; i++) {
		u64 offset;
		const char *name = symbol_find(t->pc[i] - 4, &offset);

		log_err("  %016llx %s+0x%llx", (unsigned long long)t->pc[i], name ? name : "?", (unsigned long long)offset + 4);
	}
}

/* Does `from` lead to `to` through classes taken while others were held? The first edge's trace is the one to show. */
static struct lock_edge *path_find(struct lock_class *from, struct lock_class *to)
{
	from->mark = 1;
	for (struct lock_edge *e = from->edges; e; e = e->next) {
		if (e->before == to)
			return e;
		if (!e->before->mark && path_find(e->before, to))
			return e;
	}
	return NULL;
}

static struct lock_class *classes;

static void marks_clear(void)
{
	for (struct lock_class *c = classes; c; c = c->next)
		c->mark = 0;
}

static noreturn void report(u64 flags, const char *what, struct lock_class *a, struct lock_class *b,
	const struct lock_trace *other)
{
	off = true;
	checker_unlock(flags);
	log_panic_mode();
	if (other)
		trace_print("lock checker: the other use:", other);
	panic("lock checker: %s: %s%s%s", what, a->name, b ? " and " : "", b ? b->name : "");
}

static void context_check(struct lock_class *c, u64 flags)
{
	static const char *const what[4] = {
		"taken in an interrupt, and elsewhere with interrupts enabled",
		"taken in a softirq, and elsewhere with softirqs enabled",
		"taken with interrupts enabled, and elsewhere in an interrupt",
		"taken with softirqs enabled, and elsewhere in a softirq",
	};
	u8 now = 0, fresh;
	u32 count = preempt_count();
	bool irqs = !(flags & 0x80);

	if (c->sleeps)
		return;
	if (count & HARDIRQ_MASK)
		now |= IN_IRQ;
	else if (softirq_serving())
		now |= IN_SOFTIRQ;
	if (irqs)
		now |= WITH_IRQ;
	if (irqs && !(count & (SOFTIRQ_MASK | HARDIRQ_MASK)))
		now |= WITH_SOFTIRQ;
	fresh = now & ~c->contexts;
	for (int i = 0; i < 4; i++) {
		if (!(fresh & 1 << i))
			continue;
		trace_save(&c->context_trace[i]);
		c->contexts |= 1 << i;
		if (c->contexts & 1 << (i ^ 2))
			report(flags, what[i], c, NULL, &c->context_trace[i ^ 2]);
	}
}

static void order_check(struct lock_class *c, u64 flags)
{
	struct held_stack *h = held_stack();

	for (u32 i = 0; i < h->count; i++) {
		struct lock_class *b = h->held[i].class;
		struct lock_edge *e;

		if (b == c)
			report(flags, "taken while one of the same class is held", c, NULL, NULL);
		for (e = c->edges; e && e->before != b; e = e->next)
			;
		if (e)
			continue;
		marks_clear();
		e = path_find(b, c);
		if (e)
			report(flags, "taken in both orders", c, b, &e->trace);
		if (edges_used == EDGES_MAX) {
			off = true;
			log_warn("lock checker: more than %d orders, checking ends", EDGES_MAX);
			return;
		}
		e = &edges[edges_used++];
		e->before = b;
		trace_save(&e->trace);
		e->next = c->edges;
		c->edges = e;
	}
}

void lockcheck_take(struct lock_class *c, void *lock, void *pc, bool tried)
{
	struct held_stack *h = held_stack();
	u64 flags;

	if (off || !c)
		return;
	flags = checker_lock();
	if (!c->known) {
		c->known = true;
		c->next = classes;
		classes = c;
	}
	if (c->sleeps && !tried && in_atomic())
		report(flags, "a mutex is taken where nobody may sleep", c, NULL, NULL);
	context_check(c, flags);
	if (!tried)
		order_check(c, flags);
	if (h->count < HELD_MAX)
		h->held[h->count++] = (struct held){ lock, c, (u64)pc };
	checker_unlock(flags);
}

void lockcheck_drop(struct lock_class *c, void *lock)
{
	struct held_stack *h = held_stack();
	u64 flags;

	if (off || !c)
		return;
	flags = irq_save();
	for (u32 i = h->count; i-- > 0; )
		if (h->held[i].lock == lock) {
			memmove(&h->held[i], &h->held[i + 1], (h->count - i - 1) * sizeof h->held[0]);
			h->count--;
			break;
		}
	irq_restore(flags);
}

void lockcheck_sleep(void)
{
	struct held_stack *h = held_stack();

	if (off)
		return;
	for (u32 i = 0; i < h->count; i++)
		if (!h->held[i].class->sleeps) {
			struct lock_trace taken = { .pc = { h->held[i].pc } };

			off = true;
			trace_print("lock checker: the lock was taken here:", &taken);
			panic("lock checker: sleeping with a spin lock held: %s", h->held[i].class->name);
		}
}
#endif
