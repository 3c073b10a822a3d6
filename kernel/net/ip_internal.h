/*
 * Between the files of IPv4: input, output, reassembly, raw sockets, the DHCP client.
 */
#pragma once
#include "net/ip.h"

#define IP_MORE_FRAGMENTS	0x2000
#define IP_DONT_FRAGMENT	0x4000
#define IP_OFFSET_MASK		0x1fff
#define IP_DEFAULT_TTL		64

extern const struct ip_protocol *ip_protocols[256];

/* Header length in bytes. */
static inline u32 ip_header_len(const struct ip_header *ip) { return (ip->version_ihl & 15) * 4; }

/* The header's checksum over 20 bytes, without options; its own field must be 0 for making one, and a right one
 * gives 0. */
static inline u16 ip_header_cksum(const struct ip_header *ip)
{
	const u32 *w = (const u32 *)ip;
	u64 sum = (u64)w[0] + w[1] + w[2] + w[3] + w[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

void ip_output_init(void);
/* An identification for packets that may be fragmented. */
be16 ip_id_next(be32 source, be32 destination, u8 protocol);
/* An IP header in front of data, by r and a; total length from p. */
void ip_header_push(struct pkt *p, be32 source, be32 destination, u8 protocol, u8 tos, u8 ttl, be16 fragment, be16 id);
/* A packet whose IP header is in place, to where the route says; takes it. */
int ip_send(struct pkt *p, const struct ip_route *r);

/* ip_frag.c. A fragment, IP header at data (checked): the whole packet when it is the last one missing, else NULL. */
struct pkt *ip_reassemble(struct pkt *p);
void ip_frag_init(void);
/* The interface goes: so do fragments that came by it. Process context. */
void ip_frag_flush(struct netif *nif);
struct ip_frag_stats { u32 queues; u64 memory; };
void ip_frag_stats_get(struct ip_frag_stats *s);

/* Raw sockets that may want received packets. raw_input gives them copies; true if one did. */
extern u32 raw_socket_count;
bool raw_input(const struct pkt *p, const struct ip_header *ip);
void raw_error(const struct ip_error *e);
void ping_error(const struct ip_error *e);	/* the same for ping sockets */
/* An echo reply for a ping socket, ICMP header at data: true if one took (a copy of) it. */
bool ping_input(struct pkt *p, const struct ip_header *ip);

/* The kernel's DHCP client: true if it took the datagram (data at the UDP header). */
extern bool dhcp_listening;
bool dhcp_input(struct pkt *p, const struct ip_header *ip);

/* A copy of what we send, to ourselves, as if it came in by nif; flags: PKT_BROADCAST or PKT_MULTICAST. Takes the pkt;
 * IP header at data. */
void loopback_deliver(struct netif *nif, struct pkt *p, u16 flags);

void udp_input(struct pkt *p, struct ip_header *ip);
