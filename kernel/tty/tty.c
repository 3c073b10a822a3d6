/*
 * Terminals as files: open, read, write, poll, close. The bytes' way through
 * the line discipline is ldisc.c, ioctls are tty_ioctl.c, controlling
 * terminals session.c, the devices console.c and pty.c.
 */
#include <asm/signal.h>
#include <linux/fcntl.h>
#include "base/bitmap.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/poll_events.h"
#include "mm/slab.h"
#include "sched/cred.h"
#include "tty/tty.h"

#define PIECE		256u
#define TENTH_NS	(100 * NSEC_PER_MSEC)
#define CC(t, which)	((t)->termios.c_cc[which])

struct tty *tty_new(const struct tty_driver *driver, void *device)
{
	struct tty *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	t->driver = driver;
	t->device = device;
	spin_init(&t->lock, "tty");
	mutex_init(&t->read_lock, "tty read");
	mutex_init(&t->write_lock, "tty write");
	wait_queue_init(&t->read_wait, "tty readers");
	wait_queue_init(&t->write_wait, "tty writers");
	tty_termios_default(&t->termios);
	t->speed = 115200;
	return t;
}

void tty_put(struct tty *t)
{
	if (t && ref_put(&t->refs))
		t->driver->forget(t);
}

int tty_file_open(struct tty *t, struct file *f, bool no_control)
{
	const struct cred *c = current()->cred;
	int err = 0;

	mutex_lock(&tty_sessions);
	if (t->hung_up)
		err = -EIO;
	else if (t->exclusive && t->opens && c && !cred_privileged(c))
		err = -EBUSY;
	if (!err) {
		tty_get(t);
		t->opens++;
		f->priv = t;
		f->epoch = t->hangups;
		f->ops = &tty_file_ops;
		if (!no_control && !(f->open_flags & O_NOCTTY))
			tty_control_take_locked(t);
		if (t->driver->opened)
			t->driver->opened(t);
	}
	mutex_unlock(&tty_sessions);
	return err;
}

static void tty_release(struct file *f)
{
	struct tty *t = tty_of(f);
	bool last;

	mutex_lock(&tty_sessions);
	last = --t->opens == 0;
	if (last)
		t->exclusive = false;
	mutex_unlock(&tty_sessions);
	if (t->driver->closed)
		t->driver->closed(t, last);
	tty_put(t);
}

/* How much of the input a read of up to max bytes takes now, and whether it ends there. [l] */
static u32 input_span(const struct tty *t, u32 max, bool *line_done)
{
	u32 n, avail;

	*line_done = false;
	if (!(t->termios.c_lflag & ICANON))
		return MIN(max, t->head - t->tail);
	avail = t->canon - t->tail;
	for (n = 0; n < avail && n < max; n++) {
		if (bitmap_test(t->line_end, (t->tail + n) % TTY_INPUT)) {
			*line_done = true;
			return n + 1;
		}
	}
	return n;
}

/*
 * Move one stretch of input to the reader: bytes moved, or -EFAULT. *done: the
 * read ends (end of the line, or end of file). Bytes go only once they are
 * copied. [r]
 */
