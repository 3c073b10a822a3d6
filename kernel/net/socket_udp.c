/*
 * UDP sockets: what programs call (udp(7)). A datagram is copied once each way, between the program's memory and the
 * pkt; the route is kept in the socket, for connected ones and for those that send to the same address again.
 */
#include <linux/capability.h>
#include <linux/udp.h>
#include "base/cksum.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "net/socket_file.h"
#include "net/udp.h"
#include "sched/cred.h"

#define DATAGRAM_MAX	(65535 - 20 - 8)

static struct slab_cache *udp_slab;

static struct udp_socket *udp_of(struct socket *s)
{
	return (struct udp_socket *)s;
}

static int autobind(struct udp_socket *u)
{
	if (likely(u->i.local_port))
		return 0;
	return udp_bind(u, u->i.local, 0);
}

static int udp_sock_bind(struct socket *s, const u8 *addr, u32 len)
{
	struct udp_socket *u = udp_of(s);
	be32 local;
	be16 port;
	int err = inet_addr_parse(addr, len, &local, &port);

	if (err)
		return err;
	if (u->i.local_port)
		return -EINVAL;
	if (!u->i.freebind && !inet_bind_allowed(local))
		return -EADDRNOTAVAIL;
	if (port && be16_to_cpu(port) < 1024 && !cred_capable(current()->cred, CAP_NET_BIND_SERVICE))
		return -EACCES;
	return udp_bind(u, local, port);
}

static int udp_sock_connect(struct socket *s, const u8 *addr, u32 len, bool nonblock)
{
	struct udp_socket *u = udp_of(s);
	be32 remote, local;
	be16 port;
	int err;

	if (len >= 2 && !addr[0] && !addr[1]) {		/* AF_UNSPEC: not connected any more */
		if (u->i.local_port)
			udp_set_peer(u, u->i.local, 0, 0);
		return 0;
	}
	err = inet_addr_parse(addr, len, &remote, &port);
	if (err)
		return err;
	if (!remote)
		remote = htonl(0x7f000001);
	spin_lock_bh(&s->lock);
	err = inet_route(&u->i, remote, u->i.local, s->bound_ifindex);
	if (!err && u->i.route.type == ROUTE_BROADCAST && !s->broadcast)
		err = -EACCES;
	local = u->i.local ? u->i.local : u->i.route.source;
	if (!err) {
		/* Connected, the source is fixed: the cached route answers for it. */
		u->i.route_source = local;
	}
	spin_unlock_bh(&s->lock);
	if (!err)
		err = autobind(u);
	if (!err)
		udp_set_peer(u, local, remote, port);
	return err;
}

/* ---- sending -------------------------------------------------------------- */

struct destination { be32 address; be16 port; struct inet_send_args args; };

static int destination_get(struct udp_socket *u, const struct socket_msg *m, struct destination *d)
{
	int err;

	d->args = (struct inet_send_args){ .source = u->i.local, .ifindex = u->i.s.bound_ifindex, .tos = -1, .ttl = -1 };
	if (m->name) {
		err = inet_addr_parse(m->name, m->name_len, &d->address, &d->port);
		if (unlikely(err))
			return err;
		if (!d->port)
			return -EINVAL;
		if (!d->address)
			d->address = htonl(0x7f000001);
	} else {
		if (!u->i.remote)
			return -EDESTADDRREQ;
		d->address = u->i.remote;
		d->port = u->i.remote_port;
	}
	if (unlikely(ip_is_multicast(d->address))) {
		if (!d->args.ifindex)
			d->args.ifindex = u->i.mc_ifindex;
		if (!d->args.source)
			d->args.source = u->i.mc_source;
	} else if (unlikely(ip_is_multicast(d->args.source))) {
		d->args.source = 0;
	}
	if (unlikely(m->control_len))
		return inet_control_parse(m, &d->args);
	return 0;
}

