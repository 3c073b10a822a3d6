/*
 * Initial sequence numbers (RFC 6528) and timestamp offsets: what a stranger must not guess.
 */
#include "base/hash.h"
#include "core/clock.h"
#include "core/random.h"
#include "net/tcp/tcp.h"

/* The key waits for a seeded generator: until then a fresh one is drawn for each use that needs it. */
static u64 seq_key[2];
static bool keyed;

static const u64 *key_get(void)
{
	if (unlikely(!keyed)) {
		random_bytes(seq_key, sizeof(seq_key));
		keyed = random_seeded();
	}
	return seq_key;
}

u32 tcp_initial_seq(be32 local, be32 remote, be16 local_port, be16 remote_port)
{
	struct { be32 l, r; u32 ports; } k = { local, remote, (u32)local_port << 16 | remote_port };

	return (u32)hash_keyed(key_get(), &k, sizeof(k)) + (u32)(clock_ns() >> 12);
}

u32 tcp_timestamp_offset(be32 local, be32 remote)
{
	struct { be32 l, r; } k = { local, remote };

	return (u32)hash_keyed(key_get(), &k, sizeof(k));
}
