/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Intel's NICs with advanced descriptors have in common, whose drivers are ixgbe and
 * igb: adv_rx.c has the receive rings, adv_tx.c the transmit rings, adv_offload.c checksums
 * and segmentation, adv_nvm.c the EEPROM and the semaphores, adv_hw.c registers that they
 * have alike, and adv.c puts them together. A driver adds a struct adv_kind.
 */
#ifndef DRIVERS_NIC_ADV_H
#define DRIVERS_NIC_ADV_H

#include <arch/mmio.h>

#include "drivers/nic/adv_regs.h"
#include "drivers/nic/nic.h"
#include "drivers/nic/sent.h"

#define ADV_RX_RING 512u
#define ADV_TX_RING 1024u
#define ADV_RX_REFILL 32u /* descriptors that one tail write gives back */
#define ADV_RX_BUF 2048u

#define ADV_FRAME_MOST 15868u /* no such device takes longer ones */
#define ADV_MIN_FRAME 60u     /* shorter ones are padded by the driver */

#define ADV_TX_PIECE 8192u /* longer ones are split; a descriptor takes 15.5 KiB and more */
#define ADV_MAX_PAYLOAD 65535u /* of a frame to be segmented */
/* Descriptors besides the segments'. Plain: context, header fragment, padding, and
 * what splitting adds. */
#define ADV_PLAIN_EXTRA (3u + ADV_FRAME_MOST / ADV_TX_PIECE)
/* To be segmented: context, header fragment, and what splitting adds. */
#define ADV_TSO_EXTRA (2u + (NIC_OFFLOAD_HEADER + ADV_MAX_PAYLOAD) / ADV_TX_PIECE)
/* What tx_room() counts a frame as; a divisor of the usable ring, so that one
 * descriptor in use shows. */
#define ADV_FRAME_DESCS 31u

/* The two contexts that the device keeps. */
enum adv_context {
	ADV_CONTEXT_CSUM,
	ADV_CONTEXT_TSO,
	ADV_CONTEXTS,
};

struct adv;
struct adv_queue;

struct adv_part {
	u16 device; /* PCI id; 0 behind the last of a list */
	const char *name;
	u32 queues; /* pairs that it has */
	u32 traits; /* the driver's bits */
};

/*
 * How one driver's devices differ from the other's: what none of a frame's own code asks
 * for. Functions are queue 0's core's, with no other core at a queue.
 */
struct adv_kind {
	const struct adv_part *parts;
	u32 regs_size; /* BAR 0 has at least so much */
	u32 max_frame; /* without FCS, up to ADV_FRAME_MOST */
	u32 rx_error;  /* status bits of a received frame that is no good */
	/* Registers. */
	u32 rdt0, tdt0; /* doorbells of queue 0 */
	u32 ral0;	/* the address that the EEPROM was read into; RAH0 stands behind it */
	u32 gptc;	/* frames sent, where that is to be looked at; 0: it segments well */
	u32 eerd, swsm, sw_fw_sync;
	u32 sync_fw_shift; /* SW_FW_SYNC: firmware's bits above software's */
	u32 sync_regsmp;   /* ... and the bit there that parts have for SWESMBI ... */
	u32 regsmp_trait;  /* ... which have this trait */
	/* EEPROM: words that point to sections which count for the checksum. */
	u32 section_first, section_count;

	/* Pairs of queues with these interrupts. */
	u32 (*queues_max)(const struct nic_resources *res, const struct adv_part *part);
	/* Vectors for so many queues with such interrupts. */
	u32 (*vectors)(enum nic_irq irq, u32 queues);
	/* Stop the device and put it into its reset state, interrupts masked. No DMA
	 * happens afterwards. ERR_TIMEOUT when it does not come back. */
	err_t (*reset)(struct adv *x);
	/* Whether the EEPROM's checksum is right. ERR_IO: it is not; ERR_NOENT: there is no
	 * EEPROM; ERR_TIMEOUT, ERR_BUSY: it cannot be read. */
	err_t (*nvm_check)(struct adv *x);
	/* After a reset: filters, link, rings, both directions enabled; the receive rings have
	 * buffers. ERR_TIMEOUT when a queue does not start. */
	err_t (*start)(struct adv *x, const u8 mac[6]);
	/* Receive as x->promiscuous says. */
	void (*set_filter)(struct adv *x);
	struct nic_link (*link)(const struct adv *x);
	/* Add what the device counted since the last call to x->missed and x->errors. */
	void (*fold)(struct adv *x);
	/* The queue's causes; before the device starts. */
	void (*irq_init)(struct adv_queue *q);
	/* Unmask what was unmasked before a reset. */
	void (*irq_again)(const struct adv *x);
};

