/*
 * Netlink sockets (netlink(7)), of NETLINK_ROUTE and NETLINK_SOCK_DIAG: requests, acknowledgements, dumps, and groups
 * of listeners; those of NETLINK_KOBJECT_UEVENT only listen. A program's sendmsg runs its requests at once; the answers
 * wait in the socket's queue. A dump is made piece by piece as it is read, so that its length does not matter.
 *
 * Lock keys: [N] netlink_lock (bh kind, before the sockets' own); [D] the socket's dump mutex.
 */
#include <linux/capability.h>
#include "base/errno.h"
#include "base/string.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/inet.h"
#include "net/netlink.h"
#include "net/socket_file.h"
#include "net/socket_netlink.h"
#include "sched/cred.h"

#define REQUEST_MAX	(64u * 1024)

static struct spinlock netlink_lock = SPINLOCK_INIT("netlink");
static struct list_node sockets = LIST_INIT(sockets);	/* [N] */

static const struct netlink_kind *const kinds[] = { &netlink_links, &netlink_addrs, &netlink_routes, &netlink_neighs };

static struct netlink_socket *netlink_of(struct socket *s)
{
	return (struct netlink_socket *)s;
}

void netlink_for_each(void (*fn)(struct netlink_socket *k, void *arg), void *arg)
{
	struct netlink_socket *k;

	spin_lock_bh(&netlink_lock);
	list_for_each(k, &sockets, node)
		fn(k, arg);
	spin_unlock_bh(&netlink_lock);
}

/* ---- making messages ------------------------------------------------------ */

static bool out_start(struct netlink_out *o, u32 seq, u32 portid, u16 flags)
{
	*o = (struct netlink_out){ .pkt = pkt_alloc(0), .seq = seq, .portid = portid, .flags = flags };
	return o->pkt;
}

/* n bytes, rounded up and zeroed, at the end of the packet. */
static void *out_room(struct netlink_out *o, u32 n)
{
	u32 aligned_n = NLMSG_ALIGN(n);
	void *p;

	if (o->full || aligned_n > pkt_tailroom(o->pkt)) {
		o->full = true;
		return NULL;
	}
	p = pkt_put(o->pkt, aligned_n);
	memset(p, 0, aligned_n);
	return p;
}

void *netlink_begin(struct netlink_out *o, u16 type, u32 size)
{
	struct nlmsghdr *h = out_room(o, NLMSG_HDRLEN);
	void *body;

	o->open = h;
	if (!h)
		return NULL;
	*h = (struct nlmsghdr){ .nlmsg_type = type, .nlmsg_flags = o->flags, .nlmsg_seq = o->seq,
		.nlmsg_pid = o->portid };
	body = out_room(o, size);
	if (!body)
		netlink_end(o);
	return body;
}

void netlink_attr(struct netlink_out *o, u16 type, const void *data, u32 len)
{
	struct nlattr *a = out_room(o, NLA_HDRLEN + len);

	if (!a)
		return;
	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy(a + 1, data, len);
}

void netlink_attr_string(struct netlink_out *o, u16 type, const char *s)
{
	netlink_attr(o, type, s, strlen(s) + 1);
}

u32 netlink_nest(struct netlink_out *o, u16 type)
{
	netlink_attr(o, type, NULL, 0);
	return o->full ? 0 : o->pkt->tail - o->pkt->buf - NLA_HDRLEN;
}

void netlink_nest_end(struct netlink_out *o, u32 mark)
{
	struct nlattr *a = (struct nlattr *)(o->pkt->buf + mark);

	if (!o->full)
		a->nla_len = o->pkt->tail - (u8 *)a;
}

bool netlink_end(struct netlink_out *o)
{
	struct pkt *p = o->pkt;

	if (!o->open)
		return false;
	if (o->full) {
		p->len -= p->tail - (u8 *)o->open;
		p->tail = (u8 *)o->open;
		return false;
	}
	o->open->nlmsg_len = p->tail - (u8 *)o->open;
	o->open = NULL;
	return true;
}

/* ---- reading requests ----------------------------------------------------- */

