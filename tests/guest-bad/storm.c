/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Storms: endless exits and interrupts that the node's operator has to stop,
 * a bounded mixture of all of them, and the guest that just counts, the
 * neighbour that none of it may disturb.
 */
#include "tests/guest-bad/bad.h"

#define COM1_IER 0x3f9
#define IER_THRE BIT(1)
#define COM1_MCR 0x3fc
#define MCR_OUT2 BIT(3) /* lets the interrupt out on PCs */
#define COM1_GSI 4
#define VECTOR_STORM 0x40
#define VECTOR_LEVEL 0x41
#define VECTOR_TICK 0x42
#define PIT_COMMAND 0x43
#define PIT_CHANNEL0 0x40
#define PIT_RATE 0x34 /* channel 0, both bytes, mode 2 */
#define PIT_GSI 2
#define PORT_POST 0x80
#define TIMER_HZ 1000000000u
#define SPIN_PAGE 8u /* where the other processor starts */

/* Timer periods that leave the guest some time between interrupts. */
#define MIXTURE_PERIOD 500000u
#define PIT_PERIOD_HIGH 8

#define COUNT_MS 100
#define TICKS_PER_LINE 50
#define PATTERN_WORDS (256u * 1024 / sizeof(u64))
#define PATTERN 0x9e3779b97f4a7c15ull

/* --- without end ---------------------------------------------------------------- */

static const char *spin_deaf(u64 number)
{
	(void)number;
	cpu_irq_disable();
	for (;;)
		;
	return "";
}

static const char *timer_storm(u64 number)
{
	(void)number;
	apic_write(APIC_LVT_TIMER, VECTOR_STORM | APIC_LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, 1);
	cpu_irq_enable();
	for (;;)
		cpu_hlt();
	return "";
}

/* The transmitter is always ready, and nobody makes it stop saying so. */
static const char *level_storm(u64 number)
{
	(void)number;
	ioapic_route(COM1_GSI, VECTOR_LEVEL, true, false);
	out8(COM1_MCR, MCR_OUT2);
	out8(COM1_IER, IER_THRE);
	cpu_irq_enable();
	for (;;)
		cpu_hlt();
	return "";
}

static void send_nmi(struct trap_frame *f)
{
	(void)f;
	apic_self(APIC_ICR_NMI);
}

static const char *nmi_storm(u64 number)
{
	(void)number;
	irq_hook[VECTOR_NMI] = send_nmi;
	apic_self(APIC_ICR_NMI);
	for (;;)
		;
	return "";
}

/* Whatever can be sent to another processor, which never does anything. */
static const char *ipi_storm(u64 number)
{
	static const u32 kinds[] = { VECTOR_STORM, APIC_ICR_NMI, APIC_ICR_INIT,
				     APIC_ICR_STARTUP | SPIN_PAGE, VECTOR_STORM, APIC_ICR_NMI };

	(void)number;
	/* jmp $: what it executes once it was started. */
	*(volatile u16 *)(SPIN_PAGE << 12) = 0xfeeb;
	for (;;)
		for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
			apic_send(1, APIC_ICR_ASSERT | kinds[i]);
	return "";
}

static void step_on(struct trap_frame *f)
{
	(void)f;
}

/* A trap after each instruction. */
static const char *debug_storm(u64 number)
{
	(void)number;
	irq_hook[VECTOR_DB] = step_on;
	__asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" ::"i"(RFLAGS_TF) : "memory", "cc");
	for (;;)
		;
	return "";
}

static const char *port_storm(u64 number)
{
	(void)number;
	for (;;)
		out8(NO_PORT, 0);
	return "";
}

/* One instruction that would take days. */
static const char *string_storm(u64 number)
{
	u64 count = ~0ull >> 1;

	(void)number;
	__asm__ volatile("xor %%esi, %%esi\n\trep lodsb\n\t" : "+c"(count)::"rsi", "rax", "memory");
	return "";
}

static const char *string_port_storm(u64 number)
{
	(void)number;
	for (;;) {
		u64 at = 0x200000, count = 1u << 20;

		__asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(NO_PORT) : "memory");
	}
	return "";
}

static const char *hypercall_storm(u64 number)
{
	u64 rax = 0;

	(void)number;
	for (;;)
		hypercall(&rax);
	return "";
}

