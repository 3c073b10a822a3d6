/*
 * What is known of files and file systems: stat, statx, statfs, getdents.
 */
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include "arch/arm64/ucopy.h"
#include "base/string.h"
#include "core/clock.h"
#include "fs/devfs.h"
#include "fs/inotify.h"
#include "mm/page.h"
#include "sys/sys.h"
#include "sys/user_path.h"

#define ANON_DEV	15u	/* minor of the device that nameless files claim to be on */

/* Everything that stat and statx tell, once. */
struct facts {
	u32 mode, uid, gid, nlink;
	u64 ino, size, blocks, dev, rdev, mount_id;
	u64 atime, mtime, ctime, btime;
	bool is_mount_root;
};

static void facts_of_place(const struct path *p, struct facts *s)
{
	s->mount_id = p->mount->id;
	s->is_mount_root = p->dentry == p->mount->root;
}


static void facts_of_vnode(struct vnode *v, struct facts *s)
{
	if (v->ops->refresh)
		v->ops->refresh(v);
	*s = (struct facts){
		.mode = v->mode, .uid = v->uid, .gid = v->gid, .nlink = v->nlink, .ino = v->ino,
		.size = v->size, .blocks = S_ISREG(v->mode) && v->ops->blocks ? v->ops->blocks(v) : 0,
		.dev = dev_make(0, v->sb->dev), .rdev = v->rdev,
		.atime = v->atime, .mtime = v->mtime, .ctime = v->ctime, .btime = v->btime,
	};
}

static void facts_of_file(struct file *f, struct facts *s)
{
	const char *kind = f->ops->kind ? f->ops->kind : "";

	if (f->vnode) {
		facts_of_vnode(f->vnode, s);
		if (f->path)
			facts_of_place(f->path, s);
		return;
	}
	*s = (struct facts){
		.mode = !strcmp(kind, "pipe") ? S_IFIFO | 0600 : !strcmp(kind, "socket") ? S_IFSOCK | 0777 : 0600,
		.nlink = 1, .ino = file_anon_id(f), .dev = dev_make(0, ANON_DEV),
	};
}

static s64 stat_put(const struct facts *s, u64 to)
{
	struct stat st = {
		.st_dev = s->dev, .st_ino = s->ino, .st_mode = s->mode, .st_nlink = s->nlink,
		.st_uid = s->uid, .st_gid = s->gid, .st_rdev = s->rdev, .st_size = s->size,
		.st_blksize = PAGE_SIZE, .st_blocks = s->blocks,
		.st_atime = s->atime / NSEC_PER_SEC, .st_atime_nsec = s->atime % NSEC_PER_SEC,
		.st_mtime = s->mtime / NSEC_PER_SEC, .st_mtime_nsec = s->mtime % NSEC_PER_SEC,
		.st_ctime = s->ctime / NSEC_PER_SEC, .st_ctime_nsec = s->ctime % NSEC_PER_SEC,
	};

	return copy_to_user(to, &st, sizeof(st));
}

static s64 facts_of_fd(u64 fd, struct facts *s)
{
	struct fd_ref r = fd_borrow(fd);

	if (!r.file)
		return -EBADF;
	facts_of_file(r.file, s);
	fd_return(r);
	return 0;
}

