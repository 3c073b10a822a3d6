/*
 * Routes: the longest prefix wins whatever the order, metrics, what addresses bring along and take away, and that a
 * cached route is looked up again after a change.
 *
 * sources: net/arp.c net/dhcp*.c net/ether.c net/icmp.c net/if*.c net/ip*.c net/loopback.c net/multicast.c net/n*.c
 * sources: net/p*.c net/route.c net/udp.c net/socket.c net/socket_filter.c net/socket_i*.c net/socket_options.c
 * sources: net/socket_packet.c net/socket_raw.c net/socket_udp.c core/trace.c tests/unit/net/stack.c
 */
#include <errno.h>
#include "unit.h"
#include "stack.h"

static be32 ip(u32 a, u32 b, u32 c, u32 d)
{
	return cpu_to_be32(a << 24 | b << 16 | c << 8 | d);
}

static int add(be32 destination, u8 prefix, be32 gateway, u32 metric, u32 how)
{
	struct route r = { .destination = destination, .prefix = prefix, .gateway = gateway, .metric = metric,
		.netif = &nic, .type = RTYPE_UNICAST, .table = 254 };
	int err;

	mutex_lock(&net_config_mutex);
	err = route_add(&r, how);
	mutex_unlock(&net_config_mutex);
	return err;
}

static int del(be32 destination, u8 prefix, be32 gateway)
{
	struct route r = { .destination = destination, .prefix = prefix, .gateway = gateway };
	int err;

	mutex_lock(&net_config_mutex);
	err = route_delete(&r);
	mutex_unlock(&net_config_mutex);
	return err;
}

/* The next hop for a destination, or minus an errno as a small number. */
static be32 hop(be32 destination)
{
	struct ip_route r;
	be32 h;

	if (route_lookup(destination, 0, NULL, &r))
		return 0;
	h = r.next_hop;
	route_release(&r);
	return h;
}

TEST(longest_prefix_wins)
{
	stack_start();
	EXPECT_EQ(hop(FAR_IP), GATEWAY_IP);
	EXPECT_EQ(hop(PEER_IP), PEER_IP);
	EXPECT_EQ(add(ip(198, 51, 100, 0), 24, ip(10, 0, 0, 50), 0, ROUTE_CREATE), 0);
	EXPECT_EQ(hop(FAR_IP), ip(10, 0, 0, 50));
	EXPECT_EQ(add(ip(198, 51, 0, 0), 16, ip(10, 0, 0, 51), 0, ROUTE_CREATE), 0);
	EXPECT_EQ(hop(FAR_IP), ip(10, 0, 0, 50));
	EXPECT_EQ(hop(ip(198, 51, 7, 7)), ip(10, 0, 0, 51));
	EXPECT_EQ(add(FAR_IP, 32, ip(10, 0, 0, 52), 0, ROUTE_CREATE), 0);
	EXPECT_EQ(hop(FAR_IP), ip(10, 0, 0, 52));
	EXPECT_EQ(del(FAR_IP, 32, 0), 0);
	EXPECT_EQ(del(ip(198, 51, 100, 0), 24, 0), 0);
	EXPECT_EQ(hop(FAR_IP), ip(10, 0, 0, 51));
	EXPECT_EQ(del(ip(198, 51, 0, 0), 16, ip(10, 0, 0, 99)), -ESRCH);
	EXPECT_EQ(del(ip(198, 51, 0, 0), 16, ip(10, 0, 0, 51)), 0);
	EXPECT_EQ(hop(FAR_IP), GATEWAY_IP);
}

TEST(the_lower_metric_wins)
{
	stack_start();
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(10, 0, 0, 60), 100, ROUTE_CREATE), 0);
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(10, 0, 0, 61), 50, ROUTE_CREATE), 0);
	EXPECT_EQ(hop(ip(192, 0, 2, 1)), ip(10, 0, 0, 61));
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(10, 0, 0, 62), 50, ROUTE_CREATE), -EEXIST);
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(10, 0, 0, 62), 50, ROUTE_CREATE | ROUTE_REPLACE), 0);
	EXPECT_EQ(hop(ip(192, 0, 2, 1)), ip(10, 0, 0, 62));
	EXPECT_EQ(del(ip(192, 0, 2, 0), 24, ip(10, 0, 0, 62)), 0);
	EXPECT_EQ(hop(ip(192, 0, 2, 1)), ip(10, 0, 0, 60));
	EXPECT_EQ(del(ip(192, 0, 2, 0), 24, 0), 0);
}

