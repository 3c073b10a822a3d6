/*
 * UDP input, and the table of ports (RFC 768; RFC 1122, 4.1). ip.c calls udp_input, ICMP udp_error; a datagram ends in
 * its socket's queue, the same pkt that the card filled.
 *
 * Under a flood this file decides what a lost datagram costs: a full queue is seen right after the look-up, before the
 * checksum, and the poll loop is told (inet_rx_dropped), which stops taking what nobody can take.
 */
#include "base/cksum.h"
#include "base/errno.h"
#include "base/hash.h"
#include "core/random.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "net/udp.h"

#define PORT_FIRST	32768u		/* ephemeral ports, as on Linux */
#define PORT_LAST	60999u

struct udp_bucket udp_table[UDP_BUCKETS];

/* ---- ports ---------------------------------------------------------------- */

/* May both have the port? Different addresses or interfaces, or both said that they share. [U] held. */
static bool ports_conflict(const struct udp_socket *a, const struct udp_socket *b, be32 b_local)
{
	const struct socket *s = &a->i.s, *t = &b->i.s;

	if (a == b || (s->bound_ifindex && t->bound_ifindex && s->bound_ifindex != t->bound_ifindex))
		return false;
	if (a->i.local && b_local && a->i.local != b_local)
		return false;
	if (s->reuseaddr && t->reuseaddr)
		return false;
	return !(s->reuseport && t->reuseport && s->owner_uid == t->owner_uid);
}

static bool bind_try(struct udp_socket *u, be32 local, be16 port)
{
	struct udp_bucket *b = udp_bucket(port);
	struct udp_socket *o;

	spin_lock_bh(&b->lock);
	for (o = b->first; o; o = o->next)
		if (o->i.local_port == port && ports_conflict(o, u, local))
			break;
	if (!o) {
		u->i.local = local;
		u->i.local_port = port;
		u->next = b->first;
		b->first = u;
		u->bound = true;
	}
	spin_unlock_bh(&b->lock);
	return !o;
}

int udp_bind(struct udp_socket *u, be32 local, be16 port)
{
	u32 range = PORT_LAST - PORT_FIRST + 1, start;

	if (port)
		return bind_try(u, local, port) ? 0 : -EADDRINUSE;
	start = port_ephemeral_start(local, u->i.remote, u->i.remote_port) + random_u32();
	for (u32 n = 0; n < range; n++)
		if (bind_try(u, local, cpu_to_be16(PORT_FIRST + (start + n) % range)))
			return 0;
	return -EADDRINUSE;
}

void udp_unbind(struct udp_socket *u)
{
	struct udp_bucket *b = udp_bucket(u->i.local_port);

	spin_lock_bh(&b->lock);
	if (u->bound) {
		struct udp_socket **link = &b->first;

		while (*link != u)
			link = &(*link)->next;
		*link = u->next;
		u->bound = false;
	}
	spin_unlock_bh(&b->lock);
}

void udp_set_peer(struct udp_socket *u, be32 local, be32 remote, be16 remote_port)
{
	struct udp_bucket *b = udp_bucket(u->i.local_port);

	spin_lock_bh(&b->lock);
	spin_lock_bh(&u->i.s.lock);
	u->i.local = local;
	u->i.remote = remote;
	u->i.remote_port = remote_port;
	spin_unlock_bh(&u->i.s.lock);
	spin_unlock_bh(&b->lock);
}

void udp_for_each(void (*fn)(struct udp_socket *u, void *arg), void *arg)
{
	for (u32 n = 0; n < UDP_BUCKETS; n++) {
		spin_lock_bh(&udp_table[n].lock);
		for (struct udp_socket *u = udp_table[n].first; u; u = u->next)
			fn(u, arg);
		spin_unlock_bh(&udp_table[n].lock);
	}
}

/* ---- look-up -------------------------------------------------------------- */

/* How well a socket fits: 0 not at all; more for each thing that it had fixed. [U] held. */
static inline u32 socket_score(const struct udp_socket *u, be32 source, be16 source_port, be32 destination,
			       be16 port, u32 ifindex)
{
	const struct inet_socket *i = &u->i;
	u32 score = 1;

	if (i->local_port != port)
		return 0;
	if (i->remote) {
		if (i->remote != source || i->remote_port != source_port)
			return 0;
		score += 4;
	}
	if (i->local) {
		if (i->local != destination)
			return 0;
		score += 2;
	}
	if (i->s.bound_ifindex) {
		if (i->s.bound_ifindex != ifindex)
			return 0;
		score++;
	}
	return score;
}

/* The one that fits best; among equals that share the port (SO_REUSEPORT) one chosen by the flow. [U] held. */
static inline struct udp_socket *socket_find(struct udp_bucket *b, be32 source, be16 source_port, be32 destination,
					     be16 port, u32 ifindex)
{
	struct udp_socket *best = NULL;
	u32 best_score = 0, equals = 0;

	for (struct udp_socket *u = b->first; u; u = u->next) {
		u32 score = socket_score(u, source, source_port, destination, port, ifindex);

		if (score > best_score) {
			best = u;
			best_score = score;
			equals = 1;
		} else if (unlikely(score && score == best_score && u->i.s.reuseport)) {
			equals++;
			if (hash_u32(source ^ source_port << 16 ^ equals) < ~0u / equals)
				best = u;
		}
	}
	return best;
}

/* ---- input ---------------------------------------------------------------- */

