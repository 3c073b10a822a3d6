/*
 * Raw IPv4 sockets (raw(7)) and ping sockets (icmp(7), SOCK_DGRAM with IPPROTO_ICMP). ip.c and icmp.c offer them what
 * came in; what they get is a copy with the IP header in front, and a ping socket's without.
 *
 * Lock keys: [R] raw_lock, bh kind, before the sockets' own.
 */
#include <linux/capability.h>
#include "arch/arm64/ucopy.h"
#include "base/cksum.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/icmp.h"
#include "net/inet.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "net/socket_file.h"
#include "net/socket_raw.h"
#include "sched/cred.h"
#define ICMP_FILTER	1	/* <linux/icmp.h> names what net/icmp.h does */

u32 raw_socket_count;
static struct spinlock raw_lock = SPINLOCK_INIT("raw.sockets");
static struct list_node raw_sockets = LIST_INIT(raw_sockets);	/* SOCK_RAW [R] */
static struct list_node ping_sockets = LIST_INIT(ping_sockets);	/* SOCK_DGRAM, by local_port = the identifier [R] */

static struct raw_socket *raw_of(struct socket *s)
{
	return (struct raw_socket *)s;
}

void raw_for_each(void (*fn)(struct raw_socket *r, void *arg), void *arg)
{
	struct raw_socket *r;

	spin_lock_bh(&raw_lock);
	list_for_each(r, &raw_sockets, node)
		fn(r, arg);
	spin_unlock_bh(&raw_lock);
}

/* ---- input ---------------------------------------------------------------- */

static bool raw_matches(const struct raw_socket *r, const struct pkt *p, const struct ip_header *ip)
{
	const struct inet_socket *i = &r->i;

	return i->s.protocol == ip->protocol && (!i->remote || i->remote == ip->source) &&
		(!i->local || i->local == ip->destination) &&
		(!i->s.bound_ifindex || i->s.bound_ifindex == p->netif->index) &&
		(!ip_is_multicast(ip->destination) || inet_takes_group(i, ip->destination, p->netif));
}

/* Queue a copy; header: with the IP header in front. [R] held. */
static bool copy_queue(struct raw_socket *r, const struct pkt *p, bool header)
{
	struct pkt *copy;
	bool taken;

	if (inet_rx_full(&r->i)) {
		inet_rx_dropped(&r->i);
		return false;
	}
	copy = pkt_copy(p, 0);
	if (!copy)
		return false;
	if (header) {
		copy->data -= p->data - (p->buf + p->net_offset);
		copy->len += p->data - (p->buf + p->net_offset);
	}
	copy->netif = p->netif;
	pkt_note_ifindex(copy);
	spin_lock(&r->i.s.lock);
	taken = (!r->i.s.filter || socket_filter_run(r->i.s.filter, copy)) && inet_rx_queue(&r->i, copy);
	spin_unlock(&r->i.s.lock);
	if (!taken)
		pkt_free(copy);
	return taken;
}

bool raw_input(const struct pkt *p, const struct ip_header *ip)
{
	struct raw_socket *r;
	bool taken = false;

	spin_lock_bh(&raw_lock);
	list_for_each(r, &raw_sockets, node) {
		if (!raw_matches(r, p, ip))
			continue;
		/* ICMP_FILTER: a bit a type that is not wanted. */
		if (ip->protocol == IPPROTO_ICMP && pkt_linear(p) && p->data[0] < 32 &&
		    r->icmp_filter >> p->data[0] & 1)
			continue;
		taken |= copy_queue(r, p, true);
	}
	spin_unlock_bh(&raw_lock);
	return taken;
}

void raw_error(const struct ip_error *e)
{
	struct raw_socket *r;

	spin_lock_bh(&raw_lock);
	list_for_each(r, &raw_sockets, node)
		if (r->i.s.protocol == e->inner->protocol && (!r->i.remote || r->i.remote == e->inner->destination))
			inet_error_arrived(&r->i, e, 0, 0);
	spin_unlock_bh(&raw_lock);
}

void ping_error(const struct ip_error *e)
{
	const struct icmp_header *h = (const struct icmp_header *)e->payload;
	struct raw_socket *r;

	if (e->len < sizeof(*h) || h->type != ICMP_ECHO)
		return;
	spin_lock_bh(&raw_lock);
	list_for_each(r, &ping_sockets, node)
		if (r->i.local_port == h->id && (!r->i.remote || r->i.remote == e->inner->destination))
			inet_error_arrived(&r->i, e, 0, 0);
	spin_unlock_bh(&raw_lock);
}

