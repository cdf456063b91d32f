/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the VT-x backend share: vmx.c (vCPUs, the run function),
 * vmx_cpu.c (probe, VMXON), vmx_ctl.c (which controls the processor allows),
 * vmx_feature.c, vmx_state.c, vmx_seg.c and vmx_msr.c (registers), vmx_event.c
 * (injection), vmx_exit.c (exit records), vmx_check.c (why an entry was
 * refused), vmx_dump.c, vmx_switch.asm (the world switch).
 *
 * A vCPU's VMCS is current on a core exactly from load() to put(); what is asked
 * or changed in between load() and an entry, or while it is not loaded, is in
 * struct vcpu_hw, marked dirty and written at the next entry.
 */
#ifndef ARCH_X86_64_VMX_H
#define ARCH_X86_64_VMX_H

#include <arch/vmx.h>

#include "arch/x86_64/vmx_ctl.h"
#include "arch/x86_64/vmx_vmcs.h"
#include "arch/x86_64/xstate.h"
#include "hv/backend.h"

extern struct vmx_cap vmx_cap; /* written by probe only */

/* Parts of the guest's state that changed in struct vcpu_hw and are written at the
 * next entry; bits 7:0 are the segments, by enum sreg. */
enum vmx_dirty {
	VMX_DIRTY_SEGS = 0xff,
	VMX_DIRTY_TABLES = BIT(8), /* GDT, IDT */
	VMX_DIRTY_CR = BIT(9),	   /* CR0, CR3, CR4, EFER */
	VMX_DIRTY_DR7 = BIT(10),
	VMX_DIRTY_PDPTE = BIT(11),
	VMX_DIRTY_SHADOW = BIT(12),
	VMX_DIRTY_TSC = BIT(13),
	VMX_DIRTY_RESET = BIT(14), /* activity and pending debug exceptions: none */
	VMX_DIRTY_APIC = BIT(15),  /* who delivers, and the MSR bitmap with it */
	VMX_DIRTY_ALL = 0xffff,
};

#define VMX_NO_CORE (~0u)

struct vcpu_hw {
	struct vcpu_regs regs; /* first: vmx_switch.asm addresses it */
	u64 host_rsp;	       /* as the VMCS has it; vmx_switch.asm */
	void *vmcs;	       /* identity-mapped: the pointer is its physical address */
	void *block;	       /* the allocation that vmcs and x.area are in */
	u8 *apic_page;	       /* virtual-APIC page, the caller's */
	struct posted_intr *posted; /* the caller's, too; may be NULL */
	u64 eptp;
	u32 vpid;
	bool loaded, launched; /* its VMCS is current; goes on by VMRESUME */
	u32 core;	       /* whose host state the VMCS has, or VMX_NO_CORE */
	u32 pin, proc, proc2, exit, entry; /* controls as the VMCS has them */

	u32 dirty;	       /* enum vmx_dirty */
	bool sregs_valid;      /* sregs are the guest's; else they are read when asked for */
	struct vcpu_sregs sregs;
	u64 rip, rsp, rflags;  /* as the VMCS has them */
	u32 shadow;	       /* enum vmx_shadow */
	u64 pdpte[4];
	u64 msr[VCPU_MSR_COUNT]; /* while not loaded */
	u64 tsc_offset;
	struct xstate x;
	bool flush_vpid, flush_ept; /* at the next entry */

	u32 reason;	       /* VMCS_EXIT_REASON of the last exit */
	struct vcpu_event waiting; /* goes in at the next entry */
	bool nmi_pending;      /* latched, goes in when it may */
	bool nmi_inside;       /* this entry delivers one */
	u8 tpr_threshold;      /* as the VMCS has it */
	bool can_deliver;      /* the processor may deliver from the page of an x2APIC */
	bool delivers;	       /* ... and does so now */
	bool holds;	       /* ... of requests that the guest can take at once */
	bool can_post;	       /* while it delivers it takes in what is posted */
	u64 eoi_exits[4];      /* as the VMCS has them */
	int offered;	       /* external interrupt, or -1 */
	bool offered_inside;   /* ... and this entry delivers it */
	int taken;	       /* vector that was delivered and not yet asked for, or -1 */
};

