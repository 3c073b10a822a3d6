/*
 * Hashes for tables. hash_u32 and hash_u64 are quick and can be foreseen: only for keys that
 * no stranger chooses. Whatever a peer can choose (addresses, ports, names) goes through hash_keyed
 * with a random key.
 */
#pragma once
#include "base/defs.h"

/* All 32 bits of the result are good; take the upper ones (>> (32 - bits)) first. */
static inline u32 hash_u32(u32 v)
{
	v *= 0x9e3779b1u;
	return v ^ v >> 15;
}

static inline u32 hash_u64(u64 v)
{
	v *= 0x9e3779b97f4a7c15ull;
	return v >> 32 ^ (u32)v >> 15;
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of len bytes under a 128-bit key. Any context. */
u64 hash_keyed(const u64 key[2], const void *data, size_t len);
