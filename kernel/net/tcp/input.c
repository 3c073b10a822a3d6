/*
 * Segments arrive. tcp_input checks what came (RFC 9293, 3.10.7; RFC 1122, 4.2.2.7), finds whose it is, and hands it
 * on: to a connection (fastpath.c, process.c), a request or a listener (listen.c), a TIME-WAIT entry, or, if it is
 * nobody's, to reply.c for the reset. The queue of received text is here too.
 *
 * Softirq context: the connection's lock is held for the processing, and never while user memory is copied: readers
 * take whole packets off the queue and copy from their own list (socket_tcp.c).
 */
#include "base/errno.h"
#include "base/string.h"
#include "net/ip_internal.h"
#include "net/tcp/tcp.h"

#define MERGE_MAX	256u		/* texts this short are copied behind the one before */

/* ---- received text -------------------------------------------------------- */

u32 tcp_truesize(const struct pkt *p)
{
	u32 n = PKT_TRUESIZE;

	while (unlikely((p = p->frag) != NULL))
		n += PKT_TRUESIZE;
	return n;
}

void tcp_pkt_pull(struct pkt *p, u32 n)
{
	p->len -= n;
	for (struct pkt *part = p; n; part = part->frag) {
		u32 take = MIN(n, pkt_linear(part));

		part->data += take;
		n -= take;
	}
}

static noinline bool rx_full(const struct tcp_conn *c, u32 size)
{
	return size > 2 * c->inet.s.rcvbuf + (64u << 10) || tcp_memory_low();
}

bool tcp_rx_full(const struct tcp_conn *c, const struct pkt *p)
{
	u32 size = c->rx_charged - READ_ONCE(c->rx_freed) + c->ooo_mem;

	/* Below this much nobody is refused. */
	return unlikely(size > 64u << 10) && rx_full(c, size);
}

/* A short text behind a packet that still has room: keeps the cost of crumbs down. */
static noinline bool rx_merge(struct tcp_conn *c, struct pkt *p, u32 len)
{
	struct pkt *last = c->rx_tail;

	if (last->frag || p->frag || pkt_shared(last) || pkt_tailroom(last) < len)
		return false;
	memcpy(pkt_put(last, len), p->data, len);
	pkt_free(p);
	return true;
}

void tcp_rx_enqueue(struct tcp_conn *c, struct pkt *p, u32 len)
{
	u32 truesize;

	WRITE_ONCE(c->rcv_nxt, c->rcv_nxt + len);
	if (c->rx_tail) {
		if (len <= MERGE_MAX && rx_merge(c, p, len))
			return;
		c->rx_tail->next = p;
	} else {
		WRITE_ONCE(c->rx_head, p);
	}
	truesize = tcp_truesize(p);
	tcp_rx(p)->truesize = truesize;
	c->rx_charged += truesize;
	p->next = NULL;
	c->rx_tail = p;
}

/* More text for a reader that was told of the first already: edge-triggered pollers hear of it once a batch. */
static noinline void wake_again(struct tcp_conn *c)
{
	if (tcp_defer(c))
		c->wake_pending = true;
	else
		tcp_wake_in(c);
}

static void ack_quick(struct tcp_conn *c)
{
	c->ack_now = true;
	tcp_ack_soon(c);
}

/* A full segment of the peer's is this long; the device may have joined several. */
static noinline void segment_size_note(struct tcp_conn *c, const struct pkt *p, u32 len)
{
	u32 size = MIN(p->flags & PKT_GSO_TCP4 ? p->gso_size : len, TCP_SEGMENT_MAX);

	if (size > c->rcv_mss)
		c->rcv_mss = size;
}

void tcp_text_append(struct tcp_conn *c, struct pkt *p, u32 len, u64 now)
{
	bool first = !c->rx_head;

	if (len > c->rcv_mss)
		segment_size_note(c, p, len);
	tcp_rx_enqueue(c, p, len);
	/* RFC 9293, 3.8.6.3: at least every second full segment, and within 500 ms. */
	if (c->rcv_nxt - c->rcv_acked >= 2 * c->rcv_mss)
		tcp_ack_soon(c);
	else if (unlikely(c->quickack))
		ack_quick(c);
	else if (!c->due[TCP_TIMER_DELACK])
		tcp_timer_start(c, TCP_TIMER_DELACK, now + TCP_DELACK_NS);
	if (likely(first))
		tcp_wake_in(c);
	else if (wait_queue_active(&c->inet.s.wait))
		wake_again(c);
}

