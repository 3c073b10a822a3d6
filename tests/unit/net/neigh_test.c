/*
 * ARP and neighbours: resolution with its retries, the packets that wait for it, the ageing of what was learned, and
 * what a stranger may claim.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"

static u8 f[2048];
static const u8 mac_a[6] = { 2, 0, 0, 0, 0, 0xaa }, mac_b[6] = { 2, 0, 0, 0, 0, 0xbb };

static be32 host(u32 n)
{
	return htonl(0x0a000000) | cpu_to_be32(n);
}

static u32 count_type(u16 type)
{
	u32 n = 0;

	for (u32 i = 0; i < MIN(sent_count, 512u); i++)
		n += frame_type(&sent[i]) == type;
	return n;
}

static u8 state_of(be32 a)
{
	struct neighbour *n = neigh_find(&nic, a);
	u8 state = n ? n->state : 0;

	if (n)
		neigh_put(n);
	return state;
}

static void answer(be32 from, const u8 *mac)
{
	card_receives(f, frame_arp(f, 2, mac, from, our_mac, OUR_IP, our_mac));
}

TEST(two_queries_sent_together_both_leave_when_the_answer_comes)
{
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_send_to(s, host(10), 53, "A", 1), 1);
	EXPECT_EQ(udp_send_to(s, host(10), 53, "AAAA", 4), 4);
	EXPECT_EQ(sent_count, 1u);
	EXPECT_EQ(frame_type(&sent[0]), 0x0806);
	EXPECT_MEM(sent[0].data, ether_broadcast, 6);
	EXPECT_MEM(sent[0].data + 38, ((be32[]){ host(10) }), 4);
	sent_clear();
	answer(host(10), mac_a);
	REQUIRE(sent_count == 2);
	EXPECT_EQ(sent[0].data[42], 'A');
	EXPECT_EQ(sent[0].len, 43u);
	EXPECT_EQ(sent[1].len, 46u);
	EXPECT_MEM(sent[0].data, mac_a, 6);
	EXPECT(frame_sums_right(&sent[0]) && frame_sums_right(&sent[1]));
	EXPECT_EQ(state_of(host(10)), NEIGH_REACHABLE);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(10), 53, "more", 4), 4);
	EXPECT_EQ(sent_count, 1u);
	socket_release(s);
}

TEST(a_question_is_asked_three_times_then_the_sender_learns)
{
	struct socket *s;
	char buf[8];

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_connect_to(s, host(11), 53), 0);
	s->ops->setsockopt(s, SOL_IP, IP_RECVERR, (u8 *)&(s32){ 1 }, 4);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, 0, 0, "x", 1), 1);
	EXPECT_EQ(sent_count, 1u);
	host_clock_advance(NSEC_PER_SEC + 1);
	EXPECT_EQ(sent_count, 2u);
	host_clock_advance(NSEC_PER_SEC + 1);
	EXPECT_EQ(sent_count, 3u);
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -EAGAIN);
	host_clock_advance(NSEC_PER_SEC + 1);
	EXPECT_EQ(sent_count, 3u);
	EXPECT_EQ(state_of(host(11)), NEIGH_FAILED);
	EXPECT_EQ(udp_receive(s, buf, 8, NULL, NULL), -EHOSTUNREACH);
	host_clock_advance(100 * NSEC_PER_SEC);
	EXPECT_EQ(sent_count, 3u);		/* nobody asks for a host that nobody wants */
	/* The next packet tries anew. */
	EXPECT_EQ(udp_send_to(s, 0, 0, "x", 1), 1);
	EXPECT_EQ(sent_count, 4u);
	answer(host(11), mac_a);
	EXPECT_EQ(count_type(0x0800), 1u);
	socket_release(s);
}

