/*
 * The device's side of a virtqueue, in both layouts, for the tests of virtqueue_test.c: one queue at a time, start() to
 * stop(). It does what Virtio 1.2 (2.7, 2.8) says of a device, and keeps its own places and counters.
 */
#pragma once
#include "drivers/virtio/virtqueue.h"

#define NOTIFY 0x7f0000001000ull
#define EVENT VIRTIO_F_EVENT_IDX
#define INDIRECT VIRTIO_F_INDIRECT_DESC
#define PACKED VIRTIO_F_RING_PACKED

static struct device {
	struct virtqueue *vq;
	u16 avail_seen, used_idx, signalled;	/* packed: sums of descriptors, see packed_at */
	u16 *head, *count;			/* packed: of a buffer that was taken, by its id */
	bool event;
	u32 kicks, interrupts, broken_calls;
} dev;

static void device_kicked(void *arg, u64 offset, unsigned width, u64 value)
{
	EXPECT_EQ(width, 2u);
	EXPECT_EQ(value, (u64)dev.vq->index);
	dev.kicks++;
}

static struct host_mmio notify_region = { .base = NOTIFY, .size = 4, .write = device_kicked };

static void device_broken(struct virtqueue *vq)
{
	dev.broken_calls++;
}

static int start(struct virtqueue *vq, u16 size, u64 features, u16 indirect_max)
{
	int err = virtqueue_create(vq, 3, size, features, indirect_max, "model0");

	dev = (struct device){ .vq = vq, .event = features & EVENT };
	if (!err) {
		dev.head = calloc(size, sizeof(*dev.head));
		dev.count = calloc(size, sizeof(*dev.count));
		vq->notify = (void *)NOTIFY;
		vq->on_broken = device_broken;
		host_mmio_add(&notify_region);
	}
	return err;
}

static void stop(struct virtqueue *vq)
{
	host_mmio_remove(&notify_region);
	virtqueue_destroy(vq);
	free(dev.head);
	free(dev.count);
}

/*
 * A packed ring's place is the sum of the descriptors before it, modulo twice the size (a power of two here): the half
 * that it is in is the wrap counter's 1, 0.
 */
static struct virtq_packed_desc *packed_at(u16 sum)
{
	return &dev.vq->packed_desc[sum % dev.vq->size];
}

static u16 packed_wrap(u16 sum)
{
	return !(sum / dev.vq->size % 2);
}

static int packed_take(void)
{
	struct virtq_packed_desc *d = packed_at(dev.avail_seen);
	u16 flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE), wrap = packed_wrap(dev.avail_seen), n = 1, head;

	if (!!(flags & VIRTQ_PACKED_AVAIL) != wrap || !!(flags & VIRTQ_PACKED_USED) == wrap)
		return -1;
	head = dev.avail_seen % dev.vq->size;
	for (; d->flags & VIRTQ_DESC_NEXT && n < dev.vq->size; n++) {
		d = packed_at(dev.avail_seen + n);
		EXPECT_EQ(!!(d->flags & VIRTQ_PACKED_AVAIL), packed_wrap(dev.avail_seen + n));
		EXPECT_EQ(!!(d->flags & VIRTQ_PACKED_USED), !packed_wrap(dev.avail_seen + n));
	}
	dev.avail_seen += n;
	if (d->id >= dev.vq->size) {
		EXPECT_LE(d->id, dev.vq->size - 1u);
		return -1;
	}
	dev.head[d->id] = head;
	dev.count[d->id] = n;
	return d->id;
}

/* The next offered buffer's head (packed: its id), or -1. */
static int device_take(void)
{
	struct virtq_avail *a = dev.vq->avail;

	if (dev.vq->is_packed)
		return packed_take();
	if (a->idx == dev.avail_seen)
		return -1;
	return a->ring[dev.avail_seen++ % dev.vq->size];
}

/* Of a packed buffer; with a chain, before anything is put over its descriptors. */
static void packed_measure(u16 id, u32 *out, u32 *in, u32 *pieces)
{
	struct virtq_packed_desc *table = dev.vq->packed_desc, *d = &table[dev.head[id]];
	u32 n = dev.count[id], at = dev.head[id], size = dev.vq->size;

	if (d->flags & VIRTQ_DESC_INDIRECT) {
		EXPECT_EQ(n, 1u);
		EXPECT_EQ(d->len % 16, 0u);
		n = d->len / 16;
		table = (struct virtq_packed_desc *)d->addr;
		at = 0;
		size = n;
	}
	for (; *pieces < n; ++*pieces) {
		d = &table[(at + *pieces) % size];
		*(d->flags & VIRTQ_DESC_WRITE ? in : out) += d->len;
	}
}

