/*
 * What went wrong with datagrams that were sent (ip(7), IP_RECVERR): ICMP errors from the network, and packets that are
 * refused here for their size. Each is a pending error of the socket; a socket that asked for it also gets a queue,
 * from which MSG_ERRQUEUE takes the error, who told of it, and as much of the datagram as was quoted.
 *
 * An entry is a pkt with the quoted bytes in it. It counts as a received packet: a socket whose buffer is full
 * learns the error alone.
 */
#include "base/defs.h"
struct timespec { s64 tv_sec, tv_nsec; };	/* the C library's, which the next one takes for granted */
#include <linux/errqueue.h>
#include "base/errno.h"
#include "base/string.h"
#include "net/icmp.h"
#include "net/inet.h"
#include "net/ip_internal.h"
#include "net/socket_abi.h"

#define QUOTED_MAX	1024u

struct error_note {			/* in pkt.cb */
	struct sock_extended_err e;
	be32 from, to;
	be16 port;
};
_Static_assert(sizeof(struct error_note) <= sizeof(((struct pkt *)0)->cb), "a note fits");

static struct error_note *note_of(struct pkt *p)
{
	return (struct error_note *)p->cb;
}

/* [L] held. */
static void error_push(struct inet_socket *i, const struct error_note *n, const u8 *quoted, u32 len)
{
	struct pkt *p = inet_rx_full(i) ? NULL : pkt_alloc(0);

	if (!p)
		return;
	*note_of(p) = *n;
	len = MIN(len, QUOTED_MAX);
	memcpy(pkt_put(p, len), quoted, len);
	inet_rx_charge(i, PKT_TRUESIZE);
	pkt_queue_push(&i->errors, p);
}

/* [L] held. */
static struct pkt *error_pop(struct inet_socket *i)
{
	struct pkt *p = pkt_queue_pop(&i->errors);

	if (p)
		inet_rx_charge(i, -(s32)PKT_TRUESIZE);
	return p;
}

void inet_errors_purge(struct inet_socket *i)
{
	struct pkt *p;

	while ((p = error_pop(i)))
		pkt_free(p);
}

void inet_error_arrived(struct inet_socket *i, const struct ip_error *e, be16 port, u32 skip)
{
	bool fatal, too_big = e->type == ICMP_UNREACHABLE && e->code == ICMP_FRAGMENTATION_NEEDED;
	s32 error = icmp_error_errno(e->type, e->code, &fatal);
	const struct error_note n = {
		.e = { .ee_errno = error, .ee_origin = SO_EE_ORIGIN_ICMP, .ee_type = e->type, .ee_code = e->code,
		       .ee_info = e->mtu },
		.from = e->from, .to = e->inner->destination, .port = port,
	};

	/* Who lets packets be cut need not know where that has to be. */
	if (too_big && i->pmtu_discover == IP_PMTUDISC_DONT)
		return;
	fatal |= too_big && i->pmtu_discover == IP_PMTUDISC_DO;
	if (!i->recverr && !(i->remote && fatal))
		return;
	spin_lock_bh(&i->s.lock);
	if (i->recverr)
		error_push(i, &n, e->payload + skip, e->len - skip);
	i->s.error = error;
	spin_unlock_bh(&i->s.lock);
	inet_wake_error(i);
}

void inet_error_local(struct inet_socket *i, s32 error, u32 info, be32 to, be16 port)
{
	const struct error_note n = {
		.e = { .ee_errno = error, .ee_origin = SO_EE_ORIGIN_LOCAL, .ee_info = info }, .to = to, .port = port,
	};

	if (i->recverr) {
		error_push(i, &n, NULL, 0);
		inet_wake_error(i);
	}
}

/* The next one off the queue. What is pending is then the error behind it. */
static struct pkt *error_take(struct inet_socket *i)
{
	struct pkt *p;

	spin_lock_bh(&i->s.lock);
	p = error_pop(i);
	if (p && !pkt_queue_empty(&i->errors))
		i->s.error = note_of(i->errors.head)->e.ee_errno;
	else if (p && note_of(p)->e.ee_origin == SO_EE_ORIGIN_ICMP)
		i->s.error = 0;
	spin_unlock_bh(&i->s.lock);
	return p;
}

s64 inet_error_recv(struct inet_socket *i, struct socket_msg *m)
{
	struct pkt *p = error_take(i);	/* off the queue with MSG_PEEK, too, as on Linux */
	struct { struct sock_extended_err e; struct sockaddr_in offender; } told = { 0 };
	u32 room = m->control_len, take, len;
	const struct error_note *n;
	int err;

	if (!p)
		return -EAGAIN;
	n = note_of(p);
	len = p->len;
	take = MIN((u64)len, m->uio.left);
	err = uio_put(&m->uio, p->data, take);
	m->out_flags |= MSG_ERRQUEUE | (take < len ? MSG_TRUNC : 0);
	if (m->name)
		inet_addr_fill(m->name, &m->name_len, n->to, n->port);
	m->control_len = 0;
	told.e = n->e;
	if (n->e.ee_origin == SO_EE_ORIGIN_ICMP) {
		told.offender.sin_family = AF_INET;
		told.offender.sin_addr.s_addr = n->from;
	}
	if (m->control)
		socket_control_put(m, room, SOL_IP, IP_RECVERR, &told, sizeof(told));
	pkt_free(p);
	return err ? err : (s64)take;
}
