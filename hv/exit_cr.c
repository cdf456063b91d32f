/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to CR0, CR4 and CR8: what the processor would check, checked for the
 * guest, because a bit that this processor lacks must raise #GP in the guest
 * and not stop it (SDM vol. 3A 2.5, 4.1; APM vol. 2 3.1). Reads of CR4, where
 * the processor's differs from the guest's.
 */
#include "hv/exits.h"

#include <arch/msr.h>

#include "hv/base/x86.h"
#include "hv/emul/insn_exec.h"
#include "hv/emul/msr.h"
#include "hv/vm.h"

#define CR0_DEFINED \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | \
	 CR0_CD | CR0_PG)
#define CR0_MACHINE_STATUS 0xfull /* what LMSW writes: PE, MP, EM, TS */

#define CR3_PCID 0xfffull
#define CR8_MAX 15

static bool cr0_write(struct vcpu_sregs *s, u64 value)
{
	bool paging_on = (value & CR0_PG) && !(s->cr0 & CR0_PG);
	bool paging_off = !(value & CR0_PG) && (s->cr0 & CR0_PG);

	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)))
		return false;
	if (paging_on && (s->efer & EFER_LME)) {
		if (!(s->cr4 & CR4_PAE) || (s->seg[SREG_CS].attr & SEG_ATTR_L))
			return false;
		s->efer |= EFER_LMA;
	}
	if (paging_off) {
		/* Not from 64-bit code (SDM vol. 2, MOV to CR). */
		if ((s->cr4 & CR4_PCIDE) ||
		    ((s->efer & EFER_LMA) && (s->seg[SREG_CS].attr & SEG_ATTR_L)))
			return false;
		s->efer &= ~EFER_LMA;
	}
	s->cr0 = (value & CR0_DEFINED) | CR0_ET;
	return true;
}

static bool cr4_write(const struct vcpu *v, struct vcpu_sregs *s, u64 value)
{
	bool long_mode = s->efer & EFER_LMA;

	if (value & ~v->cr4_allowed)
		return false;
	if (long_mode && !(value & CR4_PAE))
		return false;
	if ((value & CR4_PCIDE) && !(s->cr4 & CR4_PCIDE) && (!long_mode || (s->cr3 & CR3_PCID)))
		return false;
	s->cr4 = value;
	return true;
}

static u64 gpr_for_cr(const struct vcpu_regs *regs, u8 gpr, enum insn_mode mode)
{
	return mode == INSN_64 ? regs->gpr[gpr] : (u32)regs->gpr[gpr];
}

/* The instruction that exited, where no assist told all of it. */
static bool decode(struct vcpu *v, const struct vcpu_exit *x, const struct vcpu_sregs *s,
		   struct insn *insn)
{
	u8 bytes[INSN_MAX];
	u32 n = exit_insn_bytes(v, x, bytes);

	return !insn_decode(bytes, n, insn_mode_of(s), insn);
}

/* The value that the instruction writes. False: not one that writes a CR. */
static bool written_value(struct vcpu *v, const struct vcpu_exit *x, const struct vcpu_sregs *s,
			  u64 *value, u8 *len)
{
	struct vcpu_regs *regs = backend->regs(v->hw);
	struct insn insn;

	if (x->cr.gpr < GPR_COUNT && x->insn_len) {
		*value = gpr_for_cr(regs, x->cr.gpr, insn_mode_of(s));
		*len = x->insn_len;
		return true;
	}
	if (!decode(v, x, s, &insn))
		return false;
	*len = insn.len;
	switch (insn.op) {
	case INSN_MOV_TO_CR:
		*value = gpr_for_cr(regs, insn.rm, insn.mode);
		return true;
	case INSN_CLTS:
		*value = s->cr0 & ~CR0_TS;
		return true;
	case INSN_LMSW: /* sets PE, never clears it */
		if (insn.is_mem)
			return false;
		*value = (s->cr0 & ~(CR0_MACHINE_STATUS & ~CR0_PE)) |
			 (regs->gpr[insn.rm] & CR0_MACHINE_STATUS);
		return true;
	default:
		return false;
	}
}

/* Only CR4's reads exit, and where no assist names the register the instruction does. */
void exit_cr_read(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_regs *regs = backend->regs(v->hw);
	u8 gpr = x->cr.gpr, len = x->insn_len;
	struct vcpu_sregs s;
	struct insn insn;

	backend->get_sregs(v->hw, &s);
	if (gpr >= GPR_COUNT || !len) {
		if (!decode(v, x, &s, &insn) || insn.op != INSN_MOV_FROM_CR) {
			vcpu_inject(v, VECTOR_UD, false, 0);
			return;
		}
		gpr = insn.rm;
		len = insn.len;
	}
	regs->gpr[gpr] = s.cr4;
	backend->skip_insn(v->hw, len);
}

void exit_cr_write(struct vcpu *v, const struct vcpu_exit *x)
{
	struct vcpu_sregs s;
	u64 value;
	bool ok;
	u8 len;

	backend->get_sregs(v->hw, &s);
	if (!written_value(v, x, &s, &value, &len)) {
		vcpu_inject(v, VECTOR_UD, false, 0);
		return;
	}
	switch (x->cr.cr) {
	case 0:
		ok = cr0_write(&s, value);
		break;
	case 4:
		ok = cr4_write(v, &s, value);
		break;
	case 8: /* the local APIC's copy counts: it is loaded before each run */
		ok = value <= CR8_MAX;
		if (ok)
			lapic_set_cr8(&v->lapic, (u8)value);
		break;
	default:
		ok = false;
	}
	if (!ok) {
		vcpu_inject(v, VECTOR_GP, true, 0);
		return;
	}
	backend->set_sregs(v->hw, &s);
	backend->skip_insn(v->hw, len);
}