static s64 input_move(struct tty *t, struct uio *u, bool *done)
{
	u8 piece[PIECE];
	u32 n, give, tail;
	u64 flags = spin_lock_irqsave(&t->lock);

	/* One more than is wanted: the end of file mark takes a place, but is no byte. */
	tail = t->tail;
	n = input_span(t, MIN(u->left, (size_t)PIECE - 1), done);
	give = n;
	if (*done && t->input[(tail + n - 1) % TTY_INPUT] == 0)
		give = n - 1;
	else if (!*done && n == u->left && tail + n != t->canon && (t->termios.c_lflag & ICANON) &&
		 bitmap_test(t->line_end, (tail + n) % TTY_INPUT) && t->input[(tail + n) % TTY_INPUT] == 0)
		n++;	/* the line was flushed by ^D right behind what is wanted: the mark goes with it */
	for (u32 i = 0; i < give; i++)
		piece[i] = t->input[(tail + i) % TTY_INPUT];
	spin_unlock_irqrestore(&t->lock, flags);

	if (uio_put(u, piece, give))
		return -EFAULT;
	flags = spin_lock_irqsave(&t->lock);
	if (t->tail == tail && t->head - tail >= n) {
		t->tail += n;
		if ((s32)(t->canon - t->tail) < 0)
			t->canon = t->tail;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	return give;
}

/* What came before the other side went can be read still. */
static bool input_end(struct tty *t, struct file *f)
{
	return tty_gone(f) && !(t->hung_up && tty_input_ready(t, false));
}

/* Sleep for input: 0, -ERESTARTSYS, -ETIMEDOUT, -EAGAIN, or 1 when the terminal hung up. [r] */
static int input_wait(struct tty *t, struct file *f, u32 least, u64 deadline)
{
	int err;

#define READY (tty_gone(f) || (t->termios.c_lflag & ICANON ? tty_input_ready(t, false) : t->head - t->tail >= least))
	if (READY)
		return input_end(t, f);
	if (f->flags & O_NONBLOCK)
		return -EAGAIN;
	err = wait_event_deadline(&t->read_wait, READY, deadline);
	return err ? err : input_end(t, f);
#undef READY
}

/* read in raw mode, by VMIN and VTIME (termios(3)). [r] */
static s64 raw_read(struct tty *t, struct file *f, struct uio *u)
{
	u32 min = CC(t, VMIN), time = CC(t, VTIME);
	u64 deadline = WAIT_FOREVER;
	s64 total = 0;
	bool done;

	if (!min && !time)
		return tty_input_ready(t, false) ? input_move(t, u, &done) :
			f->flags & O_NONBLOCK ? -EAGAIN : 0;
	if (!min)
		deadline = clock_ns() + time * TENTH_NS;
	min = MIN(MAX(min, 1u), (u32)MIN(u->left, (size_t)255));
	while (u->left) {
		s64 n;
		int err;

		if ((u32)total < min) {
			err = input_wait(t, f, time ? 1 : min - total, deadline);
			if (err) {
				if (total || err == 1 || err == -ETIMEDOUT)
					return total;
				return err;
			}
			if (t->termios.c_lflag & ICANON)
				return total;
		} else if (t->head == t->tail) {
			break;
		}
		n = input_move(t, u, &done);
		if (n < 0)
			return total ? total : n;
		total += n;
		if (time)
			deadline = clock_ns() + time * TENTH_NS;	/* between bytes, once there is one */
	}
	return total;
}

static s64 line_read(struct tty *t, struct file *f, struct uio *u)
{
	s64 total = 0, n;
	bool done = false;
	int err = input_wait(t, f, 1, WAIT_FOREVER);

	if (err)
		return err == 1 ? 0 : err;
	while (u->left && !done && tty_input_ready(t, false)) {
		n = input_move(t, u, &done);
		if (n < 0)
			return total ? total : n;
		total += n;
		if (!(t->termios.c_lflag & ICANON))
			break;
	}
	return total;
}

static s64 tty_read(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = tty_of(f);
	s64 n;
	int err;

	if (!u->left)
		return 0;
	err = tty_background_check(t, SIGTTIN);
	if (err)
		return err;
	if (f->flags & O_NONBLOCK) {
		if (!mutex_trylock(&t->read_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&t->read_lock)) {
		return -ERESTARTSYS;
	}
	do {
		bool canonical = t->termios.c_lflag & ICANON;

		n = canonical ? line_read(t, f, u) : raw_read(t, f, u);
		/* Settings changed under the sleeping reader: once more by the new rules. */
		if (n || canonical == (bool)(t->termios.c_lflag & ICANON))
			break;
	} while (!tty_gone(f));
	mutex_unlock(&t->read_lock);
	tty_input_room(t);
	return n;
}

static s64 tty_write(struct file *f, struct uio *u, u64 *pos)
{
	struct tty *t = tty_of(f);
	char piece[PIECE];
	s64 total = 0;
	int err = t->termios.c_lflag & TOSTOP ? tty_background_check(t, SIGTTOU) : 0;

	if (err)
		return err;
	if (mutex_lock_interruptible(&t->write_lock))
		return -ERESTARTSYS;
	while (u->left && !err) {
		size_t n = MIN(u->left, sizeof(piece)), done = 0;

		err = uio_get(u, piece, n);
		while (done < n && !err) {
			u64 flags = spin_lock_irqsave(&t->lock);

			if (tty_gone(f)) {
				err = -EIO;
			} else {
				done += tty_output_put(t, piece + done, n - done);
				tty_output_push(t);
			}
			spin_unlock_irqrestore(&t->lock, flags);
			if (err || done == n)
				break;
			err = f->flags & O_NONBLOCK ? -EAGAIN :
				wait_event_interruptible(&t->write_wait, tty_gone(f) || tty_output_room(t));
		}
		total += done;
	}
	mutex_unlock(&t->write_lock);
	return total ? total : err;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = tty_of(f);
	u32 events = 0;

	poll_wait(pt, &t->read_wait);
	poll_wait(pt, &t->write_wait);
	if (tty_input_ready(t, true))
		events |= EPOLLIN | EPOLLRDNORM;
	if (tty_gone(f))
		events |= EPOLLIN | EPOLLHUP;
	else if (tty_output_used(t) < TTY_OUTPUT - TTY_ECHO_ROOM - PIECE)
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
	.async = true,
};
