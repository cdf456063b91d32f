/* SPDX-License-Identifier: BSD-2-Clause */
/* The 8254 and port 61h: what Linux's i8253 clock event and TSC calibration do. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/clock.h"
#include "hv/emul/pit.h"
#include "tests/host/plat_host.h"

#define MS 1000000ull

static struct pit pit;
static struct iomap map;
static u32 ticks;
static bool line;

static void on_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	assert_int_equal(gsi, 0);
	ticks += level && !line;
	line = level;
}

static const struct irq_sink sink = { .set_line = on_line };

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	host_now_ns = 5 * CLOCK_NS_PER_S + 123;
	ticks = 0;
	line = false;
	pit_init(&pit, &sink);
	assert_int_equal(pit_attach(&pit, &map), ERR_OK);
	return 0;
}

static void wr(u16 port, u8 value)
{
	struct io_access a = { .addr = port, .value = value, .size = 1, .write = true };

	assert_true(iomap_access(&map, &a));
}

static u8 rd(u16 port)
{
	struct io_access a = { .addr = port, .size = 1 };

	assert_true(iomap_access(&map, &a));
	return (u8)a.value;
}

static void program(u8 control, u16 count)
{
	u16 port = (u16)(0x40 + (control >> 6));

	wr(0x43, control);
	wr(port, (u8)count);
	wr(port, (u8)(count >> 8));
}

static u16 read16(u16 port)
{
	u8 low = rd(port);

	return (u16)(low | rd(port) << 8);
}

static void run_until(u64 end)
{
	while (pit_next_ns(&pit) <= end) {
		host_now_ns = MAX(host_now_ns, pit_next_ns(&pit));
		pit_poll(&pit, host_now_ns);
	}
	host_now_ns = end;
}

static void clock_round_trip(void **state)
{
	(void)state;
	for (u64 t = 1; t < 1ull << 50; t = t * 3 + 1) {
		assert_int_equal(clock_ticks(clock_ns(t, PIT_HZ), PIT_HZ), t);
		assert_true(clock_ticks(clock_ns(t, PIT_HZ) - 1, PIT_HZ) < t);
	}
}

static void quiet_after_reset(void **state)
{
	(void)state;
	assert_int_equal(pit_next_ns(&pit), UINT64_MAX);
	assert_int_equal(rd(0x61) & 0xef, 0);
	rd(0x40);
	wr(0x40, 1); /* no control word: no effect */
	assert_int_equal(pit_next_ns(&pit), UINT64_MAX);
	/* clockevent_i8253_disable() */
	wr(0x43, 0x30);
	assert_int_equal(pit_next_ns(&pit), UINT64_MAX);
}

static void rate_generator(void **state)
{
	u64 start = host_now_ns;

	(void)state;
	program(0x34, 11932); /* 100 Hz */
	run_until(start + 1000 * MS);
	assert_int_equal(ticks, 99);
	run_until(start + 1001 * MS);
	assert_int_equal(ticks, 100);
	/* A second away: one interrupt for all of it, then the grid goes on. */
	host_now_ns += 1000 * MS;
	pit_poll(&pit, host_now_ns);
	assert_int_equal(ticks, 101);
	assert_int_equal(pit.ticks_coalesced, 99);
	assert_in_range(pit_next_ns(&pit), host_now_ns + 1, host_now_ns + 10 * MS);
}

static void shortest_period(void **state)
{
	(void)state;
	program(0x34, 2);
	run_until(host_now_ns + 1 * MS);
	assert_in_range(ticks, 10, 51);
}

static void one_shot_modes(void **state)
{
	u64 start = host_now_ns;

	(void)state;
	program(0x38, 1193); /* mode 4, Linux's one-shot */
	assert_in_range(pit_next_ns(&pit), start + MS - 1000, start + MS + 1000);
	run_until(start + 200 * MS);
	assert_int_equal(ticks, 1);
	program(0x30, 1193); /* mode 0 */
	run_until(host_now_ns + 200 * MS);
	assert_int_equal(ticks, 2);
	assert_int_equal(pit_next_ns(&pit), UINT64_MAX);
	/* Gate-started modes never start: the gate of counter 0 is fixed. */
	program(0x32, 1193);
	assert_int_equal(pit_next_ns(&pit), UINT64_MAX);
}

