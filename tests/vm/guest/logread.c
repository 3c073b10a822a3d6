/*
 * Who waits for the kernel's log is woken by a line: /dev/kmsg, syslog(2). tests/vm/timer_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/klog.h>

static int kmsg_at_its_end(int flags)
{
	int fd = open("/dev/kmsg", O_RDONLY | flags);

	EXPECT(fd >= 0);
	SAME(lseek(fd, 0, SEEK_END), 0);
	return fd;
}

static void say(const char *text)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* In a child, when we are likely to wait already; nothing depends on it. */
static pid_t say_later(const char *text)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(30000);
		say(text);
		_exit(0);
	}
	return pid;
}

/* Records of others may come in between. */
static void read_until(int fd, const char *text)
{
	char line[8192];
	ssize_t n;

	do {
		n = read(fd, line, sizeof(line) - 1);
		EXPECT(n > 0);
		line[n] = 0;
	} while (!strstr(line, text));
}

CHECK(kmsg_reader_is_woken)
{
	int fd = kmsg_at_its_end(0);
	pid_t pid = say_later("a line for a reader\n");

	read_until(fd, "a line for a reader");
	child_ok(pid);
}

CHECK(kmsg_poller_is_woken)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd = kmsg_at_its_end(O_NONBLOCK), ep = epoll_create1(0);
	pid_t pid = say_later("a line for poll\n");
	char c[1024];

	SAME(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, -1), 1);
	read_until(fd, "a line for poll");
	child_ok(pid);
	while (read(fd, c, sizeof(c)) > 0)
		;
	SAME(errno, EAGAIN);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	pid = say_later("a line for epoll\n");
	SAME(epoll_wait(ep, &e, 1, -1), 1);
	child_ok(pid);
}

CHECK(syslog_reader_is_woken)
{
	static char text[1 << 20];
	pid_t pid;
	int n;

	while (klogctl(9, NULL, 0) > 0)
		EXPECT(klogctl(2, text, sizeof(text)) > 0);
	pid = say_later("a line for syslog\n");
	do {
		n = klogctl(2, text, sizeof(text) - 1);
		EXPECT(n > 0);
		text[n] = 0;
	} while (!strstr(text, "a line for syslog"));
	child_ok(pid);
}

static void caught(int sig)
{
	(void)sig;
}

CHECK(readers_are_interrupted)
{
	struct sigaction a = { .sa_handler = caught };
	char text[1024];
	int fd = kmsg_at_its_end(0);

	SAME(sigaction(SIGALRM, &a, NULL), 0);
	ualarm(20000, 20000);
	while (read(fd, text, sizeof(text)) > 0)
		;
	SAME(errno, EINTR);
	while (klogctl(2, text, sizeof(text)) > 0)
		;
	SAME(errno, EINTR);
}
