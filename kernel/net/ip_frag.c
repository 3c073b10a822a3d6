/*
 * Reassembly of IPv4 fragments (RFC 791, 3.2; RFC 815; RFC 1858 and RFC 5722 for what is refused). ip_input hands
 * fragments in and gets whole packets back, as chains: nothing is copied.
 *
 * What strangers may do here is bounded: memory for all fragments, fragments for one packet, and 30 seconds for it to
 * become whole. A fragment that overlaps another makes its packet void, the fragments that follow included: no honest
 * sender makes such, and to choose between two contents is to be told lies (RFC 5722, 3).
 */
#include "base/cksum.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/string.h"
#include "core/clock.h"
#include "core/random.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "net/icmp.h"
#include "net/ip_internal.h"
#include "net/net.h"
#include "sched/timer.h"

#define LIFETIME_NS	(30 * NSEC_PER_SEC)
#define FRAGMENTS_MAX	256		/* of one packet */
#define MEMORY_MAX	(4ul << 20)
#define MEMORY_MIN	(256ul << 10)
#define QUEUE_COST	192		/* a queue's own memory, void ones included */
#define TABLE_BITS	6

struct frag_key { be32 source, destination; be16 id; u16 protocol; };

/* Packets in the making. All fields [F] = frag_lock. */
struct frag_queue {
	struct frag_queue *next;	/* hash chain */
	struct list_node age;		/* oldest first */
	struct frag_key key;
	struct pkt *first, *last;	/* by offset, linked by next */
	u32 count, have, total;		/* fragments; bytes of payload; 0 until the last one came */
	u32 memory;
	u64 expires;
	bool void_packet;		/* overlap seen: swallow the rest */
};

/* A fragment's place, in its pkt's cb. */
struct frag_note { u32 start, end; };

static struct spinlock frag_lock = SPINLOCK_INIT("ip.frag");	/* bh kind [F] */
static struct frag_queue *table[1 << TABLE_BITS];		/* [F] */
static struct list_node by_age = LIST_INIT(by_age);		/* [F] */
static u64 memory_used, memory_max;				/* [F] */
static u32 queue_count;						/* [F] */
static struct timer expiry_timer;
static u64 hash_key[2];

static struct frag_note *note_of(struct pkt *p)
{
	return (struct frag_note *)p->cb;
}

static struct frag_queue **bucket(const struct frag_key *k)
{
	return &table[hash_keyed(hash_key, k, sizeof(*k)) & (ARRAY_SIZE(table) - 1)];
}

static u32 pkt_memory(const struct pkt *p)
{
	u32 n = 0;

	for (; p; p = p->frag)
		n += PKT_OBJECT_SIZE;
	return n;
}

/* ---- queues; all with [F] held -------------------------------------------- */

/* The fragments go onto a list to be freed when the lock is dropped. */
static void fragments_take(struct frag_queue *q, struct pkt **garbage)
{
	while (q->first) {
		struct pkt *p = q->first;

		q->first = p->next;
		p->next = *garbage;
		*garbage = p;
	}
	q->last = NULL;
	memory_used -= q->memory;
	q->memory = 0;
	q->count = q->have = q->total = 0;
}

static void queue_unlink(struct frag_queue *q)
{
	struct frag_queue **link = bucket(&q->key);

	while (*link != q)
		link = &(*link)->next;
	*link = q->next;
	list_remove(&q->age);
	queue_count--;
	memory_used -= QUEUE_COST;
}

static void queue_drop(struct frag_queue *q, struct pkt **garbage)
{
	queue_unlink(q);
	fragments_take(q, garbage);
	kfree(q);
	net_count(IP_REASM_FAILS);
}

static struct frag_queue *queue_find(const struct frag_key *k)
{
	struct frag_queue *q;

	for (q = *bucket(k); q; q = q->next)
		if (!memcmp(&q->key, k, sizeof(*k)))
			return q;
	return NULL;
}

