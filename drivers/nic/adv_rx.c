/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adv: a receive ring (82599 datasheet, 7.1.6, 7.1.9). Nothing here reads a
 * register: descriptors say by DD what is done, and the tail is shadowed.
 */
#include "drivers/nic/adv.h"

STATIC_ASSERT(ADV_RX_RING * sizeof(union adv_rx_desc) % 128 == 0, "RDLEN, 8.2.3.8.3");
STATIC_ASSERT((ADV_RX_RING & (ADV_RX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(ADV_RX_BUF % 1024 == 0, "SRRCTL, 8.2.3.8.7");
STATIC_ASSERT((ADV_FRAME_MOST - 1) / ADV_RX_BUF < PKT_JOIN_SEGS, "a frame's buffers");

static inline u32 rx_after(u32 i)
{
	return (i + 1) & (ADV_RX_RING - 1);
}

/*
 * Hand descriptors to the device until it has all but one (RDH = RDT would mean
 * none) or the pool is empty. The tail moves when a batch has come together, or
 * when the device is about to run dry.
 */
void adv_rx_refill(struct adv_queue *q)
{
	u32 given, owned;

	while (rx_after(q->rx_fill) != q->rx_next) {
		u32 i = q->rx_fill;
		struct pkt *p = q->rx_pkt[i];

		if (!p) {
			p = pkt_get(q->pool);
			if (!p) {
				q->count.rx_no_packet++;
				break;
			}
			q->rx_pkt[i] = p;
		}
		/* What was written back stood in both words. */
		q->rx[i].read = (struct adv_rx_read){ .addr = pkt_data_bus(p).v };
		q->rx_fill = rx_after(i);
	}
	given = (q->rx_fill - q->rx_tail) & (ADV_RX_RING - 1);
	owned = (q->rx_tail - q->rx_next) & (ADV_RX_RING - 1);
	if (given && (given >= ADV_RX_REFILL || owned < ADV_RX_REFILL)) {
		q->rx_tail = q->rx_fill;
		mmio_wmb();
		mmio_write32(q->rdt, q->rx_tail);
		q->count.doorbells++;
	}
}

/* The frame is no good; it counts once, at its end. The buffer stays in the ring. */
static struct pkt *rx_throw(struct adv_queue *q, bool ends)
{
	pkt_put(q->rx_long);
	q->rx_long = NULL;
	q->rx_skip = !ends;
	if (ends)
		q->count.rx_errors++;
	return NULL;
}

/* The frame that a finished descriptor ends, or NULL: there is more of it, or it is no
 * good. */
static struct pkt *rx_take(struct adv_queue *q, u32 i, u32 status)
{
	const struct adv_rx_done *d = &q->rx[i].done;
	struct pkt *p = q->rx_pkt[i], *whole = q->rx_long;
	bool ends = status & ADV_RXD_EOP;
	u32 before = whole ? whole->len : 0, len = d->length;

	/* All descriptors of a frame but the last are full; errors stand in the last. */
	if (q->rx_skip || (ends && (status & q->rx_error)) || len == 0 ||
	    len > ADV_RX_BUF || before + len > q->x->max_frame || (!ends && len != ADV_RX_BUF))
		return rx_throw(q, ends);
	p->head_len = len;
	p->len = len;
	if (!whole)
		whole = p;
	else if (pkt_join(whole, p))
		return rx_throw(q, ends);
	q->rx_pkt[i] = NULL;
	q->rx_long = ends ? NULL : whole;
	return ends ? whole : NULL;
}

/* The first frames that the device is done with, as long as each is whole, and good, in one
 * buffer. How many. */
static __attribute__((noinline)) u32 rx_take_whole(struct adv_queue *q, struct pkt **pkts,
						   u32 max)
{
	u32 i = q->rx_next, tail = q->rx_tail, n = 0;
	const u32 good = ADV_RXD_DD | ADV_RXD_EOP, looked_at = good | q->rx_error;
	u64 bytes = 0;

	if (q->rx_long || q->rx_skip)
		return 0;
	for (; n < max && i != tail; i = rx_after(i)) {
		/* Pairs with the device writing the status last. */
		u32 status = adv_rx_status(q, i), len = q->rx[i].done.length;
		struct pkt *p;

		if ((status & looked_at) != good || len - 1u >= ADV_RX_BUF)
			break;
		p = q->rx_pkt[i];
		__builtin_prefetch(p->data);
		q->rx_pkt[i] = NULL;
		p->head_len = len;
		p->len = len;
		bytes += len;
		pkts[n++] = p;
	}
	q->rx_next = i;
	q->count.rx_frames += n;
	q->count.rx_bytes += bytes;
	return n;
}

u32 adv_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	const struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];
	u32 n, seen;

	if (!x->running)
		return 0;
	n = rx_take_whole(q, pkts, max);
	seen = n;
	/* Bounded by the ring even if all that arrives is thrown away. */
	while (n < max && seen < ADV_RX_RING && q->rx_next != q->rx_tail) {
		u32 i = q->rx_next;
		/* Pairs with the device writing the status last. */
		u32 status = adv_rx_status(q, i);
		struct pkt *p;

		if (!(status & ADV_RXD_DD))
			break;
		p = rx_take(q, i, status);
		q->rx_next = rx_after(i);
		seen++;
		if (p) {
			q->count.rx_frames++;
			q->count.rx_bytes += p->len;
			__builtin_prefetch(p->data);
			pkts[n++] = p;
		}
	}
	if (seen || rx_after(q->rx_fill) != q->rx_next)
		adv_rx_refill(q);
	return n;
}

void adv_rx_stock(struct adv_queue *q)
{
	for (u32 i = 0; i < ADV_RX_RING - 1; i++) {
		if (!q->rx_pkt[i])
			q->rx_pkt[i] = pkt_get(q->pool);
		if (!q->rx_pkt[i]) {
			q->count.rx_no_packet++;
			break;
		}
	}
}

void adv_rx_start(struct adv_queue *q)
{
	u32 n = 0;

	for (; n < ADV_RX_RING - 1 && q->rx_pkt[n]; n++)
		q->rx[n].read =
			(struct adv_rx_read){ .addr = pkt_data_bus(q->rx_pkt[n]).v };
	q->rx_fill = q->rx_tail = n;
	if (!n)
		return;
	mmio_wmb();
	mmio_write32(q->rdt, n);
	q->count.doorbells++;
}

/* Buffers move to the front, so that whoever may not take others from the pool has none
 * missing between them. */
void adv_rx_empty(struct adv_queue *q)
{
	u32 kept = 0;

	for (u32 i = 0; i < ADV_RX_RING; i++) {
		struct pkt *p = q->rx_pkt[i];

		q->rx[i].read = (struct adv_rx_read){ 0 };
		q->rx_pkt[i] = NULL;
		if (p)
			q->rx_pkt[kept++] = p;
	}
	q->rx_next = 0;
	q->rx_fill = 0;
	q->rx_tail = 0;
	pkt_put(q->rx_long);
	q->rx_long = NULL;
	q->rx_skip = false;
}

void adv_rx_put(struct adv_queue *q)
{
	for (u32 i = 0; i < ADV_RX_RING; i++) {
		pkt_put(q->rx_pkt[i]);
		q->rx_pkt[i] = NULL;
	}
	pkt_put(q->rx_long);
	q->rx_long = NULL;
}
