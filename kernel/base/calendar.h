/*
 * Days of the Gregorian calendar, for clocks that count in them. Without state or calls, so that the EFI stub can use
 * it.
 */
#pragma once
#include "base/defs.h"

struct calendar {
	s32 year;			/* 2026 */
	u32 month, day;			/* from 1 on */
	u32 hour, minute, second;
	u32 weekday;			/* 0: Sunday [not read by calendar_seconds] */
	u32 yearday;			/* 0: January 1 [likewise] */
};

#define CALENDAR_DAY	86400ll
#define CALENDAR_EPOCH	719468		/* days from March 1 of the year 0 to 1970 */

static inline bool calendar_leap(s64 year) { return !(year % 4) && (year % 100 || !(year % 400)); }

static inline u32 calendar_days(s64 year, u32 month)
{
	return month == 2 ? 28u + calendar_leap(year) : 30 + ((month + (month > 7)) & 1);
}

/* Can there be such a time, from 1970 on? */
static inline bool calendar_valid(const struct calendar *c)
{
	return c->year >= 1970 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
		c->day <= calendar_days(c->year, c->month) &&
	       c->hour < 24 && c->minute < 60 && c->second < 60;
}

/* Seconds since 1970 of one that is valid: years begin in March. */
static inline s64 calendar_seconds(const struct calendar *c)
{
	s64 year = c->year - (c->month < 3), month = (c->month + 9) % 12;
	s64 days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + c->day - 1 - CALENDAR_EPOCH;

	return ((days * 24 + c->hour) * 60 + c->minute) * 60 + c->second;
}

/* The other way. */
static inline void calendar_of(u64 seconds, struct calendar *c)
{
	u64 days = seconds / CALENDAR_DAY, rest = seconds % CALENDAR_DAY, from_march = days + CALENDAR_EPOCH;
	u64 era = from_march / 146097, in_era = from_march % 146097;
	u64 year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u64 day = in_era - (365 * year + year / 4 - year / 100), month = (5 * day + 2) / 153;

	c->day = day - (153 * month + 2) / 5 + 1;
	c->month = month < 10 ? month + 3 : month - 9;
	c->year = year + era * 400 + (c->month < 3);
	c->hour = rest / 3600;
	c->minute = rest / 60 % 60;
	c->second = rest % 60;
	c->weekday = (days + 4) % 7;
	c->yearday = c->day - 1;
	for (u32 m = 1; m < c->month; m++)
		c->yearday += calendar_days(c->year, m);
}
