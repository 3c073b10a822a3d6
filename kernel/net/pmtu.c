/*
 * Path MTUs learned from "fragmentation needed" (RFC 1191, with RFC 4821's and RFC 5927's distrust): transports tell
 * what matched a packet of theirs, ip_path_mtu answers. An entry only ever lowers what the route says, not below
 * PMTU_MIN, and is forgotten after ten minutes, which is how a path that got better is found.
 *
 * Lock key: [P] pmtu_lock (bh kind).
 */
#include "base/hash.h"
#include "core/clock.h"
#include "core/random.h"
#include "mm/slab.h"
#include "net/icmp.h"
#include "net/net.h"

#define PMTU_MIN	552u		/* smaller claims are lies or links that nobody has (Linux's min_pmtu) */
#define LIFETIME_NS	(600 * NSEC_PER_SEC)
#define TABLE_BITS	6
#define ENTRIES_MAX	4096

struct pmtu {
	struct pmtu *next;		/* [P] */
	be32 destination;
	u32 mtu;
	u64 expires;
};

static struct spinlock pmtu_lock = SPINLOCK_INIT("pmtu");
static struct pmtu *table[1 << TABLE_BITS];	/* [P] */
static u32 count;				/* [P]; read without: 0 is the usual case */
static u64 hash_key[2];

void pmtu_init(void)
{
	random_bytes(hash_key, sizeof(hash_key));
}

static struct pmtu **bucket(be32 destination)
{
	return &table[hash_keyed(hash_key, &destination, sizeof(destination)) & (ARRAY_SIZE(table) - 1)];
}

/* Expired ones of a chain go. [P] held. */
static void chain_expire(struct pmtu **link, u64 now)
{
	while (*link) {
		struct pmtu *e = *link;

		if (e->expires > now) {
			link = &e->next;
			continue;
		}
		*link = e->next;
		WRITE_ONCE(count, count - 1);
		kfree(e);
	}
}

u32 pmtu_find(be32 destination)
{
	u32 mtu = 0;

	if (likely(!READ_ONCE(count)))
		return 0;
	spin_lock_bh(&pmtu_lock);
	chain_expire(bucket(destination), clock_ns());
	for (const struct pmtu *e = *bucket(destination); e; e = e->next)
		if (e->destination == destination)
			mtu = e->mtu;
	spin_unlock_bh(&pmtu_lock);
	return mtu;
}

u32 ip_path_mtu(const struct ip_route *r, be32 destination)
{
	u32 known = pmtu_find(destination);

	return known && known < r->mtu ? known : r->mtu;
}

/* RFC 1191, 7.1: the next plateau below a size that did not fit. */
static u32 plateau_below(u32 size)
{
	static const u16 plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, PMTU_MIN };

	for (u32 i = 0; i < ARRAY_SIZE(plateaus); i++)
		if (plateaus[i] < size)
			return plateaus[i];
	return PMTU_MIN;
}

bool ip_pmtu_update(be32 destination, u32 mtu, u32 size)
{
	struct pmtu *e, **head = bucket(destination);
	u64 now = clock_ns();
	bool smaller = false;

	if (!mtu)
		mtu = plateau_below(size);
	if (mtu < PMTU_MIN)
		mtu = PMTU_MIN;
	if (size && mtu >= size)	/* the packet would have fitted */
		return false;

	spin_lock_bh(&pmtu_lock);
	chain_expire(head, now);
	for (e = *head; e; e = e->next)
		if (e->destination == destination)
			break;
	if (!e && count < ENTRIES_MAX && (e = kmalloc(sizeof(*e)))) {
		*e = (struct pmtu){ .next = *head, .destination = destination, .mtu = ~0u };
		*head = e;
		WRITE_ONCE(count, count + 1);
	}
	if (e && mtu < e->mtu) {
		e->mtu = mtu;
		e->expires = now + LIFETIME_NS;
		smaller = true;
	}
	spin_unlock_bh(&pmtu_lock);
	if (smaller)
		route_cache_flush();
	return smaller;
}