bool ping_input(struct pkt *p, const struct ip_header *ip)
{
	const struct icmp_header *h = (const struct icmp_header *)p->data;
	struct raw_socket *r;
	bool taken = false;

	if (likely(list_empty(&ping_sockets)))
		return false;
	spin_lock_bh(&raw_lock);
	list_for_each(r, &ping_sockets, node)
		if (r->i.local_port == h->id && (!r->i.remote || r->i.remote == ip->source))
			taken |= copy_queue(r, p, false);
	spin_unlock_bh(&raw_lock);
	return taken;
}

/* ---- bind, connect -------------------------------------------------------- */

/* A free identifier for a ping socket, or the one asked for. */
static int ping_bind(struct raw_socket *r, be16 id)
{
	struct raw_socket *o;
	u32 tries = id ? 1 : 65535;
	bool free = false;

	spin_lock_bh(&raw_lock);
	for (u16 next = random_u32(); tries && !free; tries--, next++) {
		be16 want = id ? id : cpu_to_be16(next);

		free = want;
		list_for_each(o, &ping_sockets, node)
			free &= o == r || o->i.local_port != want;
		if (free)
			r->i.local_port = want;
	}
	if (free && list_empty(&r->node))
		list_push_back(&ping_sockets, &r->node);
	spin_unlock_bh(&raw_lock);
	return free ? 0 : -EADDRINUSE;
}

static int raw_bind(struct socket *s, const u8 *addr, u32 len)
{
	struct raw_socket *r = raw_of(s);
	be32 local;
	be16 port;
	int err = inet_addr_parse(addr, len, &local, &port);

	if (err)
		return err;
	if (!r->i.freebind && !inet_bind_allowed(local))
		return -EADDRNOTAVAIL;
	if (s->type == SOCK_DGRAM) {
		err = ping_bind(r, port);
		if (err)
			return err;
	}
	r->i.local = local;
	return 0;
}

static int raw_connect(struct socket *s, const u8 *addr, u32 len, bool nonblock)
{
	struct raw_socket *r = raw_of(s);
	be32 remote;
	be16 port;
	int err;

	if (len >= 2 && !addr[0] && !addr[1]) {
		r->i.remote = 0;
		return 0;
	}
	err = inet_addr_parse(addr, len, &remote, &port);
	if (err)
		return err;
	spin_lock_bh(&s->lock);
	err = inet_route(&r->i, remote, r->i.local, r->i.s.bound_ifindex);
	if (!err && r->i.route.type == ROUTE_BROADCAST && !s->broadcast)
		err = -EACCES;
	if (!err) {
		r->i.remote = remote;
		if (!r->i.local)
			r->i.local = r->i.route.source;
		r->i.route_source = r->i.local;
	}
	spin_unlock_bh(&s->lock);
	return err;
}

/* ---- sending -------------------------------------------------------------- */

/* IP_HDRINCL: the program's header goes out as it is, but for what raw(7) says the kernel fills in. */
static int header_included_send(struct raw_socket *r, struct pkt *p)
{
	struct ip_header *ip = (struct ip_header *)p->data;
	u32 hl;

	if (pkt_linear(p) < sizeof(*ip) || (hl = ip_header_len(ip)) < sizeof(*ip) || hl > pkt_linear(p)) {
		pkt_free(p);
		return -EINVAL;
	}
	if (p->len > r->i.route.mtu) {
		pkt_free(p);
		return -EMSGSIZE;
	}
	if (!ip->source)
		ip->source = r->i.route.source;
	if (!ip->id)
		ip->id = ip_id_next(ip->source, ip->destination, ip->protocol);
	ip->length = cpu_to_be16(p->len);
	ip->checksum = 0;
	ip->checksum = cksum_fold(cksum_add(0, ip, hl));
	p->net_offset = p->data - p->buf;
	p->protocol = htons(0x0800);
	net_count(IP_OUT_REQUESTS);
	return ip_send(p, &r->i.route);
}

