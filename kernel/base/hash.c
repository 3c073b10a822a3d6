/*
 * SipHash-2-4: a keyed hash that is safe against a peer who picks the data. The connection tables
 * and initial sequence numbers (RFC 6528) use it.
 */
#include "base/hash.h"
#include "base/endian.h"

static always_inline u64 turn(u64 v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static always_inline void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turn(v[1], 13) ^ v[0];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] = turn(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = turn(v[1], 17) ^ v[2];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] = turn(v[2], 32);
}

static always_inline void sip_word(u64 v[4], u64 m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

u64 hash_keyed(const u64 key[2], const void *data, size_t len)
{
	const u8 *p = data;
	u64 last = (u64)len << 56;
	u64 v[4] = {
		key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull,
	};
	size_t n;

	for (n = len / 8; n; n--, p += 8)
		sip_word(v, get_unaligned_le64(p));
	for (n = len % 8; n; n--)
		last |= (u64)p[n - 1] << (8 * (n - 1));
	sip_word(v, last);
	v[2] ^= 0xff;
	for (n = 0; n < 4; n++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
