/*
 * ICMP (RFC 792, RFC 1122, 3.2.2): the messages that the stack sends and understands.
 */
#pragma once
#include "net/ip.h"

struct icmp_header {
	u8 type, code;
	be16 checksum;
	union {
		struct { be16 id, sequence; };
		struct { be16 unused, mtu; };
		be32 info;
	};
} packed aligned(4);

enum { ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_SOURCE_QUENCH = 4, ICMP_REDIRECT = 5, ICMP_ECHO = 8,
       ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER_PROBLEM = 12 };
enum { ICMP_NET_UNREACHABLE = 0, ICMP_HOST_UNREACHABLE = 1, ICMP_PROTOCOL_UNREACHABLE = 2,
       ICMP_PORT_UNREACHABLE = 3, ICMP_FRAGMENTATION_NEEDED = 4 };
enum { ICMP_TTL_EXCEEDED = 0, ICMP_REASSEMBLY_TIME = 1 };

void icmp_init(void);
/* data at the ICMP header; takes the pkt. Softirq. */
void icmp_input(struct pkt *p, struct ip_header *ip);
/* A packet of our own (IP header at data) that can't be sent: its transport learns it as from the network. */
void icmp_local_error(struct pkt *p, u8 type, u8 code, u32 mtu);
/* Hand an error about a packet of ours to its transport; inner is linear for at least its header and 8 bytes. */
void ip_error_deliver(u8 type, u8 code, u32 mtu, be32 from, const struct ip_header *inner, u32 len);

/* pmtu.c: what the network said of paths (RFC 1191). */
u32 pmtu_find(be32 destination);		/* 0: nothing known */
void pmtu_init(void);
