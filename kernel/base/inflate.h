/*
 * Decompression of gzip members (RFC 1951, 1952).
 */
#pragma once
#include "base/defs.h"
#include "base/crc32.h"

#define INFLATE_HISTORY	32768	/* how far back a match may reach */
#define INFLATE_PIECE	98304	/* output gathered between two calls of out() */
#define INFLATE_SLACK	288	/* a match and its last word may run over the piece's end */

#define INFLATE_LITLEN_BITS	10
#define INFLATE_DIST_BITS	8
#define INFLATE_LITLEN_MAX	2048	/* with second-level tables; 1334 are the most that a code can need */
#define INFLATE_DIST_MAX	512	/* 402 */

/* All the memory that a run needs, about 150 KB: the caller's, in any state, its own again afterwards. */
struct inflate_state {
	u32 litlen[INFLATE_LITLEN_MAX];
	u32 dist[INFLATE_DIST_MAX];
	u32 precode[128];
	struct crc32_tables crc;
	u8 lens[320];			/* code lengths: literals and lengths, then distances */
	u16 sorted[288];
	u8 window[INFLATE_HISTORY + INFLATE_PIECE + INFLATE_SLACK];
};

/*
 * Decompress the gzip member at src[len], handing the output to out() in order, in pieces (about
 * INFLATE_PIECE bytes each) that are valid during the call. An error of out() (< 0) ends the run and is
 * returned.
 *
 * Returns 0 when the whole member was right, its CRC-32 and length checked; *consumed is then its length:
 * another member, or anything else, may follow. Else -EINVAL and *why says what is wrong with it, in
 * words for a message ("cut off", "bad checksum"). Pieces may have been given out before an error
 * is found. Nothing outside src[len] and *st is touched whatever src holds.
 * May be called in any context that can afford its time; sleeps only if out() does.
 */
int inflate_gzip(struct inflate_state *st, const void *src, size_t len,
		 int (*out)(void *arg, const void *data, size_t len), void *arg,
		 size_t *consumed, const char **why);

/* Whether a gzip member begins at src[len]. */
static inline bool inflate_is_gzip(const void *src, size_t len)
{
	const u8 *p = src;

	return len >= 2 && p[0] == 0x1f && p[1] == 0x8b;
}
