/* SPDX-License-Identifier: BSD-2-Clause */
/* The few privileged instructions that host-tested code uses: a flag and a clock. */
#ifndef TESTS_HOST_ARCH_CPU_H
#define TESTS_HOST_ARCH_CPU_H

#include <arch/msr.h>

#include "hv/base/types.h"

extern bool host_irqs_on; /* tests/host/fake_backend.c */
extern u64 host_tsc;

static inline void cpu_irq_enable(void)
{
	host_irqs_on = true;
}

static inline void cpu_irq_disable(void)
{
	host_irqs_on = false;
}

static inline u64 rdtsc(void)
{
	return host_tsc;
}

#endif
