/*
 * Sending (RFC 9293, 3.8): what may go now, the header in front of it, and out by ip_output. The socket calls it after
 * a write, ack.c and process.c after a segment, timer.c when time has passed.
 *
 * The send queue is a list of packets of at most one segment each, from tx_head (oldest not acknowledged) over tx_next
 * (first never sent) to tx_tail. Where the text of a packet lies is in its notes; what is in front of it is room for
 * headers, written anew at each transmission. A packet is given to the device with a reference of its own; while the
 * device still has it, the room is the device's (PKT_OWN_HEADROOM), only the notes may change, and a retransmission is
 * a copy.
 *
 * To a card that cuts large packets into segments itself, full segments that may go together are given together: the
 * packets of the queue become the pieces of one (PKT_GATHER), with the headers in front of the first.
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/ip_internal.h"
#include "net/tcp/tcp.h"

/* ---- windows of the receiver ---------------------------------------------- */

/* Bytes that may still be accepted. */
u32 tcp_window_space(const struct tcp_conn *c)
{
	u32 unread = c->rcv_nxt - READ_ONCE(c->copied), size = c->inet.s.rcvbuf;

	return unread < size ? size - unread : 0;
}

/*
 * The right edge never moves back (RFC 9293, 3.8.6.2.1), and forward by a segment or half the buffer at
 * least (3.8.6.2.2), so that no peer sends crumbs.
 */
u32 tcp_window(struct tcp_conn *c)
{
	u32 space = tcp_window_space(c), left = c->rcv_edge - c->rcv_nxt;
	u32 max = 65535u << c->rcv_wscale;

	if (space > max)
		space = max;
	if (space > left && space - left >= MIN(c->inet.s.rcvbuf / 2, c->rcv_mss)) {
		left = space;
		c->rcv_edge = c->rcv_nxt + space;
	}
	return left;
}

/* ---- headers -------------------------------------------------------------- */

/*
 * A header with timestamps, if they are used, in front of p's text; checksum finished or left to the card. The text's
 * partial sum is given. What the segment acknowledges is noted.
 */
static always_inline void header_push(struct tcp_conn *c, struct pkt *p, u32 seq, u8 flags, u64 text_sum, u64 now)
{
	u32 window = tcp_window(c) >> c->rcv_wscale, len = TCP_HEADER_LEN;
	u32 *w;
	u64 sum;

	if (c->ts_ok) {
		len += TCP_TS_LEN;
		w = pkt_push(p, len);
		w[5] = htonl(0x0101080a);
		w[6] = htonl(tcp_ts_now(c, now));
		w[7] = htonl(c->ts_recent);
	} else {
		w = pkt_push(p, len);
	}
	w[0] = c->out_ports;
	w[1] = htonl(seq);
	w[2] = htonl(c->rcv_nxt);
	w[3] = len << 2 | flags << 8 | (u32)htons(window) << 16;
	sum = c->pseudo + (p->len << 8);
	if (c->csum_offload) {
		w[4] = cksum_fold_raw(sum);
		p->flags = PKT_CSUM_PARTIAL | PKT_OWN_HEADROOM;
		p->csum_start = 0;
		p->csum_offset = offsetof(struct tcp_header, checksum);
	} else {
		sum += (u64)w[0] + w[1] + w[2] + w[3];
		if (c->ts_ok)
			sum += (u64)w[5] + w[6] + w[7];
		p->flags = PKT_OWN_HEADROOM;
		w[4] = cksum_fold(cksum_join(sum, text_sum));
	}
	c->rcv_acked = c->rcv_nxt;
	c->ack_now = false;
	tcp_timer_stop(c, TCP_TIMER_DELACK);
	tcp_count(TCPC_OUT_SEGS);
}

/* The checksum over whatever header and text lie at data. */
static void checksum_write(struct tcp_conn *c, struct pkt *p)
{
	struct tcp_header *th = (struct tcp_header *)p->data;

	th->checksum = 0;
	th->checksum = cksum_fold(cksum_join(c->pseudo + (p->len << 8), pkt_cksum(p, 0, p->len, 0)));
}