/* Controls that every guest runs with. Not HLT when the guest may halt the core;
 * not CR3, debug registers, INVLPG, RDTSC or PAUSE: EPT and the VMCS take care of
 * them. INVD and the instructions of VMX exit always. */
#define VMX_PINS (VMX_PIN_INTR | VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI)
#define VMX_PROCS                                                                     \
	(VMX_PROC_TSC_OFFSET | VMX_PROC_HLT | VMX_PROC_MWAIT | VMX_PROC_RDPMC |       \
	 VMX_PROC_TPR_SHADOW | VMX_PROC_IO | VMX_PROC_MSR_BITMAP | VMX_PROC_MONITOR | \
	 VMX_PROC_SECONDARY)
#define VMX_PROC2S (VMX_PROC2_EPT | VMX_PROC2_WBINVD | VMX_PROC2_UNRESTRICTED)
#define VMX_EXITS                                                                      \
	(VMX_EXIT_SAVE_DEBUG | VMX_EXIT_HOST_64 | VMX_EXIT_LOAD_PAT | VMX_EXIT_LOAD_EFER)
#define VMX_ENTRIES (VMX_ENTRY_LOAD_DEBUG | VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER)

/* --- vmx_cpu.c: the processor ------------------------------------------------ */

bool vmx_probe(struct backend_caps *caps, const char **why);
err_t vmx_cpu_enable(void);
void vmx_cpu_disable(void);
/* The calling core's state that an exit loads, into the current VMCS. */
void vmx_host_state(void);
/* "VMPTRLD refused (...)" into the log: it should not be. */
void vmx_failed(const char *insn, enum vmx_result result);

/* --- vmx_feature.c ----------------------------------------------------------- */

enum vmx_feature {
	VMX_F_UNRESTRICTED,
	VMX_F_VPID,
	VMX_F_EPT_2M,
	VMX_F_EPT_1G,
	VMX_F_EPT_AD,
	VMX_F_XSAVE,
	VMX_F_TIMER,
	VMX_F_APIC_REGISTER,
	VMX_F_INTR_DELIVERY,
	VMX_F_HOLD_REQUESTS,
	VMX_F_ACK_EXIT,
	VMX_F_POSTED_INTR,
	VMX_F_PAUSE_LOOP,
	VMX_F_SHADOWING,
	VMX_F_TSC_SCALING,
	VMX_F_PML,
	VMX_F_COUNT,
};

/* What vmx_cap says is there. */
void vmx_feature_detect(const struct backend_caps *caps);
const struct backend_feature *vmx_features(u32 *count);
err_t vmx_feature_set(const char *name, bool on);
bool vmx_feature_used(enum vmx_feature f);

/* --- vmx_state.c: the parts of the table that move registers ------------------ */

void vmx_reset(struct vcpu_hw *hw);
void vmx_init(struct vcpu_hw *hw);
struct vcpu_regs *vmx_regs(struct vcpu_hw *hw);
void vmx_get_sregs(struct vcpu_hw *hw, struct vcpu_sregs *s);
void vmx_set_sregs(struct vcpu_hw *hw, const struct vcpu_sregs *s);
u8 vmx_get_cr8(struct vcpu_hw *hw);
void vmx_set_cr8(struct vcpu_hw *hw, u8 cr8);
/* Into the core or the VMCS, and back into *hw: what is not read when asked for. */
void vmx_state_load(struct vcpu_hw *hw);
void vmx_state_put(struct vcpu_hw *hw);
/* Before an entry: what changed goes into the VMCS. */
void vmx_state_enter(struct vcpu_hw *hw);

/* --- vmx_seg.c ----------------------------------------------------------------- */

