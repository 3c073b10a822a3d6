/*
 * The ring's copies of many bytes: at most two pieces, as the end of the memory may lie between.
 * Terminals, pipes and the log call this.
 */
#include "base/ring.h"
#include "base/string.h"

void ring_init(struct ring *r, void *data, u32 size)
{
	r->data = data;
	r->size = size;
	r->head = r->tail = 0;
}

size_t ring_write(struct ring *r, const void *p, size_t len)
{
	u32 head = r->head, at = head & (r->size - 1);
	/* Pairs with ring_read's release: what was there has been read. */
	u32 room = r->size - (head - __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE));
	u32 n = len < room ? len : room, first = MIN(n, r->size - at);

	memcpy(r->data + at, p, first);
	memcpy(r->data, (const u8 *)p + first, n - first);
	__atomic_store_n(&r->head, head + n, __ATOMIC_RELEASE);
	return n;
}

size_t ring_read(struct ring *r, void *p, size_t len)
{
	u32 tail = r->tail, at = tail & (r->size - 1);
	/* Pairs with ring_write's release: the bytes are written. */
	u32 fill = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) - tail;
	u32 n = len < fill ? len : fill, first = MIN(n, r->size - at);

	memcpy(p, r->data + at, first);
	memcpy((u8 *)p + first, r->data, n - first);
	__atomic_store_n(&r->tail, tail + n, __ATOMIC_RELEASE);
	return n;
}
