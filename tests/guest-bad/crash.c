/* SPDX-License-Identifier: BSD-2-Clause */
/* What ends a guest: the hypervisor stops it and reports it. */
#include "tests/guest-bad/bad.h"

#define PHYS_BIT_TOO_HIGH BIT64(51)
#define SEL_SPARE 0x30 /* an empty place in the GDT */
#define DESC_CODE64_AND_32 0x00ef9b000000ffffull /* L and D both set: reserved */

extern u64 guest_gdt[]; /* tests/guest/entry.asm */

struct PACKED table_reg {
	u16 limit;
	u64 base;
};

static const char *triple_fault(u64 number)
{
	const struct table_reg none = { 0, 0 };

	(void)number;
	/* A value to be found in the report. */
	__asm__ volatile("lidt %0\n\tmov $0x0badc0de, %%r15d\n\tud2" ::"m"(none) : "r15");
	return "survived";
}

static const char *halt_deaf(u64 number)
{
	(void)number;
	cpu_irq_disable();
	cpu_hlt();
	return "survived";
}

/* The boot processor starts anew where a machine has its firmware. */
static const char *init_self(u64 number)
{
	(void)number;
	apic_send(0, APIC_ICR_INIT | APIC_ICR_ASSERT);
	return "survived";
}

static const char *jump_nowhere(u64 number)
{
	(void)number;
	((void (*)(void))(uintptr_t)NOWHERE)();
	return "survived";
}

static const char *tables_nowhere(u64 number)
{
	(void)number;
	write_cr3(NOWHERE);
	return "survived";
}

/* A page table in a device's registers: the I/O APIC's. */
static const char *tables_in_device(u64 number)
{
	(void)number;
	page_root[1] = 0xfec00000u | PTE_P | PTE_W | PTE_U;
	return bad_say("read %#x", *(volatile u32 *)WINDOW);
}

static const char *tables_too_high(u64 number)
{
	u64 cr3 = read_cr3();

	(void)number;
	if (TRY("mov %0, %%cr3", ::"r"(cr3 | PHYS_BIT_TOO_HIGH) : "r11", "memory") != VECTOR_NONE)
		return "refused";
	return "survived";
}

/* Code that is 64-bit and 32-bit at once: the processor refuses the selector, or, where
 * an emulator takes it, to enter the guest again. */
static const char *code_of_two_sizes(u64 number)
{
	u32 eax = 0;

	(void)number;
	guest_gdt[SEL_SPARE / sizeof(guest_gdt[0])] = DESC_CODE64_AND_32;
	if (TRY("pushq %0\n\tleaq 1f(%%rip), %%r11\n\tpushq %%r11\n\tlretq\n1:", ::"i"(SEL_SPARE)
		: "r11", "memory") != VECTOR_NONE)
		return "refused";
	__asm__ volatile("cpuid" : "+a"(eax)::"rbx", "rcx", "rdx"); /* exits */
	return "survived";
}

/* No emulator of MMIO knows this one. */
static const char *odd_instruction(u64 number)
{
	(void)number;
	__asm__ volatile("fxsave (%0)" ::"r"((u64)NOWHERE) : "memory");
	return "survived";
}

static const char *stack_nowhere(u64 number)
{
	(void)number;
	__asm__ volatile("mov %0, %%rsp\n\tint3" ::"r"((u64)NOWHERE + 0x1000));
	return "survived";
}

static const char *idt_nowhere(u64 number)
{
	const struct table_reg reg = { 0xfff, NOWHERE };

	(void)number;
	__asm__ volatile("lidt %0\n\tint3" ::"m"(reg));
	return "survived";
}

const struct bad_case crash_cases[] = {
	{ "triple-fault", triple_fault },	  { "halt-deaf", halt_deaf },
	{ "jump-nowhere", jump_nowhere },	  { "tables-nowhere", tables_nowhere },
	{ "tables-in-device", tables_in_device }, { "tables-too-high", tables_too_high },
	{ "odd-instruction", odd_instruction },	  { "stack-nowhere", stack_nowhere },
	{ "idt-nowhere", idt_nowhere },		  { "code-of-two-sizes", code_of_two_sizes },
	{ "init-self", init_self },
	{ NULL, NULL },
};
