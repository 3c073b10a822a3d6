/*
 * fcntl(2), ioctl(2), flock(2): what can be set and asked of an open file.
 */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include "arch/arm64/ucopy.h"
#include "fs/async.h"
#include "fs/fdtable.h"
#include "fs/flock.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "fs/tmpfs.h"
#include "net/socket_file.h"
#include "proc/cred.h"
#include "sched/pid.h"
#include "sys/sys.h"

#define SETFL_MASK	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static s64 flags_set(struct file *f, u32 flags)
{
	u32 old = READ_ONCE(f->flags);
	s64 err;

	if ((flags & O_DIRECT) && !file_is_pipe(f))
		return -EINVAL;
	if ((flags & ~old & O_NOATIME) && f->vnode && current()->cred->fsuid != f->vnode->uid &&
		!current_capable(CAP_FOWNER))
		return -EPERM;
	if ((flags ^ old) & FASYNC && f->ops->async) {
		err = file_async_enable(f, flags & FASYNC);
		if (err)
			return err;
		old = READ_ONCE(f->flags);
	}
	WRITE_ONCE(f->flags, (old & ~(u32)SETFL_MASK) | (flags & SETFL_MASK));
	return f->ops->set_flags ? f->ops->set_flags(f, f->flags) : 0;
}

/* May the caller signal them all? [p] held. */
static bool may_signal(const struct pid *p, s32 type)
{
	struct sched_signal *s;

	if (type != F_OWNER_PGRP) {
		s = type == F_OWNER_PID ? p->process : p->thread && p->thread->process ? signal_of(p->thread->process) : NULL;
		return s && cred_may_signal((struct process *)s, false);
	}
	list_for_each(s, &p->group, group_node)
		if (!cred_may_signal((struct process *)s, false))
			return false;
	return true;
}

/* As F_SETOWN has it: a process, or a group negated. */
static s64 owner_set(struct file *f, s32 who)
{
	if (who == (s32)0x80000000)
		return -EINVAL;
	return file_async_set_owner(f, (struct file_owner){ who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who },
		may_signal);
}

static s64 owner_get(struct file *f)
{
	struct file_owner o = file_async_owner(f);

	return o.type == F_OWNER_PGRP ? -o.number : o.number;
}

static s64 owner_ex(struct file *f, u32 cmd, u64 arg)
{
	struct f_owner_ex o;

	if (cmd == F_GETOWN_EX) {
		struct file_owner is = file_async_owner(f);

		o = (struct f_owner_ex){ is.type, is.number };
		return copy_to_user(arg, &o, sizeof(o));
	}
	if (copy_from_user(&o, arg, sizeof(o)))
		return -EFAULT;
	if (o.type != F_OWNER_TID && o.type != F_OWNER_PID && o.type != F_OWNER_PGRP)
		return -EINVAL;
	return file_async_set_owner(f, (struct file_owner){ o.type, o.pid }, may_signal);
}

/* A struct flock as absolute, inclusive bounds. */
static s64 range_of(struct file *f, const struct flock *l, struct flock_range *r)
{
	s64 base = 0, start, end;

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
	if (start < 0 || (l->l_type != F_RDLCK && l->l_type != F_WRLCK && l->l_type != F_UNLCK))
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
	case F_SETOWN:
		return owner_set(f, (s32)arg);
	case F_GETOWN:
		return owner_get(f);
	case F_SETOWN_EX:
	case F_GETOWN_EX:
		return owner_ex(f, cmd, arg);
	case F_SETSIG:
		return arg > 64 ? -EINVAL : file_async_set_signal(f, arg, fd);
	case F_GETSIG:
		return file_async_signal(f);
	case F_GET_SEALS:
		return tmpfs_seals_get(f);
	case F_ADD_SEALS:
		return f->vnode ? tmpfs_seals_add(f, arg) : -EINVAL;
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
	s64 err;

	switch (cmd) {
	case FIOCLEX:
		return fd_set_cloexec(fd, true);
	case FIONCLEX:
		return fd_set_cloexec(fd, false);
	case FIONBIO:
		if (get_user_u32(&on, arg))
			return -EFAULT;
		return flags_set(f, on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK);
	case FIOASYNC:
		if (get_user_u32(&on, arg))
			return -EFAULT;
		return !on == !(f->flags & FASYNC) ? 0 : file_async_enable(f, on);
	case FIOSETOWN:
	case SIOCSPGRP:
		if (f->ops != &socket_file_ops)
			return 1;
		err = get_user_u32(&on, arg);
		return err ? err : owner_set(f, (s32)on);
	case FIOGETOWN:
	case SIOCGPGRP:
		return f->ops == &socket_file_ops ? put_user_u32(arg, owner_get(f)) : 1;
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
