/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the igb driver share: igb_hw.c has reset, bring-up, link and statistics,
 * igb_irq.c interrupts, and igb.c puts them together. The rings and the rest are in adv*.c.
 */
#ifndef DRIVERS_NIC_IGB_H
#define DRIVERS_NIC_IGB_H

#include "drivers/nic/adv.h"
#include "drivers/nic/igb_regs.h"

#define IGB_MAX_FRAME (IGB_FRAME_MAX - 4u)

enum igb_trait {
	IGB_OWN_IVAR = BIT(0), /* a queue has its vectors in a register of its own: the 82576 */
	IGB_FLASH = BIT(1),    /* its EEPROM is flash, or none but some words on the chip */
};

/* A queue has a vector for what it receives and one for what it sent as long as there are no
 * more queues than so: tables of MSI-X have 10 entries. */
#define IGB_QUEUES_APART 5u

/* --- igb_irq.c --- */

/* As in struct adv_kind. */
u32 igb_irq_vectors(enum nic_irq irq, u32 queues);
void igb_irq_init(struct adv_queue *q);
void igb_irq_again(const struct adv *x);

/* After a reset: which cause raises what; all masked. */
void igb_irq_start(const struct adv *x);

/* As in struct nic_ops. */
void igb_rx_irq(struct nic *nic, u32 queue, bool on);
void igb_tx_irq(struct nic *nic, u32 queue, bool on);
u32 igb_irq_cause(struct nic *nic, u32 vector);
void igb_moderate(struct nic *nic, u32 queue, u32 gap_ns);
void igb_irq_test(struct nic *nic);

/* --- igb_hw.c: as in struct adv_kind --- */

err_t igb_hw_reset(struct adv *x);
err_t igb_hw_nvm_check(struct adv *x);
err_t igb_hw_start(struct adv *x, const u8 mac[6]);
void igb_hw_set_filter(struct adv *x);
struct nic_link igb_hw_link(const struct adv *x);
void igb_hw_fold(struct adv *x);

#endif
