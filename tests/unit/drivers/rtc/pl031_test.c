/*
 * The PL031 under /dev/rtc0, with a clock of the test's own that tells any time, runs as fast as it is looked at, or raises
 * what cannot be cleared.
 *
 * sources:
 */
#include <errno.h>
#include "unit.h"
#include "host.h"
/* The files under test: their start is found through sections of the kernel's image, which a host program has not. */
#include "drivers/rtc/rtc.c"
#include "drivers/rtc/pl031.c"

#define CLOCK 0x7f0000007000ull

struct platform platform;

static struct model {
	u32 seconds, match, mask, raised, step;	/* step: so far it goes with each look */
	bool stuck;
	u32 looks;
	irq_handler handler;
} model;

/* ---- what stands around the driver ------------------------------------------------------------------ */

static struct irq line;

struct irq *irq_from_firmware(u32 intid, enum irq_trigger trigger) { return intid > 1000 ? err_ptr(-EINVAL) : &line; }
void irq_destroy(struct irq *irq) { }
void irq_unmask(struct irq *irq) { }

int irq_attach(struct irq *irq, irq_handler handler, void *arg, const char *name)
{
	model.handler = handler;
	return 0;
}

int chardev_register(struct chardev *d) { return 0; }
int sysfs_register_text(const char *path, const char *text) { return 0; }

int sysfs_register(const char *path, void (*show)(struct text_out *, void *),
		   int (*store)(const char *, size_t, void *), void *arg)
{
	return 0;
}

static char text[256];

void text_printf(struct text_out *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
}

/* ---- the clock -------------------------------------------------------------------------------------- */

static u64 clock_read(void *arg, u64 at, unsigned width)
{
	EXPECT_EQ(width, 4u);
	if (at == RTCDR) {
		model.looks++;
		return model.seconds += model.step;
	}
	return at == RTCMIS ? model.stuck || (model.raised & model.mask) : 0;
}

static void clock_write(void *arg, u64 at, unsigned width, u64 value)
{
	switch (at) {
	case RTCMR: model.match = value; break;
	case RTCLR: model.seconds = value; break;
	case RTCIMSC: model.mask = value; break;
	case RTCICR: model.raised = 0; break;
	}
}

static struct host_mmio registers = { .base = CLOCK, .size = REGS_SIZE, .read = clock_read, .write = clock_write };

/* It is that second. */
static void reach(u32 second)
{
	model.seconds = second;
	model.raised |= model.match == second;
	if (model.raised & model.mask)
		EXPECT_EQ(model.handler(NULL), IRQ_HANDLED);
}

static int begin(u32 seconds, u32 intid)
{
	model = (struct model){ .seconds = seconds };
	platform.rtc.present = true;
	platform.rtc.intid = intid;
	platform.rtc.reg.base = CLOCK;
	rtc = NULL;
	due[DUE_ALARM] = due[DUE_UPDATE] = NEVER;
	events = 0;
	host_mmio_add(&registers);
	return pl031_probe();
}

static void end(void)
{
	host_mmio_remove(&registers);
	EXPECT_EQ(host_alloc_live(), 0ull);
}

static u8 happened(void)
{
	u64 what;

	return take(&what) ? what & 0xff : 0;
}

/* ---- tests ------------------------------------------------------------------------------------------ */

/* Before any other: the driver keeps that it once had a line. */
TEST(nothing_is_there_or_no_line)
{
	host_hole = CLOCK;
	host_hole_size = REGS_SIZE;
	EXPECT_EQ(begin(1000, 34), -ENXIO);
	host_hole_size = 0;
	end();
	for (u32 intid = 0; intid < 5000; intid += 4999) {
		EXPECT_EQ(begin(1000, intid), 0);
		EXPECT_EQ(alarm_set(1001, true), -EINVAL);
		rtc_release(NULL);
		end();
	}
}

