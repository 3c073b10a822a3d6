/*
 * The ChaCha20 block function (RFC 8439, 2.3), for the random generator. Any context.
 */
#pragma once
#include "base/defs.h"

#define CHACHA20_BLOCK	64	/* bytes */

/*
 * One block of key stream into out: key 256 bits as eight words, counter, nonce 96 bits as three
 * words, all as the RFC's little-endian words.
 */
void chacha20_block(u8 out[CHACHA20_BLOCK], const u32 key[8], u32 counter, const u32 nonce[3]);
