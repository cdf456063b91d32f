/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the 82599's model share, and the registers that only drivers by
 * others use. */
#ifndef TESTS_MODELS_IXGBE_MODEL_PRIV_H
#define TESTS_MODELS_IXGBE_MODEL_PRIV_H

#include "tests/models/ixgbe_model.h"

/* Register n of an array of queues: the upper 64 stand elsewhere. */
#define IXM_RX_QUEUE(reg, n) ((n) < 64 ? (reg) + 0x40u * (n) : (reg) + 0xc000u + 0x40u * ((n) - 64))
#define IXM_TX_QUEUE(reg, n) ((reg) + 0x40u * (n))

enum ixm_reg {
	IXM_EICS_EX = 0x00a90,
	IXM_EIMS_EX = 0x00aa0,
	IXM_EIMC_EX = 0x00ab0,
	IXM_EIAM_EX = 0x00ad0,
	IXM_QPRC = 0x01030,
	IXM_QBRC = 0x01034,
	IXM_RQSMR = 0x02300,
	IXM_GPRC = 0x04074,
	IXM_BPRC = 0x04078,
	IXM_MPRC = 0x0407c,
	IXM_GPTC = 0x04080,
	IXM_GORCL = 0x04088,
	IXM_GOTCL = 0x04090,
	IXM_TPR = 0x040d0,
	IXM_TPT = 0x040d4,
	IXM_FDIRCTRL = 0x0ee00,
	IXM_FDIRCMD = 0x0ee2c,
	IXM_MSCA = 0x0425c,
	IXM_MSRWD = 0x04260,
};

#define IXM_GPIE_EIAME BIT(30)
#define IXM_FDIRCTRL_DONE BIT(3)
#define IXM_SRRCTL_DESCTYPE (7u << 25)
#define IXM_RETA_ENTRIES 128u

/* How a register is accessed. */
enum ixm_access {
	IXM_READ = BIT(0),
	IXM_WRITE = BIT(1),
	IXM_CLEAR = BIT(2),   /* a read clears */
	IXM_RX_OFF = BIT(3),  /* written while the receiver is off only */
	IXM_RING_RX = BIT(4), /* written while its queue is off only */
	IXM_RING_TX = BIT(5),
	IXM_OTHERS = BIT(6),  /* not ours: drivers by others use it, and it does nothing */
};

/* A row of the register table: `count` registers, `step` bytes apart. */
struct ixm_row {
	const char *name;
	u32 first;
	u16 count, step;
	u16 base; /* the number of the first */
	u32 access;   /* enum ixm_access */
	u32 reserved; /* bits that must be written as 0 */
	u32 reset;
	/* NULL: reg[] is all there is to it. n: which of the registers. */
	u32 (*read)(struct ixgbe_model *m, u32 n, u32 value);
	void (*write)(struct ixgbe_model *m, u32 n, u32 value);
};

extern const struct ixm_row ixm_rows[];
extern const u32 ixm_row_count;

static inline u32 *ixm_reg(struct ixgbe_model *m, u32 reg)
{
	return &m->reg[reg / 4];
}

static inline u32 ixm_get(const struct ixgbe_model *m, u32 reg)
{
	return m->reg[reg / 4];
}

void ixm_violation(struct ixgbe_model *m, enum ixm_rule rule, const char *f, ...) PRINTF(3, 4);

/* Memory of the bus, or NULL and a violation. */
void *ixm_dma(struct ixgbe_model *m, u64 addr, u64 len, const char *what);

/* Nanoseconds by the host. */
u64 ixm_now(const struct ixgbe_model *m);

/* Registers about the whole device: ixgbe_model_dev.c. */
void ixm_write_ctrl(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_ctrl(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_status(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_eec(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eerd(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_swsm(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_swsm(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_sync(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_sync(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_autoc(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_links(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_fdirctrl(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_fdircmd(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_msca(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_mtqc(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_secrxstat(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_rdrxctl(struct ixgbe_model *m, u32 n, u32 v);

/* Registers of rings: ixgbe_model_queue.c. */
void ixm_write_rxctrl(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_base(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_length(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_rxdctl(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_rxdctl(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_txdctl(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_txdctl(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_rdh(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_rdh(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_rdt(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_tdh(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_tdh(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_tdt(struct ixgbe_model *m, u32 n, u32 v);

/* Interrupts: ixgbe_model_irq.c. */
u32 ixm_read_eicr(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_eics(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_eims(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eicr(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eics(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eims(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eimc(struct ixgbe_model *m, u32 n, u32 v);
u32 ixm_read_eims_ex(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eics_ex(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eims_ex(struct ixgbe_model *m, u32 n, u32 v);
void ixm_write_eimc_ex(struct ixgbe_model *m, u32 n, u32 v);
/* A queue's cause; one that is about none. */
void ixm_raise_queue(struct ixgbe_model *m, u32 queue, bool tx);
void ixm_raise(struct ixgbe_model *m, u32 bits);

/* Descriptor i of a ring, or NULL and a violation. */
void *ixm_desc(struct ixgbe_model *m, u32 base_reg, u32 i, const char *what);
/* Descriptors in a ring whose length register is len_reg. */
u32 ixm_ring_size(const struct ixgbe_model *m, u32 len_reg);

/* The queue by RSS is on (MRQC), and which one it is for entry i of the table:
 * ixgbe_model_rss.c. */
bool ixm_rss_on(const struct ixgbe_model *m);
u32 ixm_rss_queue(const struct ixgbe_model *m, u32 i);
/* As the receiver is turned on: what RSS needs. */
void ixm_rss_check(struct ixgbe_model *m);

/* Transmit: ixgbe_model_tx.c, ixgbe_model_tso.c. */
void ixm_run_tx(struct ixgbe_model *m, u32 queue, u32 max);
void ixm_tx_forget(struct ixgbe_model *m, u32 queue);
/* A whole frame is on its way to the wire: pads, counts. */
void ixm_wire(struct ixgbe_model *m, u8 *frame, u32 len);
/* The frame in out[queue] is to be segmented by c. */
void ixm_send_segments(struct ixgbe_model *m, u32 queue, const struct adv_tx_context *c);
/* The one's complement sum of [start, end) inserted at `at` (7.2.5). */
void ixm_insert_csum(u8 *frame, u32 start, u32 end, u32 at);

static inline u32 ixm_maclen(const struct adv_tx_context *c)
{
	return c->lens >> ADV_TXC_MACLEN_SHIFT & ADV_MACLEN_MAX;
}

static inline u32 ixm_iplen(const struct adv_tx_context *c)
{
	return c->lens & ADV_IPLEN_MAX;
}

static inline u32 ixm_l4len(const struct adv_tx_context *c)
{
	return c->mss >> ADV_TXC_L4LEN_SHIFT & 0xff;
}

static inline u32 ixm_mss(const struct adv_tx_context *c)
{
	return c->mss >> ADV_TXC_MSS_SHIFT;
}

#endif
