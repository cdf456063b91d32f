/* SPDX-License-Identifier: BSD-2-Clause */
/* #VMEXIT codes to neutral exit records (APM vol. 2 15.7-15.13, appendix C). */
#include "arch/x86_64/svm.h"

#include "hv/base/str.h"
#include "hv/base/x86.h"

/*
 * len is for processors without next-RIP, like QEMU's: the length of the
 * instructions that exit often and that nobody prefixes. 0: the caller decodes.
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
	bool known = svm_uses(hw, SVM_F_DECODE) && (info & SVM_CR_MOV);

	exit->cr.cr = 0;
	if (hw->vmcb->exit_code != SVM_EXIT_CR0_SEL_WRITE)
		exit->cr.cr = (u8)(hw->vmcb->exit_code % SVM_EXIT_CR0_WRITE);
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
	/* Fetches give no bytes (15.8.4). */
	if (svm_uses(hw, SVM_F_DECODE) && !exit->mmio.fetch && v->insn_len <= INSN_MAX) {
		exit->insn_bytes_len = v->insn_len;
		memcpy(exit->insn_bytes, v->insn_bytes, v->insn_len);
	}
}

/* #AC has an error code, which is 0 (APM vol. 2 8.2.17). */
static void fill_exception(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	exit->exc.vector = (u8)(hw->vmcb->exit_code - SVM_EXIT_EXCEPTION);
	exit->exc.has_error = exit->exc.vector == VECTOR_AC;
	exit->exc.error = 0;
	exit->exc.addr = 0;
}

static void fill_debug(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	if (svm_event_stepped(hw))
		exit->kind = EXIT_HOST_INTR;
	else
		fill_exception(hw, exit);
}

static void fill_invalid(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	const char *what = svm_check(hw->vmcb, &svm_limits);

	exit->name = what ? what : "VMEXIT_INVALID, though no known check fails";
}

static void fill_iret(struct vcpu_hw *hw, struct vcpu_exit *exit)
{
	(void)exit;
	svm_event_iret(hw);
}

static const struct exit_desc exits[SVM_EXIT_LOW_COUNT] = {
	[SVM_EXIT_CR4_READ] = { .name = "cr4-read", .kind = EXIT_CR_READ, .fill = fill_cr },
	[SVM_EXIT_CR4_WRITE] = { .name = "cr4-write", .kind = EXIT_CR_WRITE, .fill = fill_cr },
	[SVM_EXIT_CR8_WRITE] = { .name = "cr8-write", .kind = EXIT_CR_WRITE, .fill = fill_cr },
	[SVM_EXIT_EXCEPTION + VECTOR_DB] = {
		.name = "debug", .kind = EXIT_EXCEPTION, .fill = fill_debug
	},
	[SVM_EXIT_EXCEPTION + VECTOR_AC] = {
		.name = "alignment-check", .kind = EXIT_EXCEPTION, .fill = fill_exception
	},
	[SVM_EXIT_EXCEPTION + VECTOR_MC] = {
		.name = "machine-check", .kind = EXIT_EXCEPTION, .fill = fill_exception
	},
	[SVM_EXIT_INTR] = { .name = "intr", .kind = EXIT_HOST_INTR },
	[SVM_EXIT_NMI] = { .name = "nmi", .kind = EXIT_HOST_INTR },
	[SVM_EXIT_INIT] = { .name = "init", .kind = EXIT_INIT },
	[SVM_EXIT_CR0_SEL_WRITE] = { .name = "cr0-write", .kind = EXIT_CR_WRITE, .fill = fill_cr },
	[SVM_EXIT_RDPMC] = { .name = "rdpmc", .kind = EXIT_RDPMC },
	[SVM_EXIT_CPUID] = { .name = "cpuid", .kind = EXIT_CPUID },
	[SVM_EXIT_RSM] = { .name = "rsm", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_IRET] = { .name = "iret", .kind = EXIT_HOST_INTR, .fill = fill_iret },
	[SVM_EXIT_INVD] = { .name = "invd", .kind = EXIT_WBINVD },
	[SVM_EXIT_HLT] = { .name = "hlt", .kind = EXIT_HLT, .len = 1 },
	[SVM_EXIT_INVLPGA] = { .name = "invlpga", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_IOIO] = { .name = "ioio", .kind = EXIT_IO, .fill = fill_io },
	[SVM_EXIT_MSR] = { .name = "rdmsr", .kind = EXIT_RDMSR, .len = 2, .fill = fill_msr },
	[SVM_EXIT_SHUTDOWN] = { .name = "shutdown", .kind = EXIT_SHUTDOWN },
	[SVM_EXIT_VMRUN] = { .name = "vmrun", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_VMMCALL] = { .name = "vmmcall", .kind = EXIT_HYPERCALL },
	[SVM_EXIT_VMLOAD] = { .name = "vmload", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_VMSAVE] = { .name = "vmsave", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_STGI] = { .name = "stgi", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_CLGI] = { .name = "clgi", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_SKINIT] = { .name = "skinit", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_WBINVD] = { .name = "wbinvd", .kind = EXIT_WBINVD },
	[SVM_EXIT_MONITOR] = { .name = "monitor", .kind = EXIT_VIRT_INSN },
	[SVM_EXIT_MWAIT] = { .name = "mwait", .kind = EXIT_VIRT_INSN },
};

static const struct exit_desc exit_npf = {
	.name = "nested-page-fault", .kind = EXIT_MMIO, .fill = fill_npf
};
static const struct exit_desc exit_invalid = {
	.name = "invalid-vmcb", .kind = EXIT_BAD_STATE, .fill = fill_invalid
};
static const struct exit_desc exit_incomplete_ipi = {
	.name = "avic-incomplete-ipi", .kind = EXIT_HOST_INTR, .fill = svm_avic_incomplete_ipi
};
static const struct exit_desc exit_noaccel = {
	.name = "avic-noaccel", .kind = EXIT_OTHER, .fill = svm_avic_noaccel
};
static const struct exit_desc exit_unknown = { .name = "unknown", .kind = EXIT_OTHER };

static const struct exit_desc *exit_find(u64 code)
{
	if (code == SVM_EXIT_NPF)
		return &exit_npf;
	if (code == SVM_EXIT_AVIC_INCOMPLETE_IPI)
		return &exit_incomplete_ipi;
	if (code == SVM_EXIT_AVIC_NOACCEL)
		return &exit_noaccel;
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
	exit->host_vector = 0; /* an interrupt is still pending */
	/* Zero unless an instruction was intercepted (15.7.1). */
	if (svm_uses(hw, SVM_F_NEXT_RIP) && v->next_rip && v->next_rip - hw->regs.rip <= INSN_MAX)
		exit->insn_len = (u8)(v->next_rip - hw->regs.rip);
	if (d->fill)
		d->fill(hw, exit);
}
