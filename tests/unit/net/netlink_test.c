/*
 * rtnetlink: what `ip` shows and sets, acknowledgements, dumps of any length, listeners, and requests that are garbage.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"
#include "sched/cred.h"
#include "net/netlink.h"
#include "net/socket_netlink.h"

static u8 answer[65536];

static struct socket *netlink_new(void)
{
	struct socket *s = NULL;

	EXPECT_EQ(socket_create(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &s), 0);
	return s;
}

static s64 send_bytes(struct socket *s, const void *data, u32 len)
{
	struct socket_msg m = { 0 };
	s64 n;

	uio_kernel(&m.uio, (void *)data, len);
	n = s->ops->sendmsg(s, &m);
	host_run();
	return n;
}

static s64 receive(struct socket *s)
{
	struct socket_msg m = { .flags = MSG_DONTWAIT };

	uio_kernel(&m.uio, answer, sizeof(answer));
	return s->ops->recvmsg(s, &m);
}

/* ---- requests ---- */

struct request { struct nlmsghdr h; u8 body[1000]; };

static void *request_begin(struct request *r, u16 type, u16 flags, u32 fixed)
{
	memset(r, 0, sizeof(*r));
	r->h = (struct nlmsghdr){ .nlmsg_len = sizeof(r->h) + NLMSG_ALIGN(fixed), .nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = 42 };
	return r->body;
}

static void attr_add(struct request *r, u16 type, const void *data, u32 len)
{
	struct nlattr *a = (struct nlattr *)((u8 *)r + r->h.nlmsg_len);

	*a = (struct nlattr){ .nla_len = sizeof(*a) + len, .nla_type = type };
	memcpy(a + 1, data, len);
	r->h.nlmsg_len += NLA_ALIGN(a->nla_len);
}

