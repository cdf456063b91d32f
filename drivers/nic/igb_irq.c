/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * igb: interrupts (82576 datasheet, 7.3). With one queue ICR has the causes, as in the 8254x,
 * and they raise the line, the MSI, or MSI-X vector 0. With several, EICR has vectors: a
 * queue's of what it receives is its own number, that of what it sent stands behind all
 * those. Where there are not so many, the queue has one vector, to which what it sent is
 * linked only while its core wants that. ICR's other causes come with vector 0.
 */
#include "drivers/nic/igb.h"

/* Of a vector for what was sent alone: nobody waits for that so urgently. */
#define SENT_GAP_NS 50000u

/* Of a queue's irq_mask, in no register: a vector's second meaning, and, of queue 0, a link
 * change that was read while vector 0 was masked, and the self-test. */
#define TX_TOO(queue) BIT((queue) + 16)
#define LINK_SEEN BIT(30)
#define TEST_VECTOR BIT(31)
#define VECTORS_MASK 0xffffu

STATIC_ASSERT(2 * IGB_QUEUES_APART <= 16 && NIC_QUEUES_MAX + 16 <= 30, "bits are apart");

/* What masks and raises the causes of queues. */
static const struct irq_regs {
	u32 cause, set, on, off;
} by_icr = { E1000_ICR, E1000_ICS, E1000_IMS, E1000_IMC },
  by_eicr = { IGB_EICR, IGB_EICS, IGB_EIMS, IGB_EIMC };

static bool several(const struct adv *x)
{
	return x->queues > 1;
}

/* One vector for both directions of a queue. */
static bool joined(const struct adv *x)
{
	return x->queues > IGB_QUEUES_APART;
}

static const struct irq_regs *regs_of(const struct adv *x)
{
	return several(x) ? &by_eicr : &by_icr;
}

u32 igb_irq_vectors(enum nic_irq irq, u32 queues)
{
	if (irq != NIC_IRQ_MSIX || queues == 1)
		return 1;
	return queues > IGB_QUEUES_APART ? queues : 2 * queues;
}

/* --- which cause is which --------------------------------------------------------- */

void igb_irq_init(struct adv_queue *q)
{
	const struct adv *x = q->x;

	if (!several(x)) {
		q->rx_cause = E1000_INT_RXT0 | E1000_INT_RXDMT0 | E1000_INT_RXO;
		q->tx_cause = E1000_INT_TXDW;
		return;
	}
	q->rx_cause = BIT(q->index);
	q->tx_cause = joined(x) ? TX_TOO(q->index) : BIT(q->index + x->queues);
}

/* 8.8: a byte for each cause of two queues. `sent`: what is sent has a vector, too. */
static void link_queue(const struct adv *x, u32 i, bool sent)
{
	bool own = x->part->traits & IGB_OWN_IVAR;
	u32 reg = IGB_IVAR0 + 4 * (own ? i : i / 2);
	u32 shift = own ? 0 : i % 2 * IGB_IVAR_ODD_SHIFT;
	u32 tx = sent ? IGB_IVAR_VALID | (joined(x) ? i : i + x->queues) : 0;
	u32 other = shift ? adv_read(x, reg) : 0;

	adv_write(x, reg, other | (IGB_IVAR_VALID | i | tx << IGB_IVAR_TX_SHIFT) << shift);
}

static u32 eitr_of(u32 gap_ns)
{
	return MIN(gap_ns / IGB_EITR_UNIT_NS, IGB_EITR_UNITS_MAX) << IGB_EITR_SHIFT;
}

void igb_irq_start(const struct adv *x)
{
	u32 vectors = igb_irq_vectors(x->res.irq, x->queues);
	u32 msix = x->res.irq == NIC_IRQ_MSIX ? IGB_GPIE_PBA : 0;

	/* 7.3: a message clears its own cause. */
	adv_write(x, IGB_GPIE, IGB_GPIE_NSICR | msix | (several(x) ? IGB_GPIE_MSIX : 0));
	if (several(x)) {
		adv_write(x, IGB_EIAC, BIT(vectors) - 1);
		for (u32 i = 0; i < x->queues; i++)
			link_queue(x, i, !joined(x));
		adv_write(x, IGB_IVAR_MISC,
			  IGB_IVAR_VALID | IGB_IVAR_VALID << IGB_IVAR_TX_SHIFT);
		/* Masked with vector 0. */
		adv_write(x, E1000_IMS, E1000_INT_LSC);
	}
	for (u32 v = 0; v < vectors; v++)
		adv_write(x, IGB_EITR0 + 4 * v,
			  v < x->queues ? x->queue[v]->eitr : eitr_of(SENT_GAP_NS));
}

