/* SPDX-License-Identifier: BSD-2-Clause */
/* The MC146818: calendar against libc's, setting, alarms, interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hv/emul/rtc.h"
#include "tests/host/plat_host.h"

#define S 1000000000ull

static struct rtc rtc;
static struct iomap map;
static bool line;
static u32 rises;

static void on_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	assert_int_equal(gsi, 8);
	assert_int_not_equal(line, level);
	line = level;
	rises += level;
}

static const struct irq_sink sink = { .set_line = on_line };

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	host_now_ns = 7 * S;
	line = false;
	rises = 0;
	rtc_init(&rtc, 1767225600, &sink); /* 2026-01-01, a Thursday */
	assert_int_equal(rtc_attach(&rtc, &map), ERR_OK);
	return 0;
}

static void port(u16 p, u8 value)
{
	struct io_access a = { .addr = p, .value = value, .size = 1, .write = true };

	assert_true(iomap_access(&map, &a));
}

static u8 rd(u8 reg)
{
	struct io_access a = { .addr = 0x71, .size = 1 };

	port(0x70, reg);
	assert_true(iomap_access(&map, &a));
	return (u8)a.value;
}

static void wr(u8 reg, u8 value)
{
	port(0x70, reg | 0x80); /* NMI off, as PCs may */
	port(0x71, value);
}

static void time_is(u8 h, u8 m, u8 s)
{
	assert_int_equal(rd(4), h);
	assert_int_equal(rd(2), m);
	assert_int_equal(rd(0), s);
}

static void date_is(u8 century, u8 y, u8 m, u8 d, u8 weekday)
{
	assert_int_equal(rd(0x32), century);
	assert_int_equal(rd(9), y);
	assert_int_equal(rd(8), m);
	assert_int_equal(rd(7), d);
	assert_int_equal(rd(6), weekday);
}

static void reads_time(void **state)
{
	(void)state;
	date_is(0x20, 0x26, 0x01, 0x01, 5);
	time_is(0, 0, 0);
	host_now_ns += (13 * 3600 + 14 * 60 + 59) * S;
	time_is(0x13, 0x14, 0x59);
	wr(0xb, 0x06); /* binary */
	time_is(13, 14, 59);
	wr(0xb, 0x00); /* 12 hours, BCD */
	time_is(0x81, 0x14, 0x59);
	host_now_ns += 11 * 3600 * S;
	time_is(0x12, 0x14, 0x59); /* midnight is 12 am */
	assert_int_equal(rd(0xd), 0x80);
}

static void calendar_against_libc(void **state)
{
	(void)state;
	wr(0xb, 0x06);
	for (time_t t = 0; t < 8000000000ll; t += 86400ll * 13 + 4001) {
		struct tm tm;

		rtc.base_s = (u64)t;
		rtc.base_ns = host_now_ns;
		gmtime_r(&t, &tm);
		date_is((u8)((tm.tm_year + 1900) / 100), (u8)(tm.tm_year % 100),
			(u8)(tm.tm_mon + 1), (u8)tm.tm_mday, (u8)(tm.tm_wday + 1));
		time_is((u8)tm.tm_hour, (u8)tm.tm_min, (u8)tm.tm_sec);
		/* And back, by setting what was read. */
		wr(0xb, 0x86);
		wr(0xb, 0x06);
		assert_int_equal(rtc_unix_s(&rtc), t);
	}
}

/* mc146818_set_time(): SET, registers, SET off. */
static void setting(void **state)
{
	(void)state;
	wr(0xb, rd(0xb) | 0x80);
	host_now_ns += 100 * S;
	time_is(0, 0, 0); /* stands still */
	wr(9, 0x24);
	wr(8, 0x02);
	wr(7, 0x29);
	wr(4, 0x23);
	wr(2, 0x59);
	wr(0, 0x58);
	wr(0x32, 0x20);
	wr(0xb, rd(0xb) & 0x7f);
	assert_int_equal(rtc_unix_s(&rtc), 1709251198);
	host_now_ns += 2 * S;
	date_is(0x20, 0x24, 0x03, 0x01, 6);
	time_is(0, 0, 0);
	/* Without SET each byte takes effect at once. */
	wr(4, 0x05);
	time_is(5, 0, 0);
	/* Nonsense becomes a date, not a crash. */
	for (u8 reg = 0; reg <= 9; reg++)
		wr(reg, 0xff);
	wr(0x32, 0xff);
	(void)rtc_unix_s(&rtc);
	rtc_reset(&rtc);
}

