/*
 * The tables of TCP: connections, requests and TIME-WAIT entries by their four numbers, listeners by their
 * port. input.c looks up; whatever makes or ends a connection inserts and removes.
 *
 * The hash is multilinear with secret 64-bit factors, which is strongly universal: whoever does not see its results
 * can't choose addresses and ports that collide, and it costs three multiplications.
 *
 * The table grows by four while it is used: work moves bucket by bucket into a larger one and marks the old bucket
 * as moved; a look-up that meets the mark goes on to the next table. Old tables are kept, so that nobody ever reads
 * freed memory; all of them together are a third of the one in use.
 *
 * Lock keys: tcp.h. [B] holders take no other lock.
 */
#include "base/errno.h"
#include "base/hash.h"
#include "core/panic.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/tcp/tcp.h"
#include "sched/softirq.h"

#define TABLE_BITS_START 9
#define TABLE_BITS_MAX	17
#define LISTEN_BUCKETS	64

struct bucket {
	struct spinlock lock;
	bool moved;			/* its entries are in the next table [B] */
	struct tcp_entry *first;	/* [B] */
};

struct table {
	struct table *next;		/* set before any bucket is marked moved */
	struct table *former;		/* kept for good: somebody may be in it */
	u32 bits;
	struct bucket buckets[];
};

static struct table *table;		/* [a] the one to begin with */
static u32 entry_count;			/* [a] */
static u64 factors[4];			/* at boot only */
static void table_grow(struct work *w);
static struct work grow_work = { .fn = table_grow };

struct listen_bucket {
	struct spinlock lock;
	struct list_node first;		/* struct tcp_conn.listen_node [N] */
};
static struct listen_bucket listeners[LISTEN_BUCKETS];

static inline u32 hash(u64 addresses, u32 ports)
{
	return (factors[0] + (u32)addresses * factors[1] + (addresses >> 32) * factors[2] + ports * factors[3]) >> 32;
}

static noinline struct bucket *bucket_lock_moved(struct table *t, u32 h, struct bucket *b)
{
	while (b->moved) {
		spin_unlock(&b->lock);
		t = t->next;
		b = &t->buckets[h >> (32 - t->bits)];
		spin_lock(&b->lock);
	}
	return b;
}

/* The bucket, locked. Softirqs are off. */
static inline struct bucket *bucket_lock(u64 addresses, u32 ports)
{
	struct table *t = atomic_load(&table);
	u32 h = hash(addresses, ports);
	struct bucket *b = &t->buckets[h >> (32 - t->bits)];

	spin_lock(&b->lock);
	if (unlikely(b->moved))
		b = bucket_lock_moved(t, h, b);
	return b;
}

static inline struct tcp_entry *chain_find(const struct bucket *b, u64 addresses, u32 ports)
{
	struct tcp_entry *e;

	for (e = b->first; e; e = e->next)
		if (e->ports == ports && e->addresses == addresses)
			break;
	return e;
}

struct tcp_entry *tcp_entry_find(u64 addresses, u32 ports)
{
	struct bucket *b = bucket_lock(addresses, ports);
	struct tcp_entry *e = chain_find(b, addresses, ports);

	if (likely(e))
		ref_get(&e->refs);
	spin_unlock(&b->lock);
	return e;
}

static void table_check(u32 count)
{
	struct table *t = atomic_load(&table);

	if (unlikely(count > 1u << t->bits) && t->bits < TABLE_BITS_MAX)
		work_queue(&grow_work);
}

int tcp_entry_insert(struct tcp_entry *e)
{
	struct bucket *b = bucket_lock(e->addresses, e->ports);
	bool taken = chain_find(b, e->addresses, e->ports);

	if (!taken) {
		ref_get(&e->refs);
		e->hashed = true;
		e->next = b->first;
		b->first = e;
	}
	spin_unlock(&b->lock);
	if (taken)
		return -EADDRNOTAVAIL;
	table_check(atomic_add_relaxed(&entry_count, 1));
	return 0;
}

static struct tcp_entry **link_of(struct bucket *b, const struct tcp_entry *e)
{
	struct tcp_entry **link = &b->first;

	while (*link != e)
		link = &(*link)->next;
	return link;
}

bool tcp_entry_remove(struct tcp_entry *e)
{
	struct bucket *b = bucket_lock(e->addresses, e->ports);
	bool was = e->hashed;

	if (was) {
		*link_of(b, e) = e->next;
		e->hashed = false;
	}
	spin_unlock(&b->lock);
	if (was)
		atomic_add_relaxed(&entry_count, -1u);
	return was;
}

bool tcp_entry_replace(struct tcp_entry *old, struct tcp_entry *new)
{
	struct bucket *b = bucket_lock(old->addresses, old->ports);
	bool was = old->hashed;

	if (was) {
		ref_get(&new->refs);
		new->next = old->next;
		new->hashed = true;
		*link_of(b, old) = new;
		old->hashed = false;
	}
	spin_unlock(&b->lock);
	return was;
}

/* ---- growth --------------------------------------------------------------- */

static struct table *table_new(u32 bits)
{
	struct table *t = kzalloc(sizeof(*t) + (sizeof(struct bucket) << bits));

