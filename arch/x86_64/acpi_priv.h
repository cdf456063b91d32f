/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of single ACPI tables that have files of their own. */
#ifndef ARCH_X86_64_ACPI_PRIV_H
#define ARCH_X86_64_ACPI_PRIV_H

#include "arch/x86_64/acpi.h"

/* The whole table of len bytes, its checksum good, into info->numa; entries that are
 * malformed or too many are counted in info->bad. */
void acpi_parse_srat(struct acpi_info *info, const u8 *t, u32 len, const struct phys_view *v);

#endif
