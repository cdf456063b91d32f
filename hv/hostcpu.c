/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical processor's CPUID and the machine's real-time clock (MC146818). */
#include "hv/hostcpu.h"

#include <arch/cpu.h>
#include <arch/io.h>

#include "hv/base/plat.h"

#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_SECONDS 0
#define RTC_MINUTES 2
#define RTC_HOURS 4
#define RTC_DAY 7
#define RTC_MONTH 8
#define RTC_YEAR 9
#define RTC_A 10
#define RTC_A_UIP BIT(7)
#define RTC_B 11
#define RTC_B_24H BIT(1)
#define RTC_B_BINARY BIT(2)
#define RTC_HOUR_PM 0x80

/* An update takes 2 ms; a clock that never ends one is taken as it is. */
#define RTC_TRIES 1000000u

#define NS_PER_S 1000000000ull

static u64 boot_unix_ns; /* time of day at plat_now_ns() == 0 */

struct cpuid_regs hostcpu_cpuid(void *ctx, u32 leaf, u32 subleaf)
{
	(void)ctx;
	return cpuid(leaf, subleaf);
}

static u8 rtc_read(u8 reg)
{
	out8(RTC_INDEX, reg);
	return in8(RTC_DATA);
}

static u32 rtc_number(u8 raw, u8 status_b)
{
	return status_b & RTC_B_BINARY ? raw : (raw >> 4) * 10u + (raw & 15u);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar after 1970. */
static u64 days_since_epoch(u32 year, u32 month, u32 day)
{
	/* Years that begin in March: the leap day comes last. */
	u32 y = month <= 2 ? year - 1 : year;
	u32 m = month <= 2 ? month + 9 : month - 3;
	u64 days = 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;

	return days - 719468; /* the same sum for 1970-01-01 */
}

void hostcpu_clock_init(void)
{
	u8 b = rtc_read(RTC_B), raw_hour;
	u32 hour, seconds;
	u64 days;

	for (u32 i = 0; i < RTC_TRIES && (rtc_read(RTC_A) & RTC_A_UIP); i++)
		plat_relax();
	raw_hour = rtc_read(RTC_HOURS);
	hour = rtc_number(raw_hour & (u8)~RTC_HOUR_PM, b);
	if (!(b & RTC_B_24H))
		hour = hour % 12 + (raw_hour & RTC_HOUR_PM ? 12 : 0);
	seconds = hour * 3600 + rtc_number(rtc_read(RTC_MINUTES), b) * 60 +
		  rtc_number(rtc_read(RTC_SECONDS), b);
	/* No century register that one could trust: this century. */
	days = days_since_epoch(2000 + rtc_number(rtc_read(RTC_YEAR), b),
				rtc_number(rtc_read(RTC_MONTH), b),
				rtc_number(rtc_read(RTC_DAY), b));
	boot_unix_ns = (days * 86400 + seconds) * NS_PER_S - plat_now_ns();
}

u64 hostcpu_unix_ns(void)
{
	return boot_unix_ns + plat_now_ns();
}
