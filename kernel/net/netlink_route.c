/*
 * rtnetlink's routes: `ip route`, and `ip route get` by way of the real look-up.
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/netlink.h"
#include "net/route.h"
#include "sched/cred.h"

struct route_message { const struct route *r; u16 type; const u32 *uid; /* NULL: not what a user asked for */ };

static bool route_put(struct netlink_out *o, const void *arg)
{
	const struct route_message *m = arg;
	const struct route *r = m->r;
	struct rtmsg *t = netlink_begin(o, m->type, sizeof(*t));

	if (!t)
		return false;
	t->rtm_family = AF_INET;
	t->rtm_dst_len = r->prefix;
	t->rtm_tos = r->tos;
	t->rtm_table = r->table;
	t->rtm_protocol = r->protocol;
	t->rtm_scope = r->scope;
	t->rtm_type = r->type;
	t->rtm_flags = r->flags;
	if (r->netif && !(r->netif->flags & NETIF_RUNNING))
		t->rtm_flags |= RTNH_F_LINKDOWN;
	netlink_attr_u32(o, RTA_TABLE, r->table);
	if (r->prefix)
		netlink_attr(o, RTA_DST, &r->destination, 4);
	if (r->gateway)
		netlink_attr(o, RTA_GATEWAY, &r->gateway, 4);
	if (r->source)
		netlink_attr(o, RTA_PREFSRC, &r->source, 4);
	if (r->metric)
		netlink_attr_u32(o, RTA_PRIORITY, r->metric);
	if (r->netif)
		netlink_attr_u32(o, RTA_OIF, r->netif->index);
	if (m->uid) {
		t->rtm_flags |= RTM_F_CLONED;		/* what a look-up gives, not a route of the table */
		netlink_attr_u32(o, RTA_UID, *m->uid);
	}
	if (r->mtu) {
		u32 mark = netlink_nest(o, RTA_METRICS);

		netlink_attr_u32(o, RTAX_MTU, r->mtu);
		netlink_nest_end(o, mark);
	}
	return netlink_end(o);
}

/* ---- dump ----------------------------------------------------------------- */

struct dump_walk { struct netlink_dump *d; struct netlink_out *o; u32 n; bool fits; };

static bool dump_one(const struct route *r, void *arg)
{
	struct dump_walk *w = arg;
	struct route_message m = { .r = r, .type = RTM_NEWROUTE };

	if (w->n++ < w->d->at)
		return true;
	if ((!w->d->table || w->d->table == r->table) &&
	    (!w->d->filter || (r->netif && r->netif->index == w->d->filter)))
		w->fits = route_put(w->o, &m);
	if (w->fits)
		w->d->at++;
	return w->fits;
}

static void route_dump_start(const struct netlink_request *r, struct netlink_dump *d)
{
	struct netlink_attrs t;

	d->table = ((const struct rtmsg *)r->body)->rtm_table;
	if (!netlink_parse(r, sizeof(struct rtmsg), &t)) {
		attr_u32(&t, RTA_TABLE, &d->table);
		attr_u32(&t, RTA_OIF, &d->filter);
	}
}

static bool route_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct dump_walk w = { d, o, 0, true };

	if (d->family == AF_INET || d->family == AF_UNSPEC)
		route_for_each(dump_one, &w);
	return w.fits;
}

/* ---- get ------------------------------------------------------------------ */

static int route_get(const struct netlink_request *q, struct netlink_out *o)
{
	struct netlink_attrs t;
	struct route_message m = { .type = RTM_NEWROUTE };
	struct netif *bound = NULL;
	struct ip_route found;
	struct route r;
	be32 destination = 0, source = 0;
	u32 index, uid = current()->cred->uid;
	int err = netlink_parse(q, sizeof(struct rtmsg), &t);

	if (err)
		return err;
	if (((const struct rtmsg *)q->body)->rtm_family != AF_INET)
		return -EAFNOSUPPORT;
	attr_u32(&t, RTA_DST, &destination);
	attr_u32(&t, RTA_SRC, &source);
	attr_u32(&t, RTA_UID, &uid);
	if (attr_u32(&t, RTA_OIF, &index) && !(bound = netif_find_index(index)))
		return -ENODEV;
	err = route_lookup(destination, source, bound, &found);
	if (bound)
		netif_put(bound);
	if (err)
		return err;
	r = (struct route){
		.destination = destination, .prefix = 32, .source = found.source, .netif = found.netif,
		.gateway = found.next_hop != destination ? found.next_hop : 0, .table = 254,
		.type = found.type == ROUTE_LOCAL ? RTYPE_LOCAL : found.type == ROUTE_BROADCAST ? RTYPE_BROADCAST :
			RTYPE_UNICAST,
	};
	if (found.type == ROUTE_LOCAL)
		r.table = 255;
	m.r = &r;
	m.uid = &uid;
	err = route_put(o, &m) ? 0 : -EMSGSIZE;
	route_release(&found);
	return err;
}

