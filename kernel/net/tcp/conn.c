/*
 * The life of connections: making and freeing them, their state, their route, and their end. table.c finds them;
 * the other files of TCP call in here.
 *
 * References: the program's file holds one, the table one, an accept queue one, an armed timer one, a
 * queued end-of-batch call one. tcp_done makes table and timer let go; the last one out frees.
 */
#include "base/errno.h"
#include "base/string.h"
#include "dev/device.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/ip_internal.h"
#include "net/neigh.h"
#include "net/tcp/tcp.h"

static struct slab_cache *conn_slab;
DEFINE_PERCPU(struct tcp_counters, tcp_counters);
u32 tcp_established;
u32 tcp_rcvbuf_max;

u64 tcp_counter_sum(enum tcp_counter n)
{
	u64 sum = 0;

	for (u32 cpu = 0; cpu < cpus_present; cpu++)
		sum += per_cpu(tcp_counters, cpu)->v[n];
	return sum;
}

/* ---- making and freeing --------------------------------------------------- */

static void deferred_run(struct net_deferred *d)
{
	struct tcp_conn *c = container_of(d, struct tcp_conn, deferred);

	spin_lock_bh(&c->inet.s.lock);
	if (c->rcv_nxt - c->rcv_acked >= 2 * c->rcv_mss || c->ack_now) {
		if (c->state != TCPS_CLOSED)
			tcp_send_ack(c);
		c->ack_now = false;
	}
	if (c->wake_pending) {
		c->wake_pending = false;
		tcp_wake_in(c);
	}
	spin_unlock_bh(&c->inet.s.lock);
	tcp_conn_put(c);
}

struct tcp_conn *tcp_conn_new(void)
{
	struct tcp_conn *c = slab_zalloc(conn_slab);

	if (unlikely(!c))
		return NULL;
	/* The type is SOCK_STREAM (1), the protocol TCP: numbers of the ABI that only the socket's files name. */
	inet_socket_init(&c->inet, 1, IPPROTO_TCP_NR, &tcp_socket_ops, NULL);
	c->inet.s.rcvbuf = c->rcvbuf_auto = TCP_RCVBUF_START;
	c->inet.s.sndbuf = c->sndbuf_auto = TCP_SNDBUF_START;
	c->e.refs = 1;
	c->e.kind = TCP_CONN;
	c->state = TCPS_CLOSED;
	c->slow = SLOW_STATE;
	c->rcv_mss = c->mss = c->mss_peer = TCP_MSS_ASSUMED;
	c->ssthresh = ~0u;
	c->rto = TCP_RTO_INITIAL;
	c->rtt_min = ~0ull;
	c->cc = tcp_cc_default;
	c->keep_idle = 7200 * NSEC_PER_SEC;
	c->keep_interval = 75 * NSEC_PER_SEC;
	c->keep_count = 9;
	c->syn_retries = TCP_SYN_RETRIES;
	c->linger2 = TCP_MSL2_NS;
	c->deferred.fn = deferred_run;
	tcp_timer_init(c);
	list_init(&c->port_node);
	list_init(&c->listen_node);
	list_init(&c->requests);
	list_init(&c->accept_queue);
	list_init(&c->accept_node);
	mutex_init(&c->rx_mutex, "tcp.reader");
	mutex_init(&c->tx_mutex, "tcp.writer");
	return c;
}

static void chain_free(struct pkt *p)
{
	while (p) {
		struct pkt *next = p->next;

		pkt_free(p);
		p = next;
	}
}

/* The last reference is gone: nobody else sees it. */
void tcp_conn_free(struct tcp_conn *c)
{
	tcp_queue_purge(c);
	tcp_reass_purge(c);
	chain_free(c->rx_head);
	chain_free(c->own_head);
	route_release(&c->inet.route);
	slab_free(conn_slab, c);
}

void tcp_entry_put(struct tcp_entry *e)
{
	if (likely(!ref_put(&e->refs)))
		return;
	switch (e->kind) {
	case TCP_CONN:
		tcp_conn_free(container_of(e, struct tcp_conn, e));
		break;
	case TCP_REQUEST:
		tcp_request_free(container_of(e, struct tcp_request, e));
		break;
	case TCP_TIMEWAIT:
		tcp_timewait_free(container_of(e, struct tcp_timewait, e));
		break;
	}
}

/* ---- state ---------------------------------------------------------------- */

void tcp_set_state(struct tcp_conn *c, u8 state)
{
	bool was = tcp_state_in(c, STATES_CAN_SEND), is = STATE_BIT(state) & STATES_CAN_SEND;

	if (was != is)
		atomic_add_relaxed(&tcp_established, is ? 1 : -1u);
	WRITE_ONCE(c->state, state);
	if (state == TCPS_ESTABLISHED)
		c->slow &= ~SLOW_STATE;
	else
		c->slow |= SLOW_STATE;
}

