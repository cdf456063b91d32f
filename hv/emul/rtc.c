/* SPDX-License-Identifier: BSD-2-Clause */
/* MC146818A real-time clock. Nothing ticks: time is computed when it is read,
 * and flags are set when somebody could see them. */
#include "hv/emul/rtc.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/emul/clock.h"
#include "hv/emul/machine.h"

/* Registers. */
#define REG_SECOND 0x0
#define REG_SECOND_ALARM 0x1
#define REG_MINUTE 0x2
#define REG_MINUTE_ALARM 0x3
#define REG_HOUR 0x4
#define REG_HOUR_ALARM 0x5
#define REG_WEEKDAY 0x6
#define REG_DAY 0x7
#define REG_MONTH 0x8
#define REG_YEAR 0x9
#define REG_A 0xa
#define   A_UIP BIT(7)
#define   A_DIVIDER_32K (2u << 4)
#define   A_RATE 0x0f
#define   A_RATE_1024HZ 6
#define REG_B 0xb
#define   B_SET BIT(7)
#define   B_PIE BIT(6)
#define   B_AIE BIT(5)
#define   B_UIE BIT(4)
#define   B_BINARY BIT(2)
#define   B_24H BIT(1)
#define REG_C 0xc
#define   C_IRQF BIT(7)
#define   C_PF BIT(6)
#define   C_AF BIT(5)
#define   C_UF BIT(4)
#define REG_D 0xd
#define   D_VALID BIT(7)

#define HOUR_PM BIT(7)	    /* in 12-hour mode */
#define ALARM_ANY 0xc0	    /* an alarm byte of C0h or more matches always */
#define INDEX_MASK 0x7f	    /* bit 7 of port 70h masks NMI on a PC */
#define UPDATE_NS 244000ull /* UIP is set that long before the second ends */
#define OSC_HZ 32768u
#define MIN_PERIOD_NS 100000

#define SECONDS_PER_DAY 86400u
#define DAYS_PER_400_YEARS 146097u
/* Days from March 1st of year 0 to January 1st 1970. */
#define DAYS_TO_EPOCH 719468u
#define WEEKDAY_OF_EPOCH 4 /* Thursday, Sunday is 0 */

/* --- calendar -------------------------------------------------------------- */

struct civil {
	u32 year, month, day; /* month and day from 1 */
};

/* Both count years from March, so that the leap day is a year's last. */
static u64 days_of(struct civil c)
{
	u64 year = c.year - (c.month <= 2 ? 1u : 0u);
	u32 month = (c.month + 9) % 12; /* March is 0 */

	return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + c.day - 1;
}

static struct civil civil_of(u64 days)
{
	u64 era = days / DAYS_PER_400_YEARS;
	u32 d = (u32)(days % DAYS_PER_400_YEARS);
	u32 year = (d - d / 1460 + d / 36524 - d / (DAYS_PER_400_YEARS - 1)) / 365;
	u32 month;

	d -= year * 365 + year / 4 - year / 100;
	month = (5 * d + 2) / 153;
	return (struct civil){
		.year = (u32)(era * 400) + year + (month >= 10 ? 1 : 0),
		.month = month < 10 ? month + 3 : month - 9,
		.day = d - (153 * month + 2) / 5 + 1,
	};
}

/* --- bytes of time ----------------------------------------------------------- */

static u8 encode(const struct rtc *r, u32 v)
{
	return (u8)(r->cmos[REG_B] & B_BINARY ? v : v % 10 | v / 10 % 10 << 4);
}

static u32 decode(const struct rtc *r, u8 v)
{
	return r->cmos[REG_B] & B_BINARY ? v : (v & 0xfu) + (u32)(v >> 4) * 10;
}

static u8 encode_hour(const struct rtc *r, u32 hour)
{
	if (r->cmos[REG_B] & B_24H)
		return encode(r, hour);
	return (u8)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0));
}