/* A ping socket's own: an echo request, with its identifier and a checksum. */
static int ping_prepare(struct raw_socket *r, struct pkt *p)
{
	struct icmp_header *h = (struct icmp_header *)p->data;

	if (pkt_linear(p) < sizeof(*h) || h->type != ICMP_ECHO || h->code)
		return -EINVAL;
	h->id = r->i.local_port;
	h->checksum = 0;
	h->checksum = cksum_fold(pkt_cksum(p, 0, p->len, 0));
	net_count(ICMP_OUT_MSGS);
	net_count(ICMP_OUT_ECHOS);
	return 0;
}

/* [L] held; takes the pkt. */
static int raw_output(struct raw_socket *r, struct pkt *p, be32 destination, const struct inet_send_args *a)
{
	struct inet_socket *i = &r->i;
	struct ip_output_args args;
	int err = inet_route(i, destination, a->source, a->ifindex);

	if (!err && i->route.type == ROUTE_BROADCAST && !i->s.broadcast)
		err = -EACCES;
	if (err)
		goto free;
	if (i->header_included)
		return header_included_send(r, p);
	if (i->s.type == SOCK_DGRAM && (err = ping_prepare(r, p)))
		goto free;
	args = (struct ip_output_args){
		.source = a->source ? a->source : i->route.source, .destination = destination,
		.protocol = i->s.protocol, .tos = a->tos < 0 ? i->tos : a->tos,
		.ttl = a->ttl >= 0 ? a->ttl : i->ttl ? i->ttl : IP_DEFAULT_TTL,
	};
	if (i->route.type == ROUTE_MULTICAST) {
		args.ttl = a->ttl >= 0 ? a->ttl : i->mc_ttl;
		if (!i->mc_loop)
			p->flags |= PKT_NO_LOOP;
	}
	args.dont_fragment = i->pmtu_discover >= IP_PMTUDISC_DO ||
		(i->pmtu_discover == IP_PMTUDISC_WANT && p->len + 20 <= ip_path_mtu(&i->route, destination));
	return ip_output(p, &i->route, &args);
free:
	pkt_free(p);
	return err;
}

static s64 raw_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct raw_socket *r = raw_of(s);
	struct inet_send_args a = { .source = r->i.local, .ifindex = s->bound_ifindex, .tos = -1, .ttl = -1 };
	be32 destination = r->i.remote;
	u32 len = m->uio.left, charge;
	struct pkt *p;
	be16 port;
	int err;

	if (m->uio.left > 65535)
		return -EMSGSIZE;
	if (m->flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (m->name) {
		err = inet_addr_parse(m->name, m->name_len, &destination, &port);
		if (err)
			return err;
		if (!destination)
			destination = htonl(0x7f000001);
	} else if (!destination) {
		return -EDESTADDRREQ;
	}
	if (ip_is_multicast(destination)) {
		if (!a.ifindex)
			a.ifindex = r->i.mc_ifindex;
		if (!a.source)
			a.source = r->i.mc_source;
	}
	if (m->control_len && (err = inet_control_parse(m, &a)))
		return err;
	if (s->type == SOCK_DGRAM && !r->i.local_port && (err = ping_bind(r, 0)))
		return err;
	err = socket_error_take(s);
	if (err)
		return err;
	charge = (1 + len / PKT_BUF_SIZE) * PKT_TRUESIZE;
	err = inet_tx_charge(&r->i, charge, m->flags & MSG_DONTWAIT, r->i.route.netif);
	if (err)
		return err;
	p = pkt_alloc(PKT_HEADROOM);
	if (!p) {
		inet_tx_uncharge(&r->i, charge);
		return -ENOBUFS;
	}
	inet_tx_attach(&r->i, p, charge);
	err = pkt_append_uio(p, &m->uio, len);
	if (err) {
		pkt_free(p);
		return err;
	}
	spin_lock_bh(&s->lock);
	err = raw_output(r, p, destination, &a);
	spin_unlock_bh(&s->lock);
	return err ? err : (s64)len;
}

/* ---- receiving, options, life --------------------------------------------- */

