/*
 * Starting another CPU. It begins in start.S with its caches off, so what it reads there is written back to memory
 * first.
 *
 * PSCI hands it the address of its struct smp_start. One that waits at a release address gets none: it begins in
 * secondary_pen and stays there until `released` is a structure with its name in it. So it does not matter which CPUs
 * share an address, nor when one comes.
 */
#include "arch/arm64/smp.h"
#include "arch/arm64/asm.h"
#include "arch/arm64/cpu.h"
#include "arch/arm64/memory.h"
#include "arch/arm64/pgtable.h"
#include "arch/arm64/psci.h"
#include "base/atomic.h"

_Static_assert(offsetof(struct smp_start, kernel_root) == SMP_ROOTS, "start.S");
_Static_assert(offsetof(struct smp_start, stack) == SMP_STACK, "start.S");
_Static_assert(offsetof(struct smp_start, percpu) == SMP_PERCPU, "start.S");
_Static_assert(offsetof(struct smp_start, mpidr) == SMP_MPIDR, "start.S");

extern char secondary_start[], secondary_pen[];

u64 released;				/* physical; 0 before the first. start.S */

/* Of code that runs with the MMU off. */
static u64 code_phys(const char *code)
{
	return (u64)code - KIMAGE_BASE + image_phys;
}

static void start_prepare(u64 mpidr, struct smp_start *s)
{
	s->kernel_root = kernel_root;
	s->idmap_root = idmap_root;
	s->mpidr = mpidr;
	cache_clean(s, sizeof(*s));
}

s64 smp_start_cpu(u64 mpidr, struct smp_start *s)
{
	start_prepare(mpidr, s);
	return psci_cpu_on(mpidr, code_phys(secondary_start), virt_to_phys(s));
}

void smp_release_cpu(u64 mpidr, u64 *release, struct smp_start *s)
{
	start_prepare(mpidr, s);
	atomic_store(&released, virt_to_phys(s));
	cache_clean(&released, sizeof(released));
	atomic_store(release, code_phys(secondary_pen));
	/* Its DSB has the word in memory before the event that CPUs look for it after. */
	cache_clean(release, sizeof(*release));
	__asm__ volatile("sev" ::: "memory");
}
