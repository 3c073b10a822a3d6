/*
 * SipHash against its authors' vectors; the quick hashes for how they spread.
 *
 * sources: base/hash.c
 */
#include "unit.h"
#include "base/hash.h"

TEST(siphash_vectors)
{
	/* Aumasson and Bernstein, appendix A, and the first of the reference implementation's list */
	const u64 key[2] = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
	u8 data[15];

	for (int i = 0; i < 15; i++)
		data[i] = i;
	EXPECT_EQ(hash_keyed(key, data, 15), 0xa129ca6149be45e5ull);
	EXPECT_EQ(hash_keyed(key, data, 0), 0x726fdb47dd0e0e31ull);
	EXPECT_EQ(hash_keyed(key, data, 1), 0x74f839c593dc67fdull);
	EXPECT_EQ(hash_keyed(key, data, 8), 0x93f5f5799a932462ull);
}

/* Fullest of 256 buckets with 4096 keys that differ by step; 16 is the mean. */
static unsigned fullest(u64 step, bool wide)
{
	unsigned count[256] = { 0 }, most = 0;

	for (u64 i = 0; i < 4096; i++) {
		u32 h = wide ? hash_u64(i * step) : hash_u32(i * step);
		unsigned n = ++count[h >> 24];

		most = MAX(most, n);
	}
	return most;
}

TEST(quick_hashes_spread_regular_keys)
{
	for (int shift = 0; shift < 20; shift++) {
		EXPECT_LT(fullest(1ull << shift, false), 48u);
		EXPECT_LT(fullest(1ull << shift, true), 48u);
		EXPECT_LT(fullest(1ull << (shift + 24), true), 48u);
	}
}
