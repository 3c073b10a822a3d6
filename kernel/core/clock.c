/*
 * Time from the generic timer's counter (clock.h). Ticks become nanoseconds
 * by one 64x64->128-bit multiply and a shift; the factor is exact to 2^-32 ns a
 * tick, less than a second in a century.
 */
#include "core/clock.h"
#include "arch/arm64/cpu.h"
#include "base/atomic.h"
#include "core/event.h"
#include "core/vdso_data.h"

static u64 counter_start;		/* set once at boot, before other threads */
static u64 ns_per_tick_q32, ticks_per_ns_q32;
static struct vdso_data *published;	/* the page that programs read; set once at boot */
static u64 realtime_offset;		/* [a] ns to add to clock_ns() */

void clock_init(u64 frequency_hz, u64 start)
{
	counter_start = start;
	ns_per_tick_q32 = (NSEC_PER_SEC << 32) / frequency_hz;
	ticks_per_ns_q32 = (frequency_hz << 32) / NSEC_PER_SEC;
}

u64 clock_ticks_to_ns(u64 ticks)
{
	return (unsigned __int128)ticks * ns_per_tick_q32 >> 32;
}

u64 clock_ns_to_ticks(u64 ns)
{
	return (unsigned __int128)ns * ticks_per_ns_q32 >> 32;
}

u64 clock_from_counter(u64 counter)
{
	return clock_ticks_to_ns(counter - counter_start);
}

u64 clock_counter_from_ns(u64 ns)
{
	/* One more, so that the counter is not there before the time is. */
	return counter_start + clock_ns_to_ticks(ns) + 1;
}

u64 clock_ns(void)
{
	return clock_from_counter(counter_read());
}

u64 clock_realtime_ns(void)
{
	return clock_ns() + atomic_load_relaxed(&realtime_offset);
}

void clock_realtime_set(u64 ns)
{
	u64 offset = ns - clock_ns();

	atomic_store_relaxed(&realtime_offset, offset);
	if (published)
		atomic_store_relaxed(&published->realtime_offset, offset);
	core_event(CORE_EVENT_CLOCK_SET);
}

u64 clock_from_realtime(u64 ns)
{
	u64 offset = atomic_load_relaxed(&realtime_offset);

	return ns > offset ? ns - offset : 0;
}

void clock_publish(struct vdso_data *data)
{
	data->counter_start = counter_start;
	data->ns_per_tick_q32 = ns_per_tick_q32;
	data->realtime_offset = atomic_load_relaxed(&realtime_offset);
	published = data;
}
