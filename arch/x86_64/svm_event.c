/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events for the guest (APM vol. 2 15.20, 15.21, 15.7.2). Exceptions and NMIs
 * go by EVENTINJ. External interrupts go by V_IRQ: the processor waits for IF=1
 * itself, and nothing must be intercepted for it. Where IF is 1 already they can
 * go by EVENTINJ as well (inject-intr): QEMU delivers one of those twice at
 * times, and Bochs does not look at V_IRQ before IF changes.
 */
#include "arch/x86_64/svm.h"

#include "hv/base/x86.h"

#define FIRST_INTR_VECTOR 32
#define DR6_HIT 0xfu	 /* breakpoints */
#define DR6_BS BIT64(14) /* single step */

static u64 event_inj(enum vmcb_event_type type, u8 vector)
{
	return VMCB_EV_VALID | (u64)type << VMCB_EV_TYPE_SHIFT | vector;
}

/* An NMI is latched, as the processor's pin does, until svm_event_enter(). */
err_t svm_inject(struct vcpu_hw *hw, const struct vcpu_event *ev)
{
	struct vmcb *v = hw->vmcb;

	switch (ev->type) {
	case EVENT_EXCEPTION:
		if (v->event_inj & VMCB_EV_VALID)
			return ERR_BUSY;
		v->event_inj = event_inj(VMCB_EV_EXCEPTION, ev->vector);
		if (ev->has_error)
			v->event_inj |= VMCB_EV_HAS_ERROR | (u64)ev->error << VMCB_EV_ERROR_SHIFT;
		return ERR_OK;
	case EVENT_NMI:
		if (hw->nmi_pending)
			return ERR_BUSY;
		hw->nmi_pending = true;
		return ERR_OK;
	case EVENT_INTR: /* in service already: V_IRQ is not for it */
		if (!svm_avic_active(hw))
			return ERR_INVAL;
		if (v->event_inj & VMCB_EV_VALID)
			return ERR_BUSY;
		v->event_inj = event_inj(VMCB_EV_INTR, ev->vector);
		return ERR_OK;
	default:
		return ERR_INVAL;
	}
}

/* As if the processor had taken it from V_IRQ: svm_event_settle() sees no difference. */
static void inject_offered(struct vcpu_hw *hw)
{
	struct vmcb *v = hw->vmcb;

	v->event_inj = event_inj(VMCB_EV_INTR, (u8)hw->offered);
	v->int_ctl &= ~VMCB_V_IRQ;
	svm_dirty(hw, VMCB_CLEAN_TPR);
}

/*
 * The processor does not track NMI blocking for a guest (15.21.6 describes what
 * only newer ones do): from the injection on, IRET is intercepted. It has not
 * run when it exits, so the block ends with the first exit elsewhere; while
 * another NMI waits, with a single-step trap right behind it.
 */
static void inject_nmi(struct vcpu_hw *hw)
{
	struct vmcb *v = hw->vmcb;

	v->event_inj = event_inj(VMCB_EV_NMI, VECTOR_NMI);
	hw->nmi_pending = false;
	hw->nmi_blocked = true;
	v->intercept_misc1 |= VMCB_I_IRET;
	svm_dirty(hw, VMCB_CLEAN_INTERCEPTS);
}

static void nmi_unblock(struct vcpu_hw *hw)
{
	hw->nmi_blocked = false;
	hw->nmi_iret = false;
	hw->vmcb->intercept_misc1 &= ~VMCB_I_IRET;
	svm_dirty(hw, VMCB_CLEAN_INTERCEPTS);
}

static void step_over_iret(struct vcpu_hw *hw)
{
	hw->nmi_step = true;
	hw->regs.rflags |= RFLAGS_TF; /* until IRET loads the guest's own */
}

bool svm_event_stepped(struct vcpu_hw *hw)
{
	if (!hw->nmi_step || (hw->vmcb->dr6 & DR6_HIT))
		return false;
	hw->vmcb->dr6 &= ~DR6_BS;
	svm_dirty(hw, VMCB_CLEAN_DR);
	return true;
}

void svm_event_enter(struct vcpu_hw *hw)
{
	hw->nmi_step = false;
	if (hw->vmcb->event_inj & VMCB_EV_VALID)
		return;
	if (hw->nmi_pending && hw->nmi_iret)
		step_over_iret(hw);
	if (hw->nmi_pending && !hw->nmi_blocked)
		inject_nmi(hw);
	else if (hw->offered >= 0 && svm_uses(hw, SVM_F_INJECT_INTR) && svm_intr_enabled(hw))
		inject_offered(hw);
}

