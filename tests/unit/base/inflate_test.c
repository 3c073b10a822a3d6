/*
 * The gzip decompressor: streams that gzip made, streams made by hand for what gzip never
 * writes, and streams that are broken in every place. Each is put into memory of its exact size, so
 * that the address sanitizer sees a read past its end; the state is checked for writes behind it.
 *
 * sources: base/inflate.c base/crc32.c
 */
#include <errno.h>
#include "unit.h"
#include "base/inflate.h"
#include "base/endian.h"

/* Bytes that grow. */
struct bytes {
	u8 *p;
	size_t len, room;
};

static void bytes_add(struct bytes *b, const void *p, size_t len)
{
	if (!len)
		return;
	if (b->len + len > b->room) {
		b->room = 2 * (b->len + len);
		b->p = realloc(b->p, b->room);
	}
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void bytes_free(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){ 0 };
}

static int collect(void *arg, const void *data, size_t len)
{
	bytes_add(arg, data, len);
	return 0;
}

static const char *why;

/* Decompress src; the output goes to out. */
static int unzip(const void *src, size_t len, struct bytes *out, size_t *consumed)
{
	static struct inflate_state st;		/* whatever the last run left in it */
	u8 *exact = malloc(len);
	int err;

	memcpy(exact, src, len);
	why = NULL;
	*consumed = 0;
	err = inflate_gzip(&st, exact, len, collect, out, consumed, &why);
	EXPECT(why != NULL);
	EXPECT(!err || (*why && err == -EINVAL));
	free(exact);
	return err;
}

/* What the host's gzip makes of data. */
static struct bytes zip(const void *data, size_t len, int level)
{
	char name[] = "/tmp/inflate_test.XXXXXX", command[64];
	struct bytes z = { 0 };
	u8 buf[65536];
	int fd = mkstemp(name);
	FILE *f = fdopen(fd, "wb");
	size_t n;

	fwrite(data, 1, len, f);
	fclose(f);
	snprintf(command, sizeof(command), "gzip -%dc %s", level, name);
	f = popen(command, "r");
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		bytes_add(&z, buf, n);
	pclose(f);
	remove(name);
	return z;
}

enum { NOISE, TEXT, RUNS, PROGRAM, NEAR, KINDS };

/* Test data of a kind; the program is this one. */
static struct bytes data_make(int kind, size_t len)
{
	struct bytes d = { calloc(1, len + 1), len, len + 1 };
	size_t i = 0, n;
	FILE *f;

	switch (kind) {
	case NOISE:
		unit_random_fill(d.p, len);
		break;
	case TEXT:
		while (i < len)
			d.p[i++] = "etaoin shrdlu cmfwyp"[unit_random_below(2) ? unit_random_below(20) : unit_random_below(4)];
		break;
	case RUNS:
		while (i < len) {
			u8 c = unit_random();

			for (n = 1 + unit_random_below(2000); n && i < len; n--)
				d.p[i++] = c;
		}
		break;
	case PROGRAM:
		f = fopen("/proc/self/exe", "rb");
		n = fread(d.p, 1, len, f);
		EXPECT(n || !len);
		fclose(f);
		break;
	case NEAR:	/* repeats of 2 to 40 bytes */
		while (i < len) {
			u8 word[40];
			size_t w = 2 + unit_random_below(39);

			unit_random_fill(word, w);
			for (n = unit_random_below(400); n && i < len; n--, i++)
				d.p[i] = word[n % w];
		}
	}
	return d;
}

TEST(gzip_output_comes_back)
{
	static const size_t sizes[] = { 0, 1, 2, 15, 16, 17, 100, 4096, 40000, 131071, 131072, 131360, 700000 };
	static const int levels[] = { 1, 6, 9 };

	for (int kind = 0; kind < KINDS; kind++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
				struct bytes d = data_make(kind, sizes[s]), z = zip(d.p, d.len, levels[l]), out = { 0 };
				size_t consumed;

				EXPECT_EQ(unzip(z.p, z.len, &out, &consumed), 0);
				EXPECT_EQ(consumed, z.len);
				EXPECT_EQ(out.len, d.len);
				EXPECT(out.len == d.len && (!d.len || !memcmp(out.p, d.p, d.len)));
				bytes_free(&d);
				bytes_free(&z);
				bytes_free(&out);
			}
}

