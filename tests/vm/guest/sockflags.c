/*
 * Flags, options and control messages of sockets, one by one: taken and shown again, or refused.
 * tests/vm/socket_test.py runs it; the loopback interface must be up.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A socket of datagrams that is connected to itself. */
static int udp_to_itself(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	SAME(bind(s, (void *)&a, sizeof(a)), 0);
	SAME(getsockname(s, (void *)&a, &len), 0);
	SAME(connect(s, (void *)&a, sizeof(a)), 0);
	return s;
}

static int option(int s, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	SAME(getsockopt(s, level, name, &value, &len), 0);
	SAME(len, sizeof(int));
	return value;
}

static void option_is_kept(int s, int level, int name, int value)
{
	SAME(setsockopt(s, level, name, &value, sizeof(value)), 0);
	SAME(option(s, level, name), value);
}

CHECK(options_are_shown_as_they_were_set)
{
	const int common[] = { SO_DEBUG, SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK,
		SO_REUSEPORT };
	const int tcp[] = { TCP_NODELAY, TCP_CORK };
	int s = socket(AF_INET, SOCK_STREAM, 0), u = udp_to_itself();

	for (unsigned i = 0; i < sizeof(common) / sizeof(*common); i++) {
		option_is_kept(s, SOL_SOCKET, common[i], 1);
		option_is_kept(s, SOL_SOCKET, common[i], 0);
		option_is_kept(u, SOL_SOCKET, common[i], 1);
	}
	for (unsigned i = 0; i < sizeof(tcp) / sizeof(*tcp); i++) {
		option_is_kept(s, IPPROTO_TCP, tcp[i], 1);
		option_is_kept(s, IPPROTO_TCP, tcp[i], 0);
	}
	SAME(option(s, IPPROTO_TCP, TCP_SYNCNT), 6);
	option_is_kept(s, IPPROTO_TCP, TCP_SYNCNT, 2);
	option_is_kept(s, IPPROTO_TCP, TCP_SYNCNT, 127);
	FAILS(setsockopt(s, IPPROTO_TCP, TCP_SYNCNT, &(int){ 128 }, sizeof(int)), EINVAL);
	option_is_kept(s, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	option_is_kept(s, IPPROTO_TCP, TCP_KEEPINTVL, 7);
	option_is_kept(s, IPPROTO_TCP, TCP_KEEPCNT, 3);
	option_is_kept(s, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234);
	option_is_kept(s, IPPROTO_TCP, TCP_FASTOPEN, 5);
	FAILS(setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN, &(int){ -1 }, sizeof(int)), EINVAL);
	SAME(setsockopt(s, IPPROTO_TCP, TCP_FASTOPEN, &(int){ 100000 }, sizeof(int)), 0);
	SAME(option(s, IPPROTO_TCP, TCP_FASTOPEN), 4096);
}

CHECK(the_two_bits_of_ecn_are_tcps_own)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), u = udp_to_itself(), all = 0xff;

	SAME(setsockopt(s, IPPROTO_IP, IP_TOS, &all, sizeof(all)), 0);
	SAME(option(s, IPPROTO_IP, IP_TOS), 0xfc);
	option_is_kept(u, IPPROTO_IP, IP_TOS, 0xff);
}

CHECK(datagrams_and_local_sockets_can_be_written_to_in_any_band)
{
	int pair[2];
	struct pollfd p = { .fd = udp_to_itself(), .events = POLLOUT | POLLWRNORM | POLLWRBAND };

	SAME(poll(&p, 1, 0), 1);
	SAME(p.revents, POLLOUT | POLLWRNORM | POLLWRBAND);
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	p.fd = pair[0];
	SAME(poll(&p, 1, 0), 1);
	SAME(p.revents, POLLOUT | POLLWRNORM | POLLWRBAND);
}

CHECK(a_probe_sends_nothing)
{
	int s = udp_to_itself();
	char c;

	SAME(send(s, "probe", 5, 0x10 /* MSG_PROBE */), 5);
	FAILS(recv(s, &c, 1, MSG_DONTWAIT), EAGAIN);
}