/*
 * A pair of queues: all of it is its core's, while the device runs. Ring positions run
 * over 0 .. size-1. The device owns receive [rx_next, rx_fill) and transmit
 * [tx_clean, tx_tail).
 */
struct adv_queue {
	struct adv *x;
	u32 index;
	struct pkt_pool *pool;

	union adv_rx_desc *rx;
	volatile void *rdt; /* the doorbell */
	struct pkt *rx_pkt[ADV_RX_RING]; /* buffer behind each descriptor */
	u32 rx_next; /* the next that the device completes */
	u32 rx_fill; /* the next to hand to the device */
	u32 rx_tail; /* shadow of RDT */
	u32 rx_error; /* of its kind */
	struct pkt *rx_long; /* of a frame of several descriptors, what came so far */
	bool rx_skip; /* inside a frame that is no good: thrown away */

	union adv_tx_desc *tx;
	volatile void *tdt; /* the doorbell */
	struct nic_sent sent;
	u32 tx_clean; /* atomic, as is: */
	u32 tx_tail;
	struct adv_tx_context context[ADV_CONTEXTS]; /* that the device has; cmd 0: none */
	bus_t pad_bus; /* ADV_MIN_FRAME zero bytes */

	/* The cause bits of what it receives and sends, and shadow of their mask, as far as it
	 * is the queue's; queue 0 has the causes that are no queue's as well. */
	u32 rx_cause, tx_cause, irq_mask;
	u32 eitr; /* of the vector of what it receives */
	struct nic_stats count;
	bus_t rx_bus, tx_bus;

	/* Queue 0's core: whether it stands still. */
	u32 tick_clean; /* tx_clean at the last tick */
	u32 stuck_ticks;
};

struct adv {
	volatile void *regs;
	u32 queues;
	struct adv_queue *queue[NIC_QUEUES_MAX];

	bool promiscuous;
	bool running;	/* false: the last reset failed, nothing moves */
	bool link_up;	/* as last seen */
	u32 retry_wait; /* ticks between the last attempts to bring it back ... */
	u32 retry_in;	/* ... and until the next one */
	u32 max_frame;
	struct nic_stats count; /* what no queue counts */
	u64 missed, errors;	/* frames, as the device counts them */

	const struct adv_kind *kind;
	const struct adv_part *part;
	struct nic_resources res;
};

static inline u32 adv_read(const struct adv *x, u32 reg)
{
	return mmio_read32((const volatile u8 *)x->regs + reg);
}

static inline void adv_write(const struct adv *x, u32 reg, u32 value)
{
	mmio_write32((volatile u8 *)x->regs + reg, value);
}

/* The device is done with that group. Pairs with its writing the status last. */
static inline bool adv_tx_done(const struct adv_queue *q, const struct nic_sent_group *group)
{
	const union adv_tx_desc *d = &q->tx[group->last];

	return __atomic_load_n(&d->data.olinfo, __ATOMIC_ACQUIRE) & ADV_TXD_DD;
}

/* What the frames that p stands for amount to. */
static inline u64 adv_wire_bytes(const struct pkt *p)
{
	return p->len + (pkt_wire_frames(p) - 1ull) * p->payload_start;
}

/* The device is done with receive descriptor i; its status. */
static inline u32 adv_rx_status(const struct adv_queue *q, u32 i)
{
	return __atomic_load_n(&q->rx[i].done.status, __ATOMIC_ACQUIRE);
}

/* Something waits in the receive ring. */
static inline bool adv_rx_waits(const struct adv_queue *q)
{
	return q->rx_next != q->rx_tail && (adv_rx_status(q, q->rx_next) & ADV_RXD_DD);
}