TEST(members_one_after_the_other)
{
	struct bytes a = zip("first", 5, 9), b = zip("second", 6, 9), out = { 0 };
	size_t n, m, len = a.len;

	bytes_add(&a, b.p, b.len);
	bytes_add(&a, "\0\0\0\0 and more", 13);
	EXPECT_EQ(unzip(a.p, a.len, &out, &n), 0);
	EXPECT_EQ(n, len);
	EXPECT(inflate_is_gzip(a.p + n, a.len - n));
	EXPECT_EQ(unzip(a.p + n, a.len - n, &out, &m), 0);
	EXPECT_EQ(m, b.len);
	EXPECT(!inflate_is_gzip(a.p + n + m, a.len - n - m));
	EXPECT_EQ(out.len, 11u);
	EXPECT_MEM(out.p, "firstsecond", 11);
	bytes_free(&a);
	bytes_free(&b);
	bytes_free(&out);
}

TEST(each_truncation_is_found)
{
	for (int kind = 0; kind < KINDS; kind++)
		for (int level = 1; level <= 9; level += 8) {
			struct bytes d = data_make(kind, 3000), z = zip(d.p, d.len, level), out = { 0 };
			size_t consumed;

			for (size_t len = 0; len < z.len; len++) {
				out.len = 0;
				EXPECT_EQ(unzip(z.p, len, &out, &consumed), -EINVAL);
				EXPECT(len < 2 || !strcmp(why, "cut off"));
			}
			bytes_free(&d);
			bytes_free(&z);
			bytes_free(&out);
		}
}

/*
 * A flip either is found or changes nothing of the data: it may hit a header's field that is not for us, the
 * rest of the last byte, or a distance to another place with the same bytes.
 */
TEST(each_flipped_bit_is_found_or_harmless)
{
	struct bytes d = data_make(TEXT, 1500), z = zip(d.p, d.len, 9), out = { 0 };
	size_t consumed, harmless = 0;

	for (size_t bit = 0; bit < z.len * 8; bit++) {
		z.p[bit / 8] ^= 1 << (bit % 8);
		out.len = 0;
		if (!unzip(z.p, z.len, &out, &consumed)) {
			EXPECT(out.len == d.len && !memcmp(out.p, d.p, d.len));
			harmless++;
		}
		z.p[bit / 8] ^= 1 << (bit % 8);
	}
	EXPECT_LT(harmless, 8 * (strlen((char *)z.p + 10) + 20));
	bytes_free(&d);
	bytes_free(&z);
	bytes_free(&out);
}

TEST(random_damage_stays_inside)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct bytes d = data_make(kind, 20000), z = zip(d.p, d.len, 9), out = { 0 };
		u8 *broken = malloc(z.len);
		size_t consumed;

		for (int i = 0; i < 600; i++) {
			memcpy(broken, z.p, z.len);
			for (int k = 1 + unit_random_below(8); k; k--)
				broken[10 + unit_random_below(z.len - 10)] = unit_random();
			out.len = 0;
			if (!unzip(broken, z.len, &out, &consumed))
				EXPECT(out.len == d.len && !memcmp(out.p, d.p, d.len));
		}
		free(broken);
		bytes_free(&d);
		bytes_free(&z);
		bytes_free(&out);
	}
}

/* Noise behind a right header: random blocks of all three kinds. */
TEST(noise_stays_inside)
{
	u8 buf[400] = { 0x1f, 0x8b, 8 };
	struct bytes out = { 0 };
	size_t consumed;

	for (int i = 0; i < 30000; i++) {
		size_t len = 18 + unit_random_below(sizeof(buf) - 18);

		unit_random_fill(buf + 10, len - 10);
		buf[10] = (buf[10] & ~6) | (i % 3) << 1;
		out.len = 0;
		unzip(buf, len, &out, &consumed);
	}
	bytes_free(&out);
}

/* ---- streams by hand ---- */

struct writer {
	u8 p[4096];
	size_t bit;
};

/* n bits, the least first, as RFC 1951, 3.1.1 packs everything but codes. */
static void put_bits(struct writer *w, u32 v, unsigned n)
{
	for (; n; n--, v >>= 1, w->bit++)
		w->p[w->bit / 8] |= (v & 1) << (w->bit % 8);
}

/* A code: its most significant bit first. */
static void put_code(struct writer *w, u32 v, unsigned n)
{
	while (n--)
		put_bits(w, v >> n & 1, 1);
}

