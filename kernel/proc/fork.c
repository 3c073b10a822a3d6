/*
 * fork, vfork, clone and clone3: one function that makes a thread, in a new
 * process or in this one. sys_proc.c reads the arguments; the child begins in
 * fork_child_start with a copy of the parent's registers.
 *
 * Everything that can fail is made first; then the child is linked in under
 * the locks, and from there nothing fails.
 */
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include "proc/fork.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/pidfd.h"
#include "proc/rseq.h"
#include "sched/fp.h"
#include "sched/user.h"
#include "vm/vm_space.h"

#define CLONE_NAMESPACES (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
			  CLONE_NEWNET | CLONE_NEWTIME)
#define CLONE_KNOWN	(CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PTRACE | CLONE_VFORK | \
	CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | \
	CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_CHILD_SETTID | CLONE_IO | CLONE_CLEAR_SIGHAND | \
	CLONE_PIDFD)

/* The child's first code: on its own stack, in its own space. */
static void fork_child_start(void *arg)
{
	struct proc_thread *pt = proc_thread(current());

	/* As on Linux, a bad address here is the program's own loss. */
	if (pt->set_tid_address && put_user_u32(pt->set_tid_address, current()->tid))
		pt->set_tid_address = 0;
	trap_enter_user(&pt->start);
}

static int flags_check(const struct clone_request *r)
{
	u64 flags = r->flags;

	if (flags & ~(u64)(CLONE_KNOWN | CLONE_NAMESPACES))
		return -EINVAL;
	if (flags & CLONE_NAMESPACES)
		return cred_privileged(current()->cred) ? -EINVAL : -EPERM;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_PARENT) && process_current() == init_process)
		return -EINVAL;
	/* A descriptor of a process, not of a thread; and its number needs a place of its own. */
	if ((flags & CLONE_PIDFD) && ((flags & (CLONE_THREAD | CLONE_DETACHED)) ||
				      ((flags & CLONE_PARENT_SETTID) && r->pidfd == r->parent_tid)))
		return -EINVAL;
	return 0;
}

/* ---- what the child has: shared, or copied ---- */

static int copy_space(struct thread *t, u64 flags)
{
	struct vm_space *from = current()->space;

	if (flags & CLONE_VM) {
		vm_space_get(from);
		t->space = from;
		return 0;
	}
	t->space = vm_space_fork(from);
	return t->space ? 0 : -ENOMEM;
}

static int copy_files(struct thread *t, u64 flags)
{
	struct thread *me = current();

	if (flags & CLONE_FILES) {
		fd_table_get(me->files);
		t->files = me->files;
	} else {
		t->files = fd_table_copy(me->files);
		if (!t->files)
			return -ENOMEM;
	}
	if (flags & CLONE_FS) {
		fs_context_get(me->fs);
		if (!(flags & CLONE_THREAD))
			WRITE_ONCE(me->fs->shared, true);
		t->fs = me->fs;
	} else {
		t->fs = fs_context_copy(me->fs);
		if (!t->fs)
			return -ENOMEM;
	}
	return 0;
}

static void thread_undo(struct thread *t)
{
	if (t->fs)
		fs_context_put(t->fs);
	if (t->files)
		fd_table_put(t->files);
	if (t->space)
		vm_space_put(t->space);
	cred_put(t->cred);
	if (proc_thread(t)->vfork)
		kfree(proc_thread(t)->vfork);
	process_thread_drop(t);
}

/* A thread that goes on where the caller is, linked nowhere yet. NULL: no memory. */
static struct thread *thread_copy(const struct clone_request *r, struct trap_frame *frame)
{
	struct thread *me = current(), *t = process_thread_new(me->name, fork_child_start);
	struct proc_thread *pt, *mine = proc_thread(me);
	u64 flags = r->flags;

