/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node for benchmarks of the core, on one core:
 *
 *     interface "in" ---- routes ---- edges "e0" ... ==UDP==> a NIC that keeps
 *
 * with the product's own UDP stack under the edges. Frames are 64 bytes:
 * Ethernet, IPv4, UDP.
 */
#ifndef TESTS_BENCH_WORLD_H
#define TESTS_BENCH_WORLD_H

#include "hv/base/pkt.h"
#include "vnet/edge.h"
#include "vnet/vnet.h"

#define WORLD_FRAME 60 /* and 4 of FCS on a wire */
#define WORLD_EDGES_MAX 16
#define WORLD_MTU 1500

struct world_setup {
	u32 routes; /* any / exact, addresses 0 .. routes-1 */
	u32 edges;  /* that the routes lead to, in turn */
	u32 packets; /* in the pool */
};

struct world {
	struct world_setup setup;
	struct vnet_port in; /* takes any source */
	struct edge *edge[WORLD_EDGES_MAX];
	u32 *route_id; /* by address */
	struct pkt_pool pool;
	void *pool_mem;
	u64 sunk; /* frames that the NIC or the interface got */
};

extern struct world world;

/* Dies when anything goes wrong: a benchmark of less than all is none. */
void world_up(const struct world_setup *setup);
/* ... with edges of another kind than udp. */
void world_up_link(const struct world_setup *setup, const struct link_kind *link);
void world_down(void);

/* The MAC address number n of the overlay; unicast, for n < 2^32. */
void world_mac(u8 *mac, u32 n);
/* A frame from address src to address dst; from the pool. */
struct pkt *world_frame(u32 dst, u32 src);
void world_fill(struct pkt *p, u32 dst, u32 src);
/* Make p that frame again, as it was before headers were pushed. */
void world_rewind(struct pkt *p);
/* The same as a received outer packet: Ethernet to UDP in front. */
struct pkt *world_outer_frame(u32 dst, u32 src);
void world_outer_rewind(struct pkt *p);
/* Give received outer packets to the host stack. */
void world_receive(struct pkt **pkts, u32 n);

/* Routes of addresses first .. first+n-1 to the interface, from the edges. */
void world_local_routes(u32 first, u32 n);
/* The route of an address goes away and comes back, to another edge. */
void world_route_flip(u32 address);
/* Bytes that the core has allocated. */
size_t world_memory(void);

#endif
