/*
 * sock_diag(7): the list of sockets that ss asks for, TCP's, UDP's and those of the unix family. netlink.c has the
 * sockets and the messages' frame, and calls the dumps; they walk the same lists as /proc/net does. A dump that is
 * longer than a packet walks again and passes over what it has told.
 */
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include "base/errno.h"
#include "net/netlink.h"
#include "net/socket_tcp.h"
#include "net/socket_unix.h"
#include "net/udp.h"

struct diag_walk {
	struct netlink_dump *d;
	struct netlink_out *o;
	u32 n;				/* sockets passed */
};

/* Is it this one's turn? d->at counts those that are done. */
static bool diag_wants(struct diag_walk *w, u8 state)
{
	if (w->n++ < w->d->at || w->o->full)
		return false;
	if (w->d->filter >> state & 1)
		return true;
	w->d->at++;
	return false;
}

static void diag_told(struct diag_walk *w)
{
	if (netlink_end(w->o))
		w->d->at++;
}

/* ---- TCP and UDP ---------------------------------------------------------- */

static void tcp_tell(const struct tcp_line *i, void *arg)
{
	struct diag_walk *w = arg;
	struct inet_diag_msg *m;
	u64 now = clock_ns();

	if (!diag_wants(w, i->state))
		return;
	m = netlink_begin(w->o, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		return;
	*m = (struct inet_diag_msg){ .idiag_family = AF_INET, .idiag_state = i->state, .idiag_timer = i->timer,
		.idiag_retrans = i->retries, .idiag_expires = i->when > now ? (i->when - now) / NSEC_PER_MSEC : 0,
		.idiag_rqueue = i->rx, .idiag_wqueue = i->state == TCPS_LISTEN ? i->backlog : i->tx,
		.idiag_uid = i->uid, .idiag_inode = i->ino,
		.id = { .idiag_sport = i->local_port, .idiag_dport = i->remote_port, .idiag_src = { i->local },
			.idiag_dst = { i->remote }, .idiag_cookie = { i->ino, i->ino >> 32 } } };
	diag_told(w);
}

static void udp_tell(struct udp_socket *u, void *arg)
{
	const struct inet_socket *i = &u->i;
	struct diag_walk *w = arg;
	struct inet_diag_msg *m;
	u8 state = i->remote ? TCPS_ESTABLISHED : TCPS_CLOSED;

	if (!diag_wants(w, state))
		return;
	m = netlink_begin(w->o, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		return;
	*m = (struct inet_diag_msg){ .idiag_family = AF_INET, .idiag_state = state, .idiag_rqueue = i->rx_charge,
		.idiag_wqueue = atomic_load_relaxed(&i->tx_charge) - 1, .idiag_uid = i->s.owner_uid,
		.idiag_inode = i->s.ino,
		.id = { .idiag_sport = i->local_port, .idiag_dport = i->remote_port, .idiag_src = { i->local },
			.idiag_dst = { i->remote }, .idiag_if = i->s.bound_ifindex,
			.idiag_cookie = { i->s.ino, i->s.ino >> 32 } } };
	diag_told(w);
}

static void inet_start(const struct netlink_request *r, struct netlink_dump *d)
{
	const struct inet_diag_req_v2 *q = r->body;

	d->table = q->sdiag_family == AF_INET ? q->sdiag_protocol : 0;
	d->filter = q->idiag_states;
}

static bool inet_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct diag_walk w = { d, o, 0 };

	if (d->table == IPPROTO_TCP)
		tcp_lines(tcp_tell, &w);
	else if (d->table == IPPROTO_UDP)
		udp_for_each(udp_tell, &w);
	return !o->full;
}

/* ---- unix ----------------------------------------------------------------- */

static void unix_tell(struct unix_socket *u, void *arg)
{
	struct diag_walk *w = arg;
	struct unix_diag_msg *m;
	u8 state = u->s.listening ? TCPS_LISTEN : u->connected ? TCPS_ESTABLISHED : TCPS_CLOSED;
	struct unix_diag_rqlen queue = { u->s.listening ? u->pending_count : u->readable,
		u->s.listening ? u->backlog : u->s.sndbuf };

	if (u->closed || !diag_wants(w, state))
		return;
	m = netlink_begin(w->o, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		return;
	*m = (struct unix_diag_msg){ .udiag_family = AF_UNIX, .udiag_type = u->s.type, .udiag_state = state,
		.udiag_ino = u->s.ino, .udiag_cookie = { u->s.ino, u->s.ino >> 32 } };
	if (w->d->table & UDIAG_SHOW_NAME && u->name)
		netlink_attr(w->o, UNIX_DIAG_NAME, u->name, u->name_len - (u->vnode ? 1 : 0));
	if (w->d->table & UDIAG_SHOW_PEER && u->peer)
		netlink_attr_u32(w->o, UNIX_DIAG_PEER, u->peer->s.ino);
	if (w->d->table & UDIAG_SHOW_RQLEN)
		netlink_attr(w->o, UNIX_DIAG_RQLEN, &queue, sizeof(queue));
	diag_told(w);
}

static void unix_start(const struct netlink_request *r, struct netlink_dump *d)
{
	const struct unix_diag_req *q = r->body;

	d->table = q->udiag_show;
	d->filter = q->udiag_states;
}

static bool unix_dump(struct netlink_dump *d, struct netlink_out *o)
{
	struct diag_walk w = { d, o, 0 };

	unix_for_each(unix_tell, &w);
	return !o->full;
}

/* ---- requests ------------------------------------------------------------- */

static const struct netlink_kind inet_diag = {
	.fixed = sizeof(struct inet_diag_req_v2), .dump_start = inet_start, .dump = inet_dump,
};

static const struct netlink_kind unix_diag = {
	.fixed = sizeof(struct unix_diag_req), .dump_start = unix_start, .dump = unix_dump,
};

const struct netlink_kind *netlink_diag_kind(const struct netlink_request *r)
{
	const struct sock_diag_req *q = r->body;

	if (r->h->nlmsg_type != SOCK_DIAG_BY_FAMILY || r->body_len < sizeof(*q))
		return err_ptr(-EINVAL);
	/* Of IPv6 there are none, which is no error: ss would ask again for everything. */
	if ((q->sdiag_family == AF_INET || q->sdiag_family == AF_INET6) &&
	    (q->sdiag_protocol == IPPROTO_TCP || q->sdiag_protocol == IPPROTO_UDP))
		return r->body_len < inet_diag.fixed ? err_ptr(-EINVAL) : &inet_diag;
	if (q->sdiag_family == AF_UNIX)
		return r->body_len < unix_diag.fixed ? err_ptr(-EINVAL) : &unix_diag;
	return err_ptr(-ENOENT);
}
