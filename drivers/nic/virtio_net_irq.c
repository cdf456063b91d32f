/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: interrupts (virtio 1.2 2.7.7, 4.1.4.5). With MSI-X a pair of queues
 * has a vector for both of its rings, and the first one's is that of the configuration as
 * well; else all of it comes by the line, and the ISR status tells.
 */
#include "drivers/nic/virtio_net.h"

void vnic_rx_irq(struct nic *nic, u32 queue, bool on)
{
	struct vnic_queue *q = vnic_queue_of(nic, queue);

	q->rx_wanted = on;
	vnic_ring_irq(&q->rx, on);
}

void vnic_tx_irq(struct nic *nic, u32 queue, bool on)
{
	struct vnic_queue *q = vnic_queue_of(nic, queue);

	q->tx_wanted = on;
	/* What was sent before raises none: it is taken now. */
	while (vnic_ring_irq(&q->tx, on) && vnic_tx_reclaim(nic, queue))
		;
}

void vnic_irq_again(struct vnic *v)
{
	for (u32 i = 0; i < v->queues; i++) {
		struct vnic_queue *q = v->queue[i];

		vnic_ring_irq(&q->rx, q->rx_wanted);
		vnic_ring_irq(&q->tx, q->tx_wanted);
	}
}

/* With MSI-X there is no register that tells why: what is neither ring's is taken for a
 * change of the configuration. */
u32 vnic_irq_cause(struct nic *nic, u32 vector)
{
	struct vnic *v = nic->priv;
	struct vnic_queue *q = v->queue[vector % v->queues];
	bool line = v->res.irq != NIC_IRQ_MSIX;
	u8 isr = line ? vnic_isr(&v->regs) : 0;
	u32 events = 0;

	if (!isr && line)
		return 0;
	q->count.irqs++;
	if (vnic_ring_has_used(&q->rx))
		events |= NIC_EVENT_RX;
	if (vnic_ring_has_used(&q->tx))
		events |= NIC_EVENT_TX;
	if ((isr & VIRTIO_ISR_CONFIG) || (!isr && !events && !vector))
		events |= NIC_EVENT_LINK;
	return events ? events : NIC_EVENT_OTHER;
}
