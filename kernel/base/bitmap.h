/*
 * Bit arrays in u64 words. Not atomic: the caller holds the lock of what the bits describe.
 * Bits past `bits` in the last word are never looked at.
 */
#pragma once
#include "base/defs.h"

#define BITMAP_WORDS(bits)	(((bits) + 63) / 64)
#define BITMAP_DECLARE(name, bits) u64 name[BITMAP_WORDS(bits)]

static inline void bitmap_set(u64 *map, size_t bit)
{
	map[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitmap_clear(u64 *map, size_t bit)
{
	map[bit / 64] &= ~(1ull << (bit % 64));
}

static inline bool bitmap_test(const u64 *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

/* First bit from `from` on whose value differs from invert's bits; `bits` when there is none. */
static inline size_t bitmap_find(const u64 *map, size_t bits, size_t from, u64 invert)
{
	size_t word = from / 64;
	u64 v;

	if (from >= bits)
		return bits;
	v = (map[word] ^ invert) & (~0ull << (from % 64));
	while (!v) {
		if (++word >= BITMAP_WORDS(bits))
			return bits;
		v = map[word] ^ invert;
	}
	from = word * 64 + __builtin_ctzll(v);
	return from < bits ? from : bits;
}

/* First set bit at or after from, `bits` when there is none; likewise the first clear one. */
static inline size_t bitmap_find_next(const u64 *map, size_t bits, size_t from)
{
	return bitmap_find(map, bits, from, 0);
}

static inline size_t bitmap_find_next_zero(const u64 *map, size_t bits, size_t from)
{
	return bitmap_find(map, bits, from, ~0ull);
}

static inline size_t bitmap_find_first_zero(const u64 *map, size_t bits)
{
	return bitmap_find(map, bits, 0, ~0ull);
}

/* Start of the first `count` clear bits in a row whose start is a multiple of align (a power of two); `bits` if
 * none. */
static inline size_t bitmap_find_zero_area(const u64 *map, size_t bits, size_t count, size_t align)
{
	size_t start = bitmap_find_next_zero(map, bits, 0);

	while (start < bits) {
		size_t end;

		start = ALIGN_UP(start, align);
		if (start >= bits || count > bits - start)
			break;
		end = bitmap_find_next(map, start + count, start);
		if (end == start + count)
			return start;
		start = bitmap_find_next_zero(map, bits, end);
	}
	return bits;
}
