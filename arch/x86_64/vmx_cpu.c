/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VT-x and the processor: is it there, and VMX operation on each core (SDM
 * vol. 3C 23.6 to 23.8, vol. 3D appendix A).
 */
#include "arch/x86_64/vmx.h"

#include <arch/desc.h>
#include <arch/percpu.h>

#include "hv/base/log.h"
#include "hv/base/plat.h"

#define CPUID_VMX BIT(5) /* 1 ECX */
#define CPUID_LEAF_SIZES 0x80000008u
#define PHYS_BITS_MASK 0xffu
#define LINEAR_BITS_SHIFT 8

#define PAGE 4096
#define ASIDS_WITH_VPID 65536
#define ASIDS_WITHOUT_VPID 256

/* Bits of FEATURE_CONTROL, and what the capability MSRs must say. */
#define EPT_NEEDED (VMX_EPT_WALK_4 | VMX_EPT_TYPE_WB | VMX_EPT_2M | VMX_EPT_INVEPT)
#define EPT_INVEPT_NEEDED (VMX_EPT_INVEPT_SINGLE | VMX_EPT_INVEPT_ALL)

/* Of a descriptor of 16 bytes: where its base is (SDM vol. 3A figure 7-4). */
#define DESC_BASE_LOW(d) ((d) >> 16 & 0xffffff)
#define DESC_BASE_HIGH(d) ((d) >> 56 << 24)
#define SEL_INDEX(sel) ((sel) / sizeof(u64))

struct vmx_cap vmx_cap;

/* Per core: the VMXON region. */
static u8 regions[PLAT_MAX_CORES][PAGE] ALIGNED(PAGE);

/* What every guest needs. */
static const struct {
	enum vmx_ctl word;
	u32 bits;
} needed[] = {
	{ VMX_CTL_PROC, VMX_PROC_SECONDARY },
	{ VMX_CTL_PROC2, VMX_PROC2_EPT },
	{ VMX_CTL_PROC2, VMX_PROC2_UNRESTRICTED },
	{ VMX_CTL_PIN, VMX_PINS },
	{ VMX_CTL_PROC, VMX_PROCS },
	{ VMX_CTL_PROC2, VMX_PROC2S },
	{ VMX_CTL_EXIT, VMX_EXITS },
	{ VMX_CTL_ENTRY, VMX_ENTRIES | VMX_ENTRY_IA32E },
};

static void cap_read(struct vmx_cap *cap)
{
	u32 sizes = cpuid(CPUID_LEAF_SIZES, 0).eax;

	*cap = (struct vmx_cap){
		.basic = rdmsr(MSR_VMX_BASIC),
		.misc = rdmsr(MSR_VMX_MISC),
		.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0),
		.cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1),
		.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0),
		.cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1),
		.phys_bits = (u8)(sizes & PHYS_BITS_MASK),
		.linear_bits = (u8)(sizes >> LINEAR_BITS_SHIFT & PHYS_BITS_MASK),
	};
	/* The last two MSRs are not on processors without what they are about. */
	for (u32 i = 0; i < VMX_CTL_COUNT; i++)
		if (rdmsr_safe(vmx_ctl_msr(i, cap->basic), &cap->ctl[i]))
			cap->ctl[i] = 0;
	if (rdmsr_safe(MSR_VMX_EPT_VPID, &cap->ept_vpid))
		cap->ept_vpid = 0;
}

/* Words that a processor must let us have, and the one that it must not force on. */
static bool controls_allowed(const char **why)
{
	for (u32 i = 0; i < ARRAY_SIZE(needed); i++) {
		u32 value;

		if (vmx_ctl_make(needed[i].word, vmx_cap.ctl[needed[i].word], needed[i].bits, 0,
				 &value, why))
			return false;
		if (needed[i].word == VMX_CTL_PROC && value & VMX_PROC_CR3_LOAD) {
			*why = "no way to let a guest load CR3 by itself";
			return false;
		}
	}
	return true;
}

static bool structures_allowed(const char **why)
{
	if ((vmx_cap.basic >> VMX_BASIC_TYPE_SHIFT & VMX_BASIC_TYPE_MASK) != VMX_BASIC_WRITE_BACK)
		*why = "its control structures cannot be in write-back memory";
	else if ((vmx_cap.ept_vpid & EPT_NEEDED) != EPT_NEEDED ||
		 !(vmx_cap.ept_vpid & EPT_INVEPT_NEEDED))
		*why = "EPT without 4 levels, write-back memory, 2 MiB pages or INVEPT";
	else
		return true;
	return false;
}

/* The firmware's lock; one that it left open is ours to close. */
static bool firmware_allows(void)
{
	u64 control = rdmsr(MSR_FEATURE_CONTROL);

	return !(control & FEATURE_CONTROL_LOCK) || control & FEATURE_CONTROL_VMX;
}

