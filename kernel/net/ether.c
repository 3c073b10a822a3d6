/*
 * A frame from a driver's poll: count it, see whom it is for, take the link header off and call the
 * protocol. The receive path's second step (design, 4).
 */
#include "core/clock.h"
#include "net/ether.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/packet_tap.h"

const u8 ether_broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

u32 net_timestamp_users;		/* sockets that want arrival times [a] */

/* Not sent to our own address: to everybody, to a group, or to another station. */
static u16 foreign_flags(const u8 *destination)
{
	u32 first;
	u16 last;

	if (!(destination[0] & 1))
		return PKT_OTHERHOST;
	__builtin_memcpy(&first, destination, 4);
	__builtin_memcpy(&last, destination + 4, 2);
	return first == ~0u && last == 0xffff ? PKT_BROADCAST : PKT_MULTICAST;
}

static inline bool mac_equal(const u8 *a, const u8 *b)
{
	u32 a4, b4;
	u16 a2, b2;

	__builtin_memcpy(&a4, a, 4);
	__builtin_memcpy(&b4, b, 4);
	__builtin_memcpy(&a2, a + 4, 2);
	__builtin_memcpy(&b2, b + 4, 2);
	return !((a4 ^ b4) | (a2 ^ b2));
}

void netif_rx(struct netif *nif, struct pkt *p)
{
	struct netif_stats *s = netif_count(nif);
	const struct ether_header *h;

	s->rx_packets++;
	s->rx_bytes += p->len;
	p->netif = nif;
	if (unlikely(!pkt_need(p, sizeof(*h)))) {
		s->rx_errors++;
		s->rx_length_errors++;
		pkt_free(p);
		return;
	}
	h = (const struct ether_header *)p->data;
	p->link_offset = p->data - p->buf;
	p->protocol = h->type;
	if (unlikely(!mac_equal(h->destination, nif->mac))) {
		p->flags |= foreign_flags(h->destination);
		if (p->flags & PKT_MULTICAST)
			s->multicast++;
	}
	if (unlikely(READ_ONCE(net_timestamp_users)))
		p->timestamp = clock_ns();
	if (unlikely(packet_taps))
		packet_tap_in(nif, p);
	pkt_pull(p, sizeof(*h));
	if (likely(p->protocol == htons(ETHERTYPE_IPV4))) {
		ip_input(p);
	} else if (p->protocol == htons(ETHERTYPE_ARP)) {
		arp_input(p);
	} else {
		if (!packet_taps)
			s->rx_dropped++;
		pkt_free(p);
	}
}
