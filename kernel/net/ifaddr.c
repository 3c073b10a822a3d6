/*
 * IPv4 addresses of interfaces, and the routes that follow from them: local, connected and broadcast. rtnetlink, the
 * ioctls and ip= add and delete; ip_input asks whether an address is ours. It calls route.c and announces by arp.c.
 *
 * Lock key: [C] net_config_lock; changes hold net_config_mutex besides (net/net.h).
 */
#include "base/errno.h"
#include "base/hash.h"
#include "base/string.h"
#include "mm/slab.h"
#include "net/neigh.h"
#include "net/route.h"

#define HASH_BITS 6

static struct in_ifaddr *local_table[1 << HASH_BITS];	/* [C] */

static struct in_ifaddr **bucket(be32 a)
{
	return &local_table[hash_u32(a) >> (32 - HASH_BITS)];
}

be32 prefix_mask(u32 prefix)
{
	return prefix ? cpu_to_be32(~0u << (32 - prefix)) : 0;
}

int mask_prefix(be32 mask)
{
	u32 m = be32_to_cpu(mask), prefix = m ? __builtin_clz(~m | !~m) : 0;

	if (m == ~0u)
		return 32;
	return prefix_mask(prefix) == mask ? (int)prefix : -1;
}

/* ---- questions ------------------------------------------------------------ */

bool ip_is_local(be32 a)
{
	bool found = ip_is_loopback(a);

	spin_lock_bh(&net_config_lock);
	for (const struct in_ifaddr *i = *bucket(a); i && !found; i = i->hash_next)
		found = i->local == a;
	spin_unlock_bh(&net_config_lock);
	return found;
}

struct netif *ifaddr_owner(be32 a)
{
	struct netif *nif = NULL;

	spin_lock_bh(&net_config_lock);
	for (const struct in_ifaddr *i = *bucket(a); i && !nif; i = i->hash_next)
		if (i->local == a)
			nif = i->netif;
	if (!nif && ip_is_loopback(a))
		nif = loopback_netif;
	if (nif)
		ref_get(&nif->refs);
	spin_unlock_bh(&net_config_lock);
	return nif;
}

bool ifaddr_is_broadcast(struct netif *nif, be32 a)
{
	struct in_ifaddr *i;
	bool found = false;

	if (nif->broadcast && nif->broadcast == a)
		return true;
	spin_lock_bh(&net_config_lock);
	list_for_each(i, &nif->addrs, node)
		found |= i->broadcast && i->broadcast == a;
	spin_unlock_bh(&net_config_lock);
	return found;
}

/* Of one interface. [C] held. */
static be32 select_on(struct netif *nif, be32 next_hop)
{
	struct in_ifaddr *i;

	list_for_each(i, &nif->addrs, node)
		if (next_hop && !((i->local ^ next_hop) & i->mask))
			return i->local;
	return nif->addr;
}

be32 ifaddr_select(struct netif *nif, be32 next_hop)
{
	struct netif *other;
	be32 a;

	spin_lock_bh(&net_config_lock);
	a = select_on(nif, next_hop);
	list_for_each(other, &netif_list, node)
		if (!a && !(other->features & NETIF_F_LOOPBACK) && other->flags & NETIF_UP)
			a = other->addr;
	spin_unlock_bh(&net_config_lock);
	return a;
}

struct in_ifaddr *ifaddr_find(struct netif *nif, be32 local, int prefix)
{
	struct in_ifaddr *i;

	list_for_each(i, &nif->addrs, node)
		if (i->local == local && (prefix < 0 || i->prefix == prefix))
			return i;
	return NULL;
}

/* ---- the routes of an address --------------------------------------------- */

static struct route route_of(const struct in_ifaddr *i, be32 destination, u8 prefix, u8 type, u8 scope, u8 table)
{
	return (struct route){
		.destination = destination, .prefix = prefix, .type = type, .scope = scope, .table = table,
		.netif = i->netif, .source = i->local, .protocol = RPROTO_KERNEL,
	};
}

/* Packets to the address itself come to us whether the link is up or not. */
static void local_routes(const struct in_ifaddr *i, bool add)
{
	struct route r = route_of(i, i->local, 32, RTYPE_LOCAL, RSCOPE_HOST, 255);

	if (add)
		route_add(&r, ROUTE_CREATE);
	else
		route_delete(&r);
	if (!ip_is_loopback(i->local) || i->prefix >= 32)
		return;
	r.destination = i->local & i->mask;
	r.prefix = i->prefix;
	if (add)
		route_add(&r, ROUTE_CREATE);
	else
		route_delete(&r);
}

static void link_routes(const struct in_ifaddr *i, bool add)
{
	struct route connected = route_of(i, i->local & i->mask, i->prefix, RTYPE_UNICAST, RSCOPE_LINK, 254);
	struct route all = route_of(i, i->broadcast, 32, RTYPE_BROADCAST, RSCOPE_LINK, 255);

	if (i->prefix < 32 && !(i->netif->features & NETIF_F_LOOPBACK)) {
		if (add)
			route_add(&connected, ROUTE_CREATE);
		else
			route_delete(&connected);
	}
	if (i->broadcast) {
		if (add)
			route_add(&all, ROUTE_CREATE);
		else
			route_delete(&all);
	}
}

