/*
 * Split virtqueues against a device of the test's own, honest at first, then one that lies: in used
 * ids, lengths and indexes, and all over the memory that it is given.
 *
 * sources: drivers/virtio/virtqueue.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "drivers/virtio/virtqueue.h"

#define NOTIFY 0x7f0000001000ull
#define EVENT VIRTIO_F_EVENT_IDX
#define INDIRECT VIRTIO_F_INDIRECT_DESC

/* ---- the device ---- */

static struct device {
	struct virtqueue *vq;
	u16 avail_seen, used_idx, signalled;
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

	dev = (struct device){ .vq = vq };
	if (!err) {
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
}

/* The next offered buffer's head, or -1. */
static int device_take(void)
{
	struct virtq_avail *a = dev.vq->avail;

	if (a->idx == dev.avail_seen)
		return -1;
	return a->ring[dev.avail_seen++ % dev.vq->size];
}

/* Sum of the lengths of a buffer's pieces to read and to write. */
static void device_measure(u16 head, u32 *out, u32 *in, u32 *pieces)
{
	struct virtq_desc *table = dev.vq->desc, *d = &table[head];

	*out = *in = *pieces = 0;
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

	u->ring[dev.used_idx % dev.vq->size] = (struct virtq_used_elem){ id, len };
	__atomic_store_n(&u->idx, ++dev.used_idx, __ATOMIC_RELEASE);
}

/* The device's decision whether to interrupt, as 2.7.7 has it. */
static void device_signal(void)
{
	u16 event = dev.vq->avail->ring[dev.vq->size], old = dev.signalled;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	dev.signalled = dev.used_idx;
	if (dev.vq->event_index ? (u16)(dev.used_idx - event - 1) < (u16)(dev.used_idx - old) :
	    !(dev.vq->avail->flags & VIRTQ_AVAIL_NO_INTERRUPT) && dev.used_idx != old)
		dev.interrupts++;
}

/* Where the device says that it wants the next doorbell. */
static void device_want_kick(bool wanted)
{
	if (dev.vq->event_index)
		*(u16 *)&dev.vq->used->ring[dev.vq->size] = wanted ? dev.avail_seen : dev.avail_seen - 1;
	else
		dev.vq->used->flags = wanted ? 0 : VIRTQ_USED_NO_NOTIFY;
}

/* ---- an honest device ---- */

/* Buffers of 1..6 pieces, returned in any order, far past the wrap of every index. */
static void exchange(u16 size, u64 features, u16 indirect_max)
{
	struct { u32 out, in, pieces; bool held; } *buffers = calloc(size, sizeof(*buffers));
	u16 *held = calloc(size, sizeof(*held));
	u32 held_count = 0, given = 0, taken = 0;
	struct virtqueue vq;

	REQUIRE(start(&vq, size, features, indirect_max) == 0);
	while (taken < 200000) {
		struct virtq_seg segs[6];
		u32 n = 1 + unit_random_below(6), out = unit_random_below(n + 1), slot, len, o, i, pieces;
		int head, err;
		uintptr_t token;

		/* Give one, if a place for its record is free. */
		for (slot = 0; slot < size && buffers[slot].held; slot++)
			;
		if (slot < size) {
			o = i = 0;
			for (u32 k = 0; k < n; k++) {
				segs[k] = (struct virtq_seg){ 0x1000 * (k + 1), 1 + unit_random_below(1000) };
				*(k < out ? &o : &i) += segs[k].len;
			}
			if (n == 1)
				err = out ? virtqueue_add_out(&vq, 1, o, (void *)(uintptr_t)(slot + 1)) :
					    virtqueue_add_in(&vq, 1, i, (void *)(uintptr_t)(slot + 1));
			else
				err = virtqueue_add(&vq, segs, out, n - out, (void *)(uintptr_t)(slot + 1));
			if (!err) {
				buffers[slot].out = o;
				buffers[slot].in = i;
				buffers[slot].pieces = n;
				buffers[slot].held = true;
				given++;
			} else {
				EXPECT_EQ(err, -ENOSPC);
				EXPECT(!virtqueue_has_room(&vq, n));
			}
		}
		if (unit_random_below(3) == 0)
			virtqueue_kick(&vq);
		/* The device takes what it sees and returns some of it. */
		while ((head = device_take()) >= 0) {
			REQUIRE(head < size && held_count < size);
			held[held_count++] = head;
		}
		while (held_count && unit_random_below(2)) {
			u32 k = unit_random_below(held_count);

			slot = (uintptr_t)vq.slots[held[k]].token - 1;
			device_measure(held[k], &o, &i, &pieces);
			EXPECT_EQ(o, buffers[slot].out);
			EXPECT_EQ(i, buffers[slot].in);
			EXPECT_EQ(pieces, buffers[slot].pieces);
			device_put(held[k], i);
			held[k] = held[--held_count];
		}
		while ((token = (uintptr_t)virtqueue_get(&vq, &len))) {
			REQUIRE(token <= size && buffers[token - 1].held);
			EXPECT_EQ(len, buffers[token - 1].in);
			buffers[token - 1].held = false;
			taken++;
		}
		EXPECT_EQ(vq.in_flight, given - taken);
	}
	EXPECT(!vq.broken);
	while (virtqueue_take_back(&vq))
		taken++;
	EXPECT_EQ(taken, given);
	EXPECT_EQ(vq.free_count, size);
	stop(&vq);
	free(buffers);
	free(held);
}

TEST(buffers_come_back_with_their_tokens) { exchange(64, 0, 0); }
TEST(the_same_with_the_event_index) { exchange(64, EVENT, 0); }
TEST(the_same_with_indirect_tables) { exchange(16, EVENT | INDIRECT, 4); }
TEST(the_same_in_a_ring_of_one) { exchange(1, 0, 0); }

TEST(a_full_ring_refuses_and_says_so_before)
{
	struct virtqueue vq;
	struct virtq_seg two[2] = { { 1, 1 }, { 2, 1 } };
	int token;

	REQUIRE(start(&vq, 4, 0, 0) == 0);
	EXPECT_EQ(virtqueue_add(&vq, two, 2, 0, &token), 0);
	EXPECT_EQ(virtqueue_add_in(&vq, 1, 1, &token), 0);
	EXPECT(virtqueue_has_room(&vq, 1));
	EXPECT(!virtqueue_has_room(&vq, 2));
	EXPECT_EQ(virtqueue_add(&vq, two, 1, 1, &token), -ENOSPC);
	EXPECT_EQ(virtqueue_add_out(&vq, 1, 1, &token), 0);
	EXPECT_EQ(virtqueue_add_out(&vq, 1, 1, &token), -ENOSPC);
	stop(&vq);
}

TEST(one_doorbell_for_a_batch_and_none_unwanted)
{
	for (int event = 0; event < 2; event++) {
		struct virtqueue vq;
		int token;

		REQUIRE(start(&vq, 16, event ? EVENT : 0, 0) == 0);
		device_want_kick(true);
		for (int i = 0; i < 5; i++)
			virtqueue_add_in(&vq, 1, 1, &token);
		EXPECT_EQ(device_take(), -1);		/* not told yet */
		EXPECT(virtqueue_kick(&vq));
		EXPECT(!virtqueue_kick(&vq));		/* nothing new */
		EXPECT_EQ(dev.kicks, 1u);
		while (device_take() >= 0)
			;
		EXPECT_EQ(dev.avail_seen, 5);
		device_want_kick(false);
		virtqueue_add_in(&vq, 1, 1, &token);
		EXPECT(!virtqueue_kick(&vq));
		EXPECT(device_take() >= 0);		/* it sees it all the same */
		EXPECT_EQ(dev.kicks, 1u);
		stop(&vq);
	}
}

TEST(interrupts_go_off_and_on)
{
	for (int event = 0; event < 2; event++) {
		struct virtqueue vq;
		int token;
		u32 len;

		REQUIRE(start(&vq, 16, event ? EVENT : 0, 0) == 0);
		for (int i = 0; i < 8; i++)
			virtqueue_add_in(&vq, 1, 1, &token);
		virtqueue_kick(&vq);
		EXPECT(!virtqueue_enable_cb(&vq));
		device_put(device_take(), 1);
		device_signal();
		EXPECT_EQ(dev.interrupts, 1u);
		virtqueue_disable_cb(&vq);		/* as the handler does, before anything is taken */
		for (int i = 0; i < 3; i++) {
			device_put(device_take(), 1);
			device_signal();
		}
		EXPECT_EQ(dev.interrupts, 1u);
		while (virtqueue_get(&vq, &len))
			;
		/* Work slips in between the last look and the arming: the arming reports it. */
		device_put(device_take(), 1);
		device_signal();
		EXPECT_EQ(dev.interrupts, 1u);
		EXPECT(virtqueue_enable_cb(&vq));
		EXPECT(virtqueue_get(&vq, &len) != NULL);
		EXPECT(!virtqueue_enable_cb(&vq));
		device_put(device_take(), 1);
		device_signal();
		EXPECT_EQ(dev.interrupts, 2u);
		stop(&vq);
	}
}

TEST(a_delayed_interrupt_comes_after_most)
{
	struct virtqueue vq;
	int token;
	u32 len;

	REQUIRE(start(&vq, 16, EVENT, 0) == 0);
	for (int i = 0; i < 16; i++)
		virtqueue_add_out(&vq, 1, 1, &token);
	virtqueue_kick(&vq);
	EXPECT(!virtqueue_enable_cb_delayed(&vq));
	for (int i = 0; i < 11; i++) {
		device_put(device_take(), 0);
		device_signal();
	}
	EXPECT_EQ(dev.interrupts, 0u);
	device_put(device_take(), 0);
	device_signal();
	EXPECT_EQ(dev.interrupts, 1u);
	/* Already past the wish: said at once. Three are left: two of them, or all, count as most. */
	while (virtqueue_get(&vq, &len))
		;
	for (int i = 0; i < 4; i++)
		device_put(device_take(), 0);
	EXPECT(virtqueue_enable_cb_delayed(&vq));
	stop(&vq);
}

TEST(a_queue_gone_silent_interrupts_again_after_the_index_wraps)
{
	struct virtqueue vq;
	int token;
	u32 len;

	/* A poll that never ends disables once; no interrupt for 65535 buffers. */
	REQUIRE(start(&vq, 4, EVENT, 0) == 0);
	virtqueue_disable_cb(&vq);
	for (int i = 0; i < 65535; i++) {
		virtqueue_add_in(&vq, 1, 1, &token);
		virtqueue_kick(&vq);
		device_put(device_take(), 1);
		device_signal();
		EXPECT(virtqueue_get(&vq, &len) == &token);
	}
	EXPECT_EQ(dev.interrupts, 0u);
	/* And at whatever place it arms, the next one interrupts. */
	EXPECT(!virtqueue_enable_cb(&vq));
	virtqueue_add_in(&vq, 1, 1, &token);
	virtqueue_kick(&vq);
	device_put(device_take(), 1);
	device_signal();
	EXPECT_EQ(dev.interrupts, 1u);
	stop(&vq);
}

/* ---- a device that lies ---- */

/* Four buffers of 100 bytes to write, the first two pieces long; the device has seen them. */
static void start_lies(struct virtqueue *vq, int *tokens)
{
	struct virtq_seg two[2] = { { 0x1000, 40 }, { 0x2000, 60 } };

	REQUIRE(start(vq, 8, 0, 0) == 0);
	virtqueue_add(vq, two, 0, 2, &tokens[0]);
	for (int i = 1; i < 4; i++)
		virtqueue_add_in(vq, 0x3000, 100, &tokens[i]);
	virtqueue_kick(vq);
	while (device_take() >= 0)
		;
	dev.kicks = 0;
}

static void expect_out_of_service(struct virtqueue *vq, const char *message)
{
	int token;
	u32 len;

	EXPECT(virtqueue_get(vq, &len) == NULL);
	EXPECT(vq->broken);
	EXPECT(host_log_has(message));
	EXPECT(host_log_has("out of service"));
	EXPECT_EQ(dev.broken_calls, 1u);
	/* Nothing more happens, whatever the device does now. */
	device_put(3, 100);
	EXPECT(virtqueue_get(vq, &len) == NULL);
	EXPECT_EQ(virtqueue_add_in(vq, 1, 1, &token), -EIO);
	EXPECT(!virtqueue_kick(vq));
	EXPECT(!virtqueue_enable_cb(vq));
	EXPECT(!virtqueue_has_used(vq));
	EXPECT_EQ(dev.kicks, 0u);
	EXPECT_EQ(dev.broken_calls, 1u);
	stop(vq);
}

TEST(an_id_outside_the_ring)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	device_put(8, 10);
	expect_out_of_service(&vq, "used id 8");
}

