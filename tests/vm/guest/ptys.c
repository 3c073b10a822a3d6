/*
 * Pseudo-terminals and controlling terminals as programs see them.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <utmp.h>

static int master;
static char text[65536];
static int length;

/* Read the master until what was said appears; false: it does not. */
static int said(const char *what)
{
	struct pollfd p = { master, POLLIN, 0 };

	for (;;) {
		char *found = memmem(text, length, what, strlen(what));
		ssize_t n;

		if (found) {
			/* What came with it is for the next question. */
			found += strlen(what);
			length -= found - text;
			memmove(text, found, length);
			return 1;
		}
		if (poll(&p, 1, -1) != 1)
			return 0;
		n = read(master, text + length, sizeof(text) - length);
		if (n <= 0)
			return 0;
		length += n;
	}
}

static void tell(const char *what)
{
	SAME(write(master, what, strlen(what)), strlen(what));
}

static pid_t shell(void)
{
	struct winsize size = { .ws_row = 40, .ws_col = 100 };
	pid_t pid = forkpty(&master, NULL, NULL, &size);

	EXPECT(pid >= 0);
	if (!pid) {
		setenv("PS1", "prompt> ", 1);
		execl("/bin/sh", "sh", "-i", NULL);
		_exit(127);
	}
	EXPECT(said("prompt> "));
	return pid;
}

CHECK(a_shell_lives_in_one)
{
	int status;
	pid_t pid = shell();

	tell("stty size; tty\n");
	EXPECT(said("40 100"));
	EXPECT(said("/dev/pts/"));
	EXPECT(said("prompt> "));
	tell("sleep 1000\n");
	EXPECT(said("sleep 1000\r\n"));
	/* The shell may not have handed the terminal over yet. */
	while (tcgetpgrp(master) == pid)
		usleep(1000);
	tell("\003");
	EXPECT(said("prompt> "));
	tell("exit 3\n");
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	/* The last slave has closed: end of file is an error, as on Linux. */
	while (read(master, text, sizeof(text)) > 0)
		;
	SAME(errno, EIO);
}

CHECK(the_master_s_end_hangs_up)
{
	char name[64];
	int status;
	pid_t pid = forkpty(&master, name, NULL, NULL);

	if (!pid) {
		printf("here\n");
		fflush(stdout);
		pause();
		_exit(0);
	}
	EXPECT(said("here"));
	close(master);
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
	FAILS(access(name, F_OK), ENOENT);
}

static int slave_of(int m)
{
	SAME(grantpt(m), 0);
	SAME(unlockpt(m), 0);
	return open(ptsname(m), O_RDWR | O_NOCTTY);
}

CHECK(bytes_go_both_ways)
{
	struct termios t;
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;
	char buf[64];
	struct stat st;

	EXPECT(m >= 0);
	SAME(open(ptsname(m), O_RDWR | O_NOCTTY), -1);
	SAME(errno, EIO);		/* still locked */
	s = slave_of(m);
	EXPECT(s >= 0 && isatty(s));
	SAME(fstat(s, &st), 0);
	EXPECT(S_ISCHR(st.st_mode) && st.st_rdev >> 8 == 136);
	SAME(write(s, "out\n", 4), 4);
	SAME(read(m, buf, sizeof(buf)), 5);
	EXPECT(!memcmp(buf, "out\r\n", 5));
	SAME(write(m, "in\r", 3), 3);
	SAME(read(m, buf, sizeof(buf)), 4);	/* the echo */
	SAME(read(s, buf, sizeof(buf)), 3);
	EXPECT(!memcmp(buf, "in\n", 3));
	SAME(tcgetattr(m, &t), 0);		/* the master's settings are the slave's */
	EXPECT(t.c_lflag & ICANON);
	cfmakeraw(&t);
	SAME(tcsetattr(s, TCSANOW, &t), 0);
	SAME(write(m, "\003\004raw", 5), 5);
	SAME(read(s, buf, sizeof(buf)), 5);
	SAME(write(s, "a\nb", 3), 3);
	SAME(read(m, buf, sizeof(buf)), 3);
}

