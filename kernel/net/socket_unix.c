/*
 * Local sockets (unix(7)): streams, datagrams and sequenced packets between processes, by a name (socket_unix_name.c)
 * or as a pair; descriptors and credentials travel with the data (socket_unix_rights.c). Everything happens in process
 * context, under one lock for all: who is connected to whom, and what waits in whose queue.
 *
 * Lock key: [X] unix_lock, thread kind; never held while user memory is touched.
 */
#include "arch/arm64/ucopy.h"
#include "base/errno.h"
#include "base/string.h"
#include "mm/slab.h"
#include "net/net.h"
#include "net/socket_unix.h"
#include "sched/cred.h"
#include "sched/pid.h"

#define CHUNK_MAX	(16u * 1024)	/* of a stream's write in one message */
#define MESSAGE_COST	256u		/* what a message costs its queue beside its bytes */

struct spinlock unix_lock = SPINLOCK_INIT("unix");
struct list_node unix_sockets = LIST_INIT(unix_sockets);	/* [X] */

void unix_for_each(void (*fn)(struct unix_socket *u, void *arg), void *arg)
{
	struct unix_socket *u;

	spin_lock(&unix_lock);
	list_for_each(u, &unix_sockets, node)
		fn(u, arg);
	spin_unlock(&unix_lock);
}

/* ---- life ----------------------------------------------------------------- */

void unix_put(struct unix_socket *u)
{
	if (!ref_put(&u->refs))
		return;
	spin_lock(&unix_lock);
	list_remove(&u->node);
	spin_unlock(&unix_lock);
	if (u->vnode)
		vnode_put(u->vnode);
	kfree(u->name);
	kfree(u);
}

static bool is_datagram(const struct unix_socket *u)
{
	return u->s.type == SOCK_DGRAM;
}

/* May more be queued at `to`? [X] or a glance. */
static bool queue_has_room(const struct unix_socket *to)
{
	return to->queued < to->s.rcvbuf;
}

static void message_free(struct unix_message *m)
{
	unix_rights_drop(m);
	if (m->from)
		unix_put(m->from);
	kfree(m);
}

static void queue_drop(struct list_node *queue)
{
	struct list_node *n;

	while ((n = list_pop_front(queue)))
		message_free(list_entry(n, struct unix_message, node));
}

/* Part from the peer. [X] held; the reference is the caller's to drop. */
static struct unix_socket *peer_detach(struct unix_socket *u)
{
	struct unix_socket *peer = u->peer;

	u->peer = NULL;
	return peer;
}

static void unix_release(struct socket *s)
{
	struct unix_socket *u = unix_of(s), *peer, *back = NULL;
	struct list_node queue, pending;
	struct list_node *n;

	list_init(&queue);
	list_init(&pending);
	spin_lock(&unix_lock);
	u->closed = true;
	peer = peer_detach(u);
	if (peer && peer->peer == u && !is_datagram(u)) {
		back = peer_detach(peer);
		if (!list_empty(&u->queue))
			peer->s.error = ECONNRESET;	/* it wrote what nobody will read */
		peer->hung_up = true;
	}
	list_splice_back(&queue, &u->queue);
	list_splice_back(&pending, &u->pending);
	spin_unlock(&unix_lock);

	wait_wake_all(&u->room_wait);		/* senders see that it is closed, and connectors */
	socket_wake(s, EPOLLHUP);
	queue_drop(&queue);
	while ((n = list_pop_front(&pending)))		/* connected, never accepted */
		unix_release(&list_entry(n, struct unix_socket, pending_node)->s);
	if (peer) {
		socket_wake(&peer->s, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP);
		unix_put(peer);
	}
	if (back)
		unix_put(back);
	if (s->filter)
		socket_filter_free(s->filter);
	unix_put(u);
	unix_rights_collect();
}

static const struct socket_ops unix_ops;