/* What was sent waits in the transmit ring. */
static inline bool adv_tx_waits(const struct adv_queue *q)
{
	const struct nic_sent_group *first = nic_sent_first(&q->sent);

	return first && adv_tx_done(q, first);
}

/* --- adv_rx.c --- */

/* Give the device what receive buffers the ring and the pool allow. The pool's core. */
void adv_rx_refill(struct adv_queue *q);

/* Before the queue starts: as many buffers as it takes, as long as the pool has some. The
 * pool's core, or nobody else is at the pool. */
void adv_rx_stock(struct adv_queue *q);

/* The queue is on: the device gets the buffers that are there. Any core. */
void adv_rx_start(struct adv_queue *q);

/* As in struct nic_ops. */
u32 adv_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max);

/* Forget what is in the ring; the device is in reset. The buffers stay in it. */
void adv_rx_empty(struct adv_queue *q);

/* Give the buffers back to their pool. */
void adv_rx_put(struct adv_queue *q);

/* --- adv_tx.c --- */

/* As in struct nic_ops. */
u32 adv_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n);
u32 adv_tx_room(struct nic *nic, u32 queue);
u32 adv_tx_reclaim(struct nic *nic, u32 queue);

/* Forget what is in the ring; the device is in reset. Frames that were being
 * sent end here and count as lost. */
void adv_tx_empty(struct adv_queue *q);

/* --- adv_offload.c --- */

/* Whether a device that sends frames of up to max_frame bytes can do what the frame's
 * offload fields ask for. */
bool adv_offload_fits(const struct pkt *p, u32 max_frame);

/*
 * Prepare the headers of a frame with offload fields. What its descriptors have
 * to say goes to *cmd and *olinfo, and the context that they refer to to *c.
 * False: no context is needed (the checksum was finished in software).
 */
bool adv_offload_begin(struct pkt *p, struct adv_tx_context *c, u32 *cmd, u32 *olinfo);

/* --- adv_nvm.c --- */

/* Own the resources (ADV_SYNC_*, and the kind's) that are shared with firmware and the other
 * ports. ERR_BUSY when somebody keeps them for more than a second. */
err_t adv_sync_take(struct adv *x, u32 bits);
void adv_sync_give(struct adv *x, u32 bits);

/* Whether the EEPROM's checksum is right. ERR_IO: it is not; ERR_TIMEOUT, ERR_BUSY: it cannot
 * be read. */
err_t adv_nvm_check(struct adv *x);

/* --- adv_hw.c --- */

void adv_set_bits(const struct adv *x, u32 reg, u32 bits);
void adv_clear_bits(const struct adv *x, u32 reg, u32 bits);

/* Write 0 to so many registers in a row. */
void adv_clear_table(const struct adv *x, u32 first, u32 count);

/* Do nothing for so long. */
void adv_pause(u64 ns);

/* Wait until the register's bits in mask are `want`; false: not within limit_ns. */
bool adv_wait(const struct adv *x, u32 reg, u32 mask, u32 want, u64 limit_ns);

/* The address in RAL0 and RAH0. ERR_IO when that is none. */
err_t adv_read_mac(const struct adv *x, u8 mac[6]);

/* A ring's base, length, head and tail; `base` is its first register. */
void adv_start_ring(const struct adv *x, u32 base, bus_t bus, u32 bytes);

/* Spread datagrams over the queues, where there are several; mrqc: how this kind's MRQC
 * names that. */
void adv_start_rss(const struct adv *x, u32 mrqc);

/* --- adv.c --- */

/* The part of that id, or NULL. */
const struct adv_part *adv_part_find(const struct adv_kind *kind, u16 vendor, u16 device);

/* For struct nic_ops, of a kind; and the others as they are there. */
err_t adv_attach(struct nic *nic, const struct nic_resources *res, const struct adv_kind *kind);
void adv_detach(struct nic *nic);
void adv_promiscuous(struct nic *nic, bool on);
struct nic_link adv_link(struct nic *nic);
void adv_stats(struct nic *nic, struct nic_stats *out);
void adv_tick(struct nic *nic, u64 now_ns);

#endif
