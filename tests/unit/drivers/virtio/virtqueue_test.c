/*
 * Virtqueues of both layouts against a device of the test's own, honest at first, then one that lies: in used
 * ids, lengths and indexes, and all over the memory that it is given.
 *
 * sources: drivers/virtio/virtqueue.c drivers/virtio/virtqueue_packed.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "drivers/virtio/virtqueue_model.h"

static const u64 layouts[] = { 0, EVENT, PACKED, PACKED | EVENT };
#define EACH_LAYOUT(f) for (const u64 *f = layouts; f < layouts + 4; f++)
/* A layout in each of the tests that need no event index. */
#define EACH_RING(f) for (const u64 *f = layouts; f < layouts + 4; f += 2)

/* ---- an honest device ---- */

/* Buffers of 1..6 pieces, returned in any order, far past the wrap of every index. */
static void exchange(u16 size, u64 features, u16 indirect_max)
{
	struct { u32 out, in, pieces; bool held; } *buffers = calloc(size, sizeof(*buffers));
	struct { u16 id; u32 in; } *held = calloc(size, sizeof(*held));
	u32 held_count = 0, given = 0, taken = 0;
	struct virtqueue vq;
	bool looked;

	REQUIRE(start(&vq, size, features, indirect_max) == 0);
	while (taken < 200000 && !vq.broken) {
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
			slot = (uintptr_t)vq.slots[head].token - 1;
			device_measure(head, &o, &i, &pieces);
			EXPECT_EQ(o, buffers[slot].out);
			EXPECT_EQ(i, buffers[slot].in);
			EXPECT_EQ(pieces, buffers[slot].pieces);
			held[held_count].id = head;
			held[held_count++].in = i;
		}
		while (held_count && unit_random_below(2)) {
			u32 k = unit_random_below(held_count);

			device_put(held[k].id, held[k].in);
			held[k] = held[--held_count];
		}
		looked = virtqueue_has_used(&vq);
		while ((token = (uintptr_t)virtqueue_get(&vq, &len))) {
			REQUIRE(token <= size && buffers[token - 1].held);
			EXPECT_EQ(len, buffers[token - 1].in);
			EXPECT(looked);
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
TEST(buffers_come_back_in_a_packed_ring) { exchange(64, PACKED, 0); }
TEST(the_same_in_a_packed_ring_with_the_event_index) { exchange(8, PACKED | EVENT, 0); }
TEST(the_same_in_a_packed_ring_with_indirect_tables) { exchange(16, PACKED | EVENT | INDIRECT, 4); }
TEST(the_same_in_a_packed_ring_of_one) { exchange(1, PACKED, 0); }

TEST(a_full_ring_refuses_and_says_so_before)
{
	EACH_RING(features) {
		struct virtqueue vq;
		struct virtq_seg two[2] = { { 1, 1 }, { 2, 1 } };
		int token;

		REQUIRE(start(&vq, 4, *features, 0) == 0);
		EXPECT_EQ(virtqueue_add(&vq, two, 2, 0, &token), 0);
		EXPECT_EQ(virtqueue_add_in(&vq, 1, 1, &token), 0);
		EXPECT(virtqueue_has_room(&vq, 1));
		EXPECT(!virtqueue_has_room(&vq, 2));
		EXPECT_EQ(virtqueue_add(&vq, two, 1, 1, &token), -ENOSPC);
		EXPECT_EQ(virtqueue_add_out(&vq, 1, 1, &token), 0);
		EXPECT_EQ(virtqueue_add_out(&vq, 1, 1, &token), -ENOSPC);
		stop(&vq);
	}
}

TEST(one_doorbell_for_a_batch_and_none_unwanted)
{
	EACH_LAYOUT(features) {
		struct virtqueue vq;
		int token;

		REQUIRE(start(&vq, 16, *features, 0) == 0);
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
	EACH_LAYOUT(features) {
		struct virtqueue vq;
		int token;
		u32 len;

		REQUIRE(start(&vq, 16, *features, 0) == 0);
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
	for (u32 is_packed = 0; is_packed < 2; is_packed++) {
		struct virtqueue vq;
		int token;
		u32 len;

		REQUIRE(start(&vq, 16, EVENT | (is_packed ? PACKED : 0), 0) == 0);
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
}

/* The same where the wish lies behind the end of the ring, with chains. */
TEST(a_delayed_interrupt_past_the_end_of_a_packed_ring)
{
	struct virtq_seg two[2] = { { 0x1000, 1 }, { 0x2000, 1 } };
	struct virtqueue vq;
	int token;
	u32 len;

	REQUIRE(start(&vq, 16, PACKED | EVENT, 0) == 0);
	for (int round = 1; round <= 40; round++) {
		for (int i = 0; i < 6; i++)
			virtqueue_add(&vq, two, 2, 0, &token);
		virtqueue_kick(&vq);
		EXPECT(!virtqueue_enable_cb_delayed(&vq));
		for (int i = 0; i < 4; i++) {
			device_put(device_take(), 0);
			device_signal();
		}
		EXPECT_EQ(dev.interrupts, round - 1u);
		device_put(device_take(), 0);
		device_signal();
		EXPECT_EQ(dev.interrupts, (u32)round);
		device_put(device_take(), 0);
		device_signal();
		EXPECT_EQ(dev.interrupts, (u32)round);
		while (virtqueue_get(&vq, &len))
			;
		EXPECT_EQ(vq.free_count, 16);
	}
	stop(&vq);
}

/* At every place of the ring: one doorbell when the driver passes the wished-for place, none before and behind. */
TEST(a_doorbell_at_any_place_of_a_packed_ring)
{
	struct virtqueue vq;
	int token, rung;
	u32 len;

	REQUIRE(start(&vq, 8, PACKED | EVENT, 0) == 0);
	for (u32 round = 0; round < 100; round++) {
		u32 wish = round % 3, batch = 1 + round % 2;

		device_want_kick_at(dev.avail_seen + wish);
		for (u32 given = 0; given < 4; given += batch) {
			for (u32 i = 0; i < batch; i++)
				virtqueue_add_out(&vq, 1, 1, &token);
			rung = virtqueue_kick(&vq);
			EXPECT_EQ(rung, wish >= given && wish < given + batch);
		}
		for (int i = 0; i < 4; i++)
			device_put(device_take(), 0);
		while (virtqueue_get(&vq, &len))
			;
	}
	stop(&vq);
}

/* The two steps of re-arming, at each place of the ring and in each round. */
TEST(what_is_used_behind_the_arming_has_slipped_in)
{
	EACH_LAYOUT(features) {
		struct virtqueue vq;
		int token;
		u32 len;
		u16 armed;

		REQUIRE(start(&vq, 2, *features, 0) == 0);
		for (int round = 0; round < 5; round++) {
			virtqueue_add_in(&vq, 1, 1, &token);
			virtqueue_kick(&vq);
			armed = virtqueue_arm(&vq);
			EXPECT(!virtqueue_slipped(&vq, armed));
			EXPECT(!virtqueue_has_used(&vq));
			device_put(device_take(), 1);
			EXPECT(virtqueue_slipped(&vq, armed));
			EXPECT(virtqueue_has_used(&vq));
			EXPECT(virtqueue_get(&vq, &len) == &token);
			armed = virtqueue_arm(&vq);
			EXPECT(!virtqueue_slipped(&vq, armed));
		}
		stop(&vq);
	}
}

TEST(a_queue_gone_silent_interrupts_again_after_the_index_wraps)
{
	EACH_LAYOUT(features) {
		struct virtqueue vq;
		int token;
		u32 len;

		if (!(*features & EVENT))
			continue;
		/* A poll that never ends disables once; no interrupt for 65535 buffers. */
		REQUIRE(start(&vq, 4, *features, 0) == 0);
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
}

/* ---- a device that lies ---- */

/* Four buffers of 100 bytes to write, the first two pieces long; the device has seen them. */
static void start_lies(struct virtqueue *vq, u64 features, int *tokens)
{
	struct virtq_seg two[2] = { { 0x1000, 40 }, { 0x2000, 60 } };

	REQUIRE(start(vq, 8, features, 0) == 0);
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
	EACH_RING(features) {
		struct virtqueue vq;
		int tokens[4];

		start_lies(&vq, *features, tokens);
		device_put(8, 10);
		expect_out_of_service(&vq, "used id 8");
	}
}

TEST(an_id_far_outside_the_ring)
{
	EACH_RING(features) {
		struct virtqueue vq;
		int tokens[4];

		start_lies(&vq, *features, tokens);
		device_put(~0u, 10);
		expect_out_of_service(&vq, vq.is_packed ? "used id 65535" : "used id 4294967295");
	}
}

TEST(an_id_that_was_not_given)
{
	EACH_RING(features) {
		struct virtqueue vq;
		int tokens[4];

		start_lies(&vq, *features, tokens);
		device_put(7, 10);
		expect_out_of_service(&vq, "used id 7");
	}
}

TEST(an_id_in_the_middle_of_a_buffer)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, 0, tokens);
	device_put(1, 10);
	expect_out_of_service(&vq, "used id 1");
}

TEST(an_id_twice)
{
	EACH_RING(features) {
		struct virtqueue vq;
		int tokens[4];
		u32 len;

		start_lies(&vq, *features, tokens);
		device_put(2, 100);
		device_put(2, 100);
		EXPECT(virtqueue_get(&vq, &len) == &tokens[vq.is_packed ? 2 : 1]);
		EXPECT_EQ(len, 100u);
		expect_out_of_service(&vq, "used id 2");
	}
}

TEST(more_bytes_than_there_are)
{
	EACH_RING(features) {
		struct virtqueue vq;
		int tokens[4];

		start_lies(&vq, *features, tokens);
		device_put(0, 101);
		expect_out_of_service(&vq, "used length 101");
	}
}

/* A packed ring's entry has an owner, in two bits: one that is neither ours nor the device's. */
TEST(flags_that_cannot_be)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, PACKED, tokens);
	vq.packed_desc[0].flags = VIRTQ_PACKED_USED;
	EXPECT(!virtqueue_has_used(&vq));
	expect_out_of_service(&vq, "used flags 32768");
}

TEST(flags_of_the_other_round)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, PACKED, tokens);
	vq.packed_desc[0].flags = 0;
	EXPECT(!virtqueue_has_used(&vq));
	expect_out_of_service(&vq, "used flags 0");
}

