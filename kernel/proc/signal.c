/*
 * What signals do: actions, default actions, stop and continue, and delivery on
 * the way to user mode. sched/signal.c has made them pending; sigframe.c
 * builds what a handler finds on its stack.
 *
 * user_return is the only place where a thread dies of a signal, stops, or is
 * sent into a handler, and where an interrupted call becomes EINTR or starts again.
 */
#include <linux/signal.h>
#include <linux/wait.h>
#include <asm/unistd.h>
#include "arch/arm64/upcall.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "proc/coredump.h"
#include "proc/hwcap.h"
#include "proc/internal.h"
#include "proc/rseq.h"
#include "vm/vm_space.h"

static struct slab_cache *actions_cache;

#define IS_DEFAULT(a)	((a)->handler == (u64)SIG_DFL)
#define IS_IGNORED(a)	((a)->handler == (u64)SIG_IGN)

/* What these are sent for is worth a look at the program afterwards. */
#define DUMPING	(SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) | \
	SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ) | \
	SIGNAL_BIT(SIGSYS))

/* ---- actions ---- */

struct signal_actions *signal_actions_new(void)
{
	struct signal_actions *a = slab_zalloc(actions_cache);

	if (a)
		a->refs = 1;
	return a;
}

void signal_actions_put(struct signal_actions *a)
{
	if (ref_put(&a->refs))
		slab_free(actions_cache, a);
}

/* pid 1 takes only what it has a handler for: nothing kills it by default. */
static bool action_ignores(struct process *p, u32 signo)
{
	const struct signal_action *a = &p->actions->action[signo - 1];

	return IS_IGNORED(a) || (IS_DEFAULT(a) && (p == init_process ||
		(signal_rules.default_ignored & SIGNAL_BIT(signo))));
}

void signal_ignored_update_locked(struct process *p)
{
	u64 mask = 0, bit = 1, by_default = p == init_process ? ~0ull : signal_rules.default_ignored;

	for (const struct signal_action *a = p->actions->action; bit; a++, bit <<= 1)
		if (IS_IGNORED(a) || (IS_DEFAULT(a) && (by_default & bit)))
			mask |= bit;
	p->sig.ignored = mask;
}

/* Handlers are gone with the old program; what it ignored stays ignored. */
void signal_actions_exec(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);

	for (struct signal_action *a = p->actions->action; a < p->actions->action + 64; a++)
		*a = (struct signal_action){ .handler = IS_IGNORED(a) ? (u64)SIG_IGN : (u64)SIG_DFL };
	signal_ignored_update_locked(p);
	spin_unlock_irqrestore(&p->sig.lock, flags);
}

int signal_action_set(u32 signo, const struct signal_action *new_action, struct signal_action *old)
{
	struct process *p = process_current();
	struct signal_action *a;
	u64 flags;

	if (signo < 1 || signo > 64 || (new_action && (SIGNAL_BIT(signo) & signal_rules.unblockable)))
		return -EINVAL;
	flags = spin_lock_irqsave(&p->sig.lock);
	a = &p->actions->action[signo - 1];
	if (old)
		*old = *a;
	if (new_action) {
		*a = *new_action;
		a->mask &= ~signal_rules.unblockable;
		if (action_ignores(p, signo)) {
			p->sig.ignored |= SIGNAL_BIT(signo);
			signal_flush_locked(&p->sig, SIGNAL_BIT(signo));
		} else {
			p->sig.ignored &= ~SIGNAL_BIT(signo);
		}
	}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return 0;
}

static void reset_action(struct sched_signal *s, int signo)
{
	process_of_signal(s)->actions->action[signo - 1].handler = (u64)SIG_DFL;
}

static void kill_process(struct sched_signal *s, int signo)
{
	exit_group_start_locked(process_of_signal(s), signo);
}

struct restart_block *restart_block_current(void)
{
	return &proc_thread(current())->restart;
}

/* ---- faults ---- */

void signal_fault(s32 signo, s32 code, u64 address, u64 esr)
{
	struct signal_info info = { .signo = signo, .code = code, .address = address };

	proc_thread(current())->fault_address = address;
	proc_thread(current())->fault_esr = esr;
	signal_force_self(&info);
}

/* ESR_EL1 as the fault had it, as far as programs read it: class, write, translation or permission. */
static u64 esr_of(u32 flags)
{
	return (flags & FAULT_EXEC ? 0x20u : 0x24u) << 26 | 1u << 25 | (flags & FAULT_WRITE ? 1u << 6 : 0) |
	       (flags & FAULT_PERM ? 0x0f : 0x07);
}

