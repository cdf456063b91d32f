/* SPDX-License-Identifier: BSD-2-Clause */
/* adv: state, attach and detach. */
#include "drivers/nic/adv.h"

#include "drivers/nic/probe.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

#define STUCK_TICKS 2u
#define RETRY_MAX_TICKS 64u

#define RX_BYTES (ADV_RX_RING * sizeof(union adv_rx_desc))
#define TX_BYTES (ADV_TX_RING * sizeof(union adv_tx_desc))
/* The zero bytes for padding lie behind the transmit ring. */
#define TX_DMA_BYTES (TX_BYTES + CACHE_LINE)

STATIC_ASSERT(ADV_MIN_FRAME <= CACHE_LINE, "padding fits");

const struct adv_part *adv_part_find(const struct adv_kind *kind, u16 vendor, u16 device)
{
	if (vendor != ADV_VENDOR)
		return NULL;
	for (const struct adv_part *p = kind->parts; p->device; p++) {
		if (p->device == device)
			return p;
	}
	return NULL;
}

void adv_promiscuous(struct nic *nic, bool on)
{
	struct adv *x = nic->priv;

	x->promiscuous = on;
	if (x->running)
		x->kind->set_filter(x);
}

/* --- state --------------------------------------------------------------- */

struct nic_link adv_link(struct nic *nic)
{
	struct adv *x = nic->priv;
	struct nic_link link = x->kind->link(x);

	if (link.up != x->link_up) {
		x->link_up = link.up;
		x->count.link_changes++;
	}
	return link;
}

void adv_stats(struct nic *nic, struct nic_stats *out)
{
	struct adv *x = nic->priv;

	adv_tx_reclaim(nic, 0);
	x->kind->fold(x);
	*out = x->count;
	for (u32 i = 0; i < x->queues; i++)
		nic_stats_add(out, &x->queue[i]->count);
	out->rx_missed = x->missed;
	out->rx_errors += x->errors;
}

/* Reset and bring up with the interrupts that were wanted before. */
static err_t restart(struct nic *nic)
{
	struct adv *x = nic->priv;
	err_t err;

	x->running = false;
	err = x->kind->reset(x);
	if (err)
		return err; /* not known to be quiet: its buffers stay where they are */
	for (u32 i = 0; i < x->queues; i++) {
		adv_tx_empty(x->queue[i]);
		adv_rx_empty(x->queue[i]);
	}
	/* Other queues' pools are their cores': what is missing there comes with the next
	 * burst. */
	adv_rx_stock(x->queue[0]);
	err = x->kind->start(x, nic->mac);
	if (err)
		return err;
	x->running = true;
	x->kind->irq_again(x);
	return ERR_OK;
}

/*
 * An attempt to bring the device back keeps the core for a tenth of a second or more when
 * it fails, so the pauses between them grow: 1, 2, 4 ... ticks.
 */
