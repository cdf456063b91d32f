/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver of virtio's network device (virtio 1.2 5.1) as a NIC: what its files share.
 * virtio_net_pci.c reaches the registers, virtio_net_ring.c has the driver's side of
 * a split virtqueue, virtio_net_rx.c and virtio_net_tx.c the frames,
 * virtio_net_ctrl.c the control queue, virtio_net.c puts them together. Names
 * begin with vnic, since those with virtio are the devices' that guests see.
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
/* Descriptors of a frame: header, header fragment, segments. */
#define VNIC_PIECES (2u + PKT_MAX_SEGS)

/* Where the registers are (4.1.4). */
struct vnic_regs {
	volatile u8 *common, *isr, *device, *notify;
	u32 device_bytes, notify_bytes;
	u32 notify_multiplier;
};

/* Memory of a chain. */
struct vnic_piece {
	bus_t bus;
	u32 len;
};

/*
 * A split virtqueue, in slots: each takes one chain, whose first descriptor tells the
 * slot. With indirect descriptors the ring has as many slots as entries, and each its
 * own table of `pieces`; without them a slot is `pieces` neighbours in the table.
 */
struct vnic_ring {
	u16 index, size, slots;
	u16 pieces;    /* descriptors that a chain may have */
	bool event_idx;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 *used_event;	/* ours: interrupt when the used index has passed it */
	u16 *avail_event;	/* the device's: notify when the available one has */
	struct vring_desc *tables; /* NULL: no indirect descriptors */
	bus_t bus, tables_bus;
	size_t bytes, tables_bytes;
	volatile void *doorbell;
	u16 shown;     /* available index that the device has seen */
	u16 next;      /* ... and that the next chain takes */
	u16 taken;     /* used index up to which we have looked */
	u16 nfree;
	u16 free[VNIC_RING_MAX];  /* slots */
	u32 expects[VNIC_RING_MAX]; /* bytes that the device may write; by slot ... */
	bool busy[VNIC_RING_MAX];   /* ... which it has */
};

struct vnic {
	struct vnic_regs regs;
	struct nic_resources res;
	u64 features;
	struct vnic_ring rx, tx, ctrl;
	u32 rx_buf; /* bytes that a receive buffer offers */
	struct pkt *rx_pkt[VNIC_RING_MAX]; /* by slot */
	struct pkt *rx_long; /* of a frame of several buffers, what came so far ... */
	u32 rx_left;	     /* ... and how many more there are */
	bool rx_skip;	     /* it is no good: thrown away */
	struct pkt *tx_pkt[VNIC_RING_MAX];
	struct virtio_net_hdr *hdr; /* by slot, for frames without head room */
	u8 *ctrl_mem;
	bus_t hdr_bus, ctrl_bus;

	bool promiscuous;
	bool running;	 /* false: it broke the rules, or its reset failed: nothing moves */
	bool link_up;
	bool rx_wanted, tx_wanted; /* interrupts */
	u16 tick_taken;	    /* tx.taken at the last tick */
	u32 stuck_ticks;
	struct nic_backoff backoff;
	struct nic_stats count;
};

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

/* Device configuration: bytes [off, off + size), 1 or 2; 0 beyond its end. */
u32 vnic_config(const struct vnic_regs *r, u32 off, u32 size);

/* Interrupt causes by the ISR status, which this clears. */
u8 vnic_isr(const struct vnic_regs *r);

/* Entries that queue `index` may have, at most; 0: it is not there. */
u16 vnic_queue_size(const struct vnic_regs *r, u16 index);

/* Tell the device where the ring is, and have it interrupt by MSI-X entry 0 if msix.
 * Sets ring->doorbell. ERR_NOTSUP: it has no such entry; ERR_IO: its doorbell is
 * outside of its registers. */
err_t vnic_queue_enable(const struct vnic_regs *r, struct vnic_ring *ring, bool msix);

/* Configuration changes by MSI-X entry 0, too. ERR_NOTSUP. */
err_t vnic_config_msix(const struct vnic_regs *r);

/* --- virtio_net_ring.c --- */

/* Memory for a ring of size entries whose chains have up to `pieces` descriptors.
 * ERR_NOMEM. */
err_t vnic_ring_alloc(struct vnic_ring *r, const struct nic_resources *res, u16 index, u16 size,
		      u16 pieces, u64 features);
void vnic_ring_free(struct vnic_ring *r, const struct nic_resources *res);

/* As new; the device is in its reset state. */
void vnic_ring_empty(struct vnic_ring *r);

/* Make a chain of nread buffers that the device reads and then nwrite that it writes
 * available; at most ring->pieces, at least one. Its slot; there is one: nfree. */
u16 vnic_ring_add(struct vnic_ring *r, const struct vnic_piece *p, u32 nread, u32 nwrite);
/* ... of one piece, for the device to read, or to write to. */
u16 vnic_ring_add_one(struct vnic_ring *r, bus_t bus, u32 len, bool write);

/* Show the device what was added; ring the bell if it wants that. True if so. */
bool vnic_ring_show(struct vnic_ring *r);

/* Something that the device is done with? */
bool vnic_ring_has_used(const struct vnic_ring *r);

/* The next chain that it is done with: its slot, free again, and the bytes written.
 * ERR_NOENT: none; ERR_IO: what the device wrote makes no sense. */
err_t vnic_ring_take(struct vnic_ring *r, u16 *slot, u32 *len);

/* Interrupt for the next one, or for none. True when there is one already, for which
 * none may come. */
bool vnic_ring_irq(struct vnic_ring *r, bool on);

/* Chains that the device has. */
static inline u32 vnic_ring_pending(const struct vnic_ring *r)
{
	return (u32)r->slots - r->nfree;
}

/* --- virtio_net_rx.c --- */

void vnic_rx_refill(struct vnic *v);
u32 vnic_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);
/* Buffers and what is half received go back; the device is in its reset state. */
void vnic_rx_put(struct vnic *v);

/* --- virtio_net_tx.c --- */

u32 vnic_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
u32 vnic_tx_room(struct nic *nic, u32 queue);
u32 vnic_tx_reclaim(struct nic *nic, u32 queue);
/* What was on its way is lost; the device is in its reset state. */
void vnic_tx_put(struct vnic *v);

/* --- virtio_net_ctrl.c --- */

/* Tell the device to take frames for all addresses, or for ours. Where it has no such
 * command it goes on as it does. Waits at most 100 ms. */
err_t vnic_ctrl_promiscuous(struct vnic *v, bool on);

/* --- virtio_net.c --- */

/* It broke the rules: nothing moves before it has been reset. */
void vnic_break(struct nic *nic, const char *what);

#endif
