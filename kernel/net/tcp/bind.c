/*
 * Local ports: who has which, and who may share one (Linux's rules for SO_REUSEADDR and SO_REUSEPORT). bind,
 * connect and listen call it, and the ends of connections.
 *
 * A port that is in use has a tcp_port with its owners: sockets bound to it, connections made by connect, connections
 * that a listener accepted. TIME-WAIT entries are only counted. Lock key [P]: a bucket's lock, inside [L].
 */
#include "base/errno.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/tcp/tcp.h"

#define PORT_BUCKETS	256
#define PORT_FIRST	32768u		/* ephemeral ports, as on Linux */
#define PORT_COUNT	28232u

struct tcp_port {
	struct tcp_port *next;		/* [P] */
	struct list_node owners;	/* struct tcp_conn.port_node [P] */
	u32 explicit_owners;		/* those not made by connect [P] */
	u32 waits;			/* TIME-WAIT entries [P] */
	be16 port;
};

struct port_bucket {
	struct spinlock lock;
	struct tcp_port *first;		/* [P] */
};
static struct port_bucket buckets[PORT_BUCKETS];
static struct slab_cache *port_slab;

static struct port_bucket *bucket_of(be16 port)
{
	return &buckets[(port >> 8 ^ port) & (PORT_BUCKETS - 1)];
}

/* [P] */
static struct tcp_port *port_find(struct port_bucket *b, be16 port)
{
	struct tcp_port *t;

	for (t = b->first; t; t = t->next)
		if (t->port == port)
			break;
	return t;
}

/* [P] */
static struct tcp_port *port_get(struct port_bucket *b, be16 port)
{
	struct tcp_port *t = port_find(b, port);

	if (t)
		return t;
	t = slab_zalloc(port_slab);
	if (!t)
		return NULL;
	t->port = port;
	list_init(&t->owners);
	t->next = b->first;
	b->first = t;
	return t;
}

/* [P] */
static void port_tidy(struct port_bucket *b, struct tcp_port *t)
{
	struct tcp_port **link = &b->first;

	if (!list_empty(&t->owners) || t->waits)
		return;
	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	slab_free(port_slab, t);
}

/* [P] */
static void owner_add(struct tcp_port *t, struct tcp_conn *c, bool explicit)
{
	list_push_back(&t->owners, &c->port_node);
	t->explicit_owners += explicit;
	c->port = t;
	c->port_explicit = explicit;
}

/* Do c and o, both at the port, exclude each other? [P] */
static bool conflict(const struct tcp_conn *c, const struct tcp_conn *o)
{
	const struct socket *a = &c->inet.s, *b = &o->inet.s;

	if (c == o || (c->inet.local && o->inet.local && c->inet.local != o->inet.local) ||
	    (a->bound_ifindex && b->bound_ifindex && a->bound_ifindex != b->bound_ifindex))
		return false;
	if (a->reuseaddr && b->reuseaddr && READ_ONCE(o->state) != TCPS_LISTEN)
		return false;
	return !(a->reuseport && b->reuseport && a->owner_uid == b->owner_uid);
}

/* [P] */
static bool port_allows(struct tcp_port *t, const struct tcp_conn *c, bool alone)
{
	struct tcp_conn *o;

	if (alone && (t->waits || !list_empty(&t->owners)))
		return false;
	if (t->waits && !c->inet.s.reuseaddr && !c->inet.s.reuseport)
		return false;
	list_for_each(o, &t->owners, port_node)
		if (conflict(c, o))
			return false;
	return true;
}

static int bind_one(struct tcp_conn *c, be16 port, bool alone)
{
	struct port_bucket *b = bucket_of(port);
	struct tcp_port *t;
	int err = 0;

	spin_lock(&b->lock);
	t = port_get(b, port);
	if (!t) {
		err = -ENOMEM;
	} else if (!port_allows(t, c, alone)) {
		err = -EADDRINUSE;
	} else {
		owner_add(t, c, true);
		c->inet.local_port = port;
	}
	spin_unlock(&b->lock);
	return err;
}

