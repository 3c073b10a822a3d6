/*
 * The line discipline: editing, modes, signals, flow, output processing, and
 * that no byte is lost when the reader is slow.
 *
 * sources: tty/ldisc.c tty/tty.c tty/tty_ioctl.c
 */
#include "unit.h"
#include "host.h"
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include "base/errno.h"
#include "mm/slab.h"
#include "sched/signal.h"
#include "tty/tty.h"

static char screen[1 << 17];
static size_t shown, room = ~0ul;
static struct file file;
static u32 resumed;
static int background;

struct mutex tty_sessions = MUTEX_INIT(tty_sessions, "tty sessions");
void tty_control_take_locked(struct tty *t) { }
int tty_background_check(struct tty *t, int signo) { return background; }
long tty_session_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg) { return 1; }

static size_t device_write(struct tty *t, const char *s, size_t n)
{
	n = MIN(n, room);
	memcpy(screen + shown, s, n);
	shown += n;
	screen[shown] = '\0';
	if (room != ~0ul)
		room -= n;
	return n;
}

static void device_resume(struct tty *t) { resumed++; }

static const struct tty_driver driver = { .write = device_write, .input_resume = device_resume };

static struct tty *t;

static void begin(void)
{
	t = tty_new(&driver, NULL);
	shown = resumed = 0;
	screen[0] = '\0';
	room = ~0ul;
	background = 0;
	file = (struct file){ .refs = 1, .flags = O_RDWR, .ops = &tty_file_ops, .priv = t };
}

static void end(void)
{
	kfree(t);
}

static void type(const char *s)
{
	size_t n = strlen(s);

	EXPECT_EQ(tty_input(t, s, n), n);
}

/* What a read of n bytes gives; an error as "E" and its number. */
static const char *read_n(size_t n)
{
	static char text[8192];
	struct uio u;
	s64 r;

	uio_kernel(&u, text, n);
	file.flags |= O_NONBLOCK;
	r = tty_file_ops.read(&file, &u, NULL);
	file.flags &= ~(u32)O_NONBLOCK;
	if (r < 0)
		snprintf(text, sizeof(text), "E%lld", (long long)-r);
	else
		text[r] = '\0';
	return text;
}

static void settings(u32 iflag_off, u32 oflag_off, u32 lflag_off)
{
	struct termios to = t->termios;
	u64 flags = spin_lock_irqsave(&t->lock);

	to.c_iflag &= ~iflag_off;
	to.c_oflag &= ~oflag_off;
	to.c_lflag &= ~lflag_off;
	tty_termios_set(t, &to);
	spin_unlock_irqrestore(&t->lock, flags);
}

TEST(a_line_is_read_when_it_is_finished)
{
	begin();
	type("hel");
	EXPECT_STR(read_n(100), "E11");
	type("lo\rnext");
	EXPECT_STR(read_n(100), "hello\n");
	EXPECT_STR(read_n(100), "E11");
	EXPECT_STR(screen, "hello\r\nnext");
	end();
}

TEST(a_short_read_leaves_the_rest_of_the_line)
{
	begin();
	type("hello\nworld\n");
	EXPECT_STR(read_n(2), "he");
	EXPECT_STR(read_n(100), "llo\n");
	EXPECT_STR(read_n(5), "world");
	EXPECT_STR(read_n(5), "\n");
	end();
}

TEST(lines_are_edited)
{
	begin();
	type("abX\x7f" "c\n");
	EXPECT_STR(read_n(100), "abc\n");
	EXPECT_STR(screen, "abX\b \bc\r\n");
	type("wrong\x15right\n");
	EXPECT_STR(read_n(100), "right\n");
	type("one two  \x17three\n");
	EXPECT_STR(read_n(100), "one three\n");
	type("\x7f\x7f\x15\x17" "a\n");		/* nothing to erase */
	EXPECT_STR(read_n(100), "a\n");
	type("a\x16\x03" "b\n");			/* the next one is literal */
	EXPECT_STR(read_n(100), "a\x03" "b\n");
	shown = 0;
	type("\x01\t.\x7f\x7f\x7f\n");		/* what took several columns goes from all of them */
	EXPECT_STR(screen, "^A\t.\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\r\n");
	EXPECT_STR(read_n(100), "\n");
	end();
}

TEST(end_of_file_flushes_or_ends)
{
	begin();
	type("part\x04");
	EXPECT_STR(read_n(100), "part");
	EXPECT_STR(read_n(100), "E11");
	type("\x04");
	EXPECT_STR(read_n(100), "");
	EXPECT_STR(read_n(100), "E11");
	type("four\x04" "x\n");
	EXPECT_STR(read_n(4), "four");		/* the mark goes with the bytes that it flushed */
	EXPECT_STR(read_n(100), "x\n");
	end();
}

TEST(raw_mode_gives_what_is_there)
{
	begin();
	settings(ICRNL | IXON, OPOST, ICANON | ECHO | ISIG);	/* IEXTEN alone means nothing then */
	type("a\r\x03\x04\x11\x16\x12");
	EXPECT_STR(read_n(100), "a\r\x03\x04\x11\x16\x12");
	t->termios.c_cc[VMIN] = 0;
	EXPECT_STR(read_n(100), "E11");
	end();
}