int netlink_parse(const struct netlink_request *r, u32 fixed, struct netlink_attrs *t)
{
	const u8 *p = (const u8 *)r->body + NLMSG_ALIGN(fixed);
	u32 left = r->body_len > NLMSG_ALIGN(fixed) ? r->body_len - NLMSG_ALIGN(fixed) : 0;

	*t = (struct netlink_attrs){ 0 };
	while (left >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)p;
		u32 type = a->nla_type & NLA_TYPE_MASK, step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > left)
			return -EINVAL;
		if (type < NETLINK_ATTRS)
			t->a[type] = a;
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	return 0;
}

bool attr_u32(const struct netlink_attrs *t, u32 type, u32 *v)
{
	if (!t->a[type] || attr_len(t->a[type]) < 4)
		return false;
	memcpy(v, attr_data(t->a[type]), 4);
	return true;
}

bool attr_string(const struct netlink_attrs *t, u32 type, char *buf, u32 size)
{
	u32 n;

	if (!t->a[type])
		return false;
	n = strnlen(attr_data(t->a[type]), attr_len(t->a[type]));
	if (n >= size)
		return false;
	memcpy(buf, attr_data(t->a[type]), n);
	buf[n] = '\0';
	return true;
}

/* ---- answers -------------------------------------------------------------- */

/* Answers to a request are not dropped for want of room: a socket has few of them. */
static void queue_answer(struct netlink_socket *k, struct pkt *p)
{
	spin_lock_bh(&k->i.s.lock);
	inet_rx_charge(&k->i, PKT_TRUESIZE);
	pkt_queue_push(&k->i.rx, p);
	spin_unlock_bh(&k->i.s.lock);
	socket_wake(&k->i.s, EPOLLIN | EPOLLRDNORM);
}

/* NLMSG_ERROR: the errno, and the request (or only its header) that it is about. */
static void answer_error(struct netlink_socket *k, const struct nlmsghdr *h, int err)
{
	struct netlink_out o;
	struct nlmsgerr *e;
	u32 quote = err && !k->cap_ack ? h->nlmsg_len - sizeof(*h) : 0;

	if (!out_start(&o, h->nlmsg_seq, k->portid, quote || !err ? 0 : NLM_F_CAPPED))
		return;
	if (quote > 1024)
		quote = 0;
	e = netlink_begin(&o, NLMSG_ERROR, sizeof(*e) + quote);
	e->error = err;
	memcpy(&e->msg, h, sizeof(*h) + quote);
	netlink_end(&o);
	queue_answer(k, o.pkt);
}

/* The next packet of the dump under way. [D] held. */
static void dump_step(struct netlink_socket *k)
{
	struct netlink_out o;
	bool done;
	u32 *result;

	if (!out_start(&o, k->dump_seq, k->portid, NLM_F_MULTI)) {
		k->dump_kind = NULL;
		return;
	}
	done = k->dump_kind->dump(&k->dump, &o);
	o.open = NULL;
	if (done && !o.full) {
		result = netlink_begin(&o, NLMSG_DONE, sizeof(*result));
		if (result) {
			netlink_end(&o);
			k->dump_kind = NULL;
		}
	}
	if (!o.pkt->len) {		/* a single entry larger than a packet: none is */
		pkt_free(o.pkt);
		k->dump_kind = NULL;
		return;
	}
	queue_answer(k, o.pkt);
}

static int dump_begin(struct netlink_socket *k, const struct netlink_kind *kind, const struct netlink_request *r)
{
	mutex_lock(&k->dump_mutex);
	if (k->dump_kind) {
		mutex_unlock(&k->dump_mutex);
		return -EBUSY;
	}
	k->dump = (struct netlink_dump){ 0 };
	if (r->body_len)
		k->dump.family = *(const u8 *)r->body;
	if (kind->dump_start && r->body_len >= kind->fixed)
		kind->dump_start(r, &k->dump);
	k->dump_kind = kind;
	k->dump_seq = r->h->nlmsg_seq;
	dump_step(k);
	mutex_unlock(&k->dump_mutex);
	return 0;
}

