/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict model of the 82599 (KX4), or as far as its driver sees it, of the X540:
 * it does what the "82599 10 GbE Controller Datasheet" says, and records as a violation
 * what that forbids. It knows no transport: whoever runs it gives it memory, a wire and
 * somebody to interrupt (struct ixgbe_model_host), and it is linked with our driver in
 * one process (ixgbe_bench.c) as well as put behind an emulator (ixgbe_proxy*.c), where
 * drivers by others judge it.
 *
 * ixgbe_model.c has life, memory and register accesses, ixgbe_model_table.c the table of
 * registers, ixgbe_model_dev.c those about the whole device, ixgbe_model_queue.c those of
 * the rings, ixgbe_model_irq.c interrupts, ixgbe_model_rx.c, _rss.c, _tx.c and _tso.c frames.
 *
 * Not there: flow director filters (accepted, never matched), receive coalescing, header
 * split, VLAN filters and tags, DCB, virtualisation, checksums of what is received,
 * LinkSec, IPsec, FCoE, SFP+ modules.
 */
#ifndef TESTS_MODELS_IXGBE_MODEL_H
#define TESTS_MODELS_IXGBE_MODEL_H

#include "drivers/nic/ixgbe_regs.h"

#define IXM_QUEUES 128u
#define IXM_BAR_SIZE IXGBE_REGS_SIZE
#define IXM_WORDS (IXM_BAR_SIZE / 4)
#define IXM_EEPROM_WORDS 256u
#define IXM_VECTORS 64u
#define IXM_DESC 16u		  /* bytes of a descriptor */
#define IXM_FRAME_MAX 15872u	  /* with FCS */
#define IXM_TSO_MAX (0x40000u + 512u) /* PAYLEN has 18 bits */

/* What the datasheet forbids, or demands. Who runs drivers by others waives what these
 * are known to do (a bit mask of 1 << rule). */
enum ixm_rule {
	IXM_RULE_REGISTER,  /* register unknown, read only, misaligned */
	IXM_RULE_RESERVED,  /* reserved bits set */
	IXM_RULE_DMA,	    /* address that is no memory */
	IXM_RULE_RING,	    /* misaligned, empty, or changed under a running queue */
	IXM_RULE_TAIL,	    /* past the ring, past the head, before the queue runs */
	IXM_RULE_RESET,	    /* without master disable, or accessed too early after it */
	IXM_RULE_RX_ORDER,  /* receiver on before its queue, its address, its path is halted */
	IXM_RULE_RX_SETUP,  /* settings that have to be made or to agree before */
	IXM_RULE_RX_DESC,   /* descriptor given in an unusable state */
	IXM_RULE_FILTER,    /* filter changed under a running receiver */
	IXM_RULE_TX_ORDER,  /* queue before DMATXCTL.TE, MTQC without ARBDIS */
	IXM_RULE_TX_THRESH, /* TXDCTL's thresholds; RS by WTHRESH */
	IXM_RULE_TX_DESC,   /* descriptor malformed */
	IXM_RULE_TX_FRAME,  /* frame too short, too long, in too many pieces, not ended */
	IXM_RULE_CONTEXT,   /* context malformed or missing */
	IXM_RULE_HEADERS,   /* headers are not prepared as segmentation wants them */
	IXM_RULE_SYNC,	    /* shared resource used without its semaphore */
	IXM_RULE_EEPROM,    /* EERD */
	IXM_RULES,
};

extern const char *const ixm_rule_names[IXM_RULES];

struct ixm_host {
	void *ctx;
	/* [addr, addr + len) of the bus as memory; NULL: that is none. */
	void *(*dma)(void *ctx, u64 addr, u64 len);
	/* A frame (without FCS) leaves. */
	void (*send)(void *ctx, const void *frame, u32 len);
	/* A message: of an MSI-X vector, or 0 when the line rises without MSI-X. NULL: nobody. */
	void (*interrupt)(void *ctx, u32 vector);
	/* Nanoseconds; for EITR and the rest after a reset. NULL: time does not pass. */
	u64 (*now)(void *ctx);
	/* A rule was broken; words for it. NULL: counted only. */
	void (*violated)(void *ctx, enum ixm_rule rule, const char *text);
};

struct ixm_ring {
	u32 head, tail;
	bool on;	/* enabled, and says so */
	u32 reads_left; /* of its control register until it says so */
};

/* One of a queue's two transmit contexts. */
struct ixm_context {
	bool loaded;
	struct adv_tx_context c;
};