/* ---- arrival -------------------------------------------------------------- */

void tcp_segment_arrives(struct tcp_conn *c, struct pkt *p, const struct tcp_header *th, u32 hlen)
{
	struct tcp_segment seg;

	if (likely(tcp_fast_path(c, p, th, hlen)))
		return;
	seg.p = p;
	seg.th = th;
	seg.seq = ntohl(th->seq);
	seg.ack = ntohl(th->ack);
	seg.window = ntohs(th->window);
	seg.flags = th->flags;
	seg.len = p->len - hlen;
	seg.now = clock_ns();
	tcp_options_parse((const u8 *)(th + 1), hlen - TCP_HEADER_LEN, &seg.o);
	pkt_pull(p, hlen);
	if (c->state == TCPS_SYN_SENT)
		tcp_process_syn_sent(c, &seg);
	else if (c->state != TCPS_CLOSED)
		tcp_process(c, &seg);
	else if (!(seg.flags & TCP_RST))
		tcp_reply_reset(p, th, hlen);
	if (seg.p)
		pkt_free(seg.p);
}

static bool checksum_ok(const struct pkt *p, const struct ip_header *ip)
{
	u64 sum = cksum_pseudo(ip->source, ip->destination, IPPROTO_TCP_NR, p->len);

	if (likely(!p->frag))
		sum = cksum_add(sum, p->data, p->len);
	else
		sum = pkt_cksum(p, 0, p->len, sum);
	return !cksum_fold(sum);
}

/* No connection has it: a listener may. Takes p. */
static void input_unknown(struct pkt *p, const struct ip_header *ip, struct tcp_header *th, u32 hlen)
{
	struct tcp_conn *l = NULL;

	if (!(th->flags & TCP_RST))
		l = tcp_listener_find(ip->destination, th->destination, p->netif, th->source + ip->source);
	if (l) {
		tcp_listener_input(l, p, th, hlen);
		tcp_conn_put(l);
		return;
	}
	tcp_reply_reset(p, th, hlen);
	pkt_free(p);
}

static noinline void input_small(struct tcp_entry *e, struct pkt *p, struct ip_header *ip, struct tcp_header *th,
				 u32 hlen)
{
	if (e->kind == TCP_REQUEST)
		tcp_request_input(container_of(e, struct tcp_request, e), p, th, hlen);
	else if (!tcp_timewait_input(container_of(e, struct tcp_timewait, e), p, th, hlen))
		input_unknown(p, ip, th, hlen);
	tcp_entry_put(e);
}

void tcp_input(struct pkt *p, struct ip_header *ip)
{
	struct tcp_header *th;
	struct tcp_entry *e;
	u64 addresses;
	u32 hlen, ports;

	tcp_count(TCPC_IN_SEGS);
	if (unlikely(!pkt_need(p, TCP_HEADER_LEN)))
		goto bad;
	th = (struct tcp_header *)p->data;
	hlen = th->offset >> 4 << 2;
	if (unlikely(hlen < TCP_HEADER_LEN || !pkt_need(p, hlen)))
		goto bad;
	th = (struct tcp_header *)p->data;
	if (!(p->flags & PKT_CSUM_VALID) && unlikely(!checksum_ok(p, ip))) {
		tcp_count(TCPC_IN_CSUM_ERRORS);
		goto bad;
	}
	if (unlikely(p->flags & (PKT_BROADCAST | PKT_MULTICAST) || (u8)ip->destination >= 0xe0))
		goto drop;

	__builtin_memcpy(&addresses, &ip->source, sizeof(addresses));
	__builtin_memcpy(&ports, &th->source, sizeof(ports));
	e = tcp_entry_find(addresses, ports);
	if (likely(e)) {
		struct tcp_conn *c = container_of(e, struct tcp_conn, e);

		if (unlikely(e->kind != TCP_CONN)) {
			input_small(e, p, ip, th, hlen);
			return;
		}
		spin_lock(&c->inet.s.lock);
		tcp_segment_arrives(c, p, th, hlen);
		spin_unlock(&c->inet.s.lock);
		tcp_conn_put(c);
		return;
	}
	input_unknown(p, ip, th, hlen);
	return;

bad:
	tcp_count(TCPC_IN_ERRS);
drop:
	pkt_free(p);
}
