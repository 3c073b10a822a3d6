/*
 * Sockets as programs know them: local ones, datagrams over loopback, raw and packet sockets, netlink, the interface
 * ioctls, and the errors of each. tests/vm/socket_test.py runs it; the loopback interface must be up.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* ---- local sockets ---- */

static socklen_t path_address(struct sockaddr_un *a, const char *path)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
}

/* Names with a leading @ are abstract. */
static socklen_t address(struct sockaddr_un *a, const char *name)
{
	socklen_t len = path_address(a, name);

	if (name[0] != '@')
		return len;
	a->sun_path[0] = '\0';
	return len - 1;
}

CHECK(a_stream_pair_carries_bytes_both_ways)
{
	char buf[100];
	int s[2], n;

	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	SAME(write(s[0], "abc", 3), 3);
	SAME(write(s[0], "def", 3), 3);
	SAME(ioctl(s[1], FIONREAD, &n), 0);
	SAME(n, 6);
	SAME(recv(s[1], buf, 4, MSG_PEEK), 4);
	SAME(read(s[1], buf, 4), 4);
	EXPECT(!memcmp(buf, "abcd", 4));
	SAME(read(s[1], buf, 100), 2);
	SAME(write(s[1], "x", 1), 1);
	SAME(read(s[0], buf, 1), 1);
	FAILS(recv(s[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	close(s[1]);
	SAME(read(s[0], buf, 1), 0);
	FAILS(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
}

CHECK(writing_to_a_closed_stream_signals)
{
	int s[2], status;
	pid_t pid;

	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	close(s[1]);
	pid = fork();
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		write(s[0], "x", 1);
		_exit(0);
	}
	SAME(waitpid(pid, &status, 0), pid);
	EXPECT(WIFSIGNALED(status));
	SAME(WTERMSIG(status), SIGPIPE);
}

CHECK(a_stream_is_bounded_and_wakes_its_writer)
{
	static char buf[1 << 16];
	long total = 0, got = 0;
	int s[2];
	ssize_t n;
	pid_t pid;

	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	pid = fork();
	if (!pid) {
		close(s[0]);
		for (int i = 0; i < 64; i++) {
			memset(buf, i, sizeof(buf));
			SAME(write(s[1], buf, sizeof(buf)), sizeof(buf));
		}
		_exit(0);
	}
	close(s[1]);
	while ((n = read(s[0], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			EXPECT(buf[i] == (char)((got + i) >> 16));
		got += n;
	}
	SAME(n, 0);
	SAME(got, 64l << 16);
	child_ok(pid);
	SAME(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	while ((n = write(s[0], buf, 4096)) > 0)
		total += n;
	SAME(errno, EAGAIN);
	EXPECT(total > 10000 && total < 10 << 20);
}

CHECK(packets_keep_their_bounds)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	char buf[10];
	int s[2];

	for (int i = 0; i < 2; i++) {
		SAME(socketpair(AF_UNIX, types[i], 0, s), 0);
		SAME(send(s[0], "one", 3, 0), 3);
		SAME(send(s[0], "three", 5, 0), 5);
		SAME(recv(s[1], buf, 10, 0), 3);
		SAME(recv(s[1], buf, 2, MSG_TRUNC), 5);
		FAILS(recv(s[1], buf, 10, MSG_DONTWAIT), EAGAIN);
		SAME(send(s[0], "", 0, 0), 0);
		SAME(recv(s[1], buf, 10, 0), 0);
	}
	close(s[0]);
	SAME(recv(s[1], buf, 10, 0), 0);
}

static void serve(const char *name)
{
	struct sockaddr_un a, b;
	socklen_t len = address(&a, name), blen = sizeof(b);
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), c, s;
	struct ucred cred;
	char buf[10];

	SAME(bind(l, (struct sockaddr *)&a, len), 0);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(connect(c, (struct sockaddr *)&a, len), ECONNREFUSED);	/* nobody listens yet */
	SAME(listen(l, 5), 0);
	SAME(connect(c, (struct sockaddr *)&a, len), 0);
	FAILS(connect(c, (struct sockaddr *)&a, len), EISCONN);
	SAME(write(c, "early", 5), 5);			/* before it is accepted */
	s = accept4(l, (struct sockaddr *)&b, &blen, SOCK_CLOEXEC);
	EXPECT(s >= 0);
	SAME(blen, sizeof(sa_family_t));		/* the client has no name */
	SAME(fcntl(s, F_GETFD), FD_CLOEXEC);
	SAME(read(s, buf, 10), 5);
	blen = sizeof(b);
	SAME(getpeername(c, (struct sockaddr *)&b, &blen), 0);
	SAME(blen, len);
	EXPECT(!memcmp(&a, &b, len));
	blen = sizeof(cred);
	SAME(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &cred, &blen), 0);
	SAME(cred.pid, getpid());
	SAME(cred.uid, getuid());
	FAILS(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, len), EADDRINUSE);
	SAME(fcntl(l, F_SETFL, O_NONBLOCK), 0);
	FAILS(accept(l, NULL, NULL), EAGAIN);
	close(l);
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(connect(c, (struct sockaddr *)&a, len), ECONNREFUSED);
}

CHECK(a_server_by_path)
{
	struct stat st;

	unlink("/tmp/sock");
	serve("/tmp/sock");
	SAME(stat("/tmp/sock", &st), 0);
	EXPECT(S_ISSOCK(st.st_mode));
	FAILS(open("/tmp/sock", O_RDWR), ENXIO);
	SAME(unlink("/tmp/sock"), 0);
}

CHECK(a_server_by_an_abstract_name)
{
	struct sockaddr_un a;
	int c;

	serve("@abstract");
	c = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(connect(c, (struct sockaddr *)&a, address(&a, "@nobody")), ECONNREFUSED);
	FAILS(connect(c, (struct sockaddr *)&a, address(&a, "/tmp/nothing")), ENOENT);
	FAILS(connect(c, (struct sockaddr *)&a, address(&a, "/dev/null")), ECONNREFUSED);
}

CHECK(datagrams_by_name_tell_their_sender)
{
	struct sockaddr_un a, b, from;
	socklen_t alen = address(&a, "@a"), blen = address(&b, "@b"), len = sizeof(from);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0), r = socket(AF_UNIX, SOCK_DGRAM, 0), anonymous = socket(AF_UNIX, SOCK_DGRAM, 0);
	char buf[10];

	SAME(bind(s, (struct sockaddr *)&a, alen), 0);
	SAME(bind(r, (struct sockaddr *)&b, blen), 0);
	SAME(sendto(s, "hi", 2, 0, (struct sockaddr *)&b, blen), 2);
	SAME(recvfrom(r, buf, 10, 0, (struct sockaddr *)&from, &len), 2);
	SAME(len, alen);
	EXPECT(!memcmp(&from, &a, alen));
	SAME(sendto(anonymous, "hi", 2, 0, (struct sockaddr *)&b, blen), 2);
	len = sizeof(from);
	SAME(recvfrom(r, buf, 10, 0, (struct sockaddr *)&from, &len), 2);
	SAME(len, 0);
	FAILS(send(anonymous, "x", 1, 0), ENOTCONN);
	SAME(connect(r, (struct sockaddr *)&a, alen), 0);
	FAILS(sendto(anonymous, "x", 1, 0, (struct sockaddr *)&b, blen), EPERM);	/* r hears a only */
	close(r);
	FAILS(sendto(s, "x", 1, 0, (struct sockaddr *)&b, blen), ECONNREFUSED);
	/* Autobind gives a name of five digits. */
	SAME(bind(anonymous, (struct sockaddr *)&a, sizeof(sa_family_t)), 0);
	len = sizeof(from);
	SAME(getsockname(anonymous, (struct sockaddr *)&from, &len), 0);
	SAME(len, sizeof(sa_family_t) + 6);
}

/* Send a descriptor with one byte. */
static void send_fd(int s, int fd)
{
	union { char buf[CMSG_SPACE(4)]; struct cmsghdr align; } c = { 0 };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(h), &fd, 4);
	SAME(sendmsg(s, &m, 0), 1);
}

