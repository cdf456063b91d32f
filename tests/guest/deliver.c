/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events whose delivery meets a page fault in the guest's own tables: the gate, the
 * stack or the handler is absent when the event comes, and there when it comes again
 * (SDM vol. 3A 6.14, 6.15). Also what delivery leaves in accessed and dirty bits.
 */
#include "tests/guest/guest.h"

#include "hv/base/str.h"

#define VECTOR_SOFT 0x70
#define VECTOR_IRQ 0x60
#define VECTORS 256
#define GATE_BYTES 16
#define GATE_IST_1 BIT64(32)
#define TSS_IST_1 36

/* Where things lie, and the RAM behind them: the image ends long before. */
#define IDT_VA WINDOW
#define STACK_VA (WINDOW + 0x10000)
#define CODE_VA (WINDOW + 0x20000)
#define IDT_PA 0x830000ull
#define STACK_PA 0x832000ull
#define CODE_PA 0x833000ull
#define PAGE 4096ull

#define MONITOR_LEN 3
#define UD2_LEN 2

extern u64 guest_tss[2];

struct PACKED table_reg {
	u16 limit;
	u64 base;
};

/* The page that is absent, and what the fault said that brought it in. */
static struct {
	u64 va, pa;
	u32 faults;
	u64 cr2, error, rip;
} absent;

static struct table_reg own_idt;
static u8 fault_stack[PAGE] ALIGNED(16);
static u8 insn_len;

static void bring_in(struct trap_frame *f)
{
	absent.faults++;
	absent.cr2 = read_cr2();
	absent.error = f->error;
	absent.rip = f->rip;
	page_map(absent.va, absent.pa, 0, PTE_P | PTE_W);
}

static void skip_insn(struct trap_frame *f)
{
	f->rip += insn_len;
}

static void leave_out(u64 va, u64 pa)
{
	absent.va = va;
	absent.pa = pa;
	absent.faults = 0;
	page_map(va, 0, 0, 0);
	irq_hook[VECTOR_PF] = bring_in;
}

/* The second task-state word pair has the base's upper half. */
static u64 tss_base(void)
{
	return (guest_tss[0] >> 16 & 0xffffff) | (guest_tss[0] >> 56 & 0xff) << 24 |
	       guest_tss[1] << 32;
}

/*
 * The IDT as a copy in the window, with the gates from `split` on in its second
 * page. Page faults get a stack of their own.
 */
static u64 (*idt_in_window(u32 split))[2]
{
	u64 offset = PAGE - split * GATE_BYTES, top = (u64)(fault_stack + sizeof(fault_stack));
	u64(*gates)[2] = (u64(*)[2])(IDT_PA + offset);
	struct table_reg reg = { VECTORS * GATE_BYTES - 1, IDT_VA + offset };

	__asm__ volatile("sidt %0" : "=m"(own_idt));
	memcpy(gates, (const void *)own_idt.base, VECTORS * GATE_BYTES);
	gates[VECTOR_PF][0] |= GATE_IST_1;
	memcpy((void *)(tss_base() + TSS_IST_1), &top, sizeof(top));
	page_map(IDT_VA, IDT_PA, 0, PTE_P | PTE_W);
	page_map(IDT_VA + PAGE, IDT_PA + PAGE, 0, PTE_P | PTE_W);
	page_map(STACK_VA, STACK_PA, 0, PTE_P | PTE_W);
	__asm__ volatile("lidt %0" ::"m"(reg));
	return gates;
}

static void idt_restore(void)
{
	__asm__ volatile("lidt %0" ::"m"(own_idt));
}

/* insn on the stack of the window; nothing of C is on it. */
#define ON_WINDOW_STACK(insn)                                                     \
	__asm__ volatile("movq %%rsp, %%r12\n\tmovq %0, %%rsp\n\t" insn           \
			 "\n\tmovq %%r12, %%rsp" ::"r"(STACK_VA + PAGE),          \
			 "a"(0), "c"(0), "d"(0)                                   \
			 : "r12", "memory", "cc")

