/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC of each core, in xAPIC or x2APIC mode (SDM vol. 3A ch. 10). */
#ifndef ARCH_APIC_H
#define ARCH_APIC_H

#include "hv/base/err.h"
#include "hv/base/types.h"

/* Enable the calling core's APIC, its timer masked. Boot core first: it picks
 * the mode. mmio_base is where the xAPIC's registers are. */
void apic_init(u64 mmio_base);

u32 apic_id(void);
bool apic_is_x2(void);
void apic_eoi(void);

/* Fixed interrupt, NMI, INIT or start-up IPI to the APIC with this id. Waits,
 * bounded, until the last one has been sent; ERR_TIMEOUT. Interrupts off. */
err_t apic_ipi(u32 dest, u8 vector);
err_t apic_nmi(u32 dest);
err_t apic_init_ipi(u32 dest);
err_t apic_startup_ipi(u32 dest, u8 page);
/* NMI to all cores but this one. */
void apic_nmi_others(void);

/* One-shot timer: an interrupt on `vector` after count ticks of the undivided
 * APIC clock; 0 stops it. */
void apic_timer_setup(u8 vector, bool tsc_deadline);
void apic_timer_start(u32 count);
u32 apic_timer_left(void);

#endif