CHECK(descriptors_travel)
{
	union { char buf[CMSG_SPACE(16)]; struct cmsghdr align; } c;
	char byte, buf[8];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };
	int s[2], p[2], fd;
	pid_t pid;

	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	pid = fork();
	if (!pid) {
		SAME(pipe(p), 0);
		send_fd(s[1], p[0]);
		SAME(write(p[1], "through", 7), 7);
		_exit(0);
	}
	SAME(recvmsg(s[0], &m, MSG_CMSG_CLOEXEC), 1);
	SAME(m.msg_flags & MSG_CTRUNC, 0);
	EXPECT(CMSG_FIRSTHDR(&m) && CMSG_FIRSTHDR(&m)->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), 4);
	SAME(fcntl(fd, F_GETFD), FD_CLOEXEC);
	SAME(read(fd, buf, 8), 7);
	child_ok(pid);
	close(fd);
	/* Without room for it the descriptor is dropped, and the reader told. */
	send_fd(s[1], 0);
	m.msg_control = NULL;
	m.msg_controllen = 0;
	SAME(recvmsg(s[0], &m, 0), 1);
	SAME(m.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
}

CHECK(a_half_closed_stream)
{
	struct pollfd f;
	char buf[4];
	int s[2];

	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	f = (struct pollfd){ s[1], POLLIN | POLLOUT | POLLRDHUP, 0 };
	SAME(poll(&f, 1, 0), 1);
	SAME(f.revents, POLLOUT);
	SAME(write(s[0], "x", 1), 1);
	SAME(shutdown(s[0], SHUT_WR), 0);
	FAILS(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	SAME(poll(&f, 1, 0), 1);
	SAME(f.revents, POLLIN | POLLOUT | POLLRDHUP);
	SAME(read(s[1], buf, 4), 1);
	SAME(read(s[1], buf, 4), 0);
	SAME(write(s[1], "y", 1), 1);
	SAME(read(s[0], buf, 4), 1);
	close(s[0]);
	SAME(poll(&f, 1, 0), 1);
	EXPECT(f.revents & POLLHUP);
}

/* ---- datagrams over loopback ---- */

static struct sockaddr_in inet(uint32_t a, int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(a) };
}

