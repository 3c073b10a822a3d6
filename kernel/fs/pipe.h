/*
 * Pipes and fifos, pipe(7).
 */
#pragma once
#include "fs/file.h"

/* Two files, reading end first. flags: O_NONBLOCK, O_CLOEXEC is the caller's. 0, -ENOMEM. */
int pipe_make(struct file *ends[2], u32 flags);
/* open of a fifo: waits for the other end as fifo(7) says. 0, -ENXIO, -ERESTARTSYS, -ENOMEM. */
int pipe_open_fifo(struct vnode *v, struct file *f);
/* A fifo's vnode goes. */
void pipe_forget(struct vnode *v);
/* F_GETPIPE_SZ, F_SETPIPE_SZ: bytes or -errno; -EBADF when f is no pipe. */
s64 pipe_size(struct file *f);
s64 pipe_set_size(struct file *f, u64 size);
