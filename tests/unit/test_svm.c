/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SVM backend's event delivery and exit records, against a VMCB that is
 * filled in as the manual says hardware does (APM vol. 2 15.7, 15.20, 15.21)
 * and as QEMU does, which differs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/svm_harness.h"

#define VECTOR 0x51
#define RIP 0x1000

static struct vmcb vmcb;
static struct vcpu_hw hw;
static struct vcpu_event ev;
static struct vcpu_exit record;

void svm_switch(struct vcpu_regs *regs, u64 guest, u64 host)
{
	(void)regs;
	(void)guest;
	(void)host;
}

static int setup(void **state)
{
	(void)state;
	memset(&vmcb, 0, sizeof(vmcb));
	svm_limits = (struct svm_limits){ .phys_bits = 40 };
	hw = (struct vcpu_hw){ .vmcb = &vmcb, .offered = -1, .taken = -1, .regs.rip = RIP };
	return 0;
}

static u64 int_info(enum vmcb_event_type type, u8 vector)
{
	return VMCB_EV_VALID | (u64)type << VMCB_EV_TYPE_SHIFT | vector;
}

static void test_offer_taken(void **state)
{
	(void)state;
	svm_offer_intr(&hw, VECTOR);
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	assert_int_equal(vmcb.int_vector, VECTOR);
	svm_event_settle(&hw, &ev); /* an exit before the guest could take it */
	assert_int_equal(svm_intr_taken(&hw), -1);
	vmcb.int_ctl &= ~VMCB_V_IRQ;
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), VECTOR);
	assert_int_equal(svm_intr_taken(&hw), -1);
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), -1);
}

static void test_offer_withdrawn(void **state)
{
	(void)state;
	svm_offer_intr(&hw, VECTOR);
	assert_true(vmcb.intercept_cr & VMCB_CR_WRITE(8)); /* the offer depends on it */
	svm_offer_intr(&hw, -1);
	assert_false(vmcb.int_ctl & VMCB_V_IRQ);
	assert_false(vmcb.intercept_cr & VMCB_CR_WRITE(8));
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), -1);
}

/* The manual's way: V_IRQ is clear, EXITINTINFO has type 0. */
static void test_interrupted_hardware(void **state)
{
	(void)state;
	svm_offer_intr(&hw, VECTOR);
	vmcb.int_ctl &= ~VMCB_V_IRQ;
	vmcb.exit_int_info = int_info(VMCB_EV_INTR, VECTOR);
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_NONE);
	assert_int_equal(svm_intr_taken(&hw), -1);
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	assert_int_equal(vmcb.int_vector, VECTOR);
	vmcb.exit_int_info = 0;
	vmcb.int_ctl &= ~VMCB_V_IRQ;
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), VECTOR);
}

/* QEMU's way: V_IRQ stays set, EXITINTINFO has type 3. */
static void test_interrupted_qemu(void **state)
{
	(void)state;
	svm_offer_intr(&hw, VECTOR);
	vmcb.exit_int_info = int_info(VMCB_EV_EXCEPTION, VECTOR);
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_NONE);
	assert_int_equal(svm_intr_taken(&hw), -1);
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
}

static void test_interrupted_others(void **state)
{
	(void)state;
	vmcb.exit_int_info = int_info(VMCB_EV_EXCEPTION, 14) | VMCB_EV_HAS_ERROR | 2ull << 32;
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_EXCEPTION);
	assert_int_equal(ev.vector, 14);
	assert_true(ev.has_error);
	assert_int_equal(ev.error, 2);
	assert_int_equal(svm_inject(&hw, &ev), ERR_OK);
	assert_int_equal(vmcb.event_inj, vmcb.exit_int_info);
	assert_int_equal(svm_inject(&hw, &ev), ERR_BUSY);
	vmcb.exit_int_info = int_info(VMCB_EV_SOFT, 0x80);
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_SOFT);
	vmcb.exit_int_info = int_info(VMCB_EV_EXCEPTION, 3); /* INT3 */
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_SOFT);
	vmcb.exit_int_info = int_info(VMCB_EV_EXCEPTION, 14) & ~VMCB_EV_VALID;
	svm_event_settle(&hw, &ev);
	assert_int_equal(ev.type, EVENT_NONE);
}

static const struct vcpu_event nmi = { .type = EVENT_NMI, .vector = 2 };

static void enter_and_exit(u64 rip)
{
	svm_event_enter(&hw);
	vmcb.event_inj = 0; /* svm_run() */
	hw.regs.rip = rip;
	svm_event_settle(&hw, &ev);
}