TEST(what_waits_is_bounded_and_the_oldest_goes)
{
	struct socket *s;
	u8 n[4];

	stack_start();
	s = udp_new(0, 4000);
	sent_clear();
	for (u32 i = 0; i < 240; i++) {
		put_unaligned_be32(i, n);
		EXPECT_EQ(udp_send_to(s, host(12), 53, n, 4), 4);
	}
	sent_clear();
	answer(host(12), mac_a);
	EXPECT_GE(sent_count, 50u);
	EXPECT_LE(sent_count, 110u);
	EXPECT_EQ(get_unaligned_be32(sent[sent_count - 1].data + 42), 239u);
	EXPECT_EQ(atomic_load(&inet_of(s)->tx_charge), 1u);
	socket_release(s);
}

TEST(reachable_grows_stale_and_is_asked_again_by_unicast)
{
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_send_to(s, host(13), 53, "x", 1), 1);
	answer(host(13), mac_a);
	EXPECT_EQ(state_of(host(13)), NEIGH_REACHABLE);
	host_clock_advance(100 * NSEC_PER_SEC);
	EXPECT_EQ(state_of(host(13)), NEIGH_STALE);
	EXPECT_EQ(host_timer_next() == ~0ull || state_of(host(13)) == NEIGH_STALE, true);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(13), 53, "y", 1), 1);
	EXPECT_EQ(count_type(0x0800), 1u);	/* sent at once: the address is most likely right */
	EXPECT_EQ(state_of(host(13)), NEIGH_DELAY);
	host_clock_advance(5 * NSEC_PER_SEC + 1);
	EXPECT_EQ(state_of(host(13)), NEIGH_PROBE);
	EXPECT_EQ(count_type(0x0806), 1u);
	EXPECT_MEM(sent[1].data, mac_a, 6);
	answer(host(13), mac_a);
	EXPECT_EQ(state_of(host(13)), NEIGH_REACHABLE);
	/* Progress of a transport saves the question. */
	host_clock_advance(100 * NSEC_PER_SEC);
	EXPECT_EQ(udp_send_to(s, host(13), 53, "z", 1), 1);
	sent_clear();
	neigh_confirm(inet_of(s)->route.neighbour);
	EXPECT_EQ(state_of(host(13)), NEIGH_REACHABLE);
	host_clock_advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(sent_count, 0u);
	socket_release(s);
}

TEST(our_address_is_answered_for_and_the_asker_learned)
{
	stack_start();
	card_receives(f, frame_arp(f, 1, mac_a, host(20), (u8[6]){ 0 }, OUR_IP, ether_broadcast));
	REQUIRE(sent_count == 1);
	EXPECT_EQ(get_unaligned_be16(sent[0].data + 20), 2);
	EXPECT_EQ(sent[0].len, 42u);
	EXPECT_MEM(sent[0].data, mac_a, 6);
	EXPECT_MEM(sent[0].data + 22, our_mac, 6);
	EXPECT_MEM(sent[0].data + 28, ((be32[]){ OUR_IP }), 4);
	EXPECT_MEM(sent[0].data + 32, mac_a, 6);
	EXPECT_EQ(state_of(host(20)), NEIGH_STALE);
	sent_clear();
	/* A probe from nobody (RFC 5227) is answered, and nothing is learned of it. */
	card_receives(f, frame_arp(f, 1, mac_a, 0, (u8[6]){ 0 }, OUR_IP, ether_broadcast));
	EXPECT_EQ(sent_count, 1u);
	sent_clear();
	card_receives(f, frame_arp(f, 1, mac_a, host(21), (u8[6]){ 0 }, host(22), ether_broadcast));
	card_receives(f, frame_arp(f, 1, mac_a, host(21), (u8[6]){ 0 }, htonl(0x7f000001), ether_broadcast));
	EXPECT_EQ(sent_count, 0u);
	EXPECT_EQ(state_of(host(21)), 0);
}

TEST(gratuitous_arp_changes_known_entries_only)
{
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	card_receives(f, frame_arp(f, 1, mac_a, host(30), (u8[6]){ 0 }, host(30), ether_broadcast));
	EXPECT_EQ(state_of(host(30)), 0);
	EXPECT_EQ(udp_send_to(s, host(30), 53, "x", 1), 1);
	answer(host(30), mac_a);
	host_clock_advance(2 * NSEC_PER_SEC);
	card_receives(f, frame_arp(f, 1, mac_b, host(30), (u8[6]){ 0 }, host(30), ether_broadcast));
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(30), 53, "x", 1), 1);
	EXPECT_EQ(count_type(0x0800), 1u);
	EXPECT_MEM(sent[0].data, mac_b, 6);
	/* A second, different answer within a second is not believed. */
	answer(host(30), mac_b);
	answer(host(30), mac_a);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(30), 53, "x", 1), 1);
	EXPECT_MEM(sent[0].data, mac_b, 6);
	socket_release(s);
}

