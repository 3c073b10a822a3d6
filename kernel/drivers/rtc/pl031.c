/*
 * The PL031 real-time clock: seconds since 1970, and an interrupt when they match.
 *
 * Source: Arm DDI 0224, 3.3.
 */
#include "arch/arm64/cpu.h"
#include "base/errno.h"
#include "dev/device.h"
#include "drivers/rtc/rtc.h"
#include "fw/platform.h"
#include "irq/domain.h"
#include "irq/irq.h"
#include "mm/kmap.h"

#define RTCDR		0x000
#define RTCMR		0x004
#define RTCLR		0x008
#define RTCIMSC		0x010
#define RTCMIS		0x018
#define RTCICR		0x01c
#define REGS_SIZE	0x1000

static u8 *regs;		/* set once at probe */

static int pl031_read(u64 *seconds)
{
	*seconds = mmio_read32(regs + RTCDR);
	return 0;
}

static int pl031_set(u64 seconds)
{
	if (seconds > ~0u)
		return -ERANGE;
	mmio_write32(regs + RTCLR, seconds);
	return 0;
}

static int pl031_alarm(u64 seconds, bool on)
{
	if (on && seconds > ~0u)
		return -ERANGE;
	mmio_write32(regs + RTCIMSC, 0);
	mmio_write32(regs + RTCICR, 1);
	if (on) {
		mmio_write32(regs + RTCMR, seconds);
		mmio_write32(regs + RTCIMSC, 1);
	}
	return 0;
}

/* One that stays though it is cleared and masked is nobody's, so that its line is put under guard like any that
 * storms. */
static enum irq_result pl031_irq(void *arg)
{
	bool stays;

	if (!mmio_read32(regs + RTCMIS))
		return IRQ_NONE;
	mmio_write32(regs + RTCIMSC, 0);
	mmio_write32(regs + RTCICR, 1);
	stays = mmio_read32(regs + RTCMIS);
	rtc_alarm();
	return stays ? IRQ_NONE : IRQ_HANDLED;
}

/* False: there is no line that would say so. */
static bool alarm_start(void)
{
	struct irq *irq;

	mmio_write32(regs + RTCIMSC, 0);
	mmio_write32(regs + RTCICR, 1);
	if (!platform.rtc.intid)
		return false;
	irq = irq_from_firmware(platform.rtc.intid, IRQ_LEVEL_HIGH);
	if (is_err(irq))
		return false;
	if (irq_attach(irq, pl031_irq, NULL, "rtc-pl031")) {
		irq_destroy(irq);
		return false;
	}
	irq_unmask(irq);
	return true;
}

static int pl031_probe(void)
{
	static struct rtc rtc = { .name = "rtc-pl031", .read = pl031_read, .set = pl031_set, .last = ~0u };

	if (!platform.rtc.present)
		return -ENODEV;
	regs = mmio_map_found(platform.rtc.reg.base, REGS_SIZE, 0, "rtc-pl031");
	if (!regs)
		return -ENXIO;
	if (alarm_start())
		rtc.alarm = pl031_alarm;
	return rtc_register(&rtc);
}
PLATFORM_DRIVER(pl031, DRIVER_BUS, pl031_probe);