/* One fault, at the page that was left out. */
static enum outcome check_fault(u64 error)
{
	CHECK_EQ(absent.faults, 1);
	CHECK_EQ(absent.cr2 & ~(PAGE - 1), absent.va);
	CHECK_EQ(absent.error & ~(u64)PF_FETCH, error);
	return PASS;
}

/*
 * A processor has taken the interrupt by then: it stands in service, lost.
 * QEMU's SVM offers it again. Either way it is taken once.
 */
static enum outcome check_interrupt(void)
{
	u32 in_service = apic_read((enum apic_reg)(APIC_ISR + VECTOR_IRQ / 32 * 0x10));

	if (!irq_count[VECTOR_IRQ]) {
		CHECK(in_service & BIT(VECTOR_IRQ % 32));
		apic_write(APIC_EOI, 0);
	} else {
		CHECK(!(in_service & BIT(VECTOR_IRQ % 32)));
	}
	irq_count[VECTOR_IRQ] = 0;
	apic_self(VECTOR_IRQ);
	CHECK(irq_wait(VECTOR_IRQ, 1));
	CHECK_EQ(irq_count[VECTOR_IRQ], 1);
	return PASS;
}

/* INT n is executed again. */
static enum outcome case_gate_int(const void *arg)
{
	enum outcome o;

	(void)arg;
	idt_in_window(32);
	leave_out(IDT_VA + PAGE, IDT_PA + PAGE);
	__asm__ volatile("int $0x70" ::: "memory");
	idt_restore();
	o = check_fault(0);
	if (o == PASS)
		CHECK_EQ(irq_count[VECTOR_SOFT], 1);
	return o;
}

/* An exception of the processor's, and one that the hypervisor injects. */
static enum outcome case_gate_exception(const void *arg)
{
	enum outcome o;

	(void)arg;
	idt_in_window(8);
	leave_out(IDT_VA, IDT_PA);
	irq_hook[VECTOR_UD] = skip_insn;
	insn_len = UD2_LEN;
	__asm__ volatile("ud2" ::: "memory");
	o = check_fault(0);
	if (o == PASS && hypervisor_present()) {
		leave_out(IDT_VA, IDT_PA);
		insn_len = MONITOR_LEN;
		__asm__ volatile("monitor" ::"a"(0), "c"(0), "d"(0) : "memory");
		o = check_fault(0);
	}
	idt_restore();
	if (o == PASS)
		CHECK_EQ(irq_count[VECTOR_UD], hypervisor_present() ? 2 : 1);
	return o;
}

static enum outcome case_gate_irq(const void *arg)
{
	enum outcome o;

	(void)arg;
	idt_in_window(32);
	leave_out(IDT_VA + PAGE, IDT_PA + PAGE);
	apic_self(VECTOR_IRQ);
	cpu_irq_window();
	cpu_irq_window();
	o = check_fault(0);
	if (o == PASS)
		o = check_interrupt();
	idt_restore();
	return o;
}

/* Lost like the interrupt, or not; the IRET of the page fault lets the next in. */
static enum outcome case_gate_nmi(const void *arg)
{
	enum outcome o;
	u64 before;

	(void)arg;
	idt_in_window(8);
	leave_out(IDT_VA, IDT_PA);
	irq_hook[VECTOR_NMI] = skip_insn;
	insn_len = 0;
	apic_self(APIC_ICR_NMI);
	for (u32 i = 0; i < 20; i++)
		cpuid(0, 0);
	o = check_fault(0);
	before = irq_count[VECTOR_NMI];
	apic_self(APIC_ICR_NMI);
	for (u32 i = 0; i < 20; i++)
		cpuid(0, 0);
	idt_restore();
	if (o != PASS)
		return o;
	CHECK(before <= 1);
	CHECK_EQ(irq_count[VECTOR_NMI], before + 1);
	return PASS;
}

