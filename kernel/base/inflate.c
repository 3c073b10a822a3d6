/*
 * Decompression of gzip members: RFC 1952 the wrapping, RFC 1951 the stream. The initramfs is
 * unpacked through this at every boot, so the loop in block_decode counts instructions (about six
 * an output byte); everything around it goes step by step as in the RFC.
 *
 * Bits are read into a 64-bit buffer, codes are looked up in tables of 10 (literals and lengths) and 8
 * (distances) bits with second-level tables behind for longer codes. Output gathers in a window that
 * also holds the 32 KiB that matches may reach back to, and goes to the caller in big pieces.
 *
 * Table entries. All have in bits [5:0] how many bits of input the entry accounts for.
 *	literal		LITERAL, the byte in [23:16]
 *	length		the length in [24:16], extra bits already looked up
 *	special		SPECIAL and one of: SUBTABLE (first index in [26:16], its bits in [11:8]),
 *			END (of block), EXTRA (base in [24:16], length of the code alone in [13:8]),
 *			none: no code
 *	distance	base in [30:16], length of the code alone in [13:8]
 *	dist. special	DIST_SPECIAL and a subtable as above, or index 0: no code
 */
#include "base/inflate.h"
#include "base/endian.h"
#include "base/errno.h"
#include "base/string.h"

#define LITERAL		(1u << 31)
#define SPECIAL		(1u << 30)
#define EXTRA		(1u << 29)
#define END		(1u << 28)
#define SUBTABLE	(1u << 27)
#define DIST_SPECIAL	(1u << 31)

#define CODE_MAX	15	/* bits of the longest code */
#define DIST_BITS_MAX	28	/* a distance's code and extra bits */
#define MATCH_BITS_MAX	(INFLATE_LITLEN_BITS + DIST_BITS_MAX)	/* with the length from the first table */

/*
 * The input. bits holds what follows next[0], as many bits shifted out as were used, below a marker that
 * began at bit 63: the zeros above the marker count the used bits, no counter is kept.
 */
struct reader {
	u64 bits;
	const u8 *next, *end;
	const u8 *fast;		/* below it the next load is surely inside */
};

#define MARKER		(1ull << 63)

struct run {
	struct inflate_state *st;
	struct reader in;
	u8 *out;		/* next output byte in the window */
	u8 *piece;		/* first byte that the caller has not had */
	u8 *full;		/* from here on the window must be emptied */
	int (*put)(void *arg, const void *data, size_t len);
	void *arg;
	const char **why;
	u32 crc, size;
	bool fixed;		/* the tables are those of the fixed codes */
};

/* Note what is wrong; when bits behind the input's end were used, it is that. */
static int bad(struct run *r, const char *why)
{
	const struct reader *in = &r->in;

	*r->why = (size_t)__builtin_clzll(in->bits) > 8 * (size_t)(in->end - in->next) ? "cut off" : why;
	return -EINVAL;
}

/* Near the input's end: what is left, with zeros behind it. False when bits behind the end were used. */
static noinline bool refill_slow(struct reader *in)
{
	unsigned gone = __builtin_clzll(in->bits);
	u64 v = 0;

	if (gone / 8 > (size_t)(in->end - in->next))
		return false;
	in->next += gone / 8;
	for (int i = 0; i < 8 && i < in->end - in->next; i++)
		v |= (u64)in->next[i] << (8 * i);
	in->bits = (v | MARKER) >> (gone & 7);
	return true;
}

/* The new bits when *next has eight bytes behind the used ones; *next moves. */
static always_inline u64 refill_fast(u64 bits, const u8 **next)
{
	unsigned gone = __builtin_clzll(bits);

	*next += gone >> 3;
	return (get_unaligned_le64(*next) | MARKER) >> (gone & 7);
}

/* At least 56 bits. */
static bool refill(struct reader *in)
{
	if (unlikely(in->next >= in->fast))
		return refill_slow(in);
	in->bits = refill_fast(in->bits, &in->next);
	return true;
}

