/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the VT-x backend share: vmx.c (set-up, the run function),
 * vmx_ctl.c (which controls the processor allows), vmx_state.c (registers),
 * vmx_event.c (injection), vmx_exit.c (exit records), vmx_check.c (why an
 * entry was refused), vmx_switch.asm (the world switch).
 *
 * A vCPU's VMCS is current on a core exactly from load() to put(). While it is
 * not, the guest's state is in struct vcpu_hw alone, and what changes there is
 * marked dirty and written at the next entry.
 */
#ifndef ARCH_X86_64_VMX_H
#define ARCH_X86_64_VMX_H

#include "arch/x86_64/vmx_ctl.h"
#include "arch/x86_64/vmx_vmcs.h"
#include "arch/x86_64/xstate.h"
#include "hv/backend.h"

extern struct vmx_cap vmx_cap; /* written by probe only */

/* Parts of the guest's state that changed in struct vcpu_hw. */
enum vmx_dirty {
	VMX_DIRTY_SEG = BIT(0), /* one bit a segment, enum sreg, to bit 7 */
	VMX_DIRTY_DT = BIT(8),
	VMX_DIRTY_CR = BIT(9),	/* CR0, CR3, CR4, EFER */
	VMX_DIRTY_DR7 = BIT(10),
	VMX_DIRTY_MSR = BIT(11),
	VMX_DIRTY_PDPTE = BIT(12),
	VMX_DIRTY_CTL = BIT(13), /* all that never changes afterwards */
	VMX_DIRTY_ALL = 0x3fff,
};

struct vcpu_hw {
	struct vcpu_regs regs; /* first: vmx_switch.asm addresses it */
	u64 host_rsp;	       /* in the VMCS; vmx_switch.asm */
	void *vmcs;	       /* identity-mapped: the pointer is its physical address */
	void *block;	       /* the allocation that vmcs and x.area are in */
	u8 *apic_page;	       /* virtual-APIC page, the caller's */
	struct xstate x;
	bool loaded;
	bool launched;	       /* VMRESUME rather than VMLAUNCH */
	u32 core;	       /* whose host state the VMCS has */
	u32 dirty;	       /* enum vmx_dirty */
	bool sregs_valid;      /* sregs are what the guest has; else the VMCS is asked */
	struct vcpu_sregs sregs;
	u64 msr[VCPU_MSR_COUNT]; /* those of the core while not loaded; see vmx_state.c */
	u64 pdpte[4];
	u64 eptp;
	u64 tsc_offset;
	u32 vpid;
	u32 pin, proc, proc2, entry; /* controls as they are in the VMCS */
	bool flush_vpid, flush_ept;  /* at the next entry */

	/* Of the last exit, read once: */
	u32 reason;	       /* VMCS_EXIT_REASON */
	u32 shadow;	       /* enum vmx_shadow; the VMCS's when not shadow_dirty */
	bool shadow_dirty;

	struct vcpu_event waiting; /* exception for the next entry */
	bool nmi_pending;      /* latched, goes in when it may */
	int offered;	       /* external interrupt, or -1 */
	bool offered_inside;   /* it is in the VM-entry field of this entry */
	int taken;	       /* vector that was delivered and not yet asked for, or -1 */
};

/* --- vmx_exit.c ------------------------------------------------------------ */

/* The exit of the current VMCS as a neutral record. hw->reason is set; all
 * fields of exit but `interrupted` are written, but for refused entries too
 * (VMX_REASON_ENTRY_FAILED), named by vmx_check_entry(). Registers are not
 * touched. */
void vmx_exit_record(struct vcpu_hw *hw, struct vcpu_exit *exit);

/* --- vmx_check.c ----------------------------------------------------------- */

/* Which check of VM entry (SDM 26.1 to 26.3) the current VMCS does not pass, in
 * words, static; NULL: none that is known here. */
const char *vmx_check_entry(const struct vmx_cap *cap);

/* The words of a VM-instruction error (enum vmx_insn_error); never NULL. */
const char *vmx_insn_error_name(u32 error);

/* vmx_switch.asm addresses regs->gpr by these. */
STATIC_ASSERT(offsetof(struct vcpu_hw, regs.gpr) == 0, "vmx_switch.asm");
STATIC_ASSERT(offsetof(struct vcpu_hw, host_rsp) == 144, "vmx_switch.asm");
STATIC_ASSERT(GPR_RAX == 0 && GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3, "vmx_switch.asm");
STATIC_ASSERT(GPR_RBP == 5 && GPR_RSI == 6 && GPR_RDI == 7 && GPR_R8 == 8 && GPR_R15 == 15,
	      "vmx_switch.asm");

#endif
