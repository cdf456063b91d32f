/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of uplinks share among themselves. Boot core. */
#ifndef HV_UPLINK_PRIV_H
#define HV_UPLINK_PRIV_H

#include "hv/uplink.h"

/* --- uplink_find.c ------------------------------------------------------------ */

/* Bring the NIC up, once more where it did not before: up->state, or up->why. */
void uplink_attach(struct uplink *up);

/* --- uplink_run.c ------------------------------------------------------------- */

/* The NIC's interrupt handler. */
void uplink_irq(void *up);

/* The NIC is attached (it runs from here on), or in use from now on, or is no longer. */
void uplink_run_attached(struct uplink *up);
void uplink_run_use(struct uplink *up, bool on);

/* The netif's timers may have changed. */
void uplink_arm_net_timer(struct uplink *up);

/* A burst to the NIC, and what it takes now: as in struct netif_setup. */
u32 uplink_tx(void *up, struct pkt **pkts, u32 n);
u32 uplink_tx_room(void *up);

#endif
