/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's side of virtio-net for the benchmark (virtio 1.2 2.7, 5.1), see path_guest.h. */
#include "tests/bench/path_guest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hv/base/plat.h"

#define MEM ((u64)16 << 20)
#define HUGE_PAGE ((u64)2 << 20)
#define RING_SPACE 0x8000u /* for each of a queue's three areas */
#define HDR ((u32)sizeof(struct virtio_net_hdr))
#define FEATURES                                                                                \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |                     \
	 VIRTIO_NET_F_MAC | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CSUM |                        \
	 VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |            \
	 VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)

STATIC_ASSERT(VRING_DESC_BYTES(GUEST_RING) <= RING_SPACE, "a ring has room");

static void must(bool ok, const char *what)
{
	if (!ok)
		die("%s", what);
}

static void queue_irq(void *ctx, u16 queue)
{
	struct guest *g = ctx;

	(void)queue;
	g->interrupts++;
}

static void config_irq(void *ctx)
{
	(void)ctx;
}

static const struct virtio_transport transport = { queue_irq, config_irq };

static u16 *used_event(struct guest_ring *r)
{
	return &r->avail->ring[GUEST_RING];
}

/* Queue `queue` at `at`; returns what is free behind it and its buffers. */
static u64 ring_up(struct guest *g, struct guest_ring *r, struct virtio_net *net, u16 queue,
		   u64 at, u32 bufs)
{
	const struct virtq_layout l = {
		.size = GUEST_RING,
		.desc = gpa(at),
		.avail = gpa(at + RING_SPACE),
		.used = gpa(at + 2 * RING_SPACE),
	};

	*r = (struct guest_ring){
		.desc = (void *)(g->mem + l.desc.v),
		.avail = (void *)(g->mem + l.avail.v),
		.used = (void *)(g->mem + l.used.v),
		.bufs = bufs,
		.buf = at + 3 * RING_SPACE,
	};
	must(!(bufs & (bufs - 1)), "a power of two of buffers");
	must(virtio_dev_enable_queue(&net->dev, queue, &l) == ERR_OK, "virtqueue");
	at = r->buf + (u64)bufs * GUEST_STRIDE;
	must(at <= MEM, "the guest's memory");
	return at;
}

/* The next entry of the ring, for `len` bytes of its buffer. Shown by show(). */
static u8 *entry_add(struct guest *g, struct guest_ring *r, u32 len, u16 flags)
{
	u16 slot = r->filled & (GUEST_RING - 1);
	u64 addr = r->buf + (u64)(r->filled & (r->bufs - 1)) * GUEST_STRIDE;

	r->desc[slot] = (struct vring_desc){ .addr = addr, .len = len, .flags = flags };
	r->avail->ring[slot] = slot;
	r->filled++;
	return g->mem + addr;
}

static void show(struct guest_ring *r)
{
	__atomic_store_n(&r->avail->idx, r->filled, __ATOMIC_RELEASE);
}

/* The device's next used entry is that of the next in turn: nothing overtakes here. */
static u32 entry_take(struct guest_ring *r)
{
	u16 slot = r->taken & (GUEST_RING - 1);

	must(r->used->ring[slot].id == slot, "a chain came back out of turn");
	r->taken++;
	return r->used->ring[slot].len;
}

void guest_up(struct guest *g, struct virtio_net *net, u32 rx_bufs, u32 tx_bufs)
{
	struct virtio_dev *d = &net->dev;
	u64 at;

	memset(g, 0, sizeof(*g));
	g->mem = aligned_alloc(HUGE_PAGE, MEM);
	must(g->mem, "no memory");
	madvise(g->mem, MEM, MADV_HUGEPAGE);
	memset(g->mem, 0, MEM);
	must(gmem_add(&g->gm, gpa(0), MEM, g->mem, (bus_t){ (u64)(uintptr_t)g->mem }, true) ==
		     ERR_OK, "gmem_add");
	d->transport = &transport;
	d->transport_ctx = g;
	virtio_dev_set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_dev_set_features(d, 0, (u32)FEATURES);
	virtio_dev_set_features(d, 1, (u32)(FEATURES >> 32));
	virtio_dev_set_status(d, VIRTIO_STATUS_FEATURES_OK);
	must(d->status & VIRTIO_STATUS_FEATURES_OK, "the device refuses features");
	at = ring_up(g, &g->rx, net, VIRTIO_NET_RX, 0, rx_bufs);
	ring_up(g, &g->tx, net, VIRTIO_NET_TX, at, tx_bufs);
	virtio_dev_set_status(d, VIRTIO_STATUS_DRIVER_OK);
	must(virtio_dev_live(d), "the device is not live");
	while (g->rx.filled < GUEST_RING)
		entry_add(g, &g->rx, GUEST_BUF, VRING_DESC_F_WRITE);
	show(&g->rx);
	/* Half the ring away: the driver takes back what was sent when it sends. */
	*used_event(&g->tx) = GUEST_RING / 2;
}

void guest_down(struct guest *g, struct virtio_net *net)
{
	must(virtio_dev_reset(&net->dev), "the device does not reset");
	free(g->mem);
}

void guest_send(struct guest *g, const void *frame, u32 len)
{
	u8 *buf = entry_add(g, &g->tx, HDR + len, 0);

	must((u16)(g->tx.filled - g->tx.taken) <= GUEST_RING, "the transmit ring is full");
	memset(buf, 0, HDR);
	memcpy(buf + HDR, frame, len);
	show(&g->tx);
}

u32 guest_reclaim(struct guest *g)
{
	struct guest_ring *r = &g->tx;
	u32 n = 0;

	for (; r->taken != r->used->idx; n++)
		entry_take(r);
	*used_event(r) = (u16)(r->taken + GUEST_RING / 2);
	return n;
}

u32 guest_receive(struct guest *g, u32 len)
{
	struct guest_ring *r = &g->rx;
	u32 n = 0;

	for (; r->taken != r->used->idx; n++) {
		must(entry_take(r) == HDR + len, "a frame of another length");
		entry_add(g, r, GUEST_BUF, VRING_DESC_F_WRITE);
	}
	show(r);
	*used_event(r) = r->taken;
	return n;
}

const u8 *guest_last(const struct guest *g)
{
	u32 slot = (g->rx.taken - 1u) & (g->rx.bufs - 1);

	return g->mem + g->rx.buf + (u64)slot * GUEST_STRIDE + HDR;
}
