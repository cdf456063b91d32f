/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The e1000 driver on its register model, for unit tests: one of each, in
 * globals, since a test program has one device at a time.
 */
#ifndef TESTS_MODELS_E1000_BENCH_H
#define TESTS_MODELS_E1000_BENCH_H

#include "drivers/nic/nic.h"
#include "tests/models/e1000_model.h"

#define BENCH_POOL 1024u

struct e1000_bench {
	struct e1000_model model;
	struct nic nic;
	const struct nic_ops *ops;
	struct nic_resources res;
	struct pkt_pool pool;
	/* What segments point to; no two of its parts are alike. */
	u8 guest[160 * 1024] __attribute__((aligned(16)));
	u16 device;	   /* of the model: set before; 0 is an 82540EM */
	enum nic_irq irq;  /* what the platform has: set before */
	u32 dma_live;
	bool dma_fail;
	u32 done; /* frames that came back */
};

extern struct e1000_bench bench;
extern const u8 bench_mac[6];

/* Either device of the model, for whoever runs his cases on both. */
#define BENCH_DEVICES { E1000_MODEL_82540EM, E1000_MODEL_82574L }

/* A device and a pool of so many packets, not attached. */
void bench_prepare(u32 packets);
/* Attach, and forget what was sent by that. */
void bench_start(void);
/* Both. */
void bench_attach(u32 packets);
/* Detach. Everything must have come back and nothing forbidden been done. */
void bench_finish(void);

/* For cmocka: attached with BENCH_POOL packets, and bench_finish(). */
int bench_setup(void **state);
int bench_teardown(void **state);
#define BENCH_CASE(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

/* A frame of head bytes (a0h, a1h ...) in the header fragment and the given
 * segments of the guest's memory, which lie 3 bytes apart from its start. */
struct pkt *bench_frame(u32 head, const u32 *seg, u32 nseg);

/* tx_burst of one. */
u32 bench_send(struct pkt *p);
/* Frames and bytes sent are counted from bench_start() on. */
struct nic_stats bench_stats(void);
/* Forget what was sent. */
void bench_drop_wire(void);

#endif
