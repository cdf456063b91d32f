/* SPDX-License-Identifier: BSD-2-Clause */
/* The VT-x backend: vCPUs, the run function and the table (SDM vol. 3C ch. 24 to 27). */
#include "arch/x86_64/vmx.h"

#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/time.h>

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/base/x86.h"

#define PAGE 4096
#define ADDR_32BIT 32

/*
 * Bochs 2.7 holds physical interrupts back from an entry with guest IF=0 until
 * the guest sets IF, external-interrupt exiting or not; one that clears IF later
 * is interrupted as it should be. So the preemption timer ends the stays that
 * begin with IF=0, and those alone, after this time at most.
 */
#define DEAF_STAY_US 1000u
#define US_PER_MS 1000u

/* Who used a VPID last, per core; only compared. VPIDs share a slot: flushed too often. */
#define VPID_SLOTS 16
static const struct vcpu_hw *vpid_user[PLAT_MAX_CORES][VPID_SLOTS];

/* The VMCS, then the extended state, with room to align the page. */
static size_t block_bytes(void)
{
	return 2 * PAGE + xstate_bytes();
}

static u64 phys(const void *p)
{
	return (u64)(uintptr_t)p; /* the hypervisor is identity-mapped */
}

/* Words of controls: what vmx_probe() made sure of, and what is chosen. */
static bool controls_make(struct vcpu_hw *hw, const struct vcpu_hw_setup *setup)
{
	u32 procs = setup->own_hlt ? VMX_PROCS & ~(u32)VMX_PROC_HLT : VMX_PROCS;
	u32 proc2s = vmx_feature_used(VMX_F_VPID) ? VMX_PROC2S | VMX_PROC2_VPID : VMX_PROC2S;
	u32 exits = vmx_feature_used(VMX_F_ACK_EXIT) ? VMX_EXITS | VMX_EXIT_ACK_INTR : VMX_EXITS;
	const char *why;

	return !vmx_ctl_make(VMX_CTL_PIN, vmx_cap.ctl[VMX_CTL_PIN], VMX_PINS, 0, &hw->pin, &why) &&
	       !vmx_ctl_make(VMX_CTL_PROC, vmx_cap.ctl[VMX_CTL_PROC], procs, 0, &hw->proc, &why) &&
	       !vmx_ctl_make(VMX_CTL_PROC2, vmx_cap.ctl[VMX_CTL_PROC2], proc2s, VMX_PROC2_RDTSCP,
			     &hw->proc2, &why) &&
	       !vmx_ctl_make(VMX_CTL_EXIT, vmx_cap.ctl[VMX_CTL_EXIT], exits, 0, &hw->exit,
			     &why) &&
	       !vmx_ctl_make(VMX_CTL_ENTRY, vmx_cap.ctl[VMX_CTL_ENTRY], VMX_ENTRIES, 0,
			     &hw->entry, &why);
}

static u64 eptp_make(u64 root)
{
	u64 eptp = root | VMX_EPTP_WRITE_BACK | VMX_EPTP_WALK_4 << VMX_EPTP_WALK_SHIFT;

	return vmx_feature_used(VMX_F_EPT_AD) ? eptp | VMX_EPTP_AD : eptp;
}

static struct vcpu_hw *vmx_create(const struct vcpu_hw_setup *setup)
{
	struct vcpu_hw *hw;

	if (!setup->asid || setup->asid > UINT16_MAX || !setup->apic_page)
		return NULL;
	hw = plat_alloc(sizeof(*hw));
	if (!hw)
		return NULL;
	hw->block = plat_alloc(block_bytes());
	if (!hw->block || !controls_make(hw, setup)) {
		plat_free(hw->block, block_bytes());
		plat_free(hw, sizeof(*hw));
		return NULL;
	}
	hw->vmcs = (void *)ALIGN_UP((uintptr_t)hw->block, PAGE);
	hw->x.area = (u8 *)hw->vmcs + PAGE;
	*(u32 *)hw->vmcs = (u32)(vmx_cap.basic & VMX_BASIC_REVISION);
	hw->apic_page = setup->apic_page;
	hw->posted = setup->posted;
	vmx_apic_create(hw);
	hw->vpid = setup->asid;
	hw->eptp = eptp_make(setup->nested_root);
	hw->core = VMX_NO_CORE;
	vmx_reset(hw);
	return hw;
}

