/*
 * Pipes and fifos, pipe(7).
 */
#pragma once
#include "fs/path.h"

/* Two files, reading end first. flags: O_NONBLOCK, O_CLOEXEC is the caller's. 0, -ENOMEM. */
int pipe_make(struct file *ends[2], u32 flags);
/* open of a fifo: waits for the other end as fifo(7) says. 0, -ENXIO, -ERESTARTSYS, -ENOMEM. */
int pipe_open_fifo(struct vnode *v, struct file *f);
/* Where a nameless pipe can be opened once more (/proc/PID/fd): a referenced path. 0, -ENXIO: f is none, -ENOMEM. */
int pipe_path(struct file *f, struct path *out);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes or -errno; -EBADF when f is no pipe. */
s64 pipe_size(struct file *f);
s64 pipe_set_size(struct file *f, u64 size);
