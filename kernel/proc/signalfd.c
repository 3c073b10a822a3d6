/*
 * Signals to be read, signalfd(2): a read takes those of the mask that are
 * pending for whoever reads, the thread's own and then its process's. Nothing of
 * the process is kept here: a descriptor that was inherited gives its new owner's signals.
 */
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include "base/errno.h"
#include "base/string.h"
#include "fs/poll_events.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/signalfd.h"

struct signalfd {
	u64 mask;			/* [a] */
};

static const struct file_ops signalfd_ops;

static void info_format(struct signalfd_siginfo *out, const struct signal_info *info)
{
	siginfo_t si;

	/* The fields of a siginfo share their places; which of them say something, siginfo_write knows. */
	siginfo_write(&si, info);
	memset(out, 0, sizeof(*out));
	out->ssi_signo = si.si_signo;
	out->ssi_errno = si.si_errno;
	out->ssi_code = si.si_code;
	if (si.si_code == SI_TIMER) {
		out->ssi_tid = si.si_tid;
		out->ssi_overrun = si.si_overrun;
		out->ssi_ptr = (u64)si.si_ptr;
		out->ssi_int = si.si_int;
	} else if (si.si_code <= 0 || si.si_code == SI_KERNEL) {
		out->ssi_pid = si.si_pid;
		out->ssi_uid = si.si_uid;
		if (si.si_code != SI_USER && si.si_code != SI_TKILL && si.si_code != SI_KERNEL) {
			out->ssi_ptr = (u64)si.si_ptr;
			out->ssi_int = si.si_int;
		}
	} else if (si.si_signo == SIGCHLD) {
		out->ssi_pid = si.si_pid;
		out->ssi_uid = si.si_uid;
		out->ssi_status = si.si_status;
		out->ssi_utime = si.si_utime;
		out->ssi_stime = si.si_stime;
	} else if (si.si_signo == SIGPOLL) {
		out->ssi_band = si.si_band;
		out->ssi_fd = si.si_fd;
	} else {
		out->ssi_addr = (u64)si.si_addr;
	}
}

/* Is there something? The lock orders it with a sender, who looks for readers under it. */
static bool pending(const struct signalfd *sd)
{
	struct thread *t = current();
	struct sched_signal *s = signal_of(t->process);
	u64 flags = spin_lock_irqsave(&s->lock);
	bool r = (t->sig_pending | s->pending) & READ_ONCE(sd->mask);

	spin_unlock_irqrestore(&s->lock, flags);
	return r;
}

static int take(const struct signalfd *sd, struct signal_info *info)
{
	struct sched_signal *s = signal_of(current()->process);
	u64 flags = spin_lock_irqsave(&s->lock);
	int signo = signal_dequeue_locked(current(), READ_ONCE(sd->mask), info);

	spin_unlock_irqrestore(&s->lock, flags);
	return signo;
}

static s64 signalfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct signalfd *sd = f->priv;
	struct signalfd_siginfo out;
	struct signal_info info;
	s64 done = 0;
	int err;

	if (u->left < sizeof(out))
		return -EINVAL;
	while (u->left >= sizeof(out)) {
		if (take(sd, &info)) {
			info_format(&out, &info);
			if (uio_put(u, &out, sizeof(out)))
				return done ? done : -EFAULT;
			done += sizeof(out);
			continue;
		}
		if (done)
			break;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(signal_of(current()->process)->readers, pending(sd));
		if (err)
			return err;
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *t)
{
	poll_wait(t, signal_of(current()->process)->readers);
	return pending(f->priv) ? EPOLLIN : 0;
}

int signalfd_set_mask(struct file *f, u64 mask)
{
	struct signalfd *sd = f->priv;

	if (f->ops != &signalfd_ops)
		return -EINVAL;
	WRITE_ONCE(sd->mask, mask & ~signal_rules.unblockable);
	wait_wake_all(signal_of(current()->process)->readers);
	return 0;
}

static void signalfd_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.kind = "anon_inode:[signalfd]",
};

struct file *signalfd_new(u64 mask, u32 flags)
{
	struct signalfd *sd = kzalloc(sizeof(*sd));
	struct file *f;

	if (!sd)
		return NULL;
	sd->mask = mask & ~signal_rules.unblockable;
	f = file_new_anonymous(&signalfd_ops, sd, O_RDWR | (flags & O_NONBLOCK));
	if (!f)
		kfree(sd);
	return f;
}
