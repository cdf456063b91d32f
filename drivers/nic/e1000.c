/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver for Intel's 8254x family as emulated by QEMU, Bochs, VirtualBox and
 * VMware: one receive and one transmit ring of legacy descriptors, after the
 * "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's
 * Manual", chapters 3 and 14. The packet path reads no register: descriptors
 * say by DD what is done, and the tails are shadowed.
 */
#include "drivers/nic/e1000.h"

#include "drivers/nic/drivers.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

#define INT_RX (E1000_INT_RXT0 | E1000_INT_RXDMT0 | E1000_INT_RXO)
#define INT_TX E1000_INT_TXDW
/* The self-test's cause: one that nothing else unmasks. */
#define INT_TEST E1000_INT_TXQE
#define STUCK_TICKS 2u

#define RX_BYTES (E1000_RX_RING * sizeof(struct e1000_rx_desc))
#define TX_BYTES (E1000_TX_RING * sizeof(struct e1000_tx_desc))
/* The zero bytes for padding lie behind the transmit ring. */
#define TX_DMA_BYTES (TX_BYTES + CACHE_LINE)

STATIC_ASSERT(RX_BYTES % 128 == 0 && TX_BYTES % 128 == 0, "ring lengths, 13.4.27, 13.4.38");
STATIC_ASSERT((E1000_RX_RING & (E1000_RX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT((E1000_TX_RING & (E1000_TX_RING - 1)) == 0, "a power of two");
STATIC_ASSERT(E1000_MIN_FRAME <= CACHE_LINE, "padding fits");
STATIC_ASSERT(E1000_TX_RING <= UINT16_MAX, "tx_last is 16 bits");

static inline u32 rx_after(u32 i)
{
	return (i + 1) & (E1000_RX_RING - 1);
}

static inline u32 tx_after(u32 i)
{
	return (i + 1) & (E1000_TX_RING - 1);
}

static bool e1000_match(u16 vendor, u16 device)
{
	static const u16 known[] = {
		0x100e, /* 82540EM: QEMU, Bochs, VirtualBox */
		0x100f, /* 82545EM: VMware, QEMU, VirtualBox */
		0x100c, /* 82544GC: QEMU */
		0x1004, /* 82543GC: VirtualBox; has no EERD, takes RAL0 and RAH0 */
	};

	if (vendor != E1000_VENDOR)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i] == device)
			return true;
	}
	return false;
}

/* --- receive ------------------------------------------------------------- */

/*
 * Hand descriptors to the device until it has all but one (RDH = RDT would mean
 * none) or the pool is empty. The tail moves when a batch has come together, or
 * when the device is about to run dry.
 */
static void rx_refill(struct e1000 *e)
{
	u32 given, owned;

	while (rx_after(e->rx_fill) != e->rx_next) {
		u32 i = e->rx_fill;
		struct pkt *p = e->rx_pkt[i];

		if (!p) {
			p = pkt_get(e->pool);
			if (!p) {
				e->count.rx_no_packet++;
				break;
			}
			e->rx_pkt[i] = p;
		}
		e->rx[i].addr = pkt_data_bus(p).v;
		e->rx[i].status = 0;
		e->rx_fill = rx_after(i);
	}
	given = (e->rx_fill - e->rx_tail) & (E1000_RX_RING - 1);
	owned = (e->rx_tail - e->rx_next) & (E1000_RX_RING - 1);
	if (given && (given >= E1000_RX_REFILL || owned < E1000_RX_REFILL)) {
		e->rx_tail = e->rx_fill;
		mmio_wmb();
		e1000_write(e, E1000_RDT, e->rx_tail);
		e->count.doorbells++;
	}
}

/* The frame behind a finished descriptor, or NULL when it is no good; then the
 * buffer stays in the ring. */
static struct pkt *rx_take(struct e1000 *e, u32 i, u8 status)
{
	const struct e1000_rx_desc *d = &e->rx[i];
	struct pkt *p = e->rx_pkt[i];
	bool first = !e->rx_skip;

