/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX controls by what the processor allows, and their names (SDM vol. 3C 24.6-24.8,
 * 26.2.1; vol. 3D A.3-A.8). */
#include "arch/x86_64/vmx_ctl.h"

#include "hv/base/x86.h"

#define CTL_BITS 32
#define CAP_MAY_BE_1_SHIFT 32

/* What to say of a bit that is not there, bit by bit: tables 24-5 to
 * 24-8, 24-13 and 24-15. */
static const char *const lacking[VMX_CTL_COUNT][CTL_BITS] = {
	[VMX_CTL_PIN] = {
		[0] = "no external-interrupt exiting",
		[3] = "no NMI exiting",
		[5] = "no virtual NMIs",
		[6] = "no preemption timer",
		[7] = "no posted interrupts",
	},
	[VMX_CTL_PROC] = {
		[2] = "no interrupt-window exiting",
		[3] = "no TSC offsetting",
		[7] = "no HLT exiting",
		[9] = "no INVLPG exiting",
		[10] = "no MWAIT exiting",
		[11] = "no RDPMC exiting",
		[12] = "no RDTSC exiting",
		[15] = "no CR3-load exiting",
		[16] = "no CR3-store exiting",
		[17] = "no tertiary controls",
		[19] = "no CR8-load exiting",
		[20] = "no CR8-store exiting",
		[21] = "no TPR shadow",
		[22] = "no NMI-window exiting",
		[23] = "no MOV-DR exiting",
		[24] = "no unconditional I/O exiting",
		[25] = "no I/O bitmaps",
		[27] = "no monitor trap flag",
		[28] = "no MSR bitmaps",
		[29] = "no MONITOR exiting",
		[30] = "no PAUSE exiting",
		[31] = "no secondary controls",
	},
	[VMX_CTL_PROC2] = {
		[0] = "no virtualised APIC accesses",
		[1] = "no EPT",
		[2] = "no descriptor-table exiting",
		[3] = "no RDTSCP",
		[4] = "no virtualised x2APIC mode",
		[5] = "no VPID",
		[6] = "no WBINVD exiting",
		[7] = "no unrestricted guest",
		[8] = "no APIC-register virtualisation",
		[9] = "no virtual-interrupt delivery",
		[10] = "no PAUSE-loop exiting",
		[11] = "no RDRAND exiting",
		[12] = "no INVPCID",
		[13] = "no VM functions",
		[14] = "no VMCS shadowing",
		[15] = "no ENCLS exiting",
		[16] = "no RDSEED exiting",
		[17] = "no page-modification log",
		[18] = "no EPT-violation #VE",
		[19] = "no concealing from PT",
		[20] = "no XSAVES, XRSTORS",
		[22] = "no mode-based execute control",
		[23] = "no sub-page write permissions",
		[24] = "no PT with guest-physical addresses",
		[25] = "no TSC scaling",
		[26] = "no user wait and pause",
		[27] = "no PCONFIG",
		[28] = "no ENCLV exiting",
	},
	[VMX_CTL_EXIT] = {
		[2] = "no saving of debug controls",
		[9] = "no 64-bit host",
		[12] = "no loading of IA32_PERF_GLOBAL_CTRL on exit",
		[15] = "no acknowledging of interrupts on exit",
		[18] = "no saving of IA32_PAT",
		[19] = "no loading of IA32_PAT on exit",
		[20] = "no saving of IA32_EFER",
		[21] = "no loading of IA32_EFER on exit",
		[22] = "no saving of the preemption timer",
		[23] = "no clearing of IA32_BNDCFGS",
		[24] = "no concealing from PT on exit",
	},
	[VMX_CTL_ENTRY] = {
		[2] = "no loading of debug controls",
		[9] = "no IA-32e mode guest",
		[10] = "no entry to SMM",
		[11] = "no deactivating of dual-monitor treatment",
		[13] = "no loading of IA32_PERF_GLOBAL_CTRL on entry",
		[14] = "no loading of IA32_PAT on entry",
		[15] = "no loading of IA32_EFER on entry",
		[16] = "no loading of IA32_BNDCFGS",
		[17] = "no concealing from PT on entry",
	},
};

u32 vmx_ctl_msr(enum vmx_ctl ctl, u64 basic)
{
	static const struct {
		u32 plain, exact;
	} msrs[VMX_CTL_COUNT] = {
		[VMX_CTL_PIN] = { MSR_VMX_PIN, MSR_VMX_TRUE_PIN },
		[VMX_CTL_PROC] = { MSR_VMX_PROC, MSR_VMX_TRUE_PROC },
		[VMX_CTL_PROC2] = { MSR_VMX_PROC2, MSR_VMX_PROC2 },
		[VMX_CTL_EXIT] = { MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT },
		[VMX_CTL_ENTRY] = { MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY },
	};

	return basic & VMX_BASIC_TRUE ? msrs[ctl].exact : msrs[ctl].plain;
}

err_t vmx_ctl_adjust(u64 cap, u32 required, u32 optional, u32 *value, u32 *missing)
{
	u32 must = (u32)cap, may = (u32)(cap >> CAP_MAY_BE_1_SHIFT);

	*missing = required & ~may;
	if (*missing)
		return ERR_NOTSUP;
	*value = required | (optional & may) | must;
	return ERR_OK;
}

const char *vmx_ctl_lacking(enum vmx_ctl ctl, u32 bits)
{
	const char *text = bits ? lacking[ctl][__builtin_ctz(bits)] : NULL;

	return text ? text : "no control bit of that number";
}

err_t vmx_ctl_make(enum vmx_ctl ctl, u64 cap, u32 required, u32 optional, u32 *value,
		   const char **why)
{
	u32 missing;
	err_t err = vmx_ctl_adjust(cap, required, optional, value, &missing);

	if (err)
		*why = vmx_ctl_lacking(ctl, missing);
	return err;
}

u32 vmx_ctl_wrong(u64 cap, u32 value)
{
	return (u32)vmx_cr_wrong((u32)cap, cap >> CAP_MAY_BE_1_SHIFT, value);
}

u64 vmx_cr_make(u64 fixed0, u64 fixed1, u64 value)
{
	return (value | fixed0) & fixed1;
}

u64 vmx_cr_wrong(u64 fixed0, u64 fixed1, u64 value)
{
	return value ^ vmx_cr_make(fixed0, fixed1, value);
}

u64 vmx_guest_cr0_fixed0(u64 fixed0, bool unrestricted)
{
	return unrestricted ? fixed0 & ~(CR0_PE | CR0_PG) : fixed0;
}
