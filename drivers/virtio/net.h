/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's network device (virtio 1.2 5.1) as a port of the overlay, with one
 * queue of that port for each pair of receive and transmit queues.
 *
 * Sending: collect() pops chains from the transmit queue. The first
 * PKT_HEADER_COPY bytes of a frame are copied into the packet's header
 * fragment, the rest is mapped for DMA and travels by reference; pkt.done
 * gives the chain back when the last holder has let go, in whatever order.
 * Frames of up to PKT_COPY_WHOLE bytes are copied whole and their chain is
 * given back at once.
 *
 * collect() switches the driver's notifications off; they stay off, and
 * completions are shown in batches, until the port's notify(on), which looks
 * at the ring once more.
 *
 * Receiving: deliver() copies each frame once into the guest's buffers;
 * flush() ends the burst with one interrupt decision.
 *
 * Offloads: what the driver's frame header says becomes the packet's offload
 * fields (tx_header() in net_tx.c), which whoever routes the frame checks
 * (vnet_input()); what the driver takes with such fields is the port's caps,
 * and they go into the header in front of the frame (rx_header() in net_rx.c).
 *
 * Several pairs (VIRTIO_NET_F_MQ): the driver says how many it uses
 * (VQ_PAIRS_SET); what it receives by which of them is up to vnet/queues.h, that
 * is, by the pair that it sent the flow by last (5.1.6.5.6.1).
 *
 * Threads: each pair's transmit queue belongs to the core of its port's way in,
 * its receive queue to that of the way out; registers and the control queue are
 * for one core at a time, which need be none of these.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include "drivers/virtio/dev.h"
#include "drivers/virtio/net_defs.h"
#include "hv/base/pkt.h"
#include "vnet/queues.h"
#include "vnet/vnet.h"

#define VIRTIO_NET_PAIRS_MAX VNET_MAX_QUEUES
#define VIRTIO_NET_QUEUES_MAX (2 * VIRTIO_NET_PAIRS_MAX + 1)
STATIC_ASSERT(VIRTIO_NET_QUEUES_MAX <= VIRTIO_MAX_QUEUES, "a device has them all");

#define VIRTIO_NET_RING_SIZE VIRTQ_MAX_SIZE
#define VIRTIO_NET_CTRL_SIZE 64

/* What the device asks of whoever runs it. */
struct virtio_net_hooks {
	/*
	 * The guest notified the pair's transmit queue: have vnet_poll() run for
	 * the port on the core of its way in, and the port's notify(on) when
	 * nothing is left. On the core that the guest's access came from. Never
	 * called from within the port's operations.
	 */
	void (*kick)(void *ctx, u32 pair);
	/*
	 * notify(on) found frames waiting (new ones, or more than the budget or
	 * the packet pool allowed) and left notifications off, or the way in has
	 * just come to this core: note that vnet_poll() must run again soon. It
	 * must not be run from here. On the core of the port's way in.
	 */
	void (*more)(void *ctx, u32 pair);
	/* What a core takes packets from. NULL: one pool for all, cfg.pool. */
	struct pkt_pool *(*pool)(void *ctx, u32 core);
	/* See virtio_dev_ops.settled. NULL: all queues are the calling core's. */
	bool (*settled)(void *ctx, bool begin);
	/* The port was deleted and no core names it any more: on the boot core.
	 * NULL: nobody waits for it. */
	void (*gone)(void *ctx);
};

struct virtio_net_cfg {
	const char *name; /* of the port, e.g. "g1.eth0" */
	u8 mac[6];
	u32 mtu;	  /* VIRTIO_NET_MTU_MIN .. VIRTIO_NET_MTU_MAX */
	u32 overlay;
	u32 core;	  /* owner core of the first pair */
	struct gmem *gm;
	struct pkt_pool *pool; /* of that core; what collect() takes packets from */
	const struct virtio_net_hooks *hooks;
	void *hook_ctx;
	u32 pairs;	  /* 0 is 1, at most VIRTIO_NET_PAIRS_MAX */
	struct virtio_net_pair *more; /* pairs - 1 of them, zeroed, the caller's */
	const u32 *more_core; /* their owner cores */
};

