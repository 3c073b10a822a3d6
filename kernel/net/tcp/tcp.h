/*
 * TCP (RFC 9293): the types that its files share.
 *
 *   ip_input -> tcp_input (input.c) -> conn.c finds the connection -> fastpath.c, or the RFC's steps in
 *   process.c -> ack.c, sack.c, reass.c, congestion.c -> output.c -> ip_output
 *   socket_tcp*.c (programs) -> output.c;  timer.c -> output.c
 *
 * A connection is its socket: struct tcp_conn begins with it, and lives until program, tables and timer have let
 * go. A listener is a tcp_conn in state LISTEN. A connection that is only being asked for is a tcp_request, one
 * that only waits for old segments to die out a tcp_timewait: both small, both in the same table, so that neither
 * floods nor ten thousand closed connections cost much.
 *
 * Lock keys:
 *   [L] the connection's lock, inet.s.lock (bh kind); taken before all others here
 *   [P] a port bucket's lock (bind.c)      [B] a bucket of the connection table (conn.c)
 *   [N] a bucket of the listeners (conn.c) [T] the TIME-WAIT queue (timewait.c)
 *   [R] the reader's mutex rx_mutex        [W] the writer's mutex tx_mutex
 *   [S] set before others can see it       [a] atomic
 * Two connections' locks are never held together. User memory is touched under [R] or [W] alone.
 */
#pragma once
#include "base/cksum.h"
#include "base/rbtree.h"
#include "core/clock.h"
#include "net/inet.h"
#include "net/napi.h"
#include "net/tcp/seq.h"
#include "sched/mutex.h"
#include "sched/timer.h"

struct tcp_header {
	be16 source, destination;
	be32 seq, ack;
	u8 offset;			/* of the data, in words, upper half */
	u8 flags;
	be16 window, checksum, urgent;
} packed aligned(4);

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

/* The values that /proc/net/tcp and TCP_INFO show. */
enum tcp_state {
	TCPS_ESTABLISHED = 1, TCPS_SYN_SENT, TCPS_SYN_RECEIVED, TCPS_FIN_WAIT_1, TCPS_FIN_WAIT_2, TCPS_TIME_WAIT,
	TCPS_CLOSED, TCPS_CLOSE_WAIT, TCPS_LAST_ACK, TCPS_LISTEN, TCPS_CLOSING
};
#define STATE_BIT(s)	(1u << (s))
/* May the program still send? May the peer? */
#define STATES_CAN_SEND	(STATE_BIT(TCPS_ESTABLISHED) | STATE_BIT(TCPS_CLOSE_WAIT))
#define STATES_CAN_RECV	(STATE_BIT(TCPS_ESTABLISHED) | STATE_BIT(TCPS_FIN_WAIT_1) | STATE_BIT(TCPS_FIN_WAIT_2))

#define TCP_HEADER_LEN	20u
#define TCP_TS_LEN	12u		/* the timestamp option, aligned */
#define TCP_MSS_ASSUMED	536u
#define TCP_MSS_MIN	48u
/* What one buffer holds behind the headers. */
#define TCP_SEGMENT_MAX	((u32)PKT_BUF_SIZE - PKT_HEADROOM)
#define TCP_WSCALE_MAX	14

#define TCP_DELACK_NS	(40 * NSEC_PER_MSEC)
#define TCP_RTO_MIN	(200 * NSEC_PER_MSEC)
#define TCP_RTO_MAX	(120 * NSEC_PER_SEC)
#define TCP_RTO_INITIAL	(1 * NSEC_PER_SEC)	/* RFC 6298, 2.1 */
#define TCP_TAIL_SLACK	(10 * NSEC_PER_MSEC)	/* for the peer's own delays, in a probe of the tail */
#define TCP_MSL2_NS	(60 * NSEC_PER_SEC)	/* TIME-WAIT, and FIN-WAIT-2 without a program */
#define TCP_SYN_RETRIES	6
#define TCP_SYNACK_RETRIES 5
#define TCP_RETRIES	15		/* of data: about 15 minutes */
#define TCP_ORPHAN_RETRIES 8

