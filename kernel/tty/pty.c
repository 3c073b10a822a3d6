/*
 * Pseudo-terminals, pty(7): a terminal (the slave, /dev/pts/N) whose device is
 * a file (the master, an open of /dev/ptmx). What the slave's programs write
 * stays in the terminal's output ring until the master reads it; what the
 * master writes is the terminal's input.
 *
 * devpts is one tmpfs of the kernel's, seen by every mount of that type. The
 * pair lives until the last of both sides is closed; the name goes with the master.
 */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <linux/stat.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/printf.h"
#include "base/string.h"
#include "dev/device.h"
#include "fs/fdtable.h"
#include "fs/mount.h"
#include "fs/options.h"
#include "fs/poll_events.h"
#include "fs/tmpfs.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "sched/signal.h"
#include "tty/tty.h"

#define PTMX_MINOR	2u
#define PTYS_MAX	(1u << 20)	/* minors of one major number */
#define PIECE		256u

struct pty {
	struct list_node node;		/* all, by index [ptys_lock] */
	u32 index;			/* [S] */
	struct tty *tty;		/* [S] */
	struct wait_queue wait;		/* the master's readers, writers, pollers */
	struct mutex read_lock;		/* two reads of the master don't interleave */
	bool locked;			/* TIOCSPTLCK [ptys_lock] */
	bool closed;			/* the master has gone [ptys_lock] */
	bool opened;			/* the slave has been opened once [a] */
};

static struct mutex ptys_lock = MUTEX_INIT(ptys_lock, "ptys");
static struct list_node ptys = LIST_INIT(ptys);
static struct superblock *devpts;
static struct mount *inner;			/* the kernel's own, in no tree */
static u32 node_mode = 0620, node_gid = 0;	/* mount options [devpts->names] */

static struct pty *pty_of(struct tty *t)
{
	return t->device;
}

/* ---- the slave's driver ---- */

/* Nothing is taken: the ring is where the master reads. It is told. */
static size_t slave_write(struct tty *t, const char *s, size_t n)
{
	wait_wake_events(&pty_of(t)->wait, EPOLLIN | EPOLLRDNORM, true);
	return 0;
}

static void slave_input_resume(struct tty *t)
{
	wait_wake_events(&pty_of(t)->wait, EPOLLOUT | EPOLLWRNORM, true);
}

/* Output in the ring is where it was going. */
static bool slave_drained(struct tty *t)
{
	return true;
}

static void slave_opened(struct tty *t)
{
	atomic_store(&pty_of(t)->opened, true);
}

static void slave_closed(struct tty *t, bool last)
{
	if (last)
		wait_wake_events(&pty_of(t)->wait, EPOLLIN | EPOLLHUP, true);
}

static void pty_forget(struct tty *t)
{
	struct pty *p = pty_of(t);

	mutex_lock(&ptys_lock);
	list_remove(&p->node);
	mutex_unlock(&ptys_lock);
	kfree(p);
	kfree(t);
}

static const struct tty_driver slave_driver = {
	.write = slave_write,
	.input_resume = slave_input_resume,
	.drained = slave_drained,
	.opened = slave_opened,
	.closed = slave_closed,
	.forget = pty_forget,
};

/* ---- names ---- */

static int node_add(struct pty *p)
{
	const struct cred *c = current()->cred;
	struct dentry *d;
	char name[12];
	int len = snprintf(name, sizeof(name), "%u", p->index), err = 0;

	mutex_lock(&devpts->names);
	d = tmpfs_add(devpts->root, name, len, S_IFCHR | node_mode, dev_make(UNIX98_PTY_SLAVE_MAJOR, p->index));
	if (is_err(d)) {
		err = ptr_err(d);
	} else {
		d->vnode->uid = c ? c->uid : 0;
		d->vnode->gid = node_gid ? node_gid : c ? c->gid : 0;
	}
	mutex_unlock(&devpts->names);
	return err;
}

static void node_remove(struct pty *p)
{
	struct dentry *d;
	char name[12];
	int len = snprintf(name, sizeof(name), "%u", p->index);

	mutex_lock(&devpts->names);
	d = dentry_child(devpts->root, name, len);
	if (d) {
		dentry_unlink(d);
		dentry_put(d);
	}
	mutex_unlock(&devpts->names);
}

/* ---- the master ---- */

static bool slave_gone(struct pty *p)
{
	return atomic_load(&p->opened) && !READ_ONCE(p->tty->opens);
}

static bool output_there(struct tty *t)
{
	return tty_output_used(t) && !READ_ONCE(t->stopped);
}

