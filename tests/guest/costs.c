/* SPDX-License-Identifier: BSD-2-Clause */
/* What one exit of each kind costs the guest, in TSC ticks. */
#include "tests/guest/smp.h"

#define ROUNDS 200
#define VEC 0x61
#define PORT_DELAY 0x80
#define PCI_CF8 0xcf8
#define AP 1u /* who gets interrupts of the first processor */
#define SETTLE_US 20u /* it halts again */
#define PAGES 64u /* that a guest comes back to after an exit */

static void cost_nothing(void)
{
}

static void cost_cpuid(void)
{
	cpuid(0, 0);
}

/* What a guest works with, as far as the processor still has its translations ... */
static void cost_pages(void)
{
	for (u32 i = 0; i < PAGES; i++)
		(void)*(volatile u64 *)(SCRATCH_PA + i * 4096ull);
}

/* ... and when an exit came before: what it costs beyond both is their loss. */
static void cost_cpuid_pages(void)
{
	cost_cpuid();
	cost_pages();
}

static void cost_rdmsr(void)
{
	rdmsr(MSR_APIC_BASE);
}

static void cost_wrmsr(void)
{
	apic_write(APIC_TPR, 0);
}

static void cost_out(void)
{
	out8(PORT_DELAY, 0);
}

static void cost_in(void)
{
	in32(PCI_CF8);
}

static void cost_string_io(void)
{
	u32 v = 0;
	void *p = &v;

	__asm__ volatile("insl" : "+D"(p) : "d"(PCI_CF8) : "memory");
}

static void cost_mmio_read(void)
{
	(void)*(volatile u32 *)TESTDEV;
}

static void cost_mmio_write(void)
{
	*(volatile u32 *)TESTDEV = 0;
}

static void cost_cr0(void)
{
	write_cr0(read_cr0() ^ CR0_NE);
}

static void cost_cr4(void)
{
	write_cr4(read_cr4());
}

static void cost_wbinvd(void)
{
	cpu_wbinvd();
}

static void cost_hypercall(void)
{
	u64 rax = ~0ull;

	hypercall(&rax);
}

static void cost_self_ipi(void)
{
	apic_self(VEC);
	cpu_irq_enable();
	__asm__ volatile("nop");
	cpu_irq_disable();
}

static void cost_self_register(void)
{
	wrmsr(MSR_X2APIC_BASE + (APIC_SELF_IPI >> 4), VEC);
	cpu_irq_enable();
	__asm__ volatile("nop");
	cpu_irq_disable();
}

static void cost_ipi_hlt(void)
{
	apic_self(VEC);
	cpu_irq_wait();
}

static const struct {
	const char *name;
	void (*once)(void);
	bool hypervisor; /* only meaningful, or only safe, on ours */
} costs[] = {
	{ "nothing", cost_nothing, false },
	{ "cpuid", cost_cpuid, false },
	{ "pages", cost_pages, false },
	{ "cpuid-pages", cost_cpuid_pages, false },
	{ "rdmsr", cost_rdmsr, false },
	{ "wrmsr", cost_wrmsr, false },
	{ "out-8", cost_out, false },
	{ "in-32", cost_in, false },
	{ "ins-32", cost_string_io, false },
	{ "mmio-read", cost_mmio_read, false },
	{ "mmio-write", cost_mmio_write, false },
	{ "cr0-write", cost_cr0, false },
	{ "cr4-write", cost_cr4, false },
	{ "wbinvd", cost_wbinvd, false },
	{ "hypercall", cost_hypercall, true },
	{ "self-ipi", cost_self_ipi, false },
	{ "self-ipi-reg", cost_self_register, true },
	{ "self-ipi-hlt", cost_ipi_hlt, false },
};

static void told(const char *name, u64 sum, u64 least)
{
	print("COST %s: %llu cycles, least %llu\n", name, (unsigned long long)(sum / ROUNDS),
	      (unsigned long long)least);
}

/* Until the other processor's handler is done, from the write to ICR on. */
static void cost_of_ipi(const char *name, enum ap_mode mode)
{
	u64 sum = 0, least = ~0ull;

	if (smp_count() <= AP || !ap_start(AP))
		return;
	ap_set(AP, mode);
	for (u32 k = 1; k <= ROUNDS; k++) {
		u64 t;

		pause_us(SETTLE_US);
		t = rdtsc();
		ipi_send(AP, VEC);
		if (!wait_for(&aps[AP].seen[VEC], k))
			return;
		t = rdtsc() - t;
		sum += t;
		least = MIN(least, t);
	}
	ap_park(AP);
	told(name, sum, least);
}

void costs_run(void)
{
	irq_forget();
	for (size_t i = 0; i < ARRAY_SIZE(costs); i++) {
		u64 sum = 0, least = ~0ull;

		if (costs[i].hypervisor && !hypervisor_present())
			continue;
		for (u32 k = 0; k < ROUNDS; k++) {
			u64 t = rdtsc();

			costs[i].once();
			t = rdtsc() - t;
			sum += t;
			least = MIN(least, t);
		}
		told(costs[i].name, sum, least);
	}
	cost_of_ipi("ipi-running", AP_SPIN);
	cost_of_ipi("ipi-halted", AP_HALT);
}
