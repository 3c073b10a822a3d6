/*
 * Text between programs and TCP. Writing copies straight into packets of a segment each, with room for headers in
 * front, and gives them to tcp/output.c; reading takes received packets off the connection and copies from them.
 *
 * User memory is touched under the writer's or the reader's mutex only, never under the connection's lock, so that
 * segments go on arriving while a page is fetched; neither mutex is held while waiting. A write is cut into batches,
 * each with one doorbell.
 */
#include "base/errno.h"
#include "net/socket_tcp.h"

#define BATCH_MAX	44u		/* segments copied before they are sent: 64 KB */
#define STATES_OPENING	(STATE_BIT(TCPS_SYN_SENT) | STATE_BIT(TCPS_SYN_RECEIVED))

/* ---- writing -------------------------------------------------------------- */

/* For the text as it lies now, while it is in the cache. */
static inline void text_sum_add(struct tcp_conn *c, struct tcp_tx *t, const u8 *text, u32 n)
{
	u64 sum;

	if (c->csum_offload || (t->len && !t->csum_valid)) {
		t->csum_valid = false;
		return;
	}
	sum = t->len ? t->csum : 0;
	sum = t->len & 1 ? cksum_join(sum, cksum_add_odd(0, text, n)) : cksum_add(sum, text, n);
	sum = (sum >> 32) + (u32)sum;
	t->csum = (u32)(sum + (sum >> 32));
	t->csum_valid = true;
}

/* Wait until the connection can take text: 0 or -errno. Holds and drops [W]. */
static noinline int send_wait(struct tcp_conn *c, u32 flags, u64 *deadline)
{
	struct socket *s = tcp_socket(c);
	int err;

	for (;;) {
		err = socket_error_take(s);
		if (err)
			return err;
		if (s->shut_write || !tcp_state_in(c, STATES_CAN_SEND | STATES_OPENING))
			return -EPIPE;
		if (!tcp_state_in(c, STATES_OPENING)) {
			spin_lock_bh(&s->lock);
			if (c->tx_mem < s->sndbuf) {
				spin_unlock_bh(&s->lock);
				return 0;
			}
			c->tx_waiting = true;
			spin_unlock_bh(&s->lock);
		}
		if (flags & MSG_DONTWAIT)
			return -EAGAIN;
		if (!*deadline)
			*deadline = socket_deadline(s->sndtimeo);
		mutex_unlock(&c->tx_mutex);
		err = wait_event_deadline(&s->wait, s->error || s->shut_write || c->state == TCPS_CLOSED ||
					  (!tcp_state_in(c, STATES_OPENING) && !READ_ONCE(c->tx_waiting)), *deadline);
		mutex_lock(&c->tx_mutex);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : s->sndtimeo ? -EINTR : err;
	}
}

/* Fill the last packet of the queue up, if it has not been sent yet: bytes, or -errno. [W] */
static noinline s64 tail_fill(struct tcp_conn *c, struct socket_msg *m)
{
	struct socket *s = tcp_socket(c);
	struct tcp_tx *t = NULL;
	struct pkt *p;
	u32 n = 0, room;
	int err;

	spin_lock_bh(&s->lock);
	p = c->tx_tail;
	if (c->tx_next && p && !pkt_shared(p)) {
		t = tcp_tx(p);
		room = MIN(c->mss, (u32)PKT_BUF_SIZE - t->start);
		if (!(t->flags & (TCP_FIN | TCP_SYN)) && t->len < room)
			n = MIN((u64)(room - t->len), (u64)m->uio.left);
		if (n)
			c->tx_fill = p;		/* stays where it is until we are done */
	}
	spin_unlock_bh(&s->lock);
	if (!n)
		return 0;

	err = uio_get(&m->uio, tcp_tx_text(p) + t->len, n);
	if (!err)
		text_sum_add(c, t, tcp_tx_text(p) + t->len, n);

	spin_lock_bh(&s->lock);
	if (c->tx_fill != p) {			/* the connection ended meanwhile: the packet is ours */
		spin_unlock_bh(&s->lock);
		pkt_free(p);
		return socket_error_take(s) ?: -EPIPE;
	}
	c->tx_fill = NULL;
	if (c->tx_tail != p) {			/* shut down meanwhile: the FIN is behind it already */
		t->csum_valid = false;
		err = err ? err : -EPIPE;
	} else if (!err) {
		t->len += n;
		if (!m->uio.left)
			t->flags |= TCP_PSH;
		c->snd_end += n;
		c->more = m->flags & MSG_MORE;
	} else {
		t->csum_valid = false;
	}
	tcp_output(c);
	spin_unlock_bh(&s->lock);
	return err ? err : (s64)n;
}