static s64 master_read(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->priv;
	struct tty *t = p->tty;
	u8 piece[PIECE];
	s64 done = 0;
	int err;

	while (u->left && !done) {
		if (mutex_lock_interruptible(&p->read_lock))
			return -ERESTARTSYS;
		while (u->left && output_there(t)) {
			u64 flags = spin_lock_irqsave(&t->lock);
			u32 tail = t->out_tail, n = MIN(MIN((u32)u->left, PIECE), tty_output_used(t));

			for (u32 i = 0; i < n; i++)
				piece[i] = t->output[(tail + i) % TTY_OUTPUT];
			spin_unlock_irqrestore(&t->lock, flags);
			if (!n)
				break;
			if (uio_put(u, piece, n)) {
				mutex_unlock(&p->read_lock);
				return done ? done : -EFAULT;
			}
			flags = spin_lock_irqsave(&t->lock);
			if (t->out_tail == tail)	/* else flushed meanwhile */
				t->out_tail += n;
			spin_unlock_irqrestore(&t->lock, flags);
			done += n;
		}
		mutex_unlock(&p->read_lock);
		if (done)
			break;
		if (slave_gone(p))
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&p->wait, output_there(t) || slave_gone(p));
		if (err)
			return err;
	}
	if (done && tty_output_room(t))
		wait_wake_events(&t->write_wait, EPOLLOUT | EPOLLWRNORM, true);
	return done;
}

static bool input_room(struct tty *t)
{
	return !READ_ONCE(t->throttled);
}

static s64 master_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pty *p = f->priv;
	char piece[PIECE];
	s64 total = 0;
	int err = 0;

	while (u->left && !err) {
		size_t n = MIN(u->left, sizeof(piece)), done = 0;

		err = uio_get(u, piece, n);
		while (!err && done < n) {
			if (slave_gone(p)) {
				err = -EIO;
				break;
			}
			done += tty_input(p->tty, piece + done, n - done);
			if (done < n)
				err = f->flags & O_NONBLOCK ? -EAGAIN :
					wait_event_interruptible(&p->wait, input_room(p->tty) || slave_gone(p));
		}
		total += done;
	}
	return total ? total : err;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->priv;
	u32 events = 0;

	poll_wait(pt, &p->wait);
	if (output_there(p->tty))
		events |= EPOLLIN | EPOLLRDNORM;
	if (slave_gone(p))
		events |= EPOLLHUP;
	if (input_room(p->tty))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

/* The slave, opened by descriptor of its master: no name is needed. */
static long peer_open(struct pty *p, u32 flags)
{
	struct path at = { inner, inner->root }, found;
	struct file *file;
	char name[12];
	int err;

	snprintf(name, sizeof(name), "%u", p->index);
	err = path_lookup(&at, name, 0, &found);
	if (err)
		return err;
	err = path_open_found(&found, flags, &file);
	path_put(&found);
	if (err)
		return err;
	err = fd_install(file, 0, flags & O_CLOEXEC);
	if (err < 0)
		file_put(file);
	return err;
}

static long master_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = f->priv;
	struct file slave = { .flags = f->flags, .priv = p->tty, .epoch = READ_ONCE(p->tty->hangups) };
	u32 value, session;

	switch (cmd) {
	case TIOCGPTN:
		return put_user_u32(arg, p->index);
	case TIOCSPTLCK:
		if (get_user_u32(&value, arg))
			return -EFAULT;
		WRITE_ONCE(p->locked, value != 0);
		return 0;
	case TIOCGPTLCK:
		return put_user_u32(arg, p->locked);
	case TIOCGPTPEER:
		return peer_open(p, arg);
	case FIONREAD:
		return put_user_u32(arg, tty_output_used(p->tty));
	case TIOCOUTQ:
		return put_user_u32(arg, 0);
	case TIOCGPGRP:
		return put_user_u32(arg, READ_ONCE(p->tty->group));
	case TIOCGSID:
		session = READ_ONCE(p->tty->session);
		return session ? put_user_u32(arg, session) : -ENOTTY;
	case TIOCSIG:
		if (arg != SIGINT && arg != SIGQUIT && arg != SIGTSTP)
			return -EINVAL;
		if (READ_ONCE(p->tty->group))
			signal_send_group(READ_ONCE(p->tty->group), arg, NULL);
		return 0;
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCSPGRP:
	case TIOCPKT:
		return -ENOTTY;
	}
	return tty_ioctl(&slave, cmd, arg);	/* settings and window size are the terminal's */
}

static void master_release(struct file *f)
{
	struct pty *p = f->priv;

	mutex_lock(&ptys_lock);
	p->closed = true;
	mutex_unlock(&ptys_lock);
	node_remove(p);
	tty_hang_up(p->tty, true);
	tty_session_hang_up(p->tty);
	tty_put(p->tty);
}

static const struct file_ops master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
	.async = true,
};

/* Into the list at the lowest free index. [ptys_lock] */
static int index_take(struct pty *p)
{
	struct pty *q;
	u32 index = 0;

	list_for_each(q, &ptys, node) {
		if (q->index != index)
			break;
		index++;
	}
	if (index >= PTYS_MAX)
		return -ENOSPC;
	p->index = index;
	list_push_back(&q->node, &p->node);	/* before q, or at the end */
	return 0;
}

