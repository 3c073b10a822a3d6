/*
 * UDP: who gets a datagram, what a full queue costs, what programs send and learn.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"
#include "net/napi.h"

static u8 f[2048];

static void datagram(be32 from, be32 to, u16 from_port, u16 to_port, const char *text)
{
	card_receives(f, frame_udp(f, from, to, from_port, to_port, text, strlen(text)));
}

TEST(a_datagram_reaches_its_port_with_its_sender)
{
	struct socket *s;
	char buf[64] = { 0 };
	be32 from;
	u16 port;

	stack_start();
	s = udp_new(0, 4000);
	datagram(PEER_IP, OUR_IP, 999, 4000, "hello");
	EXPECT_EQ(udp_receive(s, buf, sizeof(buf), &from, &port), 5);
	EXPECT_STR(buf, "hello");
	EXPECT_EQ(from, PEER_IP);
	EXPECT_EQ(port, 999u);
	EXPECT_EQ(udp_receive(s, buf, sizeof(buf), NULL, NULL), -EAGAIN);
	socket_release(s);
}

TEST(a_short_buffer_truncates)
{
	struct socket *s;
	char buf[4] = { 0 };

	stack_start();
	s = udp_new(0, 4000);
	datagram(PEER_IP, OUR_IP, 999, 4000, "hello");
	EXPECT_EQ(udp_receive(s, buf, 3, NULL, NULL), 3);
	EXPECT_STR(buf, "hel");
	EXPECT_EQ(udp_receive(s, buf, 3, NULL, NULL), -EAGAIN);
	socket_release(s);
}

TEST(a_connected_socket_goes_before_a_bound_one)
{
	struct socket *any, *fixed, *connected;
	char buf[8];

	stack_start();
	any = udp_new(0, 0);
	any->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)any, 0, htons(4000)), 0);
	fixed = udp_new(0, 0);
	fixed->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)fixed, OUR_IP, htons(4000)), 0);
	connected = udp_new(0, 0);
	connected->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)connected, OUR_IP, htons(4000)), 0);
	EXPECT_EQ(udp_connect_to(connected, PEER_IP, 7), 0);

	datagram(PEER_IP, OUR_IP, 7, 4000, "a");
	EXPECT_EQ(udp_receive(connected, buf, 8, NULL, NULL), 1);
	datagram(PEER_IP, OUR_IP, 8, 4000, "b");
	EXPECT_EQ(udp_receive(connected, buf, 8, NULL, NULL), -EAGAIN);
	EXPECT_EQ(udp_receive(fixed, buf, 8, NULL, NULL), 1);
	EXPECT_EQ(udp_receive(any, buf, 8, NULL, NULL), -EAGAIN);
	socket_release(any);
	socket_release(fixed);
	socket_release(connected);
}

TEST(a_port_is_given_once)
{
	struct socket *a, *b;

	stack_start();
	a = udp_new(0, 4000);
	b = udp_new(0, 0);
	EXPECT_EQ(udp_bind((struct udp_socket *)b, 0, htons(4000)), -EADDRINUSE);
	EXPECT_EQ(udp_bind((struct udp_socket *)b, OUR_IP, htons(4000)), -EADDRINUSE);
	socket_release(a);
	EXPECT_EQ(udp_bind((struct udp_socket *)b, 0, htons(4000)), 0);
	socket_release(b);
}

TEST(ephemeral_ports_differ_and_lie_in_the_range)
{
	struct socket *s[50];

	stack_start();
	for (u32 i = 0; i < 50; i++) {
		s[i] = udp_new(0, 0);
		EXPECT_EQ(udp_bind((struct udp_socket *)s[i], 0, 0), 0);
		EXPECT_GE(be16_to_cpu(inet_of(s[i])->local_port), 32768);
		EXPECT_LE(be16_to_cpu(inet_of(s[i])->local_port), 60999);
		for (u32 k = 0; k < i; k++)
			EXPECT_NE(inet_of(s[k])->local_port, inet_of(s[i])->local_port);
	}
	for (u32 i = 0; i < 50; i++)
		socket_release(s[i]);
}

TEST(a_wrong_checksum_is_dropped_and_none_is_accepted)
{
	struct socket *s;
	char buf[8];
	u32 len;

	stack_start();
	s = udp_new(0, 4000);
	len = frame_udp(f, PEER_IP, OUR_IP, 9, 4000, "abc", 3);
	f[len - 1] ^= 1;
	card_receives(f, len);
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -EAGAIN);
	memset(f + 34 + 6, 0, 2);
	card_receives(f, len);
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), 3);
	socket_release(s);
}

TEST(lengths_that_lie_are_dropped)
{
	struct socket *s;
	char buf[64];
	u32 len;

	stack_start();
	s = udp_new(0, 4000);
	for (u32 claimed = 0; claimed < 200; claimed++) {
		struct udp_header *h = frame_payload(f);

		len = frame_udp(f, PEER_IP, OUR_IP, 9, 4000, "abcdefgh", 8);
		h->length = cpu_to_be16(claimed);
		h->checksum = 0;
		card_receives(f, len);
		if (claimed >= 8 && claimed <= 16)
			EXPECT_EQ(udp_receive(s, buf, 64, NULL, NULL), (s64)claimed - 8);
		else
			EXPECT_EQ(udp_receive(s, buf, 64, NULL, NULL), -EAGAIN);
	}
	socket_release(s);
}

TEST(an_unused_port_is_reported_to_the_sender)
{
	const struct icmp_header *h;

	stack_start();
	datagram(PEER_IP, OUR_IP, 9, 4001, "x");
	EXPECT_EQ(sent_count, 1u);
	h = frame_payload(sent[0].data);
	EXPECT_EQ(h->type, ICMP_UNREACHABLE);
	EXPECT_EQ(h->code, ICMP_PORT_UNREACHABLE);
	EXPECT(frame_sums_right(&sent[0]));
	EXPECT_EQ(frame_ip_header(sent[0].data)->destination, PEER_IP);
}

TEST(a_connected_socket_learns_that_nobody_listens)
{
	struct socket *s;
	char buf[8];
	u8 message[64] = { ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE };
	u16 sum;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_connect_to(s, PEER_IP, 53), 0);
	EXPECT_EQ(udp_send_to(s, 0, 0, "q", 1), 1);
	EXPECT_EQ(sent_count, 1u);
	memcpy(message + 8, sent[0].data + 14, 28);
	sum = cksum_fold(cksum_add(0, message, 36));
	memcpy(message + 2, &sum, 2);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, 0, 1, message, 36));
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -ECONNREFUSED);
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -EAGAIN);
	/* The same about a port that is not ours, or to another peer: nothing. */
	message[8 + 16 + 3] ^= 1;
	memset(message + 2, 0, 2);
	sum = cksum_fold(cksum_add(0, message, 36));
	memcpy(message + 2, &sum, 2);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, 0, 1, message, 36));
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -EAGAIN);
	socket_release(s);
}

