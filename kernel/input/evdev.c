/*
 * /dev/input/eventN: what programs read of an input device, as Linux's evdev.
 * input.c delivers into each open's ring; what doesn't fit any more makes
 * everything unread go, and SYN_DROPPED says so. evdev_ioctl.c has the ioctls.
 *
 * A device that is gone, or an open that was revoked, gives ENODEV and hangs
 * up its pollers; the open file lives until it is closed.
 */
#include <linux/fcntl.h>
#include <linux/time.h>
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/devfs.h"
#include "fs/poll_events.h"
#include "input/internal.h"
#include "mm/slab.h"

/* Minors: Linux's first 32 devices, and its dynamic ones, whose nodes are called by their minor. */
#define MINOR_FIRST	64u
#define FIRST_COUNT	32u
#define MINOR_MORE	256u
#define MORE_COUNT	(0x100000u - MINOR_MORE)	/* as many as a device number can say */

#define PACKETS		8u		/* that a ring holds at least */
#define RING_MIN	64u

u64 evdev_number(u32 number)
{
	return dev_make(EVDEV_MAJOR, number < FIRST_COUNT ? MINOR_FIRST + number : MINOR_MORE + number - FIRST_COUNT);
}

/* A value of each axis, for each contact those of contacts; some keys and EV_MSC; SYN_REPORT. */
u32 evdev_packet(struct input_device *dev)
{
	u32 slots = dev->slots ? dev->slot_count : input_has(dev, EV_ABS, ABS_MT_POSITION_X) ? 2 : 0;
	u32 n = slots + 1 + 7;

	for (u32 i = 0; i < ABS_CNT; i++)
		if (input_has(dev, EV_ABS, i))
			n += i >= INPUT_MT_FIRST && i <= INPUT_MT_LAST ? slots : 1;
	for (u32 i = 0; i < REL_CNT; i++)
		n += input_has(dev, EV_REL, i);
	return n;
}

/* ---- the ring --------------------------------------------------------------------------------------- */

static struct evdev_event *slot(struct evdev_client *c, u32 at)
{
	return &c->ring[at & (c->size - 1)];
}

static u64 stamp(const struct evdev_client *c, u64 monotonic, u64 real)
{
	return c->clock == CLOCK_REALTIME ? real : monotonic;
}

/* All is full: SYN_DROPPED and the newest are what is left, to be read when the packet ends. [l] */
static void overrun(struct evdev_client *c)
{
	c->tail = c->packet = c->head - 2;
	*slot(c, c->tail) = (struct evdev_event){ .time = slot(c, c->head - 1)->time, .type = EV_SYN, .code = SYN_DROPPED };
}

static bool wanted(struct evdev_client *c, u32 type, u32 code)
{
	if (type == EV_SYN)
		return true;
	if (!bitmap_test(c->mask, type))
		return false;
	return code >= input_codes(type) || bitmap_test(input_bits(c->mask, type), code);
}

void evdev_deliver(struct evdev_client *c, u32 type, u32 code, s32 value)
{
	bool end = type == EV_SYN && code == SYN_REPORT;

	if (c->revoked || !wanted(c, type, code) || (end && c->packet == c->head))
		return;			/* of a packet nothing of which was wanted not the end either */
	*slot(c, c->head++) = (struct evdev_event){ stamp(c, c->dev->time, c->dev->real_time), type, code, value };
	if (c->head - c->tail == c->size)
		overrun(c);
	if (end) {
		c->packet = c->head;
		wait_wake_events(&c->wait, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM, true);
	}
}

void evdev_drop(struct evdev_client *c)
{
	*slot(c, c->head++) = (struct evdev_event){ .time = stamp(c, clock_ns(), clock_realtime_ns()), .type = EV_SYN,
						    .code = SYN_DROPPED };
	if (c->head - c->tail == c->size)
		c->tail = c->packet = c->head - 1;
}

void evdev_hangup(struct evdev_client *c)
{
	wait_wake_events(&c->wait, EPOLLHUP | EPOLLERR, true);
}

static bool readable(const struct evdev_client *c) { return READ_ONCE(c->packet) != READ_ONCE(c->tail); }

/* The next event that a reader may see. */
static bool take(struct evdev_client *c, struct input_event *e)
{
	u64 flags = spin_lock_irqsave(&c->dev->lock);
	bool there = c->tail != c->packet;
	struct evdev_event *from = slot(c, c->tail);

	if (there) {
		*e = (struct input_event){ .type = from->type, .code = from->code, .value = from->value };
		e->input_event_sec = from->time / NSEC_PER_SEC;
		e->input_event_usec = from->time % NSEC_PER_SEC / NSEC_PER_USEC;
		c->tail++;
	}
	spin_unlock_irqrestore(&c->dev->lock, flags);
	return there;
}

