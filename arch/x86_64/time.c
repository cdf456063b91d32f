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
#define PIT_CH2_MODE0 0xb0 /* channel 2, both bytes, interrupt on terminal count */
#define PIT_CH2_LATCH 0x80
#define PIT_START 0xffffu
#define PORT_61 0x61
#define P61_GATE2 BIT(0)
#define P61_SPEAKER BIT(1)
#define P61_OUT2 BIT(5)
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */

/* Long enough for 100 ppm, short enough for 16 bits of PIT to spare. */
#define CALIBRATE_MS 25
#define CALIBRATE_ROUNDS 3
#define APIC_CALIBRATE_US 10000
#define SAMPLES 16
/* A counter's reading takes between 0.5 and 30 us. */
#define COUNTER_SPINS 500000u
#define FALLBACK_KHZ 1000000u
#define KHZ_MIN 1000u
#define KHZ_MAX 20000000u
#define CPUID_TSC_DEADLINE BIT(24) /* leaf 1 ECX */
#define CPUID_INVARIANT_TSC BIT(8) /* leaf 80000007h EDX */
#define TIMER_MAX_NS (1ull << 40)  /* what the conversions can hold, with room */
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

/* A counter that counts up, and what the TSC said then. */
typedef u32 (*counter_fn)(void);

struct sample {
	u64 tsc;
	u32 count;
};

/* The reading that took the least time: SMIs and busy emulators only add. */
static struct sample take_sample(counter_fn read)
{
	struct sample best = { 0 };
	u64 least = UINT64_MAX;

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 before = rdtsc();
		u32 count = read();
		u64 took = rdtsc() - before;

		if (took < least) {
			least = took;
			best = (struct sample){ before + took / 2, count };
		}
	}
	return best;
}

/* kHz of the TSC by a counter of hz with this range; 0 when it stands still. */
static u64 measure(counter_fn read, u32 hz, u32 mask)
{
	struct sample first = take_sample(read), last;
	u32 wanted = hz / (1000 / CALIBRATE_MS);

	for (u32 spins = 0; ((read() - first.count) & mask) < wanted; spins++) {
		if (spins == COUNTER_SPINS)
			return 0;
	}
	last = take_sample(read);
	return (last.tsc - first.tsc) * hz / ((last.count - first.count) & mask) / 1000;
}

static u32 pit_read(void)
{
	u32 low;

	out8(PIT_CMD, PIT_CH2_LATCH);
	low = in8(PIT_CH2);
	return PIT_START - (low | (u32)in8(PIT_CH2) << 8);
}

static u64 measure_pit(void)
{
	u8 p61 = in8(PORT_61) & (u8) ~(P61_SPEAKER | P61_GATE2);
	u64 rate = 0;
	bool wrapped = true;

	for (u32 i = 0; i < CALIBRATE_ROUNDS && wrapped; i++) {
		out8(PORT_61, p61);
		out8(PIT_CMD, PIT_CH2_MODE0);
		out8(PIT_CH2, (u8)PIT_START);
		out8(PIT_CH2, PIT_START >> 8);
		out8(PORT_61, p61 | P61_GATE2);
		rate = measure(pit_read, PIT_HZ, PIT_START);
		wrapped = in8(PORT_61) & P61_OUT2; /* we were held up for too long */
	}
	out8(PORT_61, p61);
	return wrapped ? 0 : rate;
}

static u16 pm_port;

static u32 pm_read(void)
{
	return in32(pm_port);
}

static void set_rate(u64 rate_khz)
{
	khz = rate_khz;
	ns_per_tsc = ratio(NS_PER_MS, khz);
	tsc_per_ns = ratio(khz, NS_PER_MS);
}

bool time_tsc_is_invariant(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000007 &&
	       cpuid(0x80000007, 0).edx & CPUID_INVARIANT_TSC;
}

err_t time_init(u16 pm_timer_port)
{
	const char *by = "ACPI PM timer";
	u64 rate = 0;

	tsc_start = rdtsc();
	pm_port = pm_timer_port;
	if (pm_port)
		rate = measure(pm_read, PM_TIMER_HZ, PM_TIMER_MASK);
	if (!rate) {
		by = "PIT";
		rate = measure_pit();
	}
	if (rate < KHZ_MIN || rate > KHZ_MAX) {
		set_rate(FALLBACK_KHZ);
		log_err("time", "neither ACPI PM timer nor PIT counts: assuming a TSC of 1 GHz");
		return ERR_TIMEOUT;
	}
	set_rate(rate);
	log_info("time", "TSC calibrated by the %s: %lu.%03lu MHz%s", by, khz / 1000, khz % 1000,
		 time_tsc_is_invariant() ? ", invariant" : "");
	return ERR_OK;
}

static u32 apic_elapsed(void)
{
	return UINT32_MAX - apic_timer_left();
}

static void calibrate_apic(void)
{
	struct sample first, last;

	apic_timer_setup(IRQ_VECTOR_TIMER, false);
	apic_timer_start(UINT32_MAX);
	first = take_sample(apic_elapsed);
	udelay(APIC_CALIBRATE_US);
	last = take_sample(apic_elapsed);
	apic_timer_start(0);
	apic_per_ns = ratio(last.count - first.count, scale(last.tsc - first.tsc, ns_per_tsc));
	log_info("time", "APIC timer: one-shot, %lu kHz", scale(NS_PER_MS, apic_per_ns));
}

void time_init_core(void)
{
	if (plat_core() == 0) {
		use_deadline = cpuid(1, 0).ecx & CPUID_TSC_DEADLINE;
		if (use_deadline)
			log_info("time", "APIC timer: TSC deadline");
		else
			calibrate_apic();
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
