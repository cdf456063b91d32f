/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the registers of the local APIC say while interrupts pass through it (SDM
 * vol. 3A 11.8, 11.12): the same whether our software or the processor keeps them.
 */
#include "tests/guest/guest.h"

#define VEC_LOW 0x51
#define VEC_A 0x60
#define VEC_B 0x71
#define VEC_HIGH 0xa1
#define VEC_ILLEGAL 5
#define CLASS(vector) ((vector) & 0xf0)
#define MANY 200
#define TICKS 0xfffffff0u

#define APIC_PPR 0xa0
#define APIC_DFR 0xe0
#define APIC_ESR 0x280
#define SVR_ENABLE BIT(8)
#define ESR_ILLEGAL (BIT(5) | BIT(6)) /* vector sent, received */
#define X2APIC_MSR(reg) (MSR_X2APIC_BASE + ((reg) >> 4))

static bool bit(u32 bitmap, u8 vector)
{
	return apic_read((enum apic_reg)(bitmap + vector / 32 * 16)) & BIT(vector % 32);
}

static u32 read(u32 reg)
{
	return apic_read((enum apic_reg)reg);
}

static void interrupts_on(void)
{
	cpu_irq_enable();
	for (u32 i = 0; i < 20; i++)
		cpu_pause();
	cpu_irq_disable();
}

/* IF=0 keeps it in IRR, out of ISR and PPR. */
static enum outcome case_requested(const void *arg)
{
	(void)arg;
	apic_self(VEC_A);
	apic_self(VEC_HIGH);
	CHECK(bit(APIC_IRR, VEC_A) && bit(APIC_IRR, VEC_HIGH));
	CHECK(!bit(APIC_IRR, VEC_B) && !bit(APIC_ISR, VEC_HIGH));
	CHECK_EQ(read(APIC_PPR), 0);
	CHECK(irq_wait(VEC_A, 1));
	CHECK_EQ(irq_order[0], VEC_HIGH);
	CHECK(!bit(APIC_IRR, VEC_A) && !bit(APIC_IRR, VEC_HIGH));
	return PASS;
}

static struct {
	bool irr, isr, waiting;
	u32 ppr, ppr_with_tpr, tpr;
} inside;

static void look(struct trap_frame *f)
{
	(void)f;
	apic_self(VEC_LOW);
	inside.irr = bit(APIC_IRR, VEC_B);
	inside.isr = bit(APIC_ISR, VEC_B);
	inside.waiting = bit(APIC_IRR, VEC_LOW);
	inside.ppr = read(APIC_PPR);
	inside.tpr = read(APIC_TPR);
	apic_write(APIC_TPR, VEC_HIGH);
	inside.ppr_with_tpr = read(APIC_PPR);
	apic_write(APIC_TPR, 0);
}

static enum outcome case_in_service(const void *arg)
{
	(void)arg;
	irq_hook[VEC_B] = look;
	apic_self(VEC_B);
	CHECK(irq_wait(VEC_LOW, 1));
	CHECK(!inside.irr && inside.isr && inside.waiting);
	CHECK_EQ(inside.ppr, CLASS(VEC_B));
	CHECK_EQ(inside.tpr, 0);
	CHECK_EQ(inside.ppr_with_tpr, VEC_HIGH);
	CHECK_EQ(irq_order[0], VEC_B);
	CHECK(!bit(APIC_ISR, VEC_B) && !bit(APIC_ISR, VEC_LOW));
	CHECK_EQ(read(APIC_PPR), 0);
	return PASS;
}

/* TPR and CR8 are one register. */
static enum outcome case_tpr_cr8(const void *arg)
{
	(void)arg;
	apic_write(APIC_TPR, 0x65);
	CHECK_EQ(read_cr8(), 6);
	CHECK_EQ(read(APIC_TPR), 0x65);
	CHECK_EQ(read(APIC_PPR), 0x65);
	write_cr8(3);
	CHECK_EQ(read(APIC_TPR), 0x30);
	CHECK_EQ(read(APIC_PPR), 0x30);
	apic_write(APIC_TPR, 0);
	CHECK_EQ(read_cr8(), 0);
	return PASS;
}

/* The same as intr/tpr-lowered, by the register. */
static enum outcome case_tpr_register(const void *arg)
{
	(void)arg;
	for (u32 i = 1; i <= 20; i++) {
		apic_write(APIC_TPR, CLASS(VEC_B));
		apic_self(VEC_B);
		interrupts_on();
		CHECK_EQ(irq_count[VEC_B], i - 1);
		cpu_irq_enable();
		apic_write(APIC_TPR, CLASS(VEC_B) - 1);
		interrupts_on();
		CHECK_EQ(irq_count[VEC_B], i);
	}
	apic_write(APIC_TPR, 0);
	return PASS;
}

static enum outcome case_self_ipi(const void *arg)
{
	(void)arg;
	if (!apic_x2())
		return skip("no x2APIC");
	for (u32 i = 1; i <= MANY; i++) {
		wrmsr(X2APIC_MSR(APIC_SELF_IPI), VEC_LOW);
		wrmsr(X2APIC_MSR(APIC_SELF_IPI), VEC_HIGH);
		CHECK_EQ(irq_count[VEC_LOW], i - 1);
		CHECK(bit(APIC_IRR, VEC_LOW) && bit(APIC_IRR, VEC_HIGH));
		interrupts_on();
		CHECK_EQ(irq_count[VEC_HIGH], i);
		CHECK_EQ(irq_count[VEC_LOW], i);
	}
	CHECK(irq_order[0] == VEC_HIGH && irq_order[1] == VEC_LOW);
	return PASS;
}

