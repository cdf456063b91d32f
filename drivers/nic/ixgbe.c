/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver for Intel's 82599 and X540 (10 Gb/s), after the "82599 10 GbE Controller
 * Datasheet" (331520): interrupts, state, attach and detach. The packet path is in
 * ixgbe_rx.c, ixgbe_tx.c and ixgbe_offload.c.
 */
#include "drivers/nic/ixgbe.h"

#include "drivers/nic/drivers.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

#define INT_RX (IXGBE_INT_RX | IXGBE_INT_MISS)
#define INT_TX IXGBE_INT_TX
/* The self-test's cause: one that nothing else unmasks. */
#define INT_TEST IXGBE_INT_TIMER
#define STUCK_TICKS 2u
#define RETRY_MAX_TICKS 64u

#define RX_BYTES (IXGBE_RX_RING * sizeof(union ixgbe_rx_desc))
#define TX_BYTES (IXGBE_TX_RING * sizeof(union ixgbe_tx_desc))
/* The zero bytes for padding lie behind the transmit ring. */
#define TX_DMA_BYTES (TX_BYTES + CACHE_LINE)

STATIC_ASSERT(IXGBE_MIN_FRAME <= CACHE_LINE, "padding fits");

static const struct ixgbe_part parts[] = {
	{ 0x10f7, "82599 KX4", .autoc = true },
	{ 0x10f8, "82599 backplane", .autoc = true },
	{ 0x10f9, "82599 CX4", .autoc = true },
	{ 0x10fb, "82599 SFP+", .autoc = true, .laser = true },
	{ 0x10fc, "82599 XAUI", .autoc = true },
	{ 0x1517, "82599 KR", .autoc = true },
	{ 0x154d, "82599 SFP+ two ports", .autoc = true, .laser = true },
	{ 0x1557, "82599 SFP+ one port", .autoc = true, .laser = true },
	{ 0x1528, "X540", .regsmp = true },
	{ 0x1560, "X540 one port", .regsmp = true },
};

static const struct ixgbe_part *find_part(u16 vendor, u16 device)
{
	for (u32 i = 0; vendor == IXGBE_VENDOR && i < ARRAY_SIZE(parts); i++) {
		if (parts[i].device == device)
			return &parts[i];
	}
	return NULL;
}

static bool ixgbe_match(u16 vendor, u16 device)
{
	return find_part(vendor, device) != NULL;
}

/* --- interrupts ---------------------------------------------------------- */

static void irq_mask(struct ixgbe *x, u32 bits, bool on)
{
	if (on)
		x->irq_mask |= bits;
	else
		x->irq_mask &= ~bits;
	ixgbe_write(x, on ? IXGBE_EIMS : IXGBE_EIMC, bits);
}

/*
 * Causes are recorded while they are masked, so that unmasking interrupts at
 * once for frames that polling has long since taken. Clear them first, then
 * look whether something came meanwhile. The register read makes the clearing
 * take effect before the descriptor is looked at.
 */
static void ixgbe_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct ixgbe *x = nic->priv;

	(void)queue;
	if (!on) {
		irq_mask(x, INT_RX | IXGBE_INT_LSC, false);
		return;
	}
	ixgbe_write(x, IXGBE_EICR, INT_RX);
	ixgbe_read(x, IXGBE_STATUS);
	irq_mask(x, INT_RX | IXGBE_INT_LSC, true);
	if (x->rx_next != x->rx_tail && (ixgbe_rx_status(x, x->rx_next) & IXGBE_RXD_DD))
		ixgbe_write(x, IXGBE_EICS, IXGBE_INT_RX);
}

/* A completion whose cause was already read away must interrupt as well. */
static void ixgbe_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct ixgbe *x = nic->priv;

	(void)queue;
	irq_mask(x, INT_TX, on);
	if (on && x->tx_clean != x->tx_tail && ixgbe_tx_done(x, x->tx_clean))
		ixgbe_write(x, IXGBE_EICS, INT_TX);
}

