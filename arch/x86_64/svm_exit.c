/* SPDX-License-Identifier: BSD-2-Clause */
/* #VMEXIT codes to neutral exit records (APM vol. 2 15.7-15.13, appendix C). */
#include "arch/x86_64/svm.h"

#include "hv/base/str.h"

#define VECTOR_MC 18

/*
 * len: the instruction's length without prefixes, for processors without
 * next-RIP; 0: not an instruction, or to be decoded.
 */
struct exit_desc {
	const char *name;
	enum exit_kind kind;
	u8 len;
	void (*fill)(struct vcpu_hw *hw, struct vcpu_exit *exit);
};

static void fill_io(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u64 info = hw->vmcb->exit_info1;

	exit->io.in = info & SVM_IO_IN;
	exit->io.string = info & SVM_IO_STRING;
	exit->io.rep = info & SVM_IO_REP;
	exit->io.size = (u8)(info >> SVM_IO_SIZE_SHIFT & SVM_IO_SIZE_MASK);
	exit->io.port = (u16)(info >> SVM_IO_PORT_SHIFT);
	exit->io.next_rip = hw->vmcb->exit_info2;
	if (exit->io.next_rip - hw->regs.rip <= INSN_MAX)
		exit->insn_len = (u8)(exit->io.next_rip - hw->regs.rip);
}

static void fill_msr(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	if (hw->vmcb->exit_info1 == SVM_MSR_WRITE) {
		exit->kind = EXIT_WRMSR;
		exit->name = "wrmsr";
	}
}

static void fill_cr(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	u64 info = hw->vmcb->exit_info1;
	bool known = svm_caps.decode_assist && (info & SVM_CR_MOV);

	exit->cr.cr = hw->vmcb->exit_code == SVM_EXIT_CR4_WRITE ? 4 : 0;
	exit->cr.gpr = known ? (u8)(info & SVM_CR_GPR_MASK) : GPR_COUNT;
}

static void fill_npf(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const struct vmcb *v = hw->vmcb;

	exit->mmio.gpa = (gpa_t){ v->exit_info2 };
	exit->mmio.present = v->exit_info1 & SVM_NPF_PRESENT;
	exit->mmio.write = v->exit_info1 & SVM_NPF_WRITE;
	exit->mmio.fetch = v->exit_info1 & SVM_NPF_FETCH;
	exit->mmio.table_walk = v->exit_info1 & SVM_NPF_TABLE_WALK;
	if (svm_caps.decode_assist && v->insn_len <= INSN_MAX) {
		exit->insn_bytes_len = v->insn_len;
		memcpy(exit->insn_bytes, v->insn_bytes, v->insn_len);
	}
}

/* The machine's own machine check, not the guest's. */
static void fill_machine_check(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)hw;
	exit->exc.vector = VECTOR_MC;
	exit->exc.has_error = false;
	exit->exc.error = 0;
	exit->exc.addr = 0;
}

static void fill_iret(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)exit;
	svm_event_iret(hw);
}

static const struct exit_desc exits[SVM_EXIT_LOW_COUNT] = {
	[SVM_EXIT_CR4_WRITE] = { "cr4-write", EXIT_CR_WRITE, 0, fill_cr },
	[SVM_EXIT_EXCEPTION + VECTOR_MC] = { "machine-check", EXIT_EXCEPTION, 0,
					     fill_machine_check },
	[SVM_EXIT_INTR] = { "intr", EXIT_HOST_INTR, 0, NULL },
	[SVM_EXIT_NMI] = { "nmi", EXIT_HOST_INTR, 0, NULL },
	[SVM_EXIT_INIT] = { "init", EXIT_INIT, 0, NULL },
	[SVM_EXIT_CR0_SEL_WRITE] = { "cr0-write", EXIT_CR_WRITE, 0, fill_cr },
	[SVM_EXIT_RDPMC] = { "rdpmc", EXIT_RDPMC, 2, NULL },
	[SVM_EXIT_CPUID] = { "cpuid", EXIT_CPUID, 2, NULL },
	[SVM_EXIT_RSM] = { "rsm", EXIT_VIRT_INSN, 2, NULL },
	[SVM_EXIT_IRET] = { "iret", EXIT_HOST_INTR, 0, fill_iret },
	[SVM_EXIT_INVD] = { "invd", EXIT_WBINVD, 2, NULL },
	[SVM_EXIT_HLT] = { "hlt", EXIT_HLT, 1, NULL },
	[SVM_EXIT_INVLPGA] = { "invlpga", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_IOIO] = { "ioio", EXIT_IO, 0, fill_io },
	[SVM_EXIT_MSR] = { "rdmsr", EXIT_RDMSR, 2, fill_msr },
	[SVM_EXIT_SHUTDOWN] = { "shutdown", EXIT_SHUTDOWN, 0, NULL },
	[SVM_EXIT_VMRUN] = { "vmrun", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_VMMCALL] = { "vmmcall", EXIT_HYPERCALL, 3, NULL },
	[SVM_EXIT_VMLOAD] = { "vmload", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_VMSAVE] = { "vmsave", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_STGI] = { "stgi", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_CLGI] = { "clgi", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_SKINIT] = { "skinit", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_WBINVD] = { "wbinvd", EXIT_WBINVD, 2, NULL },
	[SVM_EXIT_MONITOR] = { "monitor", EXIT_VIRT_INSN, 3, NULL },
	[SVM_EXIT_MWAIT] = { "mwait", EXIT_VIRT_INSN, 3, NULL },
};

static const struct exit_desc exit_npf = { "nested-page-fault", EXIT_MMIO, 0, fill_npf };
static const struct exit_desc exit_invalid = { "invalid-vmcb", EXIT_BAD_STATE, 0, NULL };
static const struct exit_desc exit_unknown = { "unknown", EXIT_OTHER, 0, NULL };

static const struct exit_desc *exit_find(u64 code)
{
	if (code == SVM_EXIT_NPF)
		return &exit_npf;
	if ((u32)code == SVM_EXIT_INVALID)
		return &exit_invalid;
	if (code < ARRAY_SIZE(exits) && exits[code].name)
		return &exits[code];
	return &exit_unknown;
}

void svm_exit_record(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const struct vmcb *v = hw->vmcb;
	const struct exit_desc *d = exit_find(v->exit_code);

	exit->kind = d->kind;
	exit->name = d->name;
	exit->raw_code = v->exit_code;
	exit->raw_info1 = v->exit_info1;
	exit->raw_info2 = v->exit_info2;
	exit->insn_len = d->len;
	exit->insn_bytes_len = 0;
	if (d->len && svm_caps.next_rip && v->next_rip - hw->regs.rip <= INSN_MAX)
		exit->insn_len = (u8)(v->next_rip - hw->regs.rip);
	if (d->fill)
		d->fill(hw, exit);
}