/* n bits, up to 32, that a refill made sure of. */
static u32 bits_take(struct reader *in, unsigned n)
{
	u32 v = in->bits & ((1ull << n) - 1);

	in->bits >>= n;
	return v;
}

/* Drop the rest of the current byte; next then is the first byte not used. False when the input had ended before. */
static bool bytes_align(struct reader *in)
{
	unsigned gone = __builtin_clzll(in->bits);

	if ((gone + 7) / 8 > (size_t)(in->end - in->next))
		return false;
	in->next += (gone + 7) / 8;
	in->bits = MARKER;
	return true;
}

/* Hand out what the window gathered, and move the history to its start. */
static int window_empty(struct run *r)
{
	struct inflate_state *st = r->st;
	size_t len = r->out - r->piece, keep = MIN((size_t)(r->out - st->window), (size_t)INFLATE_HISTORY);
	int err;

	r->crc = crc32_update(&st->crc, r->crc, r->piece, len);
	r->size += len;
	err = len ? r->put(r->arg, r->piece, len) : 0;
	if (err < 0)
		return err;
	memmove(st->window, r->out - keep, keep);
	r->out = r->piece = st->window + keep;
	return 0;
}

/* What one symbol of a code means: its entry, without the code's length. */
static u32 litlen_meaning(unsigned sym, unsigned *extra)
{
	/* RFC 1951, 3.2.5: codes 257..285, base and number of extra bits */
	static const u16 base[29] = {
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59,
		67, 83, 99, 115, 131, 163, 195, 227, 258,
	};
	static const u8 bits[29] = {
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	};

	*extra = 0;
	if (sym < 256)
		return LITERAL | sym << 16;
	if (sym == 256)
		return SPECIAL | END;
	if (sym > 285)
		return SPECIAL;
	*extra = bits[sym - 257];
	return (u32)base[sym - 257] << 16;
}

static u32 dist_meaning(unsigned sym, unsigned *extra)
{
	/* The same section: 0..3 stand for 1..4, then two codes a power of two. */
	unsigned n = sym < 2 ? 0 : sym / 2 - 1;

	*extra = sym < 30 ? n : 0;
	if (sym > 29)
		return DIST_SPECIAL;
	return (sym < 2 ? sym + 1 : ((2u + sym % 2) << n) + 1) << 16;
}

static u32 precode_meaning(unsigned sym, unsigned *extra)
{
	*extra = 0;
	return sym << 16;
}

enum code { LITLEN, DIST, PRECODE };

/* Put entry at index and each stride-th place behind it. */
static void places_fill(u32 *table, u32 index, u32 stride, u32 size, u32 entry)
{
	for (; index < size; index += stride)
		table[index] = entry;
}

/* The entry or entries of one code of len bits in a table of `bits` bits, its first index given. */
static void code_place(u32 *table, unsigned bits, u32 index, enum code code, unsigned sym, unsigned len,
		       unsigned upper)
{
	unsigned extra, width = len - upper;	/* upper: bits that the first table looked at */
	u32 meaning = code == LITLEN ? litlen_meaning(sym, &extra) :
		      code == DIST ? dist_meaning(sym, &extra) : precode_meaning(sym, &extra);

	if (code == LITLEN && extra) {
		if (!upper && len + extra <= bits) {
			for (u32 v = 0; v < 1u << extra; v++)
				places_fill(table, index | v << len, 1u << (len + extra), 1u << bits,
					    (meaning + (v << 16)) | (len + extra));
			return;
		}
		meaning |= SPECIAL | EXTRA;
	}
	places_fill(table, index, 1u << width, 1u << bits, meaning | len << 8 | (len + extra));
}

/* The next code of len bits in order, bits reversed as they arrive. */
static u32 code_next(u32 code, unsigned len)
{
	u32 bit = 1u << (len - 1);

	while (code & bit)
		bit >>= 1;
	return bit ? (code & (bit - 1)) | bit : 0;
}

