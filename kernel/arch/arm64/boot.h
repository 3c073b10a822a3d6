/*
 * What the image's boot part (kernel.ld: .boot), the linker script and tools/mkimage agree on.
 */
#pragma once

#define UNPACK_MARGIN	16384		/* how far behind its place the packed image ends while it is unpacked */

#ifndef __ASSEMBLER__
#include "base/defs.h"

/* In the file, at _boot_end, before the packed rest: one LZ4 block, filled up with zeros to a multiple of 16 bytes. */
#define PAYLOAD_MAGIC	0x7a6c6e64	/* "dnlz" */
struct payload {
	u32 magic;
	u32 size;			/* of the block */
	u64 sum;			/* payload_sum */
	u8 block[];
};

/* boot_unpack.c: is it all there, unaltered? room: bytes from p->block on that may be read. */
bool payload_whole(const struct payload *p, size_t room);
/* For start.S: once, in the upper half, before anything that was packed is used. */
void boot_unpack(void);
#endif
