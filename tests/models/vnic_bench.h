/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-net NIC driver on our own device model, in one process: the device is on
 * an emulated PCI bus, whose registers the driver reaches by the seam of
 * <arch/mmio.h>; memory is one block that both sides share, in which a bus address is
 * the device's guest-physical one. One of each, in globals.
 */
#ifndef TESTS_MODELS_VNIC_BENCH_H
#define TESTS_MODELS_VNIC_BENCH_H

#include "drivers/nic/virtio_net.h"
#include "drivers/virtio/net.h"
#include "drivers/virtio/pci.h"

#define VBENCH_MEMORY (8u << 20)
#define VBENCH_BASE 0x100000ull /* where the device has it */
#define VBENCH_POOL 600u
#define VBENCH_MTU 9000u

struct vnic_bench {
	/* what the test sets before vbench_attach() */
	enum nic_irq irq;
	u64 hide;	   /* features that the driver is not offered */
	u32 hide_cap;	   /* a capability type that it does not find; 0: none */
	bool stuck_status; /* the status never reads 0 */
	/* what it looks at */
	u32 messages;	   /* MSI-X, entry 0 */
	u32 reads, bells;  /* register reads, notifications */
	u32 kicks;	   /* that the device made something of */
	u32 done;	   /* frames of vbench_frame() that came back */

	struct nic nic;
	struct nic_resources res;
	struct pkt_pool pool;	  /* the driver's */
	struct pkt_pool dev_pool; /* the device's: what it makes of sent frames */
	struct virtio_net net;
	struct virtio_pci vp;
	struct gmem gm;
	struct iomap io, mmio;
	struct pci_bus bus;
	struct irq_sink sink;
	u8 *memory;
	u64 next;
	u32 feature_half;
	u32 dma_live;
};

extern struct vnic_bench vbench;
extern const u8 vbench_mac[6];

/* A device that nobody drives; vbench is zeroed but for what the test sets. */
void vbench_prepare(void);
/* The driver attaches. */
err_t vbench_attach(void);
/* Detach, if attached: everything must have come back. */
void vbench_finish(void);

struct vnic *vbench_driver(void);

/* Memory that both sides see. */
void *vbench_alloc(size_t bytes, bus_t *bus);

/* A frame of head bytes (a0h, a1h ...) and further pieces of the given lengths. */
struct pkt *vbench_frame(u32 head, const u32 *seg, u32 nseg);
/* tx_burst of one. */
u32 vbench_send(struct pkt *p);
/* The next frame that the device got from the driver, NULL: none. */
struct pkt *vbench_sent(void);
/* It has a frame for the driver: bytes of this seed. */
void vbench_deliver(u32 len, u32 seed);
u8 vbench_byte(u32 seed, u32 i);

#endif
