/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver for Intel's 82599 and X540 (10 Gb/s), after the "82599 10 GbE Controller
 * Datasheet" (331520): state, attach and detach. The packet path is in ixgbe_rx.c,
 * ixgbe_tx.c and ixgbe_offload.c.
 */
#include "drivers/nic/ixgbe.h"

#include "drivers/nic/drivers.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

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

static void add_counts(struct nic_stats *sum, const struct nic_stats *c)
{
	sum->rx_frames += c->rx_frames;
	sum->rx_bytes += c->rx_bytes;
	sum->tx_frames += c->tx_frames;
	sum->tx_bytes += c->tx_bytes;
	sum->rx_errors += c->rx_errors;
	sum->rx_no_packet += c->rx_no_packet;
	sum->tx_full += c->tx_full;
	sum->tx_bad += c->tx_bad;
	sum->tx_lost += c->tx_lost;
	sum->irqs += c->irqs;
	sum->doorbells += c->doorbells;
}

static void ixgbe_stats(struct nic *nic, struct nic_stats *out)
{
	struct ixgbe *x = nic->priv;

	ixgbe_tx_reclaim(nic, 0);
	ixgbe_hw_fold(x);
	*out = x->count;
	for (u32 i = 0; i < x->queues; i++)
		add_counts(out, &x->queue[i]->count);
	out->rx_missed = x->fold[IXGBE_COUNT_MISSED] + x->fold[IXGBE_COUNT_DROPPED];
	for (u32 i = IXGBE_COUNT_CRCERRS; i < IXGBE_COUNTERS; i++)
		out->rx_errors += x->fold[i];
}

