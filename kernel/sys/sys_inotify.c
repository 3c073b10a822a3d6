/*
 * inotify(7): its three calls. The work is in fs/inotify.c.
 */
#include <linux/inotify.h>
#include "fs/inotify.h"
#include "sys/sys.h"
#include "sys/user_path.h"

#define KNOWN_BITS (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
		    IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR | IN_ONESHOT)

SYSCALL(inotify_init1)
{
	struct file *f;
	int fd;

	if (a[0] & ~(u64)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	f = inotify_new(a[0] & IN_NONBLOCK);
	if (is_err(f))
		return ptr_err(f);
	fd = fd_install(f, 0, a[0] & IN_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

static s64 watch(struct file *f, u64 name, u32 mask)
{
	struct path p;
	s64 r;

	if (!inotify_is(f) || !mask || (mask & ~(u32)KNOWN_BITS) || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	r = user_lookup((u64)AT_FDCWD, name, (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
			(mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0), &p);
	if (r)
		return r;
	r = vnode_permission(p.dentry->vnode, 4);
	if (!r)
		r = inotify_add(f, &p, mask);
	path_put(&p);
	return r;
}

SYSCALL(inotify_add_watch)
{
	struct fd_ref r;
	s64 n;

	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	n = watch(r.file, a[1], a[2]);
	fd_return(r);
	return n;
}

SYSCALL(inotify_rm_watch)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = inotify_is(r.file) ? inotify_remove(r.file, a[1]) : -EINVAL;
	fd_return(r);
	return n;
}