static void test_nmi_blocks_until_iret(void **state)
{
	(void)state;
	assert_int_equal(svm_inject(&hw, &nmi), ERR_OK);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_NMI, 2));
	assert_true(vmcb.intercept_misc1 & VMCB_I_IRET);
	vmcb.event_inj = 0;
	assert_int_equal(svm_inject(&hw, &nmi), ERR_OK); /* latched */
	assert_int_equal(svm_inject(&hw, &nmi), ERR_BUSY);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, 0);
	enter_and_exit(RIP + 8);
	svm_event_iret(&hw);	 /* the exit was its IRET, which runs now */
	assert_false(vmcb.intercept_misc1 & VMCB_I_IRET);
	enter_and_exit(RIP + 8); /* another exit before it */
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, 0);
	enter_and_exit(RIP + 50);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_NMI, 2));
}

static void test_nmi_interrupted(void **state)
{
	(void)state;
	assert_int_equal(svm_inject(&hw, &nmi), ERR_OK);
	vmcb.exit_int_info = int_info(VMCB_EV_NMI, 2);
	enter_and_exit(RIP);
	assert_int_equal(ev.type, EVENT_NMI);
	assert_false(vmcb.intercept_misc1 & VMCB_I_IRET);
	assert_int_equal(svm_inject(&hw, &ev), ERR_OK);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_NMI, 2));
}

/* With IF=1 it may go by EVENTINJ, and is taken or comes back as from V_IRQ. */
static void test_inject_intr(void **state)
{
	(void)state;
	hw.features = BIT(SVM_F_INJECT_INTR);
	svm_offer_intr(&hw, VECTOR);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, 0); /* IF=0 */
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	hw.regs.rflags = RFLAGS_IF;
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_INTR, VECTOR));
	assert_false(vmcb.int_ctl & VMCB_V_IRQ);
	vmcb.event_inj = 0;
	vmcb.exit_int_info = int_info(VMCB_EV_INTR, VECTOR); /* an exit in between */
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), -1);
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	vmcb.exit_int_info = 0;
	svm_event_enter(&hw);
	vmcb.event_inj = 0;
	svm_event_settle(&hw, &ev);
	assert_int_equal(svm_intr_taken(&hw), VECTOR);
}

/* An exception or an NMI goes first; the interrupt waits in V_IRQ. */
static void test_inject_intr_last(void **state)
{
	const struct vcpu_event ud = { .type = EVENT_EXCEPTION, .vector = 6 };

	(void)state;
	hw.features = BIT(SVM_F_INJECT_INTR);
	hw.regs.rflags = RFLAGS_IF;
	svm_offer_intr(&hw, VECTOR);
	assert_int_equal(svm_inject(&hw, &ud), ERR_OK);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_EXCEPTION, 6));
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	vmcb.event_inj = 0;
	assert_int_equal(svm_inject(&hw, &nmi), ERR_OK);
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, int_info(VMCB_EV_NMI, 2));
	assert_true(vmcb.int_ctl & VMCB_V_IRQ);
	vmcb.event_inj = 0;
	vmcb.int_shadow = VMCB_SHADOW;
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, 0);
	hw.features = 0;
	vmcb.int_shadow = 0;
	svm_event_enter(&hw);
	assert_int_equal(vmcb.event_inj, 0);
}

static void test_intr_enabled(void **state)
{
	(void)state;
	assert_false(svm_intr_enabled(&hw));
	hw.regs.rflags = RFLAGS_IF;
	assert_true(svm_intr_enabled(&hw));
	vmcb.int_shadow = VMCB_SHADOW;
	assert_false(svm_intr_enabled(&hw));
}

static void exit_as(u64 code, u64 info1, u64 info2)
{
	vmcb.exit_code = code;
	vmcb.exit_info1 = info1;
	vmcb.exit_info2 = info2;
	svm_exit_record(&hw, &record);
}

static void test_exit_io(void **state)
{
	(void)state;
	exit_as(SVM_EXIT_IOIO, 0x3f8ull << 16 | 1 << 4, RIP + 1); /* out dx, al */
	assert_int_equal(record.kind, EXIT_IO);
	assert_int_equal(record.io.port, 0x3f8);
	assert_int_equal(record.io.size, 1);
	assert_false(record.io.in || record.io.string || record.io.rep);
	assert_int_equal(record.insn_len, 1);
	exit_as(SVM_EXIT_IOIO, 0xcfcull << 16 | 4 << 4 | 0xd, RIP + 2); /* rep insd */
	assert_int_equal(record.io.size, 4);
	assert_true(record.io.in && record.io.string && record.io.rep);
	assert_int_equal(record.io.next_rip, RIP + 2);
}

