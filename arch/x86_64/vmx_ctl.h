/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX controls by what the processor allows (SDM vol. 3C 24.6-24.8, 26.2.1;
 * vol. 3D A.3-A.8). Pure: the capability MSRs' values are arguments, read once
 * by the caller.
 */
#ifndef ARCH_X86_64_VMX_CTL_H
#define ARCH_X86_64_VMX_CTL_H

#include "arch/x86_64/vmx_vmcs.h"
#include "hv/base/err.h"
#include "hv/base/types.h"

/* The words of controls. */
enum vmx_ctl {
	VMX_CTL_PIN,
	VMX_CTL_PROC,
	VMX_CTL_PROC2,
	VMX_CTL_EXIT,
	VMX_CTL_ENTRY,
	VMX_CTL_COUNT,
};

/* What the capability MSRs say (vol. 3D appendix A). */
struct vmx_cap {
	u64 basic;
	u64 ctl[VMX_CTL_COUNT]; /* of vmx_ctl_msr() each; PROC2's 0 where it has none */
	u64 misc;
	u64 cr0_fixed0, cr0_fixed1; /* bits that must be 1; that may be 1 */
	u64 cr4_fixed0, cr4_fixed1;
	u64 ept_vpid;
	u8 phys_bits;	/* physical-address width */
	u8 linear_bits; /* linear-address width: 48 or 57 */
};

/* The MSR that says what a word allows; basic is IA32_VMX_BASIC, which says
 * whether the TRUE ones are there. */
u32 vmx_ctl_msr(enum vmx_ctl ctl, u64 basic);

/*
 * A control word: required bits, those of optional that the processor has, and
 * those that it does not let be 0. cap is the MSR's value (low half: must be 1;
 * high half: may be 1). ERR_NOTSUP: a required bit may not be 1; *missing gets
 * the bits, *value is left alone.
 */
err_t vmx_ctl_adjust(u64 cap, u32 required, u32 optional, u32 *value, u32 *missing);

/* The same, with the first bit lacking in words: "no unrestricted guest" (static). */
err_t vmx_ctl_make(enum vmx_ctl ctl, u64 cap, u32 required, u32 optional, u32 *value,
		   const char **why);

/* That of the lowest bit set in bits. */
const char *vmx_ctl_lacking(enum vmx_ctl ctl, u32 bits);

/* Bits of a control word that are not as cap demands. */
u32 vmx_ctl_wrong(u64 cap, u32 value);

/* The same for CR0 and CR4 with their pairs of fixed-bit MSRs (A.7, A.8). */
u64 vmx_cr_make(u64 fixed0, u64 fixed1, u64 value);
u64 vmx_cr_wrong(u64 fixed0, u64 fixed1, u64 value);

/* CR0's bits that must be 1 in a guest: PE and PG are free with unrestricted
 * guest (26.3.1.1). */
u64 vmx_guest_cr0_fixed0(u64 fixed0, bool unrestricted);

#endif
