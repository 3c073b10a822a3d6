/*
 * The byte ring: against a counter of what went in and came out, and with a thread at either end.
 *
 * sources: base/ring.c
 */
#include <pthread.h>
#include <sched.h>
#include "unit.h"
#include "base/ring.h"

TEST(what_goes_in_comes_out)
{
	u8 *data = malloc(64), buf[100], in = 0, out = 0, c;
	struct ring r;
	size_t fill = 0;

	ring_init(&r, data, 64);
	r.head = r.tail = -200;	/* the counters wrap in the test */
	for (int step = 0; step < 100000; step++) {
		size_t n = unit_random_below(sizeof(buf)), done;

		switch (unit_random_below(4)) {
		case 0:
			for (size_t i = 0; i < n; i++)
				buf[i] = in + i;
			done = ring_write(&r, buf, n);
			EXPECT_EQ(done, MIN(n, 64 - fill));
			in += done;
			fill += done;
			break;
		case 1:
			done = ring_read(&r, buf, n);
			EXPECT_EQ(done, MIN(n, fill));
			for (size_t i = 0; i < done; i++)
				EXPECT_EQ(buf[i], (u8)(out + i));
			out += done;
			fill -= done;
			break;
		case 2:
			EXPECT_EQ(ring_put(&r, in), fill < 64);
			if (fill < 64)
				in++, fill++;
			break;
		default:
			EXPECT_EQ(ring_get(&r, &c), fill > 0);
			if (fill) {
				EXPECT_EQ(c, out);
				out++, fill--;
			}
		}
		EXPECT_EQ(ring_used(&r), fill);
		EXPECT_EQ(ring_room(&r), 64 - fill);
		EXPECT_EQ(ring_empty(&r), !fill);
	}
	free(data);
}

#define STREAM (1u << 20)

static void *produce(void *arg)
{
	struct ring *r = arg;
	u8 buf[33];

	for (u32 sent = 0; sent < STREAM;) {
		size_t n = MIN(sizeof(buf), (size_t)(STREAM - sent)), done;

		for (size_t i = 0; i < n; i++)
			buf[i] = (sent + i) * 7;
		done = ring_write(r, buf, n);
		sent += done;
		if (!done)
			sched_yield();		/* the other may be waiting for this CPU */
	}
	return NULL;
}

TEST(one_producer_and_one_consumer_without_a_lock)
{
	u8 data[128], buf[50];
	struct ring r;
	pthread_t thread;
	u32 got = 0, wrong = 0;

	ring_init(&r, data, sizeof(data));
	pthread_create(&thread, NULL, produce, &r);
	while (got < STREAM) {
		size_t n = ring_read(&r, buf, sizeof(buf));

		for (size_t i = 0; i < n; i++)
			wrong += buf[i] != (u8)((got + i) * 7);
		got += n;
		if (!n)
			sched_yield();
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(wrong, 0u);
	EXPECT(ring_empty(&r));
}
