/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest with one virtio-net device, without PCI: memory, and a driver that
 * does as Linux does with frames in one piece (header and frame in one buffer,
 * EVENT_IDX, no interrupts for what was sent, one a burst for what was
 * received). Its work is off the clock.
 */
#ifndef TESTS_BENCH_PATH_GUEST_H
#define TESTS_BENCH_PATH_GUEST_H

#include "drivers/virtio/net.h"

#define GUEST_RING VIRTIO_NET_RING_SIZE
#define GUEST_BUF 2048u
#define GUEST_STRIDE (GUEST_BUF + CACHE_LINE) /* or few sets of a cache would hold them all */

struct guest_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u32 bufs; /* buffers that it goes round, a power of two */
	u64 buf;  /* guest-physical; entry i of the ring has buffer i % bufs */
	u16 filled, taken;
};

struct guest {
	struct gmem gm;
	u8 *mem;
	struct guest_ring rx, tx;
	u64 interrupts;
};

/* Memory, the device's negotiation, and a full receive ring. rx_bufs and tx_bufs:
 * how many buffers the rings go round. Dies where anything fails. */
void guest_up(struct guest *g, struct virtio_net *net, u32 rx_bufs, u32 tx_bufs);
void guest_down(struct guest *g, struct virtio_net *net);

/* Make a frame available; there is room. */
void guest_send(struct guest *g, const void *frame, u32 len);

/* Take back what was sent. Returns how many. */
u32 guest_reclaim(struct guest *g);

/* Take what was received, and make its buffers available again. Returns how many
 * frames; len of each, without the header, has to be `len`. */
u32 guest_receive(struct guest *g, u32 len);

/* Where the driver finds the last frame that guest_receive() took. */
const u8 *guest_last(const struct guest *g);

#endif
