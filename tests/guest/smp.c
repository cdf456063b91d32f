/* SPDX-License-Identifier: BSD-2-Clause */
/* Other processors for the guest tests, see smp.h. */
#include "tests/guest/smp.h"

#include "hv/base/str.h"

#define AP_BASE 0x8000u
#define AP_STACK_BYTES 8192u
#define FIRST_IRQ 32
#define WAIT_S 60u
#define INIT_US 10000u
#define SIPI_US 200u
#define CPUID_COUNT(ebx) ((ebx) >> 16 & 0xff)

extern const u8 ap_code[], ap_code_end[];
extern volatile u64 ap_stack;
extern volatile u32 ap_index;
void ap_main(u32 id);

volatile struct ap aps[SMP_MAX];
static u8 stacks[SMP_MAX][AP_STACK_BYTES] ALIGNED(16);

u32 smp_count(void)
{
	static u32 count;

	if (!count)
		count = MIN(MAX(CPUID_COUNT(cpuid(1, 0).ebx), 1u), (u32)SMP_MAX);
	return count;
}

bool wait_for(const volatile u32 *word, u32 value)
{
	u64 start = rdtsc(), limit = WAIT_S * tsc_hz();

	while ((s32)(*word - value) < 0) {
		if (rdtsc() - start > limit)
			return false;
		cpu_pause();
	}
	return true;
}

void pause_us(u32 us)
{
	u64 start = rdtsc();

	while (rdtsc() - start < us * (tsc_hz() / 1000000))
		cpu_pause();
}

void ipi_send(u32 id, u32 icr_low)
{
	apic_send(id, icr_low | APIC_ICR_ASSERT);
}

void ipi_send_logical(u32 dest, u32 icr_low)
{
	apic_send(dest, icr_low | APIC_ICR_ASSERT | APIC_ICR_LOGICAL);
}

/* Whose stack the frame is on: the first processor has none of these. */
static bool ap_trap(struct trap_frame *f)
{
	u64 at = (u64)f - (u64)stacks;
	u8 vector = (u8)f->vector;
	volatile struct ap *ap;

	if (at >= sizeof(stacks))
		return false;
	ap = &aps[at / AP_STACK_BYTES];
	if (vector < FIRST_IRQ && vector != VECTOR_NMI) {
		print("\nPANIC vector %u at %#llx on processor %u\n", vector,
		      (unsigned long long)f->rip, (u32)(at / AP_STACK_BYTES));
		power_off();
	}
	if (ap->hook)
		ap->hook(ap, vector);
	__atomic_fetch_add(&ap->seen[vector], 1, __ATOMIC_SEQ_CST);
	if (vector >= FIRST_IRQ)
		apic_write(APIC_EOI, 0);
	return true;
}

static void one_turn(volatile struct ap *ap)
{
	switch (ap->mode) {
	case AP_CALL:
		ap->call(ap);
		ap->mode = AP_SPIN;
		break;
	case AP_HALT:
		cpu_irq_disable();
		if (ap->mode == AP_HALT)
			__asm__ volatile("sti; hlt" ::: "memory");
		break;
	case AP_DEAF:
		cpu_irq_disable();
		__asm__ volatile("hlt" ::: "memory");
		break;
	default:
		cpu_pause();
		break;
	}
	cpu_irq_enable();
}

/* From smp.asm, in long mode on its own stack. */
void ap_main(u32 id)
{
	volatile struct ap *ap = &aps[id];

	traps_load();
	apic_enable();
	ap->up++;
	for (;;) {
		one_turn(ap);
		ap->beats++;
	}
}

bool ap_start(u32 id)
{
	u32 up = aps[id].up;

	trap_first = ap_trap;
	aps[id] = (struct ap){ .up = up };
	ap_stack = (u64)&stacks[id][AP_STACK_BYTES];
	ap_index = id;
	memcpy((void *)(uintptr_t)AP_BASE, ap_code, (size_t)(ap_code_end - ap_code));
	ipi_send(id, APIC_ICR_INIT);
	/* A machine takes its time (MultiProcessor Specification B.4), ours needs none. */
	if (!hypervisor_present())
		pause_us(INIT_US);
	ipi_send(id, APIC_ICR_STARTUP | AP_BASE >> 12);
	if (!hypervisor_present())
		pause_us(SIPI_US);
	ipi_send(id, APIC_ICR_STARTUP | AP_BASE >> 12);
	return wait_for(&aps[id].up, up + 1);
}

void ap_park(u32 id)
{
	ipi_send(id, APIC_ICR_INIT);
}

void ap_set(u32 id, enum ap_mode mode)
{
	__atomic_store_n(&aps[id].mode, mode, __ATOMIC_SEQ_CST);
}

bool ap_run(u32 id, void (*call)(volatile struct ap *ap))
{
	u64 start = rdtsc();

	aps[id].call = call;
	ap_set(id, AP_CALL);
	while (aps[id].mode == AP_CALL && rdtsc() - start < WAIT_S * tsc_hz())
		cpu_pause();
	return aps[id].mode != AP_CALL;
}
