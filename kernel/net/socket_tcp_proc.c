/*
 * /proc/net/tcp, in the columns that netstat, ss and busybox read: listeners first, then whatever the table of
 * connections holds. And TCP's lines in /proc/net/snmp, netstat and sockstat.
 */
#include "base/printf.h"
#include "dev/device.h"
#include "fs/procfs.h"
#include "mm/page.h"
#include "net/socket_proc.h"
#include "net/socket_tcp.h"

struct lines {
	struct text_out *t;
	u32 count;
};

struct walk {
	void (*fn)(const struct tcp_line *, void *arg);
	void *arg;
};

static void line_print(const struct tcp_line *i, void *arg)
{
	struct lines *l = arg;
	char text[160];
	u64 now = clock_ns();
	u32 ticks = i->when > now ? (u32)((i->when - now) / (NSEC_PER_SEC / 100)) : 0;
	size_t n;

	n = scnprintf(text, sizeof(text),
			  "%4u: %08X:%04X %08X:%04X %02X %08X:%08X %02X:%08X %08X %5u %8d %llu %u %016x", l->count++,
			  i->local, be16_to_cpu(i->local_port), i->remote, be16_to_cpu(i->remote_port), i->state, i->tx,
			  i->rx, i->timer, ticks, i->retries, i->uid, 0, (unsigned long long)i->ino, i->refs, 0);
	/* The timeout in ticks, delayed ACKs in ticks, whether they are off; the windows in segments. */
	if (i->conn)
		scnprintf(text + n, sizeof(text) - n, " %llu 4 0 %u %d",
			(unsigned long long)(i->conn->rto / (NSEC_PER_SEC / 100)),
			  i->conn->cwnd / MAX(i->conn->mss, 1u),
			  i->conn->ssthresh >= 0x7fffffff ? -1 : (s32)(i->conn->ssthresh / MAX(i->conn->mss, 1u)));
	text_printf(l->t, "%-149s\n", text);
}

static void listener_line(struct tcp_conn *c, void *arg)
{
	const struct walk *w = arg;
	struct tcp_line i = { .local = c->inet.local, .local_port = c->inet.local_port, .state = TCPS_LISTEN,
		.rx = c->accept_count, .tx = 0, .uid = c->inet.s.owner_uid, .backlog = c->backlog, .refs = c->e.refs,
		.ino = c->inet.s.ino };

	w->fn(&i, w->arg);
}

/* Which timer runs, in Linux's numbers, and until when. */
static void timer_say(const struct tcp_conn *c, struct tcp_line *i)
{
	if (c->due[TCP_TIMER_RETRANSMIT]) {
		i->timer = c->tx_head == c->tx_next ? 4 : 1;
		i->when = c->due[TCP_TIMER_RETRANSMIT];
	} else if (c->due[TCP_TIMER_KEEPALIVE]) {
		i->timer = 2;
		i->when = c->due[TCP_TIMER_KEEPALIVE];
	}
}

static void entry_line(struct tcp_entry *e, void *arg)
{
	const struct walk *w = arg;
	struct tcp_line i = { .local = e->local, .remote = e->remote, .local_port = e->local_port,
		.remote_port = e->remote_port, .refs = e->refs };

	if (e->kind == TCP_CONN) {
		const struct tcp_conn *c = container_of(e, struct tcp_conn, e);

		i.conn = c;
		i.state = c->state;
		i.tx = c->snd_end - c->snd_una;
		i.rx = c->state == TCPS_SYN_SENT ? 0 : tcp_readable((struct tcp_conn *)c);
		i.retries = c->retries;
		i.uid = c->inet.s.owner_uid;
		i.ino = c->orphan ? 0 : c->inet.s.ino;
		timer_say(c, &i);
	} else if (e->kind == TCP_TIMEWAIT) {
		const struct tcp_timewait *t = container_of(e, struct tcp_timewait, e);

		i.state = t->state;
		i.timer = 3;
		i.when = t->expires;
		i.uid = t->uid;
	} else {
		const struct tcp_request *r = container_of(e, struct tcp_request, e);

		i.state = TCPS_SYN_RECEIVED;
		i.timer = 1;
		i.when = r->due;
		i.retries = r->retries;
		i.uid = r->listener->inet.s.owner_uid;
	}
	w->fn(&i, w->arg);
}

