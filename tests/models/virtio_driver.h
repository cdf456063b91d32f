/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's side of a virtio device: a small machine (memory, I/O maps, PCI
 * bus, interrupts that are counted) and a driver that finds a device by its
 * capabilities and works with split rings, written from virtio 1.2 alone.
 *
 *   0 .. 7FFFF       region 0: rings, and what vdrv_alloc() gives
 *   80000 .. FFFFF   region 1: adjacent for the guest, elsewhere for the host
 *   100000 .. 100FFF ROM
 *   from 101000 on   nothing
 */
#ifndef TESTS_MODELS_VIRTIO_DRIVER_H
#define TESTS_MODELS_VIRTIO_DRIVER_H

#include "drivers/virtio/pci.h"

#define VDRV_REGION_BYTES 0x80000u
#define VDRV_REGION1 VDRV_REGION_BYTES
#define VDRV_ROM (2 * VDRV_REGION_BYTES)
#define VDRV_ROM_BYTES 0x1000u
#define VDRV_END (VDRV_ROM + VDRV_ROM_BYTES)

struct vdrv_ring {
	u16 size;
	u64 desc, avail, used; /* guest-physical */
	u16 avail_idx;	       /* next to be made available */
	u16 shown_idx;	       /* what the device was shown */
	u16 used_idx;	       /* next to be looked at */
	bool event_idx;
	bool indirect; /* put every chain behind an indirect descriptor */
	bool busy[VIRTQ_MAX_SIZE];
	u16 next_of[VIRTQ_MAX_SIZE]; /* the driver's own copy of the links */
	u64 table_of[VIRTQ_MAX_SIZE]; /* indirect table of a head ... */
	u16 entries_of[VIRTQ_MAX_SIZE]; /* ... and how many it has room for */
};

struct vdrv_buf {
	u64 addr;
	u32 len;
};

struct vdrv_cap {
	u8 bar;
	u32 offset, length;
	u8 at; /* in configuration space */
};

struct vdrv {
	u8 *region[2], *rom;
	struct gmem gm;
	struct iomap io, mmio;
	struct pci_bus bus;
	struct irq_sink sink;
	u32 irqs[PCI_MSIX_MAX]; /* by vector: message data is the vector */
	u64 next_alloc;
	/* the device found */
	u8 devno;
	u64 bar[PCI_BARS];
	bool bar_io[PCI_BARS];
	struct vdrv_cap cap[VIRTIO_PCI_CAP_PCI + 1];
	u32 notify_multiplier;
	u64 features;
	u16 nrings;
	struct vdrv_ring ring[VIRTIO_MAX_QUEUES];
};

/* Machine without devices; vdrv_fini() frees its memory. */
void vdrv_init(struct vdrv *v);
void vdrv_fini(struct vdrv *v);

/* Guest memory. vdrv_mem() aborts when len bytes are not in one region. */
u64 vdrv_alloc(struct vdrv *v, u32 len, u32 align);
u8 *vdrv_mem(struct vdrv *v, u64 addr, u32 len);

/* Configuration space by CF8h/CFCh; structures of the device by cfg_type. */
u32 vdrv_cfg_read(struct vdrv *v, u8 off, u8 size);
void vdrv_cfg_write(struct vdrv *v, u8 off, u8 size, u32 value);
u64 vdrv_read(struct vdrv *v, u8 cap, u32 off, u8 size);
void vdrv_write(struct vdrv *v, u8 cap, u32 off, u8 size, u64 value);

/* Find function devno: BARs and capabilities. False when something that is
 * mandatory is missing. */
bool vdrv_find(struct vdrv *v, u8 devno);

u8 vdrv_status(struct vdrv *v);
u64 vdrv_offered(struct vdrv *v);
/* Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK; whether it stuck. */
bool vdrv_negotiate(struct vdrv *v, u64 features);
/* MSI-X on: vector q for queue q, the one after the last for configuration. */
void vdrv_msix(struct vdrv *v);
/* Ring of `size` (0: what the device suggests) in new memory, and enable it. */
void vdrv_enable(struct vdrv *v, u16 queue, u16 size);
/* All of it up to DRIVER_OK; all queues with the device's sizes. */
bool vdrv_start(struct vdrv *v, u64 features);

/* A ring in memory alone. */
void vdrv_ring_init(struct vdrv *v, struct vdrv_ring *r, u16 size, u64 features);
struct vring_desc *vdrv_desc(struct vdrv *v, const struct vdrv_ring *r, u16 i);
u16 *vdrv_avail(struct vdrv *v, const struct vdrv_ring *r); /* flags, idx, ring, used_event */
u16 *vdrv_used(struct vdrv *v, const struct vdrv_ring *r);  /* flags, idx, ring ... */
u16 *vdrv_used_event(struct vdrv *v, const struct vdrv_ring *r);
u16 vdrv_avail_event(struct vdrv *v, const struct vdrv_ring *r);

/* A chain of nread readable and then nwrite writable buffers. Returns its
 * head, or -1 when the ring is full. Shown to the device by vdrv_show(). */
int vdrv_add(struct vdrv *v, struct vdrv_ring *r, const struct vdrv_buf *bufs, u16 nread,
	     u16 nwrite);
/* Move the index. True when the device wants a notification for it. */
bool vdrv_show(struct vdrv *v, struct vdrv_ring *r);
/* Write the queue's notify register. */
void vdrv_notify(struct vdrv *v, u16 queue);
/* vdrv_show() and, where wanted, vdrv_notify(). */
bool vdrv_kick(struct vdrv *v, u16 queue);
/* Next used chain: its head, or -1. *len gets what was written. */
int vdrv_take(struct vdrv *v, struct vdrv_ring *r, u32 *len);

#endif