TEST(what_is_sent_is_whole)
{
	struct socket *s;
	u8 data[1472];
	u32 lens[] = { 0, 1, 2, 3, 18, 511, 1471, 1472 };

	stack_start();
	unit_random_fill(data, sizeof(data));
	s = udp_new(0, 4000);
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++) {
		sent_clear();
		EXPECT_EQ(udp_send_to(s, PEER_IP, 77, data, lens[i]), (s64)lens[i]);
		REQUIRE(sent_count == 1);
		EXPECT(frame_sums_right(&sent[0]));
		EXPECT_MEM(sent[0].data + 42, data, lens[i]);
		EXPECT_MEM(sent[0].data, peer_mac, 6);
		EXPECT_MEM(sent[0].data + 6, our_mac, 6);
		EXPECT_EQ(frame_ip_header(sent[0].data)->source, OUR_IP);
	}
	socket_release(s);
}

/* Fragments of a large datagram, fed back as if the peer had sent them, are the datagram again. */
TEST(a_large_datagram_goes_out_in_fragments_and_comes_back_whole)
{
	static u8 data[65507], got[65507];
	struct socket *s, *r;
	be32 from;
	u32 n;

	stack_start();
	unit_random_fill(data, sizeof(data));
	s = udp_new(0, 4000);
	r = udp_new(0, 4001);
	for (u32 len = 1473; len <= sizeof(data); len = len * 2 + 1 > sizeof(data) && len < sizeof(data) ? sizeof(data) : len * 2 + 1) {
		sent_clear();
		EXPECT_EQ(udp_send_to(s, PEER_IP, 4001, data, len), (s64)len);
		EXPECT_EQ(sent_count, (len + 8 + 1479) / 1480);
		n = sent_count;
		for (u32 i = 0; i < n; i++) {
			struct ip_header *ip = frame_ip_header(sent[i].data);

			EXPECT(frame_sums_right(&sent[i]));
			ip->source = PEER_IP;		/* the two change places: the sums stay right */
			ip->destination = OUR_IP;
			memcpy(sent[i].data, our_mac, 6);
		}
		for (u32 i = 0; i < n; i++)
			card_receives(sent[n - 1 - i].data, sent[n - 1 - i].len);
		EXPECT_EQ(udp_receive(r, got, sizeof(got), &from, NULL), (s64)len);
		EXPECT_EQ(from, PEER_IP);
		EXPECT_MEM(got, data, len);
	}
	EXPECT_EQ(udp_send_to(s, PEER_IP, 1, data, 65508), -EMSGSIZE);
	socket_release(s);
	socket_release(r);
}