#define TCP_RCVBUF_START (128u << 10)
#define TCP_SNDBUF_START (128u << 10)
#define TCP_SNDBUF_MAX	(4u << 20)

/* ---- what the tables hold ------------------------------------------------- */

enum tcp_kind { TCP_CONN, TCP_REQUEST, TCP_TIMEWAIT };

struct tcp_entry {
	struct tcp_entry *next;		/* [B] */
	union {				/* in the order of a received header */
		struct { be32 remote, local; };
		u64 addresses;
	};				/* [S] */
	union {
		struct { be16 remote_port, local_port; };
		u32 ports;
	};				/* [S] */
	u32 refs;			/* [a] */
	u8 kind;			/* [S] */
	bool hashed;			/* [B] */
};

/* ---- notes in a packet's cb ----------------------------------------------- */

enum { TX_SACKED = 1, TX_LOST = 2, TX_RETRANSMITTED = 4 /* now in flight again */, TX_AMBIGUOUS = 8 /* sent twice */ };

struct tcp_tx {				/* on the send queue [L] */
	struct pkt *next;
	u64 sent;			/* clock_ns() of the last transmission */
	u32 seq, len;			/* of the text */
	u16 start;			/* where it lies, from buf */
	u32 csum;			/* its partial sum, when csum_valid */
	u8 flags;			/* TCP_SYN, TCP_FIN, TCP_PSH */
	u8 state;			/* TX_* */
	bool csum_valid;
};
static inline struct tcp_tx *tcp_tx(struct pkt *p) { return (struct tcp_tx *)p->cb64; }
static inline u8 *tcp_tx_text(struct pkt *p) { return p->buf + tcp_tx(p)->start; }
static inline u32 tcp_tx_end(const struct tcp_tx *t)
{
	return t->seq + t->len + !!(t->flags & (TCP_SYN | TCP_FIN));
}

struct tcp_rx {				/* received, in order or not [L] */
	struct rb_node node;		/* out of order */
	u32 seq, end;			/* end without the FIN */
	u32 truesize;
	bool fin;
};
static inline struct tcp_rx *tcp_rx(struct pkt *p) { return (struct tcp_rx *)p->cb64; }
static inline struct pkt *tcp_rx_pkt(struct rb_node *n)
{
	return container_of((void *)rb_entry(n, struct tcp_rx, node), struct pkt, cb64);
}
_Static_assert(sizeof(struct tcp_tx) <= 48 && sizeof(struct tcp_rx) <= 48, "cb");

/* ---- segments and options ------------------------------------------------- */

struct tcp_options {
	u16 mss;			/* 0: none */
	s8 wscale;			/* -1: none */
	bool sack_permitted, has_ts;
	u8 sack_count;
	u32 ts_value, ts_echo;
	struct tcp_range sack[4];
};

struct tcp_segment {			/* one that arrived */
	struct pkt *p;			/* NULL once queued or freed */
	const struct tcp_header *th;
	u32 seq, ack, len, window;	/* len: of the text; window unscaled */
	u8 flags;
	u64 now;
	struct tcp_options o;
};

/* ---- connections ---------------------------------------------------------- */

enum tcp_timer { TCP_TIMER_RETRANSMIT, TCP_TIMER_DELACK, TCP_TIMER_KEEPALIVE, TCP_TIMER_CLOSE /* orphans */,
	TCP_TIMERS };

/* What the retransmission timer runs for: the timeout; a probe of the tail (RFC 8985, 7); the end of patience with what
 * seems only reordered (RFC 8985, 6.2). */
enum tcp_rtx { TCP_RTX_TIMEOUT, TCP_RTX_TAIL, TCP_RTX_REORDER };

enum tcp_ca { TCP_CA_OPEN, TCP_CA_DISORDER, TCP_CA_RECOVERY, TCP_CA_LOSS };

/* Why the fast path may not be taken. */
enum { SLOW_STATE = 1, SLOW_REASSEMBLY = 2, SLOW_CONGESTION = 4 };

struct tcp_cc;
struct tcp_port;