TEST(what_makes_no_sense_is_refused)
{
	stack_start();
	EXPECT_EQ(add(ip(192, 0, 2, 1), 24, GATEWAY_IP, 0, ROUTE_CREATE), -EINVAL);	/* bits behind the prefix */
	EXPECT_EQ(add(ip(192, 0, 2, 0), 33, GATEWAY_IP, 0, ROUTE_CREATE), -EINVAL);
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(172, 16, 0, 1), 0, ROUTE_CREATE), -ENETUNREACH);
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, OUR_IP, 0, ROUTE_CREATE), -EINVAL);
	EXPECT_EQ(hop(ip(192, 0, 2, 1)), GATEWAY_IP);
}

/* Against the slow and certain way, with thousands of random routes that come and go. */
#define MANY 3000
static struct { be32 destination; u8 prefix; be32 gateway; bool in; } many[MANY];

static be32 slow_hop(be32 a)
{
	s32 best = -1;
	be32 h = GATEWAY_IP;

	for (u32 i = 0; i < MANY; i++)
		if (many[i].in && many[i].prefix > best && !((a ^ many[i].destination) & prefix_mask(many[i].prefix))) {
			best = many[i].prefix;
			h = many[i].gateway;
		}
	return h;
}

TEST(many_routes_agree_with_the_slow_way)
{
	stack_start();
	for (u32 i = 0; i < MANY; i++) {
		many[i].prefix = 9 + unit_random_below(24);
		many[i].destination = ip(172, unit_random_below(4), unit_random(), unit_random() & 255) &
			prefix_mask(many[i].prefix);
		many[i].gateway = ip(10, 0, 0, 1 + 1 + unit_random_below(250));
		many[i].in = !add(many[i].destination, many[i].prefix, many[i].gateway, 0, ROUTE_CREATE);
	}
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 500; i++) {
			be32 a = ip(172, unit_random_below(4), unit_random() & 255, unit_random() & 255);

			EXPECT_EQ(hop(a), slow_hop(a));
		}
		for (u32 i = 0; i < MANY; i++)
			if (many[i].in && unit_random_below(2)) {
				EXPECT_EQ(del(many[i].destination, many[i].prefix, 0), 0);
				many[i].in = false;
			}
	}
	for (u32 i = 0; i < MANY; i++)
		if (many[i].in)
			EXPECT_EQ(del(many[i].destination, many[i].prefix, 0), 0);
	EXPECT_EQ(hop(ip(172, 1, 1, 1)), GATEWAY_IP);
}

TEST(our_own_addresses_stay_inside)
{
	struct ip_route r;

	stack_start();
	EXPECT_EQ(route_lookup(OUR_IP, 0, NULL, &r), 0);
	EXPECT_EQ(r.type, ROUTE_LOCAL);
	EXPECT_EQ(r.netif, loopback_netif);
	EXPECT_EQ(r.source, OUR_IP);
	route_release(&r);
	EXPECT_EQ(route_lookup(htonl(0x7f050505), 0, NULL, &r), 0);
	EXPECT_EQ(r.type, ROUTE_LOCAL);
	EXPECT_EQ(r.source, htonl(0x7f000001));
	route_release(&r);
	EXPECT_EQ(route_lookup(OUR_IP | htonl(0xff), 0, NULL, &r), 0);
	EXPECT_EQ(r.type, ROUTE_BROADCAST);
	route_release(&r);
	EXPECT_EQ(route_lookup(IP_BROADCAST, 0, NULL, &r), 0);
	EXPECT_EQ(r.type, ROUTE_BROADCAST);
	EXPECT_EQ(r.netif, &nic);
	route_release(&r);
	EXPECT_EQ(route_lookup(htonl(0xe00000fb), 0, NULL, &r), 0);
	EXPECT_EQ(r.type, ROUTE_MULTICAST);
	EXPECT_EQ(r.source, OUR_IP);
	route_release(&r);
}

