/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An 8254x in memory, as cheap as can be: registers are a block of words, and
 * what the device does it does when the benchmark says so, off the clock. It
 * trusts its driver (the strict one is tests/models/e1000_model.c). Bus
 * addresses are pointers.
 */
#ifndef TESTS_BENCH_PATH_NIC_H
#define TESTS_BENCH_PATH_NIC_H

#include "drivers/nic/nic.h"

/* The product's driver, attached to it. rx_pool: for received frames. Dies
 * where that fails. */
void path_nic_up(struct nic *nic, struct pkt_pool *rx_pool);
void path_nic_down(struct nic *nic);

/* Send what the tail register shows: mark it as done. Returns how many frames. */
u32 path_nic_send(void);

/* The frame that it was shown last, put together. Returns its length. Before that is
 * given back. */
u32 path_nic_last(u8 *out, u32 size);

/* Put a frame (without FCS) into the next receive buffer, as DMA would. False:
 * there is none. */
bool path_nic_receive(const void *frame, u32 len);

#endif
