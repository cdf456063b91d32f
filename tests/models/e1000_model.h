/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A strict register model of the 82540EM and of the 82574L for driver tests: it does
 * what the 8254x Software Developer's Manual and the 82574's datasheet say and records
 * as a violation what they forbid. DMA addresses are host pointers inside the ranges
 * that the test declared as RAM. Time does not pass: a tail write is acted on at once,
 * unless the test holds the transmitter.
 */
#ifndef TESTS_MODELS_E1000_MODEL_H
#define TESTS_MODELS_E1000_MODEL_H

#include "drivers/nic/e1000_regs.h"

#define E1000_MODEL_WIRE 2048 /* frames kept of what was sent */
#define E1000_MODEL_RAM 8
#define E1000_MODEL_FRAME_MAX 16384u /* what its FIFO holds; a segmented frame is not in it */
#define E1000_MODEL_TSO_MAX (E1000_MODEL_FRAME_MAX + 0x100000u)
#define E1000_MODEL_BAR_SIZE 0x20000

struct e1000_model_frame {
	u32 len;
	u8 *data;
};

#define E1000_MODEL_82540EM 0x100e
#define E1000_MODEL_82574L 0x10d3
#define E1000_MODEL_MSIX 5 /* entries of the 82574L */

struct e1000_model {
	/* what the test sets */
	bool msix;	   /* 82574L: the platform switched MSI-X on */
	bool stuck_gio;	   /* 82574L: a request on PCI Express never ends */
	bool no_auto_read; /* 82574L: the NVM is never read */
	/* 82574L, as in QEMU: a segmented frame goes out as one, of the wrong kind. */
	bool whole_segments;
	u16 eeprom[64];
	bool loopback;	   /* what is sent comes back in */
	bool hang_tx;	   /* the transmitter takes nothing */
	bool link_down;
	bool no_irq;	   /* causes are recorded, the line stays low */
	bool stuck_reset;  /* CTRL.RST never clears */
	bool no_eeprom;	   /* EERD never says done */
	bool sticky_stats; /* reads do not clear the statistics, as in QEMU */
	bool empty_ra;	   /* RAL0 and RAH0 are not loaded from the EEPROM, as in Bochs */
	/* As in QEMU: an empty segment follows a full last one, unless a context
	 * with a larger HDRLEN came before the frame's end. */
	bool empty_segment;

	/* what the test looks at */
	u32 violations;
	char last_violation[160];
	bool irq_line;
	u32 irq_edges;
	u32 msix_sent[E1000_MODEL_MSIX];
	u32 reads, rdt_writes, tdt_writes, resets, contexts;
	struct e1000_model_frame wire[E1000_MODEL_WIRE]; /* sent frames, padded */
	u32 wire_count;

	/* private */
	struct {
		u64 base, len;
	} ram[E1000_MODEL_RAM];
	u32 ram_count;
	u16 device;
	bool started; /* past the reset that it was made with */
	u32 ctrl_ext, eiac, ivar, eitr, txdctl, msix_pending;
	u32 ctrl, status, eerd, icr, ims, rctl, tctl, itr, tipg, rdtr, radv;
	u32 rd_base_lo, rd_base_hi, rd_len, rdh, rdt;
	u32 td_base_lo, td_base_hi, td_len, tdh, tdt;
	u32 ra[32], mta[128];
	u32 stats[64];
	struct e1000_tx_context csum, tso; /* cmd 0: never loaded */
	u8 tx_frame[E1000_MODEL_TSO_MAX];
	u32 tx_len;
	u32 tx_descs;	/* data descriptors of this frame so far ... */
	bool tx_tse;	/* ... to be segmented ... */
	u8 tx_popts;	/* ... with these options ... */
	bool tx_closed; /* ... and the context that empty_segment wants */
};

/* With a good EEPROM that holds mac; device is one of the ids above. */
void e1000_model_init(struct e1000_model *m, u16 device, const u8 mac[6]);
/* Frees the frames on the wire. */
void e1000_model_fini(struct e1000_model *m);

/* [base, base + len) is memory that the device may reach. */
void e1000_model_add_ram(struct e1000_model *m, void *base, u64 len);

/* For struct mmio_model; ctx is the model. */
u32 e1000_model_read32(void *ctx, u64 offset);
void e1000_model_write32(void *ctx, u64 offset, u32 value);

/* A frame (without FCS) arrives. False when the device did not take it: not
 * enabled, address filter, too long, no descriptor (counted as missed). */
bool e1000_model_rx(struct e1000_model *m, const void *frame, u32 len);

/* The same, in spite of filters and with these bits in the descriptor's error
 * field; a frame longer than a buffer takes several descriptors. */
bool e1000_model_rx_raw(struct e1000_model *m, const void *frame, u32 len, u8 errors);

/* Act on at most max descriptors that wait since hang_tx was set. */
void e1000_model_run_tx(struct e1000_model *m, u32 max);

void e1000_model_set_link(struct e1000_model *m, bool up);

#endif