/* A SYN, alone or with an ACK (simultaneous open): its options say what we can. */
static void syn_push(struct tcp_conn *c, struct pkt *p, const struct tcp_tx *t, u64 now)
{
	bool first = c->state == TCPS_SYN_SENT;
	u32 window = MIN(tcp_window_space(c), 65535u);
	struct tcp_syn_options o = {
		.mss = tcp_mss_advertised(c), .wscale = first || c->wscale_ok ? c->rcv_wscale : -1,
		.sack = first || c->sack_ok, .ts = first || c->ts_ok,
		.ts_value = tcp_ts_now(c, now), .ts_echo = first ? 0 : c->ts_recent,
	};
	u8 options[40];
	u32 n = tcp_options_syn(options, &o);
	struct tcp_header *th;

	memcpy(pkt_push(p, n), options, n);
	th = pkt_push(p, TCP_HEADER_LEN);
	th->source = c->inet.local_port;
	th->destination = c->inet.remote_port;
	th->seq = htonl(t->seq);
	th->ack = first ? 0 : htonl(c->rcv_nxt);
	th->offset = (TCP_HEADER_LEN + n) << 2;
	th->flags = TCP_SYN | (first ? 0 : TCP_ACK);
	th->window = htons(window);
	th->urgent = 0;
	p->flags = 0;
	checksum_write(c, p);
	c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt + window);
	tcp_count(TCPC_OUT_SEGS);
}

/* ---- one segment ---------------------------------------------------------- */

static u64 text_sum(struct pkt *p, struct tcp_tx *t)
{
	if (!t->csum_valid) {
		u64 sum = cksum_add(0, tcp_tx_text(p), t->len);

		sum = (sum >> 32) + (u32)sum;
		t->csum = (u32)(sum + (sum >> 32));
		t->csum_valid = true;
	}
	return t->csum;
}

/* The device has it still: its headers must stay as they are. Only the text is copied. */
static struct pkt *text_copy(struct pkt *p, const struct tcp_tx *t)
{
	struct pkt *copy = pkt_alloc(PKT_HEADROOM);

	if (copy)
		memcpy(pkt_put(copy, t->len), tcp_tx_text(p), t->len);
	return copy;
}

/* Nobody but the queue holds p: a reference of it for the device, which is to see its text. [L] */
static always_inline void device_hold(struct pkt *p, const struct tcp_tx *t)
{
	p->refs = 2;		/* we are the only holder: nobody else can be counting */
	p->data = tcp_tx_text(p);
	p->tail = p->data + t->len;
	p->len = t->len;
}

/*
 * Send the segments from first to last, which were never sent, are held by nobody else, and all but the last full, as
 * one: 0 or -errno. [L]
 */
static noinline int transmit_together(struct tcp_conn *c, struct pkt *first, struct pkt *last, u64 now)
{
	struct tcp_tx *t = tcp_tx(first);
	u32 bytes = 0, count = 0;
	int err = tcp_route(c);

	if (unlikely(err)) {
		c->soft_error = -err;
		return err;
	}
	for (struct pkt *p = first;; p = t->next) {
		t = tcp_tx(p);
		device_hold(p, t);
		t->sent = now;
		bytes += t->len;
		count++;
		if (p == last)
			break;
		p->frag = t->next;
	}
	c->last_sent = now;
	first->len = bytes;
	header_push(c, first, tcp_tx(first)->seq, TCP_ACK | t->flags, 0, now);
	first->flags |= PKT_GSO_TCP4 | PKT_GATHER;
	first->gso_size = c->mss;
	this_cpu(tcp_counters)->v[TCPC_OUT_SEGS] += count - 1;
	return ip_output(first, &c->inet.route, &c->ip);
}

/* Send a packet of the queue, again or for the first time: 0 or -errno. [L] */
int tcp_transmit(struct tcp_conn *c, struct pkt *p, u64 now)
{
	struct tcp_tx *t = tcp_tx(p);
	struct pkt *out = p;
	int err = tcp_route(c);

	if (unlikely(err)) {
		c->soft_error = -err;
		return err;
	}
	if (unlikely(pkt_shared(p))) {
		out = text_copy(p, t);
		if (!out)
			return -ENOBUFS;
	} else {
		device_hold(p, t);
	}
	t->sent = now;
	c->last_sent = now;
	if (unlikely(t->flags & TCP_SYN))
		syn_push(c, out, t, now);
	else
		header_push(c, out, t->seq, TCP_ACK | t->flags, c->csum_offload ? 0 : text_sum(p, t), now);
	return ip_output(out, &c->inet.route, &c->ip);
}

