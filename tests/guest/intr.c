/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: masking, order, priorities, sources, NMI; and that each comes exactly once. */
#include "tests/guest/guest.h"

#include "hv/testdev.h"

#define VEC_LOW 0x51
#define VEC_A 0x60
#define VEC_B 0x71
#define VEC_HIGH 0xa1
#define MANY 1000
#define SPIN 2000
#define GSI_FREE 20 /* no device of the machine uses it */
#define MSI_BASE 0xfee00000u
#define VEC_PIC 0x30
#define IRQ_FREE 5 /* of the 8259; no device of the machine uses it */
#define APIC_LVT_EXTINT (7u << 8)
#define PIC_MASTER 0x20
#define PIC_MASTER_DATA 0x21
#define PIC_INIT 0x11 /* ICW1: ICW4 follows */
#define PIC_CASCADE 2
#define PIC_8086 0x01 /* ICW4 */
#define PIC_EOI 0x20

static void spin(void)
{
	for (u32 i = 0; i < SPIN; i++)
		cpu_pause();
}

static void dev_write(u32 reg, u32 value)
{
	*(volatile u32 *)(TESTDEV + reg) = value;
}

/* Held back while IF is 0, then delivered at once. */
static enum outcome case_masked(const void *arg)
{
	(void)arg;
	apic_self(VEC_A);
	spin();
	CHECK_EQ(irq_count[VEC_A], 0);
	CHECK(irq_wait(VEC_A, 1));
	spin();
	CHECK_EQ(irq_count[VEC_A], 1);
	return PASS;
}

/* The processor delivers each interrupt once, whatever the exits around it:
 * QEMU is known to deliver one twice when it is injected in another way. */
static enum outcome case_exactly_once(const void *arg)
{
	(void)arg;
	for (u32 i = 0; i < MANY; i++) {
		apic_self(VEC_A);
		cpuid(0, 0);
		cpu_irq_enable();
		__asm__ volatile("nop");
		cpu_irq_disable();
		for (u32 k = 0; k < 50; k++)
			cpu_pause();
	}
	CHECK(irq_wait(VEC_A, MANY));
	spin();
	CHECK_EQ(irq_count[VEC_A], MANY);
	return PASS;
}

static enum outcome case_priority(const void *arg)
{
	(void)arg;
	apic_self(VEC_LOW);
	apic_self(VEC_HIGH);
	apic_self(VEC_B);
	CHECK(irq_wait(VEC_LOW, 1));
	CHECK_EQ(irq_total, 3);
	CHECK(irq_order[0] == VEC_HIGH && irq_order[1] == VEC_B && irq_order[2] == VEC_LOW);
	return PASS;
}

static void nest(struct trap_frame *f)
{
	(void)f;
	apic_self(VEC_LOW);
	apic_self(VEC_HIGH);
	cpu_irq_enable();
	spin();
	cpu_irq_disable();
	irq_hook[VEC_B] = NULL;
	/* Higher class came in between, lower one waits for our EOI. */
	if (irq_count[VEC_HIGH] != 1 || irq_count[VEC_LOW] != 0)
		irq_count[VEC_A] = 1;
}

static enum outcome case_nested(const void *arg)
{
	(void)arg;
	irq_hook[VEC_B] = nest;
	apic_self(VEC_B);
	CHECK(irq_wait(VEC_LOW, 1));
	CHECK_EQ(irq_count[VEC_A], 0);
	CHECK_EQ(irq_count[VEC_HIGH], 1);
	return PASS;
}

static enum outcome case_tpr(const void *arg)
{
	(void)arg;
	write_cr8(VEC_B >> 4);
	apic_self(VEC_B);
	apic_self(VEC_HIGH);
	cpu_irq_enable();
	spin();
	cpu_irq_disable();
	CHECK_EQ(irq_count[VEC_HIGH], 1);
	CHECK_EQ(irq_count[VEC_B], 0);
	write_cr8(0);
	CHECK(irq_wait(VEC_B, 1));
	return PASS;
}

