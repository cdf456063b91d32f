/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of virtio's network device (virtio 1.2 5.1) as a NIC: what its files share.
 * virtio_net_pci.c reaches the registers, virtio_net_ring.c has the driver's side of
 * a split virtqueue, virtio_net_rx.c and virtio_net_tx.c the frames, virtio_net_queue.c
 * the memory of all these, virtio_net_irq.c interrupts, virtio_net_ctrl.c the control
 * queue, virtio_net.c puts them together. Names begin with vnic, since those with virtio
 * are the devices' that guests see.
 *
 * The device is not trusted: what it writes (used ids and lengths, indices, numbers
 * of buffers) is read once and checked. One that breaks the rules is not listened to
 * any more and reset, at once the first time, then with growing pauses.
 */
#ifndef DRIVERS_NIC_VIRTIO_NET_H
#define DRIVERS_NIC_VIRTIO_NET_H

#include <arch/mmio.h>

#include "drivers/nic/backoff.h"
#include "drivers/nic/nic.h"
#include "drivers/virtio/net_defs.h"
#include "drivers/virtio/pci_defs.h"
#include "drivers/virtio/virtio.h"

#define VNIC_RING_MAX 256u /* entries of ours, or fewer, as the device has it */
#define VNIC_RX_BUF 2048u  /* without mergeable buffers: the longest frame, too */
#define VNIC_HDR ((u32)sizeof(struct virtio_net_hdr))
/* Frames of 9000 bytes of IP in several buffers. */
#define VNIC_MAX_FRAME 9018u
/* What several pairs of queues need: either. */
#define VNIC_F_SEVERAL (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS)
/* Descriptors of a frame: header, header fragment, segments. */
#define VNIC_PIECES (2u + PKT_MAX_SEGS)
/* ... as tx_room() counts it where it lies in the ring itself. */
#define VNIC_DIRECT 32u
STATIC_ASSERT(VNIC_DIRECT >= VNIC_PIECES, "a frame has room");

struct vnic;
struct vnic_ctrl_mem;

/* Where the registers are (4.1.4). */
struct vnic_regs {
	volatile u8 *common, *isr, *device, *notify;
	u32 device_bytes, notify_bytes;
	u32 notify_multiplier;
	u32 msix_entries; /* 0: no MSI-X */
};

/*
 * A split virtqueue. A chain's slot is its first descriptor, and descriptors are taken by
 * turns; chains count without end, modulo 2^16, and so do descriptors, of which those in
 * [freed, next) are in use:
 *
 *     taken <= shown  chains that the device has, and where it has said something new
 *     shown <= added  those that stand in the ring
 *
 * Where all chains have one descriptor (`single`: others are behind indirect ones, each slot
 * with its own table of `pieces`), the two count alike, a chain's place in the available ring
 * tells its slot, and that ring is written once for all. Devices that are done with chains in
 * the order in which they got them, as they all are wherever that is cheaper, then keep
 * freed == taken. Of others a chain waits for those before it (`done`).
 */
struct vnic_ring {
	u16 index, size;
	u16 pieces; /* descriptors that a chain may have */
	bool event_idx, single;
	u32 writes; /* bytes that the device may write into a chain */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 *used_event;	/* ours: interrupt when the used index has passed it */
	u16 *avail_event;	/* the device's: notify when the available one has */
	struct vring_desc *tables; /* NULL: no indirect descriptors */
	bus_t bus, tables_bus;
	size_t bytes, tables_bytes;
	volatile void *doorbell;
	u16 next, freed;
	u16 added;
	u16 shown, taken; /* atomic: queue 0's core looks at all rings' */
	bool done[VNIC_RING_MAX]; /* by slot: out of turn */
	u8 count[VNIC_RING_MAX];  /* by slot, unless single: a chain's descriptors; 0: none's */
};

/* A chain in the making: the next slot's. */
struct vnic_chain {
	struct vring_desc *desc, *last;
	u32 at, mask; /* where it goes on there, and comes round */
	u32 n;
};

/* A pair of queues: all of it is its core's, while the device runs. */
struct vnic_queue {
	struct vnic *v;
	u32 index;
	struct pkt_pool *pool;
	struct vnic_ring rx, tx;
	struct pkt *rx_pkt[VNIC_RING_MAX]; /* by slot; NULL: none */
	struct pkt *rx_long; /* of a frame of several buffers, what came so far ... */
	u32 rx_left;	     /* ... and how many more there are */
	bool rx_skip;	     /* it is no good: thrown away */
	struct pkt *tx_pkt[VNIC_RING_MAX]; /* by slot; those in [freed, next) that are not done */
	struct virtio_net_hdr *hdr; /* by slot, for frames without head room */
	bus_t hdr_bus;
	bool rx_wanted, tx_wanted; /* interrupts */
	struct nic_stats count;

	/* Queue 0's core: whether it stands still. */
	u16 tick_taken; /* tx.taken at the last tick */
	u32 stuck_ticks;
};