/* Send it and return the acknowledgement's errno; 1 when there was none. */
static int acked(struct socket *s, const struct request *r)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;

	EXPECT_EQ(send_bytes(s, r, r->h.nlmsg_len), (s64)r->h.nlmsg_len);
	if (receive(s) < (s64)(sizeof(*h) + sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
		return 1;
	EXPECT_EQ(h->nlmsg_seq, 42u);
	return ((const struct nlmsgerr *)(h + 1))->error;
}

/* Run a dump; fn for each message. Returns how many; checks the frame of all. */
static u32 dump(struct socket *s, u16 type, void (*fn)(const struct nlmsghdr *h))
{
	struct request r;
	u32 count = 0;
	bool done = false;

	request_begin(&r, type, NLM_F_DUMP, sizeof(struct ifinfomsg));
	send_bytes(s, &r, r.h.nlmsg_len);
	while (!done) {
		s64 n = receive(s);
		const u8 *p = answer;

		if (n <= 0) {
			unit_fail(__FILE__, __LINE__, "dump ended with %lld", (long long)n);
			break;
		}
		while (n > 0) {
			const struct nlmsghdr *h = (const struct nlmsghdr *)p;

			EXPECT_LE(h->nlmsg_len, n);
			EXPECT_EQ(h->nlmsg_seq, 42u);
			EXPECT(h->nlmsg_flags & NLM_F_MULTI);
			if (h->nlmsg_type == NLMSG_DONE) {
				done = true;
			} else {
				count++;
				if (fn)
					fn(h);
			}
			p += NLMSG_ALIGN(h->nlmsg_len);
			n -= NLMSG_ALIGN(h->nlmsg_len);
		}
	}
	EXPECT_EQ(receive(s), -EAGAIN);
	return count;
}

static const void *message_attr(const struct nlmsghdr *h, u32 fixed, u16 type)
{
	struct netlink_request r = { h, h + 1, h->nlmsg_len - sizeof(*h) };
	struct netlink_attrs t;

	if (netlink_parse(&r, fixed, &t) || !t.a[type])
		return NULL;
	return attr_data(t.a[type]);
}

static char names[64];

static void name_note(const struct nlmsghdr *h)
{
	const char *name = message_attr(h, sizeof(struct ifinfomsg), IFLA_IFNAME);

	EXPECT_EQ(h->nlmsg_type, RTM_NEWLINK);
	strcat(names, name ? name : "?");
	strcat(names, " ");
}

TEST(links_are_shown)
{
	struct socket *s;

	stack_start();
	s = netlink_new();
	names[0] = '\0';
	EXPECT_EQ(dump(s, RTM_GETLINK, name_note), 2u);
	EXPECT_STR(names, "lo eth0 ");
	socket_release(s);
}

static u32 addresses_seen;

static void address_note(const struct nlmsghdr *h)
{
	const struct ifaddrmsg *i = (const struct ifaddrmsg *)(h + 1);
	const be32 *a = message_attr(h, sizeof(*i), IFA_LOCAL);

	EXPECT_EQ(i->ifa_family, AF_INET);
	addresses_seen += a && (*a == OUR_IP || *a == htonl(0x7f000001));
}

TEST(addresses_are_shown)
{
	struct socket *s;

	stack_start();
	s = netlink_new();
	addresses_seen = 0;
	EXPECT_EQ(dump(s, RTM_GETADDR, address_note), 2u);
	EXPECT_EQ(addresses_seen, 2u);
	socket_release(s);
}

static void addr_request(struct request *r, u16 type, u16 flags, be32 a, u8 prefix)
{
	struct ifaddrmsg *i = request_begin(r, type, flags | NLM_F_ACK, sizeof(*i));

	i->ifa_family = AF_INET;
	i->ifa_prefixlen = prefix;
	i->ifa_index = nic.index;
	attr_add(r, IFA_LOCAL, &a, 4);
}

TEST(addresses_are_added_and_deleted)
{
	be32 a = htonl(0x0a010101);
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	addr_request(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, a, 24);
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT(ip_is_local(a));
	EXPECT_EQ(acked(s, &r), -EEXIST);
	addr_request(&r, RTM_DELADDR, 0, a, 24);
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT(!ip_is_local(a));
	EXPECT_EQ(acked(s, &r), -EADDRNOTAVAIL);
	addr_request(&r, RTM_NEWADDR, NLM_F_CREATE, a, 33);
	EXPECT_EQ(acked(s, &r), -EINVAL);
	addr_request(&r, RTM_NEWADDR, NLM_F_CREATE, htonl(0xe0000001), 24);
	EXPECT_EQ(acked(s, &r), -EINVAL);
	addr_request(&r, RTM_NEWADDR, NLM_F_CREATE, a, 24);
	((struct ifaddrmsg *)r.body)->ifa_index = 99;
	EXPECT_EQ(acked(s, &r), -ENODEV);
	((struct ifaddrmsg *)r.body)->ifa_family = AF_INET6;
	EXPECT_EQ(acked(s, &r), -EAFNOSUPPORT);
	socket_release(s);
}

static void route_request(struct request *r, u16 type, u16 flags, be32 to, u8 prefix, be32 via)
{
	struct rtmsg *m = request_begin(r, type, flags | NLM_F_ACK, sizeof(*m));

	m->rtm_family = AF_INET;
	m->rtm_dst_len = prefix;
	m->rtm_table = 254;
	if (type == RTM_NEWROUTE) {
		m->rtm_type = RTN_UNICAST;
		m->rtm_protocol = RTPROT_BOOT;
	}
	attr_add(r, RTA_DST, &to, 4);
	if (via)
		attr_add(r, RTA_GATEWAY, &via, 4);
}

TEST(a_dump_of_thousands_is_whole)
{
	struct request r;
	struct socket *s;
	u32 before;

	stack_start();
	s = netlink_new();
	before = dump(s, RTM_GETROUTE, NULL);
	for (u32 i = 0; i < 3000; i++) {
		route_request(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, htonl(0xac100000) | cpu_to_be32(i << 8), 24,
			      GATEWAY_IP);
		EXPECT_EQ(acked(s, &r), 0);
	}
	EXPECT_EQ(acked(s, &r), -EEXIST);
	EXPECT_EQ(dump(s, RTM_GETROUTE, NULL), before + 3000);
	for (u32 i = 0; i < 3000; i++) {
		route_request(&r, RTM_DELROUTE, 0, htonl(0xac100000) | cpu_to_be32(i << 8), 24, 0);
		EXPECT_EQ(acked(s, &r), 0);
	}
	EXPECT_EQ(acked(s, &r), -ESRCH);
	EXPECT_EQ(dump(s, RTM_GETROUTE, NULL), before);
	socket_release(s);
}

TEST(a_dump_left_in_the_middle_costs_nothing)
{
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	request_begin(&r, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	send_bytes(s, &r, r.h.nlmsg_len);
	socket_release(s);
}

TEST(route_get_answers_as_packets_go)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	route_request(&r, RTM_GETROUTE, 0, FAR_IP, 32, 0);
	r.h.nlmsg_flags &= ~NLM_F_ACK;
	send_bytes(s, &r, r.h.nlmsg_len);
	EXPECT_GT(receive(s), 0);
	EXPECT_EQ(h->nlmsg_type, RTM_NEWROUTE);
	EXPECT_EQ(*(const be32 *)message_attr(h, sizeof(struct rtmsg), RTA_GATEWAY), GATEWAY_IP);
	EXPECT_EQ(*(const be32 *)message_attr(h, sizeof(struct rtmsg), RTA_PREFSRC), OUR_IP);
	socket_release(s);
}

TEST(links_are_set)
{
	struct ifinfomsg *i;
	struct request r;
	struct socket *s;
	u32 mtu = 1400, silly = 100000;

	stack_start();
	s = netlink_new();
	i = request_begin(&r, RTM_NEWLINK, NLM_F_ACK, sizeof(*i));
	i->ifi_index = nic.index;
	attr_add(&r, IFLA_MTU, &mtu, 4);
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT_EQ(nic.mtu, 1400u);
	i = request_begin(&r, RTM_NEWLINK, NLM_F_ACK, sizeof(*i));
	i->ifi_index = nic.index;
	attr_add(&r, IFLA_MTU, &silly, 4);
	EXPECT_EQ(acked(s, &r), -EINVAL);
	i = request_begin(&r, RTM_NEWLINK, NLM_F_ACK, sizeof(*i));
	attr_add(&r, IFLA_IFNAME, "eth0", 5);
	i->ifi_change = IFF_UP;
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT(!(nic.flags & NETIF_UP));
	i->ifi_flags = IFF_UP;
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT(nic.flags & NETIF_UP);
	netif_set_mtu(&nic, 1500);
	route_request(&r, RTM_NEWROUTE, NLM_F_CREATE, 0, 0, GATEWAY_IP);
	EXPECT_EQ(acked(s, &r), 0);
	host_clock_advance(10 * NSEC_PER_SEC);
	socket_release(s);
}

TEST(neighbours_are_set_shown_and_deleted)
{
	static const u8 mac[6] = { 2, 0, 0, 0, 0, 9 };
	be32 a = htonl(0x0a000042);
	struct request r;
	struct socket *s;
	struct ndmsg *d;
	u32 before;

	stack_start();
	s = netlink_new();
	before = dump(s, RTM_GETNEIGH, NULL);
	d = request_begin(&r, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*d));
	d->ndm_family = AF_INET;
	d->ndm_ifindex = nic.index;
	d->ndm_state = NUD_PERMANENT;
	attr_add(&r, NDA_DST, &a, 4);
	attr_add(&r, NDA_LLADDR, mac, 6);
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT_EQ(acked(s, &r), -EEXIST);
	EXPECT_EQ(dump(s, RTM_GETNEIGH, NULL), before + 1);
	r.h.nlmsg_type = RTM_DELNEIGH;
	EXPECT_EQ(acked(s, &r), 0);
	EXPECT_EQ(acked(s, &r), -ENOENT);
	EXPECT_EQ(dump(s, RTM_GETNEIGH, NULL), before);
	socket_release(s);
}

