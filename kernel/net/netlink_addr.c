/*
 * rtnetlink's addresses: `ip addr`. IPv4 only; requests for other families find nothing.
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/netlink.h"

struct addr_message { const struct netif *nif; const struct in_ifaddr *a; u16 type; };

static bool addr_put(struct netlink_out *o, const void *arg)
{
	const struct addr_message *m = arg;
	const struct in_ifaddr *a = m->a;
	struct ifaddrmsg *i = netlink_begin(o, m->type, sizeof(*i));
	struct ifa_cacheinfo cache = { .ifa_prefered = a->preferred_s, .ifa_valid = a->valid_s };

	if (!i)
		return false;
	i->ifa_family = AF_INET;
	i->ifa_prefixlen = a->prefix;
	i->ifa_flags = a->flags | (a->valid_s == ~0u ? IFA_F_PERMANENT : 0);
	i->ifa_scope = a->scope;
	i->ifa_index = m->nif->index;
	netlink_attr(o, IFA_ADDRESS, &a->local, 4);
	netlink_attr(o, IFA_LOCAL, &a->local, 4);
	if (a->broadcast)
		netlink_attr(o, IFA_BROADCAST, &a->broadcast, 4);
	netlink_attr_string(o, IFA_LABEL, a->label);
	netlink_attr_u32(o, IFA_FLAGS, i->ifa_flags);
	netlink_attr(o, IFA_CACHEINFO, &cache, sizeof(cache));
	return netlink_end(o);
}

static void addr_dump_start(const struct netlink_request *r, struct netlink_dump *d)
{
	d->filter = ((const struct ifaddrmsg *)r->body)->ifa_index;
}

/* at: index of the last interface that is all out; at2: addresses of the next one that are out. */
static bool addr_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct netif *nif;

	if (d->family != AF_INET && d->family != AF_UNSPEC)
		return true;
	for (; (nif = netif_next(d->at)); netif_put(nif)) {
		struct in_ifaddr *a;
		u32 n = 0;
		bool fits = true;

		spin_lock_bh(&net_config_lock);
		list_for_each(a, &nif->addrs, node) {
			struct addr_message m = { nif, a, RTM_NEWADDR };

			if (n++ < d->at2 || (d->filter && d->filter != nif->index))
				continue;
			fits = addr_put(o, &m);
			if (!fits)
				break;
			d->at2++;
		}
		spin_unlock_bh(&net_config_lock);
		if (!fits) {
			netif_put(nif);
			return false;
		}
		d->at = nif->index;
		d->at2 = 0;
	}
	return true;
}

static bool attr_address(const struct netlink_attrs *t, u32 type, be32 *a)
{
	return attr_u32(t, type, a);
}

static int addr_set(const struct netlink_request *r)
{
	const struct ifaddrmsg *i = r->body;
	struct ifa_cacheinfo cache = { .ifa_valid = ~0u, .ifa_prefered = ~0u };
	struct netlink_attrs t;
	struct in_ifaddr *a;
	struct netif *nif;
	char label[IFNAMSIZ];
	be32 local, broadcast = 0;
	bool labelled;
	int err = netlink_parse(r, sizeof(*i), &t);

	if (err)
		return err;
	if (i->ifa_family != AF_INET)
		return -EAFNOSUPPORT;
	if (!attr_address(&t, IFA_LOCAL, &local) && !attr_address(&t, IFA_ADDRESS, &local))
		return -EINVAL;
	attr_address(&t, IFA_BROADCAST, &broadcast);
	labelled = attr_string(&t, IFA_LABEL, label, sizeof(label));
	if (t.a[IFA_CACHEINFO] && attr_len(t.a[IFA_CACHEINFO]) >= sizeof(cache))
		memcpy(&cache, attr_data(t.a[IFA_CACHEINFO]), sizeof(cache));
	nif = netif_find_index(i->ifa_index);
	if (!nif)
		return -ENODEV;
	a = ifaddr_find(nif, local, i->ifa_prefixlen);
	if (a && r->h->nlmsg_flags & NLM_F_REPLACE)
		err = 0;
	else
		err = ifaddr_add(nif, local, i->ifa_prefixlen, broadcast, i->ifa_scope, labelled ? label : NULL);
	if (!err && (a = ifaddr_find(nif, local, i->ifa_prefixlen))) {
		a->valid_s = cache.ifa_valid;
		a->preferred_s = cache.ifa_prefered;
	}
	netif_put(nif);
	return err;
}

static int addr_del(const struct netlink_request *r)
{
	const struct ifaddrmsg *i = r->body;
	struct netlink_attrs t;
	struct in_ifaddr *a = NULL, *o;
	struct netif *nif;
	char label[IFNAMSIZ];
	be32 local = 0;
	int err = netlink_parse(r, sizeof(*i), &t);

	if (err)
		return err;
	if (i->ifa_family != AF_INET)
		return -EAFNOSUPPORT;
	if (!attr_address(&t, IFA_LOCAL, &local))
		attr_address(&t, IFA_ADDRESS, &local);
	nif = netif_find_index(i->ifa_index);
	if (!nif)
		return -ENODEV;
	list_for_each(o, &nif->addrs, node) {
		if ((local && o->local != local) || (i->ifa_prefixlen && local && o->prefix != i->ifa_prefixlen) ||
		    (attr_string(&t, IFA_LABEL, label, sizeof(label)) && strcmp(label, o->label)))
			continue;
		a = o;
		break;
	}
	err = a ? ifaddr_delete(nif, a) : -EADDRNOTAVAIL;
	netif_put(nif);
	return err;
}

const struct netlink_kind netlink_addrs = {
	.base = RTM_NEWADDR, .fixed = sizeof(struct ifaddrmsg),
	.set = addr_set, .del = addr_del, .dump_start = addr_dump_start, .dump = addr_dump,
};

void net_notify_addr(struct netif *nif, const struct in_ifaddr *a, bool gone)
{
	struct addr_message m = { nif, a, gone ? RTM_DELADDR : RTM_NEWADDR };

	netlink_announce(RTNLGRP_IPV4_IFADDR, addr_put, &m);
}
