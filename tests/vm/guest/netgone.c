/*
 * What programs see of an interface that goes: its card loses its driver while sockets are bound to it. CARD is the
 * card's name on the PCI bus, and eth0 its interface. tests/net/remove_test.py runs it.
 */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#define DRIVER "/sys/bus/pci/drivers/virtio-pci/"

static void card_write(const char *file)
{
	const char *card = getenv("CARD");
	int fd = open(file, O_WRONLY);

	EXPECT(fd >= 0 && card);
	SAME(write(fd, card, strlen(card)), strlen(card));
	close(fd);
}

/* Bound, up, with an address and a route: the interface's index. */
static int begin(void)
{
	if (!if_nametoindex("eth0"))
		card_write(DRIVER "bind");
	while (!if_nametoindex("eth0"))
		usleep(10000);
	SAME(system("ip link set eth0 up; ip addr flush dev eth0; ip addr add 10.0.2.15/24 dev eth0; "
		    "ip route replace default via 10.0.2.2; ping -c 1 -W 30 10.0.2.2 >/dev/null"), 0);
	return if_nametoindex("eth0");
}

static void take_away(void)
{
	card_write(DRIVER "unbind");
	SAME(if_nametoindex("eth0"), 0);
}

static int packet_socket(int index)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index };
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	EXPECT(s >= 0);
	SAME(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

/* Read until there is an error: which one. */
static int error_of(int s, int flags)
{
	char frame[2048];

	while (recv(s, frame, sizeof(frame), flags) >= 0)
		;
	return errno;
}

static int index_of(int s)
{
	struct sockaddr_ll a = { 0 };
	socklen_t len = sizeof(a);

	SAME(getsockname(s, (struct sockaddr *)&a, &len), 0);
	return a.sll_ifindex;
}

static int promiscuous(int s, int index)
{
	struct packet_mreq r = { .mr_ifindex = index, .mr_type = PACKET_MR_PROMISC };

	return setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r));
}

CHECK(packet_sockets)
{
	int index = begin(), s = packet_socket(index), all = packet_socket(0), again;
	struct pollfd p = { .fd = s, .events = POLLIN };
	char frame[64] = { 0 };
	int read_from = packet_socket(index);
	pid_t reader;

	SAME(promiscuous(s, index), 0);
	reader = fork();
	if (reader == 0) {
		SAME(error_of(read_from, 0), ENETDOWN);
		_exit(0);
	}
	take_away();
	child_ok(reader);
	SAME(poll(&p, 1, 0), 1);
	EXPECT(p.revents & POLLERR);
	/* Once, and in front of what had come. */
	FAILS(recv(s, frame, sizeof(frame), MSG_DONTWAIT), ENETDOWN);
	SAME(error_of(s, MSG_DONTWAIT), EAGAIN);
	SAME(error_of(all, MSG_DONTWAIT), EAGAIN);
	SAME(index_of(s), -1);
	FAILS(send(s, frame, sizeof(frame), 0), ENXIO);
	/* The next is another one. */
	again = begin();
	EXPECT(again != index);
	SAME(index_of(s), -1);
	SAME(promiscuous(s, again), 0);
	SAME(error_of(s, MSG_DONTWAIT), EAGAIN);
	EXPECT(recv(all, frame, sizeof(frame), MSG_DONTWAIT) > 0);
}

CHECK(packet_sockets_of_one_that_is_down)
{
	int index = begin(), s = packet_socket(index);
	char frame[64] = { 0 };

	SAME(system("ip link set eth0 down"), 0);
	FAILS(recv(s, frame, sizeof(frame), MSG_DONTWAIT), ENETDOWN);
	SAME(error_of(s, MSG_DONTWAIT), EAGAIN);
	SAME(index_of(s), index);
	FAILS(send(s, frame, sizeof(frame), 0), ENETDOWN);
	begin();
	EXPECT(recv(s, frame, sizeof(frame), MSG_DONTWAIT) > 0);
}

/* Read messages until one of this type about the interface; whether one of the other type came before. */
static int message_wait(int s, int type, int index, int other)
{
	union { struct nlmsghdr h; char bytes[16384]; } u;
	int seen = 0;

	for (;;) {
		int n = recv(s, &u, sizeof(u), 0);

		EXPECT(n > 0);
		for (struct nlmsghdr *h = &u.h; NLMSG_OK(h, (unsigned)n); h = NLMSG_NEXT(h, n)) {
			/* Both messages have the index in the same place. */
			int at = ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;

			seen |= h->nlmsg_type == other && at == index;
			if (h->nlmsg_type == type && (!index || at == index))
				return seen;
		}
	}
}
_Static_assert(offsetof(struct ifinfomsg, ifi_index) == offsetof(struct ifaddrmsg, ifa_index), "as message_wait has it");

static int file_has(const char *file, const char *word)
{
	char command[100];

	snprintf(command, sizeof(command), "grep -q %s %s", word, file);
	return !system(command);
}

CHECK(announced)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR };
	int index = begin(), s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	SAME(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	EXPECT(file_has("/proc/net/route", "eth0") && file_has("/proc/net/arp", "10.0.2.2"));
	take_away();
	SAME(message_wait(s, RTM_DELLINK, index, RTM_DELADDR), 1);
	EXPECT(!file_has("/proc/net/route", "eth0") && !file_has("/proc/net/arp", "10.0.2.2"));
	EXPECT(!file_has("/proc/net/dev", "eth0") && access("/sys/class/net/eth0", F_OK));
	card_write(DRIVER "bind");
	message_wait(s, RTM_NEWLINK, 0, 0);
}

static int bound_socket(int type)
{
	int s = socket(AF_INET, type, 0);

	SAME(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
	return s;
}

static int send_to(int s, const char *where)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr(where) };

	return sendto(s, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));
}

CHECK(sockets_bound_to_the_device)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr("10.0.2.2") };
	char name[IFNAMSIZ];
	socklen_t len = sizeof(name);
	int udp, tcp, connected;

	begin();
	udp = bound_socket(SOCK_DGRAM);
	tcp = bound_socket(SOCK_STREAM);
	connected = bound_socket(SOCK_DGRAM);
	SAME(send_to(udp, "10.0.2.2"), 1);
	SAME(connect(connected, (struct sockaddr *)&a, sizeof(a)), 0);
	SAME(send(connected, "x", 1, 0), 1);
	take_away();
	FAILS(send_to(udp, "10.0.2.2"), ENODEV);
	FAILS(send(connected, "x", 1, 0), ENETUNREACH);	/* its own address has gone, too */
	FAILS(connect(tcp, (struct sockaddr *)&a, sizeof(a)), ENODEV);
	FAILS(getsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, name, &len), ENODEV);
	FAILS(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), ENODEV);
	SAME(setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "", 0), 0);
	SAME(send_to(udp, "127.0.0.1"), 1);
	FAILS(send_to(udp, "10.0.2.2"), ENETUNREACH);
	/* The new one has the old name, and is another all the same. */
	begin();
	FAILS(send(connected, "x", 1, 0), ENODEV);
	SAME(send_to(udp, "10.0.2.2"), 1);
}
