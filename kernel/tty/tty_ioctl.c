/*
 * ioctls of terminals, ioctl_tty(2): settings, window size, queues, flow.
 * Those of sessions are in session.c.
 */
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <linux/serial.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "sched/cred.h"
#include "sched/signal.h"
#include "tty/tty.h"

int tty_drain(struct file *f)
{
	struct tty *t = tty_of(f);

	return wait_event_interruptible(&t->write_wait, tty_gone(f) ||
		(t->driver->drained ? t->driver->drained(t) : !tty_output_used(t)));
}

static long termios_get(struct tty *t, u64 arg, bool v2)
{
	struct termios2 out = { 0 };
	u64 flags = spin_lock_irqsave(&t->lock);

	memcpy(&out, &t->termios, sizeof(t->termios));
	out.c_ispeed = out.c_ospeed = t->speed;
	spin_unlock_irqrestore(&t->lock, flags);
	return copy_to_user(arg, &out, v2 ? sizeof(out) : sizeof(struct termios));
}

/* wait: output goes out first (TCSETSW); flush: and what was typed is dropped (TCSETSF). */
static long termios_put(struct file *f, u64 arg, bool v2, bool wait, bool flush)
{
	struct tty *t = tty_of(f);
	struct termios2 in = { 0 };
	struct termios to;
	u64 flags;
	int err = tty_background_check(t, SIGTTOU);

	if (err)
		return err;
	if (copy_from_user(&in, arg, v2 ? sizeof(in) : sizeof(struct termios)))
		return -EFAULT;
	if (wait) {
		err = tty_drain(f);
		if (err)
			return err;
	}
	memcpy(&to, &in, sizeof(to));
	flags = spin_lock_irqsave(&t->lock);
	if (flush)
		tty_input_flush(t);
	tty_termios_set(t, &to);
	if (v2 && (in.c_cflag & CBAUD) == BOTHER)
		t->speed = in.c_ospeed;
	spin_unlock_irqrestore(&t->lock, flags);
	/* A reader that waits may have what it wants by the new rules. */
	wait_wake_all(&t->read_wait);
	tty_input_room(t);
	return 0;
}

void tty_resize(struct tty *t, const struct winsize *size)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool changed = memcmp(size, &t->size, sizeof(*size));

	t->size = *size;
	spin_unlock_irqrestore(&t->lock, flags);
	if (changed && READ_ONCE(t->group))
		signal_send_group(READ_ONCE(t->group), SIGWINCH, NULL);
}

static long window_set(struct tty *t, u64 arg)
{
	struct winsize size;

	if (copy_from_user(&size, arg, sizeof(size)))
		return -EFAULT;
	tty_resize(t, &size);
	return 0;
}

static long queues_flush(struct tty *t, u64 which)
{
	u64 flags;
	int err = tty_background_check(t, SIGTTOU);

	if (err)
		return err;
	if (which > TCIOFLUSH)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	if (which != TCOFLUSH)
		tty_input_flush(t);
	if (which != TCIFLUSH)
		tty_output_flush(t);
	spin_unlock_irqrestore(&t->lock, flags);
	tty_input_room(t);
	tty_output_ready(t);
	return 0;
}

static long flow_set(struct tty *t, u64 what)
{
	u64 flags;
	u8 c;
	int err = tty_background_check(t, SIGTTOU);

	if (err)
		return err;
	if (what > TCION)
		return -EINVAL;
	flags = spin_lock_irqsave(&t->lock);
	switch (what) {
	case TCOOFF:
	case TCOON:
		t->stopped = what == TCOOFF;
		break;
	case TCIOFF:
	case TCION:
		c = t->termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			tty_output_put(t, (char *)&c, 1);
		break;
	}
	spin_unlock_irqrestore(&t->lock, flags);
	tty_output_ready(t);
	return 0;
}

static u32 input_count(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	u32 n = t->termios.c_lflag & ICANON ? t->canon - t->tail : t->head - t->tail;

	spin_unlock_irqrestore(&t->lock, flags);
	return n;
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty *t = tty_of(f);
	u32 value;
	long err = f->epoch != READ_ONCE(t->hangups) ? cmd == TIOCSPGRP ? -ENOTTY : -EIO
		: tty_session_ioctl(t, f, cmd, arg);

	if (err != 1)
		return err;
	switch (cmd) {
	case TCGETS:
	case TCGETS2:
		return termios_get(t, arg, cmd == TCGETS2);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return termios_put(f, arg, false, cmd != TCSETS, cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return termios_put(f, arg, true, cmd != TCSETS2, cmd == TCSETSF2);
	case TIOCGWINSZ:
		return copy_to_user(arg, &t->size, sizeof(t->size));
	case TIOCSWINSZ:
		return window_set(t, arg);
	case TCFLSH:
		return queues_flush(t, arg);
	case TCXONC:
		return flow_set(t, arg);
	case TCSBRK:
	case TCSBRKP:
		err = tty_background_check(t, SIGTTOU);
		return err ? err : tty_drain(f);	/* no line below can send a break; a pty's would be ignored too */
	case TIOCSBRK:
	case TIOCCBRK:
		return 0;
	case FIONREAD:
		return put_user_u32(arg, input_count(t));
	case TIOCOUTQ:
		return put_user_u32(arg, tty_output_used(t));
	case TIOCGETD:
		return put_user_u32(arg, 0);	/* N_TTY, the only one */
	case TIOCSETD:
		if (get_user_u32(&value, arg))
			return -EFAULT;
		return value ? -EINVAL : 0;
	case TIOCEXCL:
	case TIOCNXCL:
		t->exclusive = cmd == TIOCEXCL;
		return 0;
	case TIOCGEXCL:
		return put_user_u32(arg, t->exclusive);
	case TIOCMGET:
	case TIOCMSET:
	case TIOCGSERIAL:
		return -ENOTTY;
	case TIOCSTI:
		return -EIO;		/* typing for others is a way to their privileges: as Linux with legacy_tiocsti off */
	}
	err = t->driver->ioctl ? t->driver->ioctl(t, cmd, arg) : 1;
	return err == 1 ? -ENOTTY : err;
}
