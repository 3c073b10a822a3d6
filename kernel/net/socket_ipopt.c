/*
 * The options of level IP of IPv4 sockets, multicast membership among them (ip(7)). Called by the options of UDP, raw
 * and ping sockets.
 */
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "net/inet.h"
#include "net/net.h"
#include "net/socket_file.h"

/* ---- groups --------------------------------------------------------------- */

/* The interface an ip_mreq(n) means: by index, by one of its addresses, or by the route to the group. */
static struct netif *group_netif(const struct ip_mreqn *r)
{
	struct ip_route route;
	struct netif *nif;

	if (r->imr_ifindex)
		return netif_find_index(r->imr_ifindex);
	if (r->imr_address.s_addr)
		return ifaddr_owner(r->imr_address.s_addr);
	if (route_lookup(r->imr_multiaddr.s_addr, 0, NULL, &route))
		return NULL;
	nif = route.netif;
	ref_get(&nif->refs);
	route_release(&route);
	return nif;
}

static int group_parse(const u8 *value, u32 len, struct ip_mreqn *r)
{
	*r = (struct ip_mreqn){ 0 };
	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	memcpy(r, value, MIN(len, (u32)sizeof(*r)));
	return 0;
}

static int group_join(struct inet_socket *i, const u8 *value, u32 len)
{
	struct multicast_member *m, *o;
	struct ip_mreqn r;
	int err = group_parse(value, len, &r);

	if (err)
		return err;
	if (!ip_is_multicast(r.imr_multiaddr.s_addr))
		return -EINVAL;
	m = kmalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	err = -ENODEV;
	m->group = r.imr_multiaddr.s_addr;
	m->netif = group_netif(&r);
	if (!m->netif)
		goto free;
	err = -EADDRINUSE;
	for (o = i->members; o; o = o->next)
		if (o->group == m->group && o->netif == m->netif)
			goto put;
	err = multicast_join(m->netif, m->group);
	if (err)
		goto put;
	spin_lock_bh(&i->s.lock);
	m->next = i->members;
	i->members = m;
	spin_unlock_bh(&i->s.lock);
	return 0;
put:
	netif_put(m->netif);
free:
	kfree(m);
	return err;
}

static int group_leave(struct inet_socket *i, const u8 *value, u32 len)
{
	struct multicast_member **link, *m = NULL;
	struct ip_mreqn r;
	struct netif *nif;
	int err = group_parse(value, len, &r);

	if (err)
		return err;
	nif = r.imr_ifindex || r.imr_address.s_addr ? group_netif(&r) : NULL;
	spin_lock_bh(&i->s.lock);
	for (link = &i->members; *link; link = &(*link)->next)
		if ((*link)->group == r.imr_multiaddr.s_addr && (!nif || (*link)->netif == nif)) {
			m = *link;
			*link = m->next;
			break;
		}
	spin_unlock_bh(&i->s.lock);
	if (nif)
		netif_put(nif);
	if (!m)
		return -EADDRNOTAVAIL;
	multicast_leave(m->netif, m->group);
	netif_put(m->netif);
	kfree(m);
	return 0;
}

bool inet_takes_group(const struct inet_socket *i, be32 group, const struct netif *nif)
{
	if (i->mc_all)
		return true;
	for (const struct multicast_member *m = i->members; m; m = m->next)
		if (m->group == group && m->netif == nif)
			return true;
	return false;
}

static int multicast_if_set(struct inet_socket *i, const u8 *value, u32 len)
{
	struct ip_mreqn r = { 0 };
	struct netif *nif;

	if (len >= sizeof(r))
		memcpy(&r, value, sizeof(r));
	else if (len >= sizeof(struct ip_mreq))
		memcpy(&r, value, sizeof(struct ip_mreq));
	else if (len >= sizeof(struct in_addr))
		memcpy(&r.imr_address, value, sizeof(struct in_addr));
	else
		return -EINVAL;
	if (!r.imr_ifindex && !r.imr_address.s_addr) {
		i->mc_ifindex = 0;
		i->mc_source = 0;
		return 0;
	}
	nif = r.imr_ifindex ? netif_find_index(r.imr_ifindex) : ifaddr_owner(r.imr_address.s_addr);
	if (!nif)
		return -EADDRNOTAVAIL;
	i->mc_ifindex = nif->index;
	i->mc_source = r.imr_address.s_addr;
	netif_put(nif);
	return 0;
}

/* ---- the plain ones ------------------------------------------------------- */

/* These options come as an int or as a single byte. */
static int value_get(const u8 *value, u32 len, s32 *v)
{
	if (len >= sizeof(*v))
		memcpy(v, value, sizeof(*v));
	else if (len)
		*v = value[0];
	else
		return -EINVAL;
	return 0;
}