void svm_event_iret(struct vcpu_hw *hw)
{
	hw->nmi_iret = true;
	hw->nmi_iret_rip = hw->regs.rip;
	hw->vmcb->intercept_misc1 &= ~VMCB_I_IRET;
	svm_dirty(hw, VMCB_CLEAN_INTERCEPTS);
}

/*
 * The task priority is the caller's to check (V_IGN_TPR), so while an interrupt
 * is on offer or waits for a lower priority a write to CR8 exits; QEMU would
 * abort on one during an offer, too.
 */
static void cr8_intercept(struct vcpu_hw *hw)
{
	struct vmcb *v = hw->vmcb;
	bool on = hw->offered >= 0 || hw->tpr_threshold;
	u32 want = on ? v->intercept_cr | VMCB_CR_WRITE(8) : v->intercept_cr & ~VMCB_CR_WRITE(8);

	if (want == v->intercept_cr)
		return;
	v->intercept_cr = want;
	svm_dirty(hw, VMCB_CLEAN_INTERCEPTS);
}

void svm_offer_intr(struct vcpu_hw *hw, int vector)
{
	struct vmcb *v = hw->vmcb;

	hw->offered = vector;
	if (vector >= 0) {
		v->int_ctl |= VMCB_V_IRQ;
		v->int_vector = (u32)vector;
	} else {
		v->int_ctl &= ~VMCB_V_IRQ;
	}
	svm_dirty(hw, VMCB_CLEAN_TPR);
	cr8_intercept(hw);
}

void svm_set_tpr_threshold(struct vcpu_hw *hw, u8 threshold)
{
	hw->tpr_threshold = threshold;
	cr8_intercept(hw);
}

int svm_intr_taken(struct vcpu_hw *hw)
{
	int vector = hw->taken;

	hw->taken = -1;
	return vector;
}

bool svm_intr_enabled(struct vcpu_hw *hw)
{
	return (hw->regs.rflags & RFLAGS_IF) && !(hw->vmcb->int_shadow & VMCB_SHADOW);
}

/* What EXITINTINFO says was being delivered. */
static void interrupted_event(u64 info, struct vcpu_event *ev)
{
	u64 type = info >> VMCB_EV_TYPE_SHIFT & VMCB_EV_TYPE_MASK;

	*ev = (struct vcpu_event){
		.vector = (u8)(info & VMCB_EV_VECTOR),
		.has_error = info & VMCB_EV_HAS_ERROR,
		.error = (u32)(info >> VMCB_EV_ERROR_SHIFT),
	};
	if (type == VMCB_EV_NMI)
		ev->type = EVENT_NMI;
	else if (type == VMCB_EV_SOFT)
		ev->type = EVENT_SOFT;
	else if (type == VMCB_EV_INTR || ev->vector >= FIRST_INTR_VECTOR)
		ev->type = EVENT_INTR; /* QEMU says type 3 for one that came by V_IRQ */
	else if (ev->vector == VECTOR_BP || ev->vector == VECTOR_OF)
		ev->type = EVENT_SOFT; /* INT3, INTO: RIP still points at it */
	else
		ev->type = EVENT_EXCEPTION;
}

/*
 * A V_IRQ whose delivery an exit interrupted was not taken: hardware clears
 * V_IRQ and reports the vector, so it is offered again; QEMU leaves V_IRQ set,
 * so that the same store changes nothing.
 */
void svm_event_settle(struct vcpu_hw *hw, struct vcpu_event *ev)
{
	struct vmcb *v = hw->vmcb;

	if (hw->nmi_iret && hw->regs.rip != hw->nmi_iret_rip)
		nmi_unblock(hw);
	else if (hw->nmi_step)
		hw->regs.rflags &= ~RFLAGS_TF;
	*ev = (struct vcpu_event){ .type = EVENT_NONE };
	if (v->exit_int_info & VMCB_EV_VALID) {
		interrupted_event(v->exit_int_info, ev);
		if (ev->type == EVENT_NMI)
			nmi_unblock(hw);
		if (ev->type == EVENT_INTR && !svm_avic_active(hw)) {
			svm_offer_intr(hw, ev->vector);
			ev->type = EVENT_NONE;
		}
	}
	if (hw->offered >= 0 && !(v->int_ctl & VMCB_V_IRQ)) {
		hw->taken = hw->offered;
		hw->offered = -1;
	}
}
