/*
 * O_ASYNC as programs see it: whom a file's events are signalled to, and by which signal. Runs as root.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

static sigset_t io;

static void block(int signo)
{
	sigemptyset(&io);
	sigaddset(&io, signo);
	SAME(sigprocmask(SIG_BLOCK, &io, NULL), 0);
}

static siginfo_t comes(void)
{
	siginfo_t info;

	EXPECT(sigwaitinfo(&io, &info) > 0);
	return info;
}

static bool is_pending(void)
{
	struct timespec none = { 0 };

	return sigtimedwait(&io, NULL, &none) > 0;
}

static void signals_reader(int read_end, int write_end)
{
	SAME(fcntl(read_end, F_SETOWN, getpid()), 0);
	SAME(fcntl(read_end, F_GETOWN), getpid());
	SAME(write(write_end, "a\n", 2), 2);
	EXPECT(!is_pending());
	SAME(fcntl(read_end, F_SETFL, O_ASYNC), 0);
	EXPECT(fcntl(read_end, F_GETFL) & O_ASYNC);
	SAME(write(write_end, "b\n", 2), 2);
	SAME(comes().si_code, SI_KERNEL);
	SAME(fcntl(read_end, F_SETFL, 0), 0);
	EXPECT(!(fcntl(read_end, F_GETFL) & O_ASYNC));
	while (is_pending())
		;
	SAME(write(write_end, "c\n", 2), 2);
	EXPECT(!is_pending());
}

CHECK(pipes_signal)
{
	int p[2];

	block(SIGIO);
	SAME(pipe(p), 0);
	signals_reader(p[0], p[1]);
}

CHECK(sockets_signal)
{
	int p[2];

	block(SIGIO);
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	signals_reader(p[0], p[1]);
	SAME(socketpair(AF_UNIX, SOCK_DGRAM, 0, p), 0);
	signals_reader(p[0], p[1]);
}

CHECK(terminals_signal)
{
	int master, slave;

	block(SIGIO);
	SAME(openpty(&master, &slave, NULL, NULL, NULL), 0);
	signals_reader(slave, master);
}

CHECK(ioctls_do_the_same)
{
	int p[2], s[2], on = 1, off = 0, who;

	block(SIGIO);
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	who = -getpgrp();
	SAME(ioctl(s[0], FIOSETOWN, &who), 0);
	who = 0;
	SAME(ioctl(s[0], SIOCGPGRP, &who), 0);
	SAME(who, -getpgrp());
	who = getpid();
	SAME(ioctl(s[0], SIOCSPGRP, &who), 0);
	SAME(ioctl(s[0], FIOASYNC, &on), 0);
	EXPECT(fcntl(s[0], F_GETFL) & O_ASYNC);
	SAME(write(s[1], "x", 1), 1);
	comes();
	SAME(ioctl(s[0], FIOASYNC, &off), 0);
	SAME(ioctl(s[0], FIOASYNC, &off), 0);
	FAILS(ioctl(s[0], FIOASYNC, nowhere), EFAULT);
	FAILS(ioctl(s[0], FIOSETOWN, nowhere), EFAULT);
	SAME(pipe(p), 0);
	FAILS(ioctl(p[0], FIOSETOWN, &who), ENOTTY);
	SAME(ioctl(p[0], FIOASYNC, &on), 0);
}

CHECK(who_and_which)
{
	struct f_owner_ex ex = { F_OWNER_TID, getpid() }, is;
	int p[2];
	siginfo_t info;

	block(SIGRTMIN + 3);
	SAME(pipe(p), 0);
	SAME(fcntl(p[0], F_GETOWN), 0);
	SAME(fcntl(p[0], F_GETSIG), 0);
	SAME(fcntl(p[0], F_SETSIG, SIGRTMIN + 3), 0);
	SAME(fcntl(p[0], F_GETSIG), SIGRTMIN + 3);
	FAILS(fcntl(p[0], F_SETSIG, 65), EINVAL);
	SAME(fcntl(p[0], F_SETOWN_EX, &ex), 0);
	SAME(fcntl(p[0], F_GETOWN_EX, &is), 0);
	SAME(is.type, F_OWNER_TID);
	SAME(is.pid, getpid());
	SAME(fcntl(p[0], F_SETFL, O_ASYNC), 0);
	SAME(write(p[1], "x", 1), 1);
	info = comes();
	SAME(info.si_code, POLL_IN);
	SAME(info.si_fd, p[0]);
	EXPECT(info.si_band & POLLIN);
	close(p[1]);
	SAME(comes().si_fd, p[0]);
	ex.type = 7;
	FAILS(fcntl(p[0], F_SETOWN_EX, &ex), EINVAL);
	FAILS(fcntl(p[0], F_SETOWN_EX, nowhere), EFAULT);
	FAILS(fcntl(p[0], F_SETOWN, 4000000), ESRCH);
	FAILS(fcntl(p[0], F_SETOWN, -2147483647 - 1), EINVAL);
	SAME(fcntl(p[0], F_SETOWN, 0), 0);
	SAME(fcntl(p[0], F_GETOWN), 0);
}

CHECK(groups_get_it)
{
	int p[2], ready[2];
	char c;
	pid_t pid;

	block(SIGIO);
	SAME(pipe(p), 0);
	SAME(pipe(ready), 0);
	SAME(setpgid(0, 0), 0);
	pid = fork();
	if (!pid) {
		SAME(write(ready[1], "r", 1), 1);
		comes();
		_exit(0);
	}
	SAME(read(ready[0], &c, 1), 1);
	SAME(fcntl(p[0], F_SETOWN, -getpgrp()), 0);
	SAME(fcntl(p[0], F_SETFL, O_ASYNC), 0);
	SAME(write(p[1], "x", 1), 1);
	comes();
	child_ok(pid);
	/* The owner is gone: nothing happens. */
	pid = fork();
	if (!pid)
		_exit(0);
	SAME(fcntl(p[0], F_SETOWN, pid), 0);
	child_ok(pid);
	SAME(write(p[1], "x", 1), 1);
	EXPECT(!is_pending());
}

CHECK(strangers_do_not)
{
	int p[2], parent = getpid();
	pid_t pid;

	block(SIGIO);
	SAME(pipe(p), 0);
	pid = fork();
	if (!pid) {
		SAME(setuid(1000), 0);
		SAME(fcntl(p[0], F_SETOWN, parent), 0);
		SAME(fcntl(p[0], F_SETFL, O_ASYNC), 0);
		SAME(write(p[1], "x", 1), 1);
		_exit(0);
	}
	child_ok(pid);
	EXPECT(!is_pending());
}

CHECK(files_that_know_none)
{
	int file = open("/proc/self/stat", O_RDONLY), on = 1;

	FAILS(ioctl(file, FIOASYNC, &on), ENOTTY);
	SAME(fcntl(file, F_SETFL, O_ASYNC), 0);
	EXPECT(!(fcntl(file, F_GETFL) & O_ASYNC));
	FAILS(ioctl(eventfd(0, 0), FIOASYNC, &on), ENOTTY);
}