static struct unix_socket *unix_new(u16 type)
{
	struct unix_socket *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	socket_init(&u->s, AF_UNIX, type, 0, &unix_ops);
	u->refs = 1;
	list_init(&u->queue);
	list_init(&u->pending);
	list_init(&u->pending_node);
	list_init(&u->rights);
	list_init(&u->flying_node);
	wait_queue_init(&u->room_wait, "unix.room");
	mutex_init(&u->read_mutex, "unix.read");
	spin_lock(&unix_lock);
	list_push_back(&unix_sockets, &u->node);
	spin_unlock(&unix_lock);
	return u;
}

static int unix_create(u16 type, u16 protocol, struct socket **out)
{
	struct unix_socket *u;

	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	u = unix_new(type);
	if (!u)
		return -ENOMEM;
	*out = &u->s;
	return 0;
}

void unix_self(struct unix_cred *c)
{
	const struct cred *cred = current()->cred;

	*c = (struct unix_cred){ pid_current(), cred ? cred->euid : 0, cred ? cred->egid : 0 };
}

int unix_socketpair(u16 type, u16 protocol, struct socket *pair[2])
{
	int err = unix_create(type, protocol, &pair[0]);
	struct unix_socket *a, *b;

	if (err)
		return err;
	err = unix_create(type, protocol, &pair[1]);
	if (err) {
		unix_release(pair[0]);
		return err;
	}
	a = unix_of(pair[0]);
	b = unix_of(pair[1]);
	unix_self(&a->peer_id);
	b->peer_id = a->peer_id;
	ref_get(&a->refs);
	ref_get(&b->refs);
	a->peer = b;
	b->peer = a;
	a->connected = b->connected = true;
	return 0;
}

/* ---- connecting ----------------------------------------------------------- */

static int unix_getname(struct socket *s, u8 *addr, u32 *len, bool peer)
{
	struct unix_socket *u = unix_of(s);
	int err = 0;

	spin_lock(&unix_lock);
	if (peer && !u->peer)
		err = -ENOTCONN;
	else
		unix_address_fill(peer ? u->peer : u, addr, len);
	spin_unlock(&unix_lock);
	return err;
}

static int unix_listen(struct socket *s, int backlog)
{
	struct unix_socket *u = unix_of(s);

	if (is_datagram(u))
		return -EOPNOTSUPP;
	if (!u->name || u->connected)
		return -EINVAL;
	spin_lock(&unix_lock);
	u->s.listening = true;
	u->backlog = backlog;
	unix_self(&u->peer_id);
	spin_unlock(&unix_lock);
	socket_wake(s, EPOLLOUT);
	return 0;
}

static int connect_datagram(struct unix_socket *u, const u8 *addr, u32 len)
{
	struct unix_socket *to = NULL, *old;

	if (((const struct sockaddr_un *)addr)->sun_family != AF_UNSPEC) {
		to = unix_target(addr, len);
		if (is_err(to))
			return ptr_err(to);
		if (to->s.type != u->s.type) {
			unix_put(to);
			return -EPROTOTYPE;
		}
	}
	spin_lock(&unix_lock);
	old = u->peer;
	u->peer = to;
	u->connected = to;
	spin_unlock(&unix_lock);
	if (old)
		unix_put(old);
	return 0;
}

/* The two ends of a stream: ours, and a new one that waits to be accepted. [X] held. */
static int pair_make(struct unix_socket *u, struct unix_socket *listener, struct unix_socket *made)
{
	if (listener->closed || !listener->s.listening)
		return -ECONNREFUSED;
	if (u->connected)
		return -EISCONN;
	if (listener->pending_count > listener->backlog)
		return -EAGAIN;
	ref_get(&u->refs);
	ref_get(&made->refs);
	u->peer = made;
	made->peer = u;
	u->connected = made->connected = true;
	unix_self(&made->peer_id);
	u->peer_id = listener->peer_id;
	made->listener = listener;
	list_push_back(&listener->pending, &made->pending_node);
	listener->pending_count++;
	return 0;
}

/* The accepted end bears the listener's name. */
static int name_inherit(struct unix_socket *made, const struct unix_socket *listener)
{
	made->name = kmalloc(listener->name_len + 1);
	if (!made->name)
		return -ENOMEM;
	memcpy(made->name, listener->name, listener->name_len);
	made->name_len = listener->name_len;
	made->inherited = true;
	return 0;
}

