/* SPDX-License-Identifier: BSD-2-Clause */
/* What boot/start.c has for the rest of the hypervisor, and where it goes. */
#ifndef BOOT_START_H
#define BOOT_START_H

#include "boot/multiboot.h"
#include "hv/mem/heap.h"

/* "git describe" of the source, from the Makefile. */
extern const char boot_version[];

/* The heap behind plat_alloc(), for its counters. */
const struct heap *boot_heap(void);

/* What firmware says of NUMA (arch/x86_64/acpi.h); nothing: its node_count is 0. */
struct acpi_numa;
const struct acpi_numa *boot_numa(void);

/* The IOMMUs that firmware tells of: how many, and the registers' address of the i-th. */
u32 boot_iommu_count(void);
u64 boot_iommu(u32 i, bool *amd);

/* The hypervisor proper, in hv/main.c: boot core, interrupts off, the other
 * cores wait for smp_start(). bi stays valid. */
NORETURN void hv_main(const struct boot_info *bi);

#endif
