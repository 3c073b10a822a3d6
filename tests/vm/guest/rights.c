/*
 * Descriptors on their way through local sockets (SCM_RIGHTS): sockets that are on the way through one another and that
 * nobody can receive any more end, with everything that is in their queues; those that somebody can reach stay whole.
 * A pipe's writing end that travels along tells: its reader sees the end. tests/vm/socket_test.py runs it.
 */
#include "counts.h"
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

union control { char buf[CMSG_SPACE(4 * sizeof(int))]; struct cmsghdr align; };

static int send_fds(int over, const int *fds, int n)
{
	union control c = { 0 };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(h), fds, n * sizeof(int));
	return sendmsg(over, &m, MSG_DONTWAIT);
}

static void pass(int over, int a, int b)
{
	int fds[] = { a, b };

	SAME(send_fds(over, fds, b < 0 ? 1 : 2), 1);
}

/* What comes with the next byte: n descriptors. */
static void receive(int s, int *fds, int n, int flags)
{
	union control c;
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };

	SAME(recvmsg(s, &m, flags), 1);
	EXPECT(CMSG_FIRSTHDR(&m));
	SAME(CMSG_FIRSTHDR(&m)->cmsg_len, CMSG_LEN(n * sizeof(int)));
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), n * sizeof(int));
}

static void pair(int s[2])
{
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
}

/* A local socket is closed: that is when those that can't be reached are looked for. */
static void look(void)
{
	close(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int told[2];			/* a pipe; its writing end travels */

static void tell_tale(void)
{
	SAME(pipe(told), 0);
}

/* Nobody has the writing end any more. */
static void ended(void)
{
	char c;

	look();
	SAME(read(told[0], &c, 1), 0);
	close(told[0]);
}

static void not_ended(void)
{
	struct pollfd p = { told[0], POLLIN, 0 };

	look();
	SAME(poll(&p, 1, 0), 0);
}

/* Through itself. */
static void cycle_of_one(int w)
{
	int s[2];

	pair(s);
	pass(s[1], s[0], w);
	close(s[0]);
	close(s[1]);
}

/* n sockets, each in the queue of the next; the first one's descriptor, if it is to be kept. */
static int cycle(int n, int w, int keep)
{
	int first[2], last[2], next[2];

	pair(first);
	memcpy(last, first, sizeof(last));
	for (int i = 1; i < n; i++) {
		pair(next);
		pass(next[1], last[0], -1);
		if (i > 1) {
			close(last[0]);
			close(last[1]);
		}
		memcpy(last, next, sizeof(last));
	}
	pass(first[1], last[0], w);
	if (n > 1) {
		close(last[0]);
		close(last[1]);
	}
	close(first[1]);
	if (!keep)
		close(first[0]);
	return first[0];
}

CHECK(a_socket_through_itself)
{
	tell_tale();
	cycle_of_one(told[1]);
	close(told[1]);
	ended();
}

CHECK(two_sockets_through_each_other)
{
	tell_tale();
	cycle(2, told[1], 0);
	close(told[1]);
	ended();
}

CHECK(a_long_ring)
{
	tell_tale();
	cycle(500, told[1], 0);
	close(told[1]);
	ended();
}

/* Each in the queue of the next, the last one's in nobody's: closing that closes all of them. */
CHECK(a_long_chain)
{
	int last[2], next[2];

	tell_tale();
	pair(last);
	pass(last[1], told[1], -1);
	close(told[1]);
	for (int i = 0; i < 5000; i++) {
		pair(next);
		pass(next[1], last[0], -1);
		close(last[0]);
		close(last[1]);
		memcpy(last, next, sizeof(last));
	}
	not_ended();
	close(last[0]);
	close(last[1]);
	ended();
}

/* One descriptor is enough: everything is received from there on, and works. */
CHECK(a_ring_that_can_be_reached_stays_whole)
{
	int s, at, fds[2];
	char c;

	tell_tale();
	s = cycle(5, told[1], 1);
	close(told[1]);
	not_ended();
	receive(s, fds, 2, 0);
	SAME(write(fds[1], "w", 1), 1);
	SAME(read(told[0], &c, 1), 1);
	close(fds[1]);
	at = fds[0];
	ended();
	for (int i = 0; i < 4; i++) {
		look();
		receive(at, fds, 1, 0);
		close(at);
		at = fds[0];
	}
	/* Round once: it is the first. */
	FAILS(send(at, "x", 1, MSG_NOSIGNAL), EPIPE);
	SAME(read(s, &c, 1), 0);
}

/* What hangs on a ring is reached through it, and what the ring hangs on keeps it. */
CHECK(a_ring_in_a_queue_that_is_read)
{
	int s[2], ring, fds[2];

	tell_tale();
	pair(s);
	ring = cycle(3, told[1], 1);
	close(told[1]);
	pass(s[1], ring, -1);
	close(ring);
	not_ended();
	receive(s[0], fds, 1, MSG_PEEK);
	close(s[0]);
	close(s[1]);
	not_ended();
	ring = fds[0];
	receive(ring, fds, 2, MSG_PEEK);
	close(fds[1]);
	close(ring);
	not_ended();
	close(fds[0]);
	ended();
}

static int server(const char *name, struct sockaddr_un *a, socklen_t *len)
{
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path + 1, name);
	*len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
	SAME(bind(s, (struct sockaddr *)a, *len), 0);
	SAME(listen(s, 5), 0);
	return s;
}

CHECK(a_server_in_a_connection_that_it_has_not_accepted)
{
	struct sockaddr_un a;
	socklen_t len;
	int s = server("rights", &a, &len), c = socket(AF_UNIX, SOCK_STREAM, 0), fds[2];
	char byte;

	SAME(connect(c, (struct sockaddr *)&a, len), 0);
	tell_tale();
	pass(c, s, told[1]);
	close(told[1]);
	not_ended();
	/* By the server it is reached. */
	fds[0] = accept(s, NULL, NULL);
	EXPECT(fds[0] >= 0);
	close(s);
	not_ended();
	receive(fds[0], fds, 2, 0);
	told[1] = fds[1];
	s = fds[0];
	close(c);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	SAME(connect(c, (struct sockaddr *)&a, len), 0);
	pass(c, s, told[1]);
	close(told[1]);
	not_ended();
	/* By its client it is not. */
	close(s);
	ended();
	EXPECT(read(c, &byte, 1) <= 0);
	FAILS(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, len), ECONNREFUSED);
}