	e->rx_skip = !(status & E1000_RXD_EOP);
	if (!first || e->rx_skip || (d->errors & E1000_RXD_ERR_FRAME) || d->length == 0 ||
	    d->length > E1000_RX_BUF) {
		/* A frame of several descriptors counts once, at its end. */
		if (!e->rx_skip)
			e->count.rx_errors++;
		return NULL;
	}
	p->head_len = d->length;
	p->len = d->length;
	e->rx_pkt[i] = NULL;
	return p;
}

static u32 e1000_rx_burst(struct nic *nic, struct pkt **pkts, u32 max)
{
	struct e1000 *e = nic->priv;
	u32 n = 0, seen = 0;

	if (!e->running)
		return 0;
	/* Bounded by the ring even if all that arrives is thrown away. */
	while (n < max && seen < E1000_RX_RING && e->rx_next != e->rx_tail) {
		u32 i = e->rx_next;
		/* Pairs with the device writing the status last. */
		u8 status = __atomic_load_n(&e->rx[i].status, __ATOMIC_ACQUIRE);
		struct pkt *p;

		if (!(status & E1000_RXD_DD))
			break;
		p = rx_take(e, i, status);
		e->rx_next = rx_after(i);
		seen++;
		if (p) {
			e->count.rx_frames++;
			e->count.rx_bytes += p->len;
			pkts[n++] = p;
		}
	}
	if (seen || rx_after(e->rx_fill) != e->rx_next)
		rx_refill(e);
	return n;
}

/* --- transmit ------------------------------------------------------------ */

static u32 tx_free(const struct e1000 *e)
{
	return (e->tx_clean - e->tx_tail - 1) & (E1000_TX_RING - 1);
}

static u32 e1000_tx_reclaim(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	u32 n = 0;

	while (e->tx_clean != e->tx_tail) {
		u32 i = e->tx_clean;
		u32 last = e->tx_last[i];

		if (!(__atomic_load_n(&e->tx[last].status, __ATOMIC_ACQUIRE) & E1000_TXD_DD))
			break;
		e->count.tx_frames++;
		e->count.tx_bytes += e->tx_pkt[i]->len;
		e->tx_clean = tx_after(last);
		pkt_put(e->tx_pkt[i]);
		e->tx_pkt[i] = NULL;
		n++;
	}
	return n;
}

static u32 e1000_tx_room(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	if (!e->running)
		return 0;
	e1000_tx_reclaim(nic);
	return tx_free(e) / E1000_MAX_PIECES;
}

static void tx_piece(struct e1000 *e, u32 *at, bus_t bus, u32 len)
{
	/* 3.3.3: a descriptor of length 0 is legal but carries nothing. */
	if (!len)
		return;
	e->tx[*at] = (struct e1000_tx_desc){ .addr = bus.v, .length = (u16)len };
	*at = tx_after(*at);
}

/*
 * The descriptors of one frame, from tx_tail; room was checked. RS on each
 * frame's last descriptor, so that no frame's buffers wait for another frame.
 */
static void tx_frame(struct e1000 *e, struct pkt *p)
{
	u32 first = e->tx_tail;
	u32 at = first, last;

	tx_piece(e, &at, pkt_data_bus(p), p->head_len);
	for (u32 i = 0; i < p->nseg; i++)
		tx_piece(e, &at, p->seg[i].bus, p->seg[i].len);
	/* 3.3.3: before the device's own padding a frame must have 48 bytes. */
	if (p->len < E1000_MIN_FRAME)
		tx_piece(e, &at, e->pad_bus, E1000_MIN_FRAME - p->len);

	last = (at - 1) & (E1000_TX_RING - 1);
	e->tx[last].cmd = E1000_TXD_EOP | E1000_TXD_IFCS | E1000_TXD_RS;
	e->tx_pkt[first] = p;
	e->tx_last[first] = (u16)last;
	e->tx_tail = at;
}

