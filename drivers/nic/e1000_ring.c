/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: the rings and the receive path (8254x Software Developer's Manual,
 * 3.2). Nothing here reads a register: descriptors say by DD what is done, and
 * the tails are shadowed.
 */
#include "drivers/nic/e1000.h"

#define RX_BYTES (E1000_RX_RING * sizeof(struct e1000_rx_desc))
#define TX_BYTES (E1000_TX_RING * sizeof(union e1000_tx_desc))
/* The zero bytes for padding lie behind the transmit ring. */
#define TX_DMA_BYTES (TX_BYTES + CACHE_LINE)

STATIC_ASSERT(RX_BYTES % 128 == 0 && TX_BYTES % 128 == 0, "ring lengths, 13.4.27, 13.4.38");
STATIC_ASSERT((E1000_RX_RING & (E1000_RX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT((E1000_TX_RING & (E1000_TX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(E1000_MIN_FRAME <= CACHE_LINE, "padding fits");
STATIC_ASSERT(E1000_TX_RING <= NIC_SENT_MAX, "frames are no more than descriptors");

static inline u32 rx_after(u32 i)
{
	return (i + 1) & (E1000_RX_RING - 1);
}

/* --- receive ------------------------------------------------------------- */

/*
 * Hand descriptors to the device until it has all but one (RDH = RDT would mean
 * none) or the pool is empty. The tail moves when a batch has come together, or
 * when the device is about to run dry.
 */
void e1000_rx_refill(struct e1000 *e)
{
	u32 i = e->rx_fill, next = e->rx_next, given, owned;

	for (; rx_after(i) != next; i = rx_after(i)) {
		struct pkt *p = e->rx_pkt[i];

		if (!p) {
			p = pkt_get(e->pool);
			if (!p) {
				e->count.rx_no_packet++;
				break;
			}
			e->rx_pkt[i] = p;
		}
		/* The device writes the rest. */
		e->rx[i] = (struct e1000_rx_desc){ .addr = pkt_data_bus(p).v };
	}
	e->rx_fill = i;
	given = (e->rx_fill - e->rx_tail) & (E1000_RX_RING - 1);
	owned = (e->rx_tail - e->rx_next) & (E1000_RX_RING - 1);
	if (given && (given >= E1000_RX_REFILL || owned < E1000_RX_REFILL)) {
		e->rx_tail = e->rx_fill;
		mmio_wmb();
		e1000_write(e, E1000_RDT, e->rx_tail);
		e->count.doorbells++;
	}
}

/* The frame is no good; it counts once, at its end. The buffer stays in the ring. */
static struct pkt *rx_throw(struct e1000 *e, bool ends)
{
	pkt_put(e->rx_long);
	e->rx_long = NULL;
	e->rx_skip = !ends;
	if (ends)
		e->count.rx_errors++;
	return NULL;
}

/* The frame that a finished descriptor ends, or NULL: there is more of it, or it is no
 * good. */
static struct pkt *rx_take(struct e1000 *e, u32 i, u8 status)
{
	const struct e1000_rx_desc *d = &e->rx[i];
	struct pkt *p = e->rx_pkt[i], *whole = e->rx_long;
	bool ends = status & E1000_RXD_EOP;
	u32 before = whole ? whole->len : 0;

	/* All descriptors of a frame but the last are full (3.2.3). */
	if (e->rx_skip || (d->errors & E1000_RXD_ERR_FRAME) || d->length == 0 ||
	    d->length > E1000_RX_BUF || before + d->length > E1000_MAX_FRAME ||
	    (!ends && d->length != E1000_RX_BUF))
		return rx_throw(e, ends);
	p->head_len = d->length;
	p->len = d->length;
	if (!whole)
		whole = p;
	else if (pkt_join(whole, p))
		return rx_throw(e, ends);
	e->rx_pkt[i] = NULL;
	e->rx_long = ends ? NULL : whole;
	return ends ? whole : NULL;
}

/* The first frames that the device is done with, as long as each is whole, and good, in one
 * buffer. How many; *bytes grows. */
static __attribute__((noinline)) u32 rx_take_whole(struct e1000 *e, struct pkt **pkts, u32 max,
						   u64 *bytes)
{
	u32 i = e->rx_next, tail = e->rx_tail, n = 0;
	u64 sum = 0;

	if (e->rx_long || e->rx_skip)
		return 0;
	for (; n < max && i != tail; i = rx_after(i)) {
		const struct e1000_rx_desc *d = &e->rx[i];
		/* Pairs with the device writing the status last. */
		u8 status = __atomic_load_n(&d->status, __ATOMIC_ACQUIRE);
		u32 len = d->length;
		struct pkt *p;

		if ((~status & (E1000_RXD_DD | E1000_RXD_EOP)) ||
		    (d->errors & E1000_RXD_ERR_FRAME) || len - 1u >= E1000_RX_BUF)
			break;
		p = e->rx_pkt[i];
		__builtin_prefetch(p->data);
		e->rx_pkt[i] = NULL;
		p->head_len = len;
		p->len = len;
		sum += len;
		pkts[n++] = p;
	}
	e->rx_next = i;
	*bytes += sum;
	return n;
}

u32 e1000_rx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 max)
{
	struct e1000 *e = nic->priv;
	u32 tail = e->rx_tail, n, i, seen;
	u64 bytes = 0;

	(void)queue;
	if (!e->running)
		return 0;
	n = rx_take_whole(e, pkts, max, &bytes);
	i = e->rx_next;
	/* Bounded by the ring even if all that arrives is thrown away. */
	for (seen = n; n < max && seen < E1000_RX_RING && i != tail; i = rx_after(i), seen++) {
		/* Pairs with the device writing the status last. */
		u8 status = __atomic_load_n(&e->rx[i].status, __ATOMIC_ACQUIRE);
		struct pkt *p;

		if (!(status & E1000_RXD_DD))
			break;
		p = rx_take(e, i, status);
		if (p) {
			bytes += p->len;
			pkts[n++] = p;
		}
	}
	e->rx_next = i;
	e->count.rx_frames += n;
	e->count.rx_bytes += bytes;
	if (seen || rx_after(e->rx_fill) != e->rx_next)
		e1000_rx_refill(e);
	return n;
}

/* --- memory ---------------------------------------------------------------- */

err_t e1000_rings_alloc(struct e1000 *e)
{
	u8 *tx;

	e->rx = e->res.dma_alloc(RX_BYTES, &e->rx_bus);
	if (!e->rx)
		return ERR_NOMEM;
	tx = e->res.dma_alloc(TX_DMA_BYTES, &e->tx_bus);
	if (!tx) {
		e->res.dma_free(e->rx, RX_BYTES);
		return ERR_NOMEM;
	}
	e->tx = (union e1000_tx_desc *)(void *)tx;
	e->pad_bus = (bus_t){ e->tx_bus.v + TX_BYTES };
	return ERR_OK;
}

void e1000_rings_free(struct e1000 *e)
{
	e->res.dma_free(e->tx, TX_DMA_BYTES);
	e->res.dma_free(e->rx, RX_BYTES);
}

/* Frames that were handed over count as sent until it turns out that they are not. */
static void tx_lose(struct e1000 *e)
{
	for (u32 i = e->sent.pkt_first; i != e->sent.pkt_tail; i++) {
		struct pkt *p = *nic_sent_slot(&e->sent, i);

		e->count.tx_frames -= pkt_wire_frames(p);
		e->count.tx_bytes -= e1000_wire_bytes(p);
		e->count.tx_lost++;
		pkt_put(p);
	}
	e->sent.first = e->sent.tail;
	e->sent.pkt_first = e->sent.pkt_tail;
}

void e1000_rings_empty(struct e1000 *e)
{
	tx_lose(e);
	for (u32 i = 0; i < E1000_TX_RING; i++)
		e->tx[i] = (union e1000_tx_desc){ 0 };
	for (u32 i = 0; i < E1000_RX_RING; i++)
		e->rx[i].status = 0;
	e->rx_next = 0;
	e->rx_fill = 0;
	e->rx_tail = 0;
	pkt_put(e->rx_long);
	e->rx_long = NULL;
	e->rx_skip = false;
	e->tx_clean = 0;
	e->tx_tail = 0;
	e->tx_csum = 0;
	e->tso_full = false;
	e->tick_clean = 0;
	e->stuck_ticks = 0;
}

void e1000_rings_put(struct e1000 *e)
{
	for (u32 i = 0; i < E1000_RX_RING; i++) {
		pkt_put(e->rx_pkt[i]);
		e->rx_pkt[i] = NULL;
	}
	pkt_put(e->rx_long);
	e->rx_long = NULL;
}
