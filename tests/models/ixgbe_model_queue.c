/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: rings, and turning queues and directions on and off (4.6.7, 4.6.8,
 * 8.2.3.8, 8.2.3.9). */
#include "tests/models/ixgbe_model_priv.h"

#define DESCTYPE_LEGACY 0u
#define DESCTYPE_ONE_BUFFER 1u
#define BSIZEPACKET 0x1fu
#define BSIZEPACKET_MAX 16u
#define PTHRESH(v) ((v) & 0x7f)
#define HTHRESH(v) ((v) >> 8 & 0x7f)
#define WTHRESH(v) ((v) >> 16 & 0x7f)
#define ON_CHIP 40u /* descriptors of a queue that the device holds */

u32 ixm_ring_size(const struct ixgbe_model *m, u32 len_reg)
{
	return ixm_get(m, len_reg) / IXM_DESC;
}

void *ixm_desc(struct ixgbe_model *m, u32 base_reg, u32 i, const char *what)
{
	u64 base = ixm_get(m, base_reg) | (u64)ixm_get(m, base_reg + 4) << 32;

	return ixm_dma(m, base + (u64)i * IXM_DESC, IXM_DESC, what);
}

/* The whole ring has to be there as its queue starts. */
static void check_ring(struct ixgbe_model *m, u32 base_reg, const char *what)
{
	u64 base = ixm_get(m, base_reg) | (u64)ixm_get(m, base_reg + 4) << 32;
	u32 len = ixm_get(m, base_reg + 8);

	if (!len)
		ixm_violation(m, IXM_RULE_RING, "%s: queue on without a ring", what);
	else if (base % 128 || len % 128)
		ixm_violation(m, IXM_RULE_RING, "%s: ring at %#llx, %u bytes is misaligned", what,
			      (unsigned long long)base, len);
	else
		ixm_dma(m, base, len, what);
}

/*
 * Gives descriptors [old tail, new tail); all of them must have been the driver's, and
 * one stays unused. False: the write is without effect.
 */
static bool check_tail(struct ixgbe_model *m, const char *what, const struct ixm_ring *r, u32 v,
		       u32 n)
{
	if (!r->on) {
		/* 4.6.7: not before ENABLE was read as 1. */
		if (v != r->head)
			ixm_violation(m, IXM_RULE_TAIL, "%s = %u before the queue is on", what, v);
		return false;
	}
	if (v >= n) {
		ixm_violation(m, IXM_RULE_TAIL, "%s = %u past the ring's %u", what, v, n);
		return false;
	}
	if ((v + n - r->tail) % n > (r->head + n - r->tail - 1) % n) {
		ixm_violation(m, IXM_RULE_TAIL, "%s = %u passes the head %u", what, v, r->head);
		return false;
	}
	return true;
}

/* A queue that was asked to run says so after some reads of its register. */
static u32 read_control(struct ixgbe_model *m, struct ixm_ring *r, u32 v)
{
	if (r->reads_left) {
		r->reads_left--;
		v &= ~IXGBE_QUEUE_ENABLE;
	} else if ((v & IXGBE_QUEUE_ENABLE) && !m->stuck_queue) {
		r->on = true;
	}
	return m->stuck_queue ? v & ~IXGBE_QUEUE_ENABLE : v;
}

/* --- receive --------------------------------------------------------------------- */

static void check_receive_queue(struct ixgbe_model *m, u32 q)
{
	u32 srrctl = ixm_get(m, IXM_RX_QUEUE(IXGBE_SRRCTL0, q));
	u32 type = (srrctl & IXM_SRRCTL_DESCTYPE) >> 25, kb = srrctl & BSIZEPACKET;

	if (type != DESCTYPE_LEGACY && type != DESCTYPE_ONE_BUFFER)
		ixm_violation(m, IXM_RULE_RX_SETUP, "SRRCTL: descriptors of type %u", type);
	if (!kb || kb > BSIZEPACKET_MAX)
		ixm_violation(m, IXM_RULE_RX_SETUP, "SRRCTL: buffers of %u KiB", kb);
	check_ring(m, IXM_RX_QUEUE(IXGBE_RDBAL0, q), "receive ring");
}