static struct frag_queue *queue_new(const struct frag_key *k)
{
	struct frag_queue *q = kzalloc(sizeof(*q)), **head = bucket(k);

	if (!q)
		return NULL;
	q->key = *k;
	q->expires = clock_ns() + LIFETIME_NS;
	q->next = *head;
	*head = q;
	list_push_back(&by_age, &q->age);
	queue_count++;
	memory_used += QUEUE_COST;
	if (!timer_armed(&expiry_timer))
		timer_set(&expiry_timer, q->expires);
	return q;
}

/* Put p where it belongs. False: it overlaps others. *duplicate: it is one that came before. */
static bool fragment_link(struct frag_queue *q, struct pkt *p, bool *duplicate)
{
	struct frag_note *n = note_of(p);
	struct pkt **link = &q->first, *before = NULL;

	*duplicate = false;
	if (q->last && n->start >= note_of(q->last)->end) {	/* in order: the usual case */
		link = &q->last->next;
	} else {
		while (*link && note_of(*link)->end <= n->start) {
			before = *link;
			link = &before->next;
		}
		if (*link && note_of(*link)->start < n->end) {
			*duplicate = note_of(*link)->start == n->start && note_of(*link)->end == n->end;
			return *duplicate;
		}
	}
	p->next = *link;
	*link = p;
	if (!p->next)
		q->last = p;
	return true;
}

/* Is the fragment's end in keeping with the packet's, as far as that is known? Notes it when it is the last. */
static bool end_agrees(struct frag_queue *q, const struct frag_note *n, bool more)
{
	if (more)
		return !q->total || n->end < q->total;
	if (q->total && q->total != n->end)
		return false;
	if (q->last && note_of(q->last)->end > n->end)
		return false;
	q->total = n->end;
	return true;
}

/* All there: one chain, the first fragment's header in front. NULL: it would be longer than a packet can be. */
static struct pkt *queue_join(struct frag_queue *q, struct pkt **garbage)
{
	struct pkt *head = q->first, *tail = head, *p = head->next, *next;
	struct ip_header *ip = (struct ip_header *)head->data;
	u32 hl = ip_header_len(ip), total = q->total;

	if (hl + total > 65535) {
		fragments_take(q, garbage);
		return NULL;
	}
	memory_used -= q->memory;
	for (; p; p = next) {
		next = p->next;
		p->next = NULL;
		pkt_pull(p, ip_header_len((struct ip_header *)p->data));
		while (tail->frag)
			tail = tail->frag;
		tail->frag = p;
	}
	head->next = NULL;
	head->len = hl + total;
	head->flags &= ~PKT_CSUM_VALID;		/* said of a fragment it means nothing */
	ip->length = cpu_to_be16(hl + total);
	ip->fragment = 0;
	ip->checksum = 0;
	ip->checksum = cksum_fold(cksum_add(0, ip, hl));
	return head;
}

/* ---- the way in ----------------------------------------------------------- */

/* What no sender makes (RFC 791; RFC 1858, 3: tiny first fragments, and second ones that reach into a TCP header). */
static bool fragment_refused(const struct ip_header *ip, const struct frag_note *n, bool more)
{
	u32 len = n->end - n->start;

	if (!len || n->end + ip_header_len(ip) > 65535 || (more && len % 8))
		return true;
	if (more && !n->start && len < 8)
		return true;
	return ip->protocol == IPPROTO_TCP_NR && (n->start == 8 || (!n->start && len < 20));
}

static void garbage_free(struct pkt *p)
{
	while (p) {
		struct pkt *next = p->next;

		p->next = NULL;
		pkt_free(p);
		p = next;
	}
}

struct pkt *ip_reassemble(struct pkt *p)
{
	const struct ip_header *ip = (const struct ip_header *)p->data;
	struct frag_key key = { ip->source, ip->destination, ip->id, ip->protocol };
	u16 fragment = be16_to_cpu(ip->fragment);
	bool more = fragment & IP_MORE_FRAGMENTS, duplicate;
	struct frag_note *n = note_of(p);
	struct pkt *garbage = NULL, *whole = NULL;
	struct frag_queue *q;
	u32 memory = pkt_memory(p);

