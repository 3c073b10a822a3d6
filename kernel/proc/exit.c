/*
 * The end of threads and processes. Everything goes at exit: memory, files,
 * timers, the kernel stack; what is left for wait4 is a process structure with a status.
 *
 * A thread comes here through exit(2), or from user_return when its process is
 * to die or another thread executes a new program. The last one makes the
 * process a zombie: children to the nearest subreaper or init, the terminal let
 * go, the parent told.
 */
#include <linux/futex.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/panic.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "mm/slab.h"
#include "proc/coredump.h"
#include "proc/futex.h"
#include "proc/internal.h"
#include "proc/sysv.h"
#include "proc/posix_timer.h"
#include "sched/user.h"
#include "vm/vm_space.h"

void exit_release_space(struct thread *t)
{
	struct vm_space *s = t->space;
	struct process *p = t->process;
	u64 flags;

	if (!s)
		return;
	if (t->robust_list)
		futex_exit_robust(t);
	futex_exit_pi(t);
	/* Nobody else may look at the word: then nobody waits for it either. */
	if (t->clear_child_tid && atomic_load_relaxed(&s->refs) > 1 && !put_user_u32(t->clear_child_tid, 0))
		futex_wake(t->clear_child_tid, true, 1, FUTEX_BITSET_MATCH_ANY);
	t->clear_child_tid = t->robust_list = 0;
	flags = spin_lock_irqsave(&p->sig.lock);
	if (s->rss_peak > p->maxrss)
		p->maxrss = s->rss_peak;
	if (p->sig.thread_count <= 1) {
		p->minflt += s->minflt;
		p->majflt += s->majflt;
	}
	sched_set_space(NULL);
	spin_unlock_irqrestore(&p->sig.lock, flags);
	vfork_finish(t);
	vm_space_put(s);
	oom_space_released();
}

/* ---- ending a group of threads ---- */

void exit_group_start_locked(struct process *p, u32 status)
{
	if (p->sig.group_exit) {
		if (status == SIGKILL)
			coredump_kill_locked(p, status);
		return;
	}
	p->sig.group_exit = true;
	p->sig.stopping = p->sig.stopped = false;
	p->exit_status = status;
	signal_poke_all_locked(&p->sig, current());
}

noreturn void exit_group(u32 status)
{
	struct process *p = process_current();
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	exit_group_start_locked(p, status);
	status = p->exit_status;
	spin_unlock_irqrestore(&p->sig.lock, flags);
	exit_thread(status);
}

int exit_kill_other_threads(struct process *p)
{
	struct sched_signal *s = &p->sig;
	u64 flags = spin_lock_irqsave(&s->lock);

	if (s->group_exit || s->only) {
		spin_unlock_irqrestore(&s->lock, flags);
		return -EAGAIN;
	}
	if (s->thread_count > 1) {
		s->only = current();
		signal_poke_all_locked(s, current());
		spin_unlock_irqrestore(&s->lock, flags);
		wait_event(&p->exit_wait, READ_ONCE(s->thread_count) == 1);
		flags = spin_lock_irqsave(&s->lock);
		s->only = NULL;
	}
	spin_unlock_irqrestore(&s->lock, flags);
	return 0;
}

/* ---- the family ---- */

/* Does the parent want no zombie? [P] held. */
static bool parent_ignores(struct process *parent)
{
	u64 flags = spin_lock_irqsave(&parent->sig.lock);
	const struct signal_action *a = &parent->actions->action[SIGCHLD - 1];
	bool r = a->handler == (u64)SIG_IGN || (a->flags & SA_NOCLDWAIT);

	spin_unlock_irqrestore(&parent->sig.lock, flags);
	return r;
}