	if (!t)
		return NULL;
	pt = proc_thread(t);
	t->cred = cred_get(me->cred);
	if (copy_space(t, flags) || copy_files(t, flags))
		goto fail;
	if (flags & CLONE_VFORK) {
		pt->vfork = kzalloc(sizeof(*pt->vfork));
		if (!pt->vfork)
			goto fail;
		pt->vfork->refs = 2;
		wait_queue_init(&pt->vfork->wait, "vfork");
	}
	fp_flush();
	memcpy(t->fp, me->fp, sizeof(*t->fp));
	pt->start = *frame;
	pt->start.x[0] = 0;
	pt->start.syscall = SYSCALL_NONE;
	if (r->stack)
		pt->start.sp = r->stack;
	t->tpidr = flags & CLONE_SETTLS ? r->tls : sysreg_read(tpidr_el0);
	if (flags & CLONE_CHILD_SETTID)
		pt->set_tid_address = r->child_tid;
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = r->child_tid;
	/* Two threads can't both run signal handlers on one stack. */
	if (!(flags & CLONE_VM) || (flags & CLONE_VFORK)) {
		pt->altstack_base = mine->altstack_base;
		pt->altstack_size = mine->altstack_size;
		pt->altstack_flags = mine->altstack_flags;
	} else {
		pt->altstack_flags = SS_DISABLE;
	}
	/* Nor can they share what says where one of them is. */
	if (!(flags & CLONE_VM))
		rseq_fork(t);
	t->sig_blocked = me->sig_blocked;
	t->nice = me->nice;
	t->policy = me->policy;
	t->rt_priority = me->rt_priority;
	if (me->reset_on_fork) {
		t->nice = me->rt_priority ? 0 : MAX(me->nice, 0);
		t->policy = me->rt_priority ? SCHED_NORMAL : me->policy;
		t->rt_priority = 0;
	}
	t->affinity = me->affinity;
	return t;
fail:
	thread_undo(t);
	return NULL;
}

/* ---- the process ---- */

static int copy_actions(struct process *p, struct process *from, u64 flags)
{
	u64 irq;

	if (flags & CLONE_SIGHAND) {
		ref_get(&from->actions->refs);
		p->actions = from->actions;
		p->sig.ignored = from->sig.ignored;
		return 0;
	}
	p->actions = signal_actions_new();
	if (!p->actions)
		return -ENOMEM;
	irq = spin_lock_irqsave(&from->sig.lock);
	memcpy(p->actions->action, from->actions->action, sizeof(p->actions->action));
	p->sig.ignored = from->sig.ignored;
	spin_unlock_irqrestore(&from->sig.lock, irq);
	if (flags & CLONE_CLEAR_SIGHAND)
		signal_actions_exec(p);
	return 0;
}

static struct process *process_copy(u64 flags, s32 exit_signal)
{
	struct process *me = process_current(), *p = process_new(me);
	struct path exe = { NULL, NULL };
	u64 irq;

	if (!p)
		return NULL;
	p->exit_signal = exit_signal;
	p->cred = cred_get(current()->cred);
	if (copy_actions(p, me, flags))
		goto fail;
	irq = spin_lock_irqsave(&me->sig.lock);
	if (me->exe) {
		exe = *me->exe;
		path_get(&exe);
	}
	spin_unlock_irqrestore(&me->sig.lock, irq);
	if (exe.dentry) {
		p->exe = exe_new(&exe);
		path_put(&exe);
		if (!p->exe)
			goto fail;
	}
	return p;
fail:
	process_put(p);
	return NULL;
}

/* Into the tree, as a child of the caller (or its sibling), in its group and session. */
static void process_link(struct process *p, struct pid *pid, u64 flags)
{
	struct process *me = process_current();
	u64 irq = spin_lock_irqsave(&pids_lock);

	p->parent = flags & CLONE_PARENT ? me->parent : me;
	if (flags & CLONE_PARENT)
		p->exit_signal = me->exit_signal;
	p->sig.parent = p->parent ? &p->parent->sig : NULL;
	p->pid = pid->number;
	p->sig.pid = pid;
	pid->uses++;
	pid->process = &p->sig;
	list_push_back(&p->parent->children, &p->sibling);
	pid_join_group_locked(&p->sig, me->sig.pgrp);
	pid_join_session_locked(&p->sig, me->sig.session);
	spin_unlock_irqrestore(&pids_lock, irq);
}

