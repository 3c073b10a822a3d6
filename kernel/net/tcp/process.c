/*
 * What a connection does with a segment: the steps of RFC 9293, 3.10.7.3 (SYN-SENT) and 3.10.7.4 (other states), one
 * function a step, in the RFC's order. input.c calls it with what the fast path did not take.
 *
 * A step that says false has dealt with the segment; what is still in seg->p then is freed by the caller.
 */
#include "base/errno.h"
#include "net/tcp/tcp.h"

/* RFC 7323, 5.3: an old timestamp is kept at most this long (24 days). */
#define PAWS_IDLE_NS	(24ull * 24 * 3600 * NSEC_PER_SEC)

/* ---- SYN-SENT ------------------------------------------------------------- */

/* What the peer's SYN says it can do, together with what ours said. */
static void options_agree(struct tcp_conn *c, const struct tcp_segment *seg)
{
	const struct tcp_options *o = &seg->o;

	c->mss_peer = o->mss ? MAX(o->mss, (u16)TCP_MSS_MIN) : TCP_MSS_ASSUMED;
	c->wscale_ok = o->wscale >= 0;
	c->snd_wscale = c->wscale_ok ? o->wscale : 0;
	if (!c->wscale_ok)
		c->rcv_wscale = 0;
	c->sack_ok = o->sack_permitted;
	c->ts_ok = o->has_ts;
	if (c->ts_ok) {
		c->ts_recent = o->ts_value;
		c->ts_recent_at = seg->now;
	}
	tcp_mss_update(c);
	tcp_conn_prepare(c);
}

static void established(struct tcp_conn *c, u64 now)
{
	tcp_set_state(c, TCPS_ESTABLISHED);
	c->was_connected = true;
	c->last_received = now;
	/* Whatever befell the SYNs is over (RFC 5681, 3.1; RFC 6298, 5.7). */
	c->ca = TCP_CA_OPEN;
	c->slow &= ~SLOW_CONGESTION;
	c->ssthresh = ~0u;
	c->recover = c->snd_una;
	tcp_cc_init(c);
	if (c->total_retrans)
		c->cwnd = c->mss;
	if (!c->srtt)
		c->rto = TCP_RTO_INITIAL;
	if (c->inet.s.keepalive)
		tcp_keepalive_set(c);
}

/* Our SYN was acknowledged by a SYN. */
static void syn_sent_connected(struct tcp_conn *c, struct tcp_segment *seg)
{
	c->snd_wnd = c->snd_wnd_max = seg->window;	/* never scaled in a SYN */
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->rcv_acked = c->rcv_nxt - 1;
	tcp_ack_advance(c, seg->ack, seg->now);
	established(c, seg->now);
	tcp_wake_out(c);
	tcp_send_ack(c);
	/* Text that came with it is left to a retransmission: nobody sends any. */
}

/* Both sides opened at once: RFC 9293, 3.5, figure 8. */
static void syn_sent_crossed(struct tcp_conn *c, struct tcp_segment *seg)
{
	tcp_set_state(c, TCPS_SYN_RECEIVED);
	c->snd_wnd = c->snd_wnd_max = seg->window;
	c->snd_wl1 = seg->seq;
	c->recover = c->snd_una;
	tcp_retransmit_head(c, seg->now);	/* our SYN again, now with an ACK */
}