CHECK(a_pair_of_packets_needs_no_address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int pair[2];
	char c;

	SAME(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	SAME(sendto(pair[0], "x", 1, 0, (void *)&a, sizeof(a)), 1);
	SAME(recv(pair[1], &c, 1, MSG_DONTWAIT), 1);
	SAME(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	FAILS(sendto(pair[0], "x", 1, 0, (void *)&a, sizeof(a)), EISCONN);
}

/* Send with one control message; the errno, 0 if it goes. */
static int sent(int s, int level, int type, const void *data, size_t len)
{
	char control[64] = { 0 };
	struct cmsghdr *h = (struct cmsghdr *)control;
	struct iovec iov = { "hi", 2 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(len) };

	h->cmsg_level = level;
	h->cmsg_type = type;
	h->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(h), data, len);
	return sendmsg(s, &m, 0) == 2 ? 0 : errno;
}

CHECK(control_messages_nobody_knows_are_refused)
{
	int s = udp_to_itself(), one = 1, much = 256;
	const int zeros[3] = { 0 };

	SAME(sent(s, IPPROTO_IP, IP_TTL, &one, 4), 0);
	SAME(sent(s, IPPROTO_IP, IP_TTL, &one, 1), EINVAL);
	SAME(sent(s, IPPROTO_IP, IP_TTL, &much, 4), EINVAL);
	SAME(sent(s, IPPROTO_IP, IP_TOS, &one, 4), 0);
	SAME(sent(s, IPPROTO_IP, IP_TOS, &one, 1), 0);
	SAME(sent(s, IPPROTO_IP, IP_TOS, zeros, 12), EINVAL);
	SAME(sent(s, IPPROTO_IP, IP_TOS, &much, 4), EINVAL);
	SAME(sent(s, IPPROTO_IP, IP_PKTINFO, zeros, 12), 0);
	SAME(sent(s, IPPROTO_IP, IP_PKTINFO, zeros, 4), EINVAL);
	SAME(sent(s, IPPROTO_IP, IP_MTU_DISCOVER, &one, 4), EINVAL);
	SAME(sent(s, SOL_SOCKET, SO_TYPE, &one, 4), EINVAL);
	SAME(sent(s, SOL_SOCKET, SO_BROADCAST, &one, 4), EINVAL);
	SAME(sent(s, 12345, 1, &one, 4), 0);	/* some other protocol's */
}

CHECK(the_kernels_own_flag_is_refused)
{
	struct msghdr m = { 0 };
	int s = udp_to_itself();

	FAILS(sendmsg(s, &m, 1u << 31), EINVAL);
	FAILS(recvmsg(s, &m, 1u << 31 | MSG_DONTWAIT), EINVAL);
}

/* ---- who gets what is sent to a group -------------------------------------------- */

static int on_port(unsigned short port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_DGRAM, 0), one = 1;

	EXPECT(s >= 0 && !setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
	SAME(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

CHECK(groups_of_others)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4711) };
	struct ip_mreqn m = { .imr_ifindex = if_nametoindex("lo") };
	int member = on_port(4711), other = on_port(4711), s = socket(AF_INET, SOCK_DGRAM, 0), v = -1;
	socklen_t len = sizeof(v);
	char c;

	inet_pton(AF_INET, "239.1.2.3", &m.imr_multiaddr);
	to.sin_addr = m.imr_multiaddr;
	SAME(setsockopt(member, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)), 0);
	SAME(setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)), 0);
	SAME(getsockopt(other, IPPROTO_IP, IP_MULTICAST_ALL, &v, &len), 0);
	SAME(v, 1);
	/* The member's group is joined for the host, and who listens on the port hears it as well... */
	SAME(sendto(s, "a", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	SAME(read(member, &c, 1), 1);
	SAME(read(other, &c, 1), 1);
	/* ...until it says that it does not want to. */
	v = 2;
	FAILS(setsockopt(other, IPPROTO_IP, IP_MULTICAST_ALL, &v, sizeof(v)), EINVAL);
	v = 0;
	SAME(setsockopt(other, IPPROTO_IP, IP_MULTICAST_ALL, &v, sizeof(v)), 0);
	SAME(setsockopt(member, IPPROTO_IP, IP_MULTICAST_ALL, &v, sizeof(v)), 0);
	SAME(sendto(s, "b", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	SAME(read(member, &c, 1), 1);
	FAILS(recv(other, &c, 1, MSG_DONTWAIT), EAGAIN);
}

/* ---- ping sockets by group ---------------------------------------------------------- */

static void range(const char *text, int error)
{
	int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);

	EXPECT(fd >= 0);
	if (error)
		FAILS(write(fd, text, strlen(text)), error);
	else
		SAME(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void may_ping(gid_t effective, gid_t further, int error)
{
	pid_t pid = fork();

	if (!pid) {
		SAME(setgroups(1, &further), 0);
		SAME(setegid(effective), 0);
		if (error)
			FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), error);
		else
			EXPECT(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0);
		_exit(0);
	}
	child_ok(pid);
}

CHECK(who_may_ping)
{
	char text[64] = "";
	int fd;

	range("5 7\n", 0);
	fd = open("/proc/sys/net/ipv4/ping_group_range", O_RDONLY);
	EXPECT(read(fd, text, sizeof(text) - 1) > 0 && !strcmp(text, "5\t7\n"));
	close(fd);
	may_ping(0, 0, EACCES);
	may_ping(4, 8, EACCES);
	may_ping(5, 8, 0);
	may_ping(0, 7, 0);
	range("x", EINVAL);
	range("1 0", 0);
	may_ping(0, 1, EACCES);
	range("0 2147483647", 0);
	may_ping(0, 1, 0);
}