/* ---- segments without text ------------------------------------------------ */

/* At seq, as flags say. [L] */
static void bare_send(struct tcp_conn *c, u32 seq, u8 flags)
{
	u64 now = clock_ns();
	struct pkt *p;

	if (unlikely(tcp_route(c)))
		return;
	p = pkt_alloc(PKT_HEADROOM);
	if (unlikely(!p)) {
		if (!(flags & TCP_RST))
			tcp_timer_start(c, TCP_TIMER_DELACK, now + TCP_DELACK_NS);
		return;
	}
	if (unlikely(c->sack_count)) {
		u32 n = tcp_options_ack_len(c);
		u8 *options = pkt_push(p, n);
		struct tcp_header *th = pkt_push(p, TCP_HEADER_LEN);

		tcp_options_ack(options, c, now);
		th->source = c->inet.local_port;
		th->destination = c->inet.remote_port;
		th->seq = htonl(seq);
		th->ack = htonl(c->rcv_nxt);
		th->offset = (TCP_HEADER_LEN + n) << 2;
		th->flags = flags;
		th->window = htons(tcp_window(c) >> c->rcv_wscale);
		th->urgent = 0;
		checksum_write(c, p);
		c->rcv_acked = c->rcv_nxt;
		c->ack_now = false;
		tcp_timer_stop(c, TCP_TIMER_DELACK);
		tcp_count(TCPC_OUT_SEGS);
	} else {
		header_push(c, p, seq, flags, 0, now);
	}
	ip_output(p, &c->inet.route, &c->ip);
}

void tcp_send_ack(struct tcp_conn *c)
{
	bare_send(c, c->snd_nxt, TCP_ACK);
}

void tcp_send_probe(struct tcp_conn *c, u32 seq)
{
	bare_send(c, seq, TCP_ACK);	/* not acceptable: the peer must answer */
}

void tcp_send_reset(struct tcp_conn *c)
{
	tcp_count(TCPC_OUT_RSTS);
	tcp_count(TCPC_ESTAB_RESETS);
	bare_send(c, c->snd_nxt, TCP_RST | TCP_ACK);
}

bool tcp_defer(struct tcp_conn *c)
{
	if (c->deferred.queued)
		return true;
	tcp_conn_get(c);
	if (likely(net_defer(&c->deferred)))
		return true;
	tcp_conn_put(c);		/* not the last: our caller has one */
	return false;
}

void tcp_ack_soon(struct tcp_conn *c)
{
	if (unlikely(!tcp_defer(c)))
		tcp_send_ack(c);
}

void tcp_challenge_ack(struct tcp_conn *c, u64 now)
{
	if (now < c->limit_at)
		return;
	c->limit_at = now + NSEC_PER_SEC / 2;
	tcp_count(TCPC_CHALLENGE_ACKS);
	tcp_send_ack(c);
}

/* ---- the queue ------------------------------------------------------------ */

void tcp_queue(struct tcp_conn *c, struct pkt *p, u8 flags)
{
	struct tcp_tx *t = tcp_tx(p);

	t->next = NULL;
	t->seq = c->snd_end;
	t->len = p->len;
	t->start = p->data - p->buf;
	t->flags = flags;
	t->state = 0;
	t->sent = 0;
	c->snd_end = tcp_tx_end(t);
	if (c->tx_tail)
		tcp_tx(c->tx_tail)->next = p;
	else
		c->tx_head = p;
	c->tx_tail = p;
	if (!c->tx_next)
		c->tx_next = p;
	c->tx_mem += PKT_TRUESIZE;
}

void tcp_queue_purge(struct tcp_conn *c)
{
	struct pkt *p;

	while ((p = c->tx_head)) {
		c->tx_head = tcp_tx(p)->next;
		if (p != c->tx_fill)		/* that one is its writer's now */
			pkt_drop(p);
	}
	c->tx_tail = c->tx_next = c->tx_fill = NULL;
	c->tx_mem = 0;
	c->sacked = c->lost = c->retrans = 0;
	c->fin_wanted = false;
}

