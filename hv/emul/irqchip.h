/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How emulated devices raise interrupts: an ISA/GSI line by number, or a
 * message-signalled interrupt by address and data (SDM vol. 3A 11.11). The VM
 * connects both to its I/O APIC, PIC and local APICs.
 */
#ifndef HV_EMUL_IRQCHIP_H
#define HV_EMUL_IRQCHIP_H

#include "hv/base/types.h"

struct irq_sink {
	void (*set_line)(void *ctx, u32 gsi, bool level);
	void (*msi)(void *ctx, u64 addr, u32 data);
	void *ctx;
};

static inline void irq_line(const struct irq_sink *s, u32 gsi, bool level)
{
	s->set_line(s->ctx, gsi, level);
}

static inline void irq_msi(const struct irq_sink *s, u64 addr, u32 data)
{
	s->msi(s->ctx, addr, data);
}

#endif
