/*
 * TCP sockets: what programs call (tcp(7)), but for the text and the options, which have files of their own. The
 * socket layer calls in; it calls tcp/ under the connection's lock.
 *
 * The answers of poll are Linux's, to the bit: programs rely on EPOLLHUP for a socket that was never connected as
 * much as on EPOLLRDHUP for a peer that has finished.
 */
#include <linux/capability.h>
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "net/net.h"
#include "net/socket_tcp.h"
#include "sched/cred.h"
#include <linux/sockios.h>

/* ---- waking --------------------------------------------------------------- */

void tcp_wake_in(struct tcp_conn *c)
{
	socket_wake(tcp_socket(c), EPOLLIN | EPOLLRDNORM);
}

void tcp_wake_out(struct tcp_conn *c)
{
	socket_wake(tcp_socket(c), EPOLLOUT | EPOLLWRNORM);
}

void tcp_wake_end(struct tcp_conn *c)
{
	u32 events = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;

	if (c->state == TCPS_CLOSED)
		events |= EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
	if (c->inet.s.error)
		events |= EPOLLERR;
	socket_wake(tcp_socket(c), events);
}

/* ---- making and naming ---------------------------------------------------- */

static int tcp_sock_create(u16 protocol, struct socket **out)
{
	struct tcp_conn *c = tcp_conn_new();

	if (!c)
		return -ENOMEM;
	*out = tcp_socket(c);
	return 0;
}

static int tcp_sock_bind(struct socket *s, const u8 *addr, u32 len)
{
	struct tcp_conn *c = tcp_of(s);
	be32 local;
	be16 port;
	int err = inet_addr_parse(addr, len, &local, &port);

	if (err)
		return err;
	if (ip_is_multicast(local) || local == IP_BROADCAST || (!c->inet.freebind && !inet_bind_allowed(local)))
		return -EADDRNOTAVAIL;
	if (port && be16_to_cpu(port) < 1024 && !cred_capable(current()->cred, CAP_NET_BIND_SERVICE))
		return -EACCES;
	spin_lock_bh(&s->lock);
	err = -EINVAL;
	if (c->state == TCPS_CLOSED && !c->port) {
		c->inet.local = local;
		err = tcp_port_bind(c, port);
		if (err)
			c->inet.local = 0;
	}
	spin_unlock_bh(&s->lock);
	return err;
}

static int tcp_sock_getname(struct socket *s, u8 *addr, u32 *len, bool peer)
{
	struct tcp_conn *c = tcp_of(s);
	int err = 0;

	spin_lock_bh(&s->lock);
	if (!peer)
		inet_addr_fill(addr, len, c->inet.local, c->inet.local_port);
	else if (!c->inet.remote_port || tcp_state_in(c, STATE_BIT(TCPS_CLOSED) | STATE_BIT(TCPS_SYN_SENT)))
		err = -ENOTCONN;
	else
		inet_addr_fill(addr, len, c->inet.remote, c->inet.remote_port);
	spin_unlock_bh(&s->lock);
	return err;
}

/* ---- connect -------------------------------------------------------------- */

#define STATES_OPENING	(STATE_BIT(TCPS_SYN_SENT) | STATE_BIT(TCPS_SYN_RECEIVED))

/* AF_UNSPEC: not connected any more. */
static int disconnect(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);

	if (c->state == TCPS_LISTEN) {
		tcp_listen_stop(c);
	} else {
		spin_lock_bh(&s->lock);
		if (tcp_state_in(c, STATES_OPENING))
			tcp_done(c, 0);
		else
			tcp_abort(c, 0);
		spin_unlock_bh(&s->lock);
	}
	mutex_lock(&c->rx_mutex);
	tcp_sock_purge(c);
	spin_lock_bh(&s->lock);
	tcp_conn_renew(c);
	spin_unlock_bh(&s->lock);
	mutex_unlock(&c->rx_mutex);
	return 0;
}

/* [L] */
static int connect_begin(struct tcp_conn *c, be32 remote, be16 port)
{
	struct inet_socket *i = &c->inet;
	be32 source = i->local;
	int err;

	if (!c->port)			/* after one that failed */
		tcp_conn_renew(c);
	err = inet_route(i, remote, i->local, i->s.bound_ifindex);
	if (err)
		return err;
	if (i->route.type == ROUTE_BROADCAST || i->route.type == ROUTE_MULTICAST)
		return -ENETUNREACH;
	i->remote = remote;
	i->remote_port = port;
	if (!i->local)
		i->local = i->route.source;
	i->route_source = i->local;
	err = tcp_connect(c);
	if (err) {
		i->local = source;
		i->remote = 0;
		i->remote_port = 0;
	}
	return err;
}

/* How did it end? [L] */
static int connect_result(struct tcp_conn *c)
{
	int err = 0;

	c->connecting = false;
	if (!c->was_connected) {
		err = socket_error_take(tcp_socket(c));
		if (!err)
			err = -ECONNABORTED;
	}
	return err;
}

