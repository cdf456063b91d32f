/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the ixgbe driver share: ixgbe_hw.c has bring-up, link and statistics,
 * ixgbe_reset.c the reset, ixgbe_irq.c interrupts, and ixgbe.c puts them together. The rings
 * and the rest are in adv*.c.
 */
#ifndef DRIVERS_NIC_IXGBE_H
#define DRIVERS_NIC_IXGBE_H

#include "drivers/nic/adv.h"
#include "drivers/nic/ixgbe_regs.h"

/* 15.5 KiB with the FCS is what the device takes and sends. */
#define IXGBE_MAX_FRAME (IXGBE_TX_BUFFER_MAX - 4u)

enum ixgbe_trait {
	IXGBE_HAS_AUTOC = BIT(0),  /* link mode by AUTOC; else the PHY's and its firmware's */
	IXGBE_HAS_LASER = BIT(1),  /* an SFP+ module's laser hangs on SDP3 */
	IXGBE_HAS_REGSMP = BIT(2), /* semaphore of the X540 */
};

/* --- ixgbe_irq.c --- */

/* As in struct adv_kind. */
u32 ixgbe_irq_vectors(enum nic_irq irq, u32 queues);
void ixgbe_irq_init(struct adv_queue *q);
void ixgbe_irq_again(const struct adv *x);

/* After a reset: which cause raises what; all masked. */
void ixgbe_irq_start(const struct adv *x);

/* As in struct nic_ops. */
void ixgbe_rx_irq(struct nic *nic, u32 queue, bool on);
void ixgbe_tx_irq(struct nic *nic, u32 queue, bool on);
u32 ixgbe_irq_cause(struct nic *nic, u32 vector);
void ixgbe_moderate(struct nic *nic, u32 queue, u32 gap_ns);
void ixgbe_irq_test(struct nic *nic);

/* --- ixgbe_reset.c: as in struct adv_kind --- */

err_t ixgbe_hw_reset(struct adv *x);

/* --- ixgbe_hw.c: as in struct adv_kind --- */

err_t ixgbe_hw_start(struct adv *x, const u8 mac[6]);
void ixgbe_hw_set_filter(struct adv *x);
struct nic_link ixgbe_hw_link(const struct adv *x);
void ixgbe_hw_fold(struct adv *x);
err_t ixgbe_hw_nvm_check(struct adv *x);

#endif