static u32 decode_hour(const struct rtc *r, u8 v)
{
	if (r->cmos[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & (u8)~HOUR_PM) % 12 + (v & HOUR_PM ? 12 : 0);
}

static u64 since_base_s(const struct rtc *r, u64 now)
{
	return now > r->base_ns ? (now - r->base_ns) / CLOCK_NS_PER_S : 0;
}

/* Time into the registers. */
static void show_time(struct rtc *r, u64 now)
{
	u64 s = r->base_s + since_base_s(r, now);
	u64 days = s / SECONDS_PER_DAY;
	u32 of_day = (u32)(s % SECONDS_PER_DAY);
	struct civil c = civil_of(days + DAYS_TO_EPOCH);

	r->cmos[REG_SECOND] = encode(r, of_day % 60);
	r->cmos[REG_MINUTE] = encode(r, of_day / 60 % 60);
	r->cmos[REG_HOUR] = encode_hour(r, of_day / 3600);
	r->cmos[REG_WEEKDAY] = encode(r, (u32)((days + WEEKDAY_OF_EPOCH) % 7) + 1);
	r->cmos[REG_DAY] = encode(r, c.day);
	r->cmos[REG_MONTH] = encode(r, c.month);
	r->cmos[REG_YEAR] = encode(r, c.year % 100);
	r->cmos[RTC_CENTURY] = encode(r, c.year / 100 % 100);
}

static u32 clamp(u32 v, u32 low, u32 high)
{
	return MAX(low, MIN(v, high));
}

/* The registers into time. What is no date becomes the nearest one. */
static void take_time(struct rtc *r, u64 now)
{
	struct civil c = {
		.year = clamp(decode(r, r->cmos[RTC_CENTURY]) * 100 + decode(r, r->cmos[REG_YEAR]),
			      1970, 9999),
		.month = clamp(decode(r, r->cmos[REG_MONTH]), 1, 12),
		.day = clamp(decode(r, r->cmos[REG_DAY]), 1, 31),
	};
	u64 of_day = clamp(decode_hour(r, r->cmos[REG_HOUR]), 0, 23) * 3600 +
		     clamp(decode(r, r->cmos[REG_MINUTE]), 0, 59) * 60 +
		     clamp(decode(r, r->cmos[REG_SECOND]), 0, 59);

	r->base_s = (days_of(c) - DAYS_TO_EPOCH) * SECONDS_PER_DAY + of_day;
	r->base_ns = now;
	r->checked_s = 0;
}

u64 rtc_unix_s(const struct rtc *r)
{
	return r->base_s + since_base_s(r, plat_now_ns());
}

/* --- flags and the interrupt ---------------------------------------------------- */

static void update_line(struct rtc *r)
{
	bool level = r->cmos[REG_C] & r->cmos[REG_B] & (C_PF | C_AF | C_UF);

	STATIC_ASSERT(C_PF == B_PIE && C_AF == B_AIE && C_UF == B_UIE, "flag and enable bits");
	r->cmos[REG_C] = (u8)(level ? r->cmos[REG_C] | C_IRQF : r->cmos[REG_C] & ~C_IRQF);
	if (level == r->line)
		return;
	r->line = level;
	irq_line(r->irq, MACHINE_IRQ_RTC, level);
}

static bool alarm_byte(u8 alarm, u32 want, u32 have)
{
	return alarm >= ALARM_ANY || want == have;
}

static bool alarm_at(const struct rtc *r, u64 s)
{
	u32 of_day = (u32)(s % SECONDS_PER_DAY);
	const u8 *m = r->cmos;

	return alarm_byte(m[REG_SECOND_ALARM], decode(r, m[REG_SECOND_ALARM]), of_day % 60) &&
	       alarm_byte(m[REG_MINUTE_ALARM], decode(r, m[REG_MINUTE_ALARM]), of_day / 60 % 60) &&
	       alarm_byte(m[REG_HOUR_ALARM], decode_hour(r, m[REG_HOUR_ALARM]), of_day / 3600);
}

/* Rates 1 and 2 are those of 8 and 9; else 32768 Hz >> (rate - 1). */
static u64 period_ticks(const struct rtc *r)
{
	u32 rate = r->cmos[REG_A] & A_RATE;

	if (!rate)
		return 0;
	return BIT64((rate <= 2 ? rate + 7 : rate) - 1);
}

static void flag_seconds(struct rtc *r, u64 now)
{
	u64 s = since_base_s(r, now);

	if ((r->cmos[REG_B] & B_SET) || s <= r->checked_s)
		return;
	r->cmos[REG_C] |= C_UF;
	/* A day holds every alarm; older seconds say nothing new. */
	if (s - r->checked_s > SECONDS_PER_DAY)
		r->checked_s = s - SECONDS_PER_DAY;
	while (!(r->cmos[REG_C] & C_AF) && r->checked_s < s)
		if (alarm_at(r, r->base_s + ++r->checked_s))
			r->cmos[REG_C] |= C_AF;
	r->checked_s = s;
}

static void flag_periods(struct rtc *r, u64 now)
{
	u64 ticks = period_ticks(r), periods;

	if (!ticks || now < r->period_ns)
		return;
	periods = clock_ticks(now - r->period_ns, OSC_HZ) / ticks;
	if (periods <= r->periods)
		return;
	r->periods = periods;
	r->not_before_ns = now + MIN_PERIOD_NS;
	r->cmos[REG_C] |= C_PF;
}

void rtc_poll(struct rtc *r, u64 now_ns)
{
	flag_seconds(r, now_ns);
	flag_periods(r, now_ns);
	update_line(r);
}

/* Only what would interrupt and has not is worth a wake-up. */
u64 rtc_next_ns(const struct rtc *r)
{
	u8 wanted = r->cmos[REG_B] & (u8)~r->cmos[REG_C];
	u64 next = CLOCK_NEVER;

	if ((wanted & (B_AIE | B_UIE)) && !(r->cmos[REG_B] & B_SET))
		next = r->base_ns + (r->checked_s + 1) * CLOCK_NS_PER_S;
	if ((wanted & B_PIE) && period_ticks(r)) {
		u64 due = r->period_ns + clock_ns((r->periods + 1) * period_ticks(r), OSC_HZ);

		next = MIN(next, MAX(due, r->not_before_ns));
	}
	return next;
}

/* --- ports ------------------------------------------------------------------------ */

static bool is_time(u8 reg)
{
	switch (reg) {
	case REG_SECOND:
	case REG_MINUTE:
	case REG_HOUR:
	case REG_WEEKDAY ... REG_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static void write_a(struct rtc *r, u8 value, u64 now)
{
	value &= (u8)~A_UIP;
	if ((value ^ r->cmos[REG_A]) & A_RATE) {
		r->period_ns = now;
		r->periods = 0;
	}
	r->cmos[REG_A] = value;
}

/* SET stops the clock: the registers hold still, and their values count from
 * when it is cleared. */
static void write_b(struct rtc *r, u8 value, u64 now)
{
	u8 old = r->cmos[REG_B];

	if ((value & B_SET) && !(old & B_SET))
		show_time(r, now);
	/* Setting SET clears UIE (datasheet, register B). */
	r->cmos[REG_B] = value & B_SET ? value & (u8)~B_UIE : value;
	if (!(value & B_SET) && (old & B_SET))
		take_time(r, now);
}

static void write_reg(struct rtc *r, u8 value, u64 now)
{
	u8 reg = r->index;

	switch (reg) {
	case REG_A:
		write_a(r, value, now);
		return;
	case REG_B:
		write_b(r, value, now);
		return;
	case REG_C:
	case REG_D:
		return;
	default:
		break;
	}
	if (!is_time(reg) || (r->cmos[REG_B] & B_SET)) {
		r->cmos[reg] = value;
		return;
	}
	show_time(r, now);
	r->cmos[reg] = value;
	take_time(r, now);
}

static u8 read_reg(struct rtc *r, u64 now)
{
	u8 reg = r->index, value;

	if (reg == REG_C) {
		value = r->cmos[REG_C];
		r->cmos[REG_C] = 0;
		return value;
	}
	if (r->cmos[REG_B] & B_SET)
		return r->cmos[reg];
	if (is_time(reg))
		show_time(r, now);
	if (reg == REG_A && (now - r->base_ns) % CLOCK_NS_PER_S >= CLOCK_NS_PER_S - UPDATE_NS)
		return r->cmos[REG_A] | A_UIP;
	return r->cmos[reg];
}

static void rtc_io(void *dev, struct io_access *a)
{
	struct rtc *r = dev;
	u64 now = plat_now_ns();

	if (a->addr == 0) {
		/* The index cannot be read back on a PC. */
		if (a->write)
			r->index = a->value & INDEX_MASK;
		return;
	}
	rtc_poll(r, now);
	if (a->write)
		write_reg(r, (u8)a->value, now);
	else
		a->value = read_reg(r, now);
	update_line(r);
}

void rtc_init(struct rtc *r, u64 unix_s, const struct irq_sink *irq)
{
	memset(r, 0, sizeof(*r));
	r->irq = irq;
	r->base_s = unix_s;
	r->base_ns = plat_now_ns();
	r->period_ns = r->base_ns;
	r->cmos[REG_A] = A_DIVIDER_32K | A_RATE_1024HZ;
	r->cmos[REG_B] = B_24H;
	r->cmos[REG_D] = D_VALID;
}

void rtc_reset(struct rtc *r)
{
	if (r->cmos[REG_B] & B_SET)
		take_time(r, plat_now_ns());
	r->cmos[REG_B] &= (u8)~(B_SET | B_PIE | B_AIE | B_UIE);
	r->cmos[REG_C] = 0;
	r->index = 0;
	update_line(r);
}

err_t rtc_attach(struct rtc *r, struct iomap *io)
{
	return iomap_add(io, MACHINE_RTC_BASE, MACHINE_RTC_PORTS, "rtc", rtc_io, r);
}
