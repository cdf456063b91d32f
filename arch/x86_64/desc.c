/* SPDX-License-Identifier: BSD-2-Clause */
/* GDT, TSS and IDT in 64-bit mode (SDM vol. 3A 3.5.2, 6.14, 7.7). */
#include <arch/desc.h>

#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/trap.h>

#define GDT_CODE64 0x00af9b000000ffffull /* present, DPL 0, execute/read, L */
#define GDT_DATA 0x00cf93000000ffffull	 /* present, DPL 0, read/write */
#define DESC_TSS_AVAILABLE (0x89ull << 40)
#define GATE_INTERRUPT 0x8e /* present, DPL 0, 64-bit interrupt gate */

enum gdt_slot { GDT_NULL, GDT_CODE, GDT_DATA_SLOT, GDT_TSS_LOW, GDT_TSS_HIGH, GDT_SLOTS };

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3;
	u16 iomap_base;
} PACKED;

STATIC_ASSERT(sizeof(struct tss) == 104, "SDM vol. 3A figure 7-11");

struct gate {
	u16 offset_low;
	u16 selector;
	u8 ist;
	u8 type;
	u16 offset_mid;
	u32 offset_high;
	u32 reserved;
} PACKED;

STATIC_ASSERT(sizeof(struct gate) == 16, "SDM vol. 3A figure 6-8");

struct table_pointer {
	u16 limit;
	u64 base;
} PACKED;

struct cpu cpus[PLAT_MAX_CORES];
struct cpu_stack boot_stack;
struct cpu_stack *cpu_stack[PLAT_MAX_CORES] = { &boot_stack };

static u64 gdt[PLAT_MAX_CORES][GDT_SLOTS] ALIGNED(CACHE_LINE);
static struct tss tss[PLAT_MAX_CORES] ALIGNED(CACHE_LINE);
static struct gate idt[TRAP_VECTORS] ALIGNED(CACHE_LINE);

/* boot/entry.asm starts on this stack. */
STATIC_ASSERT(offsetof(struct cpu_stack, guard_ist) == 32768, "BOOT_STACK_TOP in entry.asm");

static void tss_fill(u32 index)
{
	struct tss *t = &tss[index];
	struct cpu_stack *s = cpu_stack[index];
	u64 base = (u64)(uintptr_t)t;

	for (u32 i = IST_NMI; i < IST_COUNT; i++)
		t->ist[i - 1] = (u64)(uintptr_t)(s->ist[i - 1] + STACK_IST_BYTES);
	t->iomap_base = sizeof(*t); /* none */

	gdt[index][GDT_CODE] = GDT_CODE64;
	gdt[index][GDT_DATA_SLOT] = GDT_DATA;
	gdt[index][GDT_TSS_LOW] = DESC_TSS_AVAILABLE | (sizeof(*t) - 1) | (base & 0xffffff) << 16 |
				  (base >> 24 & 0xff) << 56;
	gdt[index][GDT_TSS_HIGH] = base >> 32;
}

static u8 vector_ist(u32 vector)
{
	switch (vector) {
	case EXC_NMI:
		return IST_NMI;
	case EXC_DF:
		return IST_DOUBLE_FAULT;
	case EXC_MC:
		return IST_MACHINE_CHECK;
	default:
		return IST_NONE;
	}
}

static void idt_fill(void)
{
	for (u32 v = 0; v < TRAP_VECTORS; v++) {
		u64 addr = (u64)(uintptr_t)trap_stubs[v];

		idt[v] = (struct gate){
			.offset_low = (u16)addr,
			.selector = SEL_CODE,
			.ist = vector_ist(v),
			.type = GATE_INTERRUPT,
			.offset_mid = (u16)(addr >> 16),
			.offset_high = (u32)(addr >> 32),
		};
	}
}

void desc_load(u32 index)
{
	struct table_pointer gdtr = { sizeof(gdt[index]) - 1, (u64)(uintptr_t)gdt[index] };
	struct table_pointer idtr = { sizeof(idt) - 1, (u64)(uintptr_t)idt };

	if (index == 0)
		idt_fill();
	tss_fill(index);
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%fs\n\t"
			 "movl %%eax, %%gs\n\t"
			 "movw %3, %%ax\n\t"
			 "ltr %%ax\n\t"
			 "lidt %4"
			 :
			 : "m"(gdtr), "i"(SEL_CODE), "i"(SEL_DATA), "i"(SEL_TSS), "m"(idtr)
			 : "rax", "memory");

	cpus[index].self = &cpus[index];
	cpus[index].index = index;
	wrmsr(MSR_GS_BASE, (u64)(uintptr_t)&cpus[index]);
}