struct ixm_tx {
	struct ixm_context context[2];
	u32 len, descs;		    /* of the frame so far ... */
	struct adv_tx_data first; /* ... and its first descriptor */
	bool legacy;
};

struct ixgbe_model {
	struct ixm_host host;
	u32 waived; /* 1 << enum ixm_rule */
	/* What is another device's otherwise: igb_model.c. */
	u32 frame_max; /* with FCS */
	u32 rx_error;  /* RXE of a received frame's status */

	/* what a test sets */
	u16 eeprom[IXM_EEPROM_WORDS];
	bool x540;	   /* semaphore by REGSMP, no AUTOC */
	bool hang_tx;	   /* the transmitter takes nothing */
	bool hang_master;  /* requests on the bus never end */
	bool stuck_reset;  /* CTRL.RST never clears */
	bool stuck_queue;  /* queues never say that they run */
	bool stuck_eeprom; /* EEC never says that it was read */
	bool stuck_dma;	   /* RDRXCTL.DMAIDONE never comes */
	bool stuck_eerd;
	bool no_eeprom;
	u32 fw_holds;	   /* SW_FW_SYNC bits that firmware never gives back */
	bool fw_swesmbi;   /* firmware keeps the short semaphore */
	u32 slow_queues;   /* reads of RXDCTL or TXDCTL until a queue runs */
	bool no_irq;	   /* causes are recorded, nobody is interrupted */
	bool moderate;	   /* EITR holds interrupts back: ixgbe_model_time() */

	/* what a test looks at */
	u32 violations;
	u32 broken[IXM_RULES];
	char last_violation[200];
	bool irq_line;
	u32 interrupts; /* rising edges, or MSI-X messages */
	u32 reads, writes, rdt_writes, tdt_writes, resets, contexts;
	u64 sent, received;
	u32 by_queue[IXM_QUEUES]; /* frames received */

	/* private */
	bool link_down;
	u32 reg[IXM_WORDS];
	u8 rule_of[IXM_WORDS]; /* row of the register table, and 1 */
	struct ixm_ring rx[IXM_QUEUES], tx[IXM_QUEUES];
	struct ixm_tx out[IXM_QUEUES];
	u8 data[IXM_TSO_MAX]; /* the frame that is being put together */
	u32 waiting_queue, waiting_len; /* a frame that holds up all others; 0: none */
	u32 cause, mask;   /* EICR and EIMS, bits 16 to 30 */
	u64 qcause, qmask; /* of queues: by IVAR's number */
	u64 held;	   /* vectors that EITR holds back */
	u64 next_ns[IXM_VECTORS];
	u64 reset_ns;
	bool receiver_was_on; /* since the reset */
};

/* With a good EEPROM that holds mac; *host is copied. Off the wire: link up. */
void ixgbe_model_init(struct ixgbe_model *m, const u8 mac[6], const struct ixm_host *host);

/* As power-up or a function reset leaves it; the counters for tests stay. */
void ixgbe_model_reset(struct ixgbe_model *m);

/* Registers, BAR 0; 32 bits. For struct mmio_model: ctx is the model. */
u32 ixgbe_model_read32(void *ctx, u64 offset);
void ixgbe_model_write32(void *ctx, u64 offset, u32 value);

/* A frame (without FCS) arrives. False when the device did not take it: receiver
 * or link off, address filter, too long, no descriptor (counted as missed). */
bool ixgbe_model_rx(struct ixgbe_model *m, const void *frame, u32 len);

/* Whether a frame would find descriptors in each queue that is on; with the receiver off
 * frames are dropped, not kept waiting. */
bool ixgbe_model_rx_ready(const struct ixgbe_model *m);

/* The same as ixgbe_model_rx() for queue 0, in spite of filters and with an error of the
 * MAC (RXE). */
bool ixgbe_model_rx_bad(struct ixgbe_model *m, const void *frame, u32 len);

/* Act on at most max descriptors of queue 0 that wait since hang_tx was set. */
void ixgbe_model_run_tx(struct ixgbe_model *m, u32 max);

void ixgbe_model_set_link(struct ixgbe_model *m, bool up);

/* Let go of interrupts that EITR held back until now. */
void ixgbe_model_time(struct ixgbe_model *m);

/* The flow's RSS hash (7.1.2.8.1) as MRQC and RSSRK are; *type: as in the descriptor,
 * 0 where there is none. */
u32 ixgbe_model_rss(const struct ixgbe_model *m, const u8 *frame, u32 len, u32 *type);

#endif
