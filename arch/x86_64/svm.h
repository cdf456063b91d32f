/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the SVM backend share: svm.c (set-up, the run function),
 * svm_feature.c (optional abilities), svm_state.c (registers), svm_event.c
 * (injection), svm_avic.c (delivery by the processor), svm_exit.c (exit
 * records), svm_switch.asm (the world switch);
 * svm_check.c says why VMRUN refused.
 */
#ifndef ARCH_X86_64_SVM_H
#define ARCH_X86_64_SVM_H

#include "arch/x86_64/svm_check.h"
#include "arch/x86_64/svm_vmcb.h"
#include "arch/x86_64/xstate.h"
#include "hv/backend.h"

enum svm_feature {
	SVM_F_NEXT_RIP, SVM_F_DECODE, SVM_F_FLUSH_ASID, SVM_F_CLEAN, SVM_F_GIB_PAGES, SVM_F_XSAVE,
	SVM_F_INJECT_INTR, SVM_F_X2AVIC, SVM_F_AVIC, SVM_F_PAUSE_FILTER, SVM_F_VGIF, SVM_F_VNMI,
	SVM_F_COUNT,
};

struct vcpu_hw {
	struct vcpu_regs regs; /* first: svm_switch.asm addresses it */
	struct vmcb *vmcb;     /* identity-mapped: the pointer is its physical address */
	void *block;	       /* the allocation that vmcb and x.area are in */
	struct xstate x;
	u32 features;	       /* svm_feature_mask() when it was created */
	u64 efer;	       /* as the guest sees it */
	u64 cr4;	       /* ... and CR4 */
	bool nmi_pending;      /* latched, goes in when it may */
	bool nmi_blocked;      /* an NMI was injected and no IRET completed since */
	bool nmi_iret;	       /* ... and the IRET at nmi_iret_rip is about to */
	u64 nmi_iret_rip;
	bool nmi_step;	       /* ... and a trap behind it lets the next NMI in */
	int offered;	       /* vector in V_IRQ, or -1 */
	u8 tpr_threshold;      /* an interrupt waits for CR8 below this; 0: none */
	int taken;	       /* vector that was delivered and not yet asked for, or -1 */
	u32 *apic_page;
	void *avic_block;      /* the allocation that avic_table is in */
	u64 *avic_table;       /* physical APIC IDs; NULL without x2AVIC */
	bool avic_wanted;      /* the guest's APIC is in x2APIC mode */
};

/* Fields of these groups changed: the processor reads them at the next entry. */
static inline void svm_dirty(struct vcpu_hw *hw, u32 groups)
{
	hw->vmcb->clean &= ~groups;
}

static inline bool svm_uses(const struct vcpu_hw *hw, enum svm_feature f)
{
	return hw->features & BIT(f);
}

/* svm_feature.c. edx: of CPUID 8000_000Ah; caps: what else is known. Boot core. */
void svm_feature_detect(u32 edx, const struct backend_caps *caps);
const struct backend_feature *svm_features(u32 *count);
err_t svm_feature_set(const char *name, bool on);
/* A bit for each that is used now. */
u32 svm_feature_mask(void);

extern struct svm_limits svm_limits; /* written by probe only */

/* svm_state.c: the parts of the table that move registers. */
void svm_reset(struct vcpu_hw *hw);
void svm_init(struct vcpu_hw *hw);
struct vcpu_regs *svm_regs(struct vcpu_hw *hw);
void svm_get_sregs(struct vcpu_hw *hw, struct vcpu_sregs *s);
void svm_set_sregs(struct vcpu_hw *hw, const struct vcpu_sregs *s);
u8 svm_get_cr8(struct vcpu_hw *hw);
void svm_set_cr8(struct vcpu_hw *hw, u8 cr8);
u64 svm_get_msr(struct vcpu_hw *hw, enum vcpu_msr msr);
void svm_set_msr(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value);
void svm_dump(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx);

/* svm.c: translations of the ASID are forgotten at the next entry. */
void svm_flush_tlb(struct vcpu_hw *hw);

/* The map of MSRs that exit, and a change to a map: SVM_MSR_PASS_*. */
#define SVM_MSRPM_BYTES 8192
#define SVM_MSR_PASS_READ 1u
#define SVM_MSR_PASS_WRITE 2u
extern u8 svm_msrpm[SVM_MSRPM_BYTES];
void svm_msrpm_pass(u8 *map, u32 msr, u8 access);

/* svm_avic.c. ERR_NOMEM leaves nothing behind; apic_page: of struct vcpu_hw_setup. */
err_t svm_avic_create(struct vcpu_hw *hw, void *apic_page);
void svm_avic_destroy(struct vcpu_hw *hw);
void svm_avic_reset(struct vcpu_hw *hw);
bool svm_apic_mode(struct vcpu_hw *hw, enum apic_mode mode);
void svm_apic_enter(struct vcpu_hw *hw, const struct apic_delivery *state);
/* Around each run; is it delivering, or was it in the run that just ended? */
void svm_avic_enter(struct vcpu_hw *hw);
void svm_avic_leave(struct vcpu_hw *hw);
bool svm_avic_active(const struct vcpu_hw *hw);
/* Its exits, for svm_exit_record(). */
void svm_avic_incomplete_ipi(struct vcpu_hw *hw, struct vcpu_exit *exit);
void svm_avic_noaccel(struct vcpu_hw *hw, struct vcpu_exit *exit);

/* svm_event.c */
err_t svm_inject(struct vcpu_hw *hw, const struct vcpu_event *ev);
void svm_offer_intr(struct vcpu_hw *hw, int vector);
void svm_set_tpr_threshold(struct vcpu_hw *hw, u8 threshold);
int svm_intr_taken(struct vcpu_hw *hw);
bool svm_intr_enabled(struct vcpu_hw *hw);
/* Before an entry: an NMI that waits goes in if it may, or what else may go by
 * EVENTINJ. */
void svm_event_enter(struct vcpu_hw *hw);
/* After an exit: settle what was to be delivered; ev gets what the caller
 * must inject again. */
void svm_event_settle(struct vcpu_hw *hw, struct vcpu_event *ev);
/* The IRET that ends an NMI handler exited; it runs at the next entry. */
void svm_event_iret(struct vcpu_hw *hw);
/* #DB exited: was it the trap behind that IRET, and nothing of the guest's? */
bool svm_event_stepped(struct vcpu_hw *hw);

/* svm_exit.c: the VMCB's exit as a neutral record. */
void svm_exit_record(struct vcpu_hw *hw, struct vcpu_exit *exit);

/*
 * svm_switch.asm: one stay in the guest. regs: all but RAX and RSP move there
 * and back; vmcb, host_vmcb: physical addresses, the second holds what VMSAVE
 * stored of the host. Interrupts off before and after.
 */
void svm_switch(struct vcpu_regs *regs, u64 vmcb, u64 host_vmcb);

/* svm_switch.asm addresses regs->gpr by these. */
STATIC_ASSERT(offsetof(struct vcpu_regs, gpr) == 0, "svm_switch.asm");
STATIC_ASSERT(GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3 && GPR_RBP == 5, "svm_switch.asm");
STATIC_ASSERT(GPR_RSI == 6 && GPR_RDI == 7 && GPR_R8 == 8 && GPR_R15 == 15, "svm_switch.asm");

#endif
