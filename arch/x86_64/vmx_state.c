/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of a guest (SDM vol. 3C 24.4, 26.3). They are read from the VMCS
 * when somebody asks, and once an exit; what is changed is written at the next
 * entry. CR2 and DR6 are not in the VMCS: the hypervisor changes neither, so
 * they are in the core while the vCPU is loaded.
 */
#include "arch/x86_64/vmx.h"

#include "hv/base/str.h"

#define CR8_MASK 15u
#define TPR_OFFSET 0x80 /* in the virtual-APIC page: task priority */
#define TPR_CLASS_SHIFT 4

/* A guest's own: it may change them without an exit. */
#define CR0_GUEST_OWNED (CR0_TS | CR0_MP)
/* An entry leaves them as they are (26.3.2.1). */
#define CR0_NOT_LOADED (CR0_CD | CR0_NW)

/* Second-level tables, for the one thing that the processor leaves to us. */
#define EPT_PRESENT 7ull
#define EPT_LARGE BIT64(7)
#define EPT_ADDR 0x000ffffffffff000ull
#define EPT_LEVELS 4
#define EPT_INDEX_BITS 9
#define EPT_INDEX_MASK 511u
#define PAGE_SHIFT 12
#define PDPT_ADDR 0xffffffe0u /* of CR3 with 32-bit PAE paging */
#define PDPTE_COUNT 4
#define PDPTE_P BIT64(0)

STATIC_ASSERT(SREG_COUNT == 8, "enum vmx_dirty has one bit each");
STATIC_ASSERT(sizeof(struct seg_reg) == 16, "compared as bytes");

struct vcpu_regs *vmx_regs(struct vcpu_hw *hw)
{
	return &hw->regs;
}

u8 vmx_get_cr8(struct vcpu_hw *hw)
{
	return hw->apic_page[TPR_OFFSET] >> TPR_CLASS_SHIFT;
}

/* A task priority that has a sub-class keeps it when nothing changed. */
void vmx_set_cr8(struct vcpu_hw *hw, u8 cr8)
{
	if (vmx_get_cr8(hw) != (cr8 & CR8_MASK))
		hw->apic_page[TPR_OFFSET] = (u8)((cr8 & CR8_MASK) << TPR_CLASS_SHIFT);
}

/* What the guest can have changed since sregs were valid: CR4, EFER and the rest
 * of CR0 only change by us. */
static void sregs_read(struct vcpu_hw *hw)
{
	struct vcpu_sregs *s = &hw->sregs;

	for (unsigned i = 0; i < SREG_COUNT; i++)
		vmx_seg_get(i, &s->seg[i]);
	s->gdt_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	s->gdt_limit = (u32)vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	s->idt_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	s->idt_limit = (u32)vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	s->cr0 &= ~CR0_GUEST_OWNED;
	s->cr0 |= vmcs_read(VMCS_GUEST_CR0) & CR0_GUEST_OWNED;
	s->cr3 = vmcs_read(VMCS_GUEST_CR3);
	s->dr7 = vmcs_read(VMCS_GUEST_DR7);
	s->cr2 = read_cr2();
	s->dr6 = read_dr6();
	hw->sregs_valid = true;
}

void vmx_get_sregs(struct vcpu_hw *hw, struct vcpu_sregs *s)
{
	if (!hw->sregs_valid)
		sregs_read(hw);
	hw->sregs.cr8 = vmx_get_cr8(hw);
	*s = hw->sregs;
}

/* What a guest-physical address is in the host; NULL when nothing maps it. */
static const void *guest_memory(const struct vcpu_hw *hw, u64 gpa)
{
	u64 entry = hw->eptp;

	for (u32 level = EPT_LEVELS; level; level--) {
		u32 shift = PAGE_SHIFT + (level - 1) * EPT_INDEX_BITS;
		const u64 *table = (const u64 *)(uintptr_t)(entry & EPT_ADDR);
		u64 offset = gpa & (BIT64(shift) - 1);

		entry = table[gpa >> shift & EPT_INDEX_MASK];
		if (!(entry & EPT_PRESENT))
			return NULL;
		if (level == 1 || (entry & EPT_LARGE))
			return (const void *)(uintptr_t)
				((entry & EPT_ADDR & ~(BIT64(shift) - 1)) + offset);
	}
	return NULL;
}

/* MOV to CR0, CR3 and CR4 load them with 32-bit PAE paging; ours must, too (26.3.2.4).
 * Where there is no memory nothing is present. */
