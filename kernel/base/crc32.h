/*
 * CRC-32 as gzip and Ethernet have it (RFC 1952, section 8).
 */
#pragma once
#include "base/defs.h"

/* Tables for CPUs without the instruction; the caller's memory. */
struct crc32_tables {
	u32 t[8][256];
	bool needed;		/* false: the CPU has the instruction, t is not filled */
};

/* Once before crc32_update. */
void crc32_init(struct crc32_tables *tables);

/* CRC of len more bytes after those that gave crc; 0 to begin. */
u32 crc32_update(const struct crc32_tables *tables, u32 crc, const void *p, size_t len);
