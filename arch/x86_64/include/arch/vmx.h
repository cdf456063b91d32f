/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMX instructions, one inline function each (SDM vol. 3C ch. 30). */
#ifndef ARCH_VMX_H
#define ARCH_VMX_H

#include <arch/cpu.h>

#include "arch/x86_64/vmx_vmcs.h"

/* An access to a field that the processor does not have: logged, harmless. */
void vmcs_access_failed(enum vmcs_field field, bool write);

/* A field of the current VMCS; 0 when the processor has no such field. */
static inline u64 vmcs_read(enum vmcs_field field)
{
	u64 value;
	bool failed;

	__asm__ volatile("vmread %2, %0" : "=r"(value), "=@ccbe"(failed) : "r"((u64)field));
	if (__builtin_expect(failed, false)) {
		vmcs_access_failed(field, false);
		return 0;
	}
	return value;
}

static inline void vmcs_write(enum vmcs_field field, u64 value)
{
	bool failed;

	__asm__ volatile("vmwrite %1, %2"
			 : "=@ccbe"(failed)
			 : "r"(value), "r"((u64)field)
			 : "memory");
	if (__builtin_expect(failed, false))
		vmcs_access_failed(field, true);
}

/* The operand is the physical address of the region. */
#define VMX_REGION_INSN(name, insn)                             \
	static inline enum vmx_result name(u64 region)          \
	{                                                       \
		bool invalid, valid;                            \
		__asm__ volatile(insn " %2"                     \
				 : "=@ccc"(invalid), "=@ccz"(valid) \
				 : "m"(region)                  \
				 : "memory");                   \
		if (invalid)                                    \
			return VMX_FAIL_INVALID;                \
		return valid ? VMX_FAIL_VALID : VMX_OK;         \
	}

VMX_REGION_INSN(vmclear, "vmclear")
VMX_REGION_INSN(vmptrld, "vmptrld")

/* CR4.VMXE is set. */
static inline enum vmx_result vmxon(u64 region)
{
	u8 invalid = 0, valid = 0, fault = 1;

	__asm__ volatile("1: vmxon %3\n\t"
			 "setc %0\n\t"
			 "setz %1\n\t"
			 "movb $0, %2\n\t"
			 "2:\n\t" TRAP_FIXUP(1b, 2b)
			 : "+q"(invalid), "+q"(valid), "+q"(fault)
			 : "m"(region)
			 : "cc", "memory");
	if (fault)
		return VMX_FAULT;
	if (invalid)
		return VMX_FAIL_INVALID;
	return valid ? VMX_FAIL_VALID : VMX_OK;
}

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" ::: "cc", "memory");
}

/* What INVEPT and INVVPID forget (30.3). */
enum vmx_invalidate { VMX_SINGLE = 1, VMX_ALL = 2 };

struct vmx_invalidate_operand {
	u64 what; /* EPT pointer or VPID */
	u64 zero; /* linear address, of types not used here */
};

#define VMX_INVALIDATE_INSN(name, insn)                                            \
	static inline enum vmx_result name(enum vmx_invalidate type, u64 what)     \
	{                                                                          \
		const struct vmx_invalidate_operand operand = { .what = what };    \
		bool invalid, valid;                                               \
		__asm__ volatile(insn " %2, %3"                                    \
				 : "=@ccc"(invalid), "=@ccz"(valid)                \
				 : "m"(operand), "r"((u64)type)                    \
				 : "memory");                                      \
		if (invalid)                                                       \
			return VMX_FAIL_INVALID;                                   \
		return valid ? VMX_FAIL_VALID : VMX_OK;                            \
	}

VMX_INVALIDATE_INSN(invept, "invept")
VMX_INVALIDATE_INSN(invvpid, "invvpid")

#endif
