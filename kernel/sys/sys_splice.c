/*
 * splice, tee, sendfile, copy_file_range: which files and positions they take.
 * The work is in fs/splice.c.
 */
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "arch/arm64/ucopy.h"
#include "fs/fdtable.h"
#include "fs/pipe.h"
#include "fs/splice.h"
#include "fs/vnode.h"
#include "sys/splice_flags.h"
#include "sys/sys.h"

#define RW_MAX		0x7ffff000ull	/* most bytes a call moves, as on Linux */

struct ends { struct fd_ref in, out; };

/* Both files, which may be read and written: 0, or -EBADF with nothing to return. */
static s64 ends_get(struct ends *e, u64 in, u64 out)
{
	e->in = fd_borrow(in);
	e->out = fd_borrow(out);
	if (e->in.file && e->out.file && file_readable(e->in.file) && file_writable(e->out.file))
		return 0;
	if (e->in.file)
		fd_return(e->in);
	if (e->out.file)
		fd_return(e->out);
	return -EBADF;
}

static s64 ends_return(struct ends *e, s64 result)
{
	fd_return(e->in);
	fd_return(e->out);
	return result;
}

/* A position: the file's own, or the one that the program keeps at an address. And back. */
static s64 position_get(const struct file *f, u64 address, u64 *pos)
{
	*pos = f->pos;
	if (address && get_user_u64(pos, address))
		return -EFAULT;
	return (s64)*pos < 0 ? -EINVAL : 0;
}

static s64 position_put(struct file *f, u64 address, u64 pos)
{
	if (address)
		return put_user_u64(address, pos);
	f->pos = pos;
	return 0;
}

static bool has_positions(const struct file *f)
{
	return f->ops->seek != NULL;
}

/* Counters, timers and watchers are read by programs alone. */
static bool has_bytes(const struct file *f)
{
	return !f->ops->kind || f->ops->kind[0] != 'a';		/* "anon_inode:..." */
}

static s64 splice_file(struct file *in, struct file *out, const u64 a[6], u32 how)
{
	bool from_pipe = file_is_pipe(in);
	struct file *other = from_pipe ? out : in;
	u64 address = from_pipe ? a[3] : a[1], pos, *at = has_positions(other) ? &pos : NULL;
	size_t len = MIN(a[4], RW_MAX);
	s64 n;

	if (address && !at)
		return -EINVAL;
	n = position_get(other, address, &pos);
	if (n)
		return n;
	if (from_pipe && (out->flags & O_APPEND))
		return -EINVAL;
	if (!(from_pipe ? out->ops->write : in->ops->read) || !has_bytes(other))
		return -EINVAL;
	n = from_pipe ? pipe_to_file(in, out, at, len, how) : file_to_pipe(in, at, out, len, how & SPLICE_NO_DELAY);
	if (n > 0 && at && position_put(other, address, pos))
		n = -EFAULT;
	return n;
}

static s64 splice_files(struct file *in, struct file *out, const u64 a[6])
{
	bool in_pipe = file_is_pipe(in), out_pipe = file_is_pipe(out);
	u32 how = a[5] & SPLICE_NONBLOCK ? SPLICE_NO_DELAY : 0;

	if ((in_pipe && a[1]) || (out_pipe && a[3]))
		return -ESPIPE;
	if (!in_pipe && !out_pipe)
		return -EINVAL;
	if (((in_pipe ? in->flags : 0) | (out_pipe ? out->flags : 0)) & O_NONBLOCK)
		how |= SPLICE_NO_DELAY;
	if (!in_pipe || !out_pipe)
		return splice_file(in, out, a, how);
	return in->priv == out->priv ? -EINVAL : pipe_to_file(in, out, NULL, MIN(a[4], RW_MAX), how);
}