TEST(an_address_brings_its_routes_and_takes_them_away)
{
	struct ip_route r;
	be32 second = ip(172, 20, 0, 9);

	stack_start();
	mutex_lock(&net_config_mutex);
	EXPECT_EQ(ifaddr_add(&nic, second, 16, second | htonl(0xffff), 0, NULL), 0);
	EXPECT_EQ(ifaddr_add(&nic, second, 16, 0, 0, NULL), -EEXIST);
	mutex_unlock(&net_config_mutex);
	EXPECT(ip_is_local(second));
	EXPECT_EQ(hop(ip(172, 20, 3, 4)), ip(172, 20, 3, 4));
	EXPECT_EQ(route_lookup(ip(172, 20, 3, 4), 0, NULL, &r), 0);
	EXPECT_EQ(r.source, second);
	EXPECT(route_valid(&r));
	EXPECT_EQ(add(ip(192, 0, 2, 0), 24, ip(172, 20, 0, 1), 0, ROUTE_CREATE), 0);
	mutex_lock(&net_config_mutex);
	EXPECT_EQ(ifaddr_delete(&nic, ifaddr_find(&nic, second, -1)), 0);
	mutex_unlock(&net_config_mutex);
	EXPECT(!route_valid(&r));
	route_release(&r);
	EXPECT(!ip_is_local(second));
	EXPECT_EQ(hop(ip(172, 20, 3, 4)), GATEWAY_IP);
	EXPECT_EQ(del(ip(192, 0, 2, 0), 24, 0), 0);
}

TEST(two_addresses_of_a_subnet_share_its_route)
{
	stack_start();
	mutex_lock(&net_config_mutex);
	EXPECT_EQ(ifaddr_add(&nic, ip(10, 0, 0, 77), 24, 0, 0, NULL), 0);
	EXPECT_EQ(ifaddr_delete(&nic, ifaddr_find(&nic, ip(10, 0, 0, 77), -1)), 0);
	EXPECT_EQ(hop(PEER_IP), PEER_IP);
	/* The first takes the others with it. */
	EXPECT_EQ(ifaddr_add(&nic, ip(172, 21, 0, 1), 16, 0, 0, NULL), 0);
	EXPECT_EQ(ifaddr_add(&nic, ip(172, 21, 0, 2), 16, 0, 0, NULL), 0);
	EXPECT_EQ(ifaddr_add(&nic, ip(172, 21, 0, 3), 24, 0, 0, NULL), 0);	/* another subnet */
	EXPECT_EQ(ifaddr_delete(&nic, ifaddr_find(&nic, ip(172, 21, 0, 1), -1)), 0);
	EXPECT(!ip_is_local(ip(172, 21, 0, 2)));
	EXPECT(ip_is_local(ip(172, 21, 0, 3)));
	EXPECT_EQ(ifaddr_delete(&nic, ifaddr_find(&nic, ip(172, 21, 0, 3), -1)), 0);
	mutex_unlock(&net_config_mutex);
}

TEST(a_link_that_is_down_has_no_routes)
{
	struct ip_route r;

	stack_start();
	EXPECT_EQ(netif_set_up(&nic, false), 0);
	EXPECT_EQ(route_lookup(PEER_IP, 0, NULL, &r), -ENETUNREACH);
	EXPECT_EQ(route_lookup(FAR_IP, 0, NULL, &r), -ENETUNREACH);
	EXPECT_EQ(netif_set_up(&nic, true), 0);
	EXPECT_EQ(hop(PEER_IP), PEER_IP);
	EXPECT_EQ(add(0, 0, GATEWAY_IP, 0, ROUTE_CREATE), 0);
	host_clock_advance(10 * NSEC_PER_SEC);
}

TEST(bound_to_an_interface_everything_is_on_its_link)
{
	struct ip_route r;

	stack_start();
	EXPECT_EQ(del(0, 0, 0), 0);
	EXPECT_EQ(route_lookup(FAR_IP, 0, NULL, &r), -ENETUNREACH);
	EXPECT_EQ(route_lookup(FAR_IP, 0, &nic, &r), 0);
	EXPECT_EQ(r.next_hop, FAR_IP);
	EXPECT_EQ(r.source, OUR_IP);
	route_release(&r);
	EXPECT_EQ(add(0, 0, GATEWAY_IP, 0, ROUTE_CREATE), 0);
}

TEST(masks_and_prefixes_turn_into_each_other)
{
	for (u32 p = 0; p <= 32; p++)
		EXPECT_EQ(mask_prefix(prefix_mask(p)), (int)p);
	EXPECT_EQ(mask_prefix(htonl(0xff00ff00)), -1);
	EXPECT_EQ(mask_prefix(htonl(1)), -1);
	EXPECT_EQ(mask_prefix(htonl(0x7fffffff)), -1);
}
