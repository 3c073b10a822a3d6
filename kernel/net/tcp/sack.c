/*
 * The scoreboard of selective acknowledgements (RFC 2018, RFC 6675): which segments of the send queue have arrived,
 * and which are lost. ack.c gives it the blocks, congestion.c asks what is lost.
 *
 * Beyond RFC 6675 a retransmission is seen as lost when something sent well after it has arrived (RFC 8985's
 * observation), so that losing one twice does not cost a timeout.
 */
#include "net/tcp/tcp.h"

static inline u32 tx_bytes(const struct tcp_tx *t)
{
	return tcp_tx_end(t) - t->seq;
}

/* This one has arrived. */
static void mark_sacked(struct tcp_conn *c, struct tcp_tx *t, u64 now)
{
	u32 n = tx_bytes(t);

	if (t->state & TX_LOST)
		c->lost -= n;
	if (t->state & TX_RETRANSMITTED)
		c->retrans -= n;
	/* An ambiguous one counts if the answer can't be to its first transmission. */
	if ((!(t->state & TX_AMBIGUOUS) || now - t->sent >= c->rtt_min) && t->sent > c->rack_sent)
		c->rack_sent = t->sent;
	if (!(t->state & TX_AMBIGUOUS))
		tcp_rtt_sample(c, now - t->sent);
	t->state = (t->state & TX_AMBIGUOUS) | TX_SACKED;
	c->sacked += n;
}

static bool block_covers(const struct tcp_range *b, const struct tcp_tx *t)
{
	return seq_ge(t->seq, b->start) && seq_le(tcp_tx_end(t), b->end);
}

bool tcp_sack_receive(struct tcp_conn *c, const struct tcp_segment *seg)
{
	struct tcp_range blocks[4];
	u32 count = 0, highest = c->snd_una;
	bool news = false;

	for (u32 i = 0; i < seg->o.sack_count; i++) {
		const struct tcp_range *b = &seg->o.sack[i];

		/* What does not lie in what we sent, or tells of what is acknowledged anyway (RFC 2883), is left out. */
		if (!seq_lt(b->start, b->end) || seq_le(b->end, c->snd_una) || seq_gt(b->end, c->snd_nxt) ||
		    seq_lt(b->start, c->snd_una))
			continue;
		highest = seq_max(highest, b->end);
		blocks[count++] = *b;
	}
	if (!count)
		return false;
	for (struct pkt *p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);

		if (seq_ge(t->seq, highest))
			break;
		if (t->state & TX_SACKED)
			continue;
		for (u32 i = 0; i < count; i++)
			if (block_covers(&blocks[i], t)) {
				mark_sacked(c, t, seg->now);
				news = true;
				break;
			}
	}
	return news;
}

void tcp_sack_mark_lost(struct tcp_conn *c)
{
	u32 above = c->sacked, bytes = 2 * c->mss;
	u64 late = c->rack_sent - MIN(c->rack_sent, c->srtt / 4);

	for (struct pkt *p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);

		if (t->state & TX_SACKED) {
			above -= tx_bytes(t);
			continue;
		}
		if (t->state & TX_RETRANSMITTED) {
			if (t->sent < late) {
				t->state &= ~TX_RETRANSMITTED;
				c->retrans -= tx_bytes(t);
			}
			continue;
		}
		/* More than two segments' worth above it has arrived (RFC 6675, 4, IsLost). */
		if (above <= bytes)
			break;
		if (!(t->state & TX_LOST)) {
			t->state |= TX_LOST;
			c->lost += tx_bytes(t);
		}
	}
}

void tcp_sack_mark_holes(struct tcp_conn *c)
{
	u32 above = c->sacked;

	for (struct pkt *p = c->tx_head; p && p != c->tx_next && above; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);

		if (t->state & TX_SACKED) {
			above -= tx_bytes(t);
		} else if (!(t->state & TX_LOST)) {
			t->state |= TX_LOST;
			c->lost += tx_bytes(t);
			if (t->state & TX_RETRANSMITTED) {	/* a probe of the tail, say: lost as well */
				t->state &= ~TX_RETRANSMITTED;
				c->retrans -= tx_bytes(t);
			}
		}
	}
}

void tcp_sack_reset(struct tcp_conn *c)
{
	/* A receiver that lost what it had announced (RFC 2018, 8) shows it at the head of the queue. */
	bool renege = c->tx_head && tcp_tx(c->tx_head)->state & TX_SACKED;

	c->sacked = c->lost = c->retrans = 0;
	for (struct pkt *p = c->tx_head; p && p != c->tx_next; p = tcp_tx(p)->next) {
		struct tcp_tx *t = tcp_tx(p);

		if (t->state & TX_SACKED && !renege && c->sack_ok) {
			c->sacked += tx_bytes(t);
			continue;
		}
		t->state = (t->state & TX_AMBIGUOUS) | TX_LOST;
		c->lost += tx_bytes(t);
	}
}
