/*
 * The machine's clock by UEFI's runtime services, where nothing better is known: ACPI has no PL031.
 */
#include "base/errno.h"
#include "dev/device.h"
#include "drivers/rtc/rtc.h"
#include "fw/efi_runtime.h"

static int efi_rtc_probe(void)
{
	static const struct rtc rtc = { .name = "rtc-efi", .read = efi_time_get, .set = efi_time_set };
	int err = efi_runtime_works() ? rtc_register(&rtc) : -ENODEV;

	return err == -EBUSY || err == -EIO ? -ENODEV : err;
}
PLATFORM_DRIVER(efi_rtc, DRIVER_LATE, efi_rtc_probe);
