/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the e1000 driver share: e1000_ring.c has the rings and the
 * receive path, e1000_tx.c the transmit path, e1000_hw.c the registers (reset,
 * EEPROM, bring-up, link, statistics), e1000_part.c what differs between the 8254x
 * and the 82574, and e1000.c puts them together.
 */
#ifndef DRIVERS_NIC_E1000_H
#define DRIVERS_NIC_E1000_H

#include <arch/mmio.h>

#include "drivers/nic/backoff.h"
#include "drivers/nic/e1000_regs.h"
#include "drivers/nic/nic.h"
#include "drivers/nic/sent.h"

#define E1000_RX_RING 256u
#define E1000_TX_RING 1024u
#define E1000_RX_REFILL 32u /* descriptors that one tail write gives back */

/* With RCTL.LPE the device takes up to 16384 bytes (13.4.22); 9000 of IP are usual. */
#define E1000_MAX_FRAME 9018u
#define E1000_MIN_FRAME 60u /* shorter ones are padded by the driver, see e1000_tx.c */

/* Longer pieces are split. 3.3.7 has 20 bits for a length, QEMU looks at 16. */
#define E1000_TX_PIECE 8192u
#define E1000_MAX_PAYLOAD 65535u /* of a frame to be segmented */
/* Descriptors besides the segments'. Plain: context, header fragment, padding, and
 * what splitting adds. */
#define E1000_PLAIN_EXTRA (3u + E1000_MAX_FRAME / E1000_TX_PIECE)
/* To be segmented: context, header fragment, the two that tso_close_full() adds, and
 * what splitting adds. */
#define E1000_TSO_EXTRA (4u + (NIC_OFFLOAD_HEADER + E1000_MAX_PAYLOAD) / E1000_TX_PIECE)
/* What tx_room() counts a frame as; a divisor of the usable ring, so that one
 * descriptor in use shows. */
#define E1000_FRAME_DESCS 31u

/* The counting registers that are folded into 64 bits. */
enum e1000_counter {
	E1000_COUNT_MPC,
	E1000_COUNT_CRCERRS,
	E1000_COUNT_ALGNERRC,
	E1000_COUNT_RXERRC,
	E1000_COUNT_RUC,
	E1000_COUNT_ROC,
	E1000_COUNT_GPTC,
	E1000_COUNTERS,
};

/* What the device does with a frame to be segmented, at its end in particular when
 * the last segment is full; see tso_close_full(). */
enum e1000_tso_end {
	E1000_TSO_END_UNKNOWN,
	E1000_TSO_END_CLEAN,
	E1000_TSO_END_EMPTY, /* QEMU's 8254x: sends one more segment, without payload */
	E1000_TSO_END_WHOLE, /* QEMU's 82574: cuts it as its own parser sees it, if at all */
};

/* Interrupt causes by what they mean to the driver. */
struct e1000_causes {
	u32 rx, tx, link;
	u32 test; /* one that nothing else unmasks */
};

/* A register that a part wants to have so: (old & ~clear) | set. */
struct e1000_reg_want {
	u32 reg, clear, set;
};

#define E1000_WANTS_MAX 4

/* What differs between the parts of the family. By enum nic_irq where that matters. */
struct e1000_part {
	u16 device;
	const char *name;
	bool pcie;	    /* GIO master disable before a reset, auto-read after it */
	bool icr_by_write;  /* reading ICR may leave causes standing (D 7.4.5) */
	u32 eerd_done;
	u32 eerd_addr_shift;
	u32 tipg;
	struct e1000_causes causes[NIC_IRQ_KINDS]; /* all 0: no such interrupts */
	u32 itr[NIC_IRQ_KINDS]; /* the register that holds interrupts apart */
	struct e1000_reg_want wants[NIC_IRQ_KINDS][E1000_WANTS_MAX]; /* until reg 0 */
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
	const struct e1000_part *part;
	const struct e1000_causes *causes;
	volatile void *regs;
	struct pkt_pool *pool;

