/*
 * rtnetlink's neighbours: `ip neigh`.
 */
#include "base/errno.h"
#include "base/string.h"
#include "core/clock.h"
#include "net/neigh.h"
#include "net/netlink.h"

struct neigh_message { const struct neighbour *n; u16 type; };

static u32 age_ticks(u64 then)
{
	return then ? (clock_ns() - then) / (NSEC_PER_SEC / 100) : 0;	/* USER_HZ */
}

static bool neigh_put_message(struct netlink_out *o, const void *arg)
{
	const struct neigh_message *m = arg;
	const struct neighbour *n = m->n;
	struct ndmsg *d = netlink_begin(o, m->type, sizeof(*d));
	struct nda_cacheinfo cache = { age_ticks(n->confirmed), age_ticks(n->used), age_ticks(n->updated), n->refs };

	if (!d)
		return false;
	d->ndm_family = AF_INET;
	d->ndm_ifindex = n->netif->index;
	d->ndm_state = n->state;
	d->ndm_type = RTN_UNICAST;
	netlink_attr(o, NDA_DST, &n->address, 4);
	if (n->state & NEIGH_VALID)
		netlink_attr(o, NDA_LLADDR, n->mac, ETH_ALEN);
	netlink_attr(o, NDA_CACHEINFO, &cache, sizeof(cache));
	netlink_attr_u32(o, NDA_PROBES, n->probes);
	return netlink_end(o);
}

struct dump_walk { struct netlink_dump *d; struct netlink_out *o; u32 n; bool fits; };

static bool dump_one(struct neighbour *n, void *arg)
{
	struct dump_walk *w = arg;
	struct neigh_message m = { n, RTM_NEWNEIGH };

	if (w->n++ < w->d->at)
		return true;
	/* Broadcast and groups are entries of ours, of no interest to others. */
	if (n->state && n->state != NEIGH_NOARP && (!w->d->filter || w->d->filter == n->netif->index))
		w->fits = neigh_put_message(w->o, &m);
	if (w->fits)
		w->d->at++;
	return w->fits;
}

static void neigh_dump_start(const struct netlink_request *r, struct netlink_dump *d)
{
	struct netlink_attrs t;

	d->filter = ((const struct ndmsg *)r->body)->ndm_ifindex;
	if (!netlink_parse(r, sizeof(struct ndmsg), &t))
		attr_u32(&t, NDA_IFINDEX, &d->filter);
}

static bool neigh_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct dump_walk w = { d, o, 0, true };

	if (d->family == AF_INET || d->family == AF_UNSPEC)
		neigh_for_each(dump_one, &w);
	return w.fits;
}

/* The interface (referenced) and address that a request names. */
static int neigh_parse(const struct netlink_request *r, struct netlink_attrs *t, struct netif **nif, be32 *address)
{
	const struct ndmsg *d = r->body;
	int err = netlink_parse(r, sizeof(*d), t);

	if (err)
		return err;
	if (d->ndm_family != AF_INET)
		return -EAFNOSUPPORT;
	if (!attr_u32(t, NDA_DST, address))
		return -EINVAL;
	*nif = netif_find_index(d->ndm_ifindex);
	return *nif ? 0 : -ENODEV;
}

static int neigh_set_request(const struct netlink_request *r)
{
	const struct ndmsg *d = r->body;
	const struct nlattr *mac;
	struct netlink_attrs t;
	struct neighbour *n;
	struct netif *nif;
	be32 address;
	u8 state = d->ndm_state ? d->ndm_state : NEIGH_PERMANENT;
	int err = neigh_parse(r, &t, &nif, &address);

	if (err)
		return err;
	mac = t.a[NDA_LLADDR];
	err = -EINVAL;
	if ((mac && attr_len(mac) < ETH_ALEN) || (!mac && state & NEIGH_VALID) || nif->flags & NETIF_NOARP)
		goto out;
	n = neigh_find(nif, address);
	err = -EEXIST;
	if (n && r->h->nlmsg_flags & NLM_F_EXCL)
		goto put;
	err = -ENOENT;
	if (!n && !(r->h->nlmsg_flags & NLM_F_CREATE))
		goto out;
	if (!n)
		n = neigh_get(nif, address);
	err = -ENOBUFS;
	if (!n)
		goto out;
	neigh_set(n, mac ? attr_data(mac) : NULL, state);
	err = 0;
put:
	neigh_put(n);
out:
	netif_put(nif);
	return err;
}

static int neigh_del(const struct netlink_request *r)
{
	struct netlink_attrs t;
	struct neighbour *n;
	struct netif *nif;
	be32 address;
	int err = neigh_parse(r, &t, &nif, &address);

	if (err)
		return err;
	n = neigh_find(nif, address);
	if (n) {
		neigh_delete(n);
		neigh_put(n);
	}
	netif_put(nif);
	return n ? 0 : -ENOENT;
}

const struct netlink_kind netlink_neighs = {
	.base = RTM_NEWNEIGH, .fixed = sizeof(struct ndmsg),
	.set = neigh_set_request, .del = neigh_del, .dump_start = neigh_dump_start, .dump = neigh_dump,
};

void net_notify_neigh(const struct neighbour *n, bool gone)
{
	struct neigh_message m = { n, gone ? RTM_DELNEIGH : RTM_NEWNEIGH };

	netlink_announce(RTNLGRP_NEIGH, neigh_put_message, &m);
}
