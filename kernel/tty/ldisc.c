/*
 * The line discipline, termios(3): what becomes of bytes between a terminal's
 * device and the programs. Input is processed as it comes, in the device's
 * interrupt: mapped, echoed, edited line by line (ICANON) or passed on as it
 * is, its signal characters sent to the foreground group. Output is processed
 * into a ring that the device drains.
 *
 * Nothing is lost for want of room: input that has none is left with the
 * device (tty_input tells how much was taken), except the far end of a line
 * that is longer than a line can be, as on Linux.
 */
#include <asm/signal.h>
#include "base/bitmap.h"
#include "base/errno.h"
#include "base/string.h"
#include "fs/poll_events.h"
#include "sched/signal.h"
#include "tty/tty.h"

#define DISABLED	0		/* a control character that is none (_POSIX_VDISABLE) */
#define TAB		8u
#define INPUT_AT(t, pos)	((t)->input[(pos) % TTY_INPUT])
#define CTRL(c)		((c) ^ 0x40)

#define I(t, flag)	((t)->termios.c_iflag & (flag))
#define O(t, flag)	((t)->termios.c_oflag & (flag))
#define L(t, flag)	((t)->termios.c_lflag & (flag))
#define CC(t, which)	((t)->termios.c_cc[which])

void tty_termios_default(struct termios *t)
{
	*t = (struct termios){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_cc = {
			[VINTR] = CTRL('C'), [VQUIT] = CTRL('\\'), [VERASE] = 0x7f, [VKILL] = CTRL('U'),
			[VEOF] = CTRL('D'), [VMIN] = 1, [VSTART] = CTRL('Q'), [VSTOP] = CTRL('S'),
			[VSUSP] = CTRL('Z'), [VREPRINT] = CTRL('R'), [VDISCARD] = CTRL('O'),
			[VWERASE] = CTRL('W'), [VLNEXT] = CTRL('V'),
		},
	};
}

/* ---- output ---- */

static bool is_control(u8 c)
{
	return c < 0x20 || c == 0x7f;
}

static void column_follow(struct tty *t, u8 c)
{
	if (c == '\r')
		t->column = 0;
	else if (c == '\t')
		t->column = (t->column | (TAB - 1)) + 1;
	else if (c == '\b')
		t->column -= t->column > 0;
	else if (!is_control(c) && !(I(t, IUTF8) && (c & 0xc0) == 0x80))
		t->column++;
}

static void out_byte(struct tty *t, u8 c)
{
	t->output[t->out_head++ % TTY_OUTPUT] = c;
}

/* One byte as OPOST wants it: false when there is no room for all that it becomes. [l] */
static bool out_processed(struct tty *t, u8 c, u32 room)
{
	if (!O(t, OPOST)) {
		if (room < 1)
			return false;
		out_byte(t, c);
		column_follow(t, c);
		return true;
	}
	if (room < TAB)		/* the most that one byte becomes */
		return false;
	switch (c) {
	case '\n':
		if (O(t, ONLCR)) {
			out_byte(t, '\r');
			t->column = 0;
		} else if (O(t, ONLRET)) {
			t->column = 0;
		}
		break;
	case '\r':
		if (O(t, ONOCR) && !t->column)
			return true;
		if (O(t, OCRNL))
			c = '\n';
		break;
	case '\t':
		if (O(t, TABDLY) == TAB3) {
			u32 n = TAB - t->column % TAB;

			t->column += n;
			while (n--)
				out_byte(t, ' ');
			return true;
		}
		break;
	default:
		if (O(t, OLCUC) && c >= 'a' && c <= 'z')
			c -= 0x20;
	}
	out_byte(t, c);
	column_follow(t, c);
	return true;
}

size_t tty_output_put(struct tty *t, const char *s, size_t n)
{
	size_t done = 0;

	while (done < n) {
		u32 used_bytes = tty_output_used(t) + TTY_ECHO_ROOM;

		if (used_bytes >= TTY_OUTPUT || !out_processed(t, s[done], TTY_OUTPUT - used_bytes))
			break;
		done++;
	}
	return done;
}

void tty_output_push(struct tty *t)
{
	while (!t->stopped && t->out_tail != t->out_head) {
		u32 at = t->out_tail % TTY_OUTPUT;
		u32 n = MIN(tty_output_used(t), TTY_OUTPUT - at);
		u32 took = t->driver->write(t, (char *)t->output + at, n);

		t->out_tail += took;
		if (took < n)
			break;
	}
}

bool tty_output_room(const struct tty *t)
{
	return tty_output_used(t) <= TTY_OUTPUT / 2;
}

void tty_output_flush(struct tty *t)
{
	t->out_tail = t->out_head;
}

void tty_output_ready(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	bool wake;

	tty_output_push(t);
	wake = tty_output_room(t);
	spin_unlock_irqrestore(&t->lock, flags);
	if (wake && wait_queue_active(&t->write_wait))
		wait_wake_events(&t->write_wait, EPOLLOUT | EPOLLWRNORM, true);
}

