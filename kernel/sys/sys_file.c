/*
 * Reading and writing by descriptor: read(2), write(2) and their vectors,
 * lseek, close, dup, pipe2, vmsplice, sync. The work is the file's own
 * operations (fs/file.h).
 */
#include <linux/fcntl.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/memfd.h>
#include <linux/stat.h>
#include <linux/uio.h>
#include "arch/arm64/ucopy.h"
#include "fs/fdtable.h"
#include "fs/inotify.h"
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

static s64 io_count(transfer_fn fn, s64 n)
{
	struct thread *t = current();
	bool write = fn == file_write;

	t->io[write].calls++;
	if (n > 0)
		t->io[write].bytes += n;
	return n;
}

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
	return io_count(fn, n);
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

/*
 * What preadv2 and pwritev2 ask for beside (their man page). Every file system is memory: what was written is where it
 * will stay (RWF_SYNC, RWF_DSYNC), and a regular file is not waited for (RWF_NOWAIT; other kinds can't tell).
 */
static s64 rwf_take(const struct file *f, struct uio *u, u32 flags)
{
	if ((flags & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) ||
	    ((flags & RWF_NOWAIT) && !(f->vnode && S_ISREG(f->vnode->mode))))
		return -EOPNOTSUPP;
	u->append = flags & RWF_APPEND;
	return 0;
}

static s64 transfer_vector(const u64 a[6], transfer_fn fn, u64 *pos, u32 flags)
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
	n = flags ? rwf_take(r.file, &u, flags) : 0;
	if (!n)
		n = io_count(fn, fn(r.file, &u, pos));
out:
	if (seg != few)
		kfree(seg);
out_file:
	fd_return(r);
	return n;
}

SYSCALL(readv)
{
	return transfer_vector(a, file_read, NULL, 0);
}

SYSCALL(writev)
{
	return transfer_vector(a, file_write, NULL, 0);
}

SYSCALL(preadv)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_vector(a, file_read, &pos, 0);
}

SYSCALL(pwritev)
{
	u64 pos = a[3];

	return (s64)pos < 0 ? -EINVAL : transfer_vector(a, file_write, &pos, 0);
}

SYSCALL(preadv2)
{
	u64 pos = a[3];

	return (s64)pos < -1 ? -EINVAL : transfer_vector(a, file_read, (s64)pos == -1 ? NULL : &pos, a[5]);
}

SYSCALL(pwritev2)
{
	u64 pos = a[3];

	return (s64)pos < -1 ? -EINVAL : transfer_vector(a, file_write, (s64)pos == -1 ? NULL : &pos, a[5]);
}

static s64 splice_memory(struct file *f, struct uio *u, bool no_delay)
{
	return !file_is_pipe(f) ? -EBADF : file_writable(f) ? pipe_put(f, u, no_delay, f->flags & O_DIRECT)
		: pipe_take(f, u, no_delay);
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
	return transfer_vector(a, a[3] & SPLICE_NONBLOCK ? splice_memory_now : splice_memory_wait, NULL, 0);
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

/* Advice about ranges of files that are in memory whole: only whether it could be meant. */
static s64 range_advice(u64 fd, bool wrong, s64 (*check)(const struct file *f))
{
	struct fd_ref r = fd_borrow(fd);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = r.file->flags & O_PATH ? -EBADF : check(r.file);
	if (!n && wrong)
		n = -EINVAL;
	fd_return(r);
	return n;
}

static s64 may_advise(const struct file *f)
{
	return file_is_pipe(f) ? -ESPIPE : 0;
}

static s64 may_read_ahead(const struct file *f)
{
	return !file_readable(f) ? -EBADF : f->vnode && S_ISREG(f->vnode->mode) ? 0 : -EINVAL;
}

static s64 may_sync(const struct file *f)
{
	u32 type = f->vnode ? f->vnode->mode & S_IFMT : 0;

	return type == S_IFREG || type == S_IFDIR || type == S_IFBLK || type == S_IFLNK ? 0 : -ESPIPE;
}

SYSCALL(fadvise64)
{
	return range_advice(a[0], (s64)a[2] < 0 || a[3] > 5, may_advise);	/* POSIX_FADV_NORMAL .. NOREUSE */
}

SYSCALL(readahead)
{
	return range_advice(a[0], false, may_read_ahead);
}

SYSCALL(sync_file_range)
{
	u64 end;

	if ((a[3] & ~(u64)(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)) ||
	    (s64)a[1] < 0 || __builtin_add_overflow(a[1], a[2], &end) || (s64)end < 0)
		return fd_get_cloexec(a[0]) < 0 ? -EBADF : -EINVAL;
	return range_advice(a[0], false, may_sync);
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

static s64 allocate(struct file *f, u32 mode, u64 offset, u64 length)
{
	u64 end;
	int err;

	if ((s64)offset < 0 || (s64)length <= 0)
		return -EINVAL;
	if ((mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) ||
	    ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (!f->vnode || !S_ISREG(f->vnode->mode))
		return f->ops->readdir ? -EISDIR : file_is_pipe(f) ? -ESPIPE : -ENODEV;
	if (__builtin_add_overflow(offset, length, &end) || (s64)end < 0)
		return -EFBIG;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	err = f->ops->fallocate(f, mode, offset, length);
	if (!err)
		inotify_file(f, IN_MODIFY);
	return err;
}

SYSCALL(fallocate)
{
	struct fd_ref r = fd_borrow(a[0]);
	s64 n;

	if (!r.file)
		return -EBADF;
	n = allocate(r.file, a[1], a[2], a[3]);
	fd_return(r);
	return n;
}

/* A file of memory alone. */
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
	err = tmpfs_unnamed(name, S_IFREG | 0777, a[1] & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL, &p);
	if (err)
		return err;
	err = path_open_found(&p, O_RDWR | O_LARGEFILE, &f);
	path_put(&p);
	if (err)
		return err;
	file_writer_end(f);		/* what was put into it is run through the same descriptor */
	err = fd_install(f, 0, a[1] & MFD_CLOEXEC);
	if (err < 0)
		file_put(f);
	return err;
}
