/*
 * Advisory locks: flock(2), and fcntl(2)'s record locks, by process (owner: its
 * descriptor table) and by open file (OFD).
 */
#pragma once
#include "fs/file.h"

/* op: LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB. 0, -EWOULDBLOCK, -ERESTARTSYS, -ENOLCK, -EBADF. */
int flock_whole(struct file *f, int op);

struct flock_range {
	u16 type;			/* F_RDLCK, F_WRLCK, F_UNLCK */
	u64 start, end;			/* inclusive */
	s32 pid;			/* of the holder, for F_GETLK; -1 for OFD locks */
};
/* owner: fd table for process locks, the file for OFD ones. wait: F_SETLKW. 0, -EAGAIN, -ERESTARTSYS, -EDEADLK,
 * -ENOLCK. */
int flock_range_set(struct file *f, const void *owner, const struct flock_range *r, bool wait);
/* The first lock in the way of *r, or type F_UNLCK. */
void flock_range_test(struct file *f, const void *owner, struct flock_range *r);
/* A descriptor of a table was closed: its process locks on that file go (POSIX). */
void flock_owner_closed(struct file *f, const void *owner);
void flock_file_closed(struct file *f);	/* the last reference is going */
void flock_vnode_gone(struct vnode *v);