static const char *output_storm(u64 number)
{
	(void)number;
	for (u64 line = 0;; line++)
		print("line %llu of a guest that does not stop talking\n",
		      (unsigned long long)line);
	return "";
}

/* --- with an end ------------------------------------------------------------------ */

static void pit_storm(void)
{
	ioapic_route(PIT_GSI, VECTOR_STORM, false, false);
	out8(PIT_COMMAND, PIT_RATE);
	out8(PIT_CHANNEL0, 0);
	out8(PIT_CHANNEL0, PIT_PERIOD_HIGH);
}

static const char *mixture(u64 number)
{
	u64 rounds = number ? number : 500;
	u64 efer = rdmsr(MSR_EFER);

	pit_storm();
	apic_write(APIC_LVT_TIMER, VECTOR_STORM | APIC_LVT_PERIODIC);
	for (u64 i = 0; i < rounds; i++) {
		u32 lo, hi;
		u64 at = 0x200000, count = 64;

		apic_write(APIC_TIMER_INIT, MIXTURE_PERIOD + (u32)i);
		cpu_irq_enable();
		apic_self(VECTOR_STORM);
		(void)cpuid((u32)i, 0);
		(void)TRY("vmrun", ::"a"(i << 12) : "r11", "memory");
		(void)TRY("rdmsr", : "=a"(lo), "=d"(hi) : "c"((u32)(i * 0x9e3779b1u)) : "r11");
		out8(PORT_POST, (u8)i);
		out32((u16)NO_PORT, in32(NO_PORT));
		__asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(NO_PORT) : "memory");
		*(volatile u32 *)(uintptr_t)(NOWHERE + 4 * (i & 1023)) = (u32)i;
		at = i;
		hypercall(&at);
		cpu_wbinvd();
		write_cr0(read_cr0() ^ CR0_CD);
		wrmsr(MSR_EFER, efer ^ (i & 1 ? EFER_NXE : 0));
		apic_self(APIC_ICR_NMI);
		cpu_irq_disable();
	}
	return bad_say("PASS, %llu interrupts", (unsigned long long)irq_count[VECTOR_STORM]);
}

static void take(struct trap_frame *f)
{
	(void)f;
}

static const char *run_mixture(u64 number)
{
	irq_hook[VECTOR_NMI] = take;
	return mixture(number);
}

/* --- the neighbour ------------------------------------------------------------------ */

static u64 memory[PATTERN_WORDS];

static bool memory_intact(u64 seed)
{
	for (u64 i = 0; i < PATTERN_WORDS; i++)
		if (memory[i] != (i ^ seed) * PATTERN)
			return false;
	return true;
}

static const char *count_ticks(u64 number)
{
	u64 last = rdtsc();

	for (u64 i = 0; i < PATTERN_WORDS; i++)
		memory[i] = (i ^ number) * PATTERN;
	apic_write(APIC_LVT_TIMER, VECTOR_TICK | APIC_LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, TIMER_HZ / 1000 * COUNT_MS);
	for (;;) {
		u64 ticks = irq_count[VECTOR_TICK], now;

		while (irq_count[VECTOR_TICK] == ticks)
			cpu_irq_wait();
		cpu_irq_disable();
		now = rdtsc();
		if (now <= last)
			return "FAIL: the TSC went back";
		last = now;
		if (!memory_intact(number))
			return "FAIL: its memory has changed";
		if (irq_count[VECTOR_TICK] % TICKS_PER_LINE == 1)
			print("tick %llu\n", (unsigned long long)irq_count[VECTOR_TICK]);
	}
	return "";
}

const struct bad_case storm_cases[] = {
	{ "spin-deaf", spin_deaf },
	{ "timer-storm", timer_storm },
	{ "level-storm", level_storm },
	{ "nmi-storm", nmi_storm },
	{ "ipi-storm", ipi_storm },
	{ "debug-storm", debug_storm },
	{ "port-storm", port_storm },
	{ "string-storm", string_storm },
	{ "string-port-storm", string_port_storm },
	{ "hypercall-storm", hypercall_storm },
	{ "output-storm", output_storm },
	{ "mixture", run_mixture },
	{ "count", count_ticks },
	{ NULL, NULL },
};
