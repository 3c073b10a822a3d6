/*
 * fcntl(2), ioctl(2), flock(2): what can be set and asked of an open file.
 */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include "arch/arm64/ucopy.h"
#include "fs/fdtable.h"
#include "fs/flock.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "sched/pid.h"
#include "sys/sys.h"

#define SETFL_MASK	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static s64 flags_set(struct file *f, u32 flags)
{
	u32 old = READ_ONCE(f->flags);

	if ((flags & FASYNC) && !(old & FASYNC))
		return -EINVAL;		/* no SIGIO yet */
	WRITE_ONCE(f->flags, (old & ~(u32)SETFL_MASK) | (flags & SETFL_MASK));
	return f->ops->set_flags ? f->ops->set_flags(f, f->flags) : 0;
}

/* A struct flock as absolute, inclusive bounds. */
static s64 range_of(struct file *f, const struct flock *l, struct flock_range *r)
{
	s64 base = 0, start, end;

	if (l->l_type != F_RDLCK && l->l_type != F_WRLCK && l->l_type != F_UNLCK)
		return -EINVAL;
	if (l->l_whence == SEEK_CUR)
		base = f->pos;
	else if (l->l_whence == SEEK_END)
		base = f->vnode ? f->vnode->size : 0;
	else if (l->l_whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(base, (s64)l->l_start, &start))
		return -EOVERFLOW;
	if (l->l_len > 0) {
		if (__builtin_add_overflow(start, (s64)l->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (l->l_len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, (s64)l->l_len, &start))
			return -EOVERFLOW;
	} else {
		end = 0x7fffffffffffffff;
	}
	if (start < 0)
		return -EINVAL;
	*r = (struct flock_range){ .type = l->l_type, .start = start, .end = end, .pid = pid_current() };
	return 0;
}

static s64 record_lock(struct file *f, u32 cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	const void *owner = ofd ? (const void *)f : (const void *)current()->files;
	struct flock_range r;
	struct flock l;
	s64 err;

	if (copy_from_user(&l, arg, sizeof(l)))
		return -EFAULT;
	if (ofd && l.l_pid)
		return -EINVAL;
	err = range_of(f, &l, &r);
	if (err)
		return err;
	if (ofd)
		r.pid = -1;
	if (cmd != F_GETLK && cmd != F_OFD_GETLK)
		return flock_range_set(f, owner, &r, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (r.type == F_UNLCK)
		return -EINVAL;
	flock_range_test(f, owner, &r);
	l.l_type = r.type;
	if (r.type != F_UNLCK) {
		l.l_whence = SEEK_SET;
		l.l_start = r.start;
		l.l_len = r.end == 0x7fffffffffffffff ? 0 : r.end - r.start + 1;
		l.l_pid = r.pid;
	}
	return copy_to_user(arg, &l, sizeof(l));
}

static s64 duplicate(struct file *f, u64 min, bool cloexec)
{
	int fd;

	if (min >= fd_limit())
		return -EINVAL;
	file_get(f);
	fd = fd_install(f, min, cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

static s64 fcntl_file(struct file *f, u32 fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(f, arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_get_cloexec(fd);
	case F_SETFD:
		return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	case F_GETFL:
		return READ_ONCE(f->flags);
	}
	if (f->flags & O_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return flags_set(f, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(f, cmd, arg);
	case F_GETPIPE_SZ:
		return pipe_size(f);
	case F_SETPIPE_SZ:
		return pipe_set_size(f, (u32)arg);
	}
	return -EINVAL;
}

SYSCALL(fcntl)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = fcntl_file(r.file, a[0], a[1], a[2]);
	fd_return(r);
	return n;
}

SYSCALL(flock)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = r.file->flags & O_PATH ? -EBADF : flock_whole(r.file, a[1]);
	fd_return(r);
	return n;
}

/* The requests that mean the same for every file. 1: not one of them. */
static s64 ioctl_common(struct file *f, u32 fd, u32 cmd, u64 arg)
{
	u32 on;

	switch (cmd) {
	case FIOCLEX:
		return fd_set_cloexec(fd, true);
	case FIONCLEX:
		return fd_set_cloexec(fd, false);
	case FIONBIO:
		if (get_user_u32(&on, arg))
			return -EFAULT;
		return flags_set(f, on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK);
	case FIONREAD:
		if (!f->vnode || (f->vnode->mode & 0170000) != 0100000)
			return 1;
		return put_user_u32(arg, MIN(f->vnode->size - MIN(f->vnode->size, f->pos), 0x7fffffffull));
	}
	return 1;
}

SYSCALL(ioctl)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	if (r.file->flags & O_PATH) {
		n = -EBADF;
	} else {
		n = ioctl_common(r.file, a[0], a[1], a[2]);
		if (n == 1)
			n = r.file->ops->ioctl ? r.file->ops->ioctl(r.file, a[1], a[2]) : -ENOTTY;
	}
	fd_return(r);
	return n;
}