/* A buffer chain of the guest that a frame being received occupies. */
struct virtio_net_rx_used {
	u16 head;
	u32 len;
};

/* A pair of queues and its port. */
struct virtio_net_pair {
	struct vnet_port port;
	struct virtio_net *net;
	struct virtq *rx, *tx;
	u16 rx_queue, tx_queue; /* their numbers */
	/* of the core of the way in: */
	struct pkt_pool *pool ALIGNED(CACHE_LINE);
	bool polled;	  /* transmit notifications are off: completions are batched */
	u32 tx_in_flight; /* frames by this queue out there that refer to the guest's memory ... */
	struct gmem_dma tx_dma; /* ... and the pieces of it that they map */
	struct virtq_chain tx_chain; /* scratch of one call */
	/* of the core of the way out: */
	struct virtq_chain rx_first ALIGNED(CACHE_LINE);
	struct virtq_chain rx_more;
	struct virtio_net_rx_used rx_used[VIRTQ_MAX_SIZE];
};

struct virtio_net {
	struct virtio_dev dev; /* hand it to virtio_pci_init() */
	union {
		/* The first pair's: hand it to vnet_port_add(). Later its settings
		 * are for all pairs. */
		struct vnet_port port;
		struct virtio_net_pair first;
	};
	struct virtio_net_pair *more;
	u32 pairs;
	u32 used_pairs; /* that the driver receives by; atomic */
	struct virtio_net_config config;
	struct virtq vq[VIRTIO_NET_QUEUES_MAX];
	u16 vq_max[VIRTIO_NET_QUEUES_MAX];
	struct pkt_pool *pool; /* see hooks.pool */
	const struct virtio_net_hooks *hooks;
	void *hook_ctx;
	bool link_up; /* atomic */
	u32 epoch;    /* counts resets; chains of an older one are not given back; atomic */
	u64 ctrl_commands, ctrl_refused;
	u64 optimistic; /* interrupts by virtio_net_rx_coming() */
	struct virtq_chain ctrl_chain; /* scratch of one call */
};

/*
 * Prepare device and port; the port is down until the driver is ready. net is
 * zeroed memory of the caller and stays valid while bus, core or a packet name
 * it. ERR_INVAL for an MTU out of range, a name that is too long, or a pool
 * whose buffers hold no PKT_COPY_WHOLE bytes.
 */
err_t virtio_net_init(struct virtio_net *net, const struct virtio_net_cfg *cfg);

/* After vnet_port_add(&net->port): the further pairs' ports. As
 * vnet_port_add_queues(); nothing to do for one pair. */
err_t virtio_net_add_queues(struct virtio_net *net);

static inline struct virtio_net_pair *virtio_net_pair(struct virtio_net *net, u32 i)
{
	return i ? &net->more[i - 1] : &net->first;
}

/* Tell the guest that its link is up or down; frames are dropped while down. */
void virtio_net_set_link(struct virtio_net *net, bool up);

/* Another MTU, for a driver that starts later; the arguments as at the beginning. False:
 * one has started, which reads it only once (5.1.5). Any core. */
bool virtio_net_set_mtu(struct virtio_net *net, u32 mtu);

/* Ask the guest to send gratuitous packets, e.g. after it was moved (5.1.6.5.4).
 * False when its driver cannot. */
bool virtio_net_announce(struct virtio_net *net);

/* Frames are about to come, perhaps for this guest: interrupt it where it waits for
 * some, so that it gets ready meanwhile. Any one core. */
void virtio_net_rx_coming(struct virtio_net *net);

/*
 * Frames that refer to the guest's memory and were not let go of yet, and the pieces
 * of it that they map for DMA. After a reset the guest's memory may be freed or
 * reused only when both are 0. Any core.
 */
u32 virtio_net_in_flight(struct virtio_net *net);
u32 virtio_net_mapped(struct virtio_net *net);

#endif