static int udp_bound(uint32_t a, struct sockaddr_in *name)
{
	struct sockaddr_in in = inet(a, 0);
	socklen_t len = sizeof(*name);
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	EXPECT(s >= 0);
	SAME(bind(s, (struct sockaddr *)&in, sizeof(in)), 0);
	SAME(getsockname(s, (struct sockaddr *)name, &len), 0);
	SAME(len, sizeof(*name));
	EXPECT(ntohs(name->sin_port) >= 32768);
	return s;
}

CHECK(a_datagram_there_and_back)
{
	struct sockaddr_in server, from;
	int s = udp_bound(INADDR_LOOPBACK, &server), c = socket(AF_INET, SOCK_DGRAM, 0), n;
	socklen_t len = sizeof(from);
	char buf[100];

	FAILS(getpeername(c, (struct sockaddr *)&from, &len), ENOTCONN);
	SAME(connect(c, (struct sockaddr *)&server, sizeof(server)), 0);
	SAME(send(c, "question", 8, 0), 8);
	SAME(ioctl(s, FIONREAD, &n), 0);
	SAME(n, 8);
	SAME(recvfrom(s, buf, 100, MSG_PEEK, (struct sockaddr *)&from, &len), 8);
	SAME(recvfrom(s, buf, 4, MSG_TRUNC, (struct sockaddr *)&from, &len), 8);
	SAME(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	SAME(sendto(s, "answer", 6, 0, (struct sockaddr *)&from, len), 6);
	SAME(read(c, buf, 100), 6);
	FAILS(recv(c, buf, 100, MSG_DONTWAIT), EAGAIN);
	SAME(send(c, "", 0, 0), 0);
	SAME(recv(s, buf, 100, 0), 0);
	/* Connected, it hears nobody else. */
	{
		struct sockaddr_in me, other;
		int o = udp_bound(INADDR_LOOPBACK, &other);

		len = sizeof(me);
		SAME(getsockname(c, (struct sockaddr *)&me, &len), 0);
		SAME(me.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		SAME(sendto(o, "x", 1, 0, (struct sockaddr *)&me, sizeof(me)), 1);
		FAILS(recv(c, buf, 100, MSG_DONTWAIT), EAGAIN);
	}
}

CHECK(large_datagrams_and_too_large_ones)
{
	static char out[65507], in[65507];
	struct sockaddr_in server;
	int s = udp_bound(INADDR_LOOPBACK, &server);

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = i * 7 + i / 256;
	SAME(sendto(s, out, sizeof(out), 0, (struct sockaddr *)&server, sizeof(server)), sizeof(out));
	SAME(recv(s, in, sizeof(in), 0), sizeof(in));
	EXPECT(!memcmp(in, out, sizeof(in)));
	FAILS(sendto(s, out, 65508, 0, (struct sockaddr *)&server, sizeof(server)), EMSGSIZE);
}

CHECK(nobody_there_is_told)
{
	struct sockaddr_in gone;
	int s = udp_bound(INADDR_LOOPBACK, &gone), c = socket(AF_INET, SOCK_DGRAM, 0), error;
	struct pollfd f = { c, POLLIN, 0 };
	socklen_t len = sizeof(error);
	char buf[4];

	close(s);
	SAME(connect(c, (struct sockaddr *)&gone, sizeof(gone)), 0);
	SAME(send(c, "x", 1, 0), 1);
	FAILS(recv(c, buf, 4, 0), ECONNREFUSED);
	SAME(send(c, "x", 1, 0), 1);
	SAME(poll(&f, 1, -1), 1);
	EXPECT(f.revents & POLLERR);
	SAME(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	SAME(error, ECONNREFUSED);
	SAME(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	SAME(error, 0);
}

CHECK(a_receive_timeout_ends_the_wait)
{
	struct sockaddr_in name;
	int s = udp_bound(INADDR_LOOPBACK, &name);
	struct timeval tv = { 0, 50000 }, got;
	socklen_t len = sizeof(got);
	double begin;
	char buf[4];

	SAME(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	SAME(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
	EXPECT(got.tv_usec >= 50000 && got.tv_usec <= 54000);
	begin = now();
	FAILS(recv(s, buf, 4, 0), EAGAIN);
	EXPECT(now() - begin >= 0.049);
	tv.tv_usec = 1000000;
	FAILS(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), EDOM);
}

static void nothing(int signo)
{
	(void)signo;
}

CHECK(a_signal_ends_the_wait)
{
	struct sigaction a = { .sa_handler = nothing };
	struct itimerval t = { { 0, 50000 }, { 0, 50000 } };	/* again and again: the first may come too early */
	struct sockaddr_in name;
	int s = udp_bound(INADDR_LOOPBACK, &name);
	char buf[4];

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	FAILS(recv(s, buf, 4, 0), EINTR);
	/* With SA_RESTART it goes on, until the datagram comes. */
	a.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	if (!fork()) {
		usleep(200000);
		sendto(s, "late", 4, 0, (struct sockaddr *)&name, sizeof(name));
		_exit(0);
	}
	SAME(recv(s, buf, 4, 0), 4);
}

CHECK(many_messages_in_one_call)
{
	struct sockaddr_in name;
	int s = udp_bound(INADDR_LOOPBACK, &name);
	char texts[20][4], bufs[20][8];
	struct iovec out[20], in[20];
	struct mmsghdr mo[20] = { 0 }, mi[20] = { 0 };
	struct timespec wait = { 1, 0 };

	for (int i = 0; i < 20; i++) {
		texts[i][0] = i;
		out[i] = (struct iovec){ texts[i], 1 + i % 4 };
		in[i] = (struct iovec){ bufs[i], 8 };
		mo[i].msg_hdr = (struct msghdr){ .msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &out[i], .msg_iovlen = 1 };
		mi[i].msg_hdr = (struct msghdr){ .msg_iov = &in[i], .msg_iovlen = 1 };
	}
	SAME(sendmmsg(s, mo, 20, 0), 20);
	SAME(mo[3].msg_len, 4);
	SAME(recvmmsg(s, mi, 20, MSG_WAITFORONE, &wait), 20);
	for (int i = 0; i < 20; i++) {
		SAME(mi[i].msg_len, 1 + i % 4);
		SAME(bufs[i][0], i);
	}
	FAILS(recvmmsg(s, mi, 20, MSG_DONTWAIT, NULL), EAGAIN);
}

CHECK(scattered_reads_and_writes)
{
	struct sockaddr_in name;
	int s = udp_bound(INADDR_LOOPBACK, &name);
	char a[3], b[100], c[10];
	struct iovec out[4] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 }, { "g", 1 } }, in[3] = { { a, 3 }, { b, 1 }, { c, 10 } };

	SAME(connect(s, (struct sockaddr *)&name, sizeof(name)), 0);
	SAME(writev(s, out, 4), 7);
	SAME(readv(s, in, 3), 7);
	EXPECT(!memcmp(a, "abc", 3) && b[0] == 'd' && !memcmp(c, "efg", 3));
}

CHECK(ancillary_data_tells_of_a_datagram)
{
	union { char buf[256]; struct cmsghdr align; } c;
	struct sockaddr_in name;
	int s = udp_bound(INADDR_ANY, &name), on = 1, ttl = 0, seen = 0;
	struct iovec v = { &(char[8]){ 0 }, 8 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.buf, .msg_controllen = sizeof(c.buf) };
	struct sockaddr_in to = inet(INADDR_LOOPBACK, ntohs(name.sin_port));

	SAME(setsockopt(s, IPPROTO_IP, IP_PKTINFO, &on, 4), 0);
	SAME(setsockopt(s, IPPROTO_IP, IP_RECVTTL, &on, 4), 0);
	SAME(setsockopt(s, SOL_SOCKET, SO_TIMESTAMP, &on, 4), 0);
	SAME(setsockopt(s, IPPROTO_IP, IP_TTL, &(int){ 33 }, 4), 0);
	SAME(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	SAME(recvmsg(s, &m, 0), 1);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *i = (struct in_pktinfo *)CMSG_DATA(h);

			SAME(i->ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
			SAME(i->ipi_ifindex, if_nametoindex("lo"));
			seen |= 1;
		} else if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TTL) {
			memcpy(&ttl, CMSG_DATA(h), 4);
			seen |= 2;
		} else if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SO_TIMESTAMP) {
			struct timeval tv;

			memcpy(&tv, CMSG_DATA(h), sizeof(tv));
			EXPECT(labs((long)(time(NULL) - tv.tv_sec)) <= 10);
			seen |= 4;
		}
	}
	SAME(seen, 7);
	SAME(ttl, 33);
	/* Too little room is said, not overrun. */
	SAME(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	m.msg_controllen = 20;
	SAME(recvmsg(s, &m, 0), 1);
	SAME(m.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
}

CHECK(epoll_tells_of_datagrams)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	struct sockaddr_in name;
	int s = udp_bound(INADDR_LOOPBACK, &name), ep = epoll_create1(0);
	char buf[4];

	SAME(epoll_ctl(ep, EPOLL_CTL_ADD, s, &e), 0);
	SAME(epoll_wait(ep, &e, 1, 0), 0);
	SAME(sendto(s, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
	SAME(epoll_wait(ep, &e, 1, -1), 1);
	SAME(epoll_wait(ep, &e, 1, 0), 0);		/* edges only */
	SAME(sendto(s, "y", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
	SAME(epoll_wait(ep, &e, 1, -1), 1);
	SAME(recv(s, buf, 4, 0), 1);
}

CHECK(ports_are_given_once_unless_shared)
{
	struct sockaddr_in name;
	int a = udp_bound(INADDR_ANY, &name), b = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	struct sockaddr_in local = inet(INADDR_LOOPBACK, ntohs(name.sin_port)), foreign = inet(0x01020304, 0);

	FAILS(bind(b, (struct sockaddr *)&name, sizeof(name)), EADDRINUSE);
	FAILS(bind(b, (struct sockaddr *)&local, sizeof(local)), EADDRINUSE);
	SAME(setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &on, 4), 0);
	SAME(setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &on, 4), 0);
	SAME(bind(b, (struct sockaddr *)&name, sizeof(name)), 0);
	FAILS(bind(b, (struct sockaddr *)&name, sizeof(name)), EINVAL);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	FAILS(bind(b, (struct sockaddr *)&foreign, sizeof(foreign)), EADDRNOTAVAIL);
	FAILS(bind(b, (struct sockaddr *)&foreign, 3), EINVAL);
}

CHECK(options_are_kept)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), v = 0;
	socklen_t len = sizeof(v);
	char device[16] = { 0 };

	SAME(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &len), 0);
	SAME(v, SOCK_DGRAM);
	SAME(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &v, &len), 0);
	SAME(v, AF_INET);
	SAME(getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &v, &len), 0);
	SAME(v, IPPROTO_UDP);
	SAME(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &(int){ 20000 }, 4), 0);
	SAME(getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	SAME(v, 40000);
	SAME(setsockopt(s, IPPROTO_IP, IP_TOS, &(int){ 0x10 }, 4), 0);
	SAME(getsockopt(s, IPPROTO_IP, IP_TOS, &v, &len), 0);
	SAME(v, 0x10);
	SAME(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
	len = sizeof(device);
	SAME(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device, &len), 0);
	EXPECT(!strcmp(device, "lo"));
	FAILS(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "none9", 6), ENODEV);
	FAILS(setsockopt(s, SOL_SOCKET, SO_BROADCAST, &v, 1), EINVAL);
	FAILS(setsockopt(s, SOL_SOCKET, 9999, &v, 4), ENOPROTOOPT);
	FAILS(setsockopt(s, IPPROTO_IP, IP_TTL, &(int){ 256 }, 4), EINVAL);
	FAILS(setsockopt(s, SOL_SOCKET, SO_BROADCAST, nowhere, 4), EFAULT);
	len = 4;
	FAILS(getsockopt(s, SOL_SOCKET, SO_TYPE, nowhere, &len), EFAULT);
}