struct tcp_conn {
	struct inet_socket inet;	/* first */
	struct tcp_entry e;
	u8 state;			/* enum tcp_state [L]; read anywhere */
	u8 slow;			/* SLOW_* [L] */
	bool orphan;			/* no program has it any more [L] */
	bool was_connected;		/* [L] */
	bool connecting;		/* connect(2) has not reported its end [L] */

	/* The receiver, RFC 9293, 3.3.1. [L] */
	u32 irs, rcv_nxt;
	u32 rcv_edge;			/* first sequence number not allowed to the peer */
	u32 rcv_acked;			/* rcv_nxt as we last told */
	u32 copied;			/* behind the last byte that the program took [R]; read with [L] */
	u32 rcv_mss;			/* largest text seen: a full segment of the peer's */
	u16 predict;			/* offset and flags that the fast path expects */
	u8 rcv_wscale, snd_wscale;
	bool rcv_closed;		/* the peer's FIN is in order */
	bool ack_now;			/* an ACK is due at the end of this segment */
	bool wake_pending;		/* at the batch's end */
	bool quickack;			/* TCP_QUICKACK: do not delay */
	bool ts_ok, sack_ok, wscale_ok;
	u8 sack_count;
	struct tcp_range sack[4];	/* what we hold out of order, latest first */
	u32 ts_recent, ts_offset;
	u64 ts_recent_at;		/* clock_ns() */
	struct pkt *rx_head, *rx_tail;	/* in order, not yet taken by a reader */
	struct rb_root ooo;		/* out of order */
	u32 ooo_mem;
	u32 rx_charged;			/* truesize ever queued in order [L].. */
	u32 rx_freed;			/* ..and freed by readers [R] */
	u32 rcvbuf_auto;		/* what we set s.rcvbuf to; another value is the program's */
	u32 tune_from;			/* copied when the measurement began [R] */
	u64 tune_at;			/* [R] */
	struct net_deferred deferred;	/* ACK and wake-up at the end of a batch; holds a reference while queued */

	/* The sender. [L] */
	u32 iss, snd_una, snd_nxt, snd_end; /* snd_end: behind the last byte queued */
	u32 snd_wnd, snd_wl1, snd_wl2, snd_wnd_max;
	u32 snd_small;			/* end of the last segment sent that was not full (Minshall) */
	u32 mss;			/* bytes of text in a full segment now */
	u16 mss_peer, mss_user;		/* the peer's option; TCP_MAXSEG */
	bool nodelay, cork, more;	/* TCP_NODELAY, TCP_CORK, MSG_MORE on the last write */
	bool fin_queued, fin_wanted;	/* our FIN is on the queue; should be, but memory failed */
	bool tx_waiting;		/* a writer or poller waits for room */
	bool csum_offload;		/* the interface finishes checksums */
	u8 tso_parts;			/* and cuts up to so many full segments that are sent as one; 0 or 1: none */
	bool cwnd_limited;
	struct pkt *tx_head, *tx_next, *tx_tail; /* unacknowledged; first unsent; last */
	struct pkt *tx_fill;		/* a writer copies behind its end: do not send yet */
	u32 tx_mem;			/* truesize of the queue */
	u32 sndbuf_auto;
	u64 last_sent, last_received;	/* clock_ns() */
	struct ip_output_args ip;
	u64 pseudo;			/* pseudo-header's sum without the length */
	u32 out_ports;			/* first word of our header */

	/* Loss and congestion. [L] */
	u8 ca;				/* enum tcp_ca */
	u8 dupacks;
	u8 retries;			/* timeouts in a row */
	u8 rtx;				/* enum tcp_rtx */
	bool tail_probed;		/* since the last ACK that told news */
	u32 cwnd, ssthresh;		/* bytes */
	u32 recover;			/* snd_nxt when the loss was seen */
	u32 sacked, lost, retrans;	/* bytes of the queue in these states */
	u32 cwnd_acked;			/* bytes since cwnd last grew */
	u64 rack_sent;			/* the latest sending time of what has arrived */
	const struct tcp_cc *cc;
	u64 cc_data[6];			/* the algorithm's own */
	u64 srtt, rttvar, rto, rtt_min;	/* ns */
	u64 first_retry;		/* when the timeouts in a row began */
	u32 total_retrans;

