/*
 * The machine's clock as a device: what a driver of one gives, and /dev/rtc0 over it (rtc.c).
 */
#pragma once
#include "base/defs.h"

struct rtc {
	const char *name;		/* "rtc-pl031 ..." as in /sys/class/rtc/rtc0/name */
	/* Seconds since 1970; 0 or -errno. Process context; with alarms read works in any. */
	int (*read)(u64 *seconds);
	int (*set)(u64 seconds);
	/* rtc_alarm follows at that second; on false: not any more. -ERANGE. Any context. NULL: there are no alarms */
	int (*alarm)(u64 seconds, bool on);
	u64 last;			/* the last second that an alarm may be at */
};

/* The first one is /dev/rtc0, the others are left out: -EBUSY. The wall clock is set by it. Boot context. */
must_check int rtc_register(const struct rtc *rtc);
/* The second of the alarm is here. Hard interrupt context. */
void rtc_alarm(void);
