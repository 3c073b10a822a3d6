/*
 * Starting another CPU by PSCI. It begins in secondary_start (start.S) with
 * its caches off, so what it reads there is written back to memory first.
 */
#include "arch/arm64/smp.h"
#include "arch/arm64/asm.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/pgtable.h"
#include "arch/arm64/psci.h"

_Static_assert(offsetof(struct smp_start, kernel_root) == SMP_ROOTS, "start.S");
_Static_assert(offsetof(struct smp_start, stack) == SMP_STACK, "start.S");
_Static_assert(offsetof(struct smp_start, percpu) == SMP_PERCPU, "start.S");

extern char secondary_start[];

s64 smp_start_cpu(u64 mpidr, struct smp_start *s)
{
	s->kernel_root = kernel_root;
	s->idmap_root = idmap_root;
	cache_clean(s, sizeof(*s));
	return psci_cpu_on(mpidr, (u64)secondary_start - KIMAGE_BASE + image_phys, virt_to_phys(s));
}
