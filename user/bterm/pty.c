/*
 * A program on a pseudoterminal. The descriptor does not block: a program that does not read leaves what it is sent
 * here, in a queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "pty.h"

struct pty {
	int    fd;
	char  *waiting;         /* room bytes, of which count from begin on are to be written */
	size_t begin, count, room;
};

/* ---- starting the program ---------------------------------------------------------- */

static int set_size(int fd, struct pty_size size)
{
	struct winsize winsize = {
		.ws_row = (unsigned short)size.rows, .ws_col = (unsigned short)size.cols,
		.ws_xpixel = (unsigned short)size.width, .ws_ypixel = (unsigned short)size.height,
	};

	return ioctl(fd, TIOCSWINSZ, &winsize);
}

/* Open both ends; the program's in *slave. */
static int open_ends(int *slave, struct pty_size size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), error;
	struct termios modes;
	char name[64];

	if (fd < 0)
		return -errno;
	if (grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof name) ||
	    (*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	if (!tcgetattr(*slave, &modes)) {
		modes.c_iflag |= IUTF8;         /* a line's last letter is erased whole */
		tcsetattr(*slave, TCSANOW, &modes);
	}
	set_size(*slave, size);
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	return fd;
}

/* In the child: become the program, or tell why not. */
static _Noreturn void become(char *const argv[], int slave, int report)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(slave, fd);
	setenv("TERM", "xterm-256color", 1);
	setenv("COLORTERM", "truecolor", 1);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	execvp(argv[0], argv);
	error = errno;
	(void)!write(report, &error, sizeof error);
	_exit(127);
}

/* Start the child and wait until it has executed the program: then its end of the report is closed, and empty. */
static int run(char *const argv[], int slave)
{
	int report[2], error = 0;
	pid_t child;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	child = fork();
	if (child < 0)
		error = errno;
	if (child == 0)
		become(argv, slave, report[1]);
	close(report[1]);
	if (child > 0)
		while (read(report[0], &error, sizeof error) < 0 && errno == EINTR)
			;
	close(report[0]);
	return -error;
}

int pty_start(struct pty **result, char *const argv[], struct pty_size size)
{
	struct pty *p = calloc(1, sizeof *p);
	int slave = -1, error;

	if (!p)
		return -ENOMEM;
	p->fd = open_ends(&slave, size);
	error = p->fd < 0 ? p->fd : run(argv, slave);
	if (p->fd >= 0)
		close(slave);
	if (error) {
		pty_close(p);
		return error;
	}
	*result = p;
	return 0;
}

void pty_close(struct pty *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->waiting);
	free(p);
}

/* ---- reading and writing --------------------------------------------------------------- */

int pty_fd(const struct pty *p)
{
	return p->fd;
}

short pty_events(const struct pty *p)
{
	return (short)(POLLIN | (p->count ? POLLOUT : 0));
}

ssize_t pty_read(struct pty *p, char *bytes, size_t room)
{
	ssize_t got = read(p->fd, bytes, room);

	if (got > 0)
		return got;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EIO;
}

/* Bytes that the program took; it takes none when its end is closed, which reading tells. */
static size_t push(struct pty *p, const char *bytes, size_t count)
{
	ssize_t done = write(p->fd, bytes, count);

	return done > 0 ? (size_t)done : 0;
}

void pty_flush(struct pty *p)
{
	size_t done = p->count ? push(p, p->waiting + p->begin, p->count) : 0;

	p->begin += done;
	p->count -= done;
	if (!p->count) {
		free(p->waiting);
		p->waiting = NULL;
		p->begin = p->room = 0;
	}
}

/* Have room for so many more bytes behind those that wait. */
static bool make_room(struct pty *p, size_t count)
{
	size_t room = 2 * (p->count + count);
	char *waiting;

	if (p->begin + p->count + count <= p->room)
		return true;
	waiting = malloc(room);
	if (!waiting)
		return false;
	if (p->count)
		memcpy(waiting, p->waiting + p->begin, p->count);
	free(p->waiting);
	p->waiting = waiting;
	p->begin = 0;
	p->room = room;
	return true;
}

int pty_write(struct pty *p, const char *bytes, size_t count, size_t most)
{
	if (p->count + count > most)
		return -ENOBUFS;
	if (!make_room(p, count))
		return -ENOMEM;
	memcpy(p->waiting + p->begin + p->count, bytes, count);
	p->count += count;
	pty_flush(p);
	return 0;
}

void pty_resize(struct pty *p, struct pty_size size)
{
	set_size(p->fd, size);
}
