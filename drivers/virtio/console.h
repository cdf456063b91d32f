/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's console (virtio 1.2 5.3): one port, no control queues, no size.
 * Bytes only; what they mean is up to who is connected.
 *
 * All calls and hooks on the device's owner core.
 */
#ifndef DRIVERS_VIRTIO_CONSOLE_H
#define DRIVERS_VIRTIO_CONSOLE_H

#include "drivers/virtio/dev.h"

/* Queues (5.3.2), named as the guest sees them. */
enum virtio_console_queue {
	VIRTIO_CONSOLE_RX,
	VIRTIO_CONSOLE_TX,
	VIRTIO_CONSOLE_QUEUES,
};

#define VIRTIO_CONSOLE_RING_SIZE 64

/* At most so much of one chain is printed; the rest is cut off, and counted. */
#define VIRTIO_CONSOLE_CHAIN_MAX 65536u

struct virtio_console_hooks {
	/* The guest printed len bytes; buf is valid during the call. */
	void (*tx)(void *ctx, const void *buf, u32 len);
	/* The guest gave new receive buffers: input that waits may be fed. */
	void (*rx_ready)(void *ctx);
	/* More output waits than one call may carry: have
	 * virtio_console_poll() called again soon, not from here. */
	void (*more)(void *ctx);
};

struct virtio_console {
	struct virtio_dev dev; /* hand it to virtio_pci_init() */
	struct virtq vq[VIRTIO_CONSOLE_QUEUES];
	const struct virtio_console_hooks *hooks;
	void *hook_ctx;
	u64 tx_bytes, tx_cut, rx_bytes;
	struct virtq_chain chain; /* scratch of one call */
};

/* Prepare the device. con: zeroed, of the caller; name is kept, not copied. */
void virtio_console_init(struct virtio_console *con, const char *name, struct gmem *gm,
			 const struct virtio_console_hooks *hooks, void *hook_ctx);

/* Print what waits in the transmit queue, at most one queue's worth of chains. */
void virtio_console_poll(struct virtio_console *con);

/* Type len bytes. Returns how many the guest had room for; rx_ready() tells
 * when the rest may be tried again. */
u32 virtio_console_input(struct virtio_console *con, const void *buf, u32 len);

#endif
