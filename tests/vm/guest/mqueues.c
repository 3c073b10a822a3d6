/*
 * POSIX message queues as programs know them (mq_overview(7)): order, waiting, notification, rights and limits. Runs as
 * root. tests/vm/limits_test.py runs it.
 */
#include "counts.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static mqd_t make(const char *name, int flags, long count, long size)
{
	struct mq_attr a = { .mq_maxmsg = count, .mq_msgsize = size };

	return mq_open(name, O_CREAT | flags, 0600, &a);
}

static long waiting(mqd_t q)
{
	struct mq_attr a;

	SAME(mq_getattr(q, &a), 0);
	return a.mq_curmsgs;
}

CHECK(the_most_urgent_comes_first)
{
	mqd_t q = make("/order", O_RDWR | O_EXCL | O_NONBLOCK, 4, 16);
	struct timespec past = { 1, 0 }, wrong = { 0, -1 };
	struct mq_attr a, none = { 0 };
	char buf[16];
	unsigned priority;

	EXPECT(q >= 0);
	FAILS(mq_receive(q, buf, 16, NULL), EAGAIN);
	SAME(mq_send(q, "low", 3, 1), 0);
	SAME(mq_send(q, "high", 4, 9), 0);
	SAME(mq_send(q, "high too", 8, 9), 0);
	SAME(mq_send(q, "", 0, 0), 0);
	FAILS(mq_send(q, "x", 1, 0), EAGAIN);
	FAILS(mq_send(q, buf, 17, 0), EMSGSIZE);
	FAILS(mq_send(q, "x", 1, 32768), EINVAL);
	FAILS(mq_receive(q, buf, 15, NULL), EMSGSIZE);
	SAME(mq_receive(q, buf, 16, &priority), 4);
	SAME(priority, 9);
	SAME(mq_receive(q, buf, 16, NULL), 8);
	SAME(mq_receive(q, buf, 16, &priority), 3);
	EXPECT(priority == 1 && !memcmp(buf, "low", 3));
	SAME(mq_receive(q, buf, 16, NULL), 0);
	SAME(mq_setattr(q, &none, &a), 0);
	EXPECT(a.mq_flags == O_NONBLOCK && a.mq_maxmsg == 4 && a.mq_msgsize == 16 && a.mq_curmsgs == 0);
	FAILS(mq_timedreceive(q, buf, 16, NULL, &past), ETIMEDOUT);
	FAILS(mq_timedreceive(q, buf, 16, NULL, &wrong), EINVAL);
	FAILS(syscall(SYS_mq_timedsend, q, nowhere, 4, 0, NULL), EFAULT);
	FAILS(syscall(SYS_mq_timedsend, 0, "x", 1, 0, NULL), EBADF);
	SAME(fcntl(q, F_GETFD), FD_CLOEXEC);
	SAME(mq_unlink("/order"), 0);
	FAILS(mq_unlink("/order"), ENOENT);
	SAME(mq_close(q), 0);
}

CHECK(names_and_rights)
{
	mqd_t q = make("/named", O_WRONLY, 2, 8), r;
	char buf[8];
	pid_t pid;

	EXPECT(q >= 0);
	FAILS(make("/named", O_RDWR | O_EXCL, 2, 8), EEXIST);
	FAILS(mq_open("/other", O_RDWR), ENOENT);
	FAILS(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	FAILS(mq_receive(q, buf, 8, NULL), EBADF);
	r = mq_open("/named", O_RDONLY);
	FAILS(mq_send(r, "x", 1, 0), EBADF);
	pid = fork();
	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		FAILS(mq_open("/named", O_RDONLY), EACCES);
		/* What is open already is. */
		SAME(mq_send(q, "yours", 5, 0), 0);
		FAILS(make("/own", O_RDWR, 11, 8), EINVAL);
		FAILS(make("/own", O_RDWR, 1, 8193), EINVAL);
		FAILS(make("/own", O_RDWR, 0, 1), EINVAL);
		_exit(0);
	}
	child_ok(pid);
	/* Without its name it lives on while it is open. */
	SAME(mq_unlink("/named"), 0);
	SAME(mq_receive(r, buf, 8, NULL), 5);
	EXPECT(make("/large", O_RDWR, 100, 10) >= 0);	/* root may */
	SAME(mq_unlink("/large"), 0);
}

CHECK(who_waits_is_woken)
{
	mqd_t there = make("/there", O_RDWR, 1, 8), back = make("/back", O_RDWR, 1, 8);
	struct pollfd p = { .fd = back, .events = POLLIN | POLLOUT };
	char buf[8];
	pid_t pid;

	SAME(poll(&p, 1, -1), 1);
	SAME(p.revents, POLLOUT);
	pid = fork();
	if (!pid) {
		SAME(mq_receive(there, buf, 8, NULL), 3);
		SAME(mq_send(back, "back", 4, 0), 0);
		SAME(mq_send(back, "again", 5, 0), 0);	/* when there is room */
		_exit(0);
	}
	SAME(mq_send(there, "one", 3, 0), 0);
	p.events = POLLIN;
	SAME(poll(&p, 1, -1), 1);
	SAME(p.revents, POLLIN);
	/* Full: not to be written to. */
	p.events = POLLOUT;
	SAME(poll(&p, 1, 0), 0);
	SAME(mq_receive(back, buf, 8, NULL), 4);
	SAME(mq_receive(back, buf, 8, NULL), 5);
	child_ok(pid);
	SAME(waiting(back), 0);
	SAME(mq_unlink("/there"), 0);
	SAME(mq_unlink("/back"), 0);
}

