/*
 * Split virtqueues, and what both layouts share; virtqueue.h says what each
 * function promises, drivers of virtio devices call them, the transports place
 * the memory. Packed queues leave for virtqueue_packed.c where broken ones do,
 * so that the split path looks once for both. Section numbers are those of
 * Virtual I/O Device 1.2.
 *
 * Order against the device. It reads and writes the rings while we do, as
 * another CPU would:
 *   add, then publish	descriptors and ring entries before avail->idx: dma_wmb
 *   publish, then look	avail->idx before avail_event or flags: dma_mb. Without it both
 *			sides could miss each other: we see the old wish, it the old index
 *   look, then take	used->idx before the used entries and the buffers: dma_rmb
 *   arm, then look	used_event or flags before used->idx: dma_mb, for the same reason
 */
#include "drivers/virtio/virtqueue_packed.h"
#include "base/errno.h"
#include "base/string.h"
#include "core/log.h"
#include "mm/dma.h"
#include "mm/slab.h"

#define USED_ALIGN	PAGE_SIZE	/* the legacy transport's; more than the modern one needs */

int virtqueue_create(struct virtqueue *vq, u16 index, u16 size, u64 features, u16 indirect_max, const char *name)
{
	size_t desc = size * sizeof(struct virtq_desc), avail = sizeof(struct virtq_avail) + 2 * size + 2, used_at;
	bool is_packed = features & VIRTIO_F_RING_PACKED;

	if (!size || size > VIRTQ_SIZE_MAX || (size & (size - 1) && !is_packed))
		return -EINVAL;
	*vq = (struct virtqueue){ .index = index, .size = size, .mask = size - 1, .name = name };
	used_at = ALIGN_UP(desc + avail, USED_ALIGN);
	vq->memory_size = is_packed ? virtqueue_packed_bytes(size) :
				   used_at + sizeof(struct virtq_used) + size * sizeof(struct virtq_used_elem) + 2;
	vq->slots = kcalloc(size, sizeof(*vq->slots));
	vq->memory = dma_alloc(vq->memory_size);
	if (features & VIRTIO_F_INDIRECT_DESC && indirect_max > 1) {
		vq->indirect_max = indirect_max;
		vq->indirect = dma_alloc((size_t)size * indirect_max * sizeof(*vq->indirect));
	}
	if (!vq->slots || !vq->memory || (vq->indirect_max && !vq->indirect)) {
		virtqueue_destroy(vq);
		return -ENOMEM;
	}
	for (u32 i = 0; i < size; i++)
		vq->slots[i].next = i + 1;
	vq->free_count = size;
	if (is_packed) {
		virtqueue_packed_init(vq, features);
		return 0;
	}
	vq->desc = vq->memory;
	vq->avail = vq->memory + desc;
	vq->used = vq->memory + used_at;
	vq->event_index = features & VIRTIO_F_EVENT_IDX;
	return 0;
}

void virtqueue_destroy(struct virtqueue *vq)
{
	if (vq->indirect)
		dma_free(vq->indirect, (size_t)vq->size * vq->indirect_max * sizeof(*vq->indirect));
	if (vq->memory)
		dma_free(vq->memory, vq->memory_size);
	kfree(vq->slots);
	*vq = (struct virtqueue){ .size = 0 };
}

noinline void virtqueue_break(struct virtqueue *vq, const char *what, u32 value)
{
	vq->broken = true;
	log_err("%s: queue %u: the device wrote %s %u: out of service", vq->name, vq->index, what, value);
	if (vq->on_broken)
		vq->on_broken(vq);
}

/* ---- giving -------------------------------------------------------------------------------------- */

/* The descriptors from head on (count of them) hold a buffer: remember it, and offer it (2.7.13.2). */
static always_inline void virtqueue_offer(struct virtqueue *vq, u16 head, u32 count, u32 writable, void *token)
{
	struct virtq_slot *s = &vq->slots[head];

	s->token = token;
	s->writable = writable;
	s->count = count;
	vq->free_count -= count;
	vq->in_flight++;
	vq->avail->ring[vq->avail_next++ & vq->mask] = head;
}