	/* Timers. [L] */
	struct timer timer;		/* holds a reference while armed */
	u64 timer_at;			/* when it fires, ~0: not armed */
	u64 due[TCP_TIMERS];		/* 0: not wanted */
	u64 keep_idle, keep_interval, user_timeout, linger2; /* ns */
	u8 keep_count, keep_probes, defer_accept, syn_retries;
	u16 fastopen;			/* TCP_FASTOPEN, without effect [L] */
	s32 soft_error;			/* what ICMP said, positive */
	u64 limit_at;			/* challenge ACKs: the next is not before */

	struct tcp_port *port;		/* [P], changed with [L] */
	struct list_node port_node;	/* [P] */
	bool port_explicit;		/* by bind(2) or from a listener [P] */

	/* Listeners, and what they have accepted. [L] of the listener */
	struct list_node listen_node;	/* [N] */
	struct list_node requests;	/* struct tcp_request.node */
	struct list_node accept_queue;	/* struct tcp_conn.accept_node */
	struct list_node accept_node;
	u32 request_count, accept_count, backlog;
	u64 cookie_until;		/* cookies were given out: accept them until then */

	struct mutex rx_mutex, tx_mutex;
	struct pkt *own_head, *own_tail; /* taken off rx by a reader [R] */
};

static inline struct tcp_conn *tcp_of(struct socket *s) { return (struct tcp_conn *)s; }
static inline struct socket *tcp_socket(struct tcp_conn *c) { return &c->inet.s; }
static inline bool tcp_state_in(const struct tcp_conn *c, u32 states)
{
	return STATE_BIT(READ_ONCE(c->state)) & states;
}
/* Bytes that a reader could have; the FIN is none. */
static inline u32 tcp_readable(const struct tcp_conn *c)
{
	return READ_ONCE(c->rcv_nxt) - READ_ONCE(c->copied) - READ_ONCE(c->rcv_closed);
}
/* Timestamps tick in 2^20 ns, near enough to a millisecond. */
static inline u32 tcp_ts_now(const struct tcp_conn *c, u64 now) { return (u32)(now >> 20) + c->ts_offset; }
/* The pipe of RFC 6675: what is thought to be in the network. */
static inline u32 tcp_in_flight(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una - c->sacked - c->lost + c->retrans;
}

/* ---- conn.c: life; table.c: look-up ---------------------------------------- */

int tcp_init(void);			/* boot */
void tcp_table_init(void);
struct tcp_conn *tcp_conn_new(void);	/* refs 1, state CLOSED; NULL: no memory. Any context but hard irq */
void tcp_conn_free(struct tcp_conn *c);
/* Closed, and in no table: as new again, but for what the program set. For a connect after one that failed. [L] */
void tcp_conn_renew(struct tcp_conn *c);
/* Begin to connect; the peer's address is in inet, and the route. 0 or -errno. [L] */
int tcp_connect(struct tcp_conn *c);
static inline void tcp_conn_get(struct tcp_conn *c) { ref_get(&c->e.refs); }
static inline void tcp_conn_put(struct tcp_conn *c)
{
	if (unlikely(ref_put(&c->e.refs)))
		tcp_conn_free(c);
}
void tcp_entry_put(struct tcp_entry *e);	/* of any kind */
/* All with softirqs off. Referenced, or NULL. */
struct tcp_entry *tcp_entry_find(u64 addresses, u32 ports);
/* Into the table, which gets a reference: 0, or -EADDRNOTAVAIL when one with the same addresses and ports is there. */
int tcp_entry_insert(struct tcp_entry *e);
/* Out of the table; true if it was in it: the table's reference is now the caller's. */
bool tcp_entry_remove(struct tcp_entry *e);
/* new takes old's place (and a reference): false if old was not there. What the table held of old is the caller's. */
bool tcp_entry_replace(struct tcp_entry *old, struct tcp_entry *new);
/* Every entry, fn under its bucket's lock: no sleep, no other lock of TCP's. */
void tcp_for_each(void (*fn)(struct tcp_entry *e, void *arg), void *arg);
void tcp_for_each_listener(void (*fn)(struct tcp_conn *c, void *arg), void *arg);

