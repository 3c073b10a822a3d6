/*
 * ChaCha20's block function, as RFC 8439 section 2.3 writes it. core/random calls it.
 */
#include "base/chacha20.h"
#include "base/endian.h"

static always_inline u32 turn(u32 v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static always_inline void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = turn(*d ^ *a, 16);
	*c += *d;
	*b = turn(*b ^ *c, 12);
	*a += *b;
	*d = turn(*d ^ *a, 8);
	*c += *d;
	*b = turn(*b ^ *c, 7);
}

void chacha20_block(u8 out[CHACHA20_BLOCK], const u32 key[8], u32 counter, const u32 nonce[3])
{
	const u32 in[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7],
		counter, nonce[0], nonce[1], nonce[2],
	};
	u32 s[16];

	for (int i = 0; i < 16; i++)
		s[i] = in[i];
	for (int i = 0; i < 10; i++) {
		quarter_round(&s[0], &s[4], &s[8], &s[12]);
		quarter_round(&s[1], &s[5], &s[9], &s[13]);
		quarter_round(&s[2], &s[6], &s[10], &s[14]);
		quarter_round(&s[3], &s[7], &s[11], &s[15]);
		quarter_round(&s[0], &s[5], &s[10], &s[15]);
		quarter_round(&s[1], &s[6], &s[11], &s[12]);
		quarter_round(&s[2], &s[7], &s[8], &s[13]);
		quarter_round(&s[3], &s[4], &s[9], &s[14]);
	}
	for (int i = 0; i < 16; i++)
		put_unaligned_le32(s[i] + in[i], out + 4 * i);
}
