/*
 * Congestion control: the states between a loss and its repair (RFC 5681, RFC 6582 without SACK, RFC 6675 with), slow
 * start, Reno, and the choice of algorithm. ack.c calls for each ACK, timer.c for each timeout; cubic.c has the
 * default way to grow.
 *
 * In bytes throughout. `sacked`, `lost` and `retrans` are sums over the send queue; tcp_in_flight makes RFC 6675's
 * pipe of them. Without SACK each duplicate ACK counts as one full segment that has left the network
 * (RFC 5681, 3.2, step 4), in `sacked`.
 */
#include "base/string.h"
#include "net/tcp/tcp.h"

#define DUP_THRESHOLD	3
#define CWND_MAX	(1u << 30)

const struct tcp_cc *tcp_cc_default = &tcp_cc_cubic;

const struct tcp_cc *tcp_cc_find(const char *name, u32 len)
{
	static const struct tcp_cc *const all[] = { &tcp_cc_cubic, &tcp_cc_reno };

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		if (strlen(all[i]->name) == len && !memcmp(all[i]->name, name, len))
			return all[i];
	return NULL;
}

/* RFC 6928. */
u32 tcp_initial_window(u32 mss)
{
	return MIN(10 * mss, MAX(2 * mss, 14600u));
}

void tcp_cc_init(struct tcp_conn *c)
{
	c->cwnd = tcp_initial_window(c->mss);
	c->cc->init(c);
}

/* As RFC 3465, for receivers that acknowledge whole batches: but never more than an initial window at once. */
void tcp_slow_start(struct tcp_conn *c, u32 acked)
{
	c->cwnd = MIN(c->cwnd + MIN(acked, 10 * c->mss), CWND_MAX);
}

/* Room to write as much as goes out in two round trips, with the buffers' own overhead. */
static void sndbuf_tune(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);

	if (s->sndbuf == c->sndbuf_auto && c->cwnd * 3 > s->sndbuf && s->sndbuf < TCP_SNDBUF_MAX)
		s->sndbuf = c->sndbuf_auto = MIN(c->cwnd * 3, TCP_SNDBUF_MAX);
}

static void ca_set(struct tcp_conn *c, u8 ca)
{
	c->ca = ca;
	if (ca == TCP_CA_OPEN)
		c->slow &= ~SLOW_CONGESTION;
	else
		c->slow |= SLOW_CONGESTION;
}

static void grow(struct tcp_conn *c, u32 acked, u64 now)
{
	if (acked && c->cwnd_limited) {
		c->cc->grow(c, acked, now);
		sndbuf_tune(c);
	}
}

/*
 * Something later has arrived, but too little to be sure of a loss (few segments were in flight): wait a part of a
 * round trip for the order to mend, then take it as lost.
 */
static void patience_begin(struct tcp_conn *c, u64 now)
{
	if (!c->sack_ok || c->rtx == TCP_RTX_REORDER)
		return;
	c->rtx = TCP_RTX_REORDER;
	tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + c->srtt / 2 + NSEC_PER_MSEC);
}

static void recovery_begin(struct tcp_conn *c, u64 now)
{
	tcp_count(TCPC_FAST_RECOVERIES);
	c->ssthresh = c->cc->reduce(c, now);
	c->cwnd = c->ssthresh;
	c->cwnd_acked = 0;
	c->recover = c->snd_nxt;
	ca_set(c, TCP_CA_RECOVERY);
	c->rtx = TCP_RTX_TIMEOUT;
	tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + c->rto);
	tcp_retransmit_head(c, now);	/* whatever cwnd says: RFC 6675, 5, step 4.3 */
}

static void recovery_end(struct tcp_conn *c)
{
	if (c->ca == TCP_CA_RECOVERY) {
		/* RFC 6582, 3.2, step 3: no burst into a pipe that has run empty. */
		c->cwnd = MIN(c->ssthresh, MAX(tcp_in_flight(c), c->mss) + c->mss);
		c->cwnd = MAX(c->cwnd, 2 * c->mss);
	}
	c->dupacks = 0;
	if (!c->sack_ok)
		c->sacked = 0;
	ca_set(c, c->sacked ? TCP_CA_DISORDER : TCP_CA_OPEN);
}

/* Without SACK: one more segment has left. */
static void dup_count(struct tcp_conn *c)
{
	u32 out = c->snd_nxt - c->snd_una;

	if (c->dupacks < 255)
		c->dupacks++;
	if (!c->sack_ok)
		c->sacked = MIN(c->sacked + c->mss, out - MIN(out, c->mss));
}

/* The first of the queue is lost, as far as duplicates and partial ACKs tell. */
static void head_lost(struct tcp_conn *c)
{
	struct tcp_tx *t;

	if (!c->tx_head || c->tx_head == c->tx_next)
		return;
	t = tcp_tx(c->tx_head);
	if (t->state & (TX_LOST | TX_SACKED))
		return;
	t->state |= TX_LOST;
	c->lost += tcp_tx_end(t) - t->seq;
}

