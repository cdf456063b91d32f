/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver for Intel's 8254x family as emulated by QEMU, Bochs, VirtualBox and
 * VMware, and for the 82574 on PCI Express, after "PCI/PCI-X Family of Gigabit
 * Ethernet Controllers Software Developer's Manual" and "82574 GbE Controller
 * Family Datasheet": interrupts, state, attach and detach. The packet path is in
 * e1000_ring.c and e1000_tx.c.
 */
#include "drivers/nic/e1000.h"

#include "drivers/nic/drivers.h"
#include "hv/base/log.h"
#include "hv/base/plat.h"

#define STUCK_TICKS 2u

static bool is_part(u16 vendor, u16 device, bool pcie)
{
	const struct e1000_part *part = e1000_part_find(device);

	return vendor == E1000_VENDOR && part && part->pcie == pcie;
}

static bool e1000_match(u16 vendor, u16 device)
{
	return is_part(vendor, device, false);
}

static bool e1000e_match(u16 vendor, u16 device)
{
	return is_part(vendor, device, true);
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
static void e1000_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct e1000 *e = nic->priv;
	const struct e1000_causes *c = e->causes;

	(void)queue;
	if (!on) {
		irq_mask(e, c->rx | c->link, false);
		return;
	}
	e1000_write(e, E1000_ICR, c->rx);
	e1000_read(e, E1000_STATUS);
	irq_mask(e, c->rx | c->link, true);
	if (e->rx_next != e->rx_tail &&
	    (__atomic_load_n(&e->rx[e->rx_next].status, __ATOMIC_ACQUIRE) & E1000_RXD_DD))
		e1000_write(e, E1000_ICS, c->rx);
}

/* A completion whose cause was already read away must interrupt as well. */
static void e1000_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct e1000 *e = nic->priv;
	const struct nic_sent_group *first = nic_sent_first(&e->sent);

	(void)queue;
	irq_mask(e, e->causes->tx, on);
	if (on && first && e1000_tx_done(e, first))
		e1000_write(e, E1000_ICS, e->causes->tx);
}

static void e1000_moderate(struct nic *nic, u32 queue, u32 gap_ns)
{
	struct e1000 *e = nic->priv;

	(void)queue;
	e->itr = MIN(gap_ns / E1000_ITR_UNIT_NS, E1000_ITR_MAX);
	e1000_write(e, e->part->itr[e->res.irq], e->itr);
}

static u32 e1000_irq_cause(struct nic *nic, u32 vector)
{
	struct e1000 *e = nic->priv;
	const struct e1000_causes *c = e->causes;
	u32 all = e1000_read(e, E1000_ICR), cause = all & e->irq_mask;
	u32 events = 0;

	(void)vector;
	if (all && e->part->icr_by_write)
		e1000_write(e, E1000_ICR, all);
	if (!cause)
		return 0;
	e->count.irqs++;
	if (cause & c->rx)
		events |= NIC_EVENT_RX;
	if (cause & c->tx)
		events |= NIC_EVENT_TX;
	if (cause & c->link)
		events |= NIC_EVENT_LINK;
	if (cause & c->test) {
		irq_mask(e, c->test, false);
		events |= NIC_EVENT_OTHER;
	}
	return events;
}

static void e1000_irq_test(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	irq_mask(e, e->causes->test, true);
	e1000_write(e, E1000_ICS, e->causes->test);
}

static void e1000_promiscuous(struct nic *nic, bool on)
{
	struct e1000 *e = nic->priv;

	e->promiscuous = on;
	if (e->running)
		e1000_hw_set_filter(e);
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

	e1000_tx_reclaim(nic, 0);
	e1000_hw_fold(e);
	*out = e->count;
	out->rx_missed = e->fold[E1000_COUNT_MPC].sum;
	for (u32 i = E1000_COUNT_CRCERRS; i <= E1000_COUNT_ROC; i++)
		out->rx_errors += e->fold[i].sum;
}

