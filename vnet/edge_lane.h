/* SPDX-License-Identifier: BSD-2-Clause */
/* Edges that several cores receive and send for: an uplink with several queues, see
 * edge_lane.c. */
#ifndef VNET_EDGE_LANE_H
#define VNET_EDGE_LANE_H

#include "vnet/edge.h"

/* What one of those cores has. */
struct edge_lane {
	u32 core;
	struct pkt_pool *pool; /* of that core, for what is cut */
	/* Its sender, as an edge's, for frames that path_mtu() carries whole. open, close, moved
	 * and carrier are not called. NULL: all that is sent is the edge's core's. */
	const struct link_tx *tx;
	void *tx_ctx;
	/* Boot core: as in struct link_tx, for the lane's own dst of that edge. */
	err_t (*open)(void *ctx, const struct edge *e, struct link_dst *dst);
	void (*close)(void *ctx, struct link_dst *dst);
	/* May the lane send now? On its core, before each burst. */
	bool (*ready)(void *ctx, const struct edge *e, struct link_dst *dst);
	/* Atomic: xcore_taken_from() this core, on the edge's own, when that had nothing left
	 * to send last. */
	const u32 *drained;
};

/*
 * Boot core, after edge_create() and before a frame comes: these cores, each other than
 * the edge's own and named once, may call edge_input() for it as well, and send for it what
 * they have. They go with it. ERR_RANGE: more than VNET_MAX_QUEUES - 1, or no such core;
 * ERR_NOMEM.
 */
err_t edge_add_lanes(struct edge *e, const struct edge_lane *lane, u32 n);

#endif
