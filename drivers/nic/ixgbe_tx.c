/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: a transmit ring (82599 datasheet, 7.2.3): frames in as many pieces as
 * they have, with the context that their offloads need. The doorbell is the only
 * register access for a burst.
 */
#include "drivers/nic/ixgbe.h"

#include "hv/base/str.h"

STATIC_ASSERT(IXGBE_TX_RING * sizeof(union ixgbe_tx_desc) % 128 == 0, "TDLEN, 8.2.3.9.7");
STATIC_ASSERT((IXGBE_TX_RING & (IXGBE_TX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(IXGBE_TX_RING <= UINT16_MAX, "ixgbe_tx_frame.last is 16 bits");
STATIC_ASSERT(PKT_MAX_SEGS + IXGBE_PLAIN_EXTRA <= IXGBE_FRAME_DESCS, "a plain frame has room");
STATIC_ASSERT(PKT_MAX_SEGS + IXGBE_TSO_EXTRA <= IXGBE_FRAME_DESCS, "a large frame has room");
STATIC_ASSERT(IXGBE_FRAME_DESCS <= IXGBE_TX_FRAME_DESCS, "7.2.1.1");
STATIC_ASSERT((IXGBE_TX_RING - 1) % IXGBE_FRAME_DESCS == 0, "one descriptor in use shows");
STATIC_ASSERT(IXGBE_TX_PIECE <= IXGBE_TX_BUFFER_MAX, "DTALEN");

static inline u32 tx_after(u32 i)
{
	return (i + 1) & (IXGBE_TX_RING - 1);
}

static u32 tx_free(const struct ixgbe_queue *q)
{
	return (q->tx_clean - q->tx_tail - 1) & (IXGBE_TX_RING - 1);
}

/* --- sent -------------------------------------------------------------------- */

u32 ixgbe_tx_reclaim(struct nic *nic, u32 queue)
{
	struct ixgbe_queue *q = ((struct ixgbe *)nic->priv)->queue[queue];
	u32 n = 0;

	while (q->tx_clean != q->tx_tail && ixgbe_tx_done(q, q->tx_clean)) {
		struct ixgbe_tx_frame *f = &q->tx_frame[q->tx_clean];
		struct pkt *p = f->pkt;

		q->count.tx_frames += pkt_wire_frames(p);
		q->count.tx_bytes += p->len + (pkt_wire_frames(p) - 1) * p->payload_start;
		__atomic_store_n(&q->tx_clean, tx_after(f->last), __ATOMIC_RELAXED);
		f->pkt = NULL;
		pkt_put(p);
		n++;
	}
	return n;
}

u32 ixgbe_tx_room(struct nic *nic, u32 queue)
{
	const struct ixgbe *x = nic->priv;

	if (!x->running)
		return 0;
	ixgbe_tx_reclaim(nic, queue);
	return tx_free(x->queue[queue]) / IXGBE_FRAME_DESCS;
}

/* --- frames ------------------------------------------------------------------ */

/* Where a frame's descriptors go, and what they have in common. */
struct tx_build {
	struct ixgbe_queue *q;
	u32 at;
	u32 cmd;
	u32 olinfo;
};

static void put_piece(struct tx_build *b, bus_t bus, u32 len)
{
	while (len) {
		u32 n = MIN(len, IXGBE_TX_PIECE);

		b->q->tx[b->at].data = (struct ixgbe_tx_data){
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
static void put_context(struct tx_build *b, const struct ixgbe_tx_context *c)
{
	u32 which = c->mss >> IXGBE_TXC_IDX_SHIFT & 1;

	if (!memcmp(&b->q->context[which], c, sizeof(*c)))
		return;
	b->q->context[which] = *c;
	b->q->tx[b->at].context = *c;
	b->at = tx_after(b->at);
}

/*
 * The descriptors of one frame, from tx_tail; room was checked. RS on each frame's
 * last descriptor (7.2.3.2.2: with WTHRESH 0 it must be there), so that no frame's
 * buffers wait for another frame.
 */
static void tx_frame(struct ixgbe_queue *q, struct pkt *p)
{
	struct tx_build b = {
		.q = q,
		.at = q->tx_tail,
		.cmd = IXGBE_TXD_DEXT | IXGBE_TXD_DTYP_DATA | IXGBE_TXD_IFCS,
	};
	u32 first = q->tx_tail, last, pad = 0;
	struct ixgbe_tx_context c;

	if (pkt_is_offloaded(p) && ixgbe_offload_begin(p, &c, &b.cmd, &b.olinfo))
		put_context(&b, &c);
	/* The device pads, but nothing that is shorter than so. */
	if (p->len < IXGBE_PAYLEN_MIN)
		pad = IXGBE_MIN_FRAME - p->len;
	b.olinfo |= (p->gso_type ? p->len - p->payload_start : p->len + pad)
		    << IXGBE_TXD_PAYLEN_SHIFT;
	put_piece(&b, pkt_data_bus(p), p->head_len);
	for (u32 i = 0; i < p->nseg; i++)
		put_piece(&b, p->seg[i].bus, p->seg[i].len);
	put_piece(&b, q->pad_bus, pad);

	last = (b.at - 1) & (IXGBE_TX_RING - 1);
	q->tx[last].data.cmd |= IXGBE_TXD_EOP | IXGBE_TXD_RS;
	q->tx_frame[first] = (struct ixgbe_tx_frame){ p, (u16)last };
	/* Pairs with ixgbe_tick(), of another core perhaps. */
	__atomic_store_n(&q->tx_tail, b.at, __ATOMIC_RELEASE);
}

static bool tx_fits(const struct pkt *p)
{
	if (p->gso_type == PKT_GSO_NONE && (p->len == 0 || p->len > IXGBE_MAX_FRAME))
		return false;
	return !pkt_is_offloaded(p) || ixgbe_offload_fits(p);
}

u32 ixgbe_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	const struct ixgbe *x = nic->priv;
	struct ixgbe_queue *q = x->queue[queue];
	u32 old_tail = q->tx_tail;
	u32 taken = 0;

	if (!x->running)
		return 0;
	if (tx_free(q) < n * IXGBE_FRAME_DESCS)
		ixgbe_tx_reclaim(nic, queue);
	for (; taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (!tx_fits(p)) {
			q->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (tx_free(q) < p->nseg + (p->gso_type ? IXGBE_TSO_EXTRA : IXGBE_PLAIN_EXTRA)) {
			q->count.tx_full++;
			break;
		}
		tx_frame(q, p);
	}
	if (q->tx_tail != old_tail) {
		mmio_wmb();
		ixgbe_write(x, IXGBE_QUEUE(IXGBE_TDT0, queue), q->tx_tail);
		q->count.doorbells++;
	}
	return taken;
}

void ixgbe_tx_empty(struct ixgbe_queue *q)
{
	for (u32 i = 0; i < IXGBE_TX_RING; i++) {
		if (q->tx_frame[i].pkt)
			q->count.tx_lost++;
		pkt_put(q->tx_frame[i].pkt);
		q->tx_frame[i].pkt = NULL;
		q->tx[i].data = (struct ixgbe_tx_data){ 0 };
	}
	memset(q->context, 0, sizeof(q->context));
	q->tx_clean = 0;
	q->tx_tail = 0;
	q->tick_clean = 0;
	q->stuck_ticks = 0;
}
