/*
 * Telling the hypervisor of a panic before PCI is up.
 */
#pragma once
#include "base/defs.h"

/* Boot, once. dtb: mapped, or NULL; rsdp: 0, or ACPI's tables, which are looked at without a DTB. */
void pvpanic_early_start(const void *dtb, u64 rsdp);
/* The DTB goes; the driver takes over when PCI is found. */
void pvpanic_early_stop(void);
