/*
 * Telling the hypervisor of a panic before PCI is up.
 */
#pragma once

/* Boot, once. dtb: mapped, or NULL. */
void pvpanic_early_start(const void *dtb);
/* The DTB goes; the driver takes over when PCI is found. */
void pvpanic_early_stop(void);
