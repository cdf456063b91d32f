/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ixgbe driver on the 82599's model, or the igb driver on the 82576's, for unit tests and
 * the fuzzers: one of each, in globals, since a program has one device at a time. Time is
 * host_now_ns.
 */
#ifndef TESTS_MODELS_IXGBE_BENCH_H
#define TESTS_MODELS_IXGBE_BENCH_H

#include "drivers/nic/nic.h"
#include "tests/models/igb_model.h"
#include "tests/models/ixgbe_model.h"

#define IXB_POOL 2048u
#define IXB_WIRE 2048u /* frames kept of what was sent */
#define IXB_RAM 32u

struct ixb_frame {
	u32 len;
	u8 *data;
};

struct ixgbe_bench {
	struct ixgbe_model model;
	struct igb_model igb; /* ... in front of it, if that is the device */
	struct nic nic;
	const struct nic_ops *ops;
	struct nic_resources res;
	struct pkt_pool pool; /* of queue 0 ... */
	struct pkt_pool more[NIC_QUEUES_MAX - 1]; /* ... and of the others */
	/* What segments point to; no two of its parts are alike. */
	u8 guest[160 * 1024] __attribute__((aligned(16)));
	u32 dma_live;
	bool dma_fail;
	u32 done; /* frames that came back */
	struct ixb_frame wire[IXB_WIRE]; /* sent frames, padded */
	u32 wire_count;
	bool loopback; /* what is sent comes back in */
	u32 interrupts[IXM_VECTORS]; /* by vector */
	/* Between driver and model; NULL: nothing. Returns false to swallow a write. */
	bool (*on_write)(u64 offset, u32 *value);
	u32 (*on_read)(u64 offset, u32 value);
	/* private */
	struct {
		u64 base, len;
	} ram[IXB_RAM];
	u32 ram_count;
};

extern struct ixgbe_bench ixb;
extern const u8 ixb_mac[6];

/* What ixb_prepare() makes, by its PCI id: an 82599 (IXB_82599, from the start), or of the
 * igb driver's (any other of its parts' ids is an 82576 or I350 to the model). */
#define IXB_82599 0x10f7
#define IXB_82576 0x10c9
#define IXB_I350 0x1521
extern u16 ixb_device;
#define IXB_MSIX_ENTRIES 10u
extern u32 ixb_msix_entries; /* of an igb's table; ixb_prepare() makes it so many */

/* A device and a pool of so many packets, not attached. */
void ixb_prepare(u32 packets);
/* The same with so many queues, of MSI-X if they are several, each with such a pool. */
void ixb_prepare_queues(u32 packets, u32 queues);
/* Both: attached, with queues that start slowly. */
void ixb_attach(u32 packets);
/* Detach. Everything must have come back and nothing forbidden been done. */
void ixb_finish(void);
/* The same without judging: for drivers that are broken, and devices that are. */
void ixb_end(void);

/* For cmocka: attached with IXB_POOL packets, and ixb_finish(). */
int ixb_setup(void **state);
int ixb_teardown(void **state);
#define IXB_CASE(name) cmocka_unit_test_setup_teardown(name, ixb_setup, ixb_teardown)

/* A frame of head bytes (a0h, a1h ...) in the header fragment and the given segments
 * of the guest's memory, which lie 3 bytes apart from its start. */
struct pkt *ixb_frame(u32 head, const u32 *seg, u32 nseg);

/* What the models have alike: of the one that there is. */
bool ixb_receive(const void *frame, u32 len);
bool ixb_receive_bad(const void *frame, u32 len);
void ixb_run_tx(u32 max);
void ixb_set_link(bool up);

/* tx_burst of one. */
u32 ixb_send(struct pkt *p);
struct nic_stats ixb_stats(void);
/* Forget what was sent. */
void ixb_drop_wire(void);
/* ... and counted, behind attach(): an igb sends frames of its own there. */
void ixb_begin(void);

#endif
