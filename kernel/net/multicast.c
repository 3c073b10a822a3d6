/*
 * Multicast groups of interfaces, and IGMPv2 (RFC 2236), by which a host tells switches and routers of them. Sockets
 * join and leave; ip.c asks and hands IGMP packets in.
 *
 * Lock key: [C] net_config_lock.
 */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "sched/timer.h"

struct group {
	struct list_node node;		/* netif.groups [C] */
	struct netif *netif;
	be32 address;
	u32 users;			/* [C] */
	u32 refs;			/* [a] the list's is one, the armed timer's another */
	bool last_reporter;		/* [C] */
	u8 reports_left;		/* unsolicited ones still to be sent [C] */
	struct timer timer;		/* the next report */
};

enum { IGMP_QUERY = 0x11, IGMP_V1_REPORT = 0x12, IGMP_REPORT = 0x16, IGMP_LEAVE = 0x17 };
#define UNSOLICITED_MS 10000		/* RFC 2236, 8.10 */

struct igmp_header { u8 type, max_time; be16 checksum; be32 group; } packed aligned(4);

static const be32 all_hosts = htonl(0xe0000001), all_routers = htonl(0xe0000002);

static void igmp_send(struct netif *nif, u8 type, be32 group)
{
	be32 to = type == IGMP_LEAVE ? all_routers : group;
	struct igmp_header *h;
	struct ip_route route;
	struct pkt *p;
	u8 *option;

	if ((nif->flags & (NETIF_UP | NETIF_MULTICAST)) != (NETIF_UP | NETIF_MULTICAST) || !nif->addr ||
	    route_lookup(to, nif->addr, nif, &route))
		return;
	p = pkt_alloc(PKT_HEADROOM);
	if (p) {
		option = pkt_put(p, 4);		/* router alert (RFC 2113) */
		memcpy(option, "\x94\x04\0\0", 4);
		h = pkt_put(p, sizeof(*h));
		*h = (struct igmp_header){ .type = type, .group = group };
		h->checksum = cksum_fold(cksum_add(0, h, sizeof(*h)));
		p->flags |= PKT_NO_LOOP;
		ip_header_push(p, nif->addr, to, 2, 0xc0, 1, htons(IP_DONT_FRAGMENT), 0);
		p->data[0] = 0x46;
		memset(p->data + 10, 0, 2);
		put_unaligned_le16(cksum_fold(cksum_add(0, p->data, 24)), p->data + 10);
		ip_send(p, &route);
	}
	route_release(&route);
}

static void group_put(struct group *g)
{
	if (ref_put(&g->refs)) {
		netif_put(g->netif);
		kfree(g);
	}
}

/* [C] held. A reference goes with the armed timer. */
static void report_later(struct group *g, u32 within_ms)
{
	if (!timer_set(&g->timer, clock_ns() + (1 + random_below(within_ms)) * NSEC_PER_MSEC))
		ref_get(&g->refs);	/* its function waits for the lock */
}

static void report_fire(struct timer *t)
{
	struct group *g = container_of(t, struct group, timer);
	bool send;

	spin_lock_bh(&net_config_lock);
	send = g->users;
	g->last_reporter = true;
	if (send && g->reports_left) {
		g->reports_left--;
		if (g->reports_left)
			report_later(g, UNSOLICITED_MS);
	}
	spin_unlock_bh(&net_config_lock);
	if (send)
		igmp_send(g->netif, IGMP_REPORT, g->address);
	group_put(g);
}

static struct group *group_find(struct netif *nif, be32 address)
{
	struct group *g;

	list_for_each(g, &nif->groups, node)
		if (g->address == address)
			return g;
	return NULL;
}

int multicast_join(struct netif *nif, be32 address)
{
	struct group *made = kzalloc(sizeof(*made)), *g;

	if (!made)
		return -ENOMEM;
	made->netif = nif;
	made->address = address;
	made->refs = made->users = 1;
	made->reports_left = 2;
	timer_init(&made->timer, report_fire);

	spin_lock_bh(&net_config_lock);
	g = group_find(nif, address);
	if (g) {
		g->users++;
	} else {
		ref_get(&nif->refs);
		list_push_back(&nif->groups, &made->node);
		if (address != all_hosts)
			report_later(made, 10);
	}
	spin_unlock_bh(&net_config_lock);
	if (g)
		kfree(made);
	else if (nif->ops->set_rx_mode)
		nif->ops->set_rx_mode(nif);
	return 0;
}

void multicast_leave(struct netif *nif, be32 address)
{
	struct group *g;
	bool gone = false, tell = false, armed = false;

	spin_lock_bh(&net_config_lock);
	g = group_find(nif, address);
	if (g && !--g->users) {
		gone = true;
		tell = g->last_reporter;
		list_remove(&g->node);
		armed = timer_cancel(&g->timer);
	}
	spin_unlock_bh(&net_config_lock);
	if (!gone)
		return;
	if (tell)
		igmp_send(nif, IGMP_LEAVE, address);
	if (nif->ops->set_rx_mode)
		nif->ops->set_rx_mode(nif);
	if (armed)
		group_put(g);
	group_put(g);
}

bool multicast_joined(struct netif *nif, be32 address)
{
	bool found;

	spin_lock_bh(&net_config_lock);
	found = address == all_hosts || group_find(nif, address);
	spin_unlock_bh(&net_config_lock);
	return found;
}

void multicast_for_each(struct netif *nif, void (*fn)(void *arg, const u8 mac[ETH_ALEN]), void *arg)
{
	struct group *g;

	spin_lock_bh(&net_config_lock);
	list_for_each(g, &nif->groups, node) {
		u32 a = be32_to_cpu(g->address);
		u8 mac[ETH_ALEN] = { 0x01, 0x00, 0x5e, a >> 16 & 0x7f, a >> 8, a };

		fn(arg, mac);
	}
	spin_unlock_bh(&net_config_lock);
}

void igmp_link_up(struct netif *nif)
{
	struct group *g;

	spin_lock_bh(&net_config_lock);
	list_for_each(g, &nif->groups, node) {
		g->reports_left = 2;
		if (g->address != all_hosts)
			report_later(g, 1000);
	}
	spin_unlock_bh(&net_config_lock);
}

/* A query asks for reports of one group or all; another host's report makes ours needless (RFC 2236, 3). */
static void igmp_receive(struct netif *nif, const struct igmp_header *h)
{
	u32 within_ms = h->max_time ? h->max_time * 100 : UNSOLICITED_MS;
	struct group *g;

	spin_lock_bh(&net_config_lock);
	list_for_each(g, &nif->groups, node) {
		if (g->address == all_hosts || (h->group && g->address != h->group))
			continue;
		if (h->type == IGMP_QUERY) {
			report_later(g, within_ms);
		} else if (h->group && !g->reports_left && timer_cancel(&g->timer)) {
			g->last_reporter = false;
			atomic_sub(&g->refs, 1);	/* the timer's; the list has its own */
		}
	}
	spin_unlock_bh(&net_config_lock);
}

static void igmp_protocol_input(struct pkt *p, struct ip_header *ip)
{
	const struct igmp_header *h;

	if (pkt_need(p, sizeof(*h)) && !cksum_fold(pkt_cksum(p, 0, p->len, 0))) {
		h = (const struct igmp_header *)p->data;
		if (h->type == IGMP_QUERY || h->type == IGMP_REPORT || h->type == IGMP_V1_REPORT)
			igmp_receive(p->netif, h);
	}
	pkt_free(p);
}

void igmp_init(void)
{
	static const struct ip_protocol ops = { .input = igmp_protocol_input };

	ip_protocol_register(2, &ops);
}
