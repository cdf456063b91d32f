/* SPDX-License-Identifier: BSD-2-Clause */
/* The end: plat_die() and what leads there. */
#ifndef ARCH_DIE_H
#define ARCH_DIE_H

#include "hv/base/types.h"

struct trap_frame;

/* After its dump a dying node resets after this many seconds; 0: it holds. */
void die_set_reboot(u32 seconds);

/* Called once on the dying core after the registers are out, to add the state
 * of VMs. Must not allocate or wait. */
void die_set_dump(void (*fn)(void));

/* An exception in the hypervisor: dump and stop. */
NORETURN void die_trap(const struct trap_frame *f);

/* An NMI: stops this core when another one is dying, else it is counted. */
void die_nmi(void);

#endif
