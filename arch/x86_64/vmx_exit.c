/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit reasons and qualifications to neutral exit records (SDM vol. 3C 27.2, appendix C). */
#include "arch/x86_64/vmx.h"

#include "hv/base/x86.h"

#define EXCEPTIONS 32
#define CR0 0
#define LOW_BYTE 0xffu

struct exit_desc {
	const char *name;
	enum exit_kind kind;
	bool insn; /* an instruction did it: its length is in the VMCS (27.2.5) */
	void (*fill)(struct vcpu_hw *hw, struct vcpu_exit *exit);
};

static void fill_exception(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	static const char *const names[EXCEPTIONS] = {
		[VECTOR_DB] = "debug", [VECTOR_PF] = "page-fault",
		[VECTOR_AC] = "alignment-check", [VECTOR_MC] = "machine-check",
	};
	u32 info = (u32)vmcs_read(VMCS_EXIT_INTR);

	(void)hw;
	exit->raw_info2 = info;
	if ((info >> VMX_INTR_TYPE_SHIFT & VMX_INTR_TYPE_MASK) == VMX_INTR_NMI) {
		exit->kind = EXIT_HOST_INTR;
		exit->name = "nmi";
		return;
	}
	exit->exc.vector = (u8)(info & VMX_INTR_VECTOR);
	exit->exc.has_error = info & VMX_INTR_HAS_ERROR;
	exit->exc.error = exit->exc.has_error ? (u32)vmcs_read(VMCS_EXIT_INTR_ERROR) : 0;
	exit->exc.addr = exit->exc.vector == VECTOR_PF ? exit->raw_info1 : 0;
	if (exit->exc.vector < EXCEPTIONS && names[exit->exc.vector])
		exit->name = names[exit->exc.vector];
}

/* Where the exit acknowledged it (24.7.1); else it is pending still. */
static void fill_intr(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	if (!(hw->exit & VMX_EXIT_ACK_INTR))
		return;
	exit->raw_info2 = vmcs_read(VMCS_EXIT_INTR);
	if (exit->raw_info2 & VMX_INTR_VALID)
		exit->host_vector = (u8)(exit->raw_info2 & VMX_INTR_VECTOR);
}

static void fill_io(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u64 q = exit->raw_info1;

	exit->io.in = q & VMX_IO_IN;
	exit->io.string = q & VMX_IO_STRING;
	exit->io.rep = q & VMX_IO_REP;
	exit->io.size = (u8)((q & VMX_IO_SIZE_MASK) + 1);
	exit->io.port = (u16)(q >> VMX_IO_PORT_SHIFT);
	exit->io.next_rip = exit->insn_len ? hw->regs.rip + exit->insn_len : 0;
}

/* CLTS and LMSW are writes to CR0 whose value the caller works out. */
static void fill_cr(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u64 q = exit->raw_info1;

	(void)hw;
	exit->cr.cr = CR0;
	exit->cr.gpr = GPR_COUNT;
	switch ((enum vmx_cr_type)(q >> VMX_CR_TYPE_SHIFT & VMX_CR_TYPE_MASK)) {
	case VMX_CR_MOV_FROM:
		exit->kind = EXIT_CR_READ;
		exit->name = "cr-read";
		exit->cr.cr = (u8)(q & VMX_CR_NUMBER);
		exit->cr.gpr = (u8)(q >> VMX_CR_GPR_SHIFT & VMX_CR_GPR_MASK);
		break;
	case VMX_CR_MOV_TO:
		exit->cr.cr = (u8)(q & VMX_CR_NUMBER);
		exit->cr.gpr = (u8)(q >> VMX_CR_GPR_SHIFT & VMX_CR_GPR_MASK);
		break;
	case VMX_CR_CLTS:
		exit->name = "clts";
		break;
	case VMX_CR_LMSW:
		exit->name = "lmsw";
		break;
	}
}