TEST(loopback_carries_datagrams_of_any_size)
{
	static u8 data[60000], got[60000];
	struct socket *a, *b;
	be32 from;

	stack_start();
	unit_random_fill(data, sizeof(data));
	a = udp_new(0, 4000);
	b = udp_new(htonl(0x7f000001), 4001);
	EXPECT_EQ(udp_send_to(a, htonl(0x7f000001), 4001, data, 60000), 60000);
	EXPECT_EQ(udp_receive(b, got, sizeof(got), &from, NULL), 60000);
	EXPECT_MEM(got, data, 60000);
	EXPECT_EQ(from, htonl(0x7f000001));
	/* To our own address on the card: not by wire either. */
	socket_release(b);
	b = udp_new(OUR_IP, 4001);
	EXPECT_EQ(udp_send_to(a, OUR_IP, 4001, "self", 4), 4);
	EXPECT_EQ(udp_receive(b, got, sizeof(got), &from, NULL), 4);
	EXPECT_EQ(from, OUR_IP);
	EXPECT_EQ(sent_count, 0u);
	socket_release(a);
	socket_release(b);
}

TEST(broadcasts_need_leave_and_reach_all_who_listen)
{
	struct socket *a, *b;
	char buf[8];

	stack_start();
	a = udp_new(0, 0);
	a->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)a, 0, htons(4000)), 0);
	b = udp_new(0, 0);
	b->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)b, 0, htons(4000)), 0);
	datagram(PEER_IP, IP_BROADCAST, 1, 4000, "all");
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), 3);
	EXPECT_EQ(udp_receive(b, buf, 8, NULL, NULL), 3);
	datagram(PEER_IP, OUR_IP | htonl(0xff), 1, 4000, "net");
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), 3);
	EXPECT_EQ(udp_receive(b, buf, 8, NULL, NULL), 3);

	EXPECT_EQ(udp_send_to(a, OUR_IP | htonl(0xff), 9, "x", 1), -EACCES);
	a->broadcast = true;
	EXPECT_EQ(udp_send_to(a, OUR_IP | htonl(0xff), 9, "x", 1), 1);
	EXPECT_EQ(sent_count, 1u);
	EXPECT_MEM(sent[0].data, ether_broadcast, 6);
	socket_release(a);
	socket_release(b);
}