static void update_in_progress(void **state)
{
	(void)state;
	assert_false(rd(0xa) & 0x80);
	host_now_ns += S - 200000;
	assert_true(rd(0xa) & 0x80);
	host_now_ns += 200000;
	assert_false(rd(0xa) & 0x80);
	wr(0xa, 0xa6); /* UIP is read only */
	assert_int_equal(rd(0xa), 0x26);
}

static void run(u64 ns)
{
	u64 end = host_now_ns + ns;

	while (rtc_next_ns(&rtc) <= end) {
		host_now_ns = MAX(host_now_ns, rtc_next_ns(&rtc));
		rtc_poll(&rtc, host_now_ns);
		if (line)
			rd(0xc);
	}
	host_now_ns = end;
}

static void update_interrupt(void **state)
{
	(void)state;
	assert_int_equal(rtc_next_ns(&rtc), UINT64_MAX);
	wr(0xb, 0x12);
	run(5 * S + S / 2);
	assert_int_equal(rises, 5);
	/* Unread: no second interrupt, no wake-ups. */
	host_now_ns += S;
	rtc_poll(&rtc, host_now_ns);
	assert_true(line);
	assert_int_equal(rtc_next_ns(&rtc), UINT64_MAX);
	/* The periodic flag comes along, enabled or not. */
	assert_int_equal(rd(0xc), 0xd0);
	assert_false(line);
	assert_int_equal(rd(0xc), 0);
}

static void alarm_interrupt(void **state)
{
	(void)state;
	wr(1, 0x30);
	wr(3, 0x02);
	wr(5, 0x00);
	rd(0xc);
	wr(0xb, 0x22);
	run(149 * S);
	assert_int_equal(rises, 0);
	run(2 * S);
	assert_int_equal(rises, 1);
	/* Next day, in one leap. */
	host_now_ns += 86400 * S;
	rtc_poll(&rtc, host_now_ns);
	assert_int_equal(rises, 2);
	assert_int_equal(rd(0xc) & 0xa0, 0xa0);
	/* Every minute at :30. */
	wr(3, 0xff);
	wr(5, 0xc0);
	run(300 * S);
	assert_int_equal(rises, 7);
}

static void periodic_interrupt(void **state)
{
	(void)state;
	wr(0xa, 0x26); /* 1024 Hz */
	wr(0xb, 0x42);
	run(S);
	assert_int_equal(rises, 1024);
	/* Late: one. */
	host_now_ns += S;
	rtc_poll(&rtc, host_now_ns);
	rd(0xc);
	rtc_poll(&rtc, host_now_ns);
	assert_false(line);
	wr(0xa, 0x23); /* 8192 Hz, the fastest */
	rises = 0;
	run(S);
	assert_in_range(rises, 8000, 8192);
	wr(0xa, 0x21); /* 256 Hz */
	rises = 0;
	run(S);
	assert_int_equal(rises, 256);
	wr(0xa, 0x20); /* none */
	assert_int_equal(rtc_next_ns(&rtc), UINT64_MAX);
}

static void memory_survives_reset(void **state)
{
	(void)state;
	wr(0x50, 0xa5);
	wr(0x0f, 0x0a);
	wr(0xb, 0x72);
	rtc_reset(&rtc);
	assert_int_equal(rd(0x50), 0xa5);
	assert_int_equal(rd(0x0f), 0x0a);
	assert_int_equal(rd(0xb), 0x02);
	date_is(0x20, 0x26, 0x01, 0x01, 5);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reads_time), T(calendar_against_libc), T(setting), T(update_in_progress),
		T(update_interrupt), T(alarm_interrupt), T(periodic_interrupt),
		T(memory_survives_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
