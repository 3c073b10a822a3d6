/* pipe: order, room, waiting, ends that close, and writes that stay whole. */
#include "bcheck.h"
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>

static void ends_make(int ends[2])
{
	SAME(pipe(ends), 0);
	EXPECT(ends[0] != ends[1]);
}

static void ends_close(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static int events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void basics(void)
{
	char buf[16];
	int ends[2], waiting;

	ends_make(ends);
	SAME(events(ends[0]), 0);
	SAME(events(ends[1]), POLLOUT);
	SAME(write(ends[1], "one", 3), 3);
	SAME(write(ends[1], "two", 3), 3);
	SAME(events(ends[0]), POLLIN);
	SAME(ioctl(ends[0], FIONREAD, &waiting), 0);
	SAME(waiting, 6);
	SAME(read(ends[0], buf, 4), 4);
	SAME(read(ends[0], buf + 4, 12), 2);
	EXPECT(!memcmp(buf, "onetwo", 6));
	FAILS(read(ends[1], buf, 1), EBADF);
	FAILS(write(ends[0], buf, 1), EBADF);
	FAILS(write(ends[1], nowhere, 4), EFAULT);
	SAME(write(ends[1], "", 0), 0);

	/* The writers go: what is in it comes, then the end. */
	SAME(write(ends[1], "last", 4), 4);
	close(ends[1]);
	SAME(events(ends[0]), POLLIN | POLLHUP);
	SAME(read(ends[0], buf, sizeof(buf)), 4);
	SAME(read(ends[0], buf, sizeof(buf)), 0);
	SAME(events(ends[0]), POLLHUP);
	close(ends[0]);
}

static void no_reader(void)
{
	int ends[2];
	pid_t child;

	ends_make(ends);
	close(ends[0]);
	SAME(events(ends[1]), POLLOUT | POLLERR);
	child = fork();
	if (child == 0) {
		(void)!write(ends[1], "x", 1);
		_exit(0);
	}
	child_dies(child, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(ends[1], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(ends[1]);
}

/* It takes 64 KiB and no more; room for less than PIPE_BUF does not take a part of one write. */
static void room(void)
{
	static char buf[65536];
	int ends[2];

	ends_make(ends);
	SAME(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	SAME(write(ends[1], buf, sizeof(buf)), sizeof(buf));
	FAILS(write(ends[1], buf, 1), EAGAIN);
	SAME(events(ends[1]), 0);
	SAME(read(ends[0], buf, PIPE_BUF), PIPE_BUF);
	SAME(events(ends[1]), POLLOUT);
	SAME(write(ends[1], buf, 2 * PIPE_BUF), PIPE_BUF);
	SAME(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	for (size_t n = 0; n < sizeof(buf);) {
		ssize_t got = read(ends[0], buf, sizeof(buf));

		EXPECT(got > 0);
		n += got;
	}
	FAILS(read(ends[0], buf, 1), EAGAIN);
	ends_close(ends);
}

/* A reader waits for the writer, and a writer for room. */
static void waiting(void)
{
	unsigned char buf[1000];
	int ends[2];
	size_t at = 0;
	ssize_t n;
	pid_t child;

	ends_make(ends);
	child = fork();
	if (child == 0) {
		static unsigned char all[300000];

		close(ends[0]);
		for (size_t i = 0; i < sizeof(all); i++)
			all[i] = pattern(i);
		SAME(write(ends[1], all, sizeof(all)), sizeof(all));
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			SAME(buf[i], pattern(at + i));
		at += n;
	}
	SAME(n, 0);
	SAME(at, 300000);
	child_ok(child);
	close(ends[0]);
}

/* Writes of up to PIPE_BUF bytes from several processes do not mix. */
static void whole_writes(void)
{
	enum { WRITERS = 3, WRITES = 40 };
	unsigned char buf[PIPE_BUF];
	int ends[2], count[WRITERS] = { 0 };
	pid_t children[WRITERS];

	ends_make(ends);
	for (int w = 0; w < WRITERS; w++) {
		children[w] = fork();
		if (children[w] == 0) {
			memset(buf, w, sizeof(buf));
			for (int i = 0; i < WRITES; i++)
				SAME(write(ends[1], buf, sizeof(buf)), sizeof(buf));
			_exit(0);
		}
	}
	close(ends[1]);
	for (int i = 0; i < WRITERS * WRITES; i++) {
		for (size_t at = 0; at < sizeof(buf);) {
			ssize_t n = read(ends[0], buf + at, sizeof(buf) - at);

			EXPECT(n > 0);
			at += n;
		}
		EXPECT(buf[0] < WRITERS);
		for (size_t j = 1; j < sizeof(buf); j++)
			SAME(buf[j], buf[0]);
		count[buf[0]]++;
	}
	SAME(read(ends[0], buf, 1), 0);
	for (int w = 0; w < WRITERS; w++) {
		SAME(count[w], WRITES);
		child_ok(children[w]);
	}
	close(ends[0]);
}

CHECK(pipe)
{
	int before = dup(0);

	close(before);
	basics();
	no_reader();
	room();
	waiting();
	whole_writes();
	/* A failed call leaves no descriptors behind. */
	FAILS(syscall(SYS_pipe2, nowhere, 0), EFAULT);
	SAME(dup(0), before);
}