/* A segment's fields in the VMCS. set: made such that VM entry takes them. */
void vmx_seg_get(enum sreg sreg, struct seg_reg *s);
void vmx_seg_set(enum sreg sreg, const struct seg_reg *s, const struct vcpu_sregs *mode);
/* Access rights of the VMCS and back (24.4.1). */
u32 vmx_seg_rights(enum sreg sreg, const struct seg_reg *s, const struct vcpu_sregs *mode);
u16 vmx_seg_attr(enum sreg sreg, u32 rights);

/* --- vmx_msr.c ------------------------------------------------------------------ */

/* Fill the bitmap, once, and its physical address; what does not exit moves with the
 * guest. */
void vmx_msr_init(void);
u64 vmx_msr_bitmap(void);
u64 vmx_get_msr(struct vcpu_hw *hw, enum vcpu_msr msr);
void vmx_set_msr(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value);
void vmx_msr_load(struct vcpu_hw *hw);
void vmx_msr_put(struct vcpu_hw *hw);

/* --- vmx_event.c ----------------------------------------------------------------- */

err_t vmx_inject(struct vcpu_hw *hw, const struct vcpu_event *ev);
void vmx_offer_intr(struct vcpu_hw *hw, int vector);
int vmx_intr_taken(struct vcpu_hw *hw);
bool vmx_intr_enabled(struct vcpu_hw *hw);
void vmx_event_reset(struct vcpu_hw *hw);
/* Before an entry: what may go in does, for the rest the processor shall exit
 * when it may. */
void vmx_event_enter(struct vcpu_hw *hw);
/* After an exit: what blocks interrupts and NMIs now. */
void vmx_event_shadow(struct vcpu_hw *hw);
/* After an exit: settle what was to be delivered; ev gets what the caller
 * must inject again. */
void vmx_event_settle(struct vcpu_hw *hw, struct vcpu_event *ev);

/* --- vmx_apic.c ------------------------------------------------------------------- */

void vmx_apic_create(struct vcpu_hw *hw);
void vmx_apic_reset(struct vcpu_hw *hw);
bool vmx_apic_mode(struct vcpu_hw *hw, enum apic_mode mode);
bool vmx_takes_posted(const struct vcpu_hw *hw);
void vmx_apic_enter(struct vcpu_hw *hw, const struct apic_delivery *state);
/* At each entry. open: the guest can take an interrupt at once. Gives the window that
 * is to exit for what is held back, VMX_PROC_INTR_WINDOW or 0. */
u32 vmx_apic_hold(struct vcpu_hw *hw, bool open);
/* VMX_DIRTY_APIC, into the current VMCS. */
void vmx_apic_write(struct vcpu_hw *hw);

/* --- vmx_dump.c ------------------------------------------------------------------- */

void vmx_dump(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx);

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

/*
 * vmx_switch.asm: one stay in the guest. The registers but RSP, RIP and RFLAGS
 * move to hw->regs and back. Interrupts off before and after. 0: there was an
 * exit or a refused guest state; else the flags of the failed instruction say
 * VMX_FAIL_INVALID or VMX_FAIL_VALID.
 */
enum vmx_result vmx_switch(struct vcpu_hw *hw, bool resume);
/* Where an exit comes back to. */
extern const u8 vmx_switch_exit[];

/* vmx_switch.asm addresses regs->gpr by these. */
STATIC_ASSERT(offsetof(struct vcpu_hw, regs.gpr) == 0, "vmx_switch.asm");
STATIC_ASSERT(offsetof(struct vcpu_hw, host_rsp) == 144, "vmx_switch.asm");
STATIC_ASSERT(GPR_RAX == 0 && GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3, "vmx_switch.asm");
STATIC_ASSERT(GPR_RBP == 5 && GPR_RSI == 6 && GPR_RDI == 7 && GPR_R8 == 8 && GPR_R15 == 15,
	      "vmx_switch.asm");

#endif
