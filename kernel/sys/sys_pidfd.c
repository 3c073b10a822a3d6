/*
 * Processes by descriptor: pidfd_open, pidfd_getfd. Signals to them: sys_signal.c; waiting: sys_proc.c.
 */
#include <linux/pidfd.h>
#include "fs/fdtable.h"
#include "proc/pidfd.h"
#include "sys/sys.h"

SYSCALL(pidfd_open)
{
	struct process *p;
	s64 fd;

	if ((s32)a[0] <= 0 || (a[1] & ~(u64)PIDFD_NONBLOCK))
		return -EINVAL;
	p = process_find(a[0]);
	if (!p) {
		struct thread *t = pid_find_thread(a[0]);

		if (!t)
			return -ESRCH;
		thread_put(t);		/* one, but not the first of its process */
		return -EINVAL;
	}
	fd = file_install(pidfd_new(p, a[1]), true);
	process_put(p);
	return fd;
}

/* The descriptors of p, referenced; NULL: it is ending. */
static struct fd_table *files_of(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig.lock);
	struct fd_table *files = NULL;
	struct thread *t;

	list_for_each(t, &p->sig.threads, process_node)
		if (t->files) {
			files = t->files;
			fd_table_get(files);
			break;
		}
	spin_unlock_irqrestore(&p->sig.lock, flags);
	return files;
}

static s64 take_file(struct process *p, u32 fd)
{
	struct fd_table *files;
	struct file *f;
	s64 r;

	files = files_of(p);
	if (!files)
		return -ESRCH;
	r = fd_next(files, fd, &f);
	fd_table_put(files);
	if (r < 0)
		return -EBADF;
	if (r == fd)
		return file_install(f, true);
	file_put(f);
	return -EBADF;
}

SYSCALL(pidfd_getfd)
{
	struct fd_ref ref;
	struct process *p;
	s64 r = -EBADF;

	if (a[2])
		return -EINVAL;
	ref = fd_borrow(a[0]);
	p = ref.file ? pidfd_process(ref.file) : NULL;
	if (p)
		r = READ_ONCE(p->zombie) ? -ESRCH : process_may_look(p) ? take_file(p, a[1]) : -EPERM;
	fd_return(ref);
	return r;
}
