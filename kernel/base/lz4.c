/*
 * Decompression of an LZ4 block: sequences of a token (lengths of both parts), literals and a match in what
 * was written before. The kernel itself is unpacked through this at every boot, so most sequences, those with
 * short lengths, go through a loop that counts instructions: it copies 16 bytes where fewer may be asked for
 * and checks bounds once for many sequences. All others go step by step.
 *
 * Source: LZ4 Block Format Description. Lengths of 15 go on in further bytes until one is not 255; a match is 4 bytes
 * longer than its token says; the last sequence ends after its literals.
 */
#include "base/lz4.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"

#define MORE		15	/* a length that goes on in the next byte */
#define MATCH_MIN	4
#define QUICK_IN	32	/* a quick sequence reads no farther: token, 16 bytes for up to 14 literals, distance */
#define QUICK_OUT	48	/* and writes no farther: 14 literals, then 18 bytes of match */
#define QUICK_DISTANCE	16

struct run {
	const u8 *in, *in_end;
	u8 *out, *out_start, *out_end;
};

static always_inline void copy_16(u8 *to, const u8 *from)
{
	u64 a, b;

	__builtin_memcpy(&a, from, 8);
	__builtin_memcpy(&b, from + 8, 8);
	__builtin_memcpy(to, &a, 8);
	__builtin_memcpy(to + 8, &b, 8);
}

/* As many sequences as are of the quick kind; stops before one that isn't, or near either end. */
static always_inline void quick_sequences(struct run *r)
{
	const u8 *in = r->in;
	u8 *out = r->out;
	size_t n = MIN((size_t)(r->in_end - in) / QUICK_IN, (size_t)(r->out_end - out) / QUICK_OUT);

	for (; n; n--) {
		u64 token = in[0], match = token & 15, literals = token >> 4, distance;
		const u8 *next = in + literals + 1, *from;
		u8 *to = out + literals;
		u16 last;

		if (literals == MORE || match == MORE)
			break;
		__builtin_memcpy(&last, next, 2);
		distance = last;
		from = to - distance;
		if (distance < QUICK_DISTANCE || from < r->out_start)
			break;
		copy_16(out, in + 1);
		copy_16(to, from);
		__builtin_memcpy(&last, from + 16, 2);
		__builtin_memcpy(to + 16, &last, 2);
		in = next + 2;
		out = to + match + MATCH_MIN;
	}
	r->in = in;
	r->out = out;
}

/* The rest of a length that began with `first` in its token. False: the input ends in it. */
static bool length_read(struct run *r, u32 first, size_t *length)
{
	u8 more = 255;

	*length = first;
	if (first < MORE)
		return true;
	while (more == 255) {
		if (r->in == r->in_end)
			return false;
		more = *r->in++;
		*length += more;
	}
	return true;
}

/* The match may overlap what it makes: each copy has all that was written as its source. */
static void match_copy(u8 *out, const u8 *from, size_t length)
{
	while (length) {
		size_t n = MIN(length, (size_t)(out - from));

		memcpy(out, from, n);
		out += n;
		length -= n;
	}
}

/* One sequence. 1: there are more; 0: that was the last; or -EINVAL. */
static int sequence(struct run *r)
{
	size_t literals, match, distance;
	u8 token;

	if (r->in == r->in_end)
		return -EINVAL;
	token = *r->in++;
	if (!length_read(r, token >> 4, &literals))
		return -EINVAL;
	if (literals > (size_t)(r->in_end - r->in) || literals > (size_t)(r->out_end - r->out))
		return -EINVAL;
	memmove(r->out, r->in, literals);
	r->in += literals;
	r->out += literals;
	if (r->in == r->in_end)
		return 0;
	if (r->in_end - r->in < 2)
		return -EINVAL;
	distance = get_unaligned_le16(r->in);
	r->in += 2;
	if (!length_read(r, token & 15, &match))
		return -EINVAL;
	match += MATCH_MIN;
	if (!distance || distance > (size_t)(r->out - r->out_start) || match > (size_t)(r->out_end - r->out))
		return -EINVAL;
	match_copy(r->out, r->out - distance, match);
	r->out += match;
	return 1;
}

int lz4_unpack(void *dst, size_t dst_len, const void *src, size_t src_len)
{
	struct run r = { src, (const u8 *)src + src_len, dst, dst, (u8 *)dst + dst_len };
	int err;

	do {
		quick_sequences(&r);
		err = sequence(&r);
	} while (err > 0);
	return err ? err : r.out == r.out_end ? 0 : -EINVAL;
}