static int request_get(struct netlink_socket *k, const struct netlink_kind *kind, const struct netlink_request *r)
{
	struct netlink_out o;
	int err;

	if (r->h->nlmsg_flags & NLM_F_DUMP)
		return dump_begin(k, kind, r);
	if (!kind->get)
		return -EOPNOTSUPP;
	if (r->body_len < kind->fixed)
		return -EINVAL;
	if (!out_start(&o, r->h->nlmsg_seq, k->portid, 0))
		return -ENOBUFS;
	err = kind->get(r, &o);
	if (err)
		pkt_free(o.pkt);
	else
		queue_answer(k, o.pkt);
	return err;
}

static int request_change(const struct netlink_kind *kind, const struct netlink_request *r, bool del)
{
	int (*fn)(const struct netlink_request *) = del ? kind->del : kind->set;
	int err;

	if (!cred_capable(current()->cred, CAP_NET_ADMIN))
		return -EPERM;
	if (!fn)
		return -EOPNOTSUPP;
	if (r->body_len < kind->fixed)
		return -EINVAL;
	mutex_lock(&net_config_mutex);
	err = fn(r);
	mutex_unlock(&net_config_mutex);
	return err;
}

static int request_run(struct netlink_socket *k, const struct nlmsghdr *h)
{
	struct netlink_request r = { h, h + 1, h->nlmsg_len - sizeof(*h) };
	u32 base = h->nlmsg_type & ~3u, what = h->nlmsg_type & 3;
	const struct netlink_kind *diag;

	if (k->i.s.protocol == NETLINK_KOBJECT_UEVENT)
		return -EOPNOTSUPP;
	if (k->i.s.protocol == NETLINK_SOCK_DIAG) {
		diag = netlink_diag_kind(&r);
		return is_err(diag) ? (int)ptr_err(diag) : request_get(k, diag, &r);
	}
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->base == base)
			return what == 2 ? request_get(k, kinds[i], &r) : request_change(kinds[i], &r, what == 1);
	return -EOPNOTSUPP;
}

/* Each message of what was sent, in order; each gets its acknowledgement. */
static void requests_run(struct netlink_socket *k, const u8 *data, u32 len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)data;
		bool dumping;
		int err;

		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len)
			return;
		if (h->nlmsg_flags & NLM_F_REQUEST && h->nlmsg_type >= NLMSG_MIN_TYPE) {
			dumping = h->nlmsg_flags & NLM_F_DUMP &&
				((h->nlmsg_type & 3) == 2 || k->i.s.protocol == NETLINK_SOCK_DIAG);
			err = request_run(k, h);
			if (err || (h->nlmsg_flags & NLM_F_ACK && !dumping))
				answer_error(k, h, err);
		} else if (h->nlmsg_flags & NLM_F_ACK) {
			answer_error(k, h, 0);
		}
		if (NLMSG_ALIGN(h->nlmsg_len) >= len)
			return;
		data += NLMSG_ALIGN(h->nlmsg_len);
		len -= NLMSG_ALIGN(h->nlmsg_len);
	}
}

/* A copy for each member of the group. */
static void members_tell(u32 protocol, u32 group, struct pkt *p)
{
	struct netlink_socket *k;
	struct pkt *copy;

	spin_lock_bh(&netlink_lock);
	list_for_each(k, &sockets, node) {
		if (!(k->groups >> (group - 1) & 1) || k->i.s.protocol != protocol)
			continue;
		copy = pkt_copy(p, 0);
		spin_lock(&k->i.s.lock);
		if (!copy || !inet_rx_queue(&k->i, copy)) {
			atomic_store(&k->i.s.error, ENOBUFS);	/* the listener must look for itself */
			if (copy)
				pkt_free(copy);
		}
		spin_unlock(&k->i.s.lock);
	}
	spin_unlock_bh(&netlink_lock);
}

void netlink_announce(u32 group, bool (*fill)(struct netlink_out *o, const void *arg), const void *arg)
{
	struct netlink_out o;

	if (list_empty(&sockets) || !out_start(&o, 0, 0, 0))
		return;
	if (fill(&o, arg))
		members_tell(NETLINK_ROUTE, group, o.pkt);
	pkt_free(o.pkt);
}

