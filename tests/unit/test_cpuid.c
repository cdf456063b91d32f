/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID for guests: nothing leaks that is not named, computed leaves are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/emul/cpuid.h"

/* A host with every bit set where bits are features. */
static struct cpuid_regs host_all(void *ctx, u32 leaf, u32 sub)
{
	struct cpuid_regs all = { ~0u, ~0u, ~0u, ~0u };

	(void)ctx;
	switch (leaf) {
	case 0:
		return (struct cpuid_regs){ 0x20, 0x68747541, 0x444d4163, 0x69746e65 };
	case 0x80000000:
		return (struct cpuid_regs){ 0x80000030, 0x68747541, 0x444d4163, 0x69746e65 };
	case 0x80000008:
		all.eax = 48 << 8 | 44;
		return all;
	case 4:
	case 0x8000001d: /* two caches: level 2 private, level 3 */
		if (sub > 1)
			return (struct cpuid_regs){ 0 };
		return (struct cpuid_regs){ 0xfffffc03 | (sub + 2) << 5, 1, 2, 3 };
	case 0xd:
		if (sub < 2)
			return all;
		if (sub == 2) /* AVX: 256 bytes at 576 */
			return (struct cpuid_regs){ 256, 576, 0, 0 };
		if (sub == 9) /* PKRU */
			return (struct cpuid_regs){ 8, 2688, 0, 0 };
		return (struct cpuid_regs){ 64, 1024 + sub * 64, 2, 0 };
	default:
		return all;
	}
}

static struct cpuid_regs host_poor(void *ctx, u32 leaf, u32 sub)
{
	(void)ctx;
	(void)sub;
	if (leaf == 0)
		return (struct cpuid_regs){ .eax = 1 };
	if (leaf == 0x80000000)
		return (struct cpuid_regs){ .eax = 0x80000001 };
	return (struct cpuid_regs){ 0 };
}

static struct cpuid_config config(void)
{
	return (struct cpuid_config){
		.host = host_all, .vcpus = 6, .xcr0_allowed = 7, .tsc_khz = 2700000,
		.apic_khz = 1000000, .pinned = true, .tsc_deadline = true, .x2apic = true,
		.pv_eoi = true,
	};
}

static void dangerous_bits_are_not_there(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { .apic_id = 5 };
	struct cpuid_regs r;

	(void)state;
	r = cpuid_guest(&c, &v, 1, 0);
	/* MONITOR, VMX, SMX, PDCM, PCID, DCA; OSXSAVE only after CR4 */
	assert_int_equal(r.ecx & (BIT(3) | BIT(5) | BIT(6) | BIT(15) | BIT(17) | BIT(18) | BIT(27)),
			 0);
	assert_int_equal(r.ecx & (BIT(31) | BIT(26) | BIT(28) | BIT(21) | BIT(24)),
			 BIT(31) | BIT(26) | BIT(28) | BIT(21) | BIT(24));
	/* MCE, MCA, DS, ACPI, TM, PBE */
	assert_int_equal(r.edx & (BIT(7) | BIT(14) | BIT(21) | BIT(22) | BIT(29) | BIT(31)), 0);
	assert_int_equal(r.ebx >> 24, 5);
	assert_int_equal(r.ebx >> 16 & 0xff, 6);
	v.cr4 = BIT(18);
	assert_true(cpuid_guest(&c, &v, 1, 0).ecx & BIT(27));

	r = cpuid_guest(&c, &v, 7, 0);
	/* SGX, HLE, INVPCID, RTM, MPX, PT, TSC_ADJUST, AVX-512F */
	assert_int_equal(r.ebx & (BIT(1) | BIT(2) | BIT(4) | BIT(10) | BIT(11) | BIT(14) | BIT(16) |
				  BIT(25)), 0);
	assert_int_equal(r.ecx & (BIT(3) | BIT(5) | BIT(16)), 0); /* PKU, WAITPKG, LA57 */
	assert_int_equal(r.edx, BIT(4));
	r = cpuid_guest(&c, &v, 0x80000001, 0);
	assert_int_equal(r.ecx & (BIT(2) | BIT(9) | BIT(10) | BIT(12) | BIT(29)), 0); /* SVM ... */
	assert_true(r.ecx & BIT(1));
	assert_int_equal(cpuid_guest(&c, &v, 0x8000000a, 0).edx, 0);
	assert_int_equal(cpuid_guest(&c, &v, 5, 0).ecx, 0);
	assert_int_equal(cpuid_guest(&c, &v, 0xa, 0).eax, 0);
	assert_int_equal(cpuid_guest(&c, &v, 0x12, 0).eax, 0);
	assert_int_equal(cpuid_guest(&c, &v, 0x8000001f, 0).eax, 0);
}

