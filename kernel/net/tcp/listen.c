/*
 * Listening (RFC 9293, 3.10.7.2 and the SYN-RECEIVED part of 3.10.7.4): SYNs become requests, requests that are
 * acknowledged become connections on the accept queue. input.c calls it with segments, socket_tcp.c with listen and
 * accept, timer.c for SYN-ACKs to be sent again.
 *
 * A request is small and there are at most backlog of them; beyond that cookies serve. All a listener's work is done
 * under its lock. A new connection is complete before it takes its request's place in the table.
 */
#include "base/errno.h"
#include "mm/slab.h"
#include "net/ip_internal.h"
#include "net/neigh.h"
#include "net/tcp/tcp.h"

#define REQUESTS_MIN	128u		/* whatever the backlog: some 200 bytes each */
#define COOKIE_NS	(140 * NSEC_PER_SEC) /* a cookie is not older */

static struct slab_cache *request_slab;

/* ---- listen, accept, close ------------------------------------------------ */

int tcp_listen(struct tcp_conn *c, int backlog)
{
	int err;

	c->backlog = backlog;
	if (c->state == TCPS_LISTEN)
		return 0;
	if (!c->inet.local_port) {
		err = tcp_port_bind(c, 0);
		if (err)
			return err;
	}
	if (!tcp_port_may_listen(c))
		return -EADDRINUSE;
	tcp_set_state(c, TCPS_LISTEN);
	c->inet.s.listening = true;
	tcp_listener_add(c);
	return 0;
}

struct tcp_conn *tcp_accept_pop(struct tcp_conn *l)
{
	struct tcp_conn *c;

	if (list_empty(&l->accept_queue))
		return NULL;
	c = list_first(&l->accept_queue, struct tcp_conn, accept_node);
	list_remove(&c->accept_node);
	l->accept_count--;
	return c;
}

/* Off the listener's list, out of the table. [L] of the listener */
static void request_remove(struct tcp_conn *l, struct tcp_request *r)
{
	if (tcp_entry_remove(&r->e))
		tcp_entry_put(&r->e);
	if (list_empty(&r->node))
		return;
	list_remove(&r->node);
	l->request_count--;
	tcp_entry_put(&r->e);		/* the list's */
}

void tcp_request_free(struct tcp_request *r)
{
	tcp_conn_put(r->listener);
	slab_free(request_slab, r);
}

void tcp_request_drop(struct tcp_request *r)
{
	struct tcp_conn *l = r->listener;

	spin_lock_bh(&l->inet.s.lock);
	request_remove(l, r);
	spin_unlock_bh(&l->inet.s.lock);
}

void tcp_listen_stop(struct tcp_conn *l)
{
	struct list_node orphans;
	struct tcp_conn *c;

	list_init(&orphans);
	spin_lock_bh(&l->inet.s.lock);
	tcp_set_state(l, TCPS_CLOSED);
	l->inet.s.listening = false;
	tcp_listener_remove(l);
	while (!list_empty(&l->requests))
		request_remove(l, list_first(&l->requests, struct tcp_request, node));
	list_splice_back(&orphans, &l->accept_queue);
	l->accept_count = 0;
	tcp_timer_end(l);
	if (l->port)
		tcp_port_release(l);
	tcp_wake_end(l);
	spin_unlock_bh(&l->inet.s.lock);

	/* Nobody will ever take these: their peers are told. */
	while (!list_empty(&orphans)) {
		c = list_first(&orphans, struct tcp_conn, accept_node);
		list_remove(&c->accept_node);
		spin_lock_bh(&c->inet.s.lock);
		c->orphan = true;
		tcp_abort(c, 0);
		spin_unlock_bh(&c->inet.s.lock);
		tcp_conn_put(c);
	}
}

/* ---- SYN-ACKs ------------------------------------------------------------- */

/* The scale that lets the largest buffer be told of. */
u8 tcp_scale_for(u32 size)
{
	u8 scale = 0;

	while (scale < TCP_WSCALE_MAX && 65535u << scale < size)
		scale++;
	return scale;
}

