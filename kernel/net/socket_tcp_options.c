/*
 * Options of TCP sockets (tcp(7)): those of level TCP, and what TCP does when one of the common levels is set.
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/socket_tcp.h"
#include <linux/tcp.h>

#define SEC_MAX		32767
#define MSEC(ns)	((u32)((ns) / NSEC_PER_MSEC))
#define USEC(ns)	((u32)((ns) / NSEC_PER_USEC))

/* ---- setting -------------------------------------------------------------- */

static int seconds_set(u64 *to, s32 v)
{
	if (v < 1 || v > SEC_MAX)
		return -EINVAL;
	*to = v * NSEC_PER_SEC;
	return 0;
}

/* Held-back text may go now. [L] */
static void push(struct tcp_conn *c)
{
	if (tcp_has_unsent(c) && tcp_state_in(c, STATES_CAN_SEND | STATE_BIT(TCPS_FIN_WAIT_1)))
		tcp_output(c);
}

static int maxseg_set(struct tcp_conn *c, s32 v)
{
	if (v && (v < (s32)TCP_MSS_MIN + 40 || v > 32767))
		return -EINVAL;
	c->mss_user = v;
	if (c->state != TCPS_CLOSED && c->state != TCPS_LISTEN)
		tcp_mss_update(c);
	return 0;
}

/* Seconds of waiting as a number of SYN-ACKs, as Linux does. */
static u8 defer_retries(s32 seconds)
{
	u8 n = 0;

	for (s32 sum = 0, step = 1; sum < seconds && n < TCP_SYNACK_RETRIES; n++, step *= 2)
		sum += step;
	return n;
}

/* [L] */
static int option_set(struct tcp_conn *c, int name, s32 v)
{
	int err;

	switch (name) {
	case TCP_NODELAY:
		c->nodelay = v;
		if (v)
			push(c);
		return 0;
	case TCP_CORK:
		c->cork = v;
		if (!v) {
			c->more = false;
			push(c);
		}
		return 0;
	case TCP_MAXSEG:
		return maxseg_set(c, v);
	case TCP_KEEPIDLE:
		err = seconds_set(&c->keep_idle, v);
		if (!err)
			tcp_keepalive_set(c);
		return err;
	case TCP_KEEPINTVL:
		return seconds_set(&c->keep_interval, v);
	case TCP_KEEPCNT:
		if (v < 1 || v > 127)
			return -EINVAL;
		c->keep_count = v;
		return 0;
	case TCP_LINGER2:
		/* Negative: no waiting. Longer than the system's time is that. */
		c->linger2 = v < 0 ? 1 : !v || v > 60 ? TCP_MSL2_NS : v * NSEC_PER_SEC;
		return 0;
	case TCP_DEFER_ACCEPT:
		c->defer_accept = defer_retries(v);
		return 0;
	case TCP_USER_TIMEOUT:
		if (v < 0)
			return -EINVAL;
		c->user_timeout = v * NSEC_PER_MSEC;
		return 0;
	case TCP_QUICKACK:
		c->quickack = v;
		if (v && c->rcv_acked != c->rcv_nxt && tcp_state_in(c, STATES_CAN_RECV | STATES_CAN_SEND))
			tcp_send_ack(c);
		return 0;
	case TCP_SYNCNT:
		if (v < 1 || v > 127)
			return -EINVAL;
		c->syn_retries = v;
		return 0;
	case TCP_FASTOPEN:
		/* How many may come with data: of use where tcp_fastopen lets servers do it, which here is nowhere. */
		if (v < 0 || !tcp_state_in(c, STATE_BIT(TCPS_CLOSED) | STATE_BIT(TCPS_LISTEN)))
			return -EINVAL;
		c->fastopen = MIN(v, SOMAXCONN);
		return 0;
	case TCP_WINDOW_CLAMP:
	case TCP_NOTSENT_LOWAT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
		return 0;		/* advice; ours need none of it */
	}
	return -ENOPROTOOPT;
}

static int congestion_set(struct tcp_conn *c, const u8 *value, u32 len)
{
	const struct tcp_cc *cc = tcp_cc_find((const char *)value, strnlen((const char *)value, len));

	if (!cc)
		return -ENOENT;
	spin_lock_bh(&c->inet.s.lock);
	if (c->cc != cc) {
		c->cc = cc;
		cc->init(c);
	}
	spin_unlock_bh(&c->inet.s.lock);
	return 0;
}

static int ip_option_set(struct tcp_conn *c, int name, const u8 *value, u32 len)
{
	int err;

	if (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP || name == IP_MULTICAST_IF)
		return -EPROTO;
	err = inet_setsockopt(&c->inet, SOL_IP, name, value, len);
	if (!err && (name == IP_TOS || name == IP_TTL)) {
		spin_lock_bh(&c->inet.s.lock);
		tcp_conn_prepare(c);
		spin_unlock_bh(&c->inet.s.lock);
	}
	return err;
}

/* The common code has noted it; what has to be done besides. */
static int socket_option_note(struct tcp_conn *c, int name)
{
	if (name != SO_KEEPALIVE)
		return -ENOPROTOOPT;
	spin_lock_bh(&c->inet.s.lock);
	tcp_keepalive_set(c);
	spin_unlock_bh(&c->inet.s.lock);
	return 0;
}

int tcp_sock_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	struct tcp_conn *c = tcp_of(s);
	s32 v;
	int err;

	if (level == SOL_SOCKET)
		return socket_option_note(c, name);
	if (level == SOL_IP)
		return ip_option_set(c, name, value, len);
	if (level != SOL_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_CONGESTION)
		return len ? congestion_set(c, value, len) : -EINVAL;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	spin_lock_bh(&s->lock);
	err = option_set(c, name, v);
	spin_unlock_bh(&s->lock);
	return err;
}

