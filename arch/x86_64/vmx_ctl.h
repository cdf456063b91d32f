/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMX controls by what the processor allows (SDM vol. 3C 24.6-24.8, 26.2.1;
 * vol. 3D A.3-A.8). Pure: the capability MSRs' values are arguments, read once
 * by the caller.
 */
#ifndef ARCH_X86_64_VMX_CTL_H
#define ARCH_X86_64_VMX_CTL_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* Capability MSRs (vol. 3D appendix A) */
#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_CONTROL_LOCK BIT64(0)
#define FEATURE_CONTROL_VMX BIT64(2) /* outside SMX */

#define MSR_VMX_BASIC 0x480
#define VMX_BASIC_REVISION 0x7fffffffull
#define VMX_BASIC_SIZE_SHIFT 32
#define VMX_BASIC_SIZE_MASK 0x1fffull
#define VMX_BASIC_32BIT BIT64(48) /* addresses of the structures */
#define VMX_BASIC_TYPE_SHIFT 50
#define VMX_BASIC_TYPE_MASK 0xfull
#define VMX_BASIC_WRITE_BACK 6u
#define VMX_BASIC_TRUE BIT64(55) /* the MSRs from 48Dh on are there */
/* Of these, bits 31:0 must be 1 where they are, bits 63:32 may be 1. */
#define MSR_VMX_PIN 0x481
#define MSR_VMX_PROC 0x482
#define MSR_VMX_EXIT 0x483
#define MSR_VMX_ENTRY 0x484
#define MSR_VMX_MISC 0x485
#define VMX_MISC_TIMER_SHIFT 0x1full /* the timer counts at TSC >> this */
#define VMX_MISC_HLT BIT64(6)
#define VMX_MISC_SHUTDOWN BIT64(7)
#define VMX_MISC_WAIT_SIPI BIT64(8)
#define MSR_VMX_CR0_FIXED0 0x486 /* 1: must be 1 */
#define MSR_VMX_CR0_FIXED1 0x487 /* 0: must be 0 */
#define MSR_VMX_CR4_FIXED0 0x488
#define MSR_VMX_CR4_FIXED1 0x489
#define MSR_VMX_PROC2 0x48b
#define MSR_VMX_EPT_VPID 0x48c
#define VMX_EPT_EXEC_ONLY BIT64(0)
#define VMX_EPT_WALK_4 BIT64(6)
#define VMX_EPT_TYPE_UC BIT64(8)
#define VMX_EPT_TYPE_WB BIT64(14)
#define VMX_EPT_2M BIT64(16)
#define VMX_EPT_1G BIT64(17)
#define VMX_EPT_INVEPT BIT64(20)
#define VMX_EPT_AD BIT64(21)
#define VMX_EPT_INVEPT_SINGLE BIT64(25)
#define VMX_EPT_INVEPT_ALL BIT64(26)
#define VMX_EPT_INVVPID BIT64(32)
#define VMX_EPT_INVVPID_SINGLE BIT64(41)
#define VMX_EPT_INVVPID_ALL BIT64(42)
#define MSR_VMX_TRUE_PIN 0x48d
#define MSR_VMX_TRUE_PROC 0x48e
#define MSR_VMX_TRUE_EXIT 0x48f
#define MSR_VMX_TRUE_ENTRY 0x490

/* The words of controls. */
enum vmx_ctl {
	VMX_CTL_PIN,
	VMX_CTL_PROC,
	VMX_CTL_PROC2,
	VMX_CTL_EXIT,
	VMX_CTL_ENTRY,
	VMX_CTL_COUNT,
};

/* What they say. */
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