static volatile int told, told_value, told_code;

static void hear(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	told++;
	told_value = info->si_value.sival_int;
	told_code = info->si_code;
}

CHECK(a_message_is_told_of_once)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 77 };
	struct sigaction a = { .sa_sigaction = hear, .sa_flags = SA_SIGINFO | SA_RESTART };
	mqd_t q = make("/told", O_RDWR, 4, 8);
	char buf[8];
	pid_t pid;

	SAME(sigaction(SIGUSR1, &a, NULL), 0);
	SAME(mq_notify(q, &e), 0);
	FAILS(mq_notify(q, &e), EBUSY);
	pid = fork();
	if (!pid) {
		FAILS(mq_notify(q, &e), EBUSY);
		SAME(mq_send(q, "x", 1, 0), 0);
		_exit(0);
	}
	child_ok(pid);
	SAME(told, 1);
	EXPECT(told_value == 77 && told_code == SI_MESGQ);
	/* The queue is not empty, and nobody asks any more. */
	SAME(mq_notify(q, &e), 0);
	SAME(mq_send(q, "y", 1, 0), 0);
	SAME(told, 1);
	SAME(mq_notify(q, NULL), 0);
	/* SIGEV_NONE keeps the place, and tells nothing. */
	e.sigev_notify = SIGEV_NONE;
	SAME(mq_receive(q, buf, 8, NULL), 1);
	SAME(mq_receive(q, buf, 8, NULL), 1);
	SAME(mq_notify(q, &e), 0);
	FAILS(mq_notify(q, &e), EBUSY);
	SAME(mq_send(q, "z", 1, 0), 0);
	SAME(told, 1);
	SAME(mq_notify(q, &e), 0);
	e.sigev_notify = 77;
	FAILS(mq_notify(q, &e), EINVAL);
	SAME(mq_unlink("/told"), 0);
}

CHECK(who_closes_is_told_no_more)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	mqd_t q = make("/left", O_RDWR, 4, 8), other;
	pid_t pid = fork();

	if (!pid) {
		SAME(mq_notify(q, &e), 0);
		_exit(0);
	}
	child_ok(pid);
	/* By ending, though the queue is still open here; and by closing any descriptor of it. */
	SAME(mq_notify(q, &e), 0);
	other = dup(q);
	SAME(mq_close(other), 0);
	SAME(mq_notify(q, &e), 0);
	SAME(mq_unlink("/left"), 0);
}

static void limit_set(const char *name, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/fs/mqueue/%s", name);
	fd = open(path, O_WRONLY);
	EXPECT(fd >= 0);
	SAME(write(fd, value, strlen(value)), (long)strlen(value));
	close(fd);
}

CHECK(the_machines_limits)
{
	struct mq_attr a;
	mqd_t q;
	pid_t pid;

	limit_set("msg_max", "12");
	limit_set("msgsize_max", "9000");
	limit_set("msg_default", "5");
	limit_set("msgsize_default", "600");
	limit_set("queues_max", "1");
	pid = fork();
	if (!pid) {
		EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
		FAILS(make("/own", O_RDWR, 13, 8), EINVAL);
		FAILS(make("/own", O_RDWR, 1, 9001), EINVAL);
		q = make("/own", O_RDWR, 12, 9000);
		EXPECT(q >= 0);
		FAILS(make("/second", O_RDWR, 1, 8), ENOSPC);
		/* It is one until nobody has it open. */
		SAME(mq_unlink("/own"), 0);
		FAILS(make("/second", O_RDWR, 1, 8), ENOSPC);
		SAME(mq_close(q), 0);
		q = mq_open("/own", O_RDWR | O_CREAT, 0600, NULL);
		EXPECT(q >= 0);
		SAME(mq_getattr(q, &a), 0);
		EXPECT(a.mq_maxmsg == 5 && a.mq_msgsize == 600);
		SAME(mq_unlink("/own"), 0);
		_exit(0);
	}
	child_ok(pid);
	limit_set("msg_max", "10");
	limit_set("msgsize_max", "8192");
	limit_set("msg_default", "10");
	limit_set("msgsize_default", "8192");
	limit_set("queues_max", "256");
}

CHECK(a_users_queues_have_a_limit)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct rlimit l = { 20000, 20000 };
	pid_t pid;

	for (int n = 0; n < 21; n++) {
		pid = fork();
		if (!pid) {
			mqd_t q;

			SAME(setrlimit(RLIMIT_MSGQUEUE, &l), 0);
			EXPECT(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
			q = make("/mine", O_RDWR, 10, 1000);
			EXPECT(q >= 0);
			FAILS(make("/mine2", O_RDWR, 10, 1000), EMFILE);
			SAME(mq_send(q, "left", 4, 0), 0);
			SAME(mq_notify(q, &e), 0);
			SAME(mq_unlink("/mine"), 0);
			_exit(0);
		}
		child_ok(pid);
		if (!n)
			counts_begin();
	}
	counts_same(counts_differ_in_pages);
}
