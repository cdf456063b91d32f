/* SPDX-License-Identifier: BSD-2-Clause */
/* The processor's part in interrupts of a guest, see vmx_apic_model.h. */
#include "tests/models/vmx_apic_model.h"

#include <arch/vmx.h>

#define TPR 0x080
#define PPR 0x0a0
#define ISR 0x100
#define IRR 0x200
#define DESC_WORDS 4
#define DESC_CONTROL 32 /* bytes */
#define DESC_ON 1u
#define CLASS 0xf0u
#define STATUS_SVI_SHIFT 8

static u32 *reg(u32 off)
{
	return (u32 *)(uintptr_t)(vmcs_read(VMCS_VIRTUAL_APIC) + off);
}

static u32 *vector_reg(u32 bitmap, u32 vector)
{
	return reg(bitmap + vector / 32 * 16);
}

static u32 highest(u32 bitmap)
{
	for (u32 v = 255; v; v--)
		if (*vector_reg(bitmap, v) & BIT(v % 32))
			return v;
	return 0;
}

static u8 rvi(void)
{
	return (u8)vmcs_read(VMCS_GUEST_INTR_STATUS);
}

static u8 svi(void)
{
	return (u8)(vmcs_read(VMCS_GUEST_INTR_STATUS) >> STATUS_SVI_SHIFT);
}

static void status_set(u32 requested, u32 in_service)
{
	vmcs_write(VMCS_GUEST_INTR_STATUS, requested | in_service << STATUS_SVI_SHIFT);
}

/* 29.1.3 */
static void ppr_update(void)
{
	u32 tpr = *reg(TPR);

	*reg(PPR) = (tpr & CLASS) >= (svi() & CLASS) ? tpr & 0xff : svi() & CLASS;
}

/* Steps 3 to 6 of 29.6; 4 is the local APIC's business. */
static void take_posted(void)
{
	u8 *desc = (u8 *)(uintptr_t)vmcs_read(VMCS_POSTED_INTR_DESC);
	u64 *requests = (u64 *)(void *)desc;
	u32 top = 0;

	__atomic_fetch_and((u32 *)(void *)(desc + DESC_CONTROL), ~DESC_ON, __ATOMIC_SEQ_CST);
	for (u32 word = 0; word < DESC_WORDS; word++) {
		u64 bits = __atomic_exchange_n(&requests[word], 0, __ATOMIC_SEQ_CST);

		*vector_reg(IRR, word * 64) |= (u32)bits;
		*vector_reg(IRR, word * 64 + 32) |= (u32)(bits >> 32);
		if (bits)
			top = word * 64 + 63 - (u32)__builtin_clzll(bits);
	}
	status_set(MAX(rvi(), top), svi());
}

bool vmx_model_interrupt(u8 vector)
{
	bool ack = vmcs_read(VMCS_EXIT) & VMX_EXIT_ACK_INTR;

	if (vmcs_read(VMCS_PIN) & VMX_PIN_POSTED_INTR &&
	    vector == vmcs_read(VMCS_POSTED_INTR_VECTOR)) {
		take_posted();
		return true;
	}
	vmcs_write(VMCS_EXIT_REASON, VMX_REASON_INTR);
	vmcs_write(VMCS_EXIT_INTR, ack ? VMX_INTR_VALID | vector : 0);
	return false;
}

/* 29.2.1, 29.2.2 */
int vmx_model_deliver(void)
{
	u32 vector = rvi();

	if ((vector & CLASS) <= (*reg(PPR) & CLASS))
		return -1;
	*vector_reg(ISR, vector) |= BIT(vector % 32);
	*vector_reg(IRR, vector) &= ~BIT(vector % 32);
	status_set(highest(IRR), vector);
	*reg(PPR) = vector & CLASS;
	return (int)vector;
}

/* 29.1.4 */
bool vmx_model_eoi(void)
{
	static const enum vmcs_field exits[] = {
		VMCS_EOI_EXIT_0, VMCS_EOI_EXIT_1, VMCS_EOI_EXIT_2, VMCS_EOI_EXIT_3,
	};
	u32 vector = svi();

	*vector_reg(ISR, vector) &= ~BIT(vector % 32);
	status_set(rvi(), highest(ISR));
	ppr_update();
	if (!(vmcs_read(exits[vector / 64]) >> vector % 64 & 1))
		return false;
	vmcs_write(VMCS_EXIT_REASON, VMX_REASON_EOI);
	vmcs_write(VMCS_QUALIFICATION, vector);
	return true;
}