static u32 e1000_tx_burst(struct nic *nic, struct pkt **pkts, u32 n)
{
	struct e1000 *e = nic->priv;
	u32 old_tail = e->tx_tail;
	u32 taken = 0;

	if (!e->running)
		return 0;
	if (tx_free(e) < n * E1000_MAX_PIECES)
		e1000_tx_reclaim(nic);
	for (; taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (p->len == 0 || p->len > E1000_MAX_FRAME) {
			e->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (tx_free(e) < p->nseg + 2u) {
			e->count.tx_full++;
			break;
		}
		tx_frame(e, p);
	}
	if (e->tx_tail != old_tail) {
		mmio_wmb();
		e1000_write(e, E1000_TDT, e->tx_tail);
		e->count.doorbells++;
	}
	return taken;
}

/* --- interrupts ---------------------------------------------------------- */

static void irq_mask(struct e1000 *e, u32 bits, bool on)
{
	if (on)
		e->irq_mask |= bits;
	else
		e->irq_mask &= ~bits;
	e1000_write(e, on ? E1000_IMS : E1000_IMC, bits);
}

/*
 * Causes are recorded while they are masked, so that unmasking interrupts at
 * once for frames that polling has long since taken. Clear them first, then
 * look whether something came meanwhile. The register read makes the clearing
 * take effect before the descriptor is looked at.
 */
static void e1000_rx_irq(struct nic *nic, bool on)
{
	struct e1000 *e = nic->priv;

	if (!on) {
		irq_mask(e, INT_RX | E1000_INT_LSC, false);
		return;
	}
	e1000_write(e, E1000_ICR, INT_RX);
	e1000_read(e, E1000_STATUS);
	irq_mask(e, INT_RX | E1000_INT_LSC, true);
	if (e->rx_next != e->rx_tail &&
	    (__atomic_load_n(&e->rx[e->rx_next].status, __ATOMIC_ACQUIRE) & E1000_RXD_DD))
		e1000_write(e, E1000_ICS, E1000_INT_RXT0);
}

/* A completion whose cause was already read away must interrupt as well. */
static void e1000_tx_irq(struct nic *nic, bool on)
{
	struct e1000 *e = nic->priv;

	irq_mask(e, INT_TX, on);
	if (on && e->tx_clean != e->tx_tail &&
	    (__atomic_load_n(&e->tx[e->tx_last[e->tx_clean]].status, __ATOMIC_ACQUIRE) &
	     E1000_TXD_DD))
		e1000_write(e, E1000_ICS, INT_TX);
}

static u32 e1000_irq_cause(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	u32 cause = e1000_read(e, E1000_ICR) & e->irq_mask;
	u32 events = 0;

	if (!cause)
		return 0;
	e->count.irqs++;
	if (cause & INT_RX)
		events |= NIC_EVENT_RX;
	if (cause & INT_TX)
		events |= NIC_EVENT_TX;
	if (cause & E1000_INT_LSC)
		events |= NIC_EVENT_LINK;
	if (cause & INT_TEST) {
		irq_mask(e, INT_TEST, false);
		events |= NIC_EVENT_OTHER;
	}
	return events;
}

static void e1000_irq_test(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	irq_mask(e, INT_TEST, true);
	e1000_write(e, E1000_ICS, INT_TEST);
}

/* --- state --------------------------------------------------------------- */

static struct nic_link e1000_link(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	struct nic_link link = e1000_hw_link(e);

	if (link.up != e->link_up) {
		e->link_up = link.up;
		e->count.link_changes++;
	}
	return link;
}

static void e1000_stats(struct nic *nic, struct nic_stats *out)
{
	struct e1000 *e = nic->priv;

	e1000_tx_reclaim(nic);
	e1000_hw_fold(e);
	*out = e->count;
	out->rx_missed = e->fold[E1000_COUNT_MPC].sum;
	for (u32 i = E1000_COUNT_CRCERRS; i < E1000_COUNTERS; i++)
		out->rx_errors += e->fold[i].sum;
}

/* Forget what is in the rings; the device is in reset. Receive buffers stay in
 * their places, frames being sent end here. */
static void rings_empty(struct e1000 *e)
{
	for (u32 i = 0; i < E1000_TX_RING; i++) {
		if (e->tx_pkt[i])
			e->count.tx_lost++;
		pkt_put(e->tx_pkt[i]);
		e->tx_pkt[i] = NULL;
		e->tx[i] = (struct e1000_tx_desc){ 0 };
	}
	for (u32 i = 0; i < E1000_RX_RING; i++)
		e->rx[i].status = 0;
	e->rx_next = 0;
	e->rx_fill = 0;
	e->rx_tail = 0;
	e->rx_skip = false;
	e->tx_clean = 0;
	e->tx_tail = 0;
	e->tick_clean = 0;
	e->stuck_ticks = 0;
}

/* Reset and bring up with the interrupts that were wanted before. */
static err_t restart(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	u32 wanted = e->irq_mask;
	err_t err;

	e->running = false;
	err = e1000_hw_reset(e);
	if (err) {
		/* Not known to be quiet: its buffers stay where they are. */
		e->irq_mask = wanted;
		return err;
	}
	rings_empty(e);
	e1000_hw_start(e, nic->mac);
	rx_refill(e);
	e->running = true;
	if (wanted)
		irq_mask(e, wanted, true);
	return ERR_OK;
}

static void e1000_tick(struct nic *nic, u64 now_ns)
{
	struct e1000 *e = nic->priv;
	bool waiting;

	(void)now_ns;
	if (e->running) {
		e1000_hw_fold(e);
		e1000_link(nic);
		e1000_tx_reclaim(nic);
		rx_refill(e);
		waiting = e->tx_clean != e->tx_tail && e->tx_clean == e->tick_clean;
		e->stuck_ticks = waiting ? e->stuck_ticks + 1 : 0;
		e->tick_clean = e->tx_clean;
		if (e->stuck_ticks < STUCK_TICKS)
			return;
		log_warn(nic->name, "transmitter stands still%s: reset",
			 e->link_up ? "" : " (link is down)");
	}
	e->count.resets++;
	if (restart(nic) != ERR_OK)
		LOG_LIMITED(LOG_ERR, nic->name, "does not come out of reset");
}

/* --- attach and detach --------------------------------------------------- */

static void put_rx(struct e1000 *e)
{
	for (u32 i = 0; i < E1000_RX_RING; i++) {
		pkt_put(e->rx_pkt[i]);
		e->rx_pkt[i] = NULL;
	}
}

static err_t rings_alloc(struct e1000 *e)
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
	e->tx = (struct e1000_tx_desc *)(void *)tx;
	e->pad_bus = (bus_t){ e->tx_bus.v + TX_BYTES };
	return ERR_OK;
}

