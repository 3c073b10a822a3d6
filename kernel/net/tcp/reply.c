/*
 * Segments that no connection sends: resets for what belongs nowhere (RFC 9293, 3.10.7.1), SYN-ACKs of requests, ACKs
 * of TIME-WAIT. input.c, listen.c and timewait.c say what goes in.
 */
#include "base/string.h"
#include "net/ip_internal.h"
#include "net/tcp/tcp.h"

static void options_push(struct pkt *p, const struct tcp_reply *r, u32 *n)
{
	u8 options[40];

	*n = 0;
	if (r->syn) {
		*n = tcp_options_syn(options, r->syn);
	} else if (r->ts) {
		put_unaligned_be32(0x0101080a, options);
		put_unaligned_be32(r->ts_value, options + 4);
		put_unaligned_be32(r->ts_echo, options + 8);
		*n = TCP_TS_LEN;
	}
	memcpy(pkt_push(p, *n), options, *n);
}

static void segment_push(struct pkt *p, const struct tcp_reply *r, bool offload)
{
	struct tcp_header *th;
	u64 sum;
	u32 n;

	options_push(p, r, &n);
	th = pkt_push(p, TCP_HEADER_LEN);
	th->source = r->source_port;
	th->destination = r->destination_port;
	th->seq = htonl(r->seq);
	th->ack = htonl(r->ack);
	th->offset = (TCP_HEADER_LEN + n) << 2;
	th->flags = r->flags;
	th->window = htons(r->window);
	th->urgent = 0;
	th->checksum = 0;
	sum = cksum_pseudo(r->source, r->destination, IPPROTO_TCP_NR, p->len);
	if (offload) {
		th->checksum = cksum_fold_raw(sum);
		p->flags = PKT_CSUM_PARTIAL;
		p->csum_offset = offsetof(struct tcp_header, checksum);
	} else {
		th->checksum = cksum_fold(cksum_add(sum, p->data, p->len));
	}
}

void tcp_reply_send(const struct tcp_reply *r, const struct ip_route *route)
{
	struct ip_output_args ip = { .source = r->source, .destination = r->destination, .protocol = IPPROTO_TCP_NR,
		.tos = r->tos, .ttl = IP_DEFAULT_TTL, .dont_fragment = true };
	struct ip_route own = { 0 };
	struct pkt *p;

	if (!route) {
		if (route_lookup(r->destination, r->source, NULL, &own))
			return;
		route = &own;
	}
	p = pkt_alloc(PKT_HEADROOM);
	if (p) {
		segment_push(p, r, route->netif->features & NETIF_F_CSUM);
		tcp_count(TCPC_OUT_SEGS);
		ip_output(p, route, &ip);
	}
	if (route == &own)
		route_release(&own);
}

void tcp_reply_reset(const struct pkt *p, const struct tcp_header *th, u32 hlen)
{
	const struct ip_header *ip = pkt_ip(p);
	struct tcp_reply r = { .source = ip->destination, .destination = ip->source,
		.source_port = th->destination, .destination_port = th->source };
	u32 len = p->len - ((const u8 *)th == p->data ? hlen : 0);

	if (th->flags & TCP_RST)
		return;
	if (th->flags & TCP_ACK) {
		r.seq = ntohl(th->ack);
		r.flags = TCP_RST;
	} else {
		r.ack = ntohl(th->seq) + len + !!(th->flags & TCP_SYN) + !!(th->flags & TCP_FIN);
		r.flags = TCP_RST | TCP_ACK;
	}
	tcp_count(TCPC_OUT_RSTS);
	tcp_reply_send(&r, NULL);
}