/* Bits of the second-level table that begins with a code of len bits; count: codes of each length still to place. */
static unsigned subtable_bits(const u16 *count, unsigned len, unsigned first)
{
	unsigned bits = len - first;
	int room = 1 << bits;

	while (bits + first < CODE_MAX) {
		room -= count[bits + first];
		if (room <= 0)
			break;
		bits++;
		room <<= 1;
	}
	return bits;
}

/*
 * Make the table of a code from its lengths (RFC 1951, 3.2.2). False when the lengths are not a code: more
 * or fewer than fit, but for a lone code of one bit, or none at all, as encoders write for no distances.
 */
static bool table_make(struct inflate_state *st, u32 *table, unsigned first, size_t size, enum code kind,
		       const u8 *lens, unsigned n)
{
	u16 count[CODE_MAX + 1] = { 0 }, start[CODE_MAX + 2];
	unsigned codes = 0, len;
	u32 code = 0, sub = 1u << first, prefix = ~0u, sub_bits = 0;
	int left = 1;

	for (unsigned i = 0; i < n; i++)
		count[lens[i]]++;
	count[0] = 0;
	start[1] = 0;
	for (len = 1; len <= CODE_MAX; len++) {
		left = 2 * left - count[len];
		if (left < 0)
			return false;
		codes += count[len];
		start[len + 1] = codes;
	}
	if (left) {
		if (kind == PRECODE || codes > 1 || codes != count[1])
			return false;
		places_fill(table, 0, 1, 1u << first, kind == DIST ? DIST_SPECIAL : SPECIAL);
	}
	for (unsigned i = 0; i < n; i++)
		if (lens[i])
			st->sorted[start[lens[i]]++] = i;

	for (unsigned i = 0; i < codes; i++) {
		unsigned sym = st->sorted[i];

		len = lens[sym];
		if (len <= first) {
			code_place(table, first, code, kind, sym, len, 0);
		} else {
			if ((code & ((1u << first) - 1)) != prefix) {
				prefix = code & ((1u << first) - 1);
				sub += sub_bits ? 1u << sub_bits : 0;
				sub_bits = subtable_bits(count, len, first);
				if (sub + (1u << sub_bits) > size)
					return false;
				table[prefix] = (kind == DIST ? DIST_SPECIAL : SPECIAL | SUBTABLE) |
						sub << 16 | sub_bits << 8 | first;
			}
			code_place(table + sub, sub_bits, code >> first, kind, sym, len, first);
		}
		count[len]--;
		code = code_next(code, len);
	}
	return true;
}

static bool tables_make(struct inflate_state *st, unsigned n_litlen, unsigned n_dist)
{
	return table_make(st, st->litlen, INFLATE_LITLEN_BITS, INFLATE_LITLEN_MAX, LITLEN, st->lens, n_litlen) &&
	       table_make(st, st->dist, INFLATE_DIST_BITS, INFLATE_DIST_MAX, DIST, st->lens + n_litlen, n_dist);
}

/* RFC 1951, 3.2.6. */
static void tables_make_fixed(struct run *r)
{
	u8 *lens = r->st->lens;

	if (r->fixed)
		return;
	memset(lens, 8, 144);
	memset(lens + 144, 9, 112);
	memset(lens + 256, 7, 24);
	memset(lens + 280, 8, 8);
	memset(lens + 288, 5, 32);
	r->fixed = tables_make(r->st, 288, 32);
}