void tcp_listener_add(struct tcp_conn *c);	/* [L] */
void tcp_listener_remove(struct tcp_conn *c);	/* [L] */
/* The listener for a packet, referenced, or NULL. Softirqs off. */
struct tcp_conn *tcp_listener_find(be32 local, be16 port, const struct netif *nif, u32 choice);

/* Fill in what follows from addresses and options: prediction, header words, segment size. [L], or unshared. */
void tcp_conn_prepare(struct tcp_conn *c);
void tcp_set_state(struct tcp_conn *c, u8 state);	/* [L] */
/* The connection is over: out of the tables, queues and timers gone, everybody woken. error: positive errno, or 0.
 * [L] */
void tcp_done(struct tcp_conn *c, int error);
/* That, with an RST to the peer if the state wants one. [L] */
void tcp_abort(struct tcp_conn *c, int error);
/* Memory of all connections: may n more bytes be queued? */
bool tcp_memory_low(void);
extern u32 tcp_rcvbuf_max;		/* by the machine's memory */

/* The route to the peer is there and valid: 0 or -errno. [L] */
int tcp_route_slow(struct tcp_conn *c);
static inline int tcp_route(struct tcp_conn *c)
{
	return likely(route_valid(&c->inet.route)) ? 0 : tcp_route_slow(c);
}
/* Segment size from route, path MTU and what the peer said. [L] */
void tcp_mss_update(struct tcp_conn *c);
u16 tcp_mss_advertised(const struct tcp_conn *c);

/* ---- bind.c --------------------------------------------------------------- */

/* Give c the local port (0: choose a free one). inet.local is set. 0, -EADDRINUSE, -ENOMEM. [L] */
int tcp_port_bind(struct tcp_conn *c, be16 port);
/* Choose a port for connect and put c into the table; all addresses and the peer's port are set. 0, -EADDRNOTAVAIL,
 * -ENOMEM. [L] */
int tcp_port_connect(struct tcp_conn *c);
/* A new connection of a listener's: shares its port. 0 or -EADDRINUSE (the listener is gone). c unshared. */
void tcp_port_share(struct tcp_conn *c, struct tcp_conn *listener);
void tcp_port_release(struct tcp_conn *c);
/* May c listen? Another that does on the same address is in the way. */
bool tcp_port_may_listen(struct tcp_conn *c);
/* c becomes a TIME-WAIT entry, which holds the port until tcp_port_unwait. */
struct tcp_port *tcp_port_wait(struct tcp_conn *c);
void tcp_port_unwait(struct tcp_port *port);
void tcp_bind_init(void);

/* ---- input.c, fastpath.c, process.c, ack.c -------------------------------- */

void tcp_input(struct pkt *p, struct ip_header *ip);
void tcp_error(const struct ip_error *error);
/* A segment for c: p's data at the TCP header, hlen checked. Takes p. [L] */
void tcp_segment_arrives(struct tcp_conn *c, struct pkt *p, const struct tcp_header *th, u32 hlen);
/* Header prediction: true if the segment was an expected one, and has been dealt with. [L] */
bool tcp_fast_path(struct tcp_conn *c, struct pkt *p, const struct tcp_header *th, u32 hlen);
/* RFC 9293, 3.10.7.3 and .4: seg->p is taken or NULL afterwards. [L] */
void tcp_process_syn_sent(struct tcp_conn *c, struct tcp_segment *seg);
void tcp_process(struct tcp_conn *c, struct tcp_segment *seg);
/* A text's worth at data, in order, onto the queue; acknowledges and wakes as due. [L] */
void tcp_text_append(struct tcp_conn *c, struct pkt *p, u32 len, u64 now);
void tcp_rx_enqueue(struct tcp_conn *c, struct pkt *p, u32 len);
/* Has this connection room for more received packets? [L] */
bool tcp_rx_full(const struct tcp_conn *c, const struct pkt *p);
/* socket_tcp.c: those who wait for text, for room, for the end or for a new connection. Any context but hard irq. */
void tcp_wake_in(struct tcp_conn *c);
void tcp_wake_out(struct tcp_conn *c);
void tcp_wake_end(struct tcp_conn *c);
/* Drop n bytes from the front of a chain. */
void tcp_pkt_pull(struct pkt *p, u32 n);
u32 tcp_truesize(const struct pkt *p);

