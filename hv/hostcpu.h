/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests' emulation asks of the physical processor and its clock. */
#ifndef HV_HOSTCPU_H
#define HV_HOSTCPU_H

#include "hv/base/cpuid.h"
#include "hv/base/types.h"

/* cpuid_config.host: the same answer each time, on each core. */
struct cpuid_regs hostcpu_cpuid(void *ctx, u32 leaf, u32 subleaf);

/* Read the machine's real-time clock once; boot core, at start. */
void hostcpu_clock_init(void);

/* Time of day in ns since 1970, UTC as the real-time clock has it. Any core. */
u64 hostcpu_unix_ns(void);

#endif
