/*
 * The timers of a connection: retransmission and window probes (RFC 6298, RFC 9293 3.8.6.1), delayed ACK, keepalive
 * (RFC 1122, 4.2.3.6), and the end of what no program holds any more.
 *
 * A connection has one struct timer, armed for the earliest of its deadlines or earlier. Moving or dropping a
 * deadline touches only c->due: a timer that fires too early finds out and goes to the next. So a
 * connection that is busy sets the timer a few times a second, not for each packet.
 */
#include "base/errno.h"
#include "net/tcp/tcp.h"

static void timer_fire(struct timer *t);

void tcp_timer_init(struct tcp_conn *c)
{
	timer_init(&c->timer, timer_fire);
	c->timer_at = ~0ull;
}

void tcp_timer_arm(struct tcp_conn *c, u64 at)
{
	if (c->timer_at == ~0ull)
		tcp_conn_get(c);
	c->timer_at = at;
	timer_set(&c->timer, at);
}

void tcp_timer_end(struct tcp_conn *c)
{
	for (u32 i = 0; i < TCP_TIMERS; i++)
		c->due[i] = 0;
	if (c->timer_at == ~0ull)
		return;
	/* Not armed any more: its function waits for the lock, and drops the reference. */
	if (timer_cancel(&c->timer)) {
		c->timer_at = ~0ull;
		tcp_conn_put(c);
	}
}

/* ---- what happens --------------------------------------------------------- */

/* Nothing was heard for too long: give up? */
static bool retries_over(struct tcp_conn *c, u64 now)
{
	u32 max = TCP_RETRIES;

	if (c->state == TCPS_SYN_SENT)
		max = c->syn_retries;
	else if (c->state == TCPS_SYN_RECEIVED)
		max = TCP_SYNACK_RETRIES;
	else if (c->orphan)
		max = TCP_ORPHAN_RETRIES;
	if (c->user_timeout && c->retries && c->state != TCPS_SYN_SENT && now - c->first_retry >= c->user_timeout)
		return true;
	return c->retries >= max;
}

static void backoff(struct tcp_conn *c, u64 now)
{
	if (!c->retries)
		c->first_retry = c->tx_head && tcp_tx(c->tx_head)->sent ? tcp_tx(c->tx_head)->sent : now;
	if (c->retries < 255)
		c->retries++;
	c->rto = MIN(c->rto * 2, TCP_RTO_MAX);		/* RFC 6298, 5.5 */
	tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + c->rto);
}

/* Data waits and nothing is on its way: the window is closed, or Nagle or a cork held it back. */
static void probe(struct tcp_conn *c, u64 now)
{
	u32 room = c->snd_una + c->snd_wnd - c->snd_nxt;

	if ((s32)room > 0) {
		tcp_output_all(c);
		if (c->snd_nxt == c->snd_una)	/* nothing went: the device's queue is full, or no memory */
			tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + c->rto);
		return;
	}
	tcp_send_probe(c, c->snd_una - 1);
	backoff(c, now);
}

/* Not the timeout proper, which follows if this does not help. */
static void early_timeout(struct tcp_conn *c, u64 now)
{
	u8 what = c->rtx;

	c->rtx = TCP_RTX_TIMEOUT;
	tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + c->rto);
	if (what == TCP_RTX_TAIL) {
		c->tail_probed = true;
		tcp_probe_tail(c, now);
	} else {
		tcp_congestion_reorder(c, now);
	}
}