/* p, longer than n, becomes two: 0 or -ENOMEM. Marks and counts stay right. [L] */
static int segment_split(struct tcp_conn *c, struct pkt *p, u32 n)
{
	struct tcp_tx *t = tcp_tx(p), *rt;
	u32 more = t->len - n;
	struct pkt *rest = pkt_alloc(PKT_HEADROOM);

	if (!rest)
		return -ENOMEM;
	memcpy(pkt_put(rest, more), tcp_tx_text(p) + n, more);
	rt = tcp_tx(rest);
	*rt = *t;
	rt->seq = t->seq + n;
	rt->len = more;
	rt->start = PKT_HEADROOM;
	rt->csum_valid = t->csum_valid = false;
	t->len = n;
	t->flags &= ~(TCP_FIN | TCP_PSH);
	t->next = rest;
	if (c->tx_tail == p)
		c->tx_tail = rest;
	c->tx_mem += PKT_TRUESIZE;
	return 0;
}

/* ---- what may go ---------------------------------------------------------- */

/*
 * Nagle (RFC 1122, 4.2.3.4) with Minshall's amendment: a segment that is not full waits only while another such one
 * is not acknowledged, so that the end of a long write need not wait.
 */
static inline bool nagle_holds(const struct tcp_conn *c, const struct pkt *p, const struct tcp_tx *t)
{
	if (t->flags & (TCP_FIN | TCP_SYN) || p != c->tx_tail)
		return false;
	if (unlikely(c->cork || c->more))
		return true;
	return !c->nodelay && seq_gt(c->snd_small, c->snd_una) && seq_le(c->snd_small, c->snd_nxt);
}

/* The segment at tx_next does not fit into the peer's window: send a part that is worth it? (3.8.6.2.1) */
static bool window_part(struct tcp_conn *c, struct pkt *p, struct tcp_tx *t, u32 room, bool all)
{
	if ((s32)room <= 0)
		return false;
	if (room < c->mss && room < c->snd_wnd_max / 2 && !(all && c->snd_una == c->snd_nxt))
		return false;
	return !segment_split(c, p, room);
}

/*
 * p, a full segment, may go: the last of those behind it that may go with it, as one packet. Only the last may be
 * short. flight: with p. [L]
 */
static noinline struct pkt *together_until(struct tcp_conn *c, struct pkt *p, u32 flight, bool all)
{
	u32 edge = c->snd_una + c->snd_wnd;

	if (pkt_shared(p) || tcp_tx(p)->flags & (TCP_SYN | TCP_FIN))
		return p;
	for (u32 count = c->tso_parts; --count; ) {
		struct pkt *next = tcp_tx(p)->next;
		struct tcp_tx *t;

		if (!next || next == c->tx_fill || pkt_shared(next))
			break;
		t = tcp_tx(next);
		flight += t->len;
		if (t->len > c->mss || !t->len || flight > c->cwnd || seq_gt(t->seq + t->len, edge))
			break;
		if (t->len < c->mss) {
			if (!all && nagle_holds(c, next, t))
				break;
			c->snd_small = t->seq + t->len;
			return next;
		}
		p = next;
		if (t->flags & TCP_FIN)
			break;
	}
	return p;
}

static noinline void device_full(struct tcp_conn *c, u64 now)
{
	tcp_congestion_shrink(c);
	if (c->snd_una == c->snd_nxt)
		tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + 10 * NSEC_PER_MSEC);
}

