/*
 * IPv4 (RFC 791, 1122): input, output, reassembly, and the demultiplexing to
 * the transports, which register here.
 */
#pragma once
#include "net/netif.h"

struct ip_header {
	u8 version_ihl, tos;
	be16 length, id, fragment;
	u8 ttl, protocol;
	be16 checksum;
	be32 source, destination;
} packed aligned(4);

enum { IPPROTO_ICMP_NR = 1, IPPROTO_TCP_NR = 6, IPPROTO_UDP_NR = 17 };

/* Where a packet goes: the result of a route look-up, cached by connected sockets. valid while generation matches. */
struct ip_route {
	struct netif *netif;		/* referenced while the route is held */
	be32 source;			/* preferred source address */
	be32 next_hop;			/* neighbour's address (gateway or destination) */
	u32 mtu;
	u32 generation;			/* route_generation at look-up */
	u8 type;			/* ROUTE_UNICAST, ROUTE_LOCAL, ROUTE_BROADCAST, ROUTE_MULTICAST */
	struct neighbour *neighbour;	/* cached, referenced, or NULL */
};
enum { ROUTE_UNICAST = 1, ROUTE_LOCAL, ROUTE_BROADCAST, ROUTE_MULTICAST };

extern u32 route_generation;		/* changes with every route, address or link change [a] */
/* Look up; 0, -ENETUNREACH, -EHOSTUNREACH, -EACCES.. source 0: choose. bound: interface or NULL. Any context but hard
 * irq. */
int route_lookup(be32 destination, be32 source, struct netif *bound, struct ip_route *r);
void route_release(struct ip_route *r);
static inline bool route_valid(const struct ip_route *r)
{
	return r->netif && r->generation == atomic_load_relaxed(&route_generation);
}
/* Path MTU learned for a destination (ICMP fragmentation needed), or the route's. */
u32 ip_path_mtu(const struct ip_route *r, be32 destination);

struct ip_output_args { be32 source, destination; u8 protocol, tos, ttl; bool dont_fragment; be16 id_hint; };
/* Put an IP header in front of the transport segment at data and send it by r. Takes the pkt always; 0 or -errno. The
 * transport checksum is either complete or PKT_CSUM_PARTIAL with csum_start/csum_offset relative to data at call time.
 * Fragments when larger than the MTU and allowed (-EMSGSIZE otherwise). Any context but hard irq. */
int ip_output(struct pkt *p, const struct ip_route *r, const struct ip_output_args *a);

/* An ICMP error about a packet of ours, as its transport hears of it. */
struct ip_error {
	u8 type, code;
	u32 mtu;			/* of "fragmentation needed" */
	be32 from;			/* who says so */
	const struct ip_header *inner;	/* the packet's header, as it is quoted */
	const u8 *payload;		/* what is quoted behind it: 8 bytes at least */
	u32 len;
};

/* Transports. input takes the pkt: data is at the transport header, net_offset at the IP header (still readable through
 * pkt_ip), linear for at least the IP header. Softirq context. error: an ICMP error about a packet we sent; the same
 * context. */
struct ip_protocol {
	void (*input)(struct pkt *p, struct ip_header *ip);
	void (*error)(const struct ip_error *e);
};
void ip_protocol_register(u8 protocol, const struct ip_protocol *ops);
static inline struct ip_header *pkt_ip(const struct pkt *p) { return (struct ip_header *)(p->buf + p->net_offset); }

/* ICMP errors about a received packet (rate-limited as RFC 1812): type 3 code c, etc. Does not take the pkt. */
void icmp_send_error(const struct pkt *p, u8 type, u8 code, u32 info);

/* Is it one of our addresses? */
bool ip_is_local(be32 a);

/* An ICMP error said that packets to destination may be at most mtu bytes (0: an old router that tells nothing; then
 * size, that of the packet which did not fit, is taken down to the next plateau). Transports call it once the error
 * matched one of their packets. True if the path's MTU got smaller. Kept for 10 minutes. Softirq. */
bool ip_pmtu_update(be32 destination, u32 mtu, u32 size);