/* RFC 1951, 3.2.7: the code lengths, themselves coded. */
static int tables_read(struct run *r)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	struct inflate_state *st = r->st;
	struct reader *in = &r->in;
	unsigned n_litlen, n_dist, n_pre, i;
	u8 pre[19] = { 0 };

	r->fixed = false;
	if (!refill(in))
		return bad(r, "cut off");
	n_litlen = bits_take(in, 5) + 257;
	n_dist = bits_take(in, 5) + 1;
	n_pre = bits_take(in, 4) + 4;
	if (n_litlen > 286 || n_dist > 30)
		return bad(r, "too many codes in a block");
	for (i = 0; i < n_pre; i++) {
		if (!(i % 16) && !refill(in))
			return bad(r, "cut off");
		pre[order[i]] = bits_take(in, 3);
	}
	if (!table_make(st, st->precode, 7, ARRAY_SIZE(st->precode), PRECODE, pre, 19))
		return bad(r, "bad code lengths in a block");

	for (i = 0; i < n_litlen + n_dist;) {
		unsigned sym, repeat = 1;
		u8 value = 0;
		u32 e;

		if (!refill(in))
			return bad(r, "cut off");
		e = st->precode[in->bits & 127];
		bits_take(in, e & 63);
		sym = e >> 16;
		if (sym < 16) {
			value = sym;
		} else if (sym == 16) {
			if (!i)
				return bad(r, "a block repeats a code length before the first");
			value = st->lens[i - 1];
			repeat = 3 + bits_take(in, 2);
		} else {
			repeat = sym == 17 ? 3 + bits_take(in, 3) : 11 + bits_take(in, 7);
		}
		if (repeat > n_litlen + n_dist - i)
			return bad(r, "a block has too many code lengths");
		while (repeat--)
			st->lens[i++] = value;
	}
	if (!st->lens[256])
		return bad(r, "a block has no end code");
	if (!tables_make(st, n_litlen, n_dist))
		return bad(r, "bad codes in a block");
	return 0;
}

/* A match whose distance is under 16 bytes: its source is partly what it writes. */
static noinline u8 *match_near(u8 *out, size_t dist, size_t len)
{
	u8 *end = out + len;
	const u8 *from = out - dist;
	size_t step = dist < 8 ? dist : 8;
	u64 v;

	if (dist == 1) {
		v = *from * 0x0101010101010101ull;
		for (; out < end; out += 8)
			put_unaligned_le64(v, out);
		return end;
	}
	/* Of each word the first step bytes are right, and the next word begins behind them. */
	for (; out < end; out += step, from += step)
		put_unaligned_le64(get_unaligned_le64(from), out);
	return end;
}

static always_inline void copy16(u8 *to, const u8 *from)
{
	u64 a = get_unaligned_le64(from), b = get_unaligned_le64(from + 8);

	put_unaligned_le64(a, to);
	put_unaligned_le64(b, to + 8);
}

/* The rest of a longer match, up to 15 bytes too much. */
static noinline void match_far(u8 *to, const u8 *from, size_t len)
{
	const u8 *end = to + len;

	for (; to < end; to += 16, from += 16)
		copy16(to, from);
}

/*
 * How many turns of block_decode's loop are safe before room and input must be looked at again: one
 * writes less than 512 bytes and moves next by less than 16. 0: only with the slow refill.
 */
static size_t turns_safe(const struct run *r, const u8 *out, const u8 *next)
{
	size_t room = (r->full - out) / 512, input = next < r->in.fast ? (r->in.fast - next) / 16 : 0;

	return MIN(room, input);
}

/*
 * The symbols of one block up to its end code (RFC 1951, 3.2.3). The reader is in locals, so that the
 * compiler keeps it in registers; only the slow refill near the input's end goes through memory.
 */
