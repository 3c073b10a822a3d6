/*
 * The table of per-CPU distances (percpu.h). The boot CPU's is 0.
 */
#include "core/percpu.h"

u64 percpu_offsets[MAX_CPUS];
u32 cpus_present = 1;
DEFINE_PERCPU(u32, cpu_number);
