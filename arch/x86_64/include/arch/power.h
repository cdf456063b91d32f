/* SPDX-License-Identifier: BSD-2-Clause */
/* Reset and power-off of the machine. */
#ifndef ARCH_POWER_H
#define ARCH_POWER_H

#include "hv/base/types.h"

/* What ACPI says about both; see struct acpi_info. NULL: nothing known. */
struct acpi_info;
void power_init(const struct acpi_info *acpi);

/* FADT reset register, then the keyboard controller, then a triple fault. */
NORETURN void arch_reset(void);

/* ACPI S5. Returns (after a second) where that is not known or does not work. */
void arch_poweroff(void);

#endif
