/*
 * PSCI (Arm DEN 0022): turning the machine off, resetting it, starting CPUs.
 */
#pragma once
#include "base/defs.h"

/* Conduit: HVC or SMC, as firmware says. Before any other call here. */
void psci_init(bool hvc);
/* Any context; return only if firmware refused. */
void psci_power_off(void);
void psci_reset(void);
bool psci_present(void);
noreturn void psci_cpu_off(void);	/* the calling one; without PSCI it sleeps for good. Interrupts masked */
/* 0 or a negative PSCI error. */
s64 psci_cpu_on(u64 mpidr, u64 entry_phys, u64 context);
