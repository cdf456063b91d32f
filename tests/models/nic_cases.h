/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests that the drivers of all Ethernet NICs with a register model pass alike:
 * frames of all sizes and shapes, full rings, empty pools, interrupts, a transmitter that
 * hangs. A test program says in its nic_rig what it runs them on, and has
 * NIC_CASES(CASE) in its table, where CASE() has the driver attached before and the model
 * judged after.
 */
#ifndef TESTS_MODELS_NIC_CASES_H
#define TESTS_MODELS_NIC_CASES_H

#include "drivers/nic/nic.h"

struct nic_wire_frame {
	const u8 *data; /* NULL: there is no such frame */
	u32 len;
};

struct nic_rig {
	struct nic *nic;
	struct pkt_pool *pool;
	const u8 *mac;
	u32 max_frame, tx_ring, rx_ring; /* of the driver */
	bool takes_longer; /* the device gives frames longer than that to the driver */

	/* The driver on a device with a pool of so many packets; detached and judged. */
	void (*attach)(u32 packets);
	void (*finish)(void);
	/* A frame of head bytes (a0h, a1h ...) and pieces of memory of these lengths. */
	struct pkt *(*frame)(u32 head, const u32 *seg, u32 nseg);
	u32 (*send)(struct pkt *p); /* tx_burst of one */
	struct nic_stats (*stats)(void); /* from attach() on */

	/* What left the device since drop_wire(), by number. */
	struct nic_wire_frame (*sent)(u32 i);
	void (*drop_wire)(void);
	/* A frame arrives, whole or with an error. False: there is no buffer, or nobody
	 * wants it. */
	bool (*receive)(const void *frame, u32 len);
	bool (*receive_bad)(const void *frame, u32 len);
	void (*run_tx)(u32 most); /* so many descriptors are done, hanging or not */
	void (*set_link)(bool up);

	/* The model's: it hangs, nobody is interrupted, what is sent comes back in; the
	 * line, accesses; the frames that came back to whoever made them. */
	bool *hang_tx, *no_irq, *loopback;
	const bool *irq_line;
	const u32 *reads;
	u32 *rdt_writes, *tdt_writes, *done;
};

extern const struct nic_rig nic_rig;

void nic_case_tx_all_sizes(void **state);
void nic_case_tx_scatter(void **state);
void nic_case_tx_refused(void **state);
void nic_case_tx_one_doorbell(void **state);
void nic_case_tx_full_ring(void **state);
void nic_case_tx_room_is_kept(void **state);
void nic_case_tx_wraps(void **state);
void nic_case_tx_comes_back(void **state);
void nic_case_rx_all_sizes(void **state);
void nic_case_rx_filter(void **state);
void nic_case_rx_burst_and_refill(void **state);
void nic_case_rx_full_ring(void **state);
void nic_case_rx_empty_pool(void **state);
void nic_case_rx_bad_frames(void **state);
void nic_case_loopback(void **state);
void nic_case_rx_irq(void **state);
void nic_case_tx_irq(void **state);
void nic_case_irq_self_test(void **state);
void nic_case_link_change(void **state);
void nic_case_hang(void **state);
void nic_case_detach_returns_all(void **state);

#define NIC_CASES(CASE) \
	CASE(nic_case_tx_all_sizes), \
	CASE(nic_case_tx_scatter), \
	CASE(nic_case_tx_refused), \
	CASE(nic_case_tx_one_doorbell), \
	CASE(nic_case_tx_full_ring), \
	CASE(nic_case_tx_room_is_kept), \
	CASE(nic_case_tx_wraps), \
	CASE(nic_case_tx_comes_back), \
	CASE(nic_case_rx_all_sizes), \
	CASE(nic_case_rx_filter), \
	CASE(nic_case_rx_burst_and_refill), \
	CASE(nic_case_rx_full_ring), \
	CASE(nic_case_rx_empty_pool), \
	CASE(nic_case_rx_bad_frames), \
	CASE(nic_case_loopback), \
	CASE(nic_case_rx_irq), \
	CASE(nic_case_tx_irq), \
	CASE(nic_case_irq_self_test), \
	CASE(nic_case_link_change), \
	CASE(nic_case_hang), \
	CASE(nic_case_detach_returns_all)

#endif