/* [L] of l. The route is kept in l: one peer at a time is the usual case. */
static void synack_send(struct tcp_conn *l, struct tcp_request *r, u64 now)
{
	struct tcp_syn_options o = { .wscale = r->wscale >= 0 ? r->rcv_wscale : -1, .sack = r->sack, .ts = r->ts,
		.ts_value = (u32)(now >> 20) + r->ts_offset, .ts_echo = r->ts_recent };
	struct tcp_reply reply = { .source = r->e.local, .destination = r->e.remote, .source_port = r->e.local_port,
		.destination_port = r->e.remote_port, .seq = r->iss, .ack = r->irs + 1, .flags = TCP_SYN | TCP_ACK,
		.tos = l->inet.tos, .window = MIN(l->inet.s.rcvbuf, 65535u), .syn = &o };

	if (inet_route(&l->inet, r->e.remote, r->e.local, l->inet.s.bound_ifindex))
		return;
	o.mss = tcp_mss_advertised(l);
	r->sent = now;
	tcp_reply_send(&reply, &l->inet.route);
}

static u64 synack_timeout(const struct tcp_request *r)
{
	return TCP_RTO_INITIAL << r->retries;
}

void tcp_requests_timeout(struct tcp_conn *l, u64 now)
{
	struct tcp_request *r, *next;
	u64 first = ~0ull;

	list_for_each_safe(r, next, &l->requests, node) {
		if (r->due <= now) {
			/* Half of the backlog is for the young: old ones go early when it is tight. */
			u32 max = l->request_count > MAX(l->backlog, REQUESTS_MIN) / 2 ? 2 : TCP_SYNACK_RETRIES;

			if (r->retries >= max) {
				tcp_count(TCPC_ATTEMPT_FAILS);
				request_remove(l, r);
				continue;
			}
			r->retries++;
			r->due = now + synack_timeout(r);
			/* Also to one whose ACK came while the accept queue was full: it will send it again. */
			synack_send(l, r, now);
		}
		if (r->due < first)
			first = r->due;
	}
	if (first != ~0ull)
		tcp_timer_start(l, TCP_TIMER_RETRANSMIT, first);
}

/* ---- SYNs ----------------------------------------------------------------- */

static void request_fill(struct tcp_conn *l, struct tcp_request *r, const struct pkt *p, const struct tcp_header *th,
			 const struct tcp_options *o)
{
	const struct ip_header *ip = pkt_ip(p);

	r->e.kind = TCP_REQUEST;
	r->e.refs = 1;
	r->e.remote = ip->source;
	r->e.local = ip->destination;
	r->e.remote_port = th->source;
	r->e.local_port = th->destination;
	r->listener = l;
	r->irs = ntohl(th->seq);
	r->window = ntohs(th->window);
	r->mss = o->mss ? MAX(o->mss, (u16)TCP_MSS_MIN) : TCP_MSS_ASSUMED;
	r->wscale = o->wscale;
	r->rcv_wscale = o->wscale >= 0 ? tcp_scale_for(MAX(tcp_rcvbuf_max, l->inet.s.rcvbuf)) : 0;
	r->sack = o->sack_permitted;
	r->ts = o->has_ts;
	r->ts_recent = o->ts_value;
	r->ts_offset = o->has_ts ? tcp_timestamp_offset(r->e.local, r->e.remote) : 0;
	r->tos = ip->tos;
}

/* The queue is full: answer, and remember nothing. [L] */
static void cookie_send(struct tcp_conn *l, const struct pkt *p, const struct tcp_header *th,
			struct tcp_options *o, u64 now)
{
	struct tcp_request r = { 0 };

	o->wscale = -1;
	o->sack_permitted = o->has_ts = false;
	request_fill(l, &r, p, th, o);
	r.iss = tcp_cookie_make(&r.e, r.irs, &r.mss, now);
	l->cookie_until = now + COOKIE_NS;
	tcp_count(TCPC_COOKIES_SENT);
	synack_send(l, &r, now);
}

