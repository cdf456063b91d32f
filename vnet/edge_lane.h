/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges that several cores receive for: an uplink with several queues, see edge_lane.c. */
#ifndef VNET_EDGE_LANE_H
#define VNET_EDGE_LANE_H

#include "vnet/edge.h"

struct edge_lane {
	u32 core;
	struct pkt_pool *pool; /* of that core, for what is cut */
};

/*
 * Boot core, after edge_create() and before a frame comes: these cores, each other than
 * the edge's own and named once, may call edge_input() for it as well. They go with it.
 * ERR_RANGE: more than VNET_MAX_QUEUES - 1, or no such core; ERR_NOMEM.
 */
err_t edge_add_lanes(struct edge *e, const struct edge_lane *lane, u32 n);

#endif