/* Descriptors are the same on each processor that has them; AMD's have none. */
static void cache_descriptors_send_to_leaf_4(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };
	struct cpuid_regs r = cpuid_guest(&c, &v, 2, 0);

	(void)state;
	assert_int_equal(r.eax, 0x00f0ff01);
	assert_int_equal(r.ebx | r.ecx | r.edx, 0);
	assert_true(cpuid_guest(&c, &v, 4, 0).eax & 0x1f);
	c.host = host_poor;
	assert_int_equal(cpuid_guest(&c, &v, 2, 0).eax, 0);
}

static void avx_512_needs_its_state(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };

	(void)state;
	c.xcr0_allowed = 0xe7;
	assert_true(cpuid_guest(&c, &v, 7, 0).ebx & BIT(16));
	assert_int_equal(cpuid_guest(&c, &v, 7, 1).eax, BIT(4) | BIT(5));
	c.xcr0_allowed = 0;
	assert_int_equal(cpuid_guest(&c, &v, 7, 0).ebx & (BIT(16) | BIT(5)), 0);
	assert_int_equal(cpuid_guest(&c, &v, 1, 0).ecx & (BIT(26) | BIT(28) | BIT(12)), 0);
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 0).eax, 0);
	assert_int_equal(cpuid_cr4_allowed(&c) & BIT64(18), 0);
}

static void kvm_leaves(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };
	struct cpuid_regs r = cpuid_guest(&c, &v, 0x40000000, 0);

	(void)state;
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	r = cpuid_guest(&c, &v, 0x40000001, 0);
	assert_int_equal(r.eax, BIT(0) | BIT(1) | BIT(3) | BIT(6) | BIT(24));
	assert_int_equal(r.edx, 1);
	c.pinned = c.pv_eoi = false;
	r = cpuid_guest(&c, &v, 0x40000001, 0);
	assert_int_equal(r.eax, BIT(0) | BIT(1) | BIT(3) | BIT(24));
	assert_int_equal(r.edx, 0);
	r = cpuid_guest(&c, &v, 0x40000010, 0);
	assert_int_equal(r.eax, 2700000);
	assert_int_equal(r.ebx, 1000000);
	assert_int_equal(cpuid_guest(&c, &v, 0x40000100, 0).eax, 0);
}

static void topology(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { .apic_id = 3 };
	struct cpuid_regs r;

	(void)state;
	r = cpuid_guest(&c, &v, 0xb, 0);
	assert_int_equal(r.eax, 0);
	assert_int_equal(r.ebx, 1);
	assert_int_equal(r.ecx, 0x100);
	assert_int_equal(r.edx, 3);
	r = cpuid_guest(&c, &v, 0xb, 1);
	assert_int_equal(r.eax, 3);
	assert_int_equal(r.ebx, 6);
	assert_int_equal(r.ecx, 0x201);
	assert_int_equal(cpuid_guest(&c, &v, 0xb, 2).ebx, 0);
	r = cpuid_guest(&c, &v, 4, 0);
	assert_int_equal(r.eax >> 14 & 0xfff, 0); /* level 2 is private */
	assert_int_equal(r.eax >> 26, 5);
	r = cpuid_guest(&c, &v, 0x8000001d, 1);
	assert_int_equal(r.eax >> 14 & 0xfff, 5); /* level 3 is shared */
	assert_int_equal(cpuid_guest(&c, &v, 0x8000001d, 2).eax, 0);
	r = cpuid_guest(&c, &v, 0x80000008, 0);
	assert_int_equal(r.eax, 48 << 8 | 44);
	assert_int_equal(r.ecx, 5 | 3 << 12);
	assert_int_equal(cpuid_phys_bits(&c), 44);
	r = cpuid_guest(&c, &v, 0x8000001e, 0);
	assert_int_equal(r.eax, 3);
	assert_int_equal(r.ebx, 3);
	assert_int_equal(r.ecx, 0);
	c.vcpus = 1;
	assert_false(cpuid_guest(&c, &v, 1, 0).edx & BIT(28));
	assert_int_equal(cpuid_guest(&c, &v, 0xb, 1).eax, 0);
}

