/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time by the TSC, and each core's one-shot timer interrupt
 * (IRQ_VECTOR_TIMER; give it a handler with irq_register()).
 */
#ifndef ARCH_TIME_H
#define ARCH_TIME_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* Start the clock: calibrate the TSC against the PIT, or the ACPI PM timer at
 * pm_timer_port (0: none). Boot core, once. ERR_TIMEOUT: neither moves; a rate
 * of 1 GHz is assumed then. */
err_t time_init(u16 pm_timer_port);

/* The calling core's timer; the boot core first, which measures its rate. */
void time_init_core(void);

u64 tsc_khz(void);
/* It keeps its rate whatever the core's power state (SDM vol. 3B 18.17.1). */
bool time_tsc_is_invariant(void);
/* TSC value at a plat_now_ns() time, and the reverse. */
u64 time_ns_to_tsc(u64 ns);
u64 time_tsc_to_ns(u64 tsc);

/* Busy wait. */
void udelay(u32 us);

/* One timer interrupt on the calling core at deadline_ns or, where the
 * counter is too short, earlier: the handler looks at the clock and sets it
 * again. A deadline in the past fires at once. Interrupts off. */
void arch_timer_set(u64 deadline_ns);
void arch_timer_stop(void);

#endif