CHECK(wrong_calls_fail_with_the_right_error)
{
	struct sockaddr_in name, to;
	int s = udp_bound(INADDR_LOOPBACK, &name), null = open("/dev/null", O_RDWR), t = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char buf[4];

	FAILS(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(AF_INET, 9, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_DGRAM | 0x100000, 0), EINVAL);
	FAILS(send(null, "x", 1, 0), ENOTSOCK);
	FAILS(send(999, "x", 1, 0), EBADF);
	FAILS(listen(s, 1), EOPNOTSUPP);
	FAILS(accept(s, NULL, NULL), EOPNOTSUPP);
	FAILS(send(s, "x", 1, 0), EDESTADDRREQ);
	FAILS(sendto(s, "x", 1, 0, (struct sockaddr *)&un, sizeof(un)), EAFNOSUPPORT);
	FAILS(sendto(s, "x", 1, 0, (struct sockaddr *)&name, 4), EINVAL);
	FAILS(sendto(s, nowhere, 1, 0, (struct sockaddr *)&name, sizeof(name)), EFAULT);
	FAILS(sendto(s, "x", 1, 0, (struct sockaddr *)nowhere, sizeof(name)), EFAULT);
	SAME(sendto(s, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
	FAILS(recv(s, nowhere, 1, 0), EFAULT);
	to = inet(INADDR_BROADCAST, 9);
	FAILS(sendto(s, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), errno == ENETUNREACH ? ENETUNREACH : EACCES);
	FAILS(recv(t, buf, 4, 0), ENOTCONN);
	FAILS(shutdown(s, SHUT_RD), ENOTCONN);
	FAILS(shutdown(s, 7), EINVAL);
	FAILS(lseek(s, 0, SEEK_SET), ESPIPE);
	FAILS(ioctl(s, 0x12345678, 0), ENOTTY);
}

/* ---- raw, ping and packet sockets ---- */

static uint16_t checksum(const void *data, int len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (int i = 0; i < len; i++)
		sum += i & 1 ? p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

CHECK(a_raw_socket_sees_the_echo)
{
	struct sockaddr_in lo = inet(INADDR_LOOPBACK, 0), from;
	struct icmphdr q = { .type = ICMP_ECHO, .un.echo = { htons(0x7788), htons(1) } };
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	socklen_t len = sizeof(from);
	struct timeval tv = { 100, 0 };
	uint8_t buf[200];
	ssize_t n;

	EXPECT(s >= 0);
	SAME(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	q.checksum = checksum(&q, sizeof(q));
	SAME(sendto(s, &q, sizeof(q), 0, (struct sockaddr *)&lo, sizeof(lo)), sizeof(q));
	for (;;) {
		const struct icmphdr *h = (const struct icmphdr *)(buf + 20);

		n = recvfrom(s, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);
		EXPECT(n >= 28);
		SAME(buf[0], 0x45);
		if (h->type == ICMP_ECHOREPLY && h->un.echo.id == htons(0x7788))
			break;			/* the question passes here too */
	}
	SAME(n, 28);
	SAME(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

CHECK(a_header_of_ones_own)
{
	struct { struct iphdr ip; char data[4]; } q = { .ip = { .version = 4, .ihl = 5, .ttl = 9, .protocol = 253 }, .data = "own" };
	struct sockaddr_in lo = inet(INADDR_LOOPBACK, 0);
	int out = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), in = socket(AF_INET, SOCK_RAW, 253);
	struct timeval tv = { 100, 0 };
	uint8_t buf[100];

	q.ip.saddr = q.ip.daddr = htonl(INADDR_LOOPBACK);
	SAME(setsockopt(in, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	SAME(sendto(out, &q, sizeof(q), 0, (struct sockaddr *)&lo, sizeof(lo)), sizeof(q));
	SAME(recv(in, buf, sizeof(buf), 0), sizeof(q));
	SAME(((struct iphdr *)buf)->ttl, 9);
	EXPECT(!strcmp((char *)buf + 20, "own"));
}

CHECK(packet_sockets_see_frames_through_their_filter)
{
	/* UDP to a port whose number the test puts in: of the network header, at 9 and 22. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_NET_OFF + 22), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 30), BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = if_nametoindex("lo") }, from;
	struct sockaddr_in a, b;
	int p = socket(AF_PACKET, SOCK_DGRAM, htons(0x0800)), s = udp_bound(INADDR_LOOPBACK, &a), r = udp_bound(INADDR_LOOPBACK, &b);
	socklen_t len = sizeof(from);
	struct timeval tv = { 100, 0 };
	uint8_t buf[200];

	EXPECT(p >= 0);
	code[3].k = ntohs(b.sin_port);
	SAME(setsockopt(p, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	SAME(bind(p, (struct sockaddr *)&ll, sizeof(ll)), 0);
	SAME(setsockopt(p, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	SAME(sendto(r, "not", 3, 0, (struct sockaddr *)&a, sizeof(a)), 3);
	SAME(sendto(s, "wanted", 6, 0, (struct sockaddr *)&b, sizeof(b)), 6);
	SAME(recvfrom(p, buf, sizeof(buf), MSG_TRUNC, (struct sockaddr *)&from, &len), 30);
	SAME(buf[0], 0x45);
	SAME(from.sll_protocol, htons(0x0800));
	SAME(from.sll_ifindex, ll.sll_ifindex);
	FAILS(recv(p, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	code[5].code = 0xff;
	FAILS(setsockopt(p, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), EINVAL);
}

CHECK(raw_sockets_are_roots)
{
	pid_t pid = fork();

	if (!pid) {
		SAME(setuid(1000), 0);
		FAILS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
		FAILS(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
		_exit(0);
	}
	child_ok(pid);
}

/* ---- the configuration ---- */

CHECK(interfaces_by_ioctl)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), found = 0;
	struct ifreq list[32], r = { .ifr_name = "lo" };
	struct ifconf c = { .ifc_len = sizeof(list), .ifc_req = list };

	SAME(ioctl(s, SIOCGIFCONF, &c), 0);
	for (unsigned i = 0; i < c.ifc_len / sizeof(list[0]); i++)
		found |= !strcmp(list[i].ifr_name, "lo");
	EXPECT(found);
	SAME(ioctl(s, SIOCGIFFLAGS, &r), 0);
	SAME(r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING), IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
	SAME(ioctl(s, SIOCGIFADDR, &r), 0);
	SAME(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	SAME(ioctl(s, SIOCGIFINDEX, &r), 0);
	SAME(ioctl(s, SIOCGIFNAME, &r), 0);
	EXPECT(!strcmp(r.ifr_name, "lo"));
	SAME(ioctl(s, SIOCGIFMTU, &r), 0);
	SAME(r.ifr_mtu, 65536);
	strcpy(r.ifr_name, "none9");
	FAILS(ioctl(s, SIOCGIFFLAGS, &r), ENODEV);
	FAILS(ioctl(s, SIOCGIFFLAGS, nowhere), EFAULT);
}

CHECK(links_by_netlink)
{
	struct { struct nlmsghdr h; struct ifinfomsg i; } q = {
		.h = { sizeof(q), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0 } };
	struct sockaddr_nl me;
	socklen_t len = sizeof(me);
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), lo = 0, done = 0;
	static char buf[65536];

	SAME(send(s, &q, sizeof(q), 0), sizeof(q));
	while (!done) {
		int n = recv(s, buf, sizeof(buf), 0);

		EXPECT(n > 0);
		for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			struct ifinfomsg *i = NLMSG_DATA(h);

			SAME(h->nlmsg_seq, 7);
			done |= h->nlmsg_type == NLMSG_DONE;
			lo |= h->nlmsg_type == RTM_NEWLINK && i->ifi_flags & IFF_LOOPBACK;
		}
	}
	EXPECT(lo);
	SAME(getsockname(s, (struct sockaddr *)&me, &len), 0);
	EXPECT(me.nl_pid);
	FAILS(recv(s, buf, 1, MSG_DONTWAIT), EAGAIN);
	/* Garbage is answered with an error, or not at all. */
	q.h.nlmsg_type = 9999;
	q.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	SAME(send(s, &q, sizeof(q), 0), sizeof(q));
	EXPECT(recv(s, buf, sizeof(buf), 0) > 0);
	SAME(((struct nlmsghdr *)buf)->nlmsg_type, NLMSG_ERROR);
	SAME(((struct nlmsgerr *)NLMSG_DATA(buf))->error, -EOPNOTSUPP);
	SAME(send(s, "short", 5, 0), 5);
}
