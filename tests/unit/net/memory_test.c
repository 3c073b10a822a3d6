/*
 * Without memory: every allocation on the way of a piece of work fails in turn. The work may fail; nothing may crash,
 * leak, or stop to serve.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"

static u8 f[4096], big[5000];

static void expect_alive(void)
{
	sent_clear();
	card_receives(f, frame_echo(f, PEER_IP, OUR_IP, 7, 9, "alive", 5));
	EXPECT_EQ(sent_count, 1u);
}

/* Do work with the 1st, 2nd, ... allocation failing until it goes through without one. */
static void starve(void (*work)(void))
{
	u64 before;

	stack_start();
	work();				/* what is made once is made */
	expect_alive();
	pkt_drain_caches();
	before = host_alloc_live();
	for (u32 n = 1; n < 200; n++) {
		pkt_drain_caches();
		host_alloc_fail(n);
		work();
		host_alloc_fail(0);
		expect_alive();
		pkt_drain_caches();
		if (host_alloc_live() != before)
			unit_fail(__FILE__, __LINE__, "allocation %u failed: %lld objects left", n,
				  (long long)(host_alloc_live() - before));
	}
}

static void datagrams(void)
{
	struct socket *s = NULL;
	u8 addr[128] = { 0 };
	u32 len;
	char buf[100];

	if (socket_create(AF_INET, SOCK_DGRAM, 0, &s))
		return;
	inet_addr_fill(addr, &len, 0, htons(4000));
	s->ops->bind(s, addr, len);
	udp_send_to(s, PEER_IP, 9, "x", 1);
	udp_send_to(s, PEER_IP, 9, big, sizeof(big));
	udp_send_to(s, htonl(0x7f000001), 4000, big, sizeof(big));
	s->broadcast = true;
	udp_send_to(s, OUR_IP | htonl(0xff), 4000, "all", 3);
	card_receives(f, frame_udp(f, PEER_IP, OUR_IP, 1, 4000, "in", 2));
	while (udp_receive(s, buf, sizeof(buf), NULL, NULL) >= 0)
		;
	socket_release(s);
}

TEST(datagrams_without_memory)
{
	starve(datagrams);
}

static void fragments(void)
{
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, IP_MORE_FRAGMENTS, 5, big, 800));
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 1, 100, 5, big, 300));
	card_receives(f, frame_ip(f, PEER_IP, OUR_IP, 200, 0, 5, big, 300));
	host_clock_advance(40 * NSEC_PER_SEC);
}

TEST(fragments_without_memory)
{
	starve(fragments);
}

static void addresses(void)
{
	struct in_ifaddr *a;
	struct route r = { .destination = htonl(0xac100000), .prefix = 16, .gateway = GATEWAY_IP, .netif = &nic,
		.type = RTYPE_UNICAST, .table = 254 };

	mutex_lock(&net_config_mutex);
	ifaddr_add(&nic, htonl(0x0a090909), 24, htonl(0x0a0909ff), 0, NULL);
	if (!route_add(&r, ROUTE_CREATE))
		route_delete(&r);
	a = ifaddr_find(&nic, htonl(0x0a090909), -1);
	if (a)
		ifaddr_delete(&nic, a);
	mutex_unlock(&net_config_mutex);
}

TEST(addresses_and_routes_without_memory)
{
	starve(addresses);
}

static void neighbours(void)
{
	struct neighbour *n = neigh_get(&nic, htonl(0x0a000099));
	struct pkt *p = n ? pkt_alloc(PKT_HEADROOM) : NULL;

	if (p) {
		pkt_append(p, big, 100);
		neigh_output(n, p);
	}
	host_clock_advance(10 * NSEC_PER_SEC);
	if (n) {
		neigh_delete(n);
		neigh_put(n);
	}
}

TEST(neighbours_without_memory)
{
	starve(neighbours);
}

static void taps(void)
{
	struct socket *k = NULL, *r = NULL;

	socket_create(AF_PACKET, SOCK_RAW, htons(3), &k);
	socket_create(AF_INET, SOCK_RAW, 1, &r);
	card_receives(f, frame_echo(f, PEER_IP, OUR_IP, 1, 1, "x", 1));
	if (k)
		socket_release(k);
	if (r)
		socket_release(r);
}

TEST(taps_without_memory)
{
	starve(taps);
}

static void groups(void)
{
	if (!multicast_join(&nic, htonl(0xe0010101))) {
		host_clock_advance(30 * NSEC_PER_SEC);
		multicast_leave(&nic, htonl(0xe0010101));
	}
}

TEST(groups_without_memory)
{
	starve(groups);
}