void tcp_lines(void (*fn)(const struct tcp_line *, void *arg), void *arg)
{
	struct walk w = { fn, arg };

	tcp_for_each_listener(listener_line, &w);
	tcp_for_each(entry_line, &w);
}

static void tcp_show(struct text_out *t)
{
	struct lines l = { .t = t };

	text_printf(t, "%-149s\n", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
		    "timeout inode");
	tcp_lines(line_print, &l);
}

/* ---- counters ------------------------------------------------------------- */

#define C(n) ((unsigned long long)tcp_counter_sum(TCPC_##n))

static void snmp_show(struct text_out *t)
{
	text_printf(t, "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets "
		    "CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n");
	text_printf(t, "Tcp: 1 %llu %llu -1 %llu %llu %llu %llu %u %llu %llu %llu %llu %llu %llu\n",
		    TCP_RTO_MIN / NSEC_PER_MSEC, TCP_RTO_MAX / NSEC_PER_MSEC, C(ACTIVE_OPENS), C(PASSIVE_OPENS),
		    C(ATTEMPT_FAILS), C(ESTAB_RESETS), atomic_load_relaxed(&tcp_established), C(IN_SEGS), C(OUT_SEGS),
		    C(RETRANS_SEGS), C(IN_ERRS), C(OUT_RSTS), C(IN_CSUM_ERRORS));
}

static void netstat_show(struct text_out *t)
{
	text_printf(t, "TcpExt: SyncookiesSent SyncookiesRecv PAWSEstab ListenOverflows TCPTimeouts TCPSackRecovery "
		    "TCPOFOQueue TCPRcvQDrop TCPChallengeACK\n");
	text_printf(t, "TcpExt: %llu %llu %llu %llu %llu %llu %llu %llu %llu\n", C(COOKIES_SENT),
		    C(COOKIES_RECEIVED), C(PAWS), C(LISTEN_OVERFLOWS), C(TIMEOUTS), C(FAST_RECOVERIES), C(OOO), C(RCV_PRUNED),
		    C(CHALLENGE_ACKS));
}

struct use {
	u32 connections, orphans, waits, listeners;
	u64 memory;
};

static void entry_use(struct tcp_entry *e, void *arg)
{
	const struct tcp_conn *c = container_of(e, struct tcp_conn, e);
	struct use *u = arg;

	if (e->kind != TCP_CONN) {
		u->waits += e->kind == TCP_TIMEWAIT;
		return;
	}
	u->connections++;
	u->orphans += c->orphan;
	u->memory += c->tx_mem + c->ooo_mem + c->rx_charged - c->rx_freed;
}

static void listener_use(struct tcp_conn *c, void *arg)
{
	((struct use *)arg)->listeners++;
}

static void sockstat_show(struct text_out *t)
{
	struct use u = { 0 };

	tcp_for_each(entry_use, &u);
	tcp_for_each_listener(listener_use, &u);
	text_printf(t, "TCP: inuse %u orphan %u tw %u alloc %u mem %llu\n",
		    u.connections - u.orphans + u.listeners, u.orphans, u.waits, u.connections + u.listeners,
		    (unsigned long long)u.memory / PAGE_SIZE);
}

static int tcp_proc_init(void)
{
	static struct net_text_source snmp = { .show = snmp_show }, netstat = { .show = netstat_show },
		sockstat = { .show = sockstat_show };

	net_text_register(NET_SNMP, &snmp);
	net_text_register(NET_NETSTAT, &netstat);
	net_text_register(NET_SOCKSTAT, &sockstat);
	return proc_register_file("net/tcp", tcp_show);
}
INIT(tcp_proc, INIT_LATE, tcp_proc_init);
