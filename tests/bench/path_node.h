/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A node with everything on a frame's way but exits and interrupts:
 *
 *     guest's rings == virtio-net -- routes -- VXLAN edge -- UDP/IP -- e1000 == NIC in memory
 *
 * on one core. What hv/ puts between the stack and the NIC (link_net.c, uplink.c) and
 * between a kick and the queue (vm_net.c) stands here in as few lines, with the
 * same calls. Its MTU lets guests have theirs of 1500.
 */
#ifndef TESTS_BENCH_PATH_NODE_H
#define TESTS_BENCH_PATH_NODE_H

#include "drivers/nic/nic.h"
#include "drivers/virtio/net.h"
#include "tests/bench/path_guest.h"
#include "vnet/edge.h"
#include "vnet/net/net.h"

#define PATH_FLOWS PKT_BURST
#define PATH_POOLS 32u /* that transmitted packets may come from in turn */
#define PATH_OUTER (UDP_HEADROOM + 8u)
#define PATH_FRAME_MAX 1514u

struct path_setup {
	u32 len;	   /* of the guests' frames, without FCS */
	u32 tx_bufs, rx_bufs; /* of the guest, see guest_up() */
};

struct path_node {
	struct path_setup setup;
	struct virtio_net net;
	struct guest guest;
	struct nic nic;
	struct netif nif;
	struct edge *edge;
	struct pkt_pool tx_pool[PATH_POOLS], rx_pool;
	void *tx_mem[PATH_POOLS], *rx_mem;
	u32 room, idle_room; /* frames that the NIC takes, as last seen; when it is idle */
	u8 out[PATH_FLOWS][PATH_FRAME_MAX]; /* a frame of each flow, from the guest ... */
	u8 in[PATH_FLOWS][PATH_OUTER + PATH_FRAME_MAX]; /* ... and to it, on the wire */
};

extern struct path_node path;

/* Dies when anything goes wrong. */
void path_up(const struct path_setup *setup);
void path_down(void);

/* From here on frames that the guest sends get packets of that pool. */
void path_use_pool(u32 i);

/* The kick of the guest's transmit queue, from where the exit has been understood to
 * where notifications are on again. */
void path_transmit(void);

/* What the NIC's interrupt raises: looks at its ring for so many bursts at most, or until
 * it is empty. */
void path_receive(u32 bursts);

/* Off the clock: what was sent goes back to the guest. */
void path_settle(void);

/* Dies unless the last frame came through as it was sent: right after path_transmit(),
 * and after guest_receive(). */
void path_check_sent(u32 flow);
void path_check_received(u32 flow);

#endif