/* By name below a directory, or, with AT_EMPTY_PATH and an empty name, by descriptor alone. */
static s64 facts_at(u64 fd, u64 name, u32 flags, struct facts *s)
{
	struct path p;
	s64 r;

	if ((flags & AT_EMPTY_PATH) && (s32)fd != AT_FDCWD) {
		char first;

		/* musl passes "", newer glibc NULL. */
		if (!name)
			return facts_of_fd(fd, s);
		if (copy_from_user(&first, name, 1))
			return -EFAULT;
		if (!first)
			return facts_of_fd(fd, s);
	}
	r = user_lookup(fd, name, (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			(flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (r)
		return r;
	facts_of_vnode(p.dentry->vnode, s);
	facts_of_place(&p, s);
	path_put(&p);
	return 0;
}

SYSCALL(fstat)
{
	struct facts s;
	s64 r = facts_of_fd(a[0], &s);

	return r ? r : stat_put(&s, a[1]);
}

SYSCALL(newfstatat)
{
	struct facts s;
	s64 r;

	if (a[3] & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	r = facts_at(a[0], a[1], a[3], &s);
	return r ? r : stat_put(&s, a[2]);
}

static struct statx_timestamp statx_time(u64 ns)
{
	return (struct statx_timestamp){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
}

SYSCALL(statx)
{
	struct statx x = { 0 };
	struct facts s;
	s64 r;

	if ((a[2] & ~(u64)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)) ||
	    (a[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || (a[3] & STATX__RESERVED))
		return -EINVAL;
	r = facts_at(a[0], a[1], a[2], &s);
	if (r)
		return r;
	x.stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
	x.stx_blksize = PAGE_SIZE;
	x.stx_nlink = s.nlink;
	x.stx_uid = s.uid;
	x.stx_gid = s.gid;
	x.stx_mode = s.mode;
	x.stx_ino = s.ino;
	x.stx_size = s.size;
	x.stx_blocks = s.blocks;
	x.stx_atime = statx_time(s.atime);
	x.stx_btime = statx_time(s.btime);
	x.stx_ctime = statx_time(s.ctime);
	x.stx_mtime = statx_time(s.mtime);
	x.stx_rdev_major = dev_major(s.rdev);
	x.stx_rdev_minor = dev_minor(s.rdev);
	x.stx_dev_major = dev_major(s.dev);
	x.stx_dev_minor = dev_minor(s.dev);
	x.stx_mnt_id = s.mount_id;
	x.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
	x.stx_attributes = s.is_mount_root ? STATX_ATTR_MOUNT_ROOT : 0;
	return copy_to_user(a[4], &x, sizeof(x));
}

/* ST_* of statfs, which no UAPI header has: some are MS_*'s values. */
#define ST_VALID	0x20u
#define ST_NOATIME	0x400u
#define ST_NODIRATIME	0x800u
#define ST_RELATIME	0x1000u

static u32 statfs_flags(const struct mount *m)
{
	u32 f = m->flags;

	return ST_VALID | (f & (MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC)) | (m->sb->read_only ? MNT_RDONLY : 0) |
		(f & MNT_NOATIME ? ST_NOATIME : 0) | (f & MNT_NODIRATIME ? ST_NODIRATIME : 0) |
		(f & MNT_RELATIME ? ST_RELATIME : 0);
}

/* m NULL: a file of no file system, of this kind. */
static s64 statfs_put(const struct mount *m, u64 magic, u64 to)
{
	u64 blocks = 0, free = 0, files = 0, files_free = 0;
	struct statfs st;

	if (m)
		m->sb->ops->statfs(m->sb, &blocks, &free, &files, &files_free);
	st = (struct statfs){
		.f_type = m ? m->sb->magic : magic, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE, .f_namelen = NAME_MAX_LEN,
		.f_blocks = blocks, .f_bfree = free, .f_bavail = free, .f_files = files, .f_ffree = files_free,
		.f_fsid = { { m ? m->sb->dev : 0 } }, .f_flags = m ? statfs_flags(m) : ST_VALID,
	};
	return copy_to_user(to, &st, sizeof(st));
}

SYSCALL(statfs)
{
	struct path p;
	s64 r = user_lookup((u64)AT_FDCWD, a[0], LOOKUP_FOLLOW, &p);

	if (r)
		return r;
	r = statfs_put(p.mount, 0, a[1]);
	path_put(&p);
	return r;
}

SYSCALL(fstatfs)
{
	struct fd_ref f = fd_borrow(a[0]);
	const char *kind;
	s64 r;

	if (!f.file)
		return -EBADF;
	kind = f.file->ops->kind ? f.file->ops->kind : "";
	r = statfs_put(f.file->path ? f.file->path->mount : NULL, !strcmp(kind, "pipe") ? PIPEFS_MAGIC :
		       !strcmp(kind, "socket") ? SOCKFS_MAGIC : ANON_INODE_FS_MAGIC, a[1]);
	fd_return(f);
	return r;
}

/* Linux's struct linux_dirent64, which no UAPI header has. */
struct dirent64 {
	u64 ino, off;
	u16 reclen;
	u8 type;
	char name[NAME_MAX_LEN + 1 + 8];
};

struct user_sink {
	struct dir_sink sink;
	u64 to;			/* user address of the next entry */
	u64 left;		/* room behind it */
	s64 err;
};

static bool user_emit(struct dir_sink *sink, const char *name, u32 len, u64 ino, u32 mode, u64 pos_after)
{
	struct user_sink *u = container_of(sink, struct user_sink, sink);
	u64 size = ALIGN_UP(offsetof(struct dirent64, name) + len + 1, 8ul);
	struct dirent64 d;

	if (size > u->left) {
		u->err = -EINVAL;	/* only told when it was the first */
		return false;
	}
	d.ino = ino;
	d.off = pos_after;
	d.reclen = size;
	d.type = mode >> 12 & 15;
	memcpy(d.name, name, len);
	memset(d.name + len, 0, size - offsetof(struct dirent64, name) - len);
	if (copy_to_user(u->to, &d, size)) {
		u->err = -EFAULT;
		return false;
	}
	u->to += size;
	u->left -= size;
	return true;
}

SYSCALL(getdents64)
{
	struct user_sink u = { .sink.emit = user_emit, .to = a[1], .left = (u32)a[2] };
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	if (!r.file->ops->readdir) {
		n = r.file->flags & O_PATH ? -EBADF : -ENOTDIR;
		goto out;
	}
	mutex_lock(&r.file->pos_lock);
	n = r.file->path->dentry->flags & DENTRY_DEAD ? -ENOENT : r.file->ops->readdir(r.file, &u.sink);
	mutex_unlock(&r.file->pos_lock);
	inotify_file(r.file, IN_ACCESS);
	if (!n)
		n = u.to != a[1] ? (s64)(u.to - a[1]) : u.err;
out:
	fd_return(r);
	return n;
}
