/*
 * A process as a descriptor, pidfd_open(2): it names the same process for
 * ever, whoever has its number later. Readable when the process has ended.
 * What is done with one is in wait.c and sys/sys_pidfd.c.
 */
#include <linux/fcntl.h>
#include "fs/poll_events.h"
#include "proc/internal.h"
#include "proc/pidfd.h"

static u32 pidfd_poll(struct file *f, struct poll_table *t)
{
	struct process *p = f->priv;

	poll_wait(t, &p->exit_wait);
	return READ_ONCE(p->zombie) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->priv);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.kind = "anon_inode:[pidfd]",
};

struct process *pidfd_process(const struct file *f)
{
	return f->ops == &pidfd_ops ? f->priv : NULL;
}

struct file *pidfd_new(struct process *p, u32 flags)
{
	struct file *f = file_new_anonymous(&pidfd_ops, p, O_RDWR | (flags & O_NONBLOCK));

	if (f)
		process_get(p);
	return f;
}