/* The acknowledgement advances: forget what arrived. ack in (snd_una, snd_nxt]. Returns the bytes. [L] */
u32 tcp_ack_advance(struct tcp_conn *c, u32 ack, u64 now);
/* Step five: false if the segment is to be dropped. [L] */
bool tcp_process_ack(struct tcp_conn *c, struct tcp_segment *seg);
/* Something unsent may go now. [L] */
static inline bool tcp_has_unsent(const struct tcp_conn *c) { return c->tx_next != NULL; }

/* ---- options.c ------------------------------------------------------------ */

/* n bytes of options at p, which lie: false only tells of a list that is cut. */
void tcp_options_parse(const u8 *p, u32 n, struct tcp_options *o);
struct tcp_syn_options { u16 mss; s8 wscale; bool sack, ts; u32 ts_value, ts_echo; };
u32 tcp_options_syn(u8 *at, const struct tcp_syn_options *o);	/* bytes written, a multiple of 4, at most 20 */
/* Timestamps and SACK blocks for an ACK: bytes written. */
u32 tcp_options_ack(u8 *at, const struct tcp_conn *c, u64 now);
u32 tcp_options_ack_len(const struct tcp_conn *c);

/* ---- reass.c -------------------------------------------------------------- */

void tcp_reass_insert(struct tcp_conn *c, struct tcp_segment *seg);	/* takes seg->p [L] */
/* What became in order: onto the queue; true if the FIN was among it. [L] */
bool tcp_reass_drain(struct tcp_conn *c, u64 now);
void tcp_reass_purge(struct tcp_conn *c);

/* ---- sack.c, congestion.c, cubic.c, rtt.c --------------------------------- */

/* Blocks of an ACK: marks what arrived; true if something new was learned. [L] */
bool tcp_sack_receive(struct tcp_conn *c, const struct tcp_segment *seg);
void tcp_sack_mark_lost(struct tcp_conn *c);	/* IsLost of RFC 6675 for the whole queue [L] */
void tcp_sack_mark_holes(struct tcp_conn *c);	/* every hole below something that arrived [L] */
/* After a timeout: what did not arrive counts as lost. */
void tcp_sack_reset(struct tcp_conn *c);

struct tcp_cc {
	const char *name;
	void (*init)(struct tcp_conn *c);
	/* acked bytes arrived while cwnd was in use, outside recovery. */
	void (*grow)(struct tcp_conn *c, u32 acked, u64 now);
	/* A loss: the new ssthresh. */
	u32 (*reduce)(struct tcp_conn *c, u64 now);
};
extern const struct tcp_cc tcp_cc_reno, tcp_cc_cubic;
const struct tcp_cc *tcp_cc_find(const char *name, u32 len);
extern const struct tcp_cc *tcp_cc_default;
void tcp_cc_init(struct tcp_conn *c);
void tcp_slow_start(struct tcp_conn *c, u32 acked);	/* RFC 5681, 3.1, with RFC 3465's limit */
/* After an ACK: state machine of loss. acked: bytes newly acknowledged; dup: it was a duplicate. [L] */
void tcp_congestion_ack(struct tcp_conn *c, u32 acked, bool dup, bool sack_news, u64 now);
void tcp_congestion_timeout(struct tcp_conn *c, u64 now);
/* Long enough waited: what lies below a segment that has arrived is lost. [L] */
void tcp_congestion_reorder(struct tcp_conn *c, u64 now);
void tcp_congestion_idle(struct tcp_conn *c);	/* RFC 5681, 4.1 */
void tcp_congestion_shrink(struct tcp_conn *c);	/* the local queue was full */
u32 tcp_initial_window(u32 mss);

void tcp_rtt_sample(struct tcp_conn *c, u64 rtt);

/* ---- timer.c -------------------------------------------------------------- */

