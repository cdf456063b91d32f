/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: frames that arrive (7.1): address filter, queue, descriptors. */
#include "tests/models/ixgbe_model_priv.h"

#include <string.h>

#define LONGEST_WITHOUT_JUMBO 1518u /* with 4 bytes of FCS; HLREG0.JUMBOEN off */
#define FCS 4u
#define SHORTEST 14u
#define LEGACY_DD BIT(0)
#define LEGACY_EOP BIT(1)
#define LEGACY_RXE BIT(7)

/* Receive descriptor, legacy (7.1.5). */
struct legacy_rx {
	u64 addr;
	u16 length;
	u16 csum;
	u8 status;
	u8 errors;
	u16 vlan;
};

STATIC_ASSERT(sizeof(struct legacy_rx) == 16, "legacy receive descriptor");

static bool one_buffer(const struct ixgbe_model *m, u32 q)
{
	return ixm_get(m, IXM_RX_QUEUE(IXGBE_SRRCTL0, q)) & IXM_SRRCTL_DESCTYPE;
}

static u32 buffer_bytes(const struct ixgbe_model *m, u32 q)
{
	return (ixm_get(m, IXM_RX_QUEUE(IXGBE_SRRCTL0, q)) & 0x1f) * 1024;
}

static u32 have(const struct ixgbe_model *m, u32 q)
{
	u32 n = ixm_ring_size(m, IXM_RX_QUEUE(IXGBE_RDLEN0, q));

	return n ? (m->rx[q].tail + n - m->rx[q].head) % n : 0;
}

/* --- address filter, 7.1.1.1 --------------------------------------------------------- */

static bool own_address(const struct ixgbe_model *m, const u8 *frame)
{
	for (u32 i = 0; i < IXGBE_RA_COUNT; i++) {
		u32 lo = ixm_get(m, IXGBE_RAL0 + 8 * i), hi = ixm_get(m, IXGBE_RAH0 + 8 * i);
		u8 mac[6] = { (u8)lo, (u8)(lo >> 8), (u8)(lo >> 16), (u8)(lo >> 24),
			      (u8)hi, (u8)(hi >> 8) };

		if ((hi & IXGBE_RAH_AV) && !memcmp(frame, mac, 6))
			return true;
	}
	return false;
}

/* 8.2.3.7.3: MCSTCTRL.MFE and MO, which say what bits of the address count. */
static bool multicast_table(const struct ixgbe_model *m, const u8 *frame)
{
	static const u32 shift[] = { 4, 3, 2, 0 };
	u32 ctl = ixm_get(m, IXGBE_MCSTCTRL);
	u32 bit = (u32)(frame[4] | frame[5] << 8) >> shift[ctl & 3] & 0xfff;

	return (ctl & 4) && (ixm_get(m, IXGBE_MTA + 4 * (bit >> 5)) >> (bit & 31) & 1);
}

static bool accepts(const struct ixgbe_model *m, const u8 *frame)
{
	static const u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	u32 fctrl = ixm_get(m, IXGBE_FCTRL);

	if (!memcmp(frame, broadcast, 6))
		return fctrl & (IXGBE_FCTRL_BAM | IXGBE_FCTRL_MPE);
	if (fctrl & (frame[0] & 1 ? IXGBE_FCTRL_MPE : IXGBE_FCTRL_UPE))
		return true;
	return own_address(m, frame) || ((frame[0] & 1) && multicast_table(m, frame));
}

/* --- descriptors ----------------------------------------------------------------------- */

static void finish_legacy(struct ixgbe_model *m, struct legacy_rx *d, u32 n, bool last, bool bad)
{
	if (d->status)
		ixm_violation(m, IXM_RULE_RX_DESC, "legacy descriptor given with status %#x",
			      d->status);
	d->length = (u16)n;
	d->errors = bad && last ? LEGACY_RXE : 0;
	__atomic_store_n(&d->status, (u8)(LEGACY_DD | (last ? LEGACY_EOP : 0)), __ATOMIC_RELEASE);
}

static void finish_one_buffer(struct ixgbe_model *m, union adv_rx_desc *d, u32 n, bool last,
			      bool bad, u32 hash, u32 type)
{
	if (d->read.header & ADV_RXD_DD)
		ixm_violation(m, IXM_RULE_RX_DESC, "descriptor given with DD set");
	d->done.info = type;
	d->done.rss = hash;
	d->done.length = (u16)n;
	d->done.vlan = 0;
	__atomic_store_n(&d->done.status,
			 ADV_RXD_DD | (last ? ADV_RXD_EOP : 0) |
				 (last && bad ? m->rx_error : 0),
			 __ATOMIC_RELEASE);
}

/* One descriptor: at most n bytes. The device may write a whole buffer at its address. */
static bool fill_one(struct ixgbe_model *m, u32 q, const u8 *in, u32 n, bool last, bool bad,
		     u32 hash, u32 type)
{
	struct ixm_ring *r = &m->rx[q];
	union adv_rx_desc *d = ixm_desc(m, IXM_RX_QUEUE(IXGBE_RDBAL0, q), r->head,
					  "receive descriptor");
	void *buf = d ? ixm_dma(m, d->read.addr, buffer_bytes(m, q), "receive buffer") : NULL;

	if (!buf)
		return false;
	memcpy(buf, in, n);
	if (one_buffer(m, q))
		finish_one_buffer(m, d, n, last, bad, hash, type);
	else
		finish_legacy(m, (struct legacy_rx *)(void *)d, n, last, bad);
	r->head = (r->head + 1) % ixm_ring_size(m, IXM_RX_QUEUE(IXGBE_RDLEN0, q));
	return true;
}

