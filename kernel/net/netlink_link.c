/*
 * rtnetlink's links: `ip link`. Interfaces are shown, set up and down, renamed, given an MTU or a link address; none
 * is made or deleted by hand.
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/netlink.h"

u32 netif_iff(const struct netif *nif)
{
	u32 f = nif->flags, iff = 0;

	if (f & NETIF_UP)
		iff |= IFF_UP;
	if (f & NETIF_RUNNING)
		iff |= IFF_LOWER_UP;
	if ((f & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING))
		iff |= IFF_RUNNING;
	if (f & NETIF_PROMISC)
		iff |= IFF_PROMISC;
	if (f & NETIF_ALLMULTI)
		iff |= IFF_ALLMULTI;
	if (f & NETIF_BROADCAST)
		iff |= IFF_BROADCAST;
	if (f & NETIF_MULTICAST)
		iff |= IFF_MULTICAST;
	if (nif->features & NETIF_F_LOOPBACK)
		iff |= IFF_LOOPBACK;
	else if (f & NETIF_NOARP)
		iff |= IFF_NOARP;
	return f & NETIF_UP ? iff : iff & ~IFF_LOWER_UP;
}

int netif_iff_change(struct netif *nif, u32 flags, u32 mask)
{
	u32 change = (netif_iff(nif) ^ flags) & mask;
	int promisc = change & IFF_PROMISC ? (flags & IFF_PROMISC ? 1 : -1) : 0;
	int allmulti = change & IFF_ALLMULTI ? (flags & IFF_ALLMULTI ? 1 : -1) : 0;

	if (promisc || allmulti)
		netif_rx_mode(nif, promisc, allmulti);
	return change & IFF_UP ? netif_set_up_locked(nif, flags & IFF_UP) : 0;
}

static u8 operstate(const struct netif *nif)
{
	if (nif->features & NETIF_F_LOOPBACK)
		return IF_OPER_UNKNOWN;
	return (nif->flags & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING) ? IF_OPER_UP : IF_OPER_DOWN;
}

static void stats_put(struct netlink_out *o, const struct netif *nif)
{
	const struct netif_stats stats = netif_stats_get(nif), *s = &stats;
	struct rtnl_link_stats64 big = {
		.rx_packets = s->rx_packets, .tx_packets = s->tx_packets, .rx_bytes = s->rx_bytes,
		.tx_bytes = s->tx_bytes, .rx_errors = s->rx_errors, .tx_errors = s->tx_errors,
		.rx_dropped = s->rx_dropped, .tx_dropped = s->tx_dropped, .multicast = s->multicast,
		.rx_length_errors = s->rx_length_errors, .rx_crc_errors = s->rx_crc_errors,
		.rx_fifo_errors = s->rx_fifo_errors, .rx_missed_errors = s->rx_missed_errors,
	};
	struct rtnl_link_stats small = {
		.rx_packets = s->rx_packets, .tx_packets = s->tx_packets, .rx_bytes = s->rx_bytes,
		.tx_bytes = s->tx_bytes, .rx_errors = s->rx_errors, .tx_errors = s->tx_errors,
		.rx_dropped = s->rx_dropped, .tx_dropped = s->tx_dropped, .multicast = s->multicast,
	};

	netlink_attr(o, IFLA_STATS64, &big, sizeof(big));
	netlink_attr(o, IFLA_STATS, &small, sizeof(small));
}

static bool link_put(struct netlink_out *o, const struct netif *nif, u16 type)
{
	static const u8 all_ones[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const u8 zeros[ETH_ALEN];
	bool lo = nif->features & NETIF_F_LOOPBACK;
	struct ifinfomsg *i = netlink_begin(o, type, sizeof(*i));

	if (!i)
		return false;
	i->ifi_type = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	i->ifi_index = nif->index;
	i->ifi_flags = netif_iff(nif);
	netlink_attr_string(o, IFLA_IFNAME, nif->name);
	netlink_attr_u32(o, IFLA_TXQLEN, nif->tx_queue_limit);
	netlink_attr_u32(o, IFLA_GROUP, 0);
	netlink_attr_u8(o, IFLA_OPERSTATE, operstate(nif));
	netlink_attr_u8(o, IFLA_LINKMODE, 0);
	netlink_attr_u32(o, IFLA_MTU, nif->mtu);
	netlink_attr_u32(o, IFLA_MIN_MTU, nif->min_mtu);
	netlink_attr_u32(o, IFLA_MAX_MTU, nif->max_mtu);
	netlink_attr_u32(o, IFLA_PROMISCUITY, nif->promisc_count);
	netlink_attr_u8(o, IFLA_CARRIER, !!(nif->flags & NETIF_RUNNING));
	netlink_attr_string(o, IFLA_QDISC, lo ? "noqueue" : "pfifo_fast");
	netlink_attr(o, IFLA_ADDRESS, lo ? zeros : nif->mac, ETH_ALEN);
	netlink_attr(o, IFLA_BROADCAST, lo ? zeros : all_ones, ETH_ALEN);
	if (!lo)
		netlink_attr(o, IFLA_PERM_ADDRESS, nif->perm_mac, ETH_ALEN);
	stats_put(o, nif);
	return netlink_end(o);
}

static bool link_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct netif *nif;

	for (; (nif = netif_next(d->at)); netif_put(nif)) {
		if (!link_put(o, nif, RTM_NEWLINK)) {
			netif_put(nif);
			return false;
		}
		d->at = nif->index;
	}
	return true;
}

/* The interface that a request names, by index or name; referenced. */
static struct netif *link_of(const struct netlink_request *r, const struct netlink_attrs *t)
{
	const struct ifinfomsg *i = r->body;
	char name[IFNAMSIZ];

