/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt vectors of the host. One table for all cores; a handler runs with
 * interrupts off on the core that took the interrupt, and the end of interrupt
 * is signalled after it returns.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "hv/base/err.h"
#include "hv/base/types.h"

#define IRQ_VECTOR_PIC 0x20	/* .. 2F: what the masked 8259s may still send */
#define IRQ_VECTOR_DYNAMIC 0x30 /* .. DF: handed out by irq_vector_alloc() */
#define IRQ_VECTOR_DYNAMIC_END 0xdf
#define IRQ_VECTOR_TIMER 0xe0
#define IRQ_VECTOR_WAKE 0xf0 /* interrupt a core; no handler needed */
#define IRQ_VECTOR_POSTED 0xf1 /* something was posted for a vCPU; a guest's core takes it in */
#define IRQ_VECTOR_SPURIOUS 0xff

typedef void (*irq_fn)(void *ctx);

/* Set (fn NULL: remove) the handler of a vector from IRQ_VECTOR_DYNAMIC up.
 * Boot core; ERR_RANGE below that. */
err_t irq_register(u8 vector, irq_fn fn, void *ctx);

/* A free vector with this handler, for MSI and the like; -1 when none is left. */
int irq_vector_alloc(irq_fn fn, void *ctx);

/* Route ISA interrupt `irq` (as the MADT's overrides say) or global system
 * interrupt `gsi` to the boot core on a vector of its own, and unmask it. PCI's
 * INTx is level, active low. ERR_NOENT: no I/O APIC has that input; ERR_NOMEM:
 * no vector; ERR_BUSY: the input is in use with another trigger mode. A level
 * input may be shared: its handlers are all called. */
err_t irq_isa_enable(u8 irq, irq_fn fn, void *ctx);
err_t irq_gsi_enable(u32 gsi, bool level, bool active_low, irq_fn fn, void *ctx);

/* PCI INTx that firmware routed to ISA interrupt `irq`: level and active low
 * unless an override says otherwise. */
err_t irq_pci_enable(u8 irq, irq_fn fn, void *ctx);
void irq_gsi_mask(u32 gsi, bool masked);

/* Call the handlers of an interrupt that this core took, and end it: the interrupt half of
 * trap_dispatch(), and for a VM exit that acknowledged one. Interrupts off. */
void irq_dispatch(u8 vector);

#endif
