/*
 * Signal calls: actions, masks, waiting, sending. proc/signal.c delivers,
 * sched/signal.c sends.
 */
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/time_types.h>
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/fdtable.h"
#include "proc/cred.h"
#include "proc/pidfd.h"
#include "proc/signalfd.h"
#include "proc/signals.h"
#include "sys/sys.h"
#include "sys/user_time.h"

#define SET_SIZE 8			/* sizeof the kernel's sigset_t */

SYSCALL(rt_sigaction)
{
	struct signal_action act, old;
	int err;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (a[1] && copy_from_user(&act, a[1], sizeof(act)))
		return -EFAULT;
	err = signal_action_set(a[0], a[1] ? &act : NULL, &old);
	if (err)
		return err;
	return a[2] ? copy_to_user(a[2], &old, sizeof(old)) : 0;
}

SYSCALL(rt_sigprocmask)
{
	u64 set, old = current()->sig_blocked;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (a[1]) {
		if (get_user_u64(&set, a[1]))
			return -EFAULT;
		switch ((u32)a[0]) {
		case SIG_BLOCK:
			signal_set_blocked(old | set);
			break;
		case SIG_UNBLOCK:
			signal_set_blocked(old & ~set);
			break;
		case SIG_SETMASK:
			signal_set_blocked(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return a[2] ? put_user_u64(a[2], old) : 0;
}

SYSCALL(rt_sigpending)
{
	struct thread *t = current();
	struct sched_signal *s = signal_of(t->process);
	u64 flags, set;

	if (a[1] > SET_SIZE)
		return -EINVAL;
	flags = spin_lock_irqsave(&s->lock);
	set = (s->pending | t->sig_pending) & t->sig_blocked;
	spin_unlock_irqrestore(&s->lock, flags);
	return copy_to_user(a[0], &set, a[1]);
}

SYSCALL(rt_sigsuspend)
{
	u64 mask;

	if (a[1] != SET_SIZE)
		return -EINVAL;
	if (get_user_u64(&mask, a[0]))
		return -EFAULT;
	signal_mask_push(mask);
	while (!signal_pending()) {
		thread_set_state(THREAD_SLEEPING);
		if (!signal_pending())
			schedule();
		thread_set_state(THREAD_RUNNABLE);
	}
	signal_mask_pop(true);
	return -ERESTARTNOHAND;
}

SYSCALL(rt_sigtimedwait)
{
	struct thread *t = current();
	struct sched_signal *s = signal_of(t->process);
	u64 set, deadline = WAIT_FOREVER, flags;
	struct signal_info info;
	siginfo_t out;
	int signo, err = 0;

	if (a[3] != SET_SIZE)
		return -EINVAL;
	if (get_user_u64(&set, a[0]))
		return -EFAULT;
	if (a[2]) {
		u64 ns;

		err = user_timespec_get(&ns, a[2]);
		if (err)
			return err;
		deadline = deadline_after(ns);
	}
	set &= ~signal_rules.unblockable;
	flags = spin_lock_irqsave(&s->lock);
	signo = signal_dequeue_locked(t, set, &info);
	if (!signo)
		t->sig_awaited = set;	/* senders wake those who block the signal only for this */
	spin_unlock_irqrestore(&s->lock, flags);
	if (!signo) {
		do {
			thread_set_state(THREAD_SLEEPING);
			err = wait_sleep(THREAD_SLEEPING, deadline);
		} while (!err);
		thread_set_state(THREAD_RUNNABLE);
		flags = spin_lock_irqsave(&s->lock);
		t->sig_awaited = 0;
		signo = signal_dequeue_locked(t, set, &info);
		spin_unlock_irqrestore(&s->lock, flags);
		if (!signo)
			return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	if (a[1]) {
		siginfo_write(&out, &info);
		if (copy_to_user(a[1], &out, sizeof(out)))
			return -EFAULT;
	}
	return signo;
}

SYSCALL(rt_sigreturn)
{
	struct trap_frame *f = trap_user_frame();

	if (sigframe_pop(f)) {
		signal_fault(SIGSEGV, SI_KERNEL, f->sp, 0);
		return 0;
	}
	return f->x[0];
}

SYSCALL(sigaltstack)
{
	struct { u64 base; s32 flags; u32 pad; u64 size; } user = { 0 };
	u64 sp = trap_user_frame()->sp;
	struct altstack fresh, old;
	int err;

	altstack_get(sp, &old);
	if (a[0]) {
		if (copy_from_user(&user, a[0], sizeof(user)))
			return -EFAULT;
		fresh = (struct altstack){ user.base, user.flags, user.size };
		err = altstack_set(sp, &fresh);
		if (err)
			return err;
	}
	if (!a[1])
		return 0;
	user.base = old.base;
	user.flags = old.flags;
	user.pad = 0;
	user.size = old.size;
	return copy_to_user(a[1], &user, sizeof(user));
}

SYSCALL(signalfd4)
{
	struct fd_ref ref;
	u64 mask;
	int err;

	if (a[2] != SET_SIZE)
		return -EINVAL;
	if (get_user_u64(&mask, a[1]))
		return -EFAULT;
	if (a[3] & ~(u64)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	if ((s32)a[0] == -1)
		return file_install(signalfd_new(mask, a[3]), a[3] & SFD_CLOEXEC);
	ref = fd_borrow(a[0]);
	if (!ref.file)
		return -EBADF;
	err = signalfd_set_mask(ref.file, mask);
	fd_return(ref);
	return err ? err : (s32)a[0];
}

SYSCALL(restart_syscall)
{
	struct restart_block *r = restart_block_current();

	return r->fn ? r->fn(r) : -EINTR;
}

/* ---- sending ---- */

static struct signal_info info_of_sender(s32 signo, s32 code)
{
	return (struct signal_info){ .signo = signo, .code = code, .pid = process_current()->pid,
		.uid = current()->cred->uid };
}

/* [P] held. */
static s64 send_checked(struct process *p, s32 signo, const struct signal_info *info)
{
	if (!cred_may_signal(p, signo == SIGCONT))
		return -EPERM;
	return signo ? signal_send_process(p, signo, info) : 0;
}

/* The best answer of many: one that was signalled, else what forbade it. */
static void answer_join(s64 *all, s64 one)
{
	if (!one || *all == -ESRCH)
		*all = one;
}

static s64 kill_group_locked(struct pid *group, s32 signo, const struct signal_info *info)
{
	struct sched_signal *s;
	s64 r = -ESRCH;

	if (group)
		list_for_each(s, &group->group, group_node)
			answer_join(&r, send_checked(process_of_signal(s), signo, info));
	return r;
}

static s64 kill_all_locked(s32 signo, const struct signal_info *info)
{
	struct pid *pid;
	s64 r = -ESRCH;

	for (s32 n = 2; (pid = pid_next_process_locked(n)); n = pid->number + 1) {
		struct process *p = process_of_signal(pid->process);

		if (p != process_current())
			answer_join(&r, send_checked(p, signo, info));
	}
	return r;
}

static s64 kill_by_number(s32 pid, s32 signo, const struct signal_info *info)
{
	struct pid *found;
	u64 flags;
	s64 r;

	if (signo < 0 || signo > 64)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	flags = spin_lock_irqsave(&pids_lock);
	if (pid > 0) {
		found = pid_find_locked(pid);
		r = found && found->process ? send_checked(process_of_signal(found->process), signo, info) : -ESRCH;
	} else if (pid == -1) {
		r = kill_all_locked(signo, info);
	} else {
		r = kill_group_locked(pid ? pid_find_locked(-pid) : process_current()->sig.pgrp, signo, info);
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

SYSCALL(kill)
{
	struct signal_info info = info_of_sender(a[1], SI_USER);

	return kill_by_number(a[0], a[1], &info);
}

/* pid 0: of any process. */
static s64 kill_thread(s32 pid, s32 tid, s32 signo, const struct signal_info *info)
{
	struct pid *found;
	struct process *p;
	u64 flags;
	s64 r = -ESRCH;

	if (tid <= 0 || pid < 0 || signo < 0 || signo > 64)
		return -EINVAL;
	flags = spin_lock_irqsave(&pids_lock);
	found = pid_find_locked(tid);
	if (found && found->thread) {
		p = found->thread->process;
		if (pid && p->pid != pid)
			r = -ESRCH;
		else if (!cred_may_signal(p, signo == SIGCONT))
			r = -EPERM;
		else
			r = signal_send_thread(found->thread, signo, info);
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

SYSCALL(tkill)
{
	struct signal_info info = info_of_sender(a[1], SI_TKILL);

	return kill_thread(0, a[0], a[1], &info);
}

SYSCALL(tgkill)
{
	struct signal_info info = info_of_sender(a[2], SI_TKILL);

	if ((s32)a[0] <= 0)
		return -EINVAL;
	return kill_thread(a[0], a[1], a[2], &info);
}

/* A siginfo of the program's own making: only codes that can't be taken for the kernel's, unless it is for itself. */
static s64 info_in(struct signal_info *info, u64 user, s32 signo, s32 pid)
{
	siginfo_t in;

	if (copy_from_user(&in, user, sizeof(in)))
		return -EFAULT;
	if ((in.si_code >= 0 || in.si_code == SI_TKILL) && pid != process_current()->pid)
		return -EPERM;
	*info = (struct signal_info){ .signo = signo, .code = in.si_code, .error = in.si_errno, .pid = in.si_pid,
				      .uid = in.si_uid, .address = (u64)in.si_ptr };
	return 0;
}

SYSCALL(rt_sigqueueinfo)
{
	struct signal_info info;
	s64 err = info_in(&info, a[2], a[1], a[0]);

	if (err)
		return err;
	return (s32)a[0] > 0 ? kill_by_number(a[0], a[1], &info) : -ESRCH;
}

SYSCALL(rt_tgsigqueueinfo)
{
	struct signal_info info;
	s64 err = info_in(&info, a[3], a[2], a[0]);

	if (err)
		return err;
	return (s32)a[0] > 0 ? kill_thread(a[0], a[1], a[2], &info) : -EINVAL;
}

static s64 pidfd_signal(struct process *p, s32 signo, u64 user_info)
{
	struct signal_info info = info_of_sender(signo, SI_USER);
	u64 flags;
	s64 r;

	if (user_info) {
		s32 claimed;

		if (get_user_u32((u32 *)&claimed, user_info))
			return -EFAULT;
		if (claimed != signo)
			return -EINVAL;
		r = info_in(&info, user_info, signo, p->pid);
		if (r)
			return r;
	}
	if (signo < 0 || signo > 64)
		return -EINVAL;
	flags = spin_lock_irqsave(&pids_lock);
	/* In no group: waited for, and gone. */
	r = p->sig.pgrp ? send_checked(p, signo, &info) : -ESRCH;
	spin_unlock_irqrestore(&pids_lock, flags);
	return r;
}

SYSCALL(pidfd_send_signal)
{
	struct fd_ref ref;
	struct process *p;
	s64 r = -EBADF;

	if (a[3])
		return -EINVAL;
	ref = fd_borrow(a[0]);
	p = ref.file ? pidfd_process(ref.file) : NULL;
	if (ref.file && !p)
		p = pid_directory_process(ref.file);
	if (p)
		r = pidfd_signal(p, a[1], a[2]);
	fd_return(ref);
	return r;
}
