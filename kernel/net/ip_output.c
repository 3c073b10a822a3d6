/*
 * IPv4 output (RFC 791, RFC 1122, 3.3; RFC 6864 for the identification): the header in front of a transport's
 * segment, fragments when it must be, and on to the neighbour. Transports call ip_output with a route they hold.
 */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/hash.h"
#include "core/random.h"
#include "net/ether.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/neigh.h"
#include "net/net.h"

#define ID_COUNTERS 256		/* power of two */

static u32 id_counters[ID_COUNTERS];	/* [a] */
static u64 id_key[2];

void ip_output_init(void)
{
	random_bytes(id_counters, sizeof(id_counters));
	random_bytes(id_key, sizeof(id_key));
}

/* One of many counters, chosen with a key: unique a destination for long enough, and tells a stranger nothing. */
be16 ip_id_next(be32 source, be32 destination, u8 protocol)
{
	struct { be32 s, d; u32 p; } k = { source, destination, protocol };
	u64 h = hash_keyed(id_key, &k, sizeof(k));

	return (u16)(atomic_add_relaxed(&id_counters[h & (ID_COUNTERS - 1)], 1) + (h >> 32));
}

/* The header as five words, whose sum is its checksum's. */
static always_inline void header_push(struct pkt *p, be32 source, be32 destination, u8 protocol, u8 tos, u8 ttl,
				      be16 fragment, be16 id)
{
	u32 *w = pkt_push(p, sizeof(struct ip_header));
	u32 w0 = 0x45 | tos << 8 | (u32)cpu_to_be16(p->len) << 16;
	u32 w1 = id | (u32)fragment << 16;
	u32 w2 = ttl | protocol << 8;
	u64 sum = (u64)w0 + w1 + w2 + source + destination;

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	w[0] = w0;
	w[1] = w1;
	w[2] = w2 | (u32)(u16)~sum << 16;
	w[3] = source;
	w[4] = destination;
	p->csum_start += sizeof(struct ip_header);
	p->net_offset = p->data - p->buf;
	p->protocol = htons(ETHERTYPE_IPV4);
}

void ip_header_push(struct pkt *p, be32 source, be32 destination, u8 protocol, u8 tos, u8 ttl, be16 fragment, be16 id)
{
	header_push(p, source, destination, protocol, tos, ttl, fragment, id);
}

/* To everybody or a group: ourselves may be among them. */
static void loop_copy(struct pkt *p, const struct ip_route *r)
{
	const struct ip_header *ip = pkt_ip(p);
	u16 flag = r->type == ROUTE_MULTICAST ? PKT_MULTICAST : PKT_BROADCAST;
	struct pkt *copy;

	/* What loopback sends comes back as it is. */
	if (r->netif == loopback_netif) {
		p->flags |= flag;
		return;
	}
	if (p->flags & PKT_NO_LOOP || (r->type == ROUTE_MULTICAST && !multicast_joined(r->netif, ip->destination)))
		return;
	copy = pkt_copy(p, 0);
	if (copy)
		loopback_deliver(r->netif, copy, flag);
}

int ip_send(struct pkt *p, const struct ip_route *r)
{
	if (unlikely(r->type == ROUTE_BROADCAST || r->type == ROUTE_MULTICAST)) {
		loop_copy(p, r);
		if (r->type == ROUTE_MULTICAST && !pkt_ip(p)->ttl) {
			pkt_free(p);
			return 0;
		}
	}
	if (likely(r->neighbour))
		return neigh_output(r->neighbour, p);
	return netif_xmit(r->netif, p);		/* loopback */
}

/* RFC 791, 3.2: pieces of at most mtu bytes, each a packet of its own; p is copied and freed. */
static int ip_fragment(struct pkt *p, const struct ip_route *r, const struct ip_output_args *a, u32 mtu)
{
	u32 piece = (MIN(mtu, (u32)PKT_BUF_SIZE - PKT_HEADROOM) - sizeof(struct ip_header)) & ~7u;
	u32 total = p->len;
	be16 id = ip_id_next(a->source, a->destination, a->protocol);
	int err = 0;

	if (total + sizeof(struct ip_header) > 65535) {
		pkt_free(p);
		return -EMSGSIZE;
	}
	if (p->flags & PKT_CSUM_PARTIAL)
		pkt_csum_finish(p);
	for (u32 at = 0; at < total && !err; at += piece) {
		u32 n = MIN(piece, total - at);
		struct pkt *f = pkt_alloc(PKT_HEADROOM);

		if (!f) {
			err = -ENOBUFS;
			break;
		}
		pkt_copy_out(p, at, pkt_put(f, n), n);
		f->flags = p->flags & PKT_NO_LOOP;
		header_push(f, a->source, a->destination, a->protocol, a->tos, a->ttl,
			    cpu_to_be16(at / 8 | (at + n < total ? IP_MORE_FRAGMENTS : 0)), id);
		net_count(IP_FRAG_CREATES);
		err = ip_send(f, r);
	}
	net_count(err ? IP_FRAG_FAILS : IP_FRAG_OKS);
	pkt_free(p);
	return err;
}

/* Larger than the link, or than what is known of some path. */
static noinline int output_large(struct pkt *p, const struct ip_route *r, const struct ip_output_args *a)
{
	u32 mtu = ip_path_mtu(r, a->destination), len = p->len + sizeof(struct ip_header);

	if (len > mtu && !(p->flags & PKT_GSO_TCP4)) {
		if (a->dont_fragment) {
			net_count(IP_FRAG_FAILS);
			pkt_free(p);
			return -EMSGSIZE;
		}
		return ip_fragment(p, r, a, mtu);
	}
	header_push(p, a->source, a->destination, a->protocol, a->tos, a->ttl,
		    a->dont_fragment ? htons(IP_DONT_FRAGMENT) : 0,
		    a->dont_fragment ? a->id_hint : ip_id_next(a->source, a->destination, a->protocol));
	return ip_send(p, r);
}

int ip_output(struct pkt *p, const struct ip_route *r, const struct ip_output_args *a)
{
	net_count(IP_OUT_REQUESTS);
	if (unlikely((p->len + sizeof(struct ip_header) > r->mtu && !(p->flags & PKT_GSO_TCP4)) || !a->dont_fragment))
		return output_large(p, r, a);
	/* RFC 6864: a packet that can't be fragmented needs no identification. */
	header_push(p, a->source, a->destination, a->protocol, a->tos, a->ttl, htons(IP_DONT_FRAGMENT), a->id_hint);
	if (likely(r->type == ROUTE_UNICAST && r->neighbour))
		return neigh_output(r->neighbour, p);
	return ip_send(p, r);
}

void icmp_local_error(struct pkt *p, u8 type, u8 code, u32 mtu)
{
	const struct ip_header *ip = (const struct ip_header *)p->data;

	if (pkt_linear(p) >= sizeof(*ip) && pkt_linear(p) >= ip_header_len(ip) + 8)
		ip_error_deliver(type, code, mtu, ip->source, ip, pkt_linear(p));
}