static s64 raw_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct inet_socket *i = inet_of(s);
	struct pkt *p;
	u32 len, take;
	int err = inet_rx_take(i, m->flags, &p);

	if (err)
		return m->flags & MSG_ERRQUEUE ? inet_error_recv(i, m) : err;
	if (!p) {
		m->name_len = m->control_len = 0;
		return 0;
	}
	len = p->len;
	take = MIN((u64)len, (u64)m->uio.left);
	if (take < len)
		m->out_flags |= MSG_TRUNC;
	err = pkt_copy_to_uio(p, 0, &m->uio, take);
	if (m->name)
		inet_addr_fill(m->name, &m->name_len, pkt_ip(p)->source, 0);
	inet_control_fill(i, p, m);
	pkt_free(p);
	if (err)
		return err;
	return m->flags & MSG_TRUNC ? len : take;
}

static int raw_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	struct raw_socket *r = raw_of(s);

	if (level == SOL_RAW && name == ICMP_FILTER && s->type == SOCK_RAW && s->protocol == IPPROTO_ICMP) {
		memcpy(&r->icmp_filter, value, MIN(len, 4u));
		return 0;
	}
	return inet_setsockopt(&r->i, level, name, value, len);
}

static int raw_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	struct raw_socket *r = raw_of(s);

	if (level == SOL_RAW && name == ICMP_FILTER && s->type == SOCK_RAW && s->protocol == IPPROTO_ICMP) {
		*len = MIN(*len, 4u);
		memcpy(value, &r->icmp_filter, *len);
		return 0;
	}
	return inet_getsockopt(&r->i, level, name, value, len);
}

static void raw_destroy(struct inet_socket *i)
{
	kfree(i);
}

static void raw_release(struct socket *s)
{
	struct raw_socket *r = raw_of(s);

	spin_lock_bh(&raw_lock);
	if (!list_empty(&r->node)) {
		list_remove(&r->node);
		if (s->type == SOCK_RAW)
			raw_socket_count--;
	}
	spin_unlock_bh(&raw_lock);
	inet_socket_release(&r->i);
}

static const struct socket_ops raw_ops = {
	.bind = raw_bind,
	.connect = raw_connect,
	.getname = inet_getname,
	.sendmsg = raw_sendmsg,
	.recvmsg = raw_recvmsg,
	.poll = inet_poll,
	.shutdown = inet_shutdown,
	.setsockopt = raw_setsockopt,
	.getsockopt = raw_getsockopt,
	.ioctl = inet_ioctl,
	.release = raw_release,
};

static struct raw_socket *raw_new(u16 type, u16 protocol)
{
	struct raw_socket *r = kzalloc(sizeof(*r));

	if (r) {
		inet_socket_init(&r->i, type, protocol, &raw_ops, raw_destroy);
		list_init(&r->node);
	}
	return r;
}

static int raw_create(u16 protocol, struct socket **out)
{
	struct raw_socket *r;

	if (!cred_capable(current()->cred, CAP_NET_RAW))
		return -EPERM;
	if (!protocol)
		return -EPROTONOSUPPORT;
	r = raw_new(SOCK_RAW, protocol);
	if (!r)
		return -ENOMEM;
	r->i.header_included = protocol == IPPROTO_RAW;
	spin_lock_bh(&raw_lock);
	list_push_back(&raw_sockets, &r->node);
	raw_socket_count++;
	spin_unlock_bh(&raw_lock);
	*out = &r->i.s;
	return 0;
}

u32 ping_groups[2] = { 0, INT32_MAX };

/* icmp(7): one of the caller's groups must be among those that may ping. */
static bool ping_allowed(const struct cred *c)
{
	u32 low = READ_ONCE(ping_groups[0]), high = READ_ONCE(ping_groups[1]);

	for (u32 i = 0; i < c->group_count; i++)
		if (c->groups[i] >= low && c->groups[i] <= high)
			return true;
	return c->egid >= low && c->egid <= high;
}

static int ping_create(u16 protocol, struct socket **out)
{
	struct raw_socket *r;

	if (!ping_allowed(current()->cred))
		return -EACCES;
	r = raw_new(SOCK_DGRAM, IPPROTO_ICMP);
	if (!r)
		return -ENOMEM;
	*out = &r->i.s;
	return 0;
}

void socket_raw_init(void)
{
	static struct inet_type raw = { .type = SOCK_RAW, .protocol = 0, .create = raw_create };
	static struct inet_type ping = { .type = SOCK_DGRAM, .protocol = IPPROTO_ICMP, .create = ping_create };

	inet_type_register(&raw);
	inet_type_register(&ping);
}
