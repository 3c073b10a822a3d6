/*
 * O_ASYNC (fcntl(2), F_SETOWN to F_SETSIG): whoever would wake a poller of the file sends a signal. So it is a
 * waiter on the queues that the file's poll operation names, with a wake function of its own; a kind of file only
 * says that it has part (file_ops.async). Called by fcntl and ioctl; file.c says when the file ends.
 *
 * Lock keys: [p] pids_lock (irq kind), which sending needs anyway; [M] async_mutex.
 */
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <linux/fcntl.h>
#include "base/errno.h"
#include "core/panic.h"
#include "fs/async.h"
#include "fs/poll_events.h"
#include "mm/slab.h"
#include "sched/pid.h"

#define QUEUES_MAX	2u		/* a terminal or a pipe has one for readers and one for writers */

struct file_async {
	struct poll_table table;	/* while file_poll fills queues [M] */
	struct async_queue {
		struct waiter waiter;
		struct wait_queue *queue;
		struct file_async *async;
	} queues[QUEUES_MAX];		/* [M] */
	u32 count;			/* of queues; 0: off [M] */
	struct pid *owner;		/* referenced; NULL: nobody [p] */
	s32 type;			/* F_OWNER_* [p] */
	bool allowed;			/* the owner may be sent it [p] */
	u32 signo, fd;			/* [p] */
};

static struct mutex async_mutex = MUTEX_INIT(async_mutex, "file async");

static s32 code_of(u32 events)
{
	if (events & EPOLLPRI)
		return POLL_PRI;
	if (events & EPOLLHUP)
		return POLL_HUP;
	if (events & EPOLLERR)
		return POLL_ERR;
	return events & EPOLLIN || !(events & EPOLLOUT) ? POLL_IN : POLL_OUT;
}

/* [p] held. */
static void async_send(const struct file_async *a, u32 events)
{
	struct signal_info info = { .code = code_of(events), .status = (s32)events, .pid = (s32)a->fd };
	const struct signal_info *what = a->signo ? &info : NULL;
	u32 signo = a->signo ? a->signo : SIGIO;
	struct sched_signal *s;

	if (a->type == F_OWNER_PGRP)
		list_for_each(s, &a->owner->group, group_node)
			signal_send_process((struct process *)s, signo, what);
	else if (a->type == F_OWNER_TID && a->owner->thread)
		signal_send_thread(a->owner->thread, signo, what);
	else if (a->type == F_OWNER_PID && a->owner->process)
		signal_send_process((struct process *)a->owner->process, signo, what);
}

/* A poller would wake: under the queue's lock, in any context. */
static bool async_wake(struct waiter *w, u32 events)
{
	const struct file_async *a = container_of(w, struct async_queue, waiter)->async;
	u64 flags = spin_lock_irqsave(&pids_lock);

	if (a->owner && a->allowed)
		async_send(a, events);
	spin_unlock_irqrestore(&pids_lock, flags);
	return false;
}

/* f's state, made at the first need. NULL: no memory. [M] held. */
static struct file_async *async_of(struct file *f)
{
	if (!f->async)
		f->async = kzalloc(sizeof(*f->async));
	return f->async;
}

struct file_owner file_async_owner(struct file *f)
{
	struct file_owner o = { .type = F_OWNER_PID };
	const struct file_async *a;
	u64 flags;

	mutex_lock(&async_mutex);
	a = f->async;
	flags = spin_lock_irqsave(&pids_lock);
	if (a && a->owner)
		o = (struct file_owner){ a->type, a->owner->number };
	spin_unlock_irqrestore(&pids_lock, flags);
	mutex_unlock(&async_mutex);
	return o;
}

/* [p] held. */
static int owner_change(struct file_async *a, struct file_owner to, bool (*allowed)(const struct pid *, s32 type))
{
	struct pid *p = to.number ? pid_find_locked(to.number) : NULL;

	if (to.number && !p)
		return -ESRCH;
	if (p)
		p->uses++;
	if (a->owner)
		pid_put_locked(a->owner);
	a->owner = p;
	a->type = to.type;
	a->allowed = p && allowed(p, to.type);
	return 0;
}

int file_async_set_owner(struct file *f, struct file_owner to, bool (*allowed)(const struct pid *, s32 type))
{
	struct file_async *a;
	int err = -ENOMEM;
	u64 flags;

	mutex_lock(&async_mutex);
	a = async_of(f);
	if (a) {
		flags = spin_lock_irqsave(&pids_lock);
		err = owner_change(a, to, allowed);
		spin_unlock_irqrestore(&pids_lock, flags);
	}
	mutex_unlock(&async_mutex);
	return err;
}

int file_async_set_signal(struct file *f, u32 signo, u32 fd)
{
	struct file_async *a;
	u64 flags;

	mutex_lock(&async_mutex);
	a = async_of(f);
	if (a) {
		flags = spin_lock_irqsave(&pids_lock);
		a->signo = signo;
		a->fd = fd;
		spin_unlock_irqrestore(&pids_lock, flags);
	}
	mutex_unlock(&async_mutex);
	return a ? 0 : -ENOMEM;
}

u32 file_async_signal(struct file *f)
{
	u32 signo;

	mutex_lock(&async_mutex);
	signo = f->async ? f->async->signo : 0;
	mutex_unlock(&async_mutex);
	return signo;
}

/* poll_wait's part for this table: a waiter on each queue that the file names. */
static void async_queue_on(struct poll_table *t, struct wait_queue *q)
{
	struct file_async *a = container_of(t, struct file_async, table);
	struct async_queue *e = &a->queues[a->count];

	BUG_ON(a->count == QUEUES_MAX);
	a->count++;
	*e = (struct async_queue){ .waiter.wake = async_wake, .queue = q, .async = a };
	list_init(&e->waiter.node);
	waiter_add(q, &e->waiter);
}

static void async_end(struct file_async *a)
{
	while (a->count) {
		a->count--;
		waiter_remove(a->queues[a->count].queue, &a->queues[a->count].waiter);
	}
}

int file_async_enable(struct file *f, bool on)
{
	struct file_async *a;
	int err = 0;

	if (!f->ops->async)
		return -ENOTTY;
	mutex_lock(&async_mutex);
	a = async_of(f);
	if (!a) {
		err = -ENOMEM;
	} else if (on && !a->count) {
		a->table.queue = async_queue_on;
		f->ops->poll(f, &a->table);
		atomic_fetch_or(&f->flags, FASYNC);
	} else if (!on) {
		async_end(a);
		atomic_fetch_and(&f->flags, ~(u32)FASYNC);
	}
	mutex_unlock(&async_mutex);
	return err;
}

void file_async_closed(struct file *f)
{
	async_end(f->async);
	if (f->async->owner)
		pid_put(f->async->owner);
	kfree(f->async);
}