static void vmx_destroy(struct vcpu_hw *hw)
{
	if (!hw)
		return;
	plat_free(hw->block, block_bytes());
	plat_free(hw, sizeof(*hw));
}

/* What stays as it is while the VMCS has this core's state. */
static void constants_write(struct vcpu_hw *hw)
{
	u64 timer = tsc_khz() * DEAF_STAY_US / US_PER_MS >> (vmx_cap.misc & VMX_MISC_TIMER_SHIFT);

	vmcs_write(VMCS_PIN, hw->pin);
	vmcs_write(VMCS_PROC, hw->proc);
	vmcs_write(VMCS_EXIT, hw->exit);
	vmcs_write(VMCS_ENTRY, hw->entry);
	/* #DB and #AC because a guest can have either raised again by its own
	 * delivery, for ever and without an exit (CVE-2015-5307, CVE-2015-8104). */
	vmcs_write(VMCS_EXCEPTIONS, BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC));
	vmcs_write(VMCS_CR0_MASK, ~(CR0_TS | CR0_MP));
	vmcs_write(VMCS_CR4_MASK, ~0ull);
	vmcs_write(VMCS_EPTP, hw->eptp);
	if (hw->proc2 & VMX_PROC2_VPID)
		vmcs_write(VMCS_VPID, hw->vpid);
	vmcs_write(VMCS_VIRTUAL_APIC, phys(hw->apic_page));
	vmcs_write(VMCS_TPR_THRESHOLD, hw->tpr_threshold);
	if (vmx_feature_used(VMX_F_TIMER))
		vmcs_write(VMCS_PREEMPTION_TIMER, MIN(timer, UINT32_MAX));
	vmcs_write(VMCS_LINK, VMCS_NO_LINK);
	vmcs_write(VMCS_CR3_TARGETS, 0);
	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(VMCS_ENTRY_INTR, 0);
	vmcs_write(VMCS_PF_ERROR_MASK, 0);
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
}

/*
 * Translations made here that the next entry must not meet: those that another
 * core changed since, of both kinds, and those of another vCPU with this VPID.
 */
static void flush_stale(struct vcpu_hw *hw)
{
	const struct vcpu_hw **last = &vpid_user[plat_core()][hw->vpid % VPID_SLOTS];

	if (hw->core != plat_core())
		hw->flush_ept = true;
	if (hw->core != plat_core() || *last != hw)
		hw->flush_vpid = true;
	*last = hw;
}

/* A VMCS must not be current on two cores, so put() clears it (24.11.1): its
 * fields stay, in memory. */
static void vmx_load(struct vcpu_hw *hw)
{
	enum vmx_result result;

	flush_stale(hw);
	if (hw->core == VMX_NO_CORE) {
		result = vmclear(phys(hw->vmcs));
		if (result)
			vmx_failed("VMCLEAR", result);
	}
	result = vmptrld(phys(hw->vmcs));
	if (result)
		vmx_failed("VMPTRLD", result);
	hw->loaded = true;
	if (hw->core != plat_core()) {
		hw->core = plat_core();
		hw->host_rsp = 0;
		vmx_host_state();
		constants_write(hw);
		hw->dirty |= VMX_DIRTY_APIC;
		vmcs_write(VMCS_GUEST_RIP, hw->rip);
		vmcs_write(VMCS_GUEST_RSP, hw->rsp);
		vmcs_write(VMCS_GUEST_RFLAGS, hw->rflags);
	}
	vmx_state_load(hw);
}

static void vmx_put(struct vcpu_hw *hw)
{
	enum vmx_result result;

	vmx_state_put(hw);
	result = vmclear(phys(hw->vmcs));
	if (result)
		vmx_failed("VMCLEAR", result);
	hw->loaded = false;
	hw->launched = false;
}

