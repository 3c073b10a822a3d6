/*
 * Virtqueues: buffers go to a device through a ring of descriptors and come
 * back by used entries. There are two layouts with one interface: split rings
 * (virtqueue.c), and packed ones (virtqueue_packed.c) where the device has
 * agreed to VIRTIO_F_RING_PACKED. The fields of the one mean nothing in the
 * other, unless they say so; the split layout is the one that is kept short.
 *
 * One owner at a time works on a queue (a NAPI poll, a transmit lock): there
 * is no lock in here. What the device writes is not trusted: an index, id or
 * length that cannot be takes the queue out of service (broken), with one
 * message; every later call then does nothing.
 *
 * Nothing is allocated after virtqueue_create. The calls of the data path work
 * in any context.
 *
 * Source: Virtual I/O Device 1.2, 2.7 (split virtqueues), 2.8 (packed ones).
 */
#pragma once
#include "base/endian.h"

#define VIRTQ_DESC_NEXT		1
#define VIRTQ_DESC_WRITE	2
#define VIRTQ_DESC_INDIRECT	4
#define VIRTQ_AVAIL_NO_INTERRUPT 1
#define VIRTQ_USED_NO_NOTIFY	1
#define VIRTQ_SIZE_MAX		32768
#define VIRTQ_PACKED_AVAIL	(1 << 7)
#define VIRTQ_PACKED_USED	(1 << 15)
#define VIRTQ_PACKED_WRAP	(1 << 15)	/* in a place: the wrap counter; the rest is the index in the ring */
#define VIRTQ_PACKED_EVENT_ON	0
#define VIRTQ_PACKED_EVENT_OFF	1
#define VIRTQ_PACKED_EVENT_PLACE 2

struct virtq_desc { le64 addr; le32 len; le16 flags, next; };
struct virtq_avail { le16 flags, idx; le16 ring[]; };	/* behind ring[size]: le16 used_event */
struct virtq_used_elem { le32 id, len; };
struct virtq_used { le16 flags, idx; struct virtq_used_elem ring[]; }; /* behind ring[size]: le16 avail_event */

/* The packed layout's, 2.8.13 and 2.8.14. */
struct virtq_packed_desc { le64 addr; le32 len; le16 id, flags; };
struct virtq_packed_event { le16 place, flags; };

/* What the driver remembers of a descriptor (packed: of a buffer id); never in memory that the device is given. */
struct virtq_slot {
	void *token;		/* of the buffer that starts here; NULL: none does */
	u32 writable;		/* bytes that the device may write of it */
	u16 next;		/* next free, or (split) next of the same buffer */
	u16 count;		/* descriptors of the buffer */
};

/* A piece of a buffer: device address and length. */
struct virtq_seg { u64 addr; u32 len; };

struct virtqueue {
	/* The three areas that the device is told of: the split layout's name, the packed one's. */
	union { struct virtq_desc *desc; struct virtq_packed_desc *packed_desc; };
	union { struct virtq_avail *avail; struct virtq_packed_event *driver_event; };
	union { struct virtq_used *used; struct virtq_packed_event *device_event; };
	struct virtq_slot *slots;
	void *notify;			/* register that a kick writes the index to */
	u16 size, mask;
	u16 index;			/* the queue's number in its device */
	u16 free_head;			/* the next buffer's slot; those not in use are linked by slot.next */
	u16 free_count;			/* descriptors not in use */
	u16 in_flight;			/* buffers that the device holds */
	u16 avail_next;			/* entries (packed: descriptors) written for the device ... */
	u16 avail_published;		/* ... and told to it */
	u16 used_next;			/* used entries taken ... */
	u16 used_seen;			/* ... and known to be there; packed: always the same as used_next */
	bool event_index;		/* split: EVENT_IDX is agreed to */
	union {
		struct { bool broken, is_packed; };
		u16 unusual;		/* one of them: what the split path looks at */
	};
	/* Packed: places in the ring, with the wrap counter as VIRTQ_PACKED_WRAP. */
	u16 avail_place, used_place;	/* where the next buffer goes; where the next used one will be */
	u16 first_place, first_flags;	/* the first descriptor that is not published, and its flags to be */
	bool event_place;		/* EVENT_IDX is agreed to */
	u16 indirect_max;		/* most pieces that an indirect table of ours holds; 0: none */
	/* A table of indirect_max for each slot. */
	union { struct virtq_desc *indirect; struct virtq_packed_desc *packed_indirect; };
	const char *name;		/* for messages: the device's */
	void (*on_broken)(struct virtqueue *vq);	/* told once; any context. NULL: nobody */
	void *memory;			/* the rings */
	size_t memory_size;
};

