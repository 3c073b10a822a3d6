/*
 * Open files: what a descriptor refers to. Regular files, directories,
 * devices, pipes, sockets, epolls and the rest implement file_ops.
 */
#pragma once
#include "base/atomic.h"
#include "mm/uio.h"
#include "sched/mutex.h"
#include "fs/poll.h"

struct vnode; struct vm_object; struct file; struct file_async; struct dir_sink; struct text_out; struct statfs_info;

/* Every operation may be NULL: the call then fails with the errno named. Process context, may sleep. */
struct file_ops {
	/* At *pos (advanced by the callee for seekable files; ignored by streams). Bytes, 0 at end, or -errno. EINVAL */
	s64 (*read)(struct file *, struct uio *, u64 *pos);
	s64 (*write)(struct file *, struct uio *, u64 *pos);
	/* Events ready now (EPOLL* bits); queues the poller by poll_wait. NULL: always readable and writable. */
	u32 (*poll)(struct file *, struct poll_table *);
	long (*ioctl)(struct file *, u32 cmd, u64 arg);		/* ENOTTY */
	s64 (*seek)(struct file *, s64 offset, int whence);	/* ESPIPE */
	int (*readdir)(struct file *, struct dir_sink *);	/* ENOTDIR */
	/* The object that backs [offset, offset+len) of this file; a new reference. err_ptr. ENODEV */
	struct vm_object *(*mmap)(struct file *, u64 offset, u64 len, u32 prot, bool shared);
	int (*fsync)(struct file *, bool data_only);		/* EINVAL */
	/* fallocate(2): mode FALLOC_FL_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE; the range ends within s64. EOPNOTSUPP */
	int (*fallocate)(struct file *, u32 mode, u64 offset, u64 length);
	/* The current process closed a descriptor of it, or ends; others may be left. Before its reference goes. */
	void (*closed)(struct file *);
	/* The last reference is going. */
	void (*release)(struct file *);
	int (*set_flags)(struct file *, u32 flags);		/* F_SETFL changed O_NONBLOCK/O_APPEND/...; NULL: nothing to do */
	bool async;			/* takes O_ASYNC; poll names at most two queues. Not set: ENOTTY */
	void (*show)(struct file *, struct text_out *);		/* more lines of /proc/PID/fdinfo/N; NULL: none */
	/* "socket", "pipe", "anon_inode:[eventpoll]"... for /proc/PID/fd of files without a path; NULL: by vnode */
	const char *kind;
};

struct file {
	u32 refs;			/* [a] */
	u32 flags;			/* O_* status and access flags [a]: F_SETFL writes, all read */
	const struct file_ops *ops;
	void *priv;			/* the implementation's */
	struct vnode *vnode;		/* NULL for anonymous ones; referenced */
	struct path *path;		/* how it was opened, NULL for anonymous ones; owned */
	u64 pos;			/* [pos_lock] */
	struct mutex pos_lock;		/* also keeps two reads of one seekable file from interleaving */
	const struct cred *cred;	/* opener's; referenced */
	struct list_node epolls;	/* epoll's items on this file [epoll's global lock] */
	struct file_async *async;	/* whom SIGIO goes to, NULL until asked: fs/async.c's */
	void *locks_owner;		/* flock/OFD locks: fs/lock private */
	u64 anon_id;			/* inode number shown for anonymous files, 0 until asked: file_anon_id [a] */
	bool writer;			/* counted as one by its vnode and mount: file_writer_end [S; cleared by its last holder] */
	u32 epoch;			/* the implementation's: in which of its times it was opened (tty) [S] */
	u32 open_flags;			/* O_* as open(2) gave them, for the opened thing's own open (O_NOCTTY) */
};

/* A file without a name over ops; refs 1. flags: O_*. NULL: no memory. */
/* Why one of these gave NULL: -ENFILE, or -ENOMEM. */
int file_none(void);
extern u32 file_max;	/* how many there may be, but for root: /proc/sys/fs/file-max */
struct file *file_new_anonymous(const struct file_ops *ops, void *priv, u32 flags);
static inline void file_get(struct file *f) { ref_get(&f->refs); }
void file_put(struct file *f);		/* process context: the last one calls release */

/* Read or write as read(2)/pread(2) would: access mode checked, pos and its lock handled. pos NULL: the file's own. */
s64 file_read(struct file *f, struct uio *u, u64 *pos);
s64 file_write(struct file *f, struct uio *u, u64 *pos);
/* Events ready now; a file without a poll operation is always readable and writable. */
u32 file_poll(struct file *f, struct poll_table *t);
/* May it be read / written at all by its access mode? */
bool file_readable(const struct file *f);
bool file_writable(const struct file *f);
/* It was read: its access time moves as its mount and relatime say. Any context. */
void file_accessed(struct file *f);
u64 file_anon_id(struct file *f);
