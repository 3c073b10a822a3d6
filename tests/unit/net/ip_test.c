/*
 * IPv4 input under strangers' hands: headers that lie, fragments that overlap or never end, checksums, options; and
 * that the stack serves as before when all of it is over.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"

static u8 f[4096];

static u64 counter(enum net_counter c)
{
	return net_counter_sum(c);
}

/* Does an echo still come back? */
static void expect_alive(void)
{
	sent_clear();
	card_receives(f, frame_echo(f, PEER_IP, OUR_IP, 7, 9, "alive", 5));
	EXPECT_EQ(sent_count, 1u);
	EXPECT(frame_sums_right(&sent[0]));
	sent_clear();
}

TEST(an_echo_is_answered)
{
	u8 data[1400];
	const struct icmp_header *h;

	stack_start();
	unit_random_fill(data, sizeof(data));
	for (u32 len = 0; len <= sizeof(data); len += 175) {
		sent_clear();
		card_receives(f, frame_echo(f, PEER_IP, OUR_IP, 0x1234, len, data, len));
		REQUIRE(sent_count == 1);
		h = frame_payload(sent[0].data);
		EXPECT(frame_sums_right(&sent[0]));
		EXPECT_EQ(h->type, ICMP_ECHO_REPLY);
		EXPECT_EQ(h->id, htons(0x1234));
		EXPECT_EQ(h->sequence, cpu_to_be16(len));
		EXPECT_MEM(h + 1, data, len);
		EXPECT_EQ(frame_ip_header(sent[0].data)->source, OUR_IP);
		EXPECT_EQ(frame_ip_header(sent[0].data)->destination, PEER_IP);
		EXPECT_MEM(sent[0].data, peer_mac, 6);
	}
}

TEST(padding_is_cut_off)
{
	u32 len;

	stack_start();
	sent_clear();
	len = frame_echo(f, PEER_IP, OUR_IP, 1, 1, "", 0);
	memset(f + len, 0xee, 60 - len);
	card_receives(f, 60);
	REQUIRE(sent_count == 1);
	EXPECT_EQ(sent[0].len, len);
}

TEST(an_echo_with_every_checksum_is_answered_right)
{
	u8 data[2];

	stack_start();
	for (u32 v = 0; v < 65536; v += 251) {
		sent_clear();
		put_unaligned_be16(v, data);
		card_receives(f, frame_echo(f, PEER_IP, OUR_IP, 1, 1, data, 2));
		REQUIRE(sent_count == 1);
		EXPECT(frame_sums_right(&sent[0]));
	}
}

TEST(nothing_answers_what_is_not_for_us)
{
	u8 other[6] = { 0x52, 0x54, 0, 0, 0, 9 };
	u32 len;

	stack_start();
	sent_clear();
	card_receives(f, frame_echo(f, PEER_IP, OTHER_IP, 1, 1, "", 0));
	len = frame_echo(f, PEER_IP, OUR_IP, 1, 1, "", 0);
	memcpy(f, other, 6);
	card_receives(f, len);					/* another station's */
	len = frame_echo(f, PEER_IP, OUR_IP, 1, 1, "", 0);
	memset(f, 0xff, 6);
	card_receives(f, len);					/* unicast in a link broadcast */
	card_receives(f, frame_echo(f, PEER_IP, IP_BROADCAST, 1, 1, "", 0));
	card_receives(f, frame_echo(f, PEER_IP, OUR_IP | htonl(0xff), 1, 1, "", 0));
	card_receives(f, frame_echo(f, OUR_IP, OUR_IP, 1, 1, "", 0));		/* from ourselves? */
	card_receives(f, frame_echo(f, htonl(0x7f000001), OUR_IP, 1, 1, "", 0));
	card_receives(f, frame_echo(f, PEER_IP, htonl(0x7f000001), 1, 1, "", 0));
	card_receives(f, frame_echo(f, htonl(0xe0000001), OUR_IP, 1, 1, "", 0));
	card_receives(f, frame_echo(f, IP_BROADCAST, OUR_IP, 1, 1, "", 0));
	EXPECT_EQ(sent_count, 0u);
	expect_alive();
}

static u32 with_options(u8 *to, const u8 *options, u32 n)
{
	u32 len = frame_echo(to, PEER_IP, OUR_IP, 1, 1, "data", 4);
	struct ip_header *ip = frame_ip_header(to);

	memmove(to + 34 + n, to + 34, len - 34);
	memcpy(to + 34, options, n);
	ip->version_ihl = 0x45 + n / 4;
	ip->length = cpu_to_be16(len - 14 + n);
	ip->checksum = 0;
	ip->checksum = cksum_fold(cksum_add(0, ip, 20 + n));
	return len + n;
}

