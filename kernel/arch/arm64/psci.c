/*
 * PSCI calls (Arm DEN 0022, section 5; SMC calling convention DEN 0028) by
 * HVC or SMC as firmware says.
 */
#include "arch/arm64/psci.h"

#define PSCI_SYSTEM_OFF		0x84000008
#define PSCI_SYSTEM_RESET	0x84000009
#define PSCI_CPU_OFF		0x84000002
#define PSCI_CPU_ON_64		0xc4000003

static bool present, by_hvc;

static s64 psci_call(u64 function, u64 a, u64 b, u64 c)
{
	register u64 x0 __asm__("x0") = function;
	register u64 x1 __asm__("x1") = a;
	register u64 x2 __asm__("x2") = b;
	register u64 x3 __asm__("x3") = c;

#define CALL(insn) __asm__ volatile(insn " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) :: \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory")
	if (by_hvc)
		CALL("hvc");
	else
		CALL("smc");
#undef CALL
	return x0;
}

void psci_power_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void psci_reset(void)
{
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void psci_init(bool hvc)
{
	present = true;
	by_hvc = hvc;
}

bool psci_present(void)
{
	return present;
}

void psci_cpu_off(void)
{
	if (present)
		psci_call(PSCI_CPU_OFF, 0, 0, 0);
	for (;;)
		__asm__ volatile("wfi");
}

s64 psci_cpu_on(u64 mpidr, u64 entry_phys, u64 context)
{
	return psci_call(PSCI_CPU_ON_64, mpidr, entry_phys, context);
}
