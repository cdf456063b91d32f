/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports that change cores, as the forwarding step sees it; see queues.h, move.c. */
#ifndef VNET_MOVE_H
#define VNET_MOVE_H

#include "vnet/vnet.h"

/* Where the hand-over of a way stands. */
enum move_step {
	MOVE_NONE,     /* or asked for, and the owner has not looked yet */
	MOVE_STOPPING, /* the owner takes nothing new */
	MOVE_DRAINING, /* out only: nobody sends to the owner any more; once round its rings */
	MOVE_OVER,     /* the owner has let go */
};

/* What each core does for ports that move from it or to it, outside of all
 * other work on frames. True: something waits, so call it again soon. */
bool move_turn(unsigned core);

/* Frames that came to this core, which does not own the way out yet. */
void move_keep(struct vnet_port *port, struct pkt **pkts, u32 n);

/* The calling core may collect from the port. */
static inline bool move_may_collect(const struct vnet_port *port)
{
	return __atomic_load_n(&port->in_core, __ATOMIC_RELAXED) == plat_core() &&
	       __atomic_load_n(&port->move[VNET_IN].step, __ATOMIC_ACQUIRE) == MOVE_NONE;
}

/* ... and may deliver to it. */
static inline bool move_may_deliver(const struct vnet_port *port)
{
	return __atomic_load_n(&port->out_owner, __ATOMIC_ACQUIRE) == plat_core();
}

#endif