void tcp_conn_prepare(struct tcp_conn *c)
{
	struct inet_socket *i = &c->inet;

	c->out_ports = (u32)i->remote_port << 16 | i->local_port;
	c->pseudo = cksum_pseudo(i->local, i->remote, IPPROTO_TCP_NR, 0);
	c->ip = (struct ip_output_args){ .source = i->local, .destination = i->remote, .protocol = IPPROTO_TCP_NR,
		.tos = i->tos, .ttl = i->ttl ? i->ttl : IP_DEFAULT_TTL, .dont_fragment = true };
	c->predict = (c->ts_ok ? (TCP_HEADER_LEN + TCP_TS_LEN) * 4 : TCP_HEADER_LEN * 4) | TCP_ACK << 8;
}

void tcp_done(struct tcp_conn *c, int error)
{
	struct socket *s = tcp_socket(c);

	if (c->state == TCPS_CLOSED && !c->e.hashed && !c->port)
		return;
	tcp_set_state(c, TCPS_CLOSED);
	tcp_queue_purge(c);
	tcp_reass_purge(c);
	c->snd_una = c->snd_nxt = c->snd_end;
	tcp_timer_end(c);
	if (c->port)
		tcp_port_release(c);
	if (tcp_entry_remove(&c->e))
		tcp_conn_put(c);	/* not the last: the caller has one */
	if (error)
		s->error = error;
	s->shut_write = true;
	atomic_store(&s->shut_read, true);
	tcp_wake_end(c);
}

void tcp_abort(struct tcp_conn *c, int error)
{
	if (tcp_state_in(c, STATES_CAN_SEND | STATES_CAN_RECV | STATE_BIT(TCPS_SYN_RECEIVED) |
			 STATE_BIT(TCPS_CLOSING) | STATE_BIT(TCPS_LAST_ACK)))
		tcp_send_reset(c);
	tcp_done(c, error);
}

void tcp_conn_renew(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);

	s->shut_read = s->shut_write = false;
	c->inet.local_port = c->inet.remote_port = 0;
	c->inet.remote = 0;
	c->was_connected = c->connecting = c->rcv_closed = false;
	c->fin_queued = c->fin_wanted = c->more = false;
	c->slow = SLOW_STATE;
	c->ca = TCP_CA_OPEN;
	c->retries = c->keep_probes = c->total_retrans = 0;
	c->srtt = c->rttvar = c->last_sent = c->rack_sent = 0;
	c->rtt_min = ~0ull;
	c->rto = TCP_RTO_INITIAL;
	c->soft_error = 0;
	c->snd_wnd = c->snd_wnd_max = 0;
	c->rcv_mss = c->mss_peer = TCP_MSS_ASSUMED;
	c->ts_ok = c->sack_ok = c->wscale_ok = false;
	c->snd_wscale = c->rcv_wscale = 0;
}

int tcp_connect(struct tcp_conn *c)
{
	struct inet_socket *i = &c->inet;
	struct pkt *syn = pkt_alloc(PKT_HEADROOM);
	int err;

	if (!syn)
		return -ENOBUFS;
	err = tcp_port_connect(c);
	if (err) {
		pkt_free(syn);
		return err;
	}
	tcp_count(TCPC_ACTIVE_OPENS);
	c->iss = tcp_initial_seq(i->local, i->remote, i->local_port, i->remote_port);
	c->ts_offset = tcp_timestamp_offset(i->local, i->remote);
	c->snd_una = c->snd_nxt = c->snd_end = c->snd_small = c->recover = c->iss;
	c->rcv_nxt = c->rcv_edge = c->copied = c->irs = 0;
	c->rcv_wscale = tcp_scale_for(MAX(tcp_rcvbuf_max, i->s.rcvbuf));
	tcp_mss_update(c);
	tcp_conn_prepare(c);
	tcp_set_state(c, TCPS_SYN_SENT);
	c->connecting = true;
	tcp_tx(syn)->csum_valid = false;
	tcp_queue(c, syn, TCP_SYN);
	tcp_output(c);
	return 0;
}

/* ---- memory --------------------------------------------------------------- */

bool tcp_memory_low(void)
{
	static u32 calls;		/* torn and lost counts do no harm */
	static bool low;

	if (!(calls++ & 15)) {
		struct page_counts n;

		page_counts_get(&n);
		low = n.free < n.managed / 16;
	}
	return low;
}

/* ---- route and segment size ----------------------------------------------- */

u16 tcp_mss_advertised(const struct tcp_conn *c)
{
	u32 mtu = c->inet.route.netif ? c->inet.route.mtu : TCP_MSS_ASSUMED + 40;
	u32 mss = MAX(mtu, TCP_MSS_MIN + 40) - sizeof(struct ip_header) - TCP_HEADER_LEN;

	if (c->mss_user && c->mss_user < mss)
		mss = c->mss_user;
	return MIN(mss, 65495u);
}

