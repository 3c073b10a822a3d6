/*
 * Time. One hardware counter, converted by multiply and shift; nanoseconds
 * since boot as u64. Any context.
 */
#pragma once
#include "base/defs.h"

#define NSEC_PER_SEC	1000000000ull
#define NSEC_PER_MSEC	1000000ull
#define NSEC_PER_USEC	1000ull

/* Once at boot; start: the counter at the kernel's entry, which is time 0. */
void clock_init(u64 frequency_hz, u64 start);
u64 clock_ns(void);			/* CLOCK_MONOTONIC = CLOCK_BOOTTIME: since the kernel's entry */
u64 clock_ns_to_ticks(u64 ns);		/* of the hardware counter, for a delta */
u64 clock_ticks_to_ns(u64 ticks);
u64 clock_realtime_ns(void);		/* since 1970 UTC; 0-based at boot until an RTC or settime sets it */
void clock_realtime_set(u64 ns);		/* announces CORE_EVENT_CLOCK_SET */
u64 clock_from_realtime(u64 ns);	/* the clock_ns() at which CLOCK_REALTIME shows ns, if it is not set until then */
/* Keep this page of data for programs up to date from now on. Boot, once. */
struct vdso_data;
void clock_publish(struct vdso_data *data);
u64 clock_from_counter(u64 counter);	/* ns of a raw counter value */
u64 clock_counter_from_ns(u64 ns);	/* raw counter value at a clock_ns() time */