static int connect_wait(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);
	int err = wait_event_deadline(&s->wait, !tcp_state_in(c, STATES_OPENING), socket_deadline(s->sndtimeo));

	if (err == -ETIMEDOUT)
		return -EINPROGRESS;
	if (err)
		return s->sndtimeo ? -EINTR : err;
	spin_lock_bh(&s->lock);
	err = connect_result(c);
	spin_unlock_bh(&s->lock);
	return err;
}

static int tcp_sock_connect(struct socket *s, const u8 *addr, u32 len, bool nonblock)
{
	struct tcp_conn *c = tcp_of(s);
	bool begun = false;
	be32 remote;
	be16 port;
	int err;

	if (len >= 2 && !addr[0] && !addr[1])
		return disconnect(c);
	err = inet_addr_parse(addr, len, &remote, &port);
	if (err)
		return err;
	if (!remote)
		remote = htonl(0x7f000001);
	spin_lock_bh(&s->lock);
	if (c->connecting && !tcp_state_in(c, STATES_OPENING)) {
		err = connect_result(c);
	} else if (c->connecting) {
		err = nonblock ? -EALREADY : -EINPROGRESS;
	} else if (c->state != TCPS_CLOSED || (c->was_connected && c->inet.remote_port)) {
		err = -EISCONN;
	} else {
		err = connect_begin(c, remote, port);
		begun = !err;
		if (!err)
			err = -EINPROGRESS;
	}
	spin_unlock_bh(&s->lock);
	if (err != -EINPROGRESS || (nonblock && begun))
		return err;
	return connect_wait(c);
}

/* ---- listen and accept ---------------------------------------------------- */

static int tcp_sock_listen(struct socket *s, int backlog)
{
	struct tcp_conn *c = tcp_of(s);
	int err = -EINVAL;

	if (backlog < 0 || backlog > SOMAXCONN)
		backlog = SOMAXCONN;
	spin_lock_bh(&s->lock);
	if (c->state == TCPS_LISTEN || (c->state == TCPS_CLOSED && !c->connecting))
		err = tcp_listen(c, backlog);
	spin_unlock_bh(&s->lock);
	return err;
}

static int tcp_sock_accept(struct socket *s, struct socket **out, bool nonblock)
{
	struct tcp_conn *l = tcp_of(s), *c;
	u64 deadline = 0;
	bool listening;
	int err;

	for (;;) {
		spin_lock_bh(&s->lock);
		listening = l->state == TCPS_LISTEN;
		c = listening ? tcp_accept_pop(l) : NULL;
		spin_unlock_bh(&s->lock);
		if (c) {
			*out = tcp_socket(c);	/* the queue's reference is the file's now */
			return 0;
		}
		if (!listening)
			return -EINVAL;
		if (nonblock)
			return -EAGAIN;
		if (!deadline)
			deadline = socket_deadline(s->rcvtimeo);
		err = wait_event_exclusive(&s->wait, !list_empty(&l->accept_queue) || l->state != TCPS_LISTEN, deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : s->rcvtimeo ? -EINTR : err;
	}
}

/* ---- readiness ------------------------------------------------------------ */

static u32 poll_room(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);
	u32 events = EPOLLOUT | EPOLLWRNORM;

	if (s->shut_write || READ_ONCE(c->tx_mem) + s->sndbuf / 3 <= s->sndbuf)
		return events;
	/* Not enough: whoever makes room is to say so. */
	spin_lock_bh(&s->lock);
	if (c->tx_mem + s->sndbuf / 3 > s->sndbuf && !s->shut_write) {
		c->tx_waiting = true;
		events = 0;
	}
	spin_unlock_bh(&s->lock);
	return events;
}

static u32 tcp_sock_poll(struct socket *s, struct poll_table *t)
{
	struct tcp_conn *c = tcp_of(s);
	u32 events = 0;
	u8 state;

	poll_wait(t, &s->wait);
	state = atomic_load(&c->state);
	if (state == TCPS_LISTEN)
		return list_empty(&c->accept_queue) ? 0 : EPOLLIN | EPOLLRDNORM;
	if ((s->shut_read && s->shut_write) || state == TCPS_CLOSED)
		events |= EPOLLHUP;
	if (s->shut_read)
		events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCPS_SYN_SENT && state != TCPS_SYN_RECEIVED) {
		if (tcp_readable(c) >= s->rcvlowat)
			events |= EPOLLIN | EPOLLRDNORM;
		events |= poll_room(c);
	}
	if (s->error)
		events |= EPOLLERR;
	return events;
}

static long tcp_sock_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct tcp_conn *c = tcp_of(s);
	u32 n;

	if (cmd != FIONREAD && cmd != TIOCOUTQ && cmd != SIOCOUTQNSD && cmd != SIOCATMARK)
		return -ENOTTY;
	if (c->state == TCPS_LISTEN)
		return -EINVAL;
	spin_lock_bh(&s->lock);
	switch (cmd) {
	case FIONREAD:
		n = tcp_state_in(c, STATES_OPENING) ? 0 : tcp_readable(c);
		break;
	case TIOCOUTQ:
		n = tcp_state_in(c, STATES_OPENING) ? 0 : c->snd_end - c->snd_una;
		break;
	case SIOCOUTQNSD:
		n = tcp_state_in(c, STATES_OPENING) ? 0 : c->snd_end - c->snd_nxt;
		break;
	default:
		n = 0;			/* urgent data is in line: never at a mark */
	}
	spin_unlock_bh(&s->lock);
	return put_user_u32(arg, n);
}