static int unix_connect(struct socket *s, const u8 *addr, u32 len, bool nonblock)
{
	struct unix_socket *u = unix_of(s), *listener, *made;
	int err;

	if (is_datagram(u))
		return len < sizeof(u16) ? -EINVAL : connect_datagram(u, addr, len);
	listener = unix_target(addr, len);
	if (is_err(listener))
		return ptr_err(listener);
	err = -EPROTOTYPE;
	if (listener->s.type != s->type)
		goto put;
	err = -ENOMEM;
	made = unix_new(s->type);
	if (!made)
		goto put;
	err = name_inherit(made, listener);
	while (!err) {
		spin_lock(&unix_lock);
		err = pair_make(u, listener, made);
		spin_unlock(&unix_lock);
		if (err != -EAGAIN || nonblock)
			break;
		/* The listener's queue is full: wait until it accepts. */
		err = wait_event_deadline(&listener->s.wait, listener->pending_count <= listener->backlog ||
					  listener->closed, socket_deadline(s->sndtimeo));
		if (err == -ETIMEDOUT)
			err = -EAGAIN;
	}
	if (err)
		unix_release(&made->s);
	else
		socket_wake(&listener->s, EPOLLIN);
put:
	unix_put(listener);
	return err;
}

static int unix_accept(struct socket *s, struct socket **out, bool nonblock)
{
	struct unix_socket *u = unix_of(s);
	struct list_node *n;
	int err;

	if (is_datagram(u))
		return -EOPNOTSUPP;
	if (!s->listening)
		return -EINVAL;
	for (;;) {
		spin_lock(&unix_lock);
		n = list_pop_front(&u->pending);
		if (n) {
			u->pending_count--;
			unix_rights_accepted(list_entry(n, struct unix_socket, pending_node));
		}
		spin_unlock(&unix_lock);
		if (n)
			break;
		if (nonblock)
			return -EAGAIN;
		err = wait_event_exclusive(&s->wait, !list_empty(&u->pending), socket_deadline(s->rcvtimeo));
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : err;
	}
	socket_wake(s, EPOLLOUT);	/* connectors that wait for a place */
	*out = &list_entry(n, struct unix_socket, pending_node)->s;
	return 0;
}

/* ---- sending -------------------------------------------------------------- */

/* A message with n bytes of the uio, and what travels with it. err_ptr. */
static struct unix_message *message_make(struct unix_socket *u, struct socket_msg *m, u32 n, bool with_rights)
{
	struct unix_message *x = kmalloc(sizeof(*x) + n);
	int err;

	if (!x)
		return err_ptr(-ENOBUFS);
	*x = (struct unix_message){ .len = n };
	unix_self(&x->cred);
	err = uio_get(&m->uio, x->data, n);
	if (!err && with_rights && m->control_len)
		err = unix_rights_take(x, m);
	if (err) {
		message_free(x);
		return err_ptr(err);
	}
	if (u->name) {
		x->from = u;
		ref_get(&u->refs);
	}
	return x;
}

/* Put it into to's queue. 0, -EAGAIN (full), -EPIPE, -ECONNREFUSED. */
static int message_queue(struct unix_socket *to, struct unix_message *x, bool stream)
{
	int err = 0;

	spin_lock(&unix_lock);
	if (to->closed)
		err = stream ? -EPIPE : -ECONNREFUSED;
	else if (to->s.shut_read)
		err = -EPIPE;
	else if (!queue_has_room(to))
		err = -EAGAIN;
	if (!err) {
		list_push_back(&to->queue, &x->node);
		if (x->rights)
			unix_rights_queued(to, x);
		to->queued += x->len + MESSAGE_COST;
		to->readable += x->len;
	}
	spin_unlock(&unix_lock);
	if (!err)
		socket_wake(&to->s, EPOLLIN | EPOLLRDNORM);
	return err;
}

