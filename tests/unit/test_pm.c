/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI fixed hardware and the reset ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hv/emul/machine.h"
#include "hv/emul/pm.h"
#include "tests/host/plat_host.h"

#define S 1000000000ull

static struct pm pm;
static struct iomap map;
static bool line;
static u32 resets, power_offs;

static void on_line(void *ctx, u32 gsi, bool level)
{
	(void)ctx;
	assert_int_equal(gsi, 9);
	assert_int_not_equal(line, level);
	line = level;
}

static void on_reset(void *ctx)
{
	(void)ctx;
	resets++;
}

static void on_power_off(void *ctx)
{
	(void)ctx;
	power_offs++;
}

static const struct irq_sink sink = { .set_line = on_line };
static const struct pm_ops ops = { on_reset, on_power_off };

static int setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	host_now_ns = 3 * S;
	line = false;
	resets = power_offs = 0;
	pm_init(&pm, &ops, NULL, &sink);
	assert_int_equal(pm_attach(&pm, &map), ERR_OK);
	return 0;
}

static void wr(u16 port, u8 size, u32 value)
{
	struct io_access a = { .addr = port, .value = value, .size = size, .write = true };

	assert_true(iomap_access(&map, &a));
}

static u32 rd(u16 port, u8 size)
{
	struct io_access a = { .addr = port, .size = size };

	assert_true(iomap_access(&map, &a));
	return (u32)a.value;
}

static void acpi_mode_is_on(void **state)
{
	(void)state;
	assert_int_equal(rd(MACHINE_PM1A_CNT, 2), 1);
	wr(MACHINE_PM1A_CNT, 2, 0);
	assert_int_equal(rd(MACHINE_PM1A_CNT, 2), 1);
}

static void power_button(void **state)
{
	(void)state;
	assert_false(pm_power_button(&pm));
	assert_false(line);
	/* Linux clears what was there, then enables. */
	wr(MACHINE_PM1A_EVT, 2, 0x100);
	assert_int_equal(rd(MACHINE_PM1A_EVT, 2), 0);
	wr(MACHINE_PM1A_EVT + 2, 2, 0x120);
	assert_true(pm_power_button(&pm));
	assert_true(line);
	assert_int_equal(rd(MACHINE_PM1A_EVT, 4), 0x01200100);
	wr(MACHINE_PM1A_EVT, 1, 0xff); /* other bits */
	assert_true(line);
	wr(MACHINE_PM1A_EVT + 1, 1, 0x01);
	assert_false(line);
	assert_int_equal(rd(MACHINE_PM1A_EVT + 3, 1), 0x01);
}

static void soft_off(void **state)
{
	(void)state;
	/* Another sleep type is not supported: nothing. */
	wr(MACHINE_PM1A_CNT, 2, 1u << 13 | 3u << 10);
	assert_int_equal(power_offs, 0);
	wr(MACHINE_PM1A_CNT, 2, MACHINE_S5_SLP_TYP << 10);
	assert_int_equal(power_offs, 0);
	wr(MACHINE_PM1A_CNT, 2, MACHINE_S5_SLP_TYP << 10 | 1u << 13);
	assert_int_equal(power_offs, 1);
	assert_false(rd(MACHINE_PM1A_CNT, 2) & 1u << 13);
}

static void timer_counts(void **state)
{
	u32 before = rd(MACHINE_PM_TMR, 4);

	(void)state;
	host_now_ns += S;
	assert_int_equal(rd(MACHINE_PM_TMR, 4) - before, MACHINE_PM_TMR_HZ);
	wr(MACHINE_PM_TMR, 4, 0);
	assert_int_equal(rd(MACHINE_PM_TMR, 4) - before, MACHINE_PM_TMR_HZ);
	/* 32 bits wrap after 20 minutes. */
	host_now_ns += 1200 * S;
	assert_int_equal(rd(MACHINE_PM_TMR, 4) - before, (u32)(1201ull * MACHINE_PM_TMR_HZ));
	assert_int_equal(rd(MACHINE_PM_TMR + 1, 1), rd(MACHINE_PM_TMR, 4) >> 8 & 0xff);
}

static void timer_overflow_event(void **state)
{
	(void)state;
	assert_int_equal(pm_next_ns(&pm), UINT64_MAX);
	wr(MACHINE_PM1A_EVT + 2, 2, 1);
	assert_in_range(pm_next_ns(&pm), host_now_ns + 599 * S, host_now_ns + 601 * S);
	host_now_ns = pm_next_ns(&pm);
	pm_poll(&pm, host_now_ns);
	assert_true(line);
	assert_int_equal(pm_next_ns(&pm), UINT64_MAX);
	wr(MACHINE_PM1A_EVT, 2, 1);
	assert_false(line);
	assert_true(pm_next_ns(&pm) > host_now_ns);
}

static void reset_ways(void **state)
{
	struct io_access a = { .value = 0x02, .size = 1, .write = true };

	(void)state;
	pm_reset_io(&pm, &a);
	assert_int_equal(resets, 0);
	a.value = 0x06;
	pm_reset_io(&pm, &a);
	assert_int_equal(resets, 1);
	pm_reset_io(&pm, &a); /* no edge */
	assert_int_equal(resets, 1);
	a.write = false;
	pm_reset_io(&pm, &a);
	assert_int_equal(a.value, 0x06);
	wr(0x64, 1, 0xd1);
	assert_int_equal(resets, 1);
	wr(0x64, 1, 0xfe);
	assert_int_equal(resets, 2);
	assert_int_equal(rd(0x64, 1), 0xff); /* no keyboard controller */
	wr(0x80, 1, 0x42);
	assert_int_equal(rd(0x80, 1), 0x42);
	pm_reset(&pm);
	assert_int_equal(pm.reset_control, 0);
}

#define T(x) cmocka_unit_test_setup(x, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(acpi_mode_is_on), T(power_button), T(soft_off), T(timer_counts),
		T(timer_overflow_event), T(reset_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