TEST(listeners_hear_of_changes)
{
	struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR };
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	struct socket *s, *deaf;

	stack_start();
	s = netlink_new();
	deaf = netlink_new();
	EXPECT_EQ(s->ops->bind(s, (u8 *)&nl, sizeof(nl)), 0);
	mutex_lock(&net_config_mutex);
	EXPECT_EQ(ifaddr_add(&nic, htonl(0x0a020202), 24, 0, 0, NULL), 0);
	EXPECT_GT(receive(s), 0);
	EXPECT_EQ(h->nlmsg_type, RTM_NEWADDR);
	EXPECT_EQ(ifaddr_delete(&nic, ifaddr_find(&nic, htonl(0x0a020202), -1)), 0);
	mutex_unlock(&net_config_mutex);
	EXPECT_GT(receive(s), 0);
	EXPECT_EQ(h->nlmsg_type, RTM_DELADDR);
	netif_carrier(&nic, false);
	host_run();
	EXPECT_GT(receive(s), 0);
	EXPECT_EQ(h->nlmsg_type, RTM_NEWLINK);
	netif_carrier(&nic, true);
	host_run();
	EXPECT_EQ(receive(deaf), -EAGAIN);
	socket_release(s);
	socket_release(deaf);
}

TEST(who_is_not_root_may_look_but_not_touch)
{
	const struct cred *root = current()->cred;
	struct cred user = { .refs = 1, .uid = 1000, .euid = 1000, .suid = 1000, .fsuid = 1000 };
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	current()->cred = &user;
	addr_request(&r, RTM_NEWADDR, NLM_F_CREATE, htonl(0x0a030303), 24);
	EXPECT_EQ(acked(s, &r), -EPERM);
	EXPECT_EQ(dump(s, RTM_GETLINK, NULL), 2u);
	current()->cred = root;
	socket_release(s);
}

