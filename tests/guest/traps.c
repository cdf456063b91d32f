/* SPDX-License-Identifier: BSD-2-Clause */
/* IDT, TSS, exceptions and interrupts of the guest tests. */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define GATE_INTERRUPT 0x8e00ull
#define GATE_DPL3 0x6000ull
#define TSS_BYTES 104
#define TSS_RSP0 4
#define TSS_TYPE 0x89ull
#define FIRST_IRQ 32
#define WAIT_S 60u
#define RING3(cs) ((cs) & 3)
#define CPUID_INTEL_EBX 0x756e6547u /* "Genu" */

extern const u8 trap_stubs[256][16];
extern u64 guest_tss[2];
extern void user_exit(void), user_abort(void);
void guest_trap(struct trap_frame *f);

volatile struct trap_info trap;
volatile u64 irq_count[256];
volatile u8 irq_order[64];
volatile u32 irq_total;
void (*volatile irq_hook[256])(struct trap_frame *f);
bool (*volatile trap_first)(struct trap_frame *f);

static bool intel; /* asking the processor each time would exit */
static u64 idt[256][2] ALIGNED(16);
static u8 tss[TSS_BYTES] ALIGNED(16);
static u8 ring0_stack[8192] ALIGNED(16);

struct PACKED table_reg {
	u16 limit;
	u64 base;
};

static void gate_set(u32 vector, u64 target, u64 flags)
{
	idt[vector][0] = (target & 0xffff) | SEL_CODE64 << 16 | flags << 32 |
			 (target >> 16 & 0xffff) << 48;
	idt[vector][1] = target >> 32;
}

u64 hypercall(u64 *rax)
{
	if (intel)
		return TRY("vmcall", : "+a"(*rax)::"r11", "memory");
	return TRY("vmmcall", : "+a"(*rax)::"r11", "memory");
}

void traps_load(void)
{
	struct table_reg reg = { sizeof(idt) - 1, (u64)idt };

	__asm__ volatile("lidt %0" ::"m"(reg));
}

void traps_init(void)
{
	u64 base = (u64)tss, rsp0 = (u64)(ring0_stack + sizeof(ring0_stack));

	for (u32 i = 0; i < 256; i++)
		gate_set(i, (u64)trap_stubs[i], GATE_INTERRUPT);
	gate_set(VECTOR_BP, (u64)trap_stubs[VECTOR_BP], GATE_INTERRUPT | GATE_DPL3);
	gate_set(VECTOR_USER_EXIT, (u64)user_exit, GATE_INTERRUPT | GATE_DPL3);
	traps_load();
	memcpy(tss + TSS_RSP0, &rsp0, sizeof(rsp0));
	guest_tss[0] = (TSS_BYTES - 1) | (base & 0xffffff) << 16 | TSS_TYPE << 40 |
		       (base >> 24 & 0xff) << 56;
	guest_tss[1] = base >> 32;
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	intel = cpuid(0, 0).ebx == CPUID_INTEL_EBX;
}

static void unexpected(const struct trap_frame *f)
{
	print("\nPANIC vector %llu error %#llx at %#llx:%#llx cr2 %#llx\n",
	      (unsigned long long)f->vector, (unsigned long long)f->error,
	      (unsigned long long)f->cs, (unsigned long long)f->rip,
	      (unsigned long long)read_cr2());
	power_off();
}

static void exception(struct trap_frame *f)
{
	trap.vector = f->vector;
	trap.error = f->error;
	trap.rip = f->rip;
	trap.cr2 = read_cr2();
	trap.dr6 = read_dr6();
	f->rflags &= ~RFLAGS_TF;
	if (RING3(f->cs)) {
		f->rip = (u64)user_abort;
		f->cs = SEL_CODE64;
		f->ss = SEL_DATA;
		f->rsp = (u64)(ring0_stack + sizeof(ring0_stack));
		f->rflags &= ~RFLAGS_IF;
	} else if (trap.resume) {
		f->rip = trap.resume;
		f->rsp = trap.rsp;
		trap.resume = 0;
	} else {
		unexpected(f);
	}
}

void guest_trap(struct trap_frame *f)
{
	u8 v = (u8)f->vector;

	if (trap_first && trap_first(f))
		return;
	if (v < FIRST_IRQ && !irq_hook[v]) {
		exception(f);
		return;
	}
	irq_count[v]++;
	if (irq_total < sizeof(irq_order))
		irq_order[irq_total] = v;
	irq_total++;
	if (irq_hook[v])
		irq_hook[v](f);
	if (v >= FIRST_IRQ)
		apic_write(APIC_EOI, 0);
}

void irq_forget(void)
{
	for (u32 i = 0; i < 256; i++) {
		irq_count[i] = 0;
		irq_hook[i] = NULL;
	}
	irq_total = 0;
	write_cr8(0);
}

bool irq_wait(u8 vector, u64 n)
{
	u64 start = rdtsc();

	cpu_irq_enable();
	while (irq_count[vector] < n && rdtsc() - start < WAIT_S * tsc_hz())
		cpu_pause();
	cpu_irq_disable();
	return irq_count[vector] >= n;
}
