/*
 * POSIX message queues (mq_overview(7)): named queues of messages with priorities, each open of one a descriptor.
 * Process context. sys/sys_mqueue.c calls with kernel copies.
 */
#pragma once
#include <linux/mqueue.h>
#include "base/rbtree.h"
#include "sched/wait.h"

struct file;

struct mq_message {
	struct rb_node node;
	u32 priority, size;
	u8 text[];
};

/*
 * A file of the queue by that name, made with O_CREAT as attr says (NULL: the defaults). flags: O_*. 0; -ENOENT,
 * -EEXIST, -EACCES, -EINVAL, -ENOSPC (queues_max), -EMFILE (RLIMIT_MSGQUEUE), -ENOMEM.
 */
int mq_open_file(const char *name, u32 flags, u32 mode, const struct mq_attr *attr, struct file **out);
int mq_unlink_name(const char *name);		/* 0, -ENOENT, -EPERM */
/* All below: -EBADF: f is no queue, or not open for that. */
/* Takes m over if it gives 0. deadline: clock_ns(). -EMSGSIZE, -EAGAIN, -ETIMEDOUT, -ERESTARTSYS. */
int mq_send(struct file *f, struct mq_message *m, u64 deadline);
int mq_size_max(struct file *f);		/* bytes of a message */
/* The first message, the caller's to free; err_ptr: -EMSGSIZE: room is less than a message may have; -EAGAIN... */
struct mq_message *mq_receive(struct file *f, u64 room, u64 deadline);
/* How the caller is told when a message comes to the empty queue: signo 0: not at all, but nobody else is. -EBUSY. */
int mq_notify_set(struct file *f, s32 signo, u64 value);
int mq_notify_clear(struct file *f);
/* fresh NULL: leave O_NONBLOCK alone. */
int mq_attr_swap(struct file *f, const struct mq_attr *fresh, struct mq_attr *old);
