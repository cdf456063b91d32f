/* SPDX-License-Identifier: BSD-2-Clause */
/* Model of the 82599: transmit descriptors (7.2.3), legacy and advanced, and frames that
 * leave as they are but for their checksums (7.2.5). Segments are in ixgbe_model_tso.c. */
#include "tests/models/ixgbe_model_priv.h"

#include <string.h>

#include "hv/base/bytes.h"

#define FCS 4u
#define SHORTEST_ON_WIRE 60u
#define SHORTEST_TO_PAD 17u	/* 7.2.3.2.4, PAYLEN */
#define ETH 14u
#define ADVANCED_MAX 16384u	/* DTALEN */
#define DESCS_MAX 40u		/* 7.2.1.1, less WTHRESH less 2 */
#define WTHRESH(v) ((v) >> 16 & 0x7f)
#define DATA_RESERVED (0x000f0000u | BIT(26) | BIT(28)) /* MAC, LinkSec, time stamps: not here */
#define OLINFO_RESERVED (0xeu | 6u << ADV_TXD_IDX_SHIFT | 0x3c00u)
#define LEGACY_IC BIT(26)
#define LEGACY_VLE BIT(30)
#define CONTEXT_RESERVED (~(ADV_TXD_DEXT | ADV_TXD_DTYP_MASK | ADV_TXC_IPV4 | (3u << 11)))
#define L4T(c) ((c)->cmd >> 11 & 3)

void ixm_tx_forget(struct ixgbe_model *m, u32 q)
{
	struct ixm_tx *o = &m->out[q];

	o->len = o->descs = 0;
	memset(o->context, 0, sizeof(o->context));
}

/* --- the wire ---------------------------------------------------------------------- */

void ixm_wire(struct ixgbe_model *m, u8 *frame, u32 len)
{
	if (len < SHORTEST_TO_PAD)
		ixm_violation(m, IXM_RULE_TX_FRAME, "frame of %u bytes", len);
	if (len + FCS > m->frame_max) {
		ixm_violation(m, IXM_RULE_TX_FRAME, "frame of %u bytes is too long", len);
		return;
	}
	if (len < SHORTEST_ON_WIRE && (ixm_get(m, IXGBE_HLREG0) & IXGBE_HLREG0_TXPADEN)) {
		memset(frame + len, 0, SHORTEST_ON_WIRE - len);
		len = SHORTEST_ON_WIRE;
	}
	m->sent++;
	++*ixm_reg(m, IXM_GPTC);
	++*ixm_reg(m, IXM_TPT);
	*ixm_reg(m, IXM_GOTCL) += len + FCS;
	if (!m->link_down && m->host.send)
		m->host.send(m->host.ctx, frame, len);
	if (ixm_get(m, IXGBE_HLREG0) & IXGBE_HLREG0_LPBK)
		ixgbe_model_rx(m, frame, len);
}

void ixm_insert_csum(u8 *frame, u32 start, u32 end, u32 at)
{
	u64 sum = 0;

	for (u32 i = start; i < end; i++)
		sum += (i - start) % 2 ? frame[i] : (u32)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	/* Never zero, which says that there is none in UDP. */
	store_be16(frame + at, sum == 0xffff ? 0xffff : (u16)~sum);
}

/* --- contexts ---------------------------------------------------------------------- */

static void load_context(struct ixgbe_model *m, u32 q, const struct adv_tx_context *c)
{
	u32 idx = c->mss >> ADV_TXC_IDX_SHIFT & 7, mac = ixm_maclen(c), ip = ixm_iplen(c);

	m->contexts++;
	if (m->out[q].descs)
		ixm_violation(m, IXM_RULE_CONTEXT, "context inside a frame");
	if ((c->cmd & CONTEXT_RESERVED) || (c->mss & 0x8f) || c->fcoe)
		ixm_violation(m, IXM_RULE_CONTEXT, "context %#x %#x %#x %#x sets reserved bits",
			      c->lens, c->fcoe, c->cmd, c->mss);
	if (idx > 1) {
		ixm_violation(m, IXM_RULE_CONTEXT, "context %u: a queue has two", idx);
		return;
	}
	if (mac < ADV_MACLEN_MIN || ip < 20)
		ixm_violation(m, IXM_RULE_CONTEXT, "MACLEN %u, IPLEN %u", mac, ip);
	if (mac + ip + ixm_l4len(c) > 512)
		ixm_violation(m, IXM_RULE_CONTEXT, "headers of %u bytes", mac + ip + ixm_l4len(c));
	if (L4T(c) == 3)
		ixm_violation(m, IXM_RULE_CONTEXT, "L4T 3 is reserved");
	m->out[q].context[idx] = (struct ixm_context){ true, *c };
}