TEST(claims_on_our_address_and_nonsense_are_dropped)
{
	stack_start();
	card_receives(f, frame_arp(f, 1, mac_a, OUR_IP, (u8[6]){ 0 }, OUR_IP, ether_broadcast));
	EXPECT(host_log_has("also claimed"));
	EXPECT_EQ(state_of(OUR_IP), 0);
	card_receives(f, frame_arp(f, 2, ether_broadcast, host(40), our_mac, OUR_IP, our_mac));
	card_receives(f, frame_arp(f, 1, mac_a, IP_BROADCAST, our_mac, OUR_IP, our_mac));
	card_receives(f, frame_arp(f, 1, mac_a, htonl(0xe0000001), our_mac, OUR_IP, our_mac));
	card_receives(f, frame_arp(f, 3, mac_a, host(41), our_mac, OUR_IP, our_mac));
	EXPECT_EQ(sent_count, 0u);
	EXPECT_EQ(state_of(host(40)), 0);
	EXPECT_EQ(state_of(host(41)), 0);
}

static bool count_one(struct neighbour *n, void *arg)
{
	++*(u32 *)arg;
	return true;
}

TEST(a_flood_of_askers_does_not_grow_the_table_without_end)
{
	u32 n = 0;

	stack_start();
	for (u32 i = 0; i < 5000; i++)
		card_receives(f, frame_arp(f, 1, mac_a, host(0x10000 + i), (u8[6]){ 0 }, OUR_IP, ether_broadcast));
	neigh_for_each(count_one, &n);
	EXPECT_LE(n, 1030u);
	EXPECT_EQ(state_of(PEER_IP), NEIGH_PERMANENT);
}

TEST(entries_set_by_hand_stay)
{
	struct neighbour *n;
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	n = neigh_get(&nic, host(50));
	neigh_set(n, mac_a, NEIGH_PERMANENT);
	answer(host(50), mac_b);
	host_clock_advance(1000 * NSEC_PER_SEC);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(50), 53, "x", 1), 1);
	REQUIRE(sent_count == 1);
	EXPECT_MEM(sent[0].data, mac_a, 6);
	neigh_delete(n);
	neigh_put(n);
	EXPECT_EQ(state_of(host(50)), 0);
	sent_clear();
	EXPECT_EQ(udp_send_to(s, host(50), 53, "x", 1), 1);
	EXPECT_EQ(count_type(0x0806), 1u);	/* the socket's cached route does not keep the dead one */
	host_clock_advance(10 * NSEC_PER_SEC);
	socket_release(s);
}

TEST(deleting_what_waits_frees_it)
{
	struct neighbour *n;
	struct socket *s;

	stack_start();
	s = udp_new(0, 4000);
	EXPECT_EQ(udp_send_to(s, host(51), 53, "x", 1), 1);
	n = neigh_find(&nic, host(51));
	neigh_delete(n);
	neigh_put(n);
	EXPECT_EQ(atomic_load(&inet_of(s)->tx_charge), 1u);
	host_clock_advance(10 * NSEC_PER_SEC);
	socket_release(s);
}

TEST(a_link_that_comes_back_is_announced)
{
	stack_start();
	netif_carrier(&nic, false);
	host_run();
	sent_clear();
	netif_carrier(&nic, true);
	host_run();
	REQUIRE(sent_count >= 1);
	EXPECT_EQ(frame_type(&sent[0]), 0x0806);
	EXPECT_MEM(sent[0].data + 28, ((be32[]){ OUR_IP }), 4);
	EXPECT_MEM(sent[0].data + 38, ((be32[]){ OUR_IP }), 4);
}
