/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's I/O APICs (Intel 82093AA; ACPI 6.4 5.2.12.3 and 5.2.12.5). */
#ifndef ARCH_IOAPIC_H
#define ARCH_IOAPIC_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define IOAPIC_MAX 8

struct ioapic_line {
	u8 vector; /* 0: not in use */
	bool level;
	bool active_low;
};

/* Add the I/O APIC at phys whose inputs start at gsi_base; masks all inputs. */
err_t ioapic_add(u64 phys, u32 gsi_base);

/* ISA interrupt irq is wired to gsi with this trigger mode and polarity. */
void ioapic_override(u8 irq, u32 gsi, bool level, bool active_low);
/* Where it is wired; *line gets its trigger mode and polarity. */
u32 ioapic_isa_gsi(u8 irq, struct ioapic_line *line);

/* What was set before; ERR_NOENT when no I/O APIC has this input. */
err_t ioapic_get(u32 gsi, struct ioapic_line *line);
/* Program and unmask, fixed delivery to core. */
err_t ioapic_set(u32 gsi, const struct ioapic_line *line, u32 core);
void ioapic_mask(u32 gsi, bool masked);

#endif
