/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links whose uplink has several queues: sending by the calling core's own one, behind
 * headers that the boot core has prepared. These are told as a whole and replaced.
 */
#ifndef HV_LINK_LANE_H
#define HV_LINK_LANE_H

#include "hv/uplink_queue.h"
#include "vnet/edge_lane.h"

/* What other cores know of a link's way; good while the netif's gen is to.gen. */
struct link_way {
	u64 number; /* another one each time */
	struct udp_dst to;
	u32 addr; /* the netif's */
	u16 mtu;  /* ... and its mtu */
};

/* What a link has of its uplink: link_dst.priv. Boot core. */
struct link_to {
	struct udp_dst udp;
	struct link_way *way; /* atomic; NULL: none yet */
};

/* Boot core, after sending frames by that link: tell other cores of its way, where that is
 * known and another one. */
void link_lane_tell(const struct uplink *up, struct link_to *to);

/* Boot core: what they were told is not so any more. */
void link_lane_forget(struct link_to *to);

/* Boot core: the lane of links on that queue. */
void link_lane_fill(struct uplink_queue *q, struct edge_lane *lane);

#endif
