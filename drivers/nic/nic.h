/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NIC driver interface. A NIC has pairs of queues, from 0 on, each of which
 * belongs to one core at a time: that makes the calls that name the queue. All other
 * calls are queue 0's core's. Bursts never block; ownership of packets moves with the
 * returned count; one doorbell a burst.
 */
#ifndef DRIVERS_NIC_NIC_H
#define DRIVERS_NIC_NIC_H

#include "hv/base/err.h"
#include "hv/base/pkt.h"
#include "hv/base/types.h"

struct nic;

struct nic_link {
	bool up;
	bool full_duplex;
	u32 mbps; /* 0: the NIC does not say */
};

/* 64-bit sums of the hardware's and the driver's own counters. */
struct nic_stats {
	u64 rx_frames, rx_bytes, tx_frames, tx_bytes; /* on the wire, without FCS */
	u64 rx_missed;	   /* no descriptor or FIFO full */
	u64 rx_errors;	   /* CRC, alignment, length: frame thrown away */
	u64 rx_no_packet;  /* pool empty when refilling */
	u64 tx_full;	   /* tx_burst took fewer than offered */
	u64 tx_bad;	   /* frame the hardware cannot send (too long, bad offload fields) */
	u64 tx_lost;	   /* taken, but ended by a reset before it was sent */
	u64 irqs, resets, link_changes;
	u64 doorbells;
};

/* What a queue's core counts, to the sum. */
void nic_stats_add(struct nic_stats *sum, const struct nic_stats *c);

/* Pairs of queues that any driver drives. */
#define NIC_QUEUES_MAX 8u

/* How a NIC's interrupts reach its cores. */
enum nic_irq {
	NIC_IRQ_LINE, /* INTx or MSI: as the NIC raises its line, for all causes together */
	NIC_IRQ_MSIX, /* entries 0 to nic.vectors - 1 of its MSI-X table; others are masked */
	NIC_IRQ_KINDS,
};

/* What the platform gives a driver. regs points to BAR 0, where that is memory. */
struct nic_resources {
	volatile void *regs;
	size_t regs_size; /* 0: BAR 0 is none */
	u16 device;	  /* PCI device id */
	enum nic_irq irq;
	/* For what is not in BAR 0: configuration space (off a multiple of 4; all
	 * ones where there is nothing) and the other memory BARs (NULL: no memory). */
	void *pci;
	u32 (*pci_read32)(void *pci, u32 off);
	volatile void *(*map_bar)(void *pci, u32 bar, size_t *size);
	u32 queues; /* pairs of queues: 1 to nic.queues_max, which 1 is always in */
	/* Buffers for received frames, by queue; each belongs to its queue's core. */
	struct pkt_pool *rx_pool[NIC_QUEUES_MAX];
	/* Zeroed DMA memory for rings, 4 KiB aligned; NULL when there is none. */
	void *(*dma_alloc)(size_t bytes, bus_t *bus);
	void (*dma_free)(void *p, size_t bytes);
	/* tick() is about to reset the NIC: true when no other core is at a queue of it, nor
	 * will be before tick() is over. False: not yet; the next tick asks again. NULL:
	 * there is no other core. */
	bool (*may_reset)(void *ctx);
	void *ctx; /* for that */
};

/*
 * Headers that the NIC works on lie in the first so many bytes of the frame
 * (payload_start, csum_start + csum_offset + 2), whatever NIC it is.
 */
#define NIC_OFFLOAD_HEADER 240u

/* What a NIC can do beyond plain frames; others are not handed such frames,
 * and what breaks these rules is not sent but counted as tx_bad. */
enum nic_cap {
	/*
	 * Frames with gso_type TCP4 or TCP6: cut into gso_segs segments of
	 * gso_size payload bytes. What stands before l3_start is copied to each
	 * as it is; lengths, IPv4 id and checksum, TCP sequence number, flags
	 * and checksum are the NIC's work, whatever these fields held: it
	 * changes them in the header fragment. All headers are in there, TCP
	 * right behind the IP header (no IPv6 extension headers); the payload
	 * is at most 65535 bytes, a segment's frame at most max_frame. Where
	 * the prefix has lengths, the payload is a whole multiple of gso_size,
	 * so that they hold for all. TCP6 comes so, in an outer IPv4 packet
	 * behind an untagged Ethernet header; that one's id and checksum may
	 * change.
	 */
	NIC_CAP_TSO = BIT(0),
	/* PKT_F_NEEDS_CSUM: L4 checksum filled in at csum_start + csum_offset,
	 * where the pseudo header's sum stands. */
	NIC_CAP_CSUM = BIT(1),
};

