/*
 * Routes and their look-up. Entries hash by prefix; a look-up tries the prefix lengths that exist, longest
 * first. Sockets keep what they found in a struct ip_route until route_generation moves, so this is off the
 * path of every packet. ip_output's callers look up; ifaddr.c, rtnetlink, the ioctls and ip= change.
 *
 * Lock key: [R] route_lock (bh kind); changes hold net_config_mutex besides. A route_lock holder takes no other lock.
 */
#include "base/errno.h"
#include "base/hash.h"
#include "base/string.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/neigh.h"
#include "net/route.h"

u32 route_generation = 1;

static struct spinlock route_lock = SPINLOCK_INIT("route");
static struct list_node all = LIST_INIT(all);	/* struct route.node [R] */
static struct route **table;			/* [R] */
static u32 table_bits, route_count;		/* [R] */
static u32 prefix_count[33];			/* entries of each length [R] */
static u32 hash_seed;

static u32 bucket_of(be32 masked, u32 prefix, u32 bits)
{
	return hash_u32(masked ^ hash_seed ^ prefix * 0x01000193u) >> (32 - bits);
}

void route_init(void)
{
	hash_seed = random_u32();
	table_bits = 4;
	table = kcalloc(1 << table_bits, sizeof(*table));
}

/* ---- changes -------------------------------------------------------------- */

static void route_free(struct route *r)
{
	if (r->netif)
		netif_put(r->netif);
	kfree(r);
}

/* Twice the buckets, made outside the lock. Without memory the chains grow instead. */
static void table_grow(void)
{
	u32 bits = table_bits + 1;
	struct route **bigger = kcalloc(1ul << bits, sizeof(*bigger)), **old;
	struct route *r;

	if (!bigger)
		return;
	spin_lock_bh(&route_lock);
	list_for_each(r, &all, node) {
		struct route **link = &bigger[bucket_of(r->destination, r->prefix, bits)];

		while (*link)		/* keeps the order of equal ones */
			link = &(*link)->next;
		r->next = NULL;
		*link = r;
	}
	old = table;
	table = bigger;
	table_bits = bits;
	spin_unlock_bh(&route_lock);
	kfree(old);
}

static bool key_equal(const struct route *a, const struct route *b)
{
	return a->destination == b->destination && a->prefix == b->prefix && a->metric == b->metric &&
		a->tos == b->tos && a->table == b->table;
}

/* Chain order: by metric, equal ones by age. [R] held. */
static void route_link(struct route *r)
{
	struct route **link = &table[bucket_of(r->destination, r->prefix, table_bits)], *o;

	while (*link && (!((*link)->destination == r->destination && (*link)->prefix == r->prefix) ||
			 (*link)->metric <= r->metric))
		link = &(*link)->next;
	r->next = *link;
	*link = r;
	list_for_each(o, &all, node)	/* shown in order of destination */
		if (be32_to_cpu(o->destination) > be32_to_cpu(r->destination) ||
		    (o->destination == r->destination && (o->prefix > r->prefix ||
							  (o->prefix == r->prefix && o->metric > r->metric))))
			break;
	list_insert(&r->node, o->node.prev, &o->node);
	prefix_count[r->prefix]++;
	route_count++;
}

static void route_unlink(struct route *r)
{
	struct route **link = &table[bucket_of(r->destination, r->prefix, table_bits)];

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	list_remove(&r->node);
	prefix_count[r->prefix]--;
	route_count--;
}

/* A gateway must be reachable on the link (or be declared to be). */
static int gateway_check(const struct route *r)
{
	struct in_ifaddr *a;
	int err = -ENETUNREACH;

	if (!r->gateway || r->flags & 4 /* RTNH_F_ONLINK */)
		return 0;
	if (ip_is_local(r->gateway) || ip_is_multicast(r->gateway))
		return -EINVAL;
	spin_lock_bh(&net_config_lock);
	list_for_each(a, &r->netif->addrs, node)
		if (!((a->local ^ r->gateway) & a->mask))
			err = 0;
	spin_unlock_bh(&net_config_lock);
	if (err) {			/* or behind a route of scope link */
		struct route *o;

		spin_lock_bh(&route_lock);
		list_for_each(o, &all, node)
			if (o->netif == r->netif && !o->gateway && o->prefix && o->type == RTYPE_UNICAST &&
			    !((o->destination ^ r->gateway) & prefix_mask(o->prefix)))
				err = 0;
		spin_unlock_bh(&route_lock);
	}
	return err;
}