/* Used where nothing was given: in an empty ring, by an id that is with the driver; and by one that it has not seen. */
TEST(a_descriptor_that_was_not_given)
{
	for (u32 added = 0; added < 2; added++) {
		struct virtqueue vq;
		int token;

		REQUIRE(start(&vq, 8, PACKED, 0) == 0);
		if (added)
			virtqueue_add_in(&vq, 1, 1, &token);
		device_put(0, 1);
		expect_out_of_service(&vq, "used id 0");
	}
}

TEST(more_entries_than_it_holds)
{
	struct virtqueue vq;
	int tokens[4];

	start_lies(&vq, 0, tokens);
	dev.vq->used->idx = dev.used_idx = 5;
	expect_out_of_service(&vq, "used index 5");
}

TEST(an_index_that_goes_back)
{
	struct virtqueue vq;
	int tokens[4];
	u32 len;

	start_lies(&vq, 0, tokens);
	device_put(2, 1);
	EXPECT(virtqueue_get(&vq, &len) == &tokens[1]);
	dev.vq->used->idx = dev.used_idx = 0;
	expect_out_of_service(&vq, "used index 0");
}

TEST(a_length_for_a_buffer_to_read_is_no_matter)
{
	EACH_RING(features) {
		struct virtqueue vq;
		int token;
		u32 len;

		REQUIRE(start(&vq, 4, *features, 0) == 0);
		virtqueue_add_out(&vq, 1, 10, &token);
		virtqueue_kick(&vq);
		device_put(device_take(), 12345);
		EXPECT(virtqueue_get(&vq, &len) == &token);
		EXPECT_EQ(len, 0u);
		EXPECT(!vq.broken);
		stop(&vq);
	}
}

