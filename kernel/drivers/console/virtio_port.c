/*
 * A port of virtio-console (virtio_console.c) as programs see it: /dev/vportNpM, whose name that the host gave is in
 * /sys/class/virtio-ports, or a terminal, /dev/hvcN.
 *
 * One program at a time has a port open, as on Linux; a console's only as hvcN. Without somebody at the host's end,
 * reading gives end of file and writing waits; a port that the host takes away gives ENODEV, and hangs up who waits.
 */
#include <linux/fcntl.h>
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "core/log.h"
#include "dev/device.h"
#include "drivers/console/virtio_console.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/poll_events.h"
#include "fs/sysfs.h"
#include "mm/slab.h"
#include "sched/wait.h"
#include "tty/tty.h"

#define VPORT_MAJOR	244		/* Linux gives them one of those that it has left */
#define VPORT_MINORS	(1u << 20)
#define HVC_MAJOR	229		/* Linux, admin-guide/devices.txt */
#define PIECE		256u

static struct mutex vports_mutex = MUTEX_INIT(vports_mutex, "virtio ports");	/* [P] */
static struct list_node vports = LIST_INIT(vports);	/* struct shown.node, by minor [P] */
static u32 hvc_count;			/* consoles so far [P] */

/* A port that has a node. */
struct shown { struct list_node node; struct port *port; };

/* ---- the file ----------------------------------------------------------------------------------------------- */

static bool input_there(struct port *p) { return !READ_ONCE(p->gone) && !list_empty(&p->q->came); }
static bool can_send(struct port *p) { return READ_ONCE(p->host_open) && READ_ONCE(p->q->free_count); }

/* A piece of what came: how many bytes, or -EFAULT, and then nothing is lost. */
static s64 piece_read(struct port *p, struct uio *u)
{
	u8 piece[PIECE];
	s64 n;

	mutex_lock(&p->reader);
	n = port_peek(p, piece, MIN(u->left, sizeof(piece)));
	if (n && uio_put(u, piece, n))
		n = -EFAULT;
	else if (n)
		port_consume(p, n);
	mutex_unlock(&p->reader);
	return n;
}

static s64 vport_read(struct file *f, struct uio *u, u64 *pos)
{
	struct port *p = f->priv;
	size_t done = 0;

	while (u->left) {
		s64 n = piece_read(p, u);
		int err;

		if (n < 0)
			return done ? (s64)done : n;
		done += n;
		if (n)
			continue;
		if (done)
			break;
		if (READ_ONCE(p->gone))
			return -ENODEV;
		if (!READ_ONCE(p->host_open))
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->wait, input_there(p) || READ_ONCE(p->gone) || !READ_ONCE(p->host_open));
		if (err)
			return err;
	}
	return done;
}

static s64 vport_write(struct file *f, struct uio *u, u64 *pos)
{
	struct port *p = f->priv;
	size_t size = MIN(u->left, (size_t)PORT_BUFFER);	/* a piece: each has a buffer to itself */
	u8 *piece = kmalloc(size);
	s64 total = 0;
	int err = piece ? 0 : -ENOMEM;

	while (u->left && !err) {
		size_t n = MIN(u->left, size), done = 0;

		err = uio_get(u, piece, n);
		while (!err && done < n) {
			if (READ_ONCE(p->gone)) {
				err = -ENODEV;
			} else if (can_send(p)) {
				done += port_send(p, piece + done, n - done);
			} else {
				err = f->flags & O_NONBLOCK ? -EAGAIN :
					wait_event_interruptible(&p->wait, can_send(p) || READ_ONCE(p->gone));
			}
		}
		total += done;
	}
	kfree(piece);
	return total ? total : err;
}

static u32 vport_poll(struct file *f, struct poll_table *t)
{
	struct port *p = f->priv;
	u32 events = 0;

	poll_wait(t, &p->wait);
	if (READ_ONCE(p->gone))
		return EPOLLHUP;
	if (input_there(p))
		events |= EPOLLIN | EPOLLRDNORM;
	if (can_send(p))
		events |= EPOLLOUT;
	return READ_ONCE(p->host_open) ? events : events | EPOLLHUP;
}

static void vport_release(struct file *f)
{
	struct port *p = f->priv;
	u64 flags;

	port_tell_open(p, false);
	flags = spin_lock_irqsave(&p->v->lock);
	p->in_use = false;
	spin_unlock_irqrestore(&p->v->lock, flags);
	port_put(p);
}

static struct port *vport_find(u32 minor)
{
	struct shown *s;
	struct port *p = NULL;

	mutex_lock(&vports_mutex);
	list_for_each(s, &vports, node)
		if (s->port->minor == minor)
			p = s->port;
	if (p)
		ref_get(&p->refs);
	mutex_unlock(&vports_mutex);
	return p;
}

static int vport_open(struct file *f, struct chardev *dev)
{
	struct port *p = vport_find(dev_minor(f->vnode->rdev));
	bool busy;
	u64 flags;

	if (!p)
		return -ENXIO;
	if (READ_ONCE(p->is_console)) {
		port_put(p);
		return -ENXIO;		/* that has a node of its own */
	}
	flags = spin_lock_irqsave(&p->v->lock);
	busy = p->in_use;
	p->in_use = true;
	spin_unlock_irqrestore(&p->v->lock, flags);
	if (busy) {
		port_put(p);
		return -EBUSY;
	}
	f->priv = p;
	port_tell_open(p, true);
	return 0;
}

