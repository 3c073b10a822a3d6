/*
 * ARP for IPv4 over Ethernet (RFC 826, RFC 5227, RFC 1122, 2.3.2): questions, answers, announcements.
 * ether.c hands frames in; neigh.c asks for requests and is told what was learned.
 */
#include "base/string.h"
#include "core/clock.h"
#include "core/log.h"
#include "net/ether.h"
#include "net/neigh.h"
#include "net/net.h"

struct arp_packet {
	be16 hardware, protocol;
	u8 hardware_len, protocol_len;
	be16 operation;
	u8 sender_mac[ETH_ALEN];
	be32 sender;
	u8 target_mac[ETH_ALEN];
	be32 target;
} packed;

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

static void arp_fill(struct arp_packet *a, u16 operation, const u8 *sender_mac, be32 sender, const u8 *target_mac,
		     be32 target)
{
	a->hardware = htons(1);
	a->protocol = htons(ETHERTYPE_IPV4);
	a->hardware_len = ETH_ALEN;
	a->protocol_len = 4;
	a->operation = cpu_to_be16(operation);
	memcpy(a->sender_mac, sender_mac, ETH_ALEN);
	a->sender = sender;
	memcpy(a->target_mac, target_mac, ETH_ALEN);
	a->target = target;
}

static void arp_send(struct netif *nif, u16 operation, be32 sender, const u8 *target_mac, be32 target,
		     const u8 *link_to)
{
	struct pkt *p;

	if (nif->flags & NETIF_NOARP || !(nif->flags & NETIF_UP))
		return;
	p = pkt_alloc(PKT_HEADROOM);
	if (!p)
		return;
	arp_fill(pkt_put(p, sizeof(struct arp_packet)), operation, nif->mac, sender, target_mac, target);
	p->protocol = htons(ETHERTYPE_ARP);
	ether_push(p, link_to, nif->mac, htons(ETHERTYPE_ARP));
	netif_xmit(nif, p);
}

void arp_request(struct netif *nif, be32 target, be32 source, const u8 *unicast_mac)
{
	static const u8 unknown[ETH_ALEN];

	arp_send(nif, ARP_REQUEST, source, unknown, target, unicast_mac ? unicast_mac : ether_broadcast);
}

void arp_announce(struct netif *nif, be32 address)
{
	static const u8 unknown[ETH_ALEN];

	arp_send(nif, ARP_REQUEST, address, unknown, address, ether_broadcast);
}

/* Another station claims an address of ours: said once a minute, for somebody must look. */
static void conflict_log(const struct arp_packet *a)
{
	static u64 last;
	u64 now = clock_ns();

	if (last && now - last < 60 * NSEC_PER_SEC)
		return;
	last = now;
	log_warn("arp: %pI4 is also claimed by %pM", &a->sender, a->sender_mac);
}

/* Turn the question into its answer and send it back. Takes the pkt. */
static void arp_answer(struct pkt *p, struct arp_packet *a)
{
	struct netif *nif = p->netif;
	be32 us = a->target;
	u8 asker[ETH_ALEN];

	memcpy(asker, a->sender_mac, ETH_ALEN);
	arp_fill(a, ARP_REPLY, nif->mac, us, asker, a->sender);
	pkt_trim(p, sizeof(*a));
	p->flags = 0;
	ether_push(p, asker, nif->mac, htons(ETHERTYPE_ARP));
	netif_xmit(nif, p);
}

static bool arp_valid(const struct arp_packet *a, const struct pkt *p)
{
	return a->hardware == htons(1) && a->protocol == htons(ETHERTYPE_IPV4) && a->hardware_len == ETH_ALEN &&
		a->protocol_len == 4 && !(a->sender_mac[0] & 1) && !ip_is_multicast(a->sender) &&
		a->sender != IP_BROADCAST && !ip_is_loopback(a->sender) && !(p->flags & PKT_OTHERHOST);
}

void arp_input(struct pkt *p)
{
	struct netif *nif = p->netif;
	struct arp_packet *a;
	struct neighbour *n;
	bool request, for_us;

	if (nif->flags & NETIF_NOARP || !pkt_need(p, sizeof(*a)))
		goto drop;
	a = (struct arp_packet *)p->data;
	if (!arp_valid(a, p))
		goto drop;
	request = a->operation == htons(ARP_REQUEST);
	if (!request && a->operation != htons(ARP_REPLY))
		goto drop;
	if (a->sender && ip_is_local(a->sender)) {
		if (memcmp(a->sender_mac, nif->mac, ETH_ALEN))
			conflict_log(a);
		goto drop;
	}
	for_us = !ip_is_loopback(a->target) && !ip_is_multicast(a->target) && ip_is_local(a->target);

	/* Who asks us will be talked to: learn. Otherwise only what is known already is brought up to date. */
	if (a->sender) {
		n = request && for_us ? neigh_get(nif, a->sender) : neigh_find(nif, a->sender);
		if (n) {
			neigh_update(n, a->sender_mac, !request && !(p->flags & PKT_BROADCAST), true);
			neigh_put(n);
		}
	}
	if (request && for_us) {
		arp_answer(p, a);
		return;
	}
drop:
	pkt_free(p);
}
