/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last step before a port's deliver(): what the port cannot do itself with
 * frames that have offload fields is done here, in software.
 */
#ifndef VNET_OFFLOAD_H
#define VNET_OFFLOAD_H

#include "hv/base/types.h"
#include "vnet/vnet.h"

/* One core's. */
struct offload_stats {
	u64 long_in;	/* long frames that ports handed to the core ... */
	u64 long_whole; /* ... and those that went whole to a port */
	u64 long_cut;	/* that were cut in software, or lost their tail ... */
	u64 segments;	/* ... and the frames that this made */
	u64 extra;	/* of these, more than there were: the sum of frames grows */
	u64 checksums;	/* finished in software, those of segments not counted */
};

/*
 * Hand n frames (at most PKT_BURST) to port->ops->deliver(), some with fields as
 * port->caps says, the others as plain frames. Consumed. Port's core, not re-entrant.
 */
void offload_deliver(struct vnet_port *port, struct pkt **pkts, u32 n);

/* A frame with offload fields came in by a port: are they sound? Port's core. */
bool offload_accept(struct pkt *p);

/* Any core; a core that is not active has zeros. */
void offload_stats(unsigned core, struct offload_stats *out);

/* Forget the figures. */
void offload_fini(void);

#endif
