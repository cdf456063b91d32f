/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of a guest in its VMCB (APM vol. 2 15.5.1, appendix B). */
#include "arch/x86_64/svm.h"

#include <arch/cpu.h>

#include "hv/base/fmt.h"

#define SEG_DPL_SHIFT 5
#define SEG_DPL_MASK 3u
#define SEG_LIMIT_BYTES 0xfffffu /* larger limits count in pages: G is set */
#define CR8_MASK 15u

static const u16 seg_offset[SREG_COUNT] = {
	[SREG_ES] = offsetof(struct vmcb, es), [SREG_CS] = offsetof(struct vmcb, cs),
	[SREG_SS] = offsetof(struct vmcb, ss), [SREG_DS] = offsetof(struct vmcb, ds),
	[SREG_FS] = offsetof(struct vmcb, fs), [SREG_GS] = offsetof(struct vmcb, gs),
	[SREG_TR] = offsetof(struct vmcb, tr), [SREG_LDTR] = offsetof(struct vmcb, ldtr),
};

static struct vmcb_seg *seg_slot(struct vmcb *v, unsigned sreg)
{
	return (struct vmcb_seg *)(void *)((u8 *)v + seg_offset[sreg]);
}

struct vcpu_regs *svm_regs(struct vcpu_hw *hw)
{
	return &hw->regs;
}

/* The CPL field is what counts; the neutral form has it as SS.DPL. G follows
 * from the limit: processors do not all keep it. */
static void seg_get(struct vmcb *v, unsigned sreg, struct seg_reg *s)
{
	const struct vmcb_seg *m = seg_slot(v, sreg);

	*s = (struct seg_reg){
		.base = m->base,
		.limit = m->limit,
		.selector = m->selector,
		.attr = (u16)(m->attr & ~SEG_ATTR_G),
	};
	if (s->limit > SEG_LIMIT_BYTES)
		s->attr |= SEG_ATTR_G;
	if (sreg == SREG_SS) {
		s->attr &= (u16) ~(SEG_DPL_MASK << SEG_DPL_SHIFT);
		s->attr |= (u16)(v->cpl << SEG_DPL_SHIFT);
	}
}

void svm_get_sregs(struct vcpu_hw *hw, struct vcpu_sregs *s)
{
	struct vmcb *v = hw->vmcb;

	for (unsigned i = 0; i < SREG_COUNT; i++)
		seg_get(v, i, &s->seg[i]);
	s->gdt_base = v->gdtr.base;
	s->gdt_limit = v->gdtr.limit;
	s->idt_base = v->idtr.base;
	s->idt_limit = v->idtr.limit;
	s->cr0 = v->cr0;
	s->cr2 = v->cr2;
	s->cr3 = v->cr3;
	s->cr4 = hw->cr4;
	s->cr8 = svm_get_cr8(hw);
	s->efer = hw->efer;
	s->dr6 = v->dr6;
	s->dr7 = v->dr7;
}

/*
 * The VMCB's EFER: SVME is always set there, and LME is held back while
 * neither paging nor PAE is on. It means nothing to the guest then, and QEMU
 * does not restore the host's CR0 after an exit in that state.
 */
static u64 vmcb_efer(u64 efer, u64 cr0, u64 cr4)
{
	if (!(cr0 & CR0_PG) && !(cr4 & CR4_PAE))
		efer &= ~EFER_LME;
	return efer | EFER_SVME;
}

/* CR4.MCE is always set in the VMCB: without it a machine check shuts the processor down, and
 * would be taken for this guest's triple fault (APM vol. 2, #MC). */
void svm_set_sregs(struct vcpu_hw *hw, const struct vcpu_sregs *s)
{
	struct vmcb *v = hw->vmcb;

	for (unsigned i = 0; i < SREG_COUNT; i++)
		*seg_slot(v, i) = (struct vmcb_seg){
			.selector = s->seg[i].selector,
			.attr = s->seg[i].attr,
			.limit = s->seg[i].limit,
			.base = s->seg[i].base,
		};
	v->cpl = s->seg[SREG_SS].attr >> SEG_DPL_SHIFT & SEG_DPL_MASK;
	v->gdtr.base = s->gdt_base;
	v->gdtr.limit = s->gdt_limit;
	v->idtr.base = s->idt_base;
	v->idtr.limit = s->idt_limit;
	v->cr0 = s->cr0 | CR0_ET;
	v->cr2 = s->cr2;
	v->cr3 = s->cr3;
	hw->cr4 = s->cr4;
	v->cr4 = s->cr4 | CR4_MCE;
	svm_set_cr8(hw, (u8)s->cr8);
	hw->efer = s->efer & ~EFER_LMA;
	if (s->efer & EFER_LME && s->cr0 & CR0_PG)
		hw->efer |= EFER_LMA;
	v->efer = vmcb_efer(hw->efer, v->cr0, v->cr4);
	v->dr6 = s->dr6;
	v->dr7 = s->dr7;
	svm_dirty(hw, VMCB_CLEAN_CR | VMCB_CLEAN_DR | VMCB_CLEAN_DT | VMCB_CLEAN_SEG |
			      VMCB_CLEAN_CR2);
	/* As MOV to CR0 and CR4 flush what they may have made stale. */
	svm_flush_tlb(hw);
}