/* Feature bits that concern the queue. */
#define VIRTIO_F_INDIRECT_DESC	(1ull << 28)
#define VIRTIO_F_EVENT_IDX	(1ull << 29)
#define VIRTIO_F_RING_PACKED	(1ull << 34)

/*
 * Memory and state for a queue of size entries (up to 32768; a power of two, unless it is packed), laid out so that
 * both transports take it: the used ring is page-aligned. features: those negotiated. indirect_max: pieces of one
 * buffer that should share a descriptor if the device can; 0 or 1: don't. notify is set by the transport. -EINVAL,
 * -ENOMEM. Process context.
 */
int virtqueue_create(struct virtqueue *vq, u16 index, u16 size, u64 features, u16 indirect_max, const char *name);
/* The device has been reset: nothing of the memory is in use any more. */
void virtqueue_destroy(struct virtqueue *vq);
/* The device wrote what cannot be: the queue is out of service. The message is "the device wrote WHAT VALUE". */
void virtqueue_break(struct virtqueue *vq, const char *what, u32 value);
/* After a reset: one token that the device still held, or NULL. */
void *virtqueue_take_back(struct virtqueue *vq);

/*
 * Give the device a buffer of one piece to read, or to write. token (not NULL) comes back from virtqueue_get. The
 * device sees it with the next kick. -ENOSPC: no free descriptor; -EIO: broken.
 */
int virtqueue_add_out(struct virtqueue *vq, u64 addr, u32 len, void *token);
int virtqueue_add_in(struct virtqueue *vq, u64 addr, u32 len, void *token);
/* The same of several pieces: first those to read, then those to write. */
int virtqueue_add(struct virtqueue *vq, const struct virtq_seg *segs, u32 out, u32 in, void *token);
/* Would a buffer of n pieces find room? */
static inline bool virtqueue_has_room(const struct virtqueue *vq, u32 n)
{
	return vq->free_count >= n || (vq->free_count && n <= vq->indirect_max);
}

/* The next buffer that the device is done with: its token, and how many bytes it wrote. NULL: none. */
void *virtqueue_get(struct virtqueue *vq, u32 *len);
/* Of a queue that is packed or broken: is the buffer used that comes back at place? A look, without an order. */
bool virtqueue_unusual_used(const struct virtqueue *vq, u16 place);
/* Is there one? Only a look, also without owning the queue. */
static inline bool virtqueue_has_used(const struct virtqueue *vq)
{
	if (unlikely(vq->unusual))
		return virtqueue_unusual_used(vq, READ_ONCE(vq->used_place));
	return READ_ONCE(vq->used->idx) != vq->used_next;
}

/* Publish what was added and tell the device, if it wants to be told. True if it was. */
bool virtqueue_kick(struct virtqueue *vq);

/*
 * Interrupts of this queue off: a hint, one more may come. With the event index the wish is that the device
 * reaches an index that it has just passed: none for the next 65535 buffers.
 */
static inline void virtqueue_disable_cb(struct virtqueue *vq)
{
	if (vq->event_index)
		WRITE_ONCE(vq->avail->ring[vq->size], (u16)(vq->used_next - 1));
	else if (vq->is_packed)
		WRITE_ONCE(vq->driver_event->flags, VIRTQ_PACKED_EVENT_OFF);
	else
		WRITE_ONCE(vq->avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
}

/* A packed queue's wish for an interrupt at this place, or at the next buffer: returns its used_place. */
u16 virtqueue_packed_arm(struct virtqueue *vq, u16 place);

/*
 * Interrupts on again, in two steps about the moment when the queue is given up to another CPU. virtqueue_arm is the
 * owner's last word: it wishes an interrupt for the next buffer, and says which one that is. virtqueue_slipped comes
 * after, without owning the queue. True: that buffer was used meanwhile and may have raised no interrupt; the caller
 * goes on as if it had been interrupted. False: it interrupts, or a new owner has the queue and will look itself.
 */
static inline u16 virtqueue_arm(struct virtqueue *vq)
{
	if (vq->event_index)
		WRITE_ONCE(vq->avail->ring[vq->size], vq->used_next);
	else if (vq->is_packed)
		return virtqueue_packed_arm(vq, vq->used_place);
	else
		WRITE_ONCE(vq->avail->flags, 0);
	return vq->used_next;
}

must_check bool virtqueue_slipped(const struct virtqueue *vq, u16 armed);
/* Both at once, for a queue whose owner keeps it. */
must_check bool virtqueue_enable_cb(struct virtqueue *vq);
/*
 * The same, but the interrupt may wait until most of what is in flight is used: for reclaiming. True also comes sooner
 * of a packed queue, which has no index that says how far the device is: then there is a buffer to take.
 */
must_check bool virtqueue_enable_cb_delayed(struct virtqueue *vq);
