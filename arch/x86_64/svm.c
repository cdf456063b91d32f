/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The SVM backend: probe, enabling a core, vCPUs, the run function and the
 * table (APM vol. 2 ch. 15).
 */
#include "arch/x86_64/svm.h"

#include <arch/cpu.h>

#include "hv/base/plat.h"
#include "hv/base/str.h"
#include "hv/base/x86.h"

#define CPUID_SVM BIT(2)     /* 80000001h ECX */
#define CPUID_PAGE1GB BIT(26) /* 80000001h EDX */
#define CPUID_LEAF_EXT 0x80000001u
#define CPUID_LEAF_SVM 0x8000000au
#define CPUID_LEAF_WIDTHS 0x80000008u /* EAX 7:0: physical addresses */

/* 8000000Ah EDX */
#define SVM_FEAT_NP BIT(0) /* svm_feature.c has those that are no must */

#define MSR_VM_CR 0xc0010114
#define VM_CR_LOCK BIT64(3)
#define VM_CR_SVMDIS BIT64(4)
#define MSR_VM_HSAVE_PA 0xc0010117

#define PAGE 4096

/* The MSR permission map has two bits a register, read and write, for three
 * ranges of 2000h registers; the I/O map has one bit a port and three more for
 * accesses across the end (15.10, 15.11). A set bit exits. */
#define MSRPM_RANGE 0x2000u
#define MSRPM_RANGE_BYTES 0x800u
#define IOPM_BYTES 12288

u8 svm_msrpm[SVM_MSRPM_BYTES] ALIGNED(PAGE);
static u8 iopm[IOPM_BYTES] ALIGNED(PAGE);

/* Per core: where VMRUN keeps the host's state, and what VMSAVE stored. */
static struct svm_core {
	u8 hsave[PAGE];
	u8 host_vmcb[PAGE];
} ALIGNED(PAGE) svm_cores[PLAT_MAX_CORES];

struct svm_limits svm_limits;
static u32 asid_count;

/*
 * Registers that move with the guest and need no look. Not among them: TSC
 * (QEMU forgets the offset in RDMSR), PAT (QEMU lets it through to the host's)
 * and EFER (SVME is not the guest's to see).
 */
static const struct {
	u32 msr;
	u8 pass;
} msr_pass[] = {
	{ MSR_SYSENTER_CS, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_SYSENTER_ESP, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_SYSENTER_EIP, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_STAR, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_LSTAR, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_CSTAR, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_SFMASK, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_FS_BASE, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_GS_BASE, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_KERNEL_GS_BASE, SVM_MSR_PASS_READ | SVM_MSR_PASS_WRITE },
	{ MSR_TSC_AUX, SVM_MSR_PASS_READ }, /* writes exit: xstate.c keeps the value */
};

static u64 phys(const void *p)
{
	return (u64)(uintptr_t)p; /* the hypervisor is identity-mapped */
}

void svm_msrpm_pass(u8 *map, u32 msr, u8 access)
{
	static const u32 range_base[] = { 0, 0xc0000000, 0xc0010000 };

	for (u32 i = 0; i < ARRAY_SIZE(range_base); i++) {
		u32 n = msr - range_base[i];

		if (n < MSRPM_RANGE)
			map[i * MSRPM_RANGE_BYTES + n / 4] &= (u8) ~(access << (n % 4 * 2));
	}
}

static void maps_init(void)
{
	memset(iopm, 0xff, sizeof(iopm));
	memset(svm_msrpm, 0xff, sizeof(svm_msrpm));
	for (size_t i = 0; i < ARRAY_SIZE(msr_pass); i++)
		svm_msrpm_pass(svm_msrpm, msr_pass[i].msr, msr_pass[i].pass);
}

static void caps_read(struct backend_caps *caps, const struct cpuid_regs *svm)
{
	*caps = (struct backend_caps){
		.name = svm_backend.name,
		.gib_pages = cpuid(CPUID_LEAF_EXT, 0).edx & CPUID_PAGE1GB,
		.asids = svm->ebx,
	};
	xstate_detect(caps);
	svm_feature_detect(svm->edx, caps);
}

static void limits_read(void)
{
	struct cpuid_regs leaf1 = cpuid(1, 0), leaf7 = { 0 };

	if (cpuid(0, 0).eax >= 7)
		leaf7 = cpuid(7, 0);
	svm_limits = (struct svm_limits){
		.phys_bits = (u8)cpuid(CPUID_LEAF_WIDTHS, 0).eax,
		.cr4_reserved = svm_check_cr4_reserved(&leaf1, &leaf7),
	};
}