TEST(an_id_far_outside_the_ring)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	device_put(~0u, 10);
	expect_out_of_service(&vq, "used id 4294967295");
}

TEST(an_id_that_was_not_given)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	device_put(7, 10);
	expect_out_of_service(&vq, "used id 7");
}

TEST(an_id_in_the_middle_of_a_buffer)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	device_put(1, 10);
	expect_out_of_service(&vq, "used id 1");
}

TEST(an_id_twice)
{
	struct virtqueue vq;
	int tokens[4];
	u32 len;

	start_lies(&vq, tokens);
	device_put(2, 100);
	device_put(2, 100);
	EXPECT(virtqueue_get(&vq, &len) == &tokens[1]);
	EXPECT_EQ(len, 100u);
	expect_out_of_service(&vq, "used id 2");
}

TEST(more_bytes_than_there_are)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	device_put(0, 101);
	expect_out_of_service(&vq, "used length 101");
}

TEST(more_entries_than_it_holds)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, tokens);
	dev.vq->used->idx = dev.used_idx = 5;
	expect_out_of_service(&vq, "used index 5");
}

TEST(an_index_that_goes_back)
{
	struct virtqueue vq;
	int tokens[4];
	u32 len;

	start_lies(&vq, tokens);
	device_put(2, 1);
	EXPECT(virtqueue_get(&vq, &len) == &tokens[1]);
	dev.vq->used->idx = dev.used_idx = 0;
	expect_out_of_service(&vq, "used index 0");
}

