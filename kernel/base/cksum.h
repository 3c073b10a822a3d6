/*
 * The Internet checksum (RFC 1071, 1624). A partial sum is a 64-bit one's-complement sum of
 * the data as native words: it may be fed on, in any order of even-length pieces, and is folded
 * at the end. Any context; no alignment is asked of the data.
 *
 * Odd pieces: cksum_add pads an odd length with a zero byte. The piece after an odd number of bytes
 * stands at an odd offset of the packet and is added with cksum_add_odd, which exchanges the bytes of
 * its sum (RFC 1071, section 2 (B)).
 */
#pragma once
#include "base/defs.h"

/* sum, with the data at p added as if it began at an even offset. */
u64 cksum_add(u64 sum, const void *p, size_t len);

/* The same for data that begins at an odd offset. */
u64 cksum_add_odd(u64 sum, const void *p, size_t len);

/* a + b with the carry brought round. */
static inline u64 cksum_join(u64 a, u64 b)
{
	a += b;
	return a + (a < b);
}

/* The 16-bit sum, not complemented: what a device with partial checksums wants seeded. */
static inline u16 cksum_fold_raw(u64 sum)
{
	u32 half;

	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 32) + (u32)sum;
	half = ((u32)sum >> 16) + ((u32)sum & 0xffff);
	half += half >> 16;
	return half;
}

/*
 * The checksum field's value, as stored (in network order already). Data summed with its own right
 * checksum gives 0. UDP sends 0xffff for 0 (RFC 768): that is the caller's.
 */
static inline u16 cksum_fold(u64 sum)
{
	return ~cksum_fold_raw(sum);
}

/* Partial sum of the TCP and UDP pseudo-header (RFC 9293, 3.1); len is the segment's, in host order. */
static inline u64 cksum_pseudo(be32 src, be32 dst, u8 proto, u16 len)
{
	return (u64)src + dst + ((u64)(proto + len) << 8);	/* times 256 exchanges the bytes, modulo 0xffff */
}

/*
 * The checksum field after a 16- or 32-bit aligned field of its data went from one value to another
 * (RFC 1624, equation 3). All values as stored.
 */
static inline u16 cksum_update16(u16 cksum, be16 from, be16 to)
{
	return cksum_fold((u64)(u16)~cksum + (u16)~from + to);
}

static inline u16 cksum_update32(u16 cksum, be32 from, be32 to)
{
	return cksum_fold((u64)(u16)~cksum + (u32)~from + to);
}
