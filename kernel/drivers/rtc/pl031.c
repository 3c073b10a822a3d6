/*
 * The PL031 real-time clock: seconds since 1970, read once at boot to set the
 * wall clock, which core/clock carries on from there.
 *
 * Source: Arm DDI 0224, 3.3.1.
 */
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "core/clock.h"
#include "dev/device.h"
#include "fw/platform.h"
#include "mm/kmap.h"

#define RTCDR		0x000
#define REGS_SIZE	0x1000

static int pl031_probe(void)
{
	u8 *regs;

	if (!platform.rtc.present)
		return -ENODEV;
	regs = mmio_map(platform.rtc.reg.base, REGS_SIZE);
	if (!regs)
		return -ENOMEM;
	clock_realtime_set(mmio_read32(regs + RTCDR) * NSEC_PER_SEC);
	mmio_unmap(regs, REGS_SIZE);
	return 0;
}
PLATFORM_DRIVER(pl031, DRIVER_LATE, pl031_probe);