int tcp_port_bind(struct tcp_conn *c, be16 port)
{
	u32 at = random_below(PORT_COUNT);
	int err = -EADDRINUSE;

	if (port)
		return bind_one(c, port, false);
	for (u32 i = 0; i < PORT_COUNT && err == -EADDRINUSE; i++) {
		err = bind_one(c, htons(PORT_FIRST + at), true);
		at = at + 1 == PORT_COUNT ? 0 : at + 1;
	}
	return err;
}

/* A port for connect: one that nobody bound to may be shared, if the four numbers are new. */
static int connect_one(struct tcp_conn *c, be16 port)
{
	struct port_bucket *b = bucket_of(port);
	struct tcp_port *t;
	int err = 0;

	spin_lock(&b->lock);
	t = port_get(b, port);
	if (!t)
		err = -ENOMEM;
	else if (t->explicit_owners)
		err = -EADDRNOTAVAIL;
	else
		owner_add(t, c, false);
	spin_unlock(&b->lock);
	if (err)
		return err;
	c->inet.local_port = c->e.local_port = port;
	err = tcp_entry_insert(&c->e);
	if (err) {
		tcp_port_release(c);
		c->inet.local_port = 0;
	}
	return err;
}

int tcp_port_connect(struct tcp_conn *c)
{
	static u32 turn;		/* spreads connections to one destination (RFC 6056, algorithm 3) */
	u32 at;
	int err;

	c->e.local = c->inet.local;
	c->e.remote = c->inet.remote;
	c->e.remote_port = c->inet.remote_port;
	if (c->inet.local_port) {
		c->e.local_port = c->inet.local_port;
		return tcp_entry_insert(&c->e);
	}
	at = port_ephemeral_start(c->inet.local, c->inet.remote, c->inet.remote_port) + atomic_add_relaxed(&turn, 1);
	at %= PORT_COUNT;
	for (u32 i = 0; i < PORT_COUNT; i++) {
		err = connect_one(c, htons(PORT_FIRST + at));
		if (err != -EADDRNOTAVAIL)
			return err;
		at = at + 1 == PORT_COUNT ? 0 : at + 1;
	}
	return -EADDRNOTAVAIL;
}

void tcp_port_share(struct tcp_conn *c, struct tcp_conn *listener)
{
	struct port_bucket *b = bucket_of(listener->inet.local_port);

	spin_lock(&b->lock);
	if (listener->port)		/* bound for as long as it listens, and its lock is held */
		owner_add(listener->port, c, true);
	spin_unlock(&b->lock);
}

void tcp_port_release(struct tcp_conn *c)
{
	struct port_bucket *b = bucket_of(c->inet.local_port);
	struct tcp_port *t;

	spin_lock(&b->lock);
	t = c->port;
	if (t) {
		list_remove(&c->port_node);
		t->explicit_owners -= c->port_explicit;
		c->port = NULL;
		port_tidy(b, t);
	}
	spin_unlock(&b->lock);
}

bool tcp_port_may_listen(struct tcp_conn *c)
{
	struct port_bucket *b = bucket_of(c->inet.local_port);
	struct tcp_conn *o;
	bool may = true;

	spin_lock(&b->lock);
	list_for_each(o, &c->port->owners, port_node)
		if (READ_ONCE(o->state) == TCPS_LISTEN && conflict(c, o))
			may = false;
	spin_unlock(&b->lock);
	return may;
}

struct tcp_port *tcp_port_wait(struct tcp_conn *c)
{
	struct port_bucket *b = bucket_of(c->inet.local_port);
	struct tcp_port *t;

	spin_lock(&b->lock);
	t = c->port;
	if (t)
		t->waits++;
	spin_unlock(&b->lock);
	return t;
}

void tcp_port_unwait(struct tcp_port *t)
{
	struct port_bucket *b = bucket_of(t->port);

	spin_lock(&b->lock);
	t->waits--;
	port_tidy(b, t);
	spin_unlock(&b->lock);
}

void tcp_bind_init(void)
{
	port_slab = slab_cache_create("tcp.port", sizeof(struct tcp_port), 0);
	for (u32 i = 0; i < PORT_BUCKETS; i++)
		spin_init(&buckets[i].lock, "tcp.port");
}