static int block_decode(struct run *r)
{
	const u32 *litlen = r->st->litlen, *dists = r->st->dist;
	const u8 *window = r->st->window, *next = r->in.next, *from;
	u64 bits = r->in.bits, saved;
	u32 e;
	u8 *out = r->out;
	size_t len, dist, turns = 0;
	int err;

#define LITLEN_LOOK()	litlen[bits & ((1u << INFLATE_LITLEN_BITS) - 1)]
#define DIST_LOOK()	dists[bits & ((1u << INFLATE_DIST_BITS) - 1)]
#define BITS_DROP(e)	(bits >>= (e) & 63)
#define BITS_FEW(n)	(!(bits >> (n)))	/* fewer than n are left */
#define REFILL_SLOW()								\
	do {									\
		r->in.bits = bits, r->in.next = next;				\
		if (!refill_slow(&r->in))					\
			return bad(r, "cut off");				\
		bits = r->in.bits, next = r->in.next;				\
	} while (0)
#define BAD(why)	(r->in.bits = bits, r->in.next = next, bad(r, why))
/* Base and extra bits of an entry whose bits were dropped; saved are those before. */
#define VALUE(e)	(((saved & ~(~0ull << ((e) & 63))) >> ((e) >> 8 & 63)) + ((u64)(e) >> 16))

	for (;;) {
		if (likely(turns)) {
			turns--;
			bits = refill_fast(bits, &next);
		} else {
			if (r->full - out < 512) {
				r->out = out;
				err = window_empty(r);
				if (err < 0)
					return err;
				out = r->out;
			}
			turns = turns_safe(r, out, next);
			if (turns)
				continue;
			REFILL_SLOW();
		}

		/* Up to three literals of at most 10 bits, or two and a match: then 56 bits may be used up. */
		e = LITLEN_LOOK();
		if (e & LITERAL) {
			BITS_DROP(e);
			*out++ = e >> 16;
			e = LITLEN_LOOK();
			if (e & LITERAL) {
				BITS_DROP(e);
				*out++ = e >> 16;
				e = LITLEN_LOOK();
				if (e & LITERAL) {
					BITS_DROP(e);
					*out++ = e >> 16;
					continue;
				}
				if (BITS_FEW(MATCH_BITS_MAX))
					continue;
			}
		}
		if (unlikely(e & SPECIAL)) {
			if (e & SUBTABLE)
				e = litlen[(e >> 16 & 0x7ff) +
					   (bits >> INFLATE_LITLEN_BITS & ((1u << (e >> 8 & 15)) - 1))];
			saved = bits;
			BITS_DROP(e);
			if (e & LITERAL) {
				*out++ = e >> 16;
				continue;
			}
			if (e & END)
				break;
			e &= ~(SPECIAL | EXTRA);
			if (!(e >> 16))
				return BAD("a code that means nothing");
			len = VALUE(e);
			if (BITS_FEW(DIST_BITS_MAX))
				REFILL_SLOW();
		} else {
			BITS_DROP(e);
			len = e >> 16;
		}

		e = DIST_LOOK();
		if (unlikely(e & DIST_SPECIAL)) {
			if (!(e >> 16 & 0x7ff))
				return BAD("a distance code that means nothing");
			e = dists[(e >> 16 & 0x7ff) + (bits >> INFLATE_DIST_BITS & ((1u << (e >> 8 & 15)) - 1))];
			if (e & DIST_SPECIAL)
				return BAD("a distance code that means nothing");
		}
		saved = bits;
		BITS_DROP(e);
		dist = VALUE(e);
		from = (const u8 *)((uintptr_t)out - dist);
		if (unlikely((uintptr_t)from < (uintptr_t)window))
			return BAD("a match reaches before the start");
		if (unlikely(dist < 16)) {
			out = match_near(out, dist, len);
			continue;
		}
		copy16(out, from);
		if (unlikely(len > 16))
			match_far(out + 16, from + 16, len - 16);
		out += len;
	}
	r->in.bits = bits, r->in.next = next;
	r->out = out;
	return 0;
#undef LITLEN_LOOK
#undef DIST_LOOK
#undef BITS_DROP
#undef BITS_FEW
#undef REFILL_SLOW
#undef VALUE
#undef BAD
}