/* Sum of the lengths of a buffer's pieces to read and to write. */
static void device_measure(u16 head, u32 *out, u32 *in, u32 *pieces)
{
	struct virtq_desc *table = dev.vq->desc, *d = &table[head];

	*out = *in = *pieces = 0;
	if (dev.vq->is_packed) {
		packed_measure(head, out, in, pieces);
		return;
	}
	if (d->flags & VIRTQ_DESC_INDIRECT) {
		EXPECT_EQ(d->len % 16, 0u);
		table = (struct virtq_desc *)d->addr;
		d = table;
	}
	for (;;) {
		*(d->flags & VIRTQ_DESC_WRITE ? in : out) += d->len;
		++*pieces;
		if (!(d->flags & VIRTQ_DESC_NEXT) || *pieces > dev.vq->size)
			break;
		d = &table[d->next];
	}
}

static void device_put(u32 id, u32 len)
{
	struct virtq_used *u = dev.vq->used;

	if (dev.vq->is_packed) {
		struct virtq_packed_desc *d = packed_at(dev.used_idx);

		d->id = id;
		d->len = len;
		__atomic_store_n(&d->flags, packed_wrap(dev.used_idx) ? VIRTQ_PACKED_AVAIL | VIRTQ_PACKED_USED : 0,
				 __ATOMIC_RELEASE);
		dev.used_idx += id < dev.vq->size && dev.count[id] ? dev.count[id] : 1;
		return;
	}
	u->ring[dev.used_idx % dev.vq->size] = (struct virtq_used_elem){ id, len };
	__atomic_store_n(&u->idx, ++dev.used_idx, __ATOMIC_RELEASE);
}

/* Does going on from old to the sum `now` pass a place that the driver wrote? (2.8.14) */
static bool packed_passes(u16 place, u16 now, u16 old)
{
	for (u16 sum = old; sum != now; sum++)
		if (sum % dev.vq->size == (place & 0x7fff) && packed_wrap(sum) == place >> 15)
			return true;
	return false;
}

static bool packed_wants_interrupt(u16 old)
{
	struct virtq_packed_event e = *dev.vq->driver_event;

	EXPECT(e.flags < (dev.event ? 3 : 2));
	if (e.flags == VIRTQ_PACKED_EVENT_PLACE)
		return packed_passes(e.place, dev.used_idx, old);
	return e.flags == VIRTQ_PACKED_EVENT_ON && dev.used_idx != old;
}

/* The device's decision whether to interrupt, as 2.7.7 has it. */
static void device_signal(void)
{
	u16 event, old = dev.signalled;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	dev.signalled = dev.used_idx;
	if (dev.vq->is_packed) {
		dev.interrupts += packed_wants_interrupt(old);
		return;
	}
	event = dev.vq->avail->ring[dev.vq->size];
	if (dev.vq->event_index ? (u16)(dev.used_idx - event - 1) < (u16)(dev.used_idx - old) :
	    !(dev.vq->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT) && dev.used_idx != old)
		dev.interrupts++;
}

/* The next doorbell is to come when the driver goes past this place (packed, with the event index). */
static void device_want_kick_at(u16 sum)
{
	*dev.vq->device_event = (struct virtq_packed_event){ sum % dev.vq->size | packed_wrap(sum) << 15,
							     VIRTQ_PACKED_EVENT_PLACE };
}

/* Where the device says that it wants the next doorbell. */
static void device_want_kick(bool wanted)
{
	if (dev.vq->is_packed && dev.event)
		device_want_kick_at(wanted ? dev.avail_seen : dev.avail_seen - 1);
	else if (dev.vq->is_packed)
		dev.vq->device_event->flags = wanted ? VIRTQ_PACKED_EVENT_ON : VIRTQ_PACKED_EVENT_OFF;
	else if (dev.vq->event_index)
		*(u16 *)&dev.vq->used->ring[dev.vq->size] = wanted ? dev.avail_seen : dev.avail_seen - 1;
	else
		dev.vq->used->flags = wanted ? 0 : VIRTQ_USED_NO_NOTIFY;
}