/* The slow half of finding the route: [L] held. */
static noinline int route_find(struct udp_socket *u, const struct destination *d)
{
	int err = inet_route(&u->i, d->address, d->args.source, d->args.ifindex);

	if (err == -ENETUNREACH)
		net_count(IP_OUT_NO_ROUTES);
	return err;
}

/* Headers on, and out; [L] held. Takes the pkt. */
static int udp_output(struct udp_socket *u, struct pkt *p, const struct destination *d)
{
	struct inet_socket *i = &u->i;
	struct ip_output_args args;
	struct udp_header *h;
	int err;

	if (unlikely(!(i->route_destination == d->address && i->route_source == d->args.source &&
		       i->route_bound == d->args.ifindex && route_valid(&i->route)))) {
		err = route_find(u, d);
		if (err)
			goto free;
	}
	err = -EACCES;
	if (unlikely(i->route.type == ROUTE_BROADCAST && !i->s.broadcast))
		goto free;
	args.source = d->args.source ? d->args.source : i->route.source;
	args.destination = d->address;
	args.protocol = IPPROTO_UDP_NR;
	args.tos = likely(d->args.tos < 0) ? i->tos : d->args.tos;
	args.ttl = likely(d->args.ttl < 0) ? i->ttl : d->args.ttl;
	args.id_hint = 0;
	if (unlikely(i->route.type == ROUTE_MULTICAST)) {
		if (d->args.ttl < 0)
			args.ttl = i->mc_ttl;
		if (!i->mc_loop)
			p->flags |= PKT_NO_LOOP;
	} else if (!args.ttl) {
		args.ttl = IP_DEFAULT_TTL;
	}

	h = pkt_push(p, sizeof(*h));
	h->source = i->local_port;
	h->destination = d->port;
	h->length = cpu_to_be16(p->len);
	h->checksum = cksum_fold_raw(cksum_pseudo(args.source, args.destination, IPPROTO_UDP_NR, p->len));
	p->flags |= PKT_CSUM_PARTIAL;
	p->csum_start = 0;
	p->csum_offset = offsetof(struct udp_header, checksum);

	switch (i->pmtu_discover) {
	case IP_PMTUDISC_WANT:
		args.dont_fragment = p->len + 20 <= ip_path_mtu(&i->route, d->address);
		break;
	case IP_PMTUDISC_DO:
		args.dont_fragment = true;
		err = -EMSGSIZE;
		if (p->len + 20 > ip_path_mtu(&i->route, d->address)) {
			inet_error_local(i, EMSGSIZE, ip_path_mtu(&i->route, d->address), d->address, d->port);
			goto free;
		}
		break;
	case IP_PMTUDISC_PROBE:
		args.dont_fragment = true;
		break;
	default:
		args.dont_fragment = false;
	}
	net_count(UDP_OUT_DATAGRAMS);
	err = ip_output(p, &i->route, &args);
	if (unlikely(err == -ENOBUFS) && !i->recverr) {
		net_count(UDP_SNDBUF_ERRORS);
		err = 0;		/* lost, as datagrams may be */
	}
	return err;
free:
	pkt_free(p);
	return err;
}

/* Before anything is sent: where to, and whether it may be. */
static inline int send_begin(struct udp_socket *u, const struct socket_msg *m, struct destination *d)
{
	int err = destination_get(u, m, d);

	if (likely(!err))
		err = autobind(u);
	if (likely(!err) && unlikely(u->i.s.shut_write))
		err = -EPIPE;
	if (likely(!err) && unlikely(READ_ONCE(u->i.s.error)))
		err = socket_error_take(&u->i.s);
	return err;
}

static u32 charge_of(u32 len)
{
	return PKT_TRUESIZE + (unlikely(len > PKT_BUF_SIZE - PKT_HEADROOM)
		? DIV_ROUND_UP(len, (u32)PKT_BUF_SIZE) * PKT_TRUESIZE : 0);
}

static s64 corked_send(struct udp_socket *u, struct socket_msg *m);

