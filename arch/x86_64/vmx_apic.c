/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of a guest's x2APIC that the processor delivers from by itself (SDM vol. 3C
 * 24.6.8, 29.1, 29.2, 29.5), and what others post for it meanwhile (29.6). In xAPIC mode we
 * deliver. No emulator has posted interrupts: written by the manual, tested on a model of
 * it, never run.
 */
#include "arch/x86_64/vmx.h"

#include <arch/irq.h>

#include "hv/base/str.h"

#define PAGE 4096
#define X2APIC_FIRST_MSR 0x800u
#define SELF_IPI_MSR 0x83fu
#define STATUS_REQUESTED 0xffu	  /* of the guest's interrupt status (24.4.2) */
#define STATUS_IN_SERVICE_SHIFT 8
#define IRR_OFFSET 0x200u	  /* in the page: eight registers, 16 bytes apart */
#define IRR_REGS 8u
#define REG_STRIDE 16u

#define DELIVERY (VMX_PROC2_X2APIC | VMX_PROC2_APIC_REGISTER | VMX_PROC2_INTR_DELIVERY)

struct msr_range {
	u8 first, last; /* from X2APIC_FIRST_MSR on: the page has 16 bytes for each */
};

/*
 * Reading them is reading the page (29.5). Not so ICR, whose halves are apart there,
 * and the timer's current count, which nobody keeps; what is no register or cannot
 * be read must fault, and the processor would not see to that.
 */
static const struct msr_range page_reads[] = {
	{ 0x02, 0x03 }, /* ID, version */
	{ 0x08, 0x08 }, /* TPR */
	{ 0x0a, 0x0a }, /* PPR */
	{ 0x0d, 0x0d }, /* LDR */
	{ 0x0f, 0x28 }, /* SVR, ISR, TMR, IRR, ESR */
	{ 0x32, 0x38 }, /* LVT, initial count */
	{ 0x3e, 0x3e }, /* divide configuration */
};

/* The processor knows what comes of these; it checks their reserved bits, too. */
static const struct msr_range page_writes[] = {
	{ 0x08, 0x08 }, /* TPR */
	{ 0x0b, 0x0b }, /* EOI */
	{ 0x3f, 0x3f }, /* SELF IPI */
};

static const enum vmcs_field eoi_exit[] = {
	VMCS_EOI_EXIT_0, VMCS_EOI_EXIT_1, VMCS_EOI_EXIT_2, VMCS_EOI_EXIT_3,
};

/* The MSR bitmap of all who run with delivery. */
static u8 bitmap[PAGE] ALIGNED(PAGE);
static bool bitmap_made;

static void pass(u32 part, const struct msr_range *r)
{
	for (u32 msr = X2APIC_FIRST_MSR + r->first; msr <= X2APIC_FIRST_MSR + r->last; msr++)
		bitmap[part + msr / 8] &= (u8)~BIT(msr % 8);
}

static void bitmap_make(void)
{
	bitmap_made = true;
	memcpy(bitmap, (const void *)(uintptr_t)vmx_msr_bitmap(), sizeof(bitmap));
	for (u32 i = 0; i < ARRAY_SIZE(page_reads); i++)
		pass(VMX_MSR_READ_LOW, &page_reads[i]);
	for (u32 i = 0; i < ARRAY_SIZE(page_writes); i++)
		pass(VMX_MSR_WRITE_LOW, &page_writes[i]);
}

void vmx_apic_create(struct vcpu_hw *hw)
{
	hw->can_deliver = vmx_feature_used(VMX_F_INTR_DELIVERY);
	hw->holds = vmx_feature_used(VMX_F_HOLD_REQUESTS);
	hw->can_post = hw->posted && vmx_feature_used(VMX_F_POSTED_INTR);
	if (hw->can_deliver && !bitmap_made)
		bitmap_make();
	if (hw->holds)
		bitmap[VMX_MSR_WRITE_LOW + SELF_IPI_MSR / 8] |= BIT(SELF_IPI_MSR % 8);
}

void vmx_apic_reset(struct vcpu_hw *hw)
{
	hw->delivers = false;
	hw->dirty |= VMX_DIRTY_APIC;
}