void netlink_uevent(const char *message, u32 len)
{
	struct pkt *p = list_empty(&sockets) ? NULL : pkt_alloc(0);

	if (!p)
		return;
	if (len <= pkt_tailroom(p)) {
		memcpy(pkt_put(p, len), message, len);
		members_tell(NETLINK_KOBJECT_UEVENT, 1, p);
	}
	pkt_free(p);
}

/* ---- the socket's operations ---------------------------------------------- */

/* An address of its own: what was asked for, or the thread's number if it is free. */
static int port_set(struct netlink_socket *k, u32 wanted)
{
	u32 id = wanted ? wanted : (u32)current()->tid;
	struct netlink_socket *o;
	int err = 0;

	spin_lock_bh(&netlink_lock);
again:
	list_for_each(o, &sockets, node)
		if (o != k && o->portid == id && o->i.s.protocol == k->i.s.protocol) {
			if (wanted) {
				err = -EADDRINUSE;
				break;
			}
			id = random_u32() | 0x80000000u;
			goto again;
		}
	if (!err)
		k->portid = id;
	spin_unlock_bh(&netlink_lock);
	return err;
}

static int netlink_bind(struct socket *s, const u8 *addr, u32 len)
{
	const struct sockaddr_nl *nl = (const struct sockaddr_nl *)addr;
	struct netlink_socket *k = netlink_of(s);
	int err = 0;

	if (len < sizeof(*nl) || nl->nl_family != AF_NETLINK)
		return -EINVAL;
	if (k->portid && nl->nl_pid && nl->nl_pid != k->portid)
		return -EINVAL;
	if (!k->portid)
		err = port_set(k, nl->nl_pid);
	if (!err)
		k->groups = (k->groups & ~0xffffffffull) | nl->nl_groups;
	return err;
}

static int netlink_connect(struct socket *s, const u8 *addr, u32 len, bool nonblock)
{
	const struct sockaddr_nl *nl = (const struct sockaddr_nl *)addr;
	struct netlink_socket *k = netlink_of(s);

	if (len >= 2 && nl->nl_family == AF_UNSPEC)
		return 0;
	if (len < sizeof(*nl) || nl->nl_family != AF_NETLINK)
		return -EINVAL;
	if (nl->nl_pid)
		return -ECONNREFUSED;	/* only the kernel is spoken to */
	return k->portid ? 0 : port_set(k, 0);
}

static int netlink_getname(struct socket *s, u8 *addr, u32 *len, bool peer)
{
	struct netlink_socket *k = netlink_of(s);

	*(struct sockaddr_nl *)addr = (struct sockaddr_nl){ .nl_family = AF_NETLINK,
		.nl_pid = peer ? 0 : k->portid, .nl_groups = peer ? 0 : (u32)k->groups };
	*len = sizeof(struct sockaddr_nl);
	return 0;
}

static s64 netlink_sendmsg(struct socket *s, struct socket_msg *m)
{
	struct netlink_socket *k = netlink_of(s);
	u32 len = m->uio.left;
	u8 *data;
	int err;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->uio.left > REQUEST_MAX)
		return -EMSGSIZE;
	if (m->name) {
		const struct sockaddr_nl *nl = (const struct sockaddr_nl *)m->name;

		if (m->name_len < sizeof(*nl) || nl->nl_family != AF_NETLINK)
			return -EINVAL;
		if (nl->nl_pid)
			return -ECONNREFUSED;
	}
	if (!k->portid && (err = port_set(k, 0)))
		return err;
	data = kmalloc(len + 1);
	if (!data)
		return -ENOBUFS;
	err = uio_get(&m->uio, data, len);
	if (!err)
		requests_run(k, data, len);
	kfree(data);
	return err ? err : (s64)len;
}