/* The context that the frame's first descriptor names, or NULL. */
static const struct adv_tx_context *context_of(struct ixgbe_model *m, u32 q)
{
	const struct ixm_tx *o = &m->out[q];
	u32 idx = o->first.olinfo >> ADV_TXD_IDX_SHIFT & 1;

	if (!o->context[idx].loaded) {
		ixm_violation(m, IXM_RULE_CONTEXT, "frame names context %u, never loaded", idx);
		return NULL;
	}
	return &o->context[idx].c;
}

/* --- frames ------------------------------------------------------------------------- */

static void checksums(struct ixgbe_model *m, u32 q)
{
	struct ixm_tx *o = &m->out[q];
	const struct adv_tx_context *c = context_of(m, q);
	u32 ip, l4, at;

	if (!c)
		return;
	ip = ixm_maclen(c);
	l4 = ip + ixm_iplen(c);
	at = l4 + (L4T(c) == 1 ? 16 : 6);
	if (!(ixm_get(m, IXGBE_HLREG0) & IXGBE_HLREG0_TXCRCEN))
		ixm_violation(m, IXM_RULE_TX_FRAME, "checksum with HLREG0.TXCRCEN off");
	if (at + 2 > o->len || L4T(c) == 2) {
		ixm_violation(m, IXM_RULE_CONTEXT, "checksum at %u of %u bytes, L4T %u", at,
			      o->len, L4T(c));
		return;
	}
	if (o->first.olinfo & ADV_TXD_IXSM) {
		if (!(c->cmd & ADV_TXC_IPV4))
			ixm_violation(m, IXM_RULE_CONTEXT, "IXSM for what is not IPv4");
		ixm_insert_csum(m->data, ip, l4, ip + 10);
	}
	if (o->first.olinfo & ADV_TXD_TXSM)
		ixm_insert_csum(m->data, l4, o->len, at);
}

static void end_advanced(struct ixgbe_model *m, u32 q)
{
	struct ixm_tx *o = &m->out[q];
	u32 paylen = o->first.olinfo >> ADV_TXD_PAYLEN_SHIFT;

	if (!(o->first.cmd & ADV_TXD_IFCS))
		ixm_violation(m, IXM_RULE_TX_DESC, "frame without IFCS");
	if (o->first.cmd & ADV_TXD_TSE) {
		const struct adv_tx_context *c = context_of(m, q);

		if (c)
			ixm_send_segments(m, q, c);
		return;
	}
	if (paylen != o->len)
		ixm_violation(m, IXM_RULE_TX_FRAME, "PAYLEN %u, but %u bytes", paylen, o->len);
	if (o->first.olinfo & (ADV_TXD_TXSM | ADV_TXD_IXSM))
		checksums(m, q);
	ixm_wire(m, m->data, o->len);
}

/* 7.2.3.2.2: the checksum at CSO, from CSS on. */
static void end_legacy(struct ixgbe_model *m, u32 q)
{
	struct ixm_tx *o = &m->out[q];
	u32 css = o->first.olinfo >> 8 & 0xff, cso = o->first.cmd >> 16 & 0xff;

	if (!(o->first.cmd & ADV_TXD_IFCS))
		ixm_violation(m, IXM_RULE_TX_DESC, "legacy frame without IFCS");
	if (o->first.cmd & LEGACY_IC) {
		if (cso <= css || cso + 2 > o->len)
			ixm_violation(m, IXM_RULE_TX_DESC, "CSS %u, CSO %u of %u", css, cso,
				      o->len);
		else
			ixm_insert_csum(m->data, css, o->len, cso);
	}
	ixm_wire(m, m->data, o->len);
}

/* --- descriptors --------------------------------------------------------------------- */

static void check_data(struct ixgbe_model *m, const struct ixm_tx *o,
		       const struct adv_tx_data *d, u32 len)
{
	bool legacy = !(d->cmd & ADV_TXD_DEXT);

	if (d->olinfo & ADV_TXD_DD)
		ixm_violation(m, IXM_RULE_TX_DESC, "descriptor given with DD set");
	if (o->descs && legacy != o->legacy)
		ixm_violation(m, IXM_RULE_TX_DESC, "legacy and advanced descriptors in a frame");
	if (len > (legacy ? IXGBE_TX_BUFFER_MAX : ADVANCED_MAX))
		ixm_violation(m, IXM_RULE_TX_DESC, "descriptor of %u bytes", len);
	if ((d->cmd & ADV_TXD_RS) && !(d->cmd & ADV_TXD_EOP))
		ixm_violation(m, IXM_RULE_TX_DESC, "RS without EOP");
	if (legacy) {
		if ((d->cmd & (BIT(31) | LEGACY_VLE | BIT(28))) || (d->olinfo & 0xfe))
			ixm_violation(m, IXM_RULE_TX_DESC, "legacy descriptor %#x %#x", d->cmd,
				      d->olinfo);
		return;
	}
	if ((d->cmd & (DATA_RESERVED | LEGACY_VLE)) || (!o->descs && (d->olinfo & OLINFO_RESERVED)))
		ixm_violation(m, IXM_RULE_TX_DESC, "descriptor %#x %#x sets reserved bits", d->cmd,
			      d->olinfo);
	if (o->descs && (d->cmd & ADV_TXD_TSE) != (o->first.cmd & ADV_TXD_TSE))
		ixm_violation(m, IXM_RULE_TX_DESC, "TSE differs inside a frame");
}