static int room_wait(struct unix_socket *u, struct unix_socket *to, u32 flags)
{
	int err;

	if (flags & MSG_DONTWAIT)
		return -EAGAIN;
	err = wait_event_deadline(&to->room_wait, queue_has_room(to) || to->closed || to->s.shut_read,
				  socket_deadline(u->s.sndtimeo));
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

static int message_deliver(struct unix_socket *u, struct unix_socket *to, struct unix_message *x, u32 flags)
{
	for (;;) {
		int err = message_queue(to, x, !is_datagram(u));

		if (err != -EAGAIN)
			return err;
		err = room_wait(u, to, flags);
		if (err)
			return err;
	}
}

static struct unix_socket *peer_get(struct unix_socket *u)
{
	struct unix_socket *peer;

	spin_lock(&unix_lock);
	peer = u->peer;
	if (peer)
		ref_get(&peer->refs);
	spin_unlock(&unix_lock);
	return peer;
}

static s64 send_stream(struct unix_socket *u, struct socket_msg *m)
{
	struct unix_socket *to = peer_get(u);
	s64 sent = 0;
	int err = 0;

	if (!to)
		return u->connected ? -EPIPE : -ENOTCONN;
	if (m->name_len) {
		err = u->connected ? -EISCONN : -EOPNOTSUPP;
		goto out;
	}
	do {
		u32 n = u->s.type == SOCK_SEQPACKET ? m->uio.left : MIN(m->uio.left, (size_t)CHUNK_MAX);
		struct unix_message *x;

		if (u->s.shut_write) {
			err = -EPIPE;
			break;
		}
		if (!n && u->s.type == SOCK_STREAM && !m->control_len)
			break;
		x = message_make(u, m, n, !sent);
		err = is_err(x) ? ptr_err(x) : message_deliver(u, to, x, m->flags);
		if (err) {
			if (!is_err(x))
				message_free(x);
			break;
		}
		sent += n;
	} while (m->uio.left);
out:
	unix_put(to);
	return sent ? sent : err;
}

static s64 send_datagram(struct unix_socket *u, struct socket_msg *m)
{
	struct unix_socket *to;
	struct unix_message *x;
	u32 n = m->uio.left;
	int err;

	if (m->uio.left > u->s.sndbuf)
		return -EMSGSIZE;
	if (u->s.shut_write)
		return -EPIPE;
	to = m->name ? unix_target(m->name, m->name_len) : peer_get(u);
	if (is_err(to))
		return ptr_err(to);
	if (!to)
		return -ENOTCONN;
	err = to->s.type != u->s.type ? -EPROTOTYPE : 0;
	/* Who is connected hears its peer only. */
	if (!err && to->peer && to->peer != u)
		err = -EPERM;
	if (err)
		goto out;
	x = message_make(u, m, n, true);
	err = is_err(x) ? ptr_err(x) : message_deliver(u, to, x, m->flags);
	if (err && !is_err(x))
		message_free(x);
out:
	unix_put(to);
	return err ? err : (s64)n;
}

static s64 unix_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct unix_socket *u = unix_of(s);
	int err = socket_error_take(s);

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (err)
		return err;
	if (s->type == SOCK_SEQPACKET)
		m->name_len = 0;	/* it is connected: who else it could be for is not looked at */
	if (s->passcred && !u->name && (err = unix_autobind(u)))
		return err;
	return is_datagram(u) ? send_datagram(u, m) : send_stream(u, m);
}

/* ---- receiving ------------------------------------------------------------ */

/* Wait for a message at the head of the queue. 1: there is one; 0: end; -errno. */
static int message_wait(struct unix_socket *u, u32 flags)
{
	u64 deadline = 0;
	int err;

	for (;;) {
		if (!list_empty(&u->queue))
			return 1;
		err = socket_error_take(&u->s);
		if (err)
			return err;
		if (u->s.shut_read || u->hung_up)
			return 0;
		if (!is_datagram(u) && !u->connected)
			return -ENOTCONN;
		if (flags & MSG_DONTWAIT)
			return -EAGAIN;
		if (!deadline)
			deadline = socket_deadline(u->s.rcvtimeo);
		err = wait_event_exclusive(&u->s.wait, !list_empty(&u->queue) || u->s.error || u->s.shut_read ||
					   u->hung_up, deadline);
		if (err)
			return err == -ETIMEDOUT ? -EAGAIN : u->s.rcvtimeo ? -EINTR : err;
	}
}

