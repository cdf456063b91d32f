/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rng (virtio 1.2 5.4). */
#include "drivers/virtio/rng.h"

#include "hv/base/plat.h"
#include "hv/base/str.h"

/* No class fits better (PCI Code and ID Assignment 1.11: other). */
#define PCI_CLASS_OTHER 0xff0000

#define NS_PER_S 1000000000ull
#define NS_PER_BYTE (NS_PER_S / VIRTIO_RNG_BYTES_A_S)

static const u16 queue_size = VIRTIO_RNG_RING_SIZE;

static struct virtio_rng *rng_of_dev(struct virtio_dev *d)
{
	return container_of(d, struct virtio_rng, dev);
}

static void let_grow(struct virtio_rng *rng)
{
	u64 now = plat_now_ns();
	u64 more = (now - rng->since_ns) / NS_PER_BYTE;

	if (more >= VIRTIO_RNG_BYTES_A_S - rng->allowance) {
		rng->allowance = VIRTIO_RNG_BYTES_A_S;
		rng->since_ns = now;
	} else {
		rng->allowance += (u32)more;
		rng->since_ns += more * NS_PER_BYTE;
	}
}

/* One buffer, or the begin of it: a device may give less than there is room for
 * (5.4.6.2). False when there is none, nothing to put in, or the ring is broken. */
static bool fill_next(struct virtio_rng *rng)
{
	struct virtq_chain *c = &rng->chain;
	u8 piece[VIRTIO_RNG_PIECE];
	u32 n;

	if (virtio_dev_pop(&rng->dev, 0, c))
		return false;
	n = MIN(c->write_len, VIRTIO_RNG_PIECE);
	/* Nothing is there to be read (5.4.6.1), and one byte at least to be written. */
	if (c->read_len || !n) {
		virtq_break(&rng->vq, VIRTQ_BAD_CONTENT);
		return false;
	}
	n = rng->hooks->fill(rng->ctx, piece, n);
	rng->dry = !n;
	if (!n) {
		virtq_unpop(&rng->vq, 1);
		return false;
	}
	if (virtq_chain_write(&rng->vq, c, 0, piece, n))
		return false;
	virtq_push(&rng->vq, c->head, n);
	rng->allowance -= n;
	rng->bytes += n;
	return true;
}

void virtio_rng_poll(struct virtio_rng *rng)
{
	u64 now = plat_now_ns();

	if (!virtio_dev_live(&rng->dev))
		return;
	let_grow(rng);
	rng->dry = false;
	/* A whole piece or nothing: else a greedy guest would get a byte at a time, as fast as
	 * it asks, with a request and an interrupt for each. */
	for (u32 i = 0; i < VIRTIO_RNG_RING_SIZE && rng->allowance >= VIRTIO_RNG_PIECE; i++)
		if (!fill_next(rng))
			break;
	virtio_dev_check(&rng->dev, 0);
	virtio_dev_flush(&rng->dev, 0);
	if (!virtio_dev_live(&rng->dev) || !virtio_dev_notify_on(&rng->dev, 0))
		return;
	rng->waits += rng->dry || rng->allowance < VIRTIO_RNG_PIECE;
	if (rng->dry)
		now += VIRTIO_RNG_DRY_NS;
	else if (rng->allowance < VIRTIO_RNG_PIECE)
		now += (VIRTIO_RNG_PIECE - rng->allowance) * NS_PER_BYTE;
	rng->hooks->poll_at(rng->ctx, now);
}

static void rng_kick(struct virtio_dev *d, u16 queue)
{
	(void)queue;
	virtio_rng_poll(rng_of_dev(d));
}

/* Buffers may have been added before the driver was allowed to notify. */
static void rng_driver_ok(struct virtio_dev *d)
{
	virtio_rng_poll(rng_of_dev(d));
}

static void rng_reset(struct virtio_dev *d)
{
	/* Nothing of the driver's is kept outside the queue; the rate is the guest's. */
	(void)d;
}

static const struct virtio_dev_ops rng_ops = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_ENTROPY,
	.class_code = PCI_CLASS_OTHER,
	.driver_ok = rng_driver_ok,
	.kick = rng_kick,
	.reset = rng_reset,
};

void virtio_rng_init(struct virtio_rng *rng, const char *name, struct gmem *gm,
		     const struct virtio_rng_hooks *hooks, void *ctx)
{
	rng->hooks = hooks;
	rng->ctx = ctx;
	rng->allowance = VIRTIO_RNG_BYTES_A_S;
	rng->since_ns = plat_now_ns();
	rng->dev = (struct virtio_dev){
		.ops = &rng_ops,
		.name = name,
		.gm = gm,
		.vq = &rng->vq,
		.vq_max = &queue_size,
		.nvq = 1,
		.offered = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX,
		.at_end = true,
		.broken_queue = VIRTIO_NO_QUEUE,
	};
}