/* Reset and bring up with the interrupts that were wanted before. */
static err_t restart(struct nic *nic)
{
	struct ixgbe *x = nic->priv;
	err_t err;

	x->running = false;
	err = ixgbe_hw_reset(x);
	if (err)
		return err; /* not known to be quiet: its buffers stay where they are */
	for (u32 i = 0; i < x->queues; i++) {
		ixgbe_tx_empty(x->queue[i]);
		ixgbe_rx_empty(x->queue[i]);
	}
	/* Other queues' pools are their cores': what is missing there comes with the next
	 * burst. */
	ixgbe_rx_stock(x->queue[0]);
	err = ixgbe_hw_start(x, nic->mac);
	if (err)
		return err;
	x->running = true;
	ixgbe_irq_again(x);
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
	if (x->res.may_reset && !x->res.may_reset(x->res.ctx))
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

/* Frames wait, and none has been sent since so many ticks. The queue may be another
 * core's, at work. */
static bool is_stuck(struct ixgbe_queue *q)
{
	u32 tail = __atomic_load_n(&q->tx_tail, __ATOMIC_ACQUIRE);
	u32 clean = __atomic_load_n(&q->tx_clean, __ATOMIC_RELAXED);
	const struct nic_sent_group *first = nic_sent_first(&q->sent);
	bool waiting = clean != tail && clean == q->tick_clean && first &&
		       !ixgbe_tx_done(q, first);

	q->stuck_ticks = waiting ? q->stuck_ticks + 1 : 0;
	q->tick_clean = clean;
	return q->stuck_ticks >= STUCK_TICKS;
}

static void ixgbe_tick(struct nic *nic, u64 now_ns)
{
	struct ixgbe *x = nic->priv;
	bool stuck = false;

	(void)now_ns;
	if (x->running) {
		ixgbe_hw_fold(x);
		ixgbe_link(nic);
		ixgbe_tx_reclaim(nic, 0);
		ixgbe_rx_refill(x->queue[0]);
		for (u32 i = 0; i < x->queues; i++)
			stuck |= is_stuck(x->queue[i]);
		if (!stuck)
			return;
		log_warn(nic->name, "transmitter stands still%s: reset",
			 x->link_up ? "" : " (link is down)");
	}
	recover(nic);
}

/* --- attach and detach --------------------------------------------------- */

static void queue_free(struct ixgbe *x, u32 i)
{
	struct ixgbe_queue *q = x->queue[i];

	if (!q)
		return;
	if (q->tx)
		x->res.dma_free(q->tx, TX_DMA_BYTES);
	if (q->rx)
		x->res.dma_free(q->rx, RX_BYTES);
	plat_free(q, sizeof(*q));
	x->queue[i] = NULL;
}

static err_t queue_alloc(struct ixgbe *x, u32 i)
{
	struct ixgbe_queue *q = plat_alloc(sizeof(*q));
	u8 *tx;

	if (!q)
		return ERR_NOMEM;
	x->queue[i] = q;
	q->x = x;
	q->index = i;
	q->pool = x->res.rx_pool[i];
	ixgbe_irq_init(q);
	q->rx = x->res.dma_alloc(RX_BYTES, &q->rx_bus);
	tx = q->rx ? x->res.dma_alloc(TX_DMA_BYTES, &q->tx_bus) : NULL;
	if (!tx)
		return ERR_NOMEM;
	q->tx = (union ixgbe_tx_desc *)(void *)tx;
	q->pad_bus = (bus_t){ q->tx_bus.v + TX_BYTES };
	return ERR_OK;
}

static err_t queues_alloc(struct ixgbe *x)
{
	err_t err = ERR_OK;

	for (u32 i = 0; i < x->queues && !err; i++)
		err = queue_alloc(x, i);
	for (u32 i = 0; i < x->queues && err; i++)
		queue_free(x, i);
	return err;
}

/* The device is in reset. */
static void release(struct nic *nic)
{
	struct ixgbe *x = nic->priv;

	for (u32 i = 0; i < x->queues; i++) {
		ixgbe_tx_empty(x->queue[i]);
		ixgbe_rx_put(x->queue[i]);
		queue_free(x, i);
	}
	plat_free(x, sizeof(*x));
	nic->priv = NULL;
}

/* Several queues need a vector each. */
static u32 queues_max(enum nic_irq irq)
{
	return irq == NIC_IRQ_MSIX ? NIC_QUEUES_MAX : 1;
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
	for (u32 i = 0; i < x->queues && !err; i++)
		ixgbe_rx_stock(x->queue[i]);
	if (!err)
		err = ixgbe_hw_start(x, nic->mac);
	if (err)
		return err;
	nic->max_frame = IXGBE_MAX_FRAME;
	nic->max_pieces = PKT_MAX_SEGS + 1;
	nic->caps = NIC_CAP_TSO | NIC_CAP_CSUM;
	nic->queues_max = queues_max(x->res.irq);
	nic->queues = x->queues;
	nic->vectors = ixgbe_irq_vectors(x->res.irq, x->queues);
	x->running = true;
	x->link_up = ixgbe_hw_link(x).up;
	return ERR_OK;
}

static err_t check_resources(const struct nic_resources *res)
{
	if (res->regs_size < IXGBE_REGS_SIZE)
		return ERR_INVAL;
	if (!res->queues || res->queues > queues_max(res->irq))
		return ERR_RANGE;
	for (u32 i = 0; i < res->queues; i++) {
		if (res->rx_pool[i]->buf_size < PKT_HEADROOM + IXGBE_RX_BUF)
			return ERR_INVAL;
	}
	return ERR_OK;
}

static err_t ixgbe_attach(struct nic *nic, const struct nic_resources *res)
{
	err_t err = check_resources(res);
	struct ixgbe *x;

	if (err)
		return err;
	x = plat_alloc(sizeof(*x));
	if (!x)
		return ERR_NOMEM;
	x->part = find_part(IXGBE_VENDOR, res->device);
	x->regs = res->regs;
	x->res = *res;
	x->queues = res->queues;
	err = x->part ? queues_alloc(x) : ERR_NOENT;
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
	.moderate = ixgbe_moderate,
	.irq_cause = ixgbe_irq_cause,
	.irq_test = ixgbe_irq_test,
	.link = ixgbe_link,
	.stats = ixgbe_stats,
	.tick = ixgbe_tick,
};
