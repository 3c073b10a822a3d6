/*
 * What IPv4's datagram sockets (UDP, raw, ping) share: addresses, the cached route, the receive queue and the account
 * of packets on their way out, control messages, options of level IP. Also AF_INET itself: the list of types.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/hash.h"
#include "base/string.h"
#include "core/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/icmp.h"
#include "net/inet.h"
#include "net/ip_internal.h"
#include "net/napi_internal.h"
#include "net/net.h"
#include "net/socket_file.h"
#include "sched/cred.h"

/* ---- AF_INET -------------------------------------------------------------- */

static struct inet_type *types;		/* at boot only */

void inet_type_register(struct inet_type *t)
{
	t->next = types;
	types = t;
}

static int inet_create(u16 type, u16 protocol, struct socket **out)
{
	bool type_known = false;

	if (protocol >= 256)
		return -EINVAL;
	for (const struct inet_type *t = types; t; t = t->next) {
		if (t->type != type)
			continue;
		type_known = true;
		/* A protocol of 0 in the table takes all; in the call, the type's own. */
		if (t->protocol == protocol || !t->protocol || !protocol) {
			if (!protocol && type == SOCK_DGRAM && t->protocol != IPPROTO_UDP)
				continue;
			return t->create(protocol ? protocol : t->protocol, out);
		}
	}
	return type_known ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
}

static u64 port_key[2];

u16 port_ephemeral_start(be32 local, be32 remote, be16 remote_port)
{
	struct { be32 l, r; u32 p; } k = { local, remote, remote_port };

	return (u16)hash_keyed(port_key, &k, sizeof(k));
}

void socket_inet_init(void)
{
	static struct socket_family family = { .family = AF_INET, .create = inet_create };

	random_bytes(port_key, sizeof(port_key));
	socket_family_register(&family);
}

/* ---- life ----------------------------------------------------------------- */

void inet_socket_init(struct inet_socket *i, u16 type, u16 protocol, const struct socket_ops *ops,
		      void (*destroy)(struct inet_socket *))
{
	socket_init(&i->s, AF_INET, type, protocol, ops);
	i->mc_ttl = 1;
	i->mc_loop = i->mc_all = true;
	i->pmtu_discover = IP_PMTUDISC_WANT;
	pkt_queue_init(&i->rx);
	pkt_queue_init(&i->errors);
	i->tx_charge = 1;
	i->destroy = destroy;
}

static void members_leave(struct inet_socket *i)
{
	struct multicast_member *m;

	while ((m = i->members)) {
		i->members = m->next;
		multicast_leave(m->netif, m->group);
		netif_put(m->netif);
		kfree(m);
	}
}

void inet_socket_release(struct inet_socket *i)
{
	members_leave(i);
	spin_lock_bh(&i->s.lock);
	pkt_queue_purge(&i->rx);
	pkt_queue_purge(&i->errors);
	inet_rx_charge(i, -(s32)i->rx_charge);
	route_release(&i->route);
	spin_unlock_bh(&i->s.lock);
	if (i->congested)
		net_receiver_relief();
	if (i->s.filter)
		socket_filter_free(i->s.filter);
	i->s.filter = NULL;
	if (atomic_sub(&i->tx_charge, 1) == 0)
		i->destroy(i);
}

/* ---- sending -------------------------------------------------------------- */

int inet_route(struct inet_socket *i, be32 destination, be32 source, u32 ifindex)
{
	struct netif *bound = NULL;
	int err;

	if (ifindex && !(bound = netif_find_index(ifindex)))
		return source && !ip_is_local(source) ? -ENETUNREACH : -ENODEV;
	if (i->route.netif && i->route_destination == destination && i->route_source == source &&
	    i->route_bound == ifindex && route_valid(&i->route)) {
		err = 0;
		goto out;
	}
	route_release(&i->route);
	err = route_lookup(destination, source, bound, &i->route);
	if (err)
		goto out;
	i->route_destination = destination;
	i->route_source = source;
	i->route_bound = ifindex;
out:
	if (bound)
		netif_put(bound);
	return err;
}

/* The charge travels in the field for the time of arrival, which an outgoing packet has not. */
static void tx_released(struct pkt *p)
{
	inet_tx_uncharge(p->release_arg, (u32)p->timestamp);
}

void inet_tx_attach(struct inet_socket *i, struct pkt *p, u32 n)
{
	p->release = tx_released;
	p->release_arg = i;
	p->timestamp = n;
}