SYSCALL(splice)
{
	struct ends e;
	s64 n;

	if (!a[4])
		return 0;
	if (a[5] & ~(u64)SPLICE_FLAGS)
		return -EINVAL;
	n = ends_get(&e, a[0], a[2]);
	return n ? n : ends_return(&e, splice_files(e.in.file, e.out.file, a));
}

SYSCALL(tee)
{
	u32 how = SPLICE_KEEP | (a[3] & SPLICE_NONBLOCK ? SPLICE_NO_DELAY : 0);
	struct ends e;
	s64 n;

	if (a[3] & ~(u64)SPLICE_FLAGS)
		return -EINVAL;
	if (!a[2])
		return 0;
	n = ends_get(&e, a[0], a[1]);
	if (n)
		return n;
	if ((e.in.file->flags | e.out.file->flags) & O_NONBLOCK)
		how |= SPLICE_NO_DELAY;
	n = -EINVAL;
	if (file_is_pipe(e.in.file) && file_is_pipe(e.out.file) && e.in.file->priv != e.out.file->priv)
		n = pipe_to_file(e.in.file, e.out.file, NULL, MIN(a[2], RW_MAX), how);
	return ends_return(&e, n);
}

static s64 send(struct file *in, struct file *out, u64 address, u64 count)
{
	bool into_pipe = file_is_pipe(out);
	u64 pos, *at = has_positions(in) ? &pos : NULL;
	s64 n;

	if (address && !at)
		return -ESPIPE;
	n = position_get(in, address, &pos);
	if (n)
		return n;
	if ((!at && !into_pipe) || file_is_pipe(in) || !in->ops->read || (out->flags & O_APPEND))
		return -EINVAL;
	if (!count)
		return 0;
	n = into_pipe ? file_to_pipe(in, at, out, count, out->flags & O_NONBLOCK) : file_copy(in, at, out, NULL, count);
	if (n > 0 && at && position_put(in, address, pos))
		n = -EFAULT;
	return n;
}

SYSCALL(sendfile)
{
	struct ends e;
	s64 n = ends_get(&e, a[1], a[0]);

	return n ? n : ends_return(&e, send(e.in.file, e.out.file, a[2], MIN(a[3], RW_MAX)));
}

static bool is_regular(const struct file *f)
{
	return f->vnode && S_ISREG(f->vnode->mode);
}

static s64 copy_range(struct file *in, struct file *out, const u64 a[6])
{
	u64 in_pos, out_pos, count = a[4];
	s64 n;

	n = position_get(in, a[1], &in_pos);
	if (!n)
		n = position_get(out, a[3], &out_pos);
	if (n)
		return n;
	if (in->vnode->sb != out->vnode->sb)
		return -EXDEV;
	if (in_pos + count < in_pos || out_pos + count < out_pos)
		return -EOVERFLOW;
	count = in_pos < in->vnode->size ? MIN(count, in->vnode->size - in_pos) : 0;
	if (in->vnode == out->vnode && in_pos < out_pos + count && out_pos < in_pos + count)
		return -EINVAL;
	n = file_copy(in, &in_pos, out, &out_pos, MIN(count, RW_MAX));
	if (n > 0 && (position_put(in, a[1], in_pos) || position_put(out, a[3], out_pos)))
		n = -EFAULT;
	return n;
}

SYSCALL(copy_file_range)
{
	struct fd_ref in = fd_borrow(a[0]), out = fd_borrow(a[2]);
	s64 n = -EBADF;

	if (!in.file || !out.file)
		goto out;
	n = a[5] ? -EINVAL : in.file->ops->readdir || out.file->ops->readdir ? -EISDIR :
		!is_regular(in.file) || !is_regular(out.file) ? -EINVAL :
		!file_readable(in.file) || !file_writable(out.file) || (out.file->flags & O_APPEND) ? -EBADF :
		copy_range(in.file, out.file, a);
out:
	if (in.file)
		fd_return(in);
	if (out.file)
		fd_return(out);
	return n;
}