	net_count(IP_REASM_REQDS);
	n->start = (fragment & IP_OFFSET_MASK) * 8;
	n->end = n->start + p->len - ip_header_len(ip);
	if (fragment_refused(ip, n, more)) {
		net_count(IP_REASM_FAILS);
		pkt_free(p);
		return NULL;
	}

	spin_lock_bh(&frag_lock);
	while (memory_used + memory + QUEUE_COST > memory_max && !list_empty(&by_age))
		queue_drop(list_first(&by_age, struct frag_queue, age), &garbage);
	q = queue_find(&key);
	if (!q)
		q = queue_new(&key);
	if (!q || q->void_packet)
		goto refuse;
	if (q->count >= FRAGMENTS_MAX || !end_agrees(q, n, more) || !fragment_link(q, p, &duplicate)) {
		fragments_take(q, &garbage);
		q->void_packet = true;
		net_count(IP_REASM_OVERLAPS);
		net_count(IP_REASM_FAILS);
		goto refuse;
	}
	if (duplicate)
		goto refuse;
	q->count++;
	q->have += n->end - n->start;
	q->memory += memory;
	memory_used += memory;
	if (q->total && q->have == q->total) {
		whole = queue_join(q, &garbage);
		net_count(whole ? IP_REASM_OKS : IP_REASM_FAILS);
		queue_unlink(q);
		kfree(q);
	}
	spin_unlock_bh(&frag_lock);
	garbage_free(garbage);
	return whole;

refuse:
	spin_unlock_bh(&frag_lock);
	pkt_free(p);
	garbage_free(garbage);
	return NULL;
}

/* Time is up for the oldest: the sender is told if the first fragment is here to tell of (RFC 792, RFC 1122, 3.3.2). */
static void expiry_fire(struct timer *t)
{
	struct pkt *garbage = NULL, *told = NULL, *p;
	u64 now = clock_ns();

	spin_lock_bh(&frag_lock);
	while (!list_empty(&by_age)) {
		struct frag_queue *q = list_first(&by_age, struct frag_queue, age);

		if (q->expires > now) {
			timer_set(t, q->expires);
			break;
		}
		net_count(IP_REASM_TIMEOUT);
		if (q->first && !note_of(q->first)->start) {
			p = q->first;
			q->first = p->next;
			p->next = told;
			told = p;
		}
		queue_drop(q, &garbage);
	}
	spin_unlock_bh(&frag_lock);
	for (p = told; p; p = p->next)
		icmp_send_error(p, ICMP_TIME_EXCEEDED, ICMP_REASSEMBLY_TIME, 0);
	garbage_free(told);
	garbage_free(garbage);
}

void ip_frag_flush(struct netif *nif)
{
	struct pkt *garbage = NULL, *p;

	spin_lock_bh(&frag_lock);
	for (struct list_node *n = by_age.next, *next; n != &by_age; n = next) {
		struct frag_queue *q = list_entry(n, struct frag_queue, age);

		next = n->next;
		for (p = q->first; p && p->netif != nif; p = p->next)
			;
		if (p)
			queue_drop(q, &garbage);
	}
	spin_unlock_bh(&frag_lock);
	garbage_free(garbage);
}

void ip_frag_stats_get(struct ip_frag_stats *s)
{
	spin_lock_bh(&frag_lock);
	*s = (struct ip_frag_stats){ queue_count, memory_used };
	spin_unlock_bh(&frag_lock);
}

void ip_frag_init(void)
{
	struct page_counts c;

	page_counts_get(&c);
	memory_max = MIN(MEMORY_MAX, c.managed * PAGE_SIZE / 64);
	memory_max = MAX(memory_max, MEMORY_MIN);
	random_bytes(hash_key, sizeof(hash_key));
	timer_init(&expiry_timer, expiry_fire);
}
