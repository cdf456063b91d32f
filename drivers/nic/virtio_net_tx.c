/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net as a NIC: frames to send (virtio 1.2 5.1.6.2). The device's header goes
 * into the head room, in front of the frame's own, which saves a descriptor.
 *
 * No segmentation: the device's reads the frame's own headers, of which the outer
 * ones are UDP's; long segments are cut in software before they come here.
 */
#include "drivers/nic/virtio_net.h"

/* --- sent -------------------------------------------------------------------------------- */

/* Those in the slots from that number on, k of them. */
static void put_run(struct vnic_queue *q, u32 from, u32 k)
{
	u32 at = vnic_ring_slot(&q->tx, from), to_end = MIN(k, q->tx.size - at);

	pkt_put_burst(&q->tx_pkt[at], to_end);
	pkt_put_burst(&q->tx_pkt[0], k - to_end);
}

/* Put what the device is done with; *n frames. False: what it wrote makes no sense. */
static bool reclaim(struct vnic_queue *q, u32 *n)
{
	u32 from = q->tx.taken, used, k;

	*n = 0;
	if (!vnic_ring_used(&q->tx, &used))
		return false;
	if (!used)
		return true;
	k = vnic_ring_take_run(&q->tx, used);
	put_run(q, from, k);
	for (; k < used; k++) {
		u32 slot, len;

		if (vnic_ring_take(&q->tx, &slot, &len))
			break;
		pkt_put(q->tx_pkt[slot]);
		q->tx_pkt[slot] = NULL;
	}
	*n = k;
	return k == used;
}

u32 vnic_tx_reclaim(struct nic *nic, u32 queue)
{
	struct vnic_queue *q = vnic_queue_of(nic, queue);
	u32 sum = 0, n;

	if (!vnic_runs(q->v))
		return 0;
	do {
		if (!reclaim(q, &n))
			vnic_break(nic, "used ring of a transmit queue");
		sum += n;
		/* Interrupt for the next one; for what is there by now it may not. */
	} while (n && q->tx_wanted && vnic_runs(q->v) && vnic_ring_irq(&q->tx, true));
	return sum;
}

u32 vnic_tx_room(struct nic *nic, u32 queue)
{
	const struct vnic_queue *q = vnic_queue_of(nic, queue);

	vnic_tx_reclaim(nic, queue);
	return vnic_runs(q->v) ? vnic_ring_room(&q->tx) : 0;
}

/* --- frames ------------------------------------------------------------------------------ */

static void fill_header(const struct pkt *p, struct virtio_net_hdr *hdr)
{
	*hdr = (struct virtio_net_hdr){ 0 };
	if (p->flags & PKT_F_NEEDS_CSUM) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = p->csum_start;
		hdr->csum_offset = p->csum_offset;
	}
}

static void tx_frame(struct vnic_queue *q, struct pkt *p)
{
	struct vnic_chain c = vnic_chain_begin(&q->tx);
	u32 slot = vnic_ring_slot(&q->tx, q->tx.next);

	if (pkt_headroom(p) >= VNIC_HDR) {
		fill_header(p, (struct virtio_net_hdr *)(void *)(p->data - VNIC_HDR));
		vnic_chain_add(&c, (bus_t){ pkt_data_bus(p).v - VNIC_HDR }, p->head_len + VNIC_HDR,
			       0);
	} else {
		fill_header(p, &q->hdr[slot]);
		vnic_chain_add(&c, (bus_t){ q->hdr_bus.v + slot * VNIC_HDR }, VNIC_HDR, 0);
		if (p->head_len)
			vnic_chain_add(&c, pkt_data_bus(p), p->head_len, 0);
	}
	for (u32 i = 0; i < p->nseg; i++)
		if (p->seg[i].len)
			vnic_chain_add(&c, p->seg[i].bus, p->seg[i].len, 0);
	q->tx_pkt[slot] = p;
	vnic_ring_add(&q->tx, &c);
	q->count.tx_frames++;
	q->count.tx_bytes += p->len;
}

/* The first frames of the burst, as long as each is nothing but bytes in one piece with room
 * in front for the device's header, and there is room in the ring, a single one. How many. */
static __attribute__((noinline)) u32 tx_whole(struct vnic_queue *q, struct pkt **pkts, u32 n,
					      u32 most)
{
	u32 at = q->tx.next, mask = q->tx.size - 1u, k = 0;
	struct vring_desc *desc = q->tx.desc;
	u64 bytes = 0;

	for (n = MIN(n, vnic_ring_room(&q->tx)); k < n; k++, at++) {
		u32 slot = at & mask;
		struct pkt *p = pkts[k];
		u32 len = p->len;

		if (pkt_offloads(p) || p->nseg || len - 1u >= most || pkt_headroom(p) < VNIC_HDR)
			break;
		*(struct virtio_net_hdr *)(void *)(p->data - VNIC_HDR) =
			(struct virtio_net_hdr){ 0 };
		vnic_desc_set(&desc[slot], pkt_data_bus(p).v - VNIC_HDR, len + VNIC_HDR);
		q->tx_pkt[slot] = p;
		bytes += len;
	}
	vnic_ring_add_to(&q->tx, at);
	q->count.tx_frames += k;
	q->count.tx_bytes += bytes;
	return k;
}

static bool tx_fits(const struct nic *nic, const struct pkt *p)
{
	if (p->gso_type || !p->len || p->len > nic->max_frame || p->nseg > PKT_MAX_SEGS)
		return false;
	return !(p->flags & PKT_F_NEEDS_CSUM) ||
	       ((nic->caps & NIC_CAP_CSUM) && p->csum_start + p->csum_offset + 2u <= p->len);
}

u32 vnic_tx_burst(struct nic *nic, u32 queue, struct pkt **pkts, u32 n)
{
	struct vnic_queue *q = vnic_queue_of(nic, queue);
	u32 taken;

	if (vnic_ring_room(&q->tx) < n)
		vnic_tx_reclaim(nic, queue);
	if (!vnic_runs(q->v))
		return 0;
	taken = q->tx.single ? tx_whole(q, pkts, n, nic->max_frame) : 0;
	for (; taken < n; taken++) {
		struct pkt *p = pkts[taken];

		if (!tx_fits(nic, p)) {
			q->count.tx_bad++;
			pkt_put(p);
			continue;
		}
		if (!vnic_ring_room(&q->tx)) {
			q->count.tx_full++;
			break;
		}
		tx_frame(q, p);
	}
	q->count.doorbells += vnic_ring_show(&q->tx);
	return taken;
}
