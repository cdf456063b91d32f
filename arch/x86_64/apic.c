/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC driver (SDM vol. 3A ch. 10; x2APIC: 10.12). */
#include <arch/apic.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/mmio.h>

#include "hv/base/plat.h"

/* Registers, as xAPIC offsets. */
#define APIC_ID 0x020
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_LDR 0x0d0
#define APIC_DFR 0x0e0
#define DFR_FLAT 0xffffffffu
#define APIC_SVR 0x0f0
#define SVR_ENABLE BIT(8)
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define ICR_FIXED (0u << 8)
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING BIT(12)
#define ICR_ASSERT BIT(14)
#define ICR_ALL_BUT_SELF (3u << 18)
#define APIC_ICR_HIGH 0x310
#define ICR_DEST_SHIFT 24
#define APIC_LVT_TIMER 0x320
#define LVT_MASKED BIT(16)
#define LVT_TIMER_DEADLINE (2u << 17)
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define LVT_NMI (4u << 8)
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_COUNT 0x390
#define APIC_TIMER_DIVIDE 0x3e0
#define TIMER_DIVIDE_1 0xb

#define CPUID_X2APIC BIT(21) /* leaf 1 ECX */
/* An IPI is accepted within microseconds; a register read takes at least 100 ns. */
#define ICR_SPINS 100000

static bool x2apic;
static volatile u8 *xapic_regs;

static u32 reg_read(u32 reg)
{
	if (x2apic)
		return (u32)rdmsr(MSR_X2APIC_BASE + (reg >> 4));
	return mmio_read32(xapic_regs + reg);
}

static void reg_write(u32 reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC_BASE + (reg >> 4), v);
	else
		mmio_write32(xapic_regs + reg, v);
}

/* x2APIC where the processor has it. */
static void mode_enable(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	/* From disabled, xAPIC comes first: SDM vol. 3A figure 10-27. */
	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

void apic_init(u64 mmio_base)
{
	if (plat_core() == 0) {
		x2apic = cpuid(1, 0).ecx & CPUID_X2APIC;
		xapic_regs = (volatile u8 *)(uintptr_t)mmio_base;
	}
	mode_enable();
	if (!x2apic) {
		reg_write(APIC_DFR, DFR_FLAT);
		reg_write(APIC_LDR, 0); /* we address by physical id */
	}
	reg_write(APIC_TPR, 0);
	reg_write(APIC_LVT_TIMER, LVT_MASKED);
	reg_write(APIC_LVT_THERMAL, LVT_MASKED);
	reg_write(APIC_LVT_PERF, LVT_MASKED);
	reg_write(APIC_LVT_LINT0, LVT_MASKED); /* the 8259s' INTR */
	reg_write(APIC_LVT_LINT1, LVT_NMI);
	reg_write(APIC_LVT_ERROR, LVT_MASKED);
	reg_write(APIC_SVR, SVR_ENABLE | IRQ_VECTOR_SPURIOUS);
	reg_write(APIC_ESR, 0);
	apic_eoi(); /* firmware may have left one in service */
}

u32 apic_id(void)
{
	u32 id = reg_read(APIC_ID);

	return x2apic ? id : id >> ICR_DEST_SHIFT;
}

bool apic_is_x2(void)
{
	return x2apic;
}

void apic_eoi(void)
{
	reg_write(APIC_EOI, 0);
}

static err_t icr_send(u32 dest, u32 command)
{
	if (x2apic) { /* no delivery status there: 10.12.9 */
		/* WRMSR to x2APIC registers does not order earlier stores. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC_BASE + (APIC_ICR >> 4), (u64)dest << 32 | command);
		return ERR_OK;
	}
	for (u32 i = 0; reg_read(APIC_ICR) & ICR_PENDING; i++) {
		if (i == ICR_SPINS)
			return ERR_TIMEOUT;
		cpu_pause();
	}
	reg_write(APIC_ICR_HIGH, dest << ICR_DEST_SHIFT);
	reg_write(APIC_ICR, command);
	return ERR_OK;
}

err_t apic_ipi(u32 dest, u8 vector)
{
	return icr_send(dest, ICR_FIXED | ICR_ASSERT | vector);
}

err_t apic_nmi(u32 dest)
{
	return icr_send(dest, ICR_NMI | ICR_ASSERT);
}

err_t apic_init_ipi(u32 dest)
{
	return icr_send(dest, ICR_INIT | ICR_ASSERT);
}

err_t apic_startup_ipi(u32 dest, u8 page)
{
	return icr_send(dest, ICR_STARTUP | ICR_ASSERT | page);
}

void apic_nmi_others(void)
{
	if (x2apic || xapic_regs) /* else there are no others yet */
		icr_send(0, ICR_NMI | ICR_ASSERT | ICR_ALL_BUT_SELF);
}

void apic_timer_setup(u8 vector, bool tsc_deadline)
{
	reg_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	reg_write(APIC_LVT_TIMER, vector | (tsc_deadline ? LVT_TIMER_DEADLINE : 0));
	/* The mode switch is ordered before a write of the deadline: 10.5.4.1. */
	__asm__ volatile("mfence" ::: "memory");
}

void apic_timer_start(u32 count)
{
	reg_write(APIC_TIMER_INIT, count);
}

u32 apic_timer_left(void)
{
	return reg_read(APIC_TIMER_COUNT);
}