static void pdptes_load(struct vcpu_hw *hw)
{
	const struct vcpu_sregs *s = &hw->sregs;
	const u64 *pdpt;

	if (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE) || (s->efer & EFER_LMA))
		return;
	pdpt = guest_memory(hw, s->cr3 & PDPT_ADDR);
	for (u32 i = 0; i < PDPTE_COUNT; i++)
		hw->pdpte[i] = pdpt && (pdpt[i] & PDPTE_P) ? pdpt[i] : 0;
	hw->dirty |= VMX_DIRTY_PDPTE;
}

/* Writes that may have made translations stale flush them, as the instruction would. */
static void control_registers_set(struct vcpu_hw *hw, const struct vcpu_sregs *s)
{
	struct vcpu_sregs *have = &hw->sregs;
	u64 cr0 = s->cr0 | CR0_ET, efer = s->efer & ~EFER_LMA;

	if (s->efer & EFER_LME && s->cr0 & CR0_PG)
		efer |= EFER_LMA;
	if (cr0 == have->cr0 && s->cr3 == have->cr3 && s->cr4 == have->cr4 && efer == have->efer)
		return;
	/* Some access rights depend on the mode. */
	if ((cr0 ^ have->cr0) & CR0_PE || (efer ^ have->efer) & EFER_LMA)
		hw->dirty |= BIT(SREG_SS) | BIT(SREG_TR);
	have->cr0 = cr0;
	have->cr3 = s->cr3;
	have->cr4 = s->cr4;
	have->efer = efer;
	hw->dirty |= VMX_DIRTY_CR;
	hw->flush_vpid = true;
	pdptes_load(hw);
}

void vmx_set_sregs(struct vcpu_hw *hw, const struct vcpu_sregs *s)
{
	struct vcpu_sregs *have = &hw->sregs;

	if (!hw->sregs_valid)
		sregs_read(hw);
	for (unsigned i = 0; i < SREG_COUNT; i++) {
		if (!memcmp(&have->seg[i], &s->seg[i], sizeof(s->seg[i])))
			continue;
		have->seg[i] = s->seg[i];
		hw->dirty |= BIT(i);
	}
	if (have->gdt_base != s->gdt_base || have->gdt_limit != s->gdt_limit ||
	    have->idt_base != s->idt_base || have->idt_limit != s->idt_limit) {
		have->gdt_base = s->gdt_base;
		have->gdt_limit = s->gdt_limit;
		have->idt_base = s->idt_base;
		have->idt_limit = s->idt_limit;
		hw->dirty |= VMX_DIRTY_TABLES;
	}
	if (have->dr7 != s->dr7) {
		have->dr7 = s->dr7;
		hw->dirty |= VMX_DIRTY_DR7;
	}
	have->cr2 = s->cr2;
	have->dr6 = s->dr6;
	if (hw->loaded) {
		write_cr2(s->cr2);
		write_dr6(s->dr6);
	}
	control_registers_set(hw, s);
	vmx_set_cr8(hw, (u8)s->cr8);
}

/* CR0 and CR4 as the processor demands them in VMX operation, with the guest's
 * values as it reads them; machine checks exit and need MCE for it. */
static void control_registers_write(struct vcpu_hw *hw)
{
	const struct vcpu_sregs *s = &hw->sregs;
	u64 fixed0 = vmx_guest_cr0_fixed0(vmx_cap.cr0_fixed0, true);

	vmcs_write(VMCS_GUEST_CR0,
		   vmx_cr_make(fixed0, vmx_cap.cr0_fixed1, s->cr0 & ~CR0_NOT_LOADED));
	vmcs_write(VMCS_CR0_SHADOW, s->cr0);
	vmcs_write(VMCS_GUEST_CR3, s->cr3);
	vmcs_write(VMCS_GUEST_CR4,
		   vmx_cr_make(vmx_cap.cr4_fixed0 | CR4_MCE, ~0ull, s->cr4));
	vmcs_write(VMCS_CR4_SHADOW, s->cr4);
	vmcs_write(VMCS_GUEST_EFER, s->efer);
	hw->entry &= ~(u32)VMX_ENTRY_IA32E;
	if (s->efer & EFER_LMA)
		hw->entry |= VMX_ENTRY_IA32E;
	vmcs_write(VMCS_ENTRY, hw->entry);
}

