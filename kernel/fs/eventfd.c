/*
 * A counter to wait for, eventfd(2): writes add, a read takes all (or one,
 * with EFD_SEMAPHORE) and waits while it is zero.
 */
#include <linux/fcntl.h>
#include "base/errno.h"
#include "fs/eventfd.h"
#include "fs/poll_events.h"
#include "fs/text.h"
#include "mm/slab.h"

#define COUNT_MAX	(~0ull - 1)

struct eventfd {
	struct wait_queue wait;
	struct spinlock lock;		/* thread kind */
	u64 count;			/* [lock] */
	bool semaphore;			/* [S] */
};

/* Take what a read gives: 0 when there is nothing. */
static u64 count_take(struct eventfd *e)
{
	u64 n;

	spin_lock(&e->lock);
	n = e->semaphore ? e->count != 0 : e->count;
	e->count -= n;
	spin_unlock(&e->lock);
	return n;
}

static s64 eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 n;
	int err;

	if (u->left < sizeof(n))
		return -EINVAL;
	while (!(n = count_take(e))) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait, READ_ONCE(e->count));
		if (err)
			return err;
	}
	wait_wake_events(&e->wait, EPOLLOUT | EPOLLWRNORM, true);
	return uio_put(u, &n, sizeof(n)) ? -EFAULT : (s64)sizeof(n);
}

static bool count_add(struct eventfd *e, u64 n)
{
	bool fits;

	spin_lock(&e->lock);
	fits = n <= COUNT_MAX - e->count;
	if (fits)
		e->count += n;
	spin_unlock(&e->lock);
	return fits;
}

static s64 eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->priv;
	u64 n;
	int err;

	if (u->left < sizeof(n))
		return -EINVAL;
	if (uio_get(u, &n, sizeof(n)))
		return -EFAULT;
	if (n == ~0ull)
		return -EINVAL;
	while (!count_add(e, n)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait, n <= COUNT_MAX - READ_ONCE(e->count));
		if (err)
			return err;
	}
	if (n)
		wait_wake_events(&e->wait, EPOLLIN | EPOLLRDNORM, true);
	return sizeof(n);
}

static u32 eventfd_poll(struct file *f, struct poll_table *t)
{
	struct eventfd *e = f->priv;
	u64 count;

	poll_wait(t, &e->wait);
	count = READ_ONCE(e->count);
	return (count ? EPOLLIN | EPOLLRDNORM : 0) | (count < COUNT_MAX ? EPOLLOUT | EPOLLWRNORM : 0);
}

static void eventfd_show(struct file *f, struct text_out *t)
{
	struct eventfd *e = f->priv;

	text_printf(t, "eventfd-count: %16llx\n", (unsigned long long)READ_ONCE(e->count));
}

static void eventfd_release(struct file *f)
{
	kfree(f->priv);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.show = eventfd_show,
	.kind = "anon_inode:[eventfd]",
};

struct file *eventfd_new(u64 count, u32 flags)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	struct file *f;

	if (!e)
		return NULL;
	wait_queue_init(&e->wait, "eventfd");
	spin_init(&e->lock, "eventfd count");
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	f = file_new_anonymous(&eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK));
	if (!f)
		kfree(e);
	return f;
}