static void e1000_release(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	e->res.dma_free(e->tx, TX_DMA_BYTES);
	e->res.dma_free(e->rx, RX_BYTES);
	plat_free(e, sizeof(*e));
	nic->priv = NULL;
}

static err_t e1000_attach(struct nic *nic, const struct nic_resources *res)
{
	struct e1000 *e;
	err_t err;

	if (res->regs_size < E1000_REGS_SIZE ||
	    res->rx_pool->buf_size < PKT_HEADROOM + E1000_RX_BUF)
		return ERR_INVAL;
	e = plat_alloc(sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	e->regs = res->regs;
	e->pool = res->rx_pool;
	e->res = *res;
	err = rings_alloc(e);
	if (err) {
		plat_free(e, sizeof(*e));
		return err;
	}
	nic->priv = e;
	err = e1000_hw_reset(e);
	if (!err)
		err = e1000_hw_read_mac(e, nic->mac);
	if (err) {
		e1000_release(nic);
		return err;
	}
	nic->max_frame = E1000_MAX_FRAME;
	nic->max_pieces = PKT_MAX_SEGS + 1;
	e1000_hw_start(e, nic->mac);
	rx_refill(e);
	e->running = true;
	e->link_up = e1000_hw_link(e).up;
	return ERR_OK;
}

static void e1000_detach(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	e->running = false;
	if (e1000_hw_reset(e) != ERR_OK)
		log_err(nic->name, "does not come out of reset; detached all the same");
	rings_empty(e);
	put_rx(e);
	e1000_release(nic);
}

const struct nic_ops e1000_ops = {
	.name = "e1000",
	.match = e1000_match,
	.attach = e1000_attach,
	.detach = e1000_detach,
	.rx_burst = e1000_rx_burst,
	.tx_burst = e1000_tx_burst,
	.tx_room = e1000_tx_room,
	.tx_reclaim = e1000_tx_reclaim,
	.rx_irq = e1000_rx_irq,
	.tx_irq = e1000_tx_irq,
	.irq_cause = e1000_irq_cause,
	.irq_test = e1000_irq_test,
	.link = e1000_link,
	.stats = e1000_stats,
	.tick = e1000_tick,
};