void tcp_process_syn_sent(struct tcp_conn *c, struct tcp_segment *seg)
{
	bool ack_ok = false;

	if (seg->flags & TCP_ACK) {
		if (seq_le(seg->ack, c->iss) || seq_gt(seg->ack, c->snd_nxt)) {
			if (!(seg->flags & TCP_RST))
				tcp_reply_reset(seg->p, seg->th, 0);
			return;
		}
		ack_ok = true;
		/* RFC 7323, 3.2: an echo that we never sent is not ours. */
		if (seg->o.has_ts && seg->o.ts_echo && seq_gt(seg->o.ts_echo, tcp_ts_now(c, seg->now)))
			return;
	}
	if (seg->flags & TCP_RST) {
		if (ack_ok) {
			tcp_count(TCPC_ATTEMPT_FAILS);
			tcp_done(c, ECONNREFUSED);
		}
		return;
	}
	if (!(seg->flags & TCP_SYN))
		return;
	c->irs = seg->seq;
	WRITE_ONCE(c->rcv_nxt, seg->seq + 1);
	WRITE_ONCE(c->copied, c->rcv_nxt);
	c->tune_from = c->rcv_nxt;
	c->rcv_acked = c->rcv_nxt;
	/* The window that our SYN offered begins here. */
	c->rcv_edge = c->rcv_nxt + MIN(tcp_window_space(c), 65535u);
	options_agree(c, seg);
	if (ack_ok)
		syn_sent_connected(c, seg);
	else
		syn_sent_crossed(c, seg);
}

/* ---- first: sequence number ----------------------------------------------- */

/* RFC 7323, 5.3: a timestamp older than the last is an old duplicate's. True if the segment is to be dropped. */
static bool paws_rejects(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (!c->ts_ok || !seg->o.has_ts || seg->flags & TCP_RST || seq_ge(seg->o.ts_value, c->ts_recent) ||
	    seg->now - c->ts_recent_at > PAWS_IDLE_NS)
		return false;
	tcp_count(TCPC_PAWS);
	tcp_challenge_ack(c, seg->now);
	return true;
}

/* RFC 9293, 3.4, table 6, on the segment with its SYN and FIN; what lies outside the window is cut off afterwards. */
static bool sequence_acceptable(const struct tcp_conn *c, const struct tcp_segment *seg)
{
	u32 end = seg->seq + seg->len + !!(seg->flags & TCP_FIN) + !!(seg->flags & TCP_SYN);
	u32 window = c->rcv_edge - c->rcv_nxt;

	if (end == seg->seq)
		return window ? seg->seq - c->rcv_nxt < window : seg->seq == c->rcv_nxt;
	return window && (seg->seq - c->rcv_nxt < window || end - 1 - c->rcv_nxt < window);
}

static bool check_sequence(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (paws_rejects(c, seg))
		return false;
	if (likely(sequence_acceptable(c, seg)))
		return true;
	if (seg->flags & TCP_RST)
		return false;
	/*
	 * A probe, a keepalive, or text that we have: the peer needs to hear where we are. With the window closed
	 * its ACK is still good (RFC 9293, 3.10.7.4: "special allowance").
	 */
	if (seg->flags & TCP_ACK && seg->seq == c->rcv_nxt && c->rcv_edge == c->rcv_nxt)
		tcp_process_ack(c, seg);
	if (seg->len || seg->flags & TCP_FIN || seg->seq == c->rcv_nxt - 1)
		tcp_send_ack(c);	/* RFC 5961's limit is for what can't make the peer go on */
	else
		tcp_challenge_ack(c, seg->now);
	return false;
}

/* RFC 7323, 4.3: remember the timestamp of the segment that our next ACK answers. */
static void timestamp_note(struct tcp_conn *c, const struct tcp_segment *seg)
{
	if (c->ts_ok && seg->o.has_ts && seq_le(seg->seq, c->rcv_acked) && seq_ge(seg->o.ts_value, c->ts_recent)) {
		c->ts_recent = seg->o.ts_value;
		c->ts_recent_at = seg->now;
	}
}

/* ---- second: RST ---------------------------------------------------------- */