/* Blocking by STI or MOV SS together with TF wants the trap to be pending (26.3.1.5). */
static void shadow_write(struct vcpu_hw *hw)
{
	u64 pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG) & ~VMX_PENDING_DEBUG_BS;

	vmcs_write(VMCS_GUEST_SHADOW, hw->shadow);
	if (hw->shadow & (VMX_SHADOW_STI | VMX_SHADOW_MOV_SS) && hw->regs.rflags & RFLAGS_TF &&
	    !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		pending |= VMX_PENDING_DEBUG_BS;
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, pending);
}

static void changes_write(struct vcpu_hw *hw)
{
	static const enum vmcs_field pdpte[PDPTE_COUNT] = {
		VMCS_GUEST_PDPTE0, VMCS_GUEST_PDPTE1, VMCS_GUEST_PDPTE2, VMCS_GUEST_PDPTE3,
	};
	const struct vcpu_sregs *s = &hw->sregs;

	for (unsigned i = 0; i < SREG_COUNT; i++)
		if (hw->dirty & BIT(i))
			vmx_seg_set(i, &s->seg[i], s);
	if (hw->dirty & VMX_DIRTY_TABLES) {
		vmcs_write(VMCS_GUEST_GDTR_BASE, s->gdt_base);
		vmcs_write(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
		vmcs_write(VMCS_GUEST_IDTR_BASE, s->idt_base);
		vmcs_write(VMCS_GUEST_IDTR_LIMIT, s->idt_limit);
	}
	if (hw->dirty & VMX_DIRTY_CR)
		control_registers_write(hw);
	if (hw->dirty & VMX_DIRTY_DR7)
		vmcs_write(VMCS_GUEST_DR7, s->dr7);
	for (u32 i = 0; hw->dirty & VMX_DIRTY_PDPTE && i < PDPTE_COUNT; i++)
		vmcs_write(pdpte[i], hw->pdpte[i]);
	if (hw->dirty & VMX_DIRTY_TSC)
		vmcs_write(VMCS_TSC_OFFSET, hw->tsc_offset);
	if (hw->dirty & VMX_DIRTY_RESET) {
		vmcs_write(VMCS_GUEST_ACTIVITY, VMX_ACTIVE);
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	}
	if (hw->dirty & VMX_DIRTY_SHADOW)
		shadow_write(hw);
	if (hw->dirty & VMX_DIRTY_APIC)
		vmx_apic_write(hw);
	hw->dirty = 0;
}

static void write_changed(enum vmcs_field field, u64 *have, u64 want)
{
	if (*have == want)
		return;
	*have = want;
	vmcs_write(field, want);
}

void vmx_state_enter(struct vcpu_hw *hw)
{
	const struct vcpu_regs *r = &hw->regs;

	if (hw->dirty)
		changes_write(hw);
	write_changed(VMCS_GUEST_RIP, &hw->rip, r->rip);
	write_changed(VMCS_GUEST_RSP, &hw->rsp, r->gpr[GPR_RSP]);
	write_changed(VMCS_GUEST_RFLAGS, &hw->rflags, r->rflags | RFLAGS_FIXED);
}

void vmx_state_load(struct vcpu_hw *hw)
{
	vmx_msr_load(hw);
	xstate_load(&hw->x);
	write_cr2(hw->sregs.cr2);
	write_dr6(hw->sregs.dr6);
}

void vmx_state_put(struct vcpu_hw *hw)
{
	if (!hw->sregs_valid)
		sregs_read(hw);
	vmx_msr_put(hw);
	xstate_put(&hw->x);
}

void vmx_init(struct vcpu_hw *hw)
{
	u64 cache = hw->sregs.cr0 & (CR0_CD | CR0_NW);
	struct vcpu_sregs s;

	vcpu_reset_regs(&hw->regs, &s);
	s.cr0 = (s.cr0 & ~(u64)(CR0_CD | CR0_NW)) | cache;
	hw->sregs_valid = true;
	vmx_set_sregs(hw, &s);
	vmx_event_reset(hw);
	vmx_apic_reset(hw);
	hw->flush_vpid = true;
	hw->dirty = VMX_DIRTY_ALL;
}

void vmx_reset(struct vcpu_hw *hw)
{
	hw->sregs.cr0 = CR0_CD | CR0_NW;
	vmx_init(hw);
	for (unsigned i = 0; i < VCPU_MSR_COUNT; i++)
		vmx_set_msr(hw, i, vcpu_reset_msr(i));
	xstate_reset(&hw->x);
}
