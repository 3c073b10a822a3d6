/*
 * Bytes from file to file without the program in between: splice(2), tee(2),
 * sendfile(2), copy_file_range(2). A pipe's pages are written from and copied
 * between where they lie; other files are read by way of a buffer.
 *
 * No pipe's lock is held while the other file is read or written, which may
 * block or take that file's own locks (pipe.h: claims and reservations).
 */
#include "base/errno.h"
#include "base/string.h"
#include "fs/pipe.h"
#include "fs/splice.h"
#include "mm/slab.h"
#include "sched/signal.h"

#define PIECE	32768u

s64 file_copy(struct file *from, u64 *from_pos, struct file *to, u64 *to_pos, u64 count)
{
	size_t size = MIN(count, (u64)PIECE);
	char *buf = kmalloc(size ? size : 1);
	s64 done = 0, r = 0;

	if (!buf)
		return -ENOMEM;
	while (count) {
		u64 start = *from_pos;
		struct uio u;
		s64 n, written;

		uio_kernel(&u, buf, MIN(count, (u64)size));
		n = file_read(from, &u, from_pos);
		if (n <= 0) {
			r = n;
			break;
		}
		uio_kernel(&u, buf, n);
		written = file_write(to, &u, to_pos);
		*from_pos = start + MAX(written, 0l);
		if (written <= 0) {
			r = written;
			break;
		}
		done += written;
		count -= written;
		if (written < n || signal_pending())
			break;
	}
	kfree(buf);
	return done ? done : r;
}

s64 file_to_pipe(struct file *from, u64 *pos, struct file *pipe, size_t count, bool no_delay)
{
	s64 room = pipe_reserve(pipe, count, no_delay), done = 0, n;
	size_t size = MIN((size_t)MAX(room, 1l), (size_t)PIECE);
	char *buf;

	if (room < 0)
		return room;
	buf = kmalloc(size);
	n = buf ? 0 : -ENOMEM;
	while (buf && room) {
		size_t want = MIN((size_t)room, size);
		u64 start = pos ? *pos : 0;
		struct uio u;

		uio_kernel(&u, buf, want);
		n = file_read(from, &u, pos);
		if (n <= 0)
			break;
		room -= n;
		n = pipe_fill(pipe, buf, n, n);
		if (pos)
			*pos = start + MAX(n, 0l);
		if (n < 0)
			break;
		done += n;
		/* A stream's next bytes may be long in coming. */
		if ((size_t)n < want || !pos)
			break;
	}
	pipe_fill(pipe, NULL, 0, room);
	kfree(buf);
	return done ? done : n;
}

s64 pipe_to_file(struct file *pipe, struct file *to, u64 *pos, size_t count, u32 how)
{
	bool no_delay = how & SPLICE_NO_DELAY, keep = how & SPLICE_KEEP, into_pipe = file_is_pipe(to);
	s64 n = pipe_claim(pipe, no_delay), done = 0;
	char *data;
	size_t have;
	bool packet;

	if (n <= 0)
		return n;
	while ((size_t)done < count && (have = pipe_front(pipe, keep ? done : 0, &data, &packet))) {
		struct uio u;

		have = MIN(have, count - done);
		uio_kernel(&u, data, have);
		n = into_pipe ? pipe_put(to, &u, no_delay || done, packet) : file_write(to, &u, pos);
		if (n <= 0)
			break;
		if (!keep)
			pipe_consume(pipe, n);
		done += n;
		if ((size_t)n < have || signal_pending())
			break;
	}
	pipe_unclaim(pipe);
	return done ? done : n;
}
