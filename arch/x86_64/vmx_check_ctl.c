/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of VM entry for the control fields (SDM vol. 3C 26.2.1). */
#include "arch/x86_64/vmx_check.h"

#include "hv/base/x86.h"

#define DESC_OFFSET 0x3full	/* posted-interrupt descriptor: 64 bytes */
#define MSR_LIST_OFFSET 0xfull	/* an entry of an MSR list: 16 bytes */
#define MSR_LIST_ENTRY 16
#define MISC_CR3_TARGETS_SHIFT 16
#define MISC_CR3_TARGETS_MASK 0x1ffu
#define TPR_THRESHOLD_RESERVED (~0xfull)

#define LAST_EXCEPTION 31
/* #DF, #TS, #NP, #SS, #GP, #PF, #AC */
#define ERROR_CODE_VECTORS (BIT(8) | 0x1fu << 10 | BIT(17))
#define ERROR_CODE_RESERVED 0xffff0000u
#define MISC_ZERO_LENGTH BIT64(30) /* software events may have length 0 */
#define INSN_LONGEST 15

/* Bits that may not be 1 have names, which say what the processor lacks. */
static const char *check_word(const struct vmx_cap *cap, enum vmx_ctl ctl, u32 value)
{
	static const char *const too_few[VMX_CTL_COUNT] = {
		[VMX_CTL_PIN] = "pin-based controls: a bit that must be 1 is 0",
		[VMX_CTL_PROC] = "processor-based controls: a bit that must be 1 is 0",
		[VMX_CTL_PROC2] = "secondary controls: a bit that must be 1 is 0",
		[VMX_CTL_EXIT] = "VM-exit controls: a bit that must be 1 is 0",
		[VMX_CTL_ENTRY] = "VM-entry controls: a bit that must be 1 is 0",
	};
	u32 wrong = vmx_ctl_wrong(cap->ctl[ctl], value);

	if (wrong & value)
		return vmx_ctl_lacking(ctl, wrong & value);
	return wrong ? too_few[ctl] : NULL;
}

static const char *check_words(const struct vmx_cap *cap)
{
	const u32 words[VMX_CTL_COUNT] = {
		[VMX_CTL_PIN] = (u32)vmcs_read(VMCS_PIN),
		[VMX_CTL_PROC] = (u32)vmcs_read(VMCS_PROC),
		[VMX_CTL_PROC2] = vmx_proc2_in_force(),
		[VMX_CTL_EXIT] = (u32)vmcs_read(VMCS_EXIT),
		[VMX_CTL_ENTRY] = (u32)vmcs_read(VMCS_ENTRY),
	};
	const char *what = NULL;

	for (u32 i = 0; i < VMX_CTL_COUNT && !what; i++)
		if (i != VMX_CTL_PROC2 || words[VMX_CTL_PROC] & VMX_PROC_SECONDARY)
			what = check_word(cap, (enum vmx_ctl)i, words[i]);
	return what;
}

static bool bad_page(const struct vmx_cap *cap, enum vmcs_field field)
{
	return vmx_is_bad_address(cap, vmcs_read(field), VMX_PAGE_OFFSET);
}