static u64 vmx_get_xcr0(struct vcpu_hw *hw)
{
	return xstate_get_xcr0(&hw->x);
}

static err_t vmx_set_xcr0(struct vcpu_hw *hw, u64 value)
{
	return xstate_set_xcr0(&hw->x, value);
}

/* INVVPID concerns the guest's own translations, INVEPT also what they rest on (28.3.3). */
static void flush(struct vcpu_hw *hw)
{
	bool single_vpid = vmx_cap.ept_vpid & VMX_EPT_INVVPID_SINGLE;
	bool single_ept = vmx_cap.ept_vpid & VMX_EPT_INVEPT_SINGLE;
	enum vmx_result result = VMX_OK;

	if (hw->flush_vpid && hw->proc2 & VMX_PROC2_VPID)
		result = invvpid(single_vpid ? VMX_SINGLE : VMX_ALL, single_vpid ? hw->vpid : 0);
	if (result)
		vmx_failed("INVVPID", result);
	if (hw->flush_ept)
		result = invept(single_ept ? VMX_SINGLE : VMX_ALL, single_ept ? hw->eptp : 0);
	if (result)
		vmx_failed("INVEPT", result);
	hw->flush_vpid = false;
	hw->flush_ept = false;
}

static void timer_arm(struct vcpu_hw *hw)
{
	u32 want = hw->pin & ~(u32)VMX_PIN_TIMER;

	if (!(hw->regs.rflags & RFLAGS_IF) && vmx_feature_used(VMX_F_TIMER))
		want |= VMX_PIN_TIMER;
	if (want == hw->pin)
		return;
	hw->pin = want;
	vmcs_write(VMCS_PIN, want);
}

/* Nothing ran. exit is as for a refused state, with the processor's own word when
 * no check is found that fails. */
static void entry_failed(enum vmx_result result, struct vcpu_exit *exit)
{
	u32 error = result == VMX_FAIL_VALID ? (u32)vmcs_read(VMCS_INSN_ERROR) : 0;
	const char *check = vmx_check_entry(&vmx_cap);

	*exit = (struct vcpu_exit){
		.kind = EXIT_BAD_STATE,
		.name = check ? check : vmx_insn_error_name(error),
		.raw_info1 = error,
	};
	vmcs_write(VMCS_ENTRY_INTR, 0);
}

/* What an exit for an NMI is about: the host's handler, whose IRET ends the
 * blocking of further ones (27.5.5). */
static void host_nmi(const struct vcpu_hw *hw)
{
	u32 info;

	if (hw->reason != VMX_REASON_EXCEPTION)
		return;
	info = (u32)vmcs_read(VMCS_EXIT_INTR);
	if ((info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK) == VMX_INTR_NMI)
		__asm__ volatile("int $2" ::: "memory");
}

/* DR6 as the exception's delivery would have left it (27.2.1). */
static void debug_status(const struct vcpu_hw *hw)
{
	const u64 bits = VMX_DB_HIT | VMX_DB_BD | VMX_DB_BS;

	if (hw->reason == VMX_REASON_EXCEPTION &&
	    (vmcs_read(VMCS_EXIT_INTR) & VMX_INTR_VECTOR) == VECTOR_DB)
		write_dr6((read_dr6() & ~VMX_DB_HIT) | (vmcs_read(VMCS_QUALIFICATION) & bits));
}