void igb_moderate(struct nic *nic, u32 queue, u32 gap_ns)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];

	q->eitr = eitr_of(gap_ns);
	adv_write(x, IGB_EITR0 + 4 * queue, q->eitr);
}

/* --- on and off --------------------------------------------------------------------- */

/* What of irq_mask is in a register. */
static u32 bits_of(const struct adv_queue *q)
{
	u32 m = q->irq_mask;

	if (!several(q->x))
		return m;
	if (m & (TX_TOO(q->index) | LINK_SEEN | TEST_VECTOR))
		m |= BIT(q->index);
	return m & VECTORS_MASK;
}

/* Bits that are written as 0 stay as they are: other cores' do. */
static void irq_mask(struct adv_queue *q, u32 bits, bool on)
{
	const struct irq_regs *r = regs_of(q->x);
	u32 before = bits_of(q), now;

	q->irq_mask = on ? q->irq_mask | bits : q->irq_mask & ~bits;
	now = bits_of(q);
	if (on)
		adv_write(q->x, r->on, now);
	else if (before & ~now)
		adv_write(q->x, r->off, before & ~now);
}

/* The queue's receive bits, with the link's where that has no vector. */
static u32 rx_bits(const struct adv_queue *q)
{
	return q->rx_cause | (several(q->x) ? 0 : E1000_INT_LSC);
}

void igb_irq_again(const struct adv *x)
{
	for (u32 i = 0; i < x->queues; i++) {
		struct adv_queue *q = x->queue[i];

		if (joined(x) && (q->irq_mask & q->tx_cause))
			link_queue(x, i, true);
		if (bits_of(q))
			adv_write(x, regs_of(x)->on, bits_of(q));
	}
}

/*
 * Causes are recorded while they are masked, so that unmasking interrupts at once for frames
 * that polling has long since taken. Clear them first, then look whether something came
 * meanwhile: also what else the vector stands for. The register read makes the clearing take
 * effect before the descriptor is looked at.
 */
void igb_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];
	bool others = several(x) && !queue, again;

	if (!on) {
		irq_mask(q, rx_bits(q), false);
		return;
	}
	adv_write(x, regs_of(x)->cause, q->rx_cause);
	again = (adv_read(x, others ? E1000_ICR : E1000_STATUS) & E1000_INT_LSC) && others;
	if (again)
		q->irq_mask |= LINK_SEEN;
	irq_mask(q, rx_bits(q), true);
	again |= joined(x) && (q->irq_mask & q->tx_cause) && adv_tx_waits(q);
	if (again || adv_rx_waits(q))
		adv_write(x, regs_of(x)->set, q->rx_cause);
}

/* A completion whose cause was already read away must interrupt as well. */
void igb_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];

	if (joined(x))
		link_queue(x, queue, on);
	irq_mask(q, q->tx_cause, on);
	if (on && adv_tx_waits(q))
		adv_write(x, regs_of(x)->set, joined(x) ? q->rx_cause : q->tx_cause);
}

/* --- why ------------------------------------------------------------------------------ */

/* What is to be done for these causes, as in irq_mask. */
static u32 events_of(struct adv_queue *q, u32 cause, u32 test)
{
	u32 events = 0;

	if (cause & q->rx_cause)
		events |= NIC_EVENT_RX;
	if (cause & q->tx_cause)
		events |= NIC_EVENT_TX;
	if (cause & test) {
		irq_mask(q, test, false);
		events |= NIC_EVENT_OTHER;
	}
	return events;
}

u32 igb_irq_cause(struct nic *nic, u32 vector)
{
	const struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[vector % x->queues];
	u32 icr = vector ? 0 : adv_read(x, E1000_ICR), cause, events;

	if (!several(x)) {
		cause = icr & q->irq_mask;
		events = events_of(q, cause, IGB_INT_SDP0);
		icr &= q->irq_mask;
	} else {
		/* The message cleared its cause; it may have come for any. */
		cause = BIT(vector) | (vector < x->queues ? TX_TOO(vector) : 0);
		cause |= vector ? 0 : LINK_SEEN | TEST_VECTOR;
		cause &= q->irq_mask;
		events = events_of(q, cause, TEST_VECTOR);
		if (cause & LINK_SEEN) {
			q->irq_mask &= ~LINK_SEEN;
			icr |= E1000_INT_LSC;
		}
	}
	if (icr & E1000_INT_LSC)
		events |= NIC_EVENT_LINK;
	if (events)
		q->count.irqs++;
	return events;
}

void igb_irq_test(struct nic *nic)
{
	const struct adv *x = nic->priv;
	u32 test = several(x) ? TEST_VECTOR : IGB_INT_SDP0;

	irq_mask(x->queue[0], test, true);
	adv_write(x, regs_of(x)->set, several(x) ? BIT(0) : test);
}
