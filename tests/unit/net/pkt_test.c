/*
 * Packets: chains, trimming, pulling up, copies, checksums over pieces of any length, references, queues.
 *
 * sources: net/pkt.c
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
#include "base/cksum.h"
#include "net/pkt.h"

static u8 data[20000];

static void begin(void)
{
	static bool started;

	if (!started)
		pkt_init();
	started = true;
	unit_random_fill(data, sizeof(data));
}

/* A chain of pieces of these lengths with the bytes of data. */
static struct pkt *chain(const u32 *lens, u32 count)
{
	struct pkt *head = NULL, **link = &head;
	u32 at = 0;

	for (u32 i = 0; i < count; i++) {
		struct pkt *p = pkt_alloc(i ? 0 : 64);

		memcpy(pkt_put(p, lens[i]), data + at, lens[i]);
		at += lens[i];
		*link = p;
		link = &p->frag;
	}
	head->len = at;
	return head;
}

static void expect_bytes(const struct pkt *p, u32 len)
{
	static u8 got[20000];

	EXPECT_EQ(p->len, len);
	pkt_copy_out(p, 0, got, len);
	EXPECT_MEM(got, data, len);
}

TEST(appended_bytes_come_out_again)
{
	struct pkt *p;
	u32 len = 0;

	begin();
	p = pkt_alloc(PKT_HEADROOM);
	while (len < 15000) {
		u32 n = 1 + unit_random_below(3000);

		EXPECT_EQ(pkt_append(p, data + len, n), 0);
		len += n;
	}
	expect_bytes(p, len);
	for (u32 i = 0; i < 200; i++) {
		u32 from = unit_random_below(len), n = unit_random_below(len - from);
		static u8 got[20000];

		pkt_copy_out(p, from, got, n);
		EXPECT_MEM(got, data + from, n);
	}
	pkt_free(p);
}

TEST(without_memory_nothing_is_appended)
{
	struct pkt *p;

	begin();
	pkt_drain_caches();
	p = pkt_alloc(0);
	EXPECT_EQ(pkt_append(p, data, 1000), 0);
	host_alloc_fail(3);
	EXPECT_EQ(pkt_append(p, data, 10000), -ENOMEM);
	host_alloc_fail(0);
	expect_bytes(p, 1000);
	pkt_free(p);
}

TEST(pulled_up_it_is_the_same_packet)
{
	static const u32 lens[] = { 3, 1, 0, 7, 500, 900, 11 };

	begin();
	for (u32 need = 0; need <= 1500; need += 13) {
		struct pkt *p = chain(lens, ARRAY_SIZE(lens));
		bool ok = pkt_need(p, need);

		EXPECT_EQ(ok, need <= 1422);
		if (ok)
			EXPECT_GE(pkt_linear(p), need);
		expect_bytes(p, 1422);
		pkt_free(p);
	}
}

TEST(a_shared_packet_is_not_pulled_up)
{
	static const u32 lens[] = { 10, 10 };
	struct pkt *p;

	begin();
	p = chain(lens, 2);
	pkt_get(p);
	EXPECT(!pkt_need(p, 15));
	pkt_free(p);
	EXPECT(pkt_need(p, 15));
	pkt_free(p);
}

TEST(trimmed_it_is_the_beginning)
{
	static const u32 lens[] = { 100, 1, 1500, 300 };

	begin();
	for (u32 keep = 0; keep <= 1901; keep += 19) {
		struct pkt *p = chain(lens, 4);

		pkt_trim(p, keep);
		expect_bytes(p, keep);
		EXPECT_EQ(pkt_append(p, data + keep, 50), 0);
		expect_bytes(p, keep + 50);
		pkt_free(p);
	}
}