/* One piece, in or out, to a queue that is packed or broken. */
static noinline int virtqueue_add_unusual(struct virtqueue *vq, u64 addr, u32 len, bool in, void *token)
{
	struct virtq_seg seg = { addr, len };

	return vq->is_packed ? virtqueue_packed_add(vq, &seg, !in, in, token) : -EIO;
}

static always_inline int virtqueue_add_one(struct virtqueue *vq, u64 addr, u32 len, u32 writable, u16 flags,
	void *token)
{
	u16 head = vq->free_head;
	struct virtq_desc *d = &vq->desc[head];

	if (unlikely(!vq->free_count))
		return -ENOSPC;
	if (unlikely(vq->unusual))
		return virtqueue_add_unusual(vq, addr, len, flags & VIRTQ_DESC_WRITE, token);
	d->addr = addr;
	d->len = len;
	d->flags = flags;
	vq->free_head = vq->slots[head].next;
	virtqueue_offer(vq, head, 1, writable, token);
	return 0;
}

int virtqueue_add_out(struct virtqueue *vq, u64 addr, u32 len, void *token)
{
	return virtqueue_add_one(vq, addr, len, 0, 0, token);
}

int virtqueue_add_in(struct virtqueue *vq, u64 addr, u32 len, void *token)
{
	return virtqueue_add_one(vq, addr, len, len, VIRTQ_DESC_WRITE, token);
}

/* Pieces into a table behind one descriptor (2.7.5.3). */
static int virtqueue_add_indirect(struct virtqueue *vq, const struct virtq_seg *segs, u32 out, u32 in, u32 writable,
				  void *token)
{
	struct virtq_desc *table = vq->indirect + (size_t)vq->free_head * vq->indirect_max;
	u32 n = out + in;

	for (u32 i = 0; i < n; i++)
		table[i] = (struct virtq_desc){
			.addr = segs[i].addr,
			.len = segs[i].len,
			.flags = (i + 1 < n ? VIRTQ_DESC_NEXT : 0) | (i >= out ? VIRTQ_DESC_WRITE : 0),
			.next = i + 1,
		};
	return virtqueue_add_one(vq, dma_addr(table), n * sizeof(*table), writable, VIRTQ_DESC_INDIRECT, token);
}

int virtqueue_add(struct virtqueue *vq, const struct virtq_seg *segs, u32 out, u32 in, void *token)
{
	u32 n = out + in, writable = 0;
	u16 head = vq->free_head, at = head;

	if (unlikely(vq->is_packed))
		return virtqueue_packed_add(vq, segs, out, in, token);
	for (u32 i = out; i < n; i++)
		writable += segs[i].len;
	if (vq->free_count && n > 1 && n <= vq->indirect_max)
		return virtqueue_add_indirect(vq, segs, out, in, writable, token);
	if (!n || n > vq->free_count)
		return -ENOSPC;
	if (vq->broken)
		return -EIO;
	for (u32 i = 0; i < n; i++) {
		vq->desc[at] = (struct virtq_desc){
			.addr = segs[i].addr,
			.len = segs[i].len,
			.flags = (i + 1 < n ? VIRTQ_DESC_NEXT : 0) | (i >= out ? VIRTQ_DESC_WRITE : 0),
			.next = vq->slots[at].next,
		};
		at = vq->slots[at].next;
	}
	vq->free_head = at;
	virtqueue_offer(vq, head, n, writable, token);
	return 0;
}

