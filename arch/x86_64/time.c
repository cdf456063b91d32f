/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC as clock (SDM vol. 3B 18.17) and the local APIC timer, by deadline
 * where the processor has that (SDM vol. 3A 10.5.4). Conversions are one
 * multiplication and a shift.
 */
#include <arch/time.h>

#include <arch/apic.h>
#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/irq.h>

#include "hv/base/log.h"
#include "hv/base/plat.h"

#define PIT_HZ 1193182u
#define PIT_CH2 0x42
#define PIT_CMD 0x43
#define PIT_CH2_ONESHOT 0xb0 /* channel 2, both bytes, mode 0 */
#define PORT_61 0x61
#define P61_GATE2 BIT(0)
#define P61_SPEAKER BIT(1)
#define P61_OUT2 BIT(5)
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */

#define CALIBRATE_MS 20
#define CALIBRATE_ROUNDS 3
#define APIC_CALIBRATE_US 10000
/* A port read takes between 0.5 and 10 us. */
#define PORT_SPINS 2000000u
#define FALLBACK_KHZ 1000000u
#define KHZ_MIN 1000u
#define KHZ_MAX 20000000u
#define CPUID_TSC_DEADLINE BIT(24) /* leaf 1 ECX */
#define CPUID_INVARIANT_TSC BIT(8) /* leaf 80000007h EDX */
#define TIMER_MAX_NS (1ull << 40) /* what the conversions can hold, with room */
#define NS_PER_US 1000u
#define NS_PER_MS 1000000u

/* value * mult >> SHIFT converts; relative error 2^-32 at worst. */
#define SHIFT 32

static u64 khz;
static u64 tsc_start;
static u64 ns_per_tsc, tsc_per_ns, apic_per_ns; /* scaled by 2^SHIFT */
static bool use_deadline;

static u64 scale(u64 v, u64 mult)
{
	return (u64)((unsigned __int128)v * mult >> SHIFT);
}

static u64 ratio(u64 num, u64 den)
{
	return (num << SHIFT) / den;
}

/* TSC ticks during CALIBRATE_MS by the PIT; 0 when it does not count. */
static u64 measure_pit(void)
{
	const u32 count = PIT_HZ / (1000 / CALIBRATE_MS);
	u8 p61 = in8(PORT_61) & (u8)~P61_SPEAKER;
	u64 t0, t1;
	u32 spins = 0;

	out8(PORT_61, p61 & (u8)~P61_GATE2);
	out8(PIT_CMD, PIT_CH2_ONESHOT);
	out8(PIT_CH2, (u8)count);
	out8(PIT_CH2, (u8)(count >> 8));
	out8(PORT_61, p61 | P61_GATE2);
	t0 = rdtsc();
	while (!(in8(PORT_61) & P61_OUT2)) {
		if (++spins == PORT_SPINS)
			break;
	}
	t1 = rdtsc();
	out8(PORT_61, p61 & (u8)~P61_GATE2);
	/* OUT2 high at once: nobody there. */
	return spins == PORT_SPINS || spins < 3 ? 0 : t1 - t0;
}

static u64 measure_pm_timer(u16 port)
{
	const u32 count = PM_TIMER_HZ / (1000 / CALIBRATE_MS);
	u32 start = in32(port);
	u64 t0 = rdtsc();

	for (u32 spins = 0; spins < PORT_SPINS; spins++) {
		u32 passed = (in32(port) - start) & PM_TIMER_MASK;

		if (passed >= count) /* by what really passed, not by the plan */
			return (rdtsc() - t0) * count / passed;
	}
	return 0;
}

static void set_rate(u64 rate_khz)
{
	khz = rate_khz;
	ns_per_tsc = ratio(NS_PER_MS, khz);
	tsc_per_ns = ratio(khz, NS_PER_MS);
}

err_t time_init(u16 pm_timer_port)
{
	const char *by = "PIT";
	u64 best = UINT64_MAX;

	tsc_start = rdtsc();
	set_rate(FALLBACK_KHZ);
	/* Interruptions (SMI, a busy emulator) only lengthen a measurement. */
	for (u32 i = 0; i < CALIBRATE_ROUNDS; i++) {
		u64 ticks = measure_pit();

		if (!ticks && pm_timer_port) {
			ticks = measure_pm_timer(pm_timer_port);
			by = "ACPI PM timer";
		}
		if (!ticks)
			break;
		best = MIN(best, ticks);
	}
	if (best / CALIBRATE_MS < KHZ_MIN || best / CALIBRATE_MS > KHZ_MAX) {
		log_err("time", "neither PIT nor ACPI PM timer counts: assuming a TSC of 1 GHz");
		return ERR_TIMEOUT;
	}
	set_rate(best / CALIBRATE_MS);
	log_info("time", "TSC calibrated by the %s: %lu.%03lu MHz%s", by,
		 (khz / 1000), (khz % 1000),
		 cpuid(0x80000000, 0).eax >= 0x80000007 &&
				 cpuid(0x80000007, 0).edx & CPUID_INVARIANT_TSC ?
			 ", invariant" :
			 "");
	return ERR_OK;
}

void time_init_core(void)
{
	if (plat_core() == 0) {
		use_deadline = cpuid(1, 0).ecx & CPUID_TSC_DEADLINE;
		if (!use_deadline) {
			u32 ticks;

			apic_timer_setup(IRQ_VECTOR_TIMER, false);
			apic_timer_start(UINT32_MAX);
			udelay(APIC_CALIBRATE_US);
			ticks = UINT32_MAX - apic_timer_left();
			apic_timer_start(0);
			apic_per_ns = ratio(ticks, APIC_CALIBRATE_US * NS_PER_US);
			log_info("time", "APIC timer: one-shot, %u kHz",
				 ticks / (APIC_CALIBRATE_US / 1000));
		} else {
			log_info("time", "APIC timer: TSC deadline");
		}
	}
	apic_timer_setup(IRQ_VECTOR_TIMER, use_deadline);
}

u64 tsc_khz(void)
{
	return khz;
}

u64 time_tsc_to_ns(u64 tsc)
{
	return scale(tsc - tsc_start, ns_per_tsc);
}

u64 time_ns_to_tsc(u64 ns)
{
	return tsc_start + scale(ns, tsc_per_ns);
}

u64 plat_now_ns(void)
{
	return time_tsc_to_ns(rdtsc());
}

void plat_relax(void)
{
	cpu_pause();
}

void udelay(u32 us)
{
	u64 end = plat_now_ns() + (u64)us * NS_PER_US;

	while (plat_now_ns() < end)
		cpu_pause();
}

void arch_timer_set(u64 deadline_ns)
{
	u64 now = plat_now_ns();
	u64 ticks;

	deadline_ns = MIN(deadline_ns, now + TIMER_MAX_NS);
	if (use_deadline) {
		wrmsr(MSR_TSC_DEADLINE, MAX(time_ns_to_tsc(deadline_ns), 1ull));
		return;
	}
	ticks = deadline_ns > now ? scale(deadline_ns - now, apic_per_ns) : 0;
	/* 0 would stop it. Rounded up, so that it does not fire before its time. */
	apic_timer_start((u32)MIN(ticks + 1, (u64)UINT32_MAX));
}

void arch_timer_stop(void)
{
	if (use_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		apic_timer_start(0);
}