void ixm_write_rxdctl(struct ixgbe_model *m, u32 q, u32 v)
{
	struct ixm_ring *r = &m->rx[q];

	if ((v & IXGBE_QUEUE_ENABLE) && !r->on) {
		check_receive_queue(m, q);
		r->tail = ixm_get(m, IXM_RX_QUEUE(IXGBE_RDT0, q));
		r->reads_left = m->slow_queues;
		r->on = !m->slow_queues && !m->stuck_queue;
	} else if (!(v & IXGBE_QUEUE_ENABLE)) {
		r->on = false;
	}
	*ixm_reg(m, IXM_RX_QUEUE(IXGBE_RXDCTL0, q)) = v;
}

u32 ixm_read_rxdctl(struct ixgbe_model *m, u32 q, u32 v)
{
	return read_control(m, &m->rx[q], v);
}

u32 ixm_read_rdh(struct ixgbe_model *m, u32 q, u32 v)
{
	(void)v;
	return m->rx[q].head;
}

void ixm_write_rdh(struct ixgbe_model *m, u32 q, u32 v)
{
	m->rx[q].head = v;
}

void ixm_write_rdt(struct ixgbe_model *m, u32 q, u32 v)
{
	u32 n = ixm_ring_size(m, IXM_RX_QUEUE(IXGBE_RDLEN0, q));

	m->rdt_writes++;
	*ixm_reg(m, IXM_RX_QUEUE(IXGBE_RDT0, q)) = v;
	if (check_tail(m, "RDT", &m->rx[q], v, n))
		m->rx[q].tail = v;
}

/* 4.6.7, in its order: all that has to be done before the receiver is turned on. */
static void check_receiver(struct ixgbe_model *m)
{
	u32 rdrxctl = ixm_get(m, IXGBE_RDRXCTL), hlreg = ixm_get(m, IXGBE_HLREG0);
	bool any = false;

	for (u32 q = 0; q < IXM_QUEUES; q++) {
		if (!m->rx[q].on)
			continue;
		any = true;
		/* 4.6.7 has the tail moved before. */
		if (!m->receiver_was_on && m->rx[q].head == m->rx[q].tail)
			ixm_violation(m, IXM_RULE_RX_ORDER, "receiver on, queue %u is empty", q);
		if (ixm_get(m, IXM_RX_QUEUE(IXGBE_DCA_RXCTRL0, q)) & IXGBE_DCA_RXCTRL_RESERVED)
			ixm_violation(m, IXM_RULE_RX_SETUP, "DCA_RXCTRL[%u] has bit 12 set", q);
	}
	if (!any)
		ixm_violation(m, IXM_RULE_RX_ORDER, "receiver on before any queue");
	if (ixm_rss_on(m))
		ixm_rss_check(m);
	if (!(ixm_get(m, IXGBE_RAH0) & IXGBE_RAH_AV))
		ixm_violation(m, IXM_RULE_RX_SETUP, "receiver on without an address");
	if (!!(rdrxctl & IXGBE_RDRXCTL_CRCSTRIP) != !!(hlreg & IXGBE_HLREG0_RXCRCSTRP))
		ixm_violation(m, IXM_RULE_RX_SETUP, "RDRXCTL and HLREG0 differ about the CRC");
	if ((rdrxctl & IXGBE_RDRXCTL_RSCFRSTSIZE) || !(rdrxctl & IXGBE_RDRXCTL_RSCACKC) ||
	    !(rdrxctl & IXGBE_RDRXCTL_FCOE_WRFIX))
		ixm_violation(m, IXM_RULE_RX_SETUP, "RDRXCTL = %#x: 8.2.3.8.8", rdrxctl);
	for (u32 i = 0; i < IXGBE_MTA_COUNT; i++) {
		if (ixm_get(m, IXGBE_MTA + 4 * i) == 0xa5a5a5a5) {
			ixm_violation(m, IXM_RULE_RX_SETUP, "MTA was never initialised");
			break;
		}
	}
}