/* ---- reading -------------------------------------------------------------- */

/* Segments that so many bytes make. */
static u32 segments(const struct tcp_conn *c, u32 bytes)
{
	return (bytes + c->mss - 1) / c->mss;
}

static void info_fill(const struct tcp_conn *c, struct tcp_info *i)
{
	u64 now = clock_ns();

	i->tcpi_state = c->state;
	if (c->state == TCPS_LISTEN) {
		i->tcpi_unacked = c->accept_count;
		i->tcpi_sacked = c->backlog;
		return;
	}
	i->tcpi_ca_state = c->ca == TCP_CA_RECOVERY ? TCP_CA_Recovery : c->ca == TCP_CA_LOSS ? TCP_CA_Loss
		: c->ca == TCP_CA_DISORDER ? TCP_CA_Disorder : TCP_CA_Open;
	i->tcpi_retransmits = i->tcpi_backoff = c->retries;
	i->tcpi_probes = c->keep_probes;
	i->tcpi_options = (c->ts_ok ? TCPI_OPT_TIMESTAMPS : 0) | (c->sack_ok ? TCPI_OPT_SACK : 0) |
		(c->wscale_ok ? TCPI_OPT_WSCALE : 0);
	i->tcpi_snd_wscale = c->snd_wscale;
	i->tcpi_rcv_wscale = c->rcv_wscale;
	i->tcpi_rto = USEC(c->rto);
	i->tcpi_ato = USEC(TCP_DELACK_NS);
	i->tcpi_snd_mss = c->mss;
	i->tcpi_rcv_mss = c->rcv_mss;
	i->tcpi_unacked = segments(c, c->snd_nxt - c->snd_una);
	i->tcpi_sacked = segments(c, c->sacked);
	i->tcpi_lost = segments(c, c->lost);
	i->tcpi_retrans = segments(c, c->retrans);
	i->tcpi_last_data_sent = MSEC(now - c->last_sent);
	i->tcpi_last_data_recv = i->tcpi_last_ack_recv = MSEC(now - c->last_received);
	i->tcpi_pmtu = c->inet.route.netif ? ip_path_mtu(&c->inet.route, c->inet.remote) : 0;
	i->tcpi_rcv_ssthresh = i->tcpi_rcv_space = c->inet.s.rcvbuf;
	i->tcpi_rtt = USEC(c->srtt);
	i->tcpi_rttvar = USEC(c->rttvar);
	i->tcpi_snd_ssthresh = c->ssthresh == ~0u ? 0x7fffffff : segments(c, c->ssthresh);
	i->tcpi_snd_cwnd = segments(c, c->cwnd);
	i->tcpi_advmss = tcp_mss_advertised(c);
	i->tcpi_reordering = 3;
	i->tcpi_total_retrans = c->total_retrans;
	i->tcpi_notsent_bytes = c->snd_end - c->snd_nxt;
	i->tcpi_min_rtt = c->rtt_min == ~0ull ? ~0u : USEC(c->rtt_min);
	i->tcpi_bytes_acked = c->snd_una - c->iss;
	i->tcpi_bytes_received = c->rcv_nxt - c->irs;
	i->tcpi_snd_wnd = c->snd_wnd;
}

static int give(u8 *value, u32 *len, const void *from, u32 n)
{
	*len = MIN(*len, n);
	memcpy(value, from, *len);
	return 0;
}

static int option_get(const struct tcp_conn *c, int name, s32 *v)
{
	switch (name) {
	case TCP_NODELAY:	*v = c->nodelay; return 0;
	case TCP_CORK:		*v = c->cork; return 0;
	case TCP_MAXSEG:	*v = c->state == TCPS_CLOSED && c->mss_user ? c->mss_user : c->mss; return 0;
	case TCP_KEEPIDLE:	*v = c->keep_idle / NSEC_PER_SEC; return 0;
	case TCP_KEEPINTVL:	*v = c->keep_interval / NSEC_PER_SEC; return 0;
	case TCP_KEEPCNT:	*v = c->keep_count; return 0;
	case TCP_FASTOPEN:	*v = c->fastopen; return 0;
	case TCP_SYNCNT:	*v = c->syn_retries; return 0;
	case TCP_LINGER2:	*v = c->linger2 == 1 ? -1 : (s32)(c->linger2 / NSEC_PER_SEC); return 0;
	case TCP_DEFER_ACCEPT:	*v = c->defer_accept ? (1 << c->defer_accept) - 1 : 0; return 0;
	case TCP_WINDOW_CLAMP:	*v = c->inet.s.rcvbuf; return 0;
	case TCP_QUICKACK:	*v = c->quickack; return 0;
	case TCP_USER_TIMEOUT:	*v = c->user_timeout / NSEC_PER_MSEC; return 0;
	case TCP_NOTSENT_LOWAT:	*v = -1; return 0;
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:	*v = 0; return 0;
	}
	return -ENOPROTOOPT;
}

int tcp_sock_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	struct tcp_conn *c = tcp_of(s);
	char cc[16] = { 0 };
	s32 v;
	int err;

	if (level == SOL_IP)
		return inet_getsockopt(&c->inet, level, name, value, len);
	if (level != SOL_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_INFO) {
		struct tcp_info info = { 0 };

		spin_lock_bh(&s->lock);
		info_fill(c, &info);
		spin_unlock_bh(&s->lock);
		return give(value, len, &info, sizeof(info));
	}
	if (name == TCP_CONGESTION) {
		strlcpy(cc, c->cc->name, sizeof(cc));
		return give(value, len, cc, sizeof(cc));
	}
	err = option_get(c, name, &v);
	return err ? err : give(value, len, &v, sizeof(v));
}
