/*
 * The retransmission timeout from measured round trips (RFC 6298, section 2). ack.c measures; timer.c uses rto.
 */
#include "net/tcp/tcp.h"

void tcp_rtt_sample(struct tcp_conn *c, u64 rtt)
{
	if (unlikely((s64)rtt <= 0))
		rtt = 1;
	if (rtt < c->rtt_min)
		c->rtt_min = rtt;
	if (unlikely(!c->srtt)) {
		c->srtt = rtt;
		c->rttvar = rtt / 2;
	} else {
		u64 error = c->srtt > rtt ? c->srtt - rtt : rtt - c->srtt;

		c->rttvar += ((s64)error - (s64)c->rttvar) >> 2;
		c->srtt += ((s64)rtt - (s64)c->srtt) >> 3;
	}
	/* A floor under the variance rather than under the sum, so that a long path keeps a margin. */
	c->rto = MIN(c->srtt + MAX(4 * c->rttvar, TCP_RTO_MIN), TCP_RTO_MAX);
}