/* ---- echo ---- */

/* Echo is best effort: what finds no room is not shown. */
static void echo_raw(struct tty *t, u8 c)
{
	u32 room = TTY_OUTPUT - tty_output_used(t);

	(void)out_processed(t, c, room);
}

static void echo(struct tty *t, u8 c)
{
	if (!L(t, ECHO) && !(c == '\n' && L(t, ECHONL) && L(t, ICANON)))
		return;
	if (L(t, ECHOCTL) && is_control(c) && c != '\t' && c != '\n') {
		echo_raw(t, '^');
		echo_raw(t, CTRL(c));
	} else {
		echo_raw(t, c);
	}
}

static void echo_back(struct tty *t, u32 columns)
{
	while (columns--) {
		echo_raw(t, '\b');
		echo_raw(t, ' ');
		echo_raw(t, '\b');
	}
}

/* How many columns the byte at pos of the line being typed takes on the screen. */
static u32 columns_of(struct tty *t, u32 pos)
{
	u8 c = INPUT_AT(t, pos);
	u32 column;

	if (c == '\t') {
		column = t->line_column;
		for (u32 p = t->canon; p != pos; p++)
			column += columns_of(t, p);
		return TAB - column % TAB;
	}
	if (is_control(c))
		return L(t, ECHOCTL) ? 2 : 0;
	return I(t, IUTF8) && (c & 0xc0) == 0x80 ? 0 : 1;
}

/* ---- line editing; [l] held in all of it ---- */

/* Take the last character (all its bytes) off the line being typed. */
static void erase_one(struct tty *t)
{
	u32 columns = 0, pos = t->head;

	do {
		pos--;
		columns += columns_of(t, pos);
	} while (pos != t->canon && I(t, IUTF8) && (INPUT_AT(t, pos) & 0xc0) == 0x80);
	t->head = pos;
	if (!L(t, ECHO))
		return;
	if (L(t, ECHOE))
		echo_back(t, columns);
	else
		echo(t, CC(t, VERASE));
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
	while (t->head != t->canon && !is_word(INPUT_AT(t, t->head - 1)))
		erase_one(t);
	while (t->head != t->canon && is_word(INPUT_AT(t, t->head - 1)))
		erase_one(t);
}

static void erase_line(struct tty *t)
{
	if (L(t, ECHO) && L(t, ECHOK) && !(L(t, ECHOKE) && L(t, ECHOE))) {
		t->head = t->canon;
		echo(t, CC(t, VKILL));
		echo_raw(t, '\n');
		return;
	}
	while (t->head != t->canon)
		erase_one(t);
}

static void reprint(struct tty *t)
{
	echo(t, CC(t, VREPRINT));
	echo_raw(t, '\n');
	t->line_column = t->column;
	for (u32 p = t->canon; p != t->head; p++)
		echo(t, INPUT_AT(t, p));
}

static void input_store(struct tty *t, u8 c)
{
	bitmap_clear(t->line_end, t->head % TTY_INPUT);
	t->input[t->head++ % TTY_INPUT] = c;
}

/* The line being typed ends with c: readers may have it. */
static void line_finish(struct tty *t, u8 c)
{
	input_store(t, c);
	bitmap_set(t->line_end, (t->head - 1) % TTY_INPUT);
	t->canon = t->head;
	t->line_column = t->column;
}

static bool matches(struct tty *t, u8 c, u32 which)
{
	return c == CC(t, which) && c != DISABLED;
}

/* Canonical mode. True when c has been dealt with. */
static bool canonical_input(struct tty *t, u8 c, u32 room)
{
	if (matches(t, c, VERASE)) {
		if (t->head != t->canon)
			erase_one(t);
	} else if (matches(t, c, VKILL)) {
		erase_line(t);
	} else if (matches(t, c, VWERASE) && L(t, IEXTEN)) {
		erase_word(t);
	} else if (matches(t, c, VREPRINT) && L(t, IEXTEN) && L(t, ECHO)) {
		reprint(t);
	} else if (matches(t, c, VLNEXT) && L(t, IEXTEN)) {
		t->literal = true;
		if (L(t, ECHO) && L(t, ECHOCTL)) {
			echo_raw(t, '^');
			echo_raw(t, '\b');
		}
	} else if (matches(t, c, VEOF)) {
		line_finish(t, DISABLED);
	} else if (c == '\n' || matches(t, c, VEOL) || (matches(t, c, VEOL2) && L(t, IEXTEN))) {
		echo(t, c);
		line_finish(t, c);
	} else if (room > 1) {
		if (t->head == t->canon)
			t->line_column = t->column;
		echo(t, c);
		input_store(t, c);
	} else if (I(t, IMAXBEL)) {
		echo_raw(t, '\a');	/* the line is as long as a line can be */
	}
	return true;
}

/* A signal character's signal, 0 when c is none. */
static int signal_of_char(struct tty *t, u8 c)
{
	if (!L(t, ISIG))
		return 0;
	return matches(t, c, VINTR) ? SIGINT : matches(t, c, VQUIT) ? SIGQUIT : matches(t, c, VSUSP) ? SIGTSTP : 0;
}

