/*
 * Processes by descriptor: pidfd_open, pidfd_getfd. Signals to them: sys_signal.c; waiting: sys_proc.c. And kcmp, which
 * tells whether two have the same of something.
 */
#include <linux/kcmp.h>
#include <linux/pidfd.h>
#include "core/random.h"
#include "fs/fdtable.h"
#include "proc/pidfd.h"
#include "sys/sys.h"
#include "vm/vm_space.h"

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

/* Where p's thing of a kind is, to be compared and not to be looked at. 0, -EBADF. */
static s64 thing_of(struct process *p, u32 type, u64 index, u64 *at)
{
	struct fd_table *files = files_of(p);
	struct vm_space *s = process_space(p);
	struct thread *t = process_any_thread(p);
	struct file *f = NULL;
	s64 found = -1;

	if (type == KCMP_FILE && files) {
		found = fd_next(files, index, &f);
		if (found >= 0)
			file_put(f);
	}
	*at = type == KCMP_FILE ? (u64)f : type == KCMP_VM ? (u64)s : type == KCMP_FILES ? (u64)files :
	      type == KCMP_SIGHAND ? (u64)p->actions : type == KCMP_FS && t ? (u64)t->fs : 0;
	if (t)
		thread_put(t);
	if (s)
		vm_space_put(s);
	if (files)
		fd_table_put(files);
	return type == KCMP_FILE && (found < 0 || (u64)found != index) ? -EBADF : 0;
}

/* 0: the same; 1, 2: an order, by a number that tells nothing of where they are. */
SYSCALL(kcmp)
{
	static u64 cookie[2];		/* drawn at the first call */
	struct process *p = process_find(a[0]), *q = process_find(a[1]);
	u64 x, y;
	s64 r = -ESRCH;

	if (!READ_ONCE(cookie[0])) {
		WRITE_ONCE(cookie[1], random_u64() | 1);
		WRITE_ONCE(cookie[0], random_u64());
	}
	if (p && q) {
		r = !process_may_look(p) || !process_may_look(q) ? -EPERM : a[2] == KCMP_EPOLL_TFD ? -EOPNOTSUPP :
			a[2] >= KCMP_TYPES ? -EINVAL : thing_of(p, a[2], a[3], &x);
		if (!r)
			r = thing_of(q, a[2], a[4], &y);
		if (!r && x != y)
			r = (x ^ cookie[0]) * cookie[1] < (y ^ cookie[0]) * cookie[1] ? 1 : 2;
	}
	if (p)
		process_put(p);
	if (q)
		process_put(q);
	return r;
}