static void retransmit_timeout(struct tcp_conn *c, u64 now)
{
	if (c->fin_wanted)
		tcp_send_fin(c);
	if (!c->tx_head)
		return;
	if (retries_over(c, now)) {
		if (c->state == TCPS_SYN_SENT)
			tcp_count(TCPC_ATTEMPT_FAILS);
		tcp_done(c, c->soft_error ? c->soft_error : ETIMEDOUT);
		return;
	}
	if (c->tx_head == c->tx_next) {
		probe(c, now);
		return;
	}
	if (c->rtx != TCP_RTX_TIMEOUT) {
		early_timeout(c, now);
		return;
	}
	tcp_count(TCPC_TIMEOUTS);
	if (c->snd_wnd == 0 && c->state != TCPS_SYN_SENT && now - c->last_received < TCP_RTO_MAX) {
		/* The peer took its window back: it lives, and is probed with what it would not take. */
		tcp_retransmit_head(c, now);
		c->retries = 0;
		backoff(c, now);
		return;
	}
	tcp_congestion_timeout(c, now);
	tcp_retransmit_head(c, now);
	backoff(c, now);
	/* RFC 1191, 6.3 is about routers that tell nothing: the path is asked anew after a few. */
	if (c->retries == 3)
		c->inet.route.generation--;
}

static void delack_timeout(struct tcp_conn *c)
{
	if (c->rcv_acked != c->rcv_nxt)
		tcp_send_ack(c);
}

void tcp_keepalive_set(struct tcp_conn *c)
{
	if (c->inet.s.keepalive && tcp_state_in(c, STATES_CAN_SEND | STATES_CAN_RECV | STATE_BIT(TCPS_LAST_ACK)))
		tcp_timer_start(c, TCP_TIMER_KEEPALIVE, MAX(c->last_received + c->keep_idle, clock_ns()));
	else
		tcp_timer_stop(c, TCP_TIMER_KEEPALIVE);
}

static void keepalive_timeout(struct tcp_conn *c, u64 now)
{
	u64 at = c->last_received + c->keep_idle;

	if (!c->inet.s.keepalive)
		return;
	if (now < at) {			/* the peer was heard since */
		c->keep_probes = 0;
		tcp_timer_start(c, TCP_TIMER_KEEPALIVE, at);
		return;
	}
	if (c->tx_head) {		/* data is on its way: that is a probe */
		tcp_timer_start(c, TCP_TIMER_KEEPALIVE, now + c->keep_interval);
		return;
	}
	if (c->user_timeout ? c->keep_probes && now - c->last_received >= c->user_timeout
			    : c->keep_probes >= c->keep_count) {
		tcp_abort(c, c->soft_error ? c->soft_error : ETIMEDOUT);
		return;
	}
	c->keep_probes++;
	tcp_send_probe(c, c->snd_una - 1);
	tcp_timer_start(c, TCP_TIMER_KEEPALIVE, now + c->keep_interval);
}

/* [L]; each may end the connection, which clears the rest. */
static void due_run(struct tcp_conn *c, u64 now)
{
	for (u32 i = 0; i < TCP_TIMERS; i++) {
		if (!c->due[i] || c->due[i] > now)
			continue;
		c->due[i] = 0;
		switch ((enum tcp_timer)i) {
		case TCP_TIMER_RETRANSMIT:
			if (c->state == TCPS_LISTEN)
				tcp_requests_timeout(c, now);
			else
				retransmit_timeout(c, now);
			break;
		case TCP_TIMER_DELACK:
			delack_timeout(c);
			break;
		case TCP_TIMER_KEEPALIVE:
			keepalive_timeout(c, now);
			break;
		case TCP_TIMER_CLOSE:
			if (c->orphan)
				tcp_done(c, 0);
			break;
		case TCP_TIMERS:
			break;
		}
	}
}

static void timer_fire(struct timer *t)
{
	struct tcp_conn *c = container_of(t, struct tcp_conn, timer);
	u64 first = ~0ull;

	spin_lock_bh(&c->inet.s.lock);
	if (timer_armed(t)) {
		/* Armed again while this call waited for the lock: the reference goes with that. */
		spin_unlock_bh(&c->inet.s.lock);
		return;
	}
	c->timer_at = ~0ull;
	due_run(c, clock_ns());
	for (u32 i = 0; i < TCP_TIMERS; i++)
		if (c->due[i] && c->due[i] < first)
			first = c->due[i];
	if (first < c->timer_at)
		tcp_timer_arm(c, first);
	spin_unlock_bh(&c->inet.s.lock);
	tcp_conn_put(c);
}
