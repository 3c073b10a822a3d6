/*
 * Header prediction (Van Jacobson): on an established connection without losses the next segment is either the text
 * that follows, or an ACK of what was sent, or both. Such a one passes a few comparisons here and is done; everything
 * else goes through process.c, which gives the same result in more steps. input.c calls it.
 */
#include "net/tcp/tcp.h"

/* PSH does not matter. */
#define IGNORED_FLAGS	(TCP_PSH << 8)

bool tcp_fast_path(struct tcp_conn *c, struct pkt *p, const struct tcp_header *th, u32 hlen)
{
	u32 len = p->len - hlen, ack = ntohl(th->ack), ts = 0;
	u16 word;
	u64 now;

	if (unlikely(c->slow))
		return false;
	word = th->offset | th->flags << 8;
	if ((word & ~IGNORED_FLAGS) != c->predict || ntohl(th->seq) != c->rcv_nxt ||
	    !seq_between(ack, c->snd_una, c->snd_nxt))
		return false;
	if (c->ts_ok) {
		const u32 *w = (const u32 *)(th + 1);

		if (w[0] != htonl(0x0101080a))
			return false;
		ts = ntohl(w[1]);
		if (seq_lt(ts, c->ts_recent))
			return false;
	}
	if (len ? len > c->rcv_edge - c->rcv_nxt || tcp_rx_full(c, p) : ack == c->snd_una)
		return false;

	/* It is one of those. */
	now = clock_ns();
	c->last_received = now;
	if (c->ts_ok && seq_le(c->rcv_nxt, c->rcv_acked)) {
		c->ts_recent = ts;
		c->ts_recent_at = now;
	}
	c->snd_wl1 = c->rcv_nxt;
	c->snd_wl2 = ack;
	c->snd_wnd = (u32)ntohs(th->window) << c->snd_wscale;
	if (c->snd_wnd > c->snd_wnd_max)
		c->snd_wnd_max = c->snd_wnd;
	if (ack != c->snd_una) {
		u32 acked = tcp_ack_advance(c, ack, now);

		if (c->cwnd_limited)
			tcp_congestion_ack(c, acked, false, false, now);
	}
	if (len) {
		pkt_pull(p, hlen);
		tcp_text_append(c, p, len, now);
	} else {
		pkt_free(p);
	}
	if (tcp_has_unsent(c))
		tcp_output(c);
	return true;
}