/* A used entry of a split ring, or the index alone, or an honest one now and then. */
static void noise_split(struct virtqueue *vq, u32 kind)
{
	if (kind == 0)
		vq->used->ring[unit_random_below(16)] =
			(struct virtq_used_elem){ unit_random_below(18), unit_random_below(12) };
	else if (kind == 1)
		vq->used->idx += unit_random_below(3);
	else if (vq->in_flight && unit_random_below(2))
		vq->used->ring[vq->used->idx++ % 16] = (struct virtq_used_elem){ unit_random_below(16), 1 };
}

/* A packed one, where the driver looks, or anywhere. */
static void noise_packed(struct virtqueue *vq, u32 kind)
{
	u16 place = vq->used_place, id = unit_random_below(kind ? 16 : 18);
	struct virtq_packed_desc *d = &vq->packed_desc[kind ? place & 0x7fff : unit_random_below(16)];
	u16 flags = place & VIRTQ_PACKED_WRAP ? VIRTQ_PACKED_AVAIL | VIRTQ_PACKED_USED : 0;

	if (kind == 2 && !unit_random_below(20))
		flags ^= VIRTQ_PACKED_AVAIL;
	if (kind != 2 || vq->slots[id].token)
		*d = (struct virtq_packed_desc){ .id = id, .len = unit_random_below(kind ? 2 : 12), .flags = flags };
}

