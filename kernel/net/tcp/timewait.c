/*
 * TIME-WAIT (RFC 9293, 3.3.2 and 3.10.7.4; RFC 6191; RFC 1337), and FIN-WAIT-2 of connections that no program has any
 * more: entries of a hundred bytes, in one queue, which is in order of expiry because all wait equally long, under one
 * timer. When there are too many the oldest goes.
 */
#include "mm/page.h"
#include "mm/slab.h"
#include "net/tcp/tcp.h"

static struct slab_cache *wait_slab;
static struct spinlock wait_lock = SPINLOCK_INIT("tcp.timewait");
static struct list_node waiting = LIST_INIT(waiting);	/* struct tcp_timewait.node [T] */
static u32 wait_count, wait_max;			/* [T] */
static struct timer wait_timer;
static bool timer_on;					/* [T] */

void tcp_timewait_free(struct tcp_timewait *t)
{
	slab_free(wait_slab, t);
}

/* Off the queue; true if it was on it: its reference is the caller's. [T] */
static bool queue_remove(struct tcp_timewait *t)
{
	if (list_empty(&t->node))
		return false;
	list_remove(&t->node);
	wait_count--;
	return true;
}

/* It is over: off the queue by queue_remove already. Softirqs off, no lock held but a connection's. */
static void wait_end(struct tcp_timewait *t)
{
	if (tcp_entry_remove(&t->e))
		tcp_entry_put(&t->e);
	if (t->port)
		tcp_port_unwait(t->port);
	tcp_entry_put(&t->e);
}

/* [T] */
static void queue_append(struct tcp_timewait *t, u64 now)
{
	t->expires = now + TCP_MSL2_NS;
	list_push_back(&waiting, &t->node);
	wait_count++;
	if (!timer_on) {
		timer_on = true;
		timer_set(&wait_timer, t->expires);
	}
}

/* Softirq context. */
static void wait_timeout(struct timer *timer)
{
	struct tcp_timewait *t;
	u64 now = clock_ns();

	spin_lock(&wait_lock);
	while (!list_empty(&waiting)) {
		t = list_first(&waiting, struct tcp_timewait, node);
		if (t->expires > now)
			break;
		queue_remove(t);
		spin_unlock(&wait_lock);
		wait_end(t);
		spin_lock(&wait_lock);
	}
	/* A bit later than the first: so it finds some more each time. */
	timer_on = !list_empty(&waiting);
	if (timer_on)
		timer_set(&wait_timer, list_first(&waiting, struct tcp_timewait, node)->expires + NSEC_PER_SEC / 4);
	spin_unlock(&wait_lock);
}

/* The program may still read what is queued: c stays, but the peer talks to the entry from now on. */
void tcp_timewait_enter(struct tcp_conn *c, u8 state, u64 now)
{
	struct tcp_timewait *t = slab_zalloc(wait_slab), *oldest = NULL;

	if (!t) {
		tcp_done(c, 0);
		return;
	}
	t->e.kind = TCP_TIMEWAIT;
	t->e.refs = 1;			/* the queue's */
	t->e.addresses = c->e.addresses;
	t->e.ports = c->e.ports;
	t->snd_nxt = c->snd_nxt;
	t->rcv_nxt = c->rcv_nxt;
	t->rcv_wnd = MAX(c->rcv_edge - c->rcv_nxt, 1u);
	t->window = tcp_window(c) >> c->rcv_wscale;
	t->ts_ok = c->ts_ok;
	t->ts_recent = c->ts_recent;
	t->ts_offset = c->ts_offset;
	t->tos = c->inet.tos;
	t->uid = c->inet.s.owner_uid;
	t->state = state;
	if (c->port)
		t->port = tcp_port_wait(c);
	if (tcp_entry_replace(&c->e, &t->e))
		tcp_conn_put(c);	/* not the last: the caller has one */

	spin_lock(&wait_lock);
	queue_append(t, now);
	if (unlikely(wait_count > wait_max)) {
		oldest = list_first(&waiting, struct tcp_timewait, node);
		queue_remove(oldest);
	}
	spin_unlock(&wait_lock);
	if (oldest)
		wait_end(oldest);
	tcp_done(c, 0);
}

/* ---- segments ------------------------------------------------------------- */