static bool svm_probe(struct backend_caps *caps, const char **why)
{
	const u64 off_for_good = VM_CR_SVMDIS | VM_CR_LOCK;
	struct cpuid_regs svm;

	if (cpuid(0x80000000, 0).eax < CPUID_LEAF_SVM ||
	    !(cpuid(CPUID_LEAF_EXT, 0).ecx & CPUID_SVM)) {
		*why = "the processor has no SVM";
		return false;
	}
	if ((rdmsr(MSR_VM_CR) & off_for_good) == off_for_good) {
		*why = "SVM is disabled by the firmware (VM_CR.SVMDIS, locked)";
		return false;
	}
	svm = cpuid(CPUID_LEAF_SVM, 0);
	if (!(svm.edx & SVM_FEAT_NP)) {
		*why = "SVM has no nested paging";
		return false;
	}
	caps_read(caps, &svm);
	asid_count = caps->asids;
	limits_read();
	maps_init();
	return true;
}

/* 15.30: EFER.SVME, then the host save area. The host's FS, GS, TR, LDTR and
 * system-call MSRs are as they are now after every run. */
static err_t svm_cpu_enable(void)
{
	struct svm_core *c = &svm_cores[plat_core()];
	u64 vm_cr = rdmsr(MSR_VM_CR);

	if (vm_cr & VM_CR_SVMDIS) {
		if (vm_cr & VM_CR_LOCK)
			return ERR_NOTSUP;
		wrmsr(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS);
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, phys(c->hsave));
	__asm__ volatile("vmsave" ::"a"(phys(c->host_vmcb)) : "memory");
	xstate_cpu_enable();
	return ERR_OK;
}

static void svm_cpu_disable(void)
{
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

/* The VMCB's page, then the extended state, with room to align the page. */
static size_t block_bytes(void)
{
	return 2 * PAGE + xstate_bytes();
}

/*
 * What exits. Not HLT when the guest may halt the core; not CR3, debug
 * registers, INVLPG, RDTSC or PAUSE: nested paging and the VMCB take care of
 * them. INVD would throw away the host's dirty lines; QEMU takes it for WBINVD.
 * #DB and #AC exit because a guest can have either raised again by its own
 * delivery, for ever and without an exit (CVE-2015-5307, CVE-2015-8104).
 * Reads of CR4 because it is not quite the guest's: see svm_set_sregs().
 */
static void intercepts_init(struct vmcb *v, bool own_hlt)
{
	v->intercept_cr = VMCB_CR_READ(4) | VMCB_CR_WRITE(4);
	v->intercept_exceptions = BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC);
	v->intercept_misc1 = VMCB_I_INTR | VMCB_I_NMI | VMCB_I_INIT | VMCB_I_CR0_SEL_WRITE |
			     VMCB_I_RDPMC | VMCB_I_CPUID | VMCB_I_RSM | VMCB_I_INVD |
			     VMCB_I_INVLPGA | VMCB_I_IOIO | VMCB_I_MSR | VMCB_I_SHUTDOWN;
	if (!own_hlt)
		v->intercept_misc1 |= VMCB_I_HLT;
	v->intercept_misc2 = VMCB_I_VMRUN | VMCB_I_VMMCALL | VMCB_I_VMLOAD | VMCB_I_VMSAVE |
			     VMCB_I_STGI | VMCB_I_CLGI | VMCB_I_SKINIT | VMCB_I_WBINVD |
			     VMCB_I_MONITOR | VMCB_I_MWAIT;
}

static void svm_destroy(struct vcpu_hw *hw)
{
	if (!hw)
		return;
	svm_avic_destroy(hw);
	plat_free(hw->block, block_bytes());
	plat_free(hw, sizeof(*hw));
}

static struct vcpu_hw *svm_create(const struct vcpu_hw_setup *setup)
{
	struct vcpu_hw *hw;
	struct vmcb *v;

	if (!setup->asid || setup->asid >= asid_count)
		return NULL;
	hw = plat_alloc(sizeof(*hw));
	if (!hw)
		return NULL;
	hw->features = svm_feature_mask();
	hw->block = plat_alloc(block_bytes());
	if (!hw->block || svm_avic_create(hw, setup->apic_page)) {
		svm_destroy(hw);
		return NULL;
	}
	v = (struct vmcb *)ALIGN_UP((uintptr_t)hw->block, PAGE);
	hw->vmcb = v;
	hw->x.area = v + 1;
	intercepts_init(v, setup->own_hlt);
	v->iopm_base = phys(iopm);
	v->msrpm_base = phys(svm_msrpm);
	v->asid = setup->asid;
	v->np_control = VMCB_NP_ENABLE;
	v->n_cr3 = setup->nested_root;
	v->int_ctl = VMCB_V_INTR_MASKING | VMCB_V_IGN_TPR | VMCB_V_INTR_PRIO_MAX;
	svm_reset(hw);
	return hw;
}

