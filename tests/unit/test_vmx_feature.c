/* SPDX-License-Identifier: BSD-2-Clause */
/* Which optional abilities of VT-x processors are used, and what each needs of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_ctl.c"
#include "arch/x86_64/vmx_feature.c"

#define ALL_ALLOWED (0xffffffffull << 32)

struct vmx_cap vmx_cap;

static const struct backend_caps caps = { .xcr0_allowed = 7 };

/* A processor that has everything, or lacks these bits. */
static void detect(enum vmx_ctl word, u32 lacks)
{
	vmx_cap = (struct vmx_cap){ .ept_vpid = ~0ull };
	for (u32 i = 0; i < VMX_CTL_COUNT; i++)
		vmx_cap.ctl[i] = ALL_ALLOWED;
	vmx_cap.ctl[word] &= ~((u64)lacks << 32);
	vmx_feature_detect(&caps);
}

static int setup(void **state)
{
	(void)state;
	detect(VMX_CTL_PIN, 0);
	return 0;
}

static const struct backend_feature *feature(const char *name)
{
	u32 count;
	const struct backend_feature *f = vmx_features(&count);

	f = feature_find(f, count, name);
	assert_non_null(f);
	return f;
}

static void test_everything(void **state)
{
	static const char *const expected_used[] = {
		"unrestricted-guest", "vpid", "ept-1g-pages", "ept-ad", "xsave", "preemption-timer",
		"apic-register", "interrupt-delivery", "ack-exit",
	};
	static const char *const expected_unused[] = {
		"hold-requests", "posted-interrupts", "pause-loop", "vmcs-shadowing",
		"tsc-scaling", "page-log",
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(expected_used); i++)
		assert_int_equal(feature(expected_used[i])->state, FEATURE_USED);
	for (u32 i = 0; i < ARRAY_SIZE(expected_unused); i++)
		assert_int_equal(feature(expected_unused[i])->state, FEATURE_UNUSED);
	assert_true(feature("posted-interrupts")->untested);
	assert_false(feature("ack-exit")->untested);
}

static void test_nothing(void **state)
{
	u32 count;
	const struct backend_feature *f = vmx_features(&count);

	(void)state;
	vmx_cap = (struct vmx_cap){ 0 };
	vmx_feature_detect(&(struct backend_caps){ 0 });
	for (u32 i = 0; i < count; i++) {
		assert_int_equal(f[i].state, FEATURE_ABSENT);
		assert_int_equal(vmx_feature_set(f[i].name, true), ERR_NOTSUP);
		assert_int_equal(vmx_feature_set(f[i].name, false), ERR_OK);
	}
	assert_int_equal(vmx_feature_set("acrobatics", true), ERR_NOENT);
	assert_non_null(strstr(feature("posted-interrupts")->note, "end the stay"));
}

/* The page answers reads only while the processor keeps it. */
static void test_registers_follow(void **state)
{
	(void)state;
	assert_int_equal(vmx_feature_set("interrupt-delivery", false), ERR_OK);
	assert_int_equal(feature("apic-register")->state, FEATURE_UNUSED);
	assert_int_equal(vmx_feature_set("interrupt-delivery", true), ERR_OK);
	assert_int_equal(feature("apic-register")->state, FEATURE_USED);
	assert_int_equal(vmx_feature_set("apic-register", false), ERR_INVAL);
}

/* Off until it is asked for; refused, and given up, without what it stands on. */
static void test_posted(void **state)
{
	static const struct {
		const char *name;
		bool wrong;
	} needs[] = {
		{ "interrupt-delivery", false }, { "ack-exit", false }, { "hold-requests", true },
	};
	const struct backend_feature *posted = feature("posted-interrupts");

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(needs); i++) {
		assert_int_equal(vmx_feature_set("posted-interrupts", true), ERR_OK);
		assert_true(vmx_feature_used(VMX_F_POSTED_INTR));
		assert_int_equal(vmx_feature_set(needs[i].name, needs[i].wrong), ERR_OK);
		assert_int_equal(posted->state, FEATURE_UNUSED);
		assert_int_equal(vmx_feature_set("posted-interrupts", true), ERR_INVAL);
		assert_int_equal(posted->state, FEATURE_UNUSED);
		assert_non_null(strstr(posted->note, needs[i].name));
		assert_int_equal(vmx_feature_set(needs[i].name, !needs[i].wrong), ERR_OK);
		assert_int_equal(posted->state, FEATURE_UNUSED);
		assert_null(strstr(posted->note, needs[i].name));
	}
	detect(VMX_CTL_EXIT, VMX_EXIT_ACK_INTR);
	assert_int_equal(vmx_feature_set("posted-interrupts", true), ERR_INVAL);
	detect(VMX_CTL_PIN, VMX_PIN_POSTED_INTR);
	assert_int_equal(vmx_feature_set("posted-interrupts", true), ERR_NOTSUP);
	assert_int_equal(feature("ack-exit")->state, FEATURE_USED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_everything, setup),
		cmocka_unit_test_setup(test_nothing, setup),
		cmocka_unit_test_setup(test_registers_follow, setup),
		cmocka_unit_test_setup(test_posted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