int route_add(const struct route *want, u32 how)
{
	struct route *r, *o, *same = NULL;
	int err;

	if (want->prefix > 32 || want->destination & ~prefix_mask(want->prefix))
		return -EINVAL;
	if (want->netif && !(want->netif->flags & NETIF_UP) && want->type == RTYPE_UNICAST)
		return -ENETDOWN;
	err = gateway_check(want);
	if (err)
		return err;
	if (route_count >> 1 >= 1u << table_bits)
		table_grow();
	r = kmalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = *want;
	if (r->netif)
		ref_get(&r->netif->refs);

	spin_lock_bh(&route_lock);
	for (o = table[bucket_of(r->destination, r->prefix, table_bits)]; o && !same; o = o->next)
		if (key_equal(o, r))
			same = o;
	if (same && how & ROUTE_REPLACE) {
		route_unlink(same);
	} else if (same && !(how & ROUTE_APPEND)) {
		err = -EEXIST;
	} else if (!same && !(how & (ROUTE_CREATE | ROUTE_APPEND))) {
		err = -ENOENT;
	}
	if (!err)
		route_link(r);
	spin_unlock_bh(&route_lock);

	if (err) {
		route_free(r);
		return err;
	}
	route_cache_flush();
	if (same && how & ROUTE_REPLACE)
		route_free(same);
	net_notify_route(r, false);
	return 0;
}

static bool route_matches(const struct route *r, const struct route *m)
{
	return r->destination == m->destination && r->prefix == m->prefix &&
		(!m->netif || r->netif == m->netif) && (!m->gateway || r->gateway == m->gateway) &&
		(!m->source || r->source == m->source) && (!m->metric || r->metric == m->metric) &&
		(!m->type || r->type == m->type) && (!m->protocol || r->protocol == m->protocol) &&
		(!m->table || r->table == m->table) && r->tos == m->tos;
}

int route_delete(const struct route *match)
{
	struct route *r, *found = NULL;

	spin_lock_bh(&route_lock);
	list_for_each(r, &all, node)
		if (route_matches(r, match)) {
			found = r;
			route_unlink(r);
			break;
		}
	spin_unlock_bh(&route_lock);
	if (!found)
		return -ESRCH;
	route_cache_flush();
	net_notify_route(found, true);
	route_free(found);
	return 0;
}

void route_flush_netif(struct netif *nif, bool local_too)
{
	for (;;) {
		struct route *r, *found = NULL;

		spin_lock_bh(&route_lock);
		list_for_each(r, &all, node)
			if (r->netif == nif && (local_too || r->type != RTYPE_LOCAL)) {
				found = r;
				route_unlink(r);
				break;
			}
		spin_unlock_bh(&route_lock);
		if (!found)
			break;
		net_notify_route(found, true);
		route_free(found);
	}
	route_cache_flush();
}

void route_for_each(bool (*fn)(const struct route *r, void *arg), void *arg)
{
	struct route *r;

	spin_lock_bh(&route_lock);
	list_for_each(r, &all, node)
		if (!fn(r, arg))
			break;
	spin_unlock_bh(&route_lock);
}

/* ---- look-up -------------------------------------------------------------- */

static bool route_usable(const struct route *r, const struct netif *bound)
{
	if (bound && r->netif != bound && r->type != RTYPE_LOCAL)
		return false;
	return !r->netif || r->netif->flags & NETIF_UP;
}

/* The best entry: copied out, its interface referenced. A route over a link without carrier is the last choice. */
static bool table_find(be32 destination, const struct netif *bound, struct route *out)
{
	struct route *best = NULL;

	spin_lock_bh(&route_lock);
	for (s32 prefix = 32; prefix >= 0 && !best; prefix--) {
		be32 masked = destination & prefix_mask(prefix);

		if (!prefix_count[prefix])
			continue;
		for (struct route *r = table[bucket_of(masked, prefix, table_bits)]; r; r = r->next) {
			if (r->destination != masked || r->prefix != prefix || !route_usable(r, bound))
				continue;
			if (!best)
				best = r;
			if (!r->netif || r->netif->flags & NETIF_RUNNING) {
				best = r;
				break;
			}
		}
	}
	if (best) {
		*out = *best;
		if (out->netif)
			ref_get(&out->netif->refs);
	}
	spin_unlock_bh(&route_lock);
	return best;
}

