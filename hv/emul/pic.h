/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's pair of 8259A interrupt controllers with ELCR (Intel 8259A
 * datasheet; ICH9 datasheet 13.4). Callers serialise.
 *
 * A short pulse on an edge-triggered input stays requested: devices here need
 * not hold the line until it is acknowledged.
 */
#ifndef HV_EMUL_PIC_H
#define HV_EMUL_PIC_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/mem/iomap.h"

#define PIC_IRQS 16

/* The INTR output changed: LINT0 of the boot processor's local APIC. */
typedef void (*pic_output)(void *ctx, bool level);

struct pic_chip {
	u8 irr, isr, imr;
	u8 lines, elcr;	 /* input levels; 1: level-triggered */
	u8 base;	 /* vector of input 0 */
	u8 lowest;	 /* input with the lowest priority */
	u8 icw;		 /* number of the expected initialisation word, 0: none */
	bool want_icw4, single;
	bool auto_eoi, rotate_auto_eoi, special_mask, read_isr, poll;
};

struct pic {
	struct pic_chip chip[2]; /* master, slave */
	bool out;
	pic_output output;
	void *ctx;
	u64 spurious;
};

void pic_init(struct pic *p, pic_output output, void *ctx);
void pic_reset(struct pic *p);
/* Register the ports of both chips and the ELCR. */
err_t pic_attach(struct pic *p, struct iomap *io);

/* ISA interrupt input; 2 (the cascade) and numbers above 15 are ignored. */
void pic_set_line(struct pic *p, u32 irq, bool level);

/* INTR is asserted. */
bool pic_pending(const struct pic *p);

/* The interrupt acknowledge cycle: the vector (spurious ones included). */
u8 pic_ack(struct pic *p);

#endif
