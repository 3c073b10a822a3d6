/*
 * The process as an object: made, found, counted, dropped. fork.c fills new
 * ones, exit.c empties them, wait.c forgets them; /proc and kill find them
 * here by number.
 */
#include <linux/resource.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/fdtable.h"
#include "fs/path.h"
#include "mm/slab.h"
#include "proc/coredump.h"
#include "proc/futex.h"
#include "proc/internal.h"
#include "proc/sysv.h"
#include "sched/fp.h"
#include "sched/user.h"
#include "vm/vm_space.h"

struct process *init_process;
u64 stat_forks, stat_execs, stat_dead_syscalls;
struct slab_cache *proc_thread_cache;
static struct slab_cache *process_cache;
static u32 process_count;		/* zombies too [a] */

struct process *process_new(struct process *parent)
{
	struct process *p = slab_zalloc(process_cache);

	if (!p)
		return NULL;
	sched_signal_init(&p->sig);
	p->refs = 1;
	list_init(&p->children);
	list_init(&p->sibling);
	wait_queue_init(&p->child_wait, "child_wait");
	wait_queue_init(&p->exit_wait, "exit_wait");
	p->start_ns = clock_ns();
	p->dumpable = true;
	p->core_filter = CORE_FILTER_DEFAULT;
	list_init(&p->cpu_watches);
	spin_init(&p->watch_lock, "cpu watches");
	itimer_init(p);
	if (parent) {
		memcpy(p->rlimits, parent->rlimits, sizeof(p->rlimits));
		cpu_timers_wanted_locked(p);
		p->sig.queue_limit = parent->sig.queue_limit;
		p->sig.uid = current()->cred->uid;
		p->personality = parent->personality;
		p->oom_score_adj = parent->oom_score_adj;
		p->oom_score_adj_min = parent->oom_score_adj_min;
		p->no_new_privs = parent->no_new_privs;
		p->dumpable = parent->dumpable;
		p->core_filter = parent->core_filter;
		memcpy(p->name, parent->name, sizeof(p->name));
	}
	atomic_add_relaxed(&process_count, 1u);
	return p;
}

void process_put(struct process *p)
{
	if (!ref_put(&p->refs))
		return;
	signal_queue_free(&p->sig.queue);
	if (p->actions)
		signal_actions_put(p->actions);
	if (p->leader)
		thread_put(p->leader);
	exe_free(p->exe);
	cred_put(p->cred);
	slab_free(process_cache, p);
	atomic_sub(&process_count, 1u);
}

struct path *exe_new(const struct path *p)
{
	struct path *exe = path_dup(p);

	if (exe)
		(void)vnode_run_begin(p->dentry->vnode);	/* somebody runs it: so may we */
	return exe;
}

void exe_free(struct path *exe)
{
	if (exe)
		vnode_run_end(exe->dentry->vnode);
	path_free(exe);
}

/* ---- threads of it ---- */

struct thread *process_thread_new(const char *name, void (*fn)(void *))
{
	struct proc_thread *pt = slab_zalloc(proc_thread_cache);
	struct thread *t;

	if (!pt)
		return NULL;
	t = thread_new(name, fn, NULL);
	if (!t)
		goto no_thread;
	t->fp = fp_state_new();
	if (!t->fp)
		goto no_fp;
	t->proc_data = pt;
	return t;
no_fp:
	thread_abandon(t);
no_thread:
	slab_free(proc_thread_cache, pt);
	return NULL;
}

void process_thread_drop(struct thread *t)
{
	slab_free(proc_thread_cache, t->proc_data);
	thread_abandon(t);
}

int process_attach_thread(struct process *p, struct thread *t, struct pid *tid, u64 limit)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	int err = 0;

	spin_lock(&p->sig.lock);
	if (p->sig.group_exit || p->sig.only)
		err = -ERESTARTNOINTR;
	else if (!user_charge(t->cred->uid, USER_PROCESSES, 1, limit))
		err = -EAGAIN;
	if (err) {
		spin_unlock(&p->sig.lock);
		spin_unlock_irqrestore(&pids_lock, flags);
		return err;
	}
	process_get(p);
	t->process = p;
	t->tid = tid->number;
	proc_thread(t)->tid = tid;
	list_push_back(&p->sig.threads, &t->process_node);
	p->sig.thread_count++;
	if (p->sig.stopping) {
		p->sig.stop_left++;
		t->work |= WORK_STOP;
	} else if (p->sig.stopped || signal_deliverable_locked(t)) {
		t->work |= WORK_SIGNAL | WORK_STOP;
	}
	spin_unlock(&p->sig.lock);
	tid->thread = t;
	pid_count_thread_locked(1);
	spin_unlock_irqrestore(&pids_lock, flags);
	return 0;
}

