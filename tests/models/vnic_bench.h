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

#define VBENCH_MEMORY (24u << 20)
#define VBENCH_BASE 0x100000ull /* where the device has it */
#define VBENCH_POOL 600u
#define VBENCH_MTU 9000u
#define VBENCH_RSS_BYTES 512u

struct vnic_bench {
	/* what the test sets before vbench_attach() */
	enum nic_irq irq;
	u64 hide;	   /* features that the driver is not offered */
	u32 hide_cap;	   /* a capability type that it does not find; 0: none */
	bool stuck_status; /* the status never reads 0 */
	u32 pairs;	   /* of queues that the device has; 0: 1 */
	u32 queues;	   /* that the driver is to use; 0: 1 */
	u32 msix_entries;  /* of its table that the driver sees; 0: as it is */
	u32 dma_fails;	   /* the so-manieth request for DMA memory; 0: none */
	bool rss;	   /* the device has VIRTIO_NET_F_RSS ... */
	bool rss_refused;  /* ... but does not do what it is told */
	/* what it looks at */
	u32 messages;	   /* MSI-X, entry 0 */
	u32 by_vector[NIC_QUEUES_MAX]; /* ... and each */
	u8 rss_config[VBENCH_RSS_BYTES]; /* as last told */
	u32 rss_bytes, rss_commands;
	u32 reads, bells;  /* register reads, notifications */
	u32 kicks;	   /* that the device made something of */
	u32 done;	   /* frames of vbench_frame() that came back */

	struct nic nic;
	struct nic_resources res;
	union {
		struct pkt_pool pool; /* the driver's, first queue */
		struct pkt_pool pools[NIC_QUEUES_MAX];
	};
	struct pkt_pool dev_pool; /* the device's: what it makes of sent frames */
	struct virtio_net net;
	struct virtio_net_pair more[VIRTIO_NET_PAIRS_MAX - 1];
	u8 config[VIRTIO_NET_CONFIG_HASH_TYPES + 4]; /* with rss */
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

/* Memory that both sides see; and by its bus address. */
void *vbench_memory(u64 bus);
void *vbench_alloc(size_t bytes, bus_t *bus);

/* A frame of head bytes (a0h, a1h ...) and further pieces of the given lengths. */
struct pkt *vbench_frame(u32 head, const u32 *seg, u32 nseg);
/* tx_burst of one. */
u32 vbench_send(struct pkt *p);
/* The next frame that the device got from the driver (by that pair), NULL: none. */
struct pkt *vbench_sent(void);
struct pkt *vbench_sent_by(u32 pair);
/* It lets go of what it got. */
void vbench_done(u32 pair);
/* It has a frame for the driver (by that pair): bytes of this seed. */
void vbench_deliver(u32 len, u32 seed);
void vbench_deliver_by(u32 pair, u32 len, u32 seed);
u8 vbench_byte(u32 seed, u32 i);

#endif