static int ptmx_open(struct file *f, struct chardev *dev)
{
	struct pty *p = kzalloc(sizeof(*p));
	struct tty *t = p ? tty_new(&slave_driver, p) : NULL;
	int err;

	if (!t) {
		kfree(p);
		return -ENOMEM;
	}
	p->tty = t;
	p->locked = true;
	wait_queue_init(&p->wait, "pty master");
	mutex_init(&p->read_lock, "pty master read");
	t->speed = 38400;
	t->termios.c_cflag = (t->termios.c_cflag & ~(u32)CBAUD) | B38400;
	mutex_lock(&ptys_lock);
	err = index_take(p);
	mutex_unlock(&ptys_lock);
	if (err) {
		kfree(p);
		kfree(t);
		return err;
	}
	snprintf(t->name, sizeof(t->name), "pts/%u", p->index);
	t->major = UNIX98_PTY_SLAVE_MAJOR;
	t->minor = p->index;
	err = node_add(p);
	if (err) {
		tty_put(t);
		return err;
	}
	f->priv = p;
	f->ops = &master_ops;
	return 0;
}

static int slave_node_open(struct file *f, struct chardev *dev)
{
	u32 index = dev_minor(f->vnode->rdev);
	struct tty *t = NULL;
	struct pty *p;
	int err = -EIO;

	mutex_lock(&ptys_lock);
	list_for_each(p, &ptys, node) {
		if (p->index == index && !p->closed) {
			if (!p->locked && ref_get_unless_zero(&p->tty->refs))
				t = p->tty;
			break;
		}
	}
	mutex_unlock(&ptys_lock);
	if (t) {
		err = tty_file_open(t, f, false);
		tty_put(t);
	}
	return err;
}

/* ---- devpts ---- */

static int options_apply(const char *options)
{
	struct option_parse o = { .next = options };
	u32 mode = node_mode, gid = node_gid, ptmx_mode = 0;
	struct dentry *ptmx;
	u64 n;

	while (option_next(&o)) {
		bool octal = !strcmp(o.key, "mode") || !strcmp(o.key, "ptmxmode");

		if (!strcmp(o.key, "newinstance"))
			continue;	/* there is one instance; a second view of it serves */
		if (parse_u64(o.value, NULL, octal ? 8 : 10, &n) || (octal && n > 0777))
			return -EINVAL;
		if (!strcmp(o.key, "mode"))
			mode = n;
		else if (!strcmp(o.key, "ptmxmode"))
			ptmx_mode = n;
		else if (!strcmp(o.key, "gid"))
			gid = n;
		else if (strcmp(o.key, "uid") && strcmp(o.key, "max"))
			return -EINVAL;
	}
	mutex_lock(&devpts->names);
	node_mode = mode;
	node_gid = gid;
	ptmx = dentry_child(devpts->root, "ptmx", 4);
	if (ptmx) {
		ptmx->vnode->mode = S_IFCHR | ptmx_mode;
		dentry_put(ptmx);
	}
	mutex_unlock(&devpts->names);
	return 0;
}

static struct superblock *devpts_mount(const struct fs_type *type, const char *source, const char *options)
{
	int err = options ? options_apply(options) : 0;

	if (err)
		return err_ptr(err);
	ref_get(&devpts->refs);
	return devpts;
}

static struct fs_type devpts_type = { .name = "devpts", .nodev = true, .mount = devpts_mount };
static struct chardev ptmx_node = {
	.name = "ptmx", .major = TTYAUX_MAJOR, .minor = PTMX_MINOR, .mode = 0666, .ops = &master_ops, .open = ptmx_open,
};
static struct chardev slave_nodes = {
	.major = UNIX98_PTY_SLAVE_MAJOR, .count = PTYS_MAX, .ops = &tty_file_ops, .open = slave_node_open,
};

static int pty_start(void)
{
	struct dentry *d;
	int err;

	devpts = tmpfs_make(&devpts_type, ~0ull, 0755);
	if (is_err(devpts))
		return ptr_err(devpts);
	devpts->magic = DEVPTS_SUPER_MAGIC;
	mutex_lock(&devpts->names);
	d = tmpfs_add(devpts->root, "ptmx", 4, S_IFCHR, dev_make(TTYAUX_MAJOR, PTMX_MINOR));
	mutex_unlock(&devpts->names);
	if (is_err(d))
		return ptr_err(d);
	ref_get(&devpts->refs);
	inner = mount_new(devpts, devpts->root, "devpts", MNT_INTERNAL);
	if (!inner)
		return -ENOMEM;
	err = chardev_register(&ptmx_node);
	if (!err)
		err = chardev_register(&slave_nodes);
	fs_type_register(&devpts_type);
	return err;
}
INIT(pty, INIT_FS, pty_start);