TEST(a_length_for_a_buffer_to_read_is_no_matter)
{
	struct virtqueue vq;
	int token;
	u32 len;

	REQUIRE(start(&vq, 4, 0, 0) == 0);
	virtqueue_add_out(&vq, 1, 10, &token);
	virtqueue_kick(&vq);
	device_put(device_take(), 12345);
	EXPECT(virtqueue_get(&vq, &len) == &token);
	EXPECT_EQ(len, 0u);
	EXPECT(!vq.broken);
	stop(&vq);
}

/* Anything anywhere in the shared memory, at any time: a token comes back at most once for each time that it was given. */
TEST(noise_in_all_shared_memory)
{
	u32 broken = 0;

	for (int round = 0; round < 2000; round++) {
		struct virtqueue vq;
		u8 out[16] = { 0 }, *token;
		struct virtq_seg two[2] = { { 0x1000, 4 }, { 0x2000, 6 } };
		u64 features = unit_random() & (EVENT | INDIRECT);
		u32 len;

		REQUIRE(start(&vq, 16, features, 2) == 0);
		for (int step = 0; step < 40; step++) {
			u32 i = unit_random_below(16);

			if (!out[i] && (unit_random_below(2) ? virtqueue_add(&vq, two, 1, 1, &out[i]) :
							       virtqueue_add_in(&vq, 0x1000, 10, &out[i])) == 0)
				out[i] = 1;
			virtqueue_kick(&vq);
			switch (unit_random_below(4)) {
			case 0:
				((u8 *)vq.memory)[unit_random_below(vq.memory_size)] = unit_random();
				break;
			case 1:
				vq.used->ring[unit_random_below(16)] =
					(struct virtq_used_elem){ unit_random_below(18), unit_random_below(12) };
				break;
			case 2:
				vq.used->idx += unit_random_below(3);
				break;
			default:
				if (vq.in_flight && unit_random_below(2)) {
					/* an honest one now and then */
					vq.used->ring[vq.used->idx % 16] = (struct virtq_used_elem){ unit_random_below(16), 1 };
					vq.used->idx++;
				}
			}
			while ((token = virtqueue_get(&vq, &len))) {
				REQUIRE(token >= out && token < out + 16 && *token == 1);
				EXPECT_LE(len, 10u);
				*token = 0;
			}
			if (virtqueue_enable_cb(&vq))
				virtqueue_disable_cb(&vq);
		}
		while ((token = virtqueue_take_back(&vq))) {
			REQUIRE(*token == 1);
			*token = 0;
		}
		for (u32 i = 0; i < 16; i++)
			EXPECT_EQ(out[i], 0);
		broken += vq.broken;
		stop(&vq);
	}
	EXPECT_GT(broken, 1000u);	/* the noise was loud */
}