static s64 netlink_recvmsg(struct socket *s, struct socket_msg *m)
{
	struct netlink_socket *k = netlink_of(s);
	u32 take, len, room = m->control_len;
	struct pkt *p;
	int err;

	if (pkt_queue_empty(&k->i.rx) && k->dump_kind) {
		mutex_lock(&k->dump_mutex);
		if (pkt_queue_empty(&k->i.rx) && k->dump_kind)
			dump_step(k);
		mutex_unlock(&k->dump_mutex);
	}
	err = inet_rx_take(&k->i, m->flags, &p);
	if (err)
		return err;
	if (!p)
		return 0;
	len = p->len;
	take = MIN((u64)len, (u64)m->uio.left);
	if (take < len)
		m->out_flags |= MSG_TRUNC;
	err = pkt_copy_to_uio(p, 0, &m->uio, take);
	if (m->name) {
		netlink_getname(s, m->name, &m->name_len, true);
		/* Listeners tell the kernel's own messages from others' by the group. */
		((struct sockaddr_nl *)m->name)->nl_groups = s->protocol == NETLINK_KOBJECT_UEVENT;
	}
	m->control_len = 0;
	if (s->passcred && m->control) {
		struct abi_ucred kernel = { 0 };	/* nobody else sends */

		socket_control_put(m, room, SOL_SOCKET, SCM_CREDENTIALS, &kernel, sizeof(kernel));
	}
	pkt_free(p);
	if (err)
		return err;
	return m->flags & MSG_TRUNC ? len : take;
}

static u32 netlink_poll(struct socket *s, struct poll_table *t)
{
	u32 events = inet_poll(s, t);

	return netlink_of(s)->dump_kind ? events | EPOLLIN | EPOLLRDNORM : events;
}

static int netlink_setsockopt(struct socket *s, int level, int name, const u8 *value, u32 len)
{
	struct netlink_socket *k = netlink_of(s);
	u32 v;

	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	switch (name) {
	case NETLINK_ADD_MEMBERSHIP:
	case NETLINK_DROP_MEMBERSHIP:
		if (v < 1 || v > 63)
			return -EINVAL;
		spin_lock_bh(&netlink_lock);
		if (name == NETLINK_ADD_MEMBERSHIP)
			k->groups |= BIT(v - 1);
		else
			k->groups &= ~BIT(v - 1);
		spin_unlock_bh(&netlink_lock);
		return 0;
	case NETLINK_CAP_ACK:
		k->cap_ack = v;
		return 0;
	case NETLINK_EXT_ACK:		/* none is ever added, which is allowed */
	case NETLINK_NO_ENOBUFS:
		return 0;
	}
	return -ENOPROTOOPT;
}

static void netlink_destroy(struct inet_socket *i)
{
	kfree(i);
}

static void netlink_release(struct socket *s)
{
	struct netlink_socket *k = netlink_of(s);

	spin_lock_bh(&netlink_lock);
	list_remove(&k->node);
	spin_unlock_bh(&netlink_lock);
	inet_socket_release(&k->i);
}

static const struct socket_ops netlink_ops = {
	.bind = netlink_bind,
	.connect = netlink_connect,
	.getname = netlink_getname,
	.sendmsg = netlink_sendmsg,
	.recvmsg = netlink_recvmsg,
	.poll = netlink_poll,
	.setsockopt = netlink_setsockopt,
	.ioctl = inet_ioctl,
	.release = netlink_release,
};

static int netlink_create(u16 type, u16 protocol, struct socket **out)
{
	struct netlink_socket *k;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG && protocol != NETLINK_KOBJECT_UEVENT)
		return -EPROTONOSUPPORT;
	k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	inet_socket_init(&k->i, type, protocol, &netlink_ops, netlink_destroy);
	k->i.s.family = AF_NETLINK;
	mutex_init(&k->dump_mutex, "netlink.dump");
	spin_lock_bh(&netlink_lock);
	list_push_back(&sockets, &k->node);
	spin_unlock_bh(&netlink_lock);
	*out = &k->i.s;
	return 0;
}

void netlink_init(void)
{
	static struct socket_family family = { .family = AF_NETLINK, .create = netlink_create };

	socket_family_register(&family);
}