bool vmx_apic_mode(struct vcpu_hw *hw, enum apic_mode mode)
{
	hw->delivers = hw->can_deliver && mode == APIC_X2APIC;
	hw->dirty |= VMX_DIRTY_APIC;
	return hw->delivers;
}

bool vmx_takes_posted(const struct vcpu_hw *hw)
{
	return hw->delivers && hw->can_post;
}

/* An interrupt with this vector does not exit: the processor ends it, moves what is in the
 * descriptor to the page, and delivers from there. It comes in even where IF is 0, so one
 * that waited since before the entry is not lost. */
static void posting_write(struct vcpu_hw *hw)
{
	hw->pin &= ~(u32)VMX_PIN_POSTED_INTR;
	if (hw->delivers)
		hw->pin |= VMX_PIN_POSTED_INTR;
	vmcs_write(VMCS_PIN, hw->pin);
	vmcs_write(VMCS_POSTED_INTR_VECTOR, IRQ_VECTOR_POSTED);
	vmcs_write(VMCS_POSTED_INTR_DESC, (u64)(uintptr_t)hw->posted);
}

void vmx_apic_write(struct vcpu_hw *hw)
{
	hw->proc2 &= ~(u32)DELIVERY;
	if (hw->delivers)
		hw->proc2 |= DELIVERY;
	vmcs_write(VMCS_PROC2, hw->proc2);
	vmcs_write(VMCS_MSR_BITMAP,
		   hw->delivers ? (u64)(uintptr_t)bitmap : vmx_msr_bitmap());
	if (hw->can_post)
		posting_write(hw);
	for (u32 i = 0; hw->delivers && i < ARRAY_SIZE(eoi_exit); i++)
		vmcs_write(eoi_exit[i], hw->eoi_exits[i]);
}

/* What software changed in the page since the exit: the processor keeps both vectors
 * beside it and looks for others only as it delivers or ends one (29.2). */
void vmx_apic_enter(struct vcpu_hw *hw, const struct apic_delivery *state)
{
	vmcs_write(VMCS_GUEST_INTR_STATUS,
		   state->requested | (u64)state->in_service << STATUS_IN_SERVICE_SHIFT);
	for (u32 i = 0; i < ARRAY_SIZE(eoi_exit); i++) {
		if (hw->eoi_exits[i] == state->eoi_exits[i])
			continue;
		hw->eoi_exits[i] = state->eoi_exits[i];
		vmcs_write(eoi_exit[i], state->eoi_exits[i]);
	}
}

/* Its requests: how many, and the highest. */
static u32 requests(const struct vcpu_hw *hw, u8 *highest)
{
	u32 count = 0;

	*highest = 0;
	for (u32 reg = 0; reg < IRR_REGS; reg++) {
		u32 irr;

		memcpy(&irr, hw->apic_page + IRR_OFFSET + reg * REG_STRIDE, sizeof(irr));
		for (; irr; irr &= irr - 1) {
			*highest = (u8)(reg * 32 + (u32)__builtin_ctz(irr));
			count++;
		}
	}
	return count;
}

/*
 * Bochs 2.7 delivers what was requested while the guest had IF=0 as soon as a physical
 * interrupt comes, instead of exiting for that. So it is told of a request only where it
 * delivers that at once, and any EOI exits that would make way for another one.
 */
u32 vmx_apic_hold(struct vcpu_hw *hw, bool open)
{
	u64 status;
	u32 count;
	u8 highest;

	if (!hw->delivers || !hw->holds)
		return 0;
	count = requests(hw, &highest);
	status = vmcs_read(VMCS_GUEST_INTR_STATUS) & ~(u64)STATUS_REQUESTED;
	vmcs_write(VMCS_GUEST_INTR_STATUS, status | (open ? highest : 0));
	for (u32 i = 0; i < ARRAY_SIZE(eoi_exit); i++)
		vmcs_write(eoi_exit[i], count > 1 ? ~0ull : hw->eoi_exits[i]);
	return count && !open ? VMX_PROC_INTR_WINDOW : 0;
}
