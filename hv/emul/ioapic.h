/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's I/O APIC: 24 inputs, each with a redirection entry that turns
 * the line into a message to local APICs (Intel 82093AA datasheet; ICH9
 * datasheet 13.5 for the EOI register). One per VM; callers serialise.
 */
#ifndef HV_EMUL_IOAPIC_H
#define HV_EMUL_IOAPIC_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/lapic.h"
#include "hv/emul/machine.h"
#include "hv/mem/iomap.h"

/* The message goes out; fixed and lowest priority, NMI, INIT or ExtINT. */
typedef void (*ioapic_deliver)(void *ctx, const struct lapic_ipi *ipi);

struct ioapic {
	u64 entry[MACHINE_IOAPIC_PINS]; /* redirection table */
	u32 lines;   /* level of each input */
	u8 id;
	u8 select;
	ioapic_deliver deliver;
	void *ctx;
	u64 sent;
	u64 masked_edges; /* edges on masked inputs: lost, as in hardware */
};

void ioapic_init(struct ioapic *io, ioapic_deliver deliver, void *ctx);
/* All inputs masked; the lines keep their levels. */
void ioapic_reset(struct ioapic *io);

/* Register the MMIO page in the guest's memory map. */
err_t ioapic_attach(struct ioapic *io, struct iomap *mmio);

/* Input `gsi` is at this level now; numbers without an input are ignored. Who
 * shares a level-triggered input ORs the sources himself. */
void ioapic_set_line(struct ioapic *io, u32 gsi, bool level);

/* A local APIC ended a level-triggered vector (lapic_ops.eoi): inputs that are
 * still raised deliver again. */
void ioapic_eoi(struct ioapic *io, u8 vector);

/* io_handler: dev is a struct ioapic, addr the offset in its page. */
void ioapic_mmio(void *dev, struct io_access *a);

#endif
