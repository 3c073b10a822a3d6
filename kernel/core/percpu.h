/*
 * Per-CPU variables. They live in the .percpu section; each CPU has its own
 * copy, and TPIDR_EL1 holds the distance from the section to that copy (the
 * boot CPU uses the section itself: distance 0). Callers keep from migrating
 * (preemption disabled, or a lock held) between this_cpu() and the last use.
 */
#pragma once
#include "base/defs.h"

#define DEFINE_PERCPU(type, name)	section(".percpu") __typeof__(type) name
#define DECLARE_PERCPU(type, name)	extern __typeof__(type) name

#ifndef percpu_offset
static inline u64 percpu_offset(void)
{
	u64 v;

	/* As if it read the stack: not kept over a barrier or a call, behind which the thread may be on another CPU. */
	__asm__("mrs %0, tpidr_el1" : "=r"(v) : "Q"(*(const u64 *)__builtin_frame_address(0)));
	return v;
}
#endif

DECLARE_PERCPU(u32, softirq_pending);	/* bits of enum softirq: sched/softirq.h [own CPU, interrupts masked] */
extern u64 percpu_offsets[];		/* [cpu]: distance of that CPU's copy; set before it starts */
#define MAX_CPUS 64u			/* the bits of a mask of CPUs */

/* Pointers to this CPU's, or to a given CPU's, copy. */
#define this_cpu(name)	((__typeof__(name) *)((u64)&(name) + percpu_offset()))
#define per_cpu(name, cpu) ((__typeof__(name) *)((u64)&(name) + percpu_offsets[cpu]))

#define BOOT_CPU 0u
DECLARE_PERCPU(u32, cpu_number);
#define cpu_id()	(*this_cpu(cpu_number))
extern u32 cpus_present;		/* CPUs that run; ids are 0..cpus_present-1 */
/* The same as a mask. */
static inline u64 cpus_mask(void) { return ~0ull >> (MAX_CPUS - cpus_present); }
