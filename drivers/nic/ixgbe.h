/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the ixgbe driver share: ixgbe_rx.c has the receive rings,
 * ixgbe_tx.c the transmit rings, ixgbe_offload.c checksums and segmentation,
 * ixgbe_hw.c bring-up, link and statistics, ixgbe_reset.c the reset, ixgbe_irq.c
 * interrupts, ixgbe_nvm.c the EEPROM and the semaphores, and ixgbe.c puts them together.
 */
#ifndef DRIVERS_NIC_IXGBE_H
#define DRIVERS_NIC_IXGBE_H

#include <arch/mmio.h>

#include "drivers/nic/ixgbe_regs.h"
#include "drivers/nic/nic.h"
#include "drivers/nic/sent.h"

#define IXGBE_RX_RING 512u
#define IXGBE_TX_RING 1024u
#define IXGBE_RX_REFILL 32u /* descriptors that one tail write gives back */
#define IXGBE_RX_BUF 2048u

/* 15.5 KiB with the FCS is what the device takes and sends. */
#define IXGBE_MAX_FRAME (IXGBE_TX_BUFFER_MAX - 4u)
#define IXGBE_MIN_FRAME 60u /* what shorter than IXGBE_PAYLEN_MIN is padded to */

#define IXGBE_TX_PIECE 8192u /* longer ones are split; a descriptor takes 15.5 KiB */
#define IXGBE_MAX_PAYLOAD 65535u /* of a frame to be segmented */
/* Descriptors besides the segments'. Plain: context, header fragment, padding, and
 * what splitting adds. */
#define IXGBE_PLAIN_EXTRA (3u + IXGBE_MAX_FRAME / IXGBE_TX_PIECE)
/* To be segmented: context, header fragment, and what splitting adds. */
#define IXGBE_TSO_EXTRA (2u + (NIC_OFFLOAD_HEADER + IXGBE_MAX_PAYLOAD) / IXGBE_TX_PIECE)
/* What tx_room() counts a frame as; a divisor of the usable ring, so that one
 * descriptor in use shows. */
#define IXGBE_FRAME_DESCS 31u

/* The two contexts that the device keeps. */
enum ixgbe_context {
	IXGBE_CONTEXT_CSUM,
	IXGBE_CONTEXT_TSO,
	IXGBE_CONTEXTS,
};

/* The counting registers that are folded into 64 bits. */
enum ixgbe_counter {
	IXGBE_COUNT_MISSED,   /* packet buffer full */
	IXGBE_COUNT_DROPPED,  /* no descriptor */
	IXGBE_COUNT_CRCERRS,  /* from here on: frames in error */
	IXGBE_COUNT_ILLERRC,
	IXGBE_COUNT_RLEC,
	IXGBE_COUNT_RUC,
	IXGBE_COUNT_RFC,
	IXGBE_COUNT_ROC,
	IXGBE_COUNT_RJC,
	IXGBE_COUNTERS,
};

/* How one part differs from the others. */
struct ixgbe_part {
	u16 device;
	const char *name;
	bool autoc;  /* link mode by AUTOC; else the PHY's and its firmware's */
	bool laser;  /* an SFP+ module's laser hangs on SDP3 */
	bool regsmp; /* semaphore of the X540 */
};

/*
 * A pair of queues: all of it is its core's, while the device runs. Ring positions run
 * over 0 .. size-1. The device owns receive [rx_next, rx_fill) and transmit
 * [tx_clean, tx_tail).
 */
struct ixgbe_queue {
	struct ixgbe *x;
	u32 index;
	struct pkt_pool *pool;

	union ixgbe_rx_desc *rx;
	struct pkt *rx_pkt[IXGBE_RX_RING]; /* buffer behind each descriptor */
	u32 rx_next; /* the next that the device completes */
	u32 rx_fill; /* the next to hand to the device */
	u32 rx_tail; /* shadow of RDT */
	struct pkt *rx_long; /* of a frame of several descriptors, what came so far */
	bool rx_skip; /* inside a frame that is no good: thrown away */

	union ixgbe_tx_desc *tx;
	struct nic_sent sent;
	u32 tx_clean; /* atomic, as is: */
	u32 tx_tail;
	struct ixgbe_tx_context context[IXGBE_CONTEXTS]; /* that the device has; cmd 0: none */
	bus_t pad_bus; /* IXGBE_MIN_FRAME zero bytes */

	/* EICR's bits of what it receives and sends, and shadow of EIMS, as far as it is
	 * the queue's; queue 0 has the causes that are no queue's as well. */
	u32 rx_cause, tx_cause, irq_mask;
	u32 eitr; /* of the vector of what it receives */
	struct nic_stats count;
	bus_t rx_bus, tx_bus;

	/* Queue 0's core: whether it stands still. */
	u32 tick_clean; /* tx_clean at the last tick */
	u32 stuck_ticks;
};

struct ixgbe {
	volatile void *regs;
	u32 queues;
	struct ixgbe_queue *queue[NIC_QUEUES_MAX];

	bool promiscuous;
	bool running;	/* false: the last reset failed, nothing moves */
	bool link_up;	/* as last seen */
	u32 retry_wait; /* ticks between the last attempts to bring it back ... */
	u32 retry_in;	/* ... and until the next one */
	struct nic_stats count; /* what no queue counts */
	u64 fold[IXGBE_COUNTERS];

	const struct ixgbe_part *part;
	struct nic_resources res;
};

static inline u32 ixgbe_read(const struct ixgbe *x, u32 reg)
{
	return mmio_read32((const volatile u8 *)x->regs + reg);
}

