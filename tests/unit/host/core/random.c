/*
 * Random numbers that are the same in each run.
 */
#include "core/random.h"

static u64 state = 42;

u64 random_u64(void)
{
	u64 v = state += 0x9e3779b97f4a7c15ull;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ull;
	v = (v ^ v >> 27) * 0x94d049bb133111ebull;
	return v ^ v >> 31;
}

u32 random_u32(void) { return random_u64(); }
u32 random_below(u32 n) { return random_u64() % n; }
bool random_seeded(void) { return true; }
void random_init(void) { }
void random_seed(const void *data, size_t n, u32 bits) { }
void random_event(u64 value) { }

void random_bytes(void *buf, size_t n)
{
	for (u8 *p = buf; n; n--)
		*p++ = random_u64();
}