/* RFC 1951, 3.2.4. */
static int block_stored(struct run *r)
{
	struct reader *in = &r->in;
	size_t len;
	int err;

	if (!bytes_align(in) || in->end - in->next < 4)
		return bad(r, "cut off");
	len = get_unaligned_le16(in->next);
	if (get_unaligned_le16(in->next + 2) != (u16)~len)
		return bad(r, "bad length of a stored block");
	in->next += 4;
	if (len > (size_t)(in->end - in->next))
		return bad(r, "cut off");
	while (len) {
		size_t n;

		if (r->out >= r->full) {
			err = window_empty(r);
			if (err < 0)
				return err;
		}
		n = MIN(len, (size_t)(r->full - r->out));
		memcpy(r->out, in->next, n);
		r->out += n;
		in->next += n;
		len -= n;
	}
	return 0;
}

/* The deflate stream: blocks up to the last. */
static int stream_decode(struct run *r)
{
	bool last;
	int err;

	do {
		if (!refill(&r->in))
			return bad(r, "cut off");
		last = bits_take(&r->in, 1);
		switch (bits_take(&r->in, 2)) {
		case 0:
			err = block_stored(r);
			break;
		case 1:
			tables_make_fixed(r);
			err = block_decode(r);
			break;
		case 2:
			err = tables_read(r);
			if (!err)
				err = block_decode(r);
			break;
		default:
			err = bad(r, "a block of no known kind");
		}
		if (err)
			return err;
	} while (!last);
	return bytes_align(&r->in) ? window_empty(r) : bad(r, "cut off");
}

/* RFC 1952, 2.3: returns the header's length. */
static int header_read(struct run *r, const u8 *p, size_t len)
{
	enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16, RESERVED = 0xe0 };
	size_t at = 10;

	if (!inflate_is_gzip(p, len))
		return bad(r, "not gzip");
	if (len < at)
		return bad(r, "cut off");
	if (p[2] != 8)
		return bad(r, "not compressed by deflate");
	if (p[3] & RESERVED)
		return bad(r, "unknown flags in the header");
	if (p[3] & FEXTRA) {
		if (len - at < 2)
			return bad(r, "cut off");
		at += 2 + get_unaligned_le16(p + at);
		if (at > len)
			return bad(r, "cut off");
	}
	for (int flag = FNAME; flag <= FCOMMENT; flag <<= 1) {
		const u8 *nul;

		if (!(p[3] & flag))
			continue;
		nul = memchr(p + at, 0, len - at);
		if (!nul)
			return bad(r, "cut off");
		at = nul + 1 - p;
	}
	if (p[3] & FHCRC) {
		if (len - at < 2)
			return bad(r, "cut off");
		if (get_unaligned_le16(p + at) != (u16)crc32_update(&r->st->crc, 0, p, at))
			return bad(r, "bad checksum of the header");
		at += 2;
	}
	return at > INT32_MAX ? bad(r, "a header without end") : (int)at;
}

int inflate_gzip(struct inflate_state *st, const void *src, size_t len,
		 int (*out)(void *arg, const void *data, size_t len), void *arg,
		 size_t *consumed, const char **why)
{
	const u8 *p = src, *end = p + len;
	struct run r = {
		.st = st, .out = st->window, .piece = st->window, .full = st->window + INFLATE_HISTORY + INFLATE_PIECE,
		.put = out, .arg = arg, .why = why,
		.in = { .bits = MARKER, .next = p, .end = end },
	};
	int n;

	*why = "";
	crc32_init(&st->crc);
	n = header_read(&r, p, len);
	if (n < 0)
		return n;
	r.in.next = p + n;
	r.in.fast = len >= 16 ? end - 15 : p;	/* eight bytes behind up to seven that are used up */
	n = stream_decode(&r);
	if (n < 0)
		return n;
	if (end - r.in.next < 8)
		return bad(&r, "cut off");
	if (get_unaligned_le32(r.in.next) != r.crc)
		return bad(&r, "bad checksum");
	if (get_unaligned_le32(r.in.next + 4) != r.size)
		return bad(&r, "bad length");
	*consumed = r.in.next + 8 - p;
	return 0;
}
