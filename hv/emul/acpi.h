/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables for a guest (ACPI 6.4; not hardware-reduced): RSDP, XSDT, FADT,
 * FACS, DSDT, MADT, MCFG. The DSDT is hv/emul/dsdt.asl, compiled at build time.
 * The hardware they describe is that of machine.h.
 */
#ifndef HV_EMUL_ACPI_H
#define HV_EMUL_ACPI_H

#include "hv/base/err.h"
#include "hv/mem/gmem.h"

#define ACPI_MAX_VCPUS 254

/*
 * Write the tables for vcpus processors with APIC ids 0 .. vcpus-1 to
 * MACHINE_ACPI_BASE, which must be writable guest memory. *rsdp is where a
 * boot loader says they are. ERR_INVAL: no or too many processors; ERR_RANGE:
 * no memory there. Before the guest runs.
 */
err_t acpi_build(struct gmem *gm, u32 vcpus, gpa_t *rsdp);

#endif
