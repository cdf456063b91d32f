/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets and the power switch. RAM outlives a reset, as it does in a machine,
 * so the case counts there how often it was started.
 */
#include "tests/guest-bad/bad.h"

#define PORT_RESET 0xcf9
#define RESET_FULL 0x06
#define PORT_KEYBOARD 0x64
#define PULSE_RESET 0xfe
#define TIMES 3

/* Above everything that the loader writes to. */
static volatile u64 *const kept = (volatile u64 *)0x800000;
#define KEPT_MAGIC 0x6361697373726573ull

struct PACKED table_reg {
	u16 limit;
	u64 base;
};

static void by_port(void)
{
	out8(PORT_RESET, RESET_FULL);
}

static void by_keyboard(void)
{
	out8(PORT_KEYBOARD, PULSE_RESET);
}

static void by_triple_fault(void)
{
	const struct table_reg none = { 0, 0 };

	__asm__ volatile("lidt %0\n\tud2" ::"m"(none));
}

static const char *again(void (*reset)(void), u64 times)
{
	if (kept[0] != KEPT_MAGIC) {
		kept[0] = KEPT_MAGIC;
		kept[1] = 0;
	}
	kept[1]++;
	print("start %llu\n", (unsigned long long)kept[1]);
	if (kept[1] < times) {
		reset();
		return "FAIL: no reset";
	}
	kept[0] = 0;
	return "PASS";
}

static const char *reset_port(u64 number)
{
	return again(by_port, number ? number : TIMES);
}

static const char *reset_keyboard(u64 number)
{
	return again(by_keyboard, number ? number : TIMES);
}

static const char *reset_triple(u64 number)
{
	return again(by_triple_fault, number ? number : TIMES);
}

/* What every case does in the end. */
static const char *off(u64 number)
{
	(void)number;
	return "PASS";
}

const struct bad_case power_cases[] = {
	{ "reset-port", reset_port },
	{ "reset-keyboard", reset_keyboard },
	{ "reset-triple", reset_triple },
	{ "power-off", off },
	{ NULL, NULL },
};
