/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x2AVIC against the manual (APM vol. 2 15.29): tables, what exits, the run with and
 * without it, its exits. No emulator has it, so that this is all that was ever run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/svm_harness.h"

#define EDX_AVIC (1u | 1u << 13 | 1u << 18) /* nested paging, AVIC, x2AVIC */
#define AVIC_BITS 0xc0000000u		    /* 15.29.3: int_ctl 31 and 30 */
#define APIC_IDENT 5
#define VECTOR 0x51

static u32 page[1024] ALIGNED(4096);
static struct vcpu_hw *hw;
static u32 ran_int_ctl;
static u64 ran_msrpm;

void svm_switch(struct vcpu_regs *regs, u64 vmcb, u64 host_vmcb)
{
	(void)regs;
	(void)vmcb;
	(void)host_vmcb;
	ran_int_ctl = hw->vmcb->int_ctl;
	ran_msrpm = hw->vmcb->msrpm_base;
}

static void create(u32 edx, bool on)
{
	const struct vcpu_hw_setup setup = { .nested_root = 0x1000, .asid = 1, .apic_page = page };
	struct backend_caps caps;
	const char *why;

	svm_edx = edx;
	memset(page, 0, sizeof(page));
	page[0x20 / 4] = APIC_IDENT;
	assert_true(svm_probe(&caps, &why));
	if (on)
		assert_int_equal(svm_feature_set("x2avic", true), ERR_OK);
	hw = svm_create(&setup);
	assert_non_null(hw);
}

static int setup_on(void **state)
{
	(void)state;
	create(EDX_AVIC, true);
	assert_true(svm_apic_mode(hw, APIC_X2APIC));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	svm_destroy(hw);
	return 0;
}

static struct vcpu_exit run_to(u64 code, u64 info1, u64 info2)
{
	struct vcpu_exit exit;

	hw->vmcb->exit_code = code;
	hw->vmcb->exit_info1 = info1;
	hw->vmcb->exit_info2 = info2;
	svm_run(hw, &exit);
	return exit;
}

/* Only on request, and only where there is x2AVIC: AVIC alone serves xAPIC mode. */
static void test_off_by_default(void **state)
{
	(void)state;
	create(EDX_AVIC, false);
	assert_false(svm_apic_mode(hw, APIC_X2APIC));
	svm_destroy(hw);
	create(EDX_AVIC & ~BIT(18), false);
	assert_int_equal(svm_feature_set("x2avic", true), ERR_NOTSUP);
	svm_destroy(hw);
}

static void test_modes(void **state)
{
	(void)state;
	assert_false(svm_apic_mode(hw, APIC_XAPIC));
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & AVIC_BITS, 0);
	assert_true(svm_apic_mode(hw, APIC_X2APIC));
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & AVIC_BITS, AVIC_BITS);
	svm_reset(hw);
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & AVIC_BITS, 0);
	page[0x20 / 4] = 512; /* more than the table has */
	assert_false(svm_apic_mode(hw, APIC_X2APIC));
}

/* 15.29.4: a table entry is V 63, address 51:12; the pointer has the last index in 8:0. */
static void test_tables(void **state)
{
	const u64 *entries = hw->avic_table;

	(void)state;
	assert_int_equal(hw->vmcb->avic_page, (uintptr_t)page);
	assert_int_equal(hw->vmcb->avic_physical, (uintptr_t)entries | APIC_IDENT);
	assert_int_equal(hw->vmcb->avic_logical & 0xfff, 0);
	assert_int_equal(hw->vmcb->avic_bar, 0xfee00000);
	for (u32 i = 0; i < 512; i++)
		assert_int_equal(entries[i], i == APIC_IDENT ? BIT64(63) | (uintptr_t)page : 0);
}

/* 15.11: two bits an MSR, the lower one for reads. */
static u32 exits_of(const u8 *map, u32 msr)
{
	return map[msr / 4] >> (msr % 4 * 2) & 3;
}

static void test_registers_that_exit(void **state)
{
	const u8 *map;

	(void)state;
	run_to(SVM_EXIT_INTR, 0, 0);
	map = (const u8 *)(uintptr_t)ran_msrpm;
	assert_ptr_not_equal(map, svm_msrpm);
	for (u32 msr = 0; msr < 0x2000; msr++) {
		u32 want = 3;

		switch (msr) {
		case 0x802 ... 0x803: /* ID, version */
		case 0x80a:	      /* PPR */
		case 0x80d:	      /* LDR */
		case 0x80f ... 0x828: /* SVR, ISR, TMR, IRR, ESR */
			want = 2;
			break;
		case 0x808: /* TPR */
			want = 0;
			break;
		case 0x80b: /* EOI */
		case 0x83f: /* SELF IPI */
			want = 1;
			break;
		case 0x174 ... 0x176: /* SYSENTER, as ever */
			want = 0;
			break;
		}
		assert_int_equal(exits_of(map, msr), want);
		if (msr >= 0x800 && msr < 0x900)
			assert_int_equal(exits_of(svm_msrpm, msr), 3);
	}
	assert_memory_equal(map + 0x800, svm_msrpm + 0x800, sizeof(svm_msrpm) - 0x800);
}