/* ---- making ---- */

TEST(sizes_that_no_ring_can_have)
{
	struct virtqueue vq;

	EXPECT_EQ(virtqueue_create(&vq, 0, 0, 0, 0, "model0"), -EINVAL);
	EXPECT_EQ(virtqueue_create(&vq, 0, 3, 0, 0, "model0"), -EINVAL);
	EXPECT_EQ(virtqueue_create(&vq, 0, 65535, 0, 0, "model0"), -EINVAL);
	EXPECT_EQ(virtqueue_create(&vq, 0, VIRTQ_SIZE_MAX, 0, 0, "model0"), 0);
	virtqueue_destroy(&vq);
}

TEST(no_memory_leaves_nothing_behind)
{
	u64 live = host_alloc_live();
	struct virtqueue vq;

	for (u32 nth = 1; nth <= 3; nth++) {
		host_alloc_fail(nth);
		EXPECT_EQ(virtqueue_create(&vq, 0, 16, INDIRECT, 4, "model0"), -ENOMEM);
		EXPECT_EQ(host_alloc_live(), live);
	}
	host_alloc_fail(0);
}

TEST(the_used_ring_starts_on_a_page)
{
	struct virtqueue vq;

	/* The legacy transport derives the places of all three rings from the first page and the size (2.7.2). */
	REQUIRE(start(&vq, 256, 0, 0) == 0);
	EXPECT_EQ((u64)vq.desc % 4096, 0ull);
	EXPECT_EQ((u64)vq.avail, (u64)vq.desc + 16 * 256);
	EXPECT_EQ((u64)vq.used, ALIGN_UP((u64)vq.desc + 16 * 256 + 2 * (3 + 256), 4096));
	stop(&vq);
}