	if (i->ifi_index)
		return i->ifi_index > 0 ? netif_find_index(i->ifi_index) : NULL;
	return attr_string(t, IFLA_IFNAME, name, sizeof(name)) ? netif_find_name(name) : NULL;
}

static int link_get(const struct netlink_request *r, struct netlink_out *o)
{
	struct netlink_attrs t;
	struct netif *nif;
	int err = netlink_parse(r, sizeof(struct ifinfomsg), &t);

	if (err)
		return err;
	nif = link_of(r, &t);
	if (!nif)
		return -ENODEV;
	if (!link_put(o, nif, RTM_NEWLINK))
		err = -EMSGSIZE;
	netif_put(nif);
	return err;
}

static int link_change(struct netif *nif, const struct ifinfomsg *i, const struct netlink_attrs *t)
{
	const struct nlattr *mac = t->a[IFLA_ADDRESS];
	char name[IFNAMSIZ];
	int err = 0;
	u32 v;

	if (t->a[IFLA_MASTER] || t->a[IFLA_LINKINFO])
		return -EOPNOTSUPP;
	if (mac) {
		if (attr_len(mac) < ETH_ALEN)
			return -EINVAL;
		err = netif_set_mac(nif, attr_data(mac));
	}
	if (!err && attr_u32(t, IFLA_MTU, &v))
		err = netif_set_mtu(nif, v);
	if (!err && attr_u32(t, IFLA_TXQLEN, &v))
		nif->tx_queue_limit = v;
	if (!err && i->ifi_index && attr_string(t, IFLA_IFNAME, name, sizeof(name)) && name[0] &&
	    strcmp(name, nif->name))
		err = netif_rename(nif, name);
	if (!err && (i->ifi_flags || i->ifi_change))
		err = netif_iff_change(nif, i->ifi_flags, i->ifi_change ? i->ifi_change : ~0u);
	return err;
}

static int link_set(const struct netlink_request *r)
{
	struct netlink_attrs t;
	struct netif *nif;
	int err = netlink_parse(r, sizeof(struct ifinfomsg), &t);

	if (err)
		return err;
	nif = link_of(r, &t);
	if (!nif)
		return r->h->nlmsg_flags & NLM_F_CREATE ? -EOPNOTSUPP : -ENODEV;
	err = link_change(nif, r->body, &t);
	netif_put(nif);
	return err;
}

const struct netlink_kind netlink_links = {
	.base = RTM_NEWLINK, .fixed = sizeof(struct ifinfomsg),
	.set = link_set, .get = link_get, .dump = link_dump,
};

static bool link_fill_new(struct netlink_out *o, const void *nif)
{
	return link_put(o, nif, RTM_NEWLINK);
}

static bool link_fill_gone(struct netlink_out *o, const void *nif)
{
	return link_put(o, nif, RTM_DELLINK);
}

void net_notify_link(struct netif *nif, bool gone)
{
	netlink_announce(RTNLGRP_LINK, gone ? link_fill_gone : link_fill_new, nif);
}