TEST(garbage_does_no_harm)
{
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	for (u32 i = 0; i < 40000; i++) {
		u32 len = 16 + unit_random_below(120);

		unit_random_fill(&r, len);
		r.h.nlmsg_len = unit_random_below(4) ? len : unit_random_below(200);
		r.h.nlmsg_type = 16 + unit_random_below(24);
		r.h.nlmsg_flags |= NLM_F_REQUEST;
		if (unit_random_below(2))
			r.body[0] = AF_INET;		/* the family of each kind */
		if ((r.h.nlmsg_type & 3) == 0 && unit_random_below(2))
			memset(r.body + 4, 0, 4);
		send_bytes(s, &r, len);
		while (receive(s) > 0)
			;
		if (i % 1000 == 0) {
			socket_release(s);	/* a dump may be under way */
			s = netlink_new();
		}
	}
	socket_release(s);
}

TEST(mutated_requests_do_no_harm)
{
	struct request r;
	struct socket *s;

	stack_start();
	s = netlink_new();
	for (u32 i = 0; i < 30000; i++) {
		u32 len, flips = 1 + unit_random_below(3);

		switch (i % 3) {
		case 0:
			addr_request(&r, unit_random_below(2) ? RTM_NEWADDR : RTM_DELADDR, NLM_F_CREATE,
				     htonl(0x0a040000) | cpu_to_be32(unit_random_below(8)), 24);
			break;
		case 1:
			route_request(&r, unit_random_below(2) ? RTM_NEWROUTE : RTM_DELROUTE, NLM_F_CREATE,
				      htonl(0xac200000) | cpu_to_be32(unit_random_below(8) << 8), 24, GATEWAY_IP);
			break;
		default:
			request_begin(&r, RTM_GETLINK, unit_random_below(2) ? NLM_F_DUMP : 0, sizeof(struct ifinfomsg));
			attr_add(&r, IFLA_IFNAME, "eth0", 5);
		}
		len = r.h.nlmsg_len;
		while (flips--)
			((u8 *)&r)[unit_random_below(len)] ^= 1 << unit_random_below(8);
		send_bytes(s, &r, len);
		while (receive(s) > 0)
			;
	}
	socket_release(s);
}