static u32 ixgbe_irq_cause(struct nic *nic, u32 vector)
{
	struct ixgbe *x = nic->priv;
	u32 cause = ixgbe_read(x, IXGBE_EICR) & x->irq_mask;
	u32 events = 0;

	(void)vector;
	if (!cause)
		return 0;
	x->count.irqs++;
	if (cause & INT_RX)
		events |= NIC_EVENT_RX;
	if (cause & INT_TX)
		events |= NIC_EVENT_TX;
	if (cause & IXGBE_INT_LSC)
		events |= NIC_EVENT_LINK;
	if (cause & INT_TEST) {
		irq_mask(x, INT_TEST, false);
		events |= NIC_EVENT_OTHER;
	}
	return events;
}

static void ixgbe_irq_test(struct nic *nic)
{
	struct ixgbe *x = nic->priv;

	irq_mask(x, INT_TEST, true);
	ixgbe_write(x, IXGBE_EICS, INT_TEST);
}

static void ixgbe_promiscuous(struct nic *nic, bool on)
{
	struct ixgbe *x = nic->priv;

	x->promiscuous = on;
	if (x->running)
		ixgbe_hw_set_filter(x);
}

/* --- state --------------------------------------------------------------- */

static struct nic_link ixgbe_link(struct nic *nic)
{
	struct ixgbe *x = nic->priv;
	struct nic_link link = ixgbe_hw_link(x);

	if (link.up != x->link_up) {
		x->link_up = link.up;
		x->count.link_changes++;
	}
	return link;
}

static void ixgbe_stats(struct nic *nic, struct nic_stats *out)
{
	struct ixgbe *x = nic->priv;

	ixgbe_tx_reclaim(nic, 0);
	ixgbe_hw_fold(x);
	*out = x->count;
	out->rx_missed = x->fold[IXGBE_COUNT_MISSED] + x->fold[IXGBE_COUNT_DROPPED];
	for (u32 i = IXGBE_COUNT_CRCERRS; i < IXGBE_COUNTERS; i++)
		out->rx_errors += x->fold[i];
}

/* Reset and bring up with the interrupts that were wanted before. */
static err_t restart(struct nic *nic)
{
	struct ixgbe *x = nic->priv;
	u32 wanted = x->irq_mask;
	err_t err;

	x->running = false;
	err = ixgbe_hw_reset(x);
	if (err) {
		/* Not known to be quiet: its buffers stay where they are. */
		x->irq_mask = wanted;
		return err;
	}
	ixgbe_tx_empty(x);
	ixgbe_rx_empty(x);
	err = ixgbe_hw_start(x, nic->mac);
	if (err) {
		x->irq_mask = wanted;
		return err;
	}
	x->running = true;
	if (wanted)
		irq_mask(x, wanted, true);
	return ERR_OK;
}

/*
 * An attempt to bring the device back keeps the core for a tenth of a second or more when
 * it fails, so the pauses between them grow: 1, 2, 4 ... ticks.
 */
static void recover(struct nic *nic)
{
	struct ixgbe *x = nic->priv;

	if (x->retry_in && --x->retry_in)
		return;
	x->count.resets++;
	if (restart(nic) == ERR_OK) {
		if (x->retry_wait)
			log_info(nic->name, "is back");
		x->retry_wait = 0;
		return;
	}
	x->retry_wait = MIN(MAX(2 * x->retry_wait, 1u), RETRY_MAX_TICKS);
	x->retry_in = x->retry_wait;
	log_err(nic->name, "does not come out of reset; next attempt in %u s", x->retry_wait);
}

static void ixgbe_tick(struct nic *nic, u64 now_ns)
{
	struct ixgbe *x = nic->priv;
	bool waiting;

	(void)now_ns;
	if (x->running) {
		ixgbe_hw_fold(x);
		ixgbe_link(nic);
		ixgbe_tx_reclaim(nic, 0);
		ixgbe_rx_refill(x);
		waiting = x->tx_clean != x->tx_tail && x->tx_clean == x->tick_clean;
		x->stuck_ticks = waiting ? x->stuck_ticks + 1 : 0;
		x->tick_clean = x->tx_clean;
		if (x->stuck_ticks < STUCK_TICKS)
			return;
		log_warn(nic->name, "transmitter stands still%s: reset",
			 x->link_up ? "" : " (link is down)");
	}
	recover(nic);
}

