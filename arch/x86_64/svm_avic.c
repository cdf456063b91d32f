/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x2AVIC: the processor delivers from the page of a guest's x2APIC by itself (APM vol. 2
 * 15.29). In xAPIC mode we deliver. No emulator has it: written by the manual, tested
 * against its tables, never run.
 *
 * Each vCPU's table has no entry but its own: writes of ICR exit, no doorbell is rung, and
 * another core's kick is a physical interrupt, after which VMRUN looks at IRR again.
 */
#include "arch/x86_64/svm.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

#define PAGE 4096
#define MSR_X2APIC 0x800u
#define GPA_APIC_BAR 0xfee00000u

/* Offsets in the page. */
#define APIC_ID 0x020
#define APIC_TPR 0x080
#define APIC_PPR 0x0a0
#define APIC_ISR 0x100
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_REG_STEP 0x10
#define VECTOR_REGS 8
#define PRIORITY_CLASS 0xf0u

/* Physical APIC ID table (15.29.4.2): an entry is its page and these. */
#define PHYSICAL_ENTRIES 512
#define PHYSICAL_VALID BIT64(63)

/* EXITINFO of the two exits (15.29.9). */
#define IPI_REASON_SHIFT 32 /* of EXITINFO2 */
#define IPI_TARGET_NOT_RUNNING 1
#define NOACCEL_REG_MASK 0xff0u /* of EXITINFO1 */
#define NOACCEL_WRITE BIT64(32)

/* Registers, by their place behind MSR_X2APIC, that the guest reads and writes without
 * an exit. Not the timer's current count, which nobody keeps in the page, and not ICR. */
static const struct {
	u8 first, last, access;
} pass[] = {
	{ 0x02, 0x03, SVM_MSR_PASS_READ },			/* ID, version */
	{ 0x08, 0x08, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE }, /* TPR */
	{ 0x0a, 0x0a, SVM_MSR_PASS_READ },			/* PPR */
	{ 0x0b, 0x0b, SVM_MSR_PASS_WRITE },			/* EOI */
	{ 0x0d, 0x0d, SVM_MSR_PASS_READ },			/* LDR */
	{ 0x0f, 0x28, SVM_MSR_PASS_READ },			/* SVR, ISR, TMR, IRR, ESR */
	{ 0x3f, 0x3f, SVM_MSR_PASS_WRITE },			/* SELF IPI */
};

static u8 msrpm[SVM_MSRPM_BYTES] ALIGNED(PAGE); /* of those with x2AVIC */
static const u8 logical_table[PAGE] ALIGNED(PAGE); /* not looked at with x2AVIC (15.29.4.1) */

static u32 reg(const struct vcpu_hw *hw, u32 off)
{
	return hw->apic_page[off / sizeof(u32)];
}

static void reg_set(struct vcpu_hw *hw, u32 off, u32 value)
{
	hw->apic_page[off / sizeof(u32)] = value;
}

err_t svm_avic_create(struct vcpu_hw *hw, void *apic_page)
{
	hw->apic_page = apic_page;
	if (!svm_uses(hw, SVM_F_X2AVIC))
		return ERR_OK;
	hw->avic_block = plat_alloc(2 * PAGE);
	if (!hw->avic_block)
		return ERR_NOMEM;
	hw->avic_table = (u64 *)ALIGN_UP((uintptr_t)hw->avic_block, PAGE);
	memcpy(msrpm, svm_msrpm, sizeof(msrpm));
	for (u32 i = 0; i < ARRAY_SIZE(pass); i++)
		for (u32 r = pass[i].first; r <= pass[i].last; r++)
			svm_msrpm_pass(msrpm, MSR_X2APIC + r, pass[i].access);
	return ERR_OK;
}

void svm_avic_destroy(struct vcpu_hw *hw)
{
	if (hw->avic_block)
		plat_free(hw->avic_block, 2 * PAGE);
}

void svm_avic_reset(struct vcpu_hw *hw)
{
	hw->avic_wanted = false;
}