TEST(options_are_stepped_over_if_they_are_well_formed)
{
	static const u8 nops[4] = { 1, 1, 1, 0 }, record[8] = { 7, 7, 4, 0, 0, 0, 0, 0 };
	static const u8 too_long[4] = { 7, 9, 4, 0 }, too_short[4] = { 7, 1, 0, 0 }, cut[4] = { 1, 1, 1, 7 };
	static const u8 source_route[8] = { 0x83, 7, 4, 10, 0, 0, 2, 0 };

	stack_start();
	sent_clear();
	card_receives(f, with_options(f, nops, 4));
	card_receives(f, with_options(f, record, 8));
	EXPECT_EQ(sent_count, 2u);
	EXPECT(frame_sums_right(&sent[0]) && frame_sums_right(&sent[1]));
	sent_clear();
	card_receives(f, with_options(f, too_long, 4));
	card_receives(f, with_options(f, too_short, 4));
	card_receives(f, with_options(f, cut, 4));
	card_receives(f, with_options(f, source_route, 8));
	EXPECT_EQ(sent_count, 0u);
}

TEST(an_unknown_protocol_is_reported)
{
	const struct icmp_header *h;

	stack_start();
	sent_clear();
	host_clock_advance(10 * NSEC_PER_SEC);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 200, 0, 1, "data", 4));
	REQUIRE(sent_count == 1);
	h = frame_payload(sent[0].data);
	EXPECT_EQ(h->type, ICMP_UNREACHABLE);
	EXPECT_EQ(h->code, ICMP_PROTOCOL_UNREACHABLE);
	/* ...but never an error about an error, a fragment's rest, or a broadcast. */
	sent_clear();
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 200, 100, 1, "data", 4));
	card_receives(f, frame_ip(f, PEER_IP, IP_BROADCAST, 200, 0, 1, "data", 4));
	EXPECT_EQ(sent_count, 0u);
}

TEST(errors_are_limited_to_a_trickle)
{
	stack_start();
	host_clock_advance(100 * NSEC_PER_SEC);
	sent_clear();
	for (u32 i = 0; i < 1000; i++)
		card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 200, 0, 1, "data", 4));
	EXPECT_GE(sent_count, 1u);
	EXPECT_LE(sent_count, 10u);
	sent_clear();
	host_clock_advance(2 * NSEC_PER_SEC);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 200, 0, 1, "data", 4));
	EXPECT_EQ(sent_count, 1u);
	host_clock_advance(100 * NSEC_PER_SEC);
}

/* ---- fragments ---- */

#define DATA 2000
static u8 data[DATA];

/* The echo request of DATA bytes whose fragments are sent; [from, to) of its ICMP message. */
static void message_make(u8 *m)
{
	struct icmp_header *h = (struct icmp_header *)m;

	*h = (struct icmp_header){ .type = ICMP_ECHO, .id = 1 };
	memcpy(m + 8, data, DATA);
	h->checksum = cksum_fold(cksum_add(0, m, DATA + 8));
}

static u8 message[DATA + 8];

static void fragment(u32 from, u32 to, u16 id)
{
	u16 word = from / 8 | (to < DATA + 8 ? IP_MORE_FRAGMENTS : 0);

	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, word, id, message + from, to - from));
}

static void fragments_begin(void)
{
	stack_start();
	unit_random_fill(data, sizeof(data));
	message_make(message);
	sent_clear();
}

/* The whole message was understood: its answer came back, in fragments of its own. */
static void expect_answer(void)
{
	EXPECT_EQ(sent_count, 2u);
	EXPECT_MEM((u8 *)frame_payload(sent[0].data) + 8, data, 1472);
	EXPECT_MEM(frame_payload(sent[1].data), data + 1472, DATA - 1472);
	sent_clear();
}

TEST(fragments_in_any_order_make_the_packet)
{
	static const u32 cuts[] = { 0, 8, 40, 800, 1200, 1608, DATA + 8 };
	u32 order[] = { 0, 1, 2, 3, 4, 5 };

	fragments_begin();
	for (u32 round = 0; round < 200; round++) {
		for (u32 i = 0; i < 6; i++) {
			u32 k = unit_random_below(6), t = order[i];

			order[i] = order[k];
			order[k] = t;
		}
		for (u32 i = 0; i < 6; i++)
			fragment(cuts[order[i]], cuts[order[i] + 1], round);
		expect_answer();
	}
}

TEST(the_same_fragment_twice_is_one)
{
	fragments_begin();
	fragment(0, 800, 1);
	fragment(0, 800, 1);
	fragment(1600, DATA + 8, 1);
	fragment(1600, DATA + 8, 1);
	EXPECT_EQ(sent_count, 0u);
	fragment(800, 1600, 1);
	expect_answer();
}

