/* SPDX-License-Identifier: BSD-2-Clause */
/* The fields of a VMCS that matter in a crash report. */
#include "arch/x86_64/vmx.h"

#include "hv/base/fmt.h"

#define LINE_MAX 160

static const struct {
	const char *name;
	enum vmcs_field field;
} lines[][4] = {
	{ { "exit", VMCS_EXIT_REASON }, { "qualification", VMCS_QUALIFICATION },
	  { "gpa", VMCS_GUEST_PHYSICAL }, { "linear", VMCS_GUEST_LINEAR } },
	{ { "exit-intr", VMCS_EXIT_INTR }, { "vectoring", VMCS_IDT_VECTORING },
	  { "entry-intr", VMCS_ENTRY_INTR }, { "insn-len", VMCS_EXIT_INSN_LEN } },
	{ { "pin", VMCS_PIN }, { "proc", VMCS_PROC }, { "proc2", VMCS_PROC2 },
	  { "insn-error", VMCS_INSN_ERROR } },
	{ { "exit-ctl", VMCS_EXIT }, { "entry-ctl", VMCS_ENTRY }, { "vpid", VMCS_VPID },
	  { "eptp", VMCS_EPTP } },
	{ { "shadow", VMCS_GUEST_SHADOW }, { "activity", VMCS_GUEST_ACTIVITY },
	  { "pending-debug", VMCS_GUEST_PENDING_DEBUG }, { "tsc-offset", VMCS_TSC_OFFSET } },
	{ { "cr0", VMCS_GUEST_CR0 }, { "cr4", VMCS_GUEST_CR4 }, { "efer", VMCS_GUEST_EFER },
	  { "rflags", VMCS_GUEST_RFLAGS } },
	{ { "cs-ar", VMCS_GUEST_CS_AR }, { "ss-ar", VMCS_GUEST_SS_AR },
	  { "ds-ar", VMCS_GUEST_DS_AR }, { "tr-ar", VMCS_GUEST_TR_AR } },
};

void vmx_dump(struct vcpu_hw *hw, void (*line)(void *ctx, const char *text), void *ctx)
{
	char text[LINE_MAX];

	if (!hw->loaded) {
		line(ctx, "its VMCS is not loaded");
		return;
	}
	for (size_t l = 0; l < ARRAY_SIZE(lines); l++) {
		size_t len = 0;

		for (size_t i = 0; i < ARRAY_SIZE(lines[l]); i++)
			fmt_append(text, sizeof(text), &len, "%s%s %lx", i ? " " : "vmcs ",
				   lines[l][i].name, vmcs_read(lines[l][i].field));
		line(ctx, text);
	}
}
