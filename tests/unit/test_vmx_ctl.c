/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX controls against a naive twin that takes the manual's rules bit by bit:
 * all states of one bit, then many words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_ctl.c"

#define WORDS 200000
#define UNRESTRICTED_GUEST BIT(7)
#define HLT_EXITING BIT(7)

static u64 seed = 1;

/* xorshift64* (Marsaglia; Vigna). */
static u64 next(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

/* One bit, as A.3.1 says it. -1: not possible. */
static int naive_bit(bool must_be_1, bool may_be_1, bool required, bool optional)
{
	if (required)
		return may_be_1 ? 1 : -1;
	if (must_be_1)
		return 1;
	return optional && may_be_1;
}

static void compare(u64 cap, u32 required, u32 optional)
{
	u32 want = 0, want_missing = 0, value = 0xdead, missing = 0xbeef;
	err_t err = vmx_ctl_adjust(cap, required, optional, &value, &missing);

	for (unsigned n = 0; n < 32; n++) {
		int bit = naive_bit(cap & BIT64(n), cap & BIT64(32 + n), required & BIT(n),
				    optional & BIT(n));

		if (bit < 0)
			want_missing |= BIT(n);
		else if (bit)
			want |= BIT(n);
	}
	assert_int_equal(missing, want_missing);
	if (want_missing) {
		assert_int_equal(err, ERR_NOTSUP);
		assert_int_equal(value, 0xdead);
	} else {
		assert_int_equal(err, ERR_OK);
		assert_int_equal(value, want);
		assert_int_equal(vmx_ctl_wrong(cap, value), 0);
	}
}

/* A bit that must be 1 may be 1: no processor says otherwise. */
static u64 sane(u64 cap)
{
	return cap | cap << 32;
}

static void test_every_bit_state(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 32; n++) {
		for (unsigned s = 0; s < 16; s++) {
			u64 cap = (s & 1 ? BIT64(n) : 0) | (s & 2 ? BIT64(32 + n) : 0);

			compare(sane(cap), s & 4 ? BIT(n) : 0, s & 8 ? BIT(n) : 0);
		}
	}
}

static void test_many_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS; i++) {
		u64 cap = sane(next() & next()) | next() << 32;

		compare(cap, (u32)(next() & next()), (u32)next());
		compare(cap, (u32)(cap >> 32 & next()), (u32)next()); /* one that fits */
	}
}

static void test_wrong_bits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS; i++) {
		u64 fixed1 = next() | next(), fixed0 = fixed1 & next() & next(), value = next();
		u64 wrong = 0, made = vmx_cr_make(fixed0, fixed1, value);

		for (unsigned n = 0; n < 64; n++) {
			bool bit = value & BIT64(n);

			if ((fixed0 & BIT64(n) && !bit) || (!(fixed1 & BIT64(n)) && bit))
				wrong |= BIT64(n);
		}
		assert_int_equal(vmx_cr_wrong(fixed0, fixed1, value), wrong);
		assert_int_equal(made, value ^ wrong);
		assert_int_equal(vmx_cr_wrong(fixed0, fixed1, made), 0);
	}
}

static void test_names(void **state)
{
	const char *why = NULL;
	u32 value;

	(void)state;
	assert_int_equal(vmx_ctl_make(VMX_CTL_PROC2, 0, UNRESTRICTED_GUEST, 0, &value, &why),
			 ERR_NOTSUP);
	assert_string_equal(why, "no unrestricted guest");
	assert_int_equal(vmx_ctl_make(VMX_CTL_PROC, 0, HLT_EXITING | BIT(28), 0, &value, &why),
			 ERR_NOTSUP);
	assert_string_equal(why, "no HLT exiting"); /* the first */
	assert_int_equal(vmx_ctl_make(VMX_CTL_PIN, 0, BIT(1), 0, &value, &why), ERR_NOTSUP);
	assert_string_equal(why, "no control bit of that number");
	why = NULL;
	assert_int_equal(vmx_ctl_make(VMX_CTL_PIN, BIT64(32), 1, 0, &value, &why), ERR_OK);
	assert_null(why);
	for (unsigned ctl = 0; ctl < VMX_CTL_COUNT; ctl++)
		for (unsigned n = 0; n < 32; n++)
			assert_memory_equal(vmx_ctl_lacking((enum vmx_ctl)ctl, BIT(n)), "no ", 3);
}

static void test_registers(void **state)
{
	(void)state;
	assert_int_equal(vmx_ctl_msr(VMX_CTL_PIN, 0), 0x481);
	assert_int_equal(vmx_ctl_msr(VMX_CTL_PIN, VMX_BASIC_TRUE), 0x48d);
	assert_int_equal(vmx_ctl_msr(VMX_CTL_PROC2, 0), 0x48b);
	assert_int_equal(vmx_ctl_msr(VMX_CTL_PROC2, VMX_BASIC_TRUE), 0x48b);
	assert_int_equal(vmx_ctl_msr(VMX_CTL_ENTRY, VMX_BASIC_TRUE), 0x490);
	assert_int_equal(vmx_ctl_msr(VMX_CTL_EXIT, 0), 0x483);
}

/* The values of a processor of 2013. */
static void test_unrestricted_cr0(void **state)
{
	const u64 fixed0 = 0x80000021, fixed1 = 0xffffffff;

	(void)state;
	assert_int_equal(vmx_guest_cr0_fixed0(fixed0, false), fixed0);
	assert_int_equal(vmx_guest_cr0_fixed0(fixed0, true), CR0_NE);
	assert_int_equal(vmx_cr_wrong(fixed0, fixed1, CR0_ET), CR0_PE | CR0_NE | CR0_PG);
	assert_int_equal(vmx_cr_wrong(vmx_guest_cr0_fixed0(fixed0, true), fixed1, CR0_ET), CR0_NE);
	assert_int_equal(vmx_cr_wrong(fixed0, fixed1, BIT64(40) | fixed0), BIT64(40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_bit_state),
		cmocka_unit_test(test_many_words),
		cmocka_unit_test(test_wrong_bits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_unrestricted_cr0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
