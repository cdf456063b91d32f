/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which cores guests and dispatchers get where the configuration does not say. The boot
 * core has the NIC and its interrupts, so guests take it last, and a dispatcher first.
 */
#ifndef HV_PLACEMENT_H
#define HV_PLACEMENT_H

#include "hv/base/plat.h"
#include "hv/base/types.h"

/* What the node's cores are used for; core 0 is the boot core. */
struct placement {
	u32 cores; /* that the node uses, 1 to PLAT_MAX_CORES */
	u32 vcpus[PLAT_MAX_CORES]; /* pinned to it, of all guests, running or not */
	bool dispatcher[PLAT_MAX_CORES];
	u32 queues[PLAT_MAX_CORES]; /* further ones of uplinks (placement_queue()) */
};

/*
 * A core for each of cpus vCPUs into core[], ascending and none twice: those with the
 * fewest vCPUs, of equal ones the lowest, the boot core after them. There have to be cpus
 * cores without a dispatcher.
 */
void placement_guest(const struct placement *p, u32 cpus, u32 *core);

/* A core without vCPUs and dispatcher, the boot core first; p->cores: there is none. */
u32 placement_dispatcher(const struct placement *p);

/*
 * A core for a further queue of an uplink, not the boot core, which has the first one: one
 * that is not taken by another queue of that uplink, dispatchers first, of those the ones with the
 * fewest queues, of equal ones the lowest. There has to be one.
 */
u32 placement_queue(const struct placement *p, const bool *taken);

#endif