/* n bytes of the head message are read: it goes when it is empty (or whole, for messages). [read mutex] */
static void message_consume(struct unix_socket *u, struct unix_message *x, u32 n)
{
	bool gone;

	spin_lock(&unix_lock);
	x->start += n;
	u->readable -= n;
	gone = x->start == x->len || u->s.type != SOCK_STREAM;
	if (gone) {
		u->readable -= x->len - x->start;
		u->queued -= x->len + MESSAGE_COST;
		list_remove(&x->node);
	}
	spin_unlock(&unix_lock);
	if (!gone)
		return;
	message_free(x);
	atomic_fence();
	if (wait_queue_active(&u->room_wait))
		wait_wake_all(&u->room_wait);
	if (u->peer)
		socket_wake(&u->peer->s, SOCKET_WRITABLE);
}

/* Messages with other rights or senders end a read of a stream. */
static bool may_join(const struct unix_socket *u, const struct unix_cred *from, const struct unix_message *next)
{
	return !next->rights && (!u->s.passcred || !memcmp(from, &next->cred, sizeof(*from)));
}

/* What a peek looks at after x. Only readers take messages away, and we are the one. */
static struct unix_message *message_after(struct unix_socket *u, struct unix_message *x)
{
	struct list_node *n;

	spin_lock(&unix_lock);
	n = x->node.next == &u->queue ? NULL : x->node.next;
	spin_unlock(&unix_lock);
	return n ? list_entry(n, struct unix_message, node) : NULL;
}

static s64 receive_stream(struct unix_socket *u, struct socket_msg *m, u32 room)
{
	u32 want = m->uio.left, flags = m->flags;
	bool peek = flags & MSG_PEEK;
	struct unix_message *x = NULL;
	struct unix_cred from = { 0 };
	s64 got = 0;

	while (want) {
		int err;
		u32 n;

		if (!peek || !x) {
			err = message_wait(u, got && !(flags & MSG_WAITALL) ? flags | MSG_DONTWAIT : flags);
			if (err <= 0)
				return got ? got : err;
			x = list_first(&u->queue, struct unix_message, node);
		}
		if (got && !may_join(u, &from, x))
			break;
		from = x->cred;
		if (!got)
			unix_rights_give(u, x, m, room, peek);
		n = MIN(want, x->len - x->start);
		err = uio_put(&m->uio, x->data + x->start, n);
		if (err)
			return got ? got : err;
		got += n;
		want -= n;
		if (!peek)
			message_consume(u, x, n);
		else if (!(x = message_after(u, x)))
			break;
	}
	return got;
}

static s64 receive_message(struct unix_socket *u, struct socket_msg *m, u32 room)
{
	int err = message_wait(u, m->flags);
	struct unix_message *x;
	u32 n, len;

	if (err <= 0)
		return err;
	x = list_first(&u->queue, struct unix_message, node);
	len = x->len;
	n = MIN((size_t)len, m->uio.left);
	if (n < len)
		m->out_flags |= MSG_TRUNC;
	else if (u->s.type == SOCK_SEQPACKET)
		m->out_flags |= MSG_EOR;
	if (m->name && is_datagram(u)) {
		unix_address_fill(x->from, m->name, &m->name_len);
		if (!x->from)
			m->name_len = 0;
	}
	unix_rights_give(u, x, m, room, m->flags & MSG_PEEK);
	err = uio_put(&m->uio, x->data, n);
	if (!(m->flags & MSG_PEEK))
		message_consume(u, x, n);
	if (err)
		return err;
	return m->flags & MSG_TRUNC ? len : n;
}