/* A SYN for l. [L] */
static void syn_arrives(struct tcp_conn *l, const struct pkt *p, const struct tcp_header *th, u32 hlen)
{
	struct tcp_options o;
	struct tcp_request *r;
	u64 now = clock_ns();

	if (l->accept_count > l->backlog) {
		tcp_count(TCPC_LISTEN_OVERFLOWS);
		return;
	}
	tcp_options_parse((const u8 *)(th + 1), hlen - TCP_HEADER_LEN, &o);
	if (l->request_count >= MAX(l->backlog, REQUESTS_MIN)) {
		cookie_send(l, p, th, &o, now);
		return;
	}
	r = slab_zalloc(request_slab);
	if (!r)
		return;
	request_fill(l, r, p, th, &o);
	r->iss = tcp_initial_seq(r->e.local, r->e.remote, r->e.local_port, r->e.remote_port);
	tcp_conn_get(l);
	if (tcp_entry_insert(&r->e)) {		/* another CPU was first with the same SYN */
		tcp_entry_put(&r->e);
		return;
	}
	list_push_back(&l->requests, &r->node);	/* with the reference that it was made with */
	l->request_count++;
	r->due = now + synack_timeout(r);
	if (!l->due[TCP_TIMER_RETRANSMIT] || r->due < l->due[TCP_TIMER_RETRANSMIT])
		tcp_timer_start(l, TCP_TIMER_RETRANSMIT, r->due);
	synack_send(l, r, now);
}

/* ---- connections ---------------------------------------------------------- */

/* What the new socket has from its listener's. */
static void options_inherit(struct tcp_conn *c, const struct tcp_conn *l)
{
	struct socket *s = tcp_socket(c);
	const struct socket *from = &l->inet.s;

	if (from->rcvbuf != l->rcvbuf_auto)
		s->rcvbuf = from->rcvbuf;
	if (from->sndbuf != l->sndbuf_auto)
		s->sndbuf = from->sndbuf;
	s->rcvlowat = from->rcvlowat;
	s->rcvtimeo = from->rcvtimeo;
	s->sndtimeo = from->sndtimeo;
	s->reuseaddr = from->reuseaddr;
	s->reuseport = from->reuseport;
	s->keepalive = from->keepalive;
	s->linger_on = from->linger_on;
	s->linger_s = from->linger_s;
	s->priority = from->priority;
	s->mark = from->mark;
	s->bound_ifindex = from->bound_ifindex;
	s->owner_uid = from->owner_uid;
	c->inet.tos = l->inet.tos;
	c->inet.ttl = l->inet.ttl;
	c->inet.pmtu_discover = l->inet.pmtu_discover;
	c->nodelay = l->nodelay;
	c->cork = l->cork;
	c->quickack = l->quickack;
	c->mss_user = l->mss_user;
	c->cc = l->cc;
	c->keep_idle = l->keep_idle;
	c->keep_interval = l->keep_interval;
	c->keep_count = l->keep_count;
	c->user_timeout = l->user_timeout;
	c->linger2 = l->linger2;
}

/* A reference more on everything that a route holds. */
static void route_share(struct inet_socket *to, const struct inet_socket *from)
{
	if (!from->route.netif || from->route_destination != to->remote || from->route_source != to->local)
		return;
	to->route = from->route;
	ref_get(&to->route.netif->refs);
	if (to->route.neighbour)
		ref_get(&to->route.neighbour->refs);
	to->route_destination = from->route_destination;
	to->route_source = from->route_source;
	to->route_bound = from->route_bound;
}

/* An established connection as r says. NULL: no memory. [L] of l; c is not shared yet. */
static struct tcp_conn *conn_from_request(struct tcp_conn *l, const struct tcp_request *r, u64 now)
{
	struct tcp_conn *c = tcp_conn_new();