static bool checksum_wrong(const struct pkt *p, const struct ip_header *ip, const struct udp_header *h)
{
	u64 sum;

	if (p->flags & PKT_CSUM_VALID || !h->checksum)
		return false;
	sum = cksum_pseudo(ip->source, ip->destination, IPPROTO_UDP_NR, p->len);
	sum = likely(!p->frag) ? cksum_add(sum, p->data, p->len) : pkt_cksum(p, 0, p->len, sum);
	return cksum_fold(sum);
}

/* Into the socket's queue: true if it took the pkt. [U] held. */
static inline bool socket_queue(struct udp_socket *u, struct pkt *p)
{
	struct socket *s = &u->i.s;
	bool taken = true;

	spin_lock(&s->lock);
	if (unlikely(s->filter) && !socket_filter_run(s->filter, p)) {
		spin_unlock(&s->lock);
		return false;
	}
	pkt_note_ifindex(p);
	pkt_pull(p, sizeof(struct udp_header));
	taken = inet_rx_queue(&u->i, p);
	spin_unlock(&s->lock);
	return taken;
}

/* To everybody who listens, a copy each; the last gets the pkt itself. */
static void deliver_many(struct pkt *p, const struct ip_header *ip, const struct udp_header *h)
{
	struct udp_bucket *b = udp_bucket(h->destination);
	struct udp_socket *last = NULL;
	bool group = ip_is_multicast(ip->destination), taken = false;

	spin_lock_bh(&b->lock);
	for (struct udp_socket *u = b->first; u; u = u->next) {
		struct pkt *copy;

		if (!socket_score(u, ip->source, h->source, ip->destination, h->destination, p->netif->index) ||
		    (group && !inet_takes_group(&u->i, ip->destination, p->netif)))
			continue;
		if (last && (copy = pkt_copy(p, 0)) && !socket_queue(last, copy))
			pkt_free(copy);
		last = u;
	}
	if (last) {
		net_count(UDP_IN_DATAGRAMS);
		taken = socket_queue(last, p);
	}
	spin_unlock_bh(&b->lock);
	if (taken || (!last && dhcp_listening && dhcp_input(p, ip)))
		return;
	pkt_free(p);
}

void udp_input(struct pkt *p, struct ip_header *ip)
{
	struct udp_header *h;
	struct udp_bucket *b;
	struct udp_socket *u;
	u32 len;

	if (unlikely(!pkt_need(p, sizeof(*h))))
		goto bad;
	ip = pkt_ip(p);
	h = (struct udp_header *)p->data;
	len = be16_to_cpu(h->length);
	if (unlikely(len != p->len)) {
		if (len < sizeof(*h) || len > p->len)
			goto bad;
		pkt_trim(p, len);
	}
	if (unlikely(p->flags & (PKT_BROADCAST | PKT_MULTICAST))) {
		if (checksum_wrong(p, ip, h))
			goto bad_checksum;
		deliver_many(p, ip, h);
		return;
	}

	b = udp_bucket(h->destination);
	spin_lock_bh(&b->lock);
	u = socket_find(b, ip->source, h->source, ip->destination, h->destination, p->netif->index);
	if (unlikely(!u))
		goto nobody;
	if (unlikely(inet_rx_full(&u->i))) {
		inet_rx_dropped(&u->i);
		net_count(UDP_RCVBUF_ERRORS);
		goto drop;
	}
	if (unlikely(checksum_wrong(p, ip, h))) {
		spin_unlock_bh(&b->lock);
		goto bad_checksum;
	}
	net_count(UDP_IN_DATAGRAMS);
	if (unlikely(!socket_queue(u, p)))
		goto drop;
	spin_unlock_bh(&b->lock);
	return;

drop:
	spin_unlock_bh(&b->lock);
	net_count(UDP_IN_ERRORS);
	pkt_free(p);
	return;
nobody:
	spin_unlock_bh(&b->lock);
	if (checksum_wrong(p, ip, h))
		goto bad_checksum;
	if (dhcp_listening && dhcp_input(p, ip))
		return;
	net_count(UDP_NO_PORTS);
	icmp_send_error(p, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
	pkt_free(p);
	return;
bad_checksum:
	net_count(UDP_IN_CSUM_ERRORS);
bad:
	net_count(UDP_IN_ERRORS);
	pkt_free(p);
}

/* An ICMP error quotes a datagram of ours: its socket learns it if it is connected, or asked to (RFC 1122, 4.1.3.3). */
static void udp_error(const struct ip_error *e)
{
	const struct udp_header *h = (const struct udp_header *)e->payload;
	const struct ip_header *inner = e->inner;
	struct udp_bucket *b;
	struct udp_socket *u;

	if (e->len < sizeof(*h))
		return;
	b = udp_bucket(h->source);
	spin_lock_bh(&b->lock);
	for (u = b->first; u; u = u->next)
		if (u->i.local_port == h->source && (!u->i.local || u->i.local == inner->source) &&
		    (!u->i.remote || (u->i.remote == inner->destination && u->i.remote_port == h->destination)))
			break;
	if (u) {
		if (e->type == ICMP_UNREACHABLE && e->code == ICMP_FRAGMENTATION_NEEDED)
			ip_pmtu_update(inner->destination, e->mtu, be16_to_cpu(inner->length));
		inet_error_arrived(&u->i, e, h->destination, sizeof(*h));
	}
	spin_unlock_bh(&b->lock);
}

void udp_init(void)
{
	static const struct ip_protocol ops = { .input = udp_input, .error = udp_error };

	for (u32 n = 0; n < UDP_BUCKETS; n++)
		spin_init(&udp_table[n].lock, "udp.bucket");
	ip_protocol_register(IPPROTO_UDP_NR, &ops);
}