/* Undo process_link: the first thread could not be attached. */
static void process_unlink(struct process *p)
{
	u64 irq = spin_lock_irqsave(&pids_lock);

	process_forget_locked(p);
	spin_unlock_irqrestore(&pids_lock, irq);
}

/* How many threads and zombies the caller's user may have. */
static u64 nproc_limit(void)
{
	const struct cred *c = current()->cred;

	return cred_privileged(c) || cred_capable(c, CAP_SYS_RESOURCE) || c->uid == 0 ? RLIM_INFINITY :
		process_rlimit(process_current(), RLIMIT_NPROC);
}

/* Seen at once, before anything is copied; process_attach_thread has the last word. */
static bool too_many(void)
{
	return user_has(current()->cred->uid, USER_PROCESSES) >= nproc_limit();
}

static void vfork_put(struct vfork_wait *v)
{
	if (ref_put(&v->refs))
		kfree(v);
}

void vfork_finish(struct thread *t)
{
	struct proc_thread *pt = proc_thread(t);

	if (!pt->vfork)
		return;
	atomic_store(&pt->vfork->done, true);
	wait_wake_all(&pt->vfork->wait);
	vfork_put(pt->vfork);
	pt->vfork = NULL;
}

/* Until the child has let go of our space; only SIGKILL ends it earlier. */
static void vfork_wait(struct vfork_wait *v)
{
	struct sched_signal *s = &process_current()->sig;

	wait_event(&v->wait, atomic_load(&v->done) || READ_ONCE(s->group_exit));
	vfork_put(v);
}

/* The caller's new descriptor of p, told to it but not filled in yet: its number, *f the file; or -errno. */
static int pidfd_reserve(struct process *p, u64 user, struct file **f)
{
	int fd = fd_reserve(0, true);
	int err = -ENOMEM;

	if (fd < 0)
		return fd;
	*f = pidfd_new(p, 0);
	if (*f) {
		err = put_user_u32(user, fd);
		if (!err)
			return fd;
		file_put(*f);
	}
	fd_unreserve(fd);
	return err;
}

s64 fork_clone(const struct clone_request *r, struct trap_frame *frame)
{
	struct process *me = process_current(), *p = me;
	struct vfork_wait *vfork;
	struct file *pidfile;
	struct thread *t;
	struct pid *tid;
	int pidfd = -1;
	s64 err;

	err = flags_check(r);
	if (err)
		return err;
	if (too_many())
		return -EAGAIN;
	tid = pid_new();
	if (!tid)
		return -EAGAIN;
	err = -ENOMEM;
	t = thread_copy(r, frame);
	if (!t)
		goto no_thread;
	if (!(r->flags & CLONE_THREAD)) {
		p = process_copy(r->flags, r->exit_signal);
		if (!p)
			goto no_process;
	}
	if ((r->flags & CLONE_PARENT_SETTID) && put_user_u32(r->parent_tid, tid->number)) {
		err = -EFAULT;
		goto no_link;
	}
	if (r->flags & CLONE_PIDFD) {
		err = pidfd = pidfd_reserve(p, r->pidfd, &pidfile);
		if (pidfd < 0)
			goto no_link;
	}
	vfork = proc_thread(t)->vfork;
	if (p != me) {
		process_link(p, tid, r->flags);
		thread_get(t);
		p->leader = t;
	}
	err = process_attach_thread(p, t, tid, nproc_limit());
	if (err) {
		if (p != me)
			process_unlink(p);
		goto no_link;
	}
	if (pidfd >= 0)
		fd_fill(pidfd, pidfile);
	atomic_add_relaxed(&stat_forks, 1);
	err = tid->number;
	thread_start(t);
	thread_put(t);
	if (vfork)
		vfork_wait(vfork);
	return err;
no_link:
	if (pidfd >= 0) {
		fd_unreserve(pidfd);
		file_put(pidfile);
	}
	if (p != me)
		process_put(p);
no_process:
	thread_undo(t);
no_thread:
	pid_put(tid);
	return err;
}
