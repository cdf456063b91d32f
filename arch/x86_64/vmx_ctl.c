/* SPDX-License-Identifier: BSD-2-Clause */
/* VMX controls by what the processor allows, and their names (SDM vol. 3C 24.6-24.8,
 * 26.2.1; vol. 3D A.3-A.8). */
#include "arch/x86_64/vmx_ctl.h"

#include "hv/base/x86.h"

#define CTL_BITS 32
#define CAP_MAY_BE_1_SHIFT 32

/* Every name is kept behind its "no ", so that both are static text. */
#define NO "no "

/* Bit by bit, tables 24-5 to 24-8, 24-13 and 24-15. */
static const char *const names[VMX_CTL_COUNT][CTL_BITS] = {
	[VMX_CTL_PIN] = {
		[0] = NO "external-interrupt exiting",
		[3] = NO "NMI exiting",
		[5] = NO "virtual NMIs",
		[6] = NO "preemption timer",
		[7] = NO "posted interrupts",
	},
	[VMX_CTL_PROC] = {
		[2] = NO "interrupt-window exiting",
		[3] = NO "TSC offsetting",
		[7] = NO "HLT exiting",
		[9] = NO "INVLPG exiting",
		[10] = NO "MWAIT exiting",
		[11] = NO "RDPMC exiting",
		[12] = NO "RDTSC exiting",
		[15] = NO "CR3-load exiting",
		[16] = NO "CR3-store exiting",
		[17] = NO "tertiary controls",
		[19] = NO "CR8-load exiting",
		[20] = NO "CR8-store exiting",
		[21] = NO "TPR shadow",
		[22] = NO "NMI-window exiting",
		[23] = NO "MOV-DR exiting",
		[24] = NO "unconditional I/O exiting",
		[25] = NO "I/O bitmaps",
		[27] = NO "monitor trap flag",
		[28] = NO "MSR bitmaps",
		[29] = NO "MONITOR exiting",
		[30] = NO "PAUSE exiting",
		[31] = NO "secondary controls",
	},
	[VMX_CTL_PROC2] = {
		[0] = NO "virtualised APIC accesses",
		[1] = NO "EPT",
		[2] = NO "descriptor-table exiting",
		[3] = NO "RDTSCP",
		[4] = NO "virtualised x2APIC mode",
		[5] = NO "VPID",
		[6] = NO "WBINVD exiting",
		[7] = NO "unrestricted guest",
		[8] = NO "APIC-register virtualisation",
		[9] = NO "virtual-interrupt delivery",
		[10] = NO "PAUSE-loop exiting",
		[11] = NO "RDRAND exiting",
		[12] = NO "INVPCID",
		[13] = NO "VM functions",
		[14] = NO "VMCS shadowing",
		[15] = NO "ENCLS exiting",
		[16] = NO "RDSEED exiting",
		[17] = NO "page-modification log",
		[18] = NO "EPT-violation #VE",
		[19] = NO "concealing from PT",
		[20] = NO "XSAVES, XRSTORS",
		[22] = NO "mode-based execute control",
		[23] = NO "sub-page write permissions",
		[24] = NO "PT with guest-physical addresses",
		[25] = NO "TSC scaling",
		[26] = NO "user wait and pause",
		[27] = NO "PCONFIG",
		[28] = NO "ENCLV exiting",
	},
	[VMX_CTL_EXIT] = {
		[2] = NO "saving of debug controls",
		[9] = NO "64-bit host",
		[12] = NO "loading of IA32_PERF_GLOBAL_CTRL on exit",
		[15] = NO "acknowledging of interrupts on exit",
		[18] = NO "saving of IA32_PAT",
		[19] = NO "loading of IA32_PAT on exit",
		[20] = NO "saving of IA32_EFER",
		[21] = NO "loading of IA32_EFER on exit",
		[22] = NO "saving of the preemption timer",
		[23] = NO "clearing of IA32_BNDCFGS",
		[24] = NO "concealing from PT on exit",
	},
	[VMX_CTL_ENTRY] = {
		[2] = NO "loading of debug controls",
		[9] = NO "IA-32e mode guest",
		[10] = NO "entry to SMM",
		[11] = NO "deactivating of dual-monitor treatment",
		[13] = NO "loading of IA32_PERF_GLOBAL_CTRL on entry",
		[14] = NO "loading of IA32_PAT on entry",
		[15] = NO "loading of IA32_EFER on entry",
		[16] = NO "loading of IA32_BNDCFGS",
		[17] = NO "concealing from PT on entry",
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

err_t vmx_ctl_adjust(u64 cap, u32 required, u32 optional, u32 *value, u32 *lacking)
{
	u32 must = (u32)cap, may = (u32)(cap >> CAP_MAY_BE_1_SHIFT);

	*lacking = required & ~may;
	if (*lacking)
		return ERR_NOTSUP;
	*value = required | (optional & may) | must;
	return ERR_OK;
}

static const char *lacking_text(enum vmx_ctl ctl, u32 bits)
{
	const char *text = NULL;

	if (bits)
		text = names[ctl][__builtin_ctz(bits)];
	return text ? text : NO "bit of that number";
}

err_t vmx_ctl_make(enum vmx_ctl ctl, u64 cap, u32 required, u32 optional, u32 *value,
		   const char **why)
{
	u32 lacking;
	err_t err = vmx_ctl_adjust(cap, required, optional, value, &lacking);

	if (err)
		*why = lacking_text(ctl, lacking);
	return err;
}

const char *vmx_ctl_name(enum vmx_ctl ctl, u32 bits)
{
	return lacking_text(ctl, bits) + sizeof(NO) - 1;
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