/* --- attach and detach --------------------------------------------------- */

static err_t rings_alloc(struct ixgbe *x)
{
	u8 *tx;

	x->rx = x->res.dma_alloc(RX_BYTES, &x->rx_bus);
	if (!x->rx)
		return ERR_NOMEM;
	tx = x->res.dma_alloc(TX_DMA_BYTES, &x->tx_bus);
	if (!tx) {
		x->res.dma_free(x->rx, RX_BYTES);
		return ERR_NOMEM;
	}
	x->tx = (union ixgbe_tx_desc *)(void *)tx;
	x->pad_bus = (bus_t){ x->tx_bus.v + TX_BYTES };
	return ERR_OK;
}

/* The device is in reset. */
static void release(struct nic *nic)
{
	struct ixgbe *x = nic->priv;

	ixgbe_tx_empty(x);
	ixgbe_rx_put(x);
	x->res.dma_free(x->tx, TX_DMA_BYTES);
	x->res.dma_free(x->rx, RX_BYTES);
	plat_free(x, sizeof(*x));
	nic->priv = NULL;
}

static err_t bring_up(struct nic *nic)
{
	struct ixgbe *x = nic->priv;
	err_t err = ixgbe_hw_reset(x);

	if (err)
		return err;
	err = ixgbe_nvm_check(x);
	if (err)
		log_warn(nic->name, "the EEPROM's checksum is wrong or unknown (%s)", err_str(err));
	err = ixgbe_hw_read_mac(x, nic->mac);
	if (!err)
		err = ixgbe_hw_start(x, nic->mac);
	if (err)
		return err;
	nic->max_frame = IXGBE_MAX_FRAME;
	nic->max_pieces = PKT_MAX_SEGS + 1;
	nic->caps = NIC_CAP_TSO | NIC_CAP_CSUM;
	nic->queues_max = nic->queues = nic->vectors = 1;
	x->running = true;
	x->link_up = ixgbe_hw_link(x).up;
	return ERR_OK;
}

static err_t ixgbe_attach(struct nic *nic, const struct nic_resources *res)
{
	struct ixgbe *x;
	err_t err;

	if (res->regs_size < IXGBE_REGS_SIZE ||
	    res->rx_pool[0]->buf_size < PKT_HEADROOM + IXGBE_RX_BUF)
		return ERR_INVAL;
	if (res->queues != 1)
		return ERR_RANGE;
	x = plat_alloc(sizeof(*x));
	if (!x)
		return ERR_NOMEM;
	x->part = find_part(IXGBE_VENDOR, res->device);
	x->regs = res->regs;
	x->pool = res->rx_pool[0];
	x->res = *res;
	err = x->part ? rings_alloc(x) : ERR_NOENT;
	if (err) {
		plat_free(x, sizeof(*x));
		return err;
	}
	nic->priv = x;
	err = bring_up(nic);
	if (err) {
		/* Nothing was handed to it, or it is stopped. */
		ixgbe_hw_reset(x);
		release(nic);
	}
	return err;
}

static void ixgbe_detach(struct nic *nic)
{
	struct ixgbe *x = nic->priv;

	x->running = false;
	if (ixgbe_hw_reset(x) != ERR_OK)
		log_err(nic->name, "does not come out of reset; detached all the same");
	release(nic);
}

const struct nic_ops ixgbe_ops = {
	.name = "ixgbe",
	.match = ixgbe_match,
	.attach = ixgbe_attach,
	.detach = ixgbe_detach,
	.rx_burst = ixgbe_rx_burst,
	.tx_burst = ixgbe_tx_burst,
	.tx_room = ixgbe_tx_room,
	.tx_reclaim = ixgbe_tx_reclaim,
	.promiscuous = ixgbe_promiscuous,
	.rx_irq = ixgbe_rx_irq,
	.tx_irq = ixgbe_tx_irq,
	.irq_cause = ixgbe_irq_cause,
	.irq_test = ixgbe_irq_test,
	.link = ixgbe_link,
	.stats = ixgbe_stats,
	.tick = ixgbe_tick,
};
