/*
 * The ioctls of netdevice(7), arp(7) and SIOCADDRT, by which ifconfig, route, arp and udhcpc configure: each is the
 * matching operation of the stack. socket.c passes here what the socket itself does not know.
 */
#include <linux/capability.h>
#include <linux/sockios.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "net/neigh.h"
#include "net/netlink.h"
#include "net/route.h"
#include "net/socket_file.h"
#include "sched/cred.h"

/* The kernel's ifreq must be what programs pass: 16 bytes of name, 24 of value. */
_Static_assert(sizeof(struct ifreq) == 40, "struct ifreq as arm64 has it");

static void address_put(struct sockaddr *to, be32 a)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = a };

	memcpy(to, &in, sizeof(in));
}

static int address_get(const struct sockaddr *from, be32 *a)
{
	struct sockaddr_in in;

	memcpy(&in, from, sizeof(in));
	if (in.sin_family != AF_INET)
		return in.sin_family ? -EAFNOSUPPORT : -EINVAL;
	*a = in.sin_addr.s_addr;
	return 0;
}

/* ---- one interface -------------------------------------------------------- */

static void hardware_put(const struct netif *nif, struct sockaddr *to)
{
	to->sa_family = nif->features & NETIF_F_LOOPBACK ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
	memset(to->sa_data, 0, sizeof(to->sa_data));
	memcpy(to->sa_data, nif->mac, ETH_ALEN);
}

/* The address that a label names; without one the primary. */
static struct in_ifaddr *labelled(struct netif *nif, const char *label)
{
	struct in_ifaddr *a;

	list_for_each(a, &nif->addrs, node)
		if (!strcmp(a->label, label))
			return a;
	return list_empty(&nif->addrs) || strchr(label, ':') ? NULL : list_first(&nif->addrs, struct in_ifaddr, node);
}

static int netif_get(struct netif *nif, u32 cmd, struct ifreq *r)
{
	struct in_ifaddr *a;

	switch (cmd) {
	case SIOCGIFFLAGS:
		r->ifr_flags = netif_iff(nif);
		return 0;
	case SIOCGIFMTU:
		r->ifr_mtu = nif->mtu;
		return 0;
	case SIOCGIFMETRIC:
		r->ifr_metric = 0;
		return 0;
	case SIOCGIFINDEX:
		r->ifr_ifindex = nif->index;
		return 0;
	case SIOCGIFTXQLEN:
		r->ifr_qlen = nif->tx_queue_limit;
		return 0;
	case SIOCGIFHWADDR:
		hardware_put(nif, &r->ifr_hwaddr);
		return 0;
	case SIOCGIFMAP:
		memset(&r->ifr_map, 0, sizeof(r->ifr_map));
		return 0;
	}
	a = labelled(nif, r->ifr_name);
	if (!a)
		return -EADDRNOTAVAIL;
	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		address_put(&r->ifr_addr, a->local);
		return 0;
	case SIOCGIFBRDADDR:
		address_put(&r->ifr_broadaddr, a->broadcast);
		return 0;
	case SIOCGIFNETMASK:
		address_put(&r->ifr_netmask, a->mask);
		return 0;
	}
	return -ENOTTY;
}

