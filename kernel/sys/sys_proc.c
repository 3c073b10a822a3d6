/*
 * Processes: making, executing, ending, waiting, and their numbers. The work
 * is proc/'s.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include "arch/arm64/trap.h"
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/fdtable.h"
#include "mm/page.h"
#include "proc/cred.h"
#include "proc/exec.h"
#include "proc/exit.h"
#include "proc/fork.h"
#include "proc/pidfd.h"
#include "proc/rseq.h"
#include "proc/wait.h"
#include "sys/rusage.h"
#include "sys/sys.h"
#include "sys/user_path.h"
#include "vm/vm_space.h"

/* ---- making ---- */

SYSCALL(clone)
{
	struct clone_request r = {
		.flags = a[0] & 0xffffffff & ~(u64)CSIGNAL, .exit_signal = a[0] & CSIGNAL, .stack = a[1],
		.parent_tid = a[2], .tls = a[3], .child_tid = a[4], .pidfd = a[2],
	};

	if (r.exit_signal > 64)
		return -EINVAL;
	return fork_clone(&r, trap_user_frame());
}

SYSCALL(clone3)
{
	struct clone_args c;
	struct clone_request r;
	u64 size = a[1];
	s64 err;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	err = struct_from_user(&c, sizeof(c), a[0], size);
	if (err)
		return err;
	if (c.set_tid_size || c.set_tid || (c.flags & CLONE_INTO_CGROUP))
		return -EINVAL;
	if ((c.flags & (CSIGNAL | CLONE_DETACHED)) || c.exit_signal > 64 || (!c.stack != !c.stack_size) ||
	    ((c.flags & (CLONE_THREAD | CLONE_PARENT)) && c.exit_signal))
		return -EINVAL;
	r = (struct clone_request){
		.flags = c.flags, .exit_signal = c.exit_signal, .stack = c.stack ? c.stack + c.stack_size : 0,
		.parent_tid = c.parent_tid, .child_tid = c.child_tid, .tls = c.tls, .pidfd = c.pidfd,
	};
	return fork_clone(&r, trap_user_frame());
}

SYSCALL(unshare)
{
	u64 flags = a[0];

	/* One thread's worth of these is private already; namespaces there are none. */
	if (!(flags & ~(u64)(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_VM | CLONE_THREAD)) &&
	    READ_ONCE(process_current()->sig.thread_count) == 1 && !fd_table_is_shared(current()->files))
		return 0;
	return cred_privileged(current()->cred) ? -EINVAL : -EPERM;
}

/* ---- executing ---- */

static s64 execute(u64 fd, u64 name, u64 argv, u64 envp, u32 lookup)
{
	struct exec_request r = { .lookup_flags = lookup, .argv = argv, .envp = envp };
	struct trap_frame *frame = trap_user_frame();
	struct user_path path;
	struct at_dir at;
	s64 err = user_path_get(&path, name);

	if (err)
		return err;
	err = at_dir_get(&at, fd, path.name);
	if (!err) {
		r.name = path.name;
		r.at = at.path;
		err = exec_program(&r, frame);
		at_dir_end(&at);
	}
	user_path_end(&path);
	return err;
}

SYSCALL(execve)
{
	return execute(AT_FDCWD, a[0], a[1], a[2], LOOKUP_FOLLOW);
}

SYSCALL(execveat)
{
	u32 flags = a[4];

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return execute(a[0], a[1], a[2], a[3], (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0));
}

/* ---- ending and waiting ---- */

SYSCALL(exit)
{
	exit_thread((a[0] & 0xff) << 8);
}

SYSCALL(exit_group)
{
	exit_group((a[0] & 0xff) << 8);
}


void rusage_fill(struct rusage *out, const struct process_usage *u)
{
	memset(out, 0, sizeof(*out));
	out->ru_utime.tv_sec = u->user_ns / NSEC_PER_SEC;
	out->ru_utime.tv_usec = u->user_ns % NSEC_PER_SEC / 1000;
	out->ru_stime.tv_sec = u->system_ns / NSEC_PER_SEC;
	out->ru_stime.tv_usec = u->system_ns % NSEC_PER_SEC / 1000;
	out->ru_maxrss = u->maxrss_pages * (PAGE_SIZE / 1024);
	out->ru_minflt = u->minflt;
	out->ru_majflt = u->majflt;
	out->ru_nvcsw = u->nvcsw;
	out->ru_nivcsw = u->nivcsw;
}

