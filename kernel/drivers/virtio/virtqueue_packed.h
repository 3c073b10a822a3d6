/*
 * Between the two layouts of a virtqueue: what virtqueue.c calls when a queue
 * is packed (virtqueue_packed.c), and what both do in the same way. Each
 * function promises what the one of its name in virtqueue.h does, and is
 * called under the same conditions; drivers know that header alone.
 */
#pragma once
#include "drivers/virtio/virtqueue.h"

/* Bytes of the rings of a packed queue of this size; cleared memory for them is vq->memory then. */
size_t virtqueue_packed_bytes(u16 size);
void virtqueue_packed_init(struct virtqueue *vq, u64 features);
int virtqueue_packed_add(struct virtqueue *vq, const struct virtq_seg *segs, u32 out, u32 in, void *token);
/* Of a packed queue or of a broken one, with something to publish. */
bool virtqueue_packed_kick(struct virtqueue *vq);
/* Of a packed queue or of a broken one. */
void *virtqueue_packed_get(struct virtqueue *vq, u32 *len);
/* The slot's buffer is no longer in flight. */
void virtqueue_packed_release(struct virtqueue *vq, u16 id);
/* The first step of virtqueue_enable_cb_delayed: returns used_place, for virtqueue_slipped. */
u16 virtqueue_packed_arm_delayed(struct virtqueue *vq);

/* Does moving an index from old to new pass the other side's wish? (2.7.10: vring_need_event) */
static inline bool virtqueue_passes(u16 event, u16 new, u16 old)
{
	return (u16)(new - event - 1) < (u16)(new - old);
}

/*
 * The length that the device says it wrote: false if it is more than it may, and the queue then out of service. Of a
 * buffer to read it says nothing, and old devices don't write 0 (2.7.8.2).
 */
static always_inline bool virtqueue_length_fits(struct virtqueue *vq, const struct virtq_slot *s, u32 *len)
{
	if (unlikely(*len > s->writable)) {
		if (s->writable) {
			virtqueue_break(vq, "used length", *len);
			return false;
		}
		*len = 0;
	}
	return true;
}
