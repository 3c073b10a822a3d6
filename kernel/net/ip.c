/*
 * IPv4 input (RFC 791, RFC 1122, 3.2): check the header, see whom it is for, reassemble, call the transport.
 * ether.c and loopback.c call ip_input; it calls ip_frag.c, raw sockets, and the transports that registered.
 *
 * Everything in here came from a stranger. A packet is checked from its first byte on, and dropped with a count.
 */
#include "base/cksum.h"
#include "base/errno.h"
#include "net/ether.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/net.h"

const struct ip_protocol *ip_protocols[256];
DEFINE_PERCPU(struct net_counters, net_counters);

void ip_protocol_register(u8 protocol, const struct ip_protocol *ops)
{
	ip_protocols[protocol] = ops;
}

u64 net_counter_sum(enum net_counter c)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		sum += per_cpu(net_counters, cpu)->v[c];
	return sum;
}

/* Options (RFC 791, 3.1): well formed, and no source route, which only attackers send. */
static bool options_ok(const u8 *o, u32 len)
{
	while (len) {
		u32 n;

		if (o[0] == 0)			/* end of list */
			return true;
		if (o[0] == 1) {		/* no operation */
			o++;
			len--;
			continue;
		}
		if (len < 2 || o[1] < 2 || o[1] > len)
			return false;
		if (o[0] == 0x83 || o[0] == 0x89)
			return false;
		n = o[1];
		o += n;
		len -= n;
	}
	return true;
}

/* A header of other than 20 bytes: its length, 0 when it is wrong. Linear then. */
static u32 long_header(struct pkt *p)
{
	const struct ip_header *ip = (const struct ip_header *)p->data;
	u32 hl = ip_header_len(ip);

	if (ip->version_ihl >> 4 != 4 || hl < sizeof(*ip) || !pkt_need(p, hl))
		return 0;
	if (cksum_fold(cksum_add(0, p->data, hl)))
		return 0;
	return options_ok(p->data + sizeof(*ip), hl - sizeof(*ip)) ? hl : 0;
}

/* Not the interface's first address: is it ours nonetheless? Marks what is for everybody, whatever its link address. */
static bool for_us(struct pkt *p, const struct ip_header *ip)
{
	struct netif *nif = p->netif;
	be32 d = ip->destination;

	if (p->flags & PKT_LOOPED)		/* a route of ours brought it here */
		return !(p->flags & PKT_MULTICAST) || multicast_joined(nif, d);
	if (ip_is_multicast(d)) {
		p->flags |= PKT_MULTICAST;
		return multicast_joined(nif, d);
	}
	if (d == IP_BROADCAST || ifaddr_is_broadcast(nif, d)) {
		p->flags |= PKT_BROADCAST;
		return true;
	}
	/* RFC 1122, 3.3.6: no unicast in a link-level broadcast; and 127/8 never comes by wire (3.2.1.3). */
	return !(p->flags & (PKT_BROADCAST | PKT_MULTICAST)) && !ip_is_loopback(d) && ip_is_local(d);
}

/* Sources that no honest packet has (RFC 1122, 3.2.1.3). */
static inline bool source_wrong(const struct pkt *p, const struct ip_header *ip)
{
	be32 s = ip->source;

	if (unlikely((u8)s >= 0xe0))		/* groups, class E, broadcast */
		return true;
	if (likely((u8)s != 127 && s != p->netif->addr))
		return false;
	return !(p->flags & PKT_LOOPED);
}

/* The transport's turn: data at its header. */
static void ip_deliver(struct pkt *p, struct ip_header *ip)
{
	const struct ip_protocol *proto = ip_protocols[ip->protocol];
	bool raw = false;

	net_count(IP_IN_DELIVERS);
	if (unlikely(READ_ONCE(raw_socket_count)))
		raw = raw_input(p, ip);
	if (likely(proto)) {
		proto->input(p, ip);
		return;
	}
	if (!raw) {
		net_count(IP_IN_UNKNOWN_PROTOS);
		icmp_send_error(p, ICMP_UNREACHABLE, ICMP_PROTOCOL_UNREACHABLE, 0);
	}
	pkt_free(p);
}

/* Datagrams for somebody who has no address yet (RFC 2131, 4.1). */
static bool dhcp_takes(struct pkt *p, const struct ip_header *ip)
{
	if (!dhcp_listening || ip->protocol != IPPROTO_UDP_NR || p->flags & PKT_OTHERHOST ||
	    ip->fragment & htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		return false;
	pkt_pull(p, ip_header_len(ip));
	p->transport_offset = p->data - p->buf;
	return dhcp_input(p, ip);
}

void ip_input(struct pkt *p)
{
	struct ip_header *ip;
	u32 hl = sizeof(*ip), len;

	net_count(IP_IN_RECEIVES);
	if (unlikely(p->flags & PKT_OTHERHOST))
		goto drop;
	if (unlikely(!pkt_need(p, sizeof(*ip))))
		goto bad;
	ip = (struct ip_header *)p->data;
	if (unlikely(ip->version_ihl != 0x45)) {
		hl = long_header(p);
		if (!hl)
			goto bad;
		ip = (struct ip_header *)p->data;
	} else if (unlikely(ip_header_cksum(ip))) {
		net_count(IP_IN_CSUM_ERRORS);
		goto bad;
	}
	len = be16_to_cpu(ip->length);
	if (unlikely(len < hl || len > p->len))
		goto bad;
	if (p->len != len) {		/* padding of short frames */
		if (likely(!p->frag)) {
			p->tail = p->data + len;
			p->len = len;
		} else {
			pkt_trim(p, len);
		}
	}
	p->net_offset = p->data - p->buf;
	if (unlikely(source_wrong(p, ip)))
		goto wrong_address;
	if (unlikely(ip->destination != p->netif->addr || p->flags & (PKT_BROADCAST | PKT_MULTICAST)) &&
	    !for_us(p, ip)) {
		if (dhcp_takes(p, ip))
			return;
		goto wrong_address;
	}
	if (unlikely(ip->fragment & htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))) {
		p = ip_reassemble(p);
		if (!p)
			return;
		ip = (struct ip_header *)p->data;
		hl = ip_header_len(ip);
	}
	pkt_pull(p, hl);
	p->transport_offset = p->data - p->buf;
	ip_deliver(p, ip);
	return;

bad:
	net_count(IP_IN_HDR_ERRORS);
	pkt_free(p);
	return;
wrong_address:
	net_count(IP_IN_ADDR_ERRORS);
drop:
	pkt_free(p);
}

void ip_error_deliver(u8 type, u8 code, u32 mtu, be32 from, const struct ip_header *inner, u32 len)
{
	const struct ip_protocol *proto = ip_protocols[inner->protocol];
	u32 hl = ip_header_len(inner);
	const struct ip_error e = { type, code, mtu, from, inner, (const u8 *)inner + hl, len - hl };

	if (READ_ONCE(raw_socket_count))
		raw_error(&e);
	if (proto && proto->error)
		proto->error(&e);
}