static s64 udp_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct udp_socket *u = udp_of(s);
	u32 len = m->uio.left, charge;
	struct destination d;
	struct pkt *p;
	int err;

	if (unlikely(m->uio.left > DATAGRAM_MAX))
		return -EMSGSIZE;
	if (unlikely(m->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (unlikely(m->flags & MSG_MORE) || unlikely(READ_ONCE(u->corks)))
		return corked_send(u, m);
	err = send_begin(u, m, &d);
	if (unlikely(err))
		return err;
	if (unlikely(m->flags & MSG_PROBE))
		return len;
	charge = charge_of(len);
	err = inet_tx_charge(&u->i, charge, m->flags & MSG_DONTWAIT, u->i.route.netif);
	if (unlikely(err))
		return err;
	p = pkt_alloc(PKT_HEADROOM);
	if (unlikely(!p)) {
		inet_tx_uncharge(&u->i, charge);
		return -ENOBUFS;
	}
	inet_tx_attach(&u->i, p, charge);
	if (likely(len <= PKT_BUF_SIZE - PKT_HEADROOM)) {
		err = uio_get(&m->uio, p->data, len);
		p->tail += len;
		p->len = len;
	} else {
		err = pkt_append_uio(p, &m->uio, len);
	}
	if (unlikely(err)) {
		pkt_free(p);
		return err;
	}
	spin_lock_bh(&s->lock);
	err = udp_output(u, p, &d);
	spin_unlock_bh(&s->lock);
	return likely(!err) ? (s64)len : err;
}

/* ---- a datagram in pieces (UDP_CORK, MSG_MORE) ---------------------------- */

struct udp_cork { struct destination to; struct pkt *p; };

/* [K] held. */
static void cork_drop(struct udp_socket *u)
{
	if (u->pending)
		pkt_free(u->pending->p);
	kfree(u->pending);
	u->pending = NULL;
}

/* The first piece says where it goes. [K] held. */
static int cork_begin(struct udp_socket *u, const struct socket_msg *m)
{
	struct udp_cork *c = kmalloc(sizeof(*c));
	int err = c ? send_begin(u, m, &c->to) : -ENOBUFS;

	if (err)
		goto free;
	err = inet_tx_charge(&u->i, PKT_TRUESIZE, m->flags & MSG_DONTWAIT, u->i.route.netif);
	if (err)
		goto free;
	err = -ENOBUFS;
	c->p = pkt_alloc(PKT_HEADROOM);
	if (!c->p) {
		inet_tx_uncharge(&u->i, PKT_TRUESIZE);
		goto free;
	}
	inet_tx_attach(&u->i, c->p, PKT_TRUESIZE);
	u->pending = c;
	return 0;
free:
	kfree(c);
	return err;
}

/* Out with what there is. [K] held. */
static int cork_push(struct udp_socket *u)
{
	struct udp_cork *c = u->pending;
	int err;

	if (!c)
		return 0;
	u->pending = NULL;
	spin_lock_bh(&u->i.s.lock);
	err = udp_output(u, c->p, &c->to);
	spin_unlock_bh(&u->i.s.lock);
	kfree(c);
	return err;
}

/* An error ends the datagram: what was there of it is gone, as on Linux. */
static s64 corked_send(struct udp_socket *u, struct socket_msg *m)
{
	u32 len = m->uio.left, charge = charge_of(len);
	s64 err = 0;

	mutex_lock(&u->cork);
	WRITE_ONCE(u->corks, true);
	if (!u->pending)
		err = cork_begin(u, m);
	if (err)
		goto out;
	if (u->pending->p->len + len > DATAGRAM_MAX) {
		err = -EMSGSIZE;
	} else {
		/* A datagram is so large at most: its pieces do not wait for room. */
		atomic_add(&u->i.tx_charge, charge);
		inet_tx_attach(&u->i, u->pending->p, u->pending->p->timestamp + charge);
		err = pkt_append_uio(u->pending->p, &m->uio, len);
	}
	if (err)
		cork_drop(u);
	else if (!u->corked && !(m->flags & MSG_MORE))
		err = cork_push(u);
out:
	WRITE_ONCE(u->corks, u->corked || u->pending);
	mutex_unlock(&u->cork);
	return err ? err : (s64)len;
}

static int cork_set(struct udp_socket *u, bool on)
{
	int err = 0;

	mutex_lock(&u->cork);
	u->corked = on;
	if (!on)
		err = cork_push(u);
	WRITE_ONCE(u->corks, on);
	mutex_unlock(&u->cork);
	return err;
}

/* ---- receiving ------------------------------------------------------------ */

static s64 udp_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct inet_socket *i = inet_of(s);
	struct pkt *p;
	u32 len, take;
	int err = inet_rx_take(i, m->flags, &p);

	if (unlikely(err))
		return m->flags & MSG_ERRQUEUE ? inet_error_recv(i, m) : err;
	if (unlikely(!p)) {
		m->name_len = m->control_len = 0;
		return 0;
	}
	len = p->len;
	take = MIN((u64)len, (u64)m->uio.left);
	if (unlikely(take < len))
		m->out_flags |= MSG_TRUNC;
	err = likely(!p->frag) ? uio_put(&m->uio, p->data, take) : pkt_copy_to_uio(p, 0, &m->uio, take);
	if (m->name) {
		const struct udp_header *h = (const struct udp_header *)(p->buf + p->transport_offset);

		inet_addr_fill(m->name, &m->name_len, pkt_ip(p)->source, h->source);
	}
	if (unlikely(m->control))
		inet_control_fill(i, p, m);
	pkt_free(p);
	if (unlikely(err))
		return err;
	return unlikely(m->flags & MSG_TRUNC) ? len : take;
}