/* ---- finding ---- */

struct process *process_find(s32 number)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *pid = pid_find_locked(number);
	struct process *p = pid && pid->process ? process_of_signal(pid->process) : NULL;

	if (p)
		process_get(p);
	spin_unlock_irqrestore(&pids_lock, flags);
	return p;
}

bool process_is_found(struct process *p)
{
	struct process *found = process_find(p->pid);

	if (found)
		process_put(found);
	return found == p;
}

struct process *process_next(s32 from)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *pid = pid_next_process_locked(from);
	struct process *p = pid ? process_of_signal(pid->process) : NULL;

	if (p)
		process_get(p);
	spin_unlock_irqrestore(&pids_lock, flags);
	return p;
}

struct thread *process_any_thread(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct thread *t = NULL;

	if (!list_empty(&p->sig.threads)) {
		t = list_first(&p->sig.threads, struct thread, process_node);
		thread_get(t);
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return t;
}

struct vm_space *process_space(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct vm_space *s = NULL;
	struct thread *t;

	/* exit and exec change thread.space under this lock. */
	list_for_each(t, &p->sig.threads, process_node)
		if (t->space) {
			s = t->space;
			vm_space_get(s);
			break;
		}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return s;
}

/* ---- counting ---- */

/* [s] */
static struct cpu_time cpu_time_of(struct process *p)
{
	struct cpu_time c = p->dead_time;
	struct thread *t;

	list_for_each(t, &p->sig.threads, process_node)
		thread_cpu_time_add(t, &c);
	return c;
}

u64 process_cpu_ns_locked(struct process *p)
{
	return cpu_time_of(p).total_ns;
}

u64 process_cpu_ns(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock), ns = process_cpu_ns_locked(p);

	spin_unlock_irqrestore(&p->sig.lock, flags);
	return ns;
}

void process_thread_split(struct process *p, struct thread *t, struct cpu_split *s)
{
	struct cpu_time c = { 0 };
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	thread_cpu_time_add(t, &c);
	cpu_time_split(&c, &t->cpu_shown);
	*s = t->cpu_shown;
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

void process_usage_get(struct process *p, struct process_usage *u)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct cpu_time c = cpu_time_of(p);
	struct thread *t;

	cpu_time_split(&c, &p->cpu_shown);
	*u = (struct process_usage){ p->cpu_shown.user_ns, p->cpu_shown.system_ns, p->minflt, p->majflt, p->nvcsw,
		p->nivcsw,
				     p->maxrss };
	list_for_each(t, &p->sig.threads, process_node) {
		u->nvcsw += t->switches_voluntary;
		u->nivcsw += t->switches_forced;
		if (t->space) {
			/* All threads share one space. */
			if (t->process_node.prev == &p->sig.threads) {
				u->minflt += t->space->minflt;
				u->majflt += t->space->majflt;
			}
			u->maxrss_pages = MAX(u->maxrss_pages, t->space->rss_peak);
		}
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

static bool add_syscalls(struct thread *t, void *arg)
{
	*(u64 *)arg += t->syscalls;
	return true;
}

void proc_stats_get(struct proc_stats *s)
{
	s->forks = atomic_load_relaxed(&stat_forks);
	s->execs = atomic_load_relaxed(&stat_execs);
	s->syscalls = atomic_load_relaxed(&stat_dead_syscalls);
	thread_for_each(add_syscalls, &s->syscalls);
	s->processes = atomic_load_relaxed(&process_count);
	s->threads = pid_count_threads();
}

/* ---- boot ---- */

static void region_file_get(struct file *f)
{
	file_get(f);
	if (unlikely(f->ops == &shm_file_ops))
		shm_mapped(f);
}

static void region_file_put(struct file *f)
{
	if (unlikely(f->ops == &shm_file_ops))
		shm_unmapped(f);
	file_put(f);
}

static u64 file_size_limit(void)
{
	struct process *p = process_current();

	return p ? process_rlimit(p, RLIMIT_FSIZE) : ~0ull;
}

void process_init(void)
{
	vnode_size_limit = file_size_limit;
	process_cache = slab_cache_create("process", sizeof(struct process), 64);
	proc_thread_cache = slab_cache_create("proc_thread", sizeof(struct proc_thread), 16);
	vm_file_ops.get = region_file_get;
	vm_file_ops.put = region_file_put;
	signal_setup();
	futex_init();
	vdso_init();
	oom_init();
}
