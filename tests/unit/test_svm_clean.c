/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clean bits of the VMCB (APM vol. 2 15.15): whatever writes a field that the
 * processor may cache takes the field's bit away. The VMCB is compared byte by
 * byte before and after each call of the backend.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/svm_harness.h"

#define EDX_ALL (~0u)
#define EDX_NESTED_PAGING 1u
#define RAN_RIP 0x4000

static struct vcpu_hw *hw;
static u32 entered_clean, entered_tlb;

void svm_switch(struct vcpu_regs *regs, u64 vmcb, u64 host_vmcb)
{
	(void)regs;
	(void)vmcb;
	(void)host_vmcb;
	entered_clean = hw->vmcb->clean;
	entered_tlb = hw->vmcb->tlb_control;
	hw->vmcb->rip = RAN_RIP;
	hw->vmcb->exit_code = SVM_EXIT_INTR;
}

/* --- which bytes belong to which bit: 15.15.3 ----------------------------------- */

static const struct {
	u16 first, bytes;
	u32 bit;
} cached[] = {
	{ 0x000, 0x018, BIT(0) },  /* intercepts */
	{ 0x03c, 4, BIT(0) },	   /* pause filter */
	{ 0x050, 8, BIT(0) },	   /* TSC offset */
	{ 0x040, 16, BIT(1) },	   /* IOPM_BASE_PA, MSRPM_BASE_PA */
	{ 0x058, 4, BIT(2) },	   /* ASID */
	{ 0x060, 8, BIT(3) },	   /* V_TPR ... V_INTR_VECTOR */
	{ 0x090, 8, BIT(4) },	   /* NP_ENABLE */
	{ 0x0b0, 8, BIT(4) },	   /* N_CR3 */
	{ 0x668, 8, BIT(4) },	   /* G_PAT */
	{ 0x4d0, 8, BIT(5) },	   /* EFER */
	{ 0x548, 24, BIT(5) },	   /* CR4, CR3, CR0 */
	{ 0x560, 16, BIT(6) },	   /* DR7, DR6 */
	{ 0x460, 16, BIT(7) },	   /* GDTR */
	{ 0x480, 16, BIT(7) },	   /* IDTR */
	{ 0x400, 64, BIT(8) },	   /* ES, CS, SS, DS */
	{ 0x4cb, 1, BIT(8) },	   /* CPL */
	{ 0x640, 8, BIT(9) },	   /* CR2 */
	{ 0x0b8, 8, BIT(10) },	   /* LBR virtualisation */
	{ 0x670, 40, BIT(10) },	   /* DBGCTL to LASTEXCPTO */
	{ 0x098, 8, BIT(11) },	   /* AVIC APIC_BAR */
	{ 0x0e0, 8, BIT(11) },	   /* AVIC backing page */
	{ 0x0f0, 16, BIT(11) },	   /* AVIC tables */
};

static u32 bit_of(u32 offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(cached); i++)
		if (offset - cached[i].first < cached[i].bytes)
			return cached[i].bit;
	return 0; /* read at each VMRUN, or by VMLOAD */
}

/* Bits of all fields that a call changed. */
static u32 touched(const struct vmcb *before)
{
	const u8 *a = (const u8 *)before, *b = (const u8 *)hw->vmcb;
	u32 bits = 0;

	for (u32 i = 0; i < sizeof(*before); i++)
		if (a[i] != b[i])
			bits |= bit_of(i);
	return bits;
}

/* Does the call touch exactly these, and admit it? */
#define WRITES(call, bits)                                              \
	do {                                                            \
		static struct vmcb before;                              \
		hw->vmcb->clean = VMCB_CLEAN_ALL;                       \
		before = *hw->vmcb;                                     \
		call;                                                   \
		assert_int_equal(touched(&before), (bits));             \
		assert_int_equal(hw->vmcb->clean & touched(&before), 0); \
	} while (0)

static int create(bool clean_bits)
{
	const struct vcpu_hw_setup setup = { .nested_root = 0x1000, .asid = 1 };
	struct backend_caps caps;
	const char *why;

	assert_true(svm_probe(&caps, &why));
	assert_int_equal(svm_feature_set("clean-bits", clean_bits), ERR_OK);
	assert_int_equal(svm_feature_set("inject-intr", true), ERR_OK);
	hw = svm_create(&setup);
	return hw ? 0 : -1;
}

static int setup_clean(void **state)
{
	(void)state;
	svm_edx = EDX_ALL;
	return create(true);
}

static int teardown(void **state)
{
	(void)state;
	svm_destroy(hw);
	return 0;
}

static void run(void)
{
	struct vcpu_exit exit;

	svm_run(hw, &exit);
	assert_int_equal(exit.kind, EXIT_HOST_INTR);
}

static u32 group_of_msr(u32 msr)
{
	if (msr == VCPU_MSR_PAT)
		return VMCB_CLEAN_NP;
	return msr == VCPU_MSR_DEBUGCTL ? VMCB_CLEAN_LBR : 0;
}

/* --- the calls ------------------------------------------------------------------- */

