/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of VM entry for the host-state area (SDM vol. 3C 26.2.2 to 26.2.4). */
#include "arch/x86_64/vmx_check.h"

#include "hv/base/x86.h"

#define SEL_TI_RPL 7u

static const char *check_host_registers(const struct vmx_cap *cap)
{
	const u64 cr0 = vmcs_read(VMCS_HOST_CR0), cr4 = vmcs_read(VMCS_HOST_CR4);
	const u64 wrong0 = vmx_cr_wrong(cap->cr0_fixed0, cap->cr0_fixed1, cr0);
	const u64 wrong4 = vmx_cr_wrong(cap->cr4_fixed0, cap->cr4_fixed1, cr4);
	const u64 efer = vmcs_read(VMCS_HOST_EFER), lme_lma = EFER_LME | EFER_LMA;
	const u32 exit = (u32)vmcs_read(VMCS_EXIT);
	const bool load_efer = exit & VMX_EXIT_LOAD_EFER;
	const struct vmx_rule rules[] = {
		{ wrong0 & ~cr0, "host CR0: a bit that must be 1 is 0" },
		{ wrong0 & cr0, "host CR0 has bits that the processor lacks" },
		{ wrong4 & ~cr4, "host CR4: a bit that must be 1 is 0" },
		{ wrong4 & cr4, "host CR4 has bits that the processor lacks" },
		{ vmcs_read(VMCS_HOST_CR3) >> cap->phys_bits,
		  "host CR3 has bits above the physical addresses" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_SYSENTER_ESP)),
		  "host SYSENTER_ESP is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_SYSENTER_EIP)),
		  "host SYSENTER_EIP is not canonical" },
		{ (exit & VMX_EXIT_LOAD_PAT) && vmx_is_bad_pat(vmcs_read(VMCS_HOST_PAT)),
		  "host PAT has a reserved memory type" },
		{ load_efer && (efer & ~VMX_EFER_DEFINED), "host EFER has reserved bits" },
		{ load_efer && (efer & lme_lma) != lme_lma, "host EFER lacks LME or LMA" },
		{ !(exit & VMX_EXIT_HOST_64), "the host is not to be in 64-bit mode" },
		{ !(cr4 & CR4_PAE), "host CR4.PAE is 0" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_RIP)), "host RIP is not canonical" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static bool has_ti_or_rpl(enum vmcs_field field)
{
	return vmcs_read(field) & SEL_TI_RPL;
}

static const char *check_host_segments(const struct vmx_cap *cap)
{
	const struct vmx_rule rules[] = {
		{ has_ti_or_rpl(VMCS_HOST_ES_SEL), "host ES's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_CS_SEL), "host CS's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_SS_SEL), "host SS's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_DS_SEL), "host DS's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_FS_SEL), "host FS's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_GS_SEL), "host GS's selector has TI or RPL" },
		{ has_ti_or_rpl(VMCS_HOST_TR_SEL), "host TR's selector has TI or RPL" },
		{ !vmcs_read(VMCS_HOST_CS_SEL), "host CS's selector is 0" },
		{ !vmcs_read(VMCS_HOST_TR_SEL), "host TR's selector is 0" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_FS_BASE)),
		  "host FS.base is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_GS_BASE)),
		  "host GS.base is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_TR_BASE)),
		  "host TR.base is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_GDTR_BASE)),
		  "host GDTR.base is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_HOST_IDTR_BASE)),
		  "host IDTR.base is not canonical" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

const char *vmx_check_host(const struct vmx_cap *cap)
{
	const char *what = check_host_registers(cap);

	return what ? what : check_host_segments(cap);
}