static void test_exit_npf(void **state)
{
	(void)state;
	vmcb.insn_len = 3;
	vmcb.insn_bytes[0] = 0x89;
	exit_as(SVM_EXIT_NPF, SVM_NPF_WRITE | BIT64(2) | BIT64(32), 0xfee000b0);
	assert_int_equal(record.kind, EXIT_MMIO);
	assert_int_equal(record.mmio.gpa.v, 0xfee000b0);
	assert_true(record.mmio.write);
	assert_false(record.mmio.present || record.mmio.fetch || record.mmio.table_walk);
	assert_int_equal(record.insn_bytes_len, 0); /* no decode assists */
	hw.features = BIT(SVM_F_DECODE);
	exit_as(SVM_EXIT_NPF, BIT64(33), 0x1000);
	assert_true(record.mmio.table_walk);
	assert_int_equal(record.insn_bytes_len, 3);
	assert_int_equal(record.insn_bytes[0], 0x89);
	exit_as(SVM_EXIT_NPF, SVM_NPF_FETCH, 0x1000);
	assert_int_equal(record.insn_bytes_len, 0);
}

static void test_exit_lengths(void **state)
{
	(void)state;
	exit_as(SVM_EXIT_MSR, 1, 0);
	assert_int_equal(record.kind, EXIT_WRMSR);
	assert_int_equal(record.insn_len, 2);
	exit_as(SVM_EXIT_MSR, 0, 0);
	assert_int_equal(record.kind, EXIT_RDMSR);
	exit_as(SVM_EXIT_CPUID, 0, 0);
	assert_int_equal(record.insn_len, 0); /* prefixes: the caller decodes */
	hw.features = BIT(SVM_F_NEXT_RIP);
	vmcb.next_rip = RIP + 4;
	exit_as(SVM_EXIT_CPUID, 0, 0);
	assert_int_equal(record.insn_len, 4);
	vmcb.next_rip = 0;
	exit_as(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(record.kind, EXIT_HOST_INTR);
	assert_int_equal(record.insn_len, 0);
}

static void test_exit_cr(void **state)
{
	(void)state;
	exit_as(SVM_EXIT_CR4_WRITE, SVM_CR_MOV | 3, 0);
	assert_int_equal(record.kind, EXIT_CR_WRITE);
	assert_int_equal(record.cr.cr, 4);
	assert_int_equal(record.cr.gpr, GPR_COUNT);
	hw.features = BIT(SVM_F_DECODE);
	exit_as(SVM_EXIT_CR0_SEL_WRITE, SVM_CR_MOV | 3, 0);
	assert_int_equal(record.cr.cr, 0);
	assert_int_equal(record.cr.gpr, GPR_RBX);
	exit_as(SVM_EXIT_CR8_WRITE, SVM_CR_MOV, 0);
	assert_int_equal(record.cr.cr, 8);
	exit_as(SVM_EXIT_CR0_SEL_WRITE, 3, 0); /* LMSW */
	assert_int_equal(record.cr.gpr, GPR_COUNT);
}

static void test_exit_odd_codes(void **state)
{
	(void)state;
	exit_as(0xffffffffffffffffull, 0, 0);
	assert_int_equal(record.kind, EXIT_BAD_STATE);
	assert_string_equal(record.name, "ASID 0"); /* the VMCB is all zero */
	exit_as(0xffffffffull, 0, 0); /* QEMU */
	assert_int_equal(record.kind, EXIT_BAD_STATE);
	vmcb.asid = 1;
	vmcb.intercept_misc2 = VMCB_I_VMRUN;
	vmcb.efer = EFER_SVME;
	exit_as(0xffffffffull, 0, 0);
	assert_string_equal(record.name, "VMEXIT_INVALID, though no known check fails");
	for (u64 code = 0; code < 0x500; code++) {
		exit_as(code, 0, 1ull << 32);
		assert_non_null(record.name);
		assert_true(record.kind < EXIT_KIND_COUNT);
		assert_int_equal(record.raw_code, code);
	}
	exit_as(0x403, 0, 0); /* VMGEXIT */
	assert_int_equal(record.kind, EXIT_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_offer_taken, setup),
		cmocka_unit_test_setup(test_offer_withdrawn, setup),
		cmocka_unit_test_setup(test_interrupted_hardware, setup),
		cmocka_unit_test_setup(test_interrupted_qemu, setup),
		cmocka_unit_test_setup(test_interrupted_others, setup),
		cmocka_unit_test_setup(test_nmi_blocks_until_iret, setup),
		cmocka_unit_test_setup(test_nmi_interrupted, setup),
		cmocka_unit_test_setup(test_inject_intr, setup),
		cmocka_unit_test_setup(test_inject_intr_last, setup),
		cmocka_unit_test_setup(test_intr_enabled, setup),
		cmocka_unit_test_setup(test_exit_io, setup),
		cmocka_unit_test_setup(test_exit_npf, setup),
		cmocka_unit_test_setup(test_exit_lengths, setup),
		cmocka_unit_test_setup(test_exit_cr, setup),
		cmocka_unit_test_setup(test_exit_odd_codes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