static bool check_reset(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (likely(!(seg->flags & TCP_RST)))
		return true;
	/* RFC 5961, 3.2: only the exact number ends the connection, so that nobody need only guess the window. */
	if (seg->seq != c->rcv_nxt) {
		tcp_challenge_ack(c, seg->now);
		return false;
	}
	if (c->state == TCPS_SYN_RECEIVED)
		tcp_done(c, ECONNREFUSED);
	else if (c->state == TCPS_CLOSE_WAIT)
		tcp_done(c, EPIPE);
	else
		tcp_done(c, ECONNRESET);
	tcp_count(TCPC_ESTAB_RESETS);
	return false;
}

/* ---- fourth: SYN ---------------------------------------------------------- */

static bool check_syn(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (likely(!(seg->flags & TCP_SYN)))
		return true;
	/* Simultaneous open: the peer's SYN again, with the ACK of ours; the rest of it is news. */
	if (c->state == TCPS_SYN_RECEIVED && seg->seq == c->irs && seg->flags & TCP_ACK) {
		seg->flags &= ~TCP_SYN;
		seg->seq++;
		return true;
	}
	tcp_challenge_ack(c, seg->now);		/* RFC 5961, 4.2 */
	return false;
}

/* ---- fifth: ACK ----------------------------------------------------------- */

/* Our FIN has been acknowledged. False: the connection is gone. */
static bool fin_acknowledged(struct tcp_conn *c, struct tcp_segment *seg)
{
	switch ((enum tcp_state)c->state) {
	case TCPS_FIN_WAIT_1:
		tcp_set_state(c, TCPS_FIN_WAIT_2);
		tcp_wake_end(c);	/* close(2) may linger */
		if (!c->orphan)
			return true;
		if (seg->len || seg->flags & TCP_FIN)
			return true;	/* see what it brings first */
		if (c->linger2 == TCP_MSL2_NS)
			tcp_timewait_enter(c, TCPS_FIN_WAIT_2, seg->now);
		else
			tcp_timer_start(c, TCP_TIMER_CLOSE, seg->now + c->linger2);
		return c->state != TCPS_CLOSED;
	case TCPS_CLOSING:
		tcp_timewait_enter(c, TCPS_TIME_WAIT, seg->now);
		return false;
	case TCPS_LAST_ACK:
		tcp_done(c, 0);
		return false;
	default:
		return true;
	}
}

static bool check_ack(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (!(seg->flags & TCP_ACK))
		return false;
	if (c->state == TCPS_SYN_RECEIVED) {
		if (seq_le(seg->ack, c->snd_una) || seq_gt(seg->ack, c->snd_nxt)) {
			tcp_reply_reset(seg->p, seg->th, 0);
			return false;
		}
		established(c, seg->now);
		c->snd_wl1 = seg->seq - 1;
		tcp_wake_out(c);
		if (c->fin_queued)
			tcp_set_state(c, TCPS_FIN_WAIT_1);
	}
	if (!tcp_process_ack(c, seg))
		return false;
	if (c->fin_queued && c->snd_una == c->snd_end)
		return fin_acknowledged(c, seg);
	return true;
}

/* ---- seventh: text -------------------------------------------------------- */

/* Cut off what we have and what lies behind the window. */
static void text_trim(struct tcp_conn *c, struct tcp_segment *seg)
{
	u32 end;

	if (seq_lt(seg->seq, c->rcv_nxt)) {
		u32 have = MIN(c->rcv_nxt - seg->seq, seg->len);

		tcp_pkt_pull(seg->p, have);
		seg->seq += have;
		seg->len -= have;
		c->ack_now = true;	/* a duplicate: the peer missed an ACK */
	}
	end = seg->seq + seg->len;
	if (seq_gt(end, c->rcv_edge)) {
		seg->len = seq_gt(c->rcv_edge, seg->seq) ? c->rcv_edge - seg->seq : 0;
		pkt_trim(seg->p, seg->len);
		seg->flags &= ~TCP_FIN;
	}
}

/* Text or a FIN for somebody who does not read any more (RFC 9293, 3.6; RFC 1122, 4.2.2.13). */
static bool text_refused(struct tcp_conn *c, struct tcp_segment *seg)
{
	if (!c->orphan || !seg->len || seq_le(seg->seq + seg->len, c->rcv_nxt))
		return false;
	tcp_send_reset(c);
	tcp_done(c, 0);
	return true;
}