CHECK(much_goes_through_and_nothing_is_lost)
{
	struct termios t;
	int m = posix_openpt(O_RDWR | O_NOCTTY), s = slave_of(m);
	unsigned long sum = 0, total = 0;
	static unsigned char buf[4096];
	pid_t pid;

	SAME(tcgetattr(s, &t), 0);
	cfmakeraw(&t);
	SAME(tcsetattr(s, TCSANOW, &t), 0);
	pid = fork();
	if (!pid) {
		for (unsigned long i = 0; i < 300000; ) {
			unsigned char piece[1000];
			int n = 1 + i % 999;

			for (int k = 0; k < n; k++)
				piece[k] = (i + k) % 251;
			SAME(write(s, piece, n), n);
			i += n;
			total = i;
		}
		_exit(0);
	}
	while (total < 300000) {
		ssize_t n = read(m, buf, 1 + total % sizeof(buf));

		EXPECT(n > 0);
		for (ssize_t k = 0; k < n; k++)
			sum += buf[k] != (total + k) % 251;
		total += n;
	}
	SAME(sum, 0);
	child_ok(pid);
	/* And the other way, past what the line holds: the writer waits. */
	total = 0;
	pid = fork();
	if (!pid) {
		memset(buf, 'x', sizeof(buf));
		for (int i = 0; i < 30; i++)
			SAME(write(m, buf, sizeof(buf)), sizeof(buf));
		_exit(0);
	}
	while (total < 30 * sizeof(buf)) {
		ssize_t n = read(s, buf, sizeof(buf));

		EXPECT(n > 0);
		total += n;
	}
	child_ok(pid);
}

static volatile sig_atomic_t resized;
static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

/* vhangup(2): what was open is dead, the terminal itself lives on. */
CHECK(a_hang_up_by_a_program)
{
	char name[64], c;
	struct termios t;
	int slave, ready[2];
	pid_t pid;

	EXPECT(openpty(&master, &slave, name, NULL, NULL) == 0 && pipe(ready) == 0);
	pid = fork();
	if (!pid) {
		struct pollfd p = { slave, POLLIN | POLLOUT, 0 };

		signal(SIGHUP, SIG_IGN);
		SAME(login_tty(slave), 0);
		slave = 0;
		p.fd = 0;
		tell("typed\n");
		SAME(vhangup(), 0);
		SAME(read(0, &c, 1), 0);
		FAILS(write(0, "x", 1), EIO);
		FAILS(tcgetattr(0, &t), EIO);
		FAILS(tcsetpgrp(0, getpgrp()), ENOTTY);
		SAME(poll(&p, 1, 0), 1);
		EXPECT(p.revents & POLLHUP);
		FAILS(open("/dev/tty", O_RDWR), ENXIO);
		SAME(vhangup(), 0);		/* no terminal: nothing to do */
		/* Opened anew it is as good as before, and this session's again. */
		slave = open(name, O_RDWR);
		EXPECT(slave >= 0);
		SAME(tcgetattr(slave, &t), 0);
		SAME(tcgetpgrp(slave), getpgrp());
		SAME(write(slave, "alive", 5), 5);
		SAME(write(ready[1], "", 1), 1);
		SAME(read(slave, &c, 1), 1);
		SAME(c, 'k');
		SAME(setuid(1000), 0);
		FAILS(vhangup(), EPERM);
		_exit(0);
	}
	SAME(read(ready[0], &c, 1), 1);
	EXPECT(said("alive"));
	tell("k\n");
	child_ok(pid);
	/* The leader is told, unless it does not care. */
	pid = fork();
	if (!pid) {
		SAME(login_tty(open(name, O_RDWR | O_NOCTTY)), 0);
		vhangup();
		pause();
	}
	{
		int status;

		SAME(waitpid(pid, &status, 0), pid);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
	}
}

CHECK(sessions_and_sizes)
{
	struct winsize size = { .ws_row = 7 };
	int m = posix_openpt(O_RDWR | O_NOCTTY), status, ready[2];
	pid_t pid, got;

	EXPECT(m >= 0);
	SAME(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		int s, t;

		EXPECT(setsid() > 0);
		FAILS(open("/dev/tty", O_RDWR), ENXIO);
		s = slave_of(m);
		FAILS(tcgetpgrp(s), ENOTTY);
		SAME(ioctl(s, TIOCSCTTY, 0), 0);
		SAME(tcgetpgrp(s), getpid());
		SAME(tcgetsid(s), getpid());
		t = open("/dev/tty", O_RDWR);
		EXPECT(t >= 0);
		FAILS(tcsetpgrp(s, 999999), ESRCH);
		signal(SIGWINCH, on_resize);
		SAME(write(ready[1], "x", 1), 1);
		while (!resized)
			usleep(1000);
		SAME(ioctl(t, TIOCGWINSZ, &size), 0);
		SAME(size.ws_row, 7);
		signal(SIGHUP, SIG_IGN);
		SAME(ioctl(s, TIOCNOTTY), 0);
		FAILS(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	SAME(read(ready[0], &got, 1), 1);
	SAME(ioctl(m, TIOCSWINSZ, &size), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

CHECK(many_at_once)
{
	int fds[100];

	for (int i = 0; i < 100; i++) {
		fds[i] = posix_openpt(O_RDWR | O_NOCTTY);
		EXPECT(fds[i] >= 0);
		EXPECT(slave_of(fds[i]) >= 0);
	}
}