/* ---- changes -------------------------------------------------------------- */

static int metrics_parse(const struct nlattr *a, struct route *r)
{
	struct nlmsghdr h = { .nlmsg_len = sizeof(h) + attr_len(a) };
	struct netlink_request nested = { &h, attr_data(a), attr_len(a) };
	struct netlink_attrs t;
	int err = netlink_parse(&nested, 0, &t);

	if (!err)
		attr_u32(&t, RTAX_MTU, &r->mtu);
	return err;
}

/* The interface for a gateway that came without one: that whose network it lies in. */
static struct netif *gateway_netif(be32 gateway)
{
	struct ip_route found;
	struct netif *nif;

	if (!gateway || route_lookup(gateway, 0, NULL, &found))
		return NULL;
	nif = found.type == ROUTE_UNICAST ? found.netif : NULL;
	if (nif)
		ref_get(&nif->refs);
	route_release(&found);
	return nif;
}

/* A request as a route; r->netif is referenced. */
static int route_parse(const struct netlink_request *q, struct route *r)
{
	const struct rtmsg *m = q->body;
	struct netlink_attrs t;
	u32 index, table = m->rtm_table;
	int err = netlink_parse(q, sizeof(*m), &t);

	*r = (struct route){ .prefix = m->rtm_dst_len, .type = m->rtm_type, .scope = m->rtm_scope,
		.protocol = m->rtm_protocol, .tos = m->rtm_tos, .flags = m->rtm_flags & RTNH_F_ONLINK };
	if (err)
		return err;
	if (m->rtm_family != AF_INET)
		return -EAFNOSUPPORT;
	if (m->rtm_dst_len > 32 || m->rtm_src_len || t.a[RTA_MULTIPATH])
		return m->rtm_dst_len > 32 ? -EINVAL : -EOPNOTSUPP;
	attr_u32(&t, RTA_TABLE, &table);
	if (table != 0 && table != 254 && table != 255)
		return -EOPNOTSUPP;	/* one table; no rules to choose among more */
	r->table = table;
	attr_u32(&t, RTA_DST, &r->destination);
	attr_u32(&t, RTA_GATEWAY, &r->gateway);
	attr_u32(&t, RTA_PREFSRC, &r->source);
	attr_u32(&t, RTA_PRIORITY, &r->metric);
	if (t.a[RTA_METRICS] && (err = metrics_parse(t.a[RTA_METRICS], r)))
		return err;
	if (attr_u32(&t, RTA_OIF, &index) && !(r->netif = netif_find_index(index)))
		return -ENODEV;
	return 0;
}

static int route_set(const struct netlink_request *q)
{
	u16 flags = q->h->nlmsg_flags;
	struct route r;
	int err = route_parse(q, &r);

	if (err)
		goto out;
	if (!r.table)
		r.table = 254;
	if (!r.type)
		r.type = RTYPE_UNICAST;
	if (r.type == RTYPE_UNICAST || r.type == RTYPE_LOCAL || r.type == RTYPE_BROADCAST) {
		if (!r.netif)
			r.netif = gateway_netif(r.gateway);
		err = r.gateway ? -ENETUNREACH : -ENODEV;
		if (!r.netif)
			goto out;
	} else if (r.type < RTYPE_BLACKHOLE || r.type > RTYPE_PROHIBIT) {
		err = -EINVAL;
		goto out;
	}
	err = -EINVAL;
	if (r.source && !ip_is_local(r.source))
		goto out;
	err = route_add(&r, (flags & NLM_F_CREATE ? ROUTE_CREATE : 0) | (flags & NLM_F_REPLACE ? ROUTE_REPLACE : 0) |
			(flags & NLM_F_APPEND ? ROUTE_APPEND : 0));
out:
	if (r.netif)
		netif_put(r.netif);
	return err;
}

static int route_del(const struct netlink_request *q)
{
	struct route r;
	int err = route_parse(q, &r);

	if (!err)
		err = route_delete(&r);
	if (r.netif)
		netif_put(r.netif);
	return err;
}

const struct netlink_kind netlink_routes = {
	.base = RTM_NEWROUTE, .fixed = sizeof(struct rtmsg),
	.set = route_set, .del = route_del, .get = route_get, .dump_start = route_dump_start, .dump = route_dump,
};

void net_notify_route(const struct route *r, bool gone)
{
	struct route_message m = { .r = r, .type = gone ? RTM_DELROUTE : RTM_NEWROUTE };

	netlink_announce(RTNLGRP_IPV4_ROUTE, route_put, &m);
}
