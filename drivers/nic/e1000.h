/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the e1000 driver share: e1000_ring.c has the packet path,
 * e1000_hw.c the registers (reset, EEPROM, bring-up, link, statistics), and
 * e1000.c puts them together.
 */
#ifndef DRIVERS_NIC_E1000_H
#define DRIVERS_NIC_E1000_H

#include <arch/mmio.h>

#include "drivers/nic/e1000_regs.h"
#include "drivers/nic/nic.h"

#define E1000_RX_RING 256u
#define E1000_TX_RING 1024u
#define E1000_RX_REFILL 32u /* descriptors that one tail write gives back */

/* With RCTL.LPE off the longest frame is 1522 bytes with its FCS (13.4.22). */
#define E1000_MAX_FRAME 1518u
#define E1000_MIN_FRAME 60u /* shorter ones are padded by the driver, see e1000.c */
/* Header fragment, segments, padding. */
#define E1000_MAX_PIECES (PKT_MAX_SEGS + 2u)

/* The counting registers that are folded into 64 bits. */
enum e1000_counter {
	E1000_COUNT_MPC,
	E1000_COUNT_CRCERRS,
	E1000_COUNT_ALGNERRC,
	E1000_COUNT_RXERRC,
	E1000_COUNT_RUC,
	E1000_COUNT_ROC,
	E1000_COUNTERS,
};

struct e1000_fold {
	u64 sum;
	u32 last; /* value left in a register that a read does not clear */
};

/*
 * Ring positions run over 0 .. size-1. The device owns
 * receive [rx_next, rx_fill) and transmit [tx_clean, tx_tail).
 */
struct e1000 {
	volatile void *regs;
	struct pkt_pool *pool;

	struct e1000_rx_desc *rx;
	struct pkt *rx_pkt[E1000_RX_RING]; /* buffer behind each descriptor */
	u32 rx_next; /* the next that the device completes */
	u32 rx_fill; /* the next to hand to the device */
	u32 rx_tail; /* shadow of RDT */
	bool rx_skip; /* inside a frame of several descriptors: thrown away */

	struct e1000_tx_desc *tx;
	/* For the first descriptor of each frame: the frame, and where it ends. */
	struct pkt *tx_pkt[E1000_TX_RING];
	u16 tx_last[E1000_TX_RING];
	u32 tx_clean;
	u32 tx_tail;
	bus_t pad_bus; /* E1000_MIN_FRAME zero bytes */

	bool running;	/* false: the last reset failed, nothing moves */
	bool link_up;	/* as last seen */
	u32 irq_mask;	/* shadow of IMS */
	u32 tick_clean; /* tx_clean at the last tick */
	u32 stuck_ticks;
	struct nic_stats count;
	struct e1000_fold fold[E1000_COUNTERS];

	bus_t rx_bus, tx_bus;
	struct nic_resources res;
};

static inline u32 e1000_read(const struct e1000 *e, u32 reg)
{
	return mmio_read32((const volatile u8 *)e->regs + reg);
}

static inline void e1000_write(const struct e1000 *e, u32 reg, u32 value)
{
	mmio_write32((volatile u8 *)e->regs + reg, value);
}

/* --- e1000_ring.c --- */

/* The rings in DMA memory, zeroed. ERR_NOMEM. */
err_t e1000_rings_alloc(struct e1000 *e);
void e1000_rings_free(struct e1000 *e);

/* Forget what is in the rings; the device is in reset. Receive buffers stay in
 * their places, frames being sent end here and count as lost. */
void e1000_rings_empty(struct e1000 *e);

/* Give the receive buffers back to their pool. */
void e1000_rings_put(struct e1000 *e);

/* Give the device what receive buffers the ring and the pool allow. */
void e1000_rx_refill(struct e1000 *e);

/* As in struct nic_ops. */
u32 e1000_rx_burst(struct nic *nic, struct pkt **pkts, u32 max);
u32 e1000_tx_burst(struct nic *nic, struct pkt **pkts, u32 n);
u32 e1000_tx_room(struct nic *nic);
u32 e1000_tx_reclaim(struct nic *nic);

/* --- e1000_hw.c --- */

/* Stop the device and put it into its reset state, interrupts masked. No DMA
 * happens afterwards. ERR_TIMEOUT when it does not come back. */
err_t e1000_hw_reset(struct e1000 *e);

/* The address in the EEPROM or, when that does not add up, the one in RAL0 and
 * RAH0. ERR_IO when neither is a unicast address. */
err_t e1000_hw_read_mac(struct e1000 *e, u8 mac[6]);

/* After a reset: address filter, empty rings, both directions enabled. */
void e1000_hw_start(struct e1000 *e, const u8 mac[6]);

struct nic_link e1000_hw_link(const struct e1000 *e);

/* Add what the device counted since the last call. */
void e1000_hw_fold(struct e1000 *e);

#endif