static void report_fault(struct trap_frame *frame, enum vm_fault_kind kind, u64 address, u32 flags)
{
	u64 esr = esr_of(flags);

	switch (kind) {
	case VM_FAULT_UNMAPPED:
		signal_fault(SIGSEGV, SEGV_MAPERR, address, esr);
		break;
	case VM_FAULT_DENIED:
		signal_fault(SIGSEGV, SEGV_ACCERR, address, esr);
		break;
	case VM_FAULT_BEYOND:
		signal_fault(SIGBUS, BUS_ADRERR, address, esr);
		break;
	case VM_FAULT_NO_MEMORY:
		signal_send_process(process_current(), SIGKILL, NULL);
		break;
	}
}

void user_exception(struct trap_frame *frame, enum user_fault kind, u64 address, u32 esr)
{
	switch (kind) {
	case USER_UNDEFINED:
		if (hwcap_emulate(frame))
			break;
		signal_fault(SIGILL, ILL_ILLOPC, frame->pc, esr);
		break;
	case USER_OTHER:
		signal_fault(SIGILL, ILL_ILLOPC, frame->pc, esr);
		break;
	case USER_ALIGNMENT:
	case USER_PC_ALIGNMENT:
	case USER_SP_ALIGNMENT:
		signal_fault(SIGBUS, BUS_ADRALN, address, esr);
		break;
	case USER_BREAKPOINT:
		signal_fault(SIGTRAP, TRAP_BRKPT, frame->pc, esr);
		break;
	case USER_STEP:
		signal_fault(SIGTRAP, TRAP_TRACE, frame->pc, esr);
		break;
	case USER_FP:
		signal_fault(SIGFPE, FPE_FLTUNK, frame->pc, esr);
		break;
	case USER_BUS_ERROR:
		signal_fault(SIGBUS, BUS_OBJERR, address, esr);
		break;
	}
}

/* ---- stop and continue ---- */

bool signal_stop_left_locked(struct process *p)
{
	if (--p->sig.stop_left)
		return false;
	p->sig.stopping = false;
	p->sig.stopped = true;
	p->stop_report = true;
	p->continue_report = false;
	return true;
}

/* A stop signal's default action: all threads are to stop, this one first. */
static void group_stop(struct process *p, u32 signo)
{
	struct sched_signal *s = &p->sig;
	u64 flags = spin_lock_irqsave(&pids_lock);

	/* Nobody could continue a job of an orphaned group: the terminal's signals don't stop it. */
	if (signo == SIGSTOP || !pid_group_is_orphaned_locked(s->pgrp, NULL)) {
		spin_lock(&s->lock);
		if (!s->group_exit && !s->stopping && !s->stopped) {
			s->stopping = true;
			s->stop_signo = signo;
			s->stop_left = s->thread_count;
			s->stop_episode++;
			signal_poke_all_locked(s, current());
		}
		spin_unlock(&s->lock);
	}
	spin_unlock_irqrestore(&pids_lock, flags);
}

static void sleep_stopped(struct process *p)
{
	struct sched_signal *s = &p->sig;
	struct proc_thread *pt = proc_thread(current());
	u64 flags = spin_lock_irqsave(&pids_lock);
	bool complete = false, sleep;

	spin_lock(&s->lock);
	sleep = (s->stopping || s->stopped) && !s->group_exit && !s->only;
	if (sleep && s->stopping && pt->stop_episode != s->stop_episode) {
		pt->stop_episode = s->stop_episode;
		complete = signal_stop_left_locked(p);
	}
	if (sleep)
		thread_set_state(THREAD_STOPPED);
	spin_unlock(&s->lock);
	if (complete)
		process_notify_parent(p, CLD_STOPPED, s->stop_signo);
	spin_unlock_irqrestore(&pids_lock, flags);
	if (sleep)
		schedule();
}

static void report_continued(struct process *p)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	bool note;

	spin_lock(&p->sig.lock);
	note = p->sig.note_continued;
	p->sig.note_continued = false;
	spin_unlock(&p->sig.lock);
	if (note) {
		p->stop_report = false;
		p->continue_report = true;
		process_notify_parent(p, CLD_CONTINUED, SIGCONT);
	}
	spin_unlock_irqrestore(&pids_lock, flags);
}

/* ---- delivery ---- */

static void call_again(struct trap_frame *f)
{
	f->x[0] = f->orig_x0;
	f->pc -= 4;
	f->syscall = SYSCALL_NONE;
}

/* The interrupted call, a handler being about to run: EINTR, or again after it. */
static void call_finish_for_handler(struct trap_frame *f, u64 action_flags)
{
	if (f->syscall == SYSCALL_NONE)
		return;
	switch (-(s64)f->x[0]) {
	case ERESTARTSYS:
		if (action_flags & SA_RESTART)
			call_again(f);
		else
			f->x[0] = -EINTR;
		break;
	case ERESTARTNOINTR:
		call_again(f);
		break;
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		f->x[0] = -EINTR;
		break;
	}
	f->syscall = SYSCALL_NONE;
}

