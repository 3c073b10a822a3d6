/*
 * The page of data in front of the vDSO's code: written by core/clock, read
 * by every program. The counter's rate and start never change after boot; the
 * offset of real time is one word, so that it is read whole.
 */
#pragma once
#include "base/defs.h"

struct vdso_data {
	u64 counter_start;		/* CNTVCT at time 0 */
	u64 ns_per_tick_q32;		/* nanoseconds a tick, 32 bits of fraction */
	u64 realtime_offset;		/* ns to add for CLOCK_REALTIME [a] */
};

/* Where in the image the return from signal handlers lies: sigreturn.S, placed by vdso.ld. */
#define VDSO_SIGRETURN	0x600
