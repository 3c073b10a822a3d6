/*
 * Neighbours: a table of next hops by interface and address, and the life of an entry.
 *
 *   none --output--> INCOMPLETE --answer--> REACHABLE --30 s--> STALE --output--> DELAY --5 s--> PROBE
 *                        |  3 questions                                            |  confirmed     |
 *                        v                                                          v                v
 *                      FAILED <----------------------------------------- no answer | REACHABLE <-- answer
 *
 * route.c makes entries when it looks a destination up; ip.c sends through neigh_output; arp.c asks and brings the
 * answers; rtnetlink and the ioctls set them by hand. A timer runs only while something is expected of it: an entry
 * that nobody uses goes STALE once and then costs nothing. (RFC 4861, 7.3; RFC 1122, 2.3.2.)
 */
#include "base/errno.h"
#include "base/hash.h"
#include "core/clock.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/ether.h"
#include "net/icmp.h"
#include "net/neigh.h"
#include "net/net.h"

#define REACHABLE_NS	(30 * NSEC_PER_SEC)
#define DELAY_NS	(5 * NSEC_PER_SEC)
#define RETRANS_NS	(1 * NSEC_PER_SEC)
#define PROBES_MAX	3
#define PENDING_BYTES	(208u * 1024)		/* of buffers that wait for one answer */
#define LOCK_NS		(1 * NSEC_PER_SEC)	/* of two different answers at once the first counts */
#define TABLE_BITS	8
#define ENTRIES_SOFT	1024			/* past this, making one drops an unused one */
#define ENTRIES_HARD	8192

static struct spinlock table_lock = SPINLOCK_INIT("neigh.table");	/* bh kind [T] */
static struct neighbour *table[1 << TABLE_BITS];			/* [T] */
static u32 entry_count;							/* [T] */
static u32 hash_seed;

static void neigh_timeout(struct timer *t);

static u32 bucket_of(const struct netif *nif, be32 address)
{
	return hash_u32(address ^ hash_seed ^ nif->index << 16) >> (32 - TABLE_BITS);
}

void neigh_init(void)
{
	hash_seed = random_u32();
}

void neigh_put(struct neighbour *n)
{
	if (!ref_put(&n->refs))
		return;
	pkt_queue_purge(&n->pending);
	netif_put(n->netif);
	kfree(n);
}

/* ---- the table ------------------------------------------------------------ */

static struct neighbour *chain_find(struct netif *nif, be32 address)
{
	struct neighbour *n;

	for (n = table[bucket_of(nif, address)]; n; n = n->next)
		if (n->address == address && n->netif == nif)
			return n;
	return NULL;
}

struct neighbour *neigh_find(struct netif *nif, be32 address)
{
	struct neighbour *n;

	spin_lock_bh(&table_lock);
	n = chain_find(nif, address);
	if (n)
		ref_get(&n->refs);
	spin_unlock_bh(&table_lock);
	return n;
}

/* Take n out; the table's reference passes to the caller. [T] held. */
static void entry_unlink(struct neighbour *n)
{
	struct neighbour **link = &table[bucket_of(n->netif, n->address)];

	while (*link != n)
		link = &(*link)->next;
	*link = n->next;
	n->dead = true;
	entry_count--;
}

/* An entry that only the table holds and that has not changed for longest; unlinked, or NULL. [T] held. */
static struct neighbour *entry_evict(void)
{
	struct neighbour *oldest = NULL;

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		for (struct neighbour *n = table[i]; n; n = n->next)
			if (atomic_load_relaxed(&n->refs) == 1 && !(n->state & (NEIGH_PERMANENT | NEIGH_NOARP)) &&
			    (!oldest || n->updated < oldest->updated))
				oldest = n;
	if (oldest)
		entry_unlink(oldest);
	return oldest;
}

