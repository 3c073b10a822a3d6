/*
 * What goes wrong with datagrams (ip(7), IP_RECVERR), and datagrams that are put together of pieces (udp(7), UDP_CORK).
 * Runs as root; the loopback interface must be up. tests/vm/socket_test.py runs it.
 */
#include "check.h"
#include <arpa/inet.h>
#include <linux/types.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in at(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int port_of(int s)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	SAME(getsockname(s, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static int bound(void)
{
	struct sockaddr_in a = at(0);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	SAME(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

/* A port that nobody has. */
static int closed_port(void)
{
	int s = bound(), port = port_of(s);

	close(s);
	return port;
}

static void option(int s, int level, int name, int v)
{
	SAME(setsockopt(s, level, name, &v, sizeof(v)), 0);
}

static int pending(int s)
{
	int v;
	socklen_t len = sizeof(v);

	SAME(getsockopt(s, SOL_SOCKET, SO_ERROR, &v, &len), 0);
	return v;
}

struct told { struct sock_extended_err e; struct sockaddr_in from, to; char data[64]; int len, flags; };

static int told(int s, struct told *t)
{
	char control[256];
	struct iovec v = { t->data, sizeof(t->data) };
	struct msghdr m = { .msg_name = &t->to, .msg_namelen = sizeof(t->to), .msg_iov = &v, .msg_iovlen = 1,
			    .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	memset(t, 0, sizeof(*t));
	t->len = recvmsg(s, &m, MSG_ERRQUEUE);
	if (t->len < 0)
		return -1;
	t->flags = m.msg_flags;
	c = CMSG_FIRSTHDR(&m);
	EXPECT(c && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR);
	EXPECT(c->cmsg_len >= CMSG_LEN(sizeof(t->e) + sizeof(t->from)));
	memcpy(&t->e, CMSG_DATA(c), sizeof(t->e));
	memcpy(&t->from, CMSG_DATA(c) + sizeof(t->e), sizeof(t->from));
	return t->len;
}

static void send_to(int s, int port, const char *text)
{
	struct sockaddr_in a = at(port);

	SAME(sendto(s, text, strlen(text), 0, (struct sockaddr *)&a, sizeof(a)), strlen(text));
}

CHECK(who_asks_is_told_of_each_error)
{
	int s = bound(), port = closed_port();
	struct pollfd p = { .fd = s };
	struct told t;

	FAILS(told(s, &t), EAGAIN);
	send_to(s, port, "unseen");		/* not connected, nothing asked: nothing is told */
	SAME(pending(s), 0);
	option(s, IPPROTO_IP, IP_RECVERR, 1);
	send_to(s, port, "hello");
	SAME(poll(&p, 1, -1), 1);
	EXPECT(p.revents & POLLERR);
	SAME(told(s, &t), 5);
	EXPECT(!memcmp(t.data, "hello", 5) && t.flags & MSG_ERRQUEUE && !(t.flags & MSG_TRUNC));
	SAME(ntohs(t.to.sin_port), port);
	SAME(t.to.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	SAME(t.e.ee_errno, ECONNREFUSED);
	SAME(t.e.ee_origin, SO_EE_ORIGIN_ICMP);
	SAME(t.e.ee_type, 3);
	SAME(t.e.ee_code, 3);
	SAME(t.from.sin_family, AF_INET);
	SAME(t.from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	/* With the last one taken nothing is pending. */
	SAME(pending(s), 0);
	SAME(poll(&p, 1, 0), 0);
	FAILS(told(s, &t), EAGAIN);
}

CHECK(errors_are_told_in_turn)
{
	int s = bound(), port = closed_port();
	struct told t;
	char one[1];

	option(s, IPPROTO_IP, IP_RECVERR, 1);
	send_to(s, port, "first");
	SAME(pending(s), ECONNREFUSED);
	send_to(s, port, "second");
	/* The call that meets it fails, and the queue still has both. */
	FAILS(recv(s, one, 1, MSG_DONTWAIT), ECONNREFUSED);
	SAME(told(s, &t), 5);
	SAME(pending(s), ECONNREFUSED);
	SAME(told(s, &t), 6);
	EXPECT(!memcmp(t.data, "second", 6));
	SAME(pending(s), 0);
	/* A buffer that is too small is said to be. */
	send_to(s, port, "third");
	struct iovec v = { one, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	SAME(recvmsg(s, &m, MSG_ERRQUEUE), 1);
	EXPECT(m.msg_flags & MSG_TRUNC);
	/* Who asks no more is told no more. */
	send_to(s, port, "fourth");
	option(s, IPPROTO_IP, IP_RECVERR, 0);
	FAILS(told(s, &t), EAGAIN);
}

CHECK(what_is_too_large_is_told)
{
	int s = bound(), listener = bound();
	struct ifreq r = { .ifr_name = "lo" };
	struct sockaddr_in a = at(port_of(listener));
	static char large[3000];
	struct told t;
	int mtu;

	SAME(ioctl(s, SIOCGIFMTU, &r), 0);
	mtu = r.ifr_mtu;
	r.ifr_mtu = 1500;
	SAME(ioctl(s, SIOCSIFMTU, &r), 0);
	option(s, IPPROTO_IP, IP_RECVERR, 1);
	option(s, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	int sent = sendto(s, large, sizeof(large), 0, (struct sockaddr *)&a, sizeof(a)), error = errno;
	r.ifr_mtu = mtu;
	SAME(ioctl(s, SIOCSIFMTU, &r), 0);
	SAME(sent, -1);
	SAME(error, EMSGSIZE);
	EXPECT(told(s, &t) >= 0);
	SAME(t.e.ee_errno, EMSGSIZE);
	SAME(t.e.ee_origin, SO_EE_ORIGIN_LOCAL);
	SAME(t.e.ee_info, 1500);
	SAME(t.from.sin_family, 0);
}

CHECK(a_queue_that_nobody_reads_is_bounded)
{
	int s = bound(), port = closed_port(), n = 0;
	struct sockaddr_in a = at(port);
	struct told t;

	option(s, SOL_SOCKET, SO_RCVBUF, 20000);
	option(s, IPPROTO_IP, IP_RECVERR, 1);
	for (int i = 0; i < 5000; i++)
		(void)!sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));
	while (told(s, &t) == 1)
		n++;
	EXPECT(n > 1 && n < 500);
}

CHECK(streams_have_none)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct told t;

	FAILS(told(s, &t), EAGAIN);
}

/* ---- pieces ---- */

static int received(int s, char *buf, int size)
{
	return recv(s, buf, size, MSG_DONTWAIT);
}

CHECK(pieces_become_one)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), to = bound(), other = bound(), v = 7;
	struct sockaddr_in a = at(port_of(to)), b = at(port_of(other));
	socklen_t len = sizeof(v);
	char buf[64];

	SAME(sendto(s, "one", 3, MSG_MORE, (struct sockaddr *)&a, sizeof(a)), 3);
	FAILS(received(to, buf, sizeof(buf)), EAGAIN);
	/* The first piece has said where it goes. */
	SAME(sendto(s, "two", 3, 0, (struct sockaddr *)&b, sizeof(b)), 3);
	SAME(received(to, buf, sizeof(buf)), 6);
	EXPECT(!memcmp(buf, "onetwo", 6));
	FAILS(received(other, buf, sizeof(buf)), EAGAIN);

	SAME(getsockopt(s, IPPROTO_UDP, UDP_CORK, &v, &len), 0);
	SAME(v, 0);
	option(s, IPPROTO_UDP, UDP_CORK, 1);
	SAME(getsockopt(s, IPPROTO_UDP, UDP_CORK, &v, &len), 0);
	SAME(v, 1);
	SAME(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	for (int i = 0; i < 5; i++)
		SAME(send(s, "ab", 2, 0), 2);
	FAILS(received(to, buf, sizeof(buf)), EAGAIN);
	option(s, IPPROTO_UDP, UDP_CORK, 0);
	SAME(received(to, buf, sizeof(buf)), 10);
	/* And each by itself again. */
	SAME(send(s, "ab", 2, 0), 2);
	SAME(received(to, buf, sizeof(buf)), 2);
}

CHECK(pieces_that_are_too_many)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), to = bound();
	struct sockaddr_in a = at(port_of(to));
	static char large[40000], all[70000];

	SAME(connect(s, (struct sockaddr *)&a, sizeof(a)), 0);
	SAME(send(s, large, sizeof(large), MSG_MORE), sizeof(large));
	FAILS(send(s, large, sizeof(large), MSG_MORE), EMSGSIZE);
	/* It is gone; the next one is whole. */
	SAME(send(s, large, 30000, MSG_MORE), 30000);
	SAME(send(s, large, 30000, 0), 30000);
	SAME(received(to, all, sizeof(all)), 60000);
	FAILS(received(to, all, sizeof(all)), EAGAIN);
	/* What nobody ended goes with its socket. */
	SAME(send(s, large, sizeof(large), MSG_MORE), sizeof(large));
	FAILS(send(s, (char *)nowhere, 10, MSG_MORE), EFAULT);
	SAME(send(s, large, sizeof(large), MSG_MORE), sizeof(large));
	close(s);
	FAILS(received(to, all, sizeof(all)), EAGAIN);
}