void tcp_timer_init(struct tcp_conn *c);
void tcp_timer_arm(struct tcp_conn *c, u64 at);
static inline void tcp_timer_start(struct tcp_conn *c, enum tcp_timer which, u64 at)
{
	c->due[which] = at;
	if (unlikely(at < c->timer_at))
		tcp_timer_arm(c, at);
}
static inline void tcp_timer_stop(struct tcp_conn *c, enum tcp_timer which) { c->due[which] = 0; }
void tcp_timer_end(struct tcp_conn *c);		/* none is wanted any more [L] */
/* From now, something is in flight: when it is to be looked after. The tail of several segments is probed after two
 * round trips, as nothing that follows would show its loss; else it is the timeout. [L] */
static inline void tcp_rtx_start(struct tcp_conn *c, u64 now)
{
	u64 delay = c->rto;

	c->rtx = TCP_RTX_TIMEOUT;
	if (c->snd_nxt - c->snd_una > c->mss && c->ca == TCP_CA_OPEN && c->sack_ok && !c->tail_probed && c->srtt) {
		c->rtx = TCP_RTX_TAIL;
		delay = MIN(2 * c->srtt + TCP_TAIL_SLACK, delay);
	}
	tcp_timer_start(c, TCP_TIMER_RETRANSMIT, now + delay);
}
void tcp_keepalive_set(struct tcp_conn *c);	/* SO_KEEPALIVE or its times changed [L] */

/* ---- output.c ------------------------------------------------------------- */

/* Send what windows, Nagle and the peer permit. [L] */
void tcp_output(struct tcp_conn *c);
/* The same, but what is there goes (no Nagle, no cork). */
void tcp_output_all(struct tcp_conn *c);
/* Retransmit the first of the queue; what is marked lost, as cwnd permits. [L] */
int tcp_retransmit_head(struct tcp_conn *c, u64 now);
/* One segment that tells whether the tail has arrived: a new one if there is, else the last again. [L] */
void tcp_probe_tail(struct tcp_conn *c, u64 now);
void tcp_retransmit_lost(struct tcp_conn *c, u64 now);
int tcp_transmit(struct tcp_conn *c, struct pkt *p, u64 now);
void tcp_send_ack(struct tcp_conn *c);
/* Have what is due (ACK, wake-up) done at the end of the batch that runs: false if none does. */
bool tcp_defer(struct tcp_conn *c);
/* An ACK at the end of the batch, or now. */
void tcp_ack_soon(struct tcp_conn *c);
/* At most one each half second, a connection: what strangers can provoke (RFC 5961, 7). */
void tcp_challenge_ack(struct tcp_conn *c, u64 now);
void tcp_send_reset(struct tcp_conn *c);
void tcp_send_probe(struct tcp_conn *c, u32 seq);
/* Put our FIN on the queue and send it. */
void tcp_send_fin(struct tcp_conn *c);
/* Packets to the end of the send queue. */
void tcp_queue(struct tcp_conn *c, struct pkt *p, u8 flags);
void tcp_queue_purge(struct tcp_conn *c);
u32 tcp_window(struct tcp_conn *c);	/* the window to tell, in bytes; moves rcv_edge */
u32 tcp_window_space(const struct tcp_conn *c);

/* reply.c: segments without a connection. */
struct tcp_reply {
	be32 source, destination;
	be16 source_port, destination_port;
	u32 seq, ack;
	u8 flags, tos;
	u16 window;			/* as in the header */
	bool ts;
	u32 ts_value, ts_echo;
	const struct tcp_syn_options *syn;	/* for SYN-ACKs */
};
/* By r, or NULL: a route is looked up. Any context but hard irq. */
void tcp_reply_send(const struct tcp_reply *reply, const struct ip_route *r);
/* An RST for a segment that belongs nowhere (RFC 9293, 3.10.7.1). p's data at th (hlen is its length), or behind. */
void tcp_reply_reset(const struct pkt *p, const struct tcp_header *th, u32 hlen);

/* ---- listen.c, cookie.c --------------------------------------------------- */