/* The link header in front of packets to n, with the padding that makes it two words. [n] held, or n is new. */
static void header_make(struct neighbour *n, const u8 mac[ETH_ALEN])
{
	u8 h[16] = { 0 };

	memcpy(n->mac, mac, ETH_ALEN);
	memcpy(h + 2, mac, ETH_ALEN);
	memcpy(h + 8, n->netif->mac, ETH_ALEN);
	h[14] = ETHERTYPE_IPV4 >> 8;
	h[15] = ETHERTYPE_IPV4 & 0xff;
	memcpy(&n->header[1], h + 8, 8);
	WRITE_ONCE(n->header[0], get_unaligned_le64(h));
}

/* Addresses whose link address needs no question: broadcast and groups (RFC 1112, 6.4). */
static void known_fill(struct neighbour *n)
{
	u8 group[ETH_ALEN] = { 0x01, 0x00, 0x5e };
	u32 a = ntohl(n->address);

	if (n->netif->flags & NETIF_NOARP) {
		header_make(n, n->netif->mac);
	} else if (ip_is_multicast(n->address)) {
		group[3] = a >> 16 & 0x7f;
		group[4] = a >> 8;
		group[5] = a;
		header_make(n, group);
	} else if (n->address == IP_BROADCAST || ifaddr_is_broadcast(n->netif, n->address)) {
		header_make(n, ether_broadcast);
	} else {
		return;
	}
	n->state = NEIGH_NOARP;
}

static struct neighbour *entry_new(struct netif *nif, be32 address)
{
	struct neighbour *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->netif = nif;
	ref_get(&nif->refs);
	n->address = address;
	n->refs = 1;
	spin_init(&n->lock, "neigh");
	n->updated = clock_ns();
	timer_init(&n->timer, neigh_timeout);
	pkt_queue_init(&n->pending);
	known_fill(n);
	return n;
}

struct neighbour *neigh_get(struct netif *nif, be32 address)
{
	struct neighbour *n = neigh_find(nif, address), *made, *evicted = NULL;

	if (likely(n))
		return n;
	made = entry_new(nif, address);
	if (!made)
		return NULL;

	spin_lock_bh(&table_lock);
	n = chain_find(nif, address);
	if (!n) {
		struct neighbour **head = &table[bucket_of(nif, address)];

		if (entry_count >= ENTRIES_SOFT)
			evicted = entry_evict();
		/* None of an interface that goes: neigh_flush comes after gone is set. */
		if (entry_count < ENTRIES_HARD && !READ_ONCE(nif->gone)) {
			made->next = *head;
			*head = made;
			entry_count++;
			n = made;
			made = NULL;
		}
	}
	if (n)
		ref_get(&n->refs);
	spin_unlock_bh(&table_lock);
	if (made)
		neigh_put(made);
	if (evicted)
		neigh_put(evicted);
	return n;
}

void neigh_for_each(bool (*fn)(struct neighbour *n, void *arg), void *arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(table); i++) {
		for (u32 skip = 0; ; skip++) {
			struct neighbour *n;
			u32 k = skip;
			bool more;

			spin_lock_bh(&table_lock);
			for (n = table[i]; n && k; n = n->next)
				k--;
			if (n)
				ref_get(&n->refs);
			spin_unlock_bh(&table_lock);
			if (!n)
				break;
			more = fn(n, arg);
			neigh_put(n);
			if (!more)
				return;
		}
	}
}

/* ---- the states ----------------------------------------------------------- */

/* The armed timer holds a reference; it is passed on when the timer is moved. [n] held. */
static void timer_start(struct neighbour *n, u64 delay)
{
	if (!n->timer_held) {
		n->timer_held = true;
		ref_get(&n->refs);
	}
	timer_set(&n->timer, clock_ns() + delay);
}

static void state_set(struct neighbour *n, u8 state)
{
	WRITE_ONCE(n->state, state);
	n->probes = 0;
	n->updated = clock_ns();
	if (state == NEIGH_REACHABLE) {
		n->confirmed = n->updated;
		timer_start(n, REACHABLE_NS / 2 + random_below(REACHABLE_NS / NSEC_PER_MSEC) * NSEC_PER_MSEC);
	}
}