static void vmx_run(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	struct vcpu_regs *r = &hw->regs;
	enum vmx_result result;

	vmx_event_enter(hw);
	timer_arm(hw);
	vmx_state_enter(hw);
	if (hw->flush_vpid || hw->flush_ept)
		flush(hw);
	result = vmx_switch(hw, hw->launched);
	if (result) {
		entry_failed(result, exit);
		return;
	}
	hw->reason = (u32)vmcs_read(VMCS_EXIT_REASON);
	if (hw->reason & VMX_REASON_ENTRY_FAILED) {
		exit->interrupted = (struct vcpu_event){ .type = EVENT_NONE };
		vmx_exit_record(hw, exit);
		vmcs_write(VMCS_ENTRY_INTR, 0);
		return;
	}
	hw->launched = true;
	host_nmi(hw);
	debug_status(hw);
	r->rip = hw->rip = vmcs_read(VMCS_GUEST_RIP);
	r->gpr[GPR_RSP] = hw->rsp = vmcs_read(VMCS_GUEST_RSP);
	r->rflags = hw->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	vmx_event_shadow(hw);
	hw->sregs_valid = false;
	vmx_event_settle(hw, &exit->interrupted);
	vmx_exit_record(hw, exit);
}

/* An address above 4 GiB is one of 64-bit code; others end at 4 GiB. */
static void vmx_skip_insn(struct vcpu_hw *hw, u8 len)
{
	u64 next = hw->regs.rip + len;

	if ((hw->regs.rip ^ next) >> ADDR_32BIT) {
		struct vcpu_sregs s;

		vmx_get_sregs(hw, &s);
		if (!(s.efer & EFER_LMA && s.seg[SREG_CS].attr & SEG_ATTR_L))
			next = (u32)next;
	}
	hw->regs.rip = next;
	if (hw->shadow & (VMX_SHADOW_STI | VMX_SHADOW_MOV_SS)) {
		hw->shadow &= ~(u32)(VMX_SHADOW_STI | VMX_SHADOW_MOV_SS);
		hw->dirty |= VMX_DIRTY_SHADOW;
	}
}

/* One that the priority is below already would be refused (26.2.1.1). */
static void vmx_set_tpr_threshold(struct vcpu_hw *hw, u8 threshold)
{
	threshold = MIN(threshold, vmx_get_cr8(hw));
	if (threshold == hw->tpr_threshold)
		return;
	hw->tpr_threshold = threshold;
	if (hw->loaded)
		vmcs_write(VMCS_TPR_THRESHOLD, threshold);
}

static void vmx_set_tsc_offset(struct vcpu_hw *hw, u64 offset)
{
	hw->tsc_offset = offset;
	hw->dirty |= VMX_DIRTY_TSC;
}

static void vmx_notify(u32 core)
{
	arch_ipi(core, IRQ_VECTOR_POSTED);
}

static void vmx_flush_tlb(struct vcpu_hw *hw)
{
	hw->flush_ept = true;
}

const struct vcpu_backend vmx_backend = {
	.name = "vmx",
	.nested = NESTED_EPT,
	.probe = vmx_probe,
	.features = vmx_features,
	.feature_set = vmx_feature_set,
	.cpu_enable = vmx_cpu_enable,
	.cpu_disable = vmx_cpu_disable,
	.create = vmx_create,
	.destroy = vmx_destroy,
	.reset = vmx_reset,
	.init = vmx_init,
	.load = vmx_load,
	.put = vmx_put,
	.run = vmx_run,
	.regs = vmx_regs,
	.get_sregs = vmx_get_sregs,
	.set_sregs = vmx_set_sregs,
	.get_cr8 = vmx_get_cr8,
	.set_cr8 = vmx_set_cr8,
	.get_msr = vmx_get_msr,
	.set_msr = vmx_set_msr,
	.get_xcr0 = vmx_get_xcr0,
	.set_xcr0 = vmx_set_xcr0,
	.inject = vmx_inject,
	.offer_intr = vmx_offer_intr,
	.set_tpr_threshold = vmx_set_tpr_threshold,
	.apic_mode = vmx_apic_mode,
	.apic_enter = vmx_apic_enter,
	.takes_posted = vmx_takes_posted,
	.notify = vmx_notify,
	.intr_taken = vmx_intr_taken,
	.intr_enabled = vmx_intr_enabled,
	.skip_insn = vmx_skip_insn,
	.set_tsc_offset = vmx_set_tsc_offset,
	.flush_tlb = vmx_flush_tlb,
	.dump = vmx_dump,
};