void inet_tx_uncharge(struct inet_socket *i, u32 n)
{
	u32 left;

	/* While somebody waits, an extra share keeps the socket in place until the wake is done. */
	if (likely(!atomic_load_relaxed(&i->tx_waiting))) {
		if (unlikely(atomic_sub(&i->tx_charge, n) == 0))
			i->destroy(i);
		return;
	}
	left = atomic_sub(&i->tx_charge, n - 1);	/* one is kept */
	if (left - 2 < i->s.sndbuf / 2) {
		atomic_store(&i->tx_waiting, false);
		socket_wake(&i->s, SOCKET_WRITABLE);
	}
	if (atomic_sub(&i->tx_charge, 1) == 0)
		i->destroy(i);
}

int inet_tx_charge(struct inet_socket *i, u32 n, bool dontwait, struct netif *nif)
{
	u32 old = atomic_add(&i->tx_charge, n) - n;
	int err;

	if (likely(old - 1 < i->s.sndbuf))
		return 0;
	inet_tx_uncharge(i, n);
	for (;;) {
		/* Announce the wait, then look again: a release in between sees the one or we see the other. */
		atomic_store(&i->tx_waiting, true);
		atomic_fence();
		if (nif)
			netif_tx_reclaim(nif);
		if (inet_tx_room(i))
			break;
		if (dontwait)
			return -EAGAIN;
		err = wait_event_exclusive(&i->s.wait, inet_tx_room(i) || i->s.error || i->s.shut_write,
					   socket_deadline(i->s.sndtimeo));
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : i->s.sndtimeo ? -EINTR : err;
		if (i->s.shut_write)
			return -EPIPE;
		err = socket_error_take(&i->s);
		if (err)
			return err;
		if (inet_tx_room(i))
			break;
	}
	atomic_add(&i->tx_charge, n);
	return 0;
}

/* ---- receiving ------------------------------------------------------------ */

static inline u32 truesize(const struct pkt *p)
{
	u32 n = PKT_TRUESIZE;

	while (unlikely((p = p->frag) != NULL))
		n += PKT_TRUESIZE;
	return n;
}

void inet_rx_dropped(struct inet_socket *i)
{
	i->drops++;
	i->congested = true;
	net_receiver_full();
}

/*
 * What all sockets hold beyond the little that each may always have: a fifth of memory at most, as Linux's udp_mem has
 * it, or a program with many sockets would take all there is by not reading.
 */
#define RX_FREE		(4u << 10)
static u64 rx_long;			/* bytes of truesize [a] */

void inet_rx_charge(struct inet_socket *i, s32 change)
{
	u32 before = i->rx_charge, now = before + change;

	i->rx_charge = now;
	if (unlikely(before > RX_FREE || now > RX_FREE))
		atomic_add_relaxed(&rx_long, (s64)MAX(now, RX_FREE) - MAX(before, RX_FREE));
}

static noinline bool rx_too_long(void)
{
	static u64 limit;		/* whoever comes first finds the same */

	if (!limit) {
		struct page_counts c;

		page_counts_get(&c);
		limit = c.managed * PAGE_SIZE / 16 * 3;
	}
	return atomic_load_relaxed(&rx_long) > limit;
}

bool inet_rx_queue(struct inet_socket *i, struct pkt *p)
{
	u32 size = truesize(p);

	if (unlikely(i->rx_charge + size > i->s.rcvbuf) || (unlikely(i->rx_charge > RX_FREE) && rx_too_long())) {
		inet_rx_dropped(i);
		return false;
	}
	inet_rx_charge(i, size);
	pkt_queue_push(&i->rx, p);
	socket_wake(&i->s, EPOLLIN | EPOLLRDNORM);
	return true;
}

/* Off the queue. *relief: the poll may be told that there is room again. [L] held. */
static inline struct pkt *rx_pop(struct inet_socket *i, u32 flags, bool *relief)
{
	struct pkt *p = i->rx.head;

	if (!p)
		return NULL;
	if (unlikely(flags & MSG_PEEK)) {
		pkt_get(p);
		return p;
	}
	pkt_queue_pop(&i->rx);
	inet_rx_charge(i, -(s32)truesize(p));
	if (unlikely(i->congested) && i->rx_charge <= i->s.rcvbuf / 4) {
		i->congested = false;
		*relief = true;
	}
	return p;
}

