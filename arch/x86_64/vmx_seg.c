/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment registers in the VMCS (SDM vol. 3C 24.4.1) and what VM entry demands
 * of them (26.3.1.2).
 */
#include "arch/x86_64/vmx.h"

#include "hv/base/x86.h"

/* The neutral form has the upper four bits right behind the lower eight. */
#define ATTR_LOW 0xffu
#define ATTR_HIGH 0xf00u
#define AR_HIGH_SHIFT 4

#define SEG_ATTR_DPL (VMX_AR_DPL_MASK << VMX_AR_DPL_SHIFT)
#define SEG_LIMIT_BYTES 0xfffffu /* larger limits count in pages */
#define SEG_PAGE_LIMIT 0xfffu

#define TSS_BUSY BIT(1) /* of the type */
#define TSS_32_BUSY 11u /* the one type in IA-32e mode */

/* Where the VMCS has a segment, in its own order. */
static const u8 slot[SREG_COUNT] = {
	[SREG_ES] = 0, [SREG_CS] = 1, [SREG_SS] = 2,   [SREG_DS] = 3,
	[SREG_FS] = 4, [SREG_GS] = 5, [SREG_LDTR] = 6, [SREG_TR] = 7,
};

static enum vmcs_field field(enum vmcs_field first, enum sreg sreg)
{
	return first + (u32)slot[sreg] * VMCS_SEG_STRIDE;
}

/* Of an unusable segment only SS's DPL means something: it is the CPL. */
u16 vmx_seg_attr(enum sreg sreg, u32 rights)
{
	u32 attr = (rights & ATTR_LOW) | (rights >> AR_HIGH_SHIFT & ATTR_HIGH);

	if (rights & VMX_AR_UNUSABLE)
		attr = sreg == SREG_SS ? rights & SEG_ATTR_DPL : 0;
	return (u16)attr;
}

/* The task register is never unusable and its segment always busy; other processors
 * take one that is neither. */
static u32 task_rights(u32 rights, bool long_mode)
{
	rights |= VMX_AR_P | TSS_BUSY;
	if (long_mode)
		rights = (rights & ~VMX_AR_TYPE) | TSS_32_BUSY;
	return rights;
}

u32 vmx_seg_rights(enum sreg sreg, const struct seg_reg *s, const struct vcpu_sregs *mode)
{
	u32 rights = (s->attr & ATTR_LOW) | (s->attr & ATTR_HIGH) << AR_HIGH_SHIFT;

	if (sreg == SREG_SS && !(mode->cr0 & CR0_PE))
		rights &= ~SEG_ATTR_DPL;
	if (sreg == SREG_TR)
		rights = task_rights(rights, mode->efer & EFER_LMA);
	else if (!(rights & VMX_AR_P))
		return (rights & SEG_ATTR_DPL) | VMX_AR_UNUSABLE;
	if (rights & VMX_AR_S)
		rights |= VMX_AR_ACCESSED;
	/* G as the limit wants it: one of the two is sure to be right. */
	if (s->limit > SEG_LIMIT_BYTES)
		rights |= VMX_AR_G;
	else if ((s->limit & SEG_PAGE_LIMIT) != SEG_PAGE_LIMIT)
		rights &= ~VMX_AR_G;
	return rights;
}

void vmx_seg_get(enum sreg sreg, struct seg_reg *s)
{
	*s = (struct seg_reg){
		.selector = (u16)vmcs_read(field(VMCS_GUEST_ES_SEL, sreg)),
		.base = vmcs_read(field(VMCS_GUEST_ES_BASE, sreg)),
		.limit = (u32)vmcs_read(field(VMCS_GUEST_ES_LIMIT, sreg)),
		.attr = vmx_seg_attr(sreg, (u32)vmcs_read(field(VMCS_GUEST_ES_AR, sreg))),
	};
}

void vmx_seg_set(enum sreg sreg, const struct seg_reg *s, const struct vcpu_sregs *mode)
{
	vmcs_write(field(VMCS_GUEST_ES_SEL, sreg), s->selector);
	vmcs_write(field(VMCS_GUEST_ES_BASE, sreg), s->base);
	vmcs_write(field(VMCS_GUEST_ES_LIMIT, sreg), s->limit);
	vmcs_write(field(VMCS_GUEST_ES_AR, sreg), vmx_seg_rights(sreg, s, mode));
}
