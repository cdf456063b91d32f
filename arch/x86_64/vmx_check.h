/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of vmx_check_entry() (arch/x86_64/vmx.h): the rules of VM entry in the
 * order of SDM vol. 3C 26.2 and 26.3.1, over the current VMCS. Each returns the
 * first rule that does not hold, in words (static), or NULL.
 */
#ifndef ARCH_X86_64_VMX_CHECK_H
#define ARCH_X86_64_VMX_CHECK_H

#include <arch/vmx.h>

#include "arch/x86_64/vmx_ctl.h"

const char *vmx_check_controls(const struct vmx_cap *cap);
const char *vmx_check_injection(const struct vmx_cap *cap);
const char *vmx_check_host(const struct vmx_cap *cap);
const char *vmx_check_guest(const struct vmx_cap *cap);
const char *vmx_check_segments(const struct vmx_cap *cap);

struct vmx_rule {
	bool fails;
	const char *what;
};

static inline const char *vmx_rule_first(const struct vmx_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rules[i].fails)
			return rules[i].what;
	return NULL;
}

#define VMX_UPPER_HALF (~0ull << 32)
#define VMX_PAGE_OFFSET 0xfffull

static inline bool vmx_is_canonical(const struct vmx_cap *cap, u64 addr)
{
	u64 sign = ~0ull << (cap->linear_bits - 1);

	return (addr & sign) == 0 || (addr & sign) == sign;
}

/* An address of a structure: its low bits (a mask) are not 0, or it lies beyond
 * what the processor can address there. */
static inline bool vmx_is_bad_address(const struct vmx_cap *cap, u64 addr, u64 low)
{
	u8 bits = cap->basic & VMX_BASIC_32BIT ? 32 : cap->phys_bits;

	return addr & low || addr >> bits;
}

/* Memory types 2 and 3 are reserved, and there is none above 7. */
static inline bool vmx_is_bad_pat(u64 pat)
{
	for (u32 i = 0; i < sizeof(pat); i++, pat >>= 8) {
		u8 type = (u8)pat;

		if (type > 7 || type == 2 || type == 3)
			return true;
	}
	return false;
}

/* Secondary controls count as 0 while the primary ones do not switch them on. */
static inline u32 vmx_proc2_in_force(void)
{
	return vmcs_read(VMCS_PROC) & VMX_PROC_SECONDARY ? (u32)vmcs_read(VMCS_PROC2) : 0;
}

#define VMX_EFER_DEFINED (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

#endif