/* ---- the file --------------------------------------------------------------------------------------- */

static s64 evdev_read(struct file *f, struct uio *u, u64 *pos)
{
	struct evdev_client *c = f->priv;
	struct input_event e;
	s64 done = 0;
	int err;

	if (u->left && u->left < sizeof(e))
		return -EINVAL;
	for (;;) {
		if (evdev_dead(c))
			return -ENODEV;
		if (!readable(c) && (f->flags & O_NONBLOCK))
			return -EAGAIN;
		if (!u->left)
			return 0;
		while (u->left >= sizeof(e) && take(c, &e)) {
			if (uio_put(u, &e, sizeof(e)))
				return -EFAULT;
			done += sizeof(e);
		}
		if (done)
			return done;
		err = wait_event_interruptible(&c->wait, readable(c) || evdev_dead(c));
		if (err)
			return err;
	}
}

static s64 evdev_write(struct file *f, struct uio *u, u64 *pos)
{
	struct evdev_client *c = f->priv;
	struct input_event e;
	s64 done = 0;

	if (u->left && u->left < sizeof(e))
		return -EINVAL;
	if (evdev_dead(c))
		return -ENODEV;
	for (; u->left >= sizeof(e); done += sizeof(e)) {
		if (uio_get(u, &e, sizeof(e)))
			return -EFAULT;
		if (input_inject(c, e.type, e.code, e.value))
			return done ? done : -ENODEV;
	}
	return done;
}

static u32 evdev_poll(struct file *f, struct poll_table *t)
{
	struct evdev_client *c = f->priv;
	u32 events;

	poll_wait(t, &c->wait);
	events = evdev_dead(c) ? EPOLLHUP | EPOLLERR : EPOLLOUT | EPOLLWRNORM;
	return readable(c) ? events | EPOLLIN | EPOLLRDNORM : events;
}

static void evdev_release(struct file *f)
{
	struct evdev_client *c = f->priv;
	struct input_device *dev = c->dev;
	u64 flags = spin_lock_irqsave(&dev->lock);

	list_remove(&c->node);
	if (dev->grab == c)
		dev->grab = NULL;
	spin_unlock_irqrestore(&dev->lock, flags);
	kfree(c);
	input_put(dev);
}

static const struct file_ops evdev_ops = {
	.read = evdev_read,
	.write = evdev_write,
	.poll = evdev_poll,
	.ioctl = evdev_ioctl,
	.release = evdev_release,
	.async = true,
};

static struct evdev_client *client_new(struct input_device *dev)
{
	u32 size = RING_MIN, want = PACKETS * evdev_packet(dev);
	struct evdev_client *c;

	while (size < want)
		size *= 2;
	c = kzalloc(sizeof(*c) + size * sizeof(c->ring[0]));
	if (!c)
		return NULL;
	c->dev = dev;
	c->size = size;
	c->clock = CLOCK_REALTIME;
	memset(c->mask, 0xff, sizeof(c->mask));
	wait_queue_init(&c->wait, "evdev");
	return c;
}

static int evdev_open(struct file *f, struct chardev *unused)
{
	u32 minor = dev_minor(f->vnode->rdev);
	struct input_device *dev = input_find(minor < MINOR_MORE ? minor - MINOR_FIRST : minor - MINOR_MORE + FIRST_COUNT);
	struct evdev_client *c;
	bool gone;
	u64 flags;

	if (!dev)
		return -ENXIO;
	c = client_new(dev);
	if (!c) {
		input_put(dev);
		return -ENOMEM;
	}
	f->priv = c;
	flags = spin_lock_irqsave(&dev->lock);
	gone = dev->gone;
	if (!gone)
		list_push_back(&dev->clients, &c->node);
	spin_unlock_irqrestore(&dev->lock, flags);
	if (gone) {
		kfree(c);
		input_put(dev);
		return -ENODEV;
	}
	return 0;
}

static int evdev_init(void)
{
	static struct chardev devices[] = {
		{ .major = EVDEV_MAJOR, .minor = MINOR_FIRST, .count = FIRST_COUNT, .ops = &evdev_ops, .open = evdev_open },
		{ .major = EVDEV_MAJOR, .minor = MINOR_MORE, .count = MORE_COUNT, .ops = &evdev_ops, .open = evdev_open },
	};
	int err = chardev_register(&devices[0]);

	return err ? err : chardev_register(&devices[1]);
}
INIT(evdev, INIT_LATE, evdev_init);