/* Reset and bring up with the interrupts that were wanted before. */
static err_t restart(struct nic *nic)
{
	struct e1000 *e = nic->priv;
	u32 wanted = e->irq_mask;
	err_t err;

	err = e1000_hw_reset(e);
	if (err) {
		/* Not known to be quiet: its buffers stay where they are. */
		e->irq_mask = wanted;
		return err;
	}
	e1000_rings_empty(e);
	e1000_hw_start(e, nic->mac);
	e1000_rx_refill(e);
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
		e1000_tx_reclaim(nic, 0);
		e1000_rx_refill(e);
		waiting = e->tx_clean != e->tx_tail && e->tx_clean == e->tick_clean;
		e->stuck_ticks = waiting ? e->stuck_ticks + 1 : 0;
		e->tick_clean = e->tx_clean;
		if (e->stuck_ticks < STUCK_TICKS) {
			nic_backoff_good(&e->backoff);
			return;
		}
		LOG_LIMITED(LOG_WARN, nic->name, "transmitter stands still%s: reset",
			    e->link_up ? "" : " (link is down)");
	}
	e->running = false;
	if (!nic_backoff_due(&e->backoff))
		return;
	e->count.resets++;
	if (restart(nic) != ERR_OK)
		LOG_LIMITED(LOG_ERR, nic->name, "does not come out of reset");
}

/* --- attach and detach --------------------------------------------------- */

static void e1000_release(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	e1000_rings_free(e);
	plat_free(e, sizeof(*e));
	nic->priv = NULL;
}

static err_t e1000_attach(struct nic *nic, const struct nic_resources *res)
{
	const struct e1000_part *part = e1000_part_find(res->device);
	struct e1000 *e;
	err_t err;

	if (part && !part->causes[res->irq].rx)
		return ERR_NOTSUP;
	if (res->queues != 1)
		return ERR_RANGE;
	if (!part || res->regs_size < E1000_REGS_SIZE ||
	    res->rx_pool[0]->buf_size < PKT_HEADROOM + E1000_RX_BUF)
		return ERR_INVAL;
	e = plat_alloc(sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	e->part = part;
	e->causes = &part->causes[res->irq];
	e->regs = res->regs;
	e->pool = res->rx_pool[0];
	e->res = *res;
	err = e1000_rings_alloc(e);
	if (err) {
		plat_free(e, sizeof(*e));
		return err;
	}
	nic->priv = e;
	err = e1000_hw_reset(e);
	if (!err)
		err = e1000_hw_read_mac(e, nic->name, nic->mac);
	if (err) {
		e1000_release(nic);
		return err;
	}
	nic->max_frame = E1000_MAX_FRAME;
	nic->max_pieces = PKT_MAX_SEGS + 1;
	nic->caps = NIC_CAP_TSO | NIC_CAP_CSUM;
	nic->queues_max = nic->queues = nic->vectors = 1;
	e1000_hw_start(e, nic->mac);
	e1000_rx_refill(e);
	e->running = true;
	e->link_up = e1000_hw_link(e).up;
	e1000_tx_probe(nic);
	return ERR_OK;
}

static void e1000_detach(struct nic *nic)
{
	struct e1000 *e = nic->priv;

	e->running = false;
	if (e1000_hw_reset(e) != ERR_OK)
		log_err(nic->name, "does not come out of reset; detached all the same");
	e1000_rings_empty(e);
	e1000_rings_put(e);
	e1000_release(nic);
}

#define OPS(driver, its_match) \
	{ .name = (driver), .match = (its_match), .attach = e1000_attach, \
	  .detach = e1000_detach, .rx_burst = e1000_rx_burst, .tx_burst = e1000_tx_burst, \
	  .tx_room = e1000_tx_room, .tx_reclaim = e1000_tx_reclaim, \
	  .promiscuous = e1000_promiscuous, .rx_irq = e1000_rx_irq, .tx_irq = e1000_tx_irq, \
	  .moderate = e1000_moderate, .irq_cause = e1000_irq_cause, \
	  .irq_test = e1000_irq_test, .link = e1000_link, \
	  .stats = e1000_stats, .tick = e1000_tick }

const struct nic_ops e1000_ops = OPS("e1000", e1000_match);
const struct nic_ops e1000e_ops = OPS("e1000e", e1000e_match);