static const char *check_execution(const struct vmx_cap *cap)
{
	const u32 pin = (u32)vmcs_read(VMCS_PIN), proc = (u32)vmcs_read(VMCS_PROC);
	const u32 targets = cap->misc >> MISC_CR3_TARGETS_SHIFT & MISC_CR3_TARGETS_MASK;
	const bool io = proc & VMX_PROC_IO_BITMAPS;
	const struct vmx_rule rules[] = {
		{ vmcs_read(VMCS_CR3_TARGETS) > targets, "more CR3-target values than there are" },
		{ io && bad_page(cap, VMCS_IO_BITMAP_A), "the address of I/O bitmap A" },
		{ io && bad_page(cap, VMCS_IO_BITMAP_B), "the address of I/O bitmap B" },
		{ (proc & VMX_PROC_MSR_BITMAP) && bad_page(cap, VMCS_MSR_BITMAP),
		  "the address of the MSR bitmap" },
		{ !(pin & VMX_PIN_NMI) && (pin & VMX_PIN_VIRTUAL_NMI),
		  "virtual NMIs without NMI exiting" },
		{ !(pin & VMX_PIN_VIRTUAL_NMI) && (proc & VMX_PROC_NMI_WINDOW),
		  "NMI-window exiting without virtual NMIs" },
		{ !(pin & VMX_PIN_TIMER) && (vmcs_read(VMCS_EXIT) & VMX_EXIT_SAVE_TIMER),
		  "saving of a preemption timer that does not run" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static const char *check_apic(const struct vmx_cap *cap)
{
	const u32 pin = (u32)vmcs_read(VMCS_PIN), proc2 = vmx_proc2_in_force();
	const bool tpr = vmcs_read(VMCS_PROC) & VMX_PROC_TPR_SHADOW;
	const bool delivery = proc2 & VMX_PROC2_INTR_DELIVERY;
	const bool posted = pin & VMX_PIN_POSTED_INTR;
	const struct vmx_rule rules[] = {
		{ tpr && bad_page(cap, VMCS_VIRTUAL_APIC),
		  "the address of the virtual-APIC page" },
		{ tpr && !delivery && (vmcs_read(VMCS_TPR_THRESHOLD) & TPR_THRESHOLD_RESERVED),
		  "a TPR threshold above 15" },
		{ !tpr && (proc2 & VMX_PROC2_X2APIC),
		  "virtualised x2APIC mode without TPR shadow" },
		{ !tpr && (proc2 & VMX_PROC2_APIC_REGISTER),
		  "APIC-register virtualisation without TPR shadow" },
		{ !tpr && delivery, "virtual-interrupt delivery without TPR shadow" },
		{ (proc2 & VMX_PROC2_APIC_ACCESS) && bad_page(cap, VMCS_APIC_ACCESS),
		  "the address of the APIC-access page" },
		{ (proc2 & VMX_PROC2_APIC_ACCESS) && (proc2 & VMX_PROC2_X2APIC),
		  "virtualised x2APIC mode and APIC accesses together" },
		{ delivery && !(pin & VMX_PIN_INTR),
		  "virtual-interrupt delivery without external-interrupt exiting" },
		{ posted && !delivery, "posted interrupts without virtual-interrupt delivery" },
		{ posted && !(vmcs_read(VMCS_EXIT) & VMX_EXIT_ACK_INTR),
		  "posted interrupts without acknowledging of interrupts on exit" },
		{ posted && vmcs_read(VMCS_POSTED_INTR_VECTOR) > VMX_INTR_VECTOR,
		  "the posted-interrupt notification vector" },
		{ posted && vmx_is_bad_address(cap, vmcs_read(VMCS_POSTED_INTR_DESC), DESC_OFFSET),
		  "the address of the posted-interrupt descriptor" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static bool bad_eptp_type(const struct vmx_cap *cap, u64 eptp)
{
	u64 type = eptp & VMX_EPTP_TYPE_MASK;

	if (type == VMX_EPTP_WRITE_BACK)
		return !(cap->ept_vpid & VMX_EPT_TYPE_WB);
	return type || !(cap->ept_vpid & VMX_EPT_TYPE_UC);
}

static const char *check_ept(const struct vmx_cap *cap)
{
	const u32 proc2 = vmx_proc2_in_force();
	const bool ept = proc2 & VMX_PROC2_EPT;
	const u64 eptp = vmcs_read(VMCS_EPTP);
	const struct vmx_rule rules[] = {
		{ (proc2 & VMX_PROC2_VPID) && !vmcs_read(VMCS_VPID), "VPID 0" },
		{ ept && bad_eptp_type(cap, eptp), "the EPT pointer's memory type" },
		{ ept && (eptp >> VMX_EPTP_WALK_SHIFT & VMX_EPTP_WALK_MASK) != VMX_EPTP_WALK_4,
		  "the EPT pointer's page-walk length" },
		{ ept && (eptp & VMX_EPTP_AD) && !(cap->ept_vpid & VMX_EPT_AD),
		  "EPT accessed and dirty flags that the processor lacks" },
		{ ept && ((eptp & VMX_EPTP_RESERVED) || eptp >> cap->phys_bits),
		  "reserved bits of the EPT pointer" },
		{ (proc2 & VMX_PROC2_PML) && !ept, "page-modification log without EPT" },
		{ (proc2 & VMX_PROC2_UNRESTRICTED) && !ept, "unrestricted guest without EPT" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

static bool bad_msr_list(const struct vmx_cap *cap, enum vmcs_field count, enum vmcs_field addr)
{
	u64 n = vmcs_read(count), first = vmcs_read(addr);

	return n && (vmx_is_bad_address(cap, first, MSR_LIST_OFFSET) ||
		     vmx_is_bad_address(cap, first + n * MSR_LIST_ENTRY - 1, 0));
}

static const char *check_lists(const struct vmx_cap *cap)
{
	const struct vmx_rule rules[] = {
		{ bad_msr_list(cap, VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_STORE),
		  "the address of the VM-exit MSR-store list" },
		{ bad_msr_list(cap, VMCS_EXIT_MSR_LOAD_COUNT, VMCS_EXIT_MSR_LOAD),
		  "the address of the VM-exit MSR-load list" },
		{ bad_msr_list(cap, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_ENTRY_MSR_LOAD),
		  "the address of the VM-entry MSR-load list" },
		{ vmcs_read(VMCS_ENTRY) & VMX_ENTRY_SMM, "entry to SMM from outside SMM" },
		{ vmcs_read(VMCS_ENTRY) & VMX_ENTRY_DUAL_MONITOR,
		  "deactivating of dual-monitor treatment from outside SMM" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}

const char *vmx_check_controls(const struct vmx_cap *cap)
{
	const char *what = check_words(cap);

	if (!what)
		what = check_execution(cap);
	if (!what)
		what = check_apic(cap);
	if (!what)
		what = check_ept(cap);
	return what ? what : check_lists(cap);
}

static bool bad_event_type(u32 type, const struct vmx_cap *cap)
{
	bool trap_flag = cap->ctl[VMX_CTL_PROC] >> 32 & VMX_PROC_TRAP_FLAG;

	return type == 1 || (type == VMX_INTR_OTHER && !trap_flag);
}

static bool bad_event_vector(u32 type, u32 vector)
{
	switch (type) {
	case VMX_INTR_NMI:
		return vector != VECTOR_NMI;
	case VMX_INTR_EXCEPTION:
		return vector > LAST_EXCEPTION;
	case VMX_INTR_OTHER:
		return vector != 0;
	default:
		return false;
	}
}

/* Without unrestricted guest there is no real mode. */
static bool pushes_error(u32 type, u32 vector)
{
	bool real = vmx_proc2_in_force() & VMX_PROC2_UNRESTRICTED &&
		    !(vmcs_read(VMCS_GUEST_CR0) & CR0_PE);

	return type == VMX_INTR_EXCEPTION && !real && ERROR_CODE_VECTORS >> vector & 1;
}

static bool bad_event_length(u32 type, const struct vmx_cap *cap)
{
	u64 len = vmcs_read(VMCS_ENTRY_INSN_LEN);

	if (type < VMX_INTR_SOFT || type == VMX_INTR_OTHER)
		return false;
	return len > INSN_LONGEST || (!len && !(cap->misc & MISC_ZERO_LENGTH));
}

/* 26.2.1.3 */
const char *vmx_check_injection(const struct vmx_cap *cap)
{
	const u32 info = (u32)vmcs_read(VMCS_ENTRY_INTR);
	const u32 type = info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK;
	const u32 vector = info & VMX_INTR_VECTOR;
	const bool error = info & VMX_INTR_HAS_ERROR;

	if (!(info & VMX_INTR_VALID))
		return NULL;
	if (bad_event_type(type, cap))
		return "the injected event has a reserved type";
	if (bad_event_vector(type, vector))
		return "the injected event's vector is not one of its type";

	const struct vmx_rule rules[] = {
		{ error && !pushes_error(type, vector), "an error code for an event without" },
		{ !error && pushes_error(type, vector), "no error code for an event with one" },
		{ info & VMX_INTR_RESERVED, "reserved bits of the injected event" },
		{ error && (vmcs_read(VMCS_ENTRY_INTR_ERROR) & ERROR_CODE_RESERVED),
		  "the injected error code has more than 16 bits" },
		{ bad_event_length(type, cap), "the injected event's instruction length" },
	};

	return vmx_rule_first(rules, ARRAY_SIZE(rules));
}