	if (!c)
		return NULL;
	options_inherit(c, l);
	c->e.remote = c->inet.remote = r->e.remote;
	c->e.local = c->inet.local = r->e.local;
	c->e.remote_port = c->inet.remote_port = r->e.remote_port;
	c->e.local_port = c->inet.local_port = r->e.local_port;
	c->irs = r->irs;
	c->rcv_nxt = c->rcv_acked = c->copied = c->tune_from = r->irs + 1;
	c->rcv_edge = c->rcv_nxt + MIN(l->inet.s.rcvbuf, 65535u);
	c->iss = r->iss;
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_small = c->recover = r->iss + 1;
	c->mss_peer = r->mss;
	c->wscale_ok = r->wscale >= 0;
	c->snd_wscale = c->wscale_ok ? r->wscale : 0;
	c->rcv_wscale = r->rcv_wscale;
	c->sack_ok = r->sack;
	c->ts_ok = r->ts;
	c->ts_recent = r->ts_recent;
	c->ts_recent_at = now;
	c->ts_offset = r->ts_offset;
	c->snd_wl1 = r->irs;
	c->snd_wl2 = c->snd_una;
	c->snd_wnd = c->snd_wnd_max = r->window;
	c->last_received = now;
	if (r->sent && !r->retries)
		tcp_rtt_sample(c, now - r->sent);
	route_share(&c->inet, &l->inet);
	tcp_mss_update(c);
	tcp_conn_prepare(c);
	tcp_cc_init(c);
	if (r->retries)
		c->cwnd = c->mss;	/* RFC 5681, 3.1 */
	c->was_connected = true;
	tcp_set_state(c, TCPS_ESTABLISHED);
	return c;
}

/* c, made and in the table, waits for accept; the queue gets the caller's reference. [L] of l */
static void accept_push(struct tcp_conn *l, struct tcp_conn *c)
{
	tcp_count(TCPC_PASSIVE_OPENS);
	list_push_back(&l->accept_queue, &c->accept_node);
	l->accept_count++;
	tcp_wake_in(l);
}

/* The segment that made the connection may bring text or a FIN. Takes p. */
static void conn_first_segment(struct tcp_conn *c, struct pkt *p, struct tcp_header *th, u32 hlen)
{
	spin_lock(&c->inet.s.lock);
	if (c->inet.s.keepalive)
		tcp_keepalive_set(c);
	tcp_segment_arrives(c, p, th, hlen);
	spin_unlock(&c->inet.s.lock);
	tcp_conn_put(c);
}


/* Not the ACK that we wait for, but in the connection's numbers: tell the peer where we are. */
static void request_ack(const struct tcp_request *r, u64 now)
{
	struct tcp_reply reply = { .source = r->e.local, .destination = r->e.remote, .source_port = r->e.local_port,
		.destination_port = r->e.remote_port, .seq = r->iss + 1, .ack = r->irs + 1, .flags = TCP_ACK,
		.ts = r->ts, .ts_value = (u32)(now >> 20) + r->ts_offset, .ts_echo = r->ts_recent };

	tcp_reply_send(&reply, NULL);
}

/*
 * The steps of RFC 9293, 3.10.7.4 for SYN-RECEIVED. True: the handshake is done. What else there is to do has been
 * done. [L] of l
 */