/* ---- the rest ------------------------------------------------------------- */

static void udp_destroy(struct inet_socket *i)
{
	slab_free(udp_slab, i);
}

static void udp_release(struct socket *s)
{
	struct udp_socket *u = udp_of(s);

	cork_drop(u);
	udp_unbind(u);
	inet_socket_release(&u->i);
}

static int udp_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	s32 v;

	if (level == SOL_UDP && name == UDP_CORK) {
		if (len < sizeof(v))
			return -EINVAL;
		memcpy(&v, value, sizeof(v));
		return cork_set(udp_of(s), v);
	}
	return inet_setsockopt(inet_of(s), level, name, value, len);
}

static int udp_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	s32 v = udp_of(s)->corked;

	if (level == SOL_UDP && name == UDP_CORK) {
		*len = MIN(*len, (u32)sizeof(v));
		memcpy(value, &v, *len);
		return 0;
	}
	return inet_getsockopt(inet_of(s), level, name, value, len);
}

static const struct socket_ops udp_ops = {
	.bind = udp_sock_bind,
	.connect = udp_sock_connect,
	.getname = inet_getname,
	.sendmsg = udp_sendmsg,
	.recvmsg = udp_recvmsg,
	.poll = inet_poll,
	.shutdown = inet_shutdown,
	.setsockopt = udp_setsockopt,
	.getsockopt = udp_getsockopt,
	.ioctl = inet_ioctl,
	.release = udp_release,
};

static int udp_create(u16 protocol, struct socket **out)
{
	struct udp_socket *u = slab_zalloc(udp_slab);

	if (!u)
		return -ENOMEM;
	inet_socket_init(&u->i, SOCK_DGRAM, IPPROTO_UDP, &udp_ops, udp_destroy);
	mutex_init(&u->cork, "udp.cork");
	*out = &u->i.s;
	return 0;
}

void socket_udp_init(void)
{
	static struct inet_type type = { .type = SOCK_DGRAM, .protocol = IPPROTO_UDP, .create = udp_create };

	udp_slab = slab_cache_create("udp_socket", sizeof(struct udp_socket), 0);
	inet_type_register(&type);
}