void ifaddr_link_up(struct netif *nif)
{
	struct in_ifaddr *i;

	list_for_each(i, &nif->addrs, node)
		link_routes(i, true);
}

void ifaddr_announce(struct netif *nif)
{
	struct in_ifaddr *i;

	if ((nif->flags & (NETIF_UP | NETIF_RUNNING | NETIF_NOARP)) != (NETIF_UP | NETIF_RUNNING))
		return;
	list_for_each(i, &nif->addrs, node)
		arp_announce(nif, i->local);
}

/* ---- changes -------------------------------------------------------------- */

/* The first address is the primary one, kept in the interface for the fast path. [C] held. */
static void primary_set(struct netif *nif)
{
	const struct in_ifaddr *i = list_empty(&nif->addrs) ? NULL : list_first(&nif->addrs, struct in_ifaddr, node);

	WRITE_ONCE(nif->addr, i ? i->local : 0);
	nif->mask = i ? i->mask : 0;
	nif->broadcast = i ? i->broadcast : 0;
}

/* The address that another shares its subnet with, if that came before it. */
static struct in_ifaddr *primary_of(struct netif *nif, const struct in_ifaddr *a)
{
	struct in_ifaddr *i;

	list_for_each(i, &nif->addrs, node)
		if (i != a && i->mask == a->mask && !((i->local ^ a->local) & a->mask) && !(i->flags & IFADDR_SECONDARY))
			return i;
	return NULL;
}

int ifaddr_add(struct netif *nif, be32 local, u8 prefix, be32 broadcast, u8 scope, const char *label)
{
	struct in_ifaddr *i, **head = bucket(local);

	if (prefix > 32 || !local || ip_is_multicast(local) || local == IP_BROADCAST)
		return -EINVAL;
	if (ifaddr_find(nif, local, -1))
		return -EEXIST;
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	i->local = local;
	i->prefix = prefix;
	i->mask = prefix_mask(prefix);
	i->broadcast = broadcast;
	i->scope = scope;
	i->netif = nif;
	i->valid_s = i->preferred_s = ~0u;
	strlcpy(i->label, label ? label : nif->name, sizeof(i->label));
	if (primary_of(nif, i))
		i->flags |= IFADDR_SECONDARY;

	spin_lock_bh(&net_config_lock);
	list_push_back(&nif->addrs, &i->node);
	i->hash_next = *head;
	*head = i;
	primary_set(nif);
	spin_unlock_bh(&net_config_lock);

	local_routes(i, true);
	if (nif->flags & NETIF_UP)
		link_routes(i, true);
	route_cache_flush();
	net_notify_addr(nif, i, false);
	if ((nif->flags & (NETIF_UP | NETIF_RUNNING | NETIF_NOARP)) == (NETIF_UP | NETIF_RUNNING))
		arp_announce(nif, local);
	return 0;
}

/* Routes that prefer a source that is gone. */
struct source_search { be32 source; struct route found; bool hit; };

static bool source_match(const struct route *r, void *arg)
{
	struct source_search *s = arg;

	if (r->source != s->source)
		return true;
	s->found = *r;
	s->hit = true;
	return false;
}

static void routes_drop_source(be32 source)
{
	for (;;) {
		struct source_search s = { .source = source };

		route_for_each(source_match, &s);
		if (!s.hit || route_delete(&s.found))
			return;
	}
}

static void address_unlink(struct netif *nif, struct in_ifaddr *i)
{
	struct in_ifaddr **link = bucket(i->local);

	spin_lock_bh(&net_config_lock);
	list_remove(&i->node);
	while (*link != i)
		link = &(*link)->hash_next;
	*link = i->hash_next;
	primary_set(nif);
	spin_unlock_bh(&net_config_lock);

	local_routes(i, false);
	link_routes(i, false);
	if (!ip_is_local(i->local))
		routes_drop_source(i->local);
	if (list_empty(&nif->addrs))
		route_flush_netif(nif, true);
	else if (nif->flags & NETIF_UP)
		ifaddr_link_up(nif);		/* another address may have shared the subnet's route */
	route_cache_flush();
	net_notify_addr(nif, i, true);
	kfree(i);
}

int ifaddr_delete(struct netif *nif, struct in_ifaddr *i)
{
	bool primary = !(i->flags & IFADDR_SECONDARY);
	be32 subnet = i->local & i->mask, mask = i->mask;
	struct in_ifaddr *o, *tmp;

	address_unlink(nif, i);
	if (!primary)
		return 0;
	/* With a primary address its secondary ones go, as on Linux. */
	list_for_each_safe(o, tmp, &nif->addrs, node)
		if (o->flags & IFADDR_SECONDARY && o->mask == mask && (o->local & mask) == subnet)
			address_unlink(nif, o);
	return 0;
}

void ifaddr_delete_all(struct netif *nif)
{
	while (!list_empty(&nif->addrs))
		ifaddr_delete(nif, list_first(&nif->addrs, struct in_ifaddr, node));
}