/* As classes once were: what ifconfig means when it names no mask. */
static u8 class_prefix(be32 a)
{
	u32 first = (u8)a;

	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

/* One address in another's place: what ifconfig does. */
static int address_replace(struct netif *nif, struct in_ifaddr *old, const char *label, be32 local, u8 prefix,
			   be32 broadcast)
{
	if (old)
		ifaddr_delete(nif, old);
	if (!local)
		return 0;
	return ifaddr_add(nif, local, prefix, broadcast, ip_is_loopback(local) ? RSCOPE_HOST : RSCOPE_GLOBAL, label);
}

static be32 default_broadcast(const struct netif *nif, be32 local, u8 prefix)
{
	return nif->flags & NETIF_BROADCAST && prefix < 31 ? local | ~prefix_mask(prefix) : 0;
}

static int address_set(struct netif *nif, u32 cmd, const struct ifreq *r)
{
	struct in_ifaddr *a = labelled(nif, r->ifr_name);
	be32 v;
	int prefix, err = address_get(&r->ifr_addr, &v);

	if (err)
		return err;
	if (cmd == SIOCSIFADDR) {
		prefix = class_prefix(v);
		return address_replace(nif, a, r->ifr_name, v, prefix, default_broadcast(nif, v, prefix));
	}
	if (!a)
		return -EADDRNOTAVAIL;
	if (cmd == SIOCSIFBRDADDR)
		return a->broadcast == v ? 0 : address_replace(nif, a, r->ifr_name, a->local, a->prefix, v);
	prefix = mask_prefix(v);
	if (prefix < 0)
		return -EINVAL;
	if (prefix == a->prefix)
		return 0;
	return address_replace(nif, a, r->ifr_name, a->local, prefix, default_broadcast(nif, a->local, prefix));
}

static int netif_change(struct netif *nif, u32 cmd, const struct ifreq *r)
{
	struct in_ifaddr *a;

	switch (cmd) {
	case SIOCSIFFLAGS:
		if (strchr(r->ifr_name, ':')) {		/* an alias goes down: its address goes */
			a = labelled(nif, r->ifr_name);
			return a && !(r->ifr_flags & IFF_UP) ? ifaddr_delete(nif, a) : 0;
		}
		return netif_iff_change(nif, (u16)r->ifr_flags, IFF_UP | IFF_PROMISC | IFF_ALLMULTI);
	case SIOCSIFMTU:
		return r->ifr_mtu < 0 ? -EINVAL : netif_set_mtu(nif, r->ifr_mtu);
	case SIOCSIFHWADDR:
		return netif_set_mac(nif, (const u8 *)r->ifr_hwaddr.sa_data);
	case SIOCSIFTXQLEN:
		if (r->ifr_qlen < 0)
			return -EINVAL;
		nif->tx_queue_limit = r->ifr_qlen;
		return 0;
	case SIOCSIFNAME:
		return r->ifr_newname[0] ? netif_rename(nif, r->ifr_newname) : -EINVAL;
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFBRDADDR:
		return address_set(nif, cmd, r);
	case SIOCSIFDSTADDR:
		return -EINVAL;			/* no point-to-point interface is there */
	case SIOCSIFMETRIC:
		return r->ifr_metric ? -EOPNOTSUPP : 0;
	case SIOCSIFMAP:
		return -EOPNOTSUPP;
	}
	return -ENOTTY;
}

/* eth0:1 is eth0. */
static struct netif *netif_named(const char *name)
{
	char base[IFNAMSIZ];
	char *colon;

	strlcpy(base, name, sizeof(base));
	colon = strchr(base, ':');
	if (colon)
		*colon = '\0';
	return netif_find_name(base);
}

static long netif_ioctl(u32 cmd, u64 arg, bool change)
{
	struct netif *nif;
	struct ifreq r;
	long err = copy_from_user(&r, arg, sizeof(r));

	if (err)
		return err;
	r.ifr_name[IFNAMSIZ - 1] = '\0';
	if (cmd == SIOCGIFNAME) {
		nif = netif_find_index(r.ifr_ifindex);
		if (!nif)
			return -ENODEV;
		memcpy(r.ifr_name, nif->name, IFNAMSIZ);
		netif_put(nif);
		return copy_to_user(arg, &r, sizeof(r));
	}
	if (change && !cred_capable(current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	nif = netif_named(r.ifr_name);
	if (!nif)
		return -ENODEV;
	mutex_lock(&net_config_mutex);
	err = change ? netif_change(nif, cmd, &r) : netif_get(nif, cmd, &r);
	mutex_unlock(&net_config_mutex);
	netif_put(nif);
	return err || change ? err : copy_to_user(arg, &r, sizeof(r));
}

/* Of <linux/ethtool.h>, which does not do without a C library. */
#define ETHTOOL_GLINK		0x0a
#define ETHTOOL_GCHANNELS	0x3c
#define ETHTOOL_SCHANNELS	0x3d
struct ethtool_value { u32 cmd, data; };
struct ethtool_channels {
	u32 cmd;
	struct { u32 rx, tx, other, combined; } max, count;
};

static long ethtool_link(struct netif *nif, u64 at)
{
	struct ethtool_value v = { ETHTOOL_GLINK, (nif->flags & (NETIF_UP | NETIF_RUNNING)) == (NETIF_UP | NETIF_RUNNING) };

	return copy_to_user(at, &v, sizeof(v));
}

static long ethtool_channels_get(struct netif *nif, u64 at)
{
	struct ethtool_channels c = {
		ETHTOOL_GCHANNELS, .max.combined = nif->txq_max, .count.combined = nif->txq_count,
	};

	return nif->ops->set_channels ? copy_to_user(at, &c, sizeof(c)) : -EOPNOTSUPP;
}

static long ethtool_channels_set(struct netif *nif, u64 at)
{
	struct ethtool_channels c;
	long err = copy_from_user(&c, at, sizeof(c));

	if (err)
		return err;
	if (!cred_capable(current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	if (nif->ops->set_channels && (c.count.rx || c.count.tx || c.count.other))
		return -EINVAL;
	mutex_lock(&net_config_mutex);
	err = netif_set_channels(nif, c.count.combined);
	mutex_unlock(&net_config_mutex);
	return err;
}

/* ethtool's questions: whether there is a link is the one that any card answers. */
static long ethtool_ioctl(u64 arg)
{
	struct netif *nif;
	struct ifreq r;
	u32 cmd;
	long err = copy_from_user(&r, arg, sizeof(r));

	if (err)
		return err;
	r.ifr_name[IFNAMSIZ - 1] = '\0';
	err = get_user_u32(&cmd, (u64)r.ifr_data);
	if (err)
		return err;
	nif = netif_named(r.ifr_name);
	if (!nif)
		return -ENODEV;
	err = cmd == ETHTOOL_GLINK ? ethtool_link(nif, (u64)r.ifr_data) :
	      cmd == ETHTOOL_GCHANNELS ? ethtool_channels_get(nif, (u64)r.ifr_data) :
	      cmd == ETHTOOL_SCHANNELS ? ethtool_channels_set(nif, (u64)r.ifr_data) : -EOPNOTSUPP;
	netif_put(nif);
	return err;
}

/* ---- the list ------------------------------------------------------------- */

/* Those with an address, an ifreq each. Without a buffer: how long it must be. */
static long config_list(u64 arg)
{
	struct { s32 len, pad; u64 buf; } c;
	struct netif *nif;
	s32 at = 0;
	int err = copy_from_user(&c, arg, sizeof(c));

	if (err)
		return err;
	mutex_lock(&net_config_mutex);
	for (u32 index = 0; !err && (nif = netif_next(index)); netif_put(nif)) {
		struct in_ifaddr *a;

		index = nif->index;
		list_for_each(a, &nif->addrs, node) {
			struct ifreq r = { 0 };

			if (c.buf && at + (s32)sizeof(r) > c.len)
				break;
			memcpy(r.ifr_name, a->label, IFNAMSIZ);
			address_put(&r.ifr_addr, a->local);
			if (c.buf && (err = copy_to_user(c.buf + at, &r, sizeof(r))))
				break;
			at += sizeof(r);
		}
	}
	mutex_unlock(&net_config_mutex);
	return err ? err : put_user_u32(arg, at);
}

/* ---- routes --------------------------------------------------------------- */

static int rtentry_parse(const struct rtentry *e, struct route *r)
{
	be32 mask = 0;
	char name[IFNAMSIZ];
	int prefix, err = address_get(&e->rt_dst, &r->destination);

	if (err)
		return err;
	if (e->rt_genmask.sa_family && (err = address_get(&e->rt_genmask, &mask)))
		return err;
	prefix = e->rt_flags & RTF_HOST ? 32 : mask_prefix(mask);
	if (prefix < 0 || r->destination & ~prefix_mask(prefix))
		return -EINVAL;
	r->prefix = prefix;
	r->table = 254;
	r->type = e->rt_flags & RTF_REJECT ? RTYPE_UNREACHABLE : RTYPE_UNICAST;
	r->protocol = RPROTO_BOOT;
	r->metric = e->rt_metric > 0 ? e->rt_metric - 1 : 0;
	if (e->rt_flags & RTF_MTU)
		r->mtu = e->rt_mtu;
	if (e->rt_flags & RTF_GATEWAY) {
		err = address_get(&e->rt_gateway, &r->gateway);
		if (err || !r->gateway)
			return err ? err : -EINVAL;
	}
	r->scope = r->gateway ? RSCOPE_GLOBAL : RSCOPE_LINK;
	if (e->rt_dev) {
		err = copy_string_from_user(name, (u64)e->rt_dev, sizeof(name));
		if (err < 0)
			return err;
		r->netif = netif_named(name);
		return r->netif ? 0 : -ENODEV;
	}
	return 0;
}

static long route_ioctl(u32 cmd, u64 arg)
{
	struct route r = { 0 };
	struct rtentry e;
	struct ip_route via;
	int err = copy_from_user(&e, arg, sizeof(e));

	if (err)
		return err;
	if (!cred_capable(current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	err = rtentry_parse(&e, &r);
	if (err)
		goto out;
	mutex_lock(&net_config_mutex);
	if (cmd == SIOCDELRT) {
		r.protocol = r.scope = 0;
		if (r.type == RTYPE_UNICAST)
			r.type = 0;
		err = route_delete(&r);
	} else {
		if (!r.netif && r.gateway && !route_lookup(r.gateway, 0, NULL, &via)) {
			r.netif = via.netif;
			ref_get(&r.netif->refs);
			route_release(&via);
		}
		if (!r.netif && r.type == RTYPE_UNICAST)
			err = r.gateway ? -ENETUNREACH : -ENODEV;
		else
			err = route_add(&r, ROUTE_CREATE);
	}
	mutex_unlock(&net_config_mutex);
out:
	if (r.netif)
		netif_put(r.netif);
	return err;
}

/* ---- ARP ------------------------------------------------------------------ */

/* The interface for an entry: named, or that of the connected route. */
static struct netif *arp_netif(const struct arpreq *q, be32 address)
{
	struct ip_route via;
	struct netif *nif;

	if (q->arp_dev[0])
		return netif_named(q->arp_dev);
	if (route_lookup(address, 0, NULL, &via))
		return NULL;
	nif = via.netif;
	ref_get(&nif->refs);
	route_release(&via);
	return nif;
}

static long arp_ioctl(u32 cmd, u64 arg)
{
	struct arpreq q;
	struct neighbour *n;
	struct netif *nif;
	be32 address;
	long err = copy_from_user(&q, arg, sizeof(q));

	if (!err)
		err = address_get(&q.arp_pa, &address);
	if (err)
		return err;
	if (cmd != SIOCGARP && !cred_capable(current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	if (q.arp_flags & ATF_PUBL)
		return -EOPNOTSUPP;
	q.arp_dev[sizeof(q.arp_dev) - 1] = '\0';
	nif = arp_netif(&q, address);
	if (!nif)
		return -ENODEV;
	mutex_lock(&net_config_mutex);
	n = cmd == SIOCSARP ? neigh_get(nif, address) : neigh_find(nif, address);
	err = cmd == SIOCSARP ? -ENOBUFS : -ENXIO;
	if (!n)
		goto out;
	err = 0;
	switch (cmd) {
	case SIOCSARP:
		neigh_set(n, (const u8 *)q.arp_ha.sa_data, q.arp_flags & ATF_PERM ? NEIGH_PERMANENT : NEIGH_STALE);
		break;
	case SIOCDARP:
		neigh_delete(n);
		break;
	case SIOCGARP:
		q.arp_ha.sa_family = ARPHRD_ETHER;
		memcpy(q.arp_ha.sa_data, n->mac, ETH_ALEN);
		q.arp_flags = n->state & NEIGH_VALID ? ATF_COM | (n->state & NEIGH_PERMANENT ? ATF_PERM : 0) : 0;
		strlcpy(q.arp_dev, nif->name, sizeof(q.arp_dev));
		break;
	}
	neigh_put(n);
out:
	mutex_unlock(&net_config_mutex);
	netif_put(nif);
	return err || cmd != SIOCGARP ? err : copy_to_user(arg, &q, sizeof(q));
}

long netdev_ioctl(u32 cmd, u64 arg)
{
	switch (cmd) {
	case SIOCGIFCONF:
		return config_list(arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return route_ioctl(cmd, arg);
	case SIOCSARP:
	case SIOCDARP:
	case SIOCGARP:
		return arp_ioctl(cmd, arg);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
		return netif_ioctl(cmd, arg, false);
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCSIFTXQLEN:
	case SIOCSIFNAME:
	case SIOCSIFMAP:
		return netif_ioctl(cmd, arg, true);
	case SIOCETHTOOL:
		return ethtool_ioctl(arg);
	}
	return -ENOTTY;
}
