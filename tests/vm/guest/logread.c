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

/* What stands before the time of the record that says this. */
static unsigned number_of(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char line[8192];
	unsigned number = ~0u;
	ssize_t n;

	while ((n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		if (strstr(line, text))
			number = atoi(line);
	}
	close(fd);
	return number;
}

CHECK(what_programs_say_is_of_the_users)
{
	say("no level is a warning\n");
	say("<3>an error\n");
	say("<30>a daemon's\n");
	say("<2047>all bits\n");
	say("<x>no number\n");
	SAME(number_of("no level is a warning"), 8 | 4);
	SAME(number_of("an error"), 8 | 3);
	SAME(number_of("a daemon's"), 30);
	SAME(number_of("all bits"), 2047);
	SAME(number_of("<x>no number"), 8 | 4);
}

CHECK(a_cleared_log_is_still_there_from_its_start)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	char text[8192];

	say("before the log is cleared\n");
	SAME(klogctl(5, NULL, 0), 0);
	say("after the log is cleared\n");
	SAME(lseek(fd, 0, SEEK_DATA), 0);
	do {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		EXPECT(n > 0);
		text[n] = 0;
		EXPECT(!strstr(text, "before the log is cleared"));
	} while (!strstr(text, "after the log is cleared"));
	SAME(lseek(fd, 0, SEEK_SET), 0);
	read_until(fd, "before the log is cleared");
	FAILS(lseek(fd, 0, SEEK_CUR), EINVAL);
	FAILS(lseek(fd, 1, SEEK_SET), ESPIPE);
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
