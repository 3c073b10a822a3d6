/*
 * Pipes and the ways to wait for descriptors: poll, select, epoll. tests/vm/process_test.py runs it.
 */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <time.h>

CHECK(a_megabyte_goes_through_unchanged)
{
	unsigned char buf[7000];
	int p[2];
	long n = 0;
	ssize_t r;
	pid_t pid;

	EXPECT(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		for (long at = 0; at < 1 << 20; at += r) {
			size_t want = 1 + at % 6999;

			if (want > (size_t)((1 << 20) - at))
				want = (1 << 20) - at;
			for (size_t i = 0; i < want; i++)
				buf[i] = (at + i) % 251;
			r = write(p[1], buf, want);
			EXPECT(r > 0);
		}
		_exit(0);
	}
	close(p[1]);
	while ((r = read(p[0], buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < r; i++, n++)
			EXPECT(buf[i] == n % 251);
	SAME(r, 0);
	SAME(n, 1 << 20);
	child_ok(pid);
}

CHECK(full_and_empty_without_waiting)
{
	static char buf[4096];
	long n = 0;
	ssize_t r;
	int p[2], waiting;

	EXPECT(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	FAILS(read(p[0], buf, 1), EAGAIN);
	while ((r = write(p[1], buf, sizeof(buf))) > 0)
		n += r;
	SAME(errno, EAGAIN);
	EXPECT(n >= 4096);
	SAME(ioctl(p[0], FIONREAD, &waiting), 0);
	SAME(waiting, n);
	/* What fits in PIPE_BUF goes as a whole or not at all. */
	SAME(read(p[0], buf, 100), 100);
	FAILS(write(p[1], buf, PIPE_BUF), EAGAIN);
	close(p[1]);
	while ((r = read(p[0], buf, sizeof(buf))) > 0)
		n -= r;
	SAME(r, 0);
	SAME(n, 100);
}

CHECK(small_writes_are_never_mixed)
{
	char line[512];
	int p[2], counts[4] = { 0 };
	ssize_t r;

	EXPECT(pipe(p) == 0);
	for (int w = 0; w < 4; w++)
		if (fork() == 0) {
			memset(line, 'a' + w, sizeof(line));
			for (int i = 0; i < 100; i++)
				SAME(write(p[1], line, sizeof(line)), sizeof(line));
			_exit(0);
		}
	close(p[1]);
	for (;;) {
		size_t have = 0;

		while (have < sizeof(line) && (r = read(p[0], line + have, sizeof(line) - have)) > 0)
			have += r;
		if (!have)
			break;
		SAME(have, sizeof(line));
		for (size_t i = 1; i < sizeof(line); i++)
			EXPECT(line[i] == line[0]);
		counts[line[0] - 'a']++;
	}
	for (int w = 0; w < 4; w++)
		SAME(counts[w], 100);
	while (wait(NULL) > 0)
		;
}

CHECK(poll_says_what_is_there)
{
	struct pollfd f[2];
	int p[2];
	char c;

	EXPECT(pipe(p) == 0);
	f[0] = (struct pollfd){ .fd = p[0], .events = POLLIN };
	f[1] = (struct pollfd){ .fd = p[1], .events = POLLOUT };
	SAME(poll(f, 2, 0), 1);
	EXPECT(f[0].revents == 0 && f[1].revents == POLLOUT);
	SAME(write(p[1], "x", 1), 1);
	SAME(poll(f, 2, -1), 2);
	EXPECT(f[0].revents == POLLIN);
	SAME(read(p[0], &c, 1), 1);
	close(p[1]);
	f[1].fd = 999;
	SAME(poll(f, 2, -1), 2);
	EXPECT(f[0].revents == POLLHUP && f[1].revents == POLLNVAL);
}

CHECK(poll_waits_as_long_as_told)
{
	struct timespec a, b;
	struct pollfd f;
	long ms;
	int p[2];

	EXPECT(pipe(p) == 0);
	f = (struct pollfd){ .fd = p[0], .events = POLLIN };
	clock_gettime(CLOCK_MONOTONIC, &a);
	SAME(poll(&f, 1, 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	EXPECT(ms >= 30);
}

CHECK(select_says_what_is_there)
{
	struct timeval none = { 0, 0 };
	fd_set r, w;
	int p[2];

	EXPECT(pipe(p) == 0);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	SAME(select(p[1] + 1, &r, &w, NULL, &none), 1);
	EXPECT(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
}

CHECK(epoll_levels_edges_and_once)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 }, out[4];
	int p[2], ep = epoll_create1(EPOLL_CLOEXEC);
	char c;

	EXPECT(ep >= 0 && pipe(p) == 0);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
	FAILS(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e), EBADF);
	SAME(epoll_wait(ep, out, 4, 0), 0);
	SAME(write(p[1], "xx", 2), 2);
	SAME(epoll_wait(ep, out, 4, -1), 1);
	EXPECT(out[0].events == EPOLLIN && out[0].data.u64 == 0x1122334455667788);
	SAME(epoll_wait(ep, out, 4, 0), 1);
	e.events = EPOLLIN | EPOLLET;
	SAME(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
	SAME(epoll_wait(ep, out, 4, 0), 1);
	SAME(epoll_wait(ep, out, 4, 0), 0);
	SAME(write(p[1], "x", 1), 1);
	SAME(epoll_wait(ep, out, 4, 0), 1);
	e.events = EPOLLIN | EPOLLONESHOT;
	SAME(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), 0);
	SAME(epoll_wait(ep, out, 4, 0), 1);
	SAME(write(p[1], "x", 1), 1);
	SAME(epoll_wait(ep, out, 4, 0), 0);
	SAME(read(p[0], &c, 1), 1);
	SAME(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
	FAILS(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), ENOENT);
}

CHECK(epoll_tells_of_the_end_unasked)
{
	struct epoll_event e = { .events = 0, .data.u64 = 7 }, out[4];
	int p[2], ep = epoll_create1(0), once = epoll_create1(0);

	EXPECT(ep >= 0 && once >= 0 && pipe(p) == 0);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	e.events = EPOLLIN | EPOLLONESHOT;
	SAME(epoll_ctl(once, EPOLL_CTL_ADD, p[0], &e), 0);
	SAME(write(p[1], "x", 1), 1);
	SAME(epoll_wait(ep, out, 4, 0), 0);
	SAME(epoll_wait(once, out, 4, 0), 1);
	close(p[1]);
	SAME(epoll_wait(ep, out, 4, 0), 1);
	EXPECT(out[0].events == EPOLLHUP && out[0].data.u64 == 7);
	SAME(epoll_wait(once, out, 4, 0), 0);
}

CHECK(a_waiter_is_woken)
{
	struct epoll_event e = { .events = EPOLLIN }, out;
	int p[2], ep = epoll_create1(0);
	pid_t pid;

	EXPECT(ep >= 0 && pipe(p) == 0);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	pid = fork();
	if (pid == 0) {
		usleep(10000);
		_exit(write(p[1], "x", 1) != 1);
	}
	SAME(epoll_wait(ep, &out, 1, -1), 1);
	child_ok(pid);
}

CHECK(vectors)
{
	char a[3], b[10];
	struct iovec out[] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } }, in[] = { { a, 3 }, { b, 10 } };
	int p[2];

	EXPECT(pipe(p) == 0);
	SAME(writev(p[1], out, 3), 6);
	SAME(readv(p[0], in, 2), 6);
	EXPECT(!memcmp(a, "abc", 3) && !memcmp(b, "def", 3));
	FAILS(writev(p[1], out, -1), EINVAL);
}

CHECK(wrong_descriptors)
{
	char c;
	int p[2];

	EXPECT(pipe(p) == 0);
	FAILS(read(999, &c, 1), EBADF);
	FAILS(read(p[1], &c, 1), EBADF);
	FAILS(write(p[0], &c, 1), EBADF);
	FAILS(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	FAILS(close(999), EBADF);
	FAILS(pipe2(p, 12345), EINVAL);
}
