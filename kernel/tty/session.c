/*
 * Controlling terminals and job control, credentials(7), POSIX 11.1: which
 * session a terminal belongs to, which of its groups is in the foreground,
 * and what happens to those in the background. sched/pid.h knows the sessions.
 *
 * tty_sessions guards the bond between a terminal and its session.
 */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "sched/cred.h"
#include "sched/pid.h"
#include "sched/signal.h"
#include "tty/session.h"
#include "tty/tty.h"

struct mutex tty_sessions = MUTEX_INIT(tty_sessions, "tty sessions");

int tty_background_check(struct tty *t, int signo)
{
	s32 group, session = READ_ONCE(t->session);

	if (!session || session != pid_current_session())
		return 0;
	group = pid_current_group();
	if (!READ_ONCE(t->group) || group == READ_ONCE(t->group))
		return 0;
	if (signal_is_ignored_or_blocked(signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (pid_group_is_orphaned(group))
		return -EIO;
	signal_send_group(group, signo, NULL);
	return -ERESTARTSYS;
}

/* t becomes the current session's. [g] */
static int bond(struct tty *t)
{
	s32 sid = pid_current_session();
	int err = pid_session_set_tty(sid, t);

	if (err)
		return err;
	tty_get(t);
	WRITE_ONCE(t->session, sid);
	WRITE_ONCE(t->group, pid_current_group());
	return 0;
}

void tty_session_end(struct tty *t)
{
	s32 sid = t->session;

	if (!sid)
		return;
	(void)pid_session_set_tty(sid, NULL);	/* -ESRCH: the session is gone already */
	WRITE_ONCE(t->session, 0);
	WRITE_ONCE(t->group, 0);
	tty_put(t);
}

void tty_control_take_locked(struct tty *t)
{
	if (pid_current_leads_session() && !t->session && !pid_session_tty(pid_current_session()))
		(void)bond(t);	/* an open does not fail for that */
}

/* TIOCSCTTY: a session leader without a terminal takes a free one; root with arg 1 also another's. */
static long control_take(struct tty *t, u64 arg)
{
	const struct cred *c = current()->cred;
	s32 sid = pid_current_session();
	long err = 0;

	mutex_lock(&tty_sessions);
	if (pid_current_leads_session() && t->session == sid)
		goto out;
	err = -EPERM;
	if (!pid_current_leads_session() || pid_session_tty(sid))
		goto out;
	if (t->session) {
		if (arg != 1 || !c || !cred_privileged(c))
			goto out;
		tty_session_end(t);
	}
	err = bond(t);
out:
	mutex_unlock(&tty_sessions);
	return err;
}

/* The session loses its terminal, if t still is that: by TIOCNOTTY of its leader, or because that dies. */
static void session_disconnect(struct tty *t, s32 sid)
{
	s32 group = 0;

	mutex_lock(&tty_sessions);
	if (t->session == sid) {
		group = t->group;
		tty_session_end(t);
	}
	mutex_unlock(&tty_sessions);
	if (group) {
		signal_send_group(group, SIGHUP, NULL);
		signal_send_group(group, SIGCONT, NULL);
	}
}

void tty_session_hang_up(struct tty *t)
{
	s32 leader = READ_ONCE(t->session);

	if (leader) {
		/* The leader's own group, too: it need not be in the foreground. */
		signal_send_group(leader, SIGHUP, NULL);
		signal_send_group(leader, SIGCONT, NULL);
	}
	if (leader)
		session_disconnect(t, leader);
}

/* The session's terminal, referenced; NULL: none. */
static struct tty *terminal_of(s32 sid)
{
	struct tty *t;

	mutex_lock(&tty_sessions);
	t = pid_session_tty(sid);
	if (t)
		tty_get(t);
	mutex_unlock(&tty_sessions);
	return t;
}

static void leader_exits(s32 sid)
{
	struct tty *t = terminal_of(sid);

	if (!t)
		return;
	session_disconnect(t, sid);
	tty_put(t);
}

struct tty *tty_current(void)
{
	return terminal_of(pid_current_session());
}

void tty_of_session(s32 sid, u64 *device, s32 *group)
{
	struct tty *t;

	mutex_lock(&tty_sessions);
	t = pid_session_tty(sid);
	if (t) {
		*device = dev_make(t->major, t->minor);
		*group = t->group;
	}
	mutex_unlock(&tty_sessions);
}

/* The leader alone, whatever its group. */
static void leader_signal(s32 sid, int signo)
{
	u64 flags = spin_lock_irqsave(&pids_lock);
	struct pid *leader = pid_find_locked(sid);

	if (leader && leader->process)
		signal_send_process((struct process *)leader->process, signo, NULL);
	spin_unlock_irqrestore(&pids_lock, flags);
}

void tty_vhangup(void)
{
	s32 sid = pid_current_session();
	struct tty *t = terminal_of(sid);

	if (!t)
		return;
	tty_hang_up(t, false);
	mutex_lock(&tty_sessions);
	if (t->session == sid)
		tty_session_end(t);
	mutex_unlock(&tty_sessions);
	leader_signal(sid, SIGHUP);
	leader_signal(sid, SIGCONT);
	tty_put(t);
}

static long foreground_set(struct tty *t, u64 arg)
{
	u32 group;
	long err;

	if (t->session != pid_current_session())
		return -ENOTTY;
	err = tty_background_check(t, SIGTTOU);
	if (err)
		return err;
	if (get_user_u32(&group, arg))
		return -EFAULT;
	if ((s32)group <= 0)
		return -EINVAL;
	mutex_lock(&tty_sessions);
	err = pid_group_session(group);
	if (err >= 0) {
		err = err == t->session ? 0 : -EPERM;
		if (!err)
			WRITE_ONCE(t->group, (s32)group);
	}
	mutex_unlock(&tty_sessions);
	return err;
}

long tty_session_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	bool ours = t->session && t->session == pid_current_session();

	switch (cmd) {
	case TIOCSCTTY:
		return control_take(t, arg);
	case TIOCNOTTY:
		if (!ours)
			return -ENOTTY;
		/* Others of the session lose it too only when the leader gives it up; this kernel keeps one bond a session. */
		if (pid_current_leads_session())
			session_disconnect(t, pid_current_session());
		return 0;
	case TIOCGPGRP:
		return ours ? put_user_u32(arg, t->group) : -ENOTTY;
	case TIOCSPGRP:
		return foreground_set(t, arg);
	case TIOCGSID:
		return ours ? put_user_u32(arg, t->session) : -ENOTTY;
	}
	return 1;
}

void tty_sessions_init(void)
{
	session_ops.leader_exits = leader_exits;
}
