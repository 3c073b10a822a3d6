/*
 * Threads: each is a host thread, and one at a time runs, the holder of the baton. They change places only
 * where the kernel's would sleep or yield, first come first served, so a test runs the same way each time. When
 * none can run, the machine is idle: softirqs, then the test's hook, then the next timer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "host.h"
#include "core/clock.h"
#include "core/panic.h"
#include "sched/thread.h"

struct host_thread {
	struct thread thread;		/* first */
	void (*fn)(void *arg);
	void *arg;
	pthread_cond_t turn;		/* [baton] */
	bool go;			/* [baton] */
};

static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static struct list_node run_queue = LIST_INIT(run_queue);
static struct list_node all_threads = LIST_INIT(all_threads);
static struct host_thread boot_thread;
static u64 switches;

__thread struct thread *host_current;
bool (*host_idle_hook)(void);

static struct host_thread *host_of(struct thread *t)
{
	return (struct host_thread *)t;
}

static void thread_prepare(struct host_thread *h, const char *name)
{
	struct thread *t = &h->thread;

	t->preempt.no_resched = 1;
	t->refs = 1;
	snprintf(t->name, sizeof(t->name), "%s", name);
	list_init(&t->run_node);
	list_init(&t->sig_queue);
	list_push_back(&all_threads, &t->all_node);
	t->start_ns = host_clock;
	pthread_cond_init(&h->turn, NULL);
}

__attribute__((constructor(101))) static void boot_thread_init(void)
{
	thread_prepare(&boot_thread, "test");
	boot_thread.thread.tid = 1;
	host_current = &boot_thread.thread;
	pthread_mutex_lock(&baton);
}

static void queue_push(struct thread *t)
{
	if (!t->queued) {
		t->queued = true;
		list_push_back(&run_queue, &t->run_node);
	}
}

static struct thread *queue_pop(void)
{
	struct list_node *n = list_pop_front(&run_queue);
	struct thread *t = n ? list_entry(n, struct thread, run_node) : NULL;

	if (t)
		t->queued = false;
	return t;
}

/* Nothing can run: make something happen. False when nothing ever will. */
static bool idle_step(void)
{
	if (host_softirqs_resume())
		return true;
	if (host_idle_hook && host_idle_hook())
		return true;
	if (host_timer_next() == ~0ull)
		return false;
	host_timer_fire();
	return true;
}

/* The next thread to run. */
static struct thread *thread_pick(void)
{
	struct thread *t;

	while (!(t = queue_pop()))
		if (!idle_step())
			panic("thread %s sleeps for ever: nothing is left that could wake it", current()->name);
	return t;
}

static void baton_give(struct host_thread *to)
{
	switches++;
	to->go = true;
	pthread_cond_signal(&to->turn);
}

static void baton_wait(struct host_thread *self)
{
	while (!self->go)
		pthread_cond_wait(&self->turn, &baton);
	self->go = false;
}

void schedule(void)
{
	struct thread *self = current(), *next;

	if (in_atomic() || host_irqs_masked)
		panic("schedule with a lock held, or in an interrupt");
	if (self->state == THREAD_RUNNABLE)
		queue_push(self);
	/* What happens while idle runs in this thread's name; it may find itself woken. */
	next = thread_pick();
	if (next != self) {
		baton_give(host_of(next));
		baton_wait(host_of(self));
	}
}

void thread_yield(void)
{
	schedule();
}

void thread_set_state(enum thread_state s)
{
	current()->state = s;
}

bool thread_wake_later(struct thread *t, u64 *kicks) { return thread_wake(t); }
void sched_kick(u64 kicks) { }

bool thread_wake(struct thread *t)
{
	if (t->state != THREAD_SLEEPING && t->state != THREAD_SLEEPING_DEEP)
		return false;
	t->state = THREAD_RUNNABLE;
	queue_push(t);
	return true;
}

void thread_interrupt(struct thread *t)
{
	t->work |= WORK_SIGNAL;
	if (t->state == THREAD_SLEEPING)
		thread_wake(t);
}

static void *thread_main(void *arg)
{
	struct host_thread *h = arg;

	pthread_mutex_lock(&baton);
	host_current = &h->thread;
	baton_wait(h);
	h->fn(h->arg);
	thread_exit();
}

struct thread *thread_new(const char *name, void (*fn)(void *), void *arg)
{
	struct host_thread *h;

	if (host_alloc_refused())
		return NULL;
	h = calloc(1, sizeof(*h));
	thread_prepare(h, name);
	h->fn = fn;
	h->arg = arg;
	return &h->thread;
}

void thread_start(struct thread *t)
{
	pthread_attr_t attr;
	pthread_t id;

	thread_get(t);			/* its own while it runs */
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, thread_main, t))
		panic("the host has no threads left");
	pthread_attr_destroy(&attr);
	queue_push(t);
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_new(name, fn, arg);

	if (t) {
		thread_start(t);
		thread_put(t);
	}
	return t;
}

noreturn void thread_exit(void)
{
	struct thread *self = current(), *next;

	if (self->on_exit)
		self->on_exit(self);
	if (in_atomic())
		panic("a thread ends with a lock held");
	self->state = THREAD_DEAD;
	next = thread_pick();
	baton_give(host_of(next));
	thread_put(self);
	pthread_mutex_unlock(&baton);
	pthread_exit(NULL);
}

void thread_get(struct thread *t)
{
	ref_get(&t->refs);
}

void thread_put(struct thread *t)
{
	if (!ref_put(&t->refs))
		return;
	list_remove(&t->all_node);
	pthread_cond_destroy(&host_of(t)->turn);
	free(t);
}

void thread_for_each(bool (*fn)(struct thread *, void *), void *arg)
{
	struct thread *t;

	list_for_each(t, &all_threads, all_node)
		if (!fn(t, arg))
			break;
}

void thread_set_nice(struct thread *t, int nice) { t->nice = nice; }
void thread_set_policy(struct thread *t, u32 policy, u32 rt_priority) { t->policy = policy; t->rt_priority = rt_priority; }
u64 thread_cpu_ns(struct thread *t) { return 0; }
void sched_stats_get(struct sched_stats *s) { *s = (struct sched_stats){ .context_switches = switches }; }
void sched_cpu_idle_ns(u32 cpu, u64 *idle_ns) { *idle_ns = 0; }
void sched_loadavg(u64 avg[3]) { avg[0] = avg[1] = avg[2] = 0; }

void host_run(void)
{
	for (;;) {
		if (host_softirqs_resume())
			continue;
		if (!list_empty(&run_queue))
			thread_yield();
		else if (!host_idle_hook || !host_idle_hook())
			break;
	}
}

void host_test_begin(void)
{
	host_log_clear();
	host_alloc_fail(0);
	host_user_fault(NULL, 0);
	host_idle_hook = NULL;
	host_hole_size = 0;
}

const char *host_test_end(void)
{
	const char *what = NULL;

	if (preempt_count())
		what = "a lock is held, or preemption or softirqs are off";
	else if (host_irqs_masked)
		what = "interrupts are masked";
	preempt_current()->count = 0;
	host_irqs_masked = false;
	return what;
}
