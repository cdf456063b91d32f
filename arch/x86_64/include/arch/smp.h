/* SPDX-License-Identifier: BSD-2-Clause */
/* The other cores: start, hand-over to the hypervisor, interrupts between cores. */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* What every core sets up for itself after desc_load(): control registers,
 * local APIC, timer. */
void cpu_init_core(u64 apic_base);

/* Start the processors with these APIC ids (the own one is skipped), one after
 * the other, through the page `trampoline` below 1 MiB; each then waits for
 * smp_start(). Those that do not answer or are too many are reported. Boot
 * core, interrupts off. Returns the number of cores online, this one included. */
u32 smp_init(const u32 *apic_ids, u32 count, u64 trampoline, u64 apic_base);

u32 smp_core_count(void);

/* Let all other cores call fn(core) with interrupts off. Boot core, once. */
void smp_start(void (*fn)(unsigned core));

/* Interrupt core `core` on vector. Any context; nothing happens for a core
 * that is not online. */
void arch_ipi(unsigned core, u8 vector);

#endif