static enum outcome case_illegal_vector(const void *arg)
{
	(void)arg;
	if (!apic_x2())
		return skip("no x2APIC");
	wrmsr(X2APIC_MSR(APIC_ESR), 0);
	wrmsr(X2APIC_MSR(APIC_SELF_IPI), VEC_ILLEGAL);
	interrupts_on();
	wrmsr(X2APIC_MSR(APIC_ESR), 0);
	CHECK(read(APIC_ESR) & ESR_ILLEGAL);
	CHECK_EQ(irq_total, 0);
	wrmsr(X2APIC_MSR(APIC_ESR), 0);
	return PASS;
}

static u64 try_read(u32 reg)
{
	u32 lo = 0, hi = 0;

	return TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(X2APIC_MSR(reg)) : "r11", "memory");
}

static u64 try_write(u32 reg, u64 value)
{
	return TRY("wrmsr", ::"a"((u32)value), "d"((u32)(value >> 32)), "c"(X2APIC_MSR(reg))
		   : "r11", "memory");
}

/* What is write only, read only, reserved or no register. */
static enum outcome case_faults(const void *arg)
{
	static const u32 unreadable[] = { 0x00, 0x10, 0x40, 0x70, 0x90, APIC_EOI, 0xc0, APIC_DFR,
					  APIC_ICR_HIGH, APIC_SELF_IPI, 0x400, 0xff0 };
	static const struct {
		u32 reg;
		u64 value;
	} unwritable[] = {
		{ APIC_ID, 0 }, { APIC_VERSION, 0 }, { APIC_PPR, 0 }, { APIC_LDR, 0 },
		{ APIC_DFR, 0 }, { APIC_ISR, 0 }, { APIC_IRR, 0 }, { APIC_TIMER_NOW, 0 },
		{ APIC_EOI, 1 }, { APIC_EOI, BIT64(32) }, { APIC_TPR, 0x100 },
		{ APIC_TPR, BIT64(32) }, { APIC_SELF_IPI, 0x100 | VEC_A }, { APIC_ESR, 1 },
		{ APIC_SVR, BIT64(40) }, { 0xff0, 0 },
	};

	(void)arg;
	if (!apic_x2())
		return skip("no x2APIC");
	for (u32 i = 0; i < ARRAY_SIZE(unreadable); i++)
		if (try_read(unreadable[i]) != VECTOR_GP)
			return fail("register %#x can be read", unreadable[i]);
	for (u32 i = 0; i < ARRAY_SIZE(unwritable); i++)
		if (try_write(unwritable[i].reg, unwritable[i].value) != VECTOR_GP)
			return fail("register %#x can be %#llx", unwritable[i].reg,
				    (unsigned long long)unwritable[i].value);
	return PASS;
}

/* The count runs, and what was written reads back. */
static enum outcome case_timer_registers(const void *arg)
{
	u32 first, then;

	(void)arg;
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VEC_A);
	apic_write(APIC_TIMER_INIT, TICKS);
	first = read(APIC_TIMER_NOW);
	interrupts_on();
	then = read(APIC_TIMER_NOW);
	CHECK(first <= TICKS && then < first && then > 0);
	CHECK_EQ(read(APIC_TIMER_INIT), TICKS);
	CHECK_EQ(read(APIC_TIMER_DIVIDE), APIC_DIVIDE_1);
	CHECK_EQ(read(APIC_LVT_TIMER), APIC_LVT_MASKED | VEC_A);
	apic_write(APIC_TIMER_INIT, 0);
	CHECK_EQ(read(APIC_TIMER_NOW), 0);
	return PASS;
}

/* Reads of ICR give both halves. */
static enum outcome case_icr(const void *arg)
{
	const u64 nobody = (u64)0x1234567 << 32 | VEC_A;

	(void)arg;
	if (!apic_x2())
		return skip("no x2APIC");
	wrmsr(X2APIC_MSR(APIC_ICR), nobody);
	CHECK_EQ(rdmsr(X2APIC_MSR(APIC_ICR)), nobody);
	interrupts_on();
	CHECK_EQ(irq_total, 0);
	return PASS;
}

/* Software-disabled it takes nothing new; what it had is delivered (11.4.7.2). */
static enum outcome case_disabled(const void *arg)
{
	u32 svr = read(APIC_SVR);

	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	apic_self(VEC_A);
	apic_write(APIC_SVR, svr & ~SVR_ENABLE);
	apic_self(VEC_B);
	interrupts_on();
	apic_write(APIC_SVR, svr);
	interrupts_on();
	CHECK_EQ(irq_count[VEC_A], 1);
	CHECK_EQ(irq_count[VEC_B], 0);
	apic_self(VEC_B);
	interrupts_on();
	CHECK_EQ(irq_count[VEC_B], 1);
	/* It masked the LVT for good. */
	CHECK(read(APIC_LVT_LINT0) & APIC_LVT_MASKED);
	return PASS;
}

const struct guest_case lapic_cases[] = {
	{ "lapic/requested", case_requested, NULL },
	{ "lapic/in-service", case_in_service, NULL },
	{ "lapic/tpr-is-cr8", case_tpr_cr8, NULL },
	{ "lapic/tpr-lowered", case_tpr_register, NULL },
	{ "lapic/self-ipi", case_self_ipi, NULL },
	{ "lapic/illegal-vector", case_illegal_vector, NULL },
	{ "lapic/faults", case_faults, NULL },
	{ "lapic/timer-registers", case_timer_registers, NULL },
	{ "lapic/icr", case_icr, NULL },
	{ "lapic/disabled", case_disabled, NULL },
	{ NULL, NULL, NULL },
};
