/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivery from the page of an x2APIC on VT-x: controls, MSR bitmap, what each entry is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/vmx_apic.c"

#define PROC2_OTHERS (VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED)
#define ALL_OF_IT (VMX_PROC2_X2APIC | VMX_PROC2_APIC_REGISTER | VMX_PROC2_INTR_DELIVERY)
#define MSR_SYSENTER_CS_BIT 0x174

static struct vcpu_hw hw;
static u8 common[4096] ALIGNED(4096); /* the bitmap of everybody */
static u8 page[4096] ALIGNED(4096);
static bool delivery_used, hold_used;

u64 vmx_msr_bitmap(void)
{
	return (u64)(uintptr_t)common;
}

bool vmx_feature_used(enum vmx_feature f)
{
	return (f == VMX_F_INTR_DELIVERY && delivery_used) ||
	       (f == VMX_F_HOLD_REQUESTS && hold_used);
}

static int setup(void **state)
{
	(void)state;
	host_vmcs_reset();
	memset(common, 0xff, sizeof(common));
	common[MSR_SYSENTER_CS_BIT / 8] &= (u8)~BIT(MSR_SYSENTER_CS_BIT % 8);
	delivery_used = true;
	hold_used = false;
	memset(page, 0, sizeof(page));
	hw = (struct vcpu_hw){ .proc2 = PROC2_OTHERS, .apic_page = page };
	vmx_apic_create(&hw);
	vmx_apic_reset(&hw);
	return 0;
}

static bool exits(u32 part, u32 msr)
{
	const u8 *map = (const u8 *)(uintptr_t)vmcs_read(VMCS_MSR_BITMAP);

	return map[part + msr / 8] & BIT(msr % 8);
}

static void test_modes(void **state)
{
	(void)state;
	for (enum apic_mode mode = APIC_OFF; mode <= APIC_X2APIC; mode++) {
		bool on = mode == APIC_X2APIC;

		hw.dirty = 0;
		assert_int_equal(vmx_apic_mode(&hw, mode), on);
		assert_int_equal(hw.dirty, VMX_DIRTY_APIC);
		vmx_apic_write(&hw);
		assert_int_equal(vmcs_read(VMCS_PROC2), PROC2_OTHERS | (on ? ALL_OF_IT : 0));
		assert_int_equal(vmcs_read(VMCS_MSR_BITMAP) == (uintptr_t)common, !on);
	}
	/* A reset ends it. */
	vmx_apic_reset(&hw);
	vmx_apic_write(&hw);
	assert_int_equal(vmcs_read(VMCS_PROC2), PROC2_OTHERS);
}

static void test_not_used(void **state)
{
	(void)state;
	delivery_used = false;
	vmx_apic_create(&hw);
	assert_false(vmx_apic_mode(&hw, APIC_X2APIC));
	vmx_apic_write(&hw);
	assert_int_equal(vmcs_read(VMCS_PROC2), PROC2_OTHERS);
	assert_int_equal(vmcs_read(VMCS_MSR_BITMAP), (uintptr_t)common);
}

/* What does not exit is what the page answers rightly; the list is the SDM's table 11-6
 * and our page's, written out. */