static always_inline void output(struct tcp_conn *c, bool all)
{
	struct pkt *p = c->tx_next, *last;
	bool limited = false;
	u64 now = clock_ns();
	u32 flight;

	if (unlikely(c->snd_una == c->snd_nxt && c->last_sent && now - c->last_sent > c->rto) &&
	    tcp_state_in(c, STATES_CAN_SEND))
		tcp_congestion_idle(c);
	flight = tcp_in_flight(c);
	for (; p && p != c->tx_fill; p = c->tx_next) {
		struct tcp_tx *t = tcp_tx(p);
		u32 room = c->snd_una + c->snd_wnd - t->seq, len = t->len;
		int err;

		if (flight + len > c->cwnd && flight) {
			limited = true;
			break;
		}
		if (unlikely(len > c->mss)) {
			if (segment_split(c, p, c->mss))
				break;
			len = t->len;
		}
		if (unlikely((s32)(room - len) < 0)) {
			if (!window_part(c, p, t, room, all))
				break;
			len = t->len;
		}
		if (len < c->mss) {
			if (!all && nagle_holds(c, p, t))
				break;
			c->snd_small = t->seq + len;
		}
		last = p;
		if (c->tso_parts > 1 && len == c->mss && p != c->tx_tail)
			last = together_until(c, p, flight + len, all);
		if (last == p) {
			err = tcp_transmit(c, p, now);
		} else {
			err = transmit_together(c, p, last, now);
			t = tcp_tx(last);
		}
		if (unlikely(err == -ENOBUFS)) {
			device_full(c, now);
			break;
		}
		c->tx_next = t->next;
		c->snd_nxt = tcp_tx_end(t);
		flight += tcp_tx_end(t) - tcp_tx(p)->seq;
	}
	c->cwnd_limited = limited;
	if (c->tx_head && !c->due[TCP_TIMER_RETRANSMIT])
		tcp_rtx_start(c, now);
}

void tcp_output(struct tcp_conn *c)
{
	output(c, false);
}

void tcp_output_all(struct tcp_conn *c)
{
	output(c, true);
}

/* ---- again ---------------------------------------------------------------- */

static int retransmit(struct tcp_conn *c, struct pkt *p, u64 now)
{
	struct tcp_tx *t = tcp_tx(p);
	int err;

	if (unlikely(t->len > c->mss)) {
		err = segment_split(c, p, c->mss);	/* the rest keeps the marks */
		if (err)
			return err;
	}
	err = tcp_transmit(c, p, now);
	if (!(t->state & TX_RETRANSMITTED)) {
		t->state |= TX_RETRANSMITTED | TX_AMBIGUOUS;
		c->retrans += tcp_tx_end(t) - t->seq;
	}
	c->total_retrans++;
	tcp_count(TCPC_RETRANS_SEGS);
	return err;
}

int tcp_retransmit_head(struct tcp_conn *c, u64 now)
{
	struct pkt *p;

	for (p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next)
		if (!(tcp_tx(p)->state & TX_SACKED))
			return retransmit(c, p, now);
	return 0;
}

void tcp_probe_tail(struct tcp_conn *c, u64 now)
{
	struct pkt *p, *tail = NULL;
	u32 before = c->snd_nxt;

	if (c->tx_next) {
		tcp_output_all(c);
		if (c->snd_nxt != before)
			return;
	}
	for (p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next)
		if (!(tcp_tx(p)->state & TX_SACKED))
			tail = p;
	if (tail)
		retransmit(c, tail, now);
}

void tcp_retransmit_lost(struct tcp_conn *c, u64 now)
{
	u32 edge = c->snd_una + MAX(c->snd_wnd, c->mss);

	for (struct pkt *p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);
		u32 flight;

		if ((t->state & (TX_LOST | TX_RETRANSMITTED)) != TX_LOST)
			continue;
		flight = tcp_in_flight(c);
		if ((flight && flight + t->len > c->cwnd) || seq_gt(tcp_tx_end(t), edge))
			return;
		if (retransmit(c, p, now))
			return;
	}
}

/* ---- the end -------------------------------------------------------------- */

void tcp_send_fin(struct tcp_conn *c)
{
	struct pkt *tail = c->tx_tail, *p;

	if (c->fin_queued)
		return;
	c->more = false;
	if (tail && c->tx_next && tail != c->tx_fill) {
		tcp_tx(tail)->flags |= TCP_FIN;		/* with the last text, which is still here */
		c->snd_end++;
	} else {
		p = pkt_alloc(PKT_HEADROOM);
		if (!p) {
			c->fin_wanted = true;
			tcp_timer_start(c, TCP_TIMER_RETRANSMIT, clock_ns() + c->rto);
			return;
		}
		tcp_tx(p)->csum_valid = false;
		tcp_queue(c, p, TCP_FIN);
	}
	c->fin_queued = true;
	c->fin_wanted = false;
	tcp_output_all(c);
}
