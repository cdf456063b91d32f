/* SPDX-License-Identifier: BSD-2-Clause */
/* The consistency checks of VMRUN (APM vol. 2 15.5.1): a good VMCB, spoilt one way at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/svm_check.c"

#define LONG_MODE_CR0 (CR0_PE | CR0_ET | CR0_NE | CR0_PG)
#define PAT_RESET 0x0007040600070406ull
#define EVENT(type, vector) (VMCB_EV_VALID | (type) << VMCB_EV_TYPE_SHIFT | (vector))

static const struct svm_limits limits = { .phys_bits = 40, .cr4_reserved = ~(u64)0x3ff };
static struct vmcb v;

static int setup(void **state)
{
	(void)state;
	memset(&v, 0, sizeof(v));
	v.asid = 1;
	v.intercept_misc2 = VMCB_I_VMRUN;
	v.iopm_base = 0x100000;
	v.msrpm_base = 0x104000;
	v.np_control = VMCB_NP_ENABLE;
	v.n_cr3 = 0x200000;
	v.g_pat = PAT_RESET;
	v.efer = EFER_SVME | EFER_LME | EFER_LMA | EFER_NXE;
	v.cr0 = LONG_MODE_CR0;
	v.cr4 = CR4_PAE;
	v.cr3 = 0x1000;
	v.cs.attr = 0x29b; /* L */
	v.dr6 = 0xffff0ff0;
	v.dr7 = 0x400;
	return 0;
}

#define REFUSED(spoil, what)                                     \
	do {                                                     \
		setup(NULL);                                     \
		spoil;                                           \
		assert_non_null(svm_check(&v, &limits));         \
		assert_string_equal(svm_check(&v, &limits), what); \
	} while (0)

#define ACCEPTED(change)                              \
	do {                                          \
		setup(NULL);                          \
		change;                               \
		assert_null(svm_check(&v, &limits));  \
	} while (0)

static void test_control(void **state)
{
	(void)state;
	ACCEPTED();
	REFUSED(v.asid = 0, "ASID 0");
	REFUSED(v.intercept_misc2 = 0, "VMRUN is not intercepted");
	REFUSED(v.iopm_base = BIT64(40) - 0x2000, "the I/O map lies above the physical addresses");
	ACCEPTED(v.iopm_base = BIT64(40) - 0x3000);
	REFUSED(v.msrpm_base = BIT64(41), "the MSR map lies above the physical addresses");
	REFUSED(v.n_cr3 = BIT64(40), "N_CR3 lies above the physical addresses");
	REFUSED(v.g_pat = PAT_RESET | 2ull << 56, "G_PAT has a reserved memory type"); /* 2 */
	REFUSED(v.g_pat = 8, "G_PAT has a reserved memory type");
	ACCEPTED(v.np_control = 0; v.g_pat = 8);
}

static void test_events(void **state)
{
	(void)state;
	for (u64 type = 0; type <= VMCB_EV_TYPE_MASK; type++) {
		if (type == VMCB_EV_INTR || type == VMCB_EV_NMI || type == VMCB_EV_SOFT)
			ACCEPTED(v.event_inj = EVENT(type, 0x80ull));
		else if (type != VMCB_EV_EXCEPTION)
			REFUSED(v.event_inj = EVENT(type, 13ull), "EVENTINJ has a reserved type");
	}
	ACCEPTED(v.event_inj = EVENT(3ull, 14ull));
	REFUSED(v.event_inj = EVENT(3ull, 2ull), "EVENTINJ's vector is no exception");
	REFUSED(v.event_inj = EVENT(3ull, 32ull), "EVENTINJ's vector is no exception");
	ACCEPTED(v.event_inj = EVENT(3ull, 32ull) & ~VMCB_EV_VALID);
}

static void test_registers(void **state)
{
	(void)state;
	REFUSED(v.efer &= ~EFER_SVME, "EFER.SVME is clear");
	REFUSED(v.efer |= BIT64(9), "EFER has reserved bits");
	REFUSED(v.cr0 |= CR0_NW, "CR0.NW is set and CR0.CD clear");
	ACCEPTED(v.cr0 |= CR0_NW | CR0_CD);
	REFUSED(v.cr0 |= BIT64(32), "CR0 has bits above 31");
	REFUSED(v.cr3 |= BIT64(51), "CR3 has bits above the physical addresses");
	REFUSED(v.cr4 |= CR4_LA57, "CR4 has bits that this processor lacks");
	REFUSED(v.dr6 |= BIT64(32), "DR6 has bits above 31");
	REFUSED(v.dr7 |= BIT64(63), "DR7 has bits above 31");
}

static void test_modes(void **state)
{
	(void)state;
	REFUSED(v.cr4 = 0, "EFER.LME and CR0.PG are set and CR4.PAE clear");
	REFUSED(v.cr0 &= ~CR0_PE, "EFER.LME and CR0.PG are set and CR0.PE clear");
	REFUSED(v.cs.attr |= SEG_D, "CS.L and CS.D are both set in long mode");
	ACCEPTED(v.cs.attr = SEG_D);
	/* Without long mode none of them counts; paged real mode is allowed (15.19). */
	ACCEPTED(v.efer = EFER_SVME; v.cr4 = 0; v.cs.attr |= SEG_D; v.cr0 &= ~CR0_PE);
	ACCEPTED(v.cr0 &= ~CR0_PG; v.cr4 = 0);
}

static void test_cr4_of_processors(void **state)
{
	struct cpuid_regs leaf1 = { 0 }, leaf7 = { 0 };

	(void)state;
	assert_int_equal(svm_check_cr4_reserved(&leaf1, &leaf7), ~(u64)0x7ff);
	leaf1.ecx = BIT(26);
	leaf7.ebx = BIT(7);
	leaf7.ecx = BIT(16);
	assert_int_equal(svm_check_cr4_reserved(&leaf1, &leaf7),
			 ~(0x7ffull | CR4_OSXSAVE | CR4_SMEP | CR4_LA57));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_control, setup),
		cmocka_unit_test_setup(test_events, setup),
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_cr4_of_processors, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
