/*
 * Reading and writing by descriptor: read(2), write(2) and their vectors,
 * lseek, close, dup, pipe2, vmsplice, sync. The work is the file's own
 * operations (fs/file.h).
 */
#include <linux/fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include "arch/arm64/ucopy.h"
#include "fs/fdtable.h"
#include "fs/path.h"
#include "fs/pipe.h"
#include "fs/tmpfs.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "sys/splice_flags.h"
#include "sys/sys.h"

#define RW_MAX		0x7ffff000ull	/* most bytes a call moves, as on Linux */
#define IOV_STACK	8u
#define IOV_MAX		1024u

typedef s64 (*transfer_fn)(struct file *, struct uio *, u64 *);

static s64 transfer_one(const u64 a[6], transfer_fn fn, u64 *pos)
{
	struct fd_ref r = fd_borrow(a[0]);
	struct uio u;
	s64 n;

	if (unlikely(!r.file))
		return -EBADF;
	uio_user(&u, a[1], MIN(a[2], RW_MAX));
	n = fn(r.file, &u, pos);
	fd_return(r);
	return n;
}

SYSCALL(read)
{
	return transfer_one(a, file_read, NULL);
}

SYSCALL(write)
{
	return transfer_one(a, file_write, NULL);
}

SYSCALL(pread64)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_one(a, file_read, &pos);
}

SYSCALL(pwrite64)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_one(a, file_write, &pos);
}

static s64 transfer_vector(const u64 a[6], transfer_fn fn, u64 *pos)
{
	struct uio_seg few[IOV_STACK], *seg = few;
	struct fd_ref r;
	struct uio u = { 0 };
	u64 count = a[2], left = 0;
	s64 n = -EFAULT;

	_Static_assert(sizeof(struct iovec) == sizeof(struct uio_seg), "an iovec is a segment");
	if (count > IOV_MAX)
		return -EINVAL;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	if (count > IOV_STACK) {
		seg = kmalloc(count * sizeof(*seg));
		if (!seg) {
			n = -ENOMEM;
			goto out_file;
		}
	}
	if (copy_from_user(seg, a[1], count * sizeof(*seg)))
		goto out;
	n = -EINVAL;
	for (u64 i = 0; i < count; i++) {
		if ((s64)seg[i].len < 0)
			goto out;
		seg[i].len = MIN(seg[i].len, RW_MAX - left);
		left += seg[i].len;
	}
	u.seg = seg;
	u.left = left;
	n = fn(r.file, &u, pos);
out:
	if (seg != few)
		kfree(seg);
out_file:
	fd_return(r);
	return n;
}

SYSCALL(readv)
{
	return transfer_vector(a, file_read, NULL);
}

SYSCALL(writev)
{
	return transfer_vector(a, file_write, NULL);
}

SYSCALL(preadv)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_vector(a, file_read, &pos);
}

SYSCALL(pwritev)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_vector(a, file_write, &pos);
}

SYSCALL(preadv2)
{
	u64 pos = a[3];

	if (a[5])
		return -EOPNOTSUPP;
	return transfer_vector(a, file_read, (s64)pos == -1 ? NULL : &pos);
}

SYSCALL(pwritev2)
{
	u64 pos = a[3];

	if (a[5])
		return -EOPNOTSUPP;
	return transfer_vector(a, file_write, (s64)pos == -1 ? NULL : &pos);
}

static s64 splice_memory(struct file *f, struct uio *u, bool no_delay)
{
	return !file_is_pipe(f) ? -EBADF : file_writable(f) ? pipe_put(f, u, no_delay) : pipe_take(f, u, no_delay);
}

static s64 splice_memory_wait(struct file *f, struct uio *u, u64 *pos)
{
	return splice_memory(f, u, false);
}

static s64 splice_memory_now(struct file *f, struct uio *u, u64 *pos)
{
	return splice_memory(f, u, true);
}

/* The pages are copied: what the program changes afterwards does not show in the pipe. */
SYSCALL(vmsplice)
{
	if (a[3] & ~(u64)SPLICE_FLAGS)
		return -EINVAL;
	return transfer_vector(a, a[3] & SPLICE_NONBLOCK ? splice_memory_now : splice_memory_wait, NULL);
}

SYSCALL(lseek)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = r.file->ops->seek ? r.file->ops->seek(r.file, a[1], a[2]) : r.file->flags & O_PATH ? -EBADF : -ESPIPE;
	fd_return(r);
	return n;
}

SYSCALL(close)
{
	return fd_close(a[0]);
}