struct vnic {
	struct vnic_regs regs;
	struct nic_resources res;
	u64 features;
	u32 rx_buf; /* bytes that a receive buffer offers */
	u32 queues;
	struct vnic_queue *queue[NIC_QUEUES_MAX];
	struct vnic_ring ctrl;
	struct vnic_ctrl_mem *ctrl_mem;
	bus_t ctrl_bus;

	bool promiscuous;
	bool running; /* atomic; false: it broke the rules, or its reset failed: nothing moves */
	bool link_up;
	struct nic_backoff backoff;
	struct nic_stats count; /* what no queue counts */
};

static inline bool vnic_runs(const struct vnic *v)
{
	return __atomic_load_n(&v->running, __ATOMIC_RELAXED);
}

static inline struct vnic_queue *vnic_queue_of(const struct nic *nic, u32 queue)
{
	return ((struct vnic *)nic->priv)->queue[queue];
}

/* --- virtio_net_pci.c --- */

/* Find the registers by the function's capabilities. ERR_NOTSUP: no modern interface,
 * or none in memory. */
err_t vnic_regs_find(struct vnic_regs *r, const struct nic_resources *res);

/* Status 0, and wait until it reads so: the device uses no memory of ours any more.
 * ERR_TIMEOUT. */
err_t vnic_regs_reset(const struct vnic_regs *r);

u8 vnic_status(const struct vnic_regs *r);
void vnic_status_add(const struct vnic_regs *r, u8 bits);

/* What the device offers; take these. ERR_NOTSUP: it does not go along. */
u64 vnic_offered(const struct vnic_regs *r);
err_t vnic_negotiate(const struct vnic_regs *r, u64 features);

/* Device configuration: bytes [off, off + size), 1, 2 or 4; 0 beyond its end. */
u32 vnic_config(const struct vnic_regs *r, u32 off, u32 size);

/* Interrupt causes by the ISR status, which this clears. */
u8 vnic_isr(const struct vnic_regs *r);

/* Entries that queue `index` may have, at most; 0: it is not there. */
u16 vnic_queue_size(const struct vnic_regs *r, u32 index);

/* Tell the device where the ring is, and have it interrupt by this MSI-X entry; none:
 * VIRTIO_MSI_NO_VECTOR. Sets ring->doorbell. ERR_NOTSUP: it has no such entry; ERR_IO: its
 * doorbell is outside of its registers. */
err_t vnic_queue_enable(const struct vnic_regs *r, struct vnic_ring *ring, u16 vector);

/* Configuration changes by MSI-X entry 0, too. ERR_NOTSUP. */
err_t vnic_config_msix(const struct vnic_regs *r);

/* --- virtio_net_ring.c --- */

/* Where a descriptor with that number is. */
static inline u32 vnic_ring_slot(const struct vnic_ring *r, u32 number)
{
	return number & (r->size - 1u);
}

/* Chains that may be added, of whatever length. */
static inline u32 vnic_ring_room(const struct vnic_ring *r)
{
	u32 free = r->size - (u32)(u16)(r->next - r->freed);

	return r->single ? free : free / VNIC_DIRECT;
}

/* Chains that the device has. Any core. */
static inline u32 vnic_ring_pending(const struct vnic_ring *r)
{
	return (u16)(__atomic_load_n(&r->shown, __ATOMIC_RELAXED) -
		     __atomic_load_n(&r->taken, __ATOMIC_RELAXED));
}

/* A descriptor by its halves (2.7.5); the flags and the next one stand above the length. */
static inline void vnic_desc_set(struct vring_desc *d, u64 addr, u64 rest)
{
	vring_half *half = (vring_half *)(void *)d;

	half[0] = addr;
	half[1] = rest;
}

/* A chain of at most ring->pieces, at least one: those that the device reads, then those
 * that it writes (flags: VRING_DESC_F_WRITE). There is room for it. It has the slot that
 * ring->next says, and is ready with vnic_ring_add(). */
static inline struct vnic_chain vnic_chain_begin(const struct vnic_ring *r)
{
	u32 slot = vnic_ring_slot(r, r->next);

	if (r->tables)
		return (struct vnic_chain){ .desc = &r->tables[slot * r->pieces],
					    .mask = UINT16_MAX };
	return (struct vnic_chain){ .desc = r->desc, .at = slot, .mask = r->size - 1u };
}

static inline void vnic_chain_add(struct vnic_chain *c, bus_t bus, u32 len, u32 flags)
{
	c->last = &c->desc[c->at];
	c->at = (c->at + 1) & c->mask;
	c->n++;
	vnic_desc_set(c->last, bus.v,
		      len | (u64)(flags | VRING_DESC_F_NEXT) << 32 | (u64)c->at << 48);
}

/* Its part where there are no tables: how many descriptors it takes. */
u32 vnic_ring_add_direct(struct vnic_ring *r, u32 slot, u32 n);
static inline void vnic_ring_add(struct vnic_ring *r, const struct vnic_chain *c)
{
	u32 slot = vnic_ring_slot(r, r->next), used = 1;
	struct vring_desc *d = &r->desc[slot];

	c->last->flags &= (u16)~VRING_DESC_F_NEXT;
	if (!r->tables)
		used = vnic_ring_add_direct(r, slot, c->n);
	else if (c->n == 1)
		*d = c->desc[0];
	else
		vnic_desc_set(d, r->tables_bus.v + (u64)((u8 *)c->desc - (u8 *)r->tables),
			      c->n * sizeof(*d) | (u64)VRING_DESC_F_INDIRECT << 32);
	r->next = (u16)(r->next + used);
	r->added++;
}