/* Nobody answered: those who wait are told. Called without locks. */
static void pending_fail(struct pkt_queue *q)
{
	struct pkt *p;

	local_bh_disable();		/* the senders' protocols are told as by a router's error: in a softirq's place */
	while ((p = pkt_queue_pop(q))) {
		icmp_local_error(p, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
		pkt_free(p);
	}
	local_bh_enable();
}

static void queue_move(struct pkt_queue *to, struct pkt_queue *from)
{
	struct pkt *p;

	while ((p = pkt_queue_pop(from)))
		pkt_queue_push(to, p);
}

/* Ask once more, or give up. [n] held on entry, released here. */
static void probe_next(struct neighbour *n)
{
	struct pkt_queue failed;
	u8 mac[ETH_ALEN];
	bool unicast = n->state == NEIGH_PROBE;
	be32 source = 0;

	pkt_queue_init(&failed);
	if (n->probes >= PROBES_MAX) {
		state_set(n, NEIGH_FAILED);
		queue_move(&failed, &n->pending);
		spin_unlock_bh(&n->lock);
		pending_fail(&failed);
		return;
	}
	n->probes++;
	memcpy(mac, n->mac, ETH_ALEN);
	if (n->pending.head) {
		const struct ip_header *ip = (const struct ip_header *)n->pending.head->data;

		source = ip->source;
	}
	timer_start(n, RETRANS_NS);
	spin_unlock_bh(&n->lock);
	if (!source || !ip_is_local(source))
		source = ifaddr_select(n->netif, n->address);
	arp_request(n->netif, n->address, source, unicast ? mac : NULL);
}

static void neigh_timeout(struct timer *t)
{
	struct neighbour *n = container_of(t, struct neighbour, timer);
	u64 now = clock_ns();

	spin_lock_bh(&n->lock);
	if (timer_armed(t)) {		/* moved while we came here: that one has the reference now */
		spin_unlock_bh(&n->lock);
		return;
	}
	n->timer_held = false;
	switch (n->state) {
	case NEIGH_REACHABLE:
		if (n->confirmed + REACHABLE_NS > now)
			timer_start(n, n->confirmed + REACHABLE_NS - now);
		else
			state_set(n, NEIGH_STALE);
		break;
	case NEIGH_DELAY:
		if (n->confirmed + DELAY_NS > now) {
			state_set(n, NEIGH_REACHABLE);
			break;
		}
		state_set(n, NEIGH_PROBE);
		probe_next(n);
		goto out;
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		probe_next(n);
		goto out;
	}
	spin_unlock_bh(&n->lock);
out:
	neigh_put(n);
}

/* Keep p until the answer comes; the oldest make room. Dropped ones go to *old. [n] held. */
static void pending_add(struct neighbour *n, struct pkt *p, struct pkt_queue *old)
{
	while (n->pending.head && n->pending.count * PKT_OBJECT_SIZE + n->pending.bytes + p->len > PENDING_BYTES)
		pkt_queue_push(old, pkt_queue_pop(&n->pending));
	pkt_queue_push(&n->pending, p);
}

int neigh_output_slow(struct neighbour *n, struct pkt *p)
{
	struct pkt_queue old;

	pkt_queue_init(&old);
	spin_lock_bh(&n->lock);
	n->used = clock_ns();
	if (n->state & NEIGH_STALE) {
		state_set(n, NEIGH_DELAY);
		timer_start(n, DELAY_NS);
	}
	if (n->state & NEIGH_READY) {	/* or the answer came just now */
		spin_unlock_bh(&n->lock);
		memcpy(p->data - 16, n->header, 16);
		pkt_push(p, 14);
		p->csum_start += 14;
		return netif_xmit(n->netif, p);
	}
	if (unlikely(n->dead)) {
		spin_unlock_bh(&n->lock);
		pkt_free(p);
		return -EHOSTUNREACH;
	}
	pending_add(n, p, &old);
	if (n->state != NEIGH_INCOMPLETE) {
		state_set(n, NEIGH_INCOMPLETE);
		probe_next(n);		/* unlocks */
	} else {
		spin_unlock_bh(&n->lock);
	}
	pkt_queue_purge(&old);
	return 0;
}

static void pending_send(struct neighbour *n)
{
	struct pkt_queue q;
	struct pkt *p;

	pkt_queue_init(&q);
	spin_lock_bh(&n->lock);
	queue_move(&q, &n->pending);
	spin_unlock_bh(&n->lock);
	while ((p = pkt_queue_pop(&q)))
		neigh_output(n, p);
}

void neigh_update(struct neighbour *n, const u8 mac[ETH_ALEN], bool solicited, bool override)
{
	bool known, same, ready = false;

	spin_lock_bh(&n->lock);
	if (n->state & (NEIGH_PERMANENT | NEIGH_NOARP) || n->dead)
		goto out;
	known = n->state & NEIGH_VALID;
	same = known && !memcmp(n->mac, mac, ETH_ALEN);
	if (known && !same) {
		if (!override || clock_ns() - n->updated < LOCK_NS)
			goto out;
	}
	if (!same)
		header_make(n, mac);
	if (solicited)
		state_set(n, NEIGH_REACHABLE);
	else if (!same)
		state_set(n, NEIGH_STALE);
	ready = !pkt_queue_empty(&n->pending);
out:
	spin_unlock_bh(&n->lock);
	if (ready)
		pending_send(n);
}

void neigh_set(struct neighbour *n, const u8 *mac, u8 state)
{
	struct pkt_queue failed;
	bool was_armed;

	pkt_queue_init(&failed);
	spin_lock_bh(&n->lock);
	was_armed = timer_cancel(&n->timer);
	if (was_armed)
		n->timer_held = false;
	if (mac)
		header_make(n, mac);
	state_set(n, state);
	if (state & (NEIGH_FAILED | NEIGH_INCOMPLETE))
		queue_move(&failed, &n->pending);
	spin_unlock_bh(&n->lock);
	pending_fail(&failed);
	if (state & NEIGH_VALID)
		pending_send(n);
	if (was_armed)
		neigh_put(n);
	net_notify_neigh(n, false);
}

void neigh_confirm(struct neighbour *n)
{
	WRITE_ONCE(n->confirmed, clock_ns());
	if (READ_ONCE(n->state) & (NEIGH_STALE | NEIGH_DELAY | NEIGH_PROBE)) {
		spin_lock_bh(&n->lock);
		if (n->state & (NEIGH_STALE | NEIGH_DELAY | NEIGH_PROBE))
			state_set(n, NEIGH_REACHABLE);
		spin_unlock_bh(&n->lock);
	}
}

/* Out of use: unlinked already; stop its timer, drop the table's reference. */
static void entry_end(struct neighbour *n)
{
	struct pkt_queue failed;
	bool was_armed;

	pkt_queue_init(&failed);
	spin_lock_bh(&n->lock);
	was_armed = timer_cancel(&n->timer);
	if (was_armed)
		n->timer_held = false;
	WRITE_ONCE(n->state, NEIGH_FAILED);
	queue_move(&failed, &n->pending);
	spin_unlock_bh(&n->lock);
	pending_fail(&failed);
	if (was_armed)
		neigh_put(n);
	route_cache_flush();		/* whoever cached it looks up a new one */
	neigh_put(n);
}

void neigh_delete(struct neighbour *n)
{
	bool ours;

	spin_lock_bh(&table_lock);
	ours = !n->dead;
	if (ours)
		entry_unlink(n);
	spin_unlock_bh(&table_lock);
	if (!ours)
		return;
	net_notify_neigh(n, true);
	entry_end(n);
}

void neigh_flush(struct netif *nif, bool permanent_too)
{
	for (;;) {
		struct neighbour *n = NULL;

		spin_lock_bh(&table_lock);
		for (u32 i = 0; i < ARRAY_SIZE(table) && !n; i++)
			for (n = table[i]; n; n = n->next)
				if (n->netif == nif && (permanent_too || n->state != NEIGH_PERMANENT))
					break;
		if (n)
			entry_unlink(n);
		spin_unlock_bh(&table_lock);
		if (!n)
			return;
		entry_end(n);
	}
}