TEST(overlap_voids_the_packet)
{
	static const u32 overlaps[][2] = { { 8, 808 }, { 0, 808 }, { 792, 1600 }, { 800, 1608 }, { 8, 16 } };

	fragments_begin();
	for (u32 i = 0; i < ARRAY_SIZE(overlaps); i++) {
		u64 before = counter(IP_REASM_OVERLAPS);

		fragment(0, 800, 100 + i);
		fragment(1600, DATA + 8, 100 + i);
		fragment(overlaps[i][0], overlaps[i][1], 100 + i);
		EXPECT_EQ(counter(IP_REASM_OVERLAPS), before + 1);
		/* Not even whole fragments that come later revive it. */
		fragment(0, 800, 100 + i);
		fragment(800, 1600, 100 + i);
		fragment(1600, DATA + 8, 100 + i);
		EXPECT_EQ(sent_count, 0u);
	}
	host_clock_advance(60 * NSEC_PER_SEC);
	sent_clear();
	expect_alive();
}

TEST(ends_that_disagree_void_the_packet)
{
	u16 last = 1600 / 8;

	fragments_begin();
	fragment(0, 800, 1);
	fragment(1600, DATA + 8, 1);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, last, 1, message, 64));	/* another last one, shorter */
	fragment(800, 1600, 1);
	EXPECT_EQ(sent_count, 0u);
	fragment(0, 800, 2);
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, 800 / 8, 2, message, 16));	/* last ends before... */
	fragment(800, 1600, 2);								/* ...what goes on */
	EXPECT_EQ(sent_count, 0u);
	host_clock_advance(60 * NSEC_PER_SEC);
}

TEST(malformed_fragments_are_refused)
{
	fragments_begin();
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, IP_MORE_FRAGMENTS, 1, message, 801));	/* not a multiple of 8 */
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, IP_MORE_FRAGMENTS, 1, message, 0));
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, 8191, 1, message, 800));	/* past 65535: the ping of death */
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 6, 1, 1, message, 800));		/* into a TCP header */
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 6, IP_MORE_FRAGMENTS, 1, message, 16));
	EXPECT_EQ(sent_count, 0u);
	expect_alive();
}

TEST(an_unfinished_packet_is_given_up_and_reported)
{
	struct ip_frag_stats s;
	const struct icmp_header *h;

	fragments_begin();
	host_clock_advance(60 * NSEC_PER_SEC);
	fragment(0, 800, 1);
	fragment(800, 1600, 2);		/* without a first fragment: no report */
	host_clock_advance(29 * NSEC_PER_SEC);
	ip_frag_stats_get(&s);
	EXPECT_EQ(s.queues, 2u);
	EXPECT_EQ(sent_count, 0u);
	host_clock_advance(2 * NSEC_PER_SEC);
	ip_frag_stats_get(&s);
	EXPECT_EQ(s.queues, 0u);
	EXPECT_EQ(s.memory, 0u);
	REQUIRE(sent_count == 1);
	h = frame_payload(sent[0].data);
	EXPECT_EQ(h->type, ICMP_TIME_EXCEEDED);
	EXPECT_EQ(h->code, ICMP_REASSEMBLY_TIME);
}

TEST(memory_for_fragments_is_bounded)
{
	struct ip_frag_stats s;

	fragments_begin();
	for (u32 i = 0; i < 20000; i++) {
		fragment(0, 800, i);
		ip_frag_stats_get(&s);
		REQUIRE(s.memory <= 4u << 20);
	}
	fragment(0, 800, 30000);	/* and a packet that is completed still gets through */
	fragment(800, DATA + 8, 30000);
	expect_answer();
	host_clock_advance(60 * NSEC_PER_SEC);
	ip_frag_stats_get(&s);
	EXPECT_EQ(s.memory, 0u);
}

/* ---- by the ten thousand ---- */

