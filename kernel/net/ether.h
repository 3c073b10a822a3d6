/*
 * Ethernet framing (IEEE 802.3), and the inputs of the layers above it.
 */
#pragma once
#include "net/netif.h"

struct ether_header {
	u8 destination[ETH_ALEN], source[ETH_ALEN];
	be16 type;
} packed;

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_VLAN = 0x8100 };

extern const u8 ether_broadcast[ETH_ALEN];

/* An IP packet, header at data; takes the pkt. Softirq. */
void ip_input(struct pkt *p);
void loopback_init(void);

/* Link header in front of data; room is there (PKT_HEADROOM). */
static inline void ether_push(struct pkt *p, const u8 *destination, const u8 *source, be16 type)
{
	struct ether_header *h = pkt_push(p, sizeof(*h));

	__builtin_memcpy(h->destination, destination, ETH_ALEN);
	__builtin_memcpy(h->source, source, ETH_ALEN);
	h->type = type;
}