static void count(struct ixgbe_model *m, u32 q, const u8 *frame, u32 len)
{
	m->received++;
	m->by_queue[q]++;
	++*ixm_reg(m, IXM_GPRC);
	++*ixm_reg(m, IXM_TPR);
	*ixm_reg(m, IXM_GORCL) += len + FCS;
	if (frame[0] & 1)
		++*ixm_reg(m, frame[0] == 0xff ? IXM_BPRC : IXM_MPRC);
	if (q < 16)
		++*ixm_reg(m, IXM_QPRC + 0x40 * q);
}

/* 8.2.3.23.71: RQSMR says which counter is whose. */
static void count_dropped(struct ixgbe_model *m, u32 q)
{
	u32 which = ixm_get(m, IXM_RQSMR + 4 * (q / 4)) >> (8 * (q % 4)) & 0xf;

	++*ixm_reg(m, IXGBE_QPRDC0 + 0x40 * which);
}

static bool has_place(const struct ixgbe_model *m, u32 q, u32 len)
{
	u32 size = buffer_bytes(m, q);

	return m->rx[q].on && size && have(m, q) >= (len + size - 1) / size;
}

/*
 * No descriptor: with SRRCTL.Drop_En the queue drops it. Else it waits in the packet buffer,
 * until that is full, which here is at once: then nothing gets past it to other queues
 * either, until it has found its place.
 */
static bool no_place(struct ixgbe_model *m, u32 q, u32 len)
{
	if (ixm_get(m, IXM_RX_QUEUE(IXGBE_SRRCTL0, q)) & IXGBE_SRRCTL_DROP) {
		count_dropped(m, q);
	} else {
		m->waiting_queue = q;
		m->waiting_len = len;
		++*ixm_reg(m, IXGBE_RXMPC0);
	}
	ixm_raise(m, IXGBE_INT_MISS);
	return false;
}

/* A frame that waits for another queue's descriptors is in the way. */
static bool is_held_up(struct ixgbe_model *m)
{
	if (m->waiting_len && has_place(m, m->waiting_queue, m->waiting_len))
		m->waiting_len = 0; /* its end is counted already */
	return m->waiting_len;
}

static bool fill(struct ixgbe_model *m, u32 q, const u8 *in, u32 len, bool bad, u32 hash, u32 type)
{
	const u8 *frame = in;
	u32 left = len, size = buffer_bytes(m, q);

	if (is_held_up(m)) {
		++*ixm_reg(m, IXGBE_RXMPC0);
		ixm_raise(m, IXGBE_INT_MISS);
		return false;
	}
	if (!has_place(m, q, len))
		return no_place(m, q, len);
	while (left) {
		u32 n = MIN(left, size);

		left -= n;
		if (!fill_one(m, q, in, n, !left, bad, hash, type))
			return false;
		in += n;
	}
	count(m, q, frame, len);
	ixm_raise_queue(m, q, false);
	return true;
}

static bool receives(const struct ixgbe_model *m)
{
	return (ixm_get(m, IXGBE_RXCTRL) & IXGBE_RXCTRL_RXEN) &&
	       !(ixm_get(m, IXGBE_SECRXCTRL) & IXGBE_SECRX_DIS) &&
	       !(ixm_get(m, IXGBE_CTRL) & IXGBE_CTRL_MASTER_DISABLE);
}

static u32 longest(const struct ixgbe_model *m)
{
	if (!(ixm_get(m, IXGBE_HLREG0) & IXGBE_HLREG0_JUMBOEN))
		return LONGEST_WITHOUT_JUMBO;
	return MIN(ixm_get(m, IXGBE_MAXFRS) >> IXGBE_MAXFRS_SHIFT, m->frame_max);
}

bool ixgbe_model_rx(struct ixgbe_model *m, const void *frame, u32 len)
{
	u32 hash = 0, type = 0, q = 0;

	if (m->link_down || !receives(m) || len < SHORTEST)
		return false;
	if (len + FCS > longest(m)) {
		++*ixm_reg(m, IXGBE_ROC);
		return false;
	}
	if (!accepts(m, frame))
		return false;
	if (ixm_rss_on(m)) {
		hash = ixgbe_model_rss(m, frame, len, &type);
		q = type ? ixm_rss_queue(m, hash % IXM_RETA_ENTRIES) : 0;
	}
	return fill(m, q, frame, len, false, hash, type);
}

bool ixgbe_model_rx_ready(const struct ixgbe_model *m)
{
	for (u32 q = 0; receives(m) && q < IXM_QUEUES; q++) {
		u32 size = buffer_bytes(m, q);

		if (m->rx[q].on && size && have(m, q) < longest(m) / size + 1)
			return false;
	}
	return true;
}

bool ixgbe_model_rx_bad(struct ixgbe_model *m, const void *frame, u32 len)
{
	return receives(m) && fill(m, 0, frame, len, true, 0, 0);
}
