/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers and clocks: the local APIC's three modes, PIT, PM timer, TSC, RTC. */
#include "tests/guest/guest.h"

#define VEC_TIMER 0x90
#define VEC_PIT 0x88
#define CPUID_DEADLINE BIT(24)
#define GSI_PIT 2
#define PIT_CH0 0x40
#define PIT_COMMAND 0x43
#define PIT_CH0_RATE 0x34    /* channel 0, both bytes, mode 2 */
#define PIT_CH0_ONE_SHOT 0x30 /* mode 0 */
#define PIT_HZ 1193182u
#define PM_TIMER 0x608
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu
#define RTC_INDEX 0x70
#define RTC_DATA 0x71
#define RTC_STATUS_D 0x0d
#define RTC_VALID BIT(7)
#define TICKS 2000000u

static enum outcome case_one_shot(const void *arg)
{
	(void)arg;
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	apic_write(APIC_TIMER_INIT, TICKS);
	CHECK(apic_read(APIC_TIMER_NOW) <= TICKS);
	CHECK(irq_wait(VEC_TIMER, 1));
	CHECK_EQ(apic_read(APIC_TIMER_NOW), 0);
	return PASS;
}

static enum outcome case_periodic(const void *arg)
{
	bool ok;

	(void)arg;
	apic_write(APIC_LVT_TIMER, VEC_TIMER | APIC_LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, TICKS);
	ok = irq_wait(VEC_TIMER, 5);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
	apic_write(APIC_TIMER_INIT, 0);
	CHECK(ok);
	return PASS;
}

static enum outcome case_deadline(const void *arg)
{
	u64 deadline, now;

	(void)arg;
	if (!(cpuid(1, 0).ecx & CPUID_DEADLINE))
		return skip("no TSC deadline timer");
	apic_write(APIC_LVT_TIMER, VEC_TIMER | APIC_LVT_DEADLINE);
	for (u64 i = 1; i <= 5; i++) {
		/* So far away that it reads back, however slow the machine is. */
		deadline = rdtsc() + 100 * tsc_hz();
		wrmsr(MSR_TSC_DEADLINE, deadline);
		CHECK_EQ(rdmsr(MSR_TSC_DEADLINE), deadline);
		deadline = rdtsc() + tsc_hz() / 500;
		wrmsr(MSR_TSC_DEADLINE, deadline);
		CHECK(irq_wait(VEC_TIMER, i));
		now = rdtsc();
		CHECK(now >= deadline);
		CHECK_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	}
	wrmsr(MSR_TSC_DEADLINE, 1); /* long ago: at once */
	CHECK(irq_wait(VEC_TIMER, 6));
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED);
	return PASS;
}

static enum outcome case_hlt_wakes(const void *arg)
{
	(void)arg;
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	for (u32 i = 1; i <= 5; i++) {
		apic_write(APIC_TIMER_INIT, TICKS);
		cpu_irq_wait();
		CHECK_EQ(irq_count[VEC_TIMER], i);
	}
	return PASS;
}

static void pit_start(u8 mode, u16 count)
{
	out8(PIT_COMMAND, mode);
	out8(PIT_CH0, (u8)count);
	out8(PIT_CH0, (u8)(count >> 8));
}

static enum outcome case_pit(const void *arg)
{
	bool ok;

	(void)arg;
	ioapic_route(GSI_PIT, VEC_PIT, false, false);
	pit_start(PIT_CH0_RATE, PIT_HZ / 200);
	ok = irq_wait(VEC_PIT, 4);
	pit_start(PIT_CH0_ONE_SHOT, 1);
	ioapic_route(GSI_PIT, VEC_PIT, false, true);
	CHECK(ok);
	return PASS;
}

static u32 pm_now(void)
{
	return in32(PM_TIMER) & PM_TIMER_MASK;
}

/* The PM timer, and the TSC before and after it was read: a busy host may have stopped us
 * anywhere between. */
struct both_clocks {
	u64 before, after;
	u32 pm;
};

static struct both_clocks read_clocks(void)
{
	struct both_clocks c;

	c.before = rdtsc();
	c.pm = pm_now();
	c.after = rdtsc();
	return c;
}

/* The TSC's rate in CPUID against the PM timer, within 5 %. */
static enum outcome case_tsc_rate(const void *arg)
{
	struct both_clocks start, now;
	u64 least, most, want;

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	start = read_clocks();
	do {
		now = read_clocks();
	} while (((now.pm - start.pm) & PM_TIMER_MASK) < PM_TIMER_HZ / 20 &&
		 now.after - start.before < tsc_hz());
	least = now.before - start.after;
	most = now.after - start.before;
	want = tsc_hz() / 1000 * ((now.pm - start.pm) & PM_TIMER_MASK) / (PM_TIMER_HZ / 1000);
	if (most < want - want / 20 || least > want + want / 20)
		return fail("%llu to %llu TSC ticks where %llu were expected",
			    (unsigned long long)least, (unsigned long long)most,
			    (unsigned long long)want);
	return PASS;
}

static enum outcome case_tsc_forward(const void *arg)
{
	u64 last = rdtsc();

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	for (u32 i = 0; i < 200; i++) {
		u64 now;

		if (i % 2)
			cpuid(0, 0);
		now = i % 4 ? rdtsc() : rdmsr(MSR_TSC);
		if (now < last)
			return fail("the TSC went back by %llu", (unsigned long long)(last - now));
		last = now;
	}
	return PASS;
}

/* A write to the TSC moves what RDTSC and RDMSR say alike. */
static enum outcome case_tsc_write(const void *arg)
{
	u64 by_msr, by_insn, back = rdtsc();

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	wrmsr(MSR_TSC, 1ull << 50);
	by_insn = rdtsc();
	by_msr = rdmsr(MSR_TSC);
	wrmsr(MSR_TSC, back);
	CHECK(by_insn >= 1ull << 50 && by_insn - (1ull << 50) < 100 * tsc_hz());
	CHECK(by_msr >= by_insn && by_msr - by_insn < 100 * tsc_hz());
	return PASS;
}

static enum outcome case_rtc(const void *arg)
{
	(void)arg;
	out8(RTC_INDEX, RTC_STATUS_D);
	CHECK(in8(RTC_DATA) & RTC_VALID);
	return PASS;
}

const struct guest_case time_cases[] = {
	{ "time/apic-one-shot", case_one_shot, NULL },
	{ "time/apic-periodic", case_periodic, NULL },
	{ "time/tsc-deadline", case_deadline, NULL },
	{ "time/hlt-wakes", case_hlt_wakes, NULL },
	{ "time/pit", case_pit, NULL },
	{ "time/tsc-rate", case_tsc_rate, NULL },
	{ "time/tsc-forward", case_tsc_forward, NULL },
	{ "time/tsc-write", case_tsc_write, NULL },
	{ "time/rtc", case_rtc, NULL },
	{ NULL, NULL, NULL },
};
