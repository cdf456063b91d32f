/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ixgbe: interrupts (82599 datasheet, 7.3). With one queue all causes are bits of EICR,
 * which is read to know them, and raise the line, the MSI, or MSI-X vector 0. With
 * several, a queue has two vectors, for what it receives (its own number) and for what
 * it sent (behind all those): so each is masked alone, by its core, and tells by itself
 * what it is about. What is no queue's comes with vector 0.
 */
#include "drivers/nic/ixgbe.h"

/* Of a vector for what was sent alone: nobody waits for that so urgently. */
#define SENT_GAP_NS 50000u
/* The self-test's cause: one that nothing else unmasks. */
#define INT_TEST IXGBE_INT_TIMER

STATIC_ASSERT(2 * NIC_QUEUES_MAX <= 16, "EICR has 16 bits for vectors");

static bool several(const struct adv *x)
{
	return x->queues > 1;
}

u32 ixgbe_irq_vectors(enum nic_irq irq, u32 queues)
{
	return irq == NIC_IRQ_MSIX && queues > 1 ? 2 * queues : 1;
}

/* --- which cause is which --------------------------------------------------------- */

/* The number of what the queue receives; what it sent has one that is so much higher. */
static u32 tx_behind(const struct adv *x)
{
	return x->queues;
}

void ixgbe_irq_init(struct adv_queue *q)
{
	q->rx_cause = BIT(q->index);
	q->tx_cause = BIT(q->index + tx_behind(q->x));
	if (!q->index)
		q->rx_cause |= IXGBE_INT_MISS;
}

/* 8.2.3.5.16: a byte for each cause of two queues. */
static void start_queue(const struct adv *x, u32 i)
{
	u32 reg = IXGBE_IVAR0 + 4 * (i / 2), shift = i % 2 * IXGBE_IVAR_ODD_SHIFT;
	u32 rx = IXGBE_IVAR_VALID | i, tx = IXGBE_IVAR_VALID | (i + tx_behind(x));
	u32 other = shift ? adv_read(x, reg) : 0;

	adv_write(x, reg, other | (rx | tx << IXGBE_IVAR_TX_SHIFT) << shift);
}

static u32 eitr_of(u32 gap_ns)
{
	return MIN(gap_ns / IXGBE_EITR_UNIT_NS, IXGBE_EITR_UNITS_MAX) << IXGBE_EITR_SHIFT;
}

void ixgbe_irq_start(const struct adv *x)
{
	u32 vectors = ixgbe_irq_vectors(x->res.irq, x->queues);
	u32 msix = x->res.irq == NIC_IRQ_MSIX ? IXGBE_GPIE_PBA : 0;

	/* 7.3.1.4: a message clears its own cause; a read of EICR must not clear others'. */
	adv_write(x, IXGBE_GPIE,
		  msix | (several(x) ? IXGBE_GPIE_MSIX | IXGBE_GPIE_OCD : 0));
	adv_write(x, IXGBE_EIAC, several(x) ? BIT(vectors) - 1 : 0);
	adv_write(x, IXGBE_EIAM, 0);
	for (u32 i = 0; i < x->queues; i++)
		start_queue(x, i);
	if (several(x))
		adv_write(x, IXGBE_IVAR_MISC,
			  IXGBE_IVAR_VALID | IXGBE_IVAR_VALID << IXGBE_IVAR_TX_SHIFT);
	for (u32 v = 0; v < vectors; v++)
		adv_write(x, IXGBE_EITR0 + 4 * v, v < x->queues ? x->queue[v]->eitr :
								     eitr_of(SENT_GAP_NS));
}

void ixgbe_moderate(struct nic *nic, u32 queue, u32 gap_ns)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];

	q->eitr = eitr_of(gap_ns);
	adv_write(x, IXGBE_EITR0 + 4 * queue, q->eitr);
}

void ixgbe_irq_again(const struct adv *x)
{
	for (u32 i = 0; i < x->queues; i++) {
		if (x->queue[i]->irq_mask)
			adv_write(x, IXGBE_EIMS, x->queue[i]->irq_mask);
	}
}

/* --- on and off --------------------------------------------------------------------- */

/* Bits of EIMS and EIMC that are written as 0 stay as they are: other cores' do. */
static void irq_mask(struct adv_queue *q, u32 bits, bool on)
{
	if (on)
		q->irq_mask |= bits;
	else
		q->irq_mask &= ~bits;
	adv_write(q->x, on ? IXGBE_EIMS : IXGBE_EIMC, bits);
}

/* The queue's receive bits, with the link's. */
static u32 rx_bits(const struct adv_queue *q)
{
	return q->rx_cause | (q->index ? 0 : IXGBE_INT_LSC);
}

/*
 * Causes are recorded while they are masked, so that unmasking interrupts at
 * once for frames that polling has long since taken. Clear them first, then
 * look whether something came meanwhile. The register read makes the clearing
 * take effect before the descriptor is looked at.
 */
void ixgbe_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];

	if (!on) {
		irq_mask(q, rx_bits(q), false);
		return;
	}
	adv_write(x, IXGBE_EICR, q->rx_cause);
	adv_read(x, IXGBE_STATUS);
	irq_mask(q, rx_bits(q), true);
	if (adv_rx_waits(q))
		adv_write(x, IXGBE_EICS, q->rx_cause & IXGBE_INT_QUEUES);
}

/* A completion whose cause was already read away must interrupt as well. */
void ixgbe_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[queue];

	irq_mask(q, q->tx_cause, on);
	if (on && adv_tx_waits(q))
		adv_write(x, IXGBE_EICS, q->tx_cause);
}

/* --- why ------------------------------------------------------------------------------ */

/* What is to be done for these bits of EICR. */
static u32 events_of(struct adv_queue *q, u32 cause)
{
	u32 events = 0;

	if (cause & q->rx_cause)
		events |= NIC_EVENT_RX;
	if (cause & q->tx_cause)
		events |= NIC_EVENT_TX;
	if (cause & IXGBE_INT_LSC)
		events |= NIC_EVENT_LINK;
	if (cause & INT_TEST) {
		irq_mask(q, INT_TEST, false);
		events |= NIC_EVENT_OTHER;
	}
	return events;
}

u32 ixgbe_irq_cause(struct nic *nic, u32 vector)
{
	const struct adv *x = nic->priv;
	struct adv_queue *q = x->queue[vector % x->queues];
	u32 cause = 0;

	if (!vector)
		cause = adv_read(x, IXGBE_EICR);
	/* The message cleared its cause. Vector 0's may have come for another one: then
	 * queue 0 is looked at in vain. */
	if (several(x))
		cause |= BIT(vector);
	cause &= q->irq_mask;
	if (!cause)
		return 0;
	q->count.irqs++;
	return events_of(q, cause);
}

void ixgbe_irq_test(struct nic *nic)
{
	const struct adv *x = nic->priv;

	irq_mask(x->queue[0], INT_TEST, true);
	adv_write(x, IXGBE_EICS, INT_TEST);
}
