/*
 * UEFI's runtime services: what firmware still does for the kernel after it has let go of the machine.
 */
#pragma once
#include "base/defs.h"

struct boot_info;

/* Boot context, once pages can be had: info's map and table of rights become firmware's own address space. */
void efi_runtime_start(const struct boot_info *info);
/* Can they be called? False also after they have failed. Any context. */
bool efi_runtime_works(void);
/*
 * The machine's clock, in seconds since 1970. -ENODEV: there are no runtime services; -EIO: firmware can't, or
 * crashed (then it is never called again); -ERANGE: not a time. Process context.
 */
must_check int efi_time_get(u64 *seconds);
must_check int efi_time_set(u64 seconds);
/* Restart the machine, or turn it off. Returns if firmware doesn't. Any context, the machine is at its end. */
void efi_reset(void);
void efi_power_off(void);
