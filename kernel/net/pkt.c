/*
 * Packets: allocation, reference counts, and the operations on chains. Drivers and every layer of the
 * stack call it; it calls the slab allocator.
 *
 * In front of the slab stands a list of free packets a CPU, so that the usual alloc and free are a
 * handful of instructions. It is used with interrupts masked: two instructions, and right in every context.
 */
#include "arch/arm64/cpu.h"
#include "base/cksum.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "mm/slab.h"
#include "net/pkt.h"

#define CACHE_MAX	128		/* free packets a CPU keeps: a reader frees two joined frames of 64 KB at once */
#define CACHE_RETURN	32		/* given back to the slab when there are more */

struct pkt_cache {
	struct pkt *head;		/* [its CPU, interrupts masked] */
	u32 count;
};

static DEFINE_PERCPU(struct pkt_cache, pkt_cache);
static struct slab_cache *pkt_slab;

/* Under the CPU's own mask: nothing else touches the list. */
static inline struct pkt *cache_pop(void)
{
	u64 flags = irq_save();
	struct pkt_cache *c = this_cpu(pkt_cache);
	struct pkt *p = c->head;

	if (likely(p)) {
		c->head = p->next;
		c->count--;
	}
	irq_restore(flags);
	return p;
}

/* Give a part of a full list back. The part is unlinked first: freeing is done with interrupts open. */
static noinline void cache_shrink(u32 keep)
{
	u64 flags = irq_save();
	struct pkt_cache *c = this_cpu(pkt_cache);
	struct pkt *list = NULL;

	while (c->count > keep) {
		struct pkt *p = c->head;

		c->head = p->next;
		c->count--;
		p->next = list;
		list = p;
	}
	irq_restore(flags);
	while (list) {
		struct pkt *p = list;

		list = p->next;
		slab_free(pkt_slab, p);
	}
}

static inline void cache_push(struct pkt *p)
{
	u64 flags = irq_save();
	struct pkt_cache *c = this_cpu(pkt_cache);
	u32 count = ++c->count;

	p->next = c->head;
	c->head = p;
	irq_restore(flags);
	if (unlikely(count > CACHE_MAX))
		cache_shrink(CACHE_MAX - CACHE_RETURN);
}

struct pkt *pkt_alloc(u32 headroom)
{
	struct pkt *p = cache_pop();

	if (unlikely(!p)) {
		p = slab_alloc(pkt_slab);
		if (!p)
			return NULL;
	}
	p->next = p->frag = NULL;
	p->data = p->tail = p->buf + headroom;
	p->len = 0;
	p->refs = 1;
	p->netif = NULL;
	p->flags = p->protocol = 0;
	p->csum_start = p->csum_offset = 0;
	p->link_offset = p->net_offset = p->transport_offset = p->gso_size = 0;
	p->timestamp = 0;
	p->release = NULL;
	p->release_arg = NULL;
	return p;
}

void pkt_drop(struct pkt *p)
{
	if (atomic_load(&p->refs) != 1 && !ref_put(&p->refs))
		return;
	if (p->release)
		p->release(p);
	cache_push(p);
}

static noinline void gather_free(struct pkt *p)
{
	while (p) {
		struct pkt *next = p->frag;

		/* Its keeper may use it for something else from the moment that it is the only holder. */
		p->frag = NULL;
		p->flags &= ~PKT_GATHER;
		pkt_drop(p);
		p = next;
	}
}

void pkt_free(struct pkt *p)
{
	if (unlikely(p->flags & PKT_GATHER)) {
		gather_free(p);
		return;
	}
	/* A sole holder needs no read-modify-write: nobody else can take a reference. */
	if (atomic_load(&p->refs) != 1 && !ref_put(&p->refs))
		return;
	if (p->release)
		p->release(p);
	while (unlikely(p->frag)) {
		struct pkt *rest = p->frag;

		cache_push(p);
		p = rest;
	}
	cache_push(p);
}

struct pkt *pkt_copy(const struct pkt *from, u32 headroom)
{
	struct pkt *first = NULL, **link = &first;
	const struct pkt *s;

	for (s = from; s; s = s->frag) {
		/* Room in front may be asked for, but not at the cost of what is in the buffer. */
		u32 n = pkt_linear(s), at = pkt_headroom(s);
		struct pkt *d;

		if (s == from && at < headroom && headroom + n <= PKT_BUF_SIZE)
			at = headroom;
		d = pkt_alloc(at);
		if (!d) {
			if (first)
				pkt_free(first);
			return NULL;
		}
		memcpy(d->data, s->data, n);
		d->tail += n;
		d->len = s->len;
		if (s == from) {
			s32 moved = at - pkt_headroom(s);

			d->netif = s->netif;
			d->flags = s->flags & ~PKT_GATHER;
			d->protocol = s->protocol;
			d->csum_start = s->csum_start;
			d->csum_offset = s->csum_offset;
			d->link_offset = s->link_offset + moved;
			d->net_offset = s->net_offset + moved;
			d->transport_offset = s->transport_offset + moved;
			d->gso_size = s->gso_size;
			d->timestamp = s->timestamp;
			memcpy(d->cb, s->cb, sizeof(d->cb));
			/* Headers that were pulled stay readable through the offsets. */
			memcpy(d->data - MIN(at, pkt_headroom(s)), s->data - MIN(at, pkt_headroom(s)),
			       MIN(at, pkt_headroom(s)));
		}
		*link = d;
		link = &d->frag;
	}
	return first;
}

