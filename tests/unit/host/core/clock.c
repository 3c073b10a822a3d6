/*
 * The clock that tests move. It begins at one second, so that "long ago" can be expressed.
 */
#include "host.h"
#include "core/clock.h"

u64 host_clock = NSEC_PER_SEC;
static u64 realtime_base = 1700000000 * NSEC_PER_SEC;

void clock_init(u64 frequency_hz, u64 start) { }
u64 clock_ns(void) { return host_clock; }
u64 clock_ns_to_ticks(u64 ns) { return ns; }
u64 clock_ticks_to_ns(u64 ticks) { return ticks; }
u64 clock_realtime_ns(void) { return realtime_base + host_clock; }
void clock_realtime_set(u64 ns) { realtime_base = ns - host_clock; }
u64 clock_from_counter(u64 counter) { return counter; }
u64 clock_counter_from_ns(u64 ns) { return ns; }
