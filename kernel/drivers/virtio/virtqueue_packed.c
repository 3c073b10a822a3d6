/*
 * Packed virtqueues: one ring of descriptors for both directions. virtqueue.c
 * calls this when VIRTIO_F_RING_PACKED is agreed to; what a driver sees is the
 * same. Section numbers are those of Virtual I/O Device 1.2.
 *
 * The driver writes buffers around the ring, the device writes used entries
 * over them, also in the order of the ring, whatever buffer each is of: it
 * names it by an id. A used entry stands for all descriptors of its buffer, so
 * both sides go on behind as many as that had (2.8.6). Each side has a counter
 * of one bit that turns over where the ring does. A descriptor is the device's
 * if its AVAIL bit is the counter and USED is not, and used if both are (2.8.1).
 *
 * An id is the index of a slot; there are as many as descriptors, and a buffer
 * has one, so with a free descriptor there is a free id. A chain's descriptors
 * need no free list: they lie side by side.
 *
 * What is added is shown to the device by the kick, as in a split ring. It goes
 * along the ring, so it is enough to hold the flags of the first new descriptor
 * back: behind that it doesn't look. One barrier then serves a batch.
 *
 * Order against the device, which reads and writes the ring while we do:
 *   add, then publish	all new descriptors before the first one's flags: dma_wmb
 *   publish, then look	those flags before the device's wish for a kick: dma_mb. Without it both
 *			sides could miss each other: we see the old wish, it the old flags
 *   look, then take	a used entry's flags before its id, length and buffer: dma_rmb
 *   arm, then look	our wish before the flags of the next used entry: dma_mb in virtqueue_slipped,
 *			for the same reason
 * A wish is a place and a way to read it (2.8.14). Each is written, and the
 * device's read, as one word: neither half is of another wish.
 */
#include "drivers/virtio/virtqueue_packed.h"
#include "base/errno.h"
#include "mm/dma.h"

#define FLAGS_OWNER	(VIRTQ_PACKED_AVAIL | VIRTQ_PACKED_USED)
#define INDEX(place)	((u16)((place) & ~VIRTQ_PACKED_WRAP))

size_t virtqueue_packed_bytes(u16 size)
{
	return size * sizeof(struct virtq_packed_desc) + 2 * sizeof(struct virtq_packed_event);
}

void virtqueue_packed_init(struct virtqueue *vq, u64 features)
{
	vq->is_packed = true;
	vq->event_place = features & VIRTIO_F_EVENT_IDX;
	vq->packed_desc = vq->memory;
	vq->driver_event = (struct virtq_packed_event *)(vq->packed_desc + vq->size);
	vq->device_event = vq->driver_event + 1;
	vq->avail_place = vq->used_place = VIRTQ_PACKED_WRAP;	/* the counters begin as 1 (2.8.1) */
}

/* n descriptors (at most the ring's size) further. */
static u16 advance(const struct virtqueue *vq, u16 place, u32 n)
{
	u32 index = INDEX(place) + n;

	return index < vq->size ? place + n : (place ^ VIRTQ_PACKED_WRAP) - INDEX(place) + index - vq->size;
}

/* The flags of a descriptor here that is the device's, and of one that it has used. */
static u16 flags_available(u16 place)
{
	return place & VIRTQ_PACKED_WRAP ? VIRTQ_PACKED_AVAIL : VIRTQ_PACKED_USED;
}

static u16 flags_used(u16 place)
{
	return place & VIRTQ_PACKED_WRAP ? FLAGS_OWNER : 0;
}

bool virtqueue_unusual_used(const struct virtqueue *vq, u16 place)
{
	return !vq->broken && (READ_ONCE(vq->packed_desc[INDEX(place)].flags) & FLAGS_OWNER) == flags_used(place);
}

/* ---- giving -------------------------------------------------------------------------------------- */

/* The next descriptor of the ring. */
static void put(struct virtqueue *vq, u64 addr, u32 len, u16 id, u16 flags)
{
	struct virtq_packed_desc *d = &vq->packed_desc[INDEX(vq->avail_place)];

	flags |= flags_available(vq->avail_place);
	d->addr = addr;
	d->len = len;
	d->id = id;
	if (vq->avail_next++ == vq->avail_published) {
		vq->first_place = vq->avail_place;
		vq->first_flags = flags;
	} else {
		d->flags = flags;
	}
	vq->avail_place = advance(vq, vq->avail_place, 1);
}

/* Pieces into the table of a slot (2.8.7): nothing but WRITE says something there. */
static struct virtq_packed_desc *fill_table(struct virtqueue *vq, u16 id, const struct virtq_seg *segs, u32 out, u32 n)
{
	struct virtq_packed_desc *table = vq->packed_indirect + (size_t)id * vq->indirect_max;

	for (u32 i = 0; i < n; i++)
		table[i] = (struct virtq_packed_desc){
			.addr = segs[i].addr,
			.len = segs[i].len,
			.flags = i >= out ? VIRTQ_DESC_WRITE : 0,
		};
	return table;
}