/* Raised while the interrupt waits for IF: it must not come any more. */
static enum outcome case_tpr_late(const void *arg)
{
	(void)arg;
	apic_self(VEC_B);
	write_cr8(VEC_B >> 4);
	cpu_irq_enable();
	spin();
	cpu_irq_disable();
	CHECK_EQ(irq_count[VEC_B], 0);
	CHECK_EQ(read_cr8(), VEC_B >> 4);
	write_cr8(0);
	CHECK(irq_wait(VEC_B, 1));
	return PASS;
}

/* Lowered with IF=1: what waited comes at once, not with the next exit for some
 * other reason. */
static enum outcome case_tpr_lowered(const void *arg)
{
	(void)arg;
	for (u32 i = 1; i <= 50; i++) {
		write_cr8(VEC_B >> 4);
		apic_self(VEC_B);
		cpu_irq_enable();
		for (u32 k = 0; k < 20; k++)
			cpu_pause();
		write_cr8((VEC_B >> 4) - 1);
		for (u32 k = 0; k < 20; k++)
			cpu_pause();
		cpu_irq_disable();
		CHECK_EQ(irq_count[VEC_B], i);
	}
	write_cr8(0);
	return PASS;
}

/* STI's shadow: HLT is reached, so the interrupt wakes it; were it taken
 * before, HLT would sleep for ever. The second one is the way out then. */
static enum outcome case_sti_hlt(const void *arg)
{
	(void)arg;
	for (u32 i = 1; i <= 20; i++) {
		apic_self(VEC_A);
		cpu_irq_wait();
		CHECK_EQ(irq_count[VEC_A], i);
	}
	return PASS;
}

static u64 shadow_rip;

static void note_rip(struct trap_frame *f)
{
	shadow_rip = f->rip;
}

/* Not between STI, or MOV SS, and the instruction after it, though that exits. */
static enum outcome case_shadow(const void *arg)
{
	u64 after;

	(void)arg;
	irq_hook[VEC_A] = note_rip;
	apic_self(VEC_A);
	__asm__ volatile("xorl %%eax, %%eax\n\tsti\n\tcpuid\n1:\tnop\n\tcli\n\tleaq 1b(%%rip), %0"
			 : "=r"(after)::"rax", "rbx", "rcx", "rdx", "memory");
	CHECK_EQ(irq_count[VEC_A], 1);
	CHECK(shadow_rip >= after);
	return PASS;
}

static volatile u32 nmi_depth, nmi_worst;

static void nmi_nest(struct trap_frame *f)
{
	(void)f;
	nmi_depth++;
	nmi_worst = MAX(nmi_worst, nmi_depth);
	if (irq_count[VECTOR_NMI] == 1) {
		apic_self(APIC_ICR_NMI); /* must wait for our IRET */
		for (u32 i = 0; i < 20; i++)
			cpuid(0, 0);
	}
	nmi_depth--;
}

static enum outcome case_nmi(const void *arg)
{
	(void)arg;
	nmi_worst = 0;
	irq_hook[VECTOR_NMI] = nmi_nest;
	apic_self(APIC_ICR_NMI);
	for (u32 i = 0; i < 100 && irq_count[VECTOR_NMI] < 2; i++)
		cpuid(0, 0);
	CHECK_EQ(irq_count[VECTOR_NMI], 2);
	CHECK_EQ(nmi_worst, 1);
	return PASS;
}

static enum outcome case_msi(const void *arg)
{
	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	*(volatile u64 *)(TESTDEV + TESTDEV_MSI_ADDR) = MSI_BASE;
	for (u32 i = 1; i <= 20; i++) {
		dev_write(TESTDEV_MSI_DATA, VEC_B);
		CHECK(irq_wait(VEC_B, i));
	}
	spin();
	CHECK_EQ(irq_count[VEC_B], 20);
	return PASS;
}