static void in_order(struct tcp_conn *c, u32 acked, bool dup, bool sack_news, u64 now)
{
	if (dup)
		dup_count(c);
	else if (acked)
		c->dupacks = 0;
	if (c->sack_ok ? sack_news : dup) {
		if (c->sack_ok)
			tcp_sack_mark_lost(c);
		else if (c->dupacks >= DUP_THRESHOLD && seq_ge(c->snd_una, c->recover))
			head_lost(c);	/* RFC 6582: not twice for one window */
		if (c->lost) {
			recovery_begin(c, now);
			return;
		}
		ca_set(c, TCP_CA_DISORDER);
	}
	if (acked) {
		if (!c->sack_ok)
			c->sacked = 0;
		if (!c->sacked)
			ca_set(c, TCP_CA_OPEN);
		grow(c, acked, now);
	}
}

static void in_recovery(struct tcp_conn *c, u32 acked, bool dup, bool sack_news)
{
	if (acked && seq_ge(c->snd_una, c->recover)) {
		recovery_end(c);
		return;
	}
	if (c->sack_ok) {
		if (acked || sack_news)
			tcp_sack_mark_lost(c);
		return;
	}
	if (dup)
		dup_count(c);
	if (acked) {
		c->sacked -= MIN(c->sacked, acked);
		head_lost(c);		/* a partial ACK: the next hole (RFC 6582, 3.2, step 5) */
	}
}

static void in_loss(struct tcp_conn *c, u32 acked, bool sack_news, u64 now)
{
	if (acked && seq_ge(c->snd_una, c->recover)) {
		recovery_end(c);
		return;
	}
	if (c->sack_ok && (sack_news || acked))
		tcp_sack_mark_lost(c);
	if (acked) {
		c->cwnd_limited = true;
		grow(c, acked, now);
	}
}

void tcp_congestion_ack(struct tcp_conn *c, u32 acked, bool dup, bool sack_news, u64 now)
{
	switch ((enum tcp_ca)c->ca) {
	case TCP_CA_OPEN:
	case TCP_CA_DISORDER:
		in_order(c, acked, dup, sack_news, now);
		break;
	case TCP_CA_RECOVERY:
		in_recovery(c, acked, dup, sack_news);
		break;
	case TCP_CA_LOSS:
		in_loss(c, acked, sack_news, now);
		break;
	}
	if (c->lost)
		tcp_retransmit_lost(c, now);
	else if (c->ca == TCP_CA_DISORDER && c->sacked)
		patience_begin(c, now);
}

void tcp_congestion_timeout(struct tcp_conn *c, u64 now)
{
	/* RFC 5681, 3.1: once for what was in flight when it was lost, not again when its repair is. */
	if (c->ca != TCP_CA_LOSS || seq_ge(c->snd_una, c->recover)) {
		c->ssthresh = c->cc->reduce(c, now);
		c->recover = c->snd_nxt;
	}
	c->cwnd = c->mss;
	c->cwnd_acked = 0;
	c->dupacks = 0;
	tcp_sack_reset(c);
	ca_set(c, TCP_CA_LOSS);
}

void tcp_congestion_reorder(struct tcp_conn *c, u64 now)
{
	if (c->ca != TCP_CA_DISORDER)
		return;
	tcp_sack_mark_holes(c);
	if (!c->lost)
		return;
	recovery_begin(c, now);
	tcp_retransmit_lost(c, now);
}

void tcp_congestion_idle(struct tcp_conn *c)
{
	u32 restart = tcp_initial_window(c->mss);

	c->cwnd = MIN(c->cwnd, restart);
	c->cwnd_acked = 0;
	c->cc->init(c);
}

void tcp_congestion_shrink(struct tcp_conn *c)
{
	u32 out = tcp_in_flight(c);

	c->cwnd = MAX(MIN(c->cwnd, out + c->mss), 2 * c->mss);
	c->cwnd_acked = 0;
}

/* ---- Reno (RFC 5681) ------------------------------------------------------ */

static void reno_init(struct tcp_conn *c)
{
}

static void reno_grow(struct tcp_conn *c, u32 acked, u64 now)
{
	if (c->cwnd < c->ssthresh) {
		tcp_slow_start(c, acked);
		return;
	}
	/* One segment a window (RFC 3465: counted in bytes, so that nothing is divided). */
	c->cwnd_acked += acked;
	if (c->cwnd_acked >= c->cwnd) {
		c->cwnd_acked -= c->cwnd;
		c->cwnd = MIN(c->cwnd + c->mss, CWND_MAX);
	}
}

static u32 reno_reduce(struct tcp_conn *c, u64 now)
{
	return MAX((c->snd_nxt - c->snd_una) / 2, 2 * c->mss);
}

const struct tcp_cc tcp_cc_reno = { .name = "reno", .init = reno_init, .grow = reno_grow, .reduce = reno_reduce };