void process_notify_parent(struct process *p, s32 code, u32 status)
{
	struct process *parent = p->parent;
	struct signal_info info = {
		.signo = code == CLD_STOPPED || code == CLD_CONTINUED ? SIGCHLD : p->exit_signal,
		.code = code, .pid = p->pid, .uid = p->cred->uid, .status = status,
	};
	struct process_usage used;
	u64 flags;
	bool wanted = true;

	if (!parent)
		return;
	process_usage_get(p, &used);
	info.utime = used.user_ns / CLOCK_TICK_NS;
	info.stime = used.system_ns / CLOCK_TICK_NS;
	if (code == CLD_STOPPED || code == CLD_CONTINUED) {
		flags = spin_lock_irqsave(&parent->sig.lock);
		wanted = !(parent->actions->action[SIGCHLD - 1].flags & SA_NOCLDSTOP);
		spin_unlock_irqrestore(&parent->sig.lock, flags);
	}
	if (wanted && info.signo)
		signal_send_process(parent, info.signo, &info);
	wait_wake_all(&parent->child_wait);
}

static void notify_of_end(struct process *p)
{
	u32 status = p->exit_status, signo = status & 0x7f;

	process_notify_parent(p, !signo ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED,
		signo ? signo : status >> 8 & 0xff);
}

/* The number, the groups and the tree forget p; its reference is the caller's to put. */
void process_forget_locked(struct process *p)
{
	if (p->zombie)
		user_release(p->zombie_uid, USER_PROCESSES, 1);
	list_remove(&p->sibling);
	pid_leave_locked(&p->sig);
	p->sig.pid->process = NULL;
	pid_put_locked(p->sig.pid);
	p->parent = NULL;
	p->sig.parent = NULL;
}

static struct process *new_parent_for(struct process *dying)
{
	for (struct process *a = dying->parent; a; a = a->parent)
		if (a->subreaper && !a->sig.dead)
			return a;
	return init_process;
}

/* A group that lost its last link to its session, with stopped members: nobody could continue them (POSIX:
 * orphaned). */
static void group_orphan_check(struct sched_signal *s, const struct sched_signal *ignored)
{
	struct pid *group = s->pgrp;
	struct sched_signal *m;
	bool stopped = false;

	list_for_each(m, &group->group, group_node)
		stopped = stopped || m->stopped;
	if (!stopped || !pid_group_is_orphaned_locked(group, ignored))
		return;
	list_for_each(m, &group->group, group_node) {
		signal_send_process((struct process *)m, SIGHUP, NULL);
		signal_send_process((struct process *)m, SIGCONT, NULL);
	}
}

/* Dead children that nobody will wait for are moved to the list of those to put. */
static void children_give_away(struct process *p, struct list_node *forgotten)
{
	struct process *to = new_parent_for(p), *c, *next;

	list_for_each_safe(c, next, &p->children, sibling) {
		struct pid *group = c->sig.pgrp;
		bool was_linked = group != p->sig.pgrp && c->sig.session == p->sig.session;

		list_remove(&c->sibling);
		c->parent = to;
		c->sig.parent = &to->sig;
		list_push_back(&to->children, &c->sibling);
		c->exit_signal = SIGCHLD;	/* what it was to send, its new parent never asked for */
		if (c->death_signal && !c->zombie)
			signal_send_process(c, c->death_signal, NULL);
		if (c->zombie) {
			if (parent_ignores(to)) {
				process_forget_locked(c);
				list_push_back(forgotten, &c->sibling);
			} else {
				notify_of_end(c);
			}
		} else if (was_linked) {
			group_orphan_check(&c->sig, NULL);
		}
	}
}

/* What a zombie needs no more. [P] held, and no child is left that asks what its parent does at SIGCHLD. */
static void zombie_shed(struct process *p)
{
	spin_lock(&p->sig.lock);
	signal_queue_free(&p->sig.queue);
	signal_actions_put(p->actions);
	p->actions = NULL;
	spin_unlock(&p->sig.lock);
}

/* The last thread is going: the process becomes a zombie, or nothing if its parent does not care. */
static void process_die_locked(struct process *p, struct list_node *forgotten)
{
	children_give_away(p, forgotten);
	zombie_shed(p);
	if (p->parent && p->parent->sig.pgrp != p->sig.pgrp && p->parent->sig.session == p->sig.session)
		group_orphan_check(&p->sig, &p->sig);
	p->zombie = true;
	if (p->exit_signal == SIGCHLD && parent_ignores(p->parent)) {
		struct process *parent = p->parent;

		process_forget_locked(p);
		list_push_back(forgotten, &p->sibling);
		wait_wake_all(&parent->child_wait);
		return;
	}
	notify_of_end(p);
}

