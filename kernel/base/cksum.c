/*
 * The Internet checksum's loop. IP, ICMP, UDP and TCP call it for whatever the card has not
 * checked; for a bulk transfer without offloads it is half of the work, so it counts instructions:
 * on arm64 three for 16 bytes.
 */
#include "base/cksum.h"

#ifdef __aarch64__
/*
 * Adds units * 16 bytes at *p, which moves behind them. Carries run through the flags from one
 * addition to the next: nothing in the loop may set them but adcs. The loop is 256 bytes long and
 * is entered where the rest of the division by 256 begins.
 */
static inline u64 sum_units(u64 sum, const u8 **p, size_t units)
{
	const u8 *s = *p;
	size_t turns = (units + 15) / 16;
	u64 a, b, entry;

	if (!units)
		return sum;
	__asm__ volatile(
		"	adr	%[entry], 2f\n"
		"	sub	%[entry], %[entry], %[skip]\n"
		"	adds	%[sum], %[sum], xzr\n"		/* carry = 0 */
		"	br	%[entry]\n"
		"1:\n"
		"	.rept	16\n"
		"	ldp	%[a], %[b], [%[s]], #16\n"
		"	adcs	%[sum], %[sum], %[a]\n"
		"	adcs	%[sum], %[sum], %[b]\n"
		"	.endr\n"
		"2:	sub	%[turns], %[turns], #1\n"
		"	cbnz	%[turns], 1b\n"
		"	adc	%[sum], %[sum], xzr\n"
		: [sum] "+&r" (sum), [s] "+&r" (s), [turns] "+&r" (turns), [a] "=&r" (a), [b] "=&r" (b),
		  [entry] "=&r" (entry)
		: [skip] "r" (((units - 1) % 16 + 1) * 12)
		: "cc", "memory");
	*p = s;
	return sum;
}
#else
static inline u64 sum_units(u64 sum, const u8 **p, size_t units)
{
	for (; units; units--, *p += 16) {
		u64 v[2];

		__builtin_memcpy(v, *p, sizeof(v));
		sum = cksum_join(cksum_join(sum, v[0]), v[1]);
	}
	return sum;
}
#endif

u64 cksum_add(u64 sum, const void *data, size_t len)
{
	const u8 *p = data;
	u64 rest = 0;

	sum = sum_units(sum, &p, len / 16);
	if (len & 8) {
		u64 v;

		__builtin_memcpy(&v, p, 8);
		sum = cksum_join(sum, v);
		p += 8;
	}
	if (len & 4) {
		u32 v;

		__builtin_memcpy(&v, p, 4);
		rest = v;
		p += 4;
	}
	if (len & 2) {
		u16 v;

		__builtin_memcpy(&v, p, 2);
		rest += v;
		p += 2;
	}
	if (len & 1)
		rest += *p;	/* little endian: the first byte of a padded pair */
	return cksum_join(sum, rest);
}

u64 cksum_add_odd(u64 sum, const void *data, size_t len)
{
	u64 part = cksum_add(0, data, len);

	/* A turn by 8 bits is a multiplication by 256 modulo 2^64 - 1: it exchanges the bytes. */
	return cksum_join(sum, part << 8 | part >> 56);
}
