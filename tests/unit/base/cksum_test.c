/*
 * The Internet checksum beside RFC 1071's own algorithm, at each alignment and length.
 *
 * sources: base/cksum.c
 */
#include "unit.h"
#include "base/cksum.h"
#include "base/endian.h"

/* RFC 1071, section 4.1: big-endian pairs, the odd byte padded; as a value in host order. */
static u16 cksum_naive(const u8 *p, size_t len)
{
	u32 sum = 0;

	for (; len > 1; len -= 2, p += 2) {
		sum += p[0] << 8 | p[1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len)
		sum += p[0] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

TEST(example_of_the_rfc)
{
	/* RFC 1071, section 3 */
	const u8 data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	EXPECT_EQ(ntohs(cksum_fold_raw(cksum_add(0, data, sizeof(data)))), 0xddf2);
	EXPECT_EQ(ntohs(cksum_fold(cksum_add(0, data, sizeof(data)))), 0x220d);
}

TEST(each_alignment_and_length)
{
	for (size_t len = 0; len < 700; len++)
		for (size_t align = 0; align < 17; align++) {
			u8 *block = malloc(align + len), *p = block + align;	/* exact: reads past it are caught */

			if (len % 3)
				unit_random_fill(p, len);
			else
				memset(p, 0xff, len);	/* carries everywhere */
			EXPECT_EQ(ntohs(cksum_fold(cksum_add(0, p, len))), cksum_naive(p, len));
			free(block);
		}
}

TEST(carries_are_kept)
{
	u8 data[4096];

	memset(data, 0xff, sizeof(data));
	for (size_t len = 1; len < sizeof(data); len += 31)
		for (int i = 0; i < 64; i++) {
			u64 seed = i < 32 ? ~0ull << i : ~0ull >> (i - 32);
			u64 both = cksum_join(seed, cksum_add(0, data, len));

			EXPECT_EQ(cksum_fold(cksum_add(seed, data, len)), cksum_fold(both));
		}
}

TEST(pieces_give_the_sum_of_the_whole)
{
	for (int i = 0; i < 20000; i++) {
		u8 data[300];
		size_t len = 1 + unit_random_below(sizeof(data)), at = 0;
		u64 sum = 0;

		unit_random_fill(data, len);
		while (at < len) {
			size_t n = 1 + unit_random_below(len - at);

			sum = at & 1 ? cksum_add_odd(sum, data + at, n) : cksum_add(sum, data + at, n);
			at += n;
		}
		EXPECT_EQ(ntohs(cksum_fold(sum)), cksum_naive(data, len));
	}
}

TEST(data_with_its_checksum_gives_zero)
{
	for (int i = 0; i < 1000; i++) {
		u8 data[60];
		u16 sum;

		unit_random_fill(data, sizeof(data));
		data[10] = data[11] = 0;
		sum = cksum_fold(cksum_add(0, data, sizeof(data)));
		memcpy(data + 10, &sum, 2);
		EXPECT_EQ(cksum_fold(cksum_add(0, data, sizeof(data))), 0);
	}
}

TEST(pseudo_header)
{
	for (int i = 0; i < 1000; i++) {
		u8 pseudo[12];
		be32 src = unit_random(), dst = unit_random();
		u8 proto = unit_random();
		u16 len = unit_random();

		memcpy(pseudo, &src, 4);
		memcpy(pseudo + 4, &dst, 4);
		pseudo[8] = 0;
		pseudo[9] = proto;
		put_unaligned_be16(len, pseudo + 10);
		EXPECT_EQ(ntohs(cksum_fold(cksum_pseudo(src, dst, proto, len))), cksum_naive(pseudo, 12));
	}
}

/* 0 and 0xffff are the same sum: an update may give either, and a receiver takes both. */
static u16 one_zero(u16 cksum)
{
	return cksum == 0xffff ? 0 : cksum;
}

TEST(updates_agree_with_a_new_sum)
{
	u8 data[40];

	unit_random_fill(data, sizeof(data));
	for (int i = 0; i < 20000; i++) {
		u16 old = cksum_fold(cksum_add(0, data, sizeof(data)));
		size_t at = 4 * unit_random_below(sizeof(data) / 4);
		u32 from, to = i % 5 ? unit_random() : (u32)-(i & 1);

		memcpy(&from, data + at, 4);
		if (i & 2) {
			to = (from & ~0xffffu) | (u16)to;
			memcpy(data + at, &to, 4);
			EXPECT_EQ(one_zero(cksum_update16(old, from, to)), one_zero(cksum_fold(cksum_add(0, data, sizeof(data)))));
		} else {
			memcpy(data + at, &to, 4);
			EXPECT_EQ(one_zero(cksum_update32(old, from, to)), one_zero(cksum_fold(cksum_add(0, data, sizeof(data)))));
		}
	}
	/* RFC 1624, section 4: the example that the older equation gets wrong */
	EXPECT_EQ(ntohs(cksum_update16(htons(0xdd2f), htons(0x5555), htons(0x3285))), 0x0000);
}
