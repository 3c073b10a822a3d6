/*
 * Blocks that this machine's lz4 makes come back, in place too; damaged ones are found and touch nothing outside.
 * sources: base/lz4.c
 */
#include "base/lz4.h"
#include "base/endian.h"
#include "base/errno.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes { u8 *p; size_t len; };

/* The one block in the frame that lz4 makes of data (LZ4 Frame Format); len is 0 when it was not worth packing. */
static struct bytes pack(const u8 *data, size_t len, const char *level)
{
	char name[] = "/tmp/lz4_test.XXXXXX", command[80];
	struct bytes z = { malloc(len + 1000), 0 };
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "wb");
	size_t n;
	u32 size;

	fwrite(data, 1, len, f);
	fclose(f);
	snprintf(command, sizeof(command), "lz4 -q %s -B7 --no-frame-crc -c %s", level, name);
	f = popen(command, "r");
	n = fread(z.p, 1, len + 1000, f);
	pclose(f);
	remove(name);
	EXPECT(n > 11);
	size = get_unaligned_le32(z.p + 7);
	if (size >> 31 || !size)
		return z;
	EXPECT_EQ(11 + size + 4, n);
	memmove(z.p, z.p + 11, size);
	z.len = size;
	return z;
}

/* Unpack from and to memory that ends where it is said to. */
static int unpack(const u8 *block, size_t block_len, u8 *out, size_t len)
{
	u8 *in = malloc(block_len), *to = malloc(len);
	int err;

	memcpy(in, block, block_len);
	err = lz4_unpack(to, len, in, block_len);
	memcpy(out, to, len);
	free(in);
	free(to);
	return err;
}

enum { NOISE, TEXT, RUNS, PROGRAM, NEAR, KINDS };

static u8 *data_make(int kind, size_t len)
{
	u8 *d = calloc(1, len + 1);
	size_t i = 0;
	FILE *f;

	switch (kind) {
	case NOISE:
		unit_random_fill(d, len);
		break;
	case TEXT:
		while (i < len)
			d[i++] = "etaoin shrdlu cmfwyp"[unit_random_below(2) ? unit_random_below(20) : unit_random_below(4)];
		break;
	case RUNS:
		while (i < len) {
			u8 c = unit_random();

			for (size_t n = 1 + unit_random_below(2000); n && i < len; n--)
				d[i++] = c;
		}
		break;
	case PROGRAM:
		f = fopen("/proc/self/exe", "rb");
		EXPECT(fread(d, 1, len, f) || !len);
		fclose(f);
		break;
	case NEAR:	/* repeats of 2 to 40 bytes */
		while (i < len) {
			u8 word[40];
			size_t w = 2 + unit_random_below(39);

			unit_random_fill(word, w);
			for (size_t n = unit_random_below(400); n && i < len; n--, i++)
				d[i] = word[n % w];
		}
	}
	return d;
}

static const size_t sizes[] = { 13, 16, 17, 60, 100, 4096, 40000, 131071, 700000 };
static const char *const levels[] = { "-1", "-9", "-12 --favor-decSpeed" };

TEST(blocks_come_back)
{
	size_t made = 0;

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
				u8 *d = data_make(kind, sizes[s]), *out = malloc(sizes[s] + 1);
				struct bytes z = pack(d, sizes[s], levels[l]);

				if (z.len) {
					made++;
					EXPECT_EQ(unpack(z.p, z.len, out, sizes[s]), 0);
					EXPECT_MEM(out, d, sizes[s]);
					EXPECT_EQ(unpack(z.p, z.len, out, sizes[s] - 1), -EINVAL);
					EXPECT_EQ(unpack(z.p, z.len, out, sizes[s] + 1), -EINVAL);
				}
				free(d);
				free(out);
				free(z.p);
			}
	EXPECT_LT((size_t)60, made);
}

/* As the kernel does it: the margin that LZ4's authors give for any block, and what copies run ahead. */
TEST(in_place)
{
	for (int kind = TEXT; kind < KINDS; kind++)
		for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
			size_t len = 700000;
			u8 *d = data_make(kind, len), *place;
			struct bytes z = pack(d, len, levels[l]);
			size_t end = len + (z.len >> 8) + 32 + LZ4_AHEAD;

			place = malloc(end);
			memcpy(place + end - z.len, z.p, z.len);
			EXPECT_EQ(lz4_unpack(place, len, place + end - z.len, z.len), 0);
			EXPECT_MEM(place, d, len);
			free(place);
			free(d);
			free(z.p);
		}
}

TEST(each_truncation_is_found)
{
	for (int kind = TEXT; kind < KINDS; kind++) {
		u8 *d = data_make(kind, 3000), out[3000];
		struct bytes z = pack(d, 3000, "-9");

		for (size_t len = 0; len < z.len; len++)
			EXPECT_EQ(unpack(z.p, len, out, 3000), -EINVAL);
		free(d);
		free(z.p);
	}
}

TEST(random_damage_stays_inside)
{
	for (int kind = TEXT; kind < KINDS; kind++) {
		size_t len = 20000;
		u8 *d = data_make(kind, len), *out = malloc(len), *broken;
		struct bytes z = pack(d, len, "-9");

		broken = malloc(z.len);
		for (int i = 0; i < 2000; i++) {
			memcpy(broken, z.p, z.len);
			for (int k = 1 + unit_random_below(8); k; k--)
				broken[unit_random_below(z.len)] = unit_random();
			unpack(broken, z.len, out, len);
		}
		free(broken);
		free(out);
		free(d);
		free(z.p);
	}
}

TEST(noise_stays_inside)
{
	u8 in[400], out[700];

	for (int i = 0; i < 50000; i++) {
		size_t len = unit_random_below(sizeof(in));

		unit_random_fill(in, len);
		for (size_t k = 0; i % 2 && k < len; k++)
			in[k] &= unit_random();		/* shorter lengths, nearer matches */
		unpack(in, len, out, unit_random_below(sizeof(out)));
	}
}

TEST(by_hand)
{
	u8 out[400], want[400];

	EXPECT_EQ(unpack((u8 *)"\0", 1, out, 0), 0);
	EXPECT_EQ(unpack((u8 *)"", 0, out, 0), -EINVAL);
	EXPECT_EQ(unpack((u8 *)"\x30" "abc", 4, out, 3), 0);
	EXPECT_MEM(out, "abc", 3);
	/* 300 times the same byte: one literal, a match of 4 + 15 + 255 + 25 at distance 1, an empty end. */
	memset(want, 'x', 300);
	EXPECT_EQ(unpack((u8 *)"\x1fx\1\0\xff\x19\0", 7, out, 300), 0);
	EXPECT_MEM(out, want, 300);
	/* A match right at the start, before it, of distance 0; a length that does not end. */
	EXPECT_EQ(unpack((u8 *)"\x10x\1\0\0", 5, out, 5), 0);
	EXPECT_EQ(unpack((u8 *)"\x10x\2\0\0", 5, out, 5), -EINVAL);
	EXPECT_EQ(unpack((u8 *)"\x10x\0\0\0", 5, out, 5), -EINVAL);
	EXPECT_EQ(unpack((u8 *)"\xf0\xff\xff\xff", 4, out, 400), -EINVAL);
	EXPECT_EQ(unpack((u8 *)"\x1fx\1\0\xff\xff", 6, out, 400), -EINVAL);
}
