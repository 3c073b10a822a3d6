/*
 * POSIX message queues (mqueue.h). A queue lives while it has a name or is open; the room that it may take is charged
 * to the user who made it (RLIMIT_MSGQUEUE). There is no file system of them: names are found by mq_open alone.
 */
#include "proc/mqueue.h"
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/file.h"
#include "fs/fs_context.h"
#include "mm/slab.h"
#include "proc/process.h"
#include "proc/sysv.h"
#include "sched/mutex.h"
#include "sched/user.h"

#define MESSAGE_COST	96		/* of a message beside its bytes, as Linux counts it */
#define COUNT_HARD	65536
#define SIZE_HARD	(16 << 20)

struct mqueue {
	struct list_node node;		/* of queues, while it has a name [Q] */
	char *name;			/* [S] */
	u32 refs;			/* its name's, and of files [Q] */
	u32 uid, gid, mode;		/* [S] */
	u64 charge;			/* USER_MQ_BYTES of uid [S] */
	struct mutex lock;		/* [q] "mqueue" */
	struct wait_queue wait;		/* for messages, for room, pollers */
	s64 count_most, size_most;	/* [S] */
	struct rb_root messages;	/* by priority, then by age [q] */
	s64 count;			/* [q]; read without */
	u32 receivers;			/* that sleep [q] */
	struct process *told;		/* mq_notify: who, referenced; NULL: nobody [q] */
	s32 signo;			/* [q] */
	u64 value;			/* [q] */
};

static struct mutex queues_lock = MUTEX_INIT(queues_lock, "mqueues");	/* [Q], before [q] */
static struct list_node queues = LIST_INIT(queues);
static u64 queue_count;			/* that live, with a name or without [Q] */
/* Of /proc/sys/fs/mqueue, which writes them at any time. */
static u64 queues_max = 256, msg_max = 10, msgsize_max = 8192, msg_default = 10, msgsize_default = 8192;

static const struct file_ops mqueue_ops;

static struct mqueue *mqueue_of(struct file *f, bool ok)
{
	return f && f->ops == &mqueue_ops && ok ? f->priv : NULL;
}

/* ---- names ---- */

static struct mqueue *name_find(const char *name)
{
	struct mqueue *q;

	list_for_each(q, &queues, node)
		if (!strcmp(q->name, name))
			return q;
	return NULL;
}

/* [Q] */
static void mqueue_put(struct mqueue *q)
{
	struct rb_node *n;

	if (--q->refs)
		return;
	while ((n = rb_first(&q->messages))) {
		rb_remove(&q->messages, n);
		kfree(rb_entry(n, struct mq_message, node));
	}
	if (q->told)
		process_put(q->told);
	user_release(q->uid, USER_MQ_BYTES, q->charge);
	queue_count--;
	kfree(q->name);
	kfree(q);
}

static bool sizes_are_wrong(s64 count, s64 size)
{
	bool free = current_capable(CAP_SYS_RESOURCE);

	return count <= 0 || count > (s64)(free ? COUNT_HARD : READ_ONCE(msg_max)) ||
	       size <= 0 || size > (s64)(free ? SIZE_HARD : READ_ONCE(msgsize_max));
}

/* [Q] */
static int mqueue_new(const char *name, u32 mode, const struct mq_attr *attr, struct mqueue **out)
{
	s64 count = attr ? attr->mq_maxmsg : (s64)MIN(READ_ONCE(msg_default), READ_ONCE(msg_max));
	s64 size = attr ? attr->mq_msgsize : (s64)MIN(READ_ONCE(msgsize_default), READ_ONCE(msgsize_max));
	u64 limit = process_rlimit(process_current(), RLIMIT_MSGQUEUE), charge;
	const struct cred *c = current()->cred;
	struct mqueue *q;

	if (queue_count >= READ_ONCE(queues_max) && !current_capable(CAP_SYS_RESOURCE))
		return -ENOSPC;
	if (sizes_are_wrong(count, size))
		return -EINVAL;
	charge = count * (size + MESSAGE_COST);
	q = kzalloc(sizeof(*q));
	if (q)
		q->name = kstrdup(name);
	if (!q || !q->name) {
		kfree(q);
		return -ENOMEM;
	}
	if (charge > limit ||
	    !user_charge(c->uid, USER_MQ_BYTES, charge, limit == RLIM_INFINITY ? limit : limit - charge + 1)) {
		kfree(q->name);
		kfree(q);
		return -EMFILE;
	}
	q->refs = 1;
	q->uid = c->uid;
	q->gid = c->fsgid;
	q->mode = mode & 0777;
	q->charge = charge;
	mutex_init(&q->lock, "mqueue");
	wait_queue_init(&q->wait, "mqueue wait");
	q->count_most = count;
	q->size_most = size;
	list_push_back(&queues, &q->node);
	queue_count++;
	*out = q;
	return 0;
}

