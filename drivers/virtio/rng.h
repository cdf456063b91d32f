/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's source of entropy (virtio 1.2 5.4): one queue of buffers to be filled.
 * So many bytes a second, and a second's worth at once: what is asked for beyond that
 * waits. All calls and hooks by one core at a time.
 */
#ifndef DRIVERS_VIRTIO_RNG_H
#define DRIVERS_VIRTIO_RNG_H

#include "drivers/virtio/dev.h"

#define VIRTIO_RNG_RING_SIZE 8
#define VIRTIO_RNG_BYTES_A_S 65536u
/* Of one buffer, at most so much is filled. */
#define VIRTIO_RNG_PIECE 256u
/* When there was nothing random, it is asked again after so long. */
#define VIRTIO_RNG_DRY_NS 1000000ull

struct virtio_rng_hooks {
	/* Up to len random bytes. Returns how many; 0: there are none at the moment. */
	u32 (*fill)(void *ctx, void *to, u32 len);
	/* Buffers wait, or may: have virtio_rng_poll() called at that time, not from here. */
	void (*poll_at)(void *ctx, u64 when_ns);
};

struct virtio_rng {
	struct virtio_dev dev; /* hand it to virtio_pci_init() */
	struct virtq vq;
	const struct virtio_rng_hooks *hooks;
	void *ctx;
	u32 allowance; /* bytes that may be given now */
	u64 since_ns;  /* from when on it is to grow */
	bool dry;      /* at the last look there were none */
	u64 bytes, waits;
	struct virtq_chain chain; /* scratch of one call */
};

/* Prepare the device. rng: zeroed, of the caller; name is kept, not copied. */
void virtio_rng_init(struct virtio_rng *rng, const char *name, struct gmem *gm,
		     const struct virtio_rng_hooks *hooks, void *ctx);

/* Fill what waits, as far as the rate allows. */
void virtio_rng_poll(struct virtio_rng *rng);

#endif