static inline void ixgbe_write(const struct ixgbe *x, u32 reg, u32 value)
{
	mmio_write32((volatile u8 *)x->regs + reg, value);
}

/* The device is done with that group. Pairs with its writing the status last. */
static inline bool ixgbe_tx_done(const struct ixgbe_queue *q, const struct nic_sent_group *group)
{
	const union ixgbe_tx_desc *d = &q->tx[group->last];

	return __atomic_load_n(&d->data.olinfo, __ATOMIC_ACQUIRE) & IXGBE_TXD_DD;
}

/* What the frames that p stands for amount to. */
static inline u64 ixgbe_wire_bytes(const struct pkt *p)
{
	return p->len + (pkt_wire_frames(p) - 1ull) * p->payload_start;
}

/* The device is done with receive descriptor i; its status. */
static inline u32 ixgbe_rx_status(const struct ixgbe_queue *q, u32 i)
{
	return __atomic_load_n(&q->rx[i].done.status, __ATOMIC_ACQUIRE);
}

/* --- ixgbe_rx.c --- */

/* Give the device what receive buffers the ring and the pool allow. The pool's core. */
void ixgbe_rx_refill(struct ixgbe_queue *q);

/* Before the queue starts: as many buffers as it takes, as long as the pool has some. The
 * pool's core, or nobody else is at the pool. */
void ixgbe_rx_stock(struct ixgbe_queue *q);

/* The queue is on: the device gets the buffers that are there. Any core. */
void ixgbe_rx_start(struct ixgbe_queue *q);

/* As in struct nic_ops. */
u32 ixgbe_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);

/* Forget what is in the ring; the device is in reset. The buffers stay in it. */
void ixgbe_rx_empty(struct ixgbe_queue *q);

/* Give the buffers back to their pool. */
void ixgbe_rx_put(struct ixgbe_queue *q);

/* --- ixgbe_tx.c --- */

/* As in struct nic_ops. */
u32 ixgbe_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
u32 ixgbe_tx_room(struct nic *nic, u32 queue);
u32 ixgbe_tx_reclaim(struct nic *nic, u32 queue);

/* Forget what is in the ring; the device is in reset. Frames that were being
 * sent end here and count as lost. */
void ixgbe_tx_empty(struct ixgbe_queue *q);

/* --- ixgbe_offload.c --- */

/* Whether the device can do what the frame's offload fields ask for. */
bool ixgbe_offload_fits(const struct pkt *p);

/*
 * Prepare the headers of a frame with offload fields. What its descriptors have
 * to say goes to *cmd and *olinfo, and the context that they refer to to *c.
 * False: no context is needed (the checksum was finished in software).
 */
bool ixgbe_offload_begin(struct pkt *p, struct ixgbe_tx_context *c, u32 *cmd, u32 *olinfo);

/* --- ixgbe_irq.c --- */

/* Vectors for so many queues with such interrupts. */
u32 ixgbe_irq_vectors(enum nic_irq irq, u32 queues);

/* The queue's causes; before the device starts. */
void ixgbe_irq_init(struct ixgbe_queue *q);

/* After a reset: which cause raises what; all masked. */
void ixgbe_irq_start(const struct ixgbe *x);

/* Unmask what was unmasked before a reset. */
void ixgbe_irq_again(const struct ixgbe *x);

/* As in struct nic_ops. */
void ixgbe_rx_irq(struct nic *nic, u32 queue, bool on);
void ixgbe_tx_irq(struct nic *nic, u32 queue, bool on);
u32 ixgbe_irq_cause(struct nic *nic, u32 vector);
void ixgbe_moderate(struct nic *nic, u32 queue, u32 gap_ns);
void ixgbe_irq_test(struct nic *nic);

/* --- ixgbe_reset.c --- */

/* Stop the device and put it into its reset state, interrupts masked. No DMA
 * happens afterwards. ERR_TIMEOUT when it does not come back. */
err_t ixgbe_hw_reset(struct ixgbe *x);

/* Do nothing for so long. */
void ixgbe_pause(u64 ns);

/* Wait until the register's bits in mask are `want`; false: not within limit_ns. */
bool ixgbe_wait(const struct ixgbe *x, u32 reg, u32 mask, u32 want, u64 limit_ns);

/* --- ixgbe_nvm.c --- */

/* Own the resources (IXGBE_SYNC_*) that are shared with firmware and the other
 * port. ERR_BUSY when somebody keeps them for more than a second. */
err_t ixgbe_sync_take(struct ixgbe *x, u32 bits);
void ixgbe_sync_give(struct ixgbe *x, u32 bits);

/* Whether the EEPROM's checksum is right. ERR_IO: it is not; ERR_NOENT: there is no
 * EEPROM; ERR_TIMEOUT, ERR_BUSY: it cannot be read. */
err_t ixgbe_nvm_check(struct ixgbe *x);

/* --- ixgbe_hw.c --- */

/* The address that the EEPROM put into RAL0 and RAH0. ERR_IO when that is none. */
err_t ixgbe_hw_read_mac(struct ixgbe *x, u8 mac[6]);

/* After a reset: filters, link, rings, both directions enabled; the receive ring gets
 * buffers. ERR_TIMEOUT when a queue does not start. */
err_t ixgbe_hw_start(struct ixgbe *x, const u8 mac[6]);

/* Receive as x->promiscuous says. */
void ixgbe_hw_set_filter(struct ixgbe *x);

struct nic_link ixgbe_hw_link(const struct ixgbe *x);

/* Add what the device counted since the last call. */
void ixgbe_hw_fold(struct ixgbe *x);

#endif