static bool request_check(struct tcp_conn *l, struct tcp_request *r, const struct pkt *p, const struct tcp_header *th,
			  u32 hlen, u64 now)
{
	u32 seq = ntohl(th->seq), window = MIN(l->inet.s.rcvbuf, 65535u);
	struct tcp_options o;

	tcp_options_parse((const u8 *)(th + 1), hlen - TCP_HEADER_LEN, &o);
	if ((th->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && seq == r->irs) {
		synack_send(l, r, now);		/* the peer did not get it */
		return false;
	}
	if (seq - (r->irs + 1) >= window ||
	    (r->ts && o.has_ts && seq_lt(o.ts_value, r->ts_recent) && !(th->flags & TCP_RST))) {
		if (!(th->flags & TCP_RST) && now >= r->sent + NSEC_PER_SEC / 2)
			request_ack(r, now);
		return false;
	}
	if (th->flags & TCP_RST) {
		if (seq == r->irs + 1) {
			tcp_count(TCPC_ATTEMPT_FAILS);
			request_remove(l, r);
		}
		return false;
	}
	if (th->flags & TCP_SYN || !(th->flags & TCP_ACK))
		return false;
	if (ntohl(th->ack) != r->iss + 1) {
		tcp_reply_reset(p, th, hlen);
		return false;
	}
	if (r->ts && o.has_ts && seq == r->irs + 1)
		r->ts_recent = o.ts_value;
	/* TCP_DEFER_ACCEPT: a bare ACK does not count, until that has lasted long enough. */
	if (l->defer_accept > r->retries && p->len == hlen && !(th->flags & TCP_FIN))
		return false;
	return true;
}

void tcp_request_input(struct tcp_request *r, struct pkt *p, struct tcp_header *th, u32 hlen)
{
	struct tcp_conn *l = r->listener, *c = NULL;
	u64 now = clock_ns();

	spin_lock(&l->inet.s.lock);
	if (l->state != TCPS_LISTEN || !r->e.hashed || !request_check(l, r, p, th, hlen, now))
		goto out;
	/*
	 * Whose SYN was taken is not turned away now: its peer believes in the connection and would only find out by
	 * timeouts that double. SYNs are what a full accept queue refuses, so this exceeds it by the requests at most.
	 */
	c = conn_from_request(l, r, now);
	if (!c)
		goto out;
	tcp_port_share(c, l);
	tcp_conn_get(c);			/* for us, below */
	tcp_entry_replace(&r->e, &c->e);	/* hashed: only a holder of l's lock takes it out */
	tcp_entry_put(&r->e);
	list_remove(&r->node);
	l->request_count--;
	tcp_entry_put(&r->e);
	accept_push(l, c);
out:
	spin_unlock(&l->inet.s.lock);
	if (c)
		conn_first_segment(c, p, th, hlen);
	else
		pkt_free(p);
}

/*
 * An ACK for no connection, while cookies are out: false if it is none of theirs. *made: the connection, with a
 * reference for the caller; NULL when there is no room for it now: the peer sends its text again, and that is as good.
 * [L] of l
 */
static bool cookie_arrives(struct tcp_conn *l, const struct pkt *p, const struct tcp_header *th, u64 now,
			   struct tcp_conn **made)
{
	struct tcp_options o = { .wscale = -1 };
	struct tcp_request r = { 0 };
	struct tcp_conn *c;

	request_fill(l, &r, p, th, &o);
	r.irs = ntohl(th->seq) - 1;
	r.iss = ntohl(th->ack) - 1;
	r.mss = tcp_cookie_check(&r.e, r.irs, r.iss, now);
	if (!r.mss)
		return false;
	/* As above, but nothing remembers how many cookies are out. */
	if (l->accept_count > MAX(l->backlog, REQUESTS_MIN)) {
		tcp_count(TCPC_LISTEN_OVERFLOWS);
		return true;
	}
	tcp_count(TCPC_COOKIES_RECEIVED);
	if (inet_route(&l->inet, r.e.remote, r.e.local, l->inet.s.bound_ifindex))
		return true;
	c = conn_from_request(l, &r, now);
	if (!c)
		return true;
	tcp_port_share(c, l);
	tcp_conn_get(c);
	if (tcp_entry_insert(&c->e)) {
		tcp_done(c, 0);
		tcp_conn_put(c);
		tcp_conn_put(c);
		return true;
	}
	accept_push(l, c);
	*made = c;
	return true;
}

void tcp_listener_input(struct tcp_conn *l, struct pkt *p, struct tcp_header *th, u32 hlen)
{
	struct tcp_conn *c = NULL;
	u64 now = clock_ns();

	spin_lock(&l->inet.s.lock);
	if (l->state != TCPS_LISTEN) {
		tcp_reply_reset(p, th, hlen);
	} else if (th->flags & TCP_ACK) {
		if (now >= l->cookie_until || th->flags & TCP_SYN || !cookie_arrives(l, p, th, now, &c))
			tcp_reply_reset(p, th, hlen);
	} else if ((th->flags & (TCP_SYN | TCP_FIN)) == TCP_SYN) {
		syn_arrives(l, p, th, hlen);
	}
	spin_unlock(&l->inet.s.lock);
	if (c)
		conn_first_segment(c, p, th, hlen);
	else
		pkt_free(p);
}

void tcp_listen_init(void)
{
	request_slab = slab_cache_create("tcp.request", sizeof(struct tcp_request), 0);
	tcp_cookie_init();
}