/* ---- the end -------------------------------------------------------------- */

/* Nothing more from us: a FIN, when what is queued has gone. [L] */
static void send_side_close(struct tcp_conn *c)
{
	if (c->state == TCPS_ESTABLISHED || c->state == TCPS_SYN_RECEIVED)
		tcp_set_state(c, TCPS_FIN_WAIT_1);
	else if (c->state == TCPS_CLOSE_WAIT)
		tcp_set_state(c, TCPS_LAST_ACK);
	else
		return;
	tcp_send_fin(c);
}

static int tcp_sock_shutdown(struct socket *s, int how)
{
	struct tcp_conn *c = tcp_of(s);
	int err = 0;

	if (c->state == TCPS_LISTEN) {
		if (how != SHUT_WR)
			tcp_listen_stop(c);
		return 0;
	}
	spin_lock_bh(&s->lock);
	if (tcp_state_in(c, STATES_OPENING) && how != SHUT_RD) {
		tcp_done(c, 0);
	} else if (c->state == TCPS_CLOSED || c->state == TCPS_SYN_SENT) {
		err = -ENOTCONN;
	} else {
		if (how != SHUT_WR)
			atomic_store(&s->shut_read, true);
		if (how != SHUT_RD && !s->shut_write) {
			s->shut_write = true;
			send_side_close(c);
		}
		tcp_wake_end(c);
		tcp_wake_out(c);
	}
	spin_unlock_bh(&s->lock);
	return err;
}

#define STATES_CLOSING	(STATE_BIT(TCPS_FIN_WAIT_1) | STATE_BIT(TCPS_CLOSING) | STATE_BIT(TCPS_LAST_ACK))

/* RFC 9293, 3.6 and RFC 1122, 4.2.2.13: what is unread when the program goes, the peer must learn of. [L] */
static void close_begin(struct tcp_conn *c)
{
	struct socket *s = tcp_socket(c);

	if (tcp_state_in(c, STATES_OPENING & ~STATE_BIT(TCPS_SYN_RECEIVED)))
		tcp_done(c, 0);
	else if (c->state != TCPS_CLOSED && ((s32)tcp_readable(c) > 0 || (s->linger_on && !s->linger_s)))
		tcp_abort(c, 0);
	else
		send_side_close(c);
	s->shut_write = true;
}

/* The program is gone: who takes care of the connection now. [L] */
static void orphan_begin(struct tcp_conn *c)
{
	u64 now = clock_ns();

	c->orphan = true;
	if (c->state != TCPS_FIN_WAIT_2)
		return;
	if (c->linger2 == TCP_MSL2_NS)
		tcp_timewait_enter(c, TCPS_FIN_WAIT_2, now);
	else
		tcp_timer_start(c, TCP_TIMER_CLOSE, now + c->linger2);
}

static void tcp_sock_release(struct socket *s)
{
	struct tcp_conn *c = tcp_of(s);

	if (c->state == TCPS_LISTEN)
		tcp_listen_stop(c);
	spin_lock_bh(&s->lock);
	close_begin(c);
	if (unlikely(s->linger_on && s->linger_s && tcp_state_in(c, STATES_CLOSING))) {
		spin_unlock_bh(&s->lock);
		(void)wait_event_deadline(&s->wait, !tcp_state_in(c, STATES_CLOSING),
					  clock_ns() + s->linger_s * NSEC_PER_SEC);
		spin_lock_bh(&s->lock);
	}
	orphan_begin(c);
	if (c->state == TCPS_CLOSED && c->port)
		tcp_port_release(c);	/* bound, never connected */
	spin_unlock_bh(&s->lock);
	tcp_sock_purge(c);
	if (s->timestamp)
		atomic_sub(&net_timestamp_users, 1);
	if (s->filter)
		socket_filter_free(s->filter);
	s->filter = NULL;
	tcp_conn_put(c);
}

const struct socket_ops tcp_socket_ops = {
	.bind = tcp_sock_bind,
	.connect = tcp_sock_connect,
	.listen = tcp_sock_listen,
	.accept = tcp_sock_accept,
	.getname = tcp_sock_getname,
	.sendmsg = tcp_sock_sendmsg,
	.recvmsg = tcp_sock_recvmsg,
	.poll = tcp_sock_poll,
	.shutdown = tcp_sock_shutdown,
	.setsockopt = tcp_sock_setsockopt,
	.getsockopt = tcp_sock_getsockopt,
	.ioctl = tcp_sock_ioctl,
	.release = tcp_sock_release,
};

void socket_tcp_init(void)
{
	static struct inet_type type = { .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .create = tcp_sock_create };

	inet_type_register(&type);
}