bool vmx_probe(struct backend_caps *caps, const char **why)
{
	if (!(cpuid(1, 0).ecx & CPUID_VMX))
		*why = "the processor has no VT-x";
	else if (!firmware_allows())
		*why = "VT-x is locked off by the firmware (IA32_FEATURE_CONTROL)";
	else if (read_cr4() & CR4_VMXE)
		*why = "VMX is on already: what started this node left it so (CR4.VMXE)";
	else
		cap_read(&vmx_cap);
	if (!vmx_cap.basic || !controls_allowed(why) || !structures_allowed(why))
		return false;
	caps->gib_pages = vmx_cap.ept_vpid & VMX_EPT_1G;
	xstate_detect(caps);
	vmx_feature_detect(caps);
	vmx_msr_init();
	caps->asids = vmx_feature_used(VMX_F_VPID) ? ASIDS_WITH_VPID : ASIDS_WITHOUT_VPID;
	return true;
}

static const char *result_name(enum vmx_result result)
{
	switch (result) {
	case VMX_OK:
		return "success";
	case VMX_FAIL_INVALID:
		return "VMfailInvalid";
	case VMX_FAIL_VALID:
		return vmx_insn_error_name((u32)vmcs_read(VMCS_INSN_ERROR));
	case VMX_FAULT:
		return "#GP";
	}
	return "unknown";
}

void vmx_failed(const char *insn, enum vmx_result result)
{
	LOG_LIMITED(LOG_ERR, "vmx", "core %u: %s refused: %s", plat_core(), insn,
		    result_name(result));
}

void vmcs_access_failed(enum vmcs_field field, bool write)
{
	LOG_LIMITED(LOG_ERR, "vmx", "core %u: %s of field %#x refused", plat_core(),
		    write ? "VMWRITE" : "VMREAD", field);
}

/* Each core has its own lock. */
static err_t firmware_lock(void)
{
	u64 control = rdmsr(MSR_FEATURE_CONTROL);

	if (!firmware_allows()) {
		log_err("vmx", "core %u: VT-x is locked off by the firmware, here alone "
			"(IA32_FEATURE_CONTROL)", plat_core());
		return ERR_NOTSUP;
	}
	if (!(control & FEATURE_CONTROL_LOCK))
		wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	return ERR_OK;
}

static err_t control_registers_fit(void)
{
	u64 cr0 = vmx_cr_wrong(vmx_cap.cr0_fixed0, vmx_cap.cr0_fixed1, read_cr0());
	u64 cr4 = vmx_cr_wrong(vmx_cap.cr4_fixed0, vmx_cap.cr4_fixed1, read_cr4());

	if (!cr0 && !cr4)
		return ERR_OK;
	log_err("vmx", "core %u: VMX operation wants other bits %#lx of CR0, %#lx of CR4",
		plat_core(), cr0, cr4);
	return ERR_NOTSUP;
}

/* Of whatever ran here before. */
static void forget_translations(void)
{
	if (vmx_cap.ept_vpid & VMX_EPT_INVEPT_ALL)
		invept(VMX_ALL, 0);
	if (vmx_cap.ept_vpid & VMX_EPT_INVVPID && vmx_cap.ept_vpid & VMX_EPT_INVVPID_ALL)
		invvpid(VMX_ALL, 0);
}

err_t vmx_cpu_enable(void)
{
	u8 *region = regions[plat_core()];
	enum vmx_result result;
	err_t err = firmware_lock();

	if (err)
		return err;
	xstate_cpu_enable();
	write_cr4(read_cr4() | CR4_VMXE);
	err = control_registers_fit();
	if (err)
		goto off;
	*(u32 *)(void *)region = (u32)(vmx_cap.basic & VMX_BASIC_REVISION);
	result = vmxon((u64)(uintptr_t)region);
	if (result) {
		log_err("vmx", "core %u: VMXON refused (%s): VMX is on already, or not allowed",
			plat_core(), result == VMX_FAULT ? "#GP" : "VMfail");
		err = ERR_BUSY;
		goto off;
	}
	forget_translations();
	return ERR_OK;
off:
	write_cr4(read_cr4() & ~CR4_VMXE);
	return err;
}

void vmx_cpu_disable(void)
{
	vmxoff();
	write_cr4(read_cr4() & ~CR4_VMXE);
}

struct table_pointer {
	u16 limit;
	u64 base;
} PACKED;

static u64 task_segment_base(const struct table_pointer *gdtr)
{
	const u64 *d = (const u64 *)(uintptr_t)gdtr->base + SEL_INDEX(SEL_TSS);

	return DESC_BASE_LOW(d[0]) | DESC_BASE_HIGH(d[0]) | d[1] << 32;
}

/* Nothing of it changes once the core runs guests. FS, GS, LDTR and the SYSENTER
 * registers are unused; an exit sets both tables' limits to FFFFh, which does no
 * harm: no selector or vector goes beyond what is there. */
void vmx_host_state(void)
{
	struct table_pointer gdtr, idtr;

	__asm__ volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, read_cr3());
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_CS_SEL, SEL_CODE);
	vmcs_write(VMCS_HOST_SS_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_DS_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_ES_SEL, SEL_DATA);
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	vmcs_write(VMCS_HOST_TR_SEL, SEL_TSS);
	vmcs_write(VMCS_HOST_FS_BASE, 0);
	vmcs_write(VMCS_HOST_GS_BASE, (u64)(uintptr_t)this_cpu());
	vmcs_write(VMCS_HOST_TR_BASE, task_segment_base(&gdtr));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idtr.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (u64)(uintptr_t)vmx_switch_exit);
}