void tcp_mss_update(struct tcp_conn *c)
{
	const struct ip_route *r = &c->inet.route;
	u32 mtu = r->netif ? ip_path_mtu(r, c->inet.remote) : TCP_MSS_ASSUMED + 40;
	u32 mss = MIN(mtu - sizeof(struct ip_header) - TCP_HEADER_LEN, (u32)c->mss_peer);

	if (c->mss_user && c->mss_user < mss)
		mss = c->mss_user;
	if (c->ts_ok)
		mss -= TCP_TS_LEN;	/* RFC 6691: options are taken off what was announced */
	mss = MIN(mss, TCP_SEGMENT_MAX);
	c->mss = MAX(mss, TCP_MSS_MIN - TCP_TS_LEN);
	c->csum_offload = r->netif && r->netif->features & NETIF_F_CSUM;
	c->tso_parts = c->csum_offload ? MIN(r->netif->tso_parts, (65535u - 120) / TCP_SEGMENT_MAX) : 0;
}

int tcp_route_slow(struct tcp_conn *c)
{
	int err = inet_route(&c->inet, c->inet.remote, c->inet.local, c->inet.s.bound_ifindex);

	if (!err)
		tcp_mss_update(c);
	return err;
}

/* ---- errors from the network ---------------------------------------------- */

/* RFC 1191, 6.4: the segment that did not fit is among those not acknowledged; send it again in pieces. [L] */
static void mtu_lowered(struct tcp_conn *c, u32 seq, u32 mtu, u32 size)
{
	u32 before = c->mss;

	if (c->inet.pmtu_discover == 0 || !seq_between(seq, c->snd_una, c->snd_nxt) ||
	    !ip_pmtu_update(c->inet.remote, mtu, size))
		return;
	if (tcp_route(c))
		return;
	tcp_mss_update(c);
	if (c->mss >= before)
		return;
	for (struct pkt *p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);

		if (t->len > c->mss && !(t->state & (TX_SACKED | TX_LOST))) {
			if (t->state & TX_RETRANSMITTED)
				c->retrans -= tcp_tx_end(t) - t->seq;
			t->state = (t->state & ~TX_RETRANSMITTED) | TX_LOST;
			c->lost += tcp_tx_end(t) - t->seq;
		}
	}
	/* Not a sign of congestion: the window stays. */
	tcp_retransmit_lost(c, clock_ns());
}

/* RFC 1122, 4.2.3.9; RFC 5927: only what quotes a sequence number in the window is believed. [L] */
static void error_arrived(struct tcp_conn *c, u8 type, u8 code, u32 mtu, u32 seq, u32 size)
{
	bool fatal;
	int err;

	if (c->state == TCPS_CLOSED || c->state == TCPS_LISTEN || !seq_between(seq, c->snd_una, c->snd_nxt))
		return;
	if (type == 3 && code == 4) {
		mtu_lowered(c, seq, mtu, size);
		return;
	}
	err = icmp_error_errno(type, code, &fatal);
	if (!err)
		return;
	if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED) {
		tcp_count(TCPC_ATTEMPT_FAILS);
		tcp_done(c, err);
	} else if (c->inet.recverr && fatal) {
		c->inet.s.error = err;
		tcp_wake_end(c);
	} else {
		c->soft_error = err;
	}
}

void tcp_error(const struct ip_error *error)
{
	const struct tcp_header *th = (const struct tcp_header *)error->payload;
	const struct ip_header *inner = error->inner;
	u64 addresses = inner->destination | (u64)inner->source << 32;
	u8 type = error->type, code = error->code;
	struct tcp_entry *e;
	u32 seq;

	if (error->len < 8 || (type != 3 && type != 11 && type != 12))
		return;
	seq = ntohl(th->seq);
	e = tcp_entry_find(addresses, th->destination | (u32)th->source << 16);
	if (!e)
		return;
	if (e->kind == TCP_CONN) {
		struct tcp_conn *c = container_of(e, struct tcp_conn, e);

		spin_lock_bh(&c->inet.s.lock);
		error_arrived(c, type, code, error->mtu, seq, ntohs(inner->length));
		spin_unlock_bh(&c->inet.s.lock);
	} else if (e->kind == TCP_REQUEST && type == 3 && code != 4) {
		struct tcp_request *r = container_of(e, struct tcp_request, e);

		if (seq == r->iss)
			tcp_request_drop(r);
	}
	tcp_entry_put(e);
}

int tcp_init(void)
{
	static const struct ip_protocol protocol = { .input = tcp_input, .error = tcp_error };
	struct page_counts n;

	page_counts_get(&n);
	/* An eighth of memory in six of them at most: 6 MiB on a machine of 512. */
	tcp_rcvbuf_max = MIN(MAX(n.managed * PAGE_SIZE / 64, (u64)TCP_RCVBUF_START), (u64)6 << 20);
	conn_slab = slab_cache_create("tcp", sizeof(struct tcp_conn), 0);
	tcp_table_init();
	tcp_bind_init();
	tcp_listen_init();
	tcp_timewait_init();
	ip_protocol_register(IPPROTO_TCP_NR, &protocol);
	socket_tcp_init();
	return 0;
}
INIT(tcp, INIT_NET, tcp_init);
