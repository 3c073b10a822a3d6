/*
 * A ring of bytes in memory of the caller's, its size a power of two. One producer and one consumer may
 * work at the same time without a lock; more of either need the caller's. The counters run freely: the
 * place is the counter modulo the size, the fill their difference.
 */
#pragma once
#include "base/defs.h"

struct ring {
	u8 *data;
	u32 size;
	u32 head;	/* next to write: the producer's, published with release */
	u32 tail;	/* next to read: the consumer's, published with release */
};

/* data holds size bytes, a power of two up to 2^31, and stays the caller's. */
void ring_init(struct ring *r, void *data, u32 size);

/* Append up to len bytes; returns how many fitted. */
size_t ring_write(struct ring *r, const void *p, size_t len);

/* Take up to len bytes; returns how many there were. */
size_t ring_read(struct ring *r, void *p, size_t len);

/* Bytes to read, and room to write; either may have grown when the other side works. */
static inline u32 ring_used(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

static inline u32 ring_room(const struct ring *r)
{
	return r->size - ring_used(r);
}

static inline bool ring_empty(const struct ring *r)
{
	return !ring_used(r);
}

/* One byte; false when full, respectively empty. */
static inline bool ring_put(struct ring *r, u8 c)
{
	u32 head = r->head;

	/* Pairs with the consumer's release of tail: the slot's old byte has been read. */
	if (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == r->size)
		return false;
	r->data[head & (r->size - 1)] = c;
	__atomic_store_n(&r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool ring_get(struct ring *r, u8 *c)
{
	u32 tail = r->tail;

	/* Pairs with the producer's release of head: the byte is written. */
	if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) == tail)
		return false;
	*c = r->data[tail & (r->size - 1)];
	__atomic_store_n(&r->tail, tail + 1, __ATOMIC_RELEASE);
	return true;
}