/* A symbol in the fixed code (3.2.6). */
static void put_fixed(struct writer *w, unsigned sym)
{
	if (sym < 144)
		put_code(w, 0x30 + sym, 8);
	else if (sym < 256)
		put_code(w, 0x190 + sym - 144, 9);
	else if (sym < 280)
		put_code(w, sym - 256, 7);
	else
		put_code(w, 0xc0 + sym - 280, 8);
}

static void put_header(struct writer *w)
{
	memset(w, 0, sizeof(*w));
	put_bits(w, 0x8b1f, 16);
	put_bits(w, 8, 8);
	w->bit = 80;
}

/* The trailer for what the stream should give; then decompress it. */
static int finish(struct writer *w, const void *data, size_t len, struct bytes *out)
{
	static struct crc32_tables t;
	size_t at = (w->bit + 7) / 8, consumed;

	crc32_init(&t);
	put_unaligned_le32(crc32_update(&t, 0, data, len), w->p + at);
	put_unaligned_le32(len, w->p + at + 4);
	out->len = 0;
	return unzip(w->p, at + 8, out, &consumed);
}

TEST(header_fields_are_passed_over_and_checked)
{
	static struct crc32_tables t;
	struct bytes z = zip("data", 4, 9), h = { 0 }, out = { 0 };
	size_t skip = 10 + strlen((char *)z.p + 10) + 1, consumed;
	u8 crc[2];

	crc32_init(&t);
	bytes_add(&h, "\x1f\x8b\x08\x1e\0\0\0\0\0\3" "\5\0EXTRA" "name\0" "comment", 30);
	put_unaligned_le16(crc32_update(&t, 0, h.p, h.len), crc);
	bytes_add(&h, crc, 2);
	bytes_add(&h, z.p + skip, z.len - skip);
	EXPECT_EQ(unzip(h.p, h.len, &out, &consumed), 0);
	EXPECT_EQ(consumed, h.len);
	EXPECT_EQ(out.len, 4u);
	for (size_t len = 0; len < 32; len++)
		EXPECT_EQ(unzip(h.p, len, &out, &consumed), -EINVAL);
	h.p[30] ^= 1;
	EXPECT_EQ(unzip(h.p, h.len, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "bad checksum of the header");
	h.p[3] = 0x20;
	EXPECT_EQ(unzip(h.p, h.len, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "unknown flags in the header");
	h.p[3] = 0;
	h.p[2] = 9;
	EXPECT_EQ(unzip(h.p, h.len, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "not compressed by deflate");
	EXPECT_EQ(unzip("070701", 6, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "not gzip");
	bytes_free(&z);
	bytes_free(&h);
	bytes_free(&out);
}

TEST(trailer_is_checked)
{
	struct bytes z = zip("some data", 9, 9), out = { 0 };
	size_t consumed;

	z.p[z.len - 1] ^= 1;
	EXPECT_EQ(unzip(z.p, z.len, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "bad length");
	z.p[z.len - 8] ^= 1;
	EXPECT_EQ(unzip(z.p, z.len, &out, &consumed), -EINVAL);
	EXPECT_STR(why, "bad checksum");
	bytes_free(&z);
	bytes_free(&out);
}

TEST(fixed_block_longest_and_farthest_match)
{
	struct writer w;
	struct bytes out = { 0 };
	u8 want[40000];
	size_t n = 0;

	put_header(&w);
	put_bits(&w, 3, 3);
	put_fixed(&w, 'x');
	put_fixed(&w, 200);
	want[n++] = 'x';
	want[n++] = 200;
	while (n < 32768) {		/* length 258 is code 285, distance 2 code 1 */
		put_fixed(&w, 285);
		put_code(&w, 1, 5);
		for (int i = 0; i < 258; i++, n++)
			want[n] = want[n - 2];
	}
	put_fixed(&w, 257);		/* 3 bytes from 32768 back: code 29, all 13 extra bits */
	put_code(&w, 29, 5);
	put_bits(&w, 0x1fff, 13);
	for (int i = 0; i < 3; i++, n++)
		want[n] = want[n - 32768];
	put_fixed(&w, 284);		/* 227 and 31 more, the other way to write 258; distance 1 */
	put_bits(&w, 31, 5);
	put_code(&w, 0, 5);
	for (int i = 0; i < 258; i++, n++)
		want[n] = want[n - 1];
	put_fixed(&w, 256);
	EXPECT_EQ(finish(&w, want, n, &out), 0);
	EXPECT_STR(why, "");
	EXPECT_EQ(out.len, n);
	EXPECT(out.len == n && !memcmp(out.p, want, n));
	bytes_free(&out);
}

TEST(match_before_the_start_is_refused)
{
	struct bytes out = { 0 };

	for (unsigned literals = 0; literals < 5; literals++) {
		struct writer w;

		put_header(&w);
		put_bits(&w, 3, 3);
		for (unsigned i = 0; i < literals; i++)
			put_fixed(&w, 'a');
		put_fixed(&w, 257);
		put_code(&w, 3, 5);	/* distance 4 */
		put_fixed(&w, 256);
		EXPECT_EQ(finish(&w, "aaaaaaa", literals + 3, &out), literals < 4 ? -EINVAL : 0);
		EXPECT_STR(why, literals < 4 ? "a match reaches before the start" : "");
	}
	bytes_free(&out);
}

TEST(codes_without_meaning_are_refused)
{
	struct bytes out = { 0 };
	struct writer w;

	for (unsigned sym = 286; sym < 288; sym++) {
		put_header(&w);
		put_bits(&w, 3, 3);
		put_fixed(&w, sym);
		put_bits(&w, 0, 32);
		EXPECT_EQ(finish(&w, "", 0, &out), -EINVAL);
		EXPECT_STR(why, "a code that means nothing");
	}
	for (unsigned dist = 30; dist < 32; dist++) {
		put_header(&w);
		put_bits(&w, 3, 3);
		put_fixed(&w, 'a');
		put_fixed(&w, 257);
		put_code(&w, dist, 5);
		put_bits(&w, 0, 32);
		EXPECT_EQ(finish(&w, "", 0, &out), -EINVAL);
		EXPECT_STR(why, "a distance code that means nothing");
	}
	put_header(&w);
	put_bits(&w, 7, 3);
	EXPECT_EQ(finish(&w, "", 0, &out), -EINVAL);
	EXPECT_STR(why, "a block of no known kind");
	bytes_free(&out);
}

TEST(stored_blocks)
{
	struct bytes out = { 0 };
	struct writer w;

	put_header(&w);
	put_bits(&w, 0, 3);		/* empty, not the last */
	w.bit = 88;
	put_bits(&w, 0xffff0000, 32);
	put_bits(&w, 1, 3);
	w.bit = (w.bit + 7) & ~7u;
	put_bits(&w, 0xfffc0003, 32);
	put_bits(&w, 'a' | 'b' << 8 | 'c' << 16, 24);
	EXPECT_EQ(finish(&w, "abc", 3, &out), 0);
	EXPECT_MEM(out.p, "abc", 3);
	w.p[12] ^= 1;
	EXPECT_EQ(finish(&w, "abc", 3, &out), -EINVAL);
	EXPECT_STR(why, "bad length of a stored block");
	bytes_free(&out);
}

/* A dynamic block's head: the lengths given for the literal/length and distance codes, each written by itself. */
static void put_dynamic(struct writer *w, const u8 *lens, unsigned n_litlen, unsigned n_dist)
{
	static const u8 order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };

	put_bits(w, 5, 3);
	put_bits(w, n_litlen - 257, 5);
	put_bits(w, n_dist - 1, 5);
	put_bits(w, 15, 4);
	for (int i = 0; i < 19; i++)	/* 0..15 have four bits each */
		put_bits(w, order[i] < 16 ? 4 : 0, 3);
	for (unsigned i = 0; i < n_litlen + n_dist; i++)
		put_code(w, lens[i], 4);
}

TEST(longest_codes)
{
	/* One code of each length from 1 to 14, two of 15, for both alphabets. */
	u8 lens[286 + 30] = { 0 };
	struct bytes out = { 0 };
	struct writer w;
	u8 want[300];
	size_t n = 0;

	for (int i = 0; i < 13; i++)
		lens['a' + i] = i + 1;
	lens[256] = 14;
	lens[284] = lens['z'] = 15;
	for (int i = 0; i < 14; i++)
		lens[286 + i] = i + 1;
	lens[286 + 28] = lens[286 + 29] = 15;
	put_header(&w);
	put_dynamic(&w, lens, 286, 30);
	for (int i = 0; i < 13; i++) {
		put_code(&w, (1u << (i + 1)) - 2, i + 1);
		want[n++] = 'a' + i;
	}
	put_code(&w, 0x7ffe, 15);	/* 'z' comes before 284 */
	want[n++] = 'z';
	put_code(&w, 0x7fff, 15);
	put_bits(&w, 3, 5);		/* 230 */
	put_code(&w, 0x7e, 7);		/* distance code 6: 9 and up */
	put_bits(&w, 3, 2);		/* 12 */
	for (int i = 0; i < 230; i++, n++)
		want[n] = want[n - 12];
	put_code(&w, 0x3ffe, 14);
	EXPECT_EQ(finish(&w, want, n, &out), 0);
	EXPECT_STR(why, "");
	EXPECT(out.len == n && !memcmp(out.p, want, n));
	bytes_free(&out);
}

static int dynamic_try(const u8 *lens, unsigned n_litlen, unsigned n_dist, const char *reason)
{
	struct bytes out = { 0 };
	struct writer w;
	int err;

	put_header(&w);
	put_dynamic(&w, lens, n_litlen, n_dist);
	put_code(&w, 0, 1);		/* where only the end code is there, it is 0 */
	err = finish(&w, "", 0, &out);
	EXPECT_STR(why, reason);
	bytes_free(&out);
	return err;
}

TEST(code_lengths_that_are_no_code_are_refused)
{
	u8 lens[320] = { 0 };

	EXPECT_EQ(dynamic_try(lens, 257, 1, "a block has no end code"), -EINVAL);
	lens[256] = 1;
	EXPECT_EQ(dynamic_try(lens, 257, 1, ""), 0);	/* an end code alone, no distances */
	lens[257] = 1;
	EXPECT_EQ(dynamic_try(lens, 257, 1, ""), 0);	/* a lone distance code */
	lens[257] = 2;
	EXPECT_EQ(dynamic_try(lens, 257, 1, "bad codes in a block"), -EINVAL);
	lens[257] = 0;
	lens[256] = 2;
	EXPECT_EQ(dynamic_try(lens, 257, 1, "bad codes in a block"), -EINVAL);	/* incomplete */
	lens[256] = 1;
	lens[0] = lens[1] = 1;
	EXPECT_EQ(dynamic_try(lens, 257, 1, "bad codes in a block"), -EINVAL);	/* too many */
	lens[1] = 0;
	EXPECT_EQ(dynamic_try(lens, 287, 1, "too many codes in a block"), -EINVAL);
	EXPECT_EQ(dynamic_try(lens, 257, 31, "too many codes in a block"), -EINVAL);
}

TEST(repeats_of_code_lengths_are_checked)
{
	struct bytes out = { 0 };
	struct writer w;

	for (int late = 0; late < 2; late++) {
		put_header(&w);
		put_bits(&w, 5, 3);
		put_bits(&w, 0, 5);
		put_bits(&w, 0, 5);
		put_bits(&w, 15, 4);
		for (int i = 0; i < 19; i++)	/* 16 and 18 have one bit each: 0 and 1 */
			put_bits(&w, i == 0 || i == 2, 3);
		if (late) {
			put_code(&w, 1, 1);	/* 138 zeros, and 138 more: 276 of 258 */
			put_bits(&w, 127, 7);
			put_code(&w, 1, 1);
			put_bits(&w, 127, 7);
		} else {
			put_code(&w, 0, 1);	/* the one before the first again */
			put_bits(&w, 0, 2);
		}
		put_bits(&w, 0, 32);
		EXPECT_EQ(finish(&w, "", 0, &out), -EINVAL);
		EXPECT_STR(why, late ? "a block has too many code lengths" : "a block repeats a code length before the first");
	}
	bytes_free(&out);
}

static int refuse(void *arg, const void *data, size_t len)
{
	return ++*(int *)arg == 2 ? -ENOSPC : 0;
}

TEST(an_error_of_the_taker_ends_the_run)
{
	static struct inflate_state st;
	struct bytes d = data_make(TEXT, 600000), z = zip(d.p, d.len, 1);
	size_t consumed;
	int calls = 0;

	EXPECT_EQ(inflate_gzip(&st, z.p, z.len, refuse, &calls, &consumed, &why), -ENOSPC);
	EXPECT_EQ(calls, 2);
	bytes_free(&d);
	bytes_free(&z);
}
