/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events for the guest (SDM vol. 3C 24.8.3, 26.6, 27.2.4). One can go in at an
 * entry; for what has to wait the processor exits when the guest can take it.
 */
#include "arch/x86_64/vmx.h"

#include "hv/base/x86.h"

/* An NMI is latched, as the processor's pin does, until vmx_event_enter(). */
err_t vmx_inject(struct vcpu_hw *hw, const struct vcpu_event *ev)
{
	switch (ev->type) {
	case EVENT_EXCEPTION:
	case EVENT_INTR:
		if (hw->waiting.type != EVENT_NONE)
			return ERR_BUSY;
		hw->waiting = *ev;
		return ERR_OK;
	case EVENT_NMI:
		if (hw->nmi_pending)
			return ERR_BUSY;
		hw->nmi_pending = true;
		return ERR_OK;
	default:
		return ERR_INVAL;
	}
}

void vmx_offer_intr(struct vcpu_hw *hw, int vector)
{
	hw->offered = vector;
}

int vmx_intr_taken(struct vcpu_hw *hw)
{
	int vector = hw->taken;

	hw->taken = -1;
	return vector;
}

static bool shadowed(const struct vcpu_hw *hw)
{
	return hw->shadow & (VMX_SHADOW_STI | VMX_SHADOW_MOV_SS);
}

bool vmx_intr_enabled(struct vcpu_hw *hw)
{
	return (hw->regs.rflags & RFLAGS_IF) && !shadowed(hw);
}

void vmx_event_reset(struct vcpu_hw *hw)
{
	hw->waiting.type = EVENT_NONE;
	hw->nmi_pending = false;
	hw->offered = -1;
	hw->taken = -1;
	hw->shadow = 0;
	hw->dirty |= VMX_DIRTY_SHADOW;
}

static void shadow_set(struct vcpu_hw *hw, u32 shadow)
{
	if (hw->shadow == shadow)
		return;
	hw->shadow = shadow;
	hw->dirty |= VMX_DIRTY_SHADOW;
}

static u32 intr_info(enum vmx_intr_type type, u8 vector)
{
	return VMX_INTR_VALID | (u32)type << VMX_INTR_TYPE_SHIFT | vector;
}

/* In real mode an exception pushes no error code, and entry takes none (26.2.1.3). */
static u32 waiting_info(struct vcpu_hw *hw)
{
	const struct vcpu_event *ev = &hw->waiting;
	u32 info;

	if (ev->type == EVENT_NONE)
		return 0;
	if (ev->type == EVENT_INTR)
		return intr_info(VMX_INTR_EXTERNAL, ev->vector);
	info = intr_info(VMX_INTR_EXCEPTION, ev->vector);
	if (ev->has_error && hw->sregs.cr0 & CR0_PE) {
		info |= VMX_INTR_HAS_ERROR;
		vmcs_write(VMCS_ENTRY_INTR_ERROR, (u16)ev->error);
	}
	return info;
}

/*
 * STI does not hold an NMI back, though entry may refuse the two together
 * (26.3.1.5): its shadow ends then.
 */
static u32 nmi_info(struct vcpu_hw *hw)
{
	shadow_set(hw, hw->shadow & ~VMX_SHADOW_STI);
	hw->nmi_pending = false;
	hw->nmi_inside = true;
	return intr_info(VMX_INTR_NMI, VECTOR_NMI);
}

/* Exit as soon as these can be delivered: VMX_PROC_INTR_WINDOW, VMX_PROC_NMI_WINDOW. */
static void windows_set(struct vcpu_hw *hw, u32 windows)
{
	const u32 all = VMX_PROC_INTR_WINDOW | VMX_PROC_NMI_WINDOW;

	if ((hw->proc & all) == windows)
		return;
	hw->proc = (hw->proc & ~all) | windows;
	vmcs_write(VMCS_PROC, hw->proc);
}