/* Take the first n bytes of the rest of the chain into to; empties and frees buffers on the way. */
static void rest_pull(struct pkt *p, u8 *to, u32 n)
{
	while (n) {
		struct pkt *f = p->frag;
		u32 take = MIN(n, pkt_linear(f));

		memcpy(to, f->data, take);
		f->data += take;
		to += take;
		n -= take;
		if (f->data == f->tail) {
			p->frag = f->frag;
			f->frag = NULL;
			pkt_free(f);
		}
	}
}

bool pkt_need_slow(struct pkt *p, u32 n)
{
	u32 have = pkt_linear(p);

	if (p->len < n || pkt_shared(p))
		return false;
	if (pkt_tailroom(p) < n - have) {
		u32 move = pkt_headroom(p);

		/* Headers that were pulled are lost to make room; only where they don't fit otherwise. */
		if (pkt_tailroom(p) + move < n - have || p->transport_offset || p->net_offset)
			return false;
		memmove(p->buf, p->data, have);
		p->data = p->buf;
		p->tail = p->buf + have;
	}
	rest_pull(p, p->tail, n - have);
	p->tail += n - have;
	return true;
}

void pkt_trim(struct pkt *p, u32 n)
{
	u32 left = n;
	struct pkt *f = p;

	p->len = n;
	while (f && left > pkt_linear(f)) {
		left -= pkt_linear(f);
		f = f->frag;
	}
	if (!f)
		return;
	f->tail = f->data + left;
	if (f->frag) {
		struct pkt *rest = f->frag;

		f->frag = NULL;
		pkt_free(rest);
	}
}

void pkt_copy_out(const struct pkt *p, u32 offset, void *dst, u32 n)
{
	u8 *to = dst;

	for (; p && n; p = p->frag) {
		u32 have = pkt_linear(p), take;

		if (offset >= have) {
			offset -= have;
			continue;
		}
		take = MIN(have - offset, n);
		memcpy(to, p->data + offset, take);
		to += take;
		n -= take;
		offset = 0;
	}
}

int pkt_append(struct pkt *p, const void *src, u32 n)
{
	struct pkt *last = p, *more = NULL, **link = &more;
	const u8 *from = src;
	u32 first, left;

	while (last->frag)
		last = last->frag;
	first = MIN(n, pkt_tailroom(last));
	for (left = n - first, from += first; left; ) {
		struct pkt *f = pkt_alloc(0);
		u32 take = MIN(left, (u32)PKT_BUF_SIZE);

		if (!f) {
			if (more)
				pkt_free(more);
			return -ENOMEM;
		}
		memcpy(pkt_put(f, take), from, take);
		from += take;
		left -= take;
		*link = f;
		link = &f->frag;
	}
	memcpy(last->tail, src, first);
	last->tail += first;
	last->frag = more;
	p->len += n;
	return 0;
}

u64 pkt_cksum(const struct pkt *p, u32 offset, u32 n, u64 sum)
{
	bool odd = false;

	for (; p && n; p = p->frag) {
		u32 have = pkt_linear(p), take;

		if (offset >= have) {
			offset -= have;
			continue;
		}
		take = MIN(have - offset, n);
		sum = odd ? cksum_add_odd(sum, p->data + offset, take) : cksum_add(sum, p->data + offset, take);
		odd ^= take & 1;
		n -= take;
		offset = 0;
	}
	return sum;
}

void pkt_csum_finish(struct pkt *p)
{
	u32 start = p->csum_start;
	u16 sum;

	p->flags &= ~PKT_CSUM_PARTIAL;
	if (start + p->csum_offset + 2u > pkt_linear(p))
		return;
	sum = cksum_fold(pkt_cksum(p, start, p->len - start, 0));
	if (!sum)
		sum = 0xffff;		/* UDP's "none" is 0; for TCP both mean the same */
	memcpy(p->data + start + p->csum_offset, &sum, 2);
}

void pkt_queue_purge(struct pkt_queue *q)
{
	struct pkt *p;

	while ((p = pkt_queue_pop(q)))
		pkt_free(p);
}

void pkt_drain_caches(void)
{
	cache_shrink(0);
}

void pkt_init(void)
{
	pkt_slab = slab_cache_create("pkt", PKT_OBJECT_SIZE, 0);
}