static void session_let_go(struct process *p)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *s = p->sig.session;
	bool controls = s->number == p->pid && s->tty;

	spin_unlock_irqrestore(&pids_lock, flags);
	/* By number: the terminal may go at any moment. */
	if (controls && session_ops.leader_exits)
		session_ops.leader_exits(p->pid);
}

/* Times and counts of a thread go over to its process. [s] held. */
static void thread_account(struct process *p, struct thread *t)
{
	thread_cpu_time_add(t, &p->dead_time);
	for (u32 i = 0; i < 2; i++) {
		p->io_calls[i] += t->io[i].calls;
		p->io_bytes[i] += t->io[i].bytes;
	}
	p->nvcsw += t->switches_voluntary;
	p->nivcsw += t->switches_forced;
}

noreturn void exit_thread(u32 status)
{
	struct thread *t = current(), *leader = NULL;
	struct process *p = t->process, *gone;
	struct proc_thread *pt = proc_thread(t);
	struct list_node forgotten = LIST_INIT(forgotten);
	const struct cred *cred = t->cred;
	struct fd_table *files;
	struct fs_context *fs;
	struct path *exe = NULL;
	bool last, stop_complete;
	u64 flags;

	if (unlikely(READ_ONCE(p->core)))
		coredump_join(p);
	exit_release_space(t);
	/* Taken out under the lock: readers in /proc take references of them under it. */
	flags = spin_lock_irqsave(&p->sig.lock);
	files = t->files;
	fs = t->fs;
	t->files = NULL;
	t->fs = NULL;
	spin_unlock_irqrestore(&p->sig.lock, flags);
	fd_table_put(files);
	fs_context_put(fs);
	oom_space_released();

	flags = spin_lock_irqsave(&p->sig.lock);
	last = p->sig.thread_count == 1;
	if (last) {
		p->sig.dead = true;
		if (!p->sig.group_exit)
			p->exit_status = status;
		exe = p->exe;
		p->exe = NULL;
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	if (last) {
		if (p == init_process)
			panic("attempted to kill init: it %s %u", p->exit_status & 0x7f ? "died of signal" : "exited with status",
			      p->exit_status & 0x7f ? p->exit_status & 0x7f : p->exit_status >> 8);
		exe_free(exe);
		if (p->sem_undos)
			sem_undo_exit(p);
		itimer_stop_all(p);
		posix_timers_end(p);
		session_let_go(p);
	}

	flags = spin_lock_irqsave(&pids_lock);
	spin_lock(&p->sig.lock);
	thread_account(p, t);
	signal_queue_free(&t->sig_queue);
	list_remove(&t->process_node);
	last = --p->sig.thread_count == 0;
	stop_complete = !last && p->sig.stopping && signal_stop_left_locked(p);
	if (p->leader == t || last) {
		memcpy(p->name, p->leader ? p->leader->name : t->name, sizeof(p->name));
		leader = p->leader;
		p->leader = NULL;
	}
	atomic_add_relaxed(&stat_dead_syscalls, t->syscalls);
	t->syscalls = 0;
	spin_unlock(&p->sig.lock);
	if (pt->tid->thread == t)
		pt->tid->thread = NULL;
	pid_put_locked(pt->tid);
	pid_count_thread_locked(-1);
	if (last)
		p->zombie_uid = cred->uid;
	else
		user_release(cred->uid, USER_PROCESSES, 1);
	if (last)
		process_die_locked(p, &forgotten);
	else if (stop_complete)
		process_notify_parent(p, CLD_STOPPED, p->sig.stop_signo);
	spin_unlock_irqrestore(&pids_lock, flags);

	wait_wake_all(&p->exit_wait);
	while (!list_empty(&forgotten)) {
		gone = list_first(&forgotten, struct process, sibling);
		list_remove(&gone->sibling);
		process_put(gone);
	}
	if (leader)
		thread_put(leader);
	t->proc_data = NULL;
	slab_free(proc_thread_cache, pt);
	/* Interrupts that look at the current thread find none of a program from here on. */
	flags = irq_save();
	t->process = NULL;
	t->cred = NULL;
	irq_restore(flags);
	cred_put(cred);
	process_put(p);
	thread_exit();
}
