/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's 8254 timer, counters 0 (interrupt 0) and 2 (speaker), and port
 * 61h with gate and output of counter 2 (Intel 8254 datasheet; ICH9 datasheet
 * 13.3, 13.7.1). Counter 1 once refreshed memory and only counts. Callers
 * serialise.
 */
#ifndef HV_EMUL_PIT_H
#define HV_EMUL_PIT_H

#include "hv/base/err.h"
#include "hv/base/types.h"
#include "hv/emul/irqchip.h"
#include "hv/mem/iomap.h"

#define PIT_HZ 1193182u
#define PIT_COUNTERS 3

struct pit_counter {
	u32 count;	 /* loaded: 1 .. 65536 (BCD: 10000) */
	u8 mode;	 /* 0 .. 5 */
	u8 access;	 /* 1: low byte, 2: high byte, 3: low, then high */
	bool bcd;
	bool gate;
	bool loaded;	 /* a count was written since the control word */
	bool running;	 /* counts now, since start_ns */
	bool high_next_write, high_next_read;
	bool count_latched, status_latched;
	u8 low_byte;	 /* first half of a count being written */
	u8 status_latch;
	u16 count_latch;
	u64 start_ns;
	u64 held_ticks;	 /* elapsed when it stopped */
};

struct pit {
	struct pit_counter c[PIT_COUNTERS];
	u64 fired;	   /* periods of counter 0 that gave an interrupt */
	u64 not_before_ns; /* lower bound of the next interrupt */
	u8 port61;	   /* writable bits */
	const struct irq_sink *irq;
	u64 ticks_coalesced;
};

void pit_init(struct pit *p, const struct irq_sink *irq);
void pit_reset(struct pit *p);
err_t pit_attach(struct pit *p, struct iomap *io);

/* When pit_poll() has something to do; UINT64_MAX: never. */
u64 pit_next_ns(const struct pit *p);
/* Pulse ISA interrupt 0 when due. Missed periods become one interrupt. */
void pit_poll(struct pit *p, u64 now_ns);

#endif
