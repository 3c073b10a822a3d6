/*
 * POSIX message queues: what programs pass is copied here, and proc/mqueue.c does the work.
 */
#include <linux/fcntl.h>
#include <linux/signal.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/fs_context.h"
#include "mm/slab.h"
#include "proc/mqueue.h"
#include "sys/sys.h"
#include "sys/user_time.h"

#define NAME_SIZE	256

static int name_in(char *name, u64 user)
{
	long n = copy_string_from_user(name, user, NAME_SIZE);

	if (n < 0)
		return n;
	return !n ? -ENOENT : strchr(name, '/') ? -EACCES : 0;
}

SYSCALL(mq_open)
{
	struct mq_attr attr;
	char name[NAME_SIZE];
	u32 flags = a[1];
	struct file *f;
	int err = name_in(name, a[0]);

	if (!err && a[3] && copy_from_user(&attr, a[3], sizeof(attr)))
		err = -EFAULT;
	if (!err)
		err = mq_open_file(name, flags, a[2] & ~(u64)READ_ONCE(current()->fs->umask), a[3] ? &attr : NULL, &f);
	return err ? err : file_install(f, true);
}

SYSCALL(mq_unlink)
{
	char name[NAME_SIZE];
	int err = name_in(name, a[0]);

	return err ? err : mq_unlink_name(name);
}

/* When a wait that ends by CLOCK_REALTIME ends; 0: never. */
static int deadline_in(u64 *deadline, u64 user)
{
	u64 at;
	int err = 0;

	*deadline = WAIT_FOREVER;
	if (user) {
		err = user_timespec_get(&at, user);
		*deadline = err ? 0 : clock_from_realtime(at);
	}
	return err;
}

SYSCALL(mq_timedsend)
{
	struct mq_message *m;
	struct fd_ref r;
	u64 deadline;
	int err = deadline_in(&deadline, a[4]), most;

	if (err || (u32)a[3] >= 32768)
		return err ? err : -EINVAL;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	err = most = mq_size_max(r.file);
	if (most < 0)
		goto out;
	err = -EMSGSIZE;
	if (a[2] > (u64)most)
		goto out;
	err = -ENOMEM;
	m = kmalloc(sizeof(*m) + a[2]);
	if (!m)
		goto out;
	m->priority = a[3];
	m->size = a[2];
	err = copy_from_user(m->text, a[1], a[2]);
	if (!err)
		err = mq_send(r.file, m, deadline);
	if (err)
		kfree(m);
out:
	fd_return(r);
	return err;
}

SYSCALL(mq_timedreceive)
{
	struct mq_message *m;
	struct fd_ref r;
	u64 deadline;
	s64 n = deadline_in(&deadline, a[4]);

	if (n)
		return n;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	m = mq_receive(r.file, a[2], deadline);
	fd_return(r);
	if (is_err(m))
		return ptr_err(m);
	n = m->size;
	if ((a[3] && put_user_u32(a[3], m->priority)) || copy_to_user(a[1], m->text, m->size))
		n = -EFAULT;
	kfree(m);
	return n;
}

SYSCALL(mq_notify)
{
	struct sigevent e = { .sigev_notify = SIGEV_NONE };
	struct fd_ref r;
	int err;

	if (a[1] && copy_from_user(&e, a[1], sizeof(e)))
		return -EFAULT;
	/* SIGEV_THREAD is the C library's, which wants to hear of it by a netlink socket: not here. */
	if (a[1] && e.sigev_notify != SIGEV_NONE && e.sigev_notify != SIGEV_SIGNAL)
		return -EINVAL;
	if (a[1] && e.sigev_notify == SIGEV_SIGNAL && (e.sigev_signo < 1 || e.sigev_signo > 64))
		return -EINVAL;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	err = !a[1] ? mq_notify_clear(r.file) :
		mq_notify_set(r.file, e.sigev_notify == SIGEV_SIGNAL ? e.sigev_signo : 0, (u64)e.sigev_value.sival_ptr);
	fd_return(r);
	return err;
}

SYSCALL(mq_getsetattr)
{
	struct mq_attr fresh, old;
	struct fd_ref r;
	int err;

	if (a[1] && copy_from_user(&fresh, a[1], sizeof(fresh)))
		return -EFAULT;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	err = mq_attr_swap(r.file, a[1] ? &fresh : NULL, &old);
	fd_return(r);
	return !err && a[2] ? copy_to_user(a[2], &old, sizeof(old)) : err;
}
