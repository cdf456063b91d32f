/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSRs of a guest (SDM vol. 3C 24.4.1, 24.6.9). Some are in the VMCS. Those of
 * the system calls are not, and the hypervisor uses none of them: they are in
 * the core while the vCPU is loaded.
 */
#include "arch/x86_64/vmx.h"

#include "hv/base/str.h"

#define PAGE 4096
#define MSRS_READ BIT(0)
#define MSRS_WRITE BIT(1)

static u8 bitmap[PAGE] ALIGNED(PAGE);

/* In the VMCS. */
static const struct {
	enum vcpu_msr msr;
	enum vmcs_field field;
} in_vmcs[] = {
	{ VCPU_MSR_SYSENTER_CS, VMCS_GUEST_SYSENTER_CS },
	{ VCPU_MSR_SYSENTER_ESP, VMCS_GUEST_SYSENTER_ESP },
	{ VCPU_MSR_SYSENTER_EIP, VMCS_GUEST_SYSENTER_EIP },
	{ VCPU_MSR_PAT, VMCS_GUEST_PAT },
	{ VCPU_MSR_DEBUGCTL, VMCS_GUEST_DEBUGCTL },
};

/* In the core. */
static const struct {
	enum vcpu_msr msr;
	u32 number;
} in_core[] = {
	{ VCPU_MSR_STAR, MSR_STAR },
	{ VCPU_MSR_LSTAR, MSR_LSTAR },
	{ VCPU_MSR_CSTAR, MSR_CSTAR },
	{ VCPU_MSR_SFMASK, MSR_SFMASK },
	{ VCPU_MSR_KERNEL_GS_BASE, MSR_KERNEL_GS_BASE },
};

/* Registers that move with the guest and need no look. */
static const struct {
	u32 number;
	u8 access;
} pass[] = {
	{ MSR_SYSENTER_CS, MSRS_READ | MSRS_WRITE },
	{ MSR_SYSENTER_ESP, MSRS_READ | MSRS_WRITE },
	{ MSR_SYSENTER_EIP, MSRS_READ | MSRS_WRITE },
	{ MSR_STAR, MSRS_READ | MSRS_WRITE },
	{ MSR_LSTAR, MSRS_READ | MSRS_WRITE },
	{ MSR_CSTAR, MSRS_READ | MSRS_WRITE },
	{ MSR_SFMASK, MSRS_READ | MSRS_WRITE },
	{ MSR_FS_BASE, MSRS_READ | MSRS_WRITE },
	{ MSR_GS_BASE, MSRS_READ | MSRS_WRITE },
	{ MSR_KERNEL_GS_BASE, MSRS_READ | MSRS_WRITE },
	{ MSR_TSC_AUX, MSRS_READ }, /* writes exit: xstate.c keeps the value */
};

static void pass_one(u32 part, u32 n)
{
	bitmap[part + n / 8] &= (u8)~BIT(n % 8);
}

void vmx_msr_init(void)
{
	memset(bitmap, 0xff, sizeof(bitmap));
	for (size_t i = 0; i < ARRAY_SIZE(pass); i++) {
		bool high = pass[i].number >= VMX_MSR_HIGH_BASE;
		u32 n = pass[i].number % VMX_MSR_RANGE;

		if (pass[i].access & MSRS_READ)
			pass_one(high ? VMX_MSR_READ_HIGH : VMX_MSR_READ_LOW, n);
		if (pass[i].access & MSRS_WRITE)
			pass_one(high ? VMX_MSR_WRITE_HIGH : VMX_MSR_WRITE_LOW, n);
	}
}

u64 vmx_msr_bitmap(void)
{
	return (u64)(uintptr_t)bitmap;
}

void vmx_msr_load(struct vcpu_hw *hw)
{
	for (size_t i = 0; i < ARRAY_SIZE(in_vmcs); i++)
		vmcs_write(in_vmcs[i].field, hw->msr[in_vmcs[i].msr]);
	for (size_t i = 0; i < ARRAY_SIZE(in_core); i++)
		wrmsr(in_core[i].number, hw->msr[in_core[i].msr]);
}

void vmx_msr_put(struct vcpu_hw *hw)
{
	for (size_t i = 0; i < ARRAY_SIZE(in_vmcs); i++)
		hw->msr[in_vmcs[i].msr] = vmcs_read(in_vmcs[i].field);
	for (size_t i = 0; i < ARRAY_SIZE(in_core); i++)
		hw->msr[in_core[i].msr] = rdmsr(in_core[i].number);
}

/* The two that are part of a segment register. */
static bool segment_of(enum vcpu_msr msr, enum sreg *sreg)
{
	*sreg = msr == VCPU_MSR_FS_BASE ? SREG_FS : SREG_GS;
	return msr == VCPU_MSR_FS_BASE || msr == VCPU_MSR_GS_BASE;
}

u64 vmx_get_msr(struct vcpu_hw *hw, enum vcpu_msr msr)
{
	struct vcpu_sregs s;
	enum sreg sreg;

	if (segment_of(msr, &sreg)) {
		vmx_get_sregs(hw, &s);
		return s.seg[sreg].base;
	}
	if (msr == VCPU_MSR_TSC_AUX)
		return hw->x.tsc_aux;
	for (size_t i = 0; hw->loaded && i < ARRAY_SIZE(in_vmcs); i++)
		if (in_vmcs[i].msr == msr)
			return vmcs_read(in_vmcs[i].field);
	for (size_t i = 0; hw->loaded && i < ARRAY_SIZE(in_core); i++)
		if (in_core[i].msr == msr)
			return rdmsr(in_core[i].number);
	return hw->msr[msr];
}

void vmx_set_msr(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value)
{
	struct vcpu_sregs s;
	enum sreg sreg;

	if (segment_of(msr, &sreg)) {
		vmx_get_sregs(hw, &s);
		s.seg[sreg].base = value;
		vmx_set_sregs(hw, &s);
		return;
	}
	if (msr == VCPU_MSR_TSC_AUX)
		xstate_set_tsc_aux(&hw->x, value);
	hw->msr[msr] = value;
	for (size_t i = 0; hw->loaded && i < ARRAY_SIZE(in_vmcs); i++)
		if (in_vmcs[i].msr == msr)
			vmcs_write(in_vmcs[i].field, value);
	for (size_t i = 0; hw->loaded && i < ARRAY_SIZE(in_core); i++)
		if (in_core[i].msr == msr)
			wrmsr(in_core[i].number, value);
}
