/*
 * Sequence numbers (RFC 9293, 3.4): 32 bits that wrap, compared by the sign of their distance; ranges of
 * them; and the initial one of a connection (RFC 6528).
 */
#pragma once
#include "base/defs.h"

static inline bool seq_lt(u32 a, u32 b) { return (s32)(a - b) < 0; }
static inline bool seq_le(u32 a, u32 b) { return (s32)(a - b) <= 0; }
static inline bool seq_gt(u32 a, u32 b) { return (s32)(a - b) > 0; }
static inline bool seq_ge(u32 a, u32 b) { return (s32)(a - b) >= 0; }
static inline u32 seq_max(u32 a, u32 b) { return seq_lt(a, b) ? b : a; }
static inline u32 seq_min(u32 a, u32 b) { return seq_lt(a, b) ? a : b; }
/* low <= x <= high, for high not behind low. */
static inline bool seq_between(u32 x, u32 low, u32 high) { return x - low <= high - low; }

/* [start, end) */
struct tcp_range {
	u32 start, end;
};

/* RFC 6528: a clock of 4 microseconds plus a keyed hash of the addresses and ports. Any context. */
u32 tcp_initial_seq(be32 local, be32 remote, be16 local_port, be16 remote_port);
/* An offset for the timestamps of a connection (RFC 7323, 5.4), by the addresses. */
u32 tcp_timestamp_offset(be32 local, be32 remote);
