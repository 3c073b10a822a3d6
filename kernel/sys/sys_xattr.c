/*
 * Extended attributes: setxattr, getxattr, listxattr, removexattr, each by
 * name, by name of a link, and by descriptor. The work is in fs/xattr.c.
 */
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include "arch/arm64/ucopy.h"
#include "fs/xattr.h"
#include "mm/slab.h"
#include "sys/sys.h"
#include "sys/user_path.h"

enum how { BY_NAME, BY_LINK, BY_FD };

typedef s64 (*work_fn)(const struct path *p, const u64 a[6]);

static s64 at_place(enum how how, const u64 a[6], work_fn work)
{
	struct fd_ref f;
	struct path p;
	s64 r;

	if (how != BY_FD) {
		r = user_lookup((u64)AT_FDCWD, a[0], how == BY_NAME ? LOOKUP_FOLLOW : 0, &p);
		if (!r) {
			r = work(&p, a);
			path_put(&p);
		}
		return r;
	}
	f = fd_borrow(a[0]);
	if (!f.file)
		return -EBADF;
	r = f.file->flags & O_PATH ? -EBADF : f.file->path ? work(f.file->path, a) : -EOPNOTSUPP;
	fd_return(f);
	return r;
}

static s64 name_get(char name[XATTR_NAME_MAX + 1], u64 address)
{
	long n = copy_string_from_user(name, address, XATTR_NAME_MAX + 1);

	return n == 0 || n == -ENAMETOOLONG ? -ERANGE : n < 0 ? n : 0;
}

static s64 do_set(const struct path *p, const u64 a[6])
{
	char name[XATTR_NAME_MAX + 1], *value;
	s64 r = path_writable(p);

	if (r)
		return r;
	if (a[4] & ~(u64)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = name_get(name, a[1]);
	if (r)
		return r;
	if (a[3] > XATTR_SIZE_MAX)
		return -E2BIG;
	value = kmalloc(a[3] ? a[3] : 1);
	if (!value)
		return -ENOMEM;
	r = a[3] ? copy_from_user(value, a[2], a[3]) : 0;
	if (!r)
		r = xattr_set(p, name, value, a[3], a[4]);
	kfree(value);
	return r;
}

static s64 do_remove(const struct path *p, const u64 a[6])
{
	char name[XATTR_NAME_MAX + 1];
	s64 r = path_writable(p);

	if (!r)
		r = name_get(name, a[1]);
	return r ? r : xattr_set(p, name, NULL, 0, 0);
}

/* What is read goes through a buffer of the kernel's. name NULL: the list of names. */
static s64 read_out(const struct path *p, const char *name, u64 to, u64 size)
{
	size_t room = MIN(size, (u64)XATTR_SIZE_MAX);
	char *buf = room ? kmalloc(room) : NULL;
	s64 r;

	if (room && !buf)
		return -ENOMEM;
	r = name ? xattr_get(p, name, buf, room) : xattr_list(p, buf, room);
	if (r > 0 && room && copy_to_user(to, buf, r))
		r = -EFAULT;
	kfree(buf);
	return r;
}

static s64 do_get(const struct path *p, const u64 a[6])
{
	char name[XATTR_NAME_MAX + 1];
	s64 r = name_get(name, a[1]);

	return r ? r : read_out(p, name, a[2], a[3]);
}

static s64 do_list(const struct path *p, const u64 a[6])
{
	return read_out(p, NULL, a[1], a[2]);
}

SYSCALL(setxattr)
{
	return at_place(BY_NAME, a, do_set);
}

SYSCALL(getxattr)
{
	return at_place(BY_NAME, a, do_get);
}

SYSCALL(listxattr)
{
	return at_place(BY_NAME, a, do_list);
}

SYSCALL(removexattr)
{
	return at_place(BY_NAME, a, do_remove);
}

SYSCALL(lsetxattr)
{
	return at_place(BY_LINK, a, do_set);
}

SYSCALL(lgetxattr)
{
	return at_place(BY_LINK, a, do_get);
}

SYSCALL(llistxattr)
{
	return at_place(BY_LINK, a, do_list);
}

SYSCALL(lremovexattr)
{
	return at_place(BY_LINK, a, do_remove);
}

SYSCALL(fsetxattr)
{
	return at_place(BY_FD, a, do_set);
}

SYSCALL(fgetxattr)
{
	return at_place(BY_FD, a, do_get);
}

SYSCALL(flistxattr)
{
	return at_place(BY_FD, a, do_list);
}

SYSCALL(fremovexattr)
{
	return at_place(BY_FD, a, do_remove);
}