static void svm_load(struct vcpu_hw *hw)
{
	xstate_load(&hw->x);
	/* Another core's VMCB cache and another vCPU's translations of the same
	 * ASID may be here. */
	svm_dirty(hw, VMCB_CLEAN_ALL);
	svm_flush_tlb(hw);
}

static void svm_put(struct vcpu_hw *hw)
{
	xstate_put(&hw->x);
}

static u64 svm_get_xcr0(struct vcpu_hw *hw)
{
	return xstate_get_xcr0(&hw->x);
}

static err_t svm_set_xcr0(struct vcpu_hw *hw, u64 value)
{
	return xstate_set_xcr0(&hw->x, value);
}

static void svm_run(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	struct vmcb *v = hw->vmcb;
	struct vcpu_regs *r = &hw->regs;

	svm_avic_enter(hw);
	svm_event_enter(hw);
	v->rax = r->gpr[GPR_RAX];
	v->rsp = r->gpr[GPR_RSP];
	v->rip = r->rip;
	v->rflags = r->rflags | RFLAGS_FIXED;
	svm_switch(r, phys(v), phys(svm_cores[plat_core()].host_vmcb));
	r->gpr[GPR_RAX] = v->rax;
	r->gpr[GPR_RSP] = v->rsp;
	r->rip = v->rip;
	r->rflags = v->rflags;
	v->event_inj = 0;
	v->tlb_control = VMCB_TLB_KEEP;
	v->clean = svm_uses(hw, SVM_F_CLEAN) ? VMCB_CLEAN_ALL : 0;
	svm_avic_leave(hw);
	svm_event_settle(hw, &exit->interrupted);
	svm_exit_record(hw, exit);
}

static void svm_skip_insn(struct vcpu_hw *hw, u8 len)
{
	bool wide = hw->efer & EFER_LMA && hw->vmcb->cs.attr & SEG_ATTR_L;

	hw->regs.rip += len;
	if (!wide)
		hw->regs.rip = (u32)hw->regs.rip;
	hw->vmcb->int_shadow = 0;
}

static void svm_set_tsc_offset(struct vcpu_hw *hw, u64 offset)
{
	hw->vmcb->tsc_offset = offset;
	svm_dirty(hw, VMCB_CLEAN_INTERCEPTS); /* the group that the offset is in */
}

void svm_flush_tlb(struct vcpu_hw *hw)
{
	hw->vmcb->tlb_control = svm_uses(hw, SVM_F_FLUSH_ASID) ? VMCB_TLB_FLUSH_ASID
							       : VMCB_TLB_FLUSH_ALL;
}

const struct vcpu_backend svm_backend = {
	.name = "svm",
	.nested = NESTED_NPT,
	.probe = svm_probe,
	.features = svm_features,
	.feature_set = svm_feature_set,
	.cpu_enable = svm_cpu_enable,
	.cpu_disable = svm_cpu_disable,
	.create = svm_create,
	.destroy = svm_destroy,
	.reset = svm_reset,
	.init = svm_init,
	.load = svm_load,
	.put = svm_put,
	.run = svm_run,
	.regs = svm_regs,
	.get_sregs = svm_get_sregs,
	.set_sregs = svm_set_sregs,
	.get_cr8 = svm_get_cr8,
	.set_cr8 = svm_set_cr8,
	.get_msr = svm_get_msr,
	.set_msr = svm_set_msr,
	.get_xcr0 = svm_get_xcr0,
	.set_xcr0 = svm_set_xcr0,
	.inject = svm_inject,
	.offer_intr = svm_offer_intr,
	.set_tpr_threshold = svm_set_tpr_threshold,
	.apic_mode = svm_apic_mode,
	.apic_enter = svm_apic_enter,
	.intr_taken = svm_intr_taken,
	.intr_enabled = svm_intr_enabled,
	.skip_insn = svm_skip_insn,
	.set_tsc_offset = svm_set_tsc_offset,
	.flush_tlb = svm_flush_tlb,
	.dump = svm_dump,
};
