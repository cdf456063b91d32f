/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended state that the processor does not switch with the VMCB: x87 to
 * PKRU by XSAVE (SDM vol. 1 ch. 13), XCR0, DR0-3 and TSC_AUX. The hypervisor
 * uses none of it, so it moves only when another vCPU gets the core.
 *
 * XSETBV is not intercepted (QEMU could not): the processor checks the value,
 * and whatever a guest enables is saved, because the area holds everything
 * that the processor has.
 */
#include "arch/x86_64/svm.h"

#include <arch/cpu.h>

#include "hv/base/bytes.h"
#include "hv/base/str.h"

#define CPUID_EXT_RDTSCP BIT(27) /* 80000001h EDX */
#define FXSAVE_BYTES 512
#define FX_FCW 0 /* offsets in the legacy region */
#define FX_MXCSR 24
#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80
#define XCR0_X87 BIT64(0)

void svm_load_tsc_aux(const struct vcpu_hw *hw)
{
	if (cpuid(0x80000001, 0).edx & CPUID_EXT_RDTSCP)
		wrmsr(MSR_TSC_AUX, hw->tsc_aux);
}

static void state_save(void *area)
{
	if (!svm_caps.xcr0_allowed) {
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
		return;
	}
	xsetbv(0, svm_caps.xcr0_allowed);
	__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

static void state_restore(const void *area)
{
	if (!svm_caps.xcr0_allowed) {
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
		return;
	}
	xsetbv(0, svm_caps.xcr0_allowed);
	__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
}

u32 svm_fpu_bytes(void)
{
	return MAX(svm_caps.xsave_bytes, (u32)FXSAVE_BYTES);
}

void svm_fpu_enable(void)
{
	u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (svm_caps.xcr0_allowed)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	write_cr0(read_cr0() & ~(CR0_EM | CR0_TS));
}

/* The header behind the legacy region is zero: XRSTOR takes every component's
 * initial value, but MXCSR from memory in any case. */
void svm_fpu_reset(struct vcpu_hw *hw)
{
	memset(hw->xsave, 0, svm_fpu_bytes());
	store_le16((u8 *)hw->xsave + FX_FCW, FCW_INIT);
	store_le32((u8 *)hw->xsave + FX_MXCSR, MXCSR_INIT);
	hw->xcr0 = XCR0_X87;
	memset(hw->dr, 0, sizeof(hw->dr));
}

u64 svm_get_xcr0(struct vcpu_hw *hw)
{
	return hw->loaded && svm_caps.xcr0_allowed ? xgetbv(0) : hw->xcr0;
}

err_t svm_set_xcr0(struct vcpu_hw *hw, u64 value)
{
	if (!svm_caps.xcr0_allowed)
		return ERR_NOTSUP;
	hw->xcr0 = value;
	if (hw->loaded)
		xsetbv(0, value);
	return ERR_OK;
}

void svm_load(struct vcpu_hw *hw)
{
	state_restore(hw->xsave);
	if (svm_caps.xcr0_allowed)
		xsetbv(0, hw->xcr0);
	write_dr0(hw->dr[0]);
	write_dr1(hw->dr[1]);
	write_dr2(hw->dr[2]);
	write_dr3(hw->dr[3]);
	svm_load_tsc_aux(hw);
	/* Another core's VMCB cache and another vCPU's translations of the same
	 * ASID may be here. */
	svm_dirty(hw, VMCB_CLEAN_ALL);
	svm_flush_tlb(hw);
	hw->loaded = true;
}

void svm_put(struct vcpu_hw *hw)
{
	if (svm_caps.xcr0_allowed)
		hw->xcr0 = xgetbv(0);
	state_save(hw->xsave);
	hw->dr[0] = read_dr0();
	hw->dr[1] = read_dr1();
	hw->dr[2] = read_dr2();
	hw->dr[3] = read_dr3();
	hw->loaded = false;
}