static void test_registers(void **state)
{
	struct vcpu_sregs s;

	(void)state;
	svm_get_sregs(hw, &s);
	for (u32 i = 0; i < SREG_COUNT; i++)
		s.seg[i] = (struct seg_reg){ 0x1000 * i + 1, 0xfffff, (u16)(8 * i + 3), 0xf3 };
	s.gdt_base = s.idt_base = 0x9000;
	s.cr0 = CR0_PE | CR0_ET;
	s.cr2 = 0x1234;
	s.cr3 = 0x5000;
	s.cr4 = CR4_PAE;
	s.efer = EFER_NXE;
	s.dr6 = 0xffff0ff1;
	s.dr7 = 0x401;
	WRITES(svm_set_sregs(hw, &s), VMCB_CLEAN_CR | VMCB_CLEAN_DR | VMCB_CLEAN_DT |
					      VMCB_CLEAN_SEG | VMCB_CLEAN_CR2);
	WRITES(svm_set_cr8(hw, 5), VMCB_CLEAN_TPR);
	WRITES(svm_skip_insn(hw, 2), 0);
	WRITES(svm_set_tsc_offset(hw, 12345), VMCB_CLEAN_INTERCEPTS);
	WRITES(svm_flush_tlb(hw), 0);
	for (u32 msr = 0; msr < VCPU_MSR_COUNT; msr++)
		WRITES(svm_set_msr(hw, msr, 0x0101010101010101), group_of_msr(msr));
	WRITES(svm_reset(hw), VMCB_CLEAN_TPR | VMCB_CLEAN_NP | VMCB_CLEAN_CR | VMCB_CLEAN_DR |
				      VMCB_CLEAN_DT | VMCB_CLEAN_SEG | VMCB_CLEAN_CR2 |
				      VMCB_CLEAN_LBR);
}

static void test_events(void **state)
{
	const struct vcpu_event nmi = { .type = EVENT_NMI }, ud = { EVENT_EXCEPTION, 6, false, 0 };
	struct vcpu_event ev;

	(void)state;
	WRITES(svm_offer_intr(hw, 0x51), VMCB_CLEAN_TPR | VMCB_CLEAN_INTERCEPTS);
	WRITES(svm_offer_intr(hw, 0x52), VMCB_CLEAN_TPR);
	hw->regs.rflags = RFLAGS_IF;
	WRITES(svm_event_enter(hw), VMCB_CLEAN_TPR); /* by EVENTINJ */
	hw->vmcb->event_inj = 0;
	WRITES(svm_offer_intr(hw, -1), VMCB_CLEAN_INTERCEPTS);
	WRITES(svm_set_tpr_threshold(hw, 4), VMCB_CLEAN_INTERCEPTS);
	WRITES(svm_set_tpr_threshold(hw, 0), VMCB_CLEAN_INTERCEPTS);
	WRITES(svm_inject(hw, &ud), 0);
	hw->vmcb->event_inj = 0;
	WRITES(svm_inject(hw, &nmi), 0);
	WRITES(svm_event_enter(hw), VMCB_CLEAN_INTERCEPTS); /* IRET exits */
	hw->vmcb->event_inj = 0;
	WRITES(svm_event_iret(hw), VMCB_CLEAN_INTERCEPTS);
	hw->regs.rip++;
	WRITES(svm_event_settle(hw, &ev), 0);
	hw->vmcb->exit_int_info = VMCB_EV_VALID | 0x51;
	WRITES(svm_event_settle(hw, &ev), VMCB_CLEAN_TPR | VMCB_CLEAN_INTERCEPTS);
}

/* What the processor loaded is clean after a run, until another core may have it. */
static void test_runs(void **state)
{
	(void)state;
	svm_load(hw);
	assert_int_equal(hw->vmcb->clean, 0);
	run();
	assert_int_equal(entered_clean, 0);
	run();
	assert_int_equal(entered_clean, VMCB_CLEAN_ALL);
	svm_set_cr8(hw, 3);
	run();
	assert_int_equal(entered_clean, VMCB_CLEAN_ALL & ~VMCB_CLEAN_TPR);
	svm_put(hw);
	svm_load(hw);
	run();
	assert_int_equal(entered_clean, 0);
}

static void test_without_clean_bits(void **state)
{
	(void)state;
	assert_int_equal(create(false), 0);
	run();
	run();
	assert_int_equal(entered_clean, 0);
	svm_destroy(hw);
}

/* By ASID only where the processor knows how (15.16.2). */
static void test_flush(void **state)
{
	(void)state;
	svm_load(hw);
	run();
	assert_int_equal(entered_tlb, VMCB_TLB_FLUSH_ASID);
	run();
	assert_int_equal(entered_tlb, VMCB_TLB_KEEP);
	svm_destroy(hw);
	svm_edx = EDX_NESTED_PAGING;
	assert_int_equal(create(false), 0);
	svm_flush_tlb(hw);
	run();
	assert_int_equal(entered_tlb, VMCB_TLB_FLUSH_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, setup_clean, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup_clean, teardown),
		cmocka_unit_test_setup_teardown(test_runs, setup_clean, teardown),
		cmocka_unit_test(test_without_clean_bits),
		cmocka_unit_test_setup_teardown(test_flush, setup_clean, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