static void fill_ept(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const u64 mapped = VMX_EPT_READABLE | VMX_EPT_WRITABLE | VMX_EPT_EXECUTABLE;
	u64 q = exit->raw_info1;

	(void)hw;
	exit->raw_info2 = vmcs_read(VMCS_GUEST_PHYSICAL);
	exit->mmio.gpa = (gpa_t){ exit->raw_info2 };
	exit->mmio.present = q & mapped;
	exit->mmio.write = q & VMX_EPT_WRITE;
	exit->mmio.fetch = q & VMX_EPT_FETCH;
	exit->mmio.table_walk = (q & VMX_EPT_LINEAR) && !(q & VMX_EPT_FINAL);
}

/* The entry itself is wrong: no state of the guest leads here. */
static void fill_misconfig(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)hw;
	exit->raw_info2 = vmcs_read(VMCS_GUEST_PHYSICAL);
}

static void fill_eoi(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)hw;
	exit->apic.vector = (u8)(exit->raw_info1 & LOW_BYTE);
}

static void fill_apic_write(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)hw;
	exit->apic.reg = (u16)(exit->raw_info1 & VMX_APIC_OFFSET);
}

/* VM entry went as far as loading the guest's state (26.8). */
static void fill_bad_guest(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const char *check = vmx_check_entry(&vmx_cap);

	(void)hw;
	if (check)
		exit->name = check;
}

/* Reported like the exception that it is. */
static void fill_machine_check(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)hw;
	exit->exc.vector = VECTOR_MC;
	exit->exc.has_error = false;
	exit->exc.error = 0;
	exit->exc.addr = 0;
}