	struct e1000_rx_desc *rx;
	struct pkt *rx_pkt[E1000_RX_RING]; /* buffer behind each descriptor */
	u32 rx_next; /* the next that the device completes */
	u32 rx_fill; /* the next to hand to the device */
	u32 rx_tail; /* shadow of RDT */
	struct pkt *rx_long; /* of a frame of several descriptors, what came so far */
	bool rx_skip; /* inside a frame that is no good: thrown away */

	union e1000_tx_desc *tx;
	struct nic_sent sent; /* RS is on the end of each group, and nowhere else */
	u32 tx_clean, tx_tail;
	u32 tx_csum;   /* checksum context that the device has; 0: none */
	bus_t pad_bus; /* E1000_MIN_FRAME zero bytes */
	enum e1000_tso_end tso_end;
	bool tso_full; /* a frame that tells which it is was handed over */
	u64 wire_base; /* e1000_hw_sent() minus count.tx_frames as the ring started */

	bool promiscuous;
	bool running;	/* false: the last reset failed, nothing moves */
	bool link_up;	/* as last seen */
	u32 irq_mask;	/* shadow of IMS */
	u32 itr;	/* what part->itr has */
	u32 tick_clean; /* tx_clean at the last tick */
	u32 stuck_ticks;
	struct nic_backoff backoff;
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

/* What the frames that p stands for amount to. */
static inline u64 e1000_wire_bytes(const struct pkt *p)
{
	return p->len + (pkt_wire_frames(p) - 1ull) * p->payload_start;
}

/* The device is done with that group. Pairs with its writing the status last. */
static inline bool e1000_tx_done(const struct e1000 *e, const struct nic_sent_group *group)
{
	const union e1000_tx_desc *d = &e->tx[group->last];

	return __atomic_load_n(&d->data.status, __ATOMIC_ACQUIRE) & E1000_TXD_DD;
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
u32 e1000_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);

/* --- e1000_tx.c --- */

/* As in struct nic_ops. */
u32 e1000_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
u32 e1000_tx_room(struct nic *nic, u32 queue);
u32 e1000_tx_reclaim(struct nic *nic, u32 queue);

/* Find out what the device is like (enum e1000_tso_end) by two segments to our
 * own address, which nobody takes; at attach. One that does not segment as the
 * manual says loses its nic->caps. Waits at most 10 ms; when they are not sent in
 * that time (no link; emulated devices send at once), it is known when they are. */
void e1000_tx_probe(struct nic *nic);

/* --- e1000_part.c --- */

/* The part of this device id, with or without PCI Express; NULL: not known. */
const struct e1000_part *e1000_part_find(u16 device);

/* Bring the registers into the state that the part wants, before both directions
 * are enabled. */
void e1000_part_start(struct e1000 *e);

/* --- e1000_hw.c --- */

/* Stop the device and put it into its reset state, interrupts masked. No DMA
 * happens afterwards. ERR_TIMEOUT when it does not come back. */
err_t e1000_hw_reset(struct e1000 *e);

/* The address in the EEPROM or, when that does not add up, the one in RAL0 and
 * RAH0, and a word about that. ERR_IO when neither is a unicast address. */
err_t e1000_hw_read_mac(struct e1000 *e, const char *name, u8 mac[6]);

/* After a reset: address filter, empty rings, both directions enabled. */
void e1000_hw_start(struct e1000 *e, const u8 mac[6]);

/* Receive as e->promiscuous says. */
void e1000_hw_set_filter(struct e1000 *e);

struct nic_link e1000_hw_link(const struct e1000 *e);

/* Frames that the device counted as sent, over all resets. */
u64 e1000_hw_sent(struct e1000 *e);

/* Add what the device counted since the last call. */
void e1000_hw_fold(struct e1000 *e);

#endif