void ixm_write_rxctrl(struct ixgbe_model *m, u32 n, u32 v)
{
	bool was = ixm_get(m, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN;

	(void)n;
	if ((v & IXGBE_RXCTRL_RXEN) && !was) {
		check_receiver(m);
		/* The first time after a reset the path must be halted for it; later,
		 * around a change of filters, 8.2.3.7.1 asks for RXEN alone. */
		if (!m->receiver_was_on && !(ixm_get(m, IXGBE_SECRXCTRL) & IXGBE_SECRX_DIS))
			ixm_violation(m, IXM_RULE_RX_ORDER, "receiver on, path not halted");
		m->receiver_was_on = true;
	}
	*ixm_reg(m, IXGBE_RXCTRL) = v;
}

/* --- transmit --------------------------------------------------------------------- */

static void check_thresholds(struct ixgbe_model *m, u32 q, u32 v)
{
	if (PTHRESH(v) && !HTHRESH(v))
		ixm_violation(m, IXM_RULE_TX_THRESH, "TXDCTL[%u]: PTHRESH without HTHRESH", q);
	if (PTHRESH(v) + WTHRESH(v) > ON_CHIP)
		ixm_violation(m, IXM_RULE_TX_THRESH, "TXDCTL[%u]: PTHRESH %u + WTHRESH %u", q,
			      PTHRESH(v), WTHRESH(v));
}

void ixm_write_txdctl(struct ixgbe_model *m, u32 q, u32 v)
{
	struct ixm_ring *r = &m->tx[q];

	check_thresholds(m, q, v);
	if ((v & IXGBE_QUEUE_ENABLE) && !r->on) {
		check_ring(m, IXM_TX_QUEUE(IXGBE_TDBAL0, q), "transmit ring");
		if (!(ixm_get(m, IXGBE_DMATXCTL) & IXGBE_DMATXCTL_TE))
			ixm_violation(m, IXM_RULE_TX_ORDER, "queue on before DMATXCTL.TE");
		r->tail = ixm_get(m, IXM_TX_QUEUE(IXGBE_TDT0, q));
		r->reads_left = m->slow_queues;
		r->on = !m->slow_queues && !m->stuck_queue;
	} else if (!(v & IXGBE_QUEUE_ENABLE)) {
		r->on = false;
		ixm_tx_forget(m, q);
	}
	*ixm_reg(m, IXM_TX_QUEUE(IXGBE_TXDCTL0, q)) = v;
}

u32 ixm_read_txdctl(struct ixgbe_model *m, u32 q, u32 v)
{
	return read_control(m, &m->tx[q], v);
}

u32 ixm_read_tdh(struct ixgbe_model *m, u32 q, u32 v)
{
	(void)v;
	return m->tx[q].head;
}

void ixm_write_tdh(struct ixgbe_model *m, u32 q, u32 v)
{
	m->tx[q].head = v;
	m->tx[q].tail = v;
}

void ixm_write_tdt(struct ixgbe_model *m, u32 q, u32 v)
{
	u32 n = ixm_ring_size(m, IXM_TX_QUEUE(IXGBE_TDLEN0, q));

	m->tdt_writes++;
	*ixm_reg(m, IXM_TX_QUEUE(IXGBE_TDT0, q)) = v;
	if (!check_tail(m, "TDT", &m->tx[q], v, n))
		return;
	m->tx[q].tail = v;
	if (!m->hang_tx)
		ixm_run_tx(m, q, UINT32_MAX);
}
