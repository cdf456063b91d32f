/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of VM entry for the guest-state area but its segments (SDM vol. 3C 26.3.1.1,
 * 26.3.1.3 to 26.3.1.6). */
#include "arch/x86_64/vmx_check.h"

#include "hv/base/x86.h"

#define DEBUGCTL_BTF BIT64(1)
#define DEBUGCTL_DEFINED 0xffc7ull /* LBR, BTF, bus lock; 6 to 15 */
#define RFLAGS_RESERVED (~0x3f7fd7ull)
#define TABLE_LIMIT_MAX 0xffffu
#define PDPTE_PRESENT BIT64(0)
#define PDPTE_RESERVED 0x1e6ull /* bits 1, 2 and 5 to 8 */
#define PDPTES 4
#define BLOCKING (VMX_SHADOW_STI | VMX_SHADOW_MOV_SS)

/* What several rules ask for. */
static bool ia32e(void)
{
	return vmcs_read(VMCS_ENTRY) & VMX_ENTRY_IA32E;
}

static bool injects(enum vmx_intr_type type)
{
	u64 info = vmcs_read(VMCS_ENTRY_INTR);

	return info & VMX_INTR_VALID &&
	       (info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK) == type;
}

static const char *check_cr(const struct vmx_cap *cap)
{
	const bool unrestricted = vmx_proc2_in_force() & VMX_PROC2_UNRESTRICTED;
	const u64 cr0 = vmcs_read(VMCS_GUEST_CR0), cr4 = vmcs_read(VMCS_GUEST_CR4);
	const u64 fixed0 = vmx_guest_cr0_fixed0(cap->cr0_fixed0, unrestricted);
	const u64 wrong0 = vmx_cr_wrong(fixed0, cap->cr0_fixed1, cr0);
	const u64 wrong4 = vmx_cr_wrong(cap->cr4_fixed0, cap->cr4_fixed1, cr4);
	const struct vmx_rule rules[] = {
		{ wrong0 & ~cr0, "guest CR0: a bit that must be 1 is 0" },
		{ wrong0 & cr0, "guest CR0 has bits that the processor lacks" },
		{ (cr0 & CR0_PG) && !(cr0 & CR0_PE), "guest CR0.PG is 1 and PE 0" },
		{ wrong4 & ~cr4, "guest CR4: a bit that must be 1 is 0" },
		{ wrong4 & cr4, "guest CR4 has bits that the processor lacks" },
		{ ia32e() && !(cr0 & CR0_PG), "IA-32e mode guest without CR0.PG" },
		{ ia32e() && !(cr4 & CR4_PAE), "IA-32e mode guest without CR4.PAE" },
		{ !ia32e() && (cr4 & CR4_PCIDE), "guest CR4.PCIDE outside IA-32e mode" },
		{ vmcs_read(VMCS_GUEST_CR3) >> cap->phys_bits,
		  "guest CR3 has bits above the physical addresses" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_msr(const struct vmx_cap *cap)
{
	const u32 entry = (u32)vmcs_read(VMCS_ENTRY);
	const bool debug = entry & VMX_ENTRY_LOAD_DEBUG, load = entry & VMX_ENTRY_LOAD_EFER;
	const u64 efer = vmcs_read(VMCS_GUEST_EFER);
	const bool lma = efer & EFER_LMA, lme = efer & EFER_LME;
	const bool paging = vmcs_read(VMCS_GUEST_CR0) & CR0_PG;
	const struct vmx_rule rules[] = {
		{ debug && (vmcs_read(VMCS_GUEST_DEBUGCTL) & ~DEBUGCTL_DEFINED),
		  "guest DEBUGCTL has reserved bits" },
		{ debug && (vmcs_read(VMCS_GUEST_DR7) & VMX_UPPER_HALF),
		  "guest DR7 has bits above 31" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_GUEST_SYSENTER_ESP)),
		  "guest SYSENTER_ESP is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_GUEST_SYSENTER_EIP)),
		  "guest SYSENTER_EIP is not canonical" },
		{ (entry & VMX_ENTRY_LOAD_PAT) && vmx_is_bad_pat(vmcs_read(VMCS_GUEST_PAT)),
		  "guest PAT has a reserved memory type" },
		{ load && (efer & ~VMX_EFER_DEFINED), "guest EFER has reserved bits" },
		{ load && lma != ia32e(), "guest EFER.LMA differs from IA-32e mode guest" },
		{ load && paging && lma != lme, "guest EFER.LME differs from LMA under paging" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_tables(const struct vmx_cap *cap)
{
	const struct vmx_rule rules[] = {
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_GUEST_GDTR_BASE)),
		  "guest GDTR.base is not canonical" },
		{ !vmx_is_canonical(cap, vmcs_read(VMCS_GUEST_IDTR_BASE)),
		  "guest IDTR.base is not canonical" },
		{ vmcs_read(VMCS_GUEST_GDTR_LIMIT) > TABLE_LIMIT_MAX,
		  "guest GDTR.limit has more than 16 bits" },
		{ vmcs_read(VMCS_GUEST_IDTR_LIMIT) > TABLE_LIMIT_MAX,
		  "guest IDTR.limit has more than 16 bits" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_rip(const struct vmx_cap *cap)
{
	const bool wide = ia32e() && (vmcs_read(VMCS_GUEST_CS_AR) & VMX_AR_L);
	const u64 rip = vmcs_read(VMCS_GUEST_RIP), rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	const bool real = !(vmcs_read(VMCS_GUEST_CR0) & CR0_PE);
	const struct vmx_rule rules[] = {
		{ !wide && (rip & VMX_UPPER_HALF),
		  "guest RIP has bits above 31 outside 64-bit code" },
		{ wide && !vmx_is_canonical(cap, rip), "guest RIP is not canonical" },
		{ rflags & RFLAGS_RESERVED, "guest RFLAGS has reserved bits" },
		{ !(rflags & RFLAGS_FIXED), "guest RFLAGS bit 1 is 0" },
		{ (rflags & RFLAGS_VM) && ia32e(), "guest RFLAGS.VM in IA-32e mode" },
		{ (rflags & RFLAGS_VM) && real, "guest RFLAGS.VM in real mode" },
		{ injects(VMX_INTR_EXTERNAL) && !(rflags & RFLAGS_IF),
		  "an external interrupt for a guest with RFLAGS.IF 0" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

/* Which events may go to a guest that is not active (26.3.1.5). */
static bool wakes(u64 activity)
{
	u64 info = vmcs_read(VMCS_ENTRY_INTR);
	u32 vector = info & VMX_INTR_VECTOR;
	bool exception = injects(VMX_INTR_EXCEPTION);

	if (!(info & VMX_INTR_VALID))
		return true;
	switch (activity) {
	case VMX_ACTIVE:
		return true;
	case VMX_ACTIVITY_HLT:
		return injects(VMX_INTR_EXTERNAL) || injects(VMX_INTR_NMI) ||
		       injects(VMX_INTR_OTHER) ||
		       (exception && (vector == VECTOR_DB || vector == VECTOR_MC));
	case VMX_ACTIVITY_SHUTDOWN:
		return injects(VMX_INTR_NMI) || (exception && vector == VECTOR_MC);
	default:
		return false;
	}
}

static const char *check_activity(const struct vmx_cap *cap)
{
	const u64 activity = vmcs_read(VMCS_GUEST_ACTIVITY);
	const u64 shadow = vmcs_read(VMCS_GUEST_SHADOW);
	const u64 needs[] = { 0, VMX_MISC_HLT, VMX_MISC_SHUTDOWN, VMX_MISC_WAIT_SIPI };
	const u32 ss_dpl = vmcs_read(VMCS_GUEST_SS_AR) >> VMX_AR_DPL_SHIFT & VMX_AR_DPL_MASK;
	const struct vmx_rule rules[] = {
		{ activity >= ARRAY_SIZE(needs) || (needs[activity] & ~cap->misc),
		  "a guest activity state that the processor lacks" },
		{ activity == VMX_ACTIVITY_HLT && ss_dpl, "guest is halted with SS.DPL above 0" },
		{ activity != VMX_ACTIVE && (shadow & BLOCKING),
		  "guest is inactive in the shadow of STI or MOV SS" },
		{ !wakes(activity), "the injected event does not fit the guest's activity state" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_shadow(void)
{
	const u64 shadow = vmcs_read(VMCS_GUEST_SHADOW);
	const bool sti = shadow & VMX_SHADOW_STI, mov_ss = shadow & VMX_SHADOW_MOV_SS;
	const bool virtual_nmi = vmcs_read(VMCS_PIN) & VMX_PIN_VIRTUAL_NMI;
	const struct vmx_rule rules[] = {
		{ shadow & VMX_SHADOW_RESERVED, "guest interruptibility has reserved bits" },
		{ sti && mov_ss, "blocking by STI and by MOV SS together" },
		{ sti && !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF),
		  "blocking by STI with RFLAGS.IF 0" },
		{ injects(VMX_INTR_EXTERNAL) && (sti || mov_ss),
		  "an external interrupt in the shadow of STI or MOV SS" },
		{ injects(VMX_INTR_NMI) && mov_ss, "an NMI in the shadow of MOV SS" },
		{ shadow & VMX_SHADOW_SMI, "blocking by SMI outside SMM" },
		{ injects(VMX_INTR_NMI) && virtual_nmi && (shadow & VMX_SHADOW_NMI),
		  "an NMI while NMIs are blocked" },
		/* Of some processors only. */
		{ injects(VMX_INTR_NMI) && sti, "an NMI in the shadow of STI" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_debug(void)
{
	const u64 pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
	const bool bs = pending & VMX_PENDING_DEBUG_BS;
	const bool steps = (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF) &&
			   !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);
	const bool held = (vmcs_read(VMCS_GUEST_SHADOW) & BLOCKING) ||
			  vmcs_read(VMCS_GUEST_ACTIVITY) == VMX_ACTIVITY_HLT;
	const struct vmx_rule rules[] = {
		{ pending & VMX_PENDING_DEBUG_RESERVED,
		  "guest pending debug exceptions have reserved bits" },
		{ held && steps && !bs, "a single step is due, and no pending debug exception" },
		{ held && !steps && bs, "no single step is due, but a pending debug exception" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

/* Entry reads them for PAE paging only. */
static bool pdptes_are_bad(const struct vmx_cap *cap)
{
	bool pae = (vmcs_read(VMCS_GUEST_CR0) & CR0_PG) && (vmcs_read(VMCS_GUEST_CR4) & CR4_PAE);

	if (!pae || ia32e() || !(vmx_proc2_in_force() & VMX_PROC2_EPT))
		return false;
	for (u32 i = 0; i < PDPTES; i++) {
		u64 e = vmcs_read((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i));

		if ((e & PDPTE_PRESENT) && ((e & PDPTE_RESERVED) || e >> cap->phys_bits))
			return true;
	}
	return false;
}

const char *vmx_check_guest(const struct vmx_cap *cap)
{
	const u64 link = vmcs_read(VMCS_LINK);
	const char *what = check_cr(cap);

	if (!what)
		what = check_msr(cap);
	if (!what)
		what = check_tables(cap);
	if (!what)
		what = check_rip(cap);
	if (!what)
		what = check_activity(cap);
	if (!what)
		what = check_shadow();
	if (!what)
		what = check_debug();
	if (!what && link != VMCS_NO_LINK && vmx_is_bad_address(cap, link, VMX_PAGE_OFFSET))
		what = "the VMCS link pointer";
	if (!what && pdptes_are_bad(cap))
		what = "a guest PDPTE has reserved bits";
	return what;
}