int virtqueue_packed_add(struct virtqueue *vq, const struct virtq_seg *segs, u32 out, u32 in, void *token)
{
	u32 n = out + in, count = n, writable = 0;
	u16 id = vq->free_head;
	struct virtq_slot *s;

	if (!n || !virtqueue_has_room(vq, n))
		return -ENOSPC;
	if (vq->broken)
		return -EIO;
	for (u32 i = out; i < n; i++)
		writable += segs[i].len;
	if (n > 1 && n <= vq->indirect_max) {
		count = 1;
		put(vq, dma_addr(fill_table(vq, id, segs, out, n)), n * sizeof(struct virtq_packed_desc), id,
		    VIRTQ_DESC_INDIRECT);
	} else {
		for (u32 i = 0; i < n; i++)
			put(vq, segs[i].addr, segs[i].len, id,
			    (i + 1 < n ? VIRTQ_DESC_NEXT : 0) | (i >= out ? VIRTQ_DESC_WRITE : 0));
	}
	s = &vq->slots[id];
	vq->free_head = s->next;
	s->token = token;
	s->writable = writable;
	s->count = count;
	vq->free_count -= count;
	vq->in_flight++;
	return 0;
}

/* Is the device to be told of what was published just now, from old on (2.8.14)? */
static bool kick_wanted(const struct virtqueue *vq, u16 added)
{
	u32 wish = READ_ONCE(*(const u32 *)vq->device_event);
	u16 place = wish, flags = wish >> 16, event = INDEX(place), new = INDEX(vq->avail_place);

	if (!vq->event_place || flags != VIRTQ_PACKED_EVENT_PLACE)
		return flags != VIRTQ_PACKED_EVENT_OFF;
	/* With the other counter it is a place of the round before. */
	if ((place ^ vq->avail_place) & VIRTQ_PACKED_WRAP)
		event -= vq->size;
	return virtqueue_passes(event, new, new - added);
}

bool virtqueue_packed_kick(struct virtqueue *vq)
{
	u16 added = vq->avail_next - vq->avail_published;

	if (vq->broken)
		return false;
	dma_wmb();		/* add, then publish */
	WRITE_ONCE(vq->packed_desc[INDEX(vq->first_place)].flags, vq->first_flags);
	vq->avail_published = vq->avail_next;
	dma_mb();		/* publish, then look */
	if (!kick_wanted(vq, added))
		return false;
	mmio_write16(vq->notify, vq->index);
	return true;
}

/* ---- taking -------------------------------------------------------------------------------------- */

void virtqueue_packed_release(struct virtqueue *vq, u16 id)
{
	struct virtq_slot *s = &vq->slots[id];

	s->next = vq->free_head;
	vq->free_head = id;
	vq->free_count += s->count;
	vq->in_flight--;
	s->token = NULL;
}

/*
 * The length counts also without WRITE in the used entry's flags, which is to say that it does (2.8.5): there are
 * devices that never set it.
 */
void *virtqueue_packed_get(struct virtqueue *vq, u32 *len)
{
	/* Published and not taken: what a used entry can be of. */
	u32 held = vq->size - vq->free_count - (u16)(vq->avail_next - vq->avail_published), id;
	struct virtq_packed_desc *d = &vq->packed_desc[INDEX(vq->used_place)];
	struct virtq_slot *s;
	void *token;
	u16 flags;

	if (vq->broken)
		return NULL;
	flags = READ_ONCE(d->flags) & FLAGS_OWNER;
	if (flags != flags_used(vq->used_place)) {
		/* Then it is as we published it. */
		if (unlikely(held && flags != flags_available(vq->used_place)))
			virtqueue_break(vq, "used flags", flags);
		return NULL;
	}
	dma_rmb();		/* look, then take */
	id = READ_ONCE(d->id);
	*len = READ_ONCE(d->len);
	s = &vq->slots[id];
	if (unlikely(id >= vq->size || !s->token || s->count > held)) {
		virtqueue_break(vq, "used id", id);
		return NULL;
	}
	if (!virtqueue_length_fits(vq, s, len))
		return NULL;
	token = s->token;
	WRITE_ONCE(vq->used_place, advance(vq, vq->used_place, s->count));
	virtqueue_packed_release(vq, id);
	return token;
}

/* ---- interrupts ---------------------------------------------------------------------------------- */

u16 virtqueue_packed_arm(struct virtqueue *vq, u16 place)
{
	u32 flags = vq->event_place ? VIRTQ_PACKED_EVENT_PLACE : VIRTQ_PACKED_EVENT_ON;

	WRITE_ONCE(*(u32 *)vq->driver_event, flags << 16 | place);
	return vq->used_place;
}

u16 virtqueue_packed_arm_delayed(struct virtqueue *vq)
{
	u32 taken = vq->size - vq->free_count, wait = taken - taken / 4;

	/* The wait-th descriptor from the next used entry. */
	return virtqueue_packed_arm(vq, advance(vq, vq->used_place, wait ? wait - 1 : 0));
}
