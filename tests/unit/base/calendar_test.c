/*
 * The calendar beside the C library's.
 */
#include <time.h>
#include "unit.h"
#include "base/calendar.h"

TEST(each_day_of_six_centuries_there_and_back)
{
	for (u64 day = 0; day < 366 * 600; day++) {
		u64 at = day * CALENDAR_DAY + day * 7919 % CALENDAR_DAY;
		time_t t = at;
		struct calendar c;
		struct tm tm;

		gmtime_r(&t, &tm);
		calendar_of(at, &c);
		EXPECT_EQ(c.year, tm.tm_year + 1900);
		EXPECT_EQ(c.month, tm.tm_mon + 1);
		EXPECT_EQ(c.day, tm.tm_mday);
		EXPECT_EQ(c.hour, tm.tm_hour);
		EXPECT_EQ(c.second, tm.tm_sec);
		EXPECT_EQ(c.weekday, tm.tm_wday);
		EXPECT_EQ(c.yearday, tm.tm_yday);
		EXPECT(calendar_valid(&c));
		EXPECT_EQ((u64)calendar_seconds(&c), at);
	}
}

TEST(times_that_cannot_be)
{
	static const struct calendar bad[] = {
		{ .year = 1969, .month = 12, .day = 31 }, { .year = 2023, .month = 2, .day = 29 },
		{ .year = 2100, .month = 2, .day = 29 }, { .year = 2023, .month = 0, .day = 1 },
		{ .year = 2023, .month = 13, .day = 1 }, { .year = 2023, .month = 4, .day = 31 },
		{ .year = 2023, .month = 1, .day = 1, .hour = 24 }, { .year = 2023, .month = 1, .day = 1, .second = 60 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT(!calendar_valid(&bad[i]));
}