/* 7.2.3.2.2: WTHRESH 0 wants RS at the end of each frame, anything else wants none. */
static void check_end(struct ixgbe_model *m, u32 q, const struct adv_tx_data *d)
{
	u32 wthresh = WTHRESH(ixm_get(m, IXM_TX_QUEUE(IXGBE_TXDCTL0, q)));

	if (!wthresh != !!(d->cmd & ADV_TXD_RS))
		ixm_violation(m, IXM_RULE_TX_THRESH, "WTHRESH %u, %s RS", wthresh,
			      wthresh ? "and" : "no");
	if (m->out[q].descs > DESCS_MAX - wthresh - 2)
		ixm_violation(m, IXM_RULE_TX_FRAME, "frame of %u descriptors", m->out[q].descs);
}

static void data(struct ixgbe_model *m, u32 q, struct adv_tx_data *d)
{
	struct ixm_tx *o = &m->out[q];
	bool legacy = !(d->cmd & ADV_TXD_DEXT);
	u32 len = d->cmd & ADV_TXD_LEN_MASK;
	const void *buf;

	check_data(m, o, d, len);
	if (!o->descs++) {
		o->first = *d;
		o->legacy = legacy;
	}
	if (len) {
		buf = ixm_dma(m, d->addr, len, "transmit buffer");
		if (o->len + len > IXM_TSO_MAX) {
			ixm_violation(m, IXM_RULE_TX_FRAME, "frame too long");
		} else if (buf) {
			memcpy(m->data + o->len, buf, len);
			o->len += len;
		}
	}
	if (!(d->cmd & ADV_TXD_EOP))
		return;
	check_end(m, q, d);
	if (o->len < ETH)
		ixm_violation(m, IXM_RULE_TX_FRAME, "frame of %u bytes", o->len);
	else if (legacy)
		end_legacy(m, q);
	else
		end_advanced(m, q);
	o->len = o->descs = 0;
	__atomic_or_fetch(&d->olinfo, ADV_TXD_DD, __ATOMIC_RELEASE);
	ixm_raise_queue(m, q, true);
}

static void one(struct ixgbe_model *m, u32 q)
{
	struct ixm_ring *r = &m->tx[q];
	union adv_tx_desc *d = ixm_desc(m, IXM_TX_QUEUE(IXGBE_TDBAL0, q), r->head,
					  "transmit descriptor");
	u32 type;

	r->head = (r->head + 1) % ixm_ring_size(m, IXM_TX_QUEUE(IXGBE_TDLEN0, q));
	if (!d)
		return;
	type = d->data.cmd & ADV_TXD_DTYP_MASK;
	if ((d->data.cmd & ADV_TXD_DEXT) && type == ADV_TXD_DTYP_CONTEXT)
		load_context(m, q, &d->context);
	else if (!(d->data.cmd & ADV_TXD_DEXT) || type == ADV_TXD_DTYP_DATA)
		data(m, q, &d->data);
	else
		ixm_violation(m, IXM_RULE_TX_DESC, "descriptor of type %u", type >> 20);
	/* 7.2.3.4: the tail stands behind whole frames. */
	if (r->head == r->tail && (m->out[q].descs || type == ADV_TXD_DTYP_CONTEXT))
		ixm_violation(m, IXM_RULE_TX_FRAME, "the tail is inside a frame");
}

void ixm_run_tx(struct ixgbe_model *m, u32 q, u32 max)
{
	struct ixm_ring *r = &m->tx[q];

	if (!(ixm_get(m, IXGBE_DMATXCTL) & IXGBE_DMATXCTL_TE) || !r->on ||
	    (ixm_get(m, IXGBE_CTRL) & IXGBE_CTRL_MASTER_DISABLE))
		return;
	while (max-- && r->head != r->tail)
		one(m, q);
}

void ixgbe_model_run_tx(struct ixgbe_model *m, u32 max)
{
	ixm_run_tx(m, 0, max);
}