static int option_set_int(struct inet_socket *i, int name, s32 v)
{
	switch (name) {
	case IP_TOS:
		/* The two bits of ECN are TCP's own. */
		i->tos = i->s.type == SOCK_STREAM ? (v & ~3) | (i->tos & 3) : v;
		return 0;
	case IP_TTL:
		if (v != -1 && (v < 1 || v > 255))
			return -EINVAL;
		i->ttl = v == -1 ? 0 : v;
		return 0;
	case IP_MULTICAST_TTL:
		if (v < -1 || v > 255)
			return -EINVAL;
		i->mc_ttl = v == -1 ? 1 : v;
		return 0;
	case IP_MULTICAST_LOOP:
		i->mc_loop = v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT)
			return -EINVAL;
		i->pmtu_discover = v;
		return 0;
	case IP_HDRINCL:
		if (i->s.type != SOCK_RAW)
			return -ENOPROTOOPT;
		i->header_included = v;
		return 0;
	case IP_RECVERR:
		i->recverr = v;
		if (!v)
			inet_errors_purge(i);
		return 0;
	case IP_PKTINFO:
		i->recv_pktinfo = v;
		return 0;
	case IP_RECVTTL:
		i->recv_ttl = v;
		return 0;
	case IP_RECVTOS:
		i->recv_tos = v;
		return 0;
	case IP_FREEBIND:
		i->freebind = v;
		return 0;
	case IP_MULTICAST_ALL:
		if (v != 0 && v != 1)
			return -EINVAL;
		i->mc_all = v;
		return 0;
	case IP_BIND_ADDRESS_NO_PORT:
	case IP_RETOPTS:
	case IP_RECVOPTS:
		return 0;		/* what they would turn on never happens here */
	}
	return -ENOPROTOOPT;
}

int inet_setsockopt(struct inet_socket *i, int level, int name, const u8 *value, u32 len)
{
	s32 v;
	int err;

	if (level != SOL_IP)
		return -ENOPROTOOPT;
	switch (name) {
	case IP_ADD_MEMBERSHIP:
		return group_join(i, value, len);
	case IP_DROP_MEMBERSHIP:
		return group_leave(i, value, len);
	case IP_MULTICAST_IF:
		return multicast_if_set(i, value, len);
	case IP_OPTIONS:
		return len ? -EPERM : 0;
	}
	err = value_get(value, len, &v);
	if (err)
		return err;
	spin_lock_bh(&i->s.lock);
	err = option_set_int(i, name, v);
	spin_unlock_bh(&i->s.lock);
	return err;
}

static int option_get_int(struct inet_socket *i, int name, s32 *v)
{
	switch (name) {
	case IP_TOS:		*v = i->tos; return 0;
	case IP_TTL:		*v = i->ttl ? i->ttl : 64; return 0;
	case IP_MULTICAST_TTL:	*v = i->mc_ttl; return 0;
	case IP_MULTICAST_LOOP:	*v = i->mc_loop; return 0;
	case IP_MTU_DISCOVER:	*v = i->pmtu_discover; return 0;
	case IP_HDRINCL:	*v = i->header_included; return 0;
	case IP_RECVERR:	*v = i->recverr; return 0;
	case IP_PKTINFO:	*v = i->recv_pktinfo; return 0;
	case IP_RECVTTL:	*v = i->recv_ttl; return 0;
	case IP_RECVTOS:	*v = i->recv_tos; return 0;
	case IP_FREEBIND:	*v = i->freebind; return 0;
	case IP_MULTICAST_ALL:	*v = i->mc_all; return 0;
	case IP_MTU:
		if (!i->remote || !i->route.netif)
			return -ENOTCONN;
		*v = ip_path_mtu(&i->route, i->remote);
		return 0;
	}
	return -ENOPROTOOPT;
}

int inet_getsockopt(struct inet_socket *i, int level, int name, u8 *value, u32 *len)
{
	s32 v;
	int err;

	if (level != SOL_IP)
		return -ENOPROTOOPT;
	if (name == IP_OPTIONS) {
		*len = 0;
		return 0;
	}
	if (name == IP_MULTICAST_IF) {
		*len = MIN(*len, 4u);
		memcpy(value, &i->mc_source, *len);
		return 0;
	}
	err = option_get_int(i, name, &v);
	if (err)
		return err;
	if (*len < sizeof(v) && *len > 0 && v >= 0 && v <= 255) {
		value[0] = v;
		*len = 1;
		return 0;
	}
	*len = MIN(*len, (u32)sizeof(v));
	memcpy(value, &v, *len);
	return 0;
}
