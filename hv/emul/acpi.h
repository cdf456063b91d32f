/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables for a guest (ACPI 6.4; not hardware-reduced): RSDP, XSDT, FADT,
 * FACS, DSDT, MADT, MCFG and, with NUMA nodes, SRAT. The DSDT is hv/emul/dsdt.asl,
 * compiled at build time. The hardware they describe is that of machine.h.
 */
#ifndef HV_EMUL_ACPI_H
#define HV_EMUL_ACPI_H

#include "hv/base/err.h"
#include "hv/mem/gmem.h"

#define ACPI_MAX_VCPUS 254
#define ACPI_MAX_GUEST_MEMORY 8

struct acpi_guest_memory {
	gpa_t base;
	u64 size;
	u32 node;
};

/* What differs between guests. */
struct acpi_guest {
	u32 vcpus;	    /* their APIC ids are 0 .. vcpus-1 */
	const u8 *node;	    /* of each; NULL: the guest knows of no NUMA nodes */
	const struct acpi_guest_memory *memory;
	u32 memory_count;   /* at most ACPI_MAX_GUEST_MEMORY */
};

/*
 * Write the tables for this machine to MACHINE_ACPI_BASE, which must be writable guest
 * memory. *rsdp is where a boot loader says they are. ERR_INVAL: no or too many
 * processors or pieces of memory; ERR_RANGE: no memory there. Before the guest runs.
 */
err_t acpi_build(struct gmem *gm, const struct acpi_guest *guest, gpa_t *rsdp);

#endif
