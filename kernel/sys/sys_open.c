/*
 * Names to descriptors and the tree itself: open, mkdir, unlink, rename, link,
 * chdir, access, chmod and the rest of the *at calls. The work is in
 * fs/open.c, fs/names.c and fs/path.c.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/fs_context.h"
#include "mm/slab.h"
#include "proc/cred.h"
#include "sys/sys.h"
#include "sys/user_path.h"

#define AT_SYMLINK_LOOKUP(flags) ((flags) & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW)
#define AT_EMPTY_LOOKUP(flags) ((flags) & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0)
#define R_OK_W_OK_X_OK 7u
#define O_PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* What open(2) takes; other bits are dropped. */
#define O_KNOWN_FLAGS (O_PATH_FLAGS | O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | \
	O_SYNC | FASYNC | O_DIRECT | O_NOATIME | __O_TMPFILE)
#define RESOLVE_ALL	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
			 RESOLVE_IN_ROOT | RESOLVE_CACHED)
_Static_assert(RESOLVE_NO_XDEV << LOOKUP_RESOLVE_SHIFT == LOOKUP_NO_XDEV &&
	       RESOLVE_CACHED << LOOKUP_RESOLVE_SHIFT == LOOKUP_CACHED, "LOOKUP_* are RESOLVE_* in their order");

/* lookup: LOOKUP_NO_XDEV..CACHED. */
static s64 open_at(u64 fd, u64 name_at, u32 flags, u32 mode, u32 lookup)
{
	struct user_path name;
	struct at_dir at;
	struct path cwd;
	struct file *f;
	s64 r;

	/* As F_GETFL shows them: every file may be large, and O_SYNC is O_DSYNC with one bit more. */
	flags = flags & O_PATH ? flags & O_PATH_FLAGS : (flags & O_KNOWN_FLAGS) | O_LARGEFILE;
	if (flags & __O_SYNC)
		flags |= O_DSYNC;
	r = user_path_get(&name, name_at);
	if (r)
		return r;
	/* The scope of a walk is where it starts, of absolute names, too. */
	r = at_dir_get(&at, fd, lookup & LOOKUP_SCOPED ? "." : name.name);
	if (r)
		goto out_name;
	cwd.dentry = NULL;
	if ((lookup & LOOKUP_SCOPED) && !at.path) {
		fs_context_cwd(fs_context_current(), &cwd);
		at.path = &cwd;
	}
	/* The number first: nothing is opened, waited for or created when there is none. */
	r = fd_reserve(0, flags & O_CLOEXEC);
	if (r >= 0) {
		int err = path_open_at(at.path, name.name, flags, mode, lookup, &f);

		if (err) {
			fd_unreserve(r);
			r = err;
		} else {
			fd_fill(r, f);
		}
	}
	if (cwd.dentry)
		path_put(&cwd);
	at_dir_end(&at);
out_name:
	user_path_end(&name);
	return r;
}

SYSCALL(openat)
{
	return open_at(a[0], a[1], a[2], a[3], 0);
}