/* What no control asks for, or no guest can, stands here for its name alone. */
static const struct exit_desc exits[VMX_REASON_COUNT] = {
	[VMX_REASON_EXCEPTION] = { "exception", EXIT_EXCEPTION, false, fill_exception },
	[VMX_REASON_INTR] = { "intr", EXIT_HOST_INTR, false, fill_intr },
	[VMX_REASON_TRIPLE_FAULT] = { "triple-fault", EXIT_SHUTDOWN, false, NULL },
	[VMX_REASON_INIT] = { "init", EXIT_INIT, false, NULL },
	[VMX_REASON_SIPI] = { "sipi", EXIT_INIT, false, NULL },
	[VMX_REASON_IO_SMI] = { "io-smi", EXIT_HOST_INTR, false, NULL },
	[VMX_REASON_SMI] = { "smi", EXIT_HOST_INTR, false, NULL },
	[VMX_REASON_INTR_WINDOW] = { "interrupt-window", EXIT_INTR_WINDOW, false, NULL },
	[VMX_REASON_NMI_WINDOW] = { "nmi-window", EXIT_INTR_WINDOW, false, NULL },
	[VMX_REASON_TASK_SWITCH] = { "task-switch", EXIT_OTHER, false, NULL },
	[VMX_REASON_CPUID] = { "cpuid", EXIT_CPUID, true, NULL },
	[VMX_REASON_GETSEC] = { "getsec", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_HLT] = { "hlt", EXIT_HLT, true, NULL },
	[VMX_REASON_INVD] = { "invd", EXIT_WBINVD, true, NULL },
	[VMX_REASON_INVLPG] = { "invlpg", EXIT_INVLPG, true, NULL },
	[VMX_REASON_RDPMC] = { "rdpmc", EXIT_RDPMC, true, NULL },
	[VMX_REASON_RDTSC] = { "rdtsc", EXIT_OTHER, true, NULL },
	[VMX_REASON_RSM] = { "rsm", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMCALL] = { "vmcall", EXIT_HYPERCALL, true, NULL },
	[VMX_REASON_VMCLEAR] = { "vmclear", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMLAUNCH] = { "vmlaunch", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMPTRLD] = { "vmptrld", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMPTRST] = { "vmptrst", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMREAD] = { "vmread", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMRESUME] = { "vmresume", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMWRITE] = { "vmwrite", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMXOFF] = { "vmxoff", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_VMXON] = { "vmxon", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_CR] = { "cr-write", EXIT_CR_WRITE, true, fill_cr },
	[VMX_REASON_DR] = { "debug-register", EXIT_OTHER, true, NULL },
	[VMX_REASON_IO] = { "io", EXIT_IO, true, fill_io },
	[VMX_REASON_RDMSR] = { "rdmsr", EXIT_RDMSR, true, NULL },
	[VMX_REASON_WRMSR] = { "wrmsr", EXIT_WRMSR, true, NULL },
	[VMX_REASON_BAD_GUEST] = {
		"guest state, by a rule that is not listed", EXIT_BAD_STATE, false, fill_bad_guest
	},
	[VMX_REASON_BAD_MSR] = { "an MSR of the load list", EXIT_BAD_STATE, false, NULL },
	[VMX_REASON_MWAIT] = { "mwait", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_TRAP_FLAG] = { "monitor-trap-flag", EXIT_OTHER, false, NULL },
	[VMX_REASON_MONITOR] = { "monitor", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_PAUSE] = { "pause", EXIT_PAUSE, true, NULL },
	[VMX_REASON_MACHINE_CHECK] = {
		"machine-check", EXIT_EXCEPTION, false, fill_machine_check
	},
	/* What waits for a lower priority may come now. */
	[VMX_REASON_TPR] = { "tpr-below-threshold", EXIT_INTR_WINDOW, false, NULL },
	[VMX_REASON_APIC_ACCESS] = { "apic-access", EXIT_OTHER, false, NULL },
	[VMX_REASON_EOI] = { "virtual-eoi", EXIT_EOI, false, fill_eoi },
	[VMX_REASON_GDTR_IDTR] = { "gdtr-idtr", EXIT_OTHER, true, NULL },
	[VMX_REASON_LDTR_TR] = { "ldtr-tr", EXIT_OTHER, true, NULL },
	[VMX_REASON_EPT_VIOLATION] = { "ept-violation", EXIT_MMIO, false, fill_ept },
	[VMX_REASON_EPT_MISCONFIG] = {
		"ept-misconfiguration", EXIT_OTHER, false, fill_misconfig
	},
	[VMX_REASON_INVEPT] = { "invept", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_RDTSCP] = { "rdtscp", EXIT_OTHER, true, NULL },
	[VMX_REASON_TIMER] = { "preemption-timer", EXIT_TIMER, false, NULL },
	[VMX_REASON_INVVPID] = { "invvpid", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_WBINVD] = { "wbinvd", EXIT_WBINVD, true, NULL },
	[VMX_REASON_XSETBV] = { "xsetbv", EXIT_XSETBV, true, NULL },
	/* Trap-like: the instruction is over. */
	[VMX_REASON_APIC_WRITE] = { "apic-write", EXIT_APIC_WRITE, false, fill_apic_write },
	[VMX_REASON_RDRAND] = { "rdrand", EXIT_OTHER, true, NULL },
	[VMX_REASON_INVPCID] = { "invpcid", EXIT_OTHER, true, NULL },
	[VMX_REASON_VMFUNC] = { "vmfunc", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_ENCLS] = { "encls", EXIT_VIRT_INSN, true, NULL },
	[VMX_REASON_RDSEED] = { "rdseed", EXIT_OTHER, true, NULL },
	[VMX_REASON_PML_FULL] = { "page-log-full", EXIT_OTHER, false, NULL },
	[VMX_REASON_XSAVES] = { "xsaves", EXIT_OTHER, true, NULL },
	[VMX_REASON_XRSTORS] = { "xrstors", EXIT_OTHER, true, NULL },
};

static const struct exit_desc exit_unknown = { "unknown", EXIT_OTHER, false, NULL };

static const struct exit_desc *exit_find(u32 reason)
{
	reason &= VMX_REASON_MASK;
	if (reason < ARRAY_SIZE(exits) && exits[reason].name)
		return &exits[reason];
	return &exit_unknown;
}

void vmx_exit_record(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const struct exit_desc *d = exit_find(hw->reason);
	u64 len = d->insn ? vmcs_read(VMCS_EXIT_INSN_LEN) : 0;

	exit->kind = d->kind;
	exit->name = d->name;
	exit->raw_code = hw->reason;
	exit->raw_info1 = vmcs_read(VMCS_QUALIFICATION);
	exit->raw_info2 = 0;
	exit->insn_len = len <= INSN_MAX ? (u8)len : 0;
	exit->insn_bytes_len = 0;
	exit->host_vector = 0;
	if (d->fill)
		d->fill(hw, exit);
}
