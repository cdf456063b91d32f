/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NICs in memory, as cheap as can be: registers are a block of words, and what a
 * device does it does when the benchmark says so, off the clock. They trust their
 * drivers (the strict ones are in tests/models/). Bus addresses are pointers. One at
 * a time.
 */
#ifndef TESTS_BENCH_PATH_NIC_H
#define TESTS_BENCH_PATH_NIC_H

#include "drivers/nic/nic.h"

/* One of them: path_e1000.c, path_adv.c, path_vnic.c. */
struct path_device {
	const char *name;
	u16 vendor, device;
	/* Registers as after a reset (they are zero) and a driver's resources. */
	void (*up)(struct nic_resources *res);
	/* Answer a read of 32 bits. */
	u32 (*read)(u32 offset);
	/* As path_nic_send() and the following. */
	u32 (*send)(void);
	u32 (*last)(u8 *out, u32 size);
	bool (*receive)(const void *frame, u32 len);
};

extern const struct path_device path_e1000, path_e1000e, path_igb, path_ixgbe, path_vnic;

/* For the devices: the registers, and the address that they have. */
u32 *path_reg(u32 offset);
extern const u8 path_mac[6];
/* A ring whose address stands in two registers. */
void *path_ring(u32 low, u32 high);

/* Use the NIC of this name from now on; false: there is none. The first one else. */
bool path_nic_use(const char *name);
/* Names of all, NULL after the last. */
const char *path_nic_name(u32 i);

/* The product's driver, attached to it. rx_pool: for received frames. Dies
 * where that fails. */
void path_nic_up(struct nic *nic, struct pkt_pool *rx_pool);
void path_nic_down(struct nic *nic);

/* Send what the driver has shown: mark it as done. Returns how many frames. */
u32 path_nic_send(void);

/* The frame that it was shown last, put together. Returns its length. Before that is
 * given back. */
u32 path_nic_last(u8 *out, u32 size);

/* Put a frame (without FCS) into the next receive buffer, as DMA would. False:
 * there is none. */
bool path_nic_receive(const void *frame, u32 len);

#endif