/* The interface for a broadcast or group without a route: the bound one, that of the source, the default route's. */
static struct netif *link_choose(be32 source, struct netif *bound)
{
	struct netif *nif = bound;
	struct route r;

	if (nif) {
		ref_get(&nif->refs);
		return nif;
	}
	if (source && (nif = ifaddr_owner(source)) && !(nif->features & NETIF_F_LOOPBACK))
		return nif;
	if (nif)
		netif_put(nif);
	if (table_find(0, NULL, &r))
		return r.netif;
	for (u32 i = 0; (nif = netif_next(i)); netif_put(nif)) {
		i = nif->index;
		if ((nif->flags & (NETIF_UP | NETIF_RUNNING | NETIF_BROADCAST)) ==
		    (NETIF_UP | NETIF_RUNNING | NETIF_BROADCAST))
			return nif;
	}
	return NULL;
}

static int lookup_special(be32 destination, be32 source, struct netif *bound, struct ip_route *r)
{
	r->type = destination == IP_BROADCAST ? ROUTE_BROADCAST : ROUTE_MULTICAST;
	if (r->type == ROUTE_MULTICAST && !bound) {
		struct route found;	/* a route for the group goes before the guess */

		if (table_find(destination, NULL, &found))
			r->netif = found.netif;
	}
	if (!r->netif)
		r->netif = link_choose(source, bound);
	if (!r->netif)
		return -ENETUNREACH;
	r->source = source ? source : ifaddr_select(r->netif, 0);
	return 0;
}

static int lookup_table(be32 destination, be32 source, struct netif *bound, struct ip_route *r)
{
	struct route found;

	if (!table_find(destination, bound, &found)) {
		if (!bound)
			return -ENETUNREACH;
		/* Bound to an interface: what has no route is taken to be on its link. */
		r->netif = bound;
		ref_get(&bound->refs);
		r->source = source ? source : ifaddr_select(bound, destination);
		return 0;
	}
	r->netif = found.netif;
	switch (found.type) {
	case RTYPE_BLACKHOLE:
		return -EINVAL;
	case RTYPE_UNREACHABLE:
		return -EHOSTUNREACH;
	case RTYPE_PROHIBIT:
		return -EACCES;
	case RTYPE_BROADCAST:
		r->type = ROUTE_BROADCAST;
		break;
	case RTYPE_LOCAL:
		r->type = ROUTE_LOCAL;
		break;
	}
	if (found.gateway)
		r->next_hop = found.gateway;
	if (found.mtu)
		r->mtu = found.mtu;
	if (source)
		r->source = source;
	else if (found.source)
		r->source = found.source;
	else
		r->source = ifaddr_select(r->netif, r->next_hop);
	return 0;
}

int route_lookup(be32 destination, be32 source, struct netif *bound, struct ip_route *r)
{
	int err;

	*r = (struct ip_route){ .type = ROUTE_UNICAST, .generation = atomic_load_relaxed(&route_generation) };
	if (!destination)		/* "this host" (RFC 1122, 3.2.1.3) */
		destination = source ? source : htonl(0x7f000001);
	r->next_hop = destination;
	err = destination == IP_BROADCAST || ip_is_multicast(destination) ?
		lookup_special(destination, source, bound, r) : lookup_table(destination, source, bound, r);
	if (err)
		goto fail;
	err = -ENETUNREACH;
	if (r->type == ROUTE_LOCAL && r->netif != loopback_netif) {
		/* Talking to ourselves stays inside the machine. */
		netif_put(r->netif);
		r->netif = loopback_netif;
		ref_get(&loopback_netif->refs);
	}
	if (!(r->netif->flags & NETIF_UP))
		goto fail;
	if (!r->mtu || r->mtu > r->netif->mtu)
		r->mtu = r->netif->mtu;
	if (!(r->netif->features & NETIF_F_LOOPBACK)) {
		err = -ENOBUFS;
		r->neighbour = neigh_get(r->netif, r->next_hop);
		if (!r->neighbour)
			goto fail;
	}
	return 0;
fail:
	if (r->netif)
		netif_put(r->netif);
	r->netif = NULL;
	return err;
}

void route_release(struct ip_route *r)
{
	if (r->neighbour)
		neigh_put(r->neighbour);
	if (r->netif)
		netif_put(r->netif);
	r->neighbour = NULL;
	r->netif = NULL;
}