/* False: the connection is gone. fin: the peer's FIN is next in order. */
static bool take_text(struct tcp_conn *c, struct tcp_segment *seg, bool *fin)
{
	*fin = false;
	if (!seg->len && !(seg->flags & TCP_FIN))
		return true;
	if (!tcp_state_in(c, STATES_CAN_RECV)) {
		c->ack_now = true;	/* after its FIN there is nothing more to come */
		return true;
	}
	if (text_refused(c, seg))
		return false;
	text_trim(c, seg);
	if (!seg->len && !(seg->flags & TCP_FIN))
		return true;
	if (seg->seq != c->rcv_nxt) {
		tcp_reass_insert(c, seg);
		c->ack_now = true;	/* RFC 5681, 4.2: at once */
		return true;
	}
	*fin = seg->flags & TCP_FIN;
	if (seg->len) {
		if (tcp_rx_full(c, seg->p)) {
			tcp_count(TCPC_RCV_PRUNED);
			*fin = false;
			c->ack_now = true;
			return true;
		}
		tcp_text_append(c, seg->p, seg->len, seg->now);
		seg->p = NULL;
	}
	if (c->slow & SLOW_REASSEMBLY) {
		*fin |= tcp_reass_drain(c, seg->now);
		c->ack_now = true;	/* a gap is filled */
	}
	return true;
}

/* ---- eighth: FIN ---------------------------------------------------------- */

static void take_fin(struct tcp_conn *c, struct tcp_segment *seg)
{
	WRITE_ONCE(c->rcv_nxt, c->rcv_nxt + 1);
	c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt);
	atomic_store(&c->rcv_closed, true);	/* release: a reader that sees it sees the text before it */
	atomic_store(&c->inet.s.shut_read, true);
	c->ack_now = true;
	tcp_reass_purge(c);
	switch ((enum tcp_state)c->state) {
	case TCPS_ESTABLISHED:
		tcp_set_state(c, TCPS_CLOSE_WAIT);
		break;
	case TCPS_FIN_WAIT_1:
		tcp_set_state(c, TCPS_CLOSING);	/* our FIN is not acknowledged: step five would have said so */
		break;
	case TCPS_FIN_WAIT_2:
		tcp_send_ack(c);
		tcp_timewait_enter(c, TCPS_TIME_WAIT, seg->now);
		return;
	default:
		return;
	}
	tcp_wake_end(c);
}

/* ---- all of it ------------------------------------------------------------ */

/* Orphans in FIN-WAIT-2 that came by here with text or a FIN: nobody waits for more. */
static void orphan_settle(struct tcp_conn *c, u64 now)
{
	if (!c->orphan || c->state != TCPS_FIN_WAIT_2 || c->due[TCP_TIMER_CLOSE])
		return;
	if (c->linger2 == TCP_MSL2_NS)
		tcp_timewait_enter(c, TCPS_FIN_WAIT_2, now);
	else
		tcp_timer_start(c, TCP_TIMER_CLOSE, now + c->linger2);
}

void tcp_process(struct tcp_conn *c, struct tcp_segment *seg)
{
	bool fin;

	if (!check_sequence(c, seg) || !check_reset(c, seg) || !check_syn(c, seg))
		return;
	c->last_received = seg->now;
	c->keep_probes = 0;
	timestamp_note(c, seg);
	if (!check_ack(c, seg) || !take_text(c, seg, &fin))
		return;
	if (fin)
		take_fin(c, seg);
	if (c->state == TCPS_CLOSED)
		return;
	if (tcp_has_unsent(c))
		tcp_output(c);
	if (c->ack_now)
		tcp_send_ack(c);
	orphan_settle(c, seg->now);
}