static void call_finish(struct trap_frame *f)
{
	if (f->syscall == SYSCALL_NONE)
		return;
	switch (-(s64)f->x[0]) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
		call_again(f);
		break;
	case ERESTART_RESTARTBLOCK:
		call_again(f);
		f->x[8] = __NR_restart_syscall;
		break;
	}
	f->syscall = SYSCALL_NONE;
}

/* The next signal with a handler; 0: none left. Does everything else that signals ask for, and may not return. */
static int next_handled(struct process *p, struct signal_action *action, struct signal_info *info)
{
	struct thread *t = current();
	struct sched_signal *s = &p->sig;
	u32 status;
	u64 flags, bit;
	int signo;

	for (;;) {
		flags = spin_lock_irqsave(&s->lock);
		if (s->group_exit || (s->only && s->only != t)) {
			status = p->exit_status;
			spin_unlock_irqrestore(&s->lock, flags);
			exit_thread(status);
		}
		if (s->note_continued || s->stopping || s->stopped) {
			bool continued = s->note_continued;

			spin_unlock_irqrestore(&s->lock, flags);
			if (continued)
				report_continued(p);
			else
				sleep_stopped(p);
			continue;
		}
		signo = signal_dequeue_locked(t, ~t->sig_blocked, info);
		if (!signo)
			break;
		bit = SIGNAL_BIT(signo);
		*action = p->actions->action[signo - 1];
		if (!IS_DEFAULT(action) && !IS_IGNORED(action)) {
			if (action->flags & SA_RESETHAND)
				p->actions->action[signo - 1].handler = (u64)SIG_DFL;
			break;
		}
		if (IS_IGNORED(action) || (signal_rules.default_ignored & bit)) {
			spin_unlock_irqrestore(&s->lock, flags);
			continue;
		}
		if (signal_rules.stop & bit) {
			spin_unlock_irqrestore(&s->lock, flags);
			group_stop(p, signo);
			continue;
		}
		spin_unlock_irqrestore(&s->lock, flags);
		if (DUMPING & bit)
			coredump(info);
		exit_group(signo);
	}
	spin_unlock_irqrestore(&s->lock, flags);
	return signo;
}

static void deliver(struct trap_frame *f)
{
	struct thread *t = current();
	struct signal_action action;
	struct signal_info info;
	u64 saved;

	while (next_handled(t->process, &action, &info)) {
		saved = t->sig_restore ? t->sig_saved : t->sig_blocked;
		call_finish_for_handler(f, action.flags);
		if (!rseq_disturbed(f) || sigframe_push(f, &action, &info, saved)) {
			/* No stack for the handler: SIGSEGV, by default if it was for SIGSEGV itself. */
			if (info.signo == SIGSEGV)
				signal_action_set(SIGSEGV, &(struct signal_action){ .handler = (u64)SIG_DFL }, NULL);
			signal_fault(SIGSEGV, SI_KERNEL, 0, 0);
			continue;
		}
		t->sig_restore = false;
		signal_set_blocked(t->sig_blocked | action.mask |
				   (action.flags & SA_NODEFER ? 0 : SIGNAL_BIT(info.signo)));
	}
	call_finish(f);
	if (t->sig_restore) {
		t->sig_restore = false;
		signal_set_blocked(t->sig_saved);
	}
}

void user_return(struct trap_frame *f)
{
	struct thread *t = current();

	if (!READ_ONCE(t->preempt.no_resched))
		schedule();
	if (READ_ONCE(t->work)) {
		/* What comes in from here on sets its bit again, and vectors.S looks once more. */
		u32 work = atomic_xchg(&t->work, 0u);

		if (unlikely(work & WORK_NOTIFY))
			cpu_timers_check(t->process);
		if (unlikely(work & WORK_RSEQ) && !rseq_disturbed(f))
			signal_fault(SIGSEGV, SI_KERNEL, 0, 0);
		if (likely(work != WORK_RSEQ))
			deliver(f);
	}
}

void signal_setup(void)
{
	actions_cache = slab_cache_create("signal_actions", sizeof(struct signal_actions), 0);
	signal_init();
	signal_rules = (struct signal_rules){
		.kill = SIGNAL_BIT(SIGKILL),
		.stop = SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU),
		.stop_tty = SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU),
		.cont = SIGNAL_BIT(SIGCONT),
		.synchronous = SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |
			       SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS),
		.unblockable = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP),
		.default_ignored = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH),
		.kill_process = kill_process,
		.reset_action = reset_action,
		.taken = posix_timer_taken,
		.code_kernel = SI_KERNEL,
		.pipe = SIGPIPE,
		.legacy_max = 31,
	};
	vm_fault_ops.report = report_fault;
}