static s64 unix_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct unix_socket *u = unix_of(s);
	u32 room = m->control_len;
	s64 n;

	m->control_len = 0;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!mutex_trylock(&u->read_mutex)) {
		/* Another reader is inside: it may be asleep there. */
		if (m->flags & MSG_DONTWAIT && list_empty(&u->queue))
			return -EAGAIN;
		n = mutex_lock_interruptible(&u->read_mutex);
		if (n)
			return n;
	}
	if (s->type != SOCK_DGRAM)
		m->name_len = 0;
	n = s->type == SOCK_STREAM ? receive_stream(u, m, room) : receive_message(u, m, room);
	mutex_unlock(&u->read_mutex);
	if (n <= 0 && s->type == SOCK_DGRAM && m->name && !(m->flags & MSG_PEEK) && n < 0)
		m->name_len = 0;
	return n;
}

/* ---- the rest ------------------------------------------------------------- */

static u32 unix_poll(struct socket *s, struct poll_table *t)
{
	struct unix_socket *u = unix_of(s), *peer;
	u32 events = 0;

	poll_wait(t, &s->wait);
	spin_lock(&unix_lock);
	peer = u->peer;
	if (s->listening) {
		if (!list_empty(&u->pending))
			events |= EPOLLIN | EPOLLRDNORM;
		goto out;
	}
	if (!list_empty(&u->queue) || s->shut_read || u->hung_up)
		events |= EPOLLIN | EPOLLRDNORM;
	if (s->shut_read || u->hung_up)
		events |= EPOLLRDHUP;
	if (u->hung_up || (s->shut_read && s->shut_write) || (!is_datagram(u) && !u->connected))
		events |= EPOLLHUP;
	if (s->error)
		events |= EPOLLERR;
	if (!peer ? is_datagram(u) || u->hung_up : queue_has_room(peer))
		events |= SOCKET_WRITABLE;
out:
	spin_unlock(&unix_lock);
	return events;
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_socket *u = unix_of(s), *peer;

	spin_lock(&unix_lock);
	peer = is_datagram(u) ? NULL : u->peer;
	if (peer)
		ref_get(&peer->refs);
	s->shut_read |= how != SHUT_WR;
	s->shut_write |= how != SHUT_RD;
	if (peer) {
		peer->s.shut_write |= how != SHUT_WR;
		peer->s.shut_read |= how != SHUT_RD;
	}
	spin_unlock(&unix_lock);
	socket_wake(s, EPOLLIN | EPOLLOUT | EPOLLHUP);
	wait_wake_all(&u->room_wait);
	if (peer) {
		socket_wake(&peer->s, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
		wait_wake_all(&peer->room_wait);
		unix_put(peer);
	} else if (!u->connected) {
		return -ENOTCONN;
	}
	return 0;
}

static int unix_getsockopt(struct socket *s, int level, int name, u8 *value, u32 *len)
{
	struct unix_socket *u = unix_of(s);
	struct abi_ucred c = { u->peer_id.pid, u->peer_id.uid, u->peer_id.gid };

	if (level != SOL_SOCKET || name != SO_PEERCRED)
		return -ENOPROTOOPT;
	if (!u->connected && !s->listening)
		c = (struct abi_ucred){ 0, ~0u, ~0u };
	*len = MIN(*len, (u32)sizeof(c));
	memcpy(value, &c, *len);
	return 0;
}

static long unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct unix_socket *u = unix_of(s);
	u32 n;

	switch (cmd) {
	case FIONREAD:
		if (s->listening)
			return -EINVAL;
		spin_lock(&unix_lock);
		n = u->readable;
		if (s->type != SOCK_STREAM)
			n = list_empty(&u->queue) ? 0 : list_first(&u->queue, struct unix_message, node)->len;
		spin_unlock(&unix_lock);
		return put_user_u32(arg, n);
	case TIOCOUTQ:
		spin_lock(&unix_lock);
		n = u->peer ? u->peer->readable : 0;
		spin_unlock(&unix_lock);
		return put_user_u32(arg, n);
	}
	return -ENOTTY;
}

static const struct socket_ops unix_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.sendmsg = unix_sendmsg,
	.recvmsg = unix_recvmsg,
	.poll = unix_poll,
	.shutdown = unix_shutdown,
	.getsockopt = unix_getsockopt,
	.ioctl = unix_ioctl,
	.release = unix_release,
};

void socket_unix_init(void)
{
	static struct socket_family family = { .family = AF_UNIX, .create = unix_create };

	socket_family_register(&family);
}
