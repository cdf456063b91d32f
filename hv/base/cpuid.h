/* SPDX-License-Identifier: BSD-2-Clause */
/* The four registers that CPUID fills in. */
#ifndef HV_BASE_CPUID_H
#define HV_BASE_CPUID_H

#include "hv/base/types.h"

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

/* Bits of an id that numbers `count` things: the smallest n with 1 << n >= count. */
static inline u32 cpuid_bits_for(u32 count)
{
	u32 bits = 0;

	while (1u << bits < count)
		bits++;
	return bits;
}

#endif