/* One entry, the vCPU's own; the last valid index stands beside the address. */
static void point_at_tables(struct vcpu_hw *hw, u32 id)
{
	struct vmcb *v = hw->vmcb;

	memset(hw->avic_table, 0, PAGE);
	hw->avic_table[id] = PHYSICAL_VALID | (uintptr_t)hw->apic_page;
	v->avic_bar = GPA_APIC_BAR;
	v->avic_page = (uintptr_t)hw->apic_page;
	v->avic_logical = (uintptr_t)logical_table;
	v->avic_physical = (uintptr_t)hw->avic_table | id;
	svm_dirty(hw, VMCB_CLEAN_AVIC);
}

bool svm_apic_mode(struct vcpu_hw *hw, enum apic_mode mode)
{
	hw->avic_wanted = hw->avic_table && mode == APIC_X2APIC &&
			  reg(hw, APIC_ID) < PHYSICAL_ENTRIES;
	if (hw->avic_wanted) {
		point_at_tables(hw, reg(hw, APIC_ID));
		svm_set_tpr_threshold(hw, 0);
	}
	return hw->avic_wanted;
}

/* VMRUN looks at IRR, ISR and TMR in the page; there is nothing to be told. */
void svm_apic_enter(struct vcpu_hw *hw, const struct apic_delivery *state)
{
	(void)hw;
	(void)state;
}

bool svm_avic_active(const struct vcpu_hw *hw)
{
	return hw->vmcb->int_ctl & VMCB_AVIC_ENABLE;
}

/* V_IRQ does not work beside it (15.29.3): while a vector of the 8259 is on offer the
 * guest runs without, and its APIC's registers exit. */
void svm_avic_enter(struct vcpu_hw *hw)
{
	const u32 both = VMCB_AVIC_ENABLE | VMCB_X2AVIC_ENABLE;
	bool on = hw->avic_wanted && hw->offered < 0;
	struct vmcb *v = hw->vmcb;

	if (on != svm_avic_active(hw)) {
		v->int_ctl = on ? v->int_ctl | both : v->int_ctl & ~both;
		v->msrpm_base = on ? (uintptr_t)msrpm : (uintptr_t)svm_msrpm;
		svm_dirty(hw, VMCB_CLEAN_TPR | VMCB_CLEAN_MAPS | VMCB_CLEAN_AVIC);
	}
	/* VMRUN takes the task priority from here, not from the page. */
	if (hw->avic_wanted)
		svm_set_cr8(hw, (u8)(reg(hw, APIC_TPR) >> 4));
}

/* The manual does not promise PPR in the page; whoever looks at it there needs it. */
void svm_avic_leave(struct vcpu_hw *hw)
{
	u32 in_service = 0, tpr;

	if (!svm_avic_active(hw))
		return;
	tpr = reg(hw, APIC_TPR);
	for (u32 i = 0; i < VECTOR_REGS; i++) {
		u32 bits = reg(hw, APIC_ISR + i * APIC_REG_STEP);

		if (bits)
			in_service = (i * 32 + 31 - (u32)__builtin_clz(bits)) & PRIORITY_CLASS;
	}
	reg_set(hw, APIC_PPR, (tpr & PRIORITY_CLASS) >= in_service ? tpr : in_service);
}

/* IRR is set already when a target does not run; else the sending is up to us. */
void svm_avic_incomplete_ipi(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const struct vmcb *v = hw->vmcb;

	if (v->exit_info2 >> IPI_REASON_SHIFT == IPI_TARGET_NOT_RUNNING)
		return;
	reg_set(hw, APIC_ICR, (u32)v->exit_info1);
	reg_set(hw, APIC_ICR_HIGH, (u32)(v->exit_info1 >> 32));
	exit->kind = EXIT_APIC_WRITE;
	exit->apic.reg = APIC_ICR;
}

/* The write was done and RIP is behind it: an EOI of a level-triggered vector, which
 * ends nothing before we do. Reads that need us are intercepted instead. */
void svm_avic_noaccel(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u64 info = hw->vmcb->exit_info1;

	if (!(info & NOACCEL_WRITE))
		return;
	exit->kind = EXIT_APIC_WRITE;
	exit->apic.reg = (u16)(info & NOACCEL_REG_MASK);
}
