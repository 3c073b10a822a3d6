/*
 * Bitmaps beside an array of bools.
 *
 * sources:
 */
#include "unit.h"
#include "base/bitmap.h"

static size_t naive_find(const bool *b, size_t bits, size_t from, bool value)
{
	for (; from < bits; from++)
		if (b[from] == value)
			return from;
	return from;
}

static size_t naive_area(const bool *b, size_t bits, size_t count, size_t align)
{
	for (size_t s = 0; s + count <= bits; s += align)
		if (naive_find(b, s + count, s, true) >= s + count)
			return s;
	return bits;
}

TEST(searches_agree_with_a_plain_array)
{
	for (size_t bits = 1; bits < 260; bits += 1 + unit_random_below(5)) {
		u64 *map = calloc(BITMAP_WORDS(bits), sizeof(u64));
		bool plain[260] = { false };

		if (bits % 64)
			map[bits / 64] = ~0ull << (bits % 64);	/* must never be seen */
		for (int step = 0; step < 400; step++) {
			size_t bit = unit_random_below(bits), from = unit_random_below(bits + 3);
			size_t count = 1 + unit_random_below(9), align = 1ull << unit_random_below(4);

			if (unit_random_below(3)) {
				bitmap_set(map, bit);
				plain[bit] = true;
			} else {
				bitmap_clear(map, bit);
				plain[bit] = false;
			}
			EXPECT_EQ(bitmap_test(map, bit), plain[bit]);
			EXPECT_EQ(bitmap_find_next(map, bits, from), MIN(naive_find(plain, bits, from, true), bits));
			EXPECT_EQ(bitmap_find_next_zero(map, bits, from), MIN(naive_find(plain, bits, from, false), bits));
			EXPECT_EQ(bitmap_find_first_zero(map, bits), naive_find(plain, bits, 0, false));
			EXPECT_EQ(bitmap_find_zero_area(map, bits, count, align), naive_area(plain, bits, count, align));
		}
		free(map);
	}
}
