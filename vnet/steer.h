/* SPDX-License-Identifier: BSD-2-Clause */
/* Which queue of an interface a flow has, see queues.h. */
#ifndef VNET_STEER_H
#define VNET_STEER_H

#include "vnet/queues.h"

/* Flows that are remembered: a power of two. */
#define STEER_FLOW_BITS 10
/* A flow that was not sent for so many turns of about a second loses its place
 * to another one. */
#define STEER_TURN_SHIFT 30
#define STEER_TURNS 2

struct vnet_steer {
	u32 n;
	u32 used; /* of them, from the first; atomic */
	/* An edge's: what comes for it has the queue of the core that it comes from, if that
	 * takes it, else the first. */
	bool by_core;
	u8 of_core[PLAT_MAX_CORES]; /* 0: the first one's, or none */
	struct vnet_port *queue[VNET_MAX_QUEUES];
	u64 flow[BIT(STEER_FLOW_BITS)]; /* atomic, see steer.c */
};

/* With the first queue in it; NULL when there is no memory. Boot core. */
struct vnet_steer *steer_new(struct vnet_port *first);
void steer_add(struct vnet_steer *s, struct vnet_port *queue);
void steer_free(struct vnet_steer *s);

/* The other side sent these by `port`. Its core; sets p->hash. */
void steer_note(const struct vnet_port *port, struct pkt *const *pkts, u32 n);

/* The queue for frames of that core; where by_core. */
static inline struct vnet_port *steer_by_core(const struct vnet_steer *s, unsigned core,
					      struct pkt *const *pkts, u32 n)
{
	struct vnet_port *queue = s->queue[s->of_core[core]];

	return queue->ops->takes && queue->ops->takes(queue, pkts, n) ? queue : s->queue[0];
}

/* The queue that p's flow has: its number. Any core; sets p->hash. */
u32 steer_pick(const struct vnet_steer *s, struct pkt *p);

#endif
