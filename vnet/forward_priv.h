/* SPDX-License-Identifier: BSD-2-Clause */
/* What a core of the forwarding step has, shared by the step (forward.c,
 * forward_send.c), its figures (figures.c) and the dry run (trace.c). */
#ifndef VNET_FORWARD_PRIV_H
#define VNET_FORWARD_PRIV_H

#include "hv/base/plat.h"
#include "vnet/cache.h"
#include "vnet/forward.h"
#include "vnet/route.h"
#include "vnet/vnet.h"

/* A burst on its way through: all frames, then those that go on. */
struct burst {
	u32 n;
	u32 offloads; /* pkt_offloads() of all of them */
	u64 bytes;    /* ... and their lengths */
	bool alike;   /* all have the first one's verdict */
	bool single;  /* each goes to one port */
	bool one;     /* ... and its counter, as looked up */
	struct pkt *pkt[PKT_BURST];
	u64 verdict[PKT_BURST];
	struct route_cell *cell[PKT_BURST]; /* that counts the frame */
	struct cache_ref ref[PKT_BURST];
	const struct vnet_port *face; /* they came in by */
	struct route_key missed[PKT_BURST]; /* of those that the cache does not know */
};

/* One core's own. */
struct core_state {
	struct flow_cache cache;
	u64 bursts;
	u64 cloned;
	struct burst burst; /* vnet_input() is not re-entrant, and stacks are small */
	struct port_set many; /* of one frame with more ports than a verdict holds */
	struct port_set touched;
	struct port_set batched; /* flushed at the end of the batch that the core is in */
	bool in_batch;
	u8 count[VNET_MAX_PORTS]; /* all zero between runs */
};

/* What the route table is asked about a frame of the burst. */
static inline struct route_key burst_key(const struct burst *b, u32 i)
{
	struct route_key k = {
		.dst = b->ref[i].tag & MAC_BROADCAST,
		.src = b->ref[i].src,
		.ingress = b->face,
	};

	route_key_hash(&k);
	return k;
}

/* The burst's frames to where their verdicts say, and all of them consumed. Its core. */
void forward_send(struct core_state *me, struct vnet_port *from);

/* End of a burst for these ports, as far as this core delivers for them. */
void forward_flush(struct port_set *ports);
void forward_flush_batched(struct core_state *me);

/* Frames for a queue that sends them to this core. */
void forward_deliver(struct vnet_port *port, struct pkt **pkts, u32 n);

/* One frame that the port `from` made itself, straight to an interface. Any core. */
void forward_hand(struct vnet_port *from, struct vnet_port *to, struct pkt *p);

/* NULL: not active. Set and cleared by the boot core while the others rest. */
extern struct core_state *vnet_cores[PLAT_MAX_CORES];

#endif
