/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest tests' start, the list of all cases, and what each says. */
#include "tests/guest/guest.h"

#include "hv/base/fmt.h"
#include "hv/base/str.h"

#define MB1_LOADER_MAGIC 0x2badb002u
#define MB1_INFO_MEMORY BIT(0)
#define MB1_MEM_UPPER 8 /* KiB from 1 MiB on */

#define PROBE_VALUE 0x5a

void guest_main(u32 magic, u32 info);

static const struct guest_case *const lists[] = {
	exit_cases, insn_cases, trap_cases, intr_cases, lapic_cases, page_cases,
	mode_cases, legacy_cases, deliver_cases, smp_cases, time_cases,
};

static char reason[160];
static u64 ram_end;

enum outcome fail(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(reason, sizeof(reason), f, ap);
	va_end(ap);
	return FAIL;
}

enum outcome skip(const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vsnprintf(reason, sizeof(reason), f, ap);
	va_end(ap);
	return SKIP;
}

bool testdev_present(void)
{
	TESTDEV[0] = PROBE_VALUE;
	if (TESTDEV[0] != PROBE_VALUE)
		return false;
	TESTDEV[0] = (u8)~PROBE_VALUE;
	return TESTDEV[0] == (u8)~PROBE_VALUE;
}

u64 memory_end(void)
{
	return ram_end;
}

void guest_main(u32 magic, u32 info)
{
	static const char *const word[] = { [PASS] = "PASS", [FAIL] = "FAIL", [SKIP] = "SKIP" };
	u32 count[3] = { 0 };

	if (magic == MB1_LOADER_MAGIC && (*(u32 *)(uintptr_t)info & MB1_INFO_MEMORY))
		ram_end = (1ull << 20) +
			  ((u64) * (u32 *)(uintptr_t)(info + MB1_MEM_UPPER) << 10);
	traps_init();
	apic_init();
	print("GUEST tests, %llu MiB\n", (unsigned long long)(ram_end >> 20));
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (const struct guest_case *c = lists[l]; c->name; c++) {
			enum outcome o;

			reason[0] = '\0';
			irq_forget();
			print("CASE %s: ", c->name);
			o = c->run(c->arg);
			cpu_irq_disable();
			count[o]++;
			print("%s%s%s\n", word[o], reason[0] ? ": " : "", reason);
		}
	}
	costs_run();
	print("DONE %u passed, %u failed, %u skipped\n", count[PASS], count[FAIL], count[SKIP]);
	power_off();
}