static void counting_down(void **state)
{
	u16 a, b;

	(void)state;
	program(0x34, 0); /* 65536 */
	assert_int_equal(read16(0x40), 0);
	host_now_ns += clock_ns(1000, PIT_HZ);
	wr(0x43, 0x00); /* latch */
	host_now_ns += 10 * MS;
	wr(0x43, 0x00); /* a second latch does not replace the first */
	a = read16(0x40);
	b = read16(0x40);
	assert_int_equal(a, 65536 - 1000);
	assert_int_equal(b, 65536 - 1000 - 11931);
	/* Low byte only, high byte only. */
	wr(0x43, 0x14);
	wr(0x40, 100);
	assert_int_equal(rd(0x40), 100);
	assert_int_equal(rd(0x40), 100);
	wr(0x43, 0x24);
	wr(0x40, 2);
	assert_int_equal(rd(0x40), 2);
	assert_int_equal(pit.c[0].count, 512);
}

static void bcd_counts(void **state)
{
	(void)state;
	program(0x35, 0x1234);
	assert_int_equal(pit.c[0].count, 1234);
	host_now_ns += clock_ns(34, PIT_HZ);
	assert_int_equal(read16(0x40), 0x1200);
	program(0x35, 0);
	assert_int_equal(pit.c[0].count, 10000);
}

static void read_back(void **state)
{
	(void)state;
	program(0xb6, 1000); /* counter 2, square wave; the gate is closed */
	wr(0x61, 1);
	wr(0x43, 0xe8); /* status of counter 2 */
	assert_int_equal(rd(0x42), 0x80 | 0x36);
	host_now_ns += clock_ns(600, PIT_HZ);
	wr(0x43, 0xc8); /* status and count */
	assert_int_equal(rd(0x42), 0x36);
	assert_int_equal(read16(0x42), 800);
	wr(0x43, 0xb0);
	wr(0x43, 0xe8);
	assert_int_equal(rd(0x42), 0x40 | 0x30); /* null count */
}

/* pit_calibrate_tsc(): gate open, speaker off, mode 0, wait for bit 5 of 61h. */
static void linux_calibration(void **state)
{
	u64 start;

	(void)state;
	wr(0x61, (u8)((rd(0x61) & ~0x02) | 0x01));
	program(0xb0, 11931);
	start = host_now_ns;
	while (!(rd(0x61) & 0x20))
		host_now_ns += 1000;
	assert_in_range(host_now_ns - start, 9990000, 10010000);
}

/* pit_expect_msb() of quick_pit_calibrate() */
static void linux_quick_calibration(void **state)
{
	u8 expect = 0xff;
	u32 seen = 0;

	(void)state;
	wr(0x61, 0x01);
	program(0xb0, 0xffff);
	rd(0x42);
	rd(0x42);
	while (expect > 0xf0) {
		host_now_ns += 2000;
		rd(0x42);
		if (rd(0x42) == expect) {
			seen++;
			continue;
		}
		assert_true(seen > 50);
		expect--;
		seen = 0;
	}
}

static void gate_stops_and_goes_on(void **state)
{
	(void)state;
	wr(0x61, 1);
	program(0xb0, 10000);
	host_now_ns += clock_ns(1000, PIT_HZ);
	wr(0x61, 0);
	host_now_ns += 500 * MS;
	assert_int_equal(read16(0x42), 9000);
	assert_false(rd(0x61) & 0x20);
	wr(0x61, 1);
	host_now_ns += clock_ns(9000, PIT_HZ);
	assert_true(rd(0x61) & 0x20);
}

static void one_shot_by_gate(void **state)
{
	(void)state;
	program(0xb2, 100);
	assert_true(rd(0x61) & 0x20);
	wr(0x61, 1);
	assert_false(rd(0x61) & 0x20);
	host_now_ns += clock_ns(100, PIT_HZ);
	assert_true(rd(0x61) & 0x20);
}

static void refresh_toggles(void **state)
{
	u32 changes = 0, last = 0;

	(void)state;
	for (u32 i = 0; i < 100; i++) {
		u32 bit = rd(0x61) & 0x10;

		changes += i && bit != last;
		last = bit;
		host_now_ns += 5000;
	}
	assert_in_range(changes, 30, 35);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(clock_round_trip), T(quiet_after_reset), T(rate_generator), T(shortest_period),
		T(one_shot_modes), T(counting_down), T(bcd_counts), T(read_back),
		T(linux_calibration), T(linux_quick_calibration), T(gate_stops_and_goes_on),
		T(one_shot_by_gate), T(refresh_toggles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
