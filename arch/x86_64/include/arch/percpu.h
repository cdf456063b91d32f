/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each core has for itself, reached through GS. Nothing of it moves or
 * is freed; the boot core's is usable from the first line of boot_main().
 */
#ifndef ARCH_PERCPU_H
#define ARCH_PERCPU_H

#include "hv/base/plat.h"
#include "hv/base/types.h"

struct cpu {
	struct cpu *self; /* offset 0: gs:0 */
	u32 index;	  /* offset 8: plat_core() */
	u32 apic_id;
	bool online;	  /* it runs our code; written once by the core itself */
	u32 dying;	  /* depth of plat_die() on this core */
	u64 irq_devices;  /* interrupts of devices, neither its timer's nor other cores' */
	u64 irq_spurious; /* vectors that nobody registered, and the APIC's own */
	u64 nmi_count;	  /* NMIs that stopped nothing */
	u64 tsc_online;	  /* its TSC when it came online */
};

STATIC_ASSERT(offsetof(struct cpu, self) == 0, "read as gs:0");
STATIC_ASSERT(offsetof(struct cpu, index) == 8, "read as gs:8");

extern struct cpu cpus[PLAT_MAX_CORES];

/* The calling core's. */
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("movq %%gs:0, %0" : "=r"(c));
	return c;
}

#endif