u8 svm_get_cr8(struct vcpu_hw *hw)
{
	return (u8)(hw->vmcb->int_ctl & VMCB_V_TPR_MASK);
}

void svm_set_cr8(struct vcpu_hw *hw, u8 cr8)
{
	hw->vmcb->int_ctl = (hw->vmcb->int_ctl & ~VMCB_V_TPR_MASK) | (cr8 & CR8_MASK);
	svm_dirty(hw, VMCB_CLEAN_TPR);
}

void svm_init(struct vcpu_hw *hw)
{
	u64 cache = hw->vmcb->cr0 & (CR0_CD | CR0_NW);
	struct vcpu_sregs s;

	vcpu_reset_regs(&hw->regs, &s);
	s.cr0 = (s.cr0 & ~(u64)(CR0_CD | CR0_NW)) | cache;
	svm_set_sregs(hw, &s);
	hw->vmcb->event_inj = 0;
	hw->vmcb->int_shadow = 0;
	hw->vmcb->intercept_misc1 &= ~VMCB_I_IRET;
	svm_avic_reset(hw);
	hw->nmi_pending = false;
	hw->nmi_blocked = false;
	hw->nmi_iret = false;
	hw->nmi_step = false;
	svm_offer_intr(hw, -1);
	hw->taken = -1;
	svm_dirty(hw, VMCB_CLEAN_ALL);
}

void svm_reset(struct vcpu_hw *hw)
{
	hw->vmcb->cr0 = CR0_CD | CR0_NW;
	svm_init(hw);
	for (unsigned i = 0; i < VCPU_MSR_COUNT; i++)
		svm_set_msr(hw, i, vcpu_reset_msr(i));
	xstate_reset(&hw->x);
}

/* Where a register is kept. */
static u64 *msr_slot(struct vcpu_hw *hw, enum vcpu_msr msr)
{
	struct vmcb *v = hw->vmcb;

	switch (msr) {
	case VCPU_MSR_STAR:
		return &v->star;
	case VCPU_MSR_LSTAR:
		return &v->lstar;
	case VCPU_MSR_CSTAR:
		return &v->cstar;
	case VCPU_MSR_SFMASK:
		return &v->sfmask;
	case VCPU_MSR_FS_BASE:
		return &v->fs.base;
	case VCPU_MSR_GS_BASE:
		return &v->gs.base;
	case VCPU_MSR_KERNEL_GS_BASE:
		return &v->kernel_gs_base;
	case VCPU_MSR_SYSENTER_CS:
		return &v->sysenter_cs;
	case VCPU_MSR_SYSENTER_ESP:
		return &v->sysenter_esp;
	case VCPU_MSR_SYSENTER_EIP:
		return &v->sysenter_eip;
	case VCPU_MSR_PAT:
		return &v->g_pat;
	case VCPU_MSR_DEBUGCTL:
		return &v->debugctl;
	case VCPU_MSR_TSC_AUX:
		return &hw->x.tsc_aux;
	case VCPU_MSR_COUNT:
		break;
	}
	return NULL;
}

u64 svm_get_msr(struct vcpu_hw *hw, enum vcpu_msr msr)
{
	const u64 *slot = msr_slot(hw, msr);

	return slot ? *slot : 0;
}

void svm_set_msr(struct vcpu_hw *hw, enum vcpu_msr msr, u64 value)
{
	u64 *slot = msr_slot(hw, msr);

	if (!slot)
		return;
	if (msr == VCPU_MSR_TSC_AUX)
		xstate_set_tsc_aux(&hw->x, value);
	*slot = value;
	svm_dirty(hw, VMCB_CLEAN_ALL); /* rare: not worth naming each one's group */
}

void svm_dump(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx)
{
	const struct vmcb *v = hw->vmcb;
	char text[160];

	fmt_snprintf(text, sizeof(text), "exit %llx info1 %016llx info2 %016llx intinfo %016llx",
		     (unsigned long long)v->exit_code, (unsigned long long)v->exit_info1,
		     (unsigned long long)v->exit_info2, (unsigned long long)v->exit_int_info);
	line(ctx, text);
	fmt_snprintf(text, sizeof(text),
		     "intercepts cr %08x exc %08x misc %08x %08x asid %u tlb %u", v->intercept_cr,
		     v->intercept_exceptions, v->intercept_misc1, v->intercept_misc2, v->asid,
		     v->tlb_control);
	line(ctx, text);
	fmt_snprintf(text, sizeof(text), "int_ctl %08x vector %02x shadow %llx event_inj %016llx",
		     v->int_ctl, v->int_vector, (unsigned long long)v->int_shadow,
		     (unsigned long long)v->event_inj);
	line(ctx, text);
	fmt_snprintf(text, sizeof(text), "vmcb efer %llx cpl %u n_cr3 %llx tsc_offset %016llx",
		     (unsigned long long)v->efer, v->cpl, (unsigned long long)v->n_cr3,
		     (unsigned long long)v->tsc_offset);
	line(ctx, text);
}
