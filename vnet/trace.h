/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dry run of the forwarding step: what would become of a frame, and why. It
 * asks the tables that real frames are routed by, and changes nothing.
 */
#ifndef VNET_TRACE_H
#define VNET_TRACE_H

#include "vnet/portset.h"
#include "vnet/route.h"
#include "vnet/vnet.h"

/* Of equal routes, so many are named. */
#define TRACE_ROUTES 16

struct trace {
	bool dropped;
	enum vnet_drop reason; /* where it is dropped */
	bool asked;   /* it got as far as being looked up */
	bool cached;  /* the core of its port would answer from its cache */
	bool learned; /* no route: the destination was learned */
	bool flooded; /* nor that: the routes are those of a broadcast */
	enum route_prio prio; /* that of the routes that win */
	u32 equal;    /* routes that win */
	u32 hidden;   /* that match as well, at a lower priority */
	u32 route[TRACE_ROUTES]; /* ids of the first ones that win, ascending */
	struct port_set to; /* where it goes; such a port drops it when it is not up */
};

/* Boot core. A frame from src to dst that comes in by `from`. What other cores
 * change in their caches meanwhile may be missed. */
void vnet_trace(const struct vnet_port *from, const u8 dst[MAC_LEN], const u8 src[MAC_LEN],
		struct trace *out);

#endif