void vmx_event_enter(struct vcpu_hw *hw)
{
	u32 info = waiting_info(hw), windows = 0;

	hw->offered_inside = false;
	hw->nmi_inside = false;
	if (hw->nmi_pending) {
		if (!info && !(hw->shadow & (VMX_SHADOW_NMI | VMX_SHADOW_MOV_SS)))
			info = nmi_info(hw);
		else
			windows |= VMX_PROC_NMI_WINDOW;
	}
	if (hw->offered >= 0) {
		if (!info && vmx_intr_enabled(hw)) {
			info = intr_info(VMX_INTR_EXTERNAL, (u8)hw->offered);
			hw->offered_inside = true;
		} else {
			windows |= VMX_PROC_INTR_WINDOW;
		}
	}
	if (info)
		vmcs_write(VMCS_ENTRY_INTR, info);
	windows |= vmx_apic_hold(hw, !info && vmx_intr_enabled(hw));
	windows_set(hw, windows);
}

/*
 * Only an NMI that goes in begins the blocking of NMIs. Bochs 2.7 has an entry inherit
 * it from another guest of the core that is in its handler: what then blocks this one
 * "since" the entry is not so.
 */
void vmx_event_shadow(struct vcpu_hw *hw)
{
	bool blocked = hw->shadow & VMX_SHADOW_NMI || hw->nmi_inside;

	hw->shadow = (u32)vmcs_read(VMCS_GUEST_SHADOW);
	if (!blocked)
		shadow_set(hw, hw->shadow & ~VMX_SHADOW_NMI);
}

/* What the IDT-vectoring information says was being delivered. INT n, INT1, INT3
 * and INTO: RIP still points at the instruction, which is executed again. */
static void interrupted_event(u32 info, struct vcpu_event *ev)
{
	*ev = (struct vcpu_event){
		.vector = (u8)(info & VMX_INTR_VECTOR),
		.has_error = info & VMX_INTR_HAS_ERROR,
	};
	if (ev->has_error)
		ev->error = (u32)vmcs_read(VMCS_IDT_VECTORING_ERROR);
	switch ((enum vmx_intr_type)(info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK)) {
	case VMX_INTR_EXTERNAL:
		ev->type = EVENT_INTR;
		break;
	case VMX_INTR_NMI:
		ev->type = EVENT_NMI;
		break;
	case VMX_INTR_EXCEPTION:
		ev->type = EVENT_EXCEPTION;
		break;
	case VMX_INTR_SOFT:
	case VMX_INTR_PRIVILEGED_SOFT:
	case VMX_INTR_SOFT_EXCEPTION:
	case VMX_INTR_OTHER:
		ev->type = EVENT_SOFT;
		break;
	}
}

/* An IRET had ended the blocking of NMIs before it met the fault that exited: it
 * will run again, so they are blocked again (27.2.3). */
static bool iret_faulted(const struct vcpu_hw *hw)
{
	u32 info;

	if (hw->reason == VMX_REASON_EPT_VIOLATION)
		return vmcs_read(VMCS_QUALIFICATION) & VMX_EPT_NMI_UNBLOCKED;
	if (hw->reason != VMX_REASON_EXCEPTION)
		return false;
	info = (u32)vmcs_read(VMCS_EXIT_INTR);
	return info & VMX_INTR_NMI_UNBLOCKED && (info & VMX_INTR_VECTOR) != VECTOR_DF;
}

/* An external interrupt of ours whose delivery the exit cut short was not taken; one
 * of the processor's is in service already and must go in again. */
void vmx_event_settle(struct vcpu_hw *hw, struct vcpu_event *ev)
{
	u32 info = (u32)vmcs_read(VMCS_IDT_VECTORING);

	*ev = (struct vcpu_event){ .type = EVENT_NONE };
	hw->waiting.type = EVENT_NONE;
	if (info & VMX_INTR_VALID) {
		interrupted_event(info, ev);
		if (ev->type == EVENT_NMI)
			shadow_set(hw, hw->shadow & ~VMX_SHADOW_NMI);
		if (ev->type == EVENT_INTR && hw->offered_inside) {
			hw->offered = ev->vector;
			hw->offered_inside = false;
			ev->type = EVENT_NONE;
		}
	} else if (iret_faulted(hw)) {
		shadow_set(hw, hw->shadow | VMX_SHADOW_NMI);
	}
	if (hw->offered_inside) {
		hw->taken = hw->offered;
		hw->offered = -1;
		hw->offered_inside = false;
	}
}
