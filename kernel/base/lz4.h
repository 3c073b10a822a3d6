/*
 * Decompression of one LZ4 block (the LZ4 Block Format Description).
 */
#pragma once
#include "base/defs.h"

/* How far behind the output's end the input's end must lie to be unpacked in place, besides what the block itself
 * needs (tools/mkimage checks both): copies run ahead by as much. */
#define LZ4_AHEAD	64

/*
 * Unpack the block at src[src_len], which must give dst_len bytes, to dst. In place: dst may run over what was read
 * of src. 0, or -EINVAL: the block is damaged or gives more or fewer bytes. Whatever src holds, nothing outside
 * src[src_len] is read and nothing outside dst[dst_len] touched. Any context; unaligned accesses: not on Device memory.
 */
int lz4_unpack(void *dst, size_t dst_len, const void *src, size_t src_len);