/* Copy up to count segments of text into packets, chained over next: 0 or -errno with what there is. [W] */
static inline int segments_copy(struct tcp_conn *c, struct socket_msg *m, u32 count, struct pkt **first, u32 *bytes)
{
	u32 mss = READ_ONCE(c->mss);
	struct pkt **link = first;

	do {
		u32 n = MIN((u64)mss, (u64)m->uio.left);
		struct pkt *p = pkt_alloc(PKT_HEADROOM);
		struct tcp_tx *t;
		int err;

		if (unlikely(!p))
			return -ENOBUFS;
		err = uio_get(&m->uio, p->data, n);
		if (unlikely(err)) {
			pkt_free(p);
			return err;
		}
		t = tcp_tx(p);
		t->len = 0;
		text_sum_add(c, t, p->data, n);
		p->tail += n;
		p->len = n;
		*bytes += n;
		*link = p;
		link = &p->next;
	} while (--count && m->uio.left);
	return 0;
}

/* A batch of new packets onto the queue, and out: bytes, or -errno. [W] */
static s64 segments_send(struct tcp_conn *c, struct socket_msg *m)
{
	struct socket *s = tcp_socket(c);
	u32 count = MIN(BATCH_MAX, (s->sndbuf - MIN(READ_ONCE(c->tx_mem), s->sndbuf)) / PKT_TRUESIZE + 1), bytes = 0;
	struct pkt *p = NULL, *next;
	bool batch = m->uio.left > c->mss && count > 1;
	int err = segments_copy(c, m, count, &p, &bytes);

	if (unlikely(!p))
		return err;
	local_bh_disable();
	if (batch)
		net_batch_begin();
	spin_lock(&s->lock);
	if (likely(tcp_state_in(c, STATES_CAN_SEND) && !s->shut_write)) {
		for (; p; p = next) {
			next = p->next;
			tcp_queue(c, p, !next && !m->uio.left ? TCP_PSH : 0);
		}
		c->more = m->flags & MSG_MORE;
		tcp_output(c);
	}
	spin_unlock(&s->lock);
	if (batch)
		net_batch_end();
	local_bh_enable();
	if (unlikely(p)) {
		for (; p; p = next) {
			next = p->next;
			pkt_free(p);
		}
		return socket_error_take(s) ?: -EPIPE;
	}
	return bytes;
}

s64 tcp_sock_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct tcp_conn *c = tcp_of(s);
	u64 deadline = 0;
	s64 done = 0, n = 0;

	if (unlikely(m->flags & (MSG_OOB | MSG_FASTOPEN)))
		return -EOPNOTSUPP;
	mutex_lock(&c->tx_mutex);
	do {
		if (unlikely(!tcp_state_in(c, STATES_CAN_SEND) || s->shut_write || s->error ||
			     READ_ONCE(c->tx_mem) >= s->sndbuf)) {
			n = send_wait(c, m->flags, &deadline);
			if (n)
				break;
		}
		if (unlikely(!m->uio.left))
			break;
		n = 0;
		if (unlikely(READ_ONCE(c->tx_next)))
			n = tail_fill(c, m);
		if (!n)
			n = segments_send(c, m);
		if (unlikely(n < 0))
			break;
		done += n;
	} while (m->uio.left);
	mutex_unlock(&c->tx_mutex);
	return done ? done : n;
}

/* ---- reading -------------------------------------------------------------- */

/* What has arrived becomes the reader's: behind what it has. [R] */
static inline bool own_take(struct tcp_conn *c)
{
	struct pkt *first, *last;

	if (!READ_ONCE(c->rx_head))
		return false;
	spin_lock_bh(&c->inet.s.lock);
	first = c->rx_head;
	last = c->rx_tail;
	c->rx_head = c->rx_tail = NULL;
	spin_unlock_bh(&c->inet.s.lock);
	if (c->own_head)
		c->own_tail->next = first;
	else
		c->own_head = first;
	c->own_tail = last;
	return true;
}

void tcp_sock_purge(struct tcp_conn *c)
{
	struct pkt *p;

	own_take(c);
	while ((p = c->own_head)) {
		c->own_head = p->next;
		c->copied += p->len;
		c->rx_freed += tcp_rx(p)->truesize;
		pkt_free(p);
	}
}

/*
 * Wait for more text than the program has seen (have, when it peeks): 0, 1 at the end, -errno. ended is s->shut_read
 * as it was before the queue was found empty. Holds and drops [R].
 */
static noinline int recv_wait(struct tcp_conn *c, u32 flags, u32 have, bool ended, u64 *deadline)
{
	struct socket *s = tcp_socket(c);
	int err = socket_error_take(s);

	if (err)
		return err;
	if (ended)
		return c->was_connected || c->rcv_closed ? 1 : -ENOTCONN;
	if (c->state == TCPS_LISTEN || (c->state == TCPS_CLOSED && !c->was_connected))
		return -ENOTCONN;
	if (flags & MSG_DONTWAIT)
		return -EAGAIN;
	if (!*deadline)
		*deadline = socket_deadline(s->rcvtimeo);
	mutex_unlock(&c->rx_mutex);
	err = wait_event_deadline(&s->wait, tcp_readable(c) > have || s->error || READ_ONCE(s->shut_read), *deadline);
	mutex_lock(&c->rx_mutex);
	if (err)
		return err == -ETIMEDOUT ? -EAGAIN : s->rcvtimeo ? -EINTR : err;
	return 0;
}