static const struct file_ops vport_ops = {
	.read = vport_read, .write = vport_write, .poll = vport_poll, .release = vport_release, .async = true,
};

static int vports_init(void)
{
	static struct chardev device = { .major = VPORT_MAJOR, .count = VPORT_MINORS, .ops = &vport_ops,
		.open = vport_open };

	return chardev_register(&device);
}
INIT(vports, INIT_FS, vports_init);

/* ---- names -------------------------------------------------------------------------------------------------- */

/* The lowest minor that is free; s goes to its place. [P] */
static u32 minor_take(struct shown *s)
{
	struct shown *at;
	u32 n = 0;

	list_for_each(at, &vports, node) {
		if (at->port->minor != n)
			break;
		n++;
	}
	list_insert(&s->node, at->node.prev, &at->node);
	return n;
}

int port_show(struct port *p)
{
	struct shown *s = kmalloc(sizeof(*s));
	char path[64];
	int err;

	if (!s)
		return -ENOMEM;
	mutex_lock(&vports_mutex);
	s->port = p;
	p->minor = minor_take(s);
	mutex_unlock(&vports_mutex);
	snprintf(path, sizeof(path), "class/virtio-ports/%s/name", p->node_name);
	err = p->name ? sysfs_register_text(path, p->name) : 0;
	if (!err)
		err = devfs_node_add(p->node_name, 0600, dev_make(VPORT_MAJOR, p->minor));
	if (err)
		port_hide(p);
	return err;
}

void port_hide(struct port *p)
{
	char path[64];
	struct shown *s, *found = NULL;

	snprintf(path, sizeof(path), "class/virtio-ports/%s", p->node_name);
	devfs_node_remove(p->node_name, dev_make(VPORT_MAJOR, p->minor));
	if (p->name)
		sysfs_unregister(path);
	mutex_lock(&vports_mutex);
	list_for_each(s, &vports, node)
		if (s->port == p)
			found = s;
	if (found)
		list_remove(&found->node);
	mutex_unlock(&vports_mutex);
	kfree(found);
}

/* ---- consoles ----------------------------------------------------------------------------------------------- */

static size_t console_write(struct console *c, const char *s, size_t n)
{
	return port_send(container_of(c, struct port, console), s, n);
}

static bool console_drained(struct console *c)
{
	struct port *p = container_of(c, struct port, console);

	return READ_ONCE(p->q->free_count) == PORT_BUFFERS || READ_ONCE(p->gone);
}

/*
 * What came goes to the terminal, as much as it takes; the rest stays with us, and so the device without buffers, until
 * there is room (console_resume).
 */
static void input_pass(struct work *w)
{
	struct port *p = container_of(w, struct port, input);
	char piece[PIECE];
	size_t n;

	mutex_lock(&p->reader);		/* the host may have made a console of what a program has open */
	while (p->console.tty && (n = port_peek(p, piece, sizeof(piece)))) {
		size_t taken = console_input(&p->console, piece, n);

		if (taken)
			port_consume(p, taken);
		if (taken < n)
			break;
	}
	mutex_unlock(&p->reader);
	port_put(p);
}

/* From whom the port is there. Any context. */
static void input_queue(struct port *p)
{
	ref_get(&p->refs);		/* the work's */
	if (!work_queue(&p->input))
		port_put(p);
}

static void console_release(struct console *c)
{
	port_put(container_of(c, struct port, console));
}

static void console_resume(struct console *c)
{
	input_queue(container_of(c, struct port, console));
}

void port_console_start(struct port *p)
{
	u32 number;
	char *name;

	mutex_lock(&vports_mutex);
	number = hvc_count++;
	mutex_unlock(&vports_mutex);
	name = kmalloc(16);
	if (!name)
		return;
	snprintf(name, 16, "hvc%u", number);
	ref_get(&p->refs);		/* until console_release */
	p->input.fn = input_pass;
	p->console = (struct console){
		.name = name, .major = HVC_MAJOR, .minor = number, .write = console_write, .input_resume = console_resume,
		.drained = console_drained, .release = console_release,
	};
	console_register(&p->console);
	input_queue(p);			/* for what came before there was a terminal */
	log_info("%s: console %s", p->v->device->name, name);
}

void port_resize(struct port *p, u32 columns, u32 rows)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	if (p->is_console && p->console.tty)
		tty_resize(p->console.tty, &size);
}

void port_news(struct port *p)
{
	if (READ_ONCE(p->console.tty)) {
		if (input_there(p))
			input_queue(p);
		console_tx_ready(&p->console);
	}
	wait_wake_events(&p->wait, EPOLLIN | EPOLLRDNORM | EPOLLOUT, true);
}

void port_gone(struct port *p)
{
	if (p->console.name)
		console_unregister(&p->console);
	wait_wake_events(&p->wait, EPOLLHUP, true);
}