CHECK(an_epoll_on_the_way_holds_nothing)
{
	struct epoll_event e = { .events = EPOLLIN };
	int s[2], ep = epoll_create1(0), outside = epoll_create1(0);

	tell_tale();
	pair(s);
	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &e), 0);
	SAME(epoll_ctl(outside, EPOLL_CTL_ADD, s[0], &e), 0);
	pass(s[1], s[0], ep);
	pass(s[1], told[1], -1);
	close(told[1]);
	close(ep);
	not_ended();
	SAME(epoll_wait(outside, &e, 1, 0), 1);
	/* By watching it or sending to it nothing is received from it. */
	close(s[0]);
	ended();
	SAME(send(s[1], "x", 1, MSG_NOSIGNAL), -1);
	SAME(epoll_wait(outside, &e, 1, 0), 0);
}

/* Not more on the way than may be open, for all processes of a user; root may. */
CHECK(a_user_has_so_many_on_the_way)
{
	struct rlimit few = { 60, 60 };
	int s[2], fds[2];
	pid_t child;

	SAME(setrlimit(RLIMIT_NOFILE, &few), 0);
	SAME(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	for (int i = 0; i < 5; i++)
		pair(fds);
	for (int i = 0; i < 100; i++)
		pass(s[1 - i % 2], 0, -1);
	for (int i = 0; i < 100; i++) {
		receive(s[i % 2], fds, 1, 0);
		close(fds[0]);
	}
	EXPECT(setgid(1234) == 0 && setuid(1234) == 0);
	for (int i = 0; i < 61; i++)
		pass(s[1 - i % 2], 0, -1);
	fds[0] = 0;
	FAILS(send_fds(s[1], fds, 1), ETOOMANYREFS);
	child = fork_or_end();
	if (!child) {
		FAILS(send_fds(s[1], fds, 1), ETOOMANYREFS);
		_exit(0);
	}
	child_ok(child);
	receive(s[0], fds, 1, 0);
	close(fds[0]);
	fds[0] = 0;
	SAME(send_fds(s[1], fds, 1), 1);
	FAILS(send_fds(s[1], fds, 1), ETOOMANYREFS);
	SAME(write(s[1], "x", 1), 1);
	/* Those that can't be reached do not count for ever. */
	close(s[0]);
	close(s[1]);
	for (int i = 0; i < 200; i++)
		cycle(2, 0, 0);
}

#define CYCLES 10000

CHECK(ten_thousand_rings_leave_nothing)
{
	alarm(0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < (round ? CYCLES : 100); i++)
			if (i % 3)
				cycle(1 + i % 4, 0, 0);
			else
				cycle_of_one(0);
		look();
		if (!round)
			counts_begin();
	}
	counts_same(counts_differ);
}