bool virtqueue_kick(struct virtqueue *vq)
{
	u16 old = vq->avail_published, new = vq->avail_next;
	bool wanted;

	if (old == new)
		return false;
	if (unlikely(vq->unusual))
		return virtqueue_packed_kick(vq);
	dma_wmb();		/* add, then publish */
	WRITE_ONCE(vq->avail->idx, new);
	vq->avail_published = new;
	dma_mb();		/* publish, then look */
	if (vq->event_index)
		wanted = virtqueue_passes(READ_ONCE(*(u16 *)&vq->used->ring[vq->size]), new, old);
	else
		wanted = !(READ_ONCE(vq->used->flags) & VIRTQ_USED_NO_NOTIFY);
	if (wanted)
		mmio_write16(vq->notify, vq->index);
	return wanted;
}

/* ---- taking -------------------------------------------------------------------------------------- */

/* Descriptors of the buffer at head back to the free list. */
static always_inline void virtqueue_release(struct virtqueue *vq, u16 head)
{
	struct virtq_slot *s = &vq->slots[head], *last = s;

	for (u32 i = s->count; unlikely(i > 1); i--)
		last = &vq->slots[last->next];
	last->next = vq->free_head;
	vq->free_head = head;
	vq->free_count += s->count;
	vq->in_flight--;
	s->token = NULL;
}

/* Look at the device's index again: true if there are new entries. More than it holds cannot be. */
static bool virtqueue_look(struct virtqueue *vq)
{
	u16 idx = READ_ONCE(vq->used->idx);

	if (idx == vq->used_next)
		return false;
	if (unlikely((u16)(idx - vq->used_next) > vq->in_flight)) {
		virtqueue_break(vq, "used index", idx);
		return false;
	}
	vq->used_seen = idx;
	dma_rmb();		/* look, then take */
	return true;
}

void *virtqueue_get(struct virtqueue *vq, u32 *len)
{
	struct virtq_used_elem *e;
	struct virtq_slot *s;
	void *token;
	u32 id;

	if (vq->used_next == vq->used_seen) {
		if (unlikely(vq->unusual))
			return virtqueue_packed_get(vq, len);
		if (!virtqueue_look(vq))
			return NULL;
	}
	e = &vq->used->ring[vq->used_next & vq->mask];
	id = READ_ONCE(e->id);
	*len = READ_ONCE(e->len);
	if (unlikely(id >= vq->size || !vq->slots[id].token)) {
		virtqueue_break(vq, "used id", id);
		goto broken;
	}
	s = &vq->slots[id];
	if (!virtqueue_length_fits(vq, s, len))
		goto broken;
	token = s->token;
	virtqueue_release(vq, id);
	vq->used_next++;
	return token;

broken:
	vq->used_seen = vq->used_next;
	return NULL;
}

void *virtqueue_take_back(struct virtqueue *vq)
{
	for (u32 i = 0; vq->in_flight && i < vq->size; i++) {
		void *token = vq->slots[i].token;

		if (token) {
			if (vq->is_packed)
				virtqueue_packed_release(vq, i);
			else
				virtqueue_release(vq, i);
			return token;
		}
	}
	return NULL;
}

/* ---- interrupts ---------------------------------------------------------------------------------- */

bool virtqueue_slipped(const struct virtqueue *vq, u16 armed)
{
	dma_mb();		/* arm, then look */
	if (unlikely(vq->unusual))
		return virtqueue_unusual_used(vq, armed);
	return READ_ONCE(vq->used->idx) != armed;
}

bool virtqueue_enable_cb(struct virtqueue *vq)
{
	return virtqueue_slipped(vq, virtqueue_arm(vq));
}

bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
	u16 wait = vq->in_flight - vq->in_flight / 4;

	if (vq->is_packed)
		return virtqueue_slipped(vq, virtqueue_packed_arm_delayed(vq));
	if (!vq->event_index)
		return virtqueue_enable_cb(vq);
	/* An interrupt when the device passes this entry: the wait-th from now. */
	WRITE_ONCE(vq->avail->ring[vq->size], (u16)(vq->used_next + (wait ? wait - 1 : 0)));
	dma_mb();		/* arm, then look */
	return !vq->broken && (u16)(READ_ONCE(vq->used->idx) - vq->used_next) >= MAX(wait, (u16)1);
}
