/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: the receive ring (82599 datasheet, 7.1.6, 7.1.9). Nothing here reads a
 * register: descriptors say by DD what is done, and the tail is shadowed.
 */
#include "drivers/nic/ixgbe.h"

STATIC_ASSERT(IXGBE_RX_RING * sizeof(union ixgbe_rx_desc) % 128 == 0, "RDLEN, 8.2.3.8.3");
STATIC_ASSERT((IXGBE_RX_RING & (IXGBE_RX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(IXGBE_RX_BUF % 1024 == 0, "SRRCTL, 8.2.3.8.7");
STATIC_ASSERT((IXGBE_MAX_FRAME - 1) / IXGBE_RX_BUF < PKT_JOIN_SEGS, "a frame's buffers");

static inline u32 rx_after(u32 i)
{
	return (i + 1) & (IXGBE_RX_RING - 1);
}

/*
 * Hand descriptors to the device until it has all but one (RDH = RDT would mean
 * none) or the pool is empty. The tail moves when a batch has come together, or
 * when the device is about to run dry.
 */
void ixgbe_rx_refill(struct ixgbe *x)
{
	u32 given, owned;

	while (rx_after(x->rx_fill) != x->rx_next) {
		u32 i = x->rx_fill;
		struct pkt *p = x->rx_pkt[i];

		if (!p) {
			p = pkt_get(x->pool);
			if (!p) {
				x->count.rx_no_packet++;
				break;
			}
			x->rx_pkt[i] = p;
		}
		/* What was written back stood in both words. */
		x->rx[i].read = (struct ixgbe_rx_read){ .addr = pkt_data_bus(p).v };
		x->rx_fill = rx_after(i);
	}
	given = (x->rx_fill - x->rx_tail) & (IXGBE_RX_RING - 1);
	owned = (x->rx_tail - x->rx_next) & (IXGBE_RX_RING - 1);
	if (given && (given >= IXGBE_RX_REFILL || owned < IXGBE_RX_REFILL)) {
		x->rx_tail = x->rx_fill;
		mmio_wmb();
		ixgbe_write(x, IXGBE_RDT0, x->rx_tail);
		x->count.doorbells++;
	}
}

/* The frame is no good; it counts once, at its end. The buffer stays in the ring. */
static struct pkt *rx_throw(struct ixgbe *x, bool ends)
{
	pkt_put(x->rx_long);
	x->rx_long = NULL;
	x->rx_skip = !ends;
	if (ends)
		x->count.rx_errors++;
	return NULL;
}

/* The frame that a finished descriptor ends, or NULL: there is more of it, or it is no
 * good. */
static struct pkt *rx_take(struct ixgbe *x, u32 i, u32 status)
{
	const struct ixgbe_rx_done *d = &x->rx[i].done;
	struct pkt *p = x->rx_pkt[i], *whole = x->rx_long;
	bool ends = status & IXGBE_RXD_EOP;
	u32 before = whole ? whole->len : 0, len = d->length;

	/* All descriptors of a frame but the last are full; errors stand in the last. */
	if (x->rx_skip || (ends && (status & IXGBE_RXD_RXE)) || len == 0 ||
	    len > IXGBE_RX_BUF || before + len > IXGBE_MAX_FRAME || (!ends && len != IXGBE_RX_BUF))
		return rx_throw(x, ends);
	p->head_len = len;
	p->len = len;
	if (!whole)
		whole = p;
	else if (pkt_join(whole, p))
		return rx_throw(x, ends);
	x->rx_pkt[i] = NULL;
	x->rx_long = ends ? NULL : whole;
	return ends ? whole : NULL;
}

u32 ixgbe_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	struct ixgbe *x = nic->priv;
	u32 n = 0, seen = 0;

	(void)queue;
	if (!x->running)
		return 0;
	/* Bounded by the ring even if all that arrives is thrown away. */
	while (n < max && seen < IXGBE_RX_RING && x->rx_next != x->rx_tail) {
		u32 i = x->rx_next;
		/* Pairs with the device writing the status last. */
		u32 status = ixgbe_rx_status(x, i);
		struct pkt *p;

		if (!(status & IXGBE_RXD_DD))
			break;
		p = rx_take(x, i, status);
		x->rx_next = rx_after(i);
		seen++;
		if (p) {
			x->count.rx_frames++;
			x->count.rx_bytes += p->len;
			__builtin_prefetch(p->data);
			pkts[n++] = p;
		}
	}
	if (seen || rx_after(x->rx_fill) != x->rx_next)
		ixgbe_rx_refill(x);
	return n;
}

void ixgbe_rx_empty(struct ixgbe *x)
{
	for (u32 i = 0; i < IXGBE_RX_RING; i++)
		x->rx[i].read = (struct ixgbe_rx_read){ 0 };
	x->rx_next = 0;
	x->rx_fill = 0;
	x->rx_tail = 0;
	pkt_put(x->rx_long);
	x->rx_long = NULL;
	x->rx_skip = false;
}

void ixgbe_rx_put(struct ixgbe *x)
{
	for (u32 i = 0; i < IXGBE_RX_RING; i++) {
		pkt_put(x->rx_pkt[i]);
		x->rx_pkt[i] = NULL;
	}
	pkt_put(x->rx_long);
	x->rx_long = NULL;
}