SYSCALL(openat2)
{
	struct open_how how;
	s64 err;

	if (a[3] < sizeof(how))
		return -EINVAL;
	err = struct_from_user(&how, sizeof(how), a[2], a[3]);
	if (err)
		return err;
	if ((how.flags & ~(u64)(how.flags & O_PATH ? O_PATH_FLAGS : O_KNOWN_FLAGS | O_LARGEFILE)) ||
	    (how.mode & ~07777ull) || (how.mode && !(how.flags & (O_CREAT | __O_TMPFILE))))
		return -EINVAL;
	if ((how.resolve & ~(u64)RESOLVE_ALL) ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	if ((how.resolve & RESOLVE_CACHED) && (how.flags & (O_TRUNC | O_CREAT | __O_TMPFILE)))
		return -EAGAIN;
	return open_at(a[0], a[1], how.flags, how.mode, how.resolve << LOOKUP_RESOLVE_SHIFT);
}

/* One name below one directory. */
struct one { struct user_path name; struct at_dir at; };

static int one_get(struct one *o, u64 fd, u64 address)
{
	int err = user_path_get(&o->name, address);

	if (err)
		return err;
	err = at_dir_get(&o->at, fd, o->name.name);
	if (err)
		user_path_end(&o->name);
	return err;
}

static void one_end(struct one *o)
{
	at_dir_end(&o->at);
	user_path_end(&o->name);
}

SYSCALL(mkdirat)
{
	struct one o;
	s64 r = one_get(&o, a[0], a[1]);

	if (r)
		return r;
	r = path_mkdir(o.at.path, o.name.name, a[2]);
	one_end(&o);
	return r;
}

SYSCALL(mknodat)
{
	u32 mode = (u16)a[2];
	struct one o;
	s64 r;

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (!S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode))
		return S_ISDIR(mode) ? -EPERM : -EINVAL;
	r = one_get(&o, a[0], a[1]);
	if (r)
		return r;
	r = path_mknod(o.at.path, o.name.name, mode, a[3]);
	one_end(&o);
	return r;
}

SYSCALL(unlinkat)
{
	struct one o;
	s64 r;

	if (a[2] & ~(u64)AT_REMOVEDIR)
		return -EINVAL;
	r = one_get(&o, a[0], a[1]);
	if (r)
		return r;
	r = a[2] & AT_REMOVEDIR ? path_rmdir(o.at.path, o.name.name) : path_unlink(o.at.path, o.name.name);
	one_end(&o);
	return r;
}

SYSCALL(symlinkat)
{
	struct user_path target;
	struct one o;
	s64 r = user_path_get(&target, a[0]);

	if (r)
		return r;
	r = one_get(&o, a[1], a[2]);
	if (!r) {
		r = path_symlink(target.name, o.at.path, o.name.name);
		one_end(&o);
	}
	user_path_end(&target);
	return r;
}

