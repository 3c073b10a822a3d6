/*
 * /dev/rtc0 as programs use it. Arguments: what to check; it prints "ok" when all is as rtc(4) says.
 *
 *   rtc time    the clock is the wall clock, can be set, and goes on from there; only root sets it
 *   rtc alarm   an alarm comes at its second and update interrupts each second; poll and read say so
 *   rtc none    this clock has no interrupt: EINVAL
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CHECK(c) do { if (!(c)) { printf("line %d: %s: %s\n", __LINE__, #c, strerror(errno)); exit(1); } } while (0)

static int fd;

static time_t now(void)
{
	struct rtc_time r;
	struct tm t = { 0 };

	CHECK(!ioctl(fd, RTC_RD_TIME, &r));
	memcpy(&t, &r, sizeof(r));
	return timegm(&t);
}

static struct rtc_time broken_down(time_t at)
{
	struct rtc_time r = { 0 };
	struct tm t;

	gmtime_r(&at, &t);
	r.tm_sec = t.tm_sec; r.tm_min = t.tm_min; r.tm_hour = t.tm_hour;
	r.tm_mday = t.tm_mday; r.tm_mon = t.tm_mon; r.tm_year = t.tm_year;
	return r;
}

static void check_time(void)
{
	static const time_t times[] = { 1709164799, 1709251199, 951868800, 4102444799 };	/* about leap days; 2099 */
	time_t start = now();
	struct rtc_time r, bad = broken_down(start);

	CHECK(labs(start - time(NULL)) < 3600);
	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		time_t there;

		r = broken_down(times[i]);
		CHECK(!ioctl(fd, RTC_SET_TIME, &r));
		there = now();
		CHECK(there >= times[i] && there < times[i] + 3600);
	}
	bad.tm_mon = 12;
	CHECK(ioctl(fd, RTC_SET_TIME, &bad) == -1 && errno == EINVAL);
	CHECK(ioctl(fd, RTC_SET_TIME, NULL) == -1 && errno == EFAULT);
	r = broken_down(start);
	CHECK(!ioctl(fd, RTC_SET_TIME, &r));
	CHECK(open("/dev/rtc0", O_RDONLY) == -1 && errno == EBUSY);
	CHECK(ioctl(fd, TIOCGWINSZ, &r) == -1 && errno == ENOTTY);
	CHECK(!seteuid(1000));
	CHECK(ioctl(fd, RTC_SET_TIME, &r) == -1 && errno == EACCES);
}

static void check_alarm(void)
{
	struct rtc_wkalrm w = { .enabled = 1, .time = broken_down(now() + 1000) };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	time_t due;
	unsigned long what = 0;
	unsigned int small = 0;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	CHECK(read(fd, &what, sizeof(what)) == -1 && errno == EAGAIN);
	CHECK(read(fd, &what, 3) == -1 && errno == EINVAL);
	fcntl(fd, F_SETFL, 0);
	CHECK(!ioctl(fd, RTC_WKALM_SET, &w));
	CHECK(!ioctl(fd, RTC_WKALM_RD, &w) && w.enabled);
	due = now() + 2;
	w.time = broken_down(due);
	CHECK(!ioctl(fd, RTC_WKALM_SET, &w));
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK(now() >= due - 1);
	CHECK(read(fd, &what, sizeof(what)) == sizeof(what));
	CHECK((what & 0xff) == (RTC_AF | RTC_IRQF) && what >> 8 == 1);
	CHECK(!ioctl(fd, RTC_WKALM_RD, &w) && !w.enabled);

	w.time = broken_down(now() - 10);
	w.enabled = 1;
	CHECK(!ioctl(fd, RTC_WKALM_SET, &w));
	CHECK(read(fd, &what, sizeof(what)) == sizeof(what) && (what & RTC_AF));
	w.time = broken_down(now() + 1000);
	CHECK(!ioctl(fd, RTC_ALM_SET, &w.time));
	CHECK(!ioctl(fd, RTC_AIE_ON, 0));
	CHECK(!ioctl(fd, RTC_AIE_OFF, 0));

	/* The clock has 32 bits of seconds: no alarm past them, neither armed nor kept for later. */
	w.time = broken_down((1l << 32) + 1000);
	for (w.enabled = 0; w.enabled < 2; w.enabled++)
		CHECK(ioctl(fd, RTC_WKALM_SET, &w) == -1 && errno == ERANGE);

	CHECK(!ioctl(fd, RTC_UIE_ON, 0));
	for (int i = 0; i < 2; i++) {
		CHECK(read(fd, &small, sizeof(small)) == sizeof(small));
		CHECK((small & 0xff) == (RTC_UF | RTC_IRQF) && small >> 8);
	}
	CHECK(!ioctl(fd, RTC_UIE_OFF, 0));
}

static void check_none(void)
{
	struct rtc_wkalrm w = { .enabled = 1, .time = broken_down(now() + 1000) };

	CHECK(ioctl(fd, RTC_UIE_ON, 0) == -1 && errno == EINVAL);
	CHECK(ioctl(fd, RTC_WKALM_SET, &w) == -1 && errno == EINVAL);
}

int main(int argc, char **argv)
{
	fd = open("/dev/rtc0", O_RDONLY);
	CHECK(fd >= 0 && argc == 2);
	if (!strcmp(argv[1], "time"))
		check_time();
	else if (!strcmp(argv[1], "alarm"))
		check_alarm();
	else
		check_none();
	puts("ok");
	return 0;
}
