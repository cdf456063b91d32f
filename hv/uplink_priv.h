/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of uplinks share among themselves. Boot core. */
#ifndef HV_UPLINK_PRIV_H
#define HV_UPLINK_PRIV_H

#include "hv/uplink.h"

/* --- uplink_find.c ------------------------------------------------------------ */

/* Bring the NIC up, once more where it did not before: up->state, or up->why. */
void uplink_attach(struct uplink *up);

/* Have its driver use so many pairs of queues; it is not in use, and its queues are left
 * alone. On an error why (size bytes) says what is wrong, and it has one pair, or is ABSENT.
 * ERR_FULL: it cannot have so many; else as attach(). */
err_t uplink_use_queues(struct uplink *up, u32 n, char *why, size_t size);

/* --- uplink_run.c ------------------------------------------------------------- */

/* Bursts in one turn of a queue; then the guest they are for gets its own, for so long
 * at most: frames wait better in the NIC's ring than in a full guest's. */
#define UPLINK_BURSTS 4
#define UPLINK_TURN_NS (400ull * 1000)

/* Throw away what came while nobody wanted it. The queue's core. */
void uplink_empty_ring(struct nic *nic, u32 queue);

/* The NIC's interrupt handler, and that of another vector of queue 0. */
void uplink_irq(void *up);
void uplink_vector_irq(struct uplink *up, u32 vector);

/* Have the boot core look at it: any core, any context. */
void uplink_look(struct uplink *up);

/* Frames that other queues left for the netif. */
void uplink_relayed(struct uplink *up, struct pkt **pkts, u32 n);

/* May the NIC be reset (struct nic_resources)? */
bool uplink_may_reset(void *up);

/* The NIC is attached (it runs from here on), or in use from now on, or is no longer. */
void uplink_run_attached(struct uplink *up);
void uplink_run_again(struct uplink *up); /* attached another time */
void uplink_run_use(struct uplink *up, bool on);

/* A queue's interrupts come at once from here on; and after a look at it: at once or apart, as
 * the frames and interrupts since say. Its core. */
void uplink_moderate_begin(struct nic *nic, u32 queue, struct moderation *m);
void uplink_moderate(struct nic *nic, u32 queue, struct moderation *m, u64 frames, u64 irqs);

/* The netif's timers may have changed. */
void uplink_arm_net_timer(struct uplink *up);

/* A burst to the NIC, and what it takes now: as in struct netif_setup. */
u32 uplink_tx(void *up, struct pkt **pkts, u32 n);
u32 uplink_tx_room(void *up);

#endif