enum nic_event {
	NIC_EVENT_RX = BIT(0),
	NIC_EVENT_TX = BIT(1),
	NIC_EVENT_LINK = BIT(2),
	NIC_EVENT_OTHER = BIT(3),
};

struct nic_ops {
	const char *name;
	bool (*match)(u16 vendor, u16 device);
	/* Reset and bring up with interrupts masked, with buffers from the pools, which
	 * nobody else is at. Bounded waits. ERR_TIMEOUT: it
	 * stays in its reset; ERR_IO: no MAC address; ERR_NOTSUP: no such interrupts;
	 * ERR_RANGE: not so many queues. */
	err_t (*attach)(struct nic *nic, const struct nic_resources *res);
	/* All packets come back first. No other core is at a queue any more. */
	void (*detach)(struct nic *nic);
	/* Up to max received frames, each a packet of the queue's rx pool; their headers
	 * are being fetched. */
	u32 (*rx_burst)(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);
	/* Takes the first k of n and returns k; the packets are put when sent. */
	u32 (*tx_burst)(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
	/* Frames of up to PKT_MAX_SEGS pieces, to be segmented or not, that
	 * tx_burst would take now; reclaims what has been sent. Less than on an
	 * idle ring as long as any frame is under way. */
	u32 (*tx_room)(struct nic *nic, u32 queue);
	/* Put packets that were sent. Returns how many. */
	u32 (*tx_reclaim)(struct nic *nic, u32 queue);
	/* Take frames for all addresses, or for ours and broadcast. NULL: cannot. */
	void (*promiscuous)(struct nic *nic, bool on);
	/* Receive (and, queue 0's, link) interrupts on or off. What is there already need
	 * not raise one: look once more. */
	void (*rx_irq)(struct nic *nic, u32 queue, bool on);
	/* Interrupt on completed transmits: wanted only when somebody waits. What was
	 * completed before raises one, or has been put by then. */
	void (*tx_irq)(struct nic *nic, u32 queue, bool on);
	/* Receive interrupts of the queue come at least so far apart, as near as the device
	 * can; 0, as after attach(): at once. Kept over resets. NULL: cannot. */
	void (*moderate)(struct nic *nic, u32 queue, u32 gap_ns);
	/* Read and clear the causes behind a vector (NIC_IRQ_LINE: 0), which are those of
	 * queue `vector % nic.queues`: enum nic_event bits, 0 when it was not ours. */
	u32 (*irq_cause)(struct nic *nic, u32 vector);
	/* Make the device raise its interrupt line, or vector 0, now (self-test). */
	void (*irq_test)(struct nic *nic);
	struct nic_link (*link)(struct nic *nic);
	void (*stats)(struct nic *nic, struct nic_stats *out);
	/* About once a second: fold counters, detect a hang (then reset and bring
	 * up again, keeping the configuration). */
	void (*tick)(struct nic *nic, u64 now_ns);
};

struct nic {
	const struct nic_ops *ops;
	char name[16];
	u8 mac[6];
	u32 max_frame; /* longest frame on the wire, without FCS */
	u32 max_pieces; /* DMA pieces a frame may have */
	u32 caps;	/* enum nic_cap; set by attach, as are: */
	u32 queues_max; /* pairs of queues that it has, with such interrupts */
	u32 queues;	/* those in use */
	u32 vectors;	/* entries of the MSI-X table in use; others: 1 */
	void *priv;
};

/* All drivers there are; NULL-terminated. */
extern const struct nic_ops *const nic_drivers[];

/* The driver for a PCI id, or NULL. */
const struct nic_ops *nic_driver_find(u16 vendor, u16 device);

#endif
