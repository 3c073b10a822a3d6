/*
 * Making and ending threads. The boot context is the first one and becomes
 * the idle thread.
 */
#include "sched/thread.h"
#include "arch/arm64/asm.h"
#include "arch/arm64/upcall.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/panic.h"
#include "mm/kmap.h"
#include "mm/slab.h"
#include "sched/fp.h"
#include "sched/sched.h"

_Static_assert(offsetof(struct thread, preempt) == THREAD_PREEMPT, "vectors.S");
_Static_assert(offsetof(struct thread, work) == THREAD_WORK, "vectors.S");
#ifdef CONFIG_LOCKCHECK
_Static_assert(offsetof(struct thread, held_count) == sizeof(struct preempt), "core/lockcheck.c");
#endif

struct thread boot_thread = { .preempt.no_resched = 1, .refs = 1, .name = "idle", .on_cpu = true };

static struct slab_cache *thread_cache;
static struct spinlock threads_lock = SPINLOCK_INIT("threads");	/* irq kind */
static struct list_node threads = LIST_INIT(threads);		/* [threads_lock] */
u64 threads_created;

void switch_thread_start(void);
void fp_init(void);

struct thread *thread_new(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = slab_zalloc(thread_cache);
	u64 flags;

	if (!t)
		return NULL;
	t->stack = (u64)kstack_alloc();
	if (!t->stack) {
		slab_free(thread_cache, t);
		return NULL;
	}
	t->preempt.no_resched = 1;
	t->preempt.count = PREEMPT_ONE;		/* until thread_begin */
	t->state = THREAD_DEAD;			/* until thread_start */
	t->refs = 2;				/* the caller's, and its own until it is buried */
	t->affinity = ~0ull;
	t->fp_cpu = ~0u;
	t->start_ns = clock_ns();
	strlcpy(t->name, name, sizeof t->name);
	list_init(&t->run_node);
	list_init(&t->wait_node);
	list_init(&t->sig_queue);
	list_init(&t->process_node);
	/* vectors.S finds the thread at the top of its stack. */
	*(struct thread **)(t->stack + KSTACK_SIZE - 16) = t;
	t->context.x19_x28[0] = (u64)fn;
	t->context.x19_x28[1] = (u64)arg;
	t->context.sp = t->stack + KSTACK_SIZE - 16;
	t->context.pc = (u64)switch_thread_start;
	flags = spin_lock_irqsave(&threads_lock);
	list_push_back(&threads, &t->all_node);
	spin_unlock_irqrestore(&threads_lock, flags);
	atomic_add_relaxed(&threads_created, 1ull);
	return t;
}

static void thread_unlist(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&threads_lock);

	list_remove(&t->all_node);
	list_init(&t->all_node);
	spin_unlock_irqrestore(&threads_lock, flags);
}

struct thread *thread_new_idle(u32 cpu)
{
	struct thread *t = thread_new("idle", NULL, NULL);

	if (!t)
		return NULL;
	/* It is no thread among threads: never queued, never counted. */
	thread_unlist(t);
	t->preempt.count = 0;
	t->state = THREAD_RUNNABLE;
	t->on_cpu = true;
	t->affinity = 1ull << cpu;
	sched_init_cpu(cpu, t);
	return t;
}

void thread_start(struct thread *t)
{
	sched_enqueue_new(t);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_new(name, fn, arg);

	if (!t)
		return NULL;
	thread_start(t);
	thread_put(t);
	return t;
}

noreturn void thread_begin(void (*fn)(void *), void *arg)
{
	sched_finish();
	preempt_enable_no_resched();
	irq_enable();
	fn(arg);
	thread_exit();
}

noreturn void thread_exit(void)
{
	struct thread *t = current();

	if (t->on_exit)
		t->on_exit(t);
	preempt_disable();
	fp_forget(t);
	t->state = THREAD_DEAD;
	schedule();
	panic("a dead thread runs: %s", t->name);
}

void thread_bury(struct thread *t)
{
	thread_unlist(t);
	kstack_free((void *)t->stack);
	t->stack = 0;
	thread_put(t);
}

void thread_abandon(struct thread *t)
{
	thread_bury(t);
	thread_put(t);
}

void thread_get(struct thread *t)
{
	ref_get(&t->refs);
}

void thread_put(struct thread *t)
{
	if (!ref_put(&t->refs))
		return;
	fp_state_free(t->fp);
	slab_free(thread_cache, t);
}

void thread_for_each(bool (*fn)(struct thread *, void *), void *arg)
{
	u64 flags = spin_lock_irqsave(&threads_lock);
	struct thread *t;

	list_for_each(t, &threads, all_node)
		if (!fn(t, arg))
			break;
	spin_unlock_irqrestore(&threads_lock, flags);
}

void threads_init(void)
{
	thread_cache = slab_cache_create("thread", sizeof(struct thread), 64);
	fp_init();
}
