/*
 * The stack's initialisers, in order: tables before those who fill them, the loopback interface before anybody
 * has routes, socket families last. main runs it once threads run; drivers register interfaces afterwards.
 */
#include "dev/device.h"
#include "mm/drain.h"
#include "net/ether.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/napi_internal.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/route.h"
#include "net/socket_packet.h"
#include "net/socket_raw.h"
#include "net/udp.h"

int net_init(void)
{
	static struct memory_keeper packets = { pkt_drain_caches, NULL };

	pkt_init();
	memory_keeper_add(&packets);
	napi_init_all();
	neigh_init();
	route_init();
	pmtu_init();
	ip_output_init();
	ip_frag_init();
	icmp_init();
	igmp_init();
	udp_init();
	loopback_init();

	socket_inet_init();
	socket_udp_init();
	socket_raw_init();
	socket_packet_init();
	socket_unix_init();
	netlink_init();
	return 0;
}
INIT(net, INIT_NET, net_init);
