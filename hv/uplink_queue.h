/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further queues of an uplink's NIC, each of which belongs to a core other than the boot
 * core: that takes whole datagrams of known links straight to the overlay, and leaves all
 * else to the boot core, by a ring. Queue 0 is the uplink's own (uplink_run.c).
 */
#ifndef HV_UPLINK_QUEUE_H
#define HV_UPLINK_QUEUE_H

#include "hv/base/ring.h"
#include "hv/core.h"
#include "hv/uplink.h"
#include "vnet/net/udp_side.h"

/* Frames on their way to the boot core: a power of two. */
#define UPLINK_RELAY 256u

/* All of it is its core's, but where it is said. */
struct uplink_queue {
	struct uplink *up;
	u32 index, core; /* set once */
	struct pkt_pool rx_pool;
	struct ring relay; /* to the boot core */
	void *relay_slot[UPLINK_RELAY];
	u32 look, came; /* atomic: the interrupt handler's word */
	u32 park;	/* atomic; the boot core's: leave the queue alone */
	u32 parked;	/* atomic: it is left alone */
	bool stale;	/* the boot core's while it is parked: what is in the ring is old */
	u64 services;	/* times that it was looked at */
	u64 irqs;	/* for received frames; written by the interrupt handler */
	struct moderation moderation;
	u64 frames;	/* that were taken from it; of these: */
	u64 relayed;	/* given to the boot core */
	u64 relay_full; /* dropped, because that had no place for them */
	/* Sending: a netif for its burst and counters alone, with the address and the
	 * headers that the boot core's has (link_lane.c). */
	struct netif tx;
	const struct edge *sender; /* for captures */
	bool waiting_for_tx;
	u32 room_seen; /* atomic: as of the last look; for the queue's core */
	u32 drained;   /* atomic, the boot core's: see struct edge_lane */
};

/* --- boot core -------------------------------------------------------------------- */

/* Have so many queues, from the first, a core and a pool each, before the NIC is attached
 * with them. ERR_FULL: why (size bytes) says what is missing. ERR_NOMEM. */
err_t uplink_queues_prepare(struct uplink *up, u32 n, char *why, size_t size);

/* Its vectors of MSI-X but the first, to the queues' cores. */
err_t uplink_queues_enable(struct uplink *up);

/* The queues are at work from now on; what came before is thrown away. */
void uplink_queues_start(struct uplink *up);

/* Ask their cores to leave them; true: all have. uplink_queues_stop() waits for that, but
 * not for long: ERR_TIMEOUT. uplink_queues_go() undoes both. */
bool uplink_queues_park(struct uplink *up);
err_t uplink_queues_stop(struct uplink *up);
void uplink_queues_go(struct uplink *up);

/* What other cores know of its address and ports has changed. */
void uplink_queues_tell(struct uplink *up);

/* Frames that the queues left for the netif: true when there are more. */
bool uplink_queues_relayed(struct uplink *up);

/* The netif begins anew: so do the queues' ones. */
void uplink_queues_netif(struct uplink *up);

/* The NIC has sent all that queue 0 had. */
void uplink_queues_drained(struct uplink *up);

/* What the stack, with its part in all queues, dropped for this reason. */
u64 uplink_stack_drops(const struct uplink *up, enum net_drop reason);

/* --- a queue's core --------------------------------------------------------------------- */

/* CORE_EV_NIC: its queues of all uplinks. */
void uplink_queues_look(struct core *c);

/* Frames that it can send now; 0 while it is left alone. The end of a burst of sending. */
u32 uplink_queue_room(struct uplink_queue *q);
void uplink_queue_flush(struct uplink_queue *q);

/* This frame is the boot core's. */
void uplink_queue_relay(struct uplink_queue *q, struct pkt *p);

#endif