static int usage_out(u64 user, const struct process_usage *u)
{
	struct rusage ru;

	if (!user)
		return 0;
	rusage_fill(&ru, u);
	return copy_to_user(user, &ru, sizeof(ru));
}

SYSCALL(wait4)
{
	s32 pid = a[0], n;
	u32 options = a[2];
	struct wait_request r = { .which = P_PID, .id = pid, .options = options | WEXITED };
	struct wait_result result;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1) {
		r.which = P_ALL;
	} else if (pid < -1) {
		r.which = P_PGID;
		r.id = -pid;
	} else if (!pid) {
		r.which = P_PGID;
		r.id = process_group_of(process_current());
	}
	n = process_wait(&r, &result);
	if (n <= 0)
		return n;
	if (a[1] && put_user_u32(a[1], result.raw_status))
		return -EFAULT;
	if (usage_out(a[3], &result.usage))
		return -EFAULT;
	return n;
}

SYSCALL(waitid)
{
	struct wait_request r = { .which = a[0], .id = a[1], .options = a[3] };
	struct wait_result result;
	struct fd_ref ref = { NULL, false };
	siginfo_t info;
	s32 n;

	if ((r.options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) ||
	    !(r.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (r.which) {
	case P_ALL:
		break;
	case P_PID:
		if (r.id <= 0)
			return -EINVAL;
		break;
	case P_PGID:
		if (r.id < 0)
			return -EINVAL;
		if (!r.id)
			r.id = process_group_of(process_current());
		break;
	case P_PIDFD:
		if (r.id < 0)
			return -EINVAL;
		ref = fd_borrow(r.id);
		r.process = ref.file ? pidfd_process(ref.file) : NULL;
		if (!r.process) {
			fd_return(ref);
			return -EBADF;
		}
		if (ref.file->flags & O_NONBLOCK)
			r.options |= WNOHANG;
		break;
	default:
		return -EINVAL;
	}
	n = process_wait(&r, &result);
	fd_return(ref);
	if (n < 0)
		return n;
	if (!n && (r.options & WNOHANG) && !(a[3] & WNOHANG))
		return -EAGAIN;
	memset(&info, 0, sizeof(info));
	if (n) {
		info.si_signo = SIGCHLD;
		info.si_code = result.code;
		info.si_pid = result.pid;
		info.si_uid = result.uid;
		info.si_status = result.status;
	}
	if (a[2] && copy_to_user(a[2], &info, sizeof(info)))
		return -EFAULT;
	if (n && usage_out(a[4], &result.usage))
		return -EFAULT;
	return 0;
}

/* ---- numbers ---- */

SYSCALL(getpid)
{
	return process_current()->pid;
}

SYSCALL(gettid)
{
	return current()->tid;
}

SYSCALL(getppid)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct process *parent = process_current()->parent;
	s64 pid = parent ? parent->pid : 0;

	spin_unlock_irqrestore(&pids_lock, flags);
	return pid;
}

SYSCALL(set_tid_address)
{
	current()->clear_child_tid = a[0];
	return current()->tid;
}

SYSCALL(rseq)
{
	return rseq_register(a[0], a[1], a[2], a[3]);
}

SYSCALL(set_robust_list)
{
	if (a[1] != 24)		/* sizeof(struct robust_list_head) */
		return -EINVAL;
	current()->robust_list = a[0];
	return 0;
}

SYSCALL(get_robust_list)
{
	struct thread *t = current(), *other = NULL;
	u64 head;

	if ((s32)a[0] && (s32)a[0] != t->tid) {
		other = pid_find_thread(a[0]);
		if (!other)
			return -ESRCH;
		if (!process_may_look(other->process)) {
			thread_put(other);
			return -EPERM;
		}
	}
	head = other ? other->robust_list : t->robust_list;
	if (other)
		thread_put(other);
	return put_user_u64(a[2], 24) || put_user_u64(a[1], head) ? -EFAULT : 0;
}

/* ---- groups and sessions ---- */

/* [P] held: the process by that number, 0: the caller's own; NULL. */
static struct process *find_locked(s32 number)
{
	struct pid *pid;

	if (!number)
		return process_current();
	pid = pid_find_locked(number);
	return pid && pid->process ? process_of_signal(pid->process) : NULL;
}

static s64 setpgid_locked(s32 number, s32 group)
{
	struct process *me = process_current(), *p = find_locked(number);
	struct pid *g;

	if (!p)
		return -ESRCH;
	if (p != me) {
		if (p->parent != me)
			return -ESRCH;
		if (p->sig.session != me->sig.session)
			return -EPERM;
		if (p->execed)
			return -EACCES;
	}
	if (p->sig.session == p->sig.pid)
		return -EPERM;
	g = group && group != p->pid ? pid_find_locked(group) : p->sig.pid;
	if (g != p->sig.pid && (!g || list_empty(&g->group) ||
				list_first(&g->group, struct sched_signal, group_node)->session != p->sig.session))
		return -EPERM;
	if (g != p->sig.pgrp)
		pid_join_group_locked(&p->sig, g);
	return 0;
}

SYSCALL(setpgid)
{
	u64 flags;
	s64 r;

	if ((s32)a[0] < 0 || (s32)a[1] < 0)
		return (s32)a[1] < 0 ? -EINVAL : -ESRCH;
	flags = spin_lock_irqsave(&pids_lock);
	r = setpgid_locked(a[0], a[1]);
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

static s64 number_of(s32 number, bool session)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct process *p = find_locked(number);
	s64 r = !p ? -ESRCH : session ? p->sig.session->number : p->sig.pgrp->number;

	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

SYSCALL(getpgid)
{
	return number_of(a[0], false);
}

SYSCALL(getsid)
{
	return number_of(a[0], true);
}

SYSCALL(setsid)
{
	struct process *p = process_current();
	u64 flags = spin_lock_irqsave(&pids_lock);
	s64 r = -EPERM;

	/* Not while its number names a group: that group would be in two sessions. */
	if (list_empty(&p->sig.pid->group)) {
		p->sig.pid->tty = NULL;
		pid_join_session_locked(&p->sig, p->sig.pid);
		pid_join_group_locked(&p->sig, p->sig.pid);
		r = p->pid;
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

/* ---- odds and ends ---- */

SYSCALL(personality)
{
	struct process *p = process_current();
	u32 old = p->personality;

	if ((u32)a[0] != 0xffffffff)
		p->personality = a[0];
	return old;
}

static s64 name_change(u64 user, bool set)
{
	struct thread *t = current();
	char name[sizeof(t->name)] = "";
	long n;

	if (!set)
		return copy_to_user(user, t->name, sizeof(t->name));
	n = copy_string_from_user(name, user, sizeof(name));
	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[sizeof(name) - 1] = 0;
	strlcpy(t->name, name, sizeof(t->name));
	return 0;
}

SYSCALL(prctl)
{
	struct process *p = process_current();

	switch ((u32)a[0]) {
	case PR_SET_NAME:
		return name_change(a[1], true);
	case PR_GET_NAME:
		return name_change(a[1], false);
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		p->dumpable = a[1];
		return 0;
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_SET_PDEATHSIG:
		if (a[1] > 64)
			return -EINVAL;
		p->death_signal = a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32(a[1], p->death_signal);
	case PR_SET_CHILD_SUBREAPER:
		p->subreaper = a[1] != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(a[1], p->subreaper);
	case PR_SET_NO_NEW_PRIVS:
		if (a[1] != 1 || a[2] || a[3] || a[4])
			return -EINVAL;
		p->no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : p->no_new_privs;
	case PR_GET_KEEPCAPS:
		return !!(current()->cred->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return a[1] > 1 ? -EINVAL : cred_keep_caps(a[1]);
	case PR_GET_SECCOMP:
		return 0;
	case PR_GET_SECUREBITS:
		return current()->cred->securebits;
	case PR_SET_SECUREBITS:
		return cred_set_securebits(a[1]);
	case PR_CAP_AMBIENT:
		return a[3] || a[4] ? -EINVAL : cred_ambient(a[1], MIN(a[2], ~0u));
	case PR_GET_TIMERSLACK:
		return 50000;
	case PR_SET_TIMERSLACK:
		return 0;	/* timers here fire when they are due: never later than any slack allows */
	case PR_CAPBSET_READ:
		return a[1] > CAP_LAST_CAP ? -EINVAL : (s64)(current()->cred->cap_bounding >> a[1] & 1);
	case PR_CAPBSET_DROP:
		return a[1] > CAP_LAST_CAP ? -EINVAL : cred_drop_bounding(a[1]);
	case PR_GET_TID_ADDRESS:
		return put_user_u64(a[1], current()->clear_child_tid);
	default:
		return -EINVAL;
	}
}