	if (!t)
		return NULL;
	t->bits = bits;
	for (u32 i = 0; i < 1u << bits; i++)
		spin_init(&t->buckets[i].lock, "tcp.bucket");
	return t;
}

/* Nobody reaches the new buckets of an old one before that is marked: no lock on them is needed. [B] of from. */
static void bucket_move(struct bucket *from, struct table *to)
{
	struct tcp_entry *e;

	while ((e = from->first)) {
		struct bucket *b = &to->buckets[hash(e->addresses, e->ports) >> (32 - to->bits)];

		from->first = e->next;
		e->next = b->first;
		b->first = e;
	}
	from->moved = true;
}

static void table_grow(struct work *w)
{
	struct table *old = table, *new;

	if (old->bits >= TABLE_BITS_MAX || atomic_load_relaxed(&entry_count) <= 1u << old->bits)
		return;
	new = table_new(old->bits + 2);
	if (!new)
		return;			/* longer chains; the next insertion asks again */
	new->former = old;
	old->next = new;
	for (u32 i = 0; i < 1u << old->bits; i++) {
		spin_lock_bh(&old->buckets[i].lock);
		bucket_move(&old->buckets[i], new);
		spin_unlock_bh(&old->buckets[i].lock);
	}
	atomic_store(&table, new);
}

/* ---- walks ---------------------------------------------------------------- */

static void bucket_walk(struct table *t, u32 i, void (*fn)(struct tcp_entry *, void *), void *arg)
{
	struct bucket *b = &t->buckets[i];
	bool moved;

	spin_lock_bh(&b->lock);
	moved = b->moved;
	for (struct tcp_entry *e = b->first; e; e = e->next)
		fn(e, arg);
	spin_unlock_bh(&b->lock);
	for (u32 j = 0; moved && j < 4; j++)
		bucket_walk(t->next, i * 4 + j, fn, arg);
}

void tcp_for_each(void (*fn)(struct tcp_entry *e, void *arg), void *arg)
{
	struct table *t = atomic_load(&table);

	for (u32 i = 0; i < 1u << t->bits; i++)
		bucket_walk(t, i, fn, arg);
}

/* ---- listeners ------------------------------------------------------------ */

static struct listen_bucket *listen_bucket(be16 port)
{
	return &listeners[(port >> 8 ^ port) & (LISTEN_BUCKETS - 1)];
}

void tcp_listener_add(struct tcp_conn *c)
{
	struct listen_bucket *b = listen_bucket(c->inet.local_port);

	spin_lock(&b->lock);
	tcp_conn_get(c);
	list_push_back(&b->first, &c->listen_node);
	spin_unlock(&b->lock);
}

void tcp_listener_remove(struct tcp_conn *c)
{
	struct listen_bucket *b = listen_bucket(c->inet.local_port);
	bool was;

	spin_lock(&b->lock);
	was = !list_empty(&c->listen_node);
	list_remove(&c->listen_node);
	spin_unlock(&b->lock);
	if (was)
		tcp_conn_put(c);
}

/* How well does it fit? 0: not at all. */
static u32 listener_score(const struct tcp_conn *c, be32 local, be16 port, const struct netif *nif)
{
	if (c->inet.local_port != port || (c->inet.local && c->inet.local != local) ||
	    (c->inet.s.bound_ifindex && c->inet.s.bound_ifindex != nif->index))
		return 0;
	return 1 + 2 * !!c->inet.local + !!c->inet.s.bound_ifindex;
}

struct tcp_conn *tcp_listener_find(be32 local, be16 port, const struct netif *nif, u32 choice)
{
	struct listen_bucket *b = listen_bucket(port);
	struct tcp_conn *c, *best = NULL;
	u32 best_score = 0, equals = 0;

	spin_lock(&b->lock);
	list_for_each(c, &b->first, listen_node) {
		u32 score = listener_score(c, local, port, nif);

		if (score > best_score) {
			best = c;
			best_score = score;
			equals = 1;
		} else if (score && score == best_score && c->inet.s.reuseport) {
			/* SO_REUSEPORT: each of n equals gets its share. */
			equals++;
			if ((u64)hash_u32(choice + equals) * equals >> 32 == 0)
				best = c;
		}
	}
	if (best)
		tcp_conn_get(best);
	spin_unlock(&b->lock);
	return best;
}

void tcp_for_each_listener(void (*fn)(struct tcp_conn *c, void *arg), void *arg)
{
	for (u32 i = 0; i < LISTEN_BUCKETS; i++) {
		struct tcp_conn *c;

		spin_lock_bh(&listeners[i].lock);
		list_for_each(c, &listeners[i].first, listen_node)
			fn(c, arg);
		spin_unlock_bh(&listeners[i].lock);
	}
}

void tcp_table_init(void)
{
	random_bytes(factors, sizeof(factors));
	table = table_new(TABLE_BITS_START);
	BUG_ON(!table);
	for (u32 i = 0; i < LISTEN_BUCKETS; i++) {
		spin_init(&listeners[i].lock, "tcp.listeners");
		list_init(&listeners[i].first);
	}
}