SYSCALL(close_range)
{
	u32 first = a[0], last = a[1], flags = a[2];

	if (first > last || (flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		struct fd_table *own = fd_table_copy(current()->files), *old = current()->files;

		u64 irq;

		if (!own)
			return -ENOMEM;
		irq = spin_lock_irqsave(&process_current()->sig.lock);	/* against readers in /proc */
		current()->files = own;
		spin_unlock_irqrestore(&process_current()->sig.lock, irq);
		fd_table_put(old);
	}
	return fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
}

SYSCALL(dup)
{
	struct file *f = fd_get(a[0]);
	int fd;

	if (!f)
		return -EBADF;
	fd = fd_install(f, 0, false);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL(dup3)
{
	u32 from = a[0], to = a[1];
	struct file *f;
	int fd;

	if ((a[2] & ~(u64)O_CLOEXEC) || from == to)
		return -EINVAL;
	f = fd_get(from);
	if (!f)
		return -EBADF;
	fd = fd_replace(to, f, a[2] & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL(pipe2)
{
	struct file *ends[2];
	u32 flags = a[1];
	s32 fds[2];
	int err;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_make(ends, flags);
	if (err)
		return err;
	fds[0] = fd_reserve(0, flags & O_CLOEXEC);
	fds[1] = fds[0] < 0 ? fds[0] : fd_reserve(0, flags & O_CLOEXEC);
	err = fds[1] < 0 ? fds[1] : copy_to_user(a[0], fds, sizeof(fds));
	if (!err) {
		fd_fill(fds[0], ends[0]);
		fd_fill(fds[1], ends[1]);
		return 0;
	}
	if (fds[0] >= 0)
		fd_unreserve(fds[0]);
	if (fds[1] >= 0)
		fd_unreserve(fds[1]);
	file_put(ends[0]);
	file_put(ends[1]);
	return err;
}

static s64 sync_file(u64 fd, bool data_only)
{
	struct fd_ref r = fd_borrow(fd);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = r.file->ops->fsync ? r.file->ops->fsync(r.file, data_only) : r.file->ops->readdir ? 0 : -EINVAL;
	fd_return(r);
	return n;
}

SYSCALL(fsync)
{
	return sync_file(a[0], false);
}

SYSCALL(fdatasync)
{
	return sync_file(a[0], true);
}

/* Every file system is memory: what was written is where it will stay. */
SYSCALL(sync)
{
	return 0;
}

SYSCALL(syncfs)
{
	struct fd_ref r = fd_borrow(a[0]);

	if (!r.file)
		return -EBADF;
	fd_return(r);
	return 0;
}

SYSCALL(fadvise64)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = !r.file->ops->seek ? -ESPIPE : a[3] > 5 ? -EINVAL : 0;	/* POSIX_FADV_NORMAL .. NOREUSE */
	fd_return(r);
	return n;
}

static s64 truncate_file(struct file *f, u64 size)
{
	struct vnode_attr attr = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size, .touch = true };

	if (!file_writable(f))
		return f->flags & O_PATH ? -EBADF : -EINVAL;
	if (!f->vnode || !f->ops->seek || f->ops->readdir)
		return -EINVAL;
	attr.mtime = attr.ctime = vnode_now();
	return f->path ? dentry_setattr(f->path->dentry, &attr) : vnode_setattr(f->vnode, &attr);
}

SYSCALL(ftruncate)
{
	struct fd_ref r;
	s64 n;

	if ((s64)a[1] < 0)
		return -EINVAL;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	n = truncate_file(r.file, a[1]);
	fd_return(r);
	return n;
}

/* Only the plain kind: the range exists afterwards, the size grows unless told not to; memory is taken when it is written. */
SYSCALL(fallocate)
{
	u64 mode = a[1], end;
	struct fd_ref r;
	s64 n = 0;

	if ((s64)a[2] < 0 || (s64)a[3] <= 0)
		return -EINVAL;
	if (mode & ~1ull)	/* FALLOC_FL_KEEP_SIZE */
		return -EOPNOTSUPP;
	if (__builtin_add_overflow(a[2], a[3], &end) || (s64)end < 0)
		return -EFBIG;
	r = fd_borrow(a[0]);
	if (!r.file)
		return -EBADF;
	if (!file_writable(r.file))
		n = -EBADF;
	else if (!r.file->ops->seek)
		n = -ESPIPE;
	else if (!(mode & 1) && r.file->vnode && end > r.file->vnode->size)
		n = truncate_file(r.file, end);
	fd_return(r);
	return n;
}

/* A file of memory alone. Seals are not there: a request for them is refused when they are set. */
SYSCALL(memfd_create)
{
	char name[256] = "memfd:";
	struct path p;
	struct file *f;
	long n = copy_string_from_user(name + 6, a[0], sizeof(name) - 6);
	int err;

	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	if (a[1] & ~(u64)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	err = tmpfs_unnamed(name, S_IFREG | 0777, &p);
	if (err)
		return err;
	err = path_open_found(&p, O_RDWR, &f);
	path_put(&p);
	if (err)
		return err;
	err = fd_install(f, 0, a[1] & MFD_CLOEXEC);
	if (err < 0)
		file_put(f);
	return err;
}