/* Two packages of two cores of two threads. */
static void threads_and_packages(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { .apic_id = 7 };
	struct cpuid_regs r;

	(void)state;
	c.vcpus = 8;
	c.threads = 2;
	c.package_ids = 4;
	r = cpuid_guest(&c, &v, 0xb, 0);
	assert_int_equal(r.eax, 1);
	assert_int_equal(r.ebx, 2);
	r = cpuid_guest(&c, &v, 0xb, 1);
	assert_int_equal(r.eax, 2);
	assert_int_equal(r.ebx, 4);
	assert_int_equal(cpuid_guest(&c, &v, 1, 0).ebx >> 16 & 0xff, 4);
	r = cpuid_guest(&c, &v, 4, 0);
	assert_int_equal(r.eax >> 14 & 0xfff, 1); /* level 2: a core's threads */
	assert_int_equal(r.eax >> 26, 1);
	r = cpuid_guest(&c, &v, 0x8000001d, 1);
	assert_int_equal(r.eax >> 14 & 0xfff, 3); /* level 3: a package */
	r = cpuid_guest(&c, &v, 0x80000008, 0);
	assert_int_equal(r.ecx, 3 | 2 << 12);
	r = cpuid_guest(&c, &v, 0x8000001e, 0);
	assert_int_equal(r.ebx, 3 | 1 << 8);
	assert_int_equal(r.ecx, 1);
}

static void xsave_sizes(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { .xcr0 = 1 };
	struct cpuid_regs r = cpuid_guest(&c, &v, 0xd, 0);

	(void)state;
	assert_int_equal(r.eax, 7);
	assert_int_equal(r.ebx, 576);
	assert_int_equal(r.ecx, 832);
	v.xcr0 = 7;
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 0).ebx, 832);
	r = cpuid_guest(&c, &v, 0xd, 1);
	assert_int_equal(r.eax, 7); /* no XSAVES */
	assert_int_equal(r.ebx, 832);
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 2).eax, 256);
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 9).eax, 0); /* PKRU is not allowed */
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 64).eax, 0);
	c.xcr0_allowed = v.xcr0 = 0xe7;
	assert_int_equal(cpuid_guest(&c, &v, 0xd, 1).ebx, 832 + 3 * 64);
}

static void invariant_tsc(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };
	struct cpuid_regs r = cpuid_guest(&c, &v, 0x80000007, 0);

	(void)state;
	assert_int_equal(r.edx, BIT(8));
	assert_int_equal(r.eax | r.ebx | r.ecx, 0);
	c.host = host_poor;
	assert_int_equal(cpuid_guest(&c, &v, 0x80000007, 0).edx, 0);
}

static void poor_host(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };

	(void)state;
	c.host = host_poor;
	c.xcr0_allowed = 0;
	assert_int_equal(cpuid_guest(&c, &v, 7, 0).ebx, 0);
	assert_int_equal(cpuid_guest(&c, &v, 0x80000000, 0).eax, 0x80000001);
	assert_int_equal(cpuid_phys_bits(&c), 36);
	assert_int_equal(cpuid_cr4_allowed(&c), 0x7ff);
	assert_int_equal(cpuid_efer_allowed(&c), 0);
	/* topology is ours, whatever the host has */
	assert_int_equal(cpuid_guest(&c, &v, 0xb, 1).ebx, 6);
	assert_true(cpuid_guest(&c, &v, 0, 0).eax >= 0xb);
	c = config();
	assert_int_equal(cpuid_efer_allowed(&c), BIT64(0) | BIT64(8) | BIT64(10) | BIT64(11) |
						 BIT64(14));
}

/* A leaf nobody thought of reads zero. */
static void unknown_leaves_read_zero(void **state)
{
	struct cpuid_config c = config();
	struct cpuid_vcpu v = { 0 };

	(void)state;
	for (u32 i = 0; i < 0x400; i++) {
		struct cpuid_regs zero = { 0 }, r;

		r = cpuid_guest(&c, &v, 0x0e + i, 0);
		assert_memory_equal(&r, &zero, sizeof(r));
		r = cpuid_guest(&c, &v, 0x8000001f + i, 0);
		assert_memory_equal(&r, &zero, sizeof(r));
		r = cpuid_guest(&c, &v, 0x20000000 + i, 0);
		assert_memory_equal(&r, &zero, sizeof(r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_bits_are_not_there),
		cmocka_unit_test(cache_descriptors_send_to_leaf_4),
		cmocka_unit_test(avx_512_needs_its_state),
		cmocka_unit_test(kvm_leaves),
		cmocka_unit_test(topology),
		cmocka_unit_test(threads_and_packages),
		cmocka_unit_test(xsave_sizes),
		cmocka_unit_test(invariant_tsc),
		cmocka_unit_test(poor_host),
		cmocka_unit_test(unknown_leaves_read_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