int inet_rx_take(struct inet_socket *i, u32 flags, struct pkt **out)
{
	struct socket *s = &i->s;
	bool relief = false;
	u64 deadline = 0;
	int err;

	if (unlikely(flags & (MSG_OOB | MSG_ERRQUEUE)))
		return flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	for (;;) {
		spin_lock_bh(&s->lock);
		err = unlikely(s->error) ? socket_error_take(s) : 0;	/* goes before what is queued, as on Linux */
		*out = likely(!err) ? rx_pop(i, flags, &relief) : NULL;
		spin_unlock_bh(&s->lock);
		if (unlikely(relief))
			net_receiver_relief();
		if (likely(*out) || err)
			return err;
		if (s->shut_read)
			return 0;
		if (flags & MSG_DONTWAIT)
			return -EAGAIN;
		if (!deadline)
			deadline = socket_deadline(s->rcvtimeo);
		err = wait_event_exclusive(&s->wait, i->rx.head || s->error || s->shut_read, deadline);
		if (unlikely(err))
			return err == -ETIMEDOUT ? -EAGAIN : s->rcvtimeo ? -EINTR : err;
	}
}

void inet_wake_error(struct inet_socket *i)
{
	socket_wake(&i->s, EPOLLERR | EPOLLIN | EPOLLOUT);
}

u32 inet_poll(struct socket *s, struct poll_table *t)
{
	struct inet_socket *i = inet_of(s);
	u32 events = 0;

	poll_wait(t, &s->wait);
	if (!pkt_queue_empty(&i->rx) || s->shut_read)
		events |= EPOLLIN | EPOLLRDNORM;
	if (s->error || !pkt_queue_empty(&i->errors))
		events |= EPOLLERR;
	if (s->shut_read)
		events |= EPOLLRDHUP;
	if (s->shut_read && s->shut_write)
		events |= EPOLLHUP;
	if (inet_tx_room(i)) {
		events |= SOCKET_WRITABLE;
	} else {
		atomic_store(&i->tx_waiting, true);
		atomic_fence();
		if (inet_tx_room(i))
			events |= SOCKET_WRITABLE;
	}
	return events;
}

int inet_shutdown(struct socket *s, int how)
{
	struct inet_socket *i = inet_of(s);

	if (!i->remote)
		return -ENOTCONN;
	spin_lock_bh(&s->lock);
	s->shut_read |= how != SHUT_WR;
	s->shut_write |= how != SHUT_RD;
	spin_unlock_bh(&s->lock);
	socket_wake(s, EPOLLIN | EPOLLOUT | EPOLLHUP);
	return 0;
}

long inet_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct inet_socket *i = inet_of(s);
	u32 n = 0;

	switch (cmd) {
	case FIONREAD:
		spin_lock_bh(&s->lock);
		if (i->rx.head)
			n = i->rx.head->len;
		spin_unlock_bh(&s->lock);
		return put_user_u32(arg, n);
	case TIOCOUTQ:
		return put_user_u32(arg, atomic_load_relaxed(&i->tx_charge) - 1);
	}
	return -ENOTTY;
}

/* ---- addresses ------------------------------------------------------------ */

int inet_addr_parse(const u8 *addr, u32 len, be32 *address, be16 *port)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	if (len < sizeof(*in))
		return -EINVAL;
	if (in->sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*address = in->sin_addr.s_addr;
	*port = in->sin_port;
	return 0;
}

void inet_addr_fill(u8 *addr, u32 *len, be32 address, be16 port)
{
	*(struct sockaddr_in *)addr = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = address };
	*len = sizeof(struct sockaddr_in);
}

int inet_getname(struct socket *s, u8 *addr, u32 *len, bool peer)
{
	struct inet_socket *i = inet_of(s);

	if (peer && !i->remote)
		return -ENOTCONN;
	if (peer)
		inet_addr_fill(addr, len, i->remote, i->remote_port);
	else
		inet_addr_fill(addr, len, i->local, i->local_port);
	return 0;
}

bool inet_bind_allowed(be32 a)
{
	struct netif *nif;
	bool ok = !a || a == IP_BROADCAST || ip_is_multicast(a) || ip_is_local(a);

	for (u32 index = 0; !ok && (nif = netif_next(index)); netif_put(nif)) {
		index = nif->index;
		ok = ifaddr_is_broadcast(nif, a);
	}
	return ok;
}

int icmp_error_errno(u8 type, u8 code, bool *fatal)
{
	static const struct { u8 error; bool fatal; } unreachable[] = {
		{ ENETUNREACH, false }, { EHOSTUNREACH, false }, { ENOPROTOOPT, true }, { ECONNREFUSED, true },
		{ EMSGSIZE, false }, { EOPNOTSUPP, false }, { ENETUNREACH, true }, { EHOSTDOWN, true },
		{ ENONET, true }, { ENETUNREACH, true }, { EHOSTUNREACH, true }, { ENETUNREACH, false },
		{ EHOSTUNREACH, false }, { EHOSTUNREACH, true }, { EHOSTUNREACH, true }, { EHOSTUNREACH, true },
	};

	*fatal = false;
	if (type == ICMP_UNREACHABLE && code < ARRAY_SIZE(unreachable)) {
		*fatal = unreachable[code].fatal;
		return unreachable[code].error;
	}
	if (type == ICMP_PARAMETER_PROBLEM) {
		*fatal = true;
		return EPROTO;
	}
	return EHOSTUNREACH;
}