/* Anything anywhere in the shared memory, at any time: a token comes back at most once for each time that it was given. */
TEST(noise_in_all_shared_memory)
{
	u32 broken = 0;

	for (int round = 0; round < 2000; round++) {
		struct virtqueue vq;
		u8 out[16] = { 0 }, *token;
		struct virtq_seg two[2] = { { 0x1000, 4 }, { 0x2000, 6 } };
		u64 features = unit_random() & (EVENT | INDIRECT | PACKED);
		u32 len, kind;

		REQUIRE(start(&vq, 16, features, 2) == 0);
		for (int step = 0; step < 40; step++) {
			u32 i = unit_random_below(16);

			if (!out[i] && (unit_random_below(2) ? virtqueue_add(&vq, two, 1, 1, &out[i]) :
							       virtqueue_add_in(&vq, 0x1000, 10, &out[i])) == 0)
				out[i] = 1;
			virtqueue_kick(&vq);
			if (!(kind = unit_random_below(4)))
				((u8 *)vq.memory)[unit_random_below(vq.memory_size)] = unit_random();
			else
				(vq.is_packed ? noise_packed : noise_split)(&vq, kind - 1);
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
	EXPECT_EQ(virtqueue_create(&vq, 0, 0, PACKED, 0, "model0"), -EINVAL);
	EXPECT_EQ(virtqueue_create(&vq, 0, 65535, PACKED, 0, "model0"), -EINVAL);
	EXPECT_EQ(virtqueue_create(&vq, 0, VIRTQ_SIZE_MAX, PACKED, 0, "model0"), 0);
	virtqueue_destroy(&vq);
}

/* A packed ring need not be of a power of two (2.8.10.1): the counter turns over where it ends. */
TEST(a_packed_ring_of_three)
{
	struct virtqueue vq;
	int token;
	u32 len;

	REQUIRE(start(&vq, 3, PACKED, 0) == 0);
	for (u32 i = 0; i < 30; i++) {
		u16 wrap = !(i / 3 % 2);

		EXPECT_EQ(virtqueue_add_in(&vq, 1, 10, &token), 0);
		virtqueue_kick(&vq);
		EXPECT_EQ(vq.packed_desc[i % 3].flags, VIRTQ_DESC_WRITE | (wrap ? VIRTQ_PACKED_AVAIL : VIRTQ_PACKED_USED));
		vq.packed_desc[i % 3].len = 7;
		vq.packed_desc[i % 3].flags = wrap ? VIRTQ_PACKED_AVAIL | VIRTQ_PACKED_USED : 0;
		EXPECT(virtqueue_get(&vq, &len) == &token);
		EXPECT_EQ(len, 7u);
	}
	EXPECT(!vq.broken);
	stop(&vq);
}

TEST(no_memory_leaves_nothing_behind)
{
	u64 live = host_alloc_live();
	struct virtqueue vq;

	EACH_RING(features)
		for (u32 nth = 1; nth <= 3; nth++) {
			host_alloc_fail(nth);
			EXPECT_EQ(virtqueue_create(&vq, 0, 16, INDIRECT | *features, 4, "model0"), -ENOMEM);
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