TEST(the_least_count_and_the_time_are_kept)
{
	static char text[16];
	struct uio u;
	u64 start;

	begin();
	settings(ICRNL | IXON, OPOST, ICANON | ECHO | ISIG | IEXTEN);
	t->termios.c_cc[VMIN] = 0;
	t->termios.c_cc[VTIME] = 3;
	start = clock_ns();
	uio_kernel(&u, text, sizeof(text));
	EXPECT_EQ(tty_file_ops.read(&file, &u, NULL), 0);
	EXPECT_GE(clock_ns() - start, 300 * NSEC_PER_MSEC);
	t->termios.c_cc[VMIN] = 5;
	type("ab");
	uio_kernel(&u, text, sizeof(text));
	start = clock_ns();
	EXPECT_EQ(tty_file_ops.read(&file, &u, NULL), 2);	/* the time between bytes ran out */
	EXPECT_GE(clock_ns() - start, 300 * NSEC_PER_MSEC);
	t->termios.c_cc[VTIME] = 0;
	t->termios.c_cc[VMIN] = 3;
	type("abcdef");
	EXPECT(tty_input_ready(t, true));
	uio_kernel(&u, text, 4);
	EXPECT_EQ(tty_file_ops.read(&file, &u, NULL), 4);
	EXPECT(!tty_input_ready(t, true));
	end();
}

TEST(what_was_typed_ahead_survives_a_change_of_mode)
{
	begin();
	settings(0, 0, ICANON);
	type("ahead\n");
	t->termios.c_lflag |= 0;
	struct termios to = t->termios;

	to.c_lflag |= ICANON;
	u64 flags = spin_lock_irqsave(&t->lock);

	tty_termios_set(t, &to);
	spin_unlock_irqrestore(&t->lock, flags);
	EXPECT_STR(read_n(100), "ahead\n");
	type("half");
	settings(0, 0, ICANON);
	EXPECT_STR(read_n(100), "half");
	end();
}

TEST(signal_characters_signal_and_flush)
{
	begin();
	t->group = 77;
	type("lost\x03kept\n");
	EXPECT_STR(read_n(100), "kept\n");
	EXPECT(strstr(screen, "^C"));
	settings(0, 0, ISIG);
	type("\x03\n");
	EXPECT_STR(read_n(100), "\x03\n");
	end();
}

TEST(output_is_stopped_and_started)
{
	struct uio u;

	begin();
	type("\x13");
	uio_kernel(&u, "held", 4);
	EXPECT_EQ(tty_file_ops.write(&file, &u, NULL), 4);
	EXPECT_EQ(shown, 0u);
	type("\x11");
	EXPECT_STR(screen, "held");
	end();
}

TEST(output_is_processed)
{
	struct uio u;

	begin();
	uio_kernel(&u, "a\nb\tc", 5);
	EXPECT_EQ(tty_file_ops.write(&file, &u, NULL), 5);
	EXPECT_STR(screen, "a\r\nb\tc");
	shown = 0;
	settings(0, ONLCR, 0);
	uio_kernel(&u, "x\ny", 3);
	EXPECT_EQ(tty_file_ops.write(&file, &u, NULL), 3);
	EXPECT_STR(screen, "x\ny");
	end();
}

TEST(a_slow_device_loses_nothing)
{
	static char text[20000];
	struct uio u;
	s64 n, total = 0;

	begin();
	memset(text, 'x', sizeof(text));
	room = 100;
	file.flags |= O_NONBLOCK;
	while (total < (s64)sizeof(text)) {
		uio_kernel(&u, text + total, sizeof(text) - total);
		n = tty_file_ops.write(&file, &u, NULL);
		if (n > 0)
			total += n;
		else
			EXPECT_EQ(n, -EAGAIN);
		room = 1000;
		tty_output_ready(t);
	}
	for (int i = 0; i < 10; i++) {
		room = 1000;
		tty_output_ready(t);
	}
	EXPECT_EQ(shown, sizeof(text));
	end();
}

TEST(a_slow_reader_loses_nothing)
{
	static char text[40000], line[8192];
	size_t in = 0, out = 0, n = 0;

	begin();
	settings(0, 0, ECHO);
	for (int i = 0; n < sizeof(text) - 700; i++) {
		size_t len = 50 + i * 37 % 600;

		memset(text + n, 'a' + i % 26, len);
		text[n + len] = '\n';
		n += len + 1;
	}
	while (out < n) {
		in += tty_input(t, text + in, MIN(n - in, (size_t)32));
		if (in < n && !t->throttled)
			continue;
		strcpy(line, read_n(sizeof(line) - 1));
		REQUIRE(line[0] != 'E');
		REQUIRE(!memcmp(line, text + out, strlen(line)));
		out += strlen(line);
	}
	EXPECT_GT(resumed, 0u);
	end();
}

TEST(a_line_too_long_is_cut_and_the_next_is_whole)
{
	static char text[6000];

	begin();
	settings(0, 0, ECHO);
	memset(text, 'l', sizeof(text));
	EXPECT_EQ(tty_input(t, text, sizeof(text)), sizeof(text));
	type("\n");
	EXPECT_EQ(strlen(read_n(8000)), (size_t)TTY_INPUT);
	type("next\n");
	EXPECT_STR(read_n(100), "next\n");
	end();
}

TEST(a_stuck_partial_line_is_let_in)
{
	static char text[4096];

	begin();
	settings(0, 0, ECHO);
	type("first\n");
	memset(text, 'p', sizeof(text));
	EXPECT_LT(tty_input(t, text, sizeof(text)), sizeof(text));
	EXPECT_STR(read_n(100), "first\n");
	EXPECT_EQ(resumed, 1u);
	end();
}

TEST(a_hung_up_terminal_ends)
{
	struct uio u;

	begin();
	type("left\n");
	tty_hang_up(t, true);
	EXPECT_STR(read_n(100), "left\n");
	EXPECT_STR(read_n(100), "");
	uio_kernel(&u, "x", 1);
	EXPECT_EQ(tty_file_ops.write(&file, &u, NULL), -EIO);
	end();
}