static enum outcome case_ioapic_edge(const void *arg)
{
	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	ioapic_route(GSI_FREE, VEC_A, false, false);
	for (u32 i = 1; i <= 5; i++) {
		dev_write(TESTDEV_GSI, GSI_FREE | TESTDEV_GSI_LEVEL);
		CHECK(irq_wait(VEC_A, i));
		dev_write(TESTDEV_GSI, GSI_FREE);
	}
	spin();
	CHECK_EQ(irq_count[VEC_A], 5);
	ioapic_route(GSI_FREE, VEC_A, false, true);
	dev_write(TESTDEV_GSI, GSI_FREE | TESTDEV_GSI_LEVEL);
	dev_write(TESTDEV_GSI, GSI_FREE);
	cpu_irq_enable();
	spin();
	cpu_irq_disable();
	CHECK_EQ(irq_count[VEC_A], 5);
	return PASS;
}

static void lower_third(struct trap_frame *f)
{
	(void)f;
	if (irq_count[VEC_B] == 3)
		dev_write(TESTDEV_GSI, GSI_FREE);
}

/* Comes again after each EOI for as long as the line is high. */
static enum outcome case_ioapic_level(const void *arg)
{
	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	irq_hook[VEC_B] = lower_third;
	ioapic_route(GSI_FREE, VEC_B, true, false);
	dev_write(TESTDEV_GSI, GSI_FREE | TESTDEV_GSI_LEVEL);
	CHECK(irq_wait(VEC_B, 3));
	cpu_irq_enable();
	spin();
	cpu_irq_disable();
	ioapic_route(GSI_FREE, VEC_B, true, true);
	CHECK_EQ(irq_count[VEC_B], 3);
	return PASS;
}

static void pic_program(u8 base, u8 mask)
{
	out8(PIC_MASTER, PIC_INIT);
	out8(PIC_MASTER_DATA, base);
	out8(PIC_MASTER_DATA, BIT(PIC_CASCADE));
	out8(PIC_MASTER_DATA, PIC_8086);
	out8(PIC_MASTER_DATA, mask);
}

static void pic_eoi(struct trap_frame *f)
{
	(void)f;
	dev_write(TESTDEV_GSI, IRQ_FREE);
	out8(PIC_MASTER, PIC_EOI);
}

/* Its vectors come by LINT0, whatever the mode of the APIC and its task priority. */
static enum outcome case_8259(const void *arg)
{
	const u8 vector = VEC_PIC + IRQ_FREE;

	(void)arg;
	if (!testdev_present())
		return skip("no test device");
	pic_program(VEC_PIC, (u8)~BIT(IRQ_FREE));
	apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT);
	irq_hook[vector] = pic_eoi;
	for (u32 i = 1; i <= 20; i++) {
		apic_self(VEC_A);
		dev_write(TESTDEV_GSI, IRQ_FREE | TESTDEV_GSI_LEVEL);
		spin();
		CHECK_EQ(irq_count[vector], i - 1);
		CHECK(irq_wait(vector, i) && irq_wait(VEC_A, i));
	}
	write_cr8(15);
	apic_self(VEC_A);
	dev_write(TESTDEV_GSI, IRQ_FREE | TESTDEV_GSI_LEVEL);
	CHECK(irq_wait(vector, 21));
	CHECK_EQ(irq_count[VEC_A], 20);
	write_cr8(0);
	CHECK(irq_wait(VEC_A, 21));
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	pic_program(VEC_PIC, 0xff);
	CHECK_EQ(irq_total, 42);
	return PASS;
}

const struct guest_case intr_cases[] = {
	{ "intr/masked", case_masked, NULL },
	{ "intr/exactly-once", case_exactly_once, NULL },
	{ "intr/priority", case_priority, NULL },
	{ "intr/nested", case_nested, NULL },
	{ "intr/tpr", case_tpr, NULL },
	{ "intr/tpr-raised-late", case_tpr_late, NULL },
	{ "intr/tpr-lowered", case_tpr_lowered, NULL },
	{ "intr/sti-hlt", case_sti_hlt, NULL },
	{ "intr/shadow-over-exit", case_shadow, NULL },
	{ "intr/nmi", case_nmi, NULL },
	{ "intr/msi", case_msi, NULL },
	{ "intr/ioapic-edge", case_ioapic_edge, NULL },
	{ "intr/ioapic-level", case_ioapic_level, NULL },
	{ "intr/8259", case_8259, NULL },
	{ NULL, NULL, NULL },
};
