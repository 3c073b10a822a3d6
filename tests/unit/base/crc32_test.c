/*
 * CRC-32 against known values and a bitwise one.
 *
 * sources: base/crc32.c
 */
#include "unit.h"
#include "base/crc32.h"

static u32 crc_naive(u32 crc, const u8 *p, size_t len)
{
	for (crc = ~crc; len; len--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

TEST(known_value)
{
	static struct crc32_tables t;

	crc32_init(&t);
	EXPECT_EQ(crc32_update(&t, 0, "123456789", 9), 0xcbf43926u);
	EXPECT_EQ(crc32_update(&t, 0, "", 0), 0u);
}

TEST(any_length_alignment_and_division)
{
	static struct crc32_tables t;
	u8 data[300];

	crc32_init(&t);
	unit_random_fill(data, sizeof(data));
	for (size_t at = 0; at < 9; at++)
		for (size_t len = 0; len < 280; len++) {
			size_t cut = unit_random_below(len + 1);
			u32 whole = crc_naive(0, data + at, len);

			EXPECT_EQ(crc32_update(&t, 0, data + at, len), whole);
			EXPECT_EQ(crc32_update(&t, crc32_update(&t, 0, data + at, cut), data + at + cut, len - cut), whole);
		}
}
