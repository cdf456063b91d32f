/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment registers of VT-x (SDM vol. 3C 24.4.1): whatever the neutral form says, what
 * goes into the VMCS passes the checks of VM entry on one segment alone (26.3.1.2), and
 * what is valid comes back as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_seg.c"

#define ROUNDS 200000
#define CODE64 0xa9b  /* G, L, present, execute/read, accessed */
#define DATA32 0xc93  /* G, DB, present, read/write, accessed */
#define DATA_USER 0xcf3
#define TSS_FREE 0x89
#define TSS_BUSY_32 0x8b
#define LIMIT_4G 0xffffffffu

static const struct vcpu_sregs real_mode = { .cr0 = CR0_ET };
static const struct vcpu_sregs protected = { .cr0 = CR0_ET | CR0_PE };
static const struct vcpu_sregs long_mode = {
	.cr0 = CR0_ET | CR0_PE | CR0_PG, .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA
};

static u64 random_state = 1;

static u32 any(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(random_state >> 32);
}

static void round_trip(enum sreg sreg, const struct seg_reg *s, const struct vcpu_sregs *mode)
{
	struct seg_reg back;

	vmx_seg_set(sreg, s, mode);
	vmx_seg_get(sreg, &back);
	assert_int_equal(back.base, s->base);
	assert_int_equal(back.limit, s->limit);
	assert_int_equal(back.selector, s->selector);
	assert_int_equal(back.attr, s->attr);
}

static void test_round_trip(void **state)
{
	const struct seg_reg code = { .limit = LIMIT_4G, .selector = 8, .attr = CODE64 };
	const struct seg_reg data = { .base = 0x123456789abcull, .limit = LIMIT_4G,
				      .selector = 16, .attr = DATA32 };
	const struct seg_reg task = { .base = 0x1000, .limit = 0x67, .selector = 24,
				      .attr = TSS_BUSY_32 };

	(void)state;
	round_trip(SREG_CS, &code, &long_mode);
	for (unsigned i = SREG_SS; i <= SREG_GS; i++)
		round_trip(i, &data, &long_mode);
	round_trip(SREG_TR, &task, &long_mode);
	assert_int_equal(vmcs_read(VMCS_GUEST_CS_AR), 0xa09b);
	assert_int_equal(vmcs_read(VMCS_GUEST_TR_AR), 0x8b);
	assert_int_equal(vmcs_read(VMCS_GUEST_GS_SEL), 16);
	assert_int_equal(vmcs_read(VMCS_GUEST_FS_BASE), 0x123456789abcull);
}

/* Each has its own four fields. */
static void test_fields(void **state)
{
	struct seg_reg s = { .limit = 0xfff, .attr = DATA32 & ~SEG_ATTR_G }, back;

	(void)state;
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		s.selector = (u16)(0x100 + i);
		s.base = 0x1000 * i;
		vmx_seg_set(i, &s, &long_mode);
	}
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		vmx_seg_get(i, &back);
		assert_int_equal(back.selector, 0x100 + i);
		assert_int_equal(back.base, 0x1000 * i);
	}
	assert_int_equal(vmcs_read(VMCS_GUEST_LDTR_SEL), 0x100 + SREG_LDTR);
	assert_int_equal(vmcs_read(VMCS_GUEST_TR_SEL), 0x100 + SREG_TR);
}

static void test_unusable(void **state)
{
	const struct seg_reg null = { .attr = DATA_USER & ~SEG_ATTR_P };

	(void)state;
	assert_int_equal(vmx_seg_rights(SREG_DS, &null, &long_mode), VMX_AR_UNUSABLE | 0x60);
	assert_int_equal(vmx_seg_attr(SREG_DS, VMX_AR_UNUSABLE | 0xf3), 0);
	assert_int_equal(vmx_seg_attr(SREG_SS, VMX_AR_UNUSABLE | 0xf3), 0x60); /* the CPL */
}

static void test_task_register(void **state)
{
	const struct seg_reg idle = { .limit = 0x67, .attr = TSS_FREE };
	const struct seg_reg old = { .limit = 0x2b, .attr = 0x81 }; /* 16-bit */
	const struct seg_reg none = { .limit = 0x67 };

	(void)state;
	assert_int_equal(vmx_seg_rights(SREG_TR, &idle, &protected), TSS_BUSY_32);
	assert_int_equal(vmx_seg_rights(SREG_TR, &old, &protected), 0x83);
	assert_int_equal(vmx_seg_rights(SREG_TR, &old, &long_mode), TSS_BUSY_32);
	assert_int_equal(vmx_seg_rights(SREG_TR, &none, &long_mode), TSS_BUSY_32);
}

static void test_real_mode(void **state)
{
	const struct seg_reg stack = { .limit = 0xffff, .attr = 0xf3 };

	(void)state;
	assert_int_equal(vmx_seg_rights(SREG_SS, &stack, &real_mode), 0x93);
	assert_int_equal(vmx_seg_rights(SREG_SS, &stack, &protected), 0xf3);
}

static bool granularity_right(u32 rights, u32 limit)
{
	if ((limit & 0xfff) != 0xfff && rights & VMX_AR_G)
		return false;
	return limit <= 0xfffff || rights & VMX_AR_G;
}

static void test_any(void **state)
{
	(void)state;
	for (u32 i = 0; i < ROUNDS; i++) {
		struct seg_reg s = { .attr = (u16)(any() & 0xfff), .limit = any() >> any() % 32 };
		enum sreg sreg = any() % SREG_COUNT;
		u32 rights;

		if (s.limit > 0xfffff)
			s.limit |= 0xfff; /* pages: no other limit exists */
		rights = vmx_seg_rights(sreg, &s, &long_mode);
		assert_false(rights & VMX_AR_RESERVED);
		if (rights & VMX_AR_UNUSABLE) {
			assert_int_not_equal(sreg, SREG_TR);
			continue;
		}
		assert_true(rights & VMX_AR_P);
		assert_true(granularity_right(rights, s.limit));
		if (rights & VMX_AR_S)
			assert_true(rights & VMX_AR_ACCESSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_unusable),   cmocka_unit_test(test_task_register),
		cmocka_unit_test(test_real_mode),  cmocka_unit_test(test_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