static void recover(struct nic *nic)
{
	struct adv *x = nic->priv;

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
static bool is_stuck(struct adv_queue *q)
{
	u32 tail = __atomic_load_n(&q->tx_tail, __ATOMIC_ACQUIRE);
	u32 clean = __atomic_load_n(&q->tx_clean, __ATOMIC_RELAXED);
	const struct nic_sent_group *first = nic_sent_first(&q->sent);
	bool waiting = clean != tail && clean == q->tick_clean && first &&
		       !adv_tx_done(q, first);

	q->stuck_ticks = waiting ? q->stuck_ticks + 1 : 0;
	q->tick_clean = clean;
	return q->stuck_ticks >= STUCK_TICKS;
}

void adv_tick(struct nic *nic, u64 now_ns)
{
	struct adv *x = nic->priv;
	bool stuck = false;

	(void)now_ns;
	if (x->running) {
		x->kind->fold(x);
		adv_link(nic);
		adv_tx_reclaim(nic, 0);
		adv_rx_refill(x->queue[0]);
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

static void queue_free(struct adv *x, u32 i)
{
	struct adv_queue *q = x->queue[i];

	if (!q)
		return;
	if (q->tx)
		x->res.dma_free(q->tx, TX_DMA_BYTES);
	if (q->rx)
		x->res.dma_free(q->rx, RX_BYTES);
	plat_free(q, sizeof(*q));
	x->queue[i] = NULL;
}

static err_t queue_alloc(struct adv *x, u32 i)
{
	struct adv_queue *q = plat_alloc(sizeof(*q));
	u8 *tx;

	if (!q)
		return ERR_NOMEM;
	x->queue[i] = q;
	q->x = x;
	q->index = i;
	q->pool = x->res.rx_pool[i];
	x->kind->irq_init(q);
	q->rx_error = x->kind->rx_error;
	q->rdt = (volatile u8 *)x->regs + x->kind->rdt0 + i * ADV_QUEUE_STEP;
	q->tdt = (volatile u8 *)x->regs + x->kind->tdt0 + i * ADV_QUEUE_STEP;
	q->rx = x->res.dma_alloc(RX_BYTES, &q->rx_bus);
	tx = q->rx ? x->res.dma_alloc(TX_DMA_BYTES, &q->tx_bus) : NULL;
	if (!tx)
		return ERR_NOMEM;
	q->tx = (union adv_tx_desc *)(void *)tx;
	q->pad_bus = (bus_t){ q->tx_bus.v + TX_BYTES };
	return ERR_OK;
}

static err_t queues_alloc(struct adv *x)
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
	struct adv *x = nic->priv;

	for (u32 i = 0; i < x->queues; i++) {
		adv_tx_empty(x->queue[i]);
		adv_rx_put(x->queue[i]);
		queue_free(x, i);
	}
	plat_free(x, sizeof(*x));
	nic->priv = NULL;
}

/*
 * What QEMU emulates of these takes the outermost headers for those that it works on. It says
 * of a frame that it cut that it sent one; those that do not say anything for want of a link
 * are no such. What was sent counts for nothing.
 */
static void probe(struct nic *nic)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[0];
	struct pkt *p = nic_make_probe(nic, q->pool);
	u64 end = plat_now_ns() + NIC_PROBE_WAIT_NS;

	adv_read(x, x->kind->gptc);
	if (p && !adv_tx_burst(nic, 0, &p, 1))
		pkt_put(p);
	while (q->tx_clean != q->tx_tail && !adv_tx_reclaim(nic, 0) && plat_now_ns() < end)
		plat_relax();
	if (q->tx_clean != q->tx_tail) {
		restart(nic); /* so that it does not wait for the link */
	} else if (p && adv_read(x, x->kind->gptc) != NIC_PROBE_SEGMENTS) {
		nic->caps = 0;
		log_info(nic->name, "does not segment as its manual says: done in software");
	}
	q->count = (struct nic_stats){ 0 };
}

static err_t bring_up(struct nic *nic)
{
	struct adv *x = nic->priv;
	err_t err = x->kind->reset(x);

	if (err)
		return err;
	err = x->kind->nvm_check(x);
	if (err)
		log_warn(nic->name, "the EEPROM's checksum is wrong or unknown (%s)", err_str(err));
	err = adv_read_mac(x, nic->mac);
	for (u32 i = 0; i < x->queues && !err; i++)
		adv_rx_stock(x->queue[i]);
	if (!err)
		err = x->kind->start(x, nic->mac);
	if (err)
		return err;
	nic->max_frame = x->max_frame;
	nic->max_pieces = PKT_MAX_SEGS + 1;
	nic->caps = NIC_CAP_TSO | NIC_CAP_CSUM;
	nic->queues_max = x->kind->queues_max(&x->res, x->part);
	nic->queues = x->queues;
	nic->vectors = x->kind->vectors(x->res.irq, x->queues);
	x->running = true;
	x->link_up = x->kind->link(x).up;
	if (x->kind->gptc)
		probe(nic);
	return ERR_OK;
}

static err_t check_resources(const struct nic_resources *res, const struct adv_kind *kind,
			     const struct adv_part *part)
{
	if (res->regs_size < kind->regs_size)
		return ERR_INVAL;
	if (!part)
		return ERR_NOENT;
	if (!res->queues || res->queues > kind->queues_max(res, part))
		return ERR_RANGE;
	for (u32 i = 0; i < res->queues; i++) {
		if (res->rx_pool[i]->buf_size < PKT_HEADROOM + ADV_RX_BUF)
			return ERR_INVAL;
	}
	return ERR_OK;
}

static struct adv *make(const struct nic_resources *res, const struct adv_kind *kind)
{
	struct adv *x = plat_alloc(sizeof(*x));

	if (!x)
		return NULL;
	x->kind = kind;
	x->max_frame = kind->max_frame;
	x->regs = res->regs;
	x->res = *res;
	x->queues = res->queues;
	return x;
}

err_t adv_attach(struct nic *nic, const struct nic_resources *res, const struct adv_kind *kind)
{
	const struct adv_part *part = adv_part_find(kind, ADV_VENDOR, res->device);
	err_t err = check_resources(res, kind, part);
	struct adv *x;

	if (err)
		return err;
	x = make(res, kind);
	if (!x)
		return ERR_NOMEM;
	x->part = part;
	err = queues_alloc(x);
	if (err) {
		plat_free(x, sizeof(*x));
		return err;
	}
	nic->priv = x;
	err = bring_up(nic);
	if (err) {
		/* Nothing was handed to it, or it is stopped. */
		kind->reset(x);
		release(nic);
	}
	return err;
}

void adv_detach(struct nic *nic)
{
	struct adv *x = nic->priv;

	x->running = false;
	if (x->kind->reset(x) != ERR_OK)
		log_err(nic->name, "does not come out of reset; detached all the same");
	release(nic);
}
