/* SPDX-License-Identifier: BSD-2-Clause */
/* The four registers that CPUID fills in. */
#ifndef HV_BASE_CPUID_H
#define HV_BASE_CPUID_H

#include "hv/base/types.h"

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

#endif
