/*
 * SYN cookies (Bernstein): when the queue of requests is full, the initial sequence number itself remembers the
 * request, so that a flood of SYNs takes no memory and honest peers still get in. Options other than MSS are not
 * remembered: such a connection goes without scaling, SACK and timestamps. listen.c calls.
 *
 *   bits 31..27 a counter of 64 s    26..24 index of the MSS    23..0 a keyed hash of all that and the addresses
 */
#include "base/hash.h"
#include "core/random.h"
#include "net/tcp/tcp.h"

#define TICK_SHIFT	36		/* 2^36 ns: 69 s */
#define TICKS_VALID	2

static const u16 sizes[8] = { 536, 768, 1024, 1280, 1360, 1400, 1440, 1460 };
static u64 key[2];

static u32 cookie(const struct tcp_entry *e, u32 irs, u32 tick, u32 size)
{
	struct { u64 addresses; u32 ports, irs, tick, size; } k = { e->addresses, e->ports, irs, tick, size };

	return (tick & 31) << 27 | size << 24 | (u32)(hash_keyed(key, &k, sizeof(k)) & 0xffffff);
}

u32 tcp_cookie_make(const struct tcp_entry *e, u32 irs, u16 *mss, u64 now)
{
	u32 i = ARRAY_SIZE(sizes) - 1;

	while (i && sizes[i] > *mss)
		i--;
	*mss = sizes[i];
	return cookie(e, irs, now >> TICK_SHIFT, i);
}

u16 tcp_cookie_check(const struct tcp_entry *e, u32 irs, u32 iss, u64 now)
{
	u32 tick = now >> TICK_SHIFT, size = iss >> 24 & 7;

	for (u32 age = 0; age < TICKS_VALID; age++)
		if (cookie(e, irs, tick - age, size) == iss)
			return sizes[size];
	return 0;
}

void tcp_cookie_init(void)
{
	random_bytes(key, sizeof(key));
}