SYSCALL(linkat)
{
	struct path from;
	struct one o;
	s64 r;

	if (a[4] & ~(u64)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((a[4] & AT_EMPTY_PATH) && !current_capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;		/* whatever the descriptor is, as on Linux */
	r = user_lookup(a[0], a[1], (a[4] & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) | AT_EMPTY_LOOKUP(a[4]), &from);
	if (r)
		return r;
	r = one_get(&o, a[2], a[3]);
	if (!r) {
		r = path_link(&from, o.at.path, o.name.name);
		one_end(&o);
	}
	path_put(&from);
	return r;
}

SYSCALL(renameat2)
{
	struct one from, to;
	s64 r = one_get(&from, a[0], a[1]);

	if (r)
		return r;
	r = one_get(&to, a[2], a[3]);
	if (!r) {
		r = path_rename(from.at.path, from.name.name, to.at.path, to.name.name, a[4]);
		one_end(&to);
	}
	one_end(&from);
	return r;
}

SYSCALL(renameat)
{
	u64 b[6] = { a[0], a[1], a[2], a[3] };

	return sys_renameat2(b);
}

SYSCALL(readlinkat)
{
	s32 size = a[3];
	struct path p;
	char *text;
	s64 n;

	if (size <= 0)
		return -EINVAL;
	n = user_lookup(a[0], a[1], LOOKUP_EMPTY, &p);
	if (n)
		return n;
	text = kmalloc(PATH_MAX_LEN);
	n = text ? path_readlink(&p, text, PATH_MAX_LEN) : -ENOMEM;
	if (n > size)
		n = size;
	if (n > 0 && copy_to_user(a[2], text, n))
		n = -EFAULT;
	kfree(text);
	path_put(&p);
	return n;
}

/* access(2) asks for the real ids: with their credentials in the place of the caller's, which are in *old then. */
static int real_ids_begin(const struct cred **old)
{
	const struct cred *c = current()->cred;
	u64 caps = c->uid ? 0 : c->cap_permitted;
	struct cred *n;

	if (c->fsuid == c->uid && c->fsgid == c->gid && c->cap_effective == caps)
		return 0;
	n = cred_copy(c);
	if (!n)
		return -ENOMEM;
	n->fsuid = c->uid;
	n->fsgid = c->gid;
	n->cap_effective = caps;
	*old = cred_swap(n);
	return 0;
}

static s64 access_at(u64 fd, u64 name, u32 mode, u32 flags)
{
	const struct cred *old = NULL;
	struct path p;
	s64 r;

	if ((mode & ~R_OK_W_OK_X_OK) || (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	r = flags & AT_EACCESS ? 0 : real_ids_begin(&old);
	if (r)
		return r;
	r = user_lookup(fd, name, AT_SYMLINK_LOOKUP(flags) | AT_EMPTY_LOOKUP(flags), &p);
	if (r)
		goto out;
	if (mode) {
		struct vnode *v = p.dentry->vnode;

		r = vnode_permission(v, mode);
		if (!r && (mode & 2) && (S_ISREG(v->mode) || S_ISDIR(v->mode) || S_ISLNK(v->mode)))
			r = path_writable(&p);
		if (!r && (mode & 1) && S_ISREG(v->mode) && (p.mount->flags & MNT_NOEXEC))
			r = -EACCES;
	}
	path_put(&p);
out:
	if (old)
		cred_put(cred_swap(old));
	return r;
}

SYSCALL(faccessat)
{
	return access_at(a[0], a[1], a[2], 0);
}

SYSCALL(faccessat2)
{
	return access_at(a[0], a[1], a[2], a[3]);
}

/* Change attributes of what a descriptor or a name stands for. */
static s64 attr_of_fd(u64 fd, struct vnode_attr *attr)
{
	struct fd_ref r = fd_borrow(fd);
	s64 n;

	if (!r.file)
		return -EBADF;
	if (r.file->flags & O_PATH)
		n = -EBADF;
	else if (r.file->path)
		n = path_setattr(r.file->path, attr);
	else
		n = r.file->vnode ? vnode_setattr(r.file->vnode, attr) : -EINVAL;
	fd_return(r);
	return n;
}

static s64 attr_of_name(u64 fd, u64 name, u32 lookup, struct vnode_attr *attr)
{
	struct path p;
	s64 r = user_lookup(fd, name, lookup, &p);

	if (r)
		return r;
	if ((attr->valid & ATTR_MODE) && S_ISLNK(p.dentry->vnode->mode))
		r = -EOPNOTSUPP;
	else
		r = path_setattr(&p, attr);
	path_put(&p);
	return r;
}

SYSCALL(fchmod)
{
	return attr_of_fd(a[0], &(struct vnode_attr){ .valid = ATTR_MODE, .mode = a[1] & 07777 });
}

SYSCALL(fchmodat)
{
	return attr_of_name(a[0], a[1], LOOKUP_FOLLOW, &(struct vnode_attr){ .valid = ATTR_MODE, .mode = a[2] & 07777 });
}

static struct vnode_attr owner_attr(u32 uid, u32 gid)
{
	return (struct vnode_attr){
		.valid = (uid != ~0u ? ATTR_UID : 0) | (gid != ~0u ? ATTR_GID : 0), .uid = uid, .gid = gid,
	};
}

SYSCALL(fchown)
{
	struct vnode_attr attr = owner_attr(a[1], a[2]);

	return attr_of_fd(a[0], &attr);
}

SYSCALL(fchownat)
{
	struct vnode_attr attr = owner_attr(a[2], a[3]);

	if (a[4] & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return attr_of_name(a[0], a[1], AT_SYMLINK_LOOKUP(a[4]) | AT_EMPTY_LOOKUP(a[4]), &attr);
}

/* One of utimensat's two times into *ns. True: it is to be set. */
static int time_arg(const struct __kernel_timespec *ts, u64 now, u64 *ns, bool *set, bool *is_now)
{
	*set = ts->tv_nsec != 0x3ffffffe;	/* UTIME_OMIT, which no UAPI header has */
	*is_now = ts->tv_nsec == 0x3fffffff;	/* UTIME_NOW */
	*ns = now;
	if (!*set || *is_now)
		return 0;
	if ((u64)ts->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = ts->tv_sec < 0 ? 0 : (u64)ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
	return 0;
}

SYSCALL(utimensat)
{
	struct vnode_attr attr = { .valid = ATTR_ATIME | ATTR_MTIME, .touch = true };
	u64 now = vnode_now();

	if (a[3] & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	attr.atime = attr.mtime = now;
	if (a[2]) {
		struct __kernel_timespec ts[2];
		bool set[2], is_now[2];

		if (copy_from_user(ts, a[2], sizeof(ts)))
			return -EFAULT;
		if (time_arg(&ts[0], now, &attr.atime, &set[0], &is_now[0]) ||
		    time_arg(&ts[1], now, &attr.mtime, &set[1], &is_now[1]))
			return -EINVAL;
		attr.valid = (set[0] ? ATTR_ATIME : 0) | (set[1] ? ATTR_MTIME : 0);
		attr.touch = is_now[0] && is_now[1];
		if (!attr.valid)
			return 0;
	}
	if (!a[1])
		return (s32)a[0] == AT_FDCWD ? -EFAULT : attr_of_fd(a[0], &attr);
	return attr_of_name(a[0], a[1], AT_SYMLINK_LOOKUP(a[3]) | AT_EMPTY_LOOKUP(a[3]), &attr);
}

SYSCALL(truncate)
{
	struct path p;
	s64 r;

	if ((s64)a[1] < 0)
		return -EINVAL;
	r = user_lookup((u64)AT_FDCWD, a[0], LOOKUP_FOLLOW, &p);
	if (r)
		return r;
	r = path_truncate(&p, a[1]);
	path_put(&p);
	return r;
}

static s64 enter(const struct path *p)
{
	s64 r = !S_ISDIR(p->dentry->vnode->mode) ? -ENOTDIR : vnode_permission(p->dentry->vnode, 1);

	if (!r)
		fs_context_set_cwd(fs_context_current(), p);
	return r;
}

SYSCALL(chdir)
{
	struct path p;
	s64 r = user_lookup((u64)AT_FDCWD, a[0], LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (r)
		return r;
	r = enter(&p);
	path_put(&p);
	return r;
}

SYSCALL(fchdir)
{
	struct fd_ref f = fd_borrow(a[0]);
	s64 r;

	if (!f.file)
		return -EBADF;
	r = f.file->path ? enter(f.file->path) : -ENOTDIR;
	fd_return(f);
	return r;
}

SYSCALL(chroot)
{
	struct path p;
	s64 r = user_lookup((u64)AT_FDCWD, a[0], LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (r)
		return r;
	r = vnode_permission(p.dentry->vnode, 1);
	if (!r && !cred_capable(current()->cred, CAP_SYS_CHROOT))
		r = -EPERM;
	if (!r)
		fs_context_set_root(fs_context_current(), &p);
	path_put(&p);
	return r;
}

SYSCALL(getcwd)
{
	char *buf = kmalloc(PATH_MAX_LEN), *text;
	struct path cwd, root;
	s64 r;

	if (!buf)
		return -ENOMEM;
	fs_context_cwd(fs_context_current(), &cwd);
	if (cwd.dentry->flags & DENTRY_DEAD) {
		r = -ENOENT;
		goto out;
	}
	fs_context_root(fs_context_current(), &root);
	text = path_format_from(&cwd, &root, buf, PATH_MAX_LEN);
	path_put(&root);
	if (is_err(text)) {
		r = ptr_err(text);
		goto out;
	}
	r = strlen(text) + 1;
	if ((u64)r > a[1])
		r = -ERANGE;
	else if (copy_to_user(a[0], text, r))
		r = -EFAULT;
out:
	path_put(&cwd);
	kfree(buf);
	return r;
}

SYSCALL(umask)
{
	struct fs_context *c = fs_context_current();
	u32 old;

	spin_lock(&c->lock);
	old = c->umask;
	c->umask = a[0] & 0777;
	spin_unlock(&c->lock);
	return old;
}
