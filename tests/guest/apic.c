/* SPDX-License-Identifier: BSD-2-Clause */
/* Local APIC (xAPIC or x2APIC) and I/O APIC for the guest tests (SDM vol. 3A ch. 10). */
#include "tests/guest/guest.h"

#define LAPIC_BASE 0xfee00000u
#define IOAPIC_BASE 0xfec00000u
#define IOREGSEL 0x00
#define IOWIN 0x10
#define IOAPIC_REDIR 0x10
#define REDIR_LEVEL BIT(15)
#define REDIR_MASKED BIT(16)
#define CPUID_X2APIC BIT(21)
#define XAPIC_ID_SHIFT 24
#define SVR_ENABLE BIT(8)
#define SPURIOUS_VECTOR 0xff
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA 0xa1

static bool x2;

bool apic_x2(void)
{
	return x2;
}

u32 apic_read(enum apic_reg reg)
{
	if (x2)
		return (u32)rdmsr(MSR_X2APIC_BASE + (reg >> 4));
	return *(volatile u32 *)(uintptr_t)(LAPIC_BASE + reg);
}

void apic_write(enum apic_reg reg, u32 value)
{
	if (x2)
		wrmsr(MSR_X2APIC_BASE + (reg >> 4), value);
	else
		*(volatile u32 *)(uintptr_t)(LAPIC_BASE + reg) = value;
}

void apic_send(u32 dest, u32 icr_low)
{
	if (x2) {
		wrmsr(MSR_X2APIC_BASE + (APIC_ICR >> 4), (u64)dest << 32 | icr_low);
		return;
	}
	apic_write(APIC_ICR_HIGH, dest << XAPIC_ID_SHIFT);
	apic_write(APIC_ICR, icr_low);
}

void apic_self(u32 icr_low)
{
	apic_write(APIC_ICR, icr_low | APIC_ICR_SELF);
}

void apic_enable(void)
{
	if (cpuid(1, 0).ecx & CPUID_X2APIC) {
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
		x2 = true;
	}
	apic_write(APIC_SVR, SVR_ENABLE | SPURIOUS_VECTOR);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_1);
}

void apic_init(void)
{
	out8(PIC_MASTER_DATA, 0xff);
	out8(PIC_SLAVE_DATA, 0xff);
	apic_enable();
}

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(uintptr_t)(IOAPIC_BASE + IOREGSEL) = reg;
	*(volatile u32 *)(uintptr_t)(IOAPIC_BASE + IOWIN) = value;
}

void ioapic_route(u32 gsi, u8 vector, bool level, bool masked)
{
	u32 id = x2 ? apic_read(APIC_ID) : apic_read(APIC_ID) >> XAPIC_ID_SHIFT;

	ioapic_write(IOAPIC_REDIR + 2 * gsi + 1, id << 24);
	ioapic_write(IOAPIC_REDIR + 2 * gsi,
		     vector | (level ? REDIR_LEVEL : 0) | (masked ? REDIR_MASKED : 0));
}