TEST(mutated_packets_do_no_harm)
{
	u8 original[1600];
	struct socket *s;
	char buf[2048];

	stack_start();
	s = udp_new(0, 4000);
	for (u32 i = 0; i < 60000; i++) {
		u32 kind = unit_random_below(4), len, flips = 1 + unit_random_below(6);

		switch (kind) {
		case 0:
			len = frame_echo(original, PEER_IP, OUR_IP, i, 1, data, unit_random_below(200));
			break;
		case 1:
			len = frame_udp(original, PEER_IP, OUR_IP, 1, 4000, data, unit_random_below(200));
			break;
		case 2:
			len = frame_ip(original, PEER_IP, OUR_IP, 1 + unit_random_below(20), unit_random() & 0x203f,
				       unit_random_below(4), data, 8 * unit_random_below(60));
			break;
		default:
			len = frame_arp(original, 1 + unit_random_below(2), peer_mac, PEER_IP, our_mac, OUR_IP, our_mac);
		}
		while (flips--)
			original[unit_random_below(len)] ^= 1 << unit_random_below(8);
		if (kind < 3 && unit_random_below(2)) {	/* half of them with a right header checksum again */
			struct ip_header *ip = frame_ip_header(original);
			u32 hl = ip_header_len(ip);

			ip->checksum = 0;
			if (hl >= 20 && 14 + hl <= len)
				ip->checksum = cksum_fold(cksum_add(0, ip, hl));
		}
		if (unit_random_below(4) == 0)
			len = unit_random_below(len + 1);
		card_receives(original, len);
	}
	while (udp_receive(s, buf, sizeof(buf), NULL, NULL) >= 0)
		;
	host_clock_advance(100 * NSEC_PER_SEC);
	sent_clear();
	expect_alive();
	card_receives(f, frame_udp(f, PEER_IP, OUR_IP, 1, 4000, "ok", 2));
	EXPECT_EQ(udp_receive(s, buf, sizeof(buf), NULL, NULL), 2);
	socket_release(s);
}

TEST(random_bytes_do_no_harm)
{
	u8 junk[1514];

	stack_start();
	for (u32 i = 0; i < 30000; i++) {
		u32 len = unit_random_below(sizeof(junk) + 1) >> unit_random_below(6);

		unit_random_fill(junk, len);
		if (len >= 14) {
			memcpy(junk, our_mac, 6);
			put_unaligned_be16(unit_random_below(2) ? ETHERTYPE_IPV4 : ETHERTYPE_ARP, junk + 12);
		}
		if (len >= 34) {
			struct ip_header *ip = frame_ip_header(junk);

			ip->version_ihl = 0x45;
			ip->destination = OUR_IP;
			ip->length = cpu_to_be16(len - 14);
			ip->checksum = 0;
			ip->checksum = cksum_fold(cksum_add(0, ip, 20));
		}
		card_receives(junk, len);
	}
	host_clock_advance(100 * NSEC_PER_SEC);
	sent_clear();
	expect_alive();
}

/* ---- path MTU ---- */

static void needs_fragmentation(const struct frame *quoted, u16 mtu)
{
	u8 m[64] = { ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED };
	u16 sum;

	put_unaligned_be16(mtu, m + 6);
	memcpy(m + 8, quoted->data + 14, 28);
	sum = cksum_fold(cksum_add(0, m, 36));
	memcpy(m + 2, &sum, 2);
	card_receives(f, frame_ip(f, GATEWAY_IP, OUR_IP, 1, 0, 1, m, 36));
}

TEST(a_path_with_a_small_mtu_is_learned_and_forgotten)
{
	static u8 big[1400];
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_connect_to(s, FAR_IP, 9), 0);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, big, 1400), 1400);
	REQUIRE(sent_count == 1);
	EXPECT_EQ(frame_ip_header(sent[0].data)->fragment, htons(IP_DONT_FRAGMENT));
	needs_fragmentation(&sent[0], 1000);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, big, 1400), 1400);
	EXPECT_EQ(sent_count, 2u);		/* in fragments that fit */
	EXPECT_LE(sent[0].len, 1014u);
	/* A claim that is too small to be true takes it down to the least, no further. */
	needs_fragmentation(&sent[0], 68);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, big, 1400), 1400);
	EXPECT_GE(sent[0].len, 540u);
	host_clock_advance(11 * 60 * NSEC_PER_SEC);
	route_cache_flush();
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, big, 1400), 1400);
	EXPECT_EQ(sent_count, 1u);
	socket_release(s);
}

TEST(a_stranger_cannot_shrink_a_path)
{
	static u8 big[1400];
	struct frame forged;
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_connect_to(s, FAR_IP, 9), 0);
	forged.len = frame_udp(forged.data, OUR_IP, FAR_IP, 4001, 9, big, 1400);	/* no socket of ours sent that */
	needs_fragmentation(&forged, 600);
	forged.len = frame_udp(forged.data, OUR_IP, FAR_IP, 4000, 10, big, 1400);	/* not to that peer's port */
	needs_fragmentation(&forged, 600);
	forged.len = frame_udp(forged.data, OTHER_IP, FAR_IP, 4000, 9, big, 1400);
	needs_fragmentation(&forged, 600);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, big, 1400), 1400);
	EXPECT_EQ(sent_count, 1u);
	socket_release(s);
}
