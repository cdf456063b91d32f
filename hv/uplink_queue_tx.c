/* SPDX-License-Identifier: BSD-2-Clause */
/* Further queues of an uplink's NIC: sending by them. What links need for it is in link_lane.c. */
#include "hv/uplink_queue.h"

#include "hv/netcore.h"
#include "hv/nic_timed.h"
#include "vnet/capture.h"
#include "vnet/xcore.h"

static u32 queue_tx(void *ctx, struct pkt **pkts, u32 n)
{
	struct uplink_queue *q = ctx;

	if (capture_is_on())
		capture_uplink(q->up->index, q->sender, CAPTURE_OUT, pkts, n);
	return nic_timed_tx(&q->up->nic, q->index, pkts, n);
}

static u32 queue_tx_room(void *ctx)
{
	return uplink_queue_room(ctx);
}

u32 uplink_queue_room(struct uplink_queue *q)
{
	if (__atomic_load_n(&q->parked, __ATOMIC_RELAXED))
		return 0;
	return nic_timed_room(&q->up->nic, q->index);
}

/* Give back what was sent; where the NIC is still at it, its interrupt brings us here
 * again: as reclaim() in uplink_run.c. */
void uplink_queue_flush(struct uplink_queue *q)
{
	struct nic *nic = &q->up->nic;
	u32 room;
	bool busy;

	if (__atomic_load_n(&q->parked, __ATOMIC_RELAXED))
		return;
	room = nic_timed_room(nic, q->index);
	__atomic_store_n(&q->room_seen, room, __ATOMIC_RELAXED);
	busy = room < q->up->idle_room;
	if (busy == q->waiting_for_tx)
		return;
	q->waiting_for_tx = busy;
	nic->ops->tx_irq(nic, q->index, busy);
	if (busy)
		nic_timed_reclaim(nic, q->index);
}

void uplink_queues_netif(struct uplink *up)
{
	for (u32 i = 1; i < up->nic.queues; i++) {
		struct uplink_queue *q = up->queue[i];
		struct netif_setup setup = up->netif.setup;

		setup.tx = queue_tx;
		setup.tx_room = queue_tx_room;
		setup.tx_ctx = q;
		setup.pool = netcore_pool(q->core);
		setup.seed += (u64)i << 13; /* ids that are not the others' for a while */
		setup.address_changed = NULL;
		setup.path_mtu = NULL;
		/* The boot core's was accepted with the same. */
		netif_init(&q->tx, &setup);
	}
}

void uplink_queues_drained(struct uplink *up)
{
	for (u32 i = 1; i < up->nic.queues; i++)
		__atomic_store_n(&up->queue[i]->drained, xcore_taken_from(0, up->queue[i]->core),
				 __ATOMIC_RELEASE);
}

u64 uplink_stack_drops(const struct uplink *up, enum net_drop reason)
{
	u64 sum = up->netif.count.drop[reason];

	for (u32 i = 1; i < up->nic.queues; i++)
		sum += up->queue[i]->tx.count.drop[reason];
	return sum;
}
