/*
 * Acknowledgements (RFC 9293, 3.10.7.4, fifth step; RFC 5961, 5): forget what arrived, measure the round trip, take the
 * window over, and tell congestion control. fastpath.c and process.c call it.
 */
#include "net/neigh.h"
#include "net/tcp/tcp.h"

/* The peer was heard over it: the neighbour is there (RFC 4861, 7.3.1). */
static inline void neighbour_confirm(struct tcp_conn *c)
{
	struct neighbour *n = c->inet.route.neighbour;

	if (n && unlikely(READ_ONCE(n->state) & (NEIGH_STALE | NEIGH_DELAY | NEIGH_PROBE)))
		neigh_confirm(n);
}

/* Marks of a segment that is leaving the queue, or of its first n bytes. */
static noinline void marks_drop(struct tcp_conn *c, const struct tcp_tx *t, u32 n, u64 now)
{
	if (t->state & TX_SACKED)
		c->sacked -= n;
	if (t->state & TX_LOST)
		c->lost -= n;
	if (t->state & TX_RETRANSMITTED)
		c->retrans -= n;
	if (now - t->sent >= c->rtt_min && t->sent > c->rack_sent)
		c->rack_sent = t->sent;
}

/* Only the first part of it has arrived. */
static void head_trim(struct tcp_conn *c, struct tcp_tx *t, u32 ack, u64 now)
{
	u32 n = ack - t->seq;

	if (unlikely(t->flags & TCP_SYN)) {	/* a SYN stands alone on the queue */
		return;
	}
	if (t->state)
		marks_drop(c, t, n, now);
	t->seq = ack;
	t->start += n;
	t->len -= n;
	t->csum_valid = false;
}

static void room_note(struct tcp_conn *c)
{
	u32 size = c->inet.s.sndbuf;

	if (c->tx_mem + size / 3 <= size) {
		c->tx_waiting = false;
		tcp_wake_out(c);
	}
}

u32 tcp_ack_advance(struct tcp_conn *c, u32 ack, u64 now)
{
	u32 acked = ack - c->snd_una;
	u64 sent = 0;
	struct pkt *p;

	c->snd_una = ack;
	while ((p = c->tx_head)) {
		struct tcp_tx *t = tcp_tx(p);

		if (seq_gt(tcp_tx_end(t), ack)) {
			if (seq_lt(t->seq, ack))
				head_trim(c, t, ack, now);
			break;
		}
		/* Karn: what was sent twice measures nothing. */
		if (likely(!t->state)) {
			sent = t->sent;
		} else {
			if (!(t->state & (TX_AMBIGUOUS | TX_SACKED)))
				sent = t->sent;
			marks_drop(c, t, tcp_tx_end(t) - t->seq, now);
		}
		c->tx_head = t->next;
		c->tx_mem -= PKT_TRUESIZE;
		pkt_drop(p);
	}
	if (!c->tx_head)
		c->tx_tail = NULL;
	if (likely(sent)) {
		if (sent > c->rack_sent)
			c->rack_sent = sent;
		tcp_rtt_sample(c, now - sent);
	} else if (c->srtt && c->retries) {
		/* No sample, but the path works: out of the backoff (RFC 6298's spirit, as everybody does). */
		c->rto = MIN(c->srtt + MAX(4 * c->rttvar, TCP_RTO_MIN), TCP_RTO_MAX);
	}
	c->retries = 0;
	c->tail_probed = false;
	/* RFC 6298, 5.2 and 5.3. The timer itself stays as it is. */
	if (c->snd_nxt == ack)
		tcp_timer_stop(c, TCP_TIMER_RETRANSMIT);
	else
		tcp_rtx_start(c, now);
	if (unlikely(c->tx_waiting))
		room_note(c);
	neighbour_confirm(c);
	return acked;
}

/* RFC 9293: SND.WL1 and SND.WL2 keep old segments from moving the window. True if it changed. */
static bool window_update(struct tcp_conn *c, const struct tcp_segment *seg)
{
	u32 window = seg->window << c->snd_wscale;
	bool changed = window != c->snd_wnd;

	if (!seq_lt(c->snd_wl1, seg->seq) && !(c->snd_wl1 == seg->seq && seq_le(c->snd_wl2, seg->ack)))
		return false;
	c->snd_wl1 = seg->seq;
	c->snd_wl2 = seg->ack;
	c->snd_wnd = window;
	if (window > c->snd_wnd_max)
		c->snd_wnd_max = window;
	return changed;
}

/* It acknowledges nothing new and its window is old: RFC 5681's duplicate, if something is in flight. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *seg, bool window_moved)
{
	return seg->ack == c->snd_una && !seg->len && !(seg->flags & TCP_FIN) && !window_moved &&
		c->snd_nxt != c->snd_una;
}

bool tcp_process_ack(struct tcp_conn *c, struct tcp_segment *seg)
{
	bool moved, dup, news;
	u32 acked = 0;

	if (seq_gt(seg->ack, c->snd_nxt)) {
		tcp_challenge_ack(c, seg->now);
		return false;
	}
	if (seq_lt(seg->ack, c->snd_una)) {
		/* RFC 5961, 5.2: older than any window ever was is somebody's guess. */
		if (c->snd_una - seg->ack > MAX(c->snd_wnd_max, 65535u)) {
			tcp_challenge_ack(c, seg->now);
			return false;
		}
		return true;
	}
	moved = window_update(c, seg);
	dup = is_duplicate(c, seg, moved);
	news = c->sack_ok && seg->o.sack_count && tcp_sack_receive(c, seg);
	if (seg->ack != c->snd_una)
		acked = tcp_ack_advance(c, seg->ack, seg->now);
	if (acked || dup || news)
		tcp_congestion_ack(c, acked, dup, news, seg->now);
	if (c->tx_head && c->tx_head == c->tx_next) {
		/* A probe was answered: the peer lives, however long its window stays shut. */
		c->retries = 0;
		if (moved && c->snd_wnd && c->srtt)
			c->rto = MIN(c->srtt + MAX(4 * c->rttvar, TCP_RTO_MIN), TCP_RTO_MAX);
	}
	return true;
}