struct tcp_request {			/* SYN-RECEIVED (RFC 9293, 3.10.7.2) */
	struct tcp_entry e;
	struct list_node node;		/* listener.requests [L] of the listener */
	struct tcp_conn *listener;	/* referenced */
	u32 irs, iss, ts_recent, ts_offset;
	u16 mss, window;		/* window: of the peer's SYN */
	s8 wscale;			/* the peer's, -1: none */
	u8 rcv_wscale;
	bool ts, sack;
	u8 tos, retries;		/* [L] */
	u64 sent, due;			/* [L] */
};
int tcp_listen(struct tcp_conn *c, int backlog);		/* [L] */
void tcp_listen_stop(struct tcp_conn *c);			/* process context, no lock */
struct tcp_conn *tcp_accept_pop(struct tcp_conn *c);		/* [L]; the queue's reference is the caller's */
/* A segment for a listener, or for a request. Take p. Softirqs off. */
void tcp_listener_input(struct tcp_conn *l, struct pkt *p, struct tcp_header *th, u32 hlen);
void tcp_request_input(struct tcp_request *r, struct pkt *p, struct tcp_header *th, u32 hlen);
void tcp_requests_timeout(struct tcp_conn *l, u64 now);		/* [L] */
/* ICMP said that the peer is not there. */
void tcp_request_drop(struct tcp_request *r);
void tcp_request_free(struct tcp_request *r);
void tcp_listen_init(void);
u8 tcp_scale_for(u32 size);	/* the window scale that can tell of so much */
u32 tcp_cookie_make(const struct tcp_entry *e, u32 irs, u16 *mss, u64 now);
u16 tcp_cookie_check(const struct tcp_entry *e, u32 irs, u32 iss, u64 now);	/* the MSS; 0: it is none */
void tcp_cookie_init(void);

/* ---- timewait.c ----------------------------------------------------------- */

struct tcp_timewait {
	struct tcp_entry e;
	struct list_node node;		/* in order of expiry [T] */
	u64 expires;			/* [T] */
	struct tcp_port *port;
	u32 snd_nxt, rcv_nxt;		/* [T] */
	u32 rcv_wnd;
	u32 ts_recent, ts_offset;	/* [T] */
	u32 uid;
	u16 window;			/* as we send it */
	u8 tos;
	u8 state;			/* TCPS_TIME_WAIT or TCPS_FIN_WAIT_2 [T] */
	bool ts_ok;
};
/* c ends, and leaves a small entry in its place. [L] */
void tcp_timewait_enter(struct tcp_conn *c, u8 state, u64 now);
/* True: taken. False: p is a SYN for a new connection, the entry is gone. Softirqs off. */
bool tcp_timewait_input(struct tcp_timewait *t, struct pkt *p, const struct tcp_header *th, u32 hlen);
void tcp_timewait_free(struct tcp_timewait *t);
void tcp_timewait_init(void);

/* ---- counters (/proc/net/snmp, netstat) ----------------------------------- */

enum tcp_counter {
	TCPC_ACTIVE_OPENS, TCPC_PASSIVE_OPENS, TCPC_ATTEMPT_FAILS, TCPC_ESTAB_RESETS, TCPC_IN_SEGS, TCPC_OUT_SEGS,
	TCPC_RETRANS_SEGS, TCPC_IN_ERRS, TCPC_OUT_RSTS, TCPC_IN_CSUM_ERRORS, TCPC_TIMEOUTS, TCPC_FAST_RECOVERIES,
	TCPC_COOKIES_SENT, TCPC_COOKIES_RECEIVED, TCPC_LISTEN_OVERFLOWS, TCPC_CHALLENGE_ACKS, TCPC_PAWS, TCPC_OOO,
	TCPC_RCV_PRUNED, TCP_COUNTERS
};
struct tcp_counters { u64 v[TCP_COUNTERS]; };
DECLARE_PERCPU(struct tcp_counters, tcp_counters);
static inline void tcp_count(enum tcp_counter c) { this_cpu(tcp_counters)->v[c]++; }
u64 tcp_counter_sum(enum tcp_counter c);
extern u32 tcp_established;		/* connections in ESTABLISHED or CLOSE-WAIT [a] */

/* socket_tcp.c: the operations of sockets that accept makes. */
extern const struct socket_ops tcp_socket_ops;
void socket_tcp_init(void);