/* May the caller open it so? */
static int mqueue_permission(const struct mqueue *q, u32 flags)
{
	static const u8 wanted[] = { [O_RDONLY] = 4, [O_WRONLY] = 2, [O_RDWR] = 6 };
	const struct cred *c = current()->cred;
	u32 granted = c->fsuid == q->uid ? q->mode >> 6 : cred_in_group(c, q->gid) ? q->mode >> 3 : q->mode;

	if ((flags & O_ACCMODE) > O_RDWR)
		return -EINVAL;
	return wanted[flags & O_ACCMODE] & ~granted && !cred_capable(c, CAP_DAC_OVERRIDE) ? -EACCES : 0;
}

int mq_open_file(const char *name, u32 flags, u32 mode, const struct mq_attr *attr, struct file **out)
{
	struct mqueue *q;
	int err;

	mutex_lock(&queues_lock);
	q = name_find(name);
	if (q)
		err = (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST : mqueue_permission(q, flags);
	else
		err = flags & O_CREAT ? mqueue_new(name, mode, attr, &q) : -ENOENT;
	if (!err) {
		*out = file_new_anonymous(&mqueue_ops, q, flags & (O_ACCMODE | O_NONBLOCK));
		if (*out)
			q->refs++;
		else
			err = file_none();
	}
	mutex_unlock(&queues_lock);
	return err;
}

int mq_unlink_name(const char *name)
{
	struct mqueue *q;
	int err = -ENOENT;

	mutex_lock(&queues_lock);
	q = name_find(name);
	if (q)
		err = current()->cred->fsuid == q->uid || current_capable(CAP_FOWNER) ? 0 : -EPERM;
	if (!err) {
		list_remove(&q->node);
		mqueue_put(q);
	}
	mutex_unlock(&queues_lock);
	return err;
}

/* ---- messages ---- */

/* [q], dropped while it sleeps. Until the count is another than `at`. */
static int mqueue_wait(struct mqueue *q, struct file *f, s64 at, u64 deadline)
{
	int err;

	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	mutex_unlock(&q->lock);
	err = wait_event_deadline(&q->wait, READ_ONCE(q->count) != at, deadline);
	mutex_lock(&q->lock);
	return err;
}

/* The queue was empty and nobody waits: who asked is told, once. [q] */
static void notify(struct mqueue *q)
{
	struct signal_info info = {
		.signo = q->signo, .code = SI_MESGQ, .pid = process_current()->pid, .uid = current()->cred->uid,
		.address = q->value,
	};

	if (q->signo)
		signal_send_process(q->told, q->signo, &info);
	process_put(q->told);
	q->told = NULL;
}

int mq_size_max(struct file *f)
{
	struct mqueue *q = mqueue_of(f, file_writable(f));

	return q ? q->size_most : -EBADF;
}

int mq_send(struct file *f, struct mq_message *m, u64 deadline)
{
	struct mqueue *q = mqueue_of(f, file_writable(f));
	struct rb_node **link, *parent = NULL;
	int err = 0;

	mutex_lock(&q->lock);
	while (!err && q->count == q->count_most)
		err = mqueue_wait(q, f, q->count_most, deadline);
	if (!err) {
		for (link = &q->messages.node; *link; ) {
			parent = *link;
			link = m->priority > rb_entry(parent, struct mq_message, node)->priority ? &parent->left : &parent->right;
		}
		rb_insert_at(&q->messages, &m->node, parent, link);
		WRITE_ONCE(q->count, q->count + 1);
		if (q->count == 1 && q->told && !q->receivers)
			notify(q);
		wait_wake_events(&q->wait, EPOLLIN | EPOLLRDNORM, true);
	}
	mutex_unlock(&q->lock);
	return err;
}

struct mq_message *mq_receive(struct file *f, u64 room, u64 deadline)
{
	struct mqueue *q = mqueue_of(f, file_readable(f));
	struct mq_message *m = NULL;
	int err = 0;

	if (!q)
		return err_ptr(-EBADF);
	if (room < (u64)q->size_most)
		return err_ptr(-EMSGSIZE);
	mutex_lock(&q->lock);
	q->receivers++;
	while (!err && !q->count)
		err = mqueue_wait(q, f, 0, deadline);
	q->receivers--;
	if (!err) {
		m = rb_entry(rb_first(&q->messages), struct mq_message, node);
		rb_remove(&q->messages, &m->node);
		WRITE_ONCE(q->count, q->count - 1);
		wait_wake_events(&q->wait, EPOLLOUT | EPOLLWRNORM, true);
	}
	mutex_unlock(&q->lock);
	return m ? m : err_ptr(err);
}

int mq_notify_set(struct file *f, s32 signo, u64 value)
{
	struct mqueue *q = mqueue_of(f, true);
	int err = -EBUSY;

	if (!q)
		return -EBADF;
	mutex_lock(&q->lock);
	if (!q->told) {
		q->told = process_current();
		process_get(q->told);
		q->signo = signo;
		q->value = value;
		err = 0;
	}
	mutex_unlock(&q->lock);
	return err;
}

int mq_notify_clear(struct file *f)
{
	struct mqueue *q = mqueue_of(f, true);

	if (!q)
		return -EBADF;
	mutex_lock(&q->lock);
	if (q->told == process_current()) {
		process_put(q->told);
		q->told = NULL;
	}
	mutex_unlock(&q->lock);
	return 0;
}

int mq_attr_swap(struct file *f, const struct mq_attr *fresh, struct mq_attr *old)
{
	struct mqueue *q = mqueue_of(f, true);

	if (!q)
		return -EBADF;
	if (fresh && fresh->mq_flags & ~(s64)O_NONBLOCK)
		return -EINVAL;
	mutex_lock(&q->lock);
	*old = (struct mq_attr){ .mq_flags = f->flags & O_NONBLOCK, .mq_maxmsg = q->count_most, .mq_msgsize = q->size_most,
				 .mq_curmsgs = q->count };
	if (fresh)
		WRITE_ONCE(f->flags, (f->flags & ~(u32)O_NONBLOCK) | (u32)fresh->mq_flags);
	mutex_unlock(&q->lock);
	return 0;
}

/* ---- as a file ---- */

static u32 mqueue_poll(struct file *f, struct poll_table *t)
{
	struct mqueue *q = f->priv;
	s64 n;

	poll_wait(t, &q->wait);
	n = READ_ONCE(q->count);
	return (n ? EPOLLIN | EPOLLRDNORM : 0) | (n < q->count_most ? EPOLLOUT | EPOLLWRNORM : 0);
}

/* Who closes a descriptor of it asks no more to be told: a process that ends, too. */
static void mqueue_closed(struct file *f)
{
	(void)mq_notify_clear(f);
}

static void mqueue_release(struct file *f)
{
	mutex_lock(&queues_lock);
	mqueue_put(f->priv);
	mutex_unlock(&queues_lock);
}

static const struct file_ops mqueue_ops = {
	.poll = mqueue_poll, .closed = mqueue_closed, .release = mqueue_release, .kind = "mqueue",
};

static int mqueue_start(void)
{
	static const struct sysv_limit limits[] = {
		{ "sys/fs/mqueue/queues_max", &queues_max, INT32_MAX, 1 },
		{ "sys/fs/mqueue/msg_max", &msg_max, COUNT_HARD, 1 },
		{ "sys/fs/mqueue/msgsize_max", &msgsize_max, SIZE_HARD, 1 },
		{ "sys/fs/mqueue/msg_default", &msg_default, COUNT_HARD, 1 },
		{ "sys/fs/mqueue/msgsize_default", &msgsize_default, SIZE_HARD, 1 },
	};

	sysv_limits_register(limits, ARRAY_SIZE(limits));
	return 0;
}
INIT(mqueue, INIT_PROC, mqueue_start);