/* ---- control messages ----------------------------------------------------- */

void socket_control_put(struct socket_msg *m, u32 room, int level, int type, const void *data, u32 len)
{
	struct abi_cmsghdr h = { sizeof(h) + len, level, type };
	u32 at = m->control_len;

	if (!m->control || at + sizeof(h) + len > room) {
		m->out_flags |= MSG_CTRUNC;
		return;
	}
	memcpy(m->control + at, &h, sizeof(h));
	memcpy(m->control + at + sizeof(h), data, len);
	at += sizeof(h) + len;
	while (at & 7 && at < room)
		m->control[at++] = 0;
	m->control_len = at;
}

/* When it arrived, by the wall clock. */
static void timestamp_put(const struct socket *s, const struct pkt *p, struct socket_msg *m, u32 room)
{
	u64 at = p->timestamp ? p->timestamp : clock_ns(), real = clock_realtime_ns() - (clock_ns() - at);
	u64 pair[2] = { real / NSEC_PER_SEC, real % NSEC_PER_SEC };

	if (!s->timestamp_ns)
		pair[1] /= NSEC_PER_USEC;
	socket_control_put(m, room, SOL_SOCKET, s->timestamp_ns ? SO_TIMESTAMPNS_OLD : SO_TIMESTAMP_OLD, pair,
			   sizeof(pair));
}

void inet_control_fill(struct inet_socket *i, const struct pkt *p, struct socket_msg *m)
{
	const struct ip_header *ip = pkt_ip(p);
	u32 room = m->control_len;
	s32 v;

	m->control_len = 0;
	if (!m->control)
		return;
	if (i->s.timestamp)
		timestamp_put(&i->s, p, m, room);
	if (i->recv_pktinfo) {
		struct in_pktinfo info = { .ipi_ifindex = pkt_ifindex(p), .ipi_addr.s_addr = ip->destination };

		info.ipi_spec_dst.s_addr = ip_is_local(ip->destination) ? ip->destination : i->local;
		socket_control_put(m, room, SOL_IP, IP_PKTINFO, &info, sizeof(info));
	}
	if (i->recv_ttl) {
		v = ip->ttl;
		socket_control_put(m, room, SOL_IP, IP_TTL, &v, sizeof(v));
	}
	if (i->recv_tos)
		socket_control_put(m, room, SOL_IP, IP_TOS, &ip->tos, 1);
}

static int control_one(const struct abi_cmsghdr *h, const u8 *data, u32 len, struct inet_send_args *a)
{
	struct in_pktinfo info;
	s32 v = 0;

	if (h->level == SOL_SOCKET) {
		/* What only local sockets carry means nothing; no other message of this level is taken. */
		return h->type == SCM_RIGHTS || h->type == SCM_CREDENTIALS ? 0 : -EINVAL;
	}
	if (h->level != SOL_IP)
		return 0;
	if (h->type == IP_PKTINFO) {
		if (len < sizeof(info))
			return -EINVAL;
		memcpy(&info, data, sizeof(info));
		a->ifindex = info.ipi_ifindex;
		a->source = info.ipi_spec_dst.s_addr;
		return 0;
	}
	if (len == 4)
		memcpy(&v, data, 4);
	else if (len == 1 && h->type == IP_TOS)
		v = data[0];
	else
		return -EINVAL;
	if (h->type == IP_TTL && v >= 1 && v <= 255) {
		a->ttl = v;
		return 0;
	}
	if (h->type == IP_TOS && v >= 0 && v <= 255) {
		a->tos = v;
		return 0;
	}
	return -EINVAL;
}

int inet_control_parse(const struct socket_msg *m, struct inet_send_args *a)
{
	u32 at = 0;
	int err;

	while (m->control_len - at >= sizeof(struct abi_cmsghdr)) {
		struct abi_cmsghdr h;

		memcpy(&h, m->control + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > m->control_len - at)
			return -EINVAL;
		err = control_one(&h, m->control + at + sizeof(h), h.len - sizeof(h), a);
		if (err)
			return err;
		if (CMSG_ALIGN8(h.len) >= m->control_len - at)
			break;
		at += CMSG_ALIGN8(h.len);
	}
	return 0;
}