/* Chains of a single ring were added up to that one. */
static inline void vnic_ring_add_to(struct vnic_ring *r, u32 number)
{
	r->next = r->added = (u16)number;
}

/* Show the device what was added; ring the bell if it wants that. True if so. */
bool vnic_ring_show(struct vnic_ring *r);

/* Something that the device is done with? Any core. */
bool vnic_ring_has_used(const struct vnic_ring *r);

/* How many chains it is done with that were not taken. False: more than it has. */
static inline bool vnic_ring_used(const struct vnic_ring *r, u32 *n)
{
	/* Pairs with the device's writing the index behind the elements. */
	*n = (u16)(__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) - r->taken);
	return *n <= vnic_ring_pending(r);
}

/* An element of the used ring, read once: an id, and above that the bytes written. */
static inline u64 vnic_used_element(const struct vring_used_elem *e)
{
	return *(const volatile vring_half *)(const void *)e;
}

/* Chains of a single ring are taken up to that one, in turn. */
static inline void vnic_ring_take_to(struct vnic_ring *r, u32 number)
{
	r->freed = (u16)number;
	__atomic_store_n(&r->taken, (u16)number, __ATOMIC_RELAXED);
}

/* Of n that the device is done with, take the first as long as they are in turn, and nothing
 * was written; none where the ring is not single. How many: from number ring->taken
 * before. */
u32 vnic_ring_take_run(struct vnic_ring *r, u32 n);

/* Take the next of those that it is done with: its slot and the bytes written. ERR_IO: what
 * the device wrote makes no sense. */
err_t vnic_ring_take(struct vnic_ring *r, u32 *slot, u32 *len);

/* Interrupt for the next one, or for none. True when there is one already, for which
 * none may come. */
bool vnic_ring_irq(struct vnic_ring *r, bool on);

/* --- virtio_net_queue.c --- */

/* The queues, with buffers to receive into, and the control queue, which is behind so many
 * pairs. ERR_NOMEM; ERR_IO: the device's are too small. vnic_queues_free() in any case. */
err_t vnic_queues_alloc(struct vnic *v, u32 pairs);
/* All packets come back. The device is in its reset state. */
void vnic_queues_free(struct vnic *v);

/* As new; the device is in its reset state. */
void vnic_ring_empty(struct vnic_ring *r);

/* Before the device starts: as many buffers as the ring takes, as long as the pool has some.
 * The pool's core, or nobody else is at the pool. */
void vnic_rx_stock(struct vnic_queue *q);

/* The device runs: it gets the buffers that are there. Any core. */
void vnic_rx_start(struct vnic_queue *q);

/* Forget what the device did with the buffers, which stay here; it is in its reset state, and the
 * ring is emptied next. */
void vnic_rx_forget(struct vnic_queue *q);

/* Give the buffers back to their pool. */
void vnic_rx_put(struct vnic_queue *q);

/* What was on its way is lost; the device is in its reset state, and the ring is emptied next. */
void vnic_tx_lose(struct vnic_queue *q);

/* --- virtio_net_rx.c --- */

/* Give the device what buffers the ring and the pool allow. The pool's core. */
void vnic_rx_refill(struct vnic_queue *q);

u32 vnic_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);

/* --- virtio_net_tx.c --- */

u32 vnic_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
u32 vnic_tx_room(struct nic *nic, u32 queue);
u32 vnic_tx_reclaim(struct nic *nic, u32 queue);

/* --- virtio_net_ctrl.c --- */

/* Memory for commands, in v->ctrl_mem. ERR_NOMEM. */
err_t vnic_ctrl_alloc(struct vnic *v);
void vnic_ctrl_free(struct vnic *v);

/* Each of these waits at most 100 ms. ERR_NOTSUP: there is no such command; ERR_IO: it was
 * refused, or the queue makes no sense. */

/* Tell the device to take frames for all addresses, or for ours. Where it has no such
 * command it goes on as it does. */
err_t vnic_ctrl_promiscuous(struct vnic *v, bool on);

/* Have it use all v->queues. *rss: whole UDP datagrams by their addresses and ports, the
 * rest by queue 0; else it spreads as it likes. Nothing to do for one. */
err_t vnic_ctrl_queues(struct vnic *v, bool *rss);

/* --- virtio_net_irq.c --- */

/* As in struct nic_ops. */
void vnic_rx_irq(struct nic *nic, u32 queue, bool on);
void vnic_tx_irq(struct nic *nic, u32 queue, bool on);
u32 vnic_irq_cause(struct nic *nic, u32 vector);

/* After a reset: as they were wanted before it. */
void vnic_irq_again(struct vnic *v);

/* --- virtio_net.c --- */

/* It broke the rules: nothing moves before it has been reset. Any core. */
void vnic_break(struct nic *nic, const char *what);

#endif