/* The program has taken the first n bytes of own_head. [R] */
static inline void own_consume(struct tcp_conn *c, struct pkt *p, u32 n)
{
	WRITE_ONCE(c->copied, c->copied + n);
	if (likely(n == p->len)) {
		WRITE_ONCE(c->own_head, p->next);
		WRITE_ONCE(c->rx_freed, c->rx_freed + tcp_rx(p)->truesize);
		pkt_free(p);
	} else {
		tcp_pkt_pull(p, n);
	}
}

/* Tell the peer that there is room again, when that is news: more than twice what it knows of. [R] */
static inline void window_tell(struct tcp_conn *c)
{
	u32 left = READ_ONCE(c->rcv_edge) - READ_ONCE(c->rcv_nxt), space = tcp_window_space(c);

	if (likely(space < 2 * (left + c->rcv_mss)))
		return;
	spin_lock_bh(&c->inet.s.lock);
	if (tcp_state_in(c, STATES_CAN_RECV) && !c->rcv_closed)
		tcp_send_ack(c);
	spin_unlock_bh(&c->inet.s.lock);
}

/*
 * A buffer that the program empties by half within two round trips is what holds the peer back: double it. The
 * round trip is the one that we measure; who never sends has the handshake's.
 */
static noinline void rcvbuf_tune(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);
	u64 now = clock_ns(), taken = now - c->tune_at;

	c->tune_from = c->copied;
	c->tune_at = now;
	if (taken > 2 * c->srtt || s->rcvbuf >= tcp_rcvbuf_max || tcp_memory_low())
		return;
	spin_lock_bh(&s->lock);
	if (s->rcvbuf == c->rcvbuf_auto)	/* else the program has set it */
		s->rcvbuf = c->rcvbuf_auto = MIN(2 * s->rcvbuf, tcp_rcvbuf_max);
	spin_unlock_bh(&s->lock);
}

/* MSG_PEEK: copy, take nothing. [R] */
static int peek_copy(struct tcp_conn *c, struct socket_msg *m, s64 skip, s64 *done)
{
	int err = 0;

	own_take(c);
	for (struct pkt *p = c->own_head; p && m->uio.left && !err; p = p->next) {
		u32 n;

		if (skip >= p->len) {
			skip -= p->len;
			continue;
		}
		n = MIN((u64)(p->len - skip), (u64)m->uio.left);
		err = pkt_copy_to_uio(p, skip, &m->uio, n);
		if (!err)
			*done += n;
		skip = 0;
		if (p == c->own_tail)
			break;
	}
	return err;
}

/* Copy and take what is there, as far as it is wanted. [R] */
static inline int take_copy(struct tcp_conn *c, struct socket_msg *m, s64 *done)
{
	while (m->uio.left && (c->own_head || own_take(c))) {
		struct pkt *p = c->own_head;
		u32 n = MIN((u64)p->len, (u64)m->uio.left);

		if (unlikely(m->flags & MSG_TRUNC)) {
			m->uio.left -= n;	/* thrown away: nothing is copied */
		} else {
			int err = pkt_copy_to_uio(p, 0, &m->uio, n);

			if (unlikely(err))
				return err;
		}
		own_consume(c, p, n);
		*done += n;
	}
	return 0;
}

s64 tcp_sock_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct tcp_conn *c = tcp_of(s);
	s64 done = 0, target = m->flags & MSG_WAITALL ? m->uio.left : MIN((u64)s->rcvlowat, (u64)m->uio.left);
	u64 deadline = 0;
	int err;

	m->name_len = m->control_len = 0;
	if (unlikely(m->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return m->flags & MSG_OOB ? -EINVAL : -EAGAIN;
	mutex_lock(&c->rx_mutex);
	for (;;) {
		bool ended = atomic_load(&s->shut_read);

		if (unlikely(m->flags & MSG_PEEK))
			err = peek_copy(c, m, done, &done);
		else
			err = take_copy(c, m, &done);
		if (likely(done >= target) || err || !m->uio.left)
			break;
		if (done && (ended || s->error || m->flags & MSG_DONTWAIT))
			break;
		err = recv_wait(c, m->flags, m->flags & MSG_PEEK ? done : 0, ended, &deadline);
		if (err)
			break;
	}
	if (likely(done) && likely(!(m->flags & MSG_PEEK))) {
		window_tell(c);
		if (unlikely(c->copied - c->tune_from >= s->rcvbuf / 2))
			rcvbuf_tune(c);
	}
	mutex_unlock(&c->rx_mutex);
	return done ? done : err < 0 ? err : 0;
}
