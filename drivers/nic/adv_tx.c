/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adv: a transmit ring (82599 datasheet, 7.2.3): frames in as many pieces as
 * they have, with the context that their offloads need. The doorbell is the only
 * register access for a burst.
 */
#include "drivers/nic/adv.h"

#include "hv/base/str.h"

STATIC_ASSERT(ADV_TX_RING * sizeof(union adv_tx_desc) % 128 == 0, "TDLEN, 8.2.3.9.7");
STATIC_ASSERT((ADV_TX_RING & (ADV_TX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(ADV_TX_RING <= NIC_SENT_MAX, "frames are no more than descriptors");
STATIC_ASSERT(PKT_MAX_SEGS + ADV_PLAIN_EXTRA <= ADV_FRAME_DESCS, "a plain frame has room");
STATIC_ASSERT(PKT_MAX_SEGS + ADV_TSO_EXTRA <= ADV_FRAME_DESCS, "a large frame has room");
STATIC_ASSERT(ADV_FRAME_DESCS <= ADV_TX_FRAME_DESCS, "7.2.1.1");
STATIC_ASSERT((ADV_TX_RING - 1) % ADV_FRAME_DESCS == 0, "one descriptor in use shows");

static inline u32 tx_after(u32 i)
{
	return (i + 1) & (ADV_TX_RING - 1);
}

static u32 tx_free(const struct adv_queue *q)
{
	return (q->tx_clean - q->tx_tail - 1) & (ADV_TX_RING - 1);
}

/* --- sent -------------------------------------------------------------------- */

u32 adv_tx_reclaim(struct nic *nic, u32 queue)
{
	struct adv_queue *q = ((struct adv *)nic->priv)->queue[queue];
	const struct nic_sent_group *g;
	u32 n = 0;

	for (; (g = nic_sent_first(&q->sent)) && adv_tx_done(q, g); q->sent.first++) {
		n += g->frames;
		__atomic_store_n(&q->tx_clean, tx_after(g->last), __ATOMIC_RELAXED);
	}
	if (n)
		nic_sent_put(&q->sent, n);
	return n;
}

u32 adv_tx_room(struct nic *nic, u32 queue)
{
	const struct adv *x = nic->priv;

	if (!x->running)
		return 0;
	adv_tx_reclaim(nic, queue);
	return tx_free(x->queue[queue]) / ADV_FRAME_DESCS;
}

/* --- frames ------------------------------------------------------------------ */

/* Where a frame's descriptors go, and what they have in common. */
struct tx_build {
	struct adv_queue *q;
	u32 at;
	u32 cmd;
	u32 olinfo;
};

static void put_piece(struct tx_build *b, bus_t bus, u32 len)
{
	while (len) {
		u32 n = MIN(len, ADV_TX_PIECE);

		b->q->tx[b->at].data = (struct adv_tx_data){
			.addr = bus.v,
			.cmd = b->cmd | n,
			.olinfo = b->olinfo,
		};
		b->at = tx_after(b->at);
		bus.v += n;
		len -= n;
	}
}

/* The device keeps its contexts, so that frames alike need one only. */
static void put_context(struct tx_build *b, const struct adv_tx_context *c)
{
	u32 which = c->mss >> ADV_TXC_IDX_SHIFT & 1;

	if (!memcmp(&b->q->context[which], c, sizeof(*c)))
		return;
	b->q->context[which] = *c;
	b->q->tx[b->at].context = *c;
	b->at = tx_after(b->at);
}

/*
 * The descriptors of one frame, from tx_tail; room was checked. RS on each frame's
 * last descriptor (7.2.3.2.2: with WTHRESH 0 it must be there). It is a group by itself,
 * so that no guest's buffers wait for another frame.
 */
static void tx_frame(struct adv_queue *q, struct pkt *p)
{
	struct tx_build b = {
		.q = q,
		.at = q->tx_tail,
		.cmd = ADV_TXD_DEXT | ADV_TXD_DTYP_DATA | ADV_TXD_IFCS,
	};
	struct adv_tx_context c;
	u32 last, pad = 0;

	q->count.tx_frames += pkt_wire_frames(p);
	q->count.tx_bytes += adv_wire_bytes(p);
	if (pkt_is_offloaded(p) && adv_offload_begin(p, &c, &b.cmd, &b.olinfo))
		put_context(&b, &c);
	/* The device pads, but nothing below 17 bytes (7.2.3.2.4), and not every emulated one. */
	if (!p->gso_type && p->len < ADV_MIN_FRAME)
		pad = ADV_MIN_FRAME - p->len;
	b.olinfo |= (p->gso_type ? p->len - p->payload_start : p->len + pad)
		    << ADV_TXD_PAYLEN_SHIFT;
	put_piece(&b, pkt_data_bus(p), p->head_len);
	for (u32 i = 0; i < p->nseg; i++)
		put_piece(&b, p->seg[i].bus, p->seg[i].len);
	put_piece(&b, q->pad_bus, pad);

	last = (b.at - 1) & (ADV_TX_RING - 1);
	q->tx[last].data.cmd |= ADV_TXD_EOP | ADV_TXD_RS;
	nic_sent_add_one(&q->sent, p, last);
	/* Pairs with adv_tick(), of another core perhaps. */
	__atomic_store_n(&q->tx_tail, b.at, __ATOMIC_RELEASE);
}

/*
 * The first frames of the burst, as long as each is nothing but bytes in one piece, and there
 * is room: one group, as they hold nothing that a guest could wait for. How many.
 */
static __attribute__((noinline)) u32 tx_whole(struct adv_queue *q, struct pkt **pkts, u32 n)
{
	const u64 cmd = ADV_TXD_DEXT | ADV_TXD_DTYP_DATA | ADV_TXD_IFCS | ADV_TXD_EOP |
			ADV_TXD_RS;
	u32 at = q->tx_tail, slot = q->sent.pkt_tail, k = 0;
	union adv_tx_desc *ring = q->tx;
	u64 bytes = 0;

	for (n = MIN(n, tx_free(q)); k < n; k++) {
		struct pkt *p = pkts[k];
		u32 len = p->len;

		if (pkt_offloads(p) || p->nseg || p->ties ||
		    len - ADV_MIN_FRAME > ADV_TX_PIECE - ADV_MIN_FRAME)
			break;
		ring[at].word[0] = pkt_data_bus(p).v;
		ring[at].word[1] = cmd | len | (u64)len << (32 + ADV_TXD_PAYLEN_SHIFT);
		*nic_sent_slot(&q->sent, slot + k) = p;
		at = tx_after(at);
		bytes += len;
	}
	if (!k)
		return 0;
	nic_sent_add(&q->sent, k, (at - 1) & (ADV_TX_RING - 1));
	q->count.tx_frames += k;
	q->count.tx_bytes += bytes;
	/* Pairs with adv_tick(), of another core perhaps. */
	__atomic_store_n(&q->tx_tail, at, __ATOMIC_RELEASE);
	return k;
}

static bool tx_fits(const struct pkt *p, u32 max_frame)
{
	if (p->gso_type == PKT_GSO_NONE && (p->len == 0 || p->len > max_frame))
		return false;
	return !pkt_is_offloaded(p) || adv_offload_fits(p, max_frame);
}

u32 adv_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	const struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];
	u32 old_tail = q->tx_tail, taken;

	if (!x->running)
		return 0;
	if (tx_free(q) < n * ADV_FRAME_DESCS)
		adv_tx_reclaim(nic, queue);
	taken = tx_whole(q, pkts, n);
	for (; taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (!tx_fits(p, x->max_frame)) {
			q->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (tx_free(q) < p->nseg + (p->gso_type ? ADV_TSO_EXTRA : ADV_PLAIN_EXTRA)) {
			q->count.tx_full++;
			break;
		}
		tx_frame(q, p);
	}
	if (q->tx_tail != old_tail) {
		mmio_wmb();
		mmio_write32(q->tdt, q->tx_tail);
		q->count.doorbells++;
	}
	return taken;
}

void adv_tx_empty(struct adv_queue *q)
{
	/* They counted as sent until it turned out that they are not. */
	for (u32 i = q->sent.pkt_first; i != q->sent.pkt_tail; i++) {
		struct pkt *p = *nic_sent_slot(&q->sent, i);

		q->count.tx_frames -= pkt_wire_frames(p);
		q->count.tx_bytes -= adv_wire_bytes(p);
		q->count.tx_lost++;
		pkt_put(p);
	}
	q->sent.first = q->sent.tail;
	q->sent.pkt_first = q->sent.pkt_tail;
	for (u32 i = 0; i < ADV_TX_RING; i++)
		q->tx[i].data = (struct adv_tx_data){ 0 };
	memset(q->context, 0, sizeof(q->context));
	q->tx_clean = 0;
	q->tx_tail = 0;
	q->tick_clean = 0;
	q->stuck_ticks = 0;
}