TEST(alarms_and_updates)
{
	EXPECT_EQ(begin(1000, 34), 0);
	EXPECT_EQ(clock_realtime_ns() / NSEC_PER_SEC, 1000ull);
	EXPECT_EQ(alarm_set(1002, true), 0);
	EXPECT_EQ(due_set(DUE_UPDATE, 1001), 0);
	EXPECT_EQ(model.match, 1001u);
	reach(1001);
	EXPECT_EQ(happened(), RTC_UF | RTC_IRQF);
	reach(1002);
	EXPECT_EQ(happened(), RTC_AF | RTC_UF | RTC_IRQF);
	EXPECT_EQ(due_set(DUE_UPDATE, NEVER), 0);
	EXPECT_EQ(model.mask, 0u);
	EXPECT_EQ(model.handler(NULL), IRQ_NONE);
	EXPECT_EQ(alarm_set(1ull << 32, true), -ERANGE);
	EXPECT_EQ(alarm_set(1ull << 32, false), -ERANGE);
	EXPECT_EQ(alarm_set(~0u, true), 0);
	EXPECT_EQ(alarm_set(5, true), 0);		/* passed: at once */
	EXPECT_EQ(happened(), RTC_AF | RTC_IRQF);
	end();
}

TEST(any_time_is_shown)
{
	static const u32 times[] = { 0, 1, 0x7fffffff, 0x80000000, ~0u };

	for (u32 i = 0; i < ARRAY_SIZE(times); i++) {
		struct rtc_time t;

		EXPECT_EQ(begin(times[i], 34), 0);
		EXPECT_EQ(clock_realtime_ns() / NSEC_PER_SEC, (u64)times[i]);
		seconds_show(NULL, NULL);
		EXPECT_EQ(strtoull(text, NULL, 10), (unsigned long long)times[i]);
		date_show(NULL, NULL);
		EXPECT_EQ(strlen(text), 11ull);
		time_show(times[i], &t);
		EXPECT(t.tm_year >= 70 && t.tm_year <= 206);
		EXPECT_EQ(pl031_set(1ull << 32), -ERANGE);
		end();
	}
}

/* A clock that is seconds on with each look: who sets its alarm is not kept, and it has none from then on. */
TEST(a_clock_that_runs_away)
{
	EXPECT_EQ(begin(1000, 34), 0);
	model.step = 1;
	EXPECT_EQ(due_set(DUE_UPDATE, 1001), 0);
	EXPECT_LT(model.looks, 100u);
	EXPECT(host_log_has("runs away"));
	EXPECT_EQ(model.mask, 0u);
	EXPECT_EQ(happened(), RTC_UF | RTC_IRQF);
	model.step = 0;
	EXPECT_EQ(due_set(DUE_UPDATE, model.seconds + 1), 0);	/* it is well again */
	reach(model.seconds + 1);
	EXPECT_EQ(happened(), RTC_UF | RTC_IRQF);
	end();
}

TEST(a_clock_that_goes_back)
{
	EXPECT_EQ(begin(~0u, 34), 0);
	EXPECT_EQ(alarm_set(~0u, true), 0);
	EXPECT_EQ(happened(), RTC_AF | RTC_IRQF);
	EXPECT_EQ(due_set(DUE_UPDATE, 1ull << 32), 0);		/* it cannot get there */
	reach(0);
	EXPECT_EQ(happened(), 0u);
	EXPECT_EQ(alarm_set(1, true), 0);
	reach(1);
	EXPECT_EQ(happened(), RTC_AF | RTC_IRQF);
	end();
}

TEST(an_interrupt_that_stays)
{
	EXPECT_EQ(begin(1000, 34), 0);
	EXPECT_EQ(model.handler(NULL), IRQ_NONE);		/* nothing happened */
	model.stuck = true;
	for (u32 i = 0; i < 1000; i++)
		EXPECT_EQ(model.handler(NULL), IRQ_NONE);
	EXPECT_EQ(happened(), 0u);
	end();
}
