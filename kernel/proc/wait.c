/*
 * wait4 and waitid: looks for a child that has something to tell, sleeps until
 * one has. exit.c and signal.c wake child_wait under the processes lock after
 * they have changed what is looked at here.
 */
#include <linux/signal.h>
#include <linux/wait.h>
#include "base/errno.h"
#include "proc/internal.h"
#include "proc/wait.h"

static bool child_matches(const struct wait_request *r, struct process *c)
{
	if (((c->exit_signal != SIGCHLD) != !!(r->options & __WCLONE)) && !(r->options & __WALL))
		return false;
	switch (r->which) {
	case P_PID:
		return c->pid == r->id;
	case P_PIDFD:
		return c == r->process;
	case P_PGID:
		return c->sig.pgrp->number == r->id;
	default:
		return true;
	}
}

static void result_fill(struct process *c, struct wait_result *out, s32 code, u32 status, u32 raw)
{
	out->pid = c->pid;
	out->uid = c->cred->uid;
	out->code = code;
	out->status = status;
	out->raw_status = raw;
	process_usage_get(c, &out->usage);
}

/* The dead child's times count for the parent's children from now on. */
static void usage_inherit(struct process *me, struct process *c, const struct process_usage *u)
{
	me->child_user_ns += u->user_ns + c->child_user_ns;
	me->child_system_ns += u->system_ns + c->child_system_ns;
	me->child_minflt += u->minflt + c->child_minflt;
	me->child_majflt += u->majflt + c->child_majflt;
	me->child_maxrss = MAX(me->child_maxrss, MAX(u->maxrss_pages, c->child_maxrss));
}

/* One look. 1: *out is filled, *gone is to be put; 0: children, but none has news; -ECHILD. */
static int wait_look(const struct wait_request *r, struct wait_result *out, struct process **gone)
{
	struct process *me = process_current(), *c;
	u64 flags = spin_lock_irqsave(&pids_lock);
	int found = -ECHILD;

	list_for_each(c, &me->children, sibling) {
		if (!child_matches(r, c) || (c->zombie && !(r->options & WEXITED)))
			continue;
		found = 0;
		if (c->zombie) {
			u32 st = c->exit_status, signo = st & 0x7f;

			result_fill(c, out, signo ? (st & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED,
				    signo ? signo : st >> 8 & 0xff, st);
			if (!(r->options & WNOWAIT)) {
				usage_inherit(me, c, &out->usage);
				process_forget_locked(c);
				*gone = c;
			}
			found = 1;
			break;
		}
		if (c->stop_report && c->sig.stopped && (r->options & WSTOPPED)) {
			result_fill(c, out, CLD_STOPPED, c->sig.stop_signo, c->sig.stop_signo << 8 | 0x7f);
			if (!(r->options & WNOWAIT))
				c->stop_report = false;
			found = 1;
			break;
		}
		if (c->continue_report && (r->options & WCONTINUED)) {
			result_fill(c, out, CLD_CONTINUED, SIGCONT, 0xffff);
			if (!(r->options & WNOWAIT))
				c->continue_report = false;
			found = 1;
			break;
		}
	}
	spin_unlock_irqrestore(&pids_lock, flags);
	return found;
}

s32 process_wait(const struct wait_request *r, struct wait_result *out)
{
	struct process *me = process_current(), *gone = NULL;
	int found, err;

	found = wait_look(r, out, &gone);
	if (!found && (r->options & WNOHANG))
		return 0;
	if (!found) {
		err = wait_event_interruptible(&me->child_wait, (found = wait_look(r, out, &gone)) != 0);
		if (err)
			return err;
	}
	if (gone)
		process_put(gone);
	return found < 0 ? found : out->pid;
}