/* VMRUN takes the task priority from V_TPR; afterwards PPR stands in the page. */
static void test_priorities(void **state)
{
	(void)state;
	page[0x80 / 4] = 0x43;
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & 0xff, 4);
	assert_int_equal(page[0xa0 / 4], 0x43);
	page[0x100 / 4] = BIT(31);		/* ISR: 1Fh */
	page[(0x100 + 0x20) / 4] = BIT(0x51 - 0x40); /* and 51h */
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(page[0xa0 / 4], 0x50);
	page[0x80 / 4] = 0x5f;
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(page[0xa0 / 4], 0x5f);
}

/* 15.29.3: V_IRQ does not count beside it. */
static void test_vector_of_8259(void **state)
{
	(void)state;
	svm_offer_intr(hw, 0x20);
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & AVIC_BITS, 0);
	assert_true(ran_int_ctl & VMCB_V_IRQ);
	assert_int_equal(ran_msrpm, (uintptr_t)svm_msrpm);
	hw->vmcb->int_ctl &= ~VMCB_V_IRQ; /* taken */
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(svm_intr_taken(hw), 0x20);
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(ran_int_ctl & AVIC_BITS, AVIC_BITS);
}

/* It is in service already, so it must be injected and not offered. */
static void test_interrupted_delivery(void **state)
{
	struct vcpu_exit exit;

	(void)state;
	hw->vmcb->exit_int_info = VMCB_EV_VALID | VECTOR;
	exit = run_to(SVM_EXIT_NPF, 0, 0x1000);
	assert_int_equal(exit.interrupted.type, EVENT_INTR);
	assert_int_equal(exit.interrupted.vector, VECTOR);
	assert_int_equal(hw->offered, -1);
	assert_int_equal(svm_inject(hw, &exit.interrupted), ERR_OK);
	assert_int_equal(hw->vmcb->event_inj, VMCB_EV_VALID | VECTOR);
	assert_int_equal(svm_inject(hw, &exit.interrupted), ERR_BUSY);
	svm_reset(hw);
	hw->vmcb->exit_int_info = 0;
	run_to(SVM_EXIT_INTR, 0, 0);
	assert_int_equal(svm_inject(hw, &exit.interrupted), ERR_INVAL);
}

/* 15.29.9.1: EXITINFO1 is ICR, EXITINFO2 63:32 the reason. */
static void test_incomplete_ipi(void **state)
{
	struct vcpu_exit exit = run_to(0x401, 0x00000007000000fdull, 0ull << 32);

	(void)state;
	assert_int_equal(exit.kind, EXIT_APIC_WRITE); /* an invalid type */
	assert_int_equal(exit.apic.reg, 0x300);
	assert_int_equal(page[0x300 / 4], 0xfd);
	assert_int_equal(page[0x310 / 4], 7);
	exit = run_to(0x401, 0xfd, 1ull << 32); /* target not running: IRR is set */
	assert_int_equal(exit.kind, EXIT_HOST_INTR);
	exit = run_to(0x401, 0xfd, 2ull << 32); /* no such target */
	assert_int_equal(exit.kind, EXIT_APIC_WRITE);
}

/* 15.29.9.2: EXITINFO1 11:4 is the offset, bit 32 a write; EXITINFO2 7:0 the vector. */
static void test_noaccel(void **state)
{
	struct vcpu_exit exit = run_to(0x402, 1ull << 32 | 0xb0, VECTOR);

	(void)state;
	assert_int_equal(exit.kind, EXIT_APIC_WRITE);
	assert_int_equal(exit.apic.reg, 0xb0);
	assert_int_equal(exit.insn_len, 0); /* RIP is behind it */
	exit = run_to(0x402, 0x390, 0);
	assert_int_equal(exit.kind, EXIT_OTHER);
	assert_string_equal(exit.name, "avic-noaccel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off_by_default),
		cmocka_unit_test_setup_teardown(test_modes, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_registers_that_exit, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_priorities, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_vector_of_8259, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted_delivery, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_incomplete_ipi, setup_on, teardown),
		cmocka_unit_test_setup_teardown(test_noaccel, setup_on, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
