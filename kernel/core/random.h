/*
 * One random generator (ChaCha20, fast key erasure), seeded from firmware,
 * the CPU and timing. Any context.
 */
#pragma once
#include "base/defs.h"

void random_init(void);
/* Mix in bytes worth at least `bits` bits of entropy. */
void random_seed(const void *data, size_t n, u32 bits);
/* Mix in the time of an event (interrupts call it sparsely). */
void random_event(u64 value);
bool random_seeded(void);
void random_bytes(void *buf, size_t n);
u32 random_u32(void);
u64 random_u64(void);
/* Uniform below n (n > 0). */
u32 random_below(u32 n);

/* A device that gives entropy (drivers/misc). Set once, at its probe; NULL: there was none yet. */
#define RANDOM_SOURCE_BYTES 64
struct random_source {
	void (*seed)(void);			/* please call random_seed when there is some. Any context */
	/* Up to RANDOM_SOURCE_BYTES for a program: how many, -EAGAIN unless wait, -ERESTARTSYS, -EIO, -ENODEV (it is gone).
	 * Process context, one caller at a time. */
	s64 (*read)(u8 *to, bool wait);
};
extern const struct random_source *random_source;