TEST(a_group_is_heard_by_those_who_joined)
{
	struct socket *a, *b;
	struct ip_mreqn r = { .imr_multiaddr.s_addr = htonl(0xe0010203), .imr_address.s_addr = OUR_IP };
	char buf[8];

	stack_start();
	a = udp_new(0, 0);
	a->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)a, 0, htons(4000)), 0);
	b = udp_new(0, 0);
	b->reuseaddr = true;
	EXPECT_EQ(udp_bind((struct udp_socket *)b, 0, htons(4000)), 0);
	datagram(PEER_IP, htonl(0xe0010203), 1, 4000, "no");
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), -EAGAIN);
	EXPECT_EQ(a->ops->setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, (u8 *)&r, sizeof(r)), 0);
	EXPECT_EQ(a->ops->setsockopt(a, SOL_IP, IP_ADD_MEMBERSHIP, (u8 *)&r, sizeof(r)), -EADDRINUSE);
	datagram(PEER_IP, htonl(0xe0010203), 1, 4000, "yes");
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), 3);
	EXPECT_EQ(udp_receive(b, buf, 8, NULL, NULL), 3);	/* the host is in it: that will do, unless it wants its own alone */
	EXPECT_EQ(b->ops->setsockopt(b, SOL_IP, IP_MULTICAST_ALL, (u8 *)&(int){ 0 }, sizeof(int)), 0);
	datagram(PEER_IP, htonl(0xe0010203), 1, 4000, "yes");
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), 3);
	EXPECT_EQ(udp_receive(b, buf, 8, NULL, NULL), -EAGAIN);
	/* Membership is told to the network, and sent groups go to their link address. */
	host_clock_advance(20 * NSEC_PER_SEC);
	EXPECT_GE(sent_count, 1u);
	EXPECT_EQ(frame_ip_header(sent[0].data)->protocol, 2);
	sent_clear();
	EXPECT_EQ(udp_send_to(b, htonl(0xe0010203), 4000, "hi", 2), 2);
	EXPECT_EQ(sent_count, 1u);
	EXPECT_MEM(sent[0].data, ((u8[]){ 1, 0, 0x5e, 1, 2, 3 }), 6);
	EXPECT_EQ(udp_receive(a, buf, 8, NULL, NULL), 2);	/* looped */
	socket_release(a);
	socket_release(b);
	sent_clear();
	datagram(PEER_IP, htonl(0xe0010203), 1, 4000, "no");
	EXPECT_EQ(sent_count, 0u);		/* no ICMP error about a group */
}

TEST(a_full_queue_drops_and_recovers)
{
	struct socket *s;
	char buf[8];
	u32 taken = 0;

	stack_start();
	s = udp_new(0, 4000);
	for (u32 i = 0; i < 1000; i++)
		datagram(PEER_IP, OUR_IP, 9, 4000, "flood");
	while (udp_receive(s, buf, 8, NULL, NULL) == 5)
		taken++;
	EXPECT_GE(taken, 200u);
	EXPECT_LT(taken, 1000u);
	EXPECT_EQ(inet_of(s)->rx_charge, 0u);
	datagram(PEER_IP, OUR_IP, 9, 4000, "later");
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), 5);
	socket_release(s);
}

TEST(a_sender_past_its_share_waits_for_the_card)
{
	struct socket *s;
	u32 queued = 0;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_connect_to(s, PEER_IP, 9), 0);
	nic_result = -ENOBUFS;		/* the ring is full: packets wait in the interface's queue */
	for (u32 i = 0; i < 2000; i++) {
		struct socket_msg m = { .flags = MSG_DONTWAIT };

		uio_kernel(&m.uio, "x", 1);
		if (s->ops->sendmsg(s, &m) != 1)
			break;
		queued++;
	}
	EXPECT_EQ(queued, s->sndbuf / PKT_TRUESIZE);
	EXPECT_GE(nic_reclaims, 1u);
	EXPECT(!(s->ops->poll(s, NULL) & EPOLLOUT));
	nic_result = 0;
	local_bh_disable();
	netif_tx_wake(&nic, 0);
	local_bh_enable();
	EXPECT_EQ(sent_count, queued);
	EXPECT(s->ops->poll(s, NULL) & EPOLLOUT);
	EXPECT_EQ(udp_send_to(s, 0, 0, "y", 1), 1);
	socket_release(s);
}

TEST(a_socket_may_close_before_its_packets_leave)
{
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	nic_result = -ENOBUFS;
	for (u32 i = 0; i < 10; i++)
		EXPECT_EQ(udp_send_to(s, PEER_IP, 9, "x", 1), 1);
	socket_release(s);
	nic_result = 0;
	local_bh_disable();
	netif_tx_wake(&nic, 0);
	local_bh_enable();
	EXPECT_EQ(sent_count, 10u);
}

TEST(no_memory_is_an_error_not_a_crash)
{
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	pkt_drain_caches();
	host_alloc_fail(1);
	EXPECT_EQ(udp_send_to(s, PEER_IP, 9, "x", 1), -ENOBUFS);
	host_alloc_fail(0);
	EXPECT_EQ(atomic_load(&inet_of(s)->tx_charge), 1u);
	EXPECT_EQ(udp_send_to(s, PEER_IP, 9, "x", 1), 1);
	socket_release(s);
}
