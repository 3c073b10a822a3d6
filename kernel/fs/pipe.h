/*
 * Pipes and fifos, pipe(7).
 */
#pragma once
#include "fs/path.h"

/* Two files, reading end first. flags: O_NONBLOCK, O_DIRECT (what is written there are packets), O_CLOEXEC is the
 * caller's. 0, -ENOMEM. */
int pipe_make(struct file *ends[2], u32 flags);
/* open of a fifo: waits for the other end as fifo(7) says. 0, -ENXIO, -ERESTARTSYS, -ENOMEM. */
int pipe_open_fifo(struct vnode *v, struct file *f);
/* Where a nameless pipe can be opened once more (/proc/PID/fd): a referenced path. 0, -ENXIO: f is none, -ENOMEM. */
int pipe_path(struct file *f, struct path *out);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes or -errno; -EBADF when f is no pipe. */
s64 pipe_size(struct file *f);
s64 pipe_set_size(struct file *f, u64 size);
/* Pages that all pipes of a user may have before new ones get the least: /proc/sys/fs/pipe-user-pages-soft [a] */
extern u32 pipe_user_pages;
extern u32 pipe_max_size;	/* bytes that F_SETPIPE_SZ gives without privilege: /proc/sys/fs/pipe-max-size [a] */

bool file_is_pipe(const struct file *f);
/*
 * A read and a write that are content with some bytes, and wait or not whatever the file's flags say; as file_ops. The
 * read takes packets for bytes.
 */
s64 pipe_take(struct file *f, struct uio *u, bool no_delay);
s64 pipe_put(struct file *f, struct uio *u, bool no_delay, bool packets);
/*
 * Room for up to want > 0 bytes, kept until pipe_fill brings n of the reserved ones and gives the others back. Bytes;
 * -EPIPE (SIGPIPE was sent), -EAGAIN, -ERESTARTSYS. pipe_fill: bytes, or -ENOMEM.
 */
s64 pipe_reserve(struct file *f, size_t want, bool no_delay);
s64 pipe_fill(struct file *f, const void *data, size_t n, size_t reserved);
/*
 * The reader's end for the caller alone, once there are bytes: 1; 0: none will come; -EAGAIN, -ERESTARTSYS. Until
 * pipe_unclaim its bytes stay where they are: pipe_front tells those that lie in one piece at an offset (0: none) and
 * whether they are a packet, or the rest of one; pipe_consume takes away n of such a piece at offset 0.
 */
s64 pipe_claim(struct file *f, bool no_delay);
size_t pipe_front(struct file *f, u64 offset, char **data, bool *packet);
void pipe_consume(struct file *f, size_t n);
void pipe_unclaim(struct file *f);