/*
 * One byte from the device. False: there is no room, it stays there. A signal
 * to send once the lock is dropped goes to *signo. [l]
 */
static bool input_byte(struct tty *t, u8 c, int *signo)
{
	u32 room = TTY_INPUT - (t->head - t->tail);

	/* A whole line waits to be read: the rest can wait with the device. Without one, only the line's end fits. */
	if (room == 0 || (room == 1 && (!L(t, ICANON) || t->canon != t->tail)))
		return false;
	if (I(t, ISTRIP))
		c &= 0x7f;
	if (t->literal) {
		t->literal = false;
		if (room > 1) {
			echo(t, c);
			input_store(t, c);
		}
		return true;
	}
	if (I(t, IXON)) {
		if (matches(t, c, VSTOP)) {
			t->stopped = true;
			return true;
		}
		if (matches(t, c, VSTART)) {
			t->stopped = false;
			return true;
		}
	}
	*signo = signal_of_char(t, c);
	if (*signo) {
		if (!L(t, NOFLSH)) {
			tty_input_flush(t);
			tty_output_flush(t);
		}
		t->stopped = false;
		echo(t, c);
		return true;
	}
	if (t->stopped && I(t, IXON) && I(t, IXANY))
		t->stopped = false;
	if (c == '\r') {
		if (I(t, IGNCR))
			return true;
		if (I(t, ICRNL))
			c = '\n';
	} else if (c == '\n' && I(t, INLCR)) {
		c = '\r';
	}
	if (I(t, IUCLC) && L(t, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 0x20;
	if (L(t, ICANON))
		return canonical_input(t, c, room);
	echo(t, c);
	input_store(t, c);
	return true;
}

size_t tty_input(struct tty *t, const char *s, size_t n)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	size_t done = 0;
	bool ready;

	while (done < n) {
		int signo = 0;

		if (!input_byte(t, s[done], &signo)) {
			t->throttled = true;
			break;
		}
		done++;
		if (signo && t->group) {
			spin_unlock_irqrestore(&t->lock, flags);
			signal_send_group(READ_ONCE(t->group), signo, NULL);
			flags = spin_lock_irqsave(&t->lock);
		}
	}
	tty_output_push(t);
	ready = tty_input_ready(t, true);
	spin_unlock_irqrestore(&t->lock, flags);
	atomic_fence();		/* the bytes before the look for sleepers */
	if (ready && wait_queue_active(&t->read_wait))
		wait_wake_events(&t->read_wait, EPOLLIN | EPOLLRDNORM, true);
	return done;
}

bool tty_input_ready(const struct tty *t, bool for_poll)
{
	u32 least = for_poll && !t->termios.c_cc[VTIME] && t->termios.c_cc[VMIN] ? t->termios.c_cc[VMIN] : 1;

	return t->termios.c_lflag & ICANON ? t->canon != t->tail : t->head - t->tail >= least;
}

void tty_input_flush(struct tty *t)
{
	t->tail = t->canon = t->head;
	t->literal = false;
}

void tty_input_room(struct tty *t)
{
	u64 flags = spin_lock_irqsave(&t->lock);
	/* Without a whole line nobody reads on: the rest of the one being typed must come in. */
	bool resume = t->throttled && (t->head - t->tail <= TTY_INPUT / 2 || (L(t, ICANON) && t->canon == t->tail));

	if (resume)
		t->throttled = false;
	spin_unlock_irqrestore(&t->lock, flags);
	if (resume && t->driver->input_resume)
		t->driver->input_resume(t);
}

void tty_termios_set(struct tty *t, const struct termios *to)
{
	bool switched = (t->termios.c_lflag ^ to->c_lflag) & ICANON;

	t->termios = *to;
	if (!(to->c_iflag & IXON) && t->stopped) {
		t->stopped = false;
		tty_output_push(t);
	}
	if (!switched)
		return;
	/* What came before counts as whole: in raw mode all of it can be read, in canonical mode it is one line. */
	t->literal = false;
	memset(t->line_end, 0, sizeof(t->line_end));
	if (t->head != t->tail && (to->c_lflag & ICANON)) {
		bitmap_set(t->line_end, (t->head - 1) % TTY_INPUT);
		t->canon = t->head;
	} else {
		t->canon = to->c_lflag & ICANON ? t->head : t->tail;
	}
	t->line_column = t->column;
}

void tty_hang_up(struct tty *t, bool for_good)
{
	u64 flags = spin_lock_irqsave(&t->lock);

	t->out_tail = t->out_head;
	if (for_good) {
		t->hung_up = true;
	} else {
		WRITE_ONCE(t->hangups, t->hangups + 1);
		tty_input_flush(t);
	}
	spin_unlock_irqrestore(&t->lock, flags);
	wait_wake_events(&t->read_wait, EPOLLIN | EPOLLHUP, true);
	wait_wake_events(&t->write_wait, EPOLLOUT | EPOLLHUP, true);
}