static enum outcome case_stack_int(const void *arg)
{
	enum outcome o;

	(void)arg;
	idt_in_window(32);
	leave_out(STACK_VA, STACK_PA);
	ON_WINDOW_STACK("int $0x70");
	idt_restore();
	o = check_fault(PF_WRITE);
	if (o == PASS)
		CHECK_EQ(irq_count[VECTOR_SOFT], 1);
	return o;
}

static enum outcome case_stack_exception(const void *arg)
{
	(void)arg;
	if (!hypervisor_present())
		return skip("no hypervisor");
	idt_in_window(32);
	leave_out(STACK_VA, STACK_PA);
	irq_hook[VECTOR_UD] = skip_insn;
	insn_len = MONITOR_LEN;
	ON_WINDOW_STACK("monitor");
	idt_restore();
	CHECK_EQ(irq_count[VECTOR_UD], 1);
	return check_fault(PF_WRITE);
}

static enum outcome case_stack_irq(const void *arg)
{
	enum outcome o;

	(void)arg;
	idt_in_window(32);
	leave_out(STACK_VA, STACK_PA);
	apic_self(VECTOR_IRQ);
	ON_WINDOW_STACK("sti\n\tnop\n\tnop\n\tcli");
	o = check_fault(PF_WRITE);
	if (o == PASS)
		o = check_interrupt();
	idt_restore();
	return o;
}

/* The event is over: the fault is the handler's first fetch. */
static enum outcome case_handler(const void *arg)
{
	static const u8 iretq[] = { 0x48, 0xcf };
	u64(*gates)[2] = idt_in_window(32);
	enum outcome o;

	(void)arg;
	memcpy((void *)CODE_PA, iretq, sizeof(iretq));
	gates[VECTOR_SOFT][0] = (gates[VECTOR_SOFT][0] & 0x0000ffffffff0000ull) |
				(CODE_VA & 0xffff) | (CODE_VA >> 16 & 0xffff) << 48;
	gates[VECTOR_SOFT][1] = CODE_VA >> 32;
	leave_out(CODE_VA, CODE_PA);
	__asm__ volatile("int $0x70" ::: "memory");
	idt_restore();
	o = check_fault(0);
	if (o == PASS)
		CHECK_EQ(absent.rip, CODE_VA);
	return o;
}

/* An injected interrupt reads its gate and writes its frame. */
static enum outcome case_accessed_dirty(const void *arg)
{
	volatile u64 *gate, *stack;

	(void)arg;
	idt_in_window(32);
	apic_self(VECTOR_IRQ);
	gate = page_map(IDT_VA + PAGE, IDT_PA + PAGE, 0, PTE_P);
	stack = page_map(STACK_VA, STACK_PA, 0, PTE_P | PTE_W);
	ON_WINDOW_STACK("sti\n\tnop\n\tnop\n\tcli");
	idt_restore();
	CHECK_EQ(irq_count[VECTOR_IRQ], 1);
	CHECK_EQ(*gate & (PTE_A | PTE_D), PTE_A);
	CHECK_EQ(*stack & (PTE_A | PTE_D), PTE_A | PTE_D);
	return PASS;
}

const struct guest_case deliver_cases[] = {
	{ "deliver/gate-absent-int", case_gate_int, NULL },
	{ "deliver/gate-absent-exception", case_gate_exception, NULL },
	{ "deliver/gate-absent-irq", case_gate_irq, NULL },
	{ "deliver/gate-absent-nmi", case_gate_nmi, NULL },
	{ "deliver/stack-absent-int", case_stack_int, NULL },
	{ "deliver/stack-absent-exception", case_stack_exception, NULL },
	{ "deliver/stack-absent-irq", case_stack_irq, NULL },
	{ "deliver/handler-absent", case_handler, NULL },
	{ "deliver/accessed-dirty", case_accessed_dirty, NULL },
	{ NULL, NULL, NULL },
};