static void test_bitmap(void **state)
{
	static const u16 reads[] = {
		0x802, 0x803, 0x808, 0x80a, 0x80d, 0x80f, 0x810, 0x811, 0x812, 0x813, 0x814, 0x815,
		0x816, 0x817, 0x818, 0x819, 0x81a, 0x81b, 0x81c, 0x81d, 0x81e, 0x81f, 0x820, 0x821,
		0x822, 0x823, 0x824, 0x825, 0x826, 0x827, 0x828, 0x832, 0x833, 0x834, 0x835, 0x836,
		0x837, 0x838, 0x83e,
	};
	static const u16 writes[] = { 0x808, 0x80b, 0x83f };
	u32 read_passes = 0, write_passes = 0;

	(void)state;
	vmx_apic_mode(&hw, APIC_X2APIC);
	vmx_apic_write(&hw);
	for (u32 i = 0; i < ARRAY_SIZE(reads); i++)
		assert_false(exits(VMX_MSR_READ_LOW, reads[i]));
	for (u32 i = 0; i < ARRAY_SIZE(writes); i++)
		assert_false(exits(VMX_MSR_WRITE_LOW, writes[i]));
	for (u32 msr = 0; msr < VMX_MSR_RANGE; msr++) {
		read_passes += !exits(VMX_MSR_READ_LOW, msr);
		write_passes += !exits(VMX_MSR_WRITE_LOW, msr);
		assert_true(exits(VMX_MSR_READ_HIGH, msr));
		assert_true(exits(VMX_MSR_WRITE_HIGH, msr));
	}
	assert_int_equal(read_passes, ARRAY_SIZE(reads) + 1);
	assert_false(exits(VMX_MSR_READ_LOW, MSR_SYSENTER_CS_BIT));
	assert_int_equal(write_passes, ARRAY_SIZE(writes));
}

static void test_entry(void **state)
{
	struct apic_delivery d = { .requested = 0x71, .in_service = 0x62,
				   .eoi_exits = { 0, BIT64(3), 0, ~0ull } };
	u32 writes;

	(void)state;
	vmx_apic_mode(&hw, APIC_X2APIC);
	vmx_apic_write(&hw);
	vmx_apic_enter(&hw, &d);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6271);
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_0), 0);
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_1), BIT64(3));
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_2), 0);
	assert_true(vmcs_read(VMCS_EOI_EXIT_3) == ~0ull);
	/* One write when the level-triggered vectors are the same. */
	writes = host_vmcs_writes;
	d.requested = 0;
	vmx_apic_enter(&hw, &d);
	assert_int_equal(host_vmcs_writes, writes + 1);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6200);
	/* They outlive a spell of the other mode, and a VMCS that starts anew. */
	host_vmcs_reset();
	vmx_apic_write(&hw);
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_1), BIT64(3));
}

static void request(u8 vector)
{
	page[IRR_OFFSET + vector / 32 * REG_STRIDE + vector % 32 / 8] |= (u8)BIT(vector % 8);
}

/* The processor sees a request only when the guest can take it; where another waits
 * behind it, the end of any exits. Last, as the bitmap is everybody's. */
static void test_hold(void **state)
{
	struct apic_delivery d = { .requested = 0x71, .in_service = 0x62,
				   .eoi_exits = { 0, BIT64(3), 0, 0 } };

	(void)state;
	vmx_apic_mode(&hw, APIC_X2APIC);
	vmx_apic_write(&hw);
	request(0x71);
	vmx_apic_enter(&hw, &d);
	assert_int_equal(vmx_apic_hold(&hw, false), 0); /* nobody asked for it */
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6271);
	hold_used = true;
	vmx_apic_create(&hw);
	assert_true(exits(VMX_MSR_WRITE_LOW, SELF_IPI_MSR));
	assert_int_equal(vmx_apic_hold(&hw, false), VMX_PROC_INTR_WINDOW);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6200);
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_1), BIT64(3));
	assert_int_equal(vmx_apic_hold(&hw, true), 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6271);
	request(0x31);
	request(0xef);
	assert_int_equal(vmx_apic_hold(&hw, true), 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x62ef);
	for (u32 i = 0; i < ARRAY_SIZE(eoi_exit); i++)
		assert_true(vmcs_read(eoi_exit[i]) == ~0ull);
	memset(page, 0, sizeof(page));
	assert_int_equal(vmx_apic_hold(&hw, false), 0);
	assert_int_equal(vmcs_read(VMCS_GUEST_INTR_STATUS), 0x6200);
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_1), BIT64(3));
	assert_int_equal(vmcs_read(VMCS_EOI_EXIT_2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_modes, setup),
		cmocka_unit_test_setup(test_not_used, setup),
		cmocka_unit_test_setup(test_bitmap, setup),
		cmocka_unit_test_setup(test_entry, setup),
		cmocka_unit_test_setup(test_hold, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
