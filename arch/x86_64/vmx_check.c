/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a VM entry was refused (SDM vol. 3C 26.2, 26.3.1), and the words of the
 * VM-instruction errors (30.4). */
#include "arch/x86_64/vmx_check.h"

#include "arch/x86_64/vmx.h"

const char *vmx_check_entry(const struct vmx_cap *cap)
{
	const char *(*const parts[])(const struct vmx_cap *) = {
		vmx_check_controls, vmx_check_injection, vmx_check_host,
		vmx_check_guest, vmx_check_segments,
	};
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && !what; i++)
		what = parts[i](cap);
	return what;
}

const char *vmx_insn_error_name(u32 error)
{
	static const char *const names[VMX_ERR_COUNT] = {
		[VMX_ERR_VMCALL_IN_ROOT] = "VMCALL in root operation",
		[VMX_ERR_VMCLEAR_ADDRESS] = "VMCLEAR with a bad address",
		[VMX_ERR_VMCLEAR_VMXON_POINTER] = "VMCLEAR of the VMXON region",
		[VMX_ERR_VMLAUNCH_NOT_CLEAR] = "VMLAUNCH of a VMCS that was launched",
		[VMX_ERR_VMRESUME_NOT_LAUNCHED] = "VMRESUME of a VMCS that was not launched",
		[VMX_ERR_VMRESUME_AFTER_VMXOFF] = "VMRESUME after VMXOFF",
		[VMX_ERR_ENTRY_CONTROLS] = "VM entry with invalid controls",
		[VMX_ERR_ENTRY_HOST_STATE] = "VM entry with invalid host state",
		[VMX_ERR_VMPTRLD_ADDRESS] = "VMPTRLD with a bad address",
		[VMX_ERR_VMPTRLD_VMXON_POINTER] = "VMPTRLD of the VMXON region",
		[VMX_ERR_VMPTRLD_REVISION] = "VMPTRLD of another revision's VMCS",
		[VMX_ERR_FIELD_UNKNOWN] = "a VMCS field that the processor lacks",
		[VMX_ERR_FIELD_READ_ONLY] = "VMWRITE to a read-only field",
		[VMX_ERR_VMXON_IN_ROOT] = "VMXON in root operation",
		[VMX_ERR_ENTRY_EXECUTIVE_POINTER] = "VM entry with a bad executive VMCS",
		[VMX_ERR_ENTRY_EXECUTIVE_STATE] = "VM entry, executive VMCS not launched",
		[VMX_ERR_ENTRY_EXECUTIVE_NOT_VMXON] = "VM entry, executive VMCS not VMXON's",
		[VMX_ERR_VMCALL_NOT_CLEAR] = "VMCALL with a VMCS that is not clear",
		[VMX_ERR_VMCALL_EXIT_CONTROLS] = "VMCALL with invalid VM-exit controls",
		[VMX_ERR_VMCALL_MSEG] = "VMCALL with another MSEG revision",
		[VMX_ERR_VMXOFF_DUAL_MONITOR] = "VMXOFF under dual-monitor treatment",
		[VMX_ERR_VMCALL_SMM] = "VMCALL with invalid SMM features",
		[VMX_ERR_ENTRY_EXECUTIVE_CONTROLS] = "VM entry, executive controls invalid",
		[VMX_ERR_ENTRY_MOV_SS] = "VM entry behind MOV SS",
		[VMX_ERR_INVALIDATE_OPERAND] = "INVEPT or INVVPID with a bad operand",
	};

	if (error < ARRAY_SIZE(names) && names[error])
		return names[error];
	return "no error number";
}