TEST(a_copy_is_whole_and_apart)
{
	static const u32 lens[] = { 200, 1600, 5 };
	struct pkt *p, *c;

	begin();
	p = chain(lens, 3);
	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = 7;
	pkt_pull(p, 20);
	p->net_offset = p->data - 20 - p->buf;
	c = pkt_copy(p, PKT_HEADROOM);
	pkt_free(p);
	EXPECT_GE(pkt_headroom(c), (u32)PKT_HEADROOM);
	EXPECT_EQ(c->csum_start, 7);
	EXPECT_MEM(c->buf + c->net_offset, data, 20);	/* the header that was pulled */
	c->data -= 20;
	c->len += 20;
	expect_bytes(c, 1805);
	pkt_free(c);
}

TEST(a_checksum_does_not_see_the_pieces)
{
	begin();
	for (u32 round = 0; round < 500; round++) {
		u32 lens[6], total = 0, from, n;
		struct pkt *p;

		for (u32 i = 0; i < 6; i++)
			total += lens[i] = unit_random_below(i % 2 ? 9 : 400);
		p = chain(lens, 6);
		from = unit_random_below(total + 1);
		n = unit_random_below(total - from + 1);
		EXPECT_EQ(cksum_fold(pkt_cksum(p, from, n, 5)), cksum_fold(cksum_add(5, data + from, n)));
		pkt_free(p);
	}
}

TEST(an_unfinished_checksum_is_finished)
{
	static const u32 lens[] = { 60, 333, 1201 };
	struct pkt *p;

	begin();
	memset(data + 30, 0, 2);		/* no pseudo-header in this one */
	p = chain(lens, 3);
	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = 24;
	p->csum_offset = 6;
	pkt_csum_finish(p);
	EXPECT_EQ(p->flags, 0);
	EXPECT_EQ(cksum_fold(pkt_cksum(p, 24, p->len - 24, 0)), 0);
	/* Fields that lie outside are not written. */
	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = 60;
	p->csum_offset = 0xffff;
	pkt_csum_finish(p);
	pkt_free(p);
}

static u32 releases;

static void count_release(struct pkt *p)
{
	releases++;
	EXPECT_EQ(p->release_arg, &releases);
}

TEST(the_last_reference_releases_once)
{
	struct pkt *p;

	begin();
	p = pkt_alloc(0);
	p->release = count_release;
	p->release_arg = &releases;
	pkt_get(p);
	pkt_get(p);
	EXPECT(pkt_shared(p));
	pkt_free(p);
	pkt_free(p);
	EXPECT(!pkt_shared(p));
	EXPECT_EQ(releases, 0u);
	pkt_free(p);
	EXPECT_EQ(releases, 1u);
}

TEST(queues_keep_their_order_and_count)
{
	struct pkt_queue q;
	u32 bytes = 0;

	begin();
	pkt_queue_init(&q);
	for (u32 i = 1; i <= 100; i++) {
		struct pkt *p = pkt_alloc(0);

		pkt_put(p, i);
		bytes += i;
		pkt_queue_push(&q, p);
		if (i % 3 == 0) {
			p = pkt_queue_pop(&q);
			EXPECT_EQ(p->len, i / 3);
			bytes -= p->len;
			pkt_free(p);
		}
	}
	EXPECT_EQ(q.bytes, bytes);
	EXPECT_EQ(q.count, 67u);
	pkt_queue_purge(&q);
	EXPECT(pkt_queue_empty(&q));
	EXPECT_EQ(q.bytes, 0u);
}

TEST(the_cache_gives_back_what_is_too_much)
{
	static struct pkt *held[300];
	u64 before;

	begin();
	pkt_drain_caches();
	before = host_alloc_live();
	for (u32 i = 0; i < 300; i++)
		held[i] = pkt_alloc(0);
	for (u32 i = 0; i < 300; i++)
		pkt_free(held[i]);
	EXPECT_LE(host_alloc_live() - before, 128u);
	EXPECT_GE(host_alloc_live() - before, 64u);
	pkt_drain_caches();
	EXPECT_EQ(host_alloc_live(), before);
}