static void wait_ack(const struct tcp_timewait *t, u64 now)
{
	struct tcp_reply r = { .source = t->e.local, .destination = t->e.remote, .source_port = t->e.local_port,
		.destination_port = t->e.remote_port, .seq = t->snd_nxt, .ack = t->rcv_nxt, .flags = TCP_ACK,
		.tos = t->tos, .window = t->window, .ts = t->ts_ok, .ts_value = (u32)(now >> 20) + t->ts_offset,
		.ts_echo = t->ts_recent };

	tcp_reply_send(&r, NULL);
}

enum verdict { WAIT_DROP, WAIT_ACK, WAIT_KILL, WAIT_RESET_KILL, WAIT_REOPEN };

/* The peer's FIN is still to come, and there is nobody for its text. [T] */
static enum verdict fin_wait_2(struct tcp_timewait *t, const struct tcp_header *th, u32 seq, u32 len, u64 now)
{
	if (seq_lt(seq + len + !!(th->flags & TCP_FIN), t->rcv_nxt) || seq_gt(seq, t->rcv_nxt + t->rcv_wnd))
		return th->flags & TCP_RST ? WAIT_DROP : WAIT_ACK;
	if (th->flags & TCP_RST)
		return seq == t->rcv_nxt ? WAIT_KILL : WAIT_ACK;
	if (th->flags & TCP_SYN)
		return WAIT_ACK;
	if (!(th->flags & TCP_ACK))
		return WAIT_DROP;
	if (len && seq_gt(seq + len, t->rcv_nxt))
		return WAIT_RESET_KILL;
	if (!(th->flags & TCP_FIN) || seq + len != t->rcv_nxt)
		return len ? WAIT_ACK : WAIT_DROP;
	t->rcv_nxt++;
	t->state = TCPS_TIME_WAIT;
	if (queue_remove(t))
		queue_append(t, now);
	return WAIT_ACK;
}

/* [T] */
static enum verdict time_wait(struct tcp_timewait *t, const struct tcp_header *th, u32 seq, u32 len,
			      const struct tcp_options *o, u64 now)
{
	/* RFC 1122, 4.2.2.13 and RFC 6191: a SYN that can't be an old one opens anew. */
	if ((th->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	    (seq_gt(seq, t->rcv_nxt) || (t->ts_ok && o->has_ts && seq_gt(o->ts_value, t->ts_recent))))
		return WAIT_REOPEN;
	if (th->flags & TCP_RST)
		return WAIT_DROP;	/* RFC 1337: no assassination */
	if (th->flags & TCP_FIN && queue_remove(t))
		queue_append(t, now);	/* its ACK got lost: wait anew */
	return len || th->flags & (TCP_FIN | TCP_SYN) ? WAIT_ACK : WAIT_DROP;
}

bool tcp_timewait_input(struct tcp_timewait *t, struct pkt *p, const struct tcp_header *th, u32 hlen)
{
	u32 seq = ntohl(th->seq), len = p->len - hlen;
	struct tcp_options o;
	u64 now = clock_ns();
	enum verdict v;
	bool over;

	tcp_options_parse((const u8 *)(th + 1), hlen - TCP_HEADER_LEN, &o);
	spin_lock(&wait_lock);
	if (t->ts_ok && o.has_ts && seq_lt(o.ts_value, t->ts_recent) && !(th->flags & (TCP_RST | TCP_SYN))) {
		v = WAIT_ACK;		/* PAWS */
	} else {
		v = t->state == TCPS_FIN_WAIT_2 ? fin_wait_2(t, th, seq, len, now) : time_wait(t, th, seq, len, &o, now);
		if (t->ts_ok && o.has_ts && seq_le(seq, t->rcv_nxt) && seq_gt(o.ts_value, t->ts_recent))
			t->ts_recent = o.ts_value;
	}
	over = v >= WAIT_KILL && queue_remove(t);
	spin_unlock(&wait_lock);

	if (v == WAIT_ACK)
		wait_ack(t, now);
	else if (v == WAIT_RESET_KILL)
		tcp_reply_reset(p, th, hlen);
	if (over)
		wait_end(t);
	if (v == WAIT_REOPEN)
		return false;
	pkt_free(p);
	return true;
}

void tcp_timewait_init(void)
{
	struct page_counts n;

	page_counts_get(&n);
	wait_slab = slab_cache_create("tcp.timewait", sizeof(struct tcp_timewait), 0);
	wait_max = n.managed / 2 + 1024;	/* a fiftieth of memory at most */
	timer_init(&wait_timer, wait_timeout);
}
